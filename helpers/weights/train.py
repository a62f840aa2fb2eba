"""Train the bundled network on Tiny ImageNet: VGG16's layers, narrower, with batch normalisation that is folded away.

    python helpers/weights/train.py --data tiny-imagenet-200.zip --out test-results/training

writes ``log.csv``, ``checkpoint.keras`` (for ``--resume``) and, for every epoch, ``epoch_NN.npz``: the network as it
ships. This package must be installed; any backend of Keras 3 will do (the environment variable ``KERAS_BACKEND``).
"""

from __future__ import annotations

import argparse
import io
import re
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas
from PIL import Image

from helpers import conv_layers, keras
from helpers.backend import progress_bar
from helpers.downloads import fetch, whole

HOME = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
SIDE = 64  # pixels of a picture
BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))  # VGG16: convolutions in each block, filters of each
WIDTH = (0.25, 0.25, 0.25, 0.5, 0.5)  # share of VGG16's filters in each block
MEAN = (103.939, 116.779, 123.68)  # ImageNet's mean colour, in VGG16's order: blue, green, red
SCALE = 64.0  # inputs are divided by this while training, so that the first layer starts well scaled
EPSILON = 1e-3  # of the batch normalisation
SHIFT = 4  # pixels by which a picture may be shifted beyond its edge
STAGES = ((0.4, 48), (1.0, SIDE))  # until this share of the training: crops of this many pixels
CUTMIX = 0.5  # share of the batches whose pictures are mixed


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
        ValueError
            If the source or a file in it is missing or damaged, or a class has no training pictures; the message names
            the file.
        """
        root, self._latest = Path(source), "the file"  # what is being read, for the message
        try:
            self._root = root if root.is_dir() else zipfile.Path(root, "tiny-imagenet-200/")
            self.classes = self._read("wnids.txt").decode().split()
            words = dict(line.split("\t") for line in self._read("words.txt").decode().splitlines())
            self.labels = [words[name].split(",")[0] for name in self.classes]
            rows = [line.split("\t") for line in self._read("val/val_annotations.txt").decode().splitlines()]
            self.validation = self._decode([(f"val/images/{row[0]}", row[1]) for row in rows], "validation")
            self.train = self._decode(self._training_pictures(), "training") if training else None
        except Exception as error:
            fault = f"{self._latest} is missing or damaged ({type(error).__name__}: {error})"
            raise ValueError(f"{source}: {fault}. Get {HOME} (236 MB), and name its place by --data.") from error

    def _read(self, name: str) -> bytes:
        self._latest = name
        return (self._root / name).read_bytes()

    def _training_pictures(self) -> list[tuple[str, str]]:
        self._latest, root = "train", self._root
        names = map(Path.as_posix, root.glob("train/*/images/*")) if isinstance(root, Path) else root.root.namelist()
        named = sorted(re.findall(r"(train/([^/\n]+)/images/[^/\n]+\.JPEG)$", "\n".join(names), re.MULTILINE))
        if missing := set(self.classes) - {name for _, name in named}:
            raise ValueError(f"no pictures of {', '.join(sorted(missing))}")
        return named

    def _decode(self, named: list[tuple[str, str]], what: str) -> tuple[np.ndarray, np.ndarray]:
        numbers = np.array([self.classes.index(name) for _, name in named])
        pictures = np.empty((len(named), SIDE, SIDE, 3), np.uint8)
        for position, (file, _) in enumerate(progress_bar(iterable=named, desc=f"decoding {what} pictures")):
            pictures[position] = Image.open(io.BytesIO(self._read(file))).convert("RGB")
        return pictures, numbers


def build(width: Sequence[float], classes: int) -> keras.Model:
    """VGG16's layers and names with batch normalisation before each ReLU.

    Parameters
    ----------
    width
        Share of VGG16's filters, for all blocks or for each: 0.25 gives 16 in the first block and 128 in the last.
    classes
        Outputs of the head.

    Returns
    -------
    keras.Model
        Takes BGR pictures in 0 to 255 of any size, gives logits ``(n, classes)`` in float32.
    """
    layers, plain = keras.layers, {"padding": "same", "use_bias": False, "kernel_initializer": "he_normal"}
    tensor = inputs = keras.Input((None, None, 3), name="input")
    tensor = layers.Rescaling(1 / SCALE, [-mean / SCALE for mean in MEAN], dtype="float32", name="centred")(tensor)
    for block, (count, full) in enumerate(BLOCKS):
        filters = round(full * np.broadcast_to(width, len(BLOCKS))[block])
        for name in (f"block{block + 1}_conv{number}" for number in range(1, count + 1)):
            tensor = layers.Conv2D(filters, 3, name=name, **plain)(tensor)
            tensor = layers.BatchNormalization(momentum=0.97, epsilon=EPSILON, name=f"{name}_normalised")(tensor)
            tensor = layers.ReLU(name=f"{name}_relu")(tensor)
        tensor = layers.MaxPooling2D(2, name=f"block{block + 1}_pool")(tensor)
    tensor = layers.GlobalAveragePooling2D(name="avg_pool")(tensor)
    tensor = layers.Dropout(0.2, name="dropout")(tensor)
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
        ``<layer>/kernel`` ``(height, width, channels, filters)`` and ``<layer>/bias`` ``(filters,)`` of plain
        convolutions, for VGG16's preprocessing; float32.
    """
    arrays = {}
    for name in conv_layers(model):
        gamma, beta, mean, variance = model.get_layer(f"{name}_normalised").get_weights()
        factor = gamma / np.sqrt(variance + EPSILON)
        arrays[f"{name}/kernel"] = model.get_layer(name).get_weights()[0] * factor
        arrays[f"{name}/bias"] = beta - mean * factor
    arrays["block1_conv1/kernel"] /= SCALE
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


