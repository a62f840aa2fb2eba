"""Every public call, with arguments that make sense and with those that do not.

A call that makes sense gives finite values of the promised shape and range. One that does not ends, before long work
starts, in one of the package's few exceptions, and never in an error from deep inside TensorFlow.
"""

from __future__ import annotations

import inspect
import pickle
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import ipywidgets
import matplotlib.figure
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import helpers
import helpers.arguments
import helpers.models
import helpers.saliency
from helpers import keras, objectives, tf
from tests.faults import check_row

SIDE = 32  # pixels of a picture
EXPECTED = (ValueError, helpers.WeightsUnavailable)  # the first is also LayerNotFound, FilterOutOfRange and ImageError
FEW = (ValueError, helpers.LayerNotFound, helpers.FilterOutOfRange, helpers.ImageError, helpers.WeightsUnavailable)
RANDOM = np.random.default_rng(0)
PICTURE = RANDOM.uniform(0, 1, (SIDE, SIDE, 3)).astype(np.float32)


def network(kind: str) -> keras.Model:
    """A few layers: with a branch, with a head, of one size, from a list, around another network, or odd."""
    layers, tensor = keras.layers, keras.Input((None, None, 3))
    if kind == "from a list":
        return keras.Sequential([tensor, layers.Conv2D(3, 3, activation="relu", name="one"), layers.MaxPooling2D()])
    if kind == "grey":
        tensor = keras.Input((SIDE, SIDE, 1))
    if kind == "with a head":
        tensor = keras.Input((SIDE, SIDE, 3))
    inputs, first = tensor, layers.Conv2D(4, 3, padding="same", activation="relu", name="one")
    tensor = first(inputs)
    if kind == "nested":
        inside = keras.Sequential([keras.Input((None, None, 4)), layers.Conv2D(4, 3, name="hidden")], name="inside")
        return keras.Model(inputs, layers.Conv2D(3, 1, activation="relu", name="two")(inside(tensor)))
    branch = layers.DepthwiseConv2D(3, padding="same", activation="relu", name="side")(tensor)
    tensor = layers.MaxPooling2D(2, name="pool")(layers.Add(name="sum")([tensor, branch]))
    tensor = layers.Conv2D(5, 3, activation="relu", name="two")(tensor)
    if kind == "with a head":
        tensor = layers.Dense(3, activation="softmax", name="head")(layers.GlobalAveragePooling2D()(tensor))
    made = keras.Model(inputs, tensor)
    if kind == "not a number":
        made.set_weights([np.full_like(array, np.nan) for array in made.get_weights()])
    return made


