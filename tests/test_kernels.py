"""Kernels and the gratings they prefer, against cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import helpers
from helpers import keras


def one(slice_: list | np.ndarray) -> np.ndarray:
    """A single kernel with one input channel."""
    return np.asarray(slice_, np.float32)[:, :, None, None]


def wave(orientation: float, frequency: float, size: int) -> np.ndarray:
    """Stripes of that orientation: 0 level, 45 rising to the right, 90 upright."""
    rows, columns = np.indices((size, size))
    turn = np.radians(orientation)
    return np.cos(2 * np.pi * frequency * (columns * np.sin(turn) + rows * np.cos(turn)))


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return helpers.load_model("mini_vgg16")


def test_kernels_are_the_weights_of_the_layer(model: keras.Model) -> None:
    kernels = helpers.get_kernels(model, "block2_conv1")
    np.testing.assert_array_equal(kernels, model.get_layer("block2_conv1").get_weights()[0])
    assert kernels.dtype == np.float32
    kernels[:] = 0
    assert helpers.get_kernels(model, "block2_conv1").any(), "a copy: nobody changes the network by drawing"


def test_kernels_of_depthwise_and_separable_layers() -> None:
    inputs = keras.Input((8, 8, 5))
    hidden = keras.layers.DepthwiseConv2D((3, 2), depth_multiplier=2, name="depthwise")(inputs)
    small = keras.Model(inputs, keras.layers.SeparableConv2D(4, 3, name="separable")(hidden))
    assert helpers.get_kernels(small, "depthwise").shape == (3, 2, 5, 2)
    assert helpers.get_kernels(small, "separable").shape == (3, 3, 10, 1)


@pytest.mark.parametrize(("name", "hint"), [("block1_pool", "block1_conv1"), ("no such layer", "It has: block1_conv1")])
def test_a_layer_without_kernels(model: keras.Model, name: str, hint: str) -> None:
    with pytest.raises(helpers.LayerNotFound, match=hint):
        helpers.get_kernels(model, name)


def test_rgb_kernels_turn_the_colours_of_vgg_round(model: keras.Model) -> None:
    np.testing.assert_allclose(
        helpers.rgb_kernels(model), 255 * helpers.get_kernels(model, "block1_conv1")[:, :, ::-1], rtol=1e-5
    )


def test_rgb_kernels_respond_as_the_layer_does(model: keras.Model) -> None:
    """The difference of two pictures' responses has no bias and no mean colour in it."""
    kernels = helpers.rgb_kernels(model)
    pictures = np.random.default_rng(0).uniform(size=(2, 32, 32, 3)).astype(np.float32)
    first, second = (helpers.feature_maps(model, image, "block1_conv1", before_activation=True) for image in pictures)
    by_hand = np.einsum("hwc,hwcf->f", (pictures[0] - pictures[1])[4:7, 9:12], kernels)
    np.testing.assert_allclose((first["block1_conv1"] - second["block1_conv1"])[5, 10], by_hand, atol=1e-3)


def test_rgb_kernels_of_a_network_of_one_size(model: keras.Model) -> None:
    fixed = helpers.load_model("mini_vgg16", input_shape=(64, 64, 3))
    np.testing.assert_allclose(helpers.rgb_kernels(fixed), helpers.rgb_kernels(model), rtol=1e-5)


def test_rgb_kernels_need_a_first_layer_that_reads_colours() -> None:
    inputs = keras.Input((8, 8, 1))
    grey = keras.Model(inputs, keras.layers.Conv2D(2, 3, name="grey")(inputs))
    with pytest.raises(ValueError, match="grey reads 1 channels"):
        helpers.rgb_kernels(grey)
    with pytest.raises(helpers.LayerNotFound):
        helpers.rgb_kernels(keras.Model(inputs, keras.layers.ReLU()(inputs)))


SOBEL = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]


