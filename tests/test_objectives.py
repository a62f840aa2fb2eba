"""What is maximised: each objective against numpy, its algebra, its errors, and the copy that computes in bfloat16."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import helpers
from helpers import channel, keras, maximize, visualize_filter, whole_layer
from helpers.models import Network
from helpers.objectives import Objective, check, class_logit, in_bfloat16, neuron, responses_of
from helpers.recipes import Climb

LABELS = ["cat", "dog", "teapot"]
GROWING = helpers.Recipe(fourier=False, rounds=2)


def with_weights(network: keras.Model, seed: int = 0) -> keras.Model:
    """Every weight, also what batch normalisation has counted, gets a value between 0.2 and 1 with a random sign."""
    random = np.random.default_rng(seed)
    for weight in network.weights:
        values = random.uniform(0.2, 1, weight.shape)
        weight.assign(values if "variance" in weight.name else values * random.choice([-1, 1], weight.shape))
    return network


def linear(head: str = "none") -> keras.Model:
    """Two layers of 1 x 1 kernels without activation, and a head whose softmax is absent, fused or of its own."""
    layers = keras.layers
    inputs = keras.Input((None, None, 3))
    tensor = layers.Conv2D(2, 1, name="second")(layers.Conv2D(4, 1, name="first")(inputs))
    if head != "none":
        tensor = layers.GlobalAveragePooling2D()(tensor)
        tensor = layers.Dense(3, activation="softmax" if head == "fused" else None, name="head")(tensor)
    if head == "separate":
        tensor = layers.Activation("softmax", name="softmax")(tensor)
    network = with_weights(keras.Model(inputs, tensor, name="linear"))
    network.network = Network("linear", lambda levels: levels / 255, 8, lambda: LABELS)
    return network


def by_hand(network: keras.Model, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The maps of both layers, in numpy."""
    first = images @ network.get_layer("first").kernel.numpy()[0, 0] + network.get_layer("first").bias.numpy()
    return first, first @ network.get_layer("second").kernel.numpy()[0, 0] + network.get_layer("second").bias.numpy()


def pictures(count: int = 2, height: int = 7, width: int = 6) -> np.ndarray:
    return np.random.default_rng(1).uniform(size=(count, height, width, 3)).astype(np.float32)


def values(network: keras.Model, objective: Objective, images: np.ndarray, **options: Any) -> np.ndarray:
    checked = check(network, objective)
    indices = np.array([[term.index or 0] * len(images) for term in checked.terms], np.int32)
    options = {"before_activation": False} | options
    return responses_of(network, checked, **options)(images, indices)[0].numpy()


def test_objectives_add_subtract_and_scale() -> None:
    a, b = channel("one", 3), neuron("two", 5, (1, 2))
    assert [term.weight for term in (a - 0.5 * b).terms] == [1, -0.5]
    assert (a + b).terms == a.terms + b.terms
    assert -a == -1 * a == a * -1 and 2 * (a - b) == 2 * a - 2 * b and a - -b == a + b
    assert np.float32(2) * a == 2 * a


def test_an_objective_can_be_read() -> None:
    combined = channel("one", 3) - 0.5 * neuron("two", 5, (1, 2)) + 2 * whole_layer("three") + class_logit("cat")
    assert str(combined) == "channel one 3 -0.5 neuron two 5 at (1, 2) +2 layer three +1 class cat"
    assert str(-neuron("two", 5)) == "-1 neuron two 5"


def test_values_equal_numpy() -> None:
    network, images = linear(), pictures()
    first, second = by_hand(network, images)
    wanted = {
        channel("first", 3): first[..., 3].mean(axis=(1, 2)),
        channel("second", 1): second[..., 1].mean(axis=(1, 2)),
        neuron("first", 2): first[:, 3, 3, 2],  # the centre of 7 x 6
        neuron("first", 2, (0, 5)): first[:, 0, 5, 2],
        neuron("second", 0, (6, 0)): second[:, 6, 0, 0],
        whole_layer("second"): (second**2).mean(axis=(1, 2, 3)),
        channel("first", 1) - 0.5 * channel("first", 2): (first[..., 1] - 0.5 * first[..., 2]).mean(axis=(1, 2)),
        2 * neuron("first", 0) - whole_layer("second"): 2 * first[:, 3, 3, 0] - (second**2).mean(axis=(1, 2, 3)),
        -channel("second", 0) + channel("first", 0): first[..., 0].mean(axis=(1, 2)) - second[..., 0].mean(axis=(1, 2)),
    }
    for objective, numbers in wanted.items():
        for before_activation in (False, True):
            found = values(network, objective, images, before_activation=before_activation)
            np.testing.assert_allclose(found, numbers, rtol=1e-4, atol=1e-6, err_msg=str(objective))


