"""Photos in: from a file, bytes, an address, an upload, a PIL image or an array to RGB float32 in [0, 1]."""

from __future__ import annotations

import io
import os
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from .errors import ImageError

IMAGE_FOLDER = Path(__file__).resolve().parent.parent / "images"
MAX_PIXELS = 50_000_000  # a phone's largest photos have 50 megapixels; as float32 RGB that is 600 MB
MAX_BYTES = 100_000_000
MAX_SECONDS = 30


def sample_names() -> list[str]:
    """Names of the bundled photos, in alphabetical order."""
    return sorted(path.stem for path in IMAGE_FOLDER.glob("*.jpg"))


def sample_image(name: str, size: int | tuple[int, int] | None = None) -> np.ndarray:
    """Load one of the bundled photos; no network is needed.

    Parameters
    ----------
    name
        One of :func:`sample_names`, for example ``"cat"``. Their sources are in ``images/CREDITS.md``.
    size
        As in :func:`load_image`.

    Returns
    -------
    numpy.ndarray
        float32 ``(height, width, 3)``, RGB in [0, 1].

    Raises
    ------
    ImageError
        If there is no photo of that name.
    """
    if name not in sample_names():
        raise ImageError(f"There is no sample photo {name!r}. There are: {', '.join(sample_names())}.")
    return load_image(IMAGE_FOLDER / f"{name}.jpg", size)


def load_image(source: Any, size: int | tuple[int, int] | None = None) -> np.ndarray:
    """Load a picture from almost anything.

    Grey, palette, CMYK and 16-bit pictures become RGB; transparency is laid on white; the camera's rotation mark
    (EXIF) is applied; of an animation the first frame is taken.

    Parameters
    ----------
    source
        The name of a bundled photo, a path, an http(s) address, bytes, a binary file object, the value of an
        ``ipywidgets.FileUpload``, a PIL image, or an array ``(h, w)``, ``(h, w, 1)``, ``(h, w, 3)`` or ``(h, w, 4)``:
        whole numbers in 0 to 255, or floats in [0, 1].
    size
        None keeps the size. A number gives a square picture, a pair ``(height, width)`` that rectangle: the largest
        centred part of the right proportions is cut out and resampled, so nothing is squashed.

    Returns
    -------
    numpy.ndarray
        float32 ``(height, width, 3)``, RGB in [0, 1].

    Raises
    ------
    ImageError
        If the source is missing, is no picture, is damaged, has over 50 megapixels, or holds values out of range.
    """
    shape = _checked_size(size)
    image = source if isinstance(source, Image.Image) else _open(source)
    if shape is None and np.ndim(source) == 3 and np.shape(source)[2] == 3 and np.asarray(source).dtype.kind == "f":
        return np.array(source, np.float32)  # checked by _open; floats are not rounded to 8 bits
    if image.width * image.height > MAX_PIXELS:
        raise ImageError(
            f"{_name(source)} has {image.width} x {image.height} pixels; the limit is {MAX_PIXELS:,}. Make it smaller first."
        )
    try:
        image = _to_rgb(ImageOps.exif_transpose(image))
    except Exception as error:
        raise ImageError(f"{_name(source)} is damaged and cannot be decoded: {error}.") from error
    if shape is not None:
        image = ImageOps.fit(image, shape[::-1], Image.Resampling.LANCZOS)
    return np.asarray(image, np.float32) / 255


def _checked_size(size: Any) -> tuple[int, int] | None:
    if size is None:
        return None
    pair = (size, size) if np.ndim(size) == 0 else tuple(size)
    if len(pair) != 2 or any(number != int(number) or not 1 <= number <= 8192 for number in pair):
        raise ImageError(f"size is {size!r}; it must be None, a number of pixels from 1 to 8192, or a pair (height, width).")
    return int(pair[0]), int(pair[1])


def _name(source: Any) -> str:
    """What to call the source in a message."""
    return str(source) if isinstance(source, (str, os.PathLike)) else f"This {type(source).__name__}"


