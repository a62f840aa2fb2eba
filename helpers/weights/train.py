"""Train the bundled network on Tiny ImageNet: VGG16's layers, narrower, with batch normalisation that is folded away.

    python helpers/weights/train.py --data tiny-imagenet-200.zip --out test-results/training

writes ``log.csv``, ``checkpoint.keras`` (for ``--resume``) and, for every epoch, ``epoch_NN.npz``: the network as it
ships. Runs on any backend of Keras 3 (the environment variable ``KERAS_BACKEND``).
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from folding import EPSILON, SCALE, fold, unfold, widened
from keras import layers
from tiny_imagenet import HOME, SIDE, TinyImageNet, download, save
from tqdm import tqdm

BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))  # VGG16: convolutions in each block, filters of each
MEAN = (103.939, 116.779, 123.68)  # ImageNet's mean colour, in VGG16's order: blue, green, red
SHIFT = 4  # pixels by which a picture may be shifted beyond its edge
STAGES = ((0.25, 40), (0.65, 48), (1.0, SIDE))  # until this share of the training: crops of this many pixels
LATER_STAGES = ((0.5, 48), (1.0, SIDE))  # the same where the training starts from a network


def filters(model: keras.Model) -> dict[str, int]:
    """The number of filters of each convolution, by its name."""
    return {layer.name: layer.filters for layer in model.layers if isinstance(layer, layers.Conv2D)}


def build(width: Sequence[float], classes: int, input_shape: tuple = (None, None, 3)) -> keras.Model:
    """VGG16's layers and names with batch normalisation before each ReLU.

    Parameters
    ----------
    width
        Share of VGG16's filters, for all blocks or for each: 0.25 gives 16 in the first block and 128 in the last.
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
    plain = {"padding": "same", "use_bias": False, "kernel_initializer": "he_normal"}
    widths = list(width) * len(BLOCKS) if len(width) == 1 else width
    for block, ((count, full), share) in enumerate(zip(BLOCKS, widths, strict=True), start=1):
        for number in range(1, count + 1):
            name = f"block{block}_conv{number}"
            tensor = layers.Conv2D(round(full * share), 3, name=name, **plain)(tensor)
            tensor = layers.BatchNormalization(momentum=0.97, epsilon=EPSILON, name=f"{name}_normalised")(tensor)
            tensor = layers.ReLU(name=f"{name}_relu")(tensor)
        tensor = layers.MaxPooling2D(2, name=f"block{block}_pool")(tensor)
    tensor = layers.GlobalAveragePooling2D(name="avg_pool")(tensor)
    tensor = layers.Dropout(0.1, name="dropout")(tensor)
    return keras.Model(inputs, layers.Dense(classes, dtype="float32", name="predictions")(tensor), name="mini_vgg16")


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
    """Top-1 and top-5 accuracy of a network.

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
    return shares_right(model.predict(pictures[..., ::-1], batch_size=250, verbose=0), numbers)


def shares_right(logits: np.ndarray, numbers: np.ndarray) -> tuple[float, float]:
    """Top-1 and top-5 accuracy; a tie, or a logit that is no number, counts as wrong.

    Parameters
    ----------
    logits, numbers
        float ``(n, classes)`` and the right classes ``(n,)``.

    Returns
    -------
    tuple of float
        Shares in [0, 1].
    """
    above = (~(logits < np.take_along_axis(logits, numbers[:, None], 1))).sum(1) - 1
    return float((above < 1).mean()), float((above < 5).mean())


def train(data: TinyImageNet, out: Path, options: argparse.Namespace) -> None:
    """Train, and after every epoch write the checkpoint, the network as it ships and a row of the log."""
    (pictures, numbers), checkpoint, log = data.train, out / "checkpoint.keras", out / "log.csv"
    if options.resume:
        model = keras.models.load_model(checkpoint)
        rows = list(csv.DictReader(log.read_text().splitlines()))
    else:
        keras.utils.set_random_seed(options.seed)
        if options.bfloat16:
            keras.config.set_dtype_policy("mixed_bfloat16")
        model, rows = build(options.width, len(data.labels)), []
        if options.start:
            begin = widened(dict(np.load(options.start)), filters(model), np.random.default_rng(options.seed))
            unfold(model, begin, pictures[:: max(1, len(pictures) // 1000)])
        prepare(model, options)
        np.savez(out / "epoch_00.npz", **half(fold(model)), labels=data.labels)
    exclude(model.optimizer)  # a checkpoint forgets this
    started = time.monotonic()
    for epoch in range(len(rows), options.epochs):
        size = crop_size(epoch, options)
        if size == SIDE and options.freeze and model.get_layer("block1_conv1").trainable:
            freeze(model, options.freeze)
            prepare(model, options)
        source = Epoch(pictures, numbers, size, options.batch, (options.seed, epoch))
        steps, begun = len(source), time.monotonic()
        model.get_layer("dropout").seed_generator.state.assign((options.seed, steps * epoch))  # and the place in chance
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


def crop_size(epoch: int, options: argparse.Namespace) -> int:
    """Side of the crops in pixels: they grow from stage to stage."""
    stages = LATER_STAGES if options.start else STAGES
    return next(size for end, size in stages if epoch < end * options.epochs)


def prepare(model: keras.Model, options: argparse.Namespace) -> None:
    """Give the network a new optimizer and its loss."""
    optimizer = keras.optimizers.AdamW(weight_decay=options.weight_decay)
    exclude(optimizer)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.05)
    model.compile(optimizer, loss, jit_compile=keras.backend.backend() == "jax")


def exclude(optimizer: keras.Optimizer) -> None:
    """Weight decay is for kernels alone."""
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])


def freeze(model: keras.Model, blocks: int) -> None:
    """Let the first blocks keep their weights and the statistics of their batch normalisation.

    Early layers settle first, and at full size they cost most (FreezeOut: Brock, Lim, Ritchie and Weston 2017).
    """
    names = tuple(f"block{number}_" for number in range(1, blocks + 1))
    for layer in model.layers:
        if layer.name.startswith(names):
            layer.trainable = False


def half(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same in half precision: half the bytes, the same accuracy (figures in the model card)."""
    return {name: array.astype(np.float16) for name, array in arrays.items()}


