"""The rules that every notebook keeps. Each rule takes a notebook and yields what is wrong, naming the cell."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
from collections.abc import Iterator

from nbformat import NotebookNode

ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")
ABSOLUTE_PATH = re.compile(r"(?<![\w.:/~])/(?:home|root|work|tmp|usr|opt|Users|var|mnt)/|\b[A-Z]:\\")
TROUBLE = re.compile(r"\b\w*Warning\b|\bTraceback\b|\b\w+Error\b")
SOLUTION = re.compile(r"```python\n(.*?)```", re.DOTALL)
PARTS = ("## Play", "## Exercises", "## Summary", "## Where next", "## References")


def code_cells(notebook: NotebookNode) -> list[tuple[int, NotebookNode]]:
    return [
        (number, cell) for number, cell in enumerate(notebook.cells) if cell.cell_type == "code" and cell.source.strip()
    ]


def outputs(notebook: NotebookNode) -> Iterator[tuple[int, NotebookNode]]:
    for number, cell in code_cells(notebook):
        for output in cell.outputs:
            yield number, output


def differs_from_script(notebook: NotebookNode, script: NotebookNode, name: str) -> Iterator[str]:
    mend = f"run: make notebooks ONE={name[:2]}"
    if len(notebook.cells) != len(script.cells):
        yield f"{name}: {len(notebook.cells)} cells in the notebook, {len(script.cells)} in the script; {mend}"
    for number, (cell, wanted) in enumerate(zip(notebook.cells, script.cells, strict=False)):
        for part in ("cell_type", "source", "metadata", "id"):
            if cell[part] != wanted[part]:
                yield f"{name}, cell {number}: {part} differs from the script; {mend}"


def not_executed(notebook: NotebookNode) -> Iterator[str]:
    for place, (number, cell) in enumerate(code_cells(notebook), start=1):
        if cell.execution_count != place:
            yield f"cell {number} has execution count {cell.execution_count}, not {place}: not run, or out of order"


def unclean_output(notebook: NotebookNode) -> Iterator[str]:
    for number, output in outputs(notebook):
        if output.output_type == "error":
            yield f"cell {number} holds an error: {output.ename}"
            continue
        if output.get("name") == "stderr":
            yield f"cell {number} wrote to stderr: {output.text[:80]!r}"
        texts = [output.get("text", "")] + [
            text for kind, text in output.get("data", {}).items() if kind.startswith("text/")
        ]
        for text in texts:
            for kind, pattern in (("an address", ADDRESS), ("an absolute path", ABSOLUTE_PATH), ("trouble", TROUBLE)):
                if found := pattern.search(text):
                    yield f"cell {number} shows {kind}: {found[0]!r}"


def figure_without_text(notebook: NotebookNode) -> Iterator[str]:
    seen: dict[str, int] = {}
    for number, cell in code_cells(notebook):
        shown = "".join(output.get("data", {}).get("text/markdown", "") for output in cell.outputs)
        for output in cell.outputs:
            kind = next((kind for kind in ("image/png", "image/jpeg") if kind in output.get("data", {})), None)
            if kind is None:
                continue
            alternative = output.metadata.get(kind, {}).get("alt", "")
            if len(alternative) < 40:
                yield f"cell {number}: a figure without alternative text of 40 characters: {alternative!r}"
            elif alternative in seen:
                yield f"cell {number}: a figure shares its alternative text with cell {seen[alternative]}"
            seen[alternative] = number
            is_widget = "application/vnd.jupyter.widget-view+json" in output.data
            if not is_widget and alternative not in shown:
                yield f"cell {number}: the figure's caption does not say what its alternative text says"
    for number, cell in enumerate(notebook.cells):
        for alternative in re.findall(r"!\[([^\]]*)\]\(", cell.source if cell.cell_type == "markdown" else ""):
            if len(alternative) < 40:
                yield f"cell {number}: a picture without alternative text of 40 characters: {alternative!r}"


def sections(notebook: NotebookNode) -> dict[str, list[tuple[int, str]]]:
    """The code of each section; the set-up cell is the first code cell and belongs to none."""
    found: dict[str, list[tuple[int, str]]] = {}
    heading, setup_seen = "", False
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            heading = cell.source.splitlines()[0]
        elif cell.cell_type == "code" and cell.source.strip():
            if setup_seen:
                found.setdefault(heading, []).append((number, cell.source))
            setup_seen = True
    return found


def needs_more_than_setup(notebook: NotebookNode) -> Iterator[str]:
    """Names that a section uses and neither it nor the set-up cell defines, found by ruff (pyflakes' F821)."""
    setup = code_cells(notebook)[0][1].source
    for heading, cells in sections(notebook).items():
        code = "\n".join([setup, *(source for _, source in cells)])
        command = [
            sys.executable,
            "-m",
            "ruff",
            "check",
            "--isolated",
            "--select",
            "F821",
            "--output-format",
            "concise",
            "-",
        ]
        found = subprocess.run(command, input=code, capture_output=True, text=True, check=False).stdout
        for name in sorted(set(re.findall(r"Undefined name `(\w+)`", found))):
            yield f"section {heading!r} uses {name!r}, which neither it nor the set-up cell defines"


def exercises(notebook: NotebookNode) -> dict[int, dict[str, str]]:
    """``{number: {"stub": code, "check": code, "solution": code}}``"""
    found: dict[int, dict[str, str]] = {}
    current: dict[str, str] = {}
    for cell in notebook.cells:
        if heading := re.match(r"### Exercise (\d+)\.", cell.source):
            current = found.setdefault(int(heading[1]), {})
        elif cell.cell_type == "code" and cell.source.startswith("# Check exercise"):
            current["check"] = cell.source
        elif cell.cell_type == "code":
            current.setdefault("stub", cell.source)
        elif cell.source.startswith("<details>") and (solution := SOLUTION.search(cell.source)):
            current["solution"] = solution[1]
    return found


def size(notebook: NotebookNode) -> Iterator[str]:
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    lengths = [len([line for line in cell.source.splitlines() if line.strip()]) for _, cell in code_cells(notebook)]
    words = sum(len(SOLUTION.sub("", text).split()) for text in texts)
    if not 600 <= words <= 1500:
        yield f"{words} words of text; 600 to 1,500 are right"
    if statistics.median(lengths) > 5:
        yield f"code cells have a median of {statistics.median(lengths)} lines; at most 5 are right"
    if max(lengths) > 20:
        yield f"a code cell has {max(lengths)} lines; at most 20 are right"
    if not 0.7 <= len(texts) / len(lengths) <= 1.6:
        yield f"{len(texts)} text cells for {len(lengths)} code cells; about one for each is right"


def skeleton(notebook: NotebookNode) -> Iterator[str]:
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    first = notebook.cells[0].source
    if not re.match(r"# .+ \(.+\)\n", first):
        yield "the first cell must begin with '# Verb phrase (what you will see)'"
    for part in ("**Goals**", "**Before this**", "**Time**", "**Network**"):
        if part not in first:
            yield f"the first cell lacks {part}"
    for part in PARTS:
        if f"\n{part}" not in text:
            yield f"there is no section {part!r}"
    if list(exercises(notebook)) != [1, 2, 3]:
        yield f"exercises {list(exercises(notebook))}; there must be 1, 2 and 3"
    for number, parts in exercises(notebook).items():
        for part in {"stub", "check", "solution"} - set(parts):
            yield f"exercise {number} has no {part}"
    if "helpers.load_model(" not in code_cells(notebook)[0][1].source:
        yield "the first code cell must be the set-up cell, with helpers.load_model()"


RULES = (not_executed, unclean_output, figure_without_text, needs_more_than_setup, size, skeleton)
