"""How gradient ascent changes a picture: parametrisation, random transformations, regularisers and the step."""

import dataclasses
from typing import Any

import numpy as np

from .backend import keras, tf
from .errors import check_real, check_whole

# The correlations of colours in ImageNet photos (Lucid, lucid/optvis/param/color.py), scaled to a largest norm of 1.
COLOUR_CORRELATION = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]], np.float32)
COLOUR_CORRELATION /= np.linalg.norm(COLOUR_CORRELATION, axis=0).max()


@dataclasses.dataclass(frozen=True)
class Recipe:
    """The ingredients of gradient ascent; change one with ``dataclasses.replace``.

    Attributes
    ----------
    fourier
        The parameters are a spectrum, divided by the frequency as in photos (the mean colour by a quarter of the
        lowest), and a sigmoid keeps the picture in [0, 1] (Olah, Mordvintsev and Schubert, "Feature Visualization",
        Distill 2017). False: they are the pixels, clipped.
    decorrelated
        Colours are mixed as they are correlated in photos (the same source).
    before_activation
        Maximise the response before a ReLU that is fused into the layer, so that a silent filter still has a gradient.
    shift, scale, rotation
        Largest random shift (pixels), zoom (share) and turn (degrees) at each step, mirrored at the edges
        (Mordvintsev, Olah and Tyka 2015 for the shift; Olah et al. 2017 for the rest).
    total_variation
        Share of the response given up for a mean difference of 1 between neighbouring pixels (Mahendran and Vedaldi,
        "Understanding Deep Image Representations by Inverting Them", 2015).
    decay
        Share of the distance to mid-grey removed at each step (L2 decay: Simonyan, Vedaldi and Zisserman 2013; Yosinski
        et al., "Understanding Neural Networks Through Deep Visualization", 2015). Pixels only, as the next two.
    blur_every, blur
        Every so many steps a Gaussian blur with this standard deviation in pixels (Yosinski et al. 2015); 0: never.
    rounds
        Progressive upscaling: the picture grows to its size in so many rounds (Mordvintsev et al. 2015, octaves).
    adam
        Adam (Kingma and Ba 2015) with step ``rate``. False: a step along the gradient of l2 norm ``rate``.
    rate
        Size of a step: of a parameter for Adam; else the l2 norm over all pixels and colours, which are in [0, 1].
    starts
        How many times a filter that stays silent starts anew from another seed.
    """

    fourier: bool = True
    decorrelated: bool = True
    before_activation: bool = True
    shift: float = 12.0
    scale: float = 0.1
    rotation: float = 10.0
    total_variation: float = 2.0
    decay: float = 0.0
    blur_every: int = 0
    blur: float = 1.0
    rounds: int = 1
    adam: bool = True
    rate: float = 0.1
    starts: int = 3

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            check_real(field.name, getattr(self, field.name))
        for name, least in (("blur_every", 0), ("rounds", 1), ("starts", 1)):
            check_whole(name, getattr(self, name), least)
        if self.fourier and (self.decay or self.blur_every or self.rounds > 1):
            raise ValueError("decay, blur_every and rounds act on pixels; with them set fourier=False.")


_pixels = Recipe(fourier=False, decorrelated=False, shift=0, scale=0, rotation=0, total_variation=0, adam=False, rate=6)
RECIPES = {
    "fourier": Recipe(),
    "regularised": dataclasses.replace(_pixels, decay=0.01, blur_every=4, blur=0.5),
    "classroom": dataclasses.replace(_pixels, before_activation=False, rate=10 / 255, starts=1),
}


