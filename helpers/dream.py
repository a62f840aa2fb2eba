"""DeepDream: a photo is changed so that some layers, a filter or a class see more of what they already see in it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from .backend import keras, tf
from .errors import check_numbers
from .images import load_image
from .objectives import Objective, check, check_places, layer_weights, responses_of, whole_layer
from .progress import progress_bar


def deep_dream(
    model: keras.Model,
    image: Any,
    layers: str | Iterable[str] | dict[str, float] | Objective,
    *,
    octaves: int = 3,
    scale: float = 1.4,
    iters: int = 10,
    rate: float = 0.01,
    jitter: int = 32,
    tile: int = 400,
    seed: int = 0,
    preview: Callable[[np.ndarray], None] | None = None,
) -> np.ndarray:
    """A picture in which the network sees more of what it saw in the photo (Mordvintsev, Olah and Tyka 2015).

    From the smallest octave to the full size: climb, enlarge what was changed, and lay it on the photo at that size, so
    that detail which a smaller octave could not hold is put back (Mordvintsev, Olah and Tyka, "DeepDream - a code
    example for visualizing neural networks", 2015). The network's preprocessing lies inside the gradient.

    Parameters
    ----------
    model
        From :func:`helpers.load_model`. One that takes a single size of pictures sees them resized to it.
    image
        float32 ``(height, width, 3)``, RGB in [0, 1], or whatever :func:`helpers.load_image` takes.
    layers
        A layer's name, several names, or ``{name: weight}``: the mean squares of these layers' maps are raised. Or an
        objective: ``channel("block4_conv1", 3)``, ``class_logit("teapot")``, their sums, differences and multiples; one
        without whole layers is taken before the activation, so that a silent filter has a gradient too.
    octaves, scale
        How many sizes, and how much larger each is than the one before.
    iters, rate
        Steps at each size; a step moves a number by ``rate`` on average: the gradient is divided by its mean magnitude.
    jitter
        Each step the picture is rolled by up to so many pixels (by up to a tile where there are several, so that the
        seams are never twice in one place); 0: not at all.
    tile
        The gradient of a larger picture is computed in tiles of at most so many pixels a side: memory does not grow.
    seed
        Of the rolls: the same seed gives the same picture.
    preview
        Is called after each step with the picture so far, at the size of its octave.

    Returns
    -------
    numpy.ndarray
        float32 ``(height, width, 3)``, RGB in [0, 1]. If the kernel is interrupted: the picture so far, in full size.

    Raises
    ------
    LayerNotFound, FilterOutOfRange
        If the network has no such layer or channel.
    ImageError
        If ``image`` is no picture.
    ValueError
        If another argument makes no sense, or the smallest octave has fewer than 32 pixels a side.
    """
    check_numbers(octaves=(octaves, 1, 20), iters=(iters, 1, 10_000), jitter=(jitter, 0, 512), tile=(tile, 64, 4096))
    check_numbers(scale=(scale, 1.0, 4.0), rate=(rate, 0.0, 1.0), seed=(seed, 0, 2**31 - 1))
    image, goal = load_image(image), _goal(model, layers)
    shapes = octave_shapes(image.shape, octaves, scale)
    check_places(model, goal, model.input_shape[1] or min(*shapes[0], tile // 2))
    gradient, random = _gradient(model, goal), np.random.default_rng(seed)
    change = np.zeros((*shapes[0], 3), np.float32)
    with progress_bar(total=octaves * iters, desc=str(goal), unit="step") as bar:
        for shape in shapes:
            own = np.clip(resized(image, shape), 0, 1)
            picture = np.clip(own + resized(change, shape), 0, 1)
            try:
                for _ in range(iters):
                    reach = np.where(np.array(shape) <= tile, jitter, tile * (jitter > 0))
                    slope = tiled_gradient(gradient, picture, tile, random.integers(-reach, reach + 1))
                    picture = np.clip(picture + rate * slope / max(np.abs(slope).mean(), 1e-30), 0, 1)
                    bar.update()
                    if preview:
                        preview(picture)
            except KeyboardInterrupt:
                print(f"Stopped at {shape[0]} x {shape[1]} pixels: the picture so far.")
                iters = 0  # what is left is to enlarge it
            change = picture - own
    return picture


def dream_zoom(
    model: keras.Model, image: Any, layers: Any, frames: int = 12, zoom: float = 1.1, **options: Any
) -> list[np.ndarray]:
    """Dream, enlarge the middle, dream again: the frames of a flight into the dream, for :func:`helpers.animation`.

    Parameters
    ----------
    frames
        How many dreams follow the photo.
    zoom
        Enlargement from one frame to the next, from 1 to 2.
    model, image, layers, options
        As for :func:`deep_dream`; the seed grows by one from frame to frame.

    Returns
    -------
    list of numpy.ndarray
        ``frames + 1`` pictures, float32 ``(height, width, 3)``, RGB in [0, 1], the photo first. Fewer if the kernel is
        interrupted.

    Raises
    ------
    LayerNotFound, FilterOutOfRange, ImageError, ValueError
        As :func:`deep_dream`.
    """
    check_numbers(frames=(frames, 1, 1000), zoom=(zoom, 1.0, 2.0))
    options, edge, made = deep_dream.__kwdefaults__ | options, (1 - 1 / zoom) / 2, [load_image(image)]
    steps: list[np.ndarray] = []
    for number in range(frames):
        middle = tf.image.crop_and_resize(made[-1][None], [[edge, edge, 1 - edge, 1 - edge]], [0], made[0].shape[:2])
        changed = options | {"seed": options["seed"] + number, "preview": steps.append}
        steps.clear()
        made.append(deep_dream(model, middle[0].numpy(), layers, **changed))
        if len(steps) < options["octaves"] * options["iters"]:
            break
    return made


def _goal(model: keras.Model, layers: Any) -> Objective:
    if not isinstance(layers, Objective):
        terms = [weight * whole_layer(name) for name, weight in layer_weights(model, layers).items()]
        layers = sum(terms[1:], terms[0])
    return check(model, layers)


def _gradient(model: keras.Model, goal: Objective) -> Callable[[Any], Any]:
    """Pictures (1, h, w, 3) -> gradient of that shape; compiled once for each kind of objective, for any size."""
    form = tuple((term.kind, term.layer_name, term.place, term.weight) for term in goal.terms)
    kept, sides = model.__dict__.setdefault("_dreams", {}), model.input_shape[1:3]
    indices = tf.constant([[term.index or 0] for term in goal.terms])
    if form not in kept:
        respond = responses_of(model, goal, before_activation=all(term.kind != "layer" for term in goal.terms))

        def gradient(images: Any, indices: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(images)
                response, _ = respond(images if None in sides else tf.image.resize(images, sides), indices)
            return tape.gradient(response, images)

        kept[form] = tf.function(gradient).get_concrete_function(tf.TensorSpec((1, None, None, 3)), indices)
    return lambda images: kept[form](images, indices)


def octave_shapes(shape: tuple[int, ...], octaves: int, scale: float) -> list[tuple[int, int]]:
    """Height and width of each octave, the smallest first; ValueError if that has fewer than 32 pixels a side."""
    shapes = [(round(shape[0] / scale**power), round(shape[1] / scale**power)) for power in reversed(range(octaves))]
    if min(shapes[0]) < 32:
        smallest = f"{shapes[0][0]} x {shapes[0][1]} pixels; 32 a side are the least"
        raise ValueError(f"With octaves {octaves} and scale {scale} the smallest picture has {smallest}.")
    return shapes


def resized(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """float32 ``(h, w, 3)`` at another size (bicubic, antialiased), which may overshoot [0, 1]; the same size as is."""
    return tf.image.resize(image, shape, method="bicubic", antialias=True).numpy()


def tiled_gradient(gradient: Callable, picture: np.ndarray, tile: int, shift: Sequence[int]) -> np.ndarray:
    """The gradient of a picture ``(h, w, 3)``, rolled by `shift`, computed in equal tiles of at most `tile` a side.

    Equal to that of the whole picture, times the number of tiles, but near their edges: what lies beyond is missing.
    """
    rolled, whole = np.roll(picture, shift, axis=(0, 1)), np.array(picture.shape[:2])
    counts = -(-whole // tile)
    height, width = sides = -(-whole // counts)
    starts = [np.linspace(0, end, count, dtype=int) for end, count in zip(whole - sides, counts, strict=True)]
    found = np.empty_like(rolled)
    for top, left in itertools.product(*starts):
        part = np.s_[top : top + height, left : left + width]
        found[part] = gradient(tf.constant(rolled[part][None]))[0]
    return np.roll(found, np.negative(shift), axis=(0, 1))
