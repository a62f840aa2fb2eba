"""Networks with the preprocessing they were trained with; the one place where a network's own convention is known."""

from __future__ import annotations

import dataclasses
import functools
import gc
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd

from .backend import keras, tf
from .downloads import is_right, keras_cache, reason, watched_downloads
from .errors import WeightsUnavailable, is_whole, require
from .images import LANCZOS, to_pil
from .layers import conv_layers

BUNDLED = "mini_vgg16"
BUNDLED_FILE = Path(__file__).parent / "weights" / "mini_vgg16.npz"
BUNDLED_SHA256 = "4401c0a63e3631f551e60b730ea6bd7b23888bd1af7e4d6cfa64cd1e1d9a94ab"
BLOCKS = (2, 2, 3, 3, 3)  # convolutions in each of VGG16's blocks


@dataclasses.dataclass(frozen=True)
class Network:
    """What a model cannot tell about itself; attached to it as ``model.network``."""

    name: str
    preprocess_input: Callable[[Any], Any]  # RGB in 0 to 255 -> what the first layer was trained on
    default_size: int  # pixels
    labels: Callable[[], list[str]]
    statistics: Callable[[], dict[str, np.ndarray]] = dict  # how its filters respond to natural pictures, if known


def load_model(
    name: str | None = None,
    *,
    weights: str | os.PathLike | None = "pretrained",
    include_top: bool = False,
    input_shape: Sequence[int | None] | None = None,
) -> keras.Model:
    """Load a network, ready to be looked into; prints one line that says which.

    Parameters
    ----------
    name
        ``"mini_vgg16"`` (bundled) or any network of ``keras.applications``, such as ``"vgg16"``, ``"resnet50"``,
        ``"inception_v3"``. Default: the environment variable ``CNN_MODEL``, else VGG16; when VGG16's weights cannot be
        had, and nobody asked for it by name, the bundled network.
    weights
        ``"pretrained"``: from Keras' cache, else downloaded with progress. None: random, the architecture alone (the
        environment variable ``CNN_WEIGHTS=none`` does this for every network). Otherwise a file of weights in HDF5
        (``.h5``, ``.weights.h5``); other kinds of files can hold code.
    include_top
        Also the classification head.
    input_shape
        ``(height, width, 3)``; by default any size, or the network's own size with a head.

    Returns
    -------
    keras.Model
        Functional model; ``model.network`` holds its preprocessing, default image size and labels.

    Raises
    ------
    ValueError
        If the name is unknown or the network cannot take the shape.
    WeightsUnavailable
        If the weights cannot be had or the file is damaged; the message says which file to put where.
    """
    chosen = name or os.environ.get("CNN_MODEL")
    if weights == "pretrained" and os.environ.get("CNN_WEIGHTS", "").lower() == "none":
        weights = None
    fits = input_shape is None or ([*input_shape[2:]] == [3] and all(is_whole(side or 1, 1) for side in input_shape))
    require(fits, f"input_shape is {input_shape!r}; it must be (height, width, 3).")
    gc.collect()  # networks that were dropped: they and their layers hold each other
    note = " weights"
    try:
        model = _build(chosen or "vgg16", weights, include_top, input_shape)
    except WeightsUnavailable as error:
        if chosen or weights != "pretrained":
            raise
        note = f" weights (in place of vgg16: {str(error).split('. Download ')[0]})"
        model = _build(BUNDLED, weights, include_top, input_shape)
    source = "bundled" if (weights, model.name) == ("pretrained", BUNDLED) else Path(weights or "random").name
    print(f"{model.name}: {len(conv_layers(model))} convolutions, {model.count_params():,} parameters, {source}{note}")
    return model


