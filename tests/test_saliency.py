"""Saliency maps against numpy: each method's formula, then nested, branched and fixed-size networks, and errors."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import helpers
from helpers import integrated_gradients, keras, saliency, saliency_map
from helpers.models import Network
from helpers.saliency import METHODS

LABELS = ["cat", "dog", "teapot"]
RELU = {"fused": "relu", "layer": None, "activation": None}


def picture(height: int = 4, width: int = 4, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(size=(height, width, 3)).astype(np.float32)


def with_weights(network: keras.Model, seed: int = 0) -> keras.Model:
    random = np.random.default_rng(seed)
    for weight in network.weights:
        weight.assign(random.normal(0.1, 0.6, weight.shape))
    network.network = Network("small", lambda levels: levels / 255 - 0.5, 4, lambda: LABELS)
    return network


def small(relu: str = "fused", head: str = "softmax", size: int | None = 4) -> keras.Model:
    """Two 1 x 1 convolutions with ReLU, however it is written, and a dense layer that sees every unit."""
    layers = keras.layers
    tensor = inputs = keras.Input((size, size, 3))
    for name, count in (("first", 5), ("second", 6)):
        tensor = layers.Conv2D(count, 1, activation=RELU[relu], name=name)(tensor)
        if relu != "fused":
            tensor = (layers.ReLU() if relu == "layer" else layers.Activation("relu"))(tensor)
    if head != "none":
        tensor = layers.Flatten()(tensor) if size else layers.GlobalAveragePooling2D()(tensor)
        tensor = layers.Dense(3, activation="softmax" if head == "softmax" else None, name="head")(tensor)
    if head == "apart":
        tensor = layers.Softmax()(tensor)
    return with_weights(keras.Model(inputs, tensor, name="small"))


def by_hand(network: keras.Model, image: np.ndarray, target: int) -> dict[str, np.ndarray]:
    """Maps, logits and gradients of the network with the 4 x 4 dense head, in numpy."""
    kernels = {name: network.get_layer(name).kernel.numpy().astype(float) for name in ("first", "second", "head")}
    biases = {name: network.get_layer(name).bias.numpy() for name in kernels}
    first = (image - 0.5) @ kernels["first"][0, 0] + biases["first"]
    second = np.maximum(first, 0) @ kernels["second"][0, 0] + biases["second"]
    maps = np.maximum(second, 0)
    logits = maps.ravel() @ kernels["head"] + biases["head"]
    at_maps = kernels["head"][:, target].reshape(maps.shape)
    plain = ((at_maps * (second > 0)) @ kernels["second"][0, 0].T * (first > 0)) @ kernels["first"][0, 0].T
    down = (np.maximum(at_maps, 0) * (second > 0)) @ kernels["second"][0, 0].T
    guided = (np.maximum(down, 0) * (first > 0)) @ kernels["first"][0, 0].T
    return {"maps": maps, "logits": logits, "at_maps": at_maps, "gradient": plain, "guided": guided}


def stretched(values: np.ndarray) -> np.ndarray:
    return (values - values.min()) / np.ptp(values)


@pytest.mark.parametrize("relu", RELU)
@pytest.mark.parametrize("head", ["softmax", "apart", "linear"])
def test_gradients_and_cams_are_what_their_formulas_say(relu: str, head: str) -> None:
    network, image = small(relu, head), picture()
    for target in range(3):
        found = by_hand(network, image, target)
        wanted = {
            "gradient": np.abs(found["gradient"]).max(axis=2),
            "gradient_x_input": np.abs((found["gradient"] * image).sum(axis=2)),
            "guided_backpropagation": np.abs(found["guided"]).max(axis=2),
            "grad_cam": np.maximum((found["maps"] * found["at_maps"].mean(axis=(0, 1))).sum(axis=2), 0),
            "layer_cam": (found["maps"] * np.maximum(found["at_maps"], 0)).sum(axis=2),
            "averaged_activations": found["maps"].mean(axis=2),
        }
        assert not np.allclose(stretched(wanted["gradient"]), stretched(wanted["guided_backpropagation"]), atol=0.01)
        for method, values in wanted.items():
            made = saliency_map(network, image, method, target)
            assert made.dtype == np.float32 and made.shape == (4, 4)
            np.testing.assert_allclose(made, stretched(values), atol=2e-5, err_msg=method)


def test_grad_cam_with_numbers_that_can_be_added_up_in_the_head() -> None:
    """Two maps, red and green; the class counts red once and green minus twice: the map is red - 2 green, cut at 0."""
    inputs = keras.Input((2, 2, 3))
    tensor = keras.layers.Conv2D(2, 1, use_bias=False, name="maps")(inputs)
    network = keras.Model(inputs, keras.layers.Dense(1, use_bias=False)(keras.layers.GlobalAveragePooling2D()(tensor)))
    network.get_layer("maps").kernel.assign(np.array([[[[1, 0], [0, 1], [0, 0]]]]))
    network.layers[-1].kernel.assign([[1], [-2]])
    image = np.zeros((2, 2, 3), np.float32)
    image[..., 0], image[..., 1] = [[1, 0.5], [0.5, 0]], [[0, 0.25], [0.125, 0.5]]
    np.testing.assert_allclose(saliency_map(network, image, "grad_cam", 0), [[1, 0], [0.25, 0]], atol=1e-6)
    np.testing.assert_allclose(saliency_map(network, image, "layer_cam", 0), [[1, 0.5], [0.5, 0]], atol=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_the_first_component_is_that_of_a_singular_value_decomposition(seed: int) -> None:
    network, image = small(), picture(seed=seed)
    maps = by_hand(network, image, 0)["maps"].reshape(16, -1)
    scores = np.linalg.svd(maps - maps.mean(axis=0))
    component = (scores[0][:, 0] * scores[1][0]).reshape(4, 4)
    if np.sum(component.ravel() * maps.mean(axis=1)) < 0:
        component = -component
    np.testing.assert_allclose(saliency_map(network, image, "first_component"), stretched(component), atol=1e-4)


def test_smoothgrad_is_the_mean_gradient_of_noisy_copies() -> None:
    network, image = small(), picture()
    random, total = np.random.default_rng(3), 0
    for _ in range(5):
        noisy = image + random.normal(0, 0.15 * np.ptp(image), image.shape)
        total = total + by_hand(network, noisy, 1)["gradient"]
    made = saliency_map(network, image, "smoothgrad", 1, samples=5, seed=3)
    np.testing.assert_allclose(made, stretched(np.abs(total).max(axis=2)), atol=2e-5)


def test_the_same_seed_gives_the_same_map_in_any_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    network, image = small(), picture()
    one = saliency_map(network, image, "smoothgrad", seed=7)
    np.testing.assert_array_equal(saliency_map(network, image, "smoothgrad", seed=7), one)
    assert not np.allclose(saliency_map(network, image, "smoothgrad", seed=8), one)
    sizes = []
    monkeypatch.setattr(saliency, "progress_bar", lambda iterable, **_: sizes.append([*map(len, iterable)]) or iterable)
    monkeypatch.setattr(saliency, "PIXELS", 5 * 16)
    np.testing.assert_allclose(saliency_map(network, image, "smoothgrad", seed=7, samples=32), one, atol=1e-5)
    assert sizes == [[1], [5, 5, 5, 5, 4, 4, 4]], "the first asks for the top class"
    monkeypatch.setattr(saliency, "PIXELS", 1)
    np.testing.assert_allclose(saliency_map(network, image, "smoothgrad", seed=7), one, atol=1e-5)


def test_occlusion_by_hand() -> None:
    """The score is the mean of red, and each place is covered by the squares that it lies in."""
    inputs = keras.Input((None, None, 3))
    network = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.GlobalAveragePooling2D()(inputs)))
    network.layers[-1].kernel.assign([[20.0], [0.0], [0.0]])
    image = np.full((3, 8, 3), 0.5, np.float32)
    image[0, 1, 0] = 1.0
    # Squares of two pixels begin in rows 0, 1 and columns 0 to 6; covering the bright pixel costs the same each time.
    shares = np.pad([[1, 1, 0.5], [0.5, 0.5, 0.25], [0, 0, 0]], ((0, 0), (0, 5)))
    np.testing.assert_allclose(saliency_map(network, image, "occlusion", 0), shares, atol=1e-5)
    np.testing.assert_allclose(saliency_map(network, image.swapaxes(0, 1), "occlusion", 0), shares.T, atol=1e-5)
    narrow = image[:, :6]  # squares of one pixel
    np.testing.assert_allclose(saliency_map(network, narrow, "occlusion", 0), narrow[..., 0] > 0.5, atol=1e-5)
    line = np.concatenate([image[:1]] * 4, axis=1)  # squares of six pixels on a height of one
    assert saliency_map(network, line, "occlusion", 0).argmax() in range(10)


@pytest.mark.parametrize("size", [(4, 4), (7, 9)])
def test_integrated_gradients_are_complete(size: tuple[int, int]) -> None:
    image = picture(*size)
    attributions, gap = integrated_gradients(small(), image, "dog", 400)
    assert attributions.shape == image.shape and attributions.dtype == np.float32 and gap < 0.01
    linear = small("activation")
    linear.get_layer("first").bias.assign(np.full(5, 1e3))
    linear.get_layer("second").bias.assign(np.full(6, 1e6))  # no ReLU is ever silent: one step is exact
    attributions, gap = integrated_gradients(linear, picture(), 2, 1)
    np.testing.assert_allclose(
        attributions, by_hand(linear, picture(), 2)["gradient"] * picture(), rtol=1e-3, atol=1e-5
    )


def test_the_gap_is_reported() -> None:
    network, image = small(), picture()
    attributions, gap = integrated_gradients(network, image, 0, 1)
    difference = by_hand(network, image, 0)["logits"][0] - by_hand(network, 0 * image, 0)["logits"][0]
    assert gap == pytest.approx(abs(attributions.sum() - difference) / abs(difference), rel=1e-3) and gap > 0.01
    half_way = by_hand(network, image / 2, 0)["gradient"]
    np.testing.assert_allclose(attributions, half_way * image, rtol=1e-4, atol=1e-5)
    wanted = np.abs(attributions.sum(axis=2))
    np.testing.assert_allclose(saliency_map(network, image, "integrated_gradients", 0, samples=1), stretched(wanted))


def test_integrated_gradients_of_the_bundled_network_are_complete_within_one_percent() -> None:
    model = helpers.load_model("mini_vgg16", include_top=True)
    assert integrated_gradients(model, helpers.sample_image("coffee", 64), steps=1000)[1] < 0.01


def test_the_default_target_is_the_top_class_and_a_label_serves() -> None:
    network, image = small(), picture()
    top = int(by_hand(network, image, 0)["logits"].argmax())
    maps = [saliency_map(network, image, "grad_cam", target) for target in (None, top, np.int64(top), LABELS[top])]
    for made in maps[1:]:
        np.testing.assert_array_equal(made, maps[0])


def test_without_a_head_the_target_is_a_channel_by_default_the_strongest() -> None:
    network, image = small(head="none", size=None), picture(5, 6)
    maps = helpers.feature_maps(network, image, "second")["second"]
    strongest = int(maps.mean(axis=(0, 1)).argmax())
    np.testing.assert_allclose(saliency_map(network, image), stretched(maps[..., strongest]), atol=1e-5)
    other = next(number for number in range(6) if maps[..., number].any() and number != strongest)
    for method in ("grad_cam", "layer_cam"):
        np.testing.assert_allclose(saliency_map(network, image, method, other), stretched(maps[..., other]), atol=1e-5)
    assert saliency_map(network, image, "occlusion", other).shape == (5, 6)


def test_any_layer_serves_and_pooling_is_not_the_default() -> None:
    layers = keras.layers
    inputs = keras.Input((8, 8, 3))
    tensor = layers.MaxPooling2D(name="pool")(
        layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")(inputs)
    )
    network = with_weights(keras.Model(inputs, layers.Dense(3)(layers.Flatten()(tensor))))
    default, conv, pool = (saliency_map(network, picture(8, 8), layer_name=name) for name in (None, "conv", "pool"))
    np.testing.assert_array_equal(default, conv)
    assert not np.allclose(conv, pool)
    body = keras.Model(inputs, tensor)  # as an inner network it ends with the pooling too
    outer = keras.Model(network.input, network.layers[-1](network.layers[-2](body(network.input))))
    outer.network = network.network
    np.testing.assert_array_equal(saliency_map(outer, picture(8, 8)), conv)


def nested() -> tuple[keras.Model, keras.Model, keras.Model]:
    """The same network three times: flat, with its convolutions in a network, and with all of it in a Sequential."""
    flat = small("layer")
    body = keras.Model(flat.input, flat.layers[-3].output, name="body")
    inputs = keras.Input((4, 4, 3))
    inside = keras.Model(inputs, flat.layers[-1](flat.layers[-2](body(inputs))), name="inside")
    deeper = keras.Sequential([keras.Input((4, 4, 3)), keras.Sequential([body, *flat.layers[-2:]])], name="deeper")
    for network in (inside, deeper):
        network.network = flat.network
    return flat, inside, deeper


@pytest.mark.parametrize("method", METHODS)
def test_a_network_inside_a_network_gives_the_same_map(method: str) -> None:
    flat, *others = nested()
    wanted = saliency_map(flat, picture(), method, 2, samples=3)
    for network in others:
        found = saliency_map(network, picture(), method, 2, samples=3)
        np.testing.assert_allclose(found, wanted, atol=1e-5, err_msg=network.name)
    assert np.ptp(wanted) == 1 and others[0].predict_on_batch(picture()[None]).sum() == pytest.approx(1)


def test_a_layer_inside_a_network_has_a_name() -> None:
    flat, inside, _ = nested()
    found = saliency_map(inside, picture(), layer_name="first")
    np.testing.assert_allclose(found, saliency_map(flat, picture(), layer_name="first"), atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_a_network_of_one_size_takes_any_picture_and_the_map_has_its_size(method: str) -> None:
    made = saliency_map(small(), picture(10, 7), method, samples=2)
    assert made.shape == (10, 7) and made.min() == 0 and made.max() == 1 and made.dtype == np.float32


def test_a_smaller_picture_is_the_mean_of_the_larger_one() -> None:
    """Half of the columns are white, and they are those that a resizing without a mean would hit."""
    inputs = keras.Input((4, 4, 3))
    network = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.GlobalAveragePooling2D()(inputs)))
    network.layers[-1].kernel.assign([[1.0], [0.0], [0.0]])
    image = np.zeros((16, 16, 3), np.float32)
    image[:, 1::4] = image[:, 2::4] = 1
    assert saliency.Question(network, image).scores(image[None]) == pytest.approx(0.5, abs=0.05)


def test_resizing_lies_inside_the_gradient() -> None:
    """Where a picture is resized, raising a pixel raises the score by its gradient."""
    network, image = small(head="linear"), picture(8, 8)
    question = helpers.saliency.Question(network, image, target=1)
    raised = image.copy()
    raised[5, 2, 0] += 1e-3
    one, two = question.scores(np.stack([image, raised]))[:, 1]
    assert (two - one) / 1e-3 == pytest.approx(question.gradient()[1][5, 2, 0], abs=0.01)


@pytest.mark.parametrize(
    ("name", "size", "methods"),
    [
        ("resnet50", 64, ["guided_backpropagation", "layer_cam", "averaged_activations"]),
        ("inception_v3", 96, ["layer_cam"]),
    ],
    ids=["resnet50", "inception_v3"],
)
def test_networks_with_branches(name: str, size: int, methods: list[str]) -> None:
    network = helpers.load_model(name, weights=None, include_top=True, input_shape=(size, size, 3))
    image = helpers.sample_image("cat", size)
    scores = saliency.Question(network, image).scores(image[None])
    softmax = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
    np.testing.assert_allclose(softmax, network(helpers.preprocess(network, image)), rtol=1e-3, atol=1e-7)
    for method in methods:
        made = saliency_map(network, image, method, 5)
        assert made.shape == (size, size) and made.max() == 1 and np.isfinite(made).all(), method


def test_a_flat_map_is_zero() -> None:
    network = small()
    network.get_layer("second").bias.assign(np.full(6, -1e6))  # a dead layer
    for method in METHODS:
        assert not saliency_map(network, picture(), method, 0, samples=2).any(), method


def test_a_second_call_compiles_nothing_and_follows_the_weights() -> None:
    network = small()
    before = {method: saliency_map(network, picture(), method, samples=2) for method in METHODS}
    graphs = dict(network.__dict__["_graphs"])
    with_weights(network, seed=9)
    for method in METHODS:
        assert not np.allclose(saliency_map(network, picture(seed=1), method, 1, samples=3), before[method]), method
    assert network.__dict__["_graphs"] == graphs


def test_the_network_stays_as_it_is() -> None:
    network, image = small(), picture()
    weights, output, config = network.get_weights(), network(image[None]).numpy(), network.get_config()
    for method in METHODS:
        saliency_map(network, image, method, samples=2)
    assert network.get_config() == config and network.get_layer("head").activation is keras.activations.softmax
    np.testing.assert_array_equal(network(image[None]), output)
    assert all((one == other).all() for one, other in zip(weights, network.get_weights(), strict=True))
    helpers.keras.models.clone_model(network)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"method": "gradcam"}, ValueError, "method is 'gradcam'; it must be one of gradient, .*grad_cam"),
        ({"target": 3}, ValueError, "small has no class 3: its classes are the whole numbers 0 to 2"),
        ({"target": -1}, ValueError, "no class -1"),
        ({"target": True}, ValueError, "no class True"),
        ({"target": "teapto"}, ValueError, "no class 'teapto'.*teapot"),
        ({"layer_name": "secnd"}, helpers.LayerNotFound, "no layer 'secnd'.*Did you mean second"),
        ({"layer_name": "head"}, helpers.LayerNotFound, "no layer 'head'.*first, second"),
        ({"image": picture()[..., :2]}, ValueError, r"shape \(4, 4, 2\)"),
        ({"image": picture() * 255}, ValueError, r"floats in \[0, 1\]"),
        ({"image": picture() * np.nan}, ValueError, "nan"),
        ({"samples": 0}, ValueError, "samples is 0; it must be a whole number, from 1 to 1,000"),
        ({"samples": 2.5}, ValueError, "samples is 2.5"),
        ({"samples": True}, ValueError, "samples is True"),
        ({"seed": -1}, ValueError, "seed is -1"),
    ],
)
def test_bad_arguments_are_named(options: dict, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        saliency_map(**({"model": small(), "image": picture()} | options))


def test_networks_without_classes_or_maps_say_so() -> None:
    with pytest.raises(helpers.FilterOutOfRange, match=r"no filter 6: .* 0 to 5"):
        saliency_map(small(head="none"), picture(), target=6)
    with pytest.raises(helpers.FilterOutOfRange, match="no filter 'cat'"):
        saliency_map(small(head="none"), picture(), target="cat")
    inputs = keras.Input((4, 4, 3))
    dense = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(inputs)), name="dense")
    with pytest.raises(helpers.LayerNotFound, match="dense has no convolution that"):
        saliency_map(dense, picture())
    assert saliency_map(dense, picture(), "gradient", "1").shape == (4, 4)


def test_other_threads_use_keras_while_a_graph_is_made() -> None:
    """Making a graph changes Keras for a moment; what another thread does with it must not be touched."""
    armed, begun, go_on = threading.Event(), threading.Event(), threading.Event()

    class Waits(keras.layers.Layer):
        def call(self, inputs: Any) -> Any:
            if armed.is_set():
                begun.set()
                go_on.wait(30)
            return inputs

    inputs = keras.Input((8, 8, 3))
    maps = keras.layers.Conv2D(2, 3, activation="relu", name="conv")(Waits()(inputs))
    model, found = keras.Model(inputs, maps), []
    armed.set()
    photo = np.random.default_rng(0).uniform(size=(8, 8, 3)).astype(np.float32)
    worker = threading.Thread(target=lambda: found.append(saliency_map(model, photo, "gradient", 1)))
    worker.start()
    assert begun.wait(30)
    other = helpers.load_model("mini_vgg16")  # its layers are called with shapes that are not known yet
    go_on.set()
    worker.join(30)
    armed.clear()
    np.testing.assert_array_equal(found[0], saliency_map(model, photo, "gradient", 1))
    assert other.name == "mini_vgg16"
