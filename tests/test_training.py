"""Training and measuring the bundled network, on a made-up Tiny ImageNet and networks worked out by hand."""

from __future__ import annotations

import csv
import hashlib
import http.server
import io
import itertools
import random
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import helpers
from helpers import keras, tf
from helpers.weights import train
from tests import measure, story

COLOURS = {"n1": (255, 0, 0), "n2": (0, 255, 0), "n3": (0, 0, 255)}
# The validation part in its order: what each picture is called, and what it shows; 9 of the 12 names are right.
CALLED = ["n1", "n2", "n3", "n1", "n2", "n3", "n1", "n2", "n3", "n1", "n2", "n3"]
SHOWN = ["n1", "n3", "n3", "n1", "n2", "n3", "n2", "n2", "n3", "n1", "n3", "n3"]


@pytest.fixture(scope="module", autouse=True)
def same_chance_afterwards() -> Iterator[None]:
    """Training sets the seeds of Python, NumPy, Keras and TensorFlow; put them back."""
    keras.config.floatx()  # starts TensorFlow in silence
    from keras.src.backend.common import global_state
    from tensorflow.python.eager import context

    names = ("global_random_seed", "global_seed_generator")
    kept = {name: global_state.get_global_attribute(name) for name in names}
    states = random.getstate(), np.random.get_state(), context.global_seed(), keras.config.dtype_policy()
    yield
    random.setstate(states[0])
    np.random.set_state(states[1])
    tf.random.set_seed(states[2])
    keras.config.set_dtype_policy(states[3])
    for name, value in kept.items():
        global_state.set_global_attribute(name, value)


