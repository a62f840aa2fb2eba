"""The dashboard as `make dashboard` starts it, but on a free port and without opening a browser."""

from __future__ import annotations

import contextlib
import os
import shlex
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page

from tests.browser.lab import READY, ROOT, free_port


def command() -> list[str]:
    """What `make dashboard` runs."""
    recipe = subprocess.run(["make", "-n", "dashboard"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    line = next(line for line in recipe.splitlines() if "voila" in line)
    return ["env", *shlex.split(line)]  # it begins with what is set in the environment


@contextlib.contextmanager
def serve() -> Iterator[str]:
    """The address of a dashboard that runs inside this block."""
    port, end = free_port(), time.monotonic() + READY
    options = ["--no-browser", f"--port={port}", "--Voila.log_level=ERROR"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command() + options, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    try:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"The dashboard did not start within {READY} seconds: {' '.join(command())}")
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/"
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
