"""The gallery of all filters, and the figures and animations of filters' pictures."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

import helpers
from helpers import gallery, keras, render_gallery
from helpers.gallery import read_index, read_sheet, stored_layer
from helpers.plotting import tile

SIZE, STEPS = 32, 4


def small_network() -> keras.Model:
    """Two convolutions: 18 filters, which take two rows of a sheet, and 3, of which the last is silent."""
    inputs = keras.Input((None, None, 3))
    tensor = keras.layers.Conv2D(18, 3, activation="relu", name="one")(inputs)
    model = keras.Model(inputs, keras.layers.Conv2D(3, 3, activation="relu", name="two")(tensor), name="small")
    random = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(0.3 * random.normal(size=weight.shape))
    model.get_layer("two").bias.assign([9, 9, -99])
    return model


@pytest.fixture
def network() -> keras.Model:
    return small_network()


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery, "STEPS", STEPS)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The layers that are drawn, in order; in place of pictures they get plain tiles, to save time."""
    names: list[str] = []

    def draw(model: keras.Model, layer: str, size: int) -> tuple[bytes, list[dict]]:
        names.append(layer)
        file, count = io.BytesIO(), model.get_layer(layer).output.shape[-1]
        tiles = tile(np.full((count, size, size, 3), 128, np.uint8), gallery.COLUMNS, gallery.GAP)
        Image.fromarray(tiles).save(file, "WEBP")
        return file.getvalue(), [{"silent": False}] * count

    monkeypatch.setattr(gallery, "draw_layer", draw)
    return names


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> tuple[keras.Model, Path]:
    """A network and its whole gallery."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gallery, "STEPS", STEPS)
        model, out = small_network(), tmp_path_factory.mktemp("pictures") / "deep" / "gallery"
        assert render_gallery(model, None, out, size=SIZE) == out / "gallery.json"
    return model, out


def test_sheets_and_index_are_complete(rendered: tuple[keras.Model, Path]) -> None:
    network, out = rendered
    assert sorted(path.name for path in out.iterdir()) == ["gallery.json", "one.webp", "two.webp"]
    entries = read_index(out)
    assert entries == json.loads((out / "gallery.json").read_text()) and list(entries) == ["one", "two"]
    with Image.open(out / "one.webp") as one, Image.open(out / "two.webp") as two:
        assert one.size == (16 * 34 - 2, 2 * 34 - 2) and two.size == (3 * 34 - 2, 32)
    for layer, count in (("one", 18), ("two", 3)):
        made = helpers.visualize_filters(network, layer, iters=STEPS, size=SIZE)
        sheet, entry = read_sheet(out, layer, entries[layer]), entries[layer]
        assert sheet.shape == (count, SIZE, SIZE, 3) and sheet.dtype == np.float32
        assert len(entry["filters"]) == count and entry["size"] == SIZE and entry["columns"] == 16
        for number, (picture, stored, card) in enumerate(zip(made, sheet, entry["filters"], strict=True)):
            assert card["silent"] == picture.silent
            wanted = np.ones_like(picture.image) if picture.silent else picture.image
            assert np.abs(stored.mean(axis=(0, 1)) - wanted.mean(axis=(0, 1))).max() < 0.03
            assert np.abs(stored - wanted).mean() < 0.05, "as lossy as WebP is"
            distances = [np.abs(stored - other.image).mean() for other in made]
            assert picture.silent or np.argmin(distances) == number, "its own picture, in its place"
            if not picture.silent:
                assert card["response"] == pytest.approx(picture.quality.response, abs=1e-3)
                assert (card["rank"], card["filters"]) == (picture.quality.rank, count)
    assert [card["silent"] for card in entries["two"]["filters"]] == [False, False, True]


def test_what_is_there_is_not_drawn_again(
    network: keras.Model, tmp_path: Path, drawn: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    render_gallery(network, ["two"], tmp_path, size=16)
    render_gallery(network, None, tmp_path, size=16)
    assert drawn == ["two", "one"]
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with monkeypatch.context() as patch:
        patch.setattr(gallery, "draw_layer", lambda *_: pytest.fail("drawn again"))
        render_gallery(network, None, tmp_path, size=16)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    render_gallery(network, ["two"], tmp_path, size=20)
    assert drawn == ["two", "one", "two"], "another size"
    (tmp_path / "two.webp").unlink()
    render_gallery(network, ["two"], tmp_path, size=20)
    assert drawn == ["two", "one", "two", "two"], "its sheet was lost"


def test_changed_weights_are_drawn_again(network: keras.Model, tmp_path: Path, drawn: list[str]) -> None:
    render_gallery(network, None, tmp_path, size=16)
    network.get_layer("two").bias.assign([1, 2, 3])
    render_gallery(network, None, tmp_path, size=16)
    assert drawn == ["one", "two", "two"], "what comes before the change stays"
    network.get_layer("one").bias.assign(np.full(18, 0.01))
    render_gallery(network, None, tmp_path, size=16)
    assert drawn == ["one", "two", "two", "one", "two"]


def test_stored_pictures_are_those_of_these_weights(network: keras.Model, tmp_path: Path) -> None:
    assert stored_layer(network, "two", tmp_path) is None
    render_gallery(network, ["two"], tmp_path, size=16)
    assert stored_layer(network, "two", tmp_path)[1].shape == (3, 16, 16, 3)
    assert stored_layer(network, "one", tmp_path) is None
    network.get_layer("one").bias.assign(np.full(18, 0.01))
    assert stored_layer(network, "two", tmp_path) is None


@pytest.mark.parametrize("unwritten", ["two.webp", "gallery.json"])
def test_a_failing_write_leaves_what_was_finished(
    network: keras.Model, tmp_path: Path, drawn: list[str], monkeypatch: pytest.MonkeyPatch, unwritten: str
) -> None:
    write, writes = Path.write_bytes, []

    def full_disk(path: Path, data: bytes) -> int:
        writes.append(path.name)
        if path.name.endswith(unwritten) and len(writes) > 2:
            write(path, data[: len(data) // 2])
            raise OSError("No space left on device")
        return write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full_disk)
        with pytest.raises(OSError, match="No space left"):
            render_gallery(network, None, tmp_path, size=16)
    assert list(read_index(tmp_path)) == ["one"] and not list(tmp_path.glob("unfinished*"))
    assert read_sheet(tmp_path, "one", read_index(tmp_path)["one"]).shape[0] == 18
    assert (tmp_path / "two.webp").is_file() == (unwritten == "gallery.json")
    render_gallery(network, None, tmp_path, size=16)
    assert list(read_index(tmp_path)) == ["one", "two"] and drawn == ["one", "two", "two"]


def test_a_layer_that_was_stopped_is_not_stored(
    network: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = helpers.visualize_filters(network, "two", iters=STEPS, size=16)
    for stopped in (made[:2], [*made[:2], dataclasses.replace(made[2], iters=STEPS - 1)]):
        monkeypatch.setattr(gallery, "visualize_filters", lambda *_, pictures=stopped, **__: pictures)
        with pytest.raises(KeyboardInterrupt):
            render_gallery(network, ["two"], tmp_path, size=16)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("layer", ["tow", "head"])
def test_an_unknown_layer_is_named_before_anything_is_drawn(
    network: keras.Model, tmp_path: Path, drawn: list[str], layer: str
) -> None:
    pooled = keras.layers.GlobalAveragePooling2D(name="head")(network.output)
    headed = keras.Model(network.input, pooled, name="small")
    with pytest.raises(helpers.LayerNotFound, match=f"small has no layer '{layer}'"):
        render_gallery(headed, ["one", layer], tmp_path / "new", size=16)
    assert drawn == [] and not (tmp_path / "new").exists()


def test_threads_draw_the_same(rendered: tuple[keras.Model, Path], tmp_path: Path) -> None:
    network, alone = rendered
    with concurrent.futures.ThreadPoolExecutor(2) as executor:
        render_gallery(network, None, tmp_path, executor, size=SIZE)
    one, two = read_index(alone), read_index(tmp_path)
    for layer in ("one", "two"):
        assert one[layer]["fingerprint"] == two[layer]["fingerprint"]
        sheets = [read_sheet(folder, layer, one[layer]) for folder in (alone, tmp_path)]
        np.testing.assert_allclose(*sheets, atol=0.1)
        responses = [[card["response"] for card in index[layer]["filters"]] for index in (one, two)]
        np.testing.assert_allclose(*responses, rtol=0.01, atol=1e-3)


def test_processes_need_a_way_to_the_model(network: keras.Model, tmp_path: Path) -> None:
    with (
        concurrent.futures.ProcessPoolExecutor(1) as executor,
        pytest.raises(ValueError, match="Processes cannot share the model: give load"),
    ):
        render_gallery(network, ["two"], tmp_path, executor)


@pytest.fixture(scope="module")
def made() -> list[helpers.FilterImage]:
    return helpers.visualize_filters(small_network(), "one", [0, 5], 6, SIZE, snapshots=[0, 2, 4])


def frames_of(data: bytes) -> tuple[list[np.ndarray], list[int]]:
    """The moving frames, float32 in [0, 1], and their times in milliseconds; not the picture that a PNG shows first."""
    with Image.open(io.BytesIO(data)) as moving:
        first = int(moving.format == "PNG")
        if first:
            assert moving.default_image, "a viewer that cannot move it shows the picture before the frames"
        frames, durations = [], []
        for frame in ImageSequence.Iterator(moving):
            frames.append(np.asarray(frame.convert("RGB"), np.float32) / 255)
            durations.append(frame.info.get("duration"))
    if first:
        assert np.abs(frames[0] - frames[-1]).max() < 0.02, "the picture where nothing moves is the result"
    return frames[first:], durations[first:]


@pytest.mark.parametrize("kind", ["gif", "png"])
def test_an_animation_has_a_frame_for_each_snapshot_and_the_result(made: list[helpers.FilterImage], kind: str) -> None:
    data = helpers.animation(made, kind, height=64, milliseconds=150)
    with Image.open(io.BytesIO(data)) as moving:
        assert moving.format == kind.upper()
    frames, durations = frames_of(data)
    assert len(frames) == 4 and durations == [150, 150, 150, 2000]
    wanted = [*([picture.snapshots[step] for picture in made] for step in (0, 2, 4)), [p.image for p in made]]
    for frame, pictures, share in zip(frames, wanted, (0, 2 / 6, 4 / 6, 1), strict=True):
        assert frame.shape == (72, 2 * 64 + 8, 3), "twice 32 pixels enlarged twice, 4 between them, and the bar"
        for place, picture in enumerate(pictures):
            shown = frame[:64, 72 * place : 72 * place + 64].reshape(32, 2, 32, 2, 3).mean(axis=(1, 3))
            assert np.abs(shown - picture).mean() < (0.06 if kind == "gif" else 0.03)
        dark = (frame[69].mean(axis=1) < 0.5).sum()
        assert dark == max(1, round(share * frame.shape[1]))


def test_growing_pictures_move_in_frames_of_one_size(network: keras.Model) -> None:
    recipe = helpers.Recipe(fourier=False, rounds=2)
    made = helpers.visualize_filters(network, "one", [0, 1, 2], 4, SIZE, recipe, snapshots=range(4))
    assert made[0].snapshots[0].shape == (16, 16, 3) and made[0].snapshots[2].shape == (32, 32, 3)
    for kind in ("gif", "png"):
        frames, _ = frames_of(helpers.animation(made, kind, height=64))
        assert len(frames) == 5
        assert {frame.shape for frame in frames} == {(72, round(64 * (3 * 32 + 8) / 32), 3)}
        assert frames[0][:64, -4:].std() > 0.005, "the picture reaches the right edge"


def test_without_common_snapshots_there_is_no_animation(made: list[helpers.FilterImage]) -> None:
    plain, other = (dataclasses.replace(made[0], snapshots=kept) for kept in ({}, {1: made[0].image}))
    for pictures in ([plain], [made[0], plain], [made[0], other], []):
        with pytest.raises(ValueError, match=r"no snapshots.*snapshots=range|pictures is \[\]"):
            helpers.animation(pictures)


def test_show_ascent_displays_one_file_and_saves_another(
    made: list[helpers.FilterImage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list = []
    monkeypatch.setattr("IPython.display.display", lambda *data, **options: calls.append(data[0]))
    caption = "The picture of filter 0 of the first layer grows out of grey noise."
    helpers.show_ascent(made, caption, tmp_path / "ascent.gif")
    with Image.open(io.BytesIO(calls[0]["image/png"])) as shown, Image.open(tmp_path / "ascent.gif") as saved:
        assert saved.n_frames == 4 and saved.format == "GIF"
        assert shown.n_frames == 5 and shown.default_image, "three snapshots, the result, and the still picture"
    assert calls[0]["text/plain"] == caption


@pytest.mark.parametrize("count", [1, 3])
def test_quality_is_drawn(made: list[helpers.FilterImage], count: int) -> None:
    made = [*made, dataclasses.replace(made[0], f_index=17)][:count]
    figure = helpers.plot_quality(made)
    figure.canvas.draw()
    axes = {axis.get_label(): axis for axis in figure.axes}
    names = [text.get_text() for text in axes["response"].get_yticklabels()]
    cards = [picture.quality for picture in made]
    assert names == [f"one {p.f_index}\nrank {p.quality.rank} of 18" for p in made]
    limit, ratios, worst = (line.get_xdata() for line in axes["response"].lines)
    assert set(limit) == {1}
    np.testing.assert_allclose(ratios, [card.ratio for card in cards])
    np.testing.assert_allclose(worst, [card.held_out for card in cards])
    natural, shares = (line.get_xdata() for line in axes["detail"].lines)
    assert set(natural) == {cards[0].natural_high_frequency}
    np.testing.assert_allclose(shares, [card.high_frequency for card in cards])
    for row, picture in enumerate(made):
        np.testing.assert_array_equal(axes[f"picture {row}"].images[0].get_array(), picture.image)
        assert axes["response"].transData.transform((0, row))[1] == pytest.approx(
            axes[f"picture {row}"].transAxes.transform((0, 0.5))[1], abs=0.15 * figure.bbox.height / count
        ), "each row stands beside its picture"
