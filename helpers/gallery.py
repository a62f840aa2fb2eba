"""Pictures of filters: grids, quality cards, animations, and the gallery: a sheet for each layer, and their index."""

from __future__ import annotations

import concurrent.futures
import functools
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image, ImageOps
from skimage.util import view_as_windows

from .ascent import AscentImage, FilterImage, visualize_filters
from .backend import keras, progress_bar
from .downloads import whole
from .images import IMAGE_FOLDER, file_bytes, load_image, to_pil
from .layers import conv_layers, get_submodel
from .objectives import channel, check
from .plotting import WIDTH, show_picture, tile, titled_grid
from .quality import quality_cards
from .recipes import RECIPES

GALLERY = IMAGE_FOLDER / "gallery"
STEPS = 32
GAP = 2  # pixels between two pictures of a sheet
COLUMNS = 16
Kind = Literal["gif", "png"]
Moving = Sequence[AscentImage] | Sequence[np.ndarray]  # what can be shown as a moving picture
INDEX = "gallery.json"


def render_gallery(
    model: keras.Model, layers: Sequence[str] | None = None, out: str | Path = GALLERY,
    executor: concurrent.futures.Executor | None = None,
    *, size: int = 96, load: Callable[[], keras.Model] | None = None,
) -> Path:  # fmt: skip
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
    out, layers = Path(out), conv_layers(model) if layers is None else keras.tree.flatten(layers)
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
        index[layer] = dict(fingerprint=fingerprint(model, layer, size), size=size, columns=COLUMNS, filters=cards)
        for name, data in (f"{layer}.webp", sheet), (INDEX, json.dumps(index, indent=1, sort_keys=True).encode()):
            with whole(out / name) as file:
                file.write_bytes(data)
    return out / INDEX


def read_index(folder: Path) -> dict[str, dict]:
    """The index of a gallery, ``{layer: {fingerprint, size, columns, filters}}``; empty where there is none."""
    file = folder / INDEX
    return json.loads(file.read_text()) if file.is_file() else {}


def read_sheet(folder: Path, layer: str, entry: dict) -> np.ndarray:
    """The pictures of a layer, float32 ``(filters, size, size, 3)``, RGB in [0, 1], from its sheet."""
    with Image.open(folder / f"{layer}.webp") as sheet:
        pixels = np.asarray(sheet.convert("RGB"), np.float32) / 255
    tiles = view_as_windows(pixels, (entry["size"], entry["size"], 3), entry["size"] + GAP)
    return tiles.reshape(-1, *tiles.shape[3:])[: len(entry["filters"])]


def stored_layer(model: keras.Model, layer: str, folder: Path = GALLERY) -> tuple[list[dict], np.ndarray] | None:
    """The gallery's quality cards and pictures, float32 ``(filters, size, size, 3)``, if it shows these weights."""
    entry = current_entry(model, layer, folder)
    return None if entry is None else (entry["filters"], read_sheet(folder, layer, entry))


def current_entry(model: keras.Model, layer: str, folder: Path, size: int | None = None) -> dict | None:
    """What the index says about a layer, if its sheet is there and was drawn from these weights (at that size)."""
    entry = read_index(folder).get(layer)
    drawn = entry is not None and (folder / f"{layer}.webp").is_file()
    return entry if drawn and entry["fingerprint"] == fingerprint(model, layer, size or entry["size"]) else None


def fingerprint(model: keras.Model, layer: str, size: int) -> str:
    """SHA-256, shortened, of the recipe and all weights up to a layer: another network has another gallery."""
    cut, recipe = get_submodel(model, layer), f"{size} {layer} {STEPS} {RECIPES['fourier']}".encode()
    return hashlib.sha256(b"".join([recipe, *(weight.numpy().tobytes() for weight in cut.weights)])).hexdigest()[:16]


def draw_layer(source: keras.Model | Callable[[], keras.Model], layer: str, size: int) -> tuple[bytes, list[dict]]:
    """One layer's sheet as WebP, and its filters' quality cards in order."""
    model = source if isinstance(source, keras.Model) else source()
    made = visualize_filters(model, layer, iters=STEPS, size=size)
    if len(made) < model.get_layer(layer).output.shape[-1] or min(picture.iters for picture in made) < STEPS:
        raise KeyboardInterrupt  # it was stopped: what is there so far is no sheet
    images = [np.ones_like(picture.image) if picture.silent else picture.image for picture in made]
    cards = pd.DataFrame(quality_cards(model, layer, range(len(made)), [picture.image for picture in made])).round(4)
    cards = cards.assign(silent=[picture.silent for picture in made], seed=[picture.seed for picture in made])
    return file_bytes(to_pil(tile(images, COLUMNS, GAP)), "webp", quality=75, method=6), cards.to_dict("records")


