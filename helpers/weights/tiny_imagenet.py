"""Tiny ImageNet, decoded once; and files that are there whole or not at all."""

from __future__ import annotations

import io
import os
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

HOME = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
SIDE = 64  # pixels of a picture


class TinyImageNet:
    """The pictures of Tiny ImageNet, decoded once.

    Attributes
    ----------
    classes : list of str
        WordNet identifiers in the order of ``wnids.txt``.
    labels : list of str
        The same, readable: the first synonym in ``words.txt``.
    train, validation : tuple of numpy.ndarray
        Pictures uint8 ``(n, 64, 64, 3)``, RGB, and class numbers ``(n,)``. Without ``training``, ``train`` is None.
    """

    def __init__(self, source: str | Path, training: bool = True) -> None:
        """Read the standard zip, or the folder that it unpacks to.

        Parameters
        ----------
        source
            Path of the zip or of the folder.
        training
            Decode the training pictures too, which are ten times as many as those for validation.

        Raises
        ------
        FileNotFoundError
            If there is no such source.
        ValueError
            If a file in it is missing or damaged, or a class has no training pictures; the message names the file.
        """
        self._source, self._latest = Path(source), "the file"  # what is being read, for the message
        if not self._source.exists():
            raise FileNotFoundError(f"There is no {source}. Get {HOME} (236 MB) or name its place by --data.")
        try:
            self._load(training)
        except Exception as error:
            fault = f"{self._latest} is missing or damaged ({type(error).__name__}: {error})"
            raise ValueError(f"{source}: {fault}. The standard layout is that of {HOME}.") from error

    def _load(self, training: bool) -> None:
        self._zip = None if self._source.is_dir() else zipfile.ZipFile(self._source)
        self.classes = self._read("wnids.txt").decode().split()
        words = dict(line.split("\t") for line in self._read("words.txt").decode().splitlines())
        self.labels = [words[name].split(",")[0] for name in self.classes]
        number = {name: position for position, name in enumerate(self.classes)}
        lines = [line.split("\t") for line in self._read("val/val_annotations.txt").decode().splitlines()]
        self.validation = self._decode([(f"val/images/{line[0]}", number[line[1]]) for line in lines], "validation")
        self.train = self._decode(self._training(number), "training") if training else None

    def _read(self, name: str) -> bytes:
        self._latest = name
        if self._zip is None:
            return (self._source / name).read_bytes()
        return self._zip.read(f"tiny-imagenet-200/{name}")

    def _training(self, number: dict[str, int]) -> list[tuple[str, int]]:
        self._latest = "train"
        if self._zip is None:
            names = [path.relative_to(self._source).as_posix() for path in self._source.glob("train/**/*.JPEG")]
        else:
            names = [name.removeprefix("tiny-imagenet-200/") for name in self._zip.namelist()]
        names = sorted(name for name in names if name.startswith("train/") and name.endswith(".JPEG"))
        if missing := set(self.classes) - {name.split("/")[1] for name in names}:
            raise ValueError(f"no pictures of {', '.join(sorted(missing))}")
        return [(name, number[name.split("/")[1]]) for name in names]

    def _decode(self, named: list[tuple[str, int]], what: str) -> tuple[np.ndarray, np.ndarray]:
        pictures = np.empty((len(named), SIDE, SIDE, 3), np.uint8)
        for position, (name, _) in enumerate(tqdm(named, desc=f"decoding {what} pictures")):
            pictures[position] = Image.open(io.BytesIO(self._read(name))).convert("RGB")
        return pictures, np.array([number for _, number in named])


def save(path: Path, write: Callable[[Path], None]) -> None:
    """Write to a temporary name first, so that a file is there whole or not at all."""
    temporary = path.with_name(f"unfinished-{path.name}")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def download(address: str, target: Path) -> Path:
    """Fetch a file with a progress bar, unless it is there."""
    if not target.exists():
        with urllib.request.urlopen(address, timeout=30) as source:
            size = int(source.headers.get("Content-Length", 0))
            megabytes = iter(lambda: source.read(2**20), b"")
            data = b"".join(tqdm(megabytes, total=size >> 20, unit="MB", desc=f"downloading {address}"))
        if len(data) < size:
            raise OSError(f"{address} broke off after {len(data):,} of {size:,} bytes; run this again.")
        save(target, lambda path: path.write_bytes(data))
    return target
