"""Odd and broken pictures, made by code: each loads as RGB float32 in [0, 1] or is refused with an ImageError, soon."""

from __future__ import annotations

import gzip
import http.server
import io
import os
import pickle
import struct
import subprocess
import sys
import threading
import time
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image, ImageCms, features

from helpers import downloads, images
from helpers.errors import ImageError
from helpers.images import load_image
from tests.faults import check_row, rows

SECONDS = 2.0  # of computing, for one picture
MEGABYTES = 1_300  # for the largest picture that is let in, and for any that pretends to be larger
PHOTO = Image.fromarray(np.asarray(Image.open(images.IMAGE_FOLDER / "cat.jpg").convert("RGB").resize((24, 16))))
CORNERS = Image.fromarray(np.uint8([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]])).resize((32, 32), 0)
FRAMES = [PHOTO.rotate(angle) for angle in (0, 90, 180)]


def encode(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """A picture file of that kind."""
    file = io.BytesIO()
    others = [other.copy() for other in options.pop("append_images", [])]  # Pillow keeps some options in the image
    image.copy().save(file, kind, append_images=others, **options)
    return file.getvalue()


def turned(mark: int) -> bytes:
    """CORNERS as a camera writes it that was held otherwise: who applies the mark sees CORNERS."""
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # FLIP_LEFT_RIGHT is 0, ROTATE_180 is 3, and so on
    exif = Image.Exif()
    exif[0x0112] = mark
    stored = CORNERS.transpose(Image.Transpose(undo[mark])) if mark in undo else CORNERS
    return encode(stored, "JPEG", exif=exif, quality=95, subsampling=0)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, data: bytes, *before: bytes, bits: int = 8, colour: int = 0) -> bytes:
    """A PNG file from its parts."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(before) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def zeros(count: int) -> bytes:
    """So many zeros, compressed; at once, however many."""
    maker, block = zlib.compressobj(1), bytes(1_000_000)
    parts = [maker.compress(block) for _ in range(count // len(block))]
    return b"".join([*parts, maker.compress(bytes(count % len(block))), maker.flush()])


def tiff(*entries: tuple[int, int, int, int], data: bytes = b"") -> bytes:
    """A TIFF file from (tag, type, count, value) entries; the data stand at byte 8."""
    table = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(entries)) + table + b"\0" * 4


def tiff_of(width: int, height: int, data: bytes = b"\0" * 64, compression: int = 1, *more: Any) -> bytes:
    own = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, compression), (262, 3, 1, 1)]
    return tiff(*own, (273, 4, 1, 8), (278, 4, 1, height), (279, 4, 1, len(data)), *more, data=data)


def gif(width: int, height: int, place: tuple[int, int, int, int]) -> bytes:
    """A GIF file with a screen of that size and one frame at (left, top, width, height)."""
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    return head + b"," + struct.pack("<HHHHB", *place, 0) + b"\x02\x02\x44\x01\x00;"


def bmp(width: int, height: int, compression: int = 0, bits: int = 24, data: bytes = b"\0" * 64) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(data), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(data), 0, 0, 54) + head + data


def jpeg_of(width: int, height: int) -> bytes:
    """A small photo whose head says that it is larger."""
    data = bytearray(encode(PHOTO, "JPEG"))
    place = data.index(b"\xff\xc0") + 5
    data[place : place + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("photo.png", encode(PHOTO))
    return file.getvalue()


def floats(*values: float) -> bytes:
    return encode(Image.fromarray(np.float32([values])), "TIFF")


PALETTE = PHOTO.quantize(16)
CLEAR = PHOTO.convert("RGBA")
CLEAR.putalpha(Image.linear_gradient("L").resize(PHOTO.size))
DEEP = Image.fromarray(np.asarray(PHOTO.convert("L"), np.uint16) * 257)
GREY, BILEVEL = PHOTO.convert("L"), PHOTO.convert("1")
LOADED: dict[str, tuple[bytes, Image.Image | None]] = {  # and what it shows, if that is worth a comparison
    **{f"EXIF rotation {mark}": (turned(mark), CORNERS) for mark in range(1, 9)},
    "EXIF rotation 9, which there is not": (turned(9), CORNERS),
    "EXIF rotation 3 in a PNG": (
        encode(CORNERS.rotate(180), exif=b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x03\0\0\0\0\0\0"),
        CORNERS,
    ),
    "JPEG, grey": (encode(GREY, "JPEG", quality=95), GREY),
    "JPEG, progressive": (encode(PHOTO, "JPEG", progressive=True, quality=95, subsampling=0), PHOTO),
    "JPEG, half the colours": (encode(PHOTO, "JPEG", subsampling=2), None),
    "JPEG, CMYK": (encode(PHOTO.convert("CMYK"), "JPEG", quality=95), PHOTO),
    "JPEG and other bytes behind it": (encode(PHOTO, "JPEG", quality=95, subsampling=0) + bytes(1000), PHOTO),
    "JPEG, two pictures in one": (encode(PHOTO, "MPO", save_all=True, append_images=FRAMES), None),
    "PNG, 1 bit": (encode(BILEVEL), BILEVEL),
    "PNG, grey": (encode(GREY), GREY),
    "PNG, grey and clear": (encode(GREY.convert("LA")), GREY),
    "PNG, 16 bits": (encode(DEEP), GREY),
    "PNG, palette": (encode(PALETTE), PALETTE),
    "PNG, palette of 2": (encode(PHOTO.quantize(2)), PHOTO.quantize(2)),
    "PNG, palette, one colour clear": (encode(PALETTE, transparency=3), None),
    "PNG, palette, each colour half clear": (encode(PALETTE, transparency=bytes(range(0, 256, 16))), None),
    "PNG, RGB, one colour clear": (encode(PHOTO, transparency=(255, 0, 0)), PHOTO),
    "PNG, grey, one level clear": (encode(GREY, transparency=200), None),
    "PNG, RGBA": (encode(CLEAR), Image.alpha_composite(Image.new("RGBA", CLEAR.size, "white"), CLEAR)),
    "PNG, animated": (encode(PHOTO, save_all=True, append_images=FRAMES), PHOTO),
    "PNG and other bytes behind it": (encode(PHOTO) + b"<?php ?>", PHOTO),
    "PNG, odd colour profile": (encode(PHOTO, icc_profile=b"no profile at all"), PHOTO),
    "GIF": (encode(PALETTE, "GIF"), PALETTE),
    "GIF, animated": (encode(PALETTE, "GIF", save_all=True, append_images=FRAMES), PALETTE),
    "GIF, one colour clear": (encode(PALETTE, "GIF", transparency=0), None),
    "WebP": (encode(PHOTO, "WebP", quality=95), None),
    "WebP, lossless": (encode(PHOTO, "WebP", lossless=True), PHOTO),
    "WebP, clear": (encode(CLEAR, "WebP"), None),
    "WebP, animated": (encode(PHOTO, "WebP", save_all=True, append_images=FRAMES, lossless=True), PHOTO),
    **{
        f"TIFF, {way}": (encode(PHOTO, "TIFF", compression=way), PHOTO)
        for way in ("raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "lzma", "zstd")
    },
    "TIFF, JPEG inside": (encode(PHOTO, "TIFF", compression="jpeg"), None),
    "TIFF, fax": (encode(BILEVEL, "TIFF", compression="group4"), BILEVEL),
    "TIFF, CMYK": (encode(PHOTO.convert("CMYK"), "TIFF"), PHOTO),
    "TIFF, YCbCr": (encode(PHOTO.convert("YCbCr"), "TIFF"), PHOTO),
    "TIFF, RGBA": (encode(CLEAR, "TIFF"), None),
    "TIFF, 16 bits": (encode(DEEP, "TIFF"), GREY),
    "TIFF, 16 bits, the other order": (encode(DEEP, "TIFF", big_endian=True), GREY),
    "TIFF, 32-bit floats": (encode(Image.fromarray(np.asarray(GREY, np.float32) / 255), "TIFF"), GREY),
    "TIFF, several pages": (encode(PHOTO, "TIFF", save_all=True, append_images=FRAMES), PHOTO),
    "TIFF, a tag of 4 GB": (tiff_of(8, 8, bytes(64), 1, (270, 2, 2**32 - 1, 8)), Image.new("L", (8, 8))),
    "BMP": (encode(PHOTO, "BMP"), PHOTO),
    "BMP, 1 bit": (encode(BILEVEL, "BMP"), BILEVEL),
    "BMP, palette": (encode(PALETTE, "BMP"), PALETTE),
    "BMP, RGBA": (encode(CLEAR, "BMP"), None),
    "BMP, from the top": (bmp(2, -2, data=bytes(64)), None),
    "one row": (encode(Image.new("RGB", (5000, 1))), None),
    "one pixel": (encode(Image.new("RGB", (1, 1), "red")), Image.new("RGB", (1, 1), "red")),
}
if features.check("avif"):
    LOADED |= {"AVIF": (encode(PHOTO, "AVIF", quality=95), None), "AVIF, clear": (encode(CLEAR, "AVIF"), None)}

REFUSED: dict[str, bytes] = {
    "no bytes": b"",
    "one byte": b"\x89",
    "text": b"a photo of my cat",
    "text in UTF-16": "a photo of my cat".encode("utf-16"),
    "web page": b"<!doctype html><title>Sign in</title>",
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle r="4"/></svg>',
    "SVG that reads a file": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><svg>&f;</svg>',
    "PDF": encode(PHOTO, "PDF"),
    "PostScript": encode(PHOTO, "EPS"),
    "PSD": b"8BPS\0\x01" + bytes(6) + struct.pack(">HIIHH", 3, 2, 2, 8, 3) + bytes(64),
    "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64),
    "ICO": encode(PHOTO, "ICO"),
    "JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(64),
    "zip with a photo": zipped(),
    "photo in gzip": gzip.compress(encode(PHOTO)),
    "pickle": pickle.dumps(np.zeros((2, 2, 3), np.uint8)),
    "film": b"\0\0\0\x18ftypmp42" + bytes(64),
    "TIFF, not a number": floats(0.5, np.nan),
    "TIFF, infinity": floats(0.5, np.inf),
    "TIFF, minus one": floats(-1, 0.5),
    "TIFF, numbers up to 300": floats(0, 300),
    "TIFF, 32 bits": encode(Image.fromarray(np.int32([[0, 70_000]])), "TIFF"),
    "TIFF that is its own next page": tiff((256, 4, 1, 9)),
    "TIFF, no height": tiff_of(9, 0),
    "TIFF, odd compression": tiff_of(8, 8, bytes(64), 9999),
    "TIFF, data that are not there": tiff(
        (256, 4, 1, 8), (257, 4, 1, 8), (262, 3, 1, 1), (273, 4, 1, 10**9), (279, 4, 1, 64)
    ),
    "PNG, no data": png(8, 8, b""),
    "PNG, too few data": png(8, 8, zeros(20)),
    "PNG, wrong bytes in the middle": encode(PHOTO)[:400] + bytes(9) + encode(PHOTO)[409:],
    "PNG, no width": png(0, 8, zeros(8)),
    "PNG, odd depth": png(8, 8, zeros(99), bits=7),
    "PNG, odd colours": png(8, 8, zeros(999), colour=5),
    "PNG, palette that is not there": png(8, 8, zeros(72), colour=3)[:30],
    "JPEG, only its first bytes": b"\xff\xd8\xff\xe0" + bytes(16),
    "BMP, no pixels": bmp(0, 0),
    "BMP, odd compression": bmp(8, 8, 99),
    "GIF, too few data": gif(4, 4, (2, 2, 4, 4)),
    "GIF, frame of no size": gif(4, 4, (0, 0, 0, 0)),
    "GIF, only its head": b"GIF89a" + bytes(7),
    "WebP, only its head": b"RIFF\x10\0\0\0WEBPVP8 " + bytes(4),
}

BOMBS: dict[str, Callable[[], bytes]] = {  # small files of huge pictures, or with huge parts
    "PNG, 144 megapixels that are there": lambda: png(12_000, 12_000, zeros(12_000 * 1501), bits=1),
    "PNG, 64 megapixels that are there": lambda: png(8_000, 8_000, zeros(8_000 * 1001), bits=1),
    "PNG, 2 billion pixels a side": lambda: png(2**31 - 1, 2**31 - 1, zeros(100)),
    "PNG, a text of 100 MB": lambda: png(1, 1, zeros(2), chunk(b"zTXt", b"Comment\0\0" + zeros(100_000_000))),
    "PNG, a profile of 100 MB": lambda: png(1, 1, zeros(2), chunk(b"iCCP", b"x\0\0" + zeros(100_000_000))),
    "GIF, a huge screen": lambda: gif(65_535, 65_535, (0, 0, 1, 1)),
    "GIF, a huge frame": lambda: gif(1, 1, (0, 0, 65_535, 65_535)),
    "TIFF, 2.5 gigapixels": lambda: tiff_of(50_000, 50_000, zeros(1000), 8),
    "TIFF, 4 billion pixels a side": lambda: tiff_of(2**32 - 1, 2**32 - 1),
    "WebP, 268 megapixels": lambda: b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0/\xff\xff\xff\x0f" + bytes(12),
    "WebP, 268 megapixels in motion": lambda: (
        b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\xff\x3f\0\xff\x3f\0ANIM\x06\0\0\0"
    ),
    "JPEG, 4 gigapixels": lambda: jpeg_of(65_500, 65_500),
    "BMP, 2 billion pixels a side": lambda: bmp(2**31 - 1, 2**31 - 1),
    "BMP, packed": lambda: bmp(30_000, 30_000, 1, 8, b"\xff\0" * 100),
    "may load: JPEG, 48 megapixels that are not there": lambda: jpeg_of(8_000, 6_000),
    "may load: TIFF, strips of 100 MB": lambda: tiff_of(50_000, 1, zeros(100_000_000), 8),
    "loads: RGBA": lambda: encode(Image.new("RGBA", LARGEST), compress_level=1),
    "loads: floats": lambda: encode(Image.new("F", LARGEST), "TIFF", compression="packbits"),
}
LARGEST = (int(images.MAX_PIXELS**0.5),) * 2


def is_rgb(image: np.ndarray) -> bool:
    """It is what every function of the package expects."""
    right = image.dtype == np.float32 and image.ndim == 3 and image.shape[2] == 3 and image.size > 0
    return right and 0 <= image.min() <= image.max() <= 1


def outcome(source: Any, size: Any = None) -> np.ndarray | str:
    """The picture, or the message of the one exception; in time."""
    begun = time.thread_time()
    try:
        loaded: np.ndarray | str = load_image(source, size)
        assert is_rgb(loaded)
    except ImageError as error:
        loaded = str(error)
        assert 10 < len(loaded) < 500 and " at 0x" not in loaded and not loaded.endswith(": .")
    assert time.thread_time() - begun < SECONDS
    return loaded


def opened(data: bytes) -> Image.Image:
    with warnings.catch_warnings(action="ignore"):
        return Image.open(io.BytesIO(data))


@pytest.mark.parametrize("name", LOADED)
def test_odd_pictures_load(name: str, tmp_path: Path) -> None:
    data, shown = LOADED[name]
    for loaded in (outcome(data), outcome(io.BytesIO(data)), outcome(opened(data))):
        assert not isinstance(loaded, str), loaded
        if name in rows():
            check_row(name, f"the picture, {loaded.shape[1]} x {loaded.shape[0]}")
        if shown is not None:
            wanted = np.asarray(shown.convert("RGB"), np.float32) / 255
            assert loaded.shape == wanted.shape and np.abs(loaded - wanted).mean() < 0.02


@pytest.mark.parametrize("name", REFUSED)
def test_broken_pictures_are_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(REFUSED[name])
    for source, size in ((REFUSED[name], None), (tmp_path / name, 8)):
        said = outcome(source, size)
        assert "cannot be" in said
        if name in rows():
            check_row(name, said)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95])
@pytest.mark.parametrize("name", ["JPEG, progressive", "PNG, RGBA", "GIF", "WebP, lossless", "TIFF, tiff_lzw", "BMP"])
def test_files_that_were_cut(name: str, share: float) -> None:
    """Not one is half a picture: a network would see grey where the photo is missing."""
    data = LOADED[name][0]
    check_row("a file that was cut", outcome(data[: int(share * len(data))]))


LOAD_ALL = """
import pathlib, resource, sys, time
from helpers.errors import ImageError
from helpers.images import load_image
limit = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize() + int(sys.argv[2]) * 1_000_000
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for file in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    begun = time.process_time()
    try:
        shape = load_image(file).shape
    except ImageError as error:
        shape = str(error).partition(" cannot be ")[2]
    print(file.name, "|", shape, "|", time.process_time() - begun)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to its memory")