def write_picture(path: Path, colour: tuple[int, int, int], seed: int | None = None) -> None:
    """A plain colour, or one with noise that the seed decides."""
    levels = np.full((64, 64, 3), colour, float)
    if seed is not None:
        levels = 0.5 * levels + np.random.default_rng(seed).uniform(0, 127, levels.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(levels.astype(np.uint8)).save(path, format="jpeg", quality=95)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes in the standard layout: 8 training pictures and 4 for validation in each."""
    root = tmp_path_factory.mktemp("data") / "tiny-imagenet-200"
    for name, colour in COLOURS.items():
        for number in range(8):
            write_picture(root / "train" / name / "images" / f"{name}_{number}.JPEG", colour, number)
        (root / "train" / name / f"{name}_boxes.txt").write_text(f"{name}_0.JPEG\t0\t0\t63\t63\n")
    for number, shown in enumerate(SHOWN):
        write_picture(root / "val" / "images" / f"val_{number}.JPEG", COLOURS[shown])
    rows = [f"val_{number}.JPEG\t{name}\t0\t0\t63\t63\n" for number, name in enumerate(CALLED)]
    (root / "val" / "val_annotations.txt").write_text("".join(rows))
    (root / "wnids.txt").write_text("n2\nn1\nn3\n")
    (root / "words.txt").write_text("n0\tentity\nn1\tred, carmine\nn2\tgreen\nn3\tblue, azure\n")
    return root


def zipped(root: Path, target: Path) -> Path:
    return Path(shutil.make_archive(str(target), "zip", root.parent, root.name))


# ---- the network


def test_the_layers_are_vgg16s_a_quarter_as_wide() -> None:
    model, vgg16 = train.build([0.25], 200), keras.applications.VGG16(weights=None, include_top=False)
    kinds = (keras.layers.Conv2D, keras.layers.MaxPooling2D)
    mine, theirs = ([layer for layer in network.layers if isinstance(layer, kinds)] for network in (model, vgg16))
    assert [layer.name for layer in mine] == [layer.name for layer in theirs] and len(mine) == 13 + 5
    for one, other in zip(mine, theirs, strict=True):
        if isinstance(one, keras.layers.Conv2D):
            assert (4 * one.filters, one.kernel_size, one.padding) == (other.filters, other.kernel_size, other.padding)
        assert type(one) is type(other)
    widths = [3, 16, 16, 32, 32, *[64] * 3, *[128] * 6]
    wanted = sum((9 * above + 1) * below for above, below in itertools.pairwise(widths)) + (128 + 1) * 200
    assert sum(array.size for array in train.fold(model).values()) == wanted == 946_584
    assert model.compute_output_shape((5, 47, 90, 3)) == (5, 200)


def unsettled(model: keras.Model) -> keras.Model:
    """Give each batch normalisation random weights, as if it had been trained."""
    chance = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            low, high = np.array([[[0.7], [-1], [-1], [0.5]], [[1.3], [1], [1], [2]]])
            layer.set_weights(chance.uniform(low, high, (4, *layer.gamma.shape)))
    return model


@pytest.mark.parametrize("size", [(64, 64), (35, 50)])
def test_folding_changes_nothing(tmp_path: Path, size: tuple) -> None:
    model = unsettled(train.build([0.1], 7))
    np.savez(tmp_path / "folded.npz", **train.fold(model), labels=list("abcdefg"))
    plain = measure.load(tmp_path / "folded.npz")
    pictures = np.random.default_rng(0).integers(0, 256, (4, *size, 3)).astype(np.float32)
    wanted = np.asarray(model(pictures[..., ::-1], training=False))
    assert wanted.std() > 0.1
    np.testing.assert_allclose(plain(helpers.preprocess(plain, pictures / 255)), wanted, atol=1e-4)


def test_folding_one_filter_by_hand() -> None:
    """Gamma 3 and the deviation 2 make a factor of 3/2; the first layer's inputs are divided by 64 too."""
    model = train.build([1 / 64], 2)
    for name in ("block1_conv1", "block1_conv2"):
        layer, normalised = model.get_layer(name), model.get_layer(f"{name}_normalised")
        layer.set_weights([np.full(layer.kernel.shape, 64.0)])
        normalised.set_weights(np.array([[3], [0.5], [1], [4 - normalised.epsilon]]))
    arrays = train.fold(model)
    np.testing.assert_allclose(arrays["block1_conv1/kernel"], np.full((3, 3, 3, 1), 64 * 1.5 / 64), rtol=1e-6)
    np.testing.assert_allclose(arrays["block1_conv2/kernel"], np.full((3, 3, 1, 1), 64 * 1.5), rtol=1e-6)
    np.testing.assert_allclose(arrays["block1_conv1/bias"], [0.5 - 1 * 1.5], rtol=1e-6)


# ---- the pictures


def test_crops_are_windows_or_their_mirror_images() -> None:
    """Each pixel says where it is; beyond the edge lies what a mirror at the outermost pixel would show."""
    rows, columns = np.indices((64, 64))
    picture = np.stack([rows, columns, rows + columns], axis=2).astype(np.uint8)
    beyond = np.pad(picture, ((4, 4), (4, 4), (0, 0)), mode="reflect")
    for size in (40, 64):
        crops = train.varied(np.repeat(picture[None], 600, 0), size, np.random.default_rng(0))
        assert crops.shape == (600, size, size, 3) and crops.dtype == np.uint8
        windows = np.lib.stride_tricks.sliding_window_view(beyond, (size, size), (0, 1)).transpose(0, 1, 3, 4, 2)
        places = {
            window[:, ::step].tobytes(): (row, column, step)
            for row, line in enumerate(windows)
            for column, window in enumerate(line)
            for step in (1, -1)
        }
        found = [places[crop.tobytes()] for crop in crops]
        assert [len(set(axis)) for axis in zip(*found, strict=True)] == [73 - size, 73 - size, 2]
        again, other = (train.varied(np.repeat(picture[None], 9, 0), size, np.random.default_rng(n)) for n in (0, 1))
        repeated = train.varied(np.repeat(picture[None], 9, 0), size, np.random.default_rng(0))
        assert np.array_equal(again, repeated) and not np.array_equal(again, other)


def test_cutmix_by_hand() -> None:
    """Every pixel names its picture: a square of each is the one's before it, and so is that share of its target."""
    crops = np.broadcast_to(np.arange(4, dtype=np.uint8)[:, None, None, None], (4, 10, 10, 3))
    shares = []
    for seed in range(200):
        mixed, targets = train.mixed(crops, np.eye(4, dtype=np.float32), np.random.default_rng(seed))
        foreign = mixed[2, ..., 0] == 1
        assert set(np.unique(mixed[2])) <= {1, 2} and np.array_equal(mixed[3, ..., 0] == 2, foreign)
        rows, columns = foreign.any(axis=1), foreign.any(axis=0)
        assert rows.sum() == columns.sum() and foreign.sum() == rows.sum() ** 2, "one square"
        np.testing.assert_allclose(targets[2], [0, foreign.mean(), 1 - foreign.mean(), 0], atol=1e-6)
        shares.append(foreign.mean())
    assert crops[2].max() == 2, "what came in stays as it is"
    assert 0.4 < np.mean(shares) < 0.6 and min(shares) < 0.1 and max(shares) > 0.9


def test_an_epoch_shows_each_picture_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "CUTMIX", 0)
    pictures = np.arange(10, dtype=np.uint8)[:, None, None, None] * np.array([1, 2, 3], np.uint8)
    pictures = np.broadcast_to(pictures, (10, 64, 64, 3))
    epochs = [list(train.batches(pictures, np.arange(10), 40, 5, seed, "")) for seed in ((0, 1), (0, 1), (0, 2))]
    shown = [np.concatenate([crops[:, 0, 0, 2] for crops, _ in epoch]) for epoch in epochs]
    assert len(epochs[0]) == 2 and sorted(shown[0]) == list(range(10))
    assert list(shown[0]) == list(shown[1]) != list(shown[2])
    batch, targets = epochs[0][1]
    np.testing.assert_array_equal(batch[:, 0, 0, ::-1], np.outer(targets.argmax(1), [1, 2, 3]))  # blue comes first
    monkeypatch.setattr(train, "CUTMIX", 1)
    assert all((targets < 1).all() for _, targets in train.batches(pictures, np.arange(10), 40, 5, (0, 1), ""))