def write_log(path: Path, rows: list[dict]) -> None:
    """Write the log as comma-separated values."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def processor_has_bfloat16() -> bool:
    """Whether Linux says that the processor computes in bfloat16."""
    flags = Path("/proc/cpuinfo")
    return flags.exists() and "bf16" in flags.read_text()


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="Tiny ImageNet's zip or folder; by default it is downloaded (236 MB)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoint, the log and the networks")
    parser.add_argument("--width", type=float, nargs="+", default=[0.25], help="share of VGG16's filters; one or five")
    parser.add_argument("--epochs", type=int, default=30, help="passes over the pictures")
    parser.add_argument("--minutes", type=float, help="stop after the epoch in which these are over")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    parser.add_argument("--start", type=Path, help="a network, epoch_NN.npz, to train further")
    parser.add_argument("--freeze", type=int, default=0, help="blocks that keep their weights at the largest crops")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=3e-3, help="peak of the learning rate")
    parser.add_argument("--weight-decay", type=float, default=0.05)
    parser.add_argument("--bfloat16", action=argparse.BooleanOptionalAction, default=processor_has_bfloat16())
    options = parser.parse_args(arguments)
    if len(options.width) not in (1, len(BLOCKS)) or not min(options.width) >= 1 / 64:
        parser.error(f"--width is {options.width}; give one share or {len(BLOCKS)}, each 1/64 or more")
    for name, least in {"epochs": 1, "seed": 0, "freeze": 0, "batch": 1, "rate": 0}.items():
        if not getattr(options, name) >= least:
            parser.error(f"--{name} is {getattr(options, name)}; it must be {least:g} or more")
    if options.resume and not all((options.out / name).exists() for name in ("checkpoint.keras", "log.csv")):
        parser.error(f"there is no checkpoint in {options.out} to resume from")
    if options.start and not options.start.is_file():
        parser.error(f"there is no network {options.start} to start from")
    options.out.mkdir(parents=True, exist_ok=True)
    data = TinyImageNet(options.data or download(HOME, options.out / Path(HOME).name))
    if options.batch > len(data.train[0]):
        parser.error(f"--batch is {options.batch}; there are only {len(data.train[0])} training pictures")
    train(data, options.out, options)


if __name__ == "__main__":
    main()
