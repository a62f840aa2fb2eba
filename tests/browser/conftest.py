"""JupyterLab in a headless Chromium, for the tests in this folder: `make test-browser` runs them, `make test` does not.

Fixtures
--------
lab : Lab
    A fresh page of JupyterLab, in the light theme. ``lab.cells("import helpers", ...)`` opens a new notebook of these
    code cells, ``lab.open("04_feature_maps")`` one of this package's, both as a ``Notebook``; ``lab.theme("Dark")``
    switches the theme. Kernels are shut down after the test::

        notebook = lab.cells("import helpers", "helpers.feature_map_explorer(helpers.load_model())")
        notebook.run()  # all cells; fails if one does
        notebook.widgets.last.get_by_role("slider").press("ArrowRight")  # a locator of Playwright
        shown = pixels(notebook.widgets.locator("img"))  # uint8 (height, width, 3), as the browser got it
        printed = notebook.console("print(helpers.__name__)")  # in the same kernel, without a cell
        notebook.screenshot("my_test")  # test-results/browser/my_test.png

chromium : Browser
server : Server
    What stands behind it, started once for all tests.

The classes are in `lab.py`. JupyterLab serves a copy, so nothing is written in the checkout but the screenshots.
Kernels import `helpers` from here, with the bundled network and without a connection. The environment variable CHROMIUM
names the browser's program; else it is the first that is found.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, sync_playwright

from tests.browser.lab import READY, ROOT, Lab, Server, free_port

SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},  # all cells are laid out, so that places and heights hold
}
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
NO_CHROMIUM = (
    "The browser tests need Chromium: `sudo apt install chromium` on Debian, `make chromium` elsewhere, or name the "
    "program of one that you have in the environment variable CHROMIUM."
)


def serve(folder: Path) -> tuple[subprocess.Popen, Server]:
    """Start JupyterLab on a copy of what the notebooks show, with settings of its own."""
    for part in ("notebooks", "images", "helpers"):  # the notebooks have links into all three
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "gallery", "*.npz"))
    for name, value in SETTINGS.items():
        path = folder / ".settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(value))
    port = free_port()
    server = Server(f"http://127.0.0.1:{port}", secrets.token_hex(16), folder)
    own = {f"JUPYTER_{kind}_DIR": str(folder / f".{kind.lower()}") for kind in ("CONFIG", "DATA", "RUNTIME")}
    own |= {"IPYTHONDIR": str(folder / ".ipython"), "PYTHONPATH": str(ROOT), "CNN_MODEL": "mini_vgg16"}
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.open_browser": False,
        "ServerApp.allow_root": True,
        "ServerApp.root_dir": folder,
        "IdentityProvider.token": server.token,
        "LabApp.expose_app_in_browser": True,
        "LabApp.user_settings_dir": folder / ".settings",
        "LabApp.workspaces_dir": folder / ".workspaces",
    }
    command = [sys.executable, "-m", "jupyterlab", *(f"--{name}={value}" for name, value in options.items())]
    environment = {
        name: value for name, value in os.environ.items() if name != "TQDM_DISABLE"
    }  # bars as students see them
    with (folder / ".log").open("w") as log:
        process = subprocess.Popen(command, env=environment | own, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
    return process, server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The notebooks come first: they take longest, and the short tests then fill what time is left."""
    items.sort(key=lambda item: item.path.name != "test_notebooks.py")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """JupyterLab on a free port of this machine, on a copy of the notebooks; stopped at the end."""
    process, server = serve(tmp_path_factory.mktemp("lab"))
    try:
        end = time.monotonic() + READY
        while True:
            try:
                server.ask("status")
                break
            except OSError as trouble:
                if process.poll() is not None or time.monotonic() > end:
                    log = (server.folder / ".log").read_text()[-2000:]
                    pytest.fail(f"JupyterLab did not start within {READY} seconds ({trouble}). It said:\n{log}")
                time.sleep(0.2)
        yield server
    finally:
        process.terminate()  # it takes its kernels along
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def launch(playwright: Playwright) -> Browser:
    """A headless Chromium: the program that CHROMIUM names, else one on the path, else Playwright's own."""
    named = os.environ.get("CHROMIUM")
    program = next(filter(None, map(shutil.which, [named] if named else PROGRAMS)), None)
    if program is None and (named or not Path(playwright.chromium.executable_path).exists()):
        pytest.fail(NO_CHROMIUM)
    return playwright.chromium.launch(executable_path=program, args=["--disable-gpu", "--disable-quic"])


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """See :func:`launch`."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def windows(chromium: Browser) -> BrowserContext:
    """All pages share a cache, or each would load and compile JupyterLab anew."""
    return chromium.new_context(viewport={"width": 1280, "height": 900})


@pytest.fixture
def lab(windows: BrowserContext, server: Server) -> Iterator[Lab]:
    """A fresh page of JupyterLab; see the top of this file."""
    page = windows.new_page()
    page.set_default_timeout(READY * 1000)
    page.goto(f"{server.address}/lab?reset&token={server.token}")
    page.wait_for_function("() => window.jupyterapp?.restored.then(() => true)")
    lab = Lab(page, server)
    lab.theme("Light")
    yield lab
    page.close()
    for kernel in server.ask("kernels"):
        server.ask(f"kernels/{kernel['id']}", "DELETE")
