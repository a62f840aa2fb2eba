"""Style transfer and feature inversion: pictures with given feature maps, or with given statistics of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .backend import keras, tf
from .dream import resized
from .errors import check_choices, check_numbers
from .images import load_image
from .layers import conv_layers, get_submodel, layer_table
from .models import preprocess
from .objectives import layer_weights
from .progress import progress_bar

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # what red, green and blue add to lightness (ITU-R BT.601)
RATE = 0.03  # of Adam, in levels from 0 to 1


def gram_matrix(maps: Any) -> Any:
    """Which channels respond together, wherever they do: the mean product of each pair of feature maps.

    Parameters
    ----------
    maps
        float32 ``(h, w, channels)`` or ``(1, h, w, channels)``, array or tensor.

    Returns
    -------
    tensor
        float32 ``(channels, channels)``: the Gram matrix of Gatys, Ecker and Bethge (2015), divided by the number of
        places ``h * w``, so that pictures of two sizes can be compared.
    """
    flat = tf.reshape(maps, [-1, maps.shape[-1]])
    return tf.matmul(flat, flat, transpose_a=True) / tf.cast(tf.shape(flat)[0], flat.dtype)


def style_transfer(
    model: keras.Model,
    content: Any,
    style: Any,
    *,
    content_layers: str | Iterable[str] | dict[str, float] | None = None,
    style_layers: str | Iterable[str] | dict[str, float] | None = None,
    style_weight: float = 3.0,
    total_variation: float = 5.0,
    octaves: int = 3,
    iters: int = 100,
    optimizer: str = "adam",
    pooling: str = "average",
    start: str = "content",
    keep_colours: bool = False,
    seed: int = 0,
    preview: Callable[[np.ndarray], None] | None = None,
) -> np.ndarray:
    """Paint what one picture shows in the manner of another (Gatys, Ecker and Bethge 2015).

    Of the content the feature maps are kept, of the style the Gram matrices of feature maps. ("A Neural Algorithm of
    Artistic Style", arXiv:1508.06576). Each distance is divided by the squared length of its target, so that weights
    mean the same in any layer of any network; the authors rescaled the network's weights to that end.

    Parameters
    ----------
    model
        From :func:`helpers.load_model`.
    content, style
        float32 ``(height, width, 3)``, RGB in [0, 1], or whatever :func:`helpers.load_image` takes. They may differ in
        size: the size of the style's strokes is that in its picture.
    content_layers, style_layers
        A layer's name, several names, or ``{name: weight}``; the weights are divided by their sum. By default those of
        the paper: ``block4_conv2``, and the first convolution of each block; in another network their like.
    style_weight
        How much style counts beside content, which counts 1.
    total_variation
        Weight of the mean squared difference between neighbouring pixels, which keeps grain away.
    octaves, iters
        Paint at so many sizes, each twice the one before, with so many steps at each: large fields of colour come from
        the small ones (Gatys, Ecker, Bethge, Hertzmann and Shechtman, "Controlling Perceptual Factors in Neural Style
        Transfer", 2017). Sizes below 32 pixels are left out.
    optimizer
        ``"adam"`` (Kingma and Ba 2015), clipped to [0, 1] at each step; or ``"lbfgs"`` as in the paper (SciPy's,
        within bounds), which gets further in a step but takes more time for it.
    pooling
        ``"average"``, which the authors put in the place of the network's max pooling; or ``"max"``.
    start
        ``"content"``, or ``"noise"``, which only ``seed`` decides.
    keep_colours
        Paint in lightness alone and keep the content's colours (Gatys, Bethge, Hertzmann and Shechtman, "Preserving
        Color in Neural Artistic Style Transfer", 2016, luminance-only transfer).
    seed
        Of the noise.
    preview
        Is called after each step with the picture so far (with ``keep_colours`` still in grey).

    Returns
    -------
    numpy.ndarray
        float32 ``(height, width, 3)``, RGB in [0, 1], as large as the content. If the kernel is interrupted:
        the picture so far.

    Raises
    ------
    LayerNotFound
        If the network has no such layer, or it gives no feature maps.
    ImageError
        If ``content`` or ``style`` is no picture.
    ValueError
        If another argument makes no sense, or the network cannot take pictures of that size.
    """
    check_numbers(style_weight=(style_weight, 0.0, 1e9), total_variation=(total_variation, 0.0, 1e9))
    check_numbers(octaves=(octaves, 1, 8), iters=(iters, 1, 100_000), seed=(seed, 0, 2**31 - 1))
    check_choices(optimizer=(optimizer, ("lbfgs", "adam")), pooling=(pooling, ("max", "average")))
    check_choices(start=(start, ("content", "noise")))
    content, style, blocks = _picture(model, content), _picture(model, style), stages(model)
    kept = _shares(model, content_layers or blocks[-2:][0][:2][-1], 1.0)
    painted = _shares(model, style_layers or [names[0] for names in blocks[:5]], style_weight)
    if keep_colours:
        colours, content, style = content, _grey(content), _grey(style)
        style = np.clip((style - style.mean()) * content.std() / max(style.std(), 1e-6) + content.mean(), 0, 1)
    noise = np.random.default_rng(seed).normal(0.5, 0.1, content.shape).clip(0, 1).astype(np.float32)
    made = content if start == "content" else noise
    loss = feature_loss(model, [(tf.identity, kept), (gram_matrix, painted)], total_variation, pooling)
    fitting = min(*content.shape[:2], *style.shape[:2]) // 32 if None in model.input_shape[1:3] else 1
    for divisor in (2**power for power in reversed(range(octaves)) if 2**power <= fitting):
        small, strokes = (_divided(picture, divisor) for picture in (content, style))
        begin = resized(made, small.shape[:2]).clip(0, 1)
        made, stopped = descend(loss(small, strokes), begin, iters, optimizer, preview)
        if stopped:
            break
    made = resized(made, content.shape[:2]).clip(0, 1)
    return np.clip(colours + _grey(made - content), 0, 1) if keep_colours else made


def invert_features(model: keras.Model, image: Any, layer_name: str, **options: Any) -> np.ndarray:
    """A picture made from noise that gives one layer the same feature maps: what it lost, the layer does not know.

    Mahendran and Vedaldi, "Understanding Deep Image Representations by Inverting Them" (2015): the squared distance of
    the maps, divided by their squared length, plus total variation.

    Parameters
    ----------
    image
        float32 ``(height, width, 3)``, RGB in [0, 1], or whatever :func:`helpers.load_image` takes.
    layer_name
        A layer that gives feature maps.
    model, options
        As for :func:`style_transfer`: ``iters``, ``total_variation``, ``optimizer``, ``pooling``, ``seed``...

    Returns
    -------
    numpy.ndarray
        float32 ``(height, width, 3)``, RGB in [0, 1].

    Raises
    ------
    LayerNotFound, ImageError, ValueError
        As :func:`style_transfer`.
    """
    options = {"style_weight": 0, "start": "noise", "octaves": 1, "pooling": "max"} | options
    return style_transfer(model, image, image, content_layers=layer_name, **options)


def feature_loss(
    model: keras.Model, forms: list[tuple[Callable, dict[str, float]]], total_variation: float, pooling: str = "max"
) -> Callable[..., Callable[[Any], tuple[Any, Any]]]:
    """Compile the loss of a picture whose layers' maps, in some form, are to be those of other pictures.

    For ``forms`` of ``[(form, {layer: weight}), ...]`` the result takes as many pictures, and gives a function of a
    tensor ``(h, w, 3)`` that returns the loss and its gradient.
    """
    parts = [
        (n, form, name, weight) for n, (form, names) in enumerate(forms) for name, weight in names.items() if weight
    ]
    names, compiled = list(dict.fromkeys(name for _, _, name, _ in parts)), []
    submodel = get_submodel(model, names)
    if pooling == "average":
        kinds = {keras.layers.MaxPooling2D: keras.layers.AveragePooling2D}
        copied = lambda layer: kinds.get(type(layer), type(layer)).from_config(layer.get_config())  # noqa: E731
        submodel, original = keras.models.clone_model(submodel, clone_function=copied), submodel
        submodel.set_weights(original.get_weights())
        submodel.network = original.network

    def features(picture: Any) -> dict[str, Any]:
        outputs = submodel(preprocess(submodel, picture), training=False)
        return dict(zip(names, keras.tree.flatten(outputs), strict=True))

    def evaluate(picture: Any, targets: list) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            tape.watch(picture)
            maps, down, right = features(picture), picture[1:] - picture[:-1], picture[:, 1:] - picture[:, :-1]
            loss = total_variation * (tf.reduce_mean(down**2) + tf.reduce_mean(right**2))
            for (_, form, name, weight), target in zip(parts, targets, strict=True):
                distance = tf.reduce_sum((form(maps[name]) - target) ** 2)
                loss += weight * tf.math.divide_no_nan(distance, tf.reduce_sum(target**2))
        return loss, tape.gradient(loss, picture)

    def wanted(*pictures: np.ndarray) -> Callable[[Any], tuple[Any, Any]]:
        maps = [features(picture) for picture in pictures]
        targets = [form(maps[n][name]) for n, form, name, _ in parts]
        if not compiled:
            any_size = [tf.TensorSpec([None] * (len(target.shape) - 1) + [target.shape[-1]]) for target in targets]
            compiled.append(tf.function(evaluate).get_concrete_function(tf.TensorSpec((None, None, 3)), any_size))
        return lambda picture: compiled[0](picture, targets)

    return wanted


def descend(
    evaluate: Callable, start: np.ndarray, iters: int, optimizer: str, preview: Callable | None = None
) -> tuple[np.ndarray, bool]:
    """The picture, clipped to [0, 1], after some steps that lower a loss; and whether the kernel was interrupted."""
    from scipy.optimize import Bounds, minimize

    variable, adam = tf.Variable(start), keras.optimizers.Adam(RATE)

    def loss(flat: np.ndarray) -> list[np.ndarray]:
        return [np.float64(number).ravel() for number in evaluate(tf.constant(flat.reshape(start.shape), tf.float32))]

    def after(picture: Any) -> None:
        variable.assign(tf.clip_by_value(tf.reshape(tf.cast(picture, tf.float32), start.shape), 0, 1))
        bar.update()
        if preview:
            preview(variable.numpy())

    with progress_bar(total=iters, desc=optimizer, unit="step") as bar:
        try:
            if optimizer == "lbfgs":
                options = {"maxiter": iters, "maxfun": 10 * iters, "ftol": 0, "gtol": 0}
                rest = {"bounds": Bounds(0, 1), "callback": after, "options": options}
                minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", **rest)
            for _ in range(iters if optimizer == "adam" else 0):
                adam.apply([evaluate(variable.value())[1]], [variable])
                after(variable)
        except KeyboardInterrupt:
            print("Stopped: the picture so far.")
            return variable.numpy(), True
    return variable.numpy(), False


def stages(model: keras.Model) -> list[list[str]]:
    """The convolutions at each resolution, from the input to the output: for VGG16 its five blocks."""
    table = layer_table(model).dropna(subset=["stride"])
    return table[table["name"].isin(conv_layers(model))].groupby("stride")["name"].agg(list).tolist()


def _shares(model: keras.Model, layers: Any, total: float) -> dict[str, float]:
    """``{layer: weight}`` with weights of that sum."""
    weights = layer_weights(model, layers)
    if min(weights.values()) < 0 or not sum(weights.values()):
        raise ValueError(f"The weights of the layers are {weights}; they must be 0 or more, and not all 0.")
    return {name: total * weight / sum(weights.values()) for name, weight in weights.items()}


def _grey(picture: np.ndarray) -> np.ndarray:
    return np.repeat((picture @ LUMA)[..., None], 3, axis=2)


def _divided(picture: np.ndarray, divisor: int) -> np.ndarray:
    return resized(picture, (picture.shape[0] // divisor, picture.shape[1] // divisor)).clip(0, 1)


def _picture(model: keras.Model, image: Any) -> np.ndarray:
    """The picture, loaded; ValueError if the network cannot take one of its size."""
    image, sides = load_image(image), model.input_shape[1:3]
    valid = " x ".join(str(side or "32 or more") for side in sides)
    if any(own != side if side else own < 32 for side, own in zip(sides, image.shape, strict=False)):
        raise ValueError(f"{model.name} takes pictures of {valid} pixels only, not {image.shape[:2]}.")
    return image