def test_each_picture_of_a_batch_has_its_own_filter() -> None:
    network, images = linear(), pictures(3)
    first, _ = by_hand(network, images)
    wanted = [first[0, ..., 2].mean(), first[1, ..., 0].mean(), first[2, ..., 3].mean()]
    for all_maps in (False, True):
        respond = responses_of(network, channel("first", 0), before_activation=False, all_maps=all_maps)
        np.testing.assert_allclose(respond(images, np.array([[2, 0, 3]], np.int32))[0], wanted, rtol=1e-4)


@pytest.mark.parametrize("head", ["none at the end", "fused", "separate"])
@pytest.mark.parametrize("before_activation", [False, True])
def test_a_class_is_its_logit_wherever_the_softmax_is(head: str, before_activation: bool) -> None:
    network, images = linear(head), pictures()
    dense = network.get_layer("head")
    logits = by_hand(network, images)[1].mean(axis=(1, 2)) @ dense.kernel.numpy() + dense.bias.numpy()
    assert np.abs(logits.sum(axis=1) - 1).min() > 0.1, "no probabilities"
    for target in ("teapot", 2, np.int64(2)):
        found = values(network, class_logit(target), images, before_activation=before_activation)
        np.testing.assert_allclose(found, logits[:, 2], rtol=1e-4)
    both = values(network, class_logit("cat") - class_logit(1), images, before_activation=before_activation)
    np.testing.assert_allclose(both, logits[:, 0] - logits[:, 1], rtol=1e-4)
    if head == "fused":
        assert dense.activation is keras.activations.softmax, "the network keeps its softmax"


def test_ascent_raises_the_reported_logit() -> None:
    network = linear("fused")
    start, end = (maximize(network, class_logit("dog"), iters, 16)[0] for iters in (1, 24))
    first, last = (values(network, class_logit("dog"), made.image[None])[0] for made in (start, end))
    assert end.response == pytest.approx(last, rel=1e-4) and last > first


@pytest.mark.parametrize(
    "options",
    [
        {"strides": 2, "padding": "valid", "activation": "relu"},
        {"strides": (2, 1), "padding": "same", "use_bias": False, "activation": "relu"},
        {"dilation_rate": 2, "padding": "valid", "activation": "tanh"},
        {"dilation_rate": (1, 3), "padding": "same", "use_bias": False},
    ],
)
def test_the_chosen_kernels_alone_give_what_the_whole_layer_gives(options: dict) -> None:
    inputs = keras.Input((None, None, 3))
    tensor = keras.layers.Conv2D(4, 3, activation="relu")(inputs)
    network = with_weights(keras.Model(inputs, keras.layers.Conv2D(5, (3, 2), name="conv", **options)(tensor)))
    images, indices = pictures(2, 15, 14), np.array([[4, 1]], np.int32)
    for objective in (channel("conv", 0), neuron("conv", 0, (1, 2))):
        for before in (False, True):
            sliced, no_maps = responses_of(network, objective, before_activation=before)(images, indices)
            whole = responses_of(network, objective, before_activation=before, all_maps=True)
            found, maps = whole(images, indices)
            submodel = helpers.get_submodel(network, "conv", before_activation=before)
            np.testing.assert_allclose(maps, submodel(images), rtol=1e-5)
            np.testing.assert_allclose(sliced, found, rtol=1e-4, atol=1e-5)
            assert no_maps is None


