"""What the arguments of a public call may be, checked when the call begins: a parameter's name decides.

``helpers.saliency_map`` is the checked call. The modules take each other's functions as they are.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from .backend import tf
from .errors import check_real, check_whole
from .images import load_image
from .layers import check_model

Rule = Callable[[str, Any], Any]  # from a name and a value to the value as the function takes it


def checked(function: Callable) -> Callable:
    """The same function with checked arguments; a default is passed as it is."""
    parameters = inspect.signature(function).parameters

    def taken(name: str, value: Any) -> Any:
        rule = RULES.get(f"{function.__name__}.{name}", RULES.get(name))
        default = parameters[name].default if name in parameters else OPTIONS.get(name, inspect.Parameter.empty)
        return value if rule is None or value is default else rule(name, value)

    @functools.wraps(function)
    def call(*places: Any, **options: Any) -> Any:
        known = [taken(name, value) for name, value in zip(parameters, places, strict=False)]
        return function(*known, *places[len(known) :], **{name: taken(name, options[name]) for name in options})

    call.__module__ = __package__  # where another process finds it
    return call


def _need(fits: object, name: str, value: Any, valid: str) -> Any:
    if not fits:
        raise ValueError(f"{name} is {value!r:.80}; it must be {valid}.")
    return value


def _whole(least: int, most: float = math.inf) -> Rule:
    return lambda name, value: check_whole(name, value, least, most) or int(value)


def _real(least: int) -> Rule:
    return lambda name, value: check_real(name, value, least) or value


def _a(*classes: str) -> Rule:
    """Of one of these classes; by name, because their modules take long to import."""
    named = lambda value: {kind.__name__ for kind in type(value).__mro__} & set(classes)  # noqa: E731
    return lambda name, value: _need(named(value), name, value, f"a {' or '.join(classes)}")


def _many(what: str, rule: Rule, kind: type = Iterable, least: int = 1) -> Rule:
    """A list or the like, or a dictionary, whose parts keep a rule."""

    def several(name: str, value: Any) -> Any:
        fits = isinstance(value, kind) and not isinstance(value, str | bytes) and getattr(value, "ndim", 1)
        pairs = list(value.items() if isinstance(value, Mapping) else enumerate(value)) if fits else []
        _need(fits and len(pairs) >= least, name, value, what)
        pairs = [(key, rule(f"{name}[{key!r}]", part)) for key, part in pairs]
        return dict(pairs) if isinstance(value, Mapping) else [part for _, part in pairs]

    return several


def _array(*shapes: str) -> Rule:
    """An array of finite numbers. Tensors pass: they may stand for what is computed later."""

    def rule(name: str, value: Any) -> Any:
        if tf.is_tensor(value):
            return value
        array = np.asarray(value)
        fits = (array.ndim == len(shape) and shape[-1] in ("w", "c", str(array.shape[-1])) for shape in shapes)
        fits = any(fits) and array.dtype.kind in "biuf" and array.size and np.isfinite(array).all()
        _need(fits, name, value, f"an array ({') or ('.join(map(', '.join, shapes))}) of finite numbers")
        return array.astype(np.float32) if array.dtype.kind == "b" else array

    return rule


def _batch(_: str, value: Any) -> Any:
    """A picture, or an array of several; tensors pass, and what has another shape, which the call itself refuses."""
    if tf.is_tensor(value) or (isinstance(value, np.ndarray) and (value.ndim not in (3, 4) or value.shape[-1] != 3)):
        return value
    several = getattr(value, "ndim", 3) == 4
    return np.stack([load_image(one) for one in value]) if several else load_image(value)


def _layer(_: str, value: Any) -> Any:
    """A layer's name; a layer may stand for its name."""
    return value if isinstance(value, str) and value else getattr(value, "name", None) or repr(value)


def _layers(name: str, value: Any) -> Any:
    """Names or layers; else one name, names with weights, or an objective."""
    if isinstance(value, Iterable) and not isinstance(value, str | Mapping):
        return [_layer(name, each) for each in value]
    return value if value or value is None else _layer(name, value)


_picture: Rule = lambda _, value: load_image(value)  # noqa: E731
_is_table = lambda value: {"class", "probability"} <= {*getattr(value, "columns", ())}  # noqa: E731
NAMES = _many("names of layers", _layer)
MOVING = _many("pictures from one call with snapshots=, or arrays", _a("AscentImage", "ndarray"), least=0)
WHOLE = {"iters": (1, 100_000), "octaves": (1, 20), "seed": (0, 2**31 - 10_001), "jitter": (0,), "tile": (64,)}
WHOLE |= {"milliseconds": (10, 10_000), "maximize.count": (1, 16), "count": (1,), "top": (1,), "limit": (1,)}
WHOLE |= dict.fromkeys(["steps", "samples", "columns", "height"], (1, 1000))
OPTIONS = {"preview": None, "layer_name": None}  # defaults of what is passed on
REAL = {"scale": 1, "rate": 0, "style_weight": 0, "total_variation": 0, "diversity": 0}
CLASSES = {"name": "str", "caption": "str", "method": "str Recipe", "path": "str Path", "out": "str Path"}
CLASSES |= {"objective": "Objective", "figure": "Figure", "one": "FilterImage", "other": "FilterImage"}
CLASSES |= {"executor": "Executor", "place": "tuple list ndarray"}
CLASSES |= dict.fromkeys(["bfloat16", "noise", "keep_colours", "before_activation"], "bool int")
RULES: dict[str, Rule] = {
    **{name: _whole(*bounds) for name, bounds in WHOLE.items()},
    **{name: _real(least) for name, least in REAL.items()},
    **{name: _a(*classes.split()) for name, classes in CLASSES.items()},
    **dict.fromkeys(["layers", "content_layers", "style_layers"], _layers),
    "layer_names": lambda name, value: value if isinstance(value, str) else NAMES(name, value),
    **dict.fromkeys(["image", "content", "style"], _picture),
    **dict.fromkeys(["filters", "channels", "titles"], _many("a list", lambda _, value: value)),
    **dict.fromkeys(["preview", "load"], lambda name, value: _need(callable(value), name, value, "a function")),
    "model": lambda _, value: check_model(value) or value,
    "layer_name": _layer,
    "photos": _many("a dictionary of pictures", _picture, Mapping),
    "preprocess.images": _batch,
    "quality_cards.images": _many("a list of pictures", _picture),
    "plot_images.images": _many("a dictionary of pictures", _array("hw", "hw3", "hw4"), Mapping),
    "methods": _many("a list of names", _a("str")),
    "pictures": _many("a list from visualize_filters()", _a("FilterImage")),
    **dict.fromkeys(["animation.pictures", "show_ascent.pictures"], MOVING),
    "patches": _many("a list from strongest_patches()", _a("Patch"), least=0),
    "saliency": _array("hw"),
    "maps": _array("hwc", "1hwc"),
    "kernels": _array("hwcc"),
    "predictions": lambda name, value: _need(_is_table(value), name, value, "a table from predict()"),
    "kind": lambda name, value: _need(value in ("gif", "png"), name, value, "'gif' or 'png'"),
}
