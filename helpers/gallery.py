"""A gallery: one sheet of filters for each layer, and an index with their quality cards."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from .ascent import visualize_filters
from .backend import keras
from .downloads import whole
from .images import IMAGE_FOLDER, file_bytes, to_pil
from .layers import conv_layers
from .objectives import channel, check
from .plotting import tile
from .progress import progress_bar
from .quality import quality_cards
from .recipes import RECIPES

GALLERY = IMAGE_FOLDER / "gallery"
STEPS = 48
GAP = 2  # pixels between two pictures of a sheet
COLUMNS = 16
INDEX = "gallery.json"


def render_gallery(
    model: keras.Model,
    layers: Sequence[str] | None = None,
    out: str | Path = GALLERY,
    executor: concurrent.futures.Executor | None = None,
    *,
    size: int = 96,
    load: Callable[[], keras.Model] | None = None,
) -> Path:
    """Draw every filter of some layers; a layer that is there already, from the same weights, is not drawn again.

    Parameters
    ----------
    model
        From :func:`helpers.load_model`.
    layers
        Their names; None: all convolutions.
    out
        Folder, by default ``images/gallery``, for ``<layer>.webp``, sheets of 16 pictures in a row, and
        ``gallery.json``: for each layer the weights' fingerprint, the sheet's measures, each filter's quality card.
    executor
        Draws several layers at once. With processes, ``load`` must be given.
    size
        Height and width of each picture in pixels.
    load
        A function that a process can import and call to get the model; by default the model itself is used.

    Returns
    -------
    pathlib.Path
        The index.

    Raises
    ------
    LayerNotFound
        If there is no such layer, or it gives no feature maps.
    ValueError
        If processes are to draw without ``load``.
    OSError
        If the folder cannot be written; finished layers stay.
    """
    out, layers = Path(out), list(conv_layers(model) if layers is None else layers)
    if load is None and isinstance(executor, concurrent.futures.ProcessPoolExecutor):
        raise ValueError("Processes cannot share the model: give load, a function that they call to get it.")
    for layer in layers:
        check(model, channel(layer, 0))
    out.mkdir(parents=True, exist_ok=True)
    index = read_index(out)
    left = [layer for layer in dict.fromkeys(layers) if current_entry(model, layer, out, size) is None]
    draw = functools.partial(draw_layer, load or model, size=size)
    drawn = zip(left, executor.map(draw, left) if executor else map(draw, left), strict=True)
    for layer, (sheet, cards) in progress_bar(iterable=drawn, total=len(left), desc="gallery", unit="layer"):
        with whole(out / f"{layer}.webp") as file:
            file.write_bytes(sheet)
        prints = fingerprint(model, layer, size)
        index[layer] = {"fingerprint": prints, "size": size, "columns": COLUMNS, "filters": cards}
        with whole(out / INDEX) as file:
            file.write_bytes(json.dumps(index, indent=1, sort_keys=True).encode())
    return out / INDEX


def read_index(folder: Path) -> dict[str, dict]:
    """The index of a gallery, ``{layer: {fingerprint, size, columns, filters}}``; empty where there is none."""
    file = folder / INDEX
    return json.loads(file.read_text()) if file.is_file() else {}


def read_sheet(folder: Path, layer: str, entry: dict) -> np.ndarray:
    """The pictures of a layer, float32 ``(filters, size, size, 3)``, RGB in [0, 1], from its sheet."""
    with Image.open(folder / f"{layer}.webp") as sheet:
        pixels = np.asarray(sheet.convert("RGB"), np.float32) / 255
    size, step = entry["size"], entry["size"] + GAP
    places = [divmod(number, entry["columns"]) for number in range(len(entry["filters"]))]
    return np.stack([pixels[row * step : row * step + size, col * step : col * step + size] for row, col in places])


def stored_pictures(model: keras.Model, layer: str, folder: Path = GALLERY) -> np.ndarray | None:
    """The gallery's pictures of a layer, float32 ``(filters, size, size, 3)``; None if these weights have none."""
    entry = current_entry(model, layer, folder)
    return None if entry is None else read_sheet(folder, layer, entry)


def current_entry(model: keras.Model, layer: str, folder: Path, size: int | None = None) -> dict | None:
    """What the index says about a layer, if its sheet is there and was drawn from these weights (at that size)."""
    entry = read_index(folder).get(layer)
    if entry is None or not (folder / f"{layer}.webp").is_file():
        return None
    return entry if entry["fingerprint"] == fingerprint(model, layer, size or entry["size"]) else None


def fingerprint(model: keras.Model, layer: str, size: int) -> str:
    """SHA-256, shortened, of the recipe and all weights up to a layer: another network has another gallery."""
    cut = keras.Model(model.input, model.get_layer(layer).output)
    recipe = f"{size} {layer} {STEPS} {RECIPES['fourier']}".encode()
    return hashlib.sha256(b"".join([recipe, *(weight.numpy().tobytes() for weight in cut.weights)])).hexdigest()[:16]


def draw_layer(source: keras.Model | Callable[[], keras.Model], layer: str, size: int) -> tuple[bytes, list[dict]]:
    """One layer's sheet as WebP, and its filters' quality cards in order."""
    model = source if isinstance(source, keras.Model) else source()
    made = visualize_filters(model, layer, iters=STEPS, size=size)
    if len(made) < model.get_layer(layer).output.shape[-1] or min(picture.iters for picture in made) < STEPS:
        raise KeyboardInterrupt  # it was stopped: what is there so far is no sheet
    images, rows = [np.ones_like(picture.image) if picture.silent else picture.image for picture in made], []
    for picture, card in zip(made, quality_cards(model, layer, range(len(made)), [p.image for p in made]), strict=True):
        row = {"silent": picture.silent, "seed": picture.seed} | dataclasses.asdict(card)
        rows.append({name: round(value, 4) if isinstance(value, float) else value for name, value in row.items()})
    return file_bytes(to_pil(tile(images, COLUMNS, GAP)), "webp", quality=75, method=6), rows
