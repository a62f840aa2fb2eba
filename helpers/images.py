"""Photos in: from a file, bytes, an address, an upload, a PIL image or an array to RGB float32 in [0, 1]."""

import contextlib
import io
import os
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from .downloads import answer, pieces, reason
from .errors import ImageError, is_whole, require

IMAGE_FOLDER = Path(__file__).resolve().parent.parent / "images"
MAX_PIXELS = 50_000_000  # a phone's largest photos have 50 megapixels; as float32 RGB that is 600 MB
FORMATS = ("JPEG", "PNG", "GIF", "WebP", "TIFF", "BMP", "AVIF")  # of others some start a program (PostScript)
MAX_BYTES = 100_000_000
LONGEST_SIDE = 384  # pixels, of a picture whose size is not asked for
MAX_SIDE = 8192
MAX_SECONDS = 30
LANCZOS = Image.Resampling.LANCZOS  # the filter with which pictures are made smaller


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
        If the source is missing, is no picture in JPEG, PNG, GIF, WebP, TIFF, BMP or AVIF, is damaged, has over 50
        megapixels or 100 MB, takes over 30 seconds to come, or holds values out of range.
    """
    shape = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    if size is not None and not (len(shape) == 2 and all(is_whole(number, 1, MAX_SIDE) for number in shape)):
        valid = f"None, a number of pixels from 1 to {MAX_SIDE}, or a pair (height, width) of such numbers"
        raise ImageError(f"size is {size!r}; it must be {valid}.")
    if isinstance(source, (tuple, list)) and not source:
        raise ImageError("Nothing has been uploaded yet: choose a picture first.")
    # the value of an upload button: its first file
    source = source[0] if isinstance(source, (tuple, list)) and isinstance(source[0], Mapping) else source
    stage = "read"
    try:
        with warnings.catch_warnings(action="ignore"):  # an odd tag does no harm, and too large ones are refused
            image, stage = source if isinstance(source, Image.Image) else _opened(source), "decoded"
            if isinstance(image, np.ndarray):
                return np.array(image) if size is None else _fit_levels(image, shape)
            image = _to_rgb(image)
    except Exception as error:
        raise ImageError(f"{_name(source)} cannot be {stage}: {reason(error)}.") from error
    if size is None:
        image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), LANCZOS)
    else:
        image = ImageOps.fit(image, shape[::-1], LANCZOS)
    return np.asarray(image, np.float32) / 255


def to_pil(image: np.ndarray) -> Image.Image:
    """An array ``(h, w, 3)`` in [0, 1] as a picture of 8 bits a colour."""
    return Image.fromarray(np.round(np.asarray(image) * 255).astype(np.uint8))


def file_bytes(image: Image.Image, kind: str, **options: Any) -> bytes:
    """A picture as a file of some kind, such as ``"png"``; the options are those of Pillow."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _check_pixels(width: int, height: int) -> None:
    if not 0 < width * height <= MAX_PIXELS:
        raise ValueError(f"it has {width} x {height} pixels, and the limits are 1 and {MAX_PIXELS:,} pixels")


def _name(source: Any) -> str:
    """What to call the source in a message."""
    if isinstance(source, (str, os.PathLike)):
        return f"{os.fsdecode(source):.200}" or "An empty name"
    return str(source["name"]) if isinstance(source, Mapping) and "name" in source else f"This {type(source).__name__}"


def _opened(source: Any) -> Image.Image | np.ndarray:
    """Any source but a PIL image: a picture whose pixels are not decoded yet, or an array's levels."""
    if isinstance(source, Mapping) and isinstance(source.get("content"), (bytes, memoryview)):
        source = source["content"]
    elif isinstance(source, (str, os.PathLike)):
        source = _file_or_address(os.fsdecode(source))
    elif hasattr(source, "read"):
        source = source.read(MAX_BYTES + 1)
        require(isinstance(source, bytes), f"it gives {type(source).__name__}, not bytes: open the file with mode 'rb'")
    return _decodable(bytes(source)) if isinstance(source, (bytes, bytearray, memoryview)) else _levels(source)


def _file_or_address(text: str) -> bytes:
    """Bytes of a bundled photo, a file or an address."""
    if "://" not in text:
        path = IMAGE_FOLDER / f"{text}.jpg" if text in sample_names() else Path(text).expanduser()
        require(path.is_file(), f"there is no such file. Bundled photos: {', '.join(sample_names())}")
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    require(text.lower().startswith(("http://", "https://")), "an address must begin with http:// or https://")
    end, data = time.monotonic() + MAX_SECONDS, bytearray()
    with answer(text) as response:
        response.raise_for_status()
        for piece in pieces(response):
            data += piece
            require(time.monotonic() <= end, f"it took over {MAX_SECONDS} seconds")
            if len(data) > MAX_BYTES:
                break
    return bytes(data)


def _decodable(data: bytes) -> Image.Image:
    require(data, "it is empty: it has no bytes")
    require(len(data) <= MAX_BYTES, f"it is too large: it has over {MAX_BYTES:,} bytes")
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise ValueError(f"it is too large: the limit is {MAX_PIXELS:,} pixels") from error
    except Exception as error:
        raise ValueError(f"it is damaged or in no known format ({', '.join(FORMATS)})") from error


def _levels(source: Any) -> np.ndarray:
    """An array's levels as float32 ``(h, w, 3)`` in [0, 1], transparency laid on white."""
    try:
        array = np.asarray(source)
    except ValueError:  # rows of unlike length
        array = np.empty(0, object)
    require(array.dtype.kind in "biuf" and array.ndim, f"it is no picture but {source!r:.80}")
    if array.ndim not in (2, 3) or 0 in array.shape or array.shape[2:] not in ((), (1,), (3,), (4,)):
        raise ValueError(f"an array of shape {array.shape} is none of (h, w), (h, w, 1), (h, w, 3) and (h, w, 4)")
    _check_pixels(array.shape[1], array.shape[0])
    top, low, high = 255 if array.dtype.kind in "iu" else 1, array.min(), array.max()
    valid = "whole numbers in 0 to 255" if top == 255 else "floats in [0, 1]"
    require(low >= 0 and high <= top, f"it holds values from {low:.9g} to {high:.9g}; a picture has {valid}")
    levels = array.reshape(*array.shape[:2], -1).astype(np.float32) / top
    if levels.shape[2] == 4:
        levels = levels[..., :3] * levels[..., 3:] + (1 - levels[..., 3:])
    return np.broadcast_to(levels, (*levels.shape[:2], 3))  # takes no memory; not to be written to


def _fit_levels(levels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """What ``ImageOps.fit`` does, without rounding to 8 bits."""
    fitted = [ImageOps.fit(Image.fromarray(channel), shape[::-1], LANCZOS) for channel in np.moveaxis(levels, 2, 0)]
    return np.clip(np.stack(fitted, axis=2), 0, 1)


def _to_rgb(image: Image.Image) -> Image.Image:
    """Decode, turn as the camera's mark says, and convert: deep grey is scaled, transparency laid on white."""
    _check_pixels(image.width, image.height)
    if image.format == "PNG" and isinstance(image.fp, io.BytesIO):
        Image.open(io.BytesIO(image.fp.getvalue())).verify()  # its check sums, at which decoding does not look
    with contextlib.suppress(Exception):  # a mark that cannot be read is none
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith(("I", "F")):
        image = to_pil(_levels(np.asarray(image, np.float32) / (1 if image.mode == "F" else 65535))[..., 0])
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")
