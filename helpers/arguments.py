"""What the arguments of a public call may be, checked when the call begins: by type hint, and by the parameter's name.

``helpers.saliency_map`` is the checked call. The modules take each other's functions as they are.
"""

import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import typeguard

from .backend import keras, tf
from .errors import check_real, check_whole, require
from .images import load_image

EVERY_PART = typeguard.CollectionCheckStrategy.ALL_ITEMS


def checked(function: Callable) -> Callable:
    """The same function with checked arguments; a default is passed as it is."""
    parameters = inspect.signature(function).parameters
    # When it is called: this can import Keras. What a size or a filter may be, each call says itself.
    hints = functools.cache(lambda: HINTS | typing.get_type_hints(function) | {"size": Any, "f_index": Any})

    def taken(name: str, value: Any) -> Any:
        if name in parameters and value is parameters[name].default:
            return value
        rule, hint = RULES.get(f"{function.__name__}.{name}", RULES.get(name, _plain)), hints().get(name, Any)
        fitting, may_be_empty = rule(name, _plain(name, value)), name in ("patches", "snapshots", "source")
        holds = may_be_empty or not isinstance(fitting, bytes | list | tuple | dict | range) or fitting
        require(holds, f"{name} is {value!r}; it must hold one or more.")
        try:
            return typeguard.check_type(fitting, hint, collection_check_strategy=EVERY_PART)
        except typeguard.TypeCheckError:
            raise ValueError(f"{name} is {value!r:.80}; it must be {inspect.formatannotation(hint)}.") from None

    @functools.wraps(function)
    def call(*places: Any, **options: Any) -> Any:
        known = [taken(name, value) for name, value in zip(parameters, places, strict=False)]
        try:
            return function(*known, *places[len(known) :], **{name: taken(name, options[name]) for name in options})
        except Exception as error:
            layer = str(error).partition("Exception encountered when calling ")[2].partition(".call")[0]
            if not layer or "OOM" in str(error):
                raise
            raise ValueError(f"{function.__name__} fails in a {layer} layer: is the picture too small?") from error

    call.__module__ = __package__  # where another process finds it
    return call


def _plain(_: str, value: Any) -> Any:
    """A number of numpy as one of Python; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def _arrays(_: str, value: Any) -> Any:
    """A dictionary's tensors as arrays."""
    items = value.items() if isinstance(value, Mapping) else ()
    return {key: np.asarray(part) if hasattr(part, "numpy") else part for key, part in items} or value


def _pictures(_: str, value: Any) -> Any:
    """One picture or an array of several; as they are tensors, and arrays of other shapes, which the call refuses."""
    if tf.is_tensor(value) or (isinstance(value, np.ndarray) and not (value.ndim in (3, 4) and value.shape[-1] == 3)):
        return value
    return np.stack([load_image(each) for each in value]) if np.ndim(value) == 4 else load_image(value)


def _array(name: str, value: Any) -> Any:
    """An array of finite numbers; True is 1. Whether anything else may be given, the type hint says."""
    if not isinstance(value, np.ndarray):
        return value
    fits = value.ndim in AXES[name] and value.size and value.dtype.kind in "biuf" and np.isfinite(value).all()
    require(fits, f"{name} has shape {value.shape}; it must hold finite numbers along {AXES[name][0]} axes.")
    return value.astype(np.float32) if value.dtype.kind == "b" else value


def _model(name: str, value: Any) -> Any:
    fits = isinstance(value, keras.Model) and len(getattr(value, "inputs", None) or ()) == 1
    require(fits, f"{name} is {value!r:.80}; it must be a functional Keras model, as load_model() gives it.")
    first = next((layer.weights[0] for layer in value.layers if layer.weights), 0)  # all together would take long
    with tf.init_scope():  # where a graph is being made weights have no values
        require(np.isfinite(np.asarray(first)).all(), f"{name} {value.name} has weights that are no finite numbers.")
    return value


HINTS = {"preview": Callable | None, "bfloat16": bool, "layer_name": str | None}  # of what is passed on to another call
WHOLE = {"iters": (1, 100_000), "size": (16, 2048), "seed": (0, 2**31 - 10_001), "octaves": (1, 20), "limit": (1,)}
WHOLE |= {"tile": (64, 10**6), "jitter": (0, 10**6), "milliseconds": (10, 10_000), "count": (1,), "regions": (2,)}
WHOLE |= {"top": (1,), "maximize.count": (1, 16)} | dict.fromkeys(["steps", "samples", "columns", "height"], (1, 1000))
REAL = {"scale": 1, "rate": 0, "style_weight": 0, "total_variation": 0, "diversity": 0}
AXES = {"saliency": (2,), "maps": (3, 4), "kernels": (4,)}
RULES: dict[str, Callable[[str, Any], Any]] = {  # from a name and a value to the value as the function takes it
    **{key: lambda name, value, bounds=bounds: check_whole(name, value, *bounds) for key, bounds in WHOLE.items()},
    **{key: lambda name, value, least=least: check_real(name, value, least) for key, least in REAL.items()},
    **dict.fromkeys(["load_image.size", "sample_image.size"], _plain),
    **dict.fromkeys(["image", "content", "style"], lambda _, value: load_image(value)),
    "pictures": lambda _, value: [*value] if isinstance(value, str) else value,
    **dict.fromkeys(AXES, _array) | {"preprocess.images": _pictures, "plot_images.images": _arrays, "model": _model},
}
