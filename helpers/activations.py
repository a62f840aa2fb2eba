"""What each layer makes of a picture: feature maps, and the patches of photos that excite a channel most."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from .backend import keras
from .errors import check_filter
from .layers import conv_layers, get_submodel, receptive_field
from .models import preprocess


def feature_maps(
    model: keras.Model,
    image: np.ndarray,
    layer_names: str | Iterable[str] | None = None,
    *,
    before_activation: bool = False,
) -> dict[str, np.ndarray]:
    """Every feature map that one picture gives in the chosen layers, computed in one pass.

    Parameters
    ----------
    model
        From :func:`helpers.load_model`, or any functional Keras model.
    image
        float32 ``(height, width, 3)``, RGB in [0, 1]; the network's preprocessing is applied here.
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
    if layer_names is None:
        layer_names = conv_layers(model)
    names = [layer_names] if isinstance(layer_names, str) else list(layer_names)
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
    model: keras.Model, layer_name: str, channel: int, photos: Mapping[str, np.ndarray], count: int = 9
) -> list[Patch]:
    """The patches of some photos that excite one channel most.

    Within a photo, units whose centres are closer than half a receptive field count once.

    Parameters
    ----------
    model, layer_name, channel
        Which channel.
    photos
        ``{name: float32 (height, width, 3) in [0, 1]}``; sizes may differ.
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
    field = receptive_field(model, layer_name)
    (height, width), (down, right) = field.size, field.stride
    apart = max(1, round(height / down / 2))
    patches = []
    for photo, image in photos.items():
        maps = feature_maps(model, image, layer_name)[layer_name]
        check_filter(channel, maps.shape[-1], layer_name)
        left = maps[..., channel].copy()
        framed = np.pad(np.float32(image), ((height, height), (width, width), (0, 0)), constant_values=0.5)
        for _ in range(count):
            row, column = (int(place) for place in np.unravel_index(left.argmax(), left.shape))
            if left[row, column] <= 0:
                break
            y, x = height + field.first[0] + row * down, width + field.first[1] + column * right
            patch = framed[y : y + height, x : x + width].copy()
            patches.append(Patch(patch, photo, row, column, float(left[row, column])))
            left[max(0, row - apart) : row + apart + 1, max(0, column - apart) : column + apart + 1] = 0
    return sorted(patches, key=lambda patch: -patch.response)[:count]
