"""A network opened: its scores before the softmax, the feature maps on the way, and the gradients of one score."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from .backend import keras, tf
from .errors import LayerNotFound
from .layers import call_without_activation
from .models import preprocess
from .objectives import FEATURE_MAPS, LOGITS, check_filter, class_number
from .progress import progress_bar

PIXELS = 2**17  # of the pictures that are computed together: 8 of 128 x 128; more cost memory and gain no time
PICTURE = "the picture"  # in place of a layer's name


class Probe:
    """Scores, maps and gradients for RGB pictures in [0, 1]; for a network of one size they are resized.

    A network without classes has a score for each channel of its last maps that no pooling made: the channel's mean.
    Networks inside the network are opened too. Compiled graphs stay with the network and follow its weights.
    """

    def __init__(self, model: keras.Model) -> None:
        if _runner(model) is None or len(model.inputs) > 1 or len(model.output_shape) not in (LOGITS, FEATURE_MAPS):
            raise ValueError(f"{model.name} is no functional network from one picture to classes or feature maps.")
        self.model = self.last_layer = model
        while hasattr(self.last_layer, "layers"):  # the last one may be a network
            self.last_layer = self.last_layer.layers[-1]
        self.has_head = len(model.output_shape) == LOGITS
        self.graphs: dict[tuple, Callable] = model.__dict__.setdefault("_graphs", {})

    def forward(self, images: Any, guided: bool = False) -> tuple[Any, dict[str | None, Any]]:
        """Scores (n, classes or channels), and the maps of each layer; under None the last that no pooling made."""
        maps: dict[str | None, Any] = {}

        def call(layer: Any, *inputs: Any, **options: Any) -> Any:
            if self.has_head and layer is self.last_layer:
                return call_without_activation(layer, *inputs)
            output, kind = layer(*inputs, **options), type(layer).__name__
            if guided and (kind + getattr(getattr(layer, "activation", None), "__name__", "")).lower().count("relu"):
                output = _positive_gradient(output)
            if len(getattr(output, "shape", ())) == FEATURE_MAPS and output.shape[1] * output.shape[2] > 1:
                maps.update(dict.fromkeys([layer.name] if "Pool" in kind else [layer.name, None], output))
            return output

        sides = [own or given for own, given in zip(self.model.input_shape[1:3], images.shape[1:3], strict=True)]
        if sides != images.shape[1:3]:
            images = tf.image.resize(images, sides, antialias=True)
        scores = _run(_runner(self.model), preprocess(self.model, images), call)
        if not self.has_head:
            scores = tf.reduce_mean(maps[None], axis=[1, 2])
        return tf.cast(scores, tf.float32), maps

    def _compute(self, key: tuple, body: Callable, images: np.ndarray, number: int) -> Any:
        """Run one graph for each question and size of pictures, whatever their number and the class."""
        key = (*key, *images.shape[1:])
        if key not in self.graphs:
            specs = tf.TensorSpec((None, *images.shape[1:]), tf.float32), tf.TensorSpec((), tf.int32)
            compiled = tf.function(body, input_signature=specs, autograph=False)
            self.graphs[key] = compiled.get_concrete_function()
        return self.graphs[key](tf.constant(images, tf.float32), tf.constant(number))

    def scores(self, images: np.ndarray) -> np.ndarray:
        """float32 ``(n, classes or channels)`` of pictures ``(n, h, w, 3)``."""
        return self._compute(("scores",), lambda images, number: self.forward(images)[0], images, 0).numpy()

    def gradients(
        self, images: np.ndarray, number: int, layer_name: str | None = PICTURE, guided: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """A layer's maps, or the pictures, and the gradient of each picture's score with respect to them, float32."""

        def body(images: Any, number: Any) -> tuple[Any, Any]:
            with tf.GradientTape() as tape:
                tape.watch(images)
                scores, maps = self.forward(images, guided)
                score = scores[:, number]
            if layer_name not in maps | {PICTURE: None}:
                raise LayerNotFound(layer_name, filter(None, maps), self.model.name)
            values = images if layer_name == PICTURE else maps[layer_name]
            return tuple(tf.cast(x, tf.float32) for x in (values, tape.gradient(score, values, None, "zero")))

        return tuple(tensor.numpy() for tensor in self._compute((layer_name, guided), body, images, number))

    def number(self, image: np.ndarray, target: int | str | None) -> int:
        """The class or channel that is asked about, by default the one with the highest score; checks it."""
        if isinstance(target, str) or (self.has_head and target is not None):
            return class_number(self.model, target)
        scores = self.scores(image[None])[0]
        if target is not None:
            check_filter(target, len(scores), f"The last layer of maps in {self.model.name}")
        return int(scores.argmax() if target is None else target)


def batches(pictures: Iterable[np.ndarray], count: int, what: str) -> Iterator[np.ndarray]:
    """Pictures stacked in batches of bounded size, with a progress bar."""
    pictures = iter(pictures)
    with progress_bar(total=count, desc=what, unit="picture") as bar:
        while (first := next(pictures, None)) is not None:
            batch = np.stack([first, *islice(pictures, max(0, PIXELS // first[..., 0].size - 1))])
            yield batch
            bar.update(len(batch))


def _runner(layer: Any) -> Callable | None:
    """What runs the layers of a functional or sequential network; None for a layer."""
    return getattr(getattr(layer, "_functional", layer), "_run_through_graph", None)


def _run(runner: Callable, tensors: Any, call: Callable) -> Any:
    """Run a network with ``call(layer, *inputs)`` in place of ``layer(*inputs)``, also in networks inside it."""

    def operation(layer: Any) -> Callable:
        inner = _runner(layer)
        return functools.partial(call, layer) if inner is None else lambda inputs, **_: _run(inner, inputs, call)

    return runner(tensors, operation_fn=operation)


def _positive_gradient(tensor: Any) -> Any:
    """The same values; on the way back only what is positive passes (before the ReLU's own rule)."""
    return tf.custom_gradient(lambda values: (tf.identity(values), tf.nn.relu))(tensor)