def mixed(crops: np.ndarray, targets: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """CutMix (Yun et al., ICCV 2019): a square of each picture is another one's, and so is that share of its target.

    Parameters
    ----------
    crops, targets
        ``(n, size, size, 3)`` and float32 ``(n, classes)``.
    random
        Source of chance: the square's area is uniform, and so is its place.

    Returns
    -------
    tuple of numpy.ndarray
        Like ``crops`` and ``targets``.
    """
    size = crops.shape[1]
    side = round(size * random.random() ** 0.5)
    y, x = random.integers(size - side + 1, size=2)
    crops, share = crops.copy(), (side / size) ** 2
    crops[:, y : y + side, x : x + side] = np.roll(crops, 1, axis=0)[:, y : y + side, x : x + side]
    return crops, np.float32(1 - share) * targets + np.float32(share) * np.roll(targets, 1, axis=0)


def batches(pictures: np.ndarray, numbers: np.ndarray, size: int, batch: int, seed: tuple, title: str) -> Iterator:
    """One pass over the training pictures in a random order, with a progress bar.

    Parameters
    ----------
    pictures, numbers
        uint8 ``(n, side, side, 3)``, RGB, and class numbers ``(n,)``.
    size
        Side of the crops in pixels.
    batch
        Pictures in a batch; what is left over at the end is not shown.
    seed
        Decides the order and the crops: the seed of the training and the number of the epoch.
    title
        Stands before the progress bar.

    Yields
    ------
    tuple of numpy.ndarray
        Crops uint8 ``(batch, size, size, 3)``, BGR, and targets float32 ``(batch, classes)``: 1 at the
        class, or shared by two classes.
    """
    order, targets = np.random.default_rng(seed).permutation(len(pictures)), np.eye(numbers.max() + 1, dtype=np.float32)
    for index in progress_bar(iterable=range(len(order) // batch), desc=title):
        chosen = order[index * batch : (index + 1) * batch]
        random = np.random.default_rng((*seed, index))
        crops, wanted = varied(pictures[chosen], size, random), targets[numbers[chosen]]
        if random.random() < CUTMIX:
            crops, wanted = mixed(crops, wanted, random)
        yield crops[..., ::-1], wanted


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


def begin(data: TinyImageNet, options: argparse.Namespace) -> keras.Model:
    """The network before the first epoch, its optimizer and its loss.

    One cycle for the learning rate (Smith and Topin 2017): a tenth of the training up to the peak, then a half cosine
    down to nothing.
    """
    keras.utils.set_random_seed(options.seed)
    keras.config.set_dtype_policy("mixed_bfloat16" if options.bfloat16 else "float32")
    model = build(options.width, len(data.labels))
    steps = options.epochs * (len(data.train[0]) // options.batch)
    warm = max(1, steps // 10)
    rate = keras.optimizers.schedules.CosineDecay(0.0, steps - warm, warmup_target=options.rate, warmup_steps=warm)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=options.weight_decay)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.05)
    model.compile(optimizer, loss, jit_compile=keras.backend.backend() == "jax")
    write_network(options.out / "epoch_00.npz", model, data.labels)
    return model


def write_network(path: Path, model: keras.Model, labels: list[str]) -> None:
    """Write the network as it ships: folded, in half precision (half the bytes, the same accuracy)."""
    with whole(path) as part:
        np.savez(part, labels=labels, **{name: array.astype(np.float16) for name, array in fold(model).items()})


def train(data: TinyImageNet, options: argparse.Namespace) -> None:
    """Train, and after every epoch write the network as it ships, the checkpoint and the log with a row more."""
    rows = pandas.read_csv(options.out / "log.csv", dtype=str).to_dict("records") if options.resume else []
    checkpoint = options.out / "checkpoint.keras"
    model = keras.models.load_model(checkpoint) if options.resume else begin(data, options)
    started, steps = time.monotonic(), len(data.train[0]) // options.batch
    for epoch in range(len(rows), options.epochs):
        begun = time.monotonic()
        size = next(size for end, size in STAGES if epoch < end * options.epochs)
        model.optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])  # a checkpoint forgets this
        model.get_layer("dropout").seed_generator.state.assign((options.seed, steps * epoch))  # and the place in chance
        title = f"epoch {epoch + 1} of {options.epochs}, {size} px"
        shown = batches(*data.train, size, options.batch, (options.seed, epoch), title)
        loss = model.fit(shown, steps_per_epoch=steps, shuffle=False, verbose=0).history["loss"][0]
        top1, top5 = shares_right(model.predict(data.validation[0][..., ::-1], verbose=0), data.validation[1])
        seconds = round(time.monotonic() - begun)
        print(f"{title}: loss {loss:.3f}, top-1 {top1:.1%}, top-5 {top5:.1%}, {seconds} s")
        rows.append({"epoch": epoch + 1, "size": size, "loss": loss, "top1": top1, "top5": top5, "seconds": seconds})
        write_network(options.out / f"epoch_{epoch + 1:02}.npz", model, data.labels)
        with whole(checkpoint) as part:
            model.save(part)
        with whole(options.out / "log.csv") as part:
            pandas.DataFrame(rows).to_csv(part, index=False)
        if options.minutes and time.monotonic() - started > 60 * options.minutes:
            print(f"{options.minutes} minutes are over; --resume goes on.")
            return


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    has_bfloat16 = any("bf16" in file.read_text() for file in Path("/proc").glob("cpuinfo"))  # Linux lists it there
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="Tiny ImageNet's zip or folder; by default it is downloaded (236 MB)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoint, the log and the networks")
    parser.add_argument("--width", type=float, nargs="+", default=WIDTH, help="share of VGG16's filters; one or five")
    parser.add_argument("--epochs", type=int, default=66, help="passes over the pictures")
    parser.add_argument("--minutes", type=float, help="stop after the epoch in which these are over")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rate", type=float, default=4e-3, help="peak of the learning rate")
    parser.add_argument("--weight-decay", type=float, default=0.05)
    parser.add_argument("--bfloat16", action=argparse.BooleanOptionalAction, default=has_bfloat16)
    options = parser.parse_args(arguments)
    if len(options.width) not in (1, len(BLOCKS)) or not min(options.width) >= 1 / 64:
        parser.error(f"--width is {options.width}; give one share or {len(BLOCKS)}, each 1/64 or more")
    for name, least in {"epochs": 1, "seed": 0, "batch": 1, "rate": 0}.items():
        if not getattr(options, name) >= least:
            parser.error(f"--{name} is {getattr(options, name)}; it must be {least:g} or more")
    if options.resume and not (options.out / "log.csv").is_file():
        parser.error(f"there is no {options.out / 'log.csv'} to go on from")
    data = TinyImageNet(options.data or fetch(HOME, options.out / Path(HOME).name, None, lambda: "236 MB"))
    if options.batch > len(data.train[0]):
        parser.error(f"--batch is {options.batch}; there are only {len(data.train[0])} training pictures")
    train(data, options)


if __name__ == "__main__":
    main()
