"""The layer table, receptive fields and cutting a network."""

from __future__ import annotations

import numpy as np
import pytest

import helpers
from helpers import keras, tf
from helpers.layers import Field, receptive_field

# Published receptive fields of VGG16's convolutions and pools (Araujo, Norris and Sim, Distill 2019, give 212 for the
# last pool); each follows from r += (kernel - 1) * stride so far.
VGG16_FIELDS = [3, 5, 6, 10, 14, 16, 24, 32, 40, 44, 60, 76, 92, 100, 132, 164, 196, 212]
VGG16_STRIDES = [1, 1, 2, 2, 2, 4, 4, 4, 4, 8, 8, 8, 8, 16, 16, 16, 16, 32]


@pytest.fixture(scope="module")
def vgg16() -> keras.Model:
    return helpers.load_model("vgg16", weights=None, input_shape=(96, 96, 3))


def test_vgg16_is_the_published_network(vgg16: keras.Model) -> None:
    table = helpers.layer_table(vgg16)
    assert vgg16.count_params() == table["parameters"].sum() == 14_714_688
    assert (table["type"] == "Conv2D").sum() == len(helpers.conv_layers(vgg16)) == 13
    assert (table["type"] == "MaxPooling2D").sum() == 5
    assert table["receptive_field"].tolist()[1:] == [(side, side) for side in VGG16_FIELDS]
    assert table["stride"].tolist()[1:] == [(side, side) for side in VGG16_STRIDES]
    assert table["kernel_shape"][1] == (3, 3, 3, 64)
    assert table["output_shape"].iloc[-1] == (3, 3, 512)


def test_the_table_of_a_network_that_joins_many_branches() -> None:
    """Those of other networks: test_any_network.py."""
    model = helpers.load_model("densenet121", weights=None, input_shape=(96, 96, 3))
    table = helpers.layer_table(model)
    assert len(table) == len(model.layers)
    assert table["parameters"].sum() == model.count_params()
    maps = table[table["output_shape"].map(len) == 3]
    assert maps["receptive_field"].notna().all(), "every layer that gives a map has a receptive field"
    assert maps["stride"].iloc[-1] == (32, 32)


def branched() -> keras.Model:
    """Branches of unlike width, both paddings, strides, dilation, zero padding, depthwise and cropped."""
    layers = keras.layers
    inputs = keras.Input((41, 37, 3))
    stem = layers.Conv2D(4, 3, strides=2, padding="valid", name="stem")(inputs)
    wide = layers.Conv2D(4, (1, 5), padding="same", name="wide")(stem)
    tall = layers.Conv2D(4, (3, 1), padding="same", dilation_rate=(2, 1), name="tall")(stem)
    joined = layers.Concatenate(name="joined")([wide, tall, stem])
    padded = layers.ZeroPadding2D(((1, 0), (0, 1)), name="padded")(joined)
    pooled = layers.AveragePooling2D(2, strides=2, padding="same", name="pooled")(padded)
    deep = layers.DepthwiseConv2D(3, padding="same", name="deep")(pooled)
    shortcut = layers.Add(name="added")([deep, pooled])
    cropped = layers.Cropping2D(((1, 1), (0, 1)), name="cropped")(shortcut)
    return keras.Model(inputs, layers.Conv2D(2, 2, strides=(1, 2), padding="same", name="last")(cropped))


def seen_pixels(model: keras.Model, name: str, row: int, column: int) -> tuple[int, int, int, int]:
    """The first and last row and column of the pixels that can change one unit, found by perturbing pixels.

    All weights are made positive, so that no two effects cancel and no ReLU is silent.
    """
    for weight in model.weights:
        weight.assign(tf.ones_like(weight))
    submodel = helpers.get_submodel(model, name)
    height, width = model.input_shape[1:3]
    base = np.ones((1, height, width, 3), np.float32)
    reference = submodel(base)[0, row, column].numpy()
    rows = [y for y in range(height) if changed(submodel, base, (y, slice(None)), row, column, reference)]
    columns = [x for x in range(width) if changed(submodel, base, (slice(None), x), row, column, reference)]
    return rows[0], rows[-1], columns[0], columns[-1]


