"""Does a saliency map tell the truth about its network? Two tests, and two maps that know nothing as controls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy
import skimage

from .backend import keras
from .errors import require
from .saliency import Question, check_size, saliency_map

STEPS = 24  # in which the pixels are deleted or inserted
SIX = ("gradient", "smoothgrad", "guided_backpropagation", "integrated_gradients", "grad_cam", "layer_cam")


def deletion_insertion(
    model: keras.Model, image: np.ndarray, saliency: np.ndarray, target: int | str | None = None, seed: int = 0
) -> pd.DataFrame:
    """What the network says while a map's strongest pixels are deleted, or inserted, first.

    Petsiuk, Das and Saenko, "RISE", 2018. Deleted pixels get the picture's mean colour; insertion begins with a blurred
    picture. A map that tells the truth makes deletion fall early and insertion rise early.

    Parameters
    ----------
    model, image, target
        As in :func:`helpers.saliency_map`.
    saliency
        ``(height, width)``; which of equal pixels comes first is drawn.
    seed
        Of that draw.

    Returns
    -------
    pandas.DataFrame
        Index ``share`` of the pixels, 0 to 1; columns ``deletion`` and ``insertion``: the target's probability, or
        without classes its score beside the whole picture's. The mean of a column is about the area under its curve.
    """
    question = Question(model, image, target=target, seed=seed)
    whole, shares = question.image, pd.Index(np.linspace(0, 1, STEPS + 1), name="share")
    check_size(saliency, whole)
    ties = np.random.default_rng(seed).permutation(saliency.size)
    ranks = np.lexsort((ties, -saliency.ravel())).argsort().reshape(*saliency.shape, 1) / saliency.size
    mean, blurred = whole.mean(axis=(0, 1)), skimage.filters.gaussian(whole, max(whole.shape) / 16, channel_axis=-1)
    pictures = [np.where(ranks < share, *pair) for pair in ((mean, whole), (whole, blurred)) for share in shares]
    scores = question.scores(np.stack(pictures))
    heights = scipy.special.softmax(scores, axis=1) if question.has_head else scores / (scores[0] + 1e-8)
    return pd.DataFrame(heights[:, question.number].reshape(2, -1).T, shares, ["deletion", "insertion"])


def evaluate_saliency(
    model: keras.Model, image: np.ndarray, methods: Sequence[str] = SIX, target: Any = None, **options: Any
) -> pd.DataFrame:
    """Put saliency maps of one picture to two tests, beside a random map and an edge detector.

    *Deletion and insertion* (see :func:`deletion_insertion`). *Randomised weights* (Adebayo et al., "Sanity Checks for
    Saliency Maps", 2018): from the output towards the input, the numbers of each array of weights change places, which
    keeps their spread, in a copy of the network. A map that stays as it was does not show what the network has learned.

    Parameters
    ----------
    model, image, target
        As in :func:`helpers.saliency_map`; the same target is asked of the randomised networks.
    methods
        Names from :func:`helpers.saliency_map`.
    options
        Of :func:`helpers.saliency_map`; its ``seed`` is that of all that is drawn.

    Returns
    -------
    pandas.DataFrame
        One row for each method, then ``random map`` and ``edge detector``. Columns: ``deletion`` (area under the curve,
        lower is better), ``insertion`` (higher is better); and for 25, 50, 75 and 100% of the arrays randomised
        ``Spearman 25%`` (rank correlation with the trained network's map, -1 to 1) and ``SSIM 25%`` (structural
        similarity, at most 1): nearer to 0 is better.

    Raises
    ------
    ValueError
        If a method is unknown; and what :func:`helpers.saliency_map` raises.
    """
    require(min(image.shape[:2]) >= 7, f"image has {image.shape[0]} x {image.shape[1]} pixels; SSIM needs 7 a side.")
    first, *_ = [Question(model, image, name, target, **options) for name in methods]
    random, edges = np.random.default_rng(first.seed), skimage.filters.sobel(skimage.color.rgb2gray(image))

    def maps_of(network: keras.Model) -> dict[str, np.ndarray]:
        maps = {name: saliency_map(network, image, name, first.number, **options) for name in methods}
        return maps | {"random map": random.uniform(size=edges.shape), "edge detector": edges / (edges.max() or 1)}

    copy, trained = keras.models.clone_model(model), maps_of(model)
    copy.network = getattr(model, "network", None)
    curves = {name: deletion_insertion(model, image, each, first.number, first.seed) for name, each in trained.items()}
    rows = {key: dict(zip(each, np.trapezoid(each, dx=1 / STEPS, axis=0), strict=True)) for key, each in curves.items()}
    for share in (0.25, 0.5, 0.75, 1.0):  # of the network, which is randomised
        copy.set_weights(model.get_weights())
        for array in copy.weights[::-1][: round(share * len(copy.weights))]:
            array.assign(random.permutation(array.numpy().ravel()).reshape(array.shape))
        for name, found in maps_of(copy).items():
            flat = np.ptp(found) * np.ptp(trained[name]) == 0  # and has no ranks
            likeness = 0 if flat else scipy.stats.spearmanr(found, trained[name], axis=None).statistic
            rows[name][f"Spearman {share:.0%}"] = likeness
            rows[name][f"SSIM {share:.0%}"] = skimage.metrics.structural_similarity(found, trained[name], data_range=1)
    return pd.DataFrame.from_dict(rows, orient="index", dtype=float)
