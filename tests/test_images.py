"""Whatever holds a picture becomes RGB float32 in [0, 1]; whatever does not is refused with one clear ImageError."""

from __future__ import annotations

import datetime
import functools
import http.server
import io
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import ipywidgets
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from helpers import images
from helpers.errors import ImageError
from helpers.images import load_image, sample_image, sample_names

WHITE, BLACK, RED, GREEN, BLUE = [255] * 3, [0] * 3, [255, 0, 0], [0, 255, 0], [0, 0, 255]
LEVELS = np.uint8([[RED, GREEN, BLUE], [BLACK, WHITE, [100, 150, 200]]])
NOISE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle r="4"/></svg>'


def encode(image: Any, kind: str = "PNG", **options: Any) -> bytes:
    """A picture file of that kind."""
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, kind, **options)
    return file.getvalue()


def huge_png(side: int) -> bytes:
    """A PNG file of ``side`` x ``side`` pixels that stops after its header: who decodes it finds it damaged."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + b"\0\0\0\0IDAT"


def uploaded(content: bytes) -> tuple[dict[str, Any], ...]:
    """What an upload button holds once somebody has chosen a file."""
    facts = {"name": "mine.png", "type": "image/png", "size": len(content), "last_modified": datetime.datetime.now()}
    return ipywidgets.FileUpload(value=[facts | {"content": memoryview(content)}]).value


def is_rgb(image: np.ndarray) -> bool:
    """It is what every function of the package expects."""
    return (
        image.dtype == np.float32 and image.ndim == 3 and image.shape[2] == 3 and 0 <= image.min() <= image.max() <= 1
    )


def check(loaded: np.ndarray, levels: Any, tolerance: float = 0.01) -> None:
    """The picture has these levels (0 to 255)."""
    assert is_rgb(loaded)
    np.testing.assert_allclose(loaded, np.asarray(levels, np.float32) / 255, rtol=0, atol=tolerance / 255)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a server for the files in ``tmp_path``."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=tmp_path)) as httpd:
        threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


PNG = encode(LEVELS)
GREY = [[[0] * 3, [51] * 3, [255] * 3]]
PALETTE = Image.fromarray(np.uint8([[0, 1]]), "P")
PALETTE.putpalette([10, 20, 30, 200, 100, 50])
CLEAR = np.uint8([[[255, 0, 0, 0], [0, 0, 0, 255], [0, 0, 0, 51]]])  # transparent red, black, four fifths transparent
ON_WHITE = [[WHITE, BLACK, [204] * 3]]
INK = np.uint8([[[0, 0, 0, 0], [0, 255, 255, 0], [0, 0, 0, 255]]])
FLAT = np.full((16, 16, 3), (200, 100, 50), np.uint8)
FRAMES = [Image.new("RGB", (2, 1), colour) for colour in ("red", "blue")]
TURNED = Image.Exif()
TURNED[0x0112] = 6  # show the picture a quarter clockwise
SOURCES: dict[str, tuple[Any, Any]] = {  # what is given, the levels (0 to 255) that must come
    **{kind.__name__: (kind(PNG), LEVELS) for kind in (bytes, bytearray, memoryview, io.BytesIO, uploaded)},
    "one upload": (uploaded(PNG)[0], LEVELS),
    "PIL image": (Image.open(io.BytesIO(PNG)), LEVELS),
    "nested list": (LEVELS.tolist(), LEVELS),
    "uint8 array": (LEVELS, LEVELS),
    "int64 array": (LEVELS.astype(np.int64), LEVELS),
    "float32 array": (LEVELS.astype(np.float32) / 255, LEVELS),
    "float64 array": (LEVELS / 255, LEVELS),
    "grey array": (np.uint8([[0, 51, 255]]), GREY),
    "grey floats": (np.array([[0, 0.2, 1]]), GREY),
    "grey array (h, w, 1)": (np.uint8([[[0], [51], [255]]]), GREY),
    "grey floats (h, w, 1)": (np.array([[[0], [0.2], [1]]]), GREY),
    "truth values": (np.array([[False, True]]), [[BLACK, WHITE]]),
    "array (h, w, 4)": (CLEAR, ON_WHITE),
    "floats (h, w, 4)": (CLEAR / 255, ON_WHITE),
    "RGBA": (encode(CLEAR), ON_WHITE),
    "LA": (encode(Image.fromarray(np.uint8([[[0, 51], [50, 255]]]), "LA")), [[[204] * 3, [50] * 3]]),
    "palette": (encode(PALETTE, transparency=0), [[WHITE, [200, 100, 50]]]),
    "grey": (encode(np.uint8([[0, 51, 255]])), GREY),
    "1 bit": (encode(Image.fromarray(np.uint8([[0, 255]])).convert("1")), [[BLACK, WHITE]]),
    "16 bits": (encode(np.uint16([[0, 13107, 65535]])), GREY),
    "floats": (encode(np.float32([[0, 0.2, 1]]), "TIFF"), GREY),
    "CMYK": (encode(Image.fromarray(INK, "CMYK"), "TIFF"), [[WHITE, RED, BLACK]]),
    "one pixel": (encode(np.uint8([[[1, 2, 3]]])), [[[1, 2, 3]]]),
    "TIFF": (encode(LEVELS, "TIFF"), LEVELS),
    "WebP": (encode(LEVELS, "WebP", lossless=True), LEVELS),
    "BMP": (encode(LEVELS, "BMP"), LEVELS),
    "JPEG": (encode(FLAT, "JPEG", quality=100), FLAT),
    "animation": (encode(FRAMES[0], "GIF", save_all=True, append_images=FRAMES[1:]), [[RED, RED]]),
    "turned camera": (encode(LEVELS, exif=TURNED), np.rot90(LEVELS, -1)),
    "odd EXIF": (encode(LEVELS, exif=b"Exif\0\0nonsense"), LEVELS),
}


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_becomes_rgb(name: str) -> None:
    source, levels = SOURCES[name]
    check(load_image(source), levels)


def test_paths_and_addresses(server: str, tmp_path: Path) -> None:
    (file := tmp_path / "two-rows.png").write_bytes(PNG)
    for source in (file, str(file), f"{server}/{file.name}"):
        check(load_image(source), LEVELS)


@pytest.mark.parametrize("name", ["astronaut", "cat", "coffee", "flower", "rocket", "temple"])
def test_bundled_photos(name: str) -> None:
    photo = sample_image(name, size=64)
    assert is_rgb(photo) and photo.shape == (64, 64, 3) and photo.std() > 0.1
    np.testing.assert_array_equal(load_image(name, 64), photo)
    assert name in sample_names() and f"{name}.jpg" in (images.IMAGE_FOLDER / "CREDITS.md").read_text("utf8")


@pytest.mark.parametrize("kind", [Image.fromarray, np.array, np.float32], ids=["PIL", "uint8", "float"])
def test_size_cuts_the_centre_and_squashes_nothing(kind: Callable[[np.ndarray], Any]) -> None:
    levels = np.uint8([[RED, GREEN, BLUE]]).repeat(30, axis=0).repeat(30, axis=1)  # three squares side by side
    wide, high = (kind(array / 255 if kind is np.float32 else array) for array in (levels, levels.swapaxes(0, 1)))
    check(load_image(wide, 30), levels[:, 30:60])
    check(load_image(wide, np.int64(30)), levels[:, 30:60])
    check(load_image(wide, (30, 60)), levels[:, 15:75])
    check(load_image(high, 30), np.full((30, 30, 3), GREEN))
    small = load_image(wide, (10, 20))  # from the middle of the left square to the middle of the right one
    assert small.shape == (10, 20, 3)
    check(small[:, [0, 1, 8, 11, 18, 19]], np.tile([RED, RED, GREEN, GREEN, BLUE, BLUE], (10, 1, 1)), tolerance=1)


@pytest.mark.parametrize("size", [None, (1, 2), (2, 2)], ids=str)
def test_floats_are_not_rounded_to_8_bits_nor_changed_in_place(size: tuple[int, int] | None) -> None:
    for shape in ((2, 2), (2, 2, 1), (2, 2, 3)):
        source = np.full(shape, 0.1234567, np.float32)
        loaded = load_image(source, size)
        np.testing.assert_allclose(loaded, 0.1234567, atol=1e-6)
        loaded[:] = 0
        assert source.min() > 0


BAD_FILES: dict[str, tuple[bytes, str]] = {
    "text.png": (b"not a picture at all", "known format"),
    "drawing.svg": (SVG.encode(), "known format"),
    "page.jpg": (b"<!doctype html><title>Sign in</title>", "known format"),
    "empty.png": (b"", "empty"),
    "cut.jpg": (encode(NOISE, "JPEG")[:2000], "cannot be decoded"),
    "cut.png": (encode(NOISE)[:2000], "cannot be decoded"),
    "64-megapixels.png": (huge_png(8_000), "50,000,000 pixels"),
    "100-megapixels.png": (huge_png(10_000), "50,000,000 pixels"),
    "900-megapixels.png": (huge_png(30_000), "50,000,000 pixels"),
    "too-bright.tif": (encode(np.float32([[0, 300]]), "TIFF"), "300"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_are_refused(name: str, tmp_path: Path, server: str) -> None:
    content, words = BAD_FILES[name]
    (tmp_path / name).write_bytes(content)
    sources = {str(tmp_path / name): tmp_path / name, f"{server}/{name}": f"{server}/{name}"}
    for called, source in (sources | {"mine.png": uploaded(content), "This bytes": content}).items():
        with pytest.raises(ImageError) as caught:
            load_image(source, 8)
        assert called in str(caught.value) and words in str(caught.value)
    if name in ("cut.jpg", "cut.png", "64-megapixels.png"):
        with pytest.raises(ImageError, match=words):
            load_image(Image.open(io.BytesIO(content)))


REFUSED: list[tuple[Any, str]] = [
    (np.array([[0.5, np.nan]]), "nan"),
    (np.array([[0.5, np.inf]]), "inf"),
    (np.array([[-0.1, 0.5]]), r"-0\.1 .*\[0, 1\]"),
    (np.array([[0.5, 1.5]]), r"1\.5.*\[0, 1\]"),
    (np.array([[0, 256]]), "256.*0 to 255"),
    *[(np.zeros(shape), rf"\({shape[0]}, .*\(h, w\)") for shape in ((5, 2, 2), (5, 2, 2, 3), (0, 2, 3), (2, 0))],
    (np.zeros(5), r"\(5,\)"),
    (np.broadcast_to(np.uint8(0), (8_000, 9_000, 3)), "9000 x 8000.*50,000,000"),
    (np.array([["1", "2"]]), "'1', '2'"),
    (np.array([["cat"]]), "cat"),
    (np.full((2, 2), 1j), r"1\.j"),
    ([[1, 2], [3]], r"\[\[1, 2\], \[3\]\]"),
    (None, "None"),
    (7, "7"),
    ({"cat": 1}, "cat"),
    ({"name": "mine.png", "content": None}, "mine.png"),
    ((), "Nothing has been uploaded"),
    (io.StringIO("text"), "StringIO.*'rb'"),
    (SVG, "<svg"),
    ("data:image/png;base64," + "A" * 5000, "data:image/png"),
    ("no such folder/x.png", "no such folder/x.png.*astronaut, cat, coffee, flower, rocket, temple"),
    ("~nobody-of-that-name/x.png", "~nobody-of-that-name"),
    ("", "astronaut, cat"),
    ("\0", "astronaut, cat"),
    (images.IMAGE_FOLDER, "images"),
    ("ftp://127.0.0.1/x.png", "ftp://127.0.0.1/x.png.*http://"),
    (f"file://{images.IMAGE_FOLDER}/cat.jpg", "file://.*http://"),
    ("http://127.0.0.1:9/x.png", "http://127.0.0.1:9/x.png"),
    ("http://", "http://"),
    ("http://[x/", r"http://\[x/"),
]


@pytest.mark.parametrize("source, words", REFUSED, ids=[words for _, words in REFUSED])
def test_everything_else_is_refused(source: Any, words: str) -> None:
    with pytest.raises(ImageError, match=f"(?s){words}") as caught:
        load_image(source)
    assert len(str(caught.value)) < 500


def test_limits_and_missing_pages(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImageError, match=f"{server}/none.png.*404"):
        load_image(f"{server}/none.png")
    (tmp_path / "photo.png").write_bytes(encode(NOISE))
    monkeypatch.setattr(images, "MAX_BYTES", 2_000)
    for source in (f"{server}/photo.png", tmp_path / "photo.png", encode(NOISE), io.BytesIO(encode(NOISE))):
        with pytest.raises(ImageError, match="2,000 bytes"):
            load_image(source)
    monkeypatch.setattr(images, "MAX_SECONDS", -1)
    with pytest.raises(ImageError, match="-1 seconds"):
        load_image(f"{server}/photo.png")


@pytest.mark.parametrize("name", ["dog", "", None, "cat.jpg", "../images/cat"])
def test_unknown_sample_lists_the_valid_names(name: Any) -> None:
    with pytest.raises(ImageError) as caught:
        sample_image(name)
    assert repr(name) in str(caught.value) and ", ".join(sample_names()) in str(caught.value)


BAD_SIZES = [0, -1, 1.5, 8193, True, "big", "12", {}, (1,), (1, 2, 3), (0, 5), ("a", 1), (None, 1), np.nan, np.inf]


@pytest.mark.parametrize("size", BAD_SIZES, ids=str)
def test_bad_size_is_refused(size: Any) -> None:
    for source in ("cat", "no such picture"):  # the size is looked at first
        with pytest.raises(ImageError, match="it must be None, a number of pixels") as caught:
            load_image(source, size)
        assert f"size is {size!r};" in str(caught.value)


@settings(deadline=None, max_examples=60)
@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=12).map(lambda sides: (*sides, 3))))
def test_png_survives_exactly(levels: np.ndarray) -> None:
    np.testing.assert_array_equal(load_image(encode(levels)), levels.astype(np.float32) / 255)
    np.testing.assert_array_equal(load_image(levels), levels.astype(np.float32) / 255)


SIDES = st.tuples(st.integers(1, 200), st.integers(1, 200))


@settings(deadline=None, max_examples=60)
@given(SIDES, st.integers(1, 200) | SIDES, st.booleans())
@example((1, 5000), (8192, 1), False)
@example((5000, 1), (1, 8192), True)
def test_any_size_gives_that_shape(shape: tuple[int, int], size: int | tuple[int, int], as_float: bool) -> None:
    levels = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    loaded = load_image(levels / 255 if as_float else levels, size)
    assert loaded.shape == ((size, size, 3) if isinstance(size, int) else (*size, 3))
    assert is_rgb(loaded)


@settings(deadline=None, max_examples=150, derandomize=True)
@given(st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "BMP", "WebP"]), st.integers(0, 2000), st.binary(min_size=1))
def test_damaged_files_load_or_are_refused(kind: str, place: int, junk: bytes) -> None:
    data = bytearray(encode(LEVELS, kind))
    place %= len(data)
    data[place : place + len(junk)] = junk
    try:
        with mock.patch.object(images, "MAX_PIXELS", 10_000):
            assert is_rgb(load_image(bytes(data)))
    except ImageError as error:
        assert "This bytes" in str(error)


def test_large_photo_is_reduced_unless_a_size_is_asked_for() -> None:
    photo = Image.new("RGB", (1200, 800), "red")
    assert load_image(photo).shape == (256, 384, 3)
    assert load_image(photo, (800, 1200)).shape == (800, 1200, 3)
    assert load_image(np.zeros((600, 20, 3), np.uint8)).shape == (600, 20, 3), "an array is taken as it is"
