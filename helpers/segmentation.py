"""From maps to regions, without a label: the object's mask, and parts by clustering."""

from __future__ import annotations

import numpy as np
import scipy
import skimage
from skimage.filters import gaussian

from .backend import keras, tf
from .errors import check_whole
from .saliency import Question


def saliency_mask(image: np.ndarray, saliency: np.ndarray) -> np.ndarray:
    """The object that a saliency map points at, with an outline that follows the picture's edges.

    Otsu's threshold (1979) parts the map in two. The stronger half of the strong part and the weaker half of the weak
    part are seeds, from which a flood rises over the picture's edges (watershed; Beucher and Lantuejoul 1979): where
    the two floods meet lies the outline.

    Parameters
    ----------
    image
        float32 ``(height, width, 3)``, RGB in [0, 1].
    saliency
        float32 ``(height, width)`` in [0, 1], from :func:`helpers.saliency_map`.

    Returns
    -------
    numpy.ndarray
        bool ``(height, width)``: True on the object. Of a flat map False everywhere.

    Raises
    ------
    ValueError
        If the two are not of one size.
    """
    if saliency.shape != image.shape[:2]:
        raise ValueError(f"saliency has shape {saliency.shape}; the picture has {image.shape[:2]}.")
    if np.ptp(saliency) == 0:
        return np.zeros(saliency.shape, bool)
    strong = saliency > skimage.filters.threshold_otsu(saliency)
    low, high = (np.median(saliency[part]) for part in (~strong, strong))
    seeds = np.select([saliency >= high, saliency <= low], [1, 2])
    smooth = gaussian(skimage.color.rgb2lab(image), 1, channel_axis=-1)
    edges = np.linalg.norm(np.gradient(smooth, axis=(0, 1)), axis=(0, -1))
    return skimage.segmentation.watershed(edges, seeds) == 1


def segment(
    model: keras.Model, image: np.ndarray, regions: int = 4, layer_name: str | None = None, seed: int = 0
) -> np.ndarray:
    """Part a picture into regions whose feature vectors are alike: k-means on the directions of a layer's vectors.

    Parameters
    ----------
    model, image, layer_name
        As in :func:`helpers.saliency_map`.
    regions
        How many, at least 2. Fewer come back from a plain picture.
    seed
        Of the first centres; the same seed gives the same regions.

    Returns
    -------
    numpy.ndarray
        int ``(height, width)``: 0 is the largest region, 1 the next.

    Raises
    ------
    LayerNotFound
        If there is no such layer.
    ValueError
        If there are fewer than two regions, or more than the layer's maps have units.
    """
    maps, _ = Question(model, image).gradient(layer_name)
    units = maps.reshape(-1, maps.shape[-1])
    check_whole("regions", regions, 2, len(units))
    directions = units / np.maximum(np.linalg.norm(units, axis=1, keepdims=True), 1e-8)
    regions = min(regions, len(np.unique(directions.round(6), axis=0)))
    centres, _ = scipy.cluster.vq.kmeans2(directions, regions, iter=50, minit="++", rng=seed)
    distances = scipy.spatial.distance.cdist(directions, centres).reshape(*maps.shape[:2], regions)
    found = tf.image.resize(distances, image.shape[:2]).numpy().argmin(axis=-1)
    order = np.argsort(-np.bincount(found.ravel(), minlength=regions), kind="stable")
    return np.argsort(order)[found]


def overlay(image: np.ndarray, saliency: np.ndarray) -> np.ndarray:
    """The picture in grey under the map in colour, float32 ``(height, width, 3)``: dark is weak, yellow is strong.

    The strongest hundredth of the pixels share one colour, or a few would leave the others dark.
    """
    import matplotlib

    grey = skimage.color.gray2rgb(skimage.color.rgb2gray(image))
    shown = matplotlib.colormaps["inferno"](saliency / max(np.percentile(saliency, 99), 1e-8))[..., :3]
    return (0.4 * grey + 0.6 * shown).astype(np.float32)
