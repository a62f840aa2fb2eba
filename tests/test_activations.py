"""Feature maps and the patches that excite a channel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import helpers
from helpers import keras


def known_network() -> keras.Model:
    """One 3 x 3 kernel: Sobel's, on the red channel, for edges from dark to bright, left to right; no padding."""
    inputs = keras.Input((None, None, 3))
    conv = keras.layers.Conv2D(1, 3, activation="relu", name="sobel")
    model = keras.Model(inputs, conv(inputs))
    kernel = np.zeros((3, 3, 3, 1), np.float32)
    kernel[:, :, 0, 0] = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
    conv.set_weights([kernel, np.array([-1.0], np.float32)])
    return model


def test_a_kernel_on_a_5_by_5_picture() -> None:
    """Worked out by hand: a bright column 3 and 4 gives 4 - 1 = 3 where the window's right side is bright."""
    image = np.zeros((5, 5, 3), np.float32)
    image[:, 3:, 0] = 1
    maps = helpers.feature_maps(known_network(), image)["sobel"][..., 0]
    np.testing.assert_allclose(maps, [[0, 3, 3]] * 3)
    before = helpers.feature_maps(known_network(), image, "sobel", before_activation=True)["sobel"][..., 0]
    np.testing.assert_allclose(before, [[-1, 3, 3]] * 3)


def test_the_strongest_patch_is_the_edge() -> None:
    image = np.zeros((9, 12, 3), np.float32)
    image[:, 7:, 0] = 1
    dull = np.full((9, 12, 3), 0.5, np.float32)
    patches = helpers.strongest_patches(known_network(), "sobel", 0, {"edge": image, "dull": dull}, count=4)
    assert {patch.photo for patch in patches} == {"edge"}, "the plain photo excites nothing"
    first = patches[0]
    assert first.response == pytest.approx(3) and first.image.shape == (3, 3, 3)
    np.testing.assert_array_equal(first.image, image[first.row : first.row + 3, first.column : first.column + 3])
    assert [patch.response for patch in patches] == sorted((patch.response for patch in patches), reverse=True)


def test_a_network_of_one_size_sees_the_pictures_resized() -> None:
    free = known_network()
    fixed = keras.Sequential([keras.Input((9, 12, 3)), free.get_layer("sobel")])
    photo = np.zeros((20, 30, 3), np.float32)
    photo[:, 18:, 0] = 1
    small = helpers.preprocess(fixed, photo)[0].numpy()
    assert small.shape == (9, 12, 3)
    np.testing.assert_array_equal(
        helpers.feature_maps(fixed, photo)["sobel"], helpers.feature_maps(free, small)["sobel"]
    )
    shown = helpers.load_image(photo, (9, 12))
    patches = helpers.strongest_patches(fixed, "sobel", 0, {"edge": photo}, count=2)
    assert len(patches) == 2
    for patch in patches:
        assert patch.row <= 6 and patch.column <= 9
        rows, columns = slice(patch.row, patch.row + 3), slice(patch.column, patch.column + 3)
        np.testing.assert_array_equal(patch.image, shown[rows, columns])


def test_a_patch_past_the_edge_is_filled_with_grey() -> None:
    model = helpers.load_model("mini_vgg16")
    patch = helpers.strongest_patches(model, "block5_conv3", 0, {"cat": helpers.sample_image("cat", 64)}, count=1)[0]
    assert patch.image.shape == (196, 196, 3)
    assert (patch.image == 0.5).all(axis=2).sum() >= 196 * 196 - 64 * 64


@pytest.mark.parametrize("channel", [-1, 256, 10**6])
def test_a_channel_out_of_range(channel: int) -> None:
    model = helpers.load_model("mini_vgg16")
    with pytest.raises(helpers.FilterOutOfRange, match=rf"{channel}.*0 to 255"):
        helpers.strongest_patches(model, "block5_conv3", channel, {"cat": helpers.sample_image("cat", 64)})


@settings(max_examples=6, deadline=None)
@given(height=st.integers(32, 70), width=st.integers(32, 70), seed=st.integers(0, 99), data=st.data())
def test_any_picture_through_any_layers(height: int, width: int, seed: int, data: st.DataObject) -> None:
    model = helpers.load_model("mini_vgg16")
    names = data.draw(st.lists(st.sampled_from(helpers.conv_layers(model)), min_size=1, max_size=3, unique=True))
    image = np.random.default_rng(seed).uniform(size=(height, width, 3)).astype(np.float32)
    maps = helpers.feature_maps(model, image, names)
    assert list(maps) == names
    for name, array in maps.items():
        shrunk = 2 ** (int(name[5]) - 1)
        channels = model.get_layer(name).output.shape[-1]
        assert array.shape == (height // shrunk, width // shrunk, channels) and array.dtype == np.float32
        assert np.isfinite(array).all() and array.min() >= 0
