"""Photos in: from a file, bytes, an address, an upload, a PIL image or an array to RGB float32 in [0, 1]."""

from __future__ import annotations

import io
import os
import time
import warnings
from collections.abc import Mapping
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from .errors import ImageError

IMAGE_FOLDER = Path(__file__).resolve().parent.parent / "images"
MAX_PIXELS = 50_000_000  # a phone's largest photos have 50 megapixels; as float32 RGB that is 600 MB
MAX_BYTES = 100_000_000
LONGEST_SIDE = 384  # pixels, of a picture whose size is not asked for
MAX_SIDE = 8192
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
        None keeps the size of an array, and of a picture up to 384 pixels on its longer side; a larger one is reduced
        to that, because the feature maps of a phone's photo would not fit into memory. A number gives a square
        picture, a pair ``(height, width)`` that rectangle: the largest centred part of the right proportions is cut
        out and resampled, so nothing is squashed.

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
    if isinstance(source, (tuple, list)) and not source:
        raise ImageError("Nothing has been uploaded yet: choose a picture first.")
    if isinstance(source, (tuple, list)) and isinstance(source[0], Mapping):
        source = source[0]  # the value of an upload button: its first file
    name = _name(source)
    image = source if isinstance(source, Image.Image) else _open(source, name)
    if isinstance(image, np.ndarray):
        return image if shape is None else _fit_levels(image, shape)
    _check_pixels(image.width, image.height, name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a picture with an odd tag is a picture
            image = _to_rgb(_upright(image))
    except Exception as error:
        raise ImageError(f"{name} is damaged and cannot be decoded: {error}.") from error
    if shape is None:
        image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    else:
        image = ImageOps.fit(image, shape[::-1], Image.Resampling.LANCZOS)
    return np.asarray(image, np.float32) / 255


def _checked_size(size: Any) -> tuple[int, int] | None:
    if size is None:
        return None
    pair = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    whole = all(isinstance(number, Integral) and not isinstance(number, bool) for number in pair)
    if len(pair) != 2 or not whole or min(pair) < 1 or max(pair) > MAX_SIDE:
        valid = f"None, a number of pixels from 1 to {MAX_SIDE}, or a pair (height, width) of such numbers"
        raise ImageError(f"size is {size!r}; it must be {valid}.")
    return int(pair[0]), int(pair[1])


def _check_pixels(width: int, height: int, name: str) -> None:
    if width * height > MAX_PIXELS:
        limit = f"the limit is {MAX_PIXELS:,} pixels. Make it smaller first."
        raise ImageError(f"{name} is too large: it has {width} x {height}, {limit}")


def _name(source: Any) -> str:
    """What to call the source in a message."""
    if isinstance(source, (str, os.PathLike)):
        return f"{os.fsdecode(source):.200}"
    if isinstance(source, Mapping) and "name" in source:
        return str(source["name"])
    return f"This {type(source).__name__}"


def _open(source: Any, name: str) -> Image.Image | np.ndarray:
    """Open any source but a PIL image: a picture whose pixels are not decoded yet, or an array's levels."""
    if isinstance(source, Mapping) and isinstance(source.get("content"), (bytes, memoryview)):
        source = source["content"]
    if isinstance(source, (str, os.PathLike)):
        data = _read(os.fsdecode(source), name)
    elif isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
    elif hasattr(source, "read"):
        data = _read_object(source, name)
    else:
        return _levels(source, name)
    return _decode(data, name)


def _read(text: str, name: str) -> bytes:
    """Bytes of a bundled photo, an address or a file."""
    if "://" in text:
        return _download(text, name)
    try:
        path = IMAGE_FOLDER / f"{text}.jpg" if text in sample_names() else Path(text).expanduser()
        if path.is_file():
            with path.open("rb") as file:
                return file.read(MAX_BYTES + 1)
    except (OSError, RuntimeError) as error:  # a name that is too long, a home that is not known, no permission
        raise ImageError(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    raise ImageError(f"There is no picture file {name!r}. Bundled photos: {', '.join(sample_names())}.")


def _read_object(source: Any, name: str) -> bytes:
    try:
        data = source.read(MAX_BYTES + 1)
    except Exception as error:
        raise ImageError(f"{name} cannot be read: {error}.") from error
    if not isinstance(data, bytes):
        raise ImageError(f"{name} gives {type(data).__name__}, not bytes: open the file with mode 'rb'.")
    return data


def _download(url: str, name: str) -> bytes:
    import requests

    if not url.lower().startswith(("http://", "https://")):
        raise ImageError(f"{name} is not an address that can be loaded: it must begin with http:// or https://.")
    end, data = time.monotonic() + MAX_SECONDS, bytearray()
    try:
        with requests.get(url, stream=True, timeout=5) as response:
            response.raise_for_status()
            for chunk in response.iter_content(1024):  # small: a chunk comes when it is full
                data += chunk
                if len(data) > MAX_BYTES or time.monotonic() > end:
                    break
    except Exception as error:
        reason = error if isinstance(error, requests.HTTPError) else f"no connection ({type(error).__name__})"
        raise ImageError(f"{name} cannot be loaded: {reason}.") from error
    if time.monotonic() > end:
        raise ImageError(f"{name} cannot be loaded: it took over {MAX_SECONDS} seconds.")
    return bytes(data)


def _decode(data: bytes, name: str) -> Image.Image:
    if not data:
        raise ImageError(f"{name} is empty: it has no bytes.")
    if len(data) > MAX_BYTES:
        raise ImageError(f"{name} is too large: it has over {MAX_BYTES:,} bytes.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # load_image has its own limit
            return Image.open(io.BytesIO(data))
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name} is too large: the limit is {MAX_PIXELS:,} pixels. Make it smaller first.") from error
    except Exception as error:
        formats = "JPEG, PNG, GIF, WebP, TIFF, BMP"
        raise ImageError(f"{name} is not a picture in a known format ({formats}), or is damaged.") from error


def _levels(source: Any, name: str) -> np.ndarray:
    """An array's levels as float32 ``(h, w, 3)`` in [0, 1], transparency laid on white."""
    try:
        array = np.asarray(source)
    except Exception as error:
        raise ImageError(f"{name} is not a picture: {source!r:.80}.") from error
    if array.dtype.kind not in "biuf" or array.ndim == 0:
        raise ImageError(f"{name} is not a picture: {source!r:.80}.")
    if array.ndim not in (2, 3) or 0 in array.shape or array.shape[2:] not in ((), (1,), (3,), (4,)):
        valid = "(h, w), (h, w, 1), (h, w, 3) or (h, w, 4)"
        raise ImageError(f"An array of shape {array.shape} is not a picture: {valid}.")
    _check_pixels(array.shape[1], array.shape[0], name)
    top, low, high = 255 if array.dtype.kind in "iu" else 1, array.min(), array.max()
    if not (low >= 0 and high <= top):  # also what is not a number
        valid = "whole numbers in 0 to 255" if top == 255 else "floats in [0, 1]"
        raise ImageError(f"The array holds values from {low:.9g} to {high:.9g}; a picture has {valid}.")
    levels = array.reshape(*array.shape[:2], -1).astype(np.float32) / top
    if levels.shape[2] == 4:
        levels = levels[..., :3] * levels[..., 3:] + (1 - levels[..., 3:])
    return np.repeat(levels, 3 // levels.shape[2], axis=2)


def _fit_levels(levels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """What ``ImageOps.fit`` does, without rounding to 8 bits."""
    channels = [Image.fromarray(levels[..., channel]) for channel in range(3)]
    fitted = [np.asarray(ImageOps.fit(channel, shape[::-1], Image.Resampling.LANCZOS)) for channel in channels]
    return np.clip(np.stack(fitted, axis=2), 0, 1)


def _upright(image: Image.Image) -> Image.Image:
    """Turned as the camera's rotation mark (EXIF) says; a mark that cannot be read is none."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:
        return image


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
