"""Networks of keras.applications without weights: the same calls work on each of them."""

from __future__ import annotations

import sys

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
