"""The exceptions of this package: each names the bad value and the valid ones."""

from __future__ import annotations

import difflib
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