@pytest.mark.parametrize(
    ("kernel", "orientation", "frequency", "selectivity"),
    [
        (SOBEL, 90, 0.25, 64 / 12),  # its transform at (0, 1/4) is 8i; the squares of its weights add up to 12
        (np.transpose(SOBEL), 0, 0.25, 64 / 12),
        ([[1, -1], [1, -1]], 90, 0.5, 4),
        ([[1, 1], [0, 0], [-1, -1]], 0, 0.25, 16 / 4),  # not square
        (np.ones((3, 3)), np.nan, 0, 9),
        ([[-1, 1], [1, -1]], np.nan, np.sqrt(0.5), 4),  # a chessboard: both diagonals
        ([[0, 1, 0], [1, -4, 1], [0, 1, 0]], np.nan, np.sqrt(0.5), 64 / 20),  # Laplacian: a centre, no direction
        ([[1, 1, 1], [1, -8, 1], [1, 1, 1]], np.nan, 0.5, 144 / 72),  # level and upright stripes do equally well
    ],
)
def test_gratings_worked_out_by_hand(kernel, orientation: float, frequency: float, selectivity: float) -> None:
    row = helpers.preferred_gratings(one(kernel)).loc[0]
    np.testing.assert_allclose(row, [orientation, frequency, selectivity], rtol=1e-6)


def test_single_weights_and_zeros_prefer_nothing() -> None:
    single = helpers.preferred_gratings(one([[0, 0], [0, 3]])).loc[0]
    assert np.isnan(single["orientation"]) and single["selectivity"] == pytest.approx(1)
    assert helpers.preferred_gratings(np.zeros((3, 3, 2, 1))).loc[0, ["orientation", "selectivity"]].isna().all()


@settings(max_examples=40, deadline=None)
@given(orientation=st.floats(0, 180), frequency=st.floats(0.15, 0.4), scale=st.floats(1e-3, 1e3))
def test_a_grating_prefers_itself(orientation: float, frequency: float, scale: float) -> None:
    row = helpers.preferred_gratings(scale * one(wave(orientation, frequency, 15))).loc[0]
    assert abs((row["orientation"] - orientation + 90) % 180 - 90) < 6
    assert 0 <= row["orientation"] < 180 and row["frequency"] == pytest.approx(frequency, abs=0.02)


def test_power_is_added_over_colours() -> None:
    """An edge from red to green is none for a grey picture, and still prefers upright stripes."""
    kernel = np.zeros((3, 3, 3, 1))
    kernel[..., 0, 0], kernel[..., 1, 0] = SOBEL, np.negative(SOBEL)
    np.testing.assert_allclose(helpers.preferred_gratings(kernel).loc[0], [90, 0.25, 64 / 12])


def test_the_table_has_a_row_for_each_kernel(model: keras.Model) -> None:
    kernels = helpers.rgb_kernels(model)
    table = helpers.preferred_gratings(kernels)
    assert list(table.columns) == ["orientation", "frequency", "selectivity"] and len(table) == kernels.shape[3]
    assert table["selectivity"].between(1, 9).all() and table["frequency"].between(0, np.sqrt(0.5)).all()


def test_colour_tiles_keep_zero_at_mid_grey() -> None:
    kernels = np.zeros((3, 3, 3, 2))
    kernels[0, 0, :, 0] = [4, -2, 0]
    tiles = helpers.plot_kernels(kernels, titles=["one", "all zero"]).axes
    assert [axis.get_title() for axis in tiles] == ["one", "all zero"]
    drawn = tiles[0].images[0].get_array()
    np.testing.assert_allclose(drawn[0, 0], [1, 0.25, 0.5])
    np.testing.assert_allclose(drawn[1:], 0.5)
    np.testing.assert_allclose(tiles[1].images[0].get_array(), 0.5)


def test_signed_slices_have_a_dot_on_each_negative_weight() -> None:
    kernels = np.zeros((3, 3, 5, 6))
    kernels[..., 4, 1] = SOBEL
    axis = helpers.plot_kernels(kernels, [1], [2, 4]).axes[0]
    drawn = axis.images[0].get_array()
    np.testing.assert_allclose(drawn[:, 4:], np.array(SOBEL) / 2)
    np.testing.assert_array_equal(axis.collections[0].get_offsets(), [[4, 0], [4, 1], [4, 2]])
    assert [label.get_text() for label in axis.get_xticklabels()] == ["2", "4"]
    assert len(helpers.plot_kernels(kernels).axes[0].get_yticklabels()) == 4, "four rows unless asked otherwise"
