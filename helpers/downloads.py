"""Files of pre-trained networks: from Keras' cache, else from their home, and never a silent wait."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

from .backend import keras
from .errors import WeightsUnavailable

SILENCE = 4.0  # seconds without a byte, name look-up included, after which a download is given up


class _Meter:
    """What pooch asks of a progress bar; it also remembers when the last byte came."""

    def __init__(self) -> None:
        self.total, self.done, self.last_byte = 0, 0, time.monotonic()

    def update(self, count: int) -> None:
        self.done, self.last_byte = self.done + count, time.monotonic()

    def reset(self) -> None:
        self.done = 0

    def close(self) -> None:
        self.last_byte = time.monotonic()


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
        MD5 or SHA-256 of the right file in hexadecimal; None accepts any.
    size
        Says how large the file is, for the message; called only on failure.

    Raises
    ------
    WeightsUnavailable
        If no byte arrives for four seconds, the server refuses or the file is not the right one. Nothing half-written
        is left behind. The message says which file to put where by hand.
    """
    import pooch
    from tqdm.auto import tqdm

    known = file_hash and f"{'md5' if len(file_hash) == 32 else 'sha256'}:{file_hash}"
    pooch.get_logger().setLevel("ERROR")
    meter, failures = _Meter(), []

    def work() -> None:
        try:
            downloader = pooch.HTTPDownloader(progressbar=meter, chunk_size=65536, timeout=SILENCE)
            pooch.retrieve(url, known, path.name, path.parent, downloader=downloader)
        except Exception as error:  # handed to the caller's thread
            failures.append(error)

    thread = threading.Thread(target=work, daemon=True)  # a name look-up that hangs must not keep Python from ending
    thread.start()
    with tqdm(desc=path.name, unit="B", unit_scale=True, delay=1, leave=False) as bar:
        while thread.is_alive() and time.monotonic() - meter.last_byte < SILENCE:
            thread.join(0.05)
            bar.total = meter.total
            bar.update(meter.done - bar.n)
    if thread.is_alive():
        failures.append(TimeoutError(f"no byte for {SILENCE:.0f} seconds"))
    if failures:
        raise WeightsUnavailable(
            f"{path.name} is not in {path.parent} and cannot be downloaded ({_reason(failures[0])}). "
            f"Download {url} ({size()}) where there is a network, put it into {path.parent} and try again."
        ) from failures[0]
    return path


def _reason(error: Exception) -> str:
    """The shortest true sentence about a failure: the innermost cause, without addresses of objects."""
    kind = type(error).__name__
    if "hash" in str(error).lower():
        return "the file that came is not the right one: its hash differs"
    return str(error) if kind in {"TimeoutError", "HTTPError", "OSError"} else f"no connection: {kind}"
