"""Look inside a convolutional network: its layers, feature maps and the picture that each filter wants to see.

Pictures between calls are always RGB, float32, values in [0, 1], channels last. Nothing heavy is imported until
a call needs it; the names below are declared in ``__init__.pyi``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