def test_layers_with_groups_depthwise_and_separable() -> None:
    layers = keras.layers
    inputs = keras.Input((None, None, 3))
    tensor = layers.Conv2D(4, 1, name="stem")(inputs)
    tensor = layers.Conv2D(6, 3, groups=2, activation="relu", name="grouped")(tensor)
    tensor = layers.DepthwiseConv2D(3, depth_multiplier=2, activation="relu", name="depthwise")(tensor)
    network = with_weights(keras.Model(inputs, layers.SeparableConv2D(3, 3, activation="relu", name="apart")(tensor)))
    images = pictures(2, 16, 16)
    for name, count in (("grouped", 6), ("depthwise", 12), ("apart", 3)):
        for before in (False, True):
            maps = helpers.get_submodel(network, name, before_activation=before)(images).numpy()
            found = values(network, channel(name, count - 1), images, before_activation=before)
            np.testing.assert_allclose(found, maps[..., -1].mean(axis=(1, 2)), rtol=1e-4, atol=1e-5)
        assert np.isfinite(visualize_filter(network, name, count - 1, 2, 16).history).all()


@pytest.mark.parametrize(
    ("objective", "options", "error", "words"),
    [
        (channel("frist", 0), {}, helpers.LayerNotFound, "linear has no layer 'frist'.*Did you mean first"),
        (channel("first", 0) + channel("head", 0), {}, helpers.LayerNotFound, "'head'.*first.*second"),
        (channel("first", 4), {}, helpers.FilterOutOfRange, "first has no filter 4.*0 to 3"),
        (channel("first", 0) - neuron("second", -1), {}, helpers.FilterOutOfRange, "second has no filter -1.*0 to 1"),
        (neuron("first", 0, (16, 0)), {}, ValueError, r"\(16, 0\); first gives 16 x 16 units .* 16 x 16 pixels"),
        (channel("first", 0) + neuron("first", 0, (0, 99)), {}, ValueError, r"^place is \(0, 99\)"),
        (neuron("first", 0, (20, 0)), {"size": 32, "method": GROWING}, ValueError, r"\(20, 0\); first gives 16 x 16"),
        (neuron("first", 0, (-1, 0)), {}, ValueError, r"place is \(-1, 0\).*row, column"),
        (neuron("first", 0, (1.5, 0)), {}, ValueError, r"place is \(1.5, 0\)"),
        (neuron("first", 0, (1, 2, 3)), {}, ValueError, r"place is \(1, 2, 3\)"),
        (class_logit("teapto"), {}, ValueError, "no class 'teapto'. It has 3, such as teapot"),
        (class_logit(3), {}, ValueError, "no class 3: .* 0 to 2"),
        (class_logit(True), {}, ValueError, "no class True"),
        (class_logit(0.5), {}, ValueError, "no class 0.5"),
        (class_logit("cat") + channel("first", 0), {"diversity": 1, "count": 2}, ValueError, "diversity compares"),
        (channel("first", 0), {"count": 0}, ValueError, "count is 0.*from 1 to 16"),
        (channel("first", 0), {"count": 17}, ValueError, "count is 17.*1 to 16"),
        (channel("first", 0), {"count": 1.5}, ValueError, "count is 1.5"),
        (channel("first", 0), {"diversity": -1}, ValueError, "diversity is -1"),
        (channel("first", 0), {"diversity": float("nan")}, ValueError, "diversity is nan"),
        (channel("first", 0), {"diversity": "much"}, ValueError, "diversity is 'much'"),
        (channel("first", 0), {"iters": 0}, ValueError, "iters is 0"),
        (channel("first", 0), {"snapshots": [0, 8]}, ValueError, "in snapshots is 8.*from 0 to 7"),
        (channel("first", 0), {"snapshots": [-1]}, ValueError, "in snapshots is -1"),
        (channel("first", 0), {"snapshots": 2.5}, ValueError, "in snapshots is 2.5"),
    ],
)
def test_what_cannot_be_maximised_is_named_before_any_step(
    monkeypatch: pytest.MonkeyPatch, objective: Objective, options: dict, error: type, words: str
) -> None:
    monkeypatch.setattr(Climb, "run", lambda *_: pytest.fail("it began to climb"))
    with pytest.raises(error, match=words):
        maximize(linear("fused"), objective, **({"iters": 8, "size": 16} | options))


def test_a_network_without_a_head_has_no_classes() -> None:
    with pytest.raises(ValueError, match=r"linear has no classification head.*include_top=True"):
        maximize(linear(), class_logit("cat"))


def test_a_place_in_the_last_corner_serves_and_may_be_a_list() -> None:
    made = maximize(linear(), neuron("first", 1, [15, 15]), 1, 16)[0]
    first, _ = by_hand(linear(), made.image[None])
    assert made.response == pytest.approx(first[0, 15, 15, 1], rel=1e-4)