def changed(submodel, base, place, row, column, reference) -> bool:
    perturbed = base.copy()
    perturbed[0, place[0], place[1]] = 2
    return not np.allclose(submodel(perturbed)[0, row, column].numpy(), reference, rtol=1e-6)


@pytest.mark.parametrize(
    "name", ["stem", "wide", "tall", "joined", "padded", "pooled", "deep", "added", "cropped", "last"]
)
def test_receptive_field_is_what_perturbed_pixels_show(name: str) -> None:
    model = branched()
    field = receptive_field(model, name)
    row, column = (side // 2 for side in model.get_layer(name).output.shape[1:3])
    top, left = (field.first[axis] + place * field.stride[axis] for axis, place in enumerate((row, column)))
    bottom, right = (edge + side - 1 for edge, side in zip((top, left), field.size, strict=True))
    height, width = model.input_shape[1:3]
    inside = (max(top, 0), min(bottom, height - 1), max(left, 0), min(right, width - 1))
    assert seen_pixels(model, name, row, column) == inside


def test_receptive_field_of_vgg16_by_perturbing_pixels() -> None:
    model = helpers.load_model("mini_vgg16", weights=None, input_shape=(96, 96, 3))
    field = receptive_field(model, "block3_conv3")
    assert field.size == (40, 40)
    top = field.first[0] + 12 * field.stride[0]
    assert seen_pixels(model, "block3_conv3", 12, 12) == (top, top + 39, top, top + 39)


def test_whatever_sees_the_whole_picture_has_no_field() -> None:
    model = helpers.load_model("mini_vgg16", include_top=True)
    table = helpers.layer_table(model).set_index("name")
    assert table.loc["avg_pool", "receptive_field"] is None and table.loc["predictions", "stride"] is None
    with pytest.raises(helpers.LayerNotFound, match="predictions"):
        receptive_field(model, "predictions")


def test_submodel_with_one_and_several_outputs(vgg16: keras.Model) -> None:
    pictures = helpers.preprocess(vgg16, np.full((96, 96, 3), 0.5, np.float32))
    one = helpers.get_submodel(vgg16, "block2_pool")
    several = helpers.get_submodel(vgg16, ["block2_pool", "block1_conv1"])
    assert one(pictures).shape == (1, 24, 24, 128)
    assert [tuple(output.shape) for output in several(pictures)] == [(1, 24, 24, 128), (1, 96, 96, 64)]
    assert one.network is vgg16.network


@pytest.mark.parametrize("names", ["block1_conv1", ["block3_conv2", "block5_pool"]])
def test_before_activation_is_the_same_layer_without_its_relu(vgg16: keras.Model, names: str | list[str]) -> None:
    pictures = helpers.preprocess(vgg16, helpers.sample_image("cat", 96))
    before = keras.tree.flatten(helpers.get_submodel(vgg16, names, before_activation=True)(pictures))
    after = keras.tree.flatten(helpers.get_submodel(vgg16, names)(pictures))
    np.testing.assert_allclose(np.maximum(before[0], 0), after[0], atol=1e-4)
    assert before[0].numpy().min() < 0
    assert vgg16.get_layer("block1_conv1").activation is keras.activations.relu, "the network itself is untouched"


@pytest.mark.parametrize(("bad", "near"), [("block3_conv11", "block3_conv1"), ("conv", "It has: "), ("", "It has: ")])
def test_unknown_layer_names_near_ones(vgg16: keras.Model, bad: str, near: str) -> None:
    with pytest.raises(helpers.LayerNotFound, match=near) as caught:
        helpers.get_submodel(vgg16, [bad])
    assert repr(bad) in str(caught.value)


def test_the_table_of_a_small_network_by_hand() -> None:
    """Receptive fields: 3; 3 + (2 - 1) * 2 = 5 at the pool; whoever averages the whole map sees the whole picture."""
    inputs, layers = keras.Input((None, None, 3), name="in"), keras.layers
    tensor = layers.Conv2D(2, 3, strides=2, name="conv")(inputs)
    tensor = layers.MaxPooling2D(2, name="pool")(tensor)
    tensor = layers.SeparableConv2D(4, (1, 5), name="separable")(tensor)
    tensor = layers.BatchNormalization(name="norm")(tensor)
    tensor = layers.GlobalAveragePooling2D(name="mean")(tensor)
    table = helpers.layer_table(keras.Model(inputs, layers.Dense(6, name="dense")(tensor)))
    columns = ["name", "type", "output_shape", "kernel_shape", "parameters", "receptive_field", "stride"]
    assert table.columns.tolist() == columns and table.index.tolist() == list(range(7))
    assert list(table.itertuples(index=False, name=None)) == [
        ("in", "InputLayer", (None, None, 3), None, 0, (1, 1), (1, 1)),
        ("conv", "Conv2D", (None, None, 2), (3, 3, 3, 2), 3 * 3 * 3 * 2 + 2, (3, 3), (2, 2)),
        ("pool", "MaxPooling2D", (None, None, 2), None, 0, (5, 5), (4, 4)),
        ("separable", "SeparableConv2D", (None, None, 4), (1, 5, 2, 1), 5 * 2 + 2 * 4 + 4, (5, 21), (4, 4)),
        ("norm", "BatchNormalization", (None, None, 4), None, 16, (5, 21), (4, 4)),
        ("mean", "GlobalAveragePooling2D", (4,), None, 0, None, None),
        ("dense", "Dense", (6,), None, 30, None, None),
    ]


def test_convolutions_are_named_from_the_input_to_the_output() -> None:
    assert helpers.conv_layers(branched()) == ["stem", "wide", "tall", "deep", "last"]
    layers, inputs = keras.layers, keras.Input((9, 9, 3))
    tensor = layers.SeparableConv2D(2, 3, name="separable")(inputs)
    tensor = layers.Conv2DTranspose(2, 3, name="transposed")(tensor)
    assert helpers.conv_layers(keras.Model(inputs, layers.Dense(2, name="dense")(tensor))) == ["separable"]


@pytest.mark.parametrize(
    ("kernel", "step", "dilation", "first", "size"),
    [(3, 1, 1, -1, 3), (5, 1, 1, -2, 5), (3, 2, 1, 0, 3), (4, 1, 1, -1, 4), (3, 1, 2, -2, 5), (2, 3, 1, 0, 2)],
)
def test_same_padding_of_a_map_of_any_size(kernel: int, step: int, dilation: int, first: int, size: int) -> None:
    """As TensorFlow pads a map whose sides the strides divide: kernel - stride in all, the smaller half in front."""
    inputs = keras.Input((None, None, 3))
    conv = keras.layers.Conv2D(2, kernel, strides=step, dilation_rate=dilation, padding="same", name="conv")
    field = receptive_field(keras.Model(inputs, conv(inputs)), "conv")
    assert field == Field(first=(first, first), size=(size, size), stride=(step, step))


def test_same_padding_of_an_odd_side() -> None:
    """Seven rows in steps of two: two rows of padding, one in front; eight columns: one, behind."""
    inputs = keras.Input((7, 8, 3))
    conv = keras.layers.Conv2D(1, 3, strides=2, padding="same", name="conv")
    model = keras.Model(inputs, conv(inputs))
    assert receptive_field(model, "conv") == Field(first=(-1, 0), size=(3, 3), stride=(2, 2))
    assert seen_pixels(model, "conv", 0, 0) == (0, 1, 0, 2)


def test_two_inputs_are_followed() -> None:
    """The second one is not seen through the first layers; the union is what the sum sees."""
    inputs = [keras.Input((8, 8, 3)), keras.Input((8, 8, 3))]
    seen = keras.layers.Conv2D(3, 3, padding="same", name="seen")(inputs[1])
    model = keras.Model(inputs, keras.layers.Add(name="both")([inputs[0], seen]))
    assert receptive_field(model, "both") == receptive_field(model, "seen") == Field((-1, -1), (3, 3), (1, 1))


def with_softmax() -> keras.Model:
    layers, inputs = keras.layers, keras.Input((4, 4, 3))
    tensor = layers.Conv2D(2, 3, activation="relu", name="conv")(inputs)
    tensor = layers.Conv2D(2, 1, name="linear")(tensor)
    tensor = layers.Activation("relu", name="relu")(tensor)
    tensor = layers.Dense(5, activation="softmax", name="dense")(layers.Flatten(name="flat")(tensor))
    tensor = layers.Softmax(name="softmax")(tensor)
    model = keras.Model(inputs, layers.Activation("softmax", name="activation")(tensor), name="with_softmax")
    for number, weight in enumerate(model.weights):
        weight.assign(np.random.default_rng(number).uniform(-0.5, 1, weight.shape))
    return model


def test_what_a_softmax_is_given() -> None:
    """The classes' scores of a dense layer, by hand; of a softmax that is a layer of its own, the layer before."""
    model, picture = with_softmax(), np.random.default_rng(0).uniform(size=(1, 4, 4, 3)).astype(np.float32)
    names = ["flat", "dense", "softmax", "activation", "relu", "linear"]
    flat, dense, softmax, _, relu, linear = (out.numpy() for out in helpers.get_submodel(model, names)(picture))
    before = helpers.get_submodel(model, names, before_activation=True)(picture)
    kernel, bias = model.get_layer("dense").get_weights()
    wanted = {"flat": flat, "dense": flat @ kernel + bias, "softmax": dense, "activation": softmax}
    wanted |= {"relu": relu, "linear": linear}
    for name, output in zip(names, before, strict=True):
        np.testing.assert_allclose(output, wanted[name], atol=1e-5, err_msg=name)
    assert not np.allclose(dense, wanted["dense"], atol=1e-2) and not np.allclose(softmax, dense, atol=1e-2)


def test_before_activation_keeps_the_precision() -> None:
    inputs = keras.Input((4, 4, 3))
    tensor = keras.layers.Conv2D(2, 3, activation="relu", dtype="bfloat16", name="conv")(inputs)
    before = helpers.get_submodel(keras.Model(inputs, tensor), "conv", before_activation=True)
    assert before.output.dtype == "bfloat16" and before(np.ones((1, 4, 4, 3), np.float32)).dtype == tf.bfloat16


def test_names_may_come_twice_in_a_list_or_a_tuple() -> None:
    model, picture = with_softmax(), np.ones((1, 4, 4, 3), np.float32)
    for names in (("conv", "flat", "conv"), ["conv", "flat", "conv"]):
        submodel = helpers.get_submodel(model, names, before_activation=True)
        first, flat, second = submodel(picture)
        np.testing.assert_array_equal(first, second)
        assert flat.shape == (1, 8) and submodel.name == "with_softmax" and submodel.network is None


def test_a_layer_without_a_field_is_refused_with_those_that_have_one() -> None:
    with pytest.raises(helpers.LayerNotFound, match=r"^with_softmax has no layer 'flat' .* It has: conv, linear\.$"):
        receptive_field(with_softmax(), "flat")
    with pytest.raises(helpers.LayerNotFound, match=r"^with_softmax has no layer 'linea' .* mean linear"):
        helpers.get_submodel(with_softmax(), "linea")


def test_the_field_of_a_network_among_the_layers_counts() -> None:
    """As if its layers stood in the outer network: worked out by hand, 3, then 3 + 2, then 5 + 2, then 7 + 2 * 4."""
    layers, inputs = keras.layers, keras.Input((None, None, 3))
    inside = keras.Sequential([layers.Conv2D(4, 3, strides=2, padding="same"), layers.MaxPooling2D(2)])
    after = layers.Conv2D(4, 3, name="after")(inside(layers.Conv2D(4, 3, name="before")(inputs)))
    model = keras.Model(inputs, [layers.UpSampling2D(name="enlarged")(after), after])
    table = helpers.layer_table(model).set_index("name")
    assert table["receptive_field"].tolist()[:4] == [(1, 1), (3, 3), (7, 7), (15, 15)]
    assert table["stride"].tolist()[:4] == [(1, 1), (1, 1), (4, 4), (4, 4)]
    assert table["receptive_field"]["enlarged"] is None, "a unit there is smaller than a unit before it"
