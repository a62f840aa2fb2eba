"""Gradient ascent: equal to a plain loop, repeatable, and higher than where it began."""

from __future__ import annotations

import numpy as np
import pytest

import helpers
from helpers import keras, recipes, tf
from helpers.recipes import COLOUR_CORRELATION, RECIPES


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return helpers.load_model("mini_vgg16")


def test_classroom_is_the_plain_loop(model: keras.Model) -> None:
    layer, f_index, steps = "block2_conv1", 3, 12
    submodel = helpers.get_submodel(model, layer)
    noise = tf.random.stateless_uniform((1, 40, 40, 3), [7, 0], -10, 10)
    picture, history = tf.Variable(0.5 + noise / 255), []
    for _ in range(steps):
        with tf.GradientTape() as tape:
            response = tf.reduce_mean(submodel(helpers.preprocess(model, picture))[..., f_index])
        gradient = tape.gradient(response, picture)
        picture.assign_add(10 / 255 * gradient / (tf.norm(gradient) + 1e-8))
        history.append(float(response))
    result = helpers.visualize_filter(model, layer, f_index, iters=steps, size=40, method="classroom", seed=7)
    np.testing.assert_allclose(result.history, history, rtol=1e-4)
    np.testing.assert_allclose(result.image, picture[0], atol=0.51 / 255)


@pytest.mark.parametrize("method", ["classroom", "fourier"])
def test_a_batch_gives_what_one_by_one_gives(model: keras.Model, method: str) -> None:
    filters = [5, 2, 9]
    batch = helpers.visualize_filters(model, "block3_conv2", filters, iters=4, size=32, method=method)
    alone = [helpers.visualize_filter(model, "block3_conv2", f, iters=4, size=32, method=method) for f in filters]
    for together, single in zip(batch, alone, strict=True):
        assert together.f_index == single.f_index
        np.testing.assert_allclose(together.image, single.image, atol=2e-3)


@pytest.mark.parametrize("method", ["classroom", "fourier"])
def test_same_seed_same_picture_other_seed_another(model: keras.Model, method: str) -> None:
    one, two, other = (
        helpers.visualize_filter(model, "block2_conv2", 1, iters=5, size=32, method=method, seed=seed)
        for seed in (3, 3, 4)
    )
    np.testing.assert_allclose(one.image, two.image, atol=1e-4)
    assert np.abs(one.image - other.image).max() > 0.01


@pytest.mark.parametrize("layer", ["block2_conv1", "block3_conv3", "block4_conv3", "block5_conv3"])
def test_the_picture_excites_its_filter(model: keras.Model, layer: str) -> None:
    """The reported response is the network's own, and higher than for any photo."""
    made = helpers.visualize_filters(model, layer, [0, 1], iters=40, size=64)
    for picture in made:
        maps = helpers.feature_maps(model, picture.image, layer)[layer]
        assert picture.response == pytest.approx(maps[..., picture.f_index].mean(), rel=1e-3)
        photos = [helpers.sample_image(name, 64) for name in helpers.sample_names()]
        natural = max(helpers.feature_maps(model, photo, layer)[layer][..., picture.f_index].mean() for photo in photos)
        assert natural < picture.response
        assert not picture.silent
        assert picture.history.shape == (40,) and picture.history[-1] > picture.history[0]
        assert picture.image.shape == (64, 64, 3) and picture.image.dtype == np.float32
        assert picture.image.min() >= 0 and picture.image.max() <= 1


def test_a_filter_that_cannot_respond_is_silent(model: keras.Model) -> None:
    inputs = keras.Input((None, None, 3))
    conv = keras.layers.Conv2D(2, 3, activation="relu", name="conv")
    network = keras.Model(inputs, conv(inputs))
    kernel = np.zeros((3, 3, 3, 2), np.float32)
    kernel[..., 1] = 1
    conv.set_weights([kernel, np.array([-1.0, 0.0], np.float32)])
    dead, alive = helpers.visualize_filters(network, "conv", iters=3, size=16)
    assert dead.silent and dead.response == 0
    assert not alive.silent


