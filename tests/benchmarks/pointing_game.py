"""Does each saliency map's strongest pixel lie on the object? The pointing game, beside a random map and the centre.

    python tests/benchmarks/pointing_game.py FOLDER [--pictures 100] [--methods gradient grad_cam]
    python tests/benchmarks/pointing_game.py tiny-imagenet-200.zip

The folder holds pictures and `boxes.csv` with the columns file, label, left, top, right, bottom: a class of the network
and a box in pixels of the file, right and bottom excluded. An object that is there twice has two rows (Zhang et al.,
"Top-Down Neural Attention by Excitation Backprop", 2016).

Of Tiny ImageNet, without boxes, four pictures of different classes are laid out two by two, and each map must point at
the one whose class it is asked for (the grid pointing game: Boehle, Fritz and Schiele, "Convolutional Dynamic Alignment
Networks for Interpretable Classifications", 2021). Only pictures that the network names rightly are used. A
map that asks for no class can only guess there.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

import helpers
from helpers import keras
from helpers.backend import progress_bar
from helpers.saliency import METHODS
from helpers.weights.train import TinyImageNet

Boxes = list[tuple[float, float, float, float]]  # left, top, right, bottom as shares of the picture
CONTROLS = ("random map", "centre")


def from_folder(folder: Path, count: int) -> Iterator[tuple[np.ndarray, str, Boxes]]:
    """Pictures with the class that is asked for and its boxes, in the order of the file."""
    boxes: dict[tuple[str, str], Boxes] = {}
    with (folder / "boxes.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            with Image.open(folder / row["file"]) as picture:
                width, height = picture.size
            corners = (int(row["left"]) / width, int(row["top"]) / height)
            corners += (int(row["right"]) / width, int(row["bottom"]) / height)
            boxes.setdefault((row["file"], row["label"]), []).append(corners)
    for (name, label), found in list(boxes.items())[:count]:
        yield helpers.load_image(folder / name), label, found


def grids(archive: Path, model: keras.Model, count: int, seed: int = 0) -> Iterator[tuple[np.ndarray, str, Boxes]]:
    """Four validation pictures of different classes, two by two; the box is the place of the one asked for."""
    data, random = TinyImageNet(archive, training=False), np.random.default_rng(seed)
    pictures, classes = data.validation
    chosen = iter(random.permutation(len(pictures)))
    for _ in range(count):
        found: dict[int, np.ndarray] = {}
        while len(found) < 4:
            number = next(chosen)
            picture = pictures[number].astype(np.float32) / 255
            if classes[number] == model(helpers.preprocess(model, picture)).numpy().argmax():
                found.setdefault(int(classes[number]), picture)
        rows, place = list(found.values()), int(random.integers(4))
        image = np.concatenate([np.concatenate(rows[:2], axis=1), np.concatenate(rows[2:], axis=1)])
        left, top = place % 2 / 2, place // 2 / 2
        yield image, data.labels[list(found)[place]], [(left, top, left + 0.5, top + 0.5)]


def hits(
    model: keras.Model, image: np.ndarray, label: str, boxes: Boxes, methods: list[str], random: np.random.Generator
) -> dict[str, bool]:
    """For each method whether the middle of its strongest pixel lies in a box; an empty map points nowhere."""
    height, width = image.shape[:2]
    centre = np.zeros((height, width))
    centre[height // 2, width // 2] = 1
    maps = {name: helpers.saliency_map(model, image, name, label, samples=16) for name in methods}
    maps |= {"random map": random.uniform(size=centre.shape), "centre": centre}
    found = {}
    for name, saliency in maps.items():
        row, column = np.unravel_index(saliency.argmax(), saliency.shape)
        x, y = (column + 0.5) / width, (row + 0.5) / height
        inside = any(left <= x < right and top <= y < bottom for left, top, right, bottom in boxes)
        found[name] = bool(inside and saliency.any())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="?", type=Path)
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS), metavar="METHOD")
    arguments = parser.parse_args()
    if arguments.source is None:
        print("No pictures are named, so nothing is measured: see --help.")
        return
    model = helpers.load_model("mini_vgg16", include_top=True)
    if arguments.source.is_dir() and (arguments.source / "boxes.csv").is_file():
        pictures = list(from_folder(arguments.source, arguments.pictures))
    else:
        pictures = list(grids(arguments.source, model, arguments.pictures))
    rows, random = [], np.random.default_rng(0)
    for image, label, boxes in progress_bar(iterable=pictures, desc="pointing game", unit="picture"):
        rows.append(hits(model, image, label, boxes, arguments.methods, random))
    print(f"{len(rows)} pictures; share of those in which the strongest pixel lies on the object:")
    for name in [*arguments.methods, *CONTROLS]:
        print(f"{name:24} {np.mean([row[name] for row in rows]):6.1%}")


if __name__ == "__main__":
    main()