def test_zip_and_folder_hold_the_same(folder: Path, tmp_path: Path) -> None:
    one, other = train.TinyImageNet(folder), train.TinyImageNet(zipped(folder, tmp_path / "tiny"))
    assert one.classes == other.classes == ["n2", "n1", "n3"] and one.labels == other.labels == ["green", "red", "blue"]
    for mine, theirs in ((one.train, other.train), (one.validation, other.validation)):
        np.testing.assert_array_equal(mine[0], theirs[0])
        np.testing.assert_array_equal(mine[1], theirs[1])
    assert one.train[0].shape == (24, 64, 64, 3) and list(one.train[1]) == [1] * 8 + [0] * 8 + [2] * 8
    assert list(one.validation[1]) == [1, 0, 2] * 4
    np.testing.assert_allclose(one.validation[0][0, 30, 30], COLOURS["n1"], atol=3)
    short = train.TinyImageNet(folder, training=False)
    assert short.train is None and np.array_equal(short.validation[0], one.validation[0])


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


FAULTS = {
    "words.txt": [Path.unlink, lambda path: path.write_text("n1\tred\n"), lambda path: path.write_text("n1 red\n")],
    "wnids.txt": [Path.unlink],
    "val/val_annotations.txt": [Path.unlink, lambda path: path.write_text("val_0.JPEG\tn9\n")],
    "val/images/val_3.JPEG": [Path.unlink, cut_short, lambda path: Image.new("RGB", (32, 64)).save(path, "jpeg")],
    "train/n2/images/n2_5.JPEG": [cut_short, lambda path: path.write_text("no picture")],
    "train": [shutil.rmtree, lambda path: shutil.rmtree(path / "n3"), lambda path: (path / "n2").rename(path / "n5")],
}
CASES = [(name, spoil) for name, ways in FAULTS.items() for spoil in ways]


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize(("name", "spoil"), CASES)
def test_what_is_missing_or_damaged_is_named(
    folder: Path, tmp_path: Path, name: str, spoil: Callable, packed: bool
) -> None:
    source = shutil.copytree(folder, tmp_path / folder.name)
    spoil(source / name)
    source = zipped(source, tmp_path / "tiny") if packed else source
    with pytest.raises(ValueError, match=rf"{source}: {name} is missing or damaged \(.+\)\. Get http.*--data"):
        train.TinyImageNet(source)