def test_the_default_wakes_a_filter_that_noise_leaves_silent(model: keras.Model) -> None:
    """Its bias is so low that noise gives zero and so no gradient; a bright picture excites it."""
    inputs = keras.Input((None, None, 3))
    conv = keras.layers.Conv2D(1, 3, activation="relu", name="conv")
    network = keras.Model(inputs, conv(inputs))
    conv.set_weights([np.ones((3, 3, 3, 1), np.float32), np.array([-20.0], np.float32)])
    assert helpers.visualize_filter(network, "conv", 0, iters=60, size=32, method="classroom").silent
    assert not helpers.visualize_filter(network, "conv", 0, iters=60, size=32).silent


def test_layers_with_branches_and_without_a_fused_relu() -> None:
    network = helpers.load_model("resnet50", weights=None, input_shape=(64, 64, 3))
    for layer in ("conv2_block1_1_conv", "conv2_block1_add", "conv2_block1_out"):
        picture = helpers.visualize_filter(network, layer, 3, iters=2, size=64)
        assert np.isfinite(picture.image).all() and np.isfinite(picture.history).all()


def test_one_spectral_parameter_is_one_wave() -> None:
    """Against numpy's inverse transform and Lucid's formulas."""
    parameters = np.zeros((1, 2, 3, 16, 9), np.float32)
    parameters[0, 0, 1, 2, 3] = 5
    spectrum = np.zeros((16, 9), complex)
    spectrum[2, 3] = 5 * 16 / np.hypot(2 / 16, 3 / 16)
    wave = np.fft.irfft2(spectrum, (16, 16))[..., None] / 4 * COLOUR_CORRELATION[:, 1]
    np.testing.assert_allclose(recipes.to_rgb(RECIPES["fourier"], parameters)[0], 1 / (1 + np.exp(-wave)), atol=1e-5)


def test_the_random_transformation_moves_little_and_passes_the_gradient() -> None:
    image = tf.Variable(helpers.sample_image("cat", 64)[None])
    with tf.GradientTape() as tape:
        moved = recipes.transform(RECIPES["fourier"], image, tf.constant([0, 1]), tf.constant(5))
        total = tf.reduce_mean(moved)
    assert np.abs(moved - image).mean() > 0.01, "something moved"
    assert moved.shape == image.shape and abs(float(total) - float(tf.reduce_mean(image))) < 0.1
    gradient = tape.gradient(total, image).numpy()
    assert gradient.sum() == pytest.approx(1, abs=0.2), "the weights of the resampled pixels are shares"


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"layer_name": "block9"}, helpers.LayerNotFound, "block9"),
        ({"layer_name": "predictions"}, helpers.LayerNotFound, "predictions"),
        ({"f_index": -1}, helpers.FilterOutOfRange, "-1.*0 to 15"),
        ({"f_index": 10**6}, helpers.FilterOutOfRange, "1000000.*0 to 15"),
        ({"f_index": 1.5}, helpers.FilterOutOfRange, "1.5"),
        ({"f_index": True}, helpers.FilterOutOfRange, "True"),
        ({"f_index": "3"}, helpers.FilterOutOfRange, "'3'"),
        ({"iters": 0}, ValueError, "iters is 0"),
        ({"iters": 2.5}, ValueError, "iters is 2.5"),
        ({"size": 3}, ValueError, "size is 3"),
        ({"size": float("nan")}, ValueError, "size is nan"),
        ({"method": "magic"}, ValueError, "'magic'.*fourier, regularised, classroom"),
        ({"seed": "x"}, ValueError, "seed is 'x'"),
        ({"seed": -1}, ValueError, "seed is -1"),
    ],
)
def test_bad_arguments_are_named(arguments: dict, error: type, words: str) -> None:
    model = helpers.load_model("mini_vgg16", include_top=True)
    with pytest.raises(error, match=words):
        helpers.visualize_filter(model, **({"layer_name": "block1_conv1", "f_index": 0} | arguments))


def test_a_size_that_the_network_cannot_take() -> None:
    model = helpers.load_model("mini_vgg16", input_shape=(64, 64, 3))
    with pytest.raises(ValueError, match="64 x 64 pixels only, not 96 x 96"):
        helpers.visualize_filter(model, "block1_conv1", 0)


def test_a_random_filter_follows_the_seed(model: keras.Model) -> None:
    drawn = {helpers.visualize_filter(model, "block1_conv1", iters=1, size=16, seed=seed).f_index for seed in range(6)}
    again = {helpers.visualize_filter(model, "block1_conv1", iters=1, size=16, seed=seed).f_index for seed in range(6)}
    assert drawn == again and len(drawn) > 1
