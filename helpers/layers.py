"""The layers of a network: their names, what each one sees of the picture, and the network cut at any of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .backend import keras
from .errors import LayerNotFound

if TYPE_CHECKING:
    import pandas


def conv_layers(model: keras.Model) -> list[str]:
    """Names of the 2-D convolutions, from the input to the output.

    Parameters
    ----------
    model
        Any Keras model.

    Returns
    -------
    list of str
        Layers that slide a four-dimensional kernel: ``Conv2D``, ``DepthwiseConv2D`` and ``SeparableConv2D``.
    """
    return [layer.name for layer in model.layers if _is_conv(layer)]


def _is_conv(layer: keras.Layer) -> bool:
    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D)
    return isinstance(layer, kinds)


def find_layer(model: keras.Model, name: str) -> keras.Layer:
    """The layer of that name; raises :class:`LayerNotFound` with near matches."""
    for layer in model.layers:
        if layer.name == name:
            return layer
    raise LayerNotFound(name, [layer.name for layer in model.layers], model.name)


def get_submodel(
    model: keras.Model, layer_names: str | Iterable[str], *, before_activation: bool = False
) -> keras.Model:
    """Cut the network: from its input to the output of one layer or of several.

    Parameters
    ----------
    model
        A functional Keras model.
    layer_names
        One name gives a model with one output, several give a model with a list of outputs in that order.
    before_activation
        Take what a layer computes before its fused activation (for VGG16: before the ReLU). A layer without one
        gives the same either way.

    Returns
    -------
    keras.Model
        Shares its weights with ``model``; works on what :func:`helpers.preprocess` returns.

    Raises
    ------
    LayerNotFound
        If a name is unknown; the message lists near matches.
    """
    names = [layer_names] if isinstance(layer_names, str) else list(layer_names)
    layers = [find_layer(model, name) for name in names]
    tensors = {layer.name: _before_activation(layer) if before_activation else layer.output for layer in layers}
    outputs = [tensors[name] for name in names]  # a name may come twice
    submodel = keras.Model(model.input, outputs[0] if isinstance(layer_names, str) else outputs, name=model.name)
    submodel.network = getattr(model, "network", None)
    return submodel


def _before_activation(layer: keras.Layer) -> keras.KerasTensor:
    """The layer's output without its fused activation; the weights stay shared."""
    activation = getattr(layer, "activation", None)
    if activation in (None, keras.activations.linear) or not layer.weights:
        return layer.output

    class WithoutActivation(keras.layers.Layer):
        def call(self, inputs):
            return call_without_activation(layer, inputs)

        def compute_output_shape(self, _):
            return layer.output.shape

    return WithoutActivation(name=f"{layer.name}_before_activation", dtype=layer.dtype_policy)(layer.input)


def call_without_activation(layer: keras.Layer, inputs: Any) -> Any:
    """What a layer computes before its fused activation; of a layer that is nothing else, what it gets."""
    if type(layer).__name__ in ("Activation", "Softmax"):
        return inputs
    if not hasattr(layer, "activation"):
        return layer(inputs)
    activation, layer.activation = layer.activation, keras.activations.linear
    try:
        return layer.call(inputs)
    finally:
        layer.activation = activation


def layer_table(model: keras.Model) -> pandas.DataFrame:
    """One row for each layer: shapes, parameters, and how much of the picture one unit sees.

    Parameters
    ----------
    model
        A functional Keras model, with branches or without.

    Returns
    -------
    pandas.DataFrame
        Index: the layer's place. Columns ``name``, ``type``, ``output_shape`` (height, width, channels; None where the
        network takes any size), ``kernel_shape`` (height, width, channels in, filters), ``parameters``,
        ``receptive_field`` and ``stride`` (pairs height, width, in input pixels). A unit that sees the whole picture
        (after global pooling or a dense layer) has None for both.

    Notes
    -----
    The receptive field is the smallest rectangle that holds every input pixel which can change one unit; where branches
    meet it is the union of theirs (Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural
    Networks", Distill 2019).
    """
    import pandas

    fields = _receptive_fields(model)
    rows = []
    for layer in model.layers:
        field = fields.get(id(layer.output))
        kernel = next((weight.shape for weight in layer.weights if len(weight.shape) == 4), None)
        rows.append(
            {
                "name": layer.name,
                "type": type(layer).__name__,
                "output_shape": tuple(layer.output.shape[1:]) if hasattr(layer.output, "shape") else None,
                "kernel_shape": kernel and tuple(kernel),
                "parameters": layer.count_params(),
                "receptive_field": field and field.size,
                "stride": field and field.stride,
            }
        )
    return pandas.DataFrame(rows).astype({"receptive_field": object, "stride": object, "kernel_shape": object})