def test_sources_that_are_none(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^nowhere\.zip: the file is missing.*No such file.*\. Get http.*--data"):
        train.TinyImageNet("nowhere.zip")
    archive = zipped(folder, tmp_path / "tiny")
    whole = archive.read_bytes()
    cut_short(archive)
    with pytest.raises(ValueError, match=r"tiny\.zip: the file is missing or damaged \(BadZipFile"):
        train.TinyImageNet(archive)
    with zipfile.ZipFile(io.BytesIO(whole)) as file:
        start = file.getinfo("tiny-imagenet-200/train/n1/images/n1_0.JPEG").header_offset
    archive.write_bytes(whole[: start + 300] + bytes(50) + whole[start + 350 :])
    with pytest.raises(ValueError, match=r"train/n1/images/n1_0\.JPEG is missing or damaged"):
        train.TinyImageNet(archive)


# ---- the run

RUN = ["--width", "0.03", "--epochs", "2", "--batch", "8", "--weight-decay", "20", "--no-bfloat16"]


def half_written(something: object, path: Path, *_: object, **__: object) -> None:
    """Stands for a method that writes to a full disk."""
    path.write_text("ne")
    raise OSError(28, "No space left on device")


@pytest.fixture(scope="module")
def runs(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The same training twice: in one go, and broken off after the first epoch, then by a full disk, and resumed."""
    whole, broken = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("broken")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "BLOCKS", ((1, 64), (2, 128)))  # a shallow network, for the sake of time
        train.main(["--data", str(folder), "--out", str(whole), *RUN])
        train.main(["--data", str(folder), "--out", str(broken), *RUN, "--minutes", "0.0001"])
        assert not (broken / "epoch_02.npz").exists()
        before = (broken / "checkpoint.keras").read_bytes()
        with patch.context() as disk, pytest.raises(OSError, match="No space left"):
            disk.setattr(keras.Model, "save", half_written)
            train.main(["--data", str(folder), "--out", str(broken), *RUN, "--resume"])
        assert (broken / "checkpoint.keras").read_bytes() == before
        train.main(["--data", str(folder), "--out", str(broken), *RUN, "--resume"])
    return [whole, broken]


def logged(run: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((run / "log.csv").read_text().splitlines()))


def test_a_training_leaves_its_log_and_networks(runs: list[Path]) -> None:
    names = ["checkpoint.keras", "epoch_00.npz", "epoch_01.npz", "epoch_02.npz", "log.csv"]
    assert [sorted(path.name for path in run.iterdir()) for run in runs] == [names, names]
    rows = logged(runs[0])
    assert [(row["epoch"], row["size"]) for row in rows] == [("1", "48"), ("2", "64")]
    assert all(0 <= float(row["top1"]) <= float(row["top5"]) == 1 < 100 * float(row["loss"]) for row in rows)
    with np.load(runs[0] / "epoch_02.npz", allow_pickle=False) as file:
        assert list(file["labels"]) == ["green", "red", "blue"] and len(file.files) == 2 * 4 + 1
        assert file["block1_conv1/kernel"].shape == (3, 3, 3, 2) and file["block2_conv2/bias"].dtype == np.float16


def test_the_seed_repeats_a_training_and_resuming_continues_it(runs: list[Path]) -> None:
    """Bit for bit: the order, the crops, the dropout, the rate, and which weights decay."""
    for name in ("epoch_00.npz", "epoch_01.npz", "epoch_02.npz"):
        with np.load(runs[0] / name) as one, np.load(runs[1] / name) as other:
            for array in one.files:
                np.testing.assert_array_equal(one[array], other[array], err_msg=f"{name}, {array}")
    whole, broken = (keras.models.load_model(run / "checkpoint.keras") for run in runs)
    gamma = np.asarray(whole.get_layer("block1_conv1_normalised").gamma)
    np.testing.assert_allclose(
        gamma, 1, atol=0.05, err_msg="the decay is so strong that it would take a tenth and more"
    )
    for one, other in zip(whole.variables, broken.variables, strict=True):
        if "seed_generator" not in one.path:  # it is set anew for every epoch
            np.testing.assert_array_equal(one, other, err_msg=one.path)
    one, other = ([row | {"seconds": ""} for row in logged(run)] for run in runs)
    assert one == other


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--resume"], r"there is no .*log\.csv to go on from"),
        (["--width", "0"], r"--width is \[0.0\]; give one share or 5, each 1/64 or more"),
        (["--width", "0.1", "0.2"], r"--width is \[0.1, 0.2\]; give one share or 5"),
        (["--width", "nan"], r"--width is \[nan\]"),
        (["--epochs", "-3"], "--epochs is -3; it must be 1 or more"),
        (["--batch", "0"], "--batch is 0; it must be 1 or more"),
        (["--batch", "25"], "--batch is 25; there are only 24 training pictures"),
        (["--epochs", "two"], "argument --epochs: invalid int value: 'two'"),
    ],
)
def test_options_that_cannot_be(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture, arguments: list, message: str
) -> None:
    with pytest.raises(SystemExit):
        train.main(["--data", str(folder), "--out", str(tmp_path), *arguments])
    assert re.search(message, capsys.readouterr().err) and not list(tmp_path.iterdir())


def test_data_that_are_nowhere(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nowhere\.zip: the file is missing"):
        train.main(["--data", "nowhere.zip", "--out", str(tmp_path)])


def test_the_rate_rises_for_a_tenth_and_falls_to_nothing(tmp_path: Path) -> None:
    options = SimpleNamespace(seed=0, bfloat16=False, width=[1 / 64], epochs=10, batch=2, rate=0.5, weight_decay=0.05)
    options.out = tmp_path
    model = train.begin(SimpleNamespace(labels=["a"], train=[np.zeros(200)]), options)
    rates = [float(model.optimizer._learning_rate(step)) for step in range(1001)]
    assert int(np.argmax(rates)) == 100 and max(rates) == 0.5
    assert np.all(np.diff(rates[:101]) > 0) and np.all(np.diff(rates[100:]) < 0)
    assert rates[50] == pytest.approx(0.25) and rates[550] == pytest.approx(0.25) and rates[-1] < 1e-6


def test_shares_right_by_hand() -> None:
    logits = np.tile(np.arange(7.0), (6, 1))  # the last class first
    logits[4], logits[5, 0] = 1, np.nan
    assert train.shares_right(logits, np.array([6, 5, 2, 1, 3, 0])) == (1 / 6, 3 / 6)


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, model = tmp_path / "epoch_01.npz", train.build([1 / 64], 1)
    target.write_text("old")
    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        patch.setattr(np, "savez", lambda path, **arrays: half_written(arrays, path))
        train.write_network(target, model, ["a"])
    assert list(tmp_path.iterdir()) == [target] and target.read_text() == "old"
    train.write_network(target, model, ["a"])
    assert list(tmp_path.iterdir()) == [target] and list(np.load(target)["labels"]) == ["a"]


class Home(http.server.BaseHTTPRequestHandler):
    """The home of Tiny ImageNet, which breaks off the first time."""

    def do_GET(self) -> None:
        self.server.asked += 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.content) + (self.server.asked == 1)))
        self.end_headers()
        self.wfile.write(self.server.content)

    def log_message(self, *_: object) -> None:
        pass


def test_a_download_is_whole_or_none(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive, out = zipped(folder, tmp_path / "source"), tmp_path / "out"
    arguments = ["--out", str(out), "--batch", "25"]  # one more than there are pictures: nothing is trained
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Home) as server:
        server.asked, server.content = 0, archive.read_bytes()
        monkeypatch.setattr(train, "HOME", f"http://127.0.0.1:{server.server_port}/tiny-imagenet-200.zip")
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        with pytest.raises(helpers.WeightsUnavailable, match=r"tiny-imagenet-200\.zip .*the connection broke.*236 MB"):
            train.main(arguments)
        assert not list(out.iterdir()) and server.asked == 1
        for _ in range(2):  # what is there is not fetched again
            with pytest.raises(SystemExit):
                train.main(arguments)
            assert list(out.iterdir()) == [out / "tiny-imagenet-200.zip"] and server.asked == 2
            assert (out / "tiny-imagenet-200.zip").read_bytes() == archive.read_bytes()
        server.shutdown()


def test_help_is_quick_and_silent() -> None:
    """The command as it is typed; nothing heavy is imported, and nothing but the report on imports is on stderr."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", train.__file__, "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0 and all(f"--{name}" in done.stdout for name in ("resume", "width", "epochs", "minutes"))
    imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "numpy" in imported and not imported & {"tensorflow", "keras"}
    assert len(done.stderr.splitlines()) == done.stderr.count("import time:")


# ---- measuring


def network(path: Path, width: int = 3, **changed: np.ndarray) -> Path:
    """A network that tells colours apart: each layer hands on the colours, and the head says which one is brightest."""
    arrays = {"labels": np.array(["green", "red", "blue"])}
    for block, count in enumerate((2, 2, 3, 3, 3), start=1):
        for number in range(1, count + 1):
            kernel = np.zeros((3, 3, 3, width))
            kernel[1, 1] = np.eye(3)[:, :width]
            arrays |= {f"block{block}_conv{number}/kernel": kernel, f"block{block}_conv{number}/bias": np.zeros(width)}
    head = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]])  # the colours come as blue, green, red
    arrays |= {"predictions/kernel": head, "predictions/bias": np.zeros(3)} | changed
    np.savez(path, **{name: array if name == "labels" else array.astype(np.float16) for name, array in arrays.items()})
    return path