def _open(source: Any) -> Image.Image:
    """Open any source but a PIL image, without decoding its pixels yet."""
    if isinstance(source, (str, os.PathLike)):
        return _decode(_read(source), source)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _decode(bytes(source), source)
    if hasattr(source, "read"):
        return _decode(source.read(MAX_BYTES + 1), source)
    if isinstance(source, Mapping) and "content" in source:
        return _decode(bytes(source["content"]), source)
    if isinstance(source, Sequence) and not len(source):
        raise ImageError("Nothing has been uploaded yet: choose a picture first.")
    if isinstance(source, Sequence) and isinstance(source[0], Mapping):
        return _open(source[0])
    return _from_array(source)


def _read(source: str | os.PathLike) -> bytes:
    """Bytes of a bundled photo, an address or a file."""
    text = os.fspath(source)
    if "://" in str(text):
        return _download(str(text))
    path = IMAGE_FOLDER / f"{text}.jpg" if text in sample_names() else Path(text).expanduser()
    if not path.is_file():
        raise ImageError(f"There is no picture file {str(text)!r}. Bundled photos: {', '.join(sample_names())}.")
    if path.stat().st_size > MAX_BYTES:
        raise ImageError(f"{text} has {path.stat().st_size:,} bytes; the limit is {MAX_BYTES:,}.")
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImageError(f"{text} cannot be read: {error}.") from error


def _download(url: str) -> bytes:
    import requests

    if not url.lower().startswith(("http://", "https://")):
        raise ImageError(f"{url} is not an address that can be loaded: it must begin with http:// or https://.")
    start, data = time.monotonic(), bytearray()
    try:
        with requests.get(url, stream=True, timeout=5) as response:
            response.raise_for_status()
            for chunk in response.iter_content(65536):
                data += chunk
                if len(data) > MAX_BYTES or time.monotonic() - start > MAX_SECONDS:
                    raise ImageError(f"{url} is over {MAX_BYTES:,} bytes or took over {MAX_SECONDS} seconds.")
    except requests.RequestException as error:
        raise ImageError(f"{url} cannot be loaded: {error}.") from error
    return bytes(data)


def _decode(data: bytes, source: Any) -> Image.Image:
    if len(data) > MAX_BYTES:
        raise ImageError(f"{_name(source)} has over {MAX_BYTES:,} bytes.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(data))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(f"{_name(source)} is too large, the limit is {MAX_PIXELS:,} pixels: {error}") from error
    except Exception as error:
        raise ImageError(f"{_name(source)} is not a picture in a known format (JPEG, PNG, GIF, WebP, TIFF, BMP).") from error


def _from_array(source: Any) -> Image.Image:
    try:
        array = np.asarray(source)
        levels = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ImageError(f"A {type(source).__name__} is not a picture: {source!r:.80}.") from error
    if array.ndim not in (2, 3) or 0 in array.shape or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise ImageError(f"An array of shape {array.shape} is not a picture: (h, w), (h, w, 1), (h, w, 3) or (h, w, 4).")
    top = 255 if np.issubdtype(array.dtype, np.integer) else 1
    if not np.isfinite(levels).all() or levels.min() < 0 or levels.max() > top:
        kind = "whole numbers in 0 to 255" if top == 255 else "floats in [0, 1]"
        raise ImageError(f"The array holds values from {levels.min():.4g} to {levels.max():.4g}; a picture has {kind}.")
    squeezed = levels[..., 0] if array.ndim == 3 and array.shape[2] == 1 else levels
    return Image.fromarray(np.round(squeezed * (255 / top)).astype(np.uint8))


def _to_rgb(image: Image.Image) -> Image.Image:
    """Convert any mode to RGB: deep grey is scaled to 8 bits, transparency laid on white."""
    if image.mode.startswith(("I", "F")):
        levels = np.asarray(image, np.float64)
        top = 1.0 if image.mode == "F" else 65535.0
        if not np.isfinite(levels).all() or levels.min() < 0 or levels.max() > top:
            raise ValueError(f"its values run from {levels.min():.4g} to {levels.max():.4g}, not from 0 to {top:g}")
        image = Image.fromarray(np.round(levels * (255 / top)).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")