def _build(name: str, weights: Any, include_top: bool, input_shape: tuple | None) -> keras.Model:
    constructors, pretrained = _constructors(), weights == "pretrained"
    if _plain(name) == _plain(BUNDLED):
        model = _bundled(pretrained, include_top, input_shape)
    elif _plain(name) in constructors:
        model = _from_keras(constructors[_plain(name)], pretrained, include_top, input_shape)
    else:
        raise ValueError(f"There is no network {name!r}. There are: {BUNDLED}, {', '.join(sorted(constructors))}.")
    if weights is not None and not pretrained:
        try:
            # other kinds of files can hold more than numbers
            require(Path(weights).suffix == ".h5" and Path(weights).is_file(), "there is no .h5 file of that name")
            with warnings.catch_warnings(action="ignore"):  # Keras names each layer that a wrong file lacks
                model.load_weights(weights)
        except Exception as error:
            raise _unreadable(str(weights), model.name, error) from error
    return model


def _from_keras(constructor: Callable, pretrained: bool, include_top: bool, input_shape: tuple | None) -> keras.Model:
    """A network of ``keras.applications``; its default size is what it tells Keras when it asks for its input shape."""
    module = sys.modules[constructor.__module__]
    build = functools.partial(constructor, include_top=include_top, input_shape=input_shape)
    size = lambda: f"about {build(weights=None).count_params() * 4 / 1e6:.0f} MB"  # noqa: E731
    spy = mock.patch.object(module.imagenet_utils, "obtain_input_shape", wraps=module.imagenet_utils.obtain_input_shape)
    try:
        with warnings.catch_warnings(), spy as asked, watched_downloads(size) as download:
            warnings.filterwarnings("ignore", message="`input_shape` is undefined")  # any size is what is wanted here
            model = build(weights="imagenet" if pretrained else None)
    except Exception as error:
        if isinstance(error, WeightsUnavailable) or not download.called:
            raise
        raise _unreadable(f"A file in {keras_cache()}", constructor.__name__.lower(), error) from error
    default_size = asked.call_args.kwargs["default_size"] if asked.called else 224  # MobileNetV3 does not ask
    model.network = Network(model.name, module.preprocess_input, default_size, _imagenet_labels)
    return model


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def _constructors() -> dict[str, Callable[..., keras.Model]]:
    """Every network that this Keras offers, by its name in small letters."""
    return {_plain(name): constructor for name, constructor in vars(keras.applications).items() if name[0].isupper()}


def _unreadable(what: str, model_name: str, error: Exception) -> WeightsUnavailable:
    """One clear exception for whatever went wrong while a file of weights was read."""
    said = reason(error).replace(":\n\n", ": ").splitlines()[0].partition(" Target variable:")[0]  # lists follow
    return WeightsUnavailable(f"{what} cannot be read as weights of {model_name}: {said}")


def _bundled(pretrained: bool, include_top: bool, input_shape: tuple | None) -> keras.Model:
    """VGG16's architecture, as wide as the kernels in the file."""
    arrays, layers = _bundled_arrays(), keras.layers
    tensor = inputs = keras.Input(input_shape or (None, None, 3), name="input")
    if any(side is not None and side < 32 for side in inputs.shape[1:3]):
        raise ValueError(f"input_shape is {input_shape!r}; height and width must be at least 32.")
    for block, count in enumerate(BLOCKS, start=1):
        for name in (f"block{block}_conv{number}" for number in range(1, count + 1)):
            filters = arrays[f"{name}/kernel"].shape[-1]
            tensor = layers.Conv2D(filters, 3, padding="same", activation="relu", name=name)(tensor)
        tensor = layers.MaxPooling2D(2, name=f"block{block}_pool")(tensor)
    if include_top:
        tensor = layers.GlobalAveragePooling2D(name="avg_pool")(tensor)
        tensor = layers.Dense(len(arrays["labels"]), name="predictions")(tensor)
    model = keras.Model(inputs, tensor, name=BUNDLED)
    for layer in (layer for layer in model.layers if pretrained and layer.weights):
        layer.set_weights([arrays[f"{layer.name}/kernel"], arrays[f"{layer.name}/bias"]])
    preprocess_input, labels = keras.applications.vgg16.preprocess_input, [str(label) for label in arrays["labels"]]
    statistics = functools.cache(lambda: dict(np.load(BUNDLED_FILE.with_name("statistics.npz"))))
    model.network = Network(BUNDLED, preprocess_input, 64, lambda: labels, statistics if pretrained else dict)
    return model


