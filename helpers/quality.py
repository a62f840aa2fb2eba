"""How good is the picture of a filter? Evidence that does not come from the optimiser that made it."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from skimage.util import random_noise, view_as_blocks

from .backend import keras
from .errors import check_filter, require
from .images import file_bytes, load_image, sample_image, sample_names, to_pil
from .layers import get_submodel
from .models import preprocess

BATCH = 8  # pictures in one forward pass; more cost memory and gain no time


class Yardstick(NamedTuple):
    """How the filters of one layer respond to natural pictures; a response is the mean of a feature map."""

    mean: np.ndarray  # each float32 (filters,), over the pictures
    deviation: np.ndarray
    p999: np.ndarray  # 99.9th percentile
    high_frequency: float  # median over the pictures
    source: str  # what the pictures are


@dataclasses.dataclass(frozen=True)
class Quality:
    """What one picture reaches. A ratio above 1 beats 99.9% of the natural pictures."""

    response: float  # mean of the feature map after the activation, for the picture as it is saved
    ratio: float  # of the response to the 99.9th percentile over natural pictures
    held_out: float  # the smallest such ratio under changes that the ascent did not use
    rank: int  # of the filter among its layer's, by z-score: 1 if the picture excites no other filter as unusually
    filters: int  # in the layer
    high_frequency: float  # share of energy above half the Nyquist frequency
    natural_high_frequency: float  # the same for natural pictures, median
    source: str  # which natural pictures


HELD_OUT: dict[str, Callable[[Image.Image], Image.Image]] = {
    "a fifth darker": lambda picture: picture.point(lambda level: round(0.8 * level)),
    "noise of 5 grey levels": lambda picture: to_pil(random_noise(np.asarray(picture), var=(5 / 255) ** 2, rng=0)),
    "JPEG at quality 75": lambda picture: Image.open(io.BytesIO(file_bytes(picture, "jpeg", quality=75))),
    "sheared by a tenth": lambda picture: picture.transform(
        picture.size, Image.Transform.AFFINE, (1, 0.1, -0.05 * picture.width, 0, 1, 0), Image.Resampling.BICUBIC
    ),
}


def quality_cards(model: keras.Model, layer_name: str, filters: Iterable[int], images: Iterable[Any]) -> list[Quality]:
    """The quality card of each picture.

    Parameters
    ----------
    model, layer_name
        Which layer.
    filters, images
        Filter numbers, and for each its picture, float32 ``(size, size, 3)``, RGB in [0, 1].

    Returns
    -------
    list of Quality
        Computed from the pictures in 8 bits a colour, as they are saved.
    """
    filters, images = list(filters), [load_image(image) for image in images]
    require(len(filters) == len(images), f"There are {len(images)} pictures for {len(filters)} filters.")
    yardstick = natural_responses(model, layer_name, images[0].shape[0])
    for f_index in filters:
        check_filter(f_index, len(yardstick.mean), layer_name)
    saved = [to_pil(image) for image in images]
    variants = [saved, *([change(picture) for picture in saved] for change in HELD_OUT.values())]
    own, *others = (mean_responses(model, layer_name, [np.asarray(p, np.float32) / 255 for p in v]) for v in variants)
    scores, limits = z_scores(own, yardstick), np.maximum(yardstick.p999.astype(float), 1e-12)
    cards, natural = [], (yardstick.high_frequency, yardstick.source)
    for place, (f_index, image) in enumerate(zip(filters, images, strict=True)):
        ratio, *changed = (float(responses[place, f_index] / limits[f_index]) for responses in (own, *others))
        rank, fine = 1 + int((scores[place] > scores[place, f_index]).sum()), high_frequency_share(image)
        response, held_out, count = float(own[place, f_index]), min(changed), own.shape[1]
        cards.append(Quality(response, ratio, held_out, rank, count, fine, *natural))
    return cards


def mean_responses(model: keras.Model, layer_name: str, images: Sequence[np.ndarray]) -> np.ndarray:
    """Mean of every feature map after the activation: float32 ``(pictures, filters)``."""
    submodel = get_submodel(model, layer_name)
    batches = (preprocess(model, np.stack(images[first : first + BATCH])) for first in range(0, len(images), BATCH))
    return np.concatenate([np.mean(submodel(batch, training=False), axis=(1, 2)) for batch in batches])


def z_scores(responses: np.ndarray, yardstick: Yardstick) -> np.ndarray:
    """How many deviations each response lies above the filter's mean over natural pictures."""
    # The second is for a filter that natural pictures never excite.
    return (responses - yardstick.mean) / np.maximum(yardstick.deviation, 0.01 * np.median(yardstick.deviation) + 1e-12)


def natural_responses(model: keras.Model, layer_name: str, size: int) -> Yardstick:
    """The yardstick of a layer: stored beside the bundled network's weights, else from crops of the sample photos."""
    arrays = getattr(getattr(model, "network", None), "statistics", dict)()
    if f"{layer_name}/mean" in arrays:
        values = [arrays[f"{layer_name}/{name}"] for name in ("mean", "deviation", "p999")]
        return Yardstick(*values, float(arrays["high_frequency"]), "1,000 validation pictures of Tiny ImageNet")
    kept = model.__dict__.setdefault("_natural_responses", {})
    if (layer_name, size) not in kept:
        photos = np.stack([sample_image(name, (2 * size, 3 * size)) for name in sample_names()])
        crops = view_as_blocks(photos, (1, size, size, 3)).reshape(-1, size, size, 3)  # 2 x 3 of each
        means = mean_responses(model, layer_name, crops)
        fine = float(np.median([high_frequency_share(crop) for crop in crops]))
        source = f"{len(crops)} crops of the sample photos"
        kept[layer_name, size] = Yardstick(means.mean(0), means.std(0), np.quantile(means, 0.999, 0), fine, source)
    return kept[layer_name, size]


def high_frequency_share(image: np.ndarray) -> float:
    """Share of a picture's energy in detail finer than half the Nyquist frequency (0.25 cycles a pixel).

    Photos hold little there, because the power of natural scenes falls with the square of the frequency (Field 1987);
    noise holds four fifths.

    Parameters
    ----------
    image
        float ``(height, width, 3)``, at least 8 x 8. Its mean colour is subtracted, and a Hann window fades its edges,
        so that they do not count as detail.

    Returns
    -------
    float
        In [0, 1]; 0 for a plain colour.
    """
    height, width = image.shape[:2]
    window = np.outer(np.hanning(height), np.hanning(width))[..., None]
    mean = (image * window).sum(axis=(0, 1)) / window.sum()
    energy = np.abs(np.fft.fft2((image - mean) * window, axes=(0, 1))) ** 2
    fine = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)) > 0.25
    return float(energy[fine].sum() / max(energy.sum(), 1e-12))
