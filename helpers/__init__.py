"""Look inside a convolutional network: its layers, feature maps and the picture that each filter wants to see.

Pictures between calls are always RGB, float32, values in [0, 1], channels last. Nothing heavy is imported until
a call needs it; the names below are declared in ``__init__.pyi``. A call's arguments are checked on the way in.
"""

import inspect

import lazy_loader

_find, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    """What has that name; a function with checked arguments."""
    found = _find(name)
    if inspect.isfunction(found):
        from .arguments import checked

        found = globals()[name] = checked(found)
    return found