class Field(NamedTuple):
    """What unit (0, 0) of a map sees, and the step in input pixels to the next unit; each a pair (height, width)."""

    first: tuple[int, int]
    last: tuple[int, int]
    stride: tuple[int, int]

    @property
    def size(self) -> tuple[int, int]:
        return (self.last[0] - self.first[0] + 1, self.last[1] - self.first[1] + 1)


def receptive_field(model: keras.Model, layer_name: str) -> Field:
    """What one unit of a layer sees; raises :class:`LayerNotFound` if it sees the whole picture or is no map."""
    field = _receptive_fields(model).get(id(find_layer(model, layer_name).output))
    if field is None:
        raise LayerNotFound(layer_name, conv_layers(model), model.name)
    return field


def _receptive_fields(model: keras.Model) -> dict[int, Field | None]:
    """Follow the graph from the input; maps the identity of each layer's output tensor to its field."""
    fields: dict[int, Field | None] = {id(tensor): Field((0, 0), (0, 0), (1, 1)) for tensor in model.inputs}
    for nodes in (model._nodes_by_depth[depth] for depth in sorted(model._nodes_by_depth, reverse=True)):
        for node in nodes:
            inputs = [fields.get(id(tensor)) for tensor in node.input_tensors]
            for output in node.outputs:
                if inputs:
                    fields[id(output)] = _through(node.operation, inputs, node.input_tensors, output)
    return fields


def _through(layer: keras.Layer, inputs: list[Field | None], tensors: list, output) -> Field | None:
    """The field after a layer, from the fields before it. None: the whole picture, or not a map any more."""
    if None in inputs or len(output.shape) != 4:
        return None
    merged = Field(
        tuple(min(field.first[axis] for field in inputs) for axis in (0, 1)),
        tuple(max(field.last[axis] for field in inputs) for axis in (0, 1)),
        tuple(max(field.stride[axis] for field in inputs) for axis in (0, 1)),
    )
    if isinstance(layer, keras.layers.ZeroPadding2D | keras.layers.Cropping2D):
        sign = -1 if isinstance(layer, keras.layers.ZeroPadding2D) else 1
        amount = getattr(layer, "padding", None) or layer.cropping
        shift = [sign * amount[axis][0] * merged.stride[axis] for axis in (0, 1)]
        return merged._replace(
            first=tuple(np.add(merged.first, shift).tolist()), last=tuple(np.add(merged.last, shift).tolist())
        )
    window = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)
    if window is not None:
        return _slide(merged, window, layer, tensors[0].shape[1:3])
    same_map = all(tensor.shape[1:3] == output.shape[1:3] for tensor in tensors)
    return merged if same_map else None


def _slide(field: Field, window: tuple[int, int], layer: keras.Layer, shape: tuple) -> Field:
    """The field after a convolution or a pooling: the window covers `reach` units of the map before it."""
    first, last, stride = [], [], []
    for axis in (0, 1):
        step = layer.strides[axis]
        reach = (window[axis] - 1) * getattr(layer, "dilation_rate", (1, 1))[axis] + 1
        before = 0
        if layer.padding == "same":  # TensorFlow puts the smaller half in front
            covered = (-(-shape[axis] // step) - 1) * step + reach - shape[axis] if shape[axis] else reach - step
            before = max(covered, 0) // 2
        first.append(field.first[axis] - before * field.stride[axis])
        last.append(field.last[axis] + (reach - 1 - before) * field.stride[axis])
        stride.append(field.stride[axis] * step)
    return Field(tuple(first), tuple(last), tuple(stride))