class Subclass(keras.Model):
    """A network written as a class: Keras cannot cut it at a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.one = keras.layers.Conv2D(4, 3)

    def call(self, inputs: Any) -> Any:
        return self.one(inputs)


keras.utils.set_random_seed(0)
KINDS = ("with a branch", "with a head", "from a list", "nested")
NETWORKS = {kind: network(kind) for kind in (*KINDS, "grey", "not a number")}
MODEL, HEAD = NETWORKS["with a branch"], NETWORKS["with a head"]
HEAD.network = helpers.models.Network("tiny", lambda pixels: pixels / 255, SIDE, lambda: ["cat", "dog", "car"])
AROUND = keras.Sequential([keras.Input((SIDE, SIDE, 3)), keras.Sequential([*MODEL.layers[1:2]], name="inside")])
DEEP = keras.Sequential([keras.Input((None, None, 3)), *(keras.layers.MaxPooling2D() for _ in range(5))])
TWO_HEADS = keras.Model(HEAD.input, [HEAD.output, keras.layers.Dense(2)(HEAD.layers[-2].output)])
NUMBER = keras.Input((1,))
TWO_INPUTS = keras.Model([HEAD.input, NUMBER], keras.layers.Concatenate()([HEAD.output, NUMBER]))
UNBUILT = keras.Sequential([keras.layers.Conv2D(4, 3)])
FILTER = helpers.visualize_filters(MODEL, "two", [1, 3], iters=2, size=16, snapshots=[0, 1])

NO_MODEL = [None, "vgg16", 3, keras.Model, UNBUILT, TWO_INPUTS, Subclass(), keras.layers.Conv2D(4, 3), PICTURE, [MODEL]]
NO_PICTURE = [
    None, "no such file.jpg", "", 0.5, [], {}, object(), PICTURE[None], PICTURE[..., :2], PICTURE[:0], PICTURE[0, 0],
    PICTURE * np.nan, PICTURE + 1, PICTURE - 1, np.int64(PICTURE * 999), PICTURE.astype(complex), np.array("cat"),
    np.full((9, 9, 3), None), Path("no such folder"), b"", b"GIF89a", MODEL,
]  # fmt: skip
NO_PICTURES = [None, "cat", 3, [], {}, [None], [PICTURE, PICTURE[:20]], [PICTURE[..., 0, 0]], [PICTURE * np.nan]]
NO_LAYER = [None, "", "tow", "block1_conv1", 0, -1, np.array(["one", "two"]), ("one",), {}, b"one"]
NO_LAYERS = ["", "tow", 0, ["one", "tow"], ["one", None], [["tow"]], [["one"]], object(), MODEL]
NO_NUMBER = [None, "3", "", [], [3], np.nan, np.inf, -np.inf, -1, 1j, object(), np.array([1.0, 2.0]), MODEL]
NO_WHOLE = [*NO_NUMBER, 1.5, np.float32(2), True, np.arange(3), -(10**30)]
NO_FILTERS = ["one", 3.5, 7, [1.0], ["1"], [None], [[0]], [-1], [99], [True], [np.nan], object(), {"one"}]
NO_MAP = [None, "map", 3, [], PICTURE, PICTURE[:9, :9, 0], PICTURE[..., 0] * np.nan, np.full((SIDE, SIDE), "a")]
NO_MAPS = [None, "maps", 3, [], PICTURE[..., 0], PICTURE[None, None], PICTURE * np.nan, PICTURE[:0], PICTURE[..., :0]]
NO_KERNELS = [
    None,
    "kernels",
    3,
    [],
    PICTURE,
    np.full((3, 3, 3, 4), np.nan),
    np.ones((3, 3, 3, 0)),
    np.ones((0, 3, 3, 1)),
]
NO_TEXT = [None, 3, "", "short", b"bytes" * 20, [], MODEL]
NO_OBJECTIVE = [
    None, "one", 3, ["one"], helpers.channel("tow", 0), helpers.channel("one", 99), objectives.channel("one", "1"),
    helpers.neuron("one", 0, (0, -1)), helpers.neuron("one", 0, (999, 0)), helpers.class_logit(0), MODEL,
    helpers.channel("one", 0) * np.nan, helpers.channel("one", 0) * np.inf,
]  # fmt: skip
NO_RESULTS = [None, "pictures", "", b"", 3, [], [None], [PICTURE], {}, FILTER[0]]


def wholes(least: int, most: int) -> st.SearchStrategy:
    """Python's numbers and numpy's."""
    plain = st.integers(least, most)
    return plain | plain.map(np.int64) | plain.map(np.uint16)


def floats(least: float, most: float) -> st.SearchStrategy:
    plain = st.floats(least, most, allow_subnormal=False)
    return plain | plain.map(np.float32) | st.integers(int(least), int(most))


@st.composite
def pictures(draw: st.DrawFn, sides: Sequence[int] = (SIDE, 40)) -> Any:
    """Noise, plain colours and black and white: floats of any precision, whole numbers, grey ones, lists."""
    shape = (draw(st.sampled_from(sides)), SIDE, 3)
    noise = np.random.default_rng(draw(st.integers(0, 99))).uniform(0, 1, shape)
    picture = draw(st.sampled_from([noise, noise > 0.5, 0 * noise, 0 * noise + 1])) * 1.0
    kinds = [np.float32, np.float64, np.float16, lambda p: np.uint8(p * 255), lambda p: p[..., 0], np.ndarray.tolist]
    return draw(st.sampled_from(kinds))(picture)


class Kind(NamedTuple):
    """What a parameter takes: a value for the other parameters' tests, good ones, and wrong ones."""

    usual: Any
    good: st.SearchStrategy
    wrong: Sequence


def one_of(*values: Any) -> st.SearchStrategy:
    return st.sampled_from(values)


def whole(usual: int, least: int, most: int, *wrong: Any) -> Kind:
    return Kind(usual, wholes(least, most), [*NO_WHOLE, *wrong])


ANY_MODEL = Kind(MODEL, one_of(*(NETWORKS[kind] for kind in KINDS)), NO_MODEL)
HEADED = Kind(HEAD, one_of(HEAD, NETWORKS["with a branch"], NETWORKS["nested"]), NO_MODEL)
TWO_MODELS = Kind(MODEL, one_of(MODEL, HEAD), NO_MODEL)
IMAGE = Kind(PICTURE, pictures(), NO_PICTURE)
SAME_SIZE = Kind(PICTURE, pictures([SIDE]), NO_PICTURE)
LAYER = Kind("one", one_of("one", np.str_("one")), [*NO_LAYER, MODEL.layers[1]])
LAYERS = Kind("one", one_of("one", ["one"], ("one", "one")), [None, *NO_LAYERS])
SEED = whole(0, 0, 60_000)
SWITCH = Kind(False, st.booleans() | st.booleans().map(np.bool_), [None, 1, "no", [], np.ones(2), object()])
MAP = Kind(PICTURE[..., 0], one_of(PICTURE[..., 0], PICTURE[..., 0] > 0.5, np.zeros((SIDE, SIDE))), NO_MAP)
RESULTS = Kind(FILTER, one_of(FILTER, FILTER[:1], tuple(FILTER)), NO_RESULTS)
MOVING = RESULTS._replace(wrong=[None, "pictures", 3, [], [None], {}, FILTER[0]])
COLUMNS = whole(2, 1, 9, 0)
PREVIEW = Kind(None, one_of(None, lambda picture: None), ["print", 3])

