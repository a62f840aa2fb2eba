"""TensorFlow and Keras, imported when they are first used and without their start-up lines on screen.

``from helpers import keras, tf`` costs nothing; the first attribute that is read imports the real modules.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import types
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    """Send file descriptor 2 to nowhere: TensorFlow's C++ start-up lines bypass ``sys.stderr``."""
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


@functools.cache
def _import(name: str) -> types.ModuleType:
    """Import a module; the first time, start TensorFlow with one convolution while nobody listens."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _silent_stderr():
        tensorflow = importlib.import_module("tensorflow")
        tensorflow.nn.conv2d(tensorflow.ones((1, 3, 3, 1)), tensorflow.ones((3, 3, 1, 1)), 1, "SAME")
    return importlib.import_module(name)


class _Deferred(types.ModuleType):
    """Stands for a module until one of its attributes is read."""

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__") and attribute != "__version__":  # what tools ask of any module
            raise AttributeError(attribute)
        return getattr(_import(self.__name__), attribute)

    def __dir__(self) -> list[str]:
        return dir(_import(self.__name__))


tf = _Deferred("tensorflow", "TensorFlow, imported when it is first used.")
keras = _Deferred("keras", "Keras, imported when it is first used.")
