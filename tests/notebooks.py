"""Write the notebooks from their scripts and execute them, or measure their time and memory.

python tests/notebooks.py build [05]      notebooks/*.ipynb, from notebooks/py/*.py, executed with the bundled network
python tests/notebooks.py measure [05]    time and peak memory under the present environment; the executed notebooks go
                                          to test-results/
python tests/notebooks.py student [05]    copies for a class, without solutions and outputs: a folder and a zip
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import time
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
RESULTS = ROOT / "test-results"
STUDENT_README = """# See what a CNN sees

On Linux or macOS, with Python 3.11, 3.12 or 3.13: `make lab`. On Windows:
`py -3.12 -m venv .venv`, `.venv\\Scripts\\python -m pip install -r requirements.lock`,
`.venv\\Scripts\\python -m jupyterlab --notebook-dir=.`, then open the folder `notebooks`. Begin with 00_start_here.
"""
SOLUTION = re.compile(r"<details>\s*<summary>Solution.*?</details>", re.DOTALL)
MEMORY = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"


def scripts(prefix: str = "") -> list[Path]:
    """The notebooks' scripts whose names begin so, in order."""
    return sorted((NOTEBOOKS / "py").glob(f"{prefix}*.py"))


def notebook_of(script: Path) -> Path:
    return NOTEBOOKS / f"{script.stem}.ipynb"


def from_script(script: Path) -> nbformat.NotebookNode:
    """The notebook without outputs: stable cell ids, and slide marks that follow from the headings."""
    notebook = jupytext.read(script, config=jupytext.config.load_jupytext_config(str(script)))
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(notebook.cells):
        cell.id = f"{script.stem[:2]}-{number:02d}"
        cell.metadata["slideshow"] = {"slide_type": _slide(cell)}
    return notebook


def _slide(cell: nbformat.NotebookNode) -> str:
    if cell.cell_type == "markdown" and cell.source.startswith("<details>"):
        return "skip"
    for marks, kind in (("# ", "slide"), ("## ", "slide"), ("### ", "subslide")):
        if cell.cell_type == "markdown" and cell.source.startswith(marks):
            return kind
    return "-"


def execute(notebook: nbformat.NotebookNode) -> None:
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(NOTEBOOKS)}},
        record_timing=False,
    )
    client.execute()
    notebook.metadata.language_info = {"name": "python"}  # no release: the stored notebook is the same everywhere
    notebook.metadata.pop("widgets", None)  # saved widget state doubles the size and is shown through a foreign server


def build(prefix: str) -> None:
    sys.path.insert(0, str(ROOT))
    import conftest  # noqa: F401  the conditions under which outputs are stored and compared

    for script in scripts(prefix):
        start, notebook = time.perf_counter(), from_script(script)
        execute(notebook)
        nbformat.write(notebook, notebook_of(script))
        print(f"{notebook_of(script).relative_to(ROOT)}: {time.perf_counter() - start:.0f} s")


def measure(prefix: str) -> None:
    """Run every notebook to its end under the present environment; print its time and its kernel's peak memory."""
    network = os.environ.get("CNN_MODEL", "vgg16")
    folder = RESULTS / network
    folder.mkdir(parents=True, exist_ok=True)
    print(f"{'notebook':28} {'seconds':>8} {'peak memory':>12}   {network}")
    for script in scripts(prefix):
        start, notebook = time.perf_counter(), from_script(script)
        notebook.cells.append(nbformat.v4.new_code_cell(MEMORY))
        execute(notebook)
        kilobytes = int(notebook.cells.pop().outputs[0].text)
        nbformat.write(notebook, folder / notebook_of(script).name)
        print(f"{script.stem:28} {time.perf_counter() - start:8.0f} {kilobytes / 1024:9.0f} MB")


def without_solutions(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """For a class: the solutions are cut out, the stubs and checks stay."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = SOLUTION.sub("", cell.source).strip()
    notebook.cells = [cell for cell in notebook.cells if cell.source]
    return notebook


def student(prefix: str) -> None:
    """A folder that a student can unpack and start with `make lab`: all but solutions, outputs and tests."""
    folder = RESULTS / "student"
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("helpers", "images"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Makefile", "pyproject.toml", "requirements.txt", "requirements.lock", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    (folder / "README.md").write_text(STUDENT_README)
    (folder / "notebooks").mkdir()
    for script in scripts(prefix):
        nbformat.write(without_solutions(from_script(script)), folder / "notebooks" / notebook_of(script).name)
    print(f"{folder.relative_to(ROOT)}/ and {Path(shutil.make_archive(str(folder), 'zip', folder)).relative_to(ROOT)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=("build", "measure", "student"))
    parser.add_argument("prefix", nargs="?", default="", help="beginning of the notebook's name, such as 05")
    arguments = parser.parse_args()
    {"build": build, "measure": measure, "student": student}[arguments.task](arguments.prefix)