CLIMB = {"iters": whole(1, 1, 2, 0), "size": whole(SIDE, SIDE, SIDE, 8, 10**6), "seed": SEED}
CLIMB |= {"method": Kind("fourier", one_of(*helpers.RECIPES), [None, "Fourier", 3, [], {}, helpers.Recipe])}
CLIMB |= {"snapshots": Kind((), one_of((), 0, [0], range(1)), [None, "0", [-1], [9], [0.5], object()])}
CLIMB |= {"preview": PREVIEW, "bfloat16": SWITCH}
ASK = {"image": IMAGE, "target": Kind(1, one_of(None, 0, np.int64(1)), ["kat", 1.5, -1, 99, [1], object(), np.nan])}
PAINT = {name: whole(1, 1, 2, 0) for name in ("octaves", "iters")} | {"seed": SEED, "preview": PREVIEW}
PAINT |= {"total_variation": Kind(5.0, floats(0, 10), NO_NUMBER)}
SHARES = Kind(
    "one",
    one_of("one", ["one", "two"], {"one": 2, "two": 0.5}),
    [*NO_LAYERS, {"one": -1}, {"one": "2"}, {"one": np.nan}],
)
PHOTO = Kind(PICTURE, one_of(None, "flower", PICTURE), NO_PICTURE[1:])
METHODS = ["gradient", "gradient_x_input", "smoothgrad", "guided_backpropagation", "integrated_gradients", "occlusion"]
METHODS += ["grad_cam", "layer_cam", "averaged_activations", "first_component"]
INDEX = whole(1, 0, 2, 99)._replace(wrong=[None, "nobody", [], [1], np.nan, 1j, object(), -1, 1.5, True, 99, MODEL])
NAME = Kind("one", one_of("one"), NO_LAYER)
KERNELS = Kind(
    np.ones((3, 3, 3, 4)),
    one_of(PICTURE[:12].reshape(2, 2, 3, 96), np.zeros((1, 1, 3, 2)), RANDOM.normal(size=(3, 3, 5, 6))),
    NO_KERNELS,
)

