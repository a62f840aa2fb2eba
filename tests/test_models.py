"""Networks with their own conventions: preprocessing, predictions, names, shapes."""

from __future__ import annotations

import dataclasses
import functools
import gc
import os
import re
import sys
import warnings
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import helpers
from helpers import keras, models, tf
from helpers.errors import WeightsUnavailable
from helpers.models import BUNDLED_FILE, Network


@pytest.mark.parametrize("name", ["vgg16", "mini_vgg16"])
def test_preprocessing_is_keras_own(name: str) -> None:
    """Other networks: test_any_network.py."""
    model = helpers.load_model(name, weights=None, input_shape=(96, 96, 3))
    image = helpers.sample_image("cat", 96)
    wanted = keras.applications.vgg16.preprocess_input(image[None] * 255.0)
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


def test_preprocessing_resizes_for_a_network_of_one_size() -> None:
    """As Pillow does it: bilinear, and over a wider window where it shrinks."""
    fixed = keras.Sequential([keras.Input((24, 40, 3)), keras.layers.Conv2D(1, 3)])
    image = np.random.default_rng(0).uniform(size=(64, 48, 3)).astype(np.float32)
    bands = [Image.fromarray(band).resize((40, 24), Image.Resampling.BILINEAR) for band in np.moveaxis(image, -1, 0)]
    np.testing.assert_allclose(helpers.preprocess(fixed, image)[0], np.stack(bands, axis=-1), atol=1e-4)
    assert helpers.preprocess(fixed, image[:24, :40]).shape == (1, 24, 40, 3)


@pytest.mark.parametrize("shape", [(3,), (8, 8), (8, 8, 4), (1, 1, 8, 8, 3)])
def test_preprocess_refuses_what_is_no_picture(shape: tuple) -> None:
    with pytest.raises(ValueError, match=r"Pictures have shape .* not " + re.escape(f"{shape}.")):
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


@pytest.mark.parametrize("name", ["VGG16", "vgg16", "Mini-VGG16", "VGG_19", "vgg-19"])
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


@pytest.mark.parametrize("shape", [(32,), (32, 32), (32, 32, 1), (1, 32, 32, 3)])
def test_a_shape_that_is_no_pictures(shape: tuple) -> None:
    with pytest.raises(ValueError, match="input_shape is " + re.escape(repr(shape)) + ".*height, width, 3"):
        helpers.load_model("mini_vgg16", weights=None, input_shape=shape)


@pytest.mark.parametrize("shape", [(32, 32, 3), (None, 40, 3), (96, None, 3), (None, None, 3)])
def test_the_bundled_network_takes_any_picture_of_32_pixels(shape: tuple) -> None:
    model = helpers.load_model("mini_vgg16", weights=None, input_shape=shape)
    assert model.input_shape == (None, *shape)
    assert model.output_shape[1:3] == tuple(side and side // 32 for side in shape[:2])


@pytest.mark.parametrize("shape", [(31, 32, 3), (32, 31, 3), (None, 31, 3), (31, None, 3)])
def test_the_bundled_network_takes_no_smaller_picture(shape: tuple) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(shape)) + "; height and width must be at least 32"):
        helpers.load_model("mini_vgg16", weights=None, input_shape=shape)


def test_one_line_says_which_network_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with np.load(BUNDLED_FILE, allow_pickle=False) as file:
        sizes = {name: file[name].size for name in file.files if name.startswith(("block", "predictions"))}
    body = sum(size for name, size in sizes.items() if name.startswith("block"))
    model = helpers.load_model()
    assert capsys.readouterr() == (f"mini_vgg16: 13 convolutions, {body:,} parameters, bundled weights\n", "")
    helpers.load_model("mini_vgg16", include_top=True)
    assert capsys.readouterr().out == (
        f"mini_vgg16: 13 convolutions, {sum(sizes.values()):,} parameters, bundled weights\n"
    )
    helpers.load_model("mini_vgg16", weights=None)
    assert capsys.readouterr().out == f"mini_vgg16: 13 convolutions, {body:,} parameters, random weights\n"
    model.save_weights(path := tmp_path / "own.weights.h5")
    monkeypatch.setenv("CNN_WEIGHTS", "None")
    helpers.load_model(weights=path)
    assert capsys.readouterr().out == f"mini_vgg16: 13 convolutions, {body:,} parameters, own.weights.h5 weights\n"
    helpers.load_model("mini_vgg16")
    assert capsys.readouterr().out == f"mini_vgg16: 13 convolutions, {body:,} parameters, random weights\n"


