"""Train the bundled network on Tiny ImageNet: VGG16's layers, narrower, with batch normalisation that is folded away.

    python helpers/weights/train.py --data tiny-imagenet-200.zip --out test-results/training

writes ``log.csv``, ``checkpoint.keras`` (for ``--resume``) and, for every epoch, ``epoch_NN.npz``: the network as it
ships. Runs on any backend of Keras 3 (the environment variable ``KERAS_BACKEND``).
"""

from __future__ import annotations

import argparse
import csv
import io
import math
import os
import shutil
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers
from PIL import Image
from tqdm import tqdm

HOME = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))  # VGG16: convolutions in each block, filters of each
MEAN = (103.939, 116.779, 123.68)  # ImageNet's mean colour, in VGG16's order: blue, green, red
SCALE = 64.0  # inputs are divided by this while training, so that the first layer starts well scaled
EPSILON = 1e-3  # of the batch normalisation
SIDE = 64  # pixels of a picture
SHIFT = 4  # pixels by which a picture may be shifted beyond its edge
STAGES = ((0.25, 40), (0.65, 48), (1.0, SIDE))  # until this share of the training: crops of this many pixels


class TinyImageNet:
    """The pictures of Tiny ImageNet, decoded once.

    Attributes
    ----------
    classes : list of str
        WordNet identifiers in the order of ``wnids.txt``.
    labels : list of str
        The same, readable: the first synonym in ``words.txt``.
    train, validation : tuple of numpy.ndarray
        Pictures uint8 ``(n, 64, 64, 3)``, RGB, and class numbers ``(n,)``.
    """

    def __init__(self, source: str | Path) -> None:
        """Read the standard zip, or the folder that it unpacks to.

        Raises
        ------
        FileNotFoundError
            If the source, or a file that belongs to it, is missing.
        """
        self._source = Path(source)
        if not self._source.exists():
            raise FileNotFoundError(f"There is no {source}. Get {HOME} (236 MB) or name its place by --data.")
        self._zip = None if self._source.is_dir() else zipfile.ZipFile(self._source)
        self.classes = self._text("wnids.txt").split()
        words = dict(line.split("\t") for line in self._text("words.txt").splitlines())
        self.labels = [words[name].split(",")[0] for name in self.classes]
        number = {name: position for position, name in enumerate(self.classes)}
        lines = [line.split("\t") for line in self._text("val/val_annotations.txt").splitlines()]
        self.validation = self._decode([(f"val/images/{line[0]}", number[line[1]]) for line in lines], "validation")
        names = [(name, number[name.split("/")[1]]) for name in self._pictures() if name.startswith("train/")]
        self.train = self._decode(sorted(names), "training")

    def _open(self, name: str) -> io.BufferedIOBase:
        if self._zip is None:
            return (self._source / name).open("rb")
        return io.BytesIO(self._zip.read(f"tiny-imagenet-200/{name}"))

    def _text(self, name: str) -> str:
        with self._open(name) as file:
            return file.read().decode()

    def _pictures(self) -> Iterator[str]:
        if self._zip is None:
            names = (path.relative_to(self._source).as_posix() for path in self._source.rglob("*.JPEG"))
        else:
            names = (name.removeprefix("tiny-imagenet-200/") for name in self._zip.namelist())
        return (name for name in names if name.endswith(".JPEG"))

    def _decode(self, named: list[tuple[str, int]], what: str) -> tuple[np.ndarray, np.ndarray]:
        pictures = np.empty((len(named), SIDE, SIDE, 3), np.uint8)
        for position, (name, _) in enumerate(tqdm(named, desc=f"decoding {what} pictures")):
            with self._open(name) as file:
                pictures[position] = Image.open(file).convert("RGB")
        return pictures, np.array([number for _, number in named])


def build(width: float, classes: int, input_shape: tuple = (None, None, 3)) -> keras.Model:
    """VGG16's layers and names with batch normalisation before each ReLU.

    Parameters
    ----------
    width
        Share of VGG16's filters: 0.25 gives 16 in the first block and 128 in the last.
    classes
        Outputs of the head.
    input_shape
        ``(height, width, 3)``, None for any.

    Returns
    -------
    keras.Model
        Takes BGR pictures in 0 to 255, gives logits ``(n, classes)`` in float32.
    """
    tensor = inputs = keras.Input(input_shape, name="input")
    tensor = layers.Rescaling(1 / SCALE, [-mean / SCALE for mean in MEAN], dtype="float32", name="centred")(tensor)
    for block, (count, filters) in enumerate(BLOCKS, start=1):
        for number in range(1, count + 1):
            name = f"block{block}_conv{number}"
            convolution = layers.Conv2D(
                round(filters * width), 3, padding="same", use_bias=False, kernel_initializer="he_normal", name=name
            )
            tensor = convolution(tensor)
            tensor = layers.BatchNormalization(momentum=0.97, epsilon=EPSILON, name=f"{name}_normalised")(tensor)
            tensor = layers.ReLU(name=f"{name}_relu")(tensor)
        tensor = layers.MaxPooling2D(2, name=f"block{block}_pool")(tensor)
    tensor = layers.GlobalAveragePooling2D(name="avg_pool")(tensor)
    tensor = layers.Dropout(0.1, name="dropout")(tensor)
    return keras.Model(inputs, layers.Dense(classes, dtype="float32", name="predictions")(tensor), name="mini_vgg16")