CALLS: dict[str, dict[str, Kind]] = {
    "animation": {
        "pictures": MOVING,
        "kind": Kind("gif", one_of("gif", "png"), [None, "", "mp4", 3, []]),
        "height": whole(16, 8, 40, 0),
        "milliseconds": whole(20, 20, 500, 0),
    },
    "channel": {"layer_name": LAYER, "index": INDEX},
    "class_logit": {"target": INDEX},
    "conv_layers": {"model": ANY_MODEL},
    "deep_dream": {
        "model": TWO_MODELS,
        "image": IMAGE,
        "layers": Kind("one", one_of("one", ["two", "one"], {"one": 1, "two": 0}), [*SHARES.wrong, *NO_OBJECTIVE[4:]]),
        "octaves": whole(1, 1, 1, 0, 99),
        "scale": Kind(1.4, floats(1, 2), [*NO_NUMBER, 0.5]),
        "iters": whole(1, 1, 2, 0),
        "rate": Kind(0.01, floats(0, 1), NO_NUMBER),
        "jitter": whole(3, 0, 99, 10**30),
        "tile": whole(64, 64, 400, 8, 10**30),
        "seed": SEED,
    },
    "deletion_insertion": {"model": HEADED, **ASK, "image": SAME_SIZE, "saliency": MAP, "seed": SEED},
    "dream_explorer": {"model": TWO_MODELS, "image": PHOTO},
    "evaluate_saliency": {
        "model": HEADED,
        **ASK,
        "methods": Kind(
            ["gradient"], one_of(["grad_cam"], ("gradient", "occlusion")), [None, "grad", 3, [], ["grad"], [None]]
        ),
    },
    "feature_map_explorer": {"model": TWO_MODELS, "image": PHOTO},
    "feature_maps": {
        "model": ANY_MODEL,
        "image": IMAGE,
        "layer_names": Kind("one", one_of(None, "one", ["one"]), NO_LAYERS),
        "before_activation": SWITCH,
    },
    "filter_explorer": {"model": TWO_MODELS, "size": whole(SIDE, SIDE, SIDE, 8, 10**6), "image": PHOTO},
    "get_kernels": {"model": ANY_MODEL, "layer_name": LAYER},
    "get_submodel": {"model": ANY_MODEL, "layer_names": LAYERS, "before_activation": SWITCH},
    "gram_matrix": {"maps": Kind(PICTURE, one_of(PICTURE, PICTURE[None], tf.constant(PICTURE)), NO_MAPS)},
    "integrated_gradients": {"model": HEADED, **ASK, "steps": whole(2, 1, 4, 0, 10**6)},
    "invert_features": {"model": TWO_MODELS, "image": IMAGE, "layer_name": LAYER, **PAINT},
    "kernel_explorer": {"model": TWO_MODELS, "image": PHOTO},
    "layer_table": {"model": ANY_MODEL},
    "load_image": {
        "source": Kind(PICTURE, one_of("cat", PICTURE), NO_PICTURE),
        "size": Kind(
            8,
            one_of(None, 8, np.int32(9), (8, 9), [9, 8]),
            ["8", 0, -8, 8.5, np.nan, (8,), (8, None), [8, 8, 3], 10**6, object(), np.array([8, 8]), True],
        ),
    },
    "load_model": {
        "name": Kind(
            "mini_vgg16", one_of(None, "mini_vgg16", "Mini-VGG16"), ["vgg99", 3, ["vgg16"], MODEL, object(), b"vgg16"]
        ),
        "weights": Kind(
            None,
            one_of(None, "pretrained"),
            ["imagenet", "no such file", "", 3, [], MODEL, Path("no such file.h5"), Path("images")],
        ),
        "include_top": SWITCH,
        "input_shape": Kind(
            None,
            one_of(None, (64, 32, 3), (None, None, 3), [32, 32, 3]),
            [
                3,
                "big",
                (64, 64),
                (64, 64, 1),
                (8, 8, 3),
                (-64, 64, 3),
                (64.5, 64, 3),
                ("64", "64", 3),
                object(),
                (True, 64, 3),
                np.nan,
            ],
        ),
    },
    "maximize": {
        "model": TWO_MODELS,
        "objective": Kind(
            helpers.channel("one", 0),
            one_of(
                helpers.channel("two", 1),
                helpers.neuron("two", np.int64(1), (0, 0)) - 0.5 * helpers.channel("one", 1),
                helpers.whole_layer("one"),
            ),
            NO_OBJECTIVE,
        ),
        **CLIMB,
        "count": whole(1, 1, 2, 0, 99),
        "diversity": Kind(0.0, one_of(0, 0.5, np.float32(1)), NO_NUMBER),
    },
    "neuron": {
        "layer_name": LAYER,
        "index": INDEX,
        "place": Kind(
            None,
            one_of(None, (0, 1), [0, 1], range(2)),
            [
                3,
                "ab",
                np.array([0, 1]),
                np.array([0.5, 1]),
                (1,),
                (1, 2, 3),
                (0.5, 1),
                (-1, 0),
                object(),
                [None, 1],
                np.nan,
            ],
        ),
    },
    "overlay": {"image": SAME_SIZE, "saliency": MAP},
    "plot_feature_maps": {
        "maps": Kind(PICTURE, one_of(PICTURE, 0 * PICTURE, RANDOM.normal(size=(3, 4, 5))), NO_MAPS),
        "title": Kind("one", one_of("one", ""), [None, 3, ["one"], PICTURE]),
        "columns": COLUMNS,
        "each": SWITCH,
        "limit": whole(4, 1, 9, 0),
    },
    "plot_filters": {"pictures": RESULTS, "columns": COLUMNS, "response": SWITCH},
    "plot_images": {
        "images": Kind(
            {"a": PICTURE},
            one_of({"a": PICTURE, "b": PICTURE[..., 0]}, {"a": tf.constant(PICTURE), "b": np.uint8(PICTURE * 255)}),
            [
                None,
                "cat",
                3,
                [],
                {},
                [PICTURE],
                {"a": None},
                {"a": "cat"},
                {"a": PICTURE[None]},
                {"a": PICTURE[..., :2]},
                {"a": PICTURE[:0]},
            ],
        ),
        "columns": COLUMNS,
    },
    "plot_kernels": {
        "kernels": KERNELS,
        "filters": Kind(None, one_of(None, [0, 1], range(2), np.arange(1)), [*NO_FILTERS, []]),
        "channels": Kind(None, one_of(None, [0, 2], range(2), np.arange(2)), [*NO_FILTERS, []]),
        "columns": COLUMNS,
        "titles": Kind(None, st.none(), [3, object(), [], ["one for many"]]),
    },
    "plot_patches": {
        "patches": Kind(
            [],
            one_of([], helpers.strongest_patches(MODEL, "one", 0, {"a": PICTURE}, 3)),
            [None, 3, "patches", [None], [PICTURE], {"a": 1}],
        ),
        "columns": COLUMNS,
    },
    "plot_predictions": {
        "image": IMAGE,
        "predictions": Kind(
            pd.DataFrame({"class": ["a"], "probability": [0.5]}),
            one_of(pd.DataFrame({"class": ["a", "b"], "probability": [0.5, 0.2]})),
            [None, "cat", 3, [], PICTURE, pd.DataFrame(), pd.DataFrame({"class": ["a"]}), {"class": ["a"]}],
        ),
    },
    "plot_quality": {"pictures": RESULTS},
    "predict": {"model": Kind(HEAD, one_of(HEAD), [*NO_MODEL, MODEL]), "image": IMAGE, "top": whole(1, 1, 9, 0)},
    "preferred_gratings": {"kernels": KERNELS},
    "preprocess": {
        "model": ANY_MODEL,
        "images": Kind(
            PICTURE,
            one_of(PICTURE, PICTURE[None], np.uint8(PICTURE * 255), PICTURE.tolist(), tf.constant(PICTURE)),
            [value for value in NO_PICTURE if value is not NO_PICTURE[7]],
        ),
    },
    "quality_cards": {
        "model": TWO_MODELS,
        "layer_name": LAYER,
        "filters": Kind([0], one_of([0], [np.int64(1)], range(1)), [None, [], [0, 1], *NO_FILTERS]),
        "images": Kind([PICTURE], one_of([PICTURE], PICTURE[None], [np.float64(PICTURE)]), NO_PICTURES),
    },
    "render_gallery": {
        "model": TWO_MODELS,
        "layers": Kind(["one"], one_of(["one"], ("one",)), NO_LAYERS),
        "out": Kind(None, st.none(), [3, 1.5, [], object()]),
        "executor": Kind(None, one_of(None), ["threads", 4]),
        "size": whole(SIDE, SIDE, SIDE, 8, 10**6),
        "load": Kind(None, one_of(None), [3, "load"]),
    },
    "rgb_kernels": {
        "model": Kind(
            MODEL, one_of(MODEL, HEAD, NETWORKS["nested"], NETWORKS["from a list"]), [*NO_MODEL, NETWORKS["grey"]]
        )
    },
    "saliency_explorer": {"model": TWO_MODELS, "image": PHOTO},
    "saliency_map": {
        "model": HEADED,
        **ASK,
        "method": Kind("grad_cam", one_of(*METHODS), [None, "grad", 3, [], {}, object()]),
        "layer_name": Kind(None, one_of(None, "one"), NO_LAYER[1:]),
        "samples": whole(2, 1, 3, 0, 10**6),
        "seed": SEED,
    },
    "saliency_mask": {"image": SAME_SIZE, "saliency": MAP},
    "sample_image": {
        "name": Kind("cat", one_of("cat", "flower"), ["kat", "", None, 3, [], {}, b"cat", PICTURE]),
        "size": Kind(8, one_of(8), ["8", 0]),
    },
    "sample_names": {},
    "seed_agreement": {
        "one": Kind(FILTER[0], one_of(*FILTER), [None, 3, "one", PICTURE, FILTER]),
        "other": Kind(FILTER[1], one_of(*FILTER), [None, 3, "one", PICTURE, FILTER]),
    },
    "segment": {
        "model": ANY_MODEL,
        "image": IMAGE,
        "regions": whole(2, 2, 5, 0, 1, 10**6),
        "layer_name": Kind(None, one_of(None, "one"), NO_LAYER[1:]),
        "seed": SEED,
    },
    "show": {
        "figure": Kind(
            matplotlib.figure.Figure(figsize=(1, 1)),
            one_of(matplotlib.figure.Figure(figsize=(1, 1))),
            [None, "figure", PICTURE, b"png", 3],
        ),
        "caption": Kind("What is seen, " * 4, one_of("What is seen, " * 4), NO_TEXT),
    },
    "show_ascent": {
        "pictures": MOVING,
        "caption": Kind("What is seen, " * 4, one_of("What is seen, " * 4), NO_TEXT),
        "path": Kind(None, one_of(None), [3, 1.5, [], object()]),
    },
    "strongest_patches": {
        "model": TWO_MODELS,
        "layer_name": LAYER,
        "channel": whole(0, 0, 3, 99),
        "photos": Kind(
            {"a": PICTURE},
            one_of({"a": PICTURE}, {"a": PICTURE, "b": np.uint8(PICTURE * 255)}),
            [None, "cat", 3, [PICTURE], {"a": None}, {"a": PICTURE * np.nan}, {"a": PICTURE[None]}, PICTURE],
        ),
        "count": whole(2, 1, 9, 0),
    },
    "style_transfer": {
        "model": TWO_MODELS,
        "content": IMAGE,
        "style": IMAGE,
        "content_layers": SHARES,
        "style_layers": SHARES,
        "style_weight": Kind(1.0, floats(0, 99), NO_NUMBER),
        **PAINT,
        "noise": SWITCH,
        "keep_colours": SWITCH,
    },
    "visualize_filter": {
        "model": TWO_MODELS,
        "layer_name": LAYER,
        "f_index": Kind(0, one_of(None, 0, np.int64(3)), ["1", 1.5, -1, 99, True, [1], object(), np.nan]),
        **CLIMB,
    },
    "visualize_filters": {
        "model": TWO_MODELS,
        "layer_name": LAYER,
        "filters": Kind([0], one_of([0, 2], range(2), np.array([1]), (1, 1)), [*NO_FILTERS, []]),
        **CLIMB,
    },
    "whole_layer": {"layer_name": LAYER},
}


