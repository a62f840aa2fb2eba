"""The dashboard as `make dashboard` starts it, but on a free port and without opening a browser."""

from __future__ import annotations

import contextlib
import os
import shlex
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator

from playwright.sync_api import Browser, Locator, Page

from tests.browser.lab import READY, ROOT


def command() -> list[str]:
    """What `make dashboard` runs; what it sets in the environment is left out."""
    recipe = subprocess.run(["make", "-n", "dashboard"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    line = next(line for line in recipe.splitlines() if "voila" in line)
    return [word for word in shlex.split(line) if "=" not in word or word.startswith("--")]


@contextlib.contextmanager
def serve() -> Iterator[str]:
    """The address of a dashboard that runs inside this block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"TQDM_DISABLE": "1", "PYTHONPATH": str(ROOT)}
    options = ["--no-browser", f"--port={port}", "--Voila.log_level=ERROR"]
    process = subprocess.Popen(command() + options, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    address, end = f"http://127.0.0.1:{port}/", time.monotonic() + READY
    try:
        while process.poll() is None and time.monotonic() < end:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}voila/static/style.css", timeout=1):
                break
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def visit(chromium: Browser, address: str) -> Page:
    """A page of the dashboard, when all its explorers are drawn; a visitor of its own."""
    page = chromium.new_page(viewport={"width": 1280, "height": 720})
    page.set_default_timeout(READY * 1000)
    page.goto(address)
    page.wait_for_selector("img.widget-image >> visible=true")
    return page


def tab(page: Page, title: str) -> Locator:
    """Open a tab; returns what it shows."""
    page.locator(".lm-TabBar-tab", has_text=title).click()
    shown = page.locator(".widget-tab-contents > .jupyter-widgets:visible")
    shown.locator("img").last.wait_for()
    return shown
