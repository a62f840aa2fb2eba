"""Files of pre-trained networks: from Keras' cache, else from their home, and never a silent wait."""

import contextlib
import hashlib
import multiprocessing.pool
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import filelock
import h5py
import requests
import urllib3

from .backend import keras, progress_bar
from .errors import WeightsUnavailable, require

SILENCE = 3.5  # seconds without a byte, name look-up included, after which a download is given up: nobody waits five
STUCK = 60  # seconds after which a process that holds a file and writes nothing is waited for no more
KNOWN = Path(__file__).parent / "weights" / "keras_files.md5"  # the hashes of files to which Keras gives none


def keras_cache() -> Path:
    """The folder in which Keras keeps weight files (``$KERAS_HOME/models``, by default ``~/.keras/models``)."""
    return Path(sys.modules[keras.utils.get_file.__module__].config.keras_home()) / "models"


def watched_downloads(size: Callable[[], str]) -> contextlib.AbstractContextManager:
    """Inside this block Keras fetches its files through :func:`fetch`; gives a mock that knows whether it did."""
    known = {name: md5 for md5, name in map(str.split, KNOWN.read_text().splitlines())}

    def get_file(fname: str, origin: str, file_hash: str | None = None, **_: object) -> str:
        return str(fetch(origin, keras_cache() / fname, file_hash or known.get(fname), size))

    return mock.patch.object(sys.modules[keras.utils.get_file.__module__], "get_file", side_effect=get_file)


def fetch(url: str, path: Path, file_hash: str | None, size: Callable[[], str]) -> Path:
    """Return the file, downloaded if it is missing or its hash is wrong, by one process at a time.

    A slow download that moves goes on for as long as it takes, with its progress shown.

    Parameters
    ----------
    url
        Where the file lives.
    path
        Where it is kept.
    file_hash
        MD5 or SHA-256 of the right file in hexadecimal; None accepts any, of ``.h5`` any whole HDF5 file.
    size
        Says how large the file is, for the message; called only on failure.

    Raises
    ------
    WeightsUnavailable
        If no byte arrives for 3.5 seconds, the server refuses or the file is not the right one. Nothing half-written
        is left behind. The message says which file to put where by hand.
    """
    try:
        if not is_right(path, file_hash):
            with whole(path) as part:
                if not is_right(path, file_hash):  # whoever was waited for may have brought it
                    _download(url, part, path.name)
                    require(is_right(part, file_hash), "the file that came is not the right one")
    except Exception as error:
        state = "is damaged" if path.is_file() else "is not"
        failed = f"{path.name} {state} in {path.parent} and cannot be downloaded ({reason(error)})."
        home = f"{path.parent}, or set KERAS_HOME to another folder," if getattr(error, "errno", None) else path.parent
        remedy = f"Download {url} ({size()}) where there is a network, put it into {home} and try again."
        raise WeightsUnavailable(f"{failed} {remedy}") from error
    return path


def is_right(path: Path, file_hash: str | None) -> bool:
    """Whether the file is there and has that hash (MD5 or SHA-256); without a hash, whether an ``.h5`` is whole."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        if file_hash is None:  # an HDF5 file knows its length: one that was cut does not open
            return path.suffix != ".h5" or bool(h5py.File(file))
        return hashlib.file_digest(file, "md5" if len(file_hash) == 32 else "sha256").hexdigest() == file_hash.lower()
    return False


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Write to the path that this gives: two notebooks may write the same file at once, one waits for the other.

    At the end of the block what was written goes to its place; if the block fails, what was there before stays. What a
    killed process left behind is removed. Who must wait says so, with a bar that shows how far the other one is.

    Raises
    ------
    TimeoutError
        If the other process writes nothing for 60 seconds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part, lock, still = path.with_name(f"part-{path.name}"), filelock.FileLock(f"{path}.lock"), 0
    with progress_bar(desc=f"another process is at {path.name}", unit="B", unit_scale=True, miniters=0) as bar:
        while not lock.is_locked:
            with contextlib.suppress(filelock.Timeout):
                lock.acquire(timeout=0.5)
            size = part.stat().st_size if part.exists() else 0
            still, bar.n = still + 1 if size == bar.n else 0, size
            bar.update(0)
            if still * 0.5 > STUCK:
                raise TimeoutError(f"another process holds it and has written nothing for {STUCK} seconds")
    try:
        part.unlink(missing_ok=True)  # what a killed process left
        yield part
        if part.exists():
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # on Windows it goes by itself
            Path(lock.lock_file).unlink()
        lock.release()


def _download(url: str, part: Path, name: str) -> None:
    with part.open("wb") as file, answer(url) as response:
        response.raise_for_status()
        size = int(response.headers.get("Content-Length", 0))
        with progress_bar(desc=name, total=size, unit="B", unit_scale=True) as bar:
            for data in pieces(response):
                bar.update(file.write(data))
                file.flush()  # whoever waits sees it grow


def pieces(response: requests.Response) -> Iterator[bytes]:
    """The bytes of an answer as they come, each wait under 3.5 seconds; not when a block is full, as requests does."""
    return iter(lambda: response.raw.read1(65536, decode_content=True), b"")


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
    if isinstance(error, (multiprocessing.TimeoutError, requests.Timeout, urllib3.exceptions.ReadTimeoutError)):
        return f"no byte for {SILENCE:g} seconds"
    if isinstance(error, urllib3.exceptions.HTTPError):
        return "the connection broke"
    if isinstance(error, requests.ConnectionError):
        return f"no connection{' through the proxy' if isinstance(error, requests.exceptions.ProxyError) else ''}"
    return getattr(error, "strerror", None) or str(error).strip().rstrip(".") or type(error).__name__