def plot_filters(pictures: Sequence[FilterImage], columns: int = 8, *, response: bool = False) -> Figure:
    """The pictures that filters want to see, each under its filter's number, below the name of their layer.

    A filter that stayed silent gets a plain tile that says so.

    Parameters
    ----------
    pictures
        From :func:`helpers.visualize_filters`.
    columns
        Pictures in a row.
    response
        Also write the mean response below the number.
    """
    one_layer, tiles = len({picture.layer_name for picture in pictures}) == 1, []
    for picture in pictures:
        number = f"filter {picture.f_index}" if one_layer else f"{picture.layer_name}\nfilter {picture.f_index}"
        title = f"{number}\nresponse {picture.response:.2g}" if response else number
        tiles.append((title, np.ones_like(picture.image) if picture.silent else picture.image))
    figure = titled_grid(tiles, columns, 0.4 if response else 0.25)
    if one_layer:
        figure.suptitle(pictures[0].layer_name, fontsize=10)
        figure.set_figheight(figure.get_figheight() + 0.25)
    for axis in (axis for axis, picture in zip(figure.axes, pictures, strict=False) if picture.silent):
        axis.text(0.5, 0.5, "silent", ha="center", va="center", transform=axis.transAxes, fontsize=9)
    return figure


def plot_quality(pictures: Sequence[FilterImage]) -> Figure:
    """The quality card of each picture: what it reaches beside natural pictures, and how fine its detail is.

    Parameters
    ----------
    pictures
        From :func:`helpers.visualize_filters`, up to about eight.

    Returns
    -------
    matplotlib.figure.Figure
        Left the pictures. Middle the response, divided by the filter's 99.9th percentile over natural pictures, of the
        picture (disc) and of the worst of its changed copies (square). Right the share of fine detail.
    """
    rows, cards = range(len(pictures)), [picture.quality for picture in pictures]
    figure = Figure(figsize=(WIDTH, 0.85 * len(rows) + 1.1), layout="constrained")
    mosaic = [[f"picture {row}", "response", "detail"] for row in rows]
    axes = figure.subplot_mosaic(mosaic, width_ratios=[0.16, 0.5, 0.34])
    for (label, *_), picture in zip(mosaic, pictures, strict=True):
        axes[label].imshow(picture.image)
        axes[label].set_axis_off()
    names = [f"{p.layer_name} {p.f_index}\nrank {p.quality.rank} of {p.quality.filters}" for p in pictures]
    response, detail = axes["response"], axes["detail"]
    response.axvline(1, color="0.4", linestyle="--")
    response.plot([card.ratio for card in cards], rows, "o", color="black", markersize=9, label="its picture")
    response.plot([card.held_out for card in cards], rows, "s", color="0.55", label="worst changed copy")
    response.set_xlabel("response / 99.9th percentile of natural pictures")
    response.set_yticks(rows, names, fontsize=8)
    detail.axvline(cards[0].natural_high_frequency, color="0.4", linestyle="--", label="natural pictures, median")
    detail.plot([card.high_frequency for card in cards], rows, "D", color="black", label="its picture")
    detail.set(yticks=[], xlabel="share of fine detail")
    for axis in (response, detail):
        axis.set(xlim=(0, None), ylim=(len(rows) - 0.5, -0.5))
        axis.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, frameon=False)
        axis.spines[["top", "right"]].set_visible(False)
    return figure


def animation(pictures: Moving, kind: Kind = "gif", height: int = 112, milliseconds: int = 200) -> bytes:
    """The ascent as a moving picture: each snapshot, then the result; a bar below tells how far it has come.

    Parameters
    ----------
    pictures
        Made in one call with ``snapshots=``, :class:`helpers.AscentImage`; shown side by side. Or arrays ``(h, w, 3)``,
        RGB in [0, 1], shown one after another.
    kind
        ``"gif"`` (256 colours) or ``"png"`` (animated PNG, all colours).
    height
        Of each picture, in pixels.
    milliseconds
        How long a snapshot stays; the result stays two seconds.

    Returns
    -------
    bytes
        The file.

    Raises
    ------
    ValueError
        If the pictures have no snapshots in common.
    """
    if isinstance(next(iter(pictures), None), np.ndarray):
        rows, shares = [[load_image(frame)] for frame in pictures], np.linspace(0, 1, len(pictures))
    else:
        steps = sorted(set.intersection(*(set(picture.snapshots) for picture in pictures))) if pictures else []
        if not steps:
            raise ValueError("There are no snapshots: make the pictures with snapshots=range(0, iters, 8), say.")
        rows = [*([p.snapshots[step] for p in pictures] for step in steps), [p.image for p in pictures]]
        shares = [*(np.array(steps) / pictures[0].iters), 1.0]
    sheets = [to_pil(tile(images, len(images), 4)) for images in rows]
    width, frames = round(sheets[-1].width * height / sheets[-1].height), []
    for sheet, share in zip(sheets, shares, strict=True):
        frames.append(ImageOps.expand(sheet.resize((width, height), Image.Resampling.BICUBIC), (0, 0, 0, 8), "white"))
        frames[-1].paste((60, 60, 60), (0, height + 3, max(1, round(share * width)), height + 8))
    first, others = (frames[-1], frames) if kind == "png" else (frames[0], frames[1:])  # a PNG that stands: the result
    options = {"save_all": True, "duration": [milliseconds] * (len(frames) - 1) + [2000], "loop": 0}
    return file_bytes(first, kind, append_images=others, default_image=True, **options)


def show_ascent(pictures: Moving, caption: str, path: str | Path | None = None) -> None:
    """Display the ascent as an animation with its caption, which is also its alternative text; save it as a GIF.

    Parameters
    ----------
    pictures
        As for :func:`animation`.
    caption
        As for :func:`helpers.show`.
    path
        Where to save the GIF; None: nowhere.
    """
    show_picture(animation(pictures, "png"), caption)
    if path is not None:
        Path(path).write_bytes(animation(pictures, "gif"))
