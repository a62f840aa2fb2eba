"""The package as a whole: a light import, a quiet start, thin files, current derived files."""

from __future__ import annotations

import ast
import csv
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import helpers

ROOT = Path(__file__).resolve().parent.parent
HELPERS = sorted((ROOT / "helpers").rglob("*.py"))


def python(code: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)


def test_importing_helpers_imports_nothing_heavy() -> None:
    heavy = "{'tensorflow', 'keras', 'matplotlib', 'pandas', 'ipywidgets', 'numpy', 'PIL'}"
    assert python(f"import sys, helpers; print({heavy} & set(sys.modules))").stdout == "set()\n"


def test_no_call_imports_tensorflow_before_it_needs_it() -> None:
    code = "import sys; from helpers import *; sample_image('cat'); print('tensorflow' in sys.modules)"
    assert python(code).stdout == "False\n"


def test_tensorflow_starts_in_silence_and_with_onednn() -> None:
    code = (
        "from helpers import tf, keras, load_model, sample_image, visualize_filter\n"
        "model = load_model('mini_vgg16')\n"
        "visualize_filter(model, 'block1_conv1', 0, iters=2, size=32)\n"
        "import os; print(os.environ.get('TF_ENABLE_ONEDNN_OPTS'))"
    )
    done = python(code)
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "None"


def test_every_declared_name_exists() -> None:
    assert len(helpers.__all__) > 20 and [name for name in helpers.__all__ if not hasattr(helpers, name)] == []


def test_completion_finds_the_names_of_tensorflow_and_keras() -> None:
    assert {"Variable", "GradientTape"} <= set(dir(helpers.tf)) and {"Model", "layers"} <= set(dir(helpers.keras))


def test_no_module_hides_a_public_call() -> None:
    """`helpers.x` must be the same whatever was imported before; a module of that name would take its place."""
    names = set(python("import helpers; print(*helpers.__all__)").stdout.split())
    assert not names & {path.stem for path in HELPERS}


def code_lines(path: Path) -> tuple[int, dict[str, int]]:
    """Lines without docstrings, comments and blanks: of the file, and of each function."""
    text = path.read_text()
    tree, dropped = ast.parse(text), set()
    for node in ast.walk(tree):
        has_docstring = isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node)
        if has_docstring:
            dropped.update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    lines = enumerate(text.splitlines(), start=1)
    kept = {n for n, line in lines if line.strip() and not line.strip().startswith("#") and n not in dropped}
    functions = {
        node.name: len(kept & set(range(node.lineno, node.end_lineno + 1)))
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    }
    return len(kept), functions


def test_helpers_stay_thin() -> None:
    sizes = {path: code_lines(path) for path in HELPERS}
    assert {path.name: total for path, (total, _) in sizes.items() if total > 200} == {}
    assert {name: n for _, functions in sizes.values() for name, n in functions.items() if n > 40} == {}
    assert sum(total for path, (total, _) in sizes.items() if path.stem != "train") <= 2000


@pytest.mark.parametrize("path", HELPERS, ids=lambda path: path.stem)
def test_public_functions_have_docstrings_and_type_hints(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree)
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{node.name} has no docstring"
        if isinstance(node, ast.FunctionDef):
            assert node.returns is not None, f"{node.name} does not say what it returns"


def test_arrows_between_modules_point_downwards() -> None:
    floors = [
        {"errors", "backend"}, {"layers", "downloads"}, {"images"}, {"models", "arguments"}, {"activations"},
        {"objectives", "quality"}, {"recipes"}, {"ascent", "painting", "saliency"},
        {"faithfulness"}, {"plotting"}, {"gallery"}, {"controls"}, {"explorers"},
    ]  # fmt: skip
    floor = {module: number for number, modules in enumerate(floors) for module in modules}
    for path in HELPERS:
        if path.parent.name != "helpers" or path.stem == "__init__":
            continue
        for imported in re.findall(r"^(?:    )?from \.(\w+) import", path.read_text(), re.MULTILINE):
            assert floor[imported] < floor[path.stem], f"{path.name} imports {imported}, which is not below it"