def test_bombs_go_off_in_little_memory(tmp_path: Path) -> None:
    """Also the largest pictures that are let in: every kind of them fits into the same memory."""
    for name, make in BOMBS.items():
        (tmp_path / name).write_bytes(make())
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", LOAD_ALL, str(tmp_path), str(MEGABYTES)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    said = {name: (shape, float(time)) for name, shape, time in (line.split(" | ") for line in run.stdout.splitlines())}
    assert set(said) == set(BOMBS)
    for name, (shape, seconds) in said.items():
        assert seconds < 5 * SECONDS, name
        if name in rows():
            check_row(name, shape)
        assert shape.startswith("(") == name.startswith("loads") or name.startswith("may load"), (name, shape)


def test_what_just_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits themselves are let in, one more is not."""
    data = encode(PHOTO)
    monkeypatch.setattr(images, "MAX_BYTES", len(data))
    monkeypatch.setattr(images, "MAX_PIXELS", PHOTO.width * PHOTO.height)
    for source in (data, io.BytesIO(data), PHOTO, np.asarray(PHOTO)):
        assert is_rgb(outcome(source))
    monkeypatch.setattr(images, "MAX_PIXELS", PHOTO.width * PHOTO.height - 1)
    for source in (data, PHOTO, np.asarray(PHOTO)):
        assert "24 x 16 pixels, and the limits are 1 and 383 pixels" in outcome(source)
    monkeypatch.setattr(images, "MAX_BYTES", len(data) - 1)
    for source in (data, io.BytesIO(data)):
        assert f"it has over {len(data) - 1:,} bytes" in outcome(source)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV"])
def test_pillow_images_of_any_mode(mode: str) -> None:
    image = Image.new(mode, (3, 2))
    assert outcome(image).shape == outcome(image, (2, 3)).shape == (2, 3, 3)
    assert image.mode == mode and image.size == (3, 2)


@pytest.mark.parametrize("mode", ["I", "I;16", "I;16B", "I;16L", "F"])
def test_pillow_images_with_deep_levels(mode: str) -> None:
    np.testing.assert_array_equal(outcome(Image.new(mode, (3, 2))), np.zeros((2, 3, 3)))


def test_pillow_images_that_cannot_be_shown() -> None:
    (closed := Image.open(io.BytesIO(encode(PHOTO)))).close()
    for image in (Image.new("La", (3, 2)), Image.new("RGB", (0, 5)), closed):
        assert "This " in outcome(image)


def test_lab_colours_are_right_or_refused() -> None:
    """Pillow converts them since release 12."""
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    for source in (lab := ImageCms.applyTransform(PHOTO, to_lab), encode(lab, "TIFF")):
        loaded = outcome(source)
        assert "conversion" in loaded if isinstance(loaded, str) else np.abs(loaded - outcome(PHOTO)).mean() < 0.02


def places(folder: Path) -> dict[str, Path]:
    """What is no file, or not what it seems."""
    found = {
        "folder": folder,
        "missing": folder / "missing.png",
        "endless name": folder / ("x" * 5000),
        "folder that is a file": folder / "file" / "photo.png",
        "link to nothing": folder / "link",
        "link to itself": folder / "circle",
    }
    (folder / "file").write_bytes(b"")
    (folder / "link").symlink_to(folder / "nothing")
    (folder / "circle").symlink_to(folder / "circle")
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe")
        found |= {"pipe": folder / "pipe", "device": Path("/dev/zero"), "other device": Path("/dev/tty")}
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_places_that_hold_no_picture(tmp_path: Path) -> None:
    for name, place in places(tmp_path).items():
        for source in (place, str(place)):
            said = outcome(source)
            assert "cannot be read" in said, name
            if name in rows():
                check_row(name, said)
    (tmp_path / "photo.png").write_bytes(encode(PHOTO))
    (tmp_path / "other").symlink_to(tmp_path / "photo.png")
    assert is_rgb(outcome(tmp_path / "other"))


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "data://image/png;base64,AAAA",
        "ftp://127.0.0.1/x.png",
        "javascript://x",
        "://",
        "gopher://x/1",
    ],
)
def test_addresses_of_other_kinds(address: str) -> None:
    check_row("an address of another kind", outcome(address))


class Handler(http.server.BaseHTTPRequestHandler):
    """Each address is one way in which a server can behave."""

    def do_GET(self) -> None:
        status, headers, data = getattr(self, self.path[1:])()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def photo(self) -> tuple[int, dict[str, str], bytes]:
        return 200, {}, encode(PHOTO)

    def moved(self) -> tuple[int, dict[str, str], bytes]:
        return 302, {"Location": "/photo"}, b""

    def to_a_file(self) -> tuple[int, dict[str, str], bytes]:
        return 302, {"Location": f"file://{images.IMAGE_FOLDER}/cat.jpg"}, b""

    def circle(self) -> tuple[int, dict[str, str], bytes]:
        return 302, {"Location": "/circle"}, b""

    def page(self) -> tuple[int, dict[str, str], bytes]:
        return 200, {"Content-Type": "image/png"}, b"<!doctype html><title>Sign in</title>"

    def missing(self) -> tuple[int, dict[str, str], bytes]:
        return 404, {}, encode(PHOTO)

    def short(self) -> tuple[int, dict[str, str], bytes]:
        return 200, {"Content-Length": "100000"}, encode(PHOTO)

    def swells(self) -> tuple[int, dict[str, str], bytes]:
        return 200, {"Content-Encoding": "gzip"}, gzip.compress(bytes(3_000_000))

    def endless(self) -> tuple[int, dict[str, str], bytes]:
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(bytes(100_000))

    def drips(self) -> tuple[int, dict[str, str], bytes]:
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(b"x")
            time.sleep(0.1)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(images, "MAX_BYTES", 2_000_000)
    monkeypatch.setattr(images, "MAX_SECONDS", 1)
    monkeypatch.setattr(downloads, "SILENCE", 2)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.handle_error = lambda *_: None  # the other side went away, as it should
        threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


ANSWERS = {  # way of the server: the row of the table of faults, what the message must say
    "to_a_file": ("a redirection to a file of this machine", "file://"),
    "circle": ("a redirection in a circle", "redirects"),
    "page": ("a web page in place of the photo", "no known format"),
    "missing": ("no photo there", "404"),
    "short": ("a server that ends early", "connection broke"),
    "swells": ("a small answer that swells when it is unpacked", "2,000,000 bytes"),
    "endless": ("a server that never ends", "2,000,000 bytes"),
    "drips": ("a server that sends a byte now and then", "over 1 seconds"),
}


@pytest.mark.parametrize("way", ANSWERS)
def test_servers_without_a_picture(server: str, way: str) -> None:
    said = outcome(f"{server}/{way}")
    fault, words = ANSWERS[way]
    assert words in said and f"{server}/{way} cannot be read" in said
    check_row(fault, said.replace("2,000,000", "100,000,000").replace(" 1 seconds", " 30 seconds"))


def test_servers_with_a_picture(server: str) -> None:
    for way in ("photo", "moved"):
        np.testing.assert_array_equal(outcome(f"{server}/{way}"), outcome(PHOTO))


KINDS = "? b B h H i I q Q e f d g F D O S3 U3 m8[s] M8[s] V4".split()  # noqa: SIM905


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_of_any_kind(kind: str) -> None:
    for shape in (
        (2, 3),
        (2, 3, 1),
        (2, 3, 3),
        (2, 3, 4),
        (),
        (3,),
        (0, 0),
        (0, 3, 3),
        (2, 3, 2),
        (2, 3, 5),
        (1, 2, 3, 3),
    ):
        loaded, is_picture = outcome(np.zeros(shape, kind)), KINDS.index(kind) < KINDS.index("F")
        assert isinstance(loaded, str) != (
            is_picture and len(shape) in (2, 3) and shape[:2] == (2, 3) and shape[2:] not in ((2,), (5,))
        )


NUMBERS = st.one_of(st.floats(width=32), st.sampled_from([0.0, 1.0, -0.0, -1e-9, 1 + 1e-6, np.nan, np.inf, 255.0]))


@settings(deadline=None, max_examples=60)
@given(
    arrays(
        st.sampled_from([np.float16, np.float32, np.float64]),
        array_shapes(max_dims=4, max_side=4),
        elements=st.floats(width=16),
    )
)
def test_arrays_of_any_floats(array: np.ndarray) -> None:
    picture = (
        array.ndim in (2, 3) and array.shape[2:] in ((), (1,), (3,), (4,)) and bool(((array >= 0) & (array <= 1)).all())
    )
    assert isinstance(outcome(array), np.ndarray) == picture


@settings(deadline=None, max_examples=60)
@given(
    arrays(st.sampled_from([np.int8, np.uint8, np.int16, np.int64, np.uint64]), array_shapes(max_dims=4, max_side=4))
)
def test_arrays_of_any_whole_numbers(array: np.ndarray) -> None:
    picture = (
        array.ndim in (2, 3) and array.shape[2:] in ((), (1,), (3,), (4,)) and 0 <= array.min() <= array.max() <= 255
    )
    assert isinstance(outcome(array), np.ndarray) == picture


@settings(deadline=None, max_examples=100)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.binary(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "content", "x"]), inner, max_size=3)
        ),
        max_leaves=6,
    )
)
def test_anything_else(source: Any) -> None:
    outcome(source)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(sorted(LOADED)), st.randoms(use_true_random=False))
def test_files_with_a_few_wrong_bytes(name: str, random: Any) -> None:
    """Flipped, cut out and put in; ten minutes of this, guided by the lines that were reached, found nothing more."""
    data = bytearray(LOADED[name][0])
    for _ in range(random.randint(1, 4)):
        place, count = random.randrange(len(data)), random.choice([1, 1, 2, 4, 40])
        way = random.choice(["flip", "cut", "insert", "copy"])
        if way == "flip":
            data[place] ^= 1 << random.randrange(8)
        elif way == "cut" and len(data) > count:
            del data[place : place + count]
        elif way == "insert":
            data[place:place] = bytes([random.choice([0, 127, 255, random.randrange(256)])]) * count
        else:
            data[place : place + count] = data[random.randrange(len(data)) :][:count]
    with mock.patch.object(images, "MAX_PIXELS", 1_000_000):
        outcome(bytes(data))
