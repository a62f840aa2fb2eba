"""Networks of keras.applications without weights, and as students build them: the same calls work on each of them."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pytest

import helpers
from helpers import keras, tf
from helpers.models import _constructors

NAMES = ["vgg16", "vgg19", "resnet50", "inception_v3", "mobilenet_v2", "xception", "mobilenet_v3_small"]
# Receptive fields of the last map. VGG16, ResNet50 and Inception V3 as Araujo, Norris and Sim (Distill 2019) print
# them; VGG19 has one more convolution in blocks 3, 4 and 5, so 212 + 2 * (4 + 8 + 16).
FIELDS = {"vgg16": 212, "vgg19": 268, "resnet50": 483, "inception_v3": 1311}
SIZES = {"inception_v3": 299, "xception": 299, "mobilenet_v2": 96}  # MobileNetV2 has weights for 96 pixels, too


@pytest.fixture(scope="module", params=NAMES)
def model(request: pytest.FixtureRequest) -> keras.Model:
    return helpers.load_model(request.param, weights=None, input_shape=(96, 96, 3))


def test_what_keras_knows_about_a_network_is_found(model: keras.Model) -> None:
    name = next(
        name for name in NAMES if name.replace("_", "") == model.name.split("_1.00")[0].replace("_", "").lower()
    )
    assert model.network.default_size == SIZES.get(name, 224)
    module = sys.modules[_constructors()[name.replace("_", "")].__module__]
    image = helpers.sample_image("flower", 96)
    wanted = module.preprocess_input(image[None] * 255.0)
    for pictures in (image, tf.constant(image)[None]):
        np.testing.assert_allclose(helpers.preprocess(model, pictures), wanted, atol=1e-4)
    table = helpers.layer_table(model)
    assert table["parameters"].sum() == model.count_params() and len(table) == len(model.layers)
    last = table["receptive_field"].iloc[-1]
    if name == "mobilenet_v3_small":
        assert last is None, "its squeeze-and-excitation blocks see the whole picture"
    else:
        assert last == (FIELDS.get(name, last[0]),) * 2 and last[0] > 96 and table["stride"].iloc[-1] == (32, 32)
        assert table["receptive_field"].notna().all(), "without a head, every layer gives a map"


def test_one_feature_map_and_one_step_of_ascent(model: keras.Model) -> None:
    layer = helpers.conv_layers(model)[3]
    maps = helpers.feature_maps(model, helpers.sample_image("cat", 96), layer)[layer]
    assert maps.shape == tuple(model.get_layer(layer).output.shape[1:]) and np.isfinite(maps).all()
    picture = helpers.visualize_filter(model, layer, 1, iters=1, size=96)
    assert picture.image.shape == (96, 96, 3) and np.isfinite(picture.history).all()


def test_every_network_of_this_keras_has_a_name() -> None:
    assert {"convnexttiny", "densenet121", "efficientnetb0", "nasnetmobile", "vgg16"} <= set(_constructors())


def grown() -> keras.Model:
    """With each layer that is added Keras calls all of them anew."""
    model = keras.Sequential()
    for layer in (keras.Input((40, 40, 3)), keras.layers.Conv2D(4, 3, name="one"), keras.layers.MaxPooling2D(2)):
        model.add(layer)
    model.add(keras.layers.Conv2D(4, 3, activation="relu", name="two"))
    return model


def shortened() -> keras.Model:
    model = grown()
    model.add(keras.layers.Conv2D(2, 1))
    model.pop()
    return model


def borrowed() -> keras.Model:
    """Its layers belong to a network that was made before."""
    return keras.Sequential([keras.Input((40, 40, 3)), *helpers.load_model("mini_vgg16").layers[1:5]])


@pytest.mark.parametrize(("build", "field"), [(grown, 8), (shortened, 8), (borrowed, 10)])
def test_layers_that_were_called_before(build: Callable[[], keras.Model], field: int) -> None:
    """Fields worked out by hand: 3 + 1 for the pooling + 2 * 2; with a convolution more before it 2 more."""
    keras.utils.set_random_seed(0)
    model, image = build(), helpers.sample_image("cat", 40)
    layer, wanted = model.layers[-1].name, image[None]
    for each in model.layers:
        wanted = each(wanted)
    alive = np.argmax(np.max(wanted[0], axis=(0, 1)))
    np.testing.assert_allclose(helpers.feature_maps(model, image, layer)[layer], wanted[0], atol=1e-5)
    assert helpers.layer_table(model)["receptive_field"].iloc[-1] == (field, field)
    assert helpers.strongest_patches(model, layer, alive, {"cat": image}, count=1)[0].image.shape == (field, field, 3)
    before = helpers.get_submodel(model, layer, before_activation=True)(image[None])
    np.testing.assert_allclose(tf.nn.relu(before), wanted, atol=1e-5)
    assert np.isfinite(helpers.visualize_filter(model, layer, 1, iters=2, size=40).image).all()
    assert helpers.saliency_map(model, image, target=1).shape == (40, 40)
    assert helpers.deep_dream(model, image, layer, octaves=1, iters=1).shape == (40, 40, 3)


def test_a_layer_that_is_called_twice_shows_its_first_call() -> None:
    inputs, twice = keras.Input((9, 9, 3)), keras.layers.Conv2D(3, 3, name="twice")
    model, image = keras.Model(inputs, twice(twice(inputs))), helpers.sample_image("cat", 9)
    np.testing.assert_allclose(helpers.feature_maps(model, image)["twice"], twice(image[None])[0], atol=1e-5)
    assert helpers.layer_table(model)["output_shape"].tolist() == [(9, 9, 3), (7, 7, 3)]
