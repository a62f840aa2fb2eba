"""Every notebook keeps the rules of tests/rules.py, and its exercises' checks know right from wrong."""

from __future__ import annotations

import contextlib
import io
import re
import runpy
from pathlib import Path

import matplotlib
import nbformat
import pytest

from tests import rules
from tests.notebooks import NOTEBOOKS, execute, from_script, notebook_of, scripts, without_solutions

SCRIPTS = scripts("[0-9]")  # the lessons
DASHBOARD = NOTEBOOKS / "py" / "explorer.py"
WRONG_ANSWERS = Path(__file__).parent / "wrong_answers"


@pytest.fixture(params=SCRIPTS, ids=lambda script: script.stem, scope="module")
def script(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture(scope="module")
def notebook(script: Path) -> nbformat.NotebookNode:
    return nbformat.read(notebook_of(script), as_version=4)


def test_each_notebook_has_a_script() -> None:
    assert SCRIPTS, "there are no notebooks"
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == {path.stem for path in [*SCRIPTS, DASHBOARD]}


def test_notebook_is_what_its_script_says(script: Path, notebook: nbformat.NotebookNode) -> None:
    assert not list(rules.differs_from_script(notebook, from_script(script), script.stem))


def test_the_dashboard_is_what_its_script_says_and_clean() -> None:
    stored = nbformat.read(notebook_of(DASHBOARD), as_version=4)
    assert not list(rules.differs_from_script(stored, from_script(DASHBOARD), DASHBOARD.stem))
    assert not list(rules.not_executed(stored)) and not list(rules.unclean_output(stored))


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_rule(rule, notebook: nbformat.NotebookNode) -> None:
    assert not list(rule(notebook))


def answer(setup: dict, code: str, check: str) -> str:
    """Run an answer and its check in a copy of the namespace that the set-up cell leaves; return what is printed."""
    printed = io.StringIO()
    namespace = dict(setup)
    exec(code, namespace)
    with contextlib.redirect_stdout(printed):
        exec(check, namespace)
    return printed.getvalue().strip()


@matplotlib.rc_context()  # a set-up cell may change matplotlib's settings
def test_exercises_know_right_from_wrong(script: Path, notebook: nbformat.NotebookNode) -> None:
    setup: dict = {}
    exec(rules.code_cells(notebook)[0][1].source, setup)
    wrong_answers = runpy.run_path(str(WRONG_ANSWERS / script.name))["WRONG"]
    for number, parts in rules.exercises(notebook).items():
        assert answer(setup, parts["solution"], parts["check"]).startswith("Correct"), f"solution {number} is refused"
        assert answer(setup, parts["stub"], parts["check"]).startswith("Not yet"), (
            f"the stub of exercise {number} passes"
        )
        assert len(wrong_answers[number]) >= 3, f"exercise {number} needs three wrong answers"
        said = []
        for code, word in wrong_answers[number]:
            said.append(answer(setup, code, parts["check"]))
            assert said[-1].startswith("Not yet") and word in said[-1], f"exercise {number}: {code!r} got {said[-1]!r}"


def test_student_copy_has_stubs_and_checks_but_no_solutions(script: Path) -> None:
    """Its code cells are those that nbval runs in the full notebook."""
    full, copy = from_script(script), without_solutions(from_script(script))
    assert [cell.source for _, cell in rules.code_cells(copy)] == [cell.source for _, cell in rules.code_cells(full)]
    for number, parts in rules.exercises(copy).items():
        assert set(parts) == {"stub", "check"}, f"exercise {number}"
        assert rules.exercises(full)[number]["solution"].strip() not in "".join(cell.source for cell in copy.cells)
    assert not any(cell.get("outputs") for cell in copy.cells)


def test_the_template_runs_and_keeps_the_rules() -> None:
    template = from_script(NOTEBOOKS / "template.py")
    execute(template)
    for rule in rules.RULES:
        if rule is not rules.size:  # it has too few words, on purpose
            assert not list(rule(template)), rule.__name__
    setup: dict = {}
    exec(rules.code_cells(template)[0][1].source, setup)
    for parts in rules.exercises(template).values():
        assert answer(setup, parts["stub"], parts["check"]).startswith("Not yet")
        assert answer(setup, parts["solution"], parts["check"]).startswith("Correct")


def test_the_tables_of_notebooks_are_complete_and_agree(script: Path, notebook: nbformat.NotebookNode) -> None:
    """The title cell's minutes stand in README.md and in the start page, beside a link to the notebook."""
    minutes = re.search(r"\*\*Time\*\*:\s+(\d+)\s+min", notebook.cells[0].source)[1]
    row = re.compile(rf"^(?:# )?\| \[{script.stem}\]\(.*\) \| .+ \| {minutes} \|$", re.MULTILINE)
    assert row.search((NOTEBOOKS.parent / "README.md").read_text())
    assert script == SCRIPTS[0] or row.search(SCRIPTS[0].read_text())
