"""Networks with their own conventions: preprocessing, predictions, names, shapes."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable

import numpy as np
import pytest

import helpers
from helpers import keras, tf
from helpers.models import BUNDLED_FILE


@pytest.mark.parametrize("name", ["vgg16", "resnet50", "inception_v3", "mobilenet_v2", "mini_vgg16"])
def test_preprocessing_is_keras_own(name: str) -> None:
    model = helpers.load_model(name, weights=None, input_shape=(96, 96, 3))
    image = helpers.sample_image("cat", 96)
    module = getattr(keras.applications, {"mini_vgg16": "vgg16"}.get(name, name))
    wanted = module.preprocess_input(image[None] * 255.0)
    np.testing.assert_allclose(helpers.preprocess(model, image), wanted, atol=1e-4)
    np.testing.assert_allclose(helpers.preprocess(model, tf.constant(image)[None]), wanted, atol=1e-4)


def test_vgg16_gets_bgr_with_the_mean_subtracted() -> None:
    model = helpers.load_model("mini_vgg16")
    red = np.zeros((4, 5, 3), np.float32)
    red[..., 0] = 1
    batch = helpers.preprocess(model, red)
    assert batch.shape == (1, 4, 5, 3)
    np.testing.assert_allclose(batch[0, 0, 0], [-103.939, -116.779, 255 - 123.68], rtol=1e-6)
    assert red.max() == 1, "the picture itself is untouched"


def test_preprocessing_lets_the_gradient_through() -> None:
    model = helpers.load_model("mini_vgg16")
    picture = tf.Variable(tf.fill((1, 2, 2, 3), 0.5))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(helpers.preprocess(model, picture))
    np.testing.assert_allclose(tape.gradient(total, picture), np.full((1, 2, 2, 3), 255.0))


def test_a_model_of_ones_own_gets_pictures_as_they_are() -> None:
    own = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3)])
    image = np.random.default_rng(0).uniform(size=(8, 8, 3)).astype(np.float32)
    np.testing.assert_array_equal(helpers.preprocess(own, image)[0], image)


@pytest.mark.parametrize("shape", [(3,), (8, 8), (8, 8, 4), (1, 1, 8, 8, 3)])
def test_preprocess_refuses_what_is_no_picture(shape: tuple) -> None:
    with pytest.raises(ValueError, match=r"Pictures have shape .* not \(" + str(shape[0])):
        helpers.preprocess(helpers.load_model("mini_vgg16"), np.zeros(shape, np.float32))


def test_the_bundled_network_has_vgg16s_layers() -> None:
    mini, vgg16 = helpers.load_model("mini_vgg16"), helpers.load_model("vgg16", weights=None)
    assert [layer.name for layer in mini.layers][1:] == [layer.name for layer in vgg16.layers][1:]
    assert [type(layer) for layer in mini.layers] == [type(layer) for layer in vgg16.layers]
    assert mini.input_shape == vgg16.input_shape == (None, None, None, 3)


def test_the_bundled_network_is_what_its_arrays_say() -> None:
    """Block 1 by hand in numpy, with the kernels read straight from the file."""
    model, image = helpers.load_model("mini_vgg16"), helpers.sample_image("cat", 32)
    with np.load(BUNDLED_FILE, allow_pickle=False) as file:
        kernel, bias = file["block1_conv1/kernel"], file["block1_conv1/bias"]
    padded = np.pad(helpers.preprocess(model, image)[0], ((1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
    by_hand = np.maximum(np.einsum("hwcij,ijcf->hwf", windows, kernel) + bias, 0)
    np.testing.assert_allclose(helpers.feature_maps(model, image, "block1_conv1")["block1_conv1"], by_hand, atol=1e-3)


def test_predict_ranks_probabilities() -> None:
    model = helpers.load_model("mini_vgg16", include_top=True)
    table = helpers.predict(model, helpers.sample_image("coffee"), top=200)
    assert list(table.columns) == ["class", "probability"] and len(table) == 200
    assert table["class"][0] == "espresso"
    assert table["probability"].is_monotonic_decreasing
    assert table["probability"].sum() == pytest.approx(1, abs=1e-4)
    assert len(helpers.predict(model, helpers.sample_image("coffee"))) == 5


def test_predict_says_when_there_is_no_head() -> None:
    with pytest.raises(ValueError, match="include_top=True"):
        helpers.predict(helpers.load_model("mini_vgg16"), helpers.sample_image("cat"))
    with pytest.raises(ValueError, match="top is 0"):
        helpers.predict(helpers.load_model("mini_vgg16", include_top=True), helpers.sample_image("cat"), top=0)


@pytest.mark.parametrize("name", ["VGG16", "vgg16", "Mini-VGG16", "InceptionV3", "inception_v3"])
def test_names_are_forgiving(name: str) -> None:
    model = helpers.load_model(name, weights=None)
    assert model.name.replace("_", "") == name.lower().replace("_", "").replace("-", "")


def test_an_unknown_network_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"no network 'vgg17'.*mini_vgg16.*resnet50.*vgg16"):
        helpers.load_model("vgg17")


@pytest.mark.parametrize(
    ("name", "shape"),
    [("mini_vgg16", (16, 96, 3)), ("vgg16", (16, 16, 3)), ("vgg16", (96, 96, 1)), ("vgg16", (96, 96))],
)
def test_a_shape_that_the_network_cannot_take(name: str, shape: tuple) -> None:
    with pytest.raises(ValueError, match=r"(?i)(input_shape|input size).*" + str(shape[0])):
        helpers.load_model(name, weights=None, input_shape=shape)


USES: dict[str, Callable[[keras.Model, np.ndarray], object]] = {
    "nothing": lambda model, photo: None,
    "maps": lambda model, photo: helpers.feature_maps(model, photo),
    "ascent": lambda model, photo: helpers.visualize_filter(model, "block2_conv1", 0, iters=1, size=32).quality,
    "saliency": lambda model, photo: helpers.saliency_map(model, photo),
    "dream": lambda model, photo: helpers.deep_dream(model, photo, "block2_conv1", octaves=1, iters=1),
    "style": lambda model, photo: helpers.style_transfer(model, photo, photo, octaves=1, iters=1),
}


@pytest.mark.parametrize("use", USES)
def test_a_network_that_was_dropped_is_freed_when_the_next_is_loaded(use: str) -> None:
    model = helpers.load_model("mini_vgg16")
    USES[use](model, helpers.sample_image("cat", 32))
    dropped = weakref.ref(model)
    gc.disable()  # or chance decides
    try:
        del model
        helpers.load_model("mini_vgg16")
        assert dropped() is None
    finally:
        gc.enable()
