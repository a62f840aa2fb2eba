"""What there is to see: feature maps, the patches of photos that excite a channel most, and the weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from .backend import keras
from .errors import LayerNotFound, check_filter, require
from .images import load_image
from .layers import Names, conv_layers, get_submodel, kernel_of, receptive_field
from .models import preprocess

FREQUENCIES = 64  # a kernel is padded with zeros to this size, so frequencies are 1 / 64 cycles per pixel apart
RIVAL_POWER = 0.95  # a second pattern that reaches this share of the strongest ...
RIVAL_TURN = 30  # ... and is turned by more than so many degrees, or is plain: the kernel prefers no orientation


def feature_maps(
    model: keras.Model, image: np.ndarray, layer_names: Names | None = None, *, before_activation: bool = False
) -> dict[str, np.ndarray]:
    """Every feature map that one picture gives in the chosen layers, computed in one pass.

    Parameters
    ----------
    model
        From :func:`helpers.load_model`, or any functional Keras model.
    image
        float32 ``(height, width, 3)``, RGB in [0, 1]; the network's preprocessing is applied here, and a network that
        takes pictures of one size gets it resized.
    layer_names
        One name, several, or None for every convolution.
    before_activation
        The values before a layer's fused activation (for VGG16: before the ReLU), which may be negative.

    Returns
    -------
    dict
        ``{layer name: float32 (height, width, channels)}`` in the order asked for.

    Raises
    ------
    LayerNotFound
        If a name is unknown; the message lists near matches.
    """
    names = keras.tree.flatten(conv_layers(model) if layer_names is None else layer_names)
    submodel = get_submodel(model, names, before_activation=before_activation)
    outputs = keras.tree.flatten(submodel(preprocess(model, np.asarray(image, np.float32)), training=False))
    return {name: np.asarray(output)[0] for name, output in zip(names, outputs, strict=True)}


class Patch(NamedTuple):
    """The part of a photo that one unit sees, and how strongly the unit responds to it."""

    image: np.ndarray  # float32 (height, width, 3), RGB in [0, 1]; grey where the unit looks past the photo's edge
    photo: str
    row: int  # the unit's place in the feature map
    column: int
    response: float


def strongest_patches(
    model: keras.Model, layer_name: str, channel: int, photos: Mapping[str, Any], count: int = 9
) -> list[Patch]:
    """The patches of some photos that excite one channel most.

    Within a photo, units whose centres are closer than half a receptive field count once.

    Parameters
    ----------
    model, layer_name, channel
        Which channel.
    photos
        ``{name: float32 (height, width, 3) in [0, 1]}``; sizes may differ. A network of one size sees them resized.
    count
        How many patches, at least 1. Fewer come back when the photos hold fewer different ones that excite the channel.

    Returns
    -------
    list of Patch
        The strongest first; each picture is one receptive field large.

    Raises
    ------
    LayerNotFound, FilterOutOfRange
        If the layer or the channel does not exist.
    """
    field, size = receptive_field(model, layer_name), model.input_shape[1:3] if model.input_shape[1] else None
    (height, width), (down, right) = field.size, field.stride
    apart, patches = max(1, round(height / down / 2)), []
    for photo, image in {name: load_image(photo, size) for name, photo in photos.items()}.items():
        maps = feature_maps(model, image, layer_name)[layer_name]
        check_filter(channel, maps.shape[-1], layer_name)
        left = maps[..., channel].copy()
        framed = np.pad(image, ((height, height), (width, width), (0, 0)), constant_values=0.5)
        for _ in range(count):
            row, column = (int(place) for place in np.unravel_index(left.argmax(), left.shape))
            if left[row, column] <= 0:
                break
            y, x = height + field.first[0] + row * down, width + field.first[1] + column * right
            patch = framed[y : y + height, x : x + width].copy()
            patches.append(Patch(patch, photo, row, column, float(left[row, column])))
            left[max(0, row - apart) : row + apart + 1, max(0, column - apart) : column + apart + 1] = 0
    return sorted(patches, key=lambda patch: -patch.response)[:count]


def get_kernels(model: keras.Model, layer_name: str) -> np.ndarray:
    """The weights that a layer slides over its input, without the biases.

    Parameters
    ----------
    model
        Any Keras model.
    layer_name
        A layer with a four-dimensional kernel, such as a convolution. A separable one gives its depthwise kernels.

    Returns
    -------
    numpy.ndarray
        float32 ``(kernel height, kernel width, channels in, filters)``; a copy. The channels are in the network's own
        order: the first layer of VGG16 reads blue, green, red. For a depthwise layer the last number is that of the
        filters for each channel.

    Raises
    ------
    LayerNotFound
        If there is no such layer, or it has no such kernel; the message lists near matches or every convolution.
    """
    kernels = {layer.name: kernel_of(layer) for layer in model.layers}
    if kernels.get(layer_name) is None:
        raise LayerNotFound(layer_name, conv_layers(model), model.name)
    return np.array(kernels[layer_name], np.float32)


def rgb_kernels(model: keras.Model) -> np.ndarray:
    """The first convolution's kernels, as they act on a picture with RGB values in [0, 1].

    The preprocessing that :func:`helpers.preprocess` applies, such as a change of the colours' order, is moved into
    the weights.

    Parameters
    ----------
    model
        From :func:`helpers.load_model`. Another Keras model is taken to read RGB in [0, 1].

    Returns
    -------
    numpy.ndarray
        float32 ``(kernel height, kernel width, 3, filters)``; the channels are red, green, blue.

    Raises
    ------
    LayerNotFound
        If the network has no convolution.
    ValueError
        If the first convolution does not read three channels.
    """
    first = next(iter(conv_layers(model)), None)
    kernels = get_kernels(model, first)
    require(kernels.shape[2] == 3, f"{first} reads {kernels.shape[2]} channels, not three colours.")
    pixels = np.eye(3, dtype=np.float32)[:, None, None]  # pictures of one pixel: red, green, blue
    change = np.asarray(preprocess(model, pixels) - preprocess(model, np.zeros_like(pixels)))[:, 0, 0]
    return np.einsum("rc,hwcf->hwrf", change, kernels).astype(np.float32)


def preferred_gratings(kernels: np.ndarray) -> pd.DataFrame:
    """The grating (stripes whose brightness is a sine) that excites each kernel most, found by the Fourier transform.

    Parameters
    ----------
    kernels
        ``(kernel height, kernel width, channels in, filters)``, from :func:`rgb_kernels` or :func:`get_kernels`.

    Returns
    -------
    pandas.DataFrame
        One row for each kernel. ``orientation``: of the stripes, in degrees in [0, 180), counter-clockwise; 0 is
        horizontal, 45 rises to the right, 90 is vertical. NaN where a plain colour, or stripes turned by more than 30
        degrees, do as well (95% of the power). ``frequency``: in cycles per pixel; 0 is a plain colour, 0.5 is one
        pixel bright, one dark. ``selectivity``: the largest power divided by the mean power; 1 for a kernel with a
        single weight, at most height times width.

    Notes
    -----
    The squared length of the response to a grating of unit amplitude is the kernel's Fourier power at the grating's
    frequency. Powers of the input channels are added: this is the response to the best mixture of channels.
    """
    size = max(FREQUENCIES, *kernels.shape[:2])
    down, right = (axis.ravel() for axis in np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size), indexing="ij"))
    frequency, orientation = np.hypot(down, right), np.round(90 - np.degrees(np.arctan2(down, right)), 6) % 180
    spectra = (np.fft.fft2(kernel, (size, size), axes=(0, 1)) for kernel in np.moveaxis(kernels, 3, 0))
    power = np.stack([(np.abs(spectrum) ** 2).sum(axis=2).ravel() for spectrum in spectra])
    best, strongest = power.argmax(axis=1), power.max(axis=1)
    turns = np.abs((orientation - orientation[best, None] + 90) % 180 - 90)  # degrees, 0 to 90
    # What rivals: stripes turned too far, a plain colour, and a chessboard, which lies on both diagonals.
    rival = np.where((turns > RIVAL_TURN) | (frequency == 0) | (down + right == -1), power, 0).max(axis=1)
    table = {"orientation": np.where(rival < RIVAL_POWER * strongest, orientation[best], np.nan)}
    table |= {"frequency": frequency[best], "selectivity": strongest / np.where(strongest, power.mean(axis=1), np.nan)}
    return pd.DataFrame(table).rename_axis("kernel")