def test_what_stands_in_for_vgg16_has_the_shape_that_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The weights too, and the line ends with the reason, without what to download."""
    monkeypatch.delenv("CNN_MODEL")
    model = helpers.load_model(input_shape=(64, 96, 3))
    assert model.input_shape == (None, 64, 96, 3)
    with np.load(BUNDLED_FILE, allow_pickle=False) as file:
        np.testing.assert_array_equal(model.get_weights()[0], file["block1_conv1/kernel"])
    assert re.search(
        r" weights \(in place of vgg16: vgg16_\S+ is not in .* downloaded \(no connection through the proxy\)\)\n$",
        capsys.readouterr().out,
    )


def test_nothing_stands_in_for_a_file_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CNN_MODEL")
    with pytest.raises(WeightsUnavailable, match=r"^none\.h5 cannot be read as weights of vgg16: there is no "):
        helpers.load_model(weights="none.h5")


def test_weights_of_another_network_are_refused_in_one_line_without_warnings(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    """A dot does not match a line's end."""
    other = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3)])
    other.save_weights(path := tmp_path / "other.weights.h5")
    with pytest.raises(WeightsUnavailable) as caught:
        helpers.load_model("mini_vgg16", weights=path)
    said = r"A total of \d+ objects could not be loaded\. .+: The shape of the target .+ must match.+\(3, 3, 3, 2\)\."
    assert [str(each.message) for each in recwarn if each.category is UserWarning] == []
    assert re.fullmatch(re.escape(f"{path} cannot be read as weights of mini_vgg16: ") + said, str(caught.value))


def test_the_bundled_networks_head_and_what_is_known_of_it() -> None:
    with np.load(BUNDLED_FILE, allow_pickle=False) as file:
        labels, kernel, bias = list(file["labels"]), file["predictions/kernel"], file["predictions/bias"]
    model = helpers.load_model("mini_vgg16", include_top=True)
    assert [layer.name for layer in model.layers][:: len(model.layers) - 1] == ["input", "predictions"]
    assert model.layers[-2].name == "avg_pool" and model.output_shape == (None, len(labels))
    for one, other in zip(model.layers[-1].get_weights(), (kernel, bias), strict=True):
        np.testing.assert_array_equal(one, other)
    assert model.network.name == model.name == "mini_vgg16" and model.network.default_size == 64
    assert model.network.labels() == labels and type(model.network.labels()[0]) is str
    with np.load(BUNDLED_FILE.with_name("statistics.npz"), allow_pickle=False) as file:
        assert list(model.network.statistics()) == file.files
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.network.name = "another"


def test_of_random_weights_no_responses_are_known() -> None:
    model = helpers.load_model("mini_vgg16", weights=None, include_top=True)
    assert model.network.statistics() == {} and len(model.network.labels()) == 200
    with np.load(BUNDLED_FILE, allow_pickle=False) as file:
        assert not np.allclose(model.get_weights()[0], file["block1_conv1/kernel"])


@pytest.fixture
def forgetful() -> Iterator[None]:
    """The names of ImageNet's classes are not remembered, neither before nor after."""
    models._imagenet_labels.cache_clear()
    yield
    models._imagenet_labels.cache_clear()


