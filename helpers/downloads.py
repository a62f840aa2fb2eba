"""Files of pre-trained networks: from Keras' cache, else from their home, and never a silent wait."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO
from unittest import mock

import requests

from .backend import keras
from .errors import WeightsUnavailable
from .progress import progress_bar

SILENCE = 3.5  # seconds without a byte, name look-up included, after which a download is given up: nobody waits five
HDF5 = b"\x89HDF\r\n\x1a\n"  # what a file of weights begins with


def keras_cache() -> Path:
    """The folder in which Keras keeps weight files (``$KERAS_HOME/models``, by default ``~/.keras/models``)."""
    return Path(sys.modules[keras.utils.get_file.__module__].config.keras_home()) / "models"


@contextlib.contextmanager
def watched_downloads(size: Callable[[], str]) -> Iterator[None]:
    """Inside this block Keras fetches its files through :func:`fetch`, which never waits in silence."""

    def get_file(fname: str, origin: str, file_hash: str | None = None, **_: object) -> str:
        return str(fetch(origin, keras_cache() / fname, file_hash, size))

    with mock.patch.object(sys.modules[keras.utils.get_file.__module__], "get_file", get_file):
        yield


def fetch(url: str, path: Path, file_hash: str | None, size: Callable[[], str]) -> Path:
    """Return the file, downloaded if it is missing or its hash is wrong.

    Parameters
    ----------
    url
        Where the file lives.
    path
        Where it is kept.
    file_hash
        MD5 or SHA-256 of the right file in hexadecimal; None accepts any, of ``.h5`` any HDF5 file.
    size
        Says how large the file is, for the message; called only on failure.

    Raises
    ------
    WeightsUnavailable
        If no byte arrives for 3.5 seconds, the server refuses or the file is not the right one. Nothing half-written
        is left behind. The message says which file to put where by hand.
    """
    try:
        if not (path.is_file() and _is_right(path, file_hash)):
            _download(url, path, file_hash)
    except Exception as error:
        state = "is damaged" if path.is_file() else "is not"
        raise WeightsUnavailable(
            f"{path.name} {state} in {path.parent} and cannot be downloaded ({_reason(error)}). "
            f"Download {url} ({size()}) where there is a network, put it into {path.parent} and try again."
        ) from error
    return path


def _is_right(path: Path, file_hash: str | None) -> bool:
    with path.open("rb") as file:
        if file_hash is None:
            return path.suffix != ".h5" or file.read(len(HDF5)) == HDF5
        algorithm = "md5" if len(file_hash) == 32 else "sha256"
        return hashlib.file_digest(file, algorithm).hexdigest() == file_hash.lower()


def _download(url: str, path: Path, file_hash: str | None) -> None:
    """Into a folder of its own, and to its place when it is whole: two notebooks may download at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=path.name, dir=path.parent, ignore_cleanup_errors=True) as folder:
        part = Path(folder) / path.name
        with part.open("wb") as file:
            _Transfer(url, file).wait(path.name)
        if not _is_right(part, file_hash):
            raise ValueError("the file that came is not the right one")
        os.replace(part, path)


class _Transfer(threading.Thread):
    """Bytes from an address to a file, in the background: who waits for them can stop waiting and close the file."""

    def __init__(self, url: str, file: BinaryIO) -> None:
        super().__init__(name=f"download of {url}", daemon=True)  # a hanging look-up must not keep Python from ending
        self.url, self.file = url, file
        self.total: int | None = None  # not known before the server answers
        self.done, self.last_byte = 0, time.monotonic()
        self.failure: Exception | None = None

    def run(self) -> None:
        try:
            with requests.get(self.url, stream=True, timeout=2 * SILENCE) as response:
                response.raise_for_status()
                self.total, self.last_byte = int(response.headers.get("Content-Length", 0)), time.monotonic()
                for chunk in response.iter_content(4096):  # small: a chunk comes when it is full
                    self.file.write(chunk)
                    self.done, self.last_byte = self.done + len(chunk), time.monotonic()
        except Exception as error:  # for the thread that waits
            self.failure = error

    def wait(self, name: str) -> None:
        """Start, and return when all has come; raise when it failed, or when no byte comes any more."""
        self.start()
        while self.is_alive() and self.total is None:
            self._wait_a_moment()
        with progress_bar(desc=name, total=self.total, unit="B", unit_scale=True) as bar:
            while self.is_alive():
                self._wait_a_moment()
                bar.update(self.done - bar.n)
        if self.failure:
            raise self.failure

    def _wait_a_moment(self) -> None:
        if time.monotonic() - self.last_byte > SILENCE:
            raise TimeoutError(f"no byte for {SILENCE:g} seconds")
        self.join(0.05)


def _reason(error: Exception) -> str:
    """The shortest true sentence about a failure, without addresses of objects."""
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke"
    if isinstance(error, requests.RequestException) and not isinstance(error, requests.HTTPError):
        return "no connection"
    return str(error)
