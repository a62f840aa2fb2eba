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
MEAN = (103.939, 116.779, 123.68)  # ImageNet's mean colour, in VGG16's order: blue, green, red
SCALE = 64.0  # inputs are divided by this while training, so that the first layer starts well scaled
EPSILON = 1e-3  # of the batch normalisation
SHIFT = 4  # pixels by which a picture may be shifted beyond its edge
STAGES = ((0.25, 40), (0.65, 48), (1.0, SIDE))  # until this share of the training: crops of this many pixels
LATER_STAGES = ((0.5, 48), (1.0, SIDE))  # the same where the training starts from a network


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


def unfold(model: keras.Model, arrays: dict[str, np.ndarray], pictures: np.ndarray) -> None:
    """Give a network from :func:`build` the kernels of a folded one, so that its training can go on.

    Each batch normalisation gets the statistics of what comes in, over some pictures, and a scale and an offset that
    leave it as it is: :func:`fold` gives the same arrays back.

    Parameters
    ----------
    model
        From :func:`build`, as wide as the kernels; its weights are set.
    arrays
        From :func:`fold`, in single or half precision.
    pictures
        uint8 ``(n, height, width, 3)``, RGB; a thousand will do.
    """
    for name in conv_layers(model):
        layer, scale = model.get_layer(name), SCALE if name == "block1_conv1" else 1.0
        layer.set_weights([np.float32(arrays[f"{name}/kernel"]) * scale])
        incoming = keras.Model(model.input, layer.output).predict(pictures[..., ::-1], batch_size=100, verbose=0)
        mean, variance = (np.float32(reduce(incoming, (0, 1, 2), np.float64)) for reduce in (np.mean, np.var))
        values = [np.sqrt(variance + EPSILON), np.float32(arrays[f"{name}/bias"]) + mean, mean, variance]
        model.get_layer(f"{name}_normalised").set_weights(values)
    model.get_layer("predictions").set_weights([arrays["predictions/kernel"], arrays["predictions/bias"]])


