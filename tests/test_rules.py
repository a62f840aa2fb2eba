"""Each rule for notebooks is broken once, and caught; an untouched notebook passes."""

from __future__ import annotations

import copy

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests import rules

CAPTION = "The sheet of block1_conv1: sixteen maps, brighter where edges are."
FILLER = "word " * 100


def figure(caption: str = CAPTION, **metadata: str) -> list:
    data = {"image/png": "iVBORw0KGgo=", "text/plain": caption}
    caption_below = new_output("display_data", {"text/markdown": f"*{caption}*", "text/plain": caption})
    return [new_output("display_data", data, metadata={"image/png": {"alt": caption} | metadata}), caption_below]


def exercise(number: int) -> list:
    return [
        new_markdown_cell(f"### Exercise {number}. Change a number"),
        new_code_cell("answer = None"),
        new_code_cell(f"# Check exercise {number}\nprint('Correct' if answer == 1 else 'Not yet')"),
        new_markdown_cell("<details><summary>Solution</summary>\n\n```python\nanswer = 1\n```\n</details>"),
    ]


@pytest.fixture
def notebook() -> nbformat.NotebookNode:
    """A notebook that keeps every rule."""
    cells = [
        new_markdown_cell("# See maps (edges)\n**Goals** **Before this** **Time** **Network**"),
        new_code_cell("import numpy as np\nimport helpers\nmodel = helpers.load_model()"),
        new_markdown_cell("## How?\n" + FILLER * 3),
        new_code_cell("maps = np.ones(3)", outputs=figure()),
        new_markdown_cell("It is so.\n" + FILLER * 3),
        new_code_cell("print(maps)", outputs=[new_output("stream", name="stdout", text="[1. 1. 1.]")]),
        new_markdown_cell("## Play"),
        new_code_cell("explorer = model"),
        new_markdown_cell("## Exercises"),
        *exercise(1),
        *exercise(2),
        *exercise(3),
        new_markdown_cell("## Summary\n...\n## Where next\n...\n## References\n..."),
    ]
    made = new_notebook(cells=cells)
    for place, (_, cell) in enumerate(rules.code_cells(made), start=1):
        cell.execution_count = place
    return made


def test_a_good_notebook_passes(notebook: nbformat.NotebookNode) -> None:
    for rule in rules.RULES:
        assert list(rule(notebook)) == [], rule.__name__
    assert list(rules.differs_from_script(notebook, copy.deepcopy(notebook), "05")) == []


def output(**fields: str) -> list:
    return [new_output("stream", **fields)]


@pytest.mark.parametrize(
    ("rule", "damage", "word"),
    [
        ("not_executed", lambda nb: nb.cells[5].update(execution_count=None), "cell 5"),
        ("not_executed", lambda nb: nb.cells[5].update(execution_count=9), "out of order"),
        ("unclean_output", lambda nb: nb.cells[5].outputs.append(new_output("error", ename="KeyError")), "KeyError"),
        ("unclean_output", lambda nb: nb.cells[5].update(outputs=output(name="stderr", text="x")), "stderr"),
        ("unclean_output", lambda nb: nb.cells[5].update(outputs=output(text="UserWarning: x")), "UserWarning"),
        ("unclean_output", lambda nb: nb.cells[5].update(outputs=output(text="Traceback (most")), "Traceback"),
        ("unclean_output", lambda nb: nb.cells[5].update(outputs=output(text="<X at 0x7f3acd12>")), "address"),
        ("unclean_output", lambda nb: nb.cells[5].update(outputs=output(text="in /home/ada/x.py")), "path"),
        ("unclean_output", lambda nb: nb.cells[5].update(outputs=output(text="in C:\\Users\\x.py")), "path"),
        ("figure_without_text", lambda nb: nb.cells[3].outputs[0].update(metadata={}), "cell 3"),
        ("figure_without_text", lambda nb: nb.cells[3].update(outputs=figure("short")), "40 characters"),
        ("figure_without_text", lambda nb: nb.cells[5].update(outputs=figure()), "shares"),
        ("figure_without_text", lambda nb: nb.cells[3].outputs.pop(), "caption"),
        ("figure_without_text", lambda nb: nb.cells[2].update(source="![x](a.png)"), "cell 2"),
        ("needs_more_than_setup", lambda nb: nb.cells[7].update(source="print(maps)"), "'maps'"),
        ("size", lambda nb: nb.cells[2].update(source="## How?"), "words"),
        ("size", lambda nb: nb.cells[2].update(source="## How?\n" + FILLER * 14), "words"),
        ("size", lambda nb: nb.cells[3].update(source="x = 1\n" * 21), "21 lines"),
        ("size", lambda nb: [cell.update(source="x = 1\n" * 6) for _, cell in rules.code_cells(nb)], "median"),
        ("size", lambda nb: nb.cells.extend([new_markdown_cell("text")] * 20), "text cells"),
        ("skeleton", lambda nb: nb.cells[0].update(source="# Maps\n**Goals**"), "Verb phrase"),
        ("skeleton", lambda nb: nb.cells[0].update(source="# See (x)\n**Goals** **Time**"), "**Network**"),
        ("skeleton", lambda nb: nb.cells[6].update(source="text"), "## Play"),
        ("skeleton", lambda nb: nb.cells.__delitem__(slice(17, 21)), "1, 2 and 3"),
        ("skeleton", lambda nb: nb.cells[12].update(source="no solution"), "no solution"),
        ("skeleton", lambda nb: nb.cells[1].update(source="import helpers"), "set-up"),
    ],
)
def test_a_broken_notebook_is_caught(notebook: nbformat.NotebookNode, rule: str, damage, word: str) -> None:
    damage(notebook)
    faults = list(getattr(rules, rule)(notebook))
    assert any(word in fault for fault in faults), faults


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (lambda nb: nb.cells[5].update(source="print(maps )"), "cell 5: source"),
        (lambda nb: nb.cells.pop(), "cells in the notebook"),
        (lambda nb: nb.cells[4].update(cell_type="raw"), "cell 4: cell_type"),
    ],
)
def test_a_notebook_that_drifted_from_its_script(notebook: nbformat.NotebookNode, damage, word: str) -> None:
    drifted = copy.deepcopy(notebook)
    damage(drifted)
    faults = list(rules.differs_from_script(drifted, notebook, "05_gradient_ascent"))
    assert word in faults[0] and "make notebooks ONE=05" in faults[0]


def test_a_wrong_output_fails_strict_nbval(pytester: pytest.Pytester) -> None:
    """nbval itself: a stored output that the cell does not give fails, and the right one passes."""
    for name, text in (("right", "2\n"), ("wrong", "3\n")):
        cell = new_code_cell("print(1 + 1)", outputs=output(name="stdout", text=text), execution_count=1)
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        nbformat.write(new_notebook(cells=[cell], metadata=kernel), pytester.path / f"{name}.ipynb")
    result = pytester.runpytest_subprocess("--nbval", "--nbval-current-env")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines("FAILED wrong.ipynb::Cell 0*")