def test_measuring_counts_as_by_hand(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    file, target = network(tmp_path / "colours.npz"), tmp_path / "statistics.npz"
    measure.main(["--data", str(folder), "--network", str(file), "--statistics", str(target)])
    printed = re.sub(" +", " ", capsys.readouterr().out)
    assert "12 validation pictures: top-1 75.0%, top-5 100.0%" in printed
    assert "best classes\nblue 100%\nred 75%\ngreen 50%\n" in printed
    assert "picture network times\n green blue 2\n red green 1\n" in printed
    assert all(f"\n{photo}: " in printed for photo in helpers.sample_names())
    assert "block3_conv2 3 0 0.0%" in printed and "0 of 39 are silent" in printed
    with np.load(target, allow_pickle=False) as arrays:
        assert len(arrays.files) == 13 * 4 + 2 and arrays["high_frequency"].dtype == np.float32
        assert str(arrays["network"]) == hashlib.sha256(file.read_bytes()).hexdigest()
        blue = np.array([255.0 if shown == "n3" else 0 for shown in SHOWN]) - 103.939
        np.testing.assert_allclose(arrays["block5_conv3/mean"][0], np.maximum(blue, 0).mean(), rtol=0.02)


def test_statistics_are_those_of_a_plain_loop(tmp_path: Path) -> None:
    arrays = train.fold(unsettled(train.build([0.03], 3)))
    np.savez(tmp_path / "network.npz", **arrays, labels=list("abc"))
    pictures = np.random.default_rng(0).integers(0, 256, (7, 32, 32, 3)).astype(np.uint8)
    found, responses = measure.statistics(measure.load(tmp_path / "network.npz"), pictures), []
    for picture in pictures:
        padded = np.pad(picture[..., ::-1] - np.array(train.MEAN), ((1, 1), (1, 1), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
        maps = np.einsum("hwcij,ijcf->hwf", windows, arrays["block1_conv1/kernel"]) + arrays["block1_conv1/bias"]
        responses.append(np.maximum(maps, 0).mean((0, 1)))
    wanted = {"mean": np.mean, "deviation": np.std, "p99": lambda all_, axis: np.quantile(all_, 0.99, axis)}
    wanted["p999"] = lambda all_, axis: np.quantile(all_, 0.999, axis)
    for name, function in wanted.items():
        assert found[f"block1_conv1/{name}"].dtype == np.float32
        np.testing.assert_allclose(found[f"block1_conv1/{name}"], function(np.array(responses), axis=0), rtol=1e-4)
    shares = sorted(helpers.quality.high_frequency_share(picture / 255) for picture in pictures)
    assert found["high_frequency"] == pytest.approx(shares[3])


def test_silent_and_rare_filters_are_found(tmp_path: Path) -> None:
    """One filter with a zero kernel and a negative bias; red shows in a single pixel of several thousand."""
    kernel = np.zeros((3, 3, 3, 3))
    kernel[1, 1] = np.diag([1, 0, 1])
    planted = {"block2_conv2/kernel": kernel, "block2_conv2/bias": np.array([0, -1, 0])}
    picture = np.full((1, 64, 64, 3), (0, 200, 200), np.uint8)
    picture[0, 10, 10, 0] = 255
    model = measure.load(network(tmp_path / "network.npz", **planted))
    table = measure.silence(measure.activity(model, [picture, np.float32(picture[:, :32]) / 255]))
    assert list(table["filters"]) == [3] * 13
    assert list(table["silent"]) == [0, 0, 0] + [1] * 10
    np.testing.assert_allclose(table.loc["block1_conv1", "rare"], 1 / 3)


def test_pictures_are_taken_evenly() -> None:
    numbers = np.array([2, 2, 0, 1, 2, 0, 0, 1, 1])
    assert list(measure.evenly(numbers, 6)) == [0, 1, 2, 3, 5, 7]
    assert list(measure.evenly(numbers, 1)) == [0, 2, 3]


def test_what_cannot_be_measured(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "text.npz").write_text("no network")
    np.savez(tmp_path / "half.npz", labels=["a"])
    for name in ("nowhere", "text", "half"):
        with pytest.raises(helpers.WeightsUnavailable, match=rf"{name}\.npz is no network that train\.py has written"):
            measure.load(tmp_path / f"{name}.npz")
    file = str(network(tmp_path / "other.npz", labels=np.array(["green", "red", "pink"])))
    for arguments, message in (([], "other classes"), (["--statistics", "here.txt"], "--statistics is here.txt")):
        with pytest.raises(SystemExit):
            measure.main(["--data", str(folder), "--network", file, *arguments])
        assert message in capsys.readouterr().err


# ---- the story of the bundled network


def a_run(folder: Path) -> Path:
    """A log of three epochs; its networks are 0, 1, 2 and 3 where the bundled one's first blocks are."""
    with np.load(helpers.models.BUNDLED_FILE) as file:
        arrays = {name: file[name] for name in file.files if name[:6] in ("block1", "block2", "block3")}
    (folder / "run").mkdir()
    lines = [f"{epoch},48,{9 - epoch}.12345678,0.{epoch},0.5,{100 + epoch}" for epoch in range(1, 4)]
    (folder / "run" / "log.csv").write_text("\n".join(["epoch,size,loss,top1,top5,seconds", *lines]))
    for epoch in range(4):
        filled = {name: np.full(array.shape, epoch, np.float32) for name, array in arrays.items()}
        np.savez(folder / "run" / f"epoch_{epoch:02}.npz", **filled, labels=["a"])
    return folder / "run"


def test_the_story_keeps_the_log_and_the_first_blocks(tmp_path: Path) -> None:
    story.main(["--run", str(a_run(tmp_path)), "--middle", "2", "--out", str(tmp_path)])
    lines = (tmp_path / "training_log.csv").read_text().splitlines()
    assert lines[:2] == ["epoch,size,loss,top1,top5,seconds", "1,48,8.1235,0.1000,0.5000,101"] and len(lines) == 4
    with np.load(tmp_path / "stages.npz") as file:
        assert {name.split("/")[0] for name in file.files} == {"start", "middle", "epochs"}
        assert len(file.files) == 1 + 2 * 2 * 7, "kernels and biases of seven convolutions, twice"
        for stage, epoch in (("start", 0), ("middle", 2)):
            assert (file[f"{stage}/block3_conv3/kernel"] == epoch).all()
        assert list(file["epochs"]) == [0, 2]


def test_a_story_that_does_not_fit_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    first = a_run(tmp_path)
    np.savez(first / "epoch_01.npz", **{"block1_conv1/kernel": np.zeros((3, 3, 3, 5))})
    for middle, message in (("1", "does not have the bundled network's shape"), ("9", "epoch_09.npz")):
        with pytest.raises(SystemExit):
            story.main(["--run", str(first), "--middle", middle, "--out", str(tmp_path)])
        assert message in capsys.readouterr().err
    monkeypatch.setattr(story, "LARGEST", 100)
    with pytest.raises(SystemExit):
        story.main(["--run", str(first), "--middle", "2", "--out", str(tmp_path)])
    assert "100 are the limit" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.npz")) and not list(tmp_path.glob("*.csv"))