def widened(arrays: dict[str, np.ndarray], model: keras.Model, random: np.random.Generator) -> dict[str, np.ndarray]:
    """The same network with more filters (Net2WiderNet: Chen, Goodfellow and Shlens, ICLR 2016).

    A new filter is a copy of an old one; what reads them divides by the number of copies, so that the network computes
    what it did. A little noise then lets the copies grow apart. Layers that are wide enough stay as they are.

    Parameters
    ----------
    arrays
        From :func:`fold`, in single or half precision.
    model
        From :func:`build`: how many filters each convolution shall have.
    random
        Which filters are copied, and the noise: 5% of each weight that is a copy's.

    Returns
    -------
    dict of str to numpy.ndarray
        As from :func:`fold`, float32.

    Raises
    ------
    ValueError
        If a layer has more filters than it shall have.
    """
    wider, before = {}, np.arange(3)
    for name in (*conv_layers(model), "predictions"):
        kernel, bias = np.float32(arrays[f"{name}/kernel"]), np.float32(arrays[f"{name}/bias"])
        old, new = len(bias), getattr(model.get_layer(name), "filters", len(bias))
        if new < old:
            raise ValueError(f"{name} has {old} filters, which cannot become {new}: a network only grows.")
        after = np.concatenate([np.arange(old), random.integers(old, size=new - old)])
        copies = np.bincount(before)[before][:, None]
        grown = (kernel[..., before, :] / copies)[..., after]
        is_copy = (copies > 1) | (np.bincount(after)[after] > 1)
        wider[f"{name}/kernel"] = grown * (1 + 0.05 * is_copy * random.standard_normal(grown.shape, np.float32))
        wider[f"{name}/bias"], before = bias[after], after
    return wider


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
        Crops uint8 ``(batch, size, size, 3)``, BGR, and targets float32 ``(batch, classes)``: 1 at the class.
    """
    order, targets = np.random.default_rng(seed).permutation(len(pictures)), np.eye(numbers.max() + 1, dtype=np.float32)
    for index in progress_bar(iterable=range(len(order) // batch), desc=title):
        chosen = np.sort(order[index * batch : (index + 1) * batch])
        crops = varied(pictures[chosen], size, np.random.default_rng((*seed, index)))
        yield crops[..., ::-1], targets[numbers[chosen]]


def one_cycle(peak: float, epochs: int, epoch: int, steps: int) -> keras.callbacks.Callback:
    """One cycle for the learning rate: a tenth of the training up to the peak, then a half cosine down to nothing.

    Parameters
    ----------
    peak
        The highest rate.
    epochs, epoch, steps
        Length of the training, epochs before this one, batches in each. The optimizer does not know: when blocks are
        frozen there is a new one, and ``--epochs`` may change when a training is resumed.
    """

    def set_rate(batch: int, logs: dict | None) -> None:
        share = (steps * epoch + batch) / (steps * epochs)
        rising, falling = share / 0.1, 0.5 + 0.5 * np.cos(np.pi * (share - 0.1) / 0.9)
        callback.model.optimizer.learning_rate = peak * max(min(rising, falling), 1e-3)

    callback = keras.callbacks.LambdaCallback(on_train_batch_begin=set_rate)
    return callback


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


def prepare(model: keras.Model, options: argparse.Namespace, frozen: int = 0) -> None:
    """Give the network a new optimizer and its loss, and let its first blocks keep what they have learned.

    Early layers settle first, and at full size they cost most (FreezeOut: Brock, Lim, Ritchie and Weston 2017).
    """
    for layer in model.layers:
        layer.trainable = not layer.name.startswith(tuple(f"block{number}_" for number in range(1, frozen + 1)))
    optimizer = keras.optimizers.AdamW(weight_decay=options.weight_decay)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.05)
    model.compile(optimizer, loss, jit_compile=keras.backend.backend() == "jax")


def begin(data: TinyImageNet, options: argparse.Namespace) -> keras.Model:
    """The network before the first epoch: a new one, or one that has grown from another."""
    keras.utils.set_random_seed(options.seed)
    keras.config.set_dtype_policy("mixed_bfloat16" if options.bfloat16 else "float32")
    model = build(options.width, len(data.labels))
    if options.start:
        arrays = widened(dict(np.load(options.start)), model, np.random.default_rng(options.seed))
        unfold(model, arrays, data.train[0][:: max(1, len(data.train[0]) // 1000)])
    prepare(model, options)
    write_network(options.out / "epoch_00.npz", model, data.labels)
    return model


def write_network(path: Path, model: keras.Model, labels: list[str]) -> None:
    """Write the network as it ships: folded, in half precision (half the bytes, the same accuracy)."""
    with whole(path) as part:
        np.savez(part, labels=labels, **{name: array.astype(np.float16) for name, array in fold(model).items()})


def train(data: TinyImageNet, options: argparse.Namespace) -> None:
    """Train, and after every epoch write the network as it ships, the checkpoint and the log with a row more."""
    rows = pandas.read_csv(options.out / "log.csv", dtype=str).to_dict("records") if options.resume else []
    model = keras.models.load_model(options.out / "checkpoint.keras") if options.resume else begin(data, options)
    started, steps = time.monotonic(), len(data.train[0]) // options.batch
    for epoch in range(len(rows), options.epochs):
        begun = time.monotonic()
        size = next(size for end, size in (LATER_STAGES if options.start else STAGES) if epoch < end * options.epochs)
        if size == SIDE and options.freeze and model.get_layer("block1_conv1").trainable:
            prepare(model, options, options.freeze)
        model.optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])  # a checkpoint forgets this
        model.get_layer("dropout").seed_generator.state.assign((options.seed, steps * epoch))  # and the place in chance
        title = f"epoch {epoch + 1} of {options.epochs}, {size} px"
        shown = batches(*data.train, size, options.batch, (options.seed, epoch), title)
        rate = one_cycle(options.rate, options.epochs, epoch, steps)
        loss = model.fit(shown, steps_per_epoch=steps, shuffle=False, callbacks=[rate], verbose=0).history["loss"][0]
        top1, top5 = shares_right(model.predict(data.validation[0][..., ::-1], verbose=0), data.validation[1])
        seconds = round(time.monotonic() - begun)
        print(f"{title}: loss {loss:.3f}, top-1 {top1:.1%}, top-5 {top5:.1%}, {seconds} s")
        rows.append({"epoch": epoch + 1, "size": size, "loss": loss, "top1": top1, "top5": top5, "seconds": seconds})
        write_network(options.out / f"epoch_{epoch + 1:02}.npz", model, data.labels)
        with whole(options.out / "checkpoint.keras") as part:
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
    parser.add_argument("--bfloat16", action=argparse.BooleanOptionalAction, default=has_bfloat16)
    options = parser.parse_args(arguments)
    if len(options.width) not in (1, len(BLOCKS)) or not min(options.width) >= 1 / 64:
        parser.error(f"--width is {options.width}; give one share or {len(BLOCKS)}, each 1/64 or more")
    for name, least in {"epochs": 1, "seed": 0, "freeze": 0, "batch": 1, "rate": 0}.items():
        if not getattr(options, name) >= least:
            parser.error(f"--{name} is {getattr(options, name)}; it must be {least:g} or more")
    source = options.out / "log.csv" if options.resume else options.start
    if source and not source.is_file():
        parser.error(f"there is no {source} to go on from")
    data = TinyImageNet(options.data or fetch(HOME, options.out / Path(HOME).name, None, lambda: "236 MB"))
    if options.batch > len(data.train[0]):
        parser.error(f"--batch is {options.batch}; there are only {len(data.train[0])} training pictures")
    train(data, options)


if __name__ == "__main__":
    main()
