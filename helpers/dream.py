"""DeepDream: a photo is changed so that some layers, a filter or a class see more of what they already see in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from .backend import keras, progress_bar, tf
from .errors import check_real, check_whole
from .images import load_image
from .objectives import Objective, Term, check, check_places, layer_shares, responses_of


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
        A layer's name, several names, or ``{name: weight}`` with weights of 0 or more: the mean squares of these
        layers' maps are raised. Or an objective: ``channel("block4_conv1", 3)``, ``class_logit("teapot")``, sums,
        differences and multiples of these and of ``whole_layer``. One without whole layers is taken before the
        activation, so that a silent filter has a gradient too.
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
    for name, value, least in (("iters", iters, 1), ("jitter", jitter, 0), ("tile", tile, 64), ("seed", seed, 0)):
        check_whole(name, value, least)
    check_whole("octaves", octaves, 1, 20)
    check_real("scale", scale, 1)
    check_real("rate", rate)
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
            except KeyboardInterrupt:
                print(f"Stopped at {shape[0]} x {shape[1]} pixels: the picture so far.")
                iters = 0  # what is left is to enlarge it
            change = picture - own
    return picture


def _goal(model: keras.Model, layers: Any) -> Objective:
    if not isinstance(layers, Objective):
        shares = layer_shares(model, layers)
        layers = Objective(tuple(Term("layer", name, None, weight=share) for name, share in shares.items()))
    return check(model, layers)


def _gradient(model: keras.Model, goal: Objective) -> Callable[[Any], Any]:
    """Pictures (1, h, w, 3) -> gradient of that shape; compiled once for each objective, for any size."""
    kept, sides = model.__dict__.setdefault("_dreams", {}), model.input_shape[1:3]
    if goal not in kept:
        respond = responses_of(model, goal, before_activation=all(term.kind != "layer" for term in goal.terms))
        indices = tf.constant([[term.index or 0] for term in goal.terms])

        def gradient(images: Any) -> Any:
            response, _ = respond(images if None in sides else tf.image.resize(images, sides), indices)
            return tf.gradients(response, images)[0]

        kept[goal] = tf.function(gradient).get_concrete_function(tf.TensorSpec((1, None, None, 3)))
    return kept[goal]


def octave_shapes(shape: tuple[int, ...], octaves: int, scale: float) -> list[tuple[int, int]]:
    """Height and width of each octave, the smallest first; ValueError if that has fewer than 32 pixels a side."""
    shapes = [(round(shape[0] / scale**power), round(shape[1] / scale**power)) for power in reversed(range(octaves))]
    if min(shapes[0]) < 32:
        raise ValueError(f"With octaves {octaves} and scale {scale} the smallest has fewer than 32 pixels a side.")
    return shapes


def resized(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """float32 ``(h, w, 3)`` at another size (bicubic, antialiased), which may overshoot [0, 1]; the same size as is."""
    return tf.image.resize(image, shape, method="bicubic", antialias=True).numpy()


def tiled_gradient(gradient: Callable, picture: np.ndarray, tile: int, shift: Sequence[int]) -> np.ndarray:
    """The gradient of a picture ``(h, w, 3)``, rolled by `shift`, computed in even tiles of at most `tile` a side.

    Equal to that of the whole picture, times the number of tiles, but near their edges: what lies beyond is missing.
    """
    rolled = np.roll(picture, shift, axis=(0, 1))
    rows, columns = (-(-side // tile) for side in picture.shape[:2])
    strips = [np.array_split(strip, columns, axis=1) for strip in np.array_split(rolled, rows)]
    found = [np.concatenate([gradient(tf.constant(part[None]))[0] for part in strip], axis=1) for strip in strips]
    return np.roll(np.concatenate(found), np.negative(shift), axis=(0, 1))
