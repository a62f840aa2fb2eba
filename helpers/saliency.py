"""Which pixels a network's answer rests on: ten maps, from the plain gradient to the mean; then masks and regions."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import numpy as np
import scipy
import skimage

from .backend import graph_of, keras, progress_bar, tf
from .errors import LayerNotFound, check_filter, check_whole, require
from .layers import without_activation
from .models import has_head, preprocess
from .objectives import FEATURE_MAPS, class_number

PIXELS = 2**17  # of the pictures that are computed together: 8 of 128 x 128; more cost memory and gain no time
NOISE = 0.15  # standard deviation of SmoothGrad's noise, as a share of the picture's range
ONE_AT_A_TIME = threading.Lock()  # held while a graph is made: for that Keras itself is changed
PICTURE, SCORES = "the picture", "the scores"  # in place of a layer's name


@dataclasses.dataclass
class Question:
    """Which pixels does this score rest on? The arguments of :func:`saliency_map`; method and target are checked here.

    A network without classes has a score for each channel of its last maps that no pooling made: the channel's mean.
    Networks inside the network are opened too. Compiled graphs stay with the network and follow its weights.
    """

    model: keras.Model
    image: np.ndarray
    method: str = "gradient"
    target: int | str | None = None
    layer_name: str | None = None
    samples: int = 32
    seed: int = 0
    number = 0  # of the class or channel that is asked about

    def __post_init__(self) -> None:
        require(self.method in METHODS, f"method is {self.method!r}; it must be one of {', '.join(METHODS)}.")
        self.has_head = has_head(self.model)
        if self.target is None:
            self.number = int(self.scores(self.image[None]).argmax())
        elif self.has_head:
            self.number = class_number(self.model, self.target)
        else:
            check_filter(self.target, self.model.output_shape[-1], self.model.name)
            self.number = int(self.target)

    def scores(self, pictures: np.ndarray) -> np.ndarray:
        """All scores of pictures ``(n, h, w, 3)``, before the softmax: float32 ``(n, classes or channels)``."""
        return np.concatenate([scores for scores, _ in self._look(pictures, SCORES)])

    def mean_gradient(self, pictures: np.ndarray) -> np.ndarray:
        """The mean of the score's gradients with respect to pictures ``(n, h, w, 3)``, float32 ``(h, w, 3)``."""
        return sum(gradients.sum(axis=0) for _, gradients in self._look(pictures)) / len(pictures)

    def gradient(self, layer_name: str | None = PICTURE, guided: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """The picture or a layer's maps, and the score's gradient with respect to them, ``(h, w, channels)`` each."""
        [(values, gradients)] = self._look(self.image[None], layer_name, guided)
        return values[0], gradients[0]

    def _look(self, pictures: np.ndarray, layer_name: str | None = PICTURE, guided: bool = False) -> Iterator[list]:
        """In batches of bounded size: pictures, maps or scores, and the gradient of each picture's score to them."""
        compiled, number = self._compiled(layer_name, guided), tf.constant(self.number)
        batches = np.array_split(pictures, min(len(pictures), -(-pictures[..., 0].size // PIXELS)))
        for batch in progress_bar(iterable=batches, desc=self.method, unit="batch"):
            yield [tensor.numpy() for tensor in compiled(tf.constant(batch, tf.float32), number)]

    def _compiled(self, layer_name: str | None, guided: bool) -> Callable[[Any, Any], list]:
        """One graph for each question and size of pictures, whatever their number and the class."""

        def body(images: Any, number: Any) -> list:
            values = self._values(images, guided)
            if layer_name not in values:
                raise LayerNotFound(layer_name, list(filter(None, values)), self.model.name)
            maps = values[layer_name]
            gradients = tf.gradients(values[SCORES][:, number], [maps], unconnected_gradients="zero")
            return [tf.cast(tensor, tf.float32) for tensor in (maps, *gradients)]

        key, graphs = (layer_name, guided, self.image.shape), self.model.__dict__.setdefault("_graphs", {})
        if key not in graphs:
            specs = tf.TensorSpec((None, *self.image.shape), tf.float32), tf.TensorSpec((), tf.int32)
            with ONE_AT_A_TIME:
                graphs[key] = graph_of(tf.function(body, specs, autograph=False))
        return graphs[key]

    def _values(self, images: Any, guided: bool) -> dict[str | None, Any]:
        """Pictures, scores, the maps of each layer, and under None the last maps that no pooling made.

        Guided, a ReLU passes back only what is positive. A network of one size gets the pictures resized.
        """
        values, head, really_call, here = {PICTURE: images}, self.model, keras.Operation.__call__, threading.get_ident()
        while self.has_head and hasattr(head, "layers"):  # the last one may be a network
            head = head.layers[-1]

        def call(layer: Any, *inputs: Any, **options: Any) -> Any:
            if threading.get_ident() != here:
                return really_call(layer, *inputs, **options)
            if layer is head and isinstance(layer, keras.layers.Softmax):
                return inputs[0]
            layer = without_activation(layer) if layer is head and self.has_head else layer
            output, kind = really_call(layer, *inputs, **options), type(layer).__name__
            if guided and "relu" in (kind + getattr(getattr(layer, "activation", None), "__name__", "")).lower():
                output = tf.custom_gradient(lambda maps: (tf.identity(maps), tf.nn.relu))(output)
            is_map = len(getattr(output, "shape", ())) == FEATURE_MAPS and output.shape[1] * output.shape[2] > 1
            if is_map and not hasattr(layer, "layers"):
                values.update({layer.name: output} if "Pool" in kind else {layer.name: output, None: output})
            return output

        inputs = preprocess(self.model, images)
        with mock.patch.object(keras.Operation, "__call__", call):
            scores = self.model(inputs, training=False)
        return values | {SCORES: scores if self.has_head else tf.reduce_mean(values[None], axis=[1, 2])}


def saliency_map(
    model: keras.Model, image: np.ndarray, method: str = "grad_cam", target: int | str | None = None, **options: Any
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
    - ``occlusion``: how far the score falls when a grey square, a sixth of the longer side, covers the pixel (Zeiler
      and Fergus 2013).
    - ``averaged_activations``: mean of a layer's maps; asks for no class.
    - ``first_component``: first principal component of a layer's maps, with the mean's sign; asks for no class.

    The network's preprocessing lies inside the gradient. A network that takes one size only gets the picture resized.
    Maps of a layer are enlarged linearly, each unit in the middle of its square. The maps equal those of tf-keras-vis
    but for two choices: its SmoothGrad averages absolute gradients, and it lays the corner units into the corners.

    Parameters
    ----------
    model
        From :func:`helpers.load_model`, or any functional Keras model, also with networks inside it.
    image
        float32 ``(height, width, 3)``, RGB in [0, 1].
    method
        A name from the list.
    target
        A class by number or label; its score is taken before the softmax. By default the class with the highest score.
        For a network without a head the number of a channel of its last feature maps, by default the strongest.
    layer_name
        Whose maps ``grad_cam``, ``layer_cam``, ``averaged_activations`` and ``first_component`` use. By default the
        last that no pooling made.
    samples
        How many noisy copies ``smoothgrad`` makes, and how many steps ``integrated_gradients``.
    seed
        Of the noise. The same seed gives the same map, to the bit on one machine, with any number of threads; a
        processor with other instructions changes it by less than 1e-4.

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
    question = Question(model, image, method, target, **options)
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
    black, whole = question.scores(pictures)[:, question.number].astype(float)
    return attributions, float(abs(attributions.sum(dtype=float) / (whole - black or 1e-9) - 1))


def _attributions(question: Question) -> np.ndarray:
    steps = (np.arange(question.samples) + 0.5).reshape(-1, 1, 1, 1) / question.samples
    return question.image * question.mean_gradient(steps * question.image)


def _smoothgrad(question: Question) -> np.ndarray:
    random, image = np.random.default_rng(question.seed), question.image
    noise = random.normal(0, NOISE * np.ptp(image), (question.samples, *image.shape))
    return _strongest(question.mean_gradient(image + noise))


def _strongest(gradient: np.ndarray) -> np.ndarray:
    return np.abs(gradient).max(axis=-1)


def _occlusion(question: Question) -> np.ndarray:
    image, bands, side = question.image, [], -(-max(question.image.shape) // 6)
    for length in image.shape[:2]:
        starts = np.unique(np.clip(range(0, length, -(-side // 2)), 0, max(0, length - side)))
        bands.append([(start <= np.arange(length)) & (np.arange(length) < start + side) for start in starts])
    squares = np.array([np.outer(rows, columns) for rows in bands[0] for columns in bands[1]])
    whole, *hidden = question.scores(np.stack([image, *np.where(squares[..., None], 0.5, image)]))[:, question.number]
    return np.maximum(np.tensordot(whole - hidden, squares, 1) / squares.sum(axis=0), 0)


def _first_component(maps: np.ndarray, _: np.ndarray) -> np.ndarray:
    centred = maps - maps.mean(axis=(0, 1))
    component = np.linalg.svd(centred.reshape(-1, maps.shape[-1]), full_matrices=False)[2][0]
    return centred @ component * np.sign(component.sum())


OF_A_LAYER: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {  # from its maps and their gradients
    "grad_cam": lambda maps, gradients: np.maximum(maps @ gradients.mean(axis=(0, 1)), 0),
    "layer_cam": lambda maps, gradients: np.maximum((maps * np.maximum(gradients, 0)).sum(axis=-1), 0),
    "averaged_activations": lambda maps, _: maps.mean(axis=-1),
    "first_component": _first_component,
}
METHODS: dict[str, Callable[[Question], np.ndarray]] = {
    "gradient": lambda question: _strongest(question.gradient()[1]),
    "gradient_x_input": lambda question: np.abs(np.multiply(*question.gradient()).sum(axis=-1)),
    "smoothgrad": _smoothgrad,
    "guided_backpropagation": lambda question: _strongest(question.gradient(guided=True)[1]),
    "integrated_gradients": lambda question: np.abs(_attributions(question).sum(axis=-1)),
    "occlusion": _occlusion,
} | dict.fromkeys(OF_A_LAYER, lambda question: OF_A_LAYER[question.method](*question.gradient(question.layer_name)))


def saliency_mask(image: np.ndarray, saliency: np.ndarray) -> np.ndarray:
    """The object that a saliency map points at, with an outline that follows the picture's edges.

    Otsu's threshold (1979) parts the map in two. The stronger half of the strong part and the weaker half of the weak
    part are seeds, from which a flood rises over the picture's edges (watershed; Beucher and Lantuejoul 1979): where
    the two floods meet lies the outline.

    Parameters
    ----------
    image
        float32 ``(height, width, 3)``, RGB in [0, 1].
    saliency
        float32 ``(height, width)`` in [0, 1], from :func:`helpers.saliency_map`.

    Returns
    -------
    numpy.ndarray
        bool ``(height, width)``: True on the object. Of a flat map False everywhere.

    Raises
    ------
    ValueError
        If the two are not of one size.
    """
    check_size(saliency, image)
    if np.ptp(saliency) == 0:
        return np.zeros(saliency.shape, bool)
    strong = saliency > skimage.filters.threshold_otsu(saliency)
    low, high = (np.median(saliency[part]) for part in (~strong, strong))
    smooth = skimage.filters.gaussian(skimage.color.rgb2lab(image), 1, channel_axis=-1)
    edges = np.linalg.norm(np.gradient(smooth, axis=(0, 1)), axis=(0, -1))
    return skimage.segmentation.watershed(edges, markers=np.select([saliency >= high, saliency <= low], [1, 2])) == 1


def segment(
    model: keras.Model, image: np.ndarray, regions: int = 4, layer_name: str | None = None, seed: int = 0
) -> np.ndarray:
    """Part a picture into regions whose feature vectors are alike: k-means on the directions of a layer's vectors.

    Parameters
    ----------
    model, image, layer_name
        As in :func:`helpers.saliency_map`.
    regions
        How many, at least 2. Fewer come back from a plain picture.
    seed
        Of the first centres; the same seed gives the same regions.

    Returns
    -------
    numpy.ndarray
        int ``(height, width)``: 0 is the largest region, 1 the next.

    Raises
    ------
    LayerNotFound
        If there is no such layer.
    ValueError
        If there are fewer than two regions, or more than the layer's maps have units.
    """
    maps, _ = Question(model, image).gradient(layer_name)
    units = maps.reshape(-1, maps.shape[-1])
    check_whole("regions", regions, 2, len(units))
    directions = units / np.maximum(np.linalg.norm(units, axis=1, keepdims=True), 1e-8)
    regions = min(regions, len(np.unique(directions.round(6), axis=0)))
    centres, _ = scipy.cluster.vq.kmeans2(directions, regions, iter=50, minit="++", rng=seed)
    distances = scipy.spatial.distance.cdist(directions, centres).reshape(*maps.shape[:2], regions)
    found = tf.image.resize(distances, image.shape[:2]).numpy().argmin(axis=-1)
    return (scipy.stats.rankdata(-np.bincount(found.ravel(), minlength=regions), "ordinal") - 1)[found]


def check_size(saliency: np.ndarray, image: np.ndarray) -> None:
    """Raise ValueError unless a map is as large as its picture."""
    require(saliency.shape == image.shape[:2], f"saliency has shape {saliency.shape}; the picture {image.shape[:2]}.")


def overlay(image: np.ndarray, saliency: np.ndarray) -> np.ndarray:
    """The picture in grey under the map in colour, float32 ``(height, width, 3)``: dark is weak, yellow is strong.

    The strongest hundredth of the pixels share one colour, or a few would leave the others dark.
    """
    import matplotlib

    check_size(saliency, image)
    shown = matplotlib.colormaps["inferno"](saliency / max(np.percentile(saliency, 99), 1e-8))[..., :3]
    return (0.4 * skimage.color.rgb2gray(image)[..., None] + 0.6 * shown).astype(np.float32)
