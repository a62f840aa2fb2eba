"""The exceptions of this package, and checks of arguments: each message names the bad value and the valid ones."""

from __future__ import annotations

import difflib
import numbers
from collections.abc import Iterable


class LayerNotFound(ValueError):
    """The network has no layer of that name, or that layer cannot serve here."""

    def __init__(self, name: object, valid: Iterable[str], model_name: str) -> None:
        valid = list(valid)
        near = difflib.get_close_matches(str(name), valid, n=3)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"It has: {', '.join(valid)}."
        super().__init__(f"{model_name} has no layer {name!r} that can be used here. {hint}")


class FilterOutOfRange(ValueError):
    """The layer has no filter of that number."""

    def __init__(self, f_index: object, count: int, layer_name: str) -> None:
        super().__init__(f"{layer_name} has no filter {f_index!r}: its filters are the whole numbers 0 to {count - 1}.")


class WeightsUnavailable(RuntimeError):
    """The weights of a network are neither on this machine nor to be had now, or the file is damaged."""


class ImageError(ValueError):
    """A picture that cannot be found, read or understood."""


def check_numbers(**arguments: tuple[object, float, float]) -> None:
    """Raise ValueError unless each ``name=(value, low, high)`` is a number in its limits, a whole one if those are."""
    for name, (value, low, high) in arguments.items():
        whole = isinstance(low, int)
        kind = numbers.Integral if whole else numbers.Real
        if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
            raise ValueError(f"{name} is {value!r}; it must be a {'whole ' * whole}number from {low:,} to {high:,}.")


def check_choices(**arguments: tuple[object, Iterable[str]]) -> None:
    """Raise ValueError unless the value of each ``name=(value, valid ones)`` is one of the valid ones."""
    for name, (value, valid) in arguments.items():
        if value not in valid:
            raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(valid)}.")