def test_the_lock_satisfies_the_requirements() -> None:
    """Every direct dependency is in the lock at a version that requirements.txt admits."""
    from packaging.requirements import Requirement

    locked = {}
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if found := re.match(r"([A-Za-z0-9._-]+)==([^ ;]+)", line):
            locked[found[1].lower()] = found[2]
    wanted = (ROOT / "requirements.txt").read_text().splitlines()
    requirements = [Requirement(line.split(" #")[0]) for line in wanted if re.match(r"[a-z]", line)]
    assert len(requirements) > 10
    for requirement in requirements:
        assert requirement.name in locked, f"run: make lock ({requirement.name} is missing)"
        assert locked[requirement.name] in requirement.specifier, f"run: make lock ({requirement})"


def test_binder_installs_the_lock_and_fetches_the_weights() -> None:
    """repo2docker renders the environment; nothing is built and no Docker is needed."""
    command = [
        sys.executable,
        "-m",
        "repo2docker",
        "--no-build",
        "--debug",
        "--user-id",
        "1000",
        "--user-name",
        "jovyan",
    ]
    done = subprocess.run([*command, str(ROOT)], capture_output=True, text=True, cwd=ROOT)
    rendered = done.stdout + done.stderr
    assert done.returncode == 0, rendered[-2000:]
    assert "python=3.11" in rendered
    steps = ['pip install --no-cache-dir -r "binder/requirements.txt"', "RUN ./binder/postBuild"]
    places = [rendered.find(step) for step in steps]
    assert -1 not in places and places == sorted(places), dict(zip(steps, places, strict=True))
    assert 'R2D_ENTRYPOINT="${REPO_DIR}/binder/start"' in rendered
    assert (ROOT / "binder" / "requirements.txt").read_text().split() == ["-r", "../requirements.lock"]
    assert 'exec "$@"' in (ROOT / "binder" / "start").read_text()


