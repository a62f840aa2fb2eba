"""Figures: what is drawn is what the arrays hold."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib import pyplot
from PIL import Image

import helpers
from helpers.controls import PALETTE, to_png
from helpers.plotting import block_means, normalize, show_picture, tile


@pytest.fixture(scope="module")
def maps() -> np.ndarray:
    model = helpers.load_model("mini_vgg16")
    return helpers.feature_maps(model, helpers.sample_image("cat", 64), "block2_conv1")["block2_conv1"]


def shown(monkeypatch: pytest.MonkeyPatch) -> list:
    calls: list = []
    monkeypatch.setattr("IPython.display.display", lambda *data, **options: calls.append((*data, options)))
    return calls


def test_show_gives_the_picture_its_text_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, caption = shown(monkeypatch), "Two lines that cross at the middle of the picture."
    figure, axis = pyplot.subplots()
    axis.plot([0, 1], [1, 0])
    helpers.show(figure, caption)
    (picture, options), (below, _) = calls
    assert options["metadata"] == {"image/png": {"alt": caption}} and picture["text/plain"] == caption
    assert below["text/markdown"] == f"*{caption}*"
    assert Image.open(io.BytesIO(picture["image/png"])).width > 300
    assert not pyplot.get_fignums(), "closed, or the notebook shows it twice"


def test_a_large_still_picture_is_stored_as_a_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, caption = shown(monkeypatch), "Coloured noise, which hardly becomes smaller as a PNG file."
    noise = np.random.default_rng(0).uniform(size=(300, 300, 3)).astype(np.float32)
    png, small = to_png(noise), to_png(noise[:32, :32])
    show_picture(png, caption)
    show_picture(small, caption)
    (large, options), _, (kept, _), _ = calls
    assert options["metadata"] == {"image/jpeg": {"alt": caption}} and "image/png" not in large
    assert len(large["image/jpeg"]) < len(png) / 1.5 and kept["image/png"] == small
    with Image.open(io.BytesIO(large["image/jpeg"])) as stored:
        assert np.abs(np.asarray(stored, np.float32) / 255 - noise).mean() < 0.04, "colours stay"


def test_show_refuses_a_figure_without_a_caption() -> None:
    with pytest.raises(ValueError, match="'too short' is too short"):
        helpers.show(pyplot.figure(), "too short")


def test_tile_puts_each_picture_in_its_place() -> None:
    images = np.arange(5 * 2 * 3, dtype=float).reshape(5, 2, 3)
    sheet = tile(images, columns=2, gap=1, fill=-1)
    assert sheet.shape == (8, 7)
    for place in range(5):
        top, left = place // 2 * 3, place % 2 * 4
        np.testing.assert_array_equal(sheet[top : top + 2, left : left + 3], images[place])
    assert (sheet == -1).sum() == 8 * 7 - 5 * 6


def test_each_picture_is_under_its_name() -> None:
    """Row by row; a map in viridis, from what is said to be its least value."""
    rows = np.arange(6, dtype=np.float32).reshape(2, 3)
    images = {"red": np.full((2, 3, 3), (1, 0, 0), np.float32), "map": rows, "third": rows}
    figure = helpers.plot_images(images, columns=2, vmin=-6)
    drawn = [axis for axis in figure.axes if axis.images]
    assert [axis.get_title() for axis in drawn] == list(images) and not any(axis.axison for axis in figure.axes)
    for axis, image in zip(drawn, images.values(), strict=True):
        np.testing.assert_array_equal(axis.images[0].get_array(), image)
        assert axis.images[0].cmap.name == "viridis" and axis.images[0].norm.vmin == -6
    places = [axis.get_subplotspec().get_topmost_subplotspec() for axis in figure.axes]
    assert [(place.rowspan.start, place.colspan.start) for place in places] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert len(helpers.plot_images(images).axes) == 3, "one row, no empty places"


def test_block_means_average_whole_blocks() -> None:
    maps = np.arange(5 * 4, dtype=float).reshape(5, 4, 1)
    np.testing.assert_array_equal(block_means(maps, 2)[..., 0], [[2.5, 4.5], [10.5, 12.5]])
    assert block_means(maps, 0).shape == (5, 4, 1) and block_means(maps, 9).shape == (1, 1, 1)


def test_a_sheet_of_large_maps_stays_small() -> None:
    """A screen shows about a hundred pixels of each tile; 64 maps of 300 x 451 would otherwise take 600 MB to draw."""
    figure = helpers.plot_feature_maps(np.ones((300, 451, 64), np.float32), "large")
    assert figure.axes[0].images[0].get_array().size < 3_000_000


def test_normalize_stretches_each_channel() -> None:
    stretched = normalize(np.array([[[0.0, 5.0, 7.0]], [[2.0, 9.0, 7.0]]]))
    np.testing.assert_array_equal(stretched, [[[0, 0, 0]], [[1, 1, 0]]])


def test_png_holds_the_array() -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3)) / 255
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(to_png(image)))), np.round(image * 255))
    levels = np.random.default_rng(0).integers(0, len(PALETTE), (5, 7), np.uint8)
    coloured = np.asarray(Image.open(io.BytesIO(to_png(levels))).convert("RGB"))
    np.testing.assert_array_equal(coloured, PALETTE[levels])


def test_feature_map_sheet_holds_the_maps(maps: np.ndarray) -> None:
    figure = helpers.plot_feature_maps(maps, "block2_conv1", columns=8, limit=16)
    drawn = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(drawn[:32, :32], normalize(maps)[..., 0], atol=1e-6)
    assert figure.axes[0].get_title() == f"block2_conv1: the first 16 of {maps.shape[-1]} maps, 32 x 32"
    together = helpers.plot_feature_maps(maps, "block2_conv1", each=False)
    assert len(together.axes) == 2, "a common scale needs its colour bar"
    assert np.nanmax(together.axes[0].images[0].get_array()) == pytest.approx(maps.max())


def test_a_silent_filter_is_called_silent() -> None:
    common = {"layer_name": "conv", "history": np.zeros(1), "iters": 1, "seed": 0, "seconds": 0.0, "snapshots": {}}
    common |= {"objective": helpers.channel("conv", 0), "model": None}
    grey = np.full((8, 8, 3), 0.5, np.float32)
    pictures = [helpers.FilterImage(image=grey, f_index=i, response=float(i), **common) for i in (0, 1)]
    silent, alive = helpers.plot_filters(pictures, response=True).axes
    assert [text.get_text() for text in silent.texts] == ["silent"] and not alive.texts
    assert alive.get_title() == "filter 1\nresponse 1"
    np.testing.assert_array_equal(alive.images[0].get_array(), grey)


def test_figures_of_predictions_and_patches() -> None:
    model, photo = helpers.load_model("mini_vgg16", include_top=True), helpers.sample_image("coffee", 64)
    bars = helpers.plot_predictions(photo, helpers.predict(model, photo, top=3)).axes[1]
    assert len(bars.patches) == 3 and bars.patches[0].get_width() > bars.patches[1].get_width()
    patches = helpers.strongest_patches(model, "block1_conv2", 0, {"coffee": photo}, count=3)
    assert [axis.get_title().split("\n")[0] for axis in helpers.plot_patches(patches).axes] == ["coffee"] * 3
    assert "no photo" in helpers.plot_patches([]).axes[0].get_title()


def test_kernels_of_channels_from_anything_that_gives_numbers() -> None:
    kernels = np.random.default_rng(0).normal(size=(3, 3, 5, 6))
    for channels in ([0, 4], np.array([0, 4]), (number for number in [0, 4])):
        axis = helpers.plot_kernels(kernels, [1], channels).axes[0]
        assert [label.get_text() for label in axis.get_xticklabels()] == ["0", "4"]
