"""The exceptions of this package: each names the bad value and the valid ones."""

import difflib
import math
import numbers
from collections.abc import Sequence


def require(fits: object, message: str) -> None:
    """Raise ValueError, with that message, unless it fits."""
    if not fits:
        raise ValueError(message)


def is_whole(value: object, least: int, most: float = math.inf) -> bool:
    """Whether a value is a whole number in a range; True and False are none."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and least <= value <= most


def check_whole(name: str, value: int, least: int, most: float = math.inf) -> int:
    """The whole number; ValueError, with the name, the value and the valid ones, unless it is one in that range."""
    valid = f"{least:,} or more" if most == math.inf else f"from {least:,} to {most:,}"
    require(is_whole(value, least, most), f"{name} is {value!r:.80}; it must be a whole number, {valid}.")
    return value


def check_real(name: str, value: float, least: int = 0) -> float:
    """The number; ValueError, with its name and value, unless it is from `least` to 1e9, whose square float32 holds."""
    fits = isinstance(value, numbers.Real) and least <= value <= 1e9
    require(fits, f"{name} is {value!r:.80}; it must be a number, {least} or more, and at most 1e9.")
    return float(value)


def check_filter(index: object, count: int, layer: str) -> None:
    """Raise :class:`FilterOutOfRange` unless the index is one of the filters of the layer of that name."""
    if not is_whole(index, 0, count - 1):
        raise FilterOutOfRange(f"{layer} has no filter {index!r}: its filters are the whole numbers 0 to {count - 1}.")


class LayerNotFound(ValueError):
    """The network has no layer of that name, or that layer cannot serve here."""

    def __init__(self, name: object, valid: Sequence[str], model_name: str) -> None:
        near = difflib.get_close_matches(str(name), valid, n=3)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"It has: {', '.join(valid) or 'none'}."
        what = "convolution" if name is None else f"layer {name!r}"
        super().__init__(f"{model_name} has no {what} that can be used here. {hint}")


class FilterOutOfRange(ValueError):
    """The layer has no filter of that number."""


class WeightsUnavailable(RuntimeError):
    """The weights of a network are neither on this machine nor to be had now, or the file is damaged."""


class ImageError(ValueError):
    """A picture that cannot be found, read or understood."""
