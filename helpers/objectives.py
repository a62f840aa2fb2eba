"""What gradient ascent maximises: channels, neurons, layers and classes, and sums and differences of them."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from .backend import keras, tf
from .errors import LayerNotFound, check_filter, check_real, is_whole, require
from .layers import find_call, get_submodel
from .models import class_labels, has_head, preprocess

FEATURE_MAPS = 4  # number of axes of what a layer gives


@dataclasses.dataclass(frozen=True)
class Term:
    """One weighted part of an objective."""

    kind: str  # channel, neuron, layer or class
    layer_name: str | None  # None: the network's last layer
    index: int | str | None
    place: tuple[int, int] | None = None  # a neuron's row and column; None: the centre
    weight: float = 1.0

    def __str__(self) -> str:
        parts = [self.kind, self.layer_name, self.index, self.place and f"at {self.place}"]
        return " ".join([f"{self.weight:+g}", *(str(part) for part in parts if part is not None)])


@dataclasses.dataclass(frozen=True)
class Objective:
    """A sum of weighted terms. ``a + b``, ``a - b``, ``0.5 * a`` and ``-a`` make new ones."""

    terms: tuple[Term, ...]

    def __add__(self, other: Objective) -> Objective:
        return Objective(self.terms + other.terms)

    def __mul__(self, factor: float) -> Objective:
        return Objective(tuple(dataclasses.replace(term, weight=term.weight * float(factor)) for term in self.terms))

    __rmul__ = __mul__

    def __neg__(self) -> Objective:
        return self * -1

    def __sub__(self, other: Objective) -> Objective:
        return self + -other

    def __str__(self) -> str:
        return " ".join(map(str, self.terms)).removeprefix("+1 ")


def channel(layer_name: str, index: int) -> Objective:
    """The mean of one feature map (Erhan et al., "Visualizing Higher-Layer Features of a Deep Network", 2009).

    Parameters
    ----------
    layer_name, index
        Which layer, and which of its channels (filters).

    Returns
    -------
    Objective
        For :func:`helpers.maximize`, which checks the layer and the channel.
    """
    return Objective((Term("channel", layer_name, index),))


def neuron(layer_name: str, index: int, place: Sequence[int] | None = None) -> Objective:
    """One unit of a feature map: at ``place`` (row, column), by default in its centre."""
    return Objective((Term("neuron", layer_name, index, None if place is None else tuple(place)),))


def whole_layer(layer_name: str) -> Objective:
    """The mean square of all of a layer's feature maps (Mordvintsev, Olah and Tyka, "Inceptionism", 2015)."""
    return Objective((Term("layer", layer_name, None),))


def class_logit(target: int | str) -> Objective:
    """The score of one class before the softmax (Simonyan, Vedaldi and Zisserman 2013), by number or by label."""
    return Objective((Term("class", None, target),))


def check(model: keras.Model, objective: Objective) -> Objective:
    """The same objective with labels turned into numbers.

    Raises
    ------
    LayerNotFound
        If there is no such layer, or it gives no feature maps.
    FilterOutOfRange
        If the layer has no such channel.
    ValueError
        If the network has no head, the class is unknown, or a place is no pair of whole numbers.
    """
    return Objective(tuple(_checked(model, term) for term in objective.terms))


def _checked(model: keras.Model, term: Term) -> Term:
    if term.kind == "class":
        return dataclasses.replace(term, layer_name=model.layers[-1].name, index=class_number(model, term.index))
    check_real(f"The size of the weight of {term.layer_name}", abs(term.weight))
    shape = find_call(model, term.layer_name).outputs[0].shape
    if len(shape) != FEATURE_MAPS:
        maps = [layer.name for layer in model.layers if len(getattr(layer.output, "shape", ())) == FEATURE_MAPS]
        raise LayerNotFound(term.layer_name, maps, model.name)
    if term.kind != "layer":
        check_filter(term.index, shape[-1], term.layer_name)
    fits = term.place is None or [is_whole(number, 0) for number in term.place] == [True, True]
    require(fits, f"place is {term.place!r}; it must be a pair (row, column) of whole numbers from 0.")
    return term


def layer_shares(model: keras.Model, layers: Any, total: float = 1.0) -> dict[str, float]:
    """``{layer: share}``, of that sum, from a name, several names (equal shares), or names with their weights.

    Raises
    ------
    LayerNotFound
        If there is no such layer, or it gives no feature maps.
    ValueError
        If these are no names, a weight is no number or negative, or all are 0.
    """
    names = [layers] if isinstance(layers, str) else layers if isinstance(layers, Iterable) else []
    weights = dict(names) if isinstance(names, Mapping) else dict.fromkeys(names, 1)
    for name, weight in weights.items():
        check(model, whole_layer(name))
        check_real(f"The weight of {name}", weight)
    require(sum(weights.values()), f"layers is {layers!r}; it must be a layer's name, names, or a dict of weights.")
    return {name: total * weight / sum(weights.values()) for name, weight in weights.items() if total * weight}


