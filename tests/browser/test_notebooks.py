"""Every notebook in JupyterLab: all of it runs, and all that it makes is on the screen."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.lab import Lab
from tests.notebooks import NOTEBOOKS

IMAGES = """() => Promise.all([...document.querySelectorAll('.jp-Notebook img')].map(async image => {
    await image.decode().catch(() => null);
    return {start: image.src.slice(0, 60), width: image.naturalWidth};
}))"""


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("[0-9]*.ipynb")), ids=lambda path: path.stem)
def test_notebook_runs_and_is_seen(path: Path, lab: Lab) -> None:
    notebook = lab.open(path.stem)
    notebook.screenshot(f"{path.stem}_first")
    notebook.run()
    assert [cell["source"] for cell in notebook.code_cells if cell["execution_count"] is None] == []
    outputs = notebook.outputs
    assert [output["text"] for output in outputs if output.get("name") == "stderr"] == []
    figures = [output for output in outputs if {"image/png", "image/jpeg"} & set(output.get("data", {}))]
    assert figures
    for output in figures:
        alt = [about.get("alt", "") for about in output["metadata"].values()]
        assert len("".join(alt)) >= 40, f"a figure with the alternative text {alt}"
    explorer = notebook.widgets.filter(has=notebook.page.locator("img")).last
    explorer.scroll_into_view_if_needed()
    notebook.screenshot(f"{path.stem}_explorer")
    assert explorer.is_visible()
    assert notebook.page.get_by_text("Error displaying widget").count() == 0
    images = notebook.page.evaluate(IMAGES)
    assert len(images) >= len(figures)
    assert [image["start"] for image in images if not image["width"]] == []
    notebook.screenshot(path.stem, tall=True)
