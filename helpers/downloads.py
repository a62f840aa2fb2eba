"""Files of pre-trained networks: from Keras' cache, else from their home, and never a silent wait."""

import contextlib
import hashlib
import multiprocessing.pool
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import requests

from .backend import keras, progress_bar
from .errors import WeightsUnavailable

SILENCE = 3.5  # seconds without a byte, name look-up included, after which a download is given up: nobody waits five
HDF5 = b"\x89HDF\r\n\x1a\n"  # what a file of weights begins with


def keras_cache() -> Path:
    """The folder in which Keras keeps weight files (``$KERAS_HOME/models``, by default ``~/.keras/models``)."""
    return Path(sys.modules[keras.utils.get_file.__module__].config.keras_home()) / "models"


def watched_downloads(size: Callable[[], str]) -> contextlib.AbstractContextManager:
    """Inside this block Keras fetches its files through :func:`fetch`, which never waits in silence."""

    def get_file(fname: str, origin: str, file_hash: str | None = None, **_: object) -> str:
        return str(fetch(origin, keras_cache() / fname, file_hash, size))

    return mock.patch.object(sys.modules[keras.utils.get_file.__module__], "get_file", get_file)


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
            f"{path.name} {state} in {path.parent} and cannot be downloaded ({reason(error)}). "
            f"Download {url} ({size()}) where there is a network, put it into {path.parent} and try again."
        ) from error
    return path


def _is_right(path: Path, file_hash: str | None) -> bool:
    with path.open("rb") as file:
        if file_hash is None:
            return path.suffix != ".h5" or file.read(len(HDF5)) == HDF5
        algorithm = "md5" if len(file_hash) == 32 else "sha256"
        return hashlib.file_digest(file, algorithm).hexdigest() == file_hash.lower()


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Write to the path that this gives, in a folder of its own: two notebooks may write the same file at once.

    At the end of the block the file goes to its place; if the block fails, what was there before stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=path.name, dir=path.parent, ignore_cleanup_errors=True) as folder:
        part = Path(folder) / path.name
        yield part
        part.replace(path)


def _download(url: str, path: Path, file_hash: str | None) -> None:
    with whole(path) as part:
        with part.open("wb") as file, answer(url) as response:
            response.raise_for_status()
            size = int(response.headers.get("Content-Length", 0))
            with progress_bar(desc=path.name, total=size, unit="B", unit_scale=True) as bar:
                for chunk in response.iter_content(4096):  # small: a chunk comes when it is full
                    bar.update(file.write(chunk))
        if not _is_right(part, file_hash):
            raise ValueError("the file that came is not the right one")


def answer(url: str) -> requests.Response:
    """A server's answer, whose bytes are still to be read; nobody waits for it, or for a byte, over 3.5 seconds.

    It is asked for in the background, because nothing else ends the look-up of a name that hangs.

    Raises
    ------
    multiprocessing.TimeoutError, requests.RequestException
        If none comes; :func:`reason` says why in words.
    """
    with multiprocessing.pool.ThreadPool(1) as background:  # its thread does not keep Python from ending
        return background.apply_async(requests.get, (url,), {"stream": True, "timeout": SILENCE}).get(SILENCE)


def reason(error: Exception) -> str:
    """The shortest true sentence about a failure, without addresses of objects."""
    if isinstance(error, (multiprocessing.TimeoutError, requests.Timeout)) or "Read timed out" in str(error):
        return f"no byte for {SILENCE:g} seconds"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke"
    if isinstance(error, requests.RequestException) and not isinstance(error, requests.HTTPError):
        return "no connection"
    return getattr(error, "strerror", None) or str(error)