def check_places(model: keras.Model, objective: Objective, side: int) -> None:
    """Raise ValueError if a neuron lies outside of its feature map, for pictures of so many pixels a side."""
    for term in (term for term in objective.terms if term.place is not None):
        shape = get_submodel(model, term.layer_name).compute_output_shape((1, side, side, 3))
        if not (term.place[0] < shape[1] and term.place[1] < shape[2]):
            units = f"{shape[1]} x {shape[2]} units for pictures of {side} x {side} pixels"
            raise ValueError(f"place is {term.place}; {term.layer_name} gives {units}.")


def class_number(model: keras.Model, target: Any) -> int:
    """The number of a class of the network's head, given by number or by label; ValueError if there is none."""
    require(has_head(model), f"{model.name} has no classification head. Try load_model(..., include_top=True).")
    count = model.output_shape[-1]
    if isinstance(target, str):
        labels = class_labels(model)
        if target not in labels:
            near = difflib.get_close_matches(target, labels, n=3) or labels[:3]
            raise ValueError(f"{model.name} has no class {target!r}. It has {count}, such as {', '.join(near)}.")
        return labels.index(target)
    if not is_whole(target, 0, count - 1):
        raise ValueError(f"{model.name} has no class {target!r}: its classes are the whole numbers 0 to {count - 1}.")
    return int(target)


def responses_of(model: keras.Model, objective: Objective, before_activation: bool, all_maps: bool = False) -> Callable:
    """A function (RGB pictures, indices (terms, batch)) -> responses (batch,) and all maps of the first layer.

    Only the network up to the layer is computed, and of a lone convolution's channel or neuron only the chosen kernels,
    unless all of its maps are asked for (else they are None). The indices in the objective are ignored: they come as a
    tensor, so that other filters of the same layer cost no new graph.
    """
    terms, first = objective.terms, objective.terms[0]
    call = find_call(model, first.layer_name)
    layer, inputs = call.operation, call.input_tensors
    plain = type(layer) is keras.layers.Conv2D and layer.groups == 1 and first.kind in ("channel", "neuron")
    alone = plain and len(terms) == 1 and not all_maps
    network = keras.Model(model.inputs[0], inputs[0]) if alone else _cut(model, objective, before_activation)

    def respond(images: Any, indices: Any) -> tuple[Any, Any]:
        outputs = network(preprocess(model, images), training=False)
        if alone:
            return first.weight * _reduced(first, _chosen_maps(layer, outputs, indices[0], before_activation)), None
        outputs, response = [tf.cast(output, tf.float32) for output in keras.tree.flatten(outputs)], 0.0
        for term, output, index in zip(terms, outputs, tf.unstack(indices, len(terms)), strict=True):
            part = output if term.kind == "layer" else tf.gather(output, index, axis=-1, batch_dims=1)
            response += term.weight * _reduced(term, part)
        return response, outputs[0]

    return respond


def _cut(model: keras.Model, objective: Objective, before_activation: bool) -> keras.Model:
    """From the input to what each term needs; a class always before its softmax, fused or a layer of its own."""
    before = {term.layer_name: before_activation or term.kind == "class" for term in objective.terms}
    tensors = {name: get_submodel(model, name, before_activation=each).output for name, each in before.items()}
    return keras.Model(model.inputs[0], [tensors[term.layer_name] for term in objective.terms])  # two may share a layer


def _chosen_maps(layer: keras.Layer, tensor: Any, filters: Any, before_activation: bool) -> Any:
    """Feature maps (batch, height, width), float32: for picture i that of filters[i], from these kernels alone."""
    kernel = tf.cast(tf.gather(layer.kernel, filters, axis=3), layer.compute_dtype)
    tensor = tf.cast(tensor, layer.compute_dtype)
    tensor = tf.nn.conv2d(tensor, kernel, layer.strides, layer.padding.upper(), dilations=layer.dilation_rate)
    tensor = tf.cast(tf.einsum("bhwb->bhw", tensor), tf.float32)
    if layer.use_bias:
        tensor += tf.cast(tf.gather(layer.bias, filters), tf.float32)[:, None, None]
    return tensor if before_activation else layer.activation(tensor)


def _reduced(term: Term, maps: Any) -> Any:
    """One number for each picture, float32 (batch,), from the term's own maps or logits."""
    if term.kind == "class":
        return maps
    if term.kind == "layer":
        return tf.reduce_mean(maps**2, axis=[1, 2, 3])
    if term.kind == "channel":
        return tf.reduce_mean(maps, axis=[1, 2])
    row, column = term.place or (maps.shape[1] // 2, maps.shape[2] // 2)
    return maps[:, row, column]


def in_bfloat16(cut: keras.Model) -> keras.Model:
    """A copy of a network from :func:`get_submodel` that computes in bfloat16, with eight significant bits.

    Its weights are those of the network at that time: ``copy.set_weights(cut.get_weights())`` brings them up to date.
    """

    rough = {"dtype": "bfloat16"}
    copy = keras.models.clone_model(cut, clone_function=lambda layer: layer.from_config(layer.get_config() | rough))
    copy.set_weights(cut.get_weights())
    copy.network = cut.network
    return copy
