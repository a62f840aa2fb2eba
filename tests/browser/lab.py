"""What a test sees of JupyterLab: its server, a page of it, and a notebook that is open there."""

from __future__ import annotations

import base64
import io
import json
import secrets
import socket
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import nbformat
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page
from playwright.sync_api import TimeoutError as TookTooLong

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT / "test-results" / "browser"
READY = 60  # seconds for JupyterLab, a page or a kernel to be there
RUN = 300  # seconds for all cells of a notebook, while two others run

# What is asked of JupyterLab in its own language. An open notebook is its current widget.
OPEN = """async path => {
    const panel = await window.jupyterapp.commands.execute('docmanager:open', {path, factory: 'Notebook'});
    await panel.context.ready;
    await panel.revealed;
    await panel.sessionContext.ready;
    await panel.sessionContext.session.kernel.info;
    return true;
}"""
RUN_ALL = """async () => {
    await window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs');
    window.jupyterapp.commands.execute('notebook:run-all-cells');
    return true;
}"""
RAN = """() => {
    const panel = window.jupyterapp.shell.currentWidget;
    const cells = [...panel.content.model.cells].filter(cell => cell.type === 'code' && cell.sharedModel.source.trim());
    const types = cell => Array.from({length: cell.outputs.length}, (_, number) => cell.outputs.get(number).type);
    return cells.some(cell => types(cell).includes('error')) || panel.sessionContext.session.kernel.status === 'idle'
        && cells.every(cell => cell.executionCount !== null && cell.executionState === 'idle');
}"""
CELLS = """() => [...window.jupyterapp.shell.currentWidget.content.model.cells].map(cell => cell.toJSON())"""
CONSOLE = """async code => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const future = kernel.requestExecute({code, store_history: false});
    const said = {printed: '', trouble: ''};
    future.onIOPub = ({header, content}) => {
        if (header.msg_type === 'stream' && content.name === 'stdout') said.printed += content.text;
        if (header.msg_type === 'error') said.trouble = `${content.ename}: ${content.evalue}`;
    };
    await future.done;
    return said;
}"""
HIDDEN = """() => {
    const outer = document.querySelector('.jp-NotebookPanel:not(.lm-mod-hidden) .jp-WindowedPanel-outer');
    outer.scrollTop = 0;
    return outer.scrollHeight - outer.clientHeight;
}"""
BYTES = """async image => {
    const blob = await (await fetch(image.currentSrc)).blob();
    const reader = new FileReader();
    await new Promise(done => { reader.onload = done; reader.readAsDataURL(blob); });
    return reader.result;
}"""


def free_port() -> int:
    """A port of this machine that nobody listens to."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@dataclass(frozen=True)
class Server:
    """A running JupyterLab: its address, its token, and the folder that it shows."""

    address: str
    token: str
    folder: Path

    def ask(self, path: str, method: str = "GET") -> Any:
        """The answer of its REST interface, such as ``ask("kernels")``."""
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(f"{self.address}/api/{path}", headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=READY) as answer:
            return json.loads(answer.read() or "null")


@dataclass(frozen=True)
class Notebook:
    """A notebook that is open in JupyterLab, in the browser's page `page`."""

    page: Page

    def run(self, seconds: float = RUN) -> None:
        """Clear all outputs and run all cells, until each has run and the kernel is idle; fail as soon as one does."""
        self.page.wait_for_function(RUN_ALL)
        try:
            self.page.wait_for_function(RAN, timeout=seconds * 1000, polling=250)
        except TookTooLong:
            pending = [cell["source"] for cell in self.code_cells if cell["execution_count"] is None]
            where = f"these cells had not ended: {pending}" if pending else "the kernel was still busy"
            pytest.fail(f"After {seconds:.0f} seconds {where}.")
        for output in self.outputs:
            if output["output_type"] == "error":
                pytest.fail("\n".join(output["traceback"]))

    @property
    def code_cells(self) -> list[dict[str, Any]]:
        """The code cells that are not empty, as the notebook's file has them."""
        return [cell for cell in self.page.evaluate(CELLS) if cell["cell_type"] == "code" and cell["source"].strip()]

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """The outputs of all code cells, as the notebook's file has them."""
        return [output for cell in self.code_cells for output in cell["outputs"]]

    @property
    def widgets(self) -> Locator:
        """The outermost widgets, in the notebook's order: ``.first``, ``.last``, ``.nth(1)``."""
        return self.page.locator(".jp-OutputArea-output > .jupyter-widgets")

    def console(self, code: str) -> str:
        """Run code in the notebook's kernel, not in a cell, and return what it prints."""
        said = self.page.wait_for_function(CONSOLE, arg=code, timeout=RUN * 1000).json_value()
        assert not said["trouble"], said["trouble"]
        return said["printed"]

    def screenshot(self, name: str, *, tall: bool = False) -> Path:
        """Write ``test-results/browser/name.png``: what is on the screen, or the whole notebook."""
        path, screen = SCREENSHOTS / f"{name}.png", self.page.viewport_size
        if tall:
            self.page.set_viewport_size(screen | {"height": screen["height"] + self.page.evaluate(HIDDEN)})
            self.page.wait_for_timeout(500)  # JupyterLab lays its page out anew
            self.page.evaluate(HIDDEN)
        self.page.screenshot(path=path)
        self.page.set_viewport_size(screen)
        return path


@dataclass(frozen=True)
class Lab:
    """A page of JupyterLab."""

    page: Page
    server: Server

    def open(self, name: str) -> Notebook:
        """Open a copy of one of this package's notebooks, and start its kernel."""
        try:
            self.page.wait_for_function(OPEN, arg=f"notebooks/{name}.ipynb")
        except TookTooLong:
            pytest.fail(f"{name} was not open with a kernel after {READY} seconds.")
        return Notebook(self.page)

    def cells(self, *sources: str) -> Notebook:
        """Open a new notebook of these code cells, and start its kernel."""
        name = f"cells_{secrets.token_hex(4)}"
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
        notebook.metadata.kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
        nbformat.write(notebook, self.server.folder / "notebooks" / f"{name}.ipynb")
        return self.open(name)

    def theme(self, name: Literal["Light", "Dark"]) -> None:
        """Switch JupyterLab's theme; nothing happens if it is that one already."""
        light, shown = str(name == "Light").lower(), self.page.locator("body").get_attribute("data-jp-theme-light")
        if shown != light:
            command = "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"
            self.page.wait_for_function(f"async {command}.then(() => true)", arg=f"JupyterLab {name}")
            self.page.wait_for_selector(f"body[data-jp-theme-light={light}]", state="attached")
            self.page.wait_for_selector("#jupyterlab-splash", state="detached")  # it covers what a screenshot shows


def pixels(image: Locator) -> np.ndarray:
    """The picture in an ``<img>``, from the very bytes that the browser shows: uint8 ``(height, width, 3)``, RGB."""
    data = image.evaluate(BYTES)
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data.partition(",")[2]))).convert("RGB"))


def upload(explorer: Locator, path: Path) -> None:
    """Choose a file with an explorer's upload button."""
    with explorer.page.expect_file_chooser() as chooser:
        explorer.get_by_role("button", name="upload").click()
    chooser.value.set_files(path)