def fold(model: keras.Model) -> dict[str, np.ndarray]:
    """Fold each batch normalisation, and the scaling of the input, into the kernel before it.

    With scale gamma, offset beta, running mean m and variance v, a normalised convolution
    ``gamma * (k * x - m) / sqrt(v + epsilon) + beta`` is one with the kernel ``k * gamma / sqrt(v + epsilon)``
    and the bias ``beta - m * gamma / sqrt(v + epsilon)``.

    Parameters
    ----------
    model
        From :func:`build`.

    Returns
    -------
    dict of str to numpy.ndarray
        ``<layer>/kernel`` and ``<layer>/bias`` of plain convolutions, for VGG16's preprocessing; float32.
    """
    arrays = {}
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D):
            normalised = model.get_layer(f"{layer.name}_normalised")
            gamma, beta, mean, variance = (np.asarray(array) for array in normalised.get_weights())
            factor = gamma / np.sqrt(variance + EPSILON)
            kernel = layer.get_weights()[0] * factor
            arrays[f"{layer.name}/kernel"] = kernel / SCALE if layer.name == "block1_conv1" else kernel
            arrays[f"{layer.name}/bias"] = beta - mean * factor
    arrays["predictions/kernel"], arrays["predictions/bias"] = model.get_layer("predictions").get_weights()
    return arrays


def varied(pictures: np.ndarray, size: int, random: np.random.Generator) -> np.ndarray:
    """A batch of sharp crops, shifted and mirrored at random; reflected where a crop reaches over the edge.

    Parameters
    ----------
    pictures
        uint8 ``(n, side, side, 3)``.
    size
        Side of the crops in pixels.
    random
        Source of chance.

    Returns
    -------
    numpy.ndarray
        uint8 ``(n, size, size, 3)``.
    """
    count, side = pictures.shape[:2]
    starts = random.integers(-SHIFT, side - size + SHIFT + 1, (2, count, 1))
    rows, columns = (side - 1 - np.abs(side - 1 - np.abs(starts + np.arange(size)))).astype(np.intp)
    mirrored = random.random(count) < 0.5
    columns[mirrored] = columns[mirrored, ::-1]
    return np.stack([picture[y].take(x, axis=1) for picture, y, x in zip(pictures, rows, columns, strict=True)])


class Epoch(keras.utils.PyDataset):
    """One pass over the training pictures in a random order that the seed and the number of the epoch decide."""

    def __init__(self, pictures: np.ndarray, numbers: np.ndarray, size: int, batch: int, seed: tuple[int, int]) -> None:
        super().__init__(workers=1, max_queue_size=8)
        self._pictures, self._numbers, self._size, self._batch, self._seed = pictures, numbers, size, batch, seed
        self._order = np.random.default_rng(seed).permutation(len(pictures))
        self._classes = int(numbers.max()) + 1

    def __len__(self) -> int:
        return len(self._order) // self._batch

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = np.sort(self._order[index * self._batch : (index + 1) * self._batch])
        random = np.random.default_rng((*self._seed, index))
        pictures = varied(self._pictures[chosen], self._size, random)[..., ::-1]
        return pictures, np.eye(self._classes, dtype=np.float32)[self._numbers[chosen]]


class Rate(keras.callbacks.Callback):
    """One cycle for the learning rate: a tenth of the training up to the peak, then a half cosine down to nothing."""

    def __init__(self, peak: float, steps: int, done: int) -> None:
        super().__init__()
        self._peak, self._steps, self._done = peak, steps, done

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        share = self._done / self._steps
        rising, falling = share / 0.1, 0.5 + 0.5 * math.cos(math.pi * (share - 0.1) / 0.9)
        self.model.optimizer.learning_rate = self._peak * max(min(rising, falling), 1e-3)
        self._done += 1


class Bar(keras.callbacks.Callback):
    """A progress bar for one epoch."""

    def __init__(self, title: str, steps: int) -> None:
        super().__init__()
        self._bar = tqdm(desc=title, total=steps, mininterval=2)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        if batch % 20 == 0:
            self._bar.set_postfix(loss=f"{logs['loss']:.3f}", refresh=False)
        self._bar.update()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self._bar.close()


