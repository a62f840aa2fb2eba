"""Gradient ascent: the picture that a filter wants to see (activation maximisation, Erhan et al. 2009)."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable
from typing import Any

import numpy as np

from .backend import keras
from .layers import find_call
from .objectives import FEATURE_MAPS, Objective, channel, check
from .quality import Quality, mean_responses, natural_responses, quality_cards, z_scores
from .recipes import Climb, Recipe


@dataclasses.dataclass(frozen=True, kw_only=True)
class AscentImage:
    """A picture made by gradient ascent, with its evidence."""

    image: np.ndarray = dataclasses.field(repr=False)  # float32 (size, size, 3), RGB in [0, 1], whole 255ths
    objective: Objective = dataclasses.field(repr=False)
    response: float = dataclasses.field(repr=False)  # the objective for this picture, after the activation
    history: np.ndarray = dataclasses.field(repr=False)  # float32 (iters,): what was maximised, before each step
    snapshots: dict[int, np.ndarray] = dataclasses.field(repr=False)  # step -> picture, at the steps asked for
    iters: int  # steps done: fewer than asked for if it was stopped
    seed: int
    seconds: float = dataclasses.field(repr=False)  # of the batch it was made in


@dataclasses.dataclass(frozen=True, kw_only=True)
class FilterImage(AscentImage):
    """The picture that one filter wants to see."""

    layer_name: str
    f_index: int
    model: keras.Model = dataclasses.field(repr=False, compare=False)

    @property
    def silent(self) -> bool:
        """True if the filter does not respond to its own picture: the ascent found nothing."""
        return not self.response > 0

    @functools.cached_property
    def quality(self) -> Quality:
        """The quality card, computed from the picture when it is first asked for."""
        return quality_cards(self.model, self.layer_name, [self.f_index], [self.image])[0]


def visualize_filter(
    model: keras.Model, layer_name: str, f_index: int | None = None,
    iters: int = 32, size: int = 96, method: str | Recipe = "fourier", seed: int = 0, **options: Any,
) -> FilterImage:  # fmt: skip
    """The picture that one filter wants to see; a random filter (chosen by ``seed``) when none is given.

    Parameters, returned values and errors are those of :func:`visualize_filters`.
    """
    if f_index is None:
        f_index = int(np.random.default_rng(seed).integers(_count(model, layer_name)))
    return visualize_filters(model, layer_name, [f_index], iters, size, method, seed, **options)[0]


def visualize_filters(
    model: keras.Model, layer_name: str, filters: Iterable[int] | None = None,
    iters: int = 32, size: int = 96, method: str | Recipe = "fourier", seed: int = 0, **options: Any,
) -> list[FilterImage]:  # fmt: skip
    """The pictures that some filters of one layer want to see, improved together as one batch.

    Parameters
    ----------
    model
        From :func:`helpers.load_model`, or any functional Keras model.
    layer_name
        A layer that gives feature maps.
    filters
        Numbers of its filters (channels); None: all of them.
    iters
        Steps of gradient ascent, at least 1.
    size
        Height and width of the pictures in pixels.
    method
        ``"fourier"``: the mean of the feature map before its ReLU, climbed with Adam in a decorrelated Fourier basis
        under random shifts, zooms and turns (Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017),
        minus a little total variation (Mahendran and Vedaldi 2015).
        ``"regularised"``: pixels, with L2 decay and blur (Yosinski et al. 2015; their steps are along the gradient,
        ours along its direction, and the numbers are ours). ``"classroom"``: the mean of the feature map, steps of ten
        grey levels along the l2-normalised gradient of the pixels, from faint noise (the loop of Chollet's "Deep
        Learning with Python").
        Or a :class:`helpers.Recipe` of your own.
    seed
        The same seed gives the same pictures, to the bit on one machine, with any number of threads; a processor with
        other instructions changes a number by 0.004 on average. A filter's picture does not depend on its company in
        the batch.
    options
        ``bfloat16=True``: compute the network in bfloat16, faster where the processor can do it. The response to a
        given picture is within 1%; after many steps the mean response of a layer's filters is too, that of one filter
        within a quarter. ``snapshots``: keep the pictures as they are before these steps (from 0). ``preview``: a
        function that is called now and then with the pictures so far, float32 ``(batch, size, size, 3)``.

    Returns
    -------
    list of FilterImage
        In the order of ``filters``. If the kernel is interrupted: the pictures so far, of the filters begun.

    Raises
    ------
    LayerNotFound
        If there is no such layer, or it gives no feature maps.
    FilterOutOfRange
        If a number is not one of the layer's filters.
    ValueError
        If another argument makes no sense, or the network cannot take pictures of that size.
    """
    count = _count(model, layer_name)
    goals = [check(model, channel(layer_name, f_index)) for f_index in (range(count) if filters is None else filters)]
    climb = Climb(model, channel(layer_name, 0), method, iters, size, options)
    numbers = [int(goal.terms[0].index) for goal in goals]
    made = zip(goals, numbers, climb.run(np.array([numbers], np.int32), [seed] * len(goals)), strict=False)
    return [FilterImage(objective=goal, f_index=n, layer_name=layer_name, model=model, **row) for goal, n, row in made]


def _count(model: keras.Model, layer_name: str) -> int:
    """How many filters a layer has; raises :class:`LayerNotFound` if there is no such layer, or it gives no maps."""
    check(model, channel(layer_name, 0))
    return find_call(model, layer_name).outputs[0].shape[-1]


def maximize(
    model: keras.Model, objective: Objective,
    iters: int = 32, size: int = 96, method: str | Recipe = "fourier", seed: int = 0,
    *, count: int = 1, diversity: float = 0.0, **options: Any,
) -> list[AscentImage]:  # fmt: skip
    """Pictures that maximise any objective, such as ``channel("block4_conv1", 3) - 0.5 * channel("block4_conv1", 7)``.

    Parameters
    ----------
    objective
        Made with :func:`helpers.channel`, :func:`helpers.neuron`, :func:`helpers.whole_layer` and
        :func:`helpers.class_logit`, their sums, differences and multiples.
    count
        How many pictures, from ``count`` different starts.
    diversity
        Share of the response given up for pictures that differ: the cosine between the Gram matrices of the first
        term's layer, averaged over the other pictures, is subtracted (Olah, Mordvintsev and Schubert 2017).
    model, iters, size, method, seed, options
        As in :func:`visualize_filters`: ``bfloat16``, ``snapshots`` and ``preview`` too.

    Returns
    -------
    list of AscentImage
        ``count`` pictures; fewer if the kernel is interrupted.

    Raises
    ------
    LayerNotFound, FilterOutOfRange, ValueError
        As in :func:`visualize_filters`; also if the network has no such class.
    """
    objective = check(model, objective)
    if diversity and len(find_call(model, objective.terms[0].layer_name).outputs[0].shape) != FEATURE_MAPS:
        raise ValueError("diversity compares feature maps; the first term must be a channel, a neuron or a layer.")
    climb = Climb(model, objective, method, iters, size, options, diversity)
    indices = np.array([[term.index or 0] * count for term in objective.terms], np.int32)
    return [AscentImage(objective=objective, **row) for row in climb.run(indices, list(range(seed, seed + count)))]


def seed_agreement(one: FilterImage, other: FilterImage) -> float:
    """How alike two pictures of one filter are to its layer: the correlation of all filters' z-scores, in [-1, 1]."""
    yardstick = natural_responses(one.model, one.layer_name, one.image.shape[0])
    scores = z_scores(mean_responses(one.model, one.layer_name, [one.image, other.image]), yardstick)
    return float(np.corrcoef(scores)[0, 1])