def assert_finite(value: Any) -> None:
    """Numbers in arrays, tables and results, however deep."""
    if isinstance(value, (np.ndarray, np.number, float)) or tf.is_tensor(value):
        assert np.isfinite(np.asarray(value)).all()
    elif isinstance(value, dict):
        assert_finite(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            assert_finite(part)
    elif isinstance(value, helpers.AscentImage):
        assert_finite([value.image, value.response, value.history])


@pytest.fixture(scope="module", autouse=True)
def displayed() -> Any:
    """Nothing is shown."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("IPython.display.display", lambda *_, **__: None)
        yield


def raised_deep_inside(error: Exception) -> bool:
    """By a library that does not know what the caller asked for."""
    place = traceback.extract_tb(error.__traceback__)[-1].filename
    return any(library in place for library in ("tensorflow", "keras", "matplotlib", "PIL", "skimage"))


def call(function: str, folder: Path, arguments: dict[str, Any]) -> Any:
    if function == "render_gallery" and arguments["out"] is None:
        arguments = arguments | {"out": folder}
    result = getattr(helpers, function)(**arguments)
    if isinstance(result, objectives.Objective):  # the network that it needs is not known before
        helpers.maximize(HEAD, result, iters=1, size=SIDE)
    return result


def test_every_call_and_parameter_is_here() -> None:
    functions = {name for name in helpers.__all__ if inspect.isfunction(getattr(helpers, name))}
    assert functions == set(CALLS)
    for name, kinds in CALLS.items():
        parameters = inspect.signature(getattr(helpers, name)).parameters
        named = {key for key, parameter in parameters.items() if parameter.kind is not parameter.VAR_KEYWORD}
        assert named <= set(kinds), name


CASES = [(name, parameter) for name, kinds in CALLS.items() for parameter in kinds]


@pytest.mark.parametrize(("name", "parameter"), CASES, ids=[f"{name}-{parameter}" for name, parameter in CASES])
def test_a_call_that_makes_no_sense(name: str, parameter: str, tmp_path: Path) -> None:
    usual = {key: kind.usual for key, kind in CALLS[name].items()}
    faults = []
    for wrong in CALLS[name][parameter].wrong:
        try:
            call(name, tmp_path, usual | {parameter: wrong})
            faults.append(f"{wrong!r:.60} was accepted")
        except EXPECTED as error:
            if raised_deep_inside(error):
                faults.append(f"{wrong!r:.60}: {type(error).__name__} from deep inside: {error!s:.90}")
            elif type(error) not in FEW:
                faults.append(f"{wrong!r:.60}: {type(error)}")
        except Exception as error:
            faults.append(f"{wrong!r:.60}: {type(error).__name__}: {error!s:.90}")
    assert not faults, "\n".join(["", *faults])


def picture_like(result: np.ndarray, image: Any, levels: bool = True) -> None:
    """RGB float32 in [0, 1], or a map without colours, as large as a picture."""
    assert result.shape == (*np.shape(image)[:2], *([3] if levels else [])) and result.dtype == np.float32
    assert result.min() >= 0 and result.max() <= 1


def promised(name: str, result: Any, given: dict[str, Any]) -> None:
    """What the docstrings say of shapes and ranges."""
    image = given.get("image", given.get("content"))
    if name in ("deep_dream", "invert_features", "style_transfer", "overlay"):
        picture_like(result, image)
    elif name == "saliency_map":
        picture_like(result, image, levels=False)
    elif name in ("saliency_mask", "segment"):
        assert result.shape == np.shape(image)[:2] and result.dtype.kind == ("b" if name == "saliency_mask" else "i")
    elif name in ("visualize_filter", "visualize_filters", "maximize"):
        for made in [result] if name == "visualize_filter" else result:
            picture_like(made.image, np.zeros((given["size"], given["size"])))
            assert made.iters == given["iters"] == len(made.history)
    elif name == "feature_maps":
        assert all(maps.ndim == 3 and maps.dtype == np.float32 for maps in result.values()) and result
    elif name == "integrated_gradients":
        assert result[0].shape == (*np.shape(image)[:2], 3)
    elif name in ("get_kernels", "rgb_kernels"):
        assert result.ndim == 4 and result.dtype == np.float32
    elif name == "predict":
        assert result["probability"].between(0, 1).all() and len(result) == min(given["top"], 3)
    elif name == "strongest_patches":
        assert len(result) <= given["count"] and all(patch.response > 0 for patch in result)
        assert all(patch.image.min() >= 0 and patch.image.max() <= 1 for patch in result)
    elif name == "seed_agreement":
        assert -1 <= result <= 1
    elif name == "deletion_insertion":
        assert np.isfinite(result.to_numpy()).all()
    elif name == "preferred_gratings":
        assert result["frequency"].between(0, 0.5**0.5).all()
    elif name == "load_image":
        picture_like(result, result)
    elif name == "gram_matrix":
        assert result.shape == (3, 3)
    elif name.endswith("_explorer"):
        assert isinstance(result, ipywidgets.Widget) and result.picture.value
    elif name.startswith("plot_"):
        assert isinstance(result, matplotlib.figure.Figure)


USUAL = {"deadline": None, "derandomize": True, "database": None, "phases": [Phase.generate]}
USUAL |= {"suppress_health_check": list(HealthCheck)}
SLOW = (
    "evaluate_saliency",
    "filter_explorer",
    "invert_features",
    "maximize",
    "style_transfer",
    "visualize_filter",
    "visualize_filters",
)


def make_sense(name: str, folder: Path, data: st.DataObject) -> None:
    arguments = {key: data.draw(st.just(kind.usual) | kind.good, key) for key, kind in CALLS[name].items()}
    result = call(name, folder, arguments)
    assert_finite(result)
    promised(name, result, arguments)


@pytest.mark.parametrize("name", [name for name in CALLS if name not in SLOW])
@settings(max_examples=8, **USUAL)
@given(data=st.data())
def test_a_call_that_makes_sense(name: str, tmp_path: Path, data: st.DataObject) -> None:
    make_sense(name, tmp_path, data)


@pytest.mark.parametrize("name", SLOW)
@settings(max_examples=3, **USUAL)
@given(data=st.data())
def test_a_long_call_that_makes_sense(name: str, tmp_path: Path, data: st.DataObject) -> None:
    make_sense(name, tmp_path, data)


JUNK = (
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.just(10**30)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5)
)
JUNK |= arrays(st.sampled_from(["f4", "u1", "i8", "?", "U3"]), array_shapes(max_dims=5, max_side=4))
JUNK |= st.lists(JUNK, max_size=3) | st.dictionaries(st.text(max_size=3), JUNK, max_size=2) | st.just(object())


@pytest.mark.parametrize("name", [name for name in CALLS if CALLS[name]])
@settings(max_examples=12, **USUAL)
@given(data=st.data())
def test_anything_in_place_of_one_or_two_arguments(name: str, tmp_path: Path, data: st.DataObject) -> None:
    """It may make sense by chance; else it ends in one of the exceptions, raised in this package."""
    kinds = {key: kind for key, kind in CALLS[name].items() if key not in ("path", "out", "load", "snapshots")}
    places = data.draw(st.lists(st.sampled_from(sorted(kinds)), min_size=1, max_size=2, unique=True))
    arguments = {key: kind.usual for key, kind in CALLS[name].items()}
    arguments |= {key: data.draw(JUNK | st.sampled_from(kinds[key].wrong or [None]), key) for key in places}
    try:
        call(name, tmp_path, arguments)
    except EXPECTED as error:
        assert not raised_deep_inside(error) and str(error)


@pytest.mark.parametrize("name", ["visualize_filters", "saliency_map", "feature_maps", "load_model"])
def test_too_many_arguments_or_an_unknown_one_is_a_type_error(name: str) -> None:
    usual = {key: kind.usual for key, kind in CALLS[name].items()}
    places = [parameter for parameter in inspect.signature(getattr(helpers, name)).parameters if parameter != "options"]
    with pytest.raises(TypeError, match="positional argument"):
        getattr(helpers, name)(*(usual[parameter] for parameter in places), 1, 2, 3, 4)
    with pytest.raises(TypeError, match="itres"):
        getattr(helpers, name)(**usual, itres=3)


WITH_A_NETWORK = [name for name in CALLS if "model" in CALLS[name]]


@pytest.mark.parametrize("name", WITH_A_NETWORK)
def test_a_network_that_is_not_a_number_says_so(name: str) -> None:
    """NaN weights, from a training that diverged."""
    usual = {key: kind.usual for key, kind in CALLS[name].items()} | {"model": NETWORKS["not a number"]}
    with pytest.raises(ValueError, match="has weights that are no finite numbers"):
        call(name, Path(), usual)


FAULTS = {
    "no network": lambda: helpers.saliency_map(None, PICTURE),
    "a network that is not built": lambda: helpers.layer_table(UNBUILT),
    "a network written as a class": lambda: helpers.feature_maps(Subclass(), PICTURE),
    "a network of two inputs": lambda: helpers.feature_maps(TWO_INPUTS, PICTURE),
    "a network around another one": lambda: helpers.feature_maps(AROUND, PICTURE),
    "a network of two heads": lambda: helpers.saliency_map(TWO_HEADS, PICTURE),
    "a network for grey pictures": lambda: helpers.feature_maps(NETWORKS["grey"], PICTURE),
    "a network whose training diverged": lambda: helpers.deep_dream(NETWORKS["not a number"], PICTURE, "one"),
    "words for a number": lambda: helpers.deep_dream(MODEL, PICTURE, "one", iters="many"),
    "a negative number": lambda: helpers.plot_feature_maps(PICTURE, "one", columns=-1),
    "not a number": lambda: helpers.style_transfer(MODEL, PICTURE, PICTURE, style_weight=np.nan),
    "an infinite number": lambda: helpers.deep_dream(MODEL, PICTURE, "one", scale=np.inf),
    "a huge number": lambda: helpers.visualize_filter(MODEL, "one", size=10**30),
    "a batch for a picture": lambda: helpers.feature_maps(MODEL, PICTURE[None]),
    "a picture of what is not a number": lambda: helpers.saliency_map(MODEL, PICTURE * np.nan),
    "a picture that is too small for a network": lambda: helpers.saliency_map(DEEP, PICTURE[:16, :16], "gradient"),
    "nothing for a picture": lambda: helpers.predict(HEAD, None),
    "an unknown layer": lambda: helpers.visualize_filters(MODEL, "poool"),
    "an unknown filter": lambda: helpers.visualize_filter(MODEL, "one", 99),
    "another type": lambda: helpers.animation(FILTER, kind="mp4"),
    "an unknown keyword": lambda: helpers.deep_dream(MODEL, PICTURE, "one", itres=3),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_one_sees(fault: str) -> None:
    with pytest.raises(TypeError if "keyword" in fault else FEW) as caught:
        FAULTS[fault]()
    check_row(fault, str(caught.value))


@pytest.mark.parametrize("name", ["predict", "deletion_insertion", "evaluate_saliency", "saliency_explorer"])
def test_what_asks_for_classes_takes_one_head(name: str) -> None:
    usual = {key: kind.usual for key, kind in CALLS[name].items()} | {"model": TWO_HEADS}
    with pytest.raises(ValueError, match="has several outputs"):
        call(name, Path(), usual)
    assert list(helpers.feature_maps(TWO_HEADS, PICTURE, "one")) == ["one"]


def test_memory_that_ran_out_is_not_blamed_on_the_picture() -> None:
    trouble = RuntimeError("Exception encountered when calling Conv2D.call().\n\nOOM when allocating tensor")

    def fails() -> None:
        raise trouble

    with pytest.raises(RuntimeError) as caught:
        helpers.arguments.checked(fails)()
    assert caught.value is trouble


def test_numbers_of_classes_stand_for_names_that_a_network_does_not_bring() -> None:
    inputs = keras.Input((SIDE, SIDE, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(3, 3)(inputs))
    plain = keras.Model(inputs, pooled)
    fused = keras.Model(inputs, keras.layers.Activation("softmax")(pooled))
    apart = keras.Model(inputs, keras.layers.Softmax()(pooled))
    tables = [helpers.predict(each, PICTURE) for each in (plain, fused, apart)]
    scores = plain(PICTURE[None]).numpy()[0]
    for table in tables:
        assert table["class"].tolist() == [str(number) for number in np.argsort(-scores)]
        np.testing.assert_allclose(table["probability"].sum(), 1, rtol=1e-5)
        np.testing.assert_allclose(table["probability"], tables[0]["probability"], rtol=1e-5)


def test_a_checked_call_serves_in_a_compiled_function() -> None:
    @tf.function
    def energy(pictures: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(
            helpers.gram_matrix(helpers.get_submodel(MODEL, "one")(helpers.preprocess(MODEL, pictures)))
        )

    assert np.isfinite(energy(tf.constant(PICTURE)).numpy())


def test_a_checked_call_is_found_by_another_process_and_by_help() -> None:
    assert pickle.loads(pickle.dumps(helpers.saliency_map)) is helpers.saliency_map
    assert helpers.saliency_map.__doc__ == helpers.saliency.saliency_map.__doc__
    assert inspect.signature(helpers.saliency_map) == inspect.signature(helpers.saliency.saliency_map)
