"""Every notebook in JupyterLab: all of it runs, and all that it makes is on the screen."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.lab import Lab, Notebook
from tests.notebooks import NOTEBOOKS

# The beginning of the address of each picture that is not there.
MISSING_IMAGES = """async () => {
    const images = [...document.querySelectorAll('.jp-Notebook img')];
    await Promise.all(images.map(image => image.decode().catch(() => null)));
    return images.filter(image => !image.naturalWidth).map(image => image.src.slice(0, 80));
}"""
# The links to files beside the notebook, as JupyterLab has rewritten them, that lead nowhere.
BROKEN_LINKS = """async () => {
    const links = [...document.querySelectorAll('.jp-Notebook a[href]')].filter(link =>
        link.origin === location.origin && link.pathname !== location.pathname);
    const found = await Promise.all(links.map(async link => (await fetch(link.href)).ok));
    return links.map(link => link.href).filter((_, number) => !found[number]);
}"""


def check_outputs(notebook: Notebook) -> None:
    """No warnings, and an alternative text for each figure."""
    outputs = notebook.outputs
    assert [output["text"] for output in outputs if output.get("name") == "stderr"] == []
    figures = [output for output in outputs if {"image/png", "image/jpeg"} & set(output.get("data", {}))]
    assert figures
    for output in figures:
        text = "".join(about.get("alt", "") for about in output["metadata"].values())
        assert len(text) >= 40, f"a figure has the alternative text {text!r}"


def check_page(notebook: Notebook) -> None:
    """Pictures are there, links lead somewhere, formulas are set, solutions unfold."""
    page = notebook.page
    assert page.evaluate(MISSING_IMAGES) == []
    assert page.evaluate(BROKEN_LINKS) == []
    assert page.locator(".jp-Notebook").get_by_text("Error displaying widget").count() == 0
    expect(page.locator(".jp-RenderedMarkdown").filter(has_text="$$")).to_have_count(0)  # until MathJax is done
    assert page.locator("mjx-merror").count() == 0
    solutions = page.locator(".jp-RenderedMarkdown details")
    assert solutions.count() == 3
    for solution in solutions.all():
        solution.locator("summary").click()
        assert solution.locator("pre").is_visible()


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("[0-9]*.ipynb")), ids=lambda path: path.stem)
def test_notebook_runs_and_is_seen(path: Path, lab: Lab) -> None:
    notebook = lab.open(path.stem)
    notebook.screenshot(f"{path.stem}_first")
    notebook.run()
    assert [cell["source"] for cell in notebook.code_cells if cell["execution_count"] is None] == []
    notebook.screenshot(path.stem, tall=True)
    check_outputs(notebook)
    explorer = notebook.widgets.filter(has=notebook.page.locator("img")).last
    explorer.scroll_into_view_if_needed()
    notebook.screenshot(f"{path.stem}_explorer")
    assert explorer.is_visible()
    assert explorer.evaluate("widget => widget.scrollWidth <= widget.clientWidth"), (
        "the explorer is wider than its cell"
    )
    check_page(notebook)
