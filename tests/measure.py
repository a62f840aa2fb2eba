"""Measure a network that ``train.py`` has written: how often it is right, and what its filters do on photos.

    python tests/measure.py --data tiny-imagenet-200.zip [--network FILE.npz] [--statistics FILE.npz]

prints its accuracy, its confusions, what it says about the sample photos and which filters keep silent. The statistics
tell how strongly each filter responds to validation pictures; of the bundled network they go beside its file.
"""

from __future__ import annotations

import argparse
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np
import pandas

import helpers
from helpers import keras, models
from helpers.backend import progress_bar
from helpers.downloads import whole
from helpers.errors import WeightsUnavailable
from helpers.quality import high_frequency_share
from helpers.weights import train

PICTURES = 1000  # on which the filters are watched
RARE = 0.001  # share of positions under which a filter counts as rare


class Activity(NamedTuple):
    """What the filters of one layer do on some pictures."""

    responses: np.ndarray  # float64 (pictures, filters), at least 0: mean of the feature map after the ReLU
    firing: np.ndarray  # float64 (filters,), in [0, 1]: share of all positions where the map is above 0


def load(path: Path) -> keras.Model:
    """Build the network that a file holds, as wide as its kernels are.

    Parameters
    ----------
    path
        Written by ``train.py``: ``<layer>/kernel`` and ``<layer>/bias`` in single or half precision, and ``labels``.

    Returns
    -------
    keras.Model
        As ``helpers.load_model("mini_vgg16", include_top=True)`` gives the bundled one.

    Raises
    ------
    WeightsUnavailable
        If the file is missing, damaged or holds something else.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        with mock.patch.object(models, "_bundled_arrays", lambda: arrays), mock.patch.dict(os.environ, CNN_WEIGHTS=""):
            return helpers.load_model(models.BUNDLED, include_top=True)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise WeightsUnavailable(f"{path} is no network that train.py has written ({reason}).") from error


def batches(pictures: np.ndarray, size: int = 50) -> list[np.ndarray]:
    """Cut pictures uint8 ``(n, height, width, 3)`` into batches of at most ``size``."""
    return [pictures[start : start + size] for start in range(0, len(pictures), size)]


def classify(model: keras.Model, pictures: np.ndarray) -> np.ndarray:
    """Logits float32 ``(n, classes)`` for pictures uint8 ``(n, height, width, 3)``, RGB."""
    bar = progress_bar(iterable=batches(pictures), desc="classifying")
    logits = [model(helpers.preprocess(model, np.float32(batch) / 255), training=False) for batch in bar]
    return np.concatenate([np.asarray(one) for one in logits])


def by_class(logits: np.ndarray, numbers: np.ndarray, labels: Sequence[str]) -> pandas.Series:
    """Top-1 accuracy in [0, 1] of every class that has pictures, indexed by its label, the best first."""
    shares = pandas.Series(logits.argmax(1) == numbers).groupby(numbers).mean()
    return shares.rename(index=dict(enumerate(labels))).sort_values(ascending=False, kind="stable")


def confusions(logits: np.ndarray, numbers: np.ndarray, labels: Sequence[str]) -> pandas.DataFrame:
    """How often pictures of one class are taken for another: ``picture``, ``network``, ``times``, the most first."""
    said, names = logits.argmax(1), np.asarray(labels)
    wrong = pandas.DataFrame({"picture": names[numbers], "network": names[said]})[said != numbers]
    counts = wrong.groupby(["picture", "network"]).size()
    return counts.sort_values(ascending=False, kind="stable").reset_index(name="times")


def activity(model: keras.Model, pictures: Sequence[np.ndarray]) -> dict[str, Activity]:
    """Watch every convolution.

    Parameters
    ----------
    model
        From :func:`load`.
    pictures
        Batches ``(n, height, width, 3)``, RGB: uint8, or float32 in [0, 1]. Sizes may differ between batches.

    Returns
    -------
    dict of str to Activity
        For each convolution, from the input to the output.
    """
    names = helpers.conv_layers(model)
    cut = helpers.get_submodel(model, names)
    responses, firing = {name: [] for name in names}, dict.fromkeys(names, 0)
    positions = dict.fromkeys(names, 0)
    for batch in progress_bar(iterable=pictures, desc="watching the filters"):
        levels = np.float32(batch) / 255 if batch.dtype == np.uint8 else batch
        for name, output in zip(names, cut(helpers.preprocess(model, levels), training=False), strict=True):
            maps = np.asarray(output)
            responses[name].append(maps.mean((1, 2), np.float64))
            firing[name] = firing[name] + (maps > 0).sum((0, 1, 2))
            positions[name] += maps[..., 0].size
    return {name: Activity(np.concatenate(responses[name]), firing[name] / positions[name]) for name in names}


def silence(watched: dict[str, Activity]) -> pandas.DataFrame:
    """For each layer: its ``filters``, how many are ``silent`` everywhere, and the share in [0, 1] that is ``rare``."""
    rows = [(len(firing), (firing == 0).sum(), (firing < RARE).mean()) for _, firing in watched.values()]
    return pandas.DataFrame(rows, index=list(watched), columns=["filters", "silent", "rare"])


def evenly(numbers: np.ndarray, count: int = PICTURES) -> np.ndarray:
    """Positions of about ``count`` pictures, the first few of every class, in the order of ``numbers`` ``(n,)``."""
    place = pandas.Series(numbers).groupby(numbers).cumcount()  # how many of the same class come before
    return np.flatnonzero(place < max(1, count // len(np.unique(numbers))))


def statistics(model: keras.Model, pictures: np.ndarray) -> dict[str, np.ndarray]:
    """How strongly each filter responds to pictures: the mean of its feature map after the ReLU.

    Parameters
    ----------
    model
        From :func:`load`.
    pictures
        uint8 ``(n, height, width, 3)``, RGB.

    Returns
    -------
    dict of str to numpy.ndarray
        float32: ``<layer>/mean``, ``<layer>/deviation`` (of the population), ``<layer>/p99`` and ``<layer>/p999``
        (percentiles, interpolated linearly), each ``(filters,)`` and over the pictures; ``high_frequency``, the
        pictures' median :func:`helpers.quality.high_frequency_share`.
    """
    arrays = {"high_frequency": np.median([high_frequency_share(picture / 255) for picture in pictures])}
    for name, (responses, _) in activity(model, batches(pictures)).items():
        arrays[f"{name}/mean"], arrays[f"{name}/deviation"] = responses.mean(0), responses.std(0)
        arrays[f"{name}/p99"], arrays[f"{name}/p999"] = np.percentile(responses, [99, 99.9], axis=0)
    return {name: np.asarray(array, np.float32) for name, array in arrays.items()}


def report(model: keras.Model, pictures: np.ndarray, numbers: np.ndarray) -> None:
    """Print how often the network is right, what it confuses, what it says about photos, and which filters are silent.

    Parameters
    ----------
    model
        From :func:`load`.
    pictures, numbers
        uint8 ``(n, height, width, 3)``, RGB, and class numbers ``(n,)``.
    """
    labels, logits = model.network.labels(), classify(model, pictures)
    top1, top5 = train.shares_right(logits, numbers)
    print(f"{len(pictures):,} validation pictures: top-1 {top1:.1%}, top-5 {top5:.1%}")
    classes = by_class(logits, numbers, labels).map("{:.0%}".format)
    print(f"\nbest classes\n{classes.head(5).to_string()}\n\nworst classes\n{classes.tail(5).to_string()}")
    print(f"\nmost frequent confusions\n{confusions(logits, numbers, labels).head(5).to_string(index=False)}")
    photos = {name: helpers.sample_image(name) for name in helpers.sample_names()}
    for name, photo in photos.items():
        table = helpers.predict(model, photo)
        print(f"{name}:", ", ".join(f"{row[0]} {row[1]:.0%}" for row in table.itertuples(index=False)))
    first = pictures[:PICTURES]
    table = silence(activity(model, [photo[None] for photo in photos.values()] + batches(first)))
    print(f"\nfilters on the sample photos and the first {len(first):,} validation pictures")
    print(table.to_string(formatters={"rare": "{:.1%}".format}))
    print(
        f"{table['silent'].sum()} of {table['filters'].sum()} are silent; rare: fires on under {RARE:.1%} of positions"
    )


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="Tiny ImageNet's zip or folder")
    parser.add_argument("--network", type=Path, default=models.BUNDLED_FILE, help="by default the bundled one")
    parser.add_argument("--statistics", type=Path, help="where the responses of the filters go")
    options = parser.parse_args(arguments)
    target = options.statistics
    if target is None and options.network == models.BUNDLED_FILE:
        target = models.BUNDLED_FILE.with_name("statistics.npz")
    if target and (target.suffix != ".npz" or not target.parent.is_dir()):
        parser.error(f"--statistics is {target}; it must be a name that ends in .npz, in a folder that exists")
    model = load(options.network)
    data = train.TinyImageNet(options.data, training=False)
    if model.network.labels() != data.labels:
        parser.error(f"{options.network} knows other classes than {options.data}")
    report(model, *data.validation)
    if target:
        pictures, numbers = data.validation
        arrays = statistics(model, pictures[evenly(numbers)])
        arrays["network"] = np.array(hashlib.sha256(options.network.read_bytes()).hexdigest())
        with whole(target) as part:
            np.savez(part, **arrays)
        print(f"\n{target} is written.")


if __name__ == "__main__":
    main()
