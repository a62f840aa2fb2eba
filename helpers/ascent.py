"""Gradient ascent: the picture that a filter wants to see (activation maximisation, Erhan et al. 2009)."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .backend import keras, tf
from .errors import FilterOutOfRange, LayerNotFound
from .layers import find_layer, get_submodel
from .models import preprocess
from .progress import progress_bar

BATCH = 16  # pictures that are improved together; more cost memory and gain no time on two cores
CHUNK = 16  # steps between two looks at the progress bar
METHODS = ("fourier", "classroom")

# The correlations of colours in ImageNet photos (Lucid, lucid/optvis/param/color.py), scaled to a largest norm of 1.
COLOUR_CORRELATION = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]], np.float32)
COLOUR_CORRELATION /= np.linalg.norm(COLOUR_CORRELATION, axis=0).max()


@dataclasses.dataclass(frozen=True)
class FilterImage:
    """The picture that one filter wants to see, with its evidence."""

    image: np.ndarray = dataclasses.field(repr=False)  # float32 (size, size, 3), RGB in [0, 1]
    layer_name: str
    f_index: int
    response: float = dataclasses.field(repr=False)  # mean of the feature map for this picture, after the activation
    history: np.ndarray = dataclasses.field(repr=False)  # float32 (iters,): what was maximised, before each step
    iters: int
    seed: int
    seconds: float = dataclasses.field(repr=False)  # of the batch it was made in

    @property
    def silent(self) -> bool:
        """True if the filter does not respond to its own picture: the ascent found nothing."""
        return not self.response > 0


def visualize_filter(
    model: keras.Model,
    layer_name: str,
    f_index: int | None = None,
    iters: int = 128,
    size: int = 96,
    method: str = "fourier",
    seed: int = 0,
) -> FilterImage:
    """The picture that one filter wants to see; a random filter (chosen by ``seed``) when none is given.

    Parameters, returned values and errors are those of :func:`visualize_filters`.
    """
    if f_index is None:
        f_index = int(np.random.default_rng(seed).integers(_channels(model, layer_name)))
    return visualize_filters(model, layer_name, [f_index], iters, size, method, seed)[0]


def visualize_filters(
    model: keras.Model,
    layer_name: str,
    filters: Iterable[int] | None = None,
    iters: int = 128,
    size: int = 96,
    method: str = "fourier",
    seed: int = 0,
) -> list[FilterImage]:
    """The pictures that some filters of one layer want to see, improved together as one batch.

    Parameters
    ----------
    model
        From :func:`helpers.load_model`, or any functional Keras model.
    layer_name
        A layer that gives feature maps.
    filters
        Numbers of its filters (channels); None: all of them.
    iters
        Steps of gradient ascent, at least 1.
    size
        Height and width of the pictures in pixels.
    method
        ``"fourier"``: the mean of the feature map before its ReLU, climbed with Adam (rate 0.05) in a decorrelated
        Fourier basis under random shifts, scales and rotations (Olah, Mordvintsev and Schubert, "Feature
        Visualization", Distill 2017). ``"classroom"``: the mean of the feature map, steps of ten grey levels along
        the l2-normalised gradient of the pixels, from faint noise (the loop of Chollet's "Deep Learning with Python").
    seed
        The same seed gives the same pictures; a filter's picture does not depend on its company in the batch.

    Returns
    -------
    list of FilterImage
        In the order of ``filters``.

    Raises
    ------
    LayerNotFound
        If there is no such layer, or it gives no feature maps.
    FilterOutOfRange
        If a number is not one of the layer's filters.
    ValueError
        If ``iters``, ``size``, ``method`` or ``seed`` makes no sense, or the network cannot take pictures of that size.
    """
    count = _channels(model, layer_name)
    filters = list(range(count)) if filters is None else list(filters)
    for f_index in filters:
        if isinstance(f_index, bool) or not isinstance(f_index, (int, np.integer)) or not 0 <= f_index < count:
            raise FilterOutOfRange(f_index, count, layer_name)
    _check(model, iters, size, method, seed)
    pictures: list[FilterImage] = []
    ascend = _compiled(model, layer_name, method)
    with progress_bar(total=len(filters) * iters, desc=layer_name, unit="step") as bar:
        for first in range(0, len(filters), BATCH):
            pictures += _ascend_batch(ascend, filters[first : first + BATCH], layer_name, iters, size, seed, bar)
    return pictures


def _channels(model: keras.Model, layer_name: str) -> int:
    shape = find_layer(model, layer_name).output.shape
    if len(shape) != 4:
        maps = [layer.name for layer in model.layers if len(getattr(layer.output, "shape", ())) == 4]
        raise LayerNotFound(layer_name, maps, model.name)
    return shape[-1]


def _check(model: keras.Model, iters: Any, size: Any, method: Any, seed: Any) -> None:
    if not isinstance(iters, (int, np.integer)) or iters < 1:
        raise ValueError(f"iters is {iters!r}; it must be a whole number, 1 or more.")
    if not isinstance(size, (int, np.integer)) or not 16 <= size <= 2048:
        raise ValueError(f"size is {size!r}; it must be a whole number of pixels from 16 to 2048.")
    if method not in METHODS:
        raise ValueError(f"method is {method!r}; it must be one of {', '.join(METHODS)}.")
    if not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**31:
        raise ValueError(f"seed is {seed!r}; it must be a whole number from 0 to 2**31 - 1.")
    sides = model.input_shape[1:3]
    if any(side not in (None, size) for side in sides):
        raise ValueError(f"{model.name} takes pictures of {sides[0]} x {sides[1]} pixels only, not {size} x {size}.")


def _ascend_batch(
    ascend: _Ascent, filters: list[int], layer_name: str, iters: int, size: int, seed: int, bar: Any
) -> list[FilterImage]:
    start = time.perf_counter()
    state = ascend.start(len(filters), size, seed)
    history, ids = [], tf.constant(filters, tf.int32)
    for step in range(0, iters, CHUNK):
        steps = min(CHUNK, iters - step)
        state, objectives = ascend.run(state, ids, step, steps, seed)
        history.append(objectives)
        bar.update(steps * len(filters))
    images, responses = ascend.finish(state[0], ids)
    seconds, history = time.perf_counter() - start, np.concatenate(history)
    return [
        FilterImage(image, layer_name, int(f_index), float(response), history[:, place], iters, seed, seconds)
        for place, (f_index, image, response) in enumerate(zip(filters, images.numpy(), responses.numpy(), strict=True))
    ]


def _compiled(model: keras.Model, layer_name: str, method: str) -> _Ascent:
    """The compiled ascent for one layer, kept with the model so that the next call costs no tracing."""
    kept = model.__dict__.setdefault("_ascents", {})
    if (layer_name, method) not in kept:
        kind = _FourierAscent if method == "fourier" else _ClassroomAscent
        kept[layer_name, method] = kind(model, layer_name)
    return kept[layer_name, method]


def _chosen_maps(model: keras.Model, layer_name: str, before_activation: bool) -> Callable[[Any, Any], Any]:
    """A function (RGB pictures, filter ids) -> float32 (batch, height, width): for picture i the map of filter ids[i].

    Only the network up to the layer is computed, and of a plain convolution only the chosen kernels.
    """
    layer = find_layer(model, layer_name)
    sliced = type(layer) is keras.layers.Conv2D and layer.groups == 1
    below = (
        keras.Model(model.input, layer.input)
        if sliced
        else get_submodel(model, layer_name, before_activation=before_activation)
    )

    def maps(images: Any, ids: Any) -> Any:
        tensor = below(preprocess(model, images), training=False)
        if not sliced:
            return tf.gather(tensor, ids, axis=3, batch_dims=1)
        kernel = tf.gather(layer.kernel, ids, axis=3)
        tensor = tf.nn.conv2d(tensor, kernel, layer.strides, layer.padding.upper(), dilations=layer.dilation_rate)
        tensor = tf.einsum("bhwb->bhw", tensor)
        if layer.use_bias:
            tensor += tf.gather(layer.bias, ids)[:, None, None]
        return tensor if before_activation else layer.activation(tensor)

    return maps


class _Ascent:
    """One layer's ascent. The state is a tuple of tensors; its first holds the pictures' parameters."""

    before_activation: bool

    def __init__(self, model: keras.Model, layer_name: str) -> None:
        self.objective = _chosen_maps(model, layer_name, self.before_activation)
        self.reported = _chosen_maps(model, layer_name, before_activation=False)
        self.compiled: dict[tuple, Callable] = {}

    def run(self, state: tuple, ids: Any, first: int, steps: int, seed: int) -> tuple[tuple, Any]:
        """Some steps in one call of a graph; returns the new state and the objectives, float32 (steps, batch)."""
        arguments = (state, ids, tf.constant(first), tf.constant(steps), tf.constant([seed, 1]))
        shape = tuple(state[0].shape)
        if shape not in self.compiled:
            self.compiled[shape] = tf.function(self._run).get_concrete_function(*arguments)
        return self.compiled[shape](*arguments)

    def _run(self, state: tuple, ids: Any, first: Any, steps: Any, seed: Any) -> tuple[tuple, Any]:
        history = tf.TensorArray(tf.float32, size=steps)
        for step in tf.range(steps):
            with tf.GradientTape() as tape:
                tape.watch(state[0])
                images = self.transform(self.to_rgb(state[0]), seed, first + step)
                responses = tf.reduce_mean(self.objective(images, ids), axis=[1, 2])
            history = history.write(step, responses)
            state = self.update(state, tape.gradient(responses, state[0]), first + step)
        return state, history.stack()

    def finish(self, parameters: Any, ids: Any) -> tuple[Any, Any]:
        """The pictures, and the mean of each one's feature map after the activation."""
        images = self.to_rgb(parameters)
        return images, tf.reduce_mean(self.reported(images, ids), axis=[1, 2])


class _ClassroomAscent(_Ascent):
    before_activation = False

    def start(self, count: int, size: int, seed: int) -> tuple:
        noise = tf.random.stateless_uniform((1, size, size, 3), [seed, 0], -10, 10)  # grey levels
        return (tf.repeat(0.5 + noise / 255, count, axis=0),)

    def to_rgb(self, parameters: Any) -> Any:
        return tf.clip_by_value(parameters, 0.0, 1.0)

    def transform(self, images: Any, seed: Any, step: Any) -> Any:
        return images

    def update(self, state: tuple, gradient: Any, step: Any) -> tuple:
        norm = tf.sqrt(tf.reduce_sum(gradient**2, axis=[1, 2, 3], keepdims=True))
        return (state[0] + 10 / 255 * gradient / (norm + 1e-8),)


class _FourierAscent(_Ascent):
    before_activation = True

    def start(self, count: int, size: int, seed: int) -> tuple:
        spectrum = tf.random.stateless_normal((1, 2, 3, size, size // 2 + 1), [seed, 0], stddev=0.01)
        spectrum = tf.repeat(spectrum, count, axis=0)
        return spectrum, tf.zeros_like(spectrum), tf.zeros_like(spectrum)

    def to_rgb(self, parameters: Any) -> Any:
        size = parameters.shape[3]
        frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
        scale = (size / np.maximum(frequency, 1 / size)).astype(np.float32)
        spectrum = tf.complex(parameters[:, 0] * scale, parameters[:, 1] * scale)
        pixels = tf.transpose(tf.signal.irfft2d(spectrum, [size, size]), [0, 2, 3, 1]) / 4
        return tf.sigmoid(pixels @ COLOUR_CORRELATION.T)

    def transform(self, images: Any, seed: Any, step: Any) -> Any:
        """One random shift (to 12 pixels), scale (0.9 to 1.1) and rotation (to 10 degrees) for the whole batch."""
        random = tf.random.stateless_uniform((4,), seed + tf.stack([0, step]), -1, 1)
        angle, scale, shift = random[0] * np.pi / 18, 1 + 0.1 * random[1], 12 * random[2:]
        centre = (images.shape[1] - 1) / 2
        cosine, sine = tf.cos(angle) * scale, tf.sin(angle) * scale
        right = centre - cosine * centre + sine * centre + shift[0]
        down = centre - sine * centre - cosine * centre + shift[1]
        matrix = tf.stack([cosine, -sine, right, sine, cosine, down, 0.0, 0.0])[None]
        shape = tf.shape(images)[1:3]
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=images,
            transforms=matrix,
            output_shape=shape,
            fill_value=0.5,
            interpolation="BILINEAR",
            fill_mode="REFLECT",
        )

    def update(self, state: tuple, gradient: Any, step: Any) -> tuple:
        """Adam, Kingma and Ba 2015."""
        parameters, mean, square = state
        time_step = tf.cast(step + 1, tf.float32)
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        direction = mean / (1 - 0.9**time_step) / (tf.sqrt(square / (1 - 0.999**time_step)) + 1e-8)
        return parameters + 0.05 * direction, mean, square
