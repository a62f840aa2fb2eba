"""What the arguments of a public call may be, checked when the call begins: by type hint, and by the parameter's name.

``helpers.saliency_map`` is the checked call. The modules take each other's functions as they are.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import typeguard

from .backend import keras, tf
from .errors import check_real, check_whole, require
from .images import load_image

Rule = Callable[[str, Any], Any]  # from a name and a value to the value as the function takes it
EVERY_PART = typeguard.CollectionCheckStrategy.ALL_ITEMS


def checked(function: Callable) -> Callable:
    """The same function with checked arguments; a default is passed as it is."""
    parameters = inspect.signature(function).parameters
    hints = functools.cache(lambda: typing.get_type_hints(function))  # when it is called: this can import Keras

    def taken(name: str, value: Any) -> Any:
        if name in parameters and value is parameters[name].default:
            return value
        rule = RULES.get(f"{function.__name__}.{name}", RULES.get(name, _plain))
        fitting = rule(name, _plain(name, value))
        try:
            return typeguard.check_type(fitting, hints().get(name, Any), collection_check_strategy=EVERY_PART)
        except typeguard.TypeCheckError:
            raise ValueError(f"{name} is {value!r:.80}; it must be {parameters[name].annotation}.") from None

    @functools.wraps(function)
    def call(*places: Any, **options: Any) -> Any:
        known = [taken(name, value) for name, value in zip(parameters, places, strict=False)]
        return function(*known, *places[len(known) :], **{name: taken(name, options[name]) for name in options})

    call.__module__ = __package__  # where another process finds it
    return call


def _plain(_: str, value: Any) -> Any:
    """A number of numpy as one of Python; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def _each(rule: Rule) -> Rule:
    """A rule for every part of a list or the like, or of a dictionary; there must be one part or more."""

    def all_parts(name: str, value: Any) -> Any:
        if isinstance(value, str | bytes) or not isinstance(value, Iterable) or getattr(value, "ndim", 1) == 0:
            return value  # the type hint says whether that is right
        parts = value if isinstance(value, Mapping) else dict(enumerate(value))
        kept = {key: rule(f"{name}[{key!r}]", _plain(name, part)) for key, part in parts.items()}
        require(kept, f"{name} is empty; it must hold one or more.")
        return kept if parts is value else list(kept.values())

    return all_parts


def _array(*shapes: str) -> Rule:
    """An array of finite numbers with one of these shapes. Tensors pass: they may stand for what is computed later."""

    def rule(name: str, value: Any) -> Any:
        if not isinstance(value, np.ndarray) and tf.is_tensor(value):
            return value
        array = np.asarray(value)
        fits = any(array.ndim == len(shape) and shape[-1] in ("w", "c", str(array.shape[-1])) for shape in shapes)
        if not (fits and array.size and array.dtype.kind in "biuf" and np.isfinite(array).all()):
            valid = f"an array ({') or ('.join(map(', '.join, shapes))}) of finite numbers"
            raise ValueError(f"{name} is {value!r:.80}; it must be {valid}.")
        return array.astype(np.float32) if array.dtype.kind == "b" else array

    return rule


def _is(fits: Callable[[Any], object], valid: str) -> Rule:
    """Only what fits, as it is."""

    def rule(name: str, value: Any) -> Any:
        require(fits(value), f"{name} is {value!r:.80}; it must be {valid}.")
        return value

    return rule


def _is_functional(value: Any) -> bool:
    return isinstance(value, keras.Model) and bool(getattr(value, "inputs", None))


def _picture(_: str, value: Any) -> Any:
    return load_image(value)


def _pictures(_: str, value: Any) -> Any:
    """One picture or an array of several; a tensor as it is."""
    if tf.is_tensor(value):
        return value
    return np.stack([load_image(each) for each in value]) if np.ndim(value) == 4 else load_image(value)


def _tuple(_: str, value: Any) -> Any:
    return tuple(np.ravel(value).tolist()) if isinstance(value, list | np.ndarray) else value


WHOLE = {"iters": (1, 100_000), "size": (16, 2048), "seed": (0, 2**31 - 10_001), "octaves": (1, 20), "jitter": (0,)}
WHOLE |= {"tile": (64,), "milliseconds": (10, 10_000), "maximize.count": (1, 16), "count": (1,), "top": (1,)}
WHOLE |= {"limit": (1,)} | dict.fromkeys(["steps", "samples", "columns", "height"], (1, 1000))
REAL = {"scale": 1, "rate": 0, "style_weight": 0, "total_variation": 0, "diversity": 0}
SEVERAL = ["filters", "channels", "titles", "methods", "layers", "layer_names", "content_layers", "style_layers"]
RULES: dict[str, Rule] = {
    **{key: lambda name, value, bounds=bounds: check_whole(name, value, *bounds) for key, bounds in WHOLE.items()},
    **{key: lambda name, value, least=least: check_real(name, value, least) for key, least in REAL.items()},
    **dict.fromkeys([*SEVERAL, "plot_filters.pictures", "plot_quality.pictures"], _each(_plain)),
    **dict.fromkeys(["load_image.size", "sample_image.size", "place", "input_shape"], _tuple),
    **dict.fromkeys(["image", "content", "style"], _picture),
    **dict.fromkeys(["photos", "quality_cards.images"], _each(_picture)),
    "plot_images.images": _each(_array("hw", "hw3", "hw4")),
    "preprocess.images": _pictures,
    "saliency": _array("hw"),
    "maps": _array("hwc", "1hwc"),
    "kernels": _array("hwcc"),
    "model": _is(_is_functional, "a functional Keras model, as load_model() gives it"),
    "predictions": _is(lambda value: {"class", "probability"} <= {*getattr(value, "columns", ())}, "from predict()"),
    "layer_name": _is(lambda value: value is None or isinstance(value, str), "a layer's name"),
    "preview": _is(lambda value: value is None or callable(value), "a function"),
    "bfloat16": _is(lambda value: isinstance(value, bool), "True or False"),
}
