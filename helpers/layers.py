"""The layers of a network: their names, what each one sees of the picture, and the network cut at any of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from .backend import keras
from .errors import LayerNotFound

Names = str | Sequence[str]  # one name, or several


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
    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D)
    return [layer.name for layer in model.layers if isinstance(layer, kinds)]


def find_call(model: keras.Model, name: str) -> Any:
    """A layer's first call in this network, with its tensors; raises :class:`LayerNotFound` with near matches.

    Of Keras' graph, a node: ``operation`` is the layer, whose own ``output`` may be that in a network made before.
    """
    graph = getattr(model, "_functional", model)._nodes_by_depth  # a sequential network stands around a functional one
    calls = {node.operation.name: node for _, nodes in sorted(graph.items()) for node in nodes}
    if name not in calls:
        raise LayerNotFound(name, [layer.name for layer in model.layers], model.name)
    return calls[name]


def get_submodel(model: keras.Model, layer_names: Names, *, before_activation: bool = False) -> keras.Model:
    """Cut the network: from its input to the output of one layer or of several.

    Parameters
    ----------
    model
        A functional Keras model.
    layer_names
        One name gives a model with one output, several give a model with a list of outputs in that order.
    before_activation
        Take what a layer computes before its fused activation (for VGG16: before the ReLU), or before the softmax that
        it is. A layer without either gives the same either way.

    Returns
    -------
    keras.Model
        Shares its weights with ``model``; works on what :func:`helpers.preprocess` returns.

    Raises
    ------
    LayerNotFound
        If a name is unknown; the message lists near matches.
    """
    names = layer_names if isinstance(layer_names, str) else list(layer_names)
    output = _before_activation if before_activation else lambda call: call.outputs[0]
    tensors = {name: output(find_call(model, name)) for name in keras.tree.flatten(names) or [None]}
    submodel = keras.Model(model.inputs[0], keras.tree.map_structure(tensors.get, names), name=model.name)
    submodel.network = getattr(model, "network", None)
    return submodel


def _before_activation(call: Any) -> keras.KerasTensor:
    """The output of a layer's call without its fused activation; the weights stay shared."""
    layer, activation = call.operation, getattr(call.operation, "activation", None)
    if isinstance(layer, keras.layers.Softmax) or (activation is keras.activations.softmax and not layer.weights):
        return call.input_tensors[0]
    if activation in (None, keras.activations.linear) or not layer.weights:
        return call.outputs[0]
    bare, shape, name = without_activation(layer).call, call.outputs[0].shape, f"{layer.name}_before_activation"
    return keras.layers.Lambda(bare, lambda _: shape, name=name, dtype=layer.dtype_policy)(call.input_tensors[0])


def without_activation(layer: keras.Layer) -> keras.Layer:
    """The same layer, with the same weights, without its fused activation."""
    bare = object.__new__(type(layer))  # copy.copy would write the weights to a file and read them
    vars(bare).update(vars(layer), activation=keras.activations.linear)
    return bare


def kernel_of(layer: keras.Layer) -> keras.Variable | None:
    """The four-dimensional kernel of a layer, if it has one; of a separable one the depthwise kernels."""
    return next((weight for weight in layer.weights if len(weight.shape) == 4), None)


def layer_table(model: keras.Model) -> pd.DataFrame:
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
    columns = ["name", "type", "output_shape", "kernel_shape", "parameters", "receptive_field", "stride"]
    fields, rows = _receptive_fields(model), []
    for layer in model.layers:
        output = find_call(model, layer.name).outputs[0]
        shape, kernel = output.shape[1:], None if kernel_of(layer) is None else tuple(kernel_of(layer).shape)
        _, size, stride = fields.get(id(output), (None, None, None))
        rows.append((layer.name, type(layer).__name__, tuple(shape), kernel, layer.count_params(), size, stride))
    return pd.DataFrame(rows, columns=columns)


class Field(NamedTuple):
    """What unit (0, 0) of a map sees, and the step in input pixels to the next unit; each a pair (height, width)."""

    first: tuple[int, int]
    size: tuple[int, int]
    stride: tuple[int, int]


def receptive_field(model: keras.Model, layer_name: str) -> Field:
    """What one unit of a layer sees; raises :class:`LayerNotFound` if it sees the whole picture or is no map."""
    field = _receptive_fields(model).get(id(find_call(model, layer_name).outputs[0]))
    if field is None:
        raise LayerNotFound(layer_name, conv_layers(model), model.name)
    return field


def _receptive_fields(model: keras.Model, begin: Any = ((0, 0), (1, 1), (1, 1))) -> dict[int, Field]:
    """Follow the graph from the input; maps the identity of each layer's output tensor to its field, if it has one."""
    fields = dict.fromkeys(map(id, model.inputs), Field(*begin))
    for _, nodes in sorted(getattr(model, "_functional", model)._nodes_by_depth.items(), reverse=True):
        for node in nodes:
            if node.input_tensors and all(id(tensor) in fields for tensor in node.input_tensors):
                firsts, sizes, strides = np.stack([fields[id(tensor)] for tensor in node.input_tensors], axis=1)
                first = firsts.min(axis=0)
                before = np.stack([first, (firsts + sizes).max(axis=0) - first, strides.max(axis=0)])
                for output in node.outputs:
                    after = _through(node.operation, before, node.input_tensors, output)
                    fields |= {} if after is None else {id(output): Field(*map(tuple, np.array(after).tolist()))}
    return fields


def _through(layer: keras.Layer, field: np.ndarray, inputs: list, output: keras.KerasTensor) -> np.ndarray | None:
    """The field after a layer, from the field before it. None: the whole picture, or not a map any more."""
    if len(output.shape) != 4 or type(layer).__name__ in ("UpSampling2D", "Conv2DTranspose", "Resizing"):
        return None
    if isinstance(layer, keras.Model):  # a network among the layers
        return _receptive_fields(layer, field).get(id(layer.outputs[0])) if getattr(layer, "inputs", None) else None
    first, size, stride = field
    if isinstance(layer, keras.layers.ZeroPadding2D | keras.layers.Cropping2D):
        cropped = layer.cropping if isinstance(layer, keras.layers.Cropping2D) else np.negative(layer.padding)
        return np.stack([first + np.array(cropped)[:, 0] * stride, size, stride])
    window = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)
    if window is None:
        return field if all(tensor.shape[1:3] == output.shape[1:3] for tensor in inputs) else None
    # the window covers reach units
    step, before, reach = np.array(layer.strides), 0, (np.array(window) - 1) * getattr(layer, "dilation_rate", 1) + 1
    if layer.padding == "same":  # TensorFlow puts the smaller half in front
        sides = np.array([side or any_side for side, any_side in zip(inputs[0].shape[1:3], step, strict=True)])
        before = np.maximum((-(-sides // step) - 1) * step + reach - sides, 0) // 2
    return np.stack([first - before * stride, size + (reach - 1) * stride, stride * step])