def test_bfloat16_means_lie_near_those_of_float32() -> None:
    """Relative to the layer's mean: on average over its channels within 1%, the worst of them within 5%."""
    model = helpers.load_model("mini_vgg16")
    photos = np.stack([helpers.sample_image(name, 64) for name in helpers.sample_names()])
    names = ["block1_conv1", "block2_conv2", "block4_conv1", "block5_conv3"]
    copy = in_bfloat16(helpers.get_submodel(model, names))
    exact, rough = (
        [maps.numpy().astype(np.float32) for maps in helpers.get_submodel(network, names)(prepared)]
        for network, prepared in ((model, helpers.preprocess(model, photos)), (copy, helpers.preprocess(copy, photos)))
    )
    for name, one, two in zip(names, exact, rough, strict=True):
        difference = np.abs(one.mean(axis=(0, 1, 2)) - two.mean(axis=(0, 1, 2))) / one.mean()
        assert 0 < difference.mean() < 0.01 and difference.max() < 0.05, name


def test_a_picture_excites_its_filter_in_bfloat16_as_in_float32() -> None:
    model = helpers.load_model("mini_vgg16")
    copy = in_bfloat16(helpers.get_submodel(model, "block4_conv1"))
    for picture in helpers.visualize_filters(model, "block4_conv1", range(4), 16, 32):
        rough = values(copy, channel("block4_conv1", picture.f_index), picture.image[None])
        assert rough[0] == pytest.approx(picture.response, rel=0.01)


def branched() -> keras.Model:
    """Batch normalisation, branches, a convolution on the picture itself and fused activations."""
    layers = keras.layers
    inputs = keras.Input((None, None, 3))
    stem = layers.Conv2D(4, 3, padding="same", activation="relu", name="stem")(inputs)
    branch = layers.BatchNormalization(name="normal")(layers.Conv2D(4, 3, padding="same", name="conv")(stem))
    added = layers.ReLU(name="out")(layers.Add(name="added")([branch, stem]))
    return with_weights(keras.Model(inputs, layers.Conv2D(4, 3, activation="relu", name="last")(added)))


@pytest.mark.parametrize(
    ("objective", "diversity"),
    [
        (channel("stem", 1), 0),
        (channel("last", 2), 0.5),
        (channel("out", 3) - 0.5 * channel("last", 0) + 0.5 * channel("last", 1), 0),
        (whole_layer("normal"), 0),
    ],
    ids=str,
)
def test_bfloat16_climbs_what_float32_climbs(objective: Objective, diversity: float) -> None:
    network = branched()
    exact, rough = (
        maximize(network, objective, 2, 16, count=2, diversity=diversity, bfloat16=bfloat16)
        for bfloat16 in (False, True)
    )
    for one, two in zip(exact, rough, strict=True):
        scale = max(1.0, abs(one.history[0]))
        assert abs(one.history[0] - two.history[0]) < 0.02 * scale
        np.testing.assert_allclose(one.image, two.image, atol=0.15)
        assert two.response == pytest.approx(values(network, objective, two.image[None])[0], rel=1e-4, abs=1e-5)


def test_bfloat16_follows_the_weights() -> None:
    inputs = keras.Input((None, None, 3))
    tensor = keras.layers.Conv2D(4, 3, use_bias=False, name="first")(inputs)
    network = with_weights(keras.Model(inputs, keras.layers.Conv2D(2, 3, use_bias=False, name="second")(tensor)))
    before = visualize_filter(network, "second", 1, 1, 16, bfloat16=True)
    network.get_layer("first").kernel.assign(4 * network.get_layer("first").kernel)
    after = visualize_filter(network, "second", 1, 1, 16, bfloat16=True)
    assert after.history[0] == pytest.approx(4 * before.history[0], rel=1e-3)


def test_bfloat16_of_resnet50() -> None:
    keras.utils.set_random_seed(0)  # of some random networks the filter answers with hardly more than rounding
    network = helpers.load_model("resnet50", weights=None, input_shape=(32, 32, 3))
    exact, rough = (
        visualize_filter(network, "conv2_block1_out", 3, 1, 32, bfloat16=bfloat16) for bfloat16 in (False, True)
    )
    assert rough.history[0] == pytest.approx(exact.history[0], rel=0.03)
