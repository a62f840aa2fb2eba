"""Draw the gallery, every filter of the bundled network: python tests/gallery.py"""

from __future__ import annotations

import dataclasses
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from helpers import channel, keras, load_model, visualize_filters
from helpers.gallery import GALLERY, GAP, INDEX, STEPS, current_entry, fingerprint, read_index
from helpers.images import to_pil
from helpers.layers import conv_layers
from helpers.objectives import check
from helpers.plotting import tile
from helpers.progress import progress_bar
from helpers.quality import quality_cards

COLUMNS = 16


def render_gallery(
    model: keras.Model,
    layers: Sequence[str] | None = None,
    out: str | Path = GALLERY,
    *,
    size: int = 96,
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
    size
        Height and width of each picture in pixels.

    Returns
    -------
    pathlib.Path
        The index.

    Raises
    ------
    LayerNotFound
        If there is no such layer, or it gives no feature maps.
    OSError
        If the folder cannot be written; finished layers stay.
    """
    out, layers = Path(out), list(conv_layers(model) if layers is None else layers)
    for layer in layers:
        check(model, channel(layer, 0))
    out.mkdir(parents=True, exist_ok=True)
    index = read_index(out)
    left = [layer for layer in dict.fromkeys(layers) if current_entry(model, layer, out, size) is None]
    for layer in progress_bar(iterable=left, desc="gallery", unit="layer"):
        sheet, cards = draw_layer(model, layer, size)
        _write(out / f"{layer}.webp", sheet)
        prints = fingerprint(model, layer, size)
        index[layer] = {"fingerprint": prints, "size": size, "columns": COLUMNS, "filters": cards}
        _write(out / INDEX, json.dumps(index, indent=1, sort_keys=True).encode())
    return out / INDEX


def draw_layer(model: keras.Model, layer: str, size: int) -> tuple[bytes, list[dict[str, float | int | str]]]:
    """One layer's sheet as WebP, and its filters' quality cards in order."""
    made = visualize_filters(model, layer, iters=STEPS, size=size)
    if len(made) < model.get_layer(layer).output.shape[-1] or min(picture.iters for picture in made) < STEPS:
        raise KeyboardInterrupt  # it was stopped: what is there so far is no sheet
    images, file = [np.ones_like(picture.image) if picture.silent else picture.image for picture in made], io.BytesIO()
    to_pil(tile(images, COLUMNS, GAP)).save(file, format="webp", quality=80, method=6)
    cards = quality_cards(model, layer, range(len(made)), [picture.image for picture in made])
    return file.getvalue(), [
        {"silent": picture.silent, "seed": picture.seed} | _rounded(dataclasses.asdict(card))
        for picture, card in zip(made, cards, strict=True)
    ]


def _rounded(card: dict) -> dict:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in card.items()}


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all."""
    temporary = path.with_name(f"unfinished-{path.name}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


if __name__ == "__main__":
    render_gallery(load_model("mini_vgg16"))
