"""Which saliency maps tell the truth: the table of `evaluate_saliency`, averaged over many pictures.

    python tests/benchmarks/saliency_faithfulness.py [--data tiny-imagenet-200.zip] [--pictures 24]

Six methods and two maps that know nothing, at four depths of randomised weights, with the bundled network: means over
the pictures, and how often a method beats the random map in deletion and in insertion. Without data the pictures are
crops of the sample photos at the network's size; of Tiny ImageNet those validation pictures that it names rightly.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
import pandas as pd

import helpers
from helpers import keras
from helpers.backend import progress_bar
from helpers.weights.train import TinyImageNet


def crops(count: int, side: int = 64) -> Iterator[np.ndarray]:
    """Squares of the sample photos, 2 x 3 of each."""
    for name in helpers.sample_names():
        photo = helpers.sample_image(name, (2 * side, 3 * side))
        squares = [
            photo[top : top + side, left : left + side] for top in (0, side) for left in range(0, 3 * side, side)
        ]
        yield from squares[: -(-count // len(helpers.sample_names()))]


def named_rightly(model: keras.Model, archive: str, count: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Validation pictures in a random order."""
    (pictures, classes), left = TinyImageNet(archive, training=False).validation, count
    for number in np.random.default_rng(seed).permutation(len(pictures)):
        picture = pictures[number].astype(np.float32) / 255
        if left and classes[number] == model(helpers.preprocess(model, picture)).numpy().argmax():
            left -= 1
            yield picture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="Tiny ImageNet's zip or folder")
    parser.add_argument("--pictures", type=int, default=24)
    options = parser.parse_args()
    model = helpers.load_model("mini_vgg16", include_top=True)
    pictures = named_rightly(model, options.data, options.pictures) if options.data else crops(options.pictures)
    tables = [
        helpers.evaluate_saliency(model, picture)
        for picture in progress_bar(iterable=list(pictures), desc="pictures", unit="picture")
    ]
    together = pd.concat(tables, keys=range(len(tables)))
    order = tables[0].index
    mean = together.groupby(level=1).mean().loc[order]
    control = together.xs("random map", level=1)
    for curve, sign in (("deletion", -1), ("insertion", 1)):
        beats = {name: (sign * (together.xs(name, level=1)[curve] - control[curve]) > 0).mean() for name in order}
        mean[f"{curve} beats random"] = pd.Series(beats)
    print(f"means over {len(tables)} pictures")
    print(mean.round(2).T.to_string())


if __name__ == "__main__":
    main()