def test_workflows_call_only_make() -> None:
    import yaml

    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        jobs = yaml.safe_load(path.read_text())["jobs"]
        commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
        assert commands and all(
            re.fullmatch(r"make [\w-]+|make \$\{\{ matrix.target \}\}", command) for command in commands
        )
        targets = set(re.findall(r"^([a-z0-9 -]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        known = {name for group in targets for name in group.split()}
        assert {command.split()[1] for command in commands} - {"${{"} <= known


def test_the_readme_has_the_repositorys_address() -> None:
    import tomllib

    address = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Repository"]
    name, readme = address.removeprefix("https://github.com/"), (ROOT / "README.md").read_text()
    found = re.findall(r"(?:mybinder\.org/v2/gh|//github\.com|google\.com/github)/([\w.-]+/[\w.-]*[\w-])", readme)
    assert len(found) == 4 and set(found) == {name}, "run: make address"


def test_the_readmes_picture_is_what_its_code_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    from tests import figures

    stored, drawn = figures.PICTURE, tmp_path / "drawn.png"
    monkeypatch.setattr(figures, "PICTURE", drawn)
    figures.draw_filters()
    with Image.open(stored) as one, Image.open(drawn) as two:
        np.testing.assert_array_equal(np.asarray(one), np.asarray(two), err_msg="run: make figures")


def test_the_animation_is_what_its_code_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image, ImageChops, ImageSequence

    from tests import figures

    stored, drawn = figures.ANIMATION, tmp_path / "drawn.gif"
    monkeypatch.setattr(figures, "ANIMATION", drawn)
    figures.draw_convolution()
    with Image.open(stored) as one, Image.open(drawn) as two:
        frames = [
            (a.convert("RGB"), b.convert("RGB")) for a, b in zip(*map(ImageSequence.Iterator, (one, two)), strict=True)
        ]
    assert len(frames) > 5
    locked = f"\nmatplotlib=={importlib.metadata.version('matplotlib')}\n" in (ROOT / "requirements.lock").read_text()
    for number, pair in enumerate(frames if locked else []):  # another matplotlib sets its text a pixel elsewhere
        worst = max(high for _, high in ImageChops.difference(*pair).getextrema())
        assert worst < 64, f"frame {number} differs; run: make figures"


def test_the_browser_tests_run_only_when_they_are_named() -> None:
    """Named, with nothing to run, pytest itself would fail."""
    options = ["--collect-only", "-qq", "-p", "no:cacheprovider", "--ignore-glob=tests/test_*"]
    command = [sys.executable, "-m", "pytest", *options, "tests"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert "tests/browser" not in done.stdout, done.stdout


def test_ruff_is_content() -> None:
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run([sys.executable, "-m", "ruff", *command, "."], capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 0, done.stdout


def test_the_gallery_is_current_and_holds_what_its_cards_say() -> None:
    from helpers.gallery import GALLERY, read_index, stored_layer

    model, index = helpers.load_model("mini_vgg16"), read_index(GALLERY)
    assert list(index) == sorted(helpers.conv_layers(model))
    assert sum(path.stat().st_size for path in GALLERY.iterdir()) < 6_500_000, "sheets of 6 MB, and the cards"
    for layer, entry in index.items():
        pictures = stored_layer(model, layer)[1]
        assert pictures is not None, "run: make gallery"
        chosen = range(0, len(pictures), len(pictures) // 16)
        cards = helpers.quality_cards(model, layer, chosen, [pictures[number] for number in chosen])
        said = [entry["filters"][number]["response"] for number in chosen]
        assert np.corrcoef([card.response for card in cards], said)[0, 1] > 0.95, "WebP changes little"
        excited = helpers.quality.natural_responses(model, layer, 96).p999 > 0
        assert all(excited[n] <= (not row["silent"]) for n, row in enumerate(entry["filters"])), "alive if ever excited"
    rows = [row for entry in index.values() for row in entry["filters"]]
    assert np.mean([row["ratio"] > 1 for row in rows]) > 0.98 and np.mean([row["held_out"] > 1 for row in rows]) > 0.9
    assert np.mean([row["rank"] == 1 for row in rows]) > 0.95
    assert np.median([row["high_frequency"] / row["natural_high_frequency"] for row in rows]) < 1.5


def test_what_is_said_of_the_bundled_network_is_true() -> None:
    from helpers.models import BUNDLED_FILE, BUNDLED_SHA256

    card = (ROOT / "helpers/weights/README.md").read_text()
    model = helpers.load_model("mini_vgg16", include_top=True)
    facts = [BUNDLED_SHA256, f"{BUNDLED_FILE.stat().st_size:,} bytes", f"{model.count_params():,}"]
    facts += [f"{helpers.load_model('mini_vgg16').count_params():,}"]
    assert [fact for fact in facts if fact not in card] == []
    with np.load(BUNDLED_FILE.with_name("statistics.npz")) as file:
        assert str(file["network"]) == BUNDLED_SHA256, "run: .venv/bin/python tests/measure.py --data ..."
    last = list(csv.DictReader(BUNDLED_FILE.with_name("training_log.csv").read_text().splitlines()))[-1]
    top1, top5 = (f"{float(last[name]):.1%}" for name in ("top1", "top5"))
    assert f"**{top1} top-1, {top5} top-5** on the 10,000 validation pictures" in card
    assert f"{top1} top-1 and {top5} top-5 on its 10,000" in (ROOT / "README.md").read_text()
    told = " ".join((ROOT / "notebooks/py/02_pretrained_models.py").read_text().replace("\n# ", "\n").split())
    assert f"its first answer is right for {top1}, one of its first five for {top5}" in told