@pytest.mark.usefixtures("forgetful")
def test_imagenets_classes_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names as Keras' file has them, in the order of the network's outputs."""
    module = sys.modules[keras.applications.imagenet_utils.decode_predictions.__module__]
    index = {str(number): [f"n{number:08}", f"class_no_{number}"] for number in range(1000)}
    monkeypatch.setattr(module, "CLASS_INDEX", index)
    network = helpers.load_model("mobilenet", weights=None, include_top=True).network
    assert network.labels() == [f"class no {number}" for number in range(1000)]


@pytest.mark.usefixtures("forgetful")
def test_imagenets_classes_without_a_network() -> None:
    folder = re.escape(str(Path(os.environ["KERAS_HOME"]) / "models"))
    with pytest.raises(WeightsUnavailable, match=rf"imagenet_class_index\.json is not in {folder} .* \(35 kB\) where"):
        models._imagenet_labels()


def test_any_size_is_no_reason_for_keras_to_warn() -> None:
    """Keras does when it loads MobileNet for pictures of any size; here warnings are errors.

    It has 3,228,864 parameters of four bytes each.
    """
    with pytest.raises(WeightsUnavailable, match=r"mobilenet_1_0_224_tf_no_top\.h5 is not in .* \(about 13 MB\) where"):
        helpers.load_model("mobilenet")


def test_other_warnings_of_keras_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    original = keras.applications.MobileNet

    @functools.wraps(original)
    def warns(**options: object) -> keras.Model:
        warnings.warn("something else", stacklevel=1)
        return original(**options)

    monkeypatch.setattr(keras.applications, "MobileNet", warns)
    with pytest.warns(UserWarning, match="something else"):
        helpers.load_model("mobilenet", weights=None, input_shape=(32, 32, 3))


def coloured(
    size: tuple[int | None, int | None], activation: str | None, labels: list[str], preprocess: Callable
) -> keras.Model:
    """A network that answers with the mean of each colour, red for every class after the third."""
    inputs, layers = keras.Input((*size, 3)), keras.layers
    kernel = np.eye(3, len(labels), dtype=np.float32) + np.eye(1, 3).T * (np.arange(len(labels)) >= 3)
    answers = layers.Dense(len(labels), use_bias=False, activation=activation)
    model = keras.Model(inputs, answers(layers.Dropout(0.5)(layers.GlobalAveragePooling2D()(inputs))))
    answers.set_weights([kernel])
    model.network = Network("coloured", preprocess, 5, lambda: labels)
    return model


@pytest.mark.parametrize("activation", [None, "softmax"])
def test_probabilities_by_hand(activation: str | None) -> None:
    """Mean colours 1, 3 and 2 after preprocessing; probabilities are their exponentials' shares."""
    model = coloured((4, 4), activation, ["red", "green", "blue"], lambda levels: levels / 51)
    table = helpers.predict(model, np.full((8, 8, 3), (0.2, 0.6, 0.4), np.float32))
    assert table["class"].tolist() == ["green", "blue", "red"] and table.index.tolist() == [0, 1, 2]
    np.testing.assert_allclose(table["probability"], np.exp([3, 2, 1]) / np.exp([3, 2, 1]).sum(), rtol=1e-5)
    assert helpers.predict(model, np.full((8, 8, 3), (0.2, 0.6, 0.4), np.float32), top=1)["class"].tolist() == ["green"]


def test_equally_probable_classes_stay_in_the_networks_order() -> None:
    labels = [f"class {number}" for number in range(60)]
    model = coloured((4, 4), None, labels, lambda levels: levels / 51)
    table = helpers.predict(model, np.full((4, 4, 3), (0.8, 0.2, 0.2), np.float32), top=60)
    assert table["class"].tolist() == [labels[0], *labels[3:], *labels[1:3]], "all are red but two"


@pytest.mark.parametrize(
    ("size", "seen"), [((None, None), (5, 5)), ((4, 6), (4, 6)), ((None, 6), (5, 6)), ((4, None), (4, 5))]
)
def test_the_whole_picture_at_the_networks_size(size: tuple, seen: tuple) -> None:
    """Where the network takes any size, its default; what is not square is squeezed, nothing cut off."""
    shown: list[np.ndarray] = []
    model = coloured(size, None, ["red", "green", "blue"], lambda levels: shown.append(levels) or levels)
    picture = np.zeros((12, 30, 3), np.float32)
    picture[-1], picture[:, -1] = (0, 0, 1), (0, 1, 0)
    helpers.predict(model, picture)
    assert shown[0].shape == (1, *seen, 3) and shown[0].dtype == np.float32
    assert (shown[0][0, :, -1, 1] > 20).all() and (shown[0][0, -1, :-1, 2] > 20).all()
    assert shown[0][0, :-1, :-1].max() < 20


def test_predict_wants_a_head() -> None:
    own = coloured((4, 4), None, ["red", "green", "blue"], lambda levels: levels)
    own = helpers.get_submodel(own, own.layers[0].name)
    with pytest.raises(ValueError, match=f"{own.name} has no classification head"):
        helpers.predict(own, np.ones((4, 4, 3), np.float32))


def test_the_known_networks_are_listed_in_order() -> None:
    with pytest.raises(ValueError) as caught:
        helpers.load_model("vgg17")
    names = re.fullmatch(r"There is no network 'vgg17'\. There are: mini_vgg16, (.*)\.", str(caught.value))[1]
    assert names.split(", ") == sorted(names.split(", ")) and len(names.split(", ")) > 30
    assert "convnexttiny" in names and "imagenetutils" not in names


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
