"""Fold batch normalisation into convolutions, undo it, and widen a folded network without changing what it computes."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

SCALE = 64.0  # inputs are divided by this while training, so that the first layer starts well scaled
EPSILON = 1e-3  # of the batch normalisation


def fold(model: keras.Model) -> dict[str, np.ndarray]:
    """Fold each batch normalisation, and the scaling of the input, into the kernel before it.

    With scale gamma, offset beta, running mean m and variance v, a normalised convolution
    ``gamma * (k * x - m) / sqrt(v + epsilon) + beta`` is one with the kernel ``k * gamma / sqrt(v + epsilon)``
    and the bias ``beta - m * gamma / sqrt(v + epsilon)``.

    Parameters
    ----------
    model
        From :func:`build`.

    Returns
    -------
    dict of str to numpy.ndarray
        ``<layer>/kernel`` and ``<layer>/bias`` of plain convolutions, for VGG16's preprocessing; float32.
    """
    arrays = {}
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D):
            normalised = model.get_layer(f"{layer.name}_normalised")
            gamma, beta, mean, variance = (np.asarray(array) for array in normalised.get_weights())
            factor = gamma / np.sqrt(variance + EPSILON)
            kernel = layer.get_weights()[0] * factor
            arrays[f"{layer.name}/kernel"] = kernel / SCALE if layer.name == "block1_conv1" else kernel
            arrays[f"{layer.name}/bias"] = beta - mean * factor
    arrays["predictions/kernel"], arrays["predictions/bias"] = model.get_layer("predictions").get_weights()
    return arrays


def unfold(model: keras.Model, arrays: dict[str, np.ndarray], pictures: np.ndarray) -> None:
    """Give a network from :func:`build` the kernels of a folded one, so that its training can go on.

    Each batch normalisation gets the statistics of what comes in, over some pictures, and a scale and an offset that
    leave it as it is: :func:`fold` gives the same arrays back.

    Parameters
    ----------
    model
        From :func:`build`, as wide as the kernels; its weights are set.
    arrays
        From :func:`fold`, in single or half precision.
    pictures
        uint8 ``(n, height, width, 3)``, RGB; a thousand will do.
    """
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D):
            scale = SCALE if layer.name == "block1_conv1" else 1.0
            layer.set_weights([np.float32(arrays[f"{layer.name}/kernel"]) * scale])
            incoming = keras.Model(model.input, layer.output).predict(pictures[..., ::-1], batch_size=100, verbose=0)
            mean, variance = (np.float32(reduce(incoming, (0, 1, 2), np.float64)) for reduce in (np.mean, np.var))
            values = [np.sqrt(variance + EPSILON), np.float32(arrays[f"{layer.name}/bias"]) + mean, mean, variance]
            model.get_layer(f"{layer.name}_normalised").set_weights(values)
    head = [np.float32(arrays[f"predictions/{part}"]) for part in ("kernel", "bias")]
    model.get_layer("predictions").set_weights(head)


def widened(
    arrays: dict[str, np.ndarray], filters: dict[str, int], random: np.random.Generator
) -> dict[str, np.ndarray]:
    """The same network with more filters (Net2WiderNet: Chen, Goodfellow and Shlens, ICLR 2016).

    A new filter is a copy of an old one; what reads them divides by the number of copies, so that the network computes
    what it did. A little noise then lets the copies grow apart. Layers that are wide enough stay as they are.

    Parameters
    ----------
    arrays
        From :func:`fold`, in single or half precision.
    filters
        How many filters each convolution shall have, from the input to the output.
    random
        Which filters are copied, and the noise: 5% of each weight that is a copy's.

    Returns
    -------
    dict of str to numpy.ndarray
        As from :func:`fold`, float32.

    Raises
    ------
    ValueError
        If a layer has more filters than it shall have.
    """
    wider, before = {}, np.arange(arrays["block1_conv1/kernel"].shape[2])
    for name in (*filters, "predictions"):
        kernel, bias = np.float32(arrays[f"{name}/kernel"]), np.float32(arrays[f"{name}/bias"])
        old, new = len(bias), filters.get(name, len(bias))
        if new < old:
            raise ValueError(f"{name} has {old} filters, which cannot become {new}: a network only grows.")
        after = np.concatenate([np.arange(old), random.integers(old, size=new - old)])
        copies = np.bincount(before)[before][:, None]
        grown = (kernel[..., before, :] / copies)[..., after]
        is_copy = (copies > 1) | (np.bincount(after)[after] > 1)
        wider[f"{name}/kernel"] = grown * (1 + 0.05 * is_copy * random.standard_normal(grown.shape, np.float32))
        wider[f"{name}/bias"], before = bias[after], after
    return wider
