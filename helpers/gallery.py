"""The gallery: one sheet of filters for each layer, and an index with quality cards; tests/gallery.py draws it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
from PIL import Image

from .backend import keras
from .images import IMAGE_FOLDER

GALLERY = IMAGE_FOLDER / "gallery"
STEPS = 128
GAP = 2  # pixels between two pictures of a sheet
INDEX = "gallery.json"


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
    """SHA-256, shortened, of all weights up to a layer: another network has another gallery."""
    cut = keras.Model(model.input, model.get_layer(layer).output)
    digest = hashlib.sha256(f"{size} {layer}".encode())
    for weight in cut.weights:
        digest.update(np.ascontiguousarray(weight.numpy()).tobytes())
    return digest.hexdigest()[:16]
