"""Which pixels a network's answer rests on: ten maps, from the plain gradient to the mean of the last feature maps."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from numbers import Integral, Real

import numpy as np

from .backend import keras, tf
from .images import load_image
from .probe import PICTURE, Probe, batches


@dataclasses.dataclass
class Question:
    """Which pixels does this score rest on? The arguments are those of :func:`saliency_map`, checked here."""

    model: keras.Model
    image: np.ndarray
    method: str = "gradient"
    target: int | str | None = None
    layer_name: str | None = None
    samples: int = 32
    noise: float = 0.15
    window: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"method is {self.method!r}; it must be one of {', '.join(METHODS)}.")
        self.image = load_image(self.image)  # checks an array
        shorter, longer = sorted(self.image.shape[:2])
        self.window = min(shorter, -(-longer // 6)) if self.window is None else self.window
        limits = {"samples": (1, 10_000), "window": (1, shorter), "seed": (0, 2**31 - 1), "noise": (0.0, 10.0)}
        for name, (least, most) in limits.items():
            value, kind = getattr(self, name), Integral if isinstance(most, int) else Real
            if isinstance(value, bool) or not isinstance(value, kind) or not least <= value <= most:
                whole = "whole " * (kind is Integral)
                raise ValueError(f"{name} is {value!r}; it must be a {whole}number from {least:,} to {most:,}.")
        self.probe = Probe(self.model)
        self.number = self.probe.number(self.image, self.target)

    def mean_gradient(self, pictures: Iterator[np.ndarray]) -> np.ndarray:
        """The mean of the gradients for as many pictures as ``samples`` says."""
        stacks = batches(pictures, self.samples, self.method)
        return sum(self.probe.gradients(stack, self.number)[1].sum(axis=0) for stack in stacks) / self.samples

    def scores(self, pictures: Iterator[np.ndarray], count: int, what: str) -> np.ndarray:
        """All scores of so many pictures, float32 ``(count, classes or channels)``."""
        return np.concatenate([self.probe.scores(stack) for stack in batches(pictures, count, what)])

    def gradient(self, layer_name: str | None = PICTURE, guided: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """A layer's maps, or the picture, and the score's gradient with respect to them, ``(h, w, channels)`` each."""
        values, gradients = self.probe.gradients(self.image[None], self.number, layer_name, guided)
        return values[0], gradients[0]


def saliency_map(
    model: keras.Model,
    image: np.ndarray,
    method: str = "grad_cam",
    target: int | str | None = None,
    *,
    layer_name: str | None = None,
    samples: int = 32,
    noise: float = 0.15,
    window: int | None = None,
    seed: int = 0,
) -> np.ndarray:
    """How much each pixel counts for one of the network's scores, by one of ten methods.

    - ``gradient``: the largest absolute gradient of the three colours (Simonyan, Vedaldi and Zisserman 2013).
    - ``gradient_x_input``: absolute sum over the colours of gradient times picture (Shrikumar et al. 2016).
    - ``smoothgrad``: as ``gradient``, of the mean gradient of noisy copies (Smilkov et al. 2017).
    - ``guided_backpropagation``: as ``gradient``, where a ReLU passes back what is positive only (Springenberg et al.
      2014).
    - ``integrated_gradients``: absolute sum over the colours of the attributions (Sundararajan, Taly and Yan 2017).
    - ``grad_cam``: ReLU of the sum of a layer's maps, each times its mean gradient (Selvaraju et al. 2017).
    - ``layer_cam``: sum of a layer's maps, each unit times its own positive gradient (Jiang et al. 2021).
    - ``occlusion``: how far the score falls when a grey square covers the pixel (Zeiler and Fergus 2013).
    - ``averaged_activations``: mean of a layer's maps; asks for no class.
    - ``first_component``: first principal component of a layer's maps, with the mean's sign; asks for no class.

    The network's preprocessing lies inside the gradient. A network that takes one size only gets the picture resized.
    Maps of a layer are enlarged linearly, each unit in the middle of its square. The maps equal those of tf-keras-vis,
    whose SmoothGrad averages absolute gradients by default, and which lays the corner units into the picture's corners.

    Parameters
    ----------
    model
        From :func:`helpers.load_model`, or any functional Keras model, also with networks inside it.
    image
        float32 ``(height, width, 3)``, RGB in [0, 1].
    method
        A name from the table.
    target
        A class by number or label; its score is taken before the softmax. By default the class with the highest score.
        For a network without a head the number of a channel of its last feature maps, by default the strongest.
    layer_name
        Whose maps ``grad_cam``, ``layer_cam``, ``averaged_activations`` and ``first_component`` use. By default the
        last that no pooling made.
    samples
        How many noisy copies ``smoothgrad`` makes, and how many steps ``integrated_gradients``.
    noise
        Standard deviation of ``smoothgrad``'s noise, as a share of the picture's range.
    window
        Side of the grey square in pixels, moved by half its side; by default a sixth of the picture's longer side.
    seed
        Of the noise. The same seed gives the same map.

    Returns
    -------
    numpy.ndarray
        float32 ``(height, width)``: the weakest pixel 0, the strongest 1; a flat map is 0 everywhere.

    Raises
    ------
    LayerNotFound, FilterOutOfRange
        If there is no such layer or channel.
    ValueError
        If another argument makes no sense; the message names it and the valid values.
    """
    question = Question(model, image, method, target, layer_name, samples, noise, window, seed)
    found = tf.image.resize(METHODS[method](question)[..., None], question.image.shape[:2]).numpy()[..., 0]
    return (found - found.min()) / (np.ptp(found) or 1)


def integrated_gradients(
    model: keras.Model, image: np.ndarray, target: int | str | None = None, steps: int = 128
) -> tuple[np.ndarray, float]:
    """Share the difference between a picture's score and a black picture's out among the pixels.

    Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", 2017: the gradients on the straight way from
    black to the picture are averaged and multiplied by the picture.

    Parameters
    ----------
    model, image, target
        As in :func:`saliency_map`.
    steps
        Places on the way, at least 1, each in the middle of its part.

    Returns
    -------
    attributions : numpy.ndarray
        float32 ``(height, width, 3)``: what each number of the picture adds to the score.
    gap : float
        How far their sum is from the difference of the two scores, as a share of it: 0 is complete.
    """
    question = Question(model, image, "integrated_gradients", target, samples=steps)
    attributions, pictures = _attributions(question), np.stack([0 * question.image, question.image])
    black, whole = question.probe.scores(pictures)[:, question.number].astype(float)
    return attributions, float(abs(attributions.sum(dtype=float) / (whole - black or 1e-9) - 1))


def _attributions(question: Question) -> np.ndarray:
    steps = (np.arange(question.samples) + 0.5) / question.samples
    return question.image * question.mean_gradient(question.image * step for step in steps)


def _smoothgrad(question: Question) -> np.ndarray:
    random, image = np.random.default_rng(question.seed), question.image
    deviation = question.noise * np.ptp(image)
    noisy = (image + random.normal(0, deviation, image.shape) for _ in range(question.samples))
    return _strongest(question.mean_gradient(noisy))


def _strongest(gradient: np.ndarray) -> np.ndarray:
    return np.abs(gradient).max(axis=-1)


def _grad_cam(question: Question) -> np.ndarray:
    maps, gradients = question.gradient(question.layer_name)
    return np.maximum(maps @ gradients.mean(axis=(0, 1)), 0)


def _layer_cam(question: Question) -> np.ndarray:
    maps, gradients = question.gradient(question.layer_name)
    return np.maximum((maps * np.maximum(gradients, 0)).sum(axis=-1), 0)


def _occlusion(question: Question) -> np.ndarray:
    image, side, step = question.image, question.window, max(1, question.window // 2)
    tops, lefts = (np.unique(np.minimum(range(0, length, step), length - side)) for length in image.shape[:2])
    squares = [np.s_[top : top + side, left : left + side] for top in tops for left in lefts]

    def hidden(square: tuple[slice, slice]) -> np.ndarray:
        picture = image.copy()
        picture[square] = 0.5
        return picture

    scores = question.scores(map(hidden, [np.s_[:0], *squares]), len(squares) + 1, "occlusion")[:, question.number]
    falls, covered = np.zeros((2, *image.shape[:2]))
    for square, score in zip(squares, scores[1:], strict=True):
        falls[square] += scores[0] - score
        covered[square] += 1
    return np.maximum(falls / covered, 0)


def _first_component(question: Question) -> np.ndarray:
    maps, _ = question.gradient(question.layer_name)
    centred = (maps - maps.mean(axis=(0, 1))).reshape(-1, maps.shape[-1])
    component = np.linalg.eigh(centred.T @ centred)[1][:, -1]
    return (centred @ component * (np.sign(component.sum()) or 1)).reshape(maps.shape[:2])


METHODS: dict[str, Callable[[Question], np.ndarray]] = {
    "gradient": lambda question: _strongest(question.gradient()[1]),
    "gradient_x_input": lambda question: np.abs(np.multiply(*question.gradient()).sum(axis=-1)),
    "smoothgrad": _smoothgrad,
    "guided_backpropagation": lambda question: _strongest(question.gradient(guided=True)[1]),
    "integrated_gradients": lambda question: np.abs(_attributions(question).sum(axis=-1)),
    "grad_cam": _grad_cam,
    "layer_cam": _layer_cam,
    "occlusion": _occlusion,
    "averaged_activations": lambda question: question.gradient(question.layer_name)[0].mean(axis=-1),
    "first_component": _first_component,
}
