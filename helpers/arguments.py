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
from .errors import check_real, check_whole, is_whole
from .images import load_image
from .layers import check_model

Rule = Callable[[str, Any], Any]  # from a name and a value to the value as the function takes it


def checked(function: Callable) -> Callable:
    """The same function with checked arguments; a default is passed as it is."""
    parameters = inspect.signature(function).parameters

    def taken(name: str, value: Any) -> Any:
        rule = RULES.get(f"{function.__name__}.{name}", RULES.get(name))
        default = parameters[name].default if name in parameters else None
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


def _picture(_: str, value: Any) -> np.ndarray:
    return load_image(value)


def _batch(_: str, value: Any) -> Any:
    """A picture, or an array of several; tensors pass."""
    if tf.is_tensor(value):
        return value
    return _alike("images", value) if getattr(value, "ndim", 0) == 4 else load_image(value)


def _alike(name: str, value: Any) -> np.ndarray:
    pictures = _many("a list of pictures of one size", _picture)(name, value)
    _need(len({picture.shape for picture in pictures}) == 1, name, value, "pictures of one size")
    return np.stack(pictures)


def _is_table(value: Any) -> bool:
    return {"class", "probability"} <= set(getattr(value, "columns", ())) and len(value) > 0


def _shape(name: str, value: Any) -> Any:
    fits = isinstance(value, tuple | list) and len(value) == 3 and value[2] == 3
    fits = fits and all(side is None or is_whole(side, 1) for side in value[:2])
    return _need(fits, name, value, "(height, width, 3)")


def _layer(_: str, value: Any) -> Any:
    """A layer's name; a layer may stand for its name."""
    return value if isinstance(value, str) else getattr(value, "name", None) or repr(value)


def _layers(name: str, value: Any) -> Any:
    """One name, several, or with weights; or an objective, which has terms."""
    if isinstance(value, str | Mapping) or hasattr(value, "terms"):
        return value
    return _many("names of layers, at least one", _layer)(name, value if isinstance(value, Iterable) else [value])


RULES: dict[str, Rule] = {
    "model": lambda _, value: check_model(value) or value,
    **dict.fromkeys(["image", "content", "style"], _picture),
    "photos": _many("a dictionary of pictures", _picture, Mapping),
    "preprocess.images": _batch,
    "quality_cards.images": _alike,
    "plot_images.images": _many("a dictionary of pictures", _array("hw", "hw3", "hw4"), Mapping),
    "layer_name": _layer,
    **dict.fromkeys(["layer_names", "layers", "content_layers", "style_layers"], _layers),
    "iters": _whole(1, 100_000),
    "octaves": _whole(1, 20),
    "seed": _whole(0, 2**31 - 10_001),
    **dict.fromkeys(["steps", "samples", "columns"], _whole(1, 1000)),
    **dict.fromkeys(["count", "top", "limit", "tile"], _whole(1)),
    "jitter": _whole(0),
    **dict.fromkeys(["height", "milliseconds"], _whole(1, 10_000)),
    "scale": _real(1),
    **dict.fromkeys(["rate", "style_weight", "total_variation", "diversity"], _real(0)),
    "saliency": _array("hw"),
    "maps": _array("hwc", "1hwc"),
    "kernels": _array("hwcc"),
    **dict.fromkeys(["filters", "channels", "titles"], _many("a list", lambda _, value: value)),
    "methods": _many("a list of names", _a("str")),
    **{"name": _a("str"), "caption": _a("str"), "method": _a("str", "Recipe"), "objective": _a("Objective")},
    **{"figure": _a("Figure"), "one": _a("FilterImage"), "other": _a("FilterImage"), "executor": _a("Executor")},
    **dict.fromkeys(["path", "out"], _a("str", "PurePath")),
    "predictions": lambda name, value: _need(_is_table(value), name, value, "a table from predict()"),
    "place": lambda name, value: _need(np.shape(value) == (2,), name, value, "a pair (row, column)"),
    **dict.fromkeys(["bfloat16", "noise", "keep_colours", "before_activation"], _a("bool", "int")),
    "kind": lambda name, value: _need(value in ("gif", "png"), name, value, "'gif' or 'png'"),
    "input_shape": _shape,
    **dict.fromkeys(["preview", "load"], lambda name, value: _need(callable(value), name, value, "a function")),
    "pictures": _many("a list of pictures from visualize_filters()", _a("FilterImage")),
    **dict.fromkeys(["animation.pictures", "show_ascent.pictures"], _many("pictures", _a("AscentImage", "ndarray"))),
    "patches": _many("a list from strongest_patches()", _a("Patch"), least=0),
}