def start(recipe: Recipe, size: int, seed: int) -> Any:
    """Faint noise: a spectrum (1, 2, 3, size, size // 2 + 1), or pixels (1, size, size, 3) minus mid-grey."""
    if recipe.fourier:
        return tf.random.stateless_normal((1, 2, 3, size, size // 2 + 1), [seed, 0], stddev=0.01)
    return tf.random.stateless_uniform((1, size, size, 3), [seed, 0], -10, 10) / 255


def to_rgb(recipe: Recipe, parameters: Any) -> Any:
    """Parameters -> RGB pictures (batch, size, size, 3) in [0, 1]."""
    pixels = parameters
    if recipe.fourier:
        size = parameters.shape[3]
        frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
        scale = (size / np.maximum(frequency, 0.25 / size)).astype(np.float32)
        spectrum = tf.complex(parameters[:, 0] * scale, parameters[:, 1] * scale)
        pixels = tf.transpose(tf.signal.irfft2d(spectrum, [size, size]), [0, 2, 3, 1]) / 4
    if recipe.decorrelated:
        pixels = pixels @ COLOUR_CORRELATION.T
    return tf.sigmoid(pixels) if recipe.fourier else tf.clip_by_value(pixels + 0.5, 0.0, 1.0)


def transform(recipe: Recipe, images: Any, seed: Any, step: Any) -> Any:
    """One random shift, zoom and turn for the whole batch; differentiable (bilinear)."""
    if not (recipe.shift or recipe.scale or recipe.rotation):
        return images
    random = tf.random.stateless_uniform((4,), seed + tf.stack([0, step]), -1, 1)
    angle, scale = random[0] * recipe.rotation * np.pi / 180, 1 + recipe.scale * random[1]
    shift, centre = random[2:] * recipe.shift, (images.shape[1] - 1) / 2
    cosine, sine = tf.cos(angle) * scale, tf.sin(angle) * scale
    right = centre - cosine * centre + sine * centre + shift[0]
    down = centre - sine * centre - cosine * centre + shift[1]
    matrix = tf.stack([cosine, -sine, right, sine, cosine, down, 0.0, 0.0])
    return keras.ops.image.affine_transform(images, matrix, fill_mode="reflect")


def penalised(recipe: Recipe, responses: Any, images: Any) -> Any:
    """The responses minus what total variation takes off."""
    down, right = images[:, 1:] - images[:, :-1], images[:, :, 1:] - images[:, :, :-1]
    variation = tf.reduce_mean(tf.abs(down), axis=[1, 2, 3]) + tf.reduce_mean(tf.abs(right), axis=[1, 2, 3])
    return responses - recipe.total_variation * tf.stop_gradient(tf.abs(responses)) * variation


def update(recipe: Recipe, state: tuple, gradient: Any, step: Any) -> tuple:
    """One step upwards. The state is (parameters, Adam's mean, Adam's mean square); without Adam the two stay 0."""
    parameters, mean, square = state
    if recipe.adam:
        time_step = tf.cast(step + 1, tf.float32)
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        direction = mean / (1 - 0.9**time_step) / (tf.sqrt(square / (1 - 0.999**time_step)) + 1e-8)
    else:
        direction = gradient / (tf.sqrt(tf.reduce_sum(gradient**2, axis=[1, 2, 3], keepdims=True)) + 1e-8)
    parameters = (parameters + recipe.rate * direction) * (1 - recipe.decay)
    if recipe.blur_every:
        due = tf.equal(step % recipe.blur_every, recipe.blur_every - 1)
        parameters = tf.cond(due, lambda: blurred(parameters, recipe.blur), lambda: parameters)
    return parameters, mean, square


def blurred(pictures: Any, deviation: float) -> Any:
    """Gaussian blur of (batch, height, width, 3), mirrored at the edges; the deviation is in pixels."""
    reach = min(max(1, round(3 * deviation)), min(pictures.shape[1:3]) - 1)
    padded = tf.pad(pictures, [[0, 0], [reach, reach], [reach, reach], [0, 0]], mode="REFLECT")
    soft = keras.ops.image.gaussian_blur(padded, (2 * reach + 1,) * 2, (max(deviation, 1e-6),) * 2)
    return soft[:, reach:-reach, reach:-reach]
