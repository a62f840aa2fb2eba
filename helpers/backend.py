"""What works behind the pictures, quietly: TensorFlow and Keras, imported when they are first used, and progress bars.

``from helpers import keras, tf`` costs nothing; the first attribute that is read imports the real modules.
"""

import concurrent.futures
import functools
import importlib
import os
import threading
import types
from typing import Any


@functools.cache
def _import(name: str) -> types.ModuleType:
    """Import a module; the first time, start Keras' backend with one convolution while nobody listens.

    Its C++ start-up lines bypass ``sys.stderr``: meanwhile what goes to file descriptor 2 goes nowhere.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with open(os.devnull, "wb") as nowhere, os.fdopen(os.dup(2), "wb") as stderr:
        os.dup2(nowhere.fileno(), 2)
        try:
            ops = importlib.import_module("keras").ops
            ops.conv(ops.ones((1, 3, 3, 1)), ops.ones((3, 3, 1, 1)))
        finally:
            os.dup2(stderr.fileno(), 2)
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


def graph_of(function: Any, *arguments: Any) -> Any:
    """The graph of a ``tf.function`` for such arguments, made in a thread, which the stop button does not reach.

    An interrupt waits until it is made: in the middle it can leave TensorFlow in a state in which no later cell works.
    """
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        return thread.submit(function.get_concrete_function, *arguments).result()


def progress_bar(**options: Any) -> Any:
    """A tqdm bar, in a notebook a widget: shown after one second, removed at its end, not there with TQDM_DISABLE=1."""
    from tqdm.auto import tqdm

    # tqdm's notebook bar does not read its own environment variable; a thread's bar would land in any cell.
    silent = os.environ.get("TQDM_DISABLE") == "1" or threading.current_thread() is not threading.main_thread()
    return tqdm(**options, delay=1, leave=False, disable=silent)