def accuracy(model: Callable, pictures: np.ndarray, numbers: np.ndarray) -> tuple[float, float]:
    """Top-1 and top-5 accuracy.

    Parameters
    ----------
    model
        Takes what :func:`build` takes, gives logits.
    pictures, numbers
        uint8 ``(n, height, width, 3)``, RGB, and class numbers ``(n,)``.

    Returns
    -------
    tuple of float
        Shares in [0, 1].
    """
    logits = model.predict(pictures[..., ::-1], batch_size=250, verbose=0)
    above = (logits > np.take_along_axis(logits, numbers[:, None], 1)).sum(1)
    return float((above < 1).mean()), float((above < 5).mean())


def save(path: Path, write: Callable[[Path], None]) -> None:
    """Write to a temporary name first, so that a file is there whole or not at all."""
    temporary = path.with_name(f"unfinished-{path.name}")
    write(temporary)
    os.replace(temporary, path)


def train(data: TinyImageNet, out: Path, options: argparse.Namespace) -> None:
    """Train, and after every epoch write the checkpoint, the network as it ships and a row of the log."""
    (pictures, numbers), checkpoint, log = data.train, out / "checkpoint.keras", out / "log.csv"
    if options.resume:
        model = keras.models.load_model(checkpoint)
        rows = list(csv.DictReader(log.open()))
    else:
        keras.utils.set_random_seed(options.seed)
        if options.bfloat16:
            keras.config.set_dtype_policy("mixed_bfloat16")
        model, rows = build(options.width, len(data.labels)), []
        optimizer = keras.optimizers.AdamW(weight_decay=options.weight_decay)
        optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
        loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.05)
        model.compile(optimizer, loss, jit_compile=keras.backend.backend() == "jax")
        np.savez(out / "epoch_00.npz", **half(fold(model)), labels=data.labels)
    started = time.monotonic()
    for epoch in range(len(rows), options.epochs):
        size = next(size for end, size in STAGES if epoch < end * options.epochs)
        source = Epoch(pictures, numbers, size, options.batch, (options.seed, epoch))
        steps, begun = len(source), time.monotonic()
        rate = Rate(options.rate, steps * options.epochs, steps * epoch)
        title = f"epoch {epoch + 1} of {options.epochs}, {size} px"
        history = model.fit(source, epochs=1, shuffle=False, verbose=0, callbacks=[rate, Bar(title, steps)]).history
        top1, top5 = accuracy(model, *data.validation)
        seconds = time.monotonic() - begun
        row = {"epoch": epoch + 1, "size": size, "loss": history["loss"][0], "top1": top1, "top5": top5}
        rows.append(row | {"seconds": round(seconds)})
        tqdm.write(f"{title}: loss {row['loss']:.3f}, top-1 {top1:.1%}, top-5 {top5:.1%}, {seconds:.0f} s")
        arrays = half(fold(model)) | {"labels": np.array(data.labels)}
        save(out / f"epoch_{epoch + 1:02}.npz", lambda path, arrays=arrays: np.savez(path, **arrays))
        save(checkpoint, model.save)
        save(log, lambda path: write_log(path, rows))
        if options.minutes and time.monotonic() - started > 60 * options.minutes:
            print(f"{options.minutes} minutes are over; --resume goes on.")
            return


def half(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same in half precision: half the bytes, the same accuracy (figures in the model card)."""
    return {name: array.astype(np.float16) for name, array in arrays.items()}


def write_log(path: Path, rows: list[dict]) -> None:
    """Write the log as comma-separated values."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def download(address: str, target: Path) -> Path:
    """Fetch a file with a progress bar, unless it is there."""
    if not target.exists():
        with urllib.request.urlopen(address, timeout=30) as source:
            size = int(source.headers.get("Content-Length", 0))
            with tqdm.wrapattr(source, "read", total=size, desc=f"downloading {address}") as stream:
                save(target, lambda path: shutil.copyfileobj(stream, path.open("wb")))
    return target


def processor_has_bfloat16() -> bool:
    """Whether Linux says that the processor computes in bfloat16."""
    flags = Path("/proc/cpuinfo")
    return flags.exists() and "bf16" in flags.read_text()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="Tiny ImageNet's zip or folder; by default it is downloaded (236 MB)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoint, the log and the networks")
    parser.add_argument("--width", type=float, default=0.25, help="share of VGG16's filters")
    parser.add_argument("--epochs", type=int, default=30, help="passes over the pictures")
    parser.add_argument("--minutes", type=float, help="stop after the epoch in which these are over")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=3e-3, help="peak of the learning rate")
    parser.add_argument("--weight-decay", type=float, default=0.05)
    parser.add_argument("--bfloat16", action=argparse.BooleanOptionalAction, default=processor_has_bfloat16())
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    if options.resume and not (options.out / "checkpoint.keras").exists():
        parser.error(f"there is no checkpoint in {options.out} to resume from")
    train(TinyImageNet(options.data or download(HOME, options.out / Path(HOME).name)), options.out, options)


if __name__ == "__main__":
    main()