@functools.cache
def _bundled_arrays() -> dict[str, np.ndarray]:
    if not is_right(BUNDLED_FILE, BUNDLED_SHA256):
        raise WeightsUnavailable(f"{BUNDLED_FILE} is missing or damaged; the repository has it.")
    return dict(np.load(BUNDLED_FILE))


@functools.cache
def _imagenet_labels() -> list[str]:
    """The 1,000 ImageNet class names in order, as Keras gives them."""
    with watched_downloads(lambda: "35 kB"):
        ranked = keras.applications.imagenet_utils.decode_predictions(-np.arange(1000.0)[None], top=1000)[0]
    return [label.replace("_", " ") for _, label, _ in ranked]


def has_head(model: keras.Model) -> bool:
    """Whether it gives a number for each class; ValueError if it has several outputs."""
    require(len(model.outputs) == 1, f"{model.name} has several outputs; take one: keras.Model(model.inputs, output).")
    return len(model.output_shape) == 2


def class_labels(model: keras.Model) -> list[str]:
    """The names of a network's classes; their numbers where it brings no names."""
    network = getattr(model, "network", None)
    return network.labels() if network else [str(number) for number in range(model.output_shape[-1])]


def preprocess(model: keras.Model, images: Any) -> Any:
    """Turn RGB pictures in [0, 1] into what the network was trained on; TensorFlow can differentiate through it.

    Parameters
    ----------
    model
        From :func:`load_model` or :func:`helpers.get_submodel`. Another Keras model gets the pictures as they are.
    images
        One picture ``(height, width, 3)`` or a batch ``(n, height, width, 3)``: array or tensor, float32 in [0, 1].

    Returns
    -------
    array or tensor
        Float32 batch ``(n, height, width, 3)``; for VGG16: BGR, 0 to 255, ImageNet's mean colour subtracted. For a
        network that takes pictures of one size: resized to it (bilinear, antialiased).

    Raises
    ------
    ValueError
        If the shape is no picture's, or the network does not read three colours.
    """
    if len(images.shape) not in (3, 4) or images.shape[-1] != 3:
        raise ValueError(f"Pictures have shape (height, width, 3) or (n, height, width, 3), not {tuple(images.shape)}.")
    batch, (*sides, channels) = images[None] if len(images.shape) == 3 else images, model.input_shape[1:]
    require(channels == 3, f"{model.name} reads {channels} channels, not three colours.")
    if None not in sides and sides != [*batch.shape[1:3]]:
        batch = tf.image.resize(batch, sides, antialias=True)
    network = getattr(model, "network", None)
    return batch if network is None else network.preprocess_input(batch * 255.0)


def predict(model: keras.Model, image: np.ndarray, top: int = 5) -> pd.DataFrame:
    """What the network says the picture shows.

    Parameters
    ----------
    model
        With a classification head: ``load_model(..., include_top=True)``, or any Keras model that ends in one; of one
        that brings no names of classes their numbers are returned.
    image
        float32 ``(height, width, 3)``, RGB in [0, 1]. The whole picture is resampled to the network's size, as Keras's
        examples do it: what is not square is squeezed.
    top
        How many classes to return, at least 1.

    Returns
    -------
    pandas.DataFrame
        Columns ``class`` (name) and ``probability`` (in [0, 1]), the most probable first.

    Raises
    ------
    ValueError
        If the model has no head or ``top`` is below 1.
    """
    size, last = getattr(getattr(model, "network", None), "default_size", 224), model.layers[-1]
    require(has_head(model), f"{model.name} has no classification head. Try load_model(..., include_top=True).")
    height, width = (side or size for side in model.input_shape[1:3])
    output = model(preprocess(model, np.float32(to_pil(image).resize((width, height), LANCZOS)) / 255), training=False)
    softmax = isinstance(last, keras.layers.Softmax) or getattr(last, "activation", None) is keras.activations.softmax
    output = output if softmax else tf.nn.softmax(output)
    table = pd.DataFrame({"class": class_labels(model), "probability": output.numpy()[0]})
    return table.sort_values("probability", ascending=False, kind="stable", ignore_index=True).head(top)
