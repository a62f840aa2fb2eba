"""Pictures painted by gradients: DeepDream, style transfer and feature inversion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .backend import graph_of, keras, progress_bar, tf
from .images import load_image
from .layers import conv_layers, get_submodel, layer_table
from .models import preprocess
from .objectives import Objective, Term, check, check_places, layer_shares, responses_of

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # what red, green and blue add to lightness (ITU-R BT.601)


def deep_dream(
    model: keras.Model, image: Any, layers: str | Sequence[str] | dict[str, float] | Objective,
    *, octaves: int = 3, scale: float = 1.4,
    iters: int = 10, rate: float = 0.01, jitter: int = 32, tile: int = 400, seed: int = 0,
) -> np.ndarray:  # fmt: skip
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
        Of the rolls: the same seed gives the same picture, to the bit on one machine, with any number of threads; a
        processor with other instructions changes a number by 0.007 on average.

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
    if not isinstance(layers, Objective):
        shares = layer_shares(model, layers)
        layers = Objective(tuple(Term("layer", name, None, weight=share) for name, share in shares.items()))
    image, goal = load_image(image), check(model, layers)
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


def _gradient(model: keras.Model, goal: Objective) -> Callable[[Any], Any]:
    """Pictures (1, h, w, 3) -> gradient of that shape; compiled once for each objective, for any size."""
    kept = model.__dict__.setdefault("_dreams", {})
    if goal not in kept:
        respond = responses_of(model, goal, before_activation=all(term.kind != "layer" for term in goal.terms))

        def gradient(images: Any) -> Any:
            response, _ = respond(images, tf.constant([[term.index or 0] for term in goal.terms]))
            return tf.gradients(response, images)[0]

        kept[goal] = graph_of(tf.function(gradient, autograph=False), tf.TensorSpec((1, None, None, 3)))
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
    rolled, (rows, columns) = np.roll(picture, shift, axis=(0, 1)), (-(-side // tile) for side in picture.shape[:2])
    strips = [np.array_split(strip, columns, axis=1) for strip in np.array_split(rolled, rows)]
    found = [np.concatenate([gradient(tf.constant(part[None]))[0] for part in strip], axis=1) for strip in strips]
    return np.roll(np.concatenate(found), np.negative(shift), axis=(0, 1))


def gram_matrix(maps: np.ndarray | tf.Tensor) -> tf.Tensor:
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
    flat = tf.reshape(tf.cast(maps, tf.float32), [-1, maps.shape[-1]])
    return tf.matmul(flat, flat, transpose_a=True) / tf.cast(tf.shape(flat)[0], flat.dtype)


def style_transfer(
    model: keras.Model, content: Any, style: Any,
    *, content_layers: str | Sequence[str] | dict[str, float] | None = None,
    style_layers: str | Sequence[str] | dict[str, float] | None = None,
    style_weight: float = 10.0, total_variation: float = 5.0, octaves: int = 3, iters: int = 100,
    noise: bool = False, keep_colours: bool = False, seed: int = 0,
    preview: Callable[[np.ndarray], None] | None = None,
) -> np.ndarray:  # fmt: skip
    """Paint what one picture shows in the manner of another (Gatys, Ecker and Bethge 2015).

    Of the content the feature maps are kept, of the style the Gram matrices of feature maps. ("A Neural Algorithm of
    Artistic Style", arXiv:1508.06576). Each distance is divided by the squared length of its target, so that weights
    mean the same in any layer of any network; the authors rescaled the network's weights to that end ("Image Style
    Transfer Using Convolutional Neural Networks", 2016). As they did, the network's max pooling is replaced by average
    pooling, which gives smoother pictures.

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
        Paint at so many sizes, each twice the one before, with so many steps of Adam (Kingma and Ba 2015) at each. In
        the same time it gets further than L-BFGS, which the authors used. Large fields of colour come from the small
        sizes (Gatys, Ecker, Bethge, Hertzmann and Shechtman, "Controlling Perceptual Factors in Neural Style
        Transfer", 2017). Sizes below 32 pixels are left out.
    noise
        Begin with noise, which only ``seed`` decides, in place of the content.
    keep_colours
        Paint in lightness alone and keep the content's colours (Gatys, Bethge, Hertzmann and Shechtman, "Preserving
        Color in Neural Artistic Style Transfer", 2016, luminance-only transfer).
    seed
        Of the noise. The same seed gives the same picture, to the bit on one machine, with any number of threads.
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
        If another argument makes no sense.
    """
    content, style, blocks = load_image(content), load_image(style), stages(model)
    if (least := min(*content.shape[:2], *style.shape[:2])) < 32:
        raise ValueError(f"content and style need 32 or more pixels a side; here it is {least}.")
    content_layers = blocks[-2:][0][:2][-1:] if content_layers is None else content_layers
    style_layers = [names[0] for names in blocks[:5]] if style_layers is None else style_layers
    kept, painted = layer_shares(model, content_layers), layer_shares(model, style_layers, style_weight)
    if keep_colours:
        colours, content, style = content, _grey(content), _grey(style)
        style = np.clip((style - style.mean()) * content.std() / max(style.std(), 1e-6) + content.mean(), 0, 1)
    made = np.float32(np.random.default_rng(seed).normal(0.5, 0.1, content.shape).clip(0, 1)) if noise else content
    for divisor in (2**power for power in reversed(range(octaves)) if 2**power <= least // 32):
        small, strokes = (load_image(each, [side // divisor for side in each.shape[:2]]) for each in (content, style))
        loss = feature_loss(model, small, strokes, kept, painted, total_variation)
        made, iters = descend(loss, load_image(made, small.shape[:2]), iters, preview)
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
        As for :func:`style_transfer`: ``iters``, ``total_variation``, ``seed``...

    Returns
    -------
    numpy.ndarray
        float32 ``(height, width, 3)``, RGB in [0, 1].

    Raises
    ------
    LayerNotFound, ImageError, ValueError
        As :func:`style_transfer`.
    """
    options = {"style_weight": 0, "noise": True, "octaves": 1} | options
    return style_transfer(model, image, image, content_layers=layer_name, **options)


def feature_loss(model: keras.Model, content: Any, style: Any, kept: dict, painted: dict, variation: float) -> Callable:
    """A function of a picture, a tensor ``(h, w, 3)``, that gives its loss and the gradient of that.

    ``kept`` are the weights of the layers whose maps are to be those of the content, ``painted`` of those whose Gram
    matrices are to be those of the style (with average pooling), ``variation`` that of the total variation.
    """
    asked, firsts, averaging = {*kept, *painted}, {block[0] for block in stages(model)}, bool(painted)
    names = [layer.name for layer in model.layers if layer.name in asked | firsts]
    names = names[: 1 + max(map(names.index, asked))]  # more than asked for: so one graph serves many choices
    key, graphs = (*names, averaging), model.__dict__.setdefault("_paintings", {})
    if key not in graphs:
        cut = get_submodel(model, names)
        submodel = keras.models.clone_model(cut, clone_function=_averaging) if averaging else cut

        def describe(picture: Any) -> list:
            maps = [tf.cast(each, tf.float32) for each in keras.tree.flatten(submodel(preprocess(model, picture)))]
            return maps + [gram_matrix(each) for each in maps if averaging]

        @tf.function(autograph=False)
        def evaluate(picture: Any, weights: Any, wanted: list) -> tuple[Any, Any]:
            down, right = picture[1:] - picture[:-1], picture[:, 1:] - picture[:, :-1]
            losses = [tf.reduce_mean(down**2) + tf.reduce_mean(right**2)]
            for found, target in zip(describe(picture), wanted, strict=True):
                losses.append(tf.math.divide_no_nan(tf.reduce_sum((found - target) ** 2), tf.reduce_sum(target**2)))
            loss = tf.tensordot(weights, losses, 1)
            return loss, tf.gradients(loss, picture)[0]

        picture, rest = tf.TensorSpec((None, None, 3)), tf.TensorSpec(None)
        graphs[key] = describe, graph_of(evaluate, picture, rest, [rest] * len(names) * (1 + averaging))
    describe, evaluate = graphs[key]
    wanted = describe(content)[: len(names)] + describe(style)[len(names) :]
    shares = [weights.get(name, 0.0) for weights in (kept, painted) for name in names][: len(wanted)]
    return lambda picture: evaluate(picture, tf.constant([variation, *shares]), wanted)


def descend(evaluate: Callable, start: np.ndarray, iters: int, preview: Callable | None = None) -> tuple:
    """The picture, clipped to [0, 1], after some steps that lower a loss; and their number, 0 if it was interrupted."""
    picture, mean, square = start, 0.0, 0.0
    try:
        for step in progress_bar(iterable=range(1, iters + 1), desc="painting", unit="step"):
            gradient = evaluate(tf.constant(picture))[1].numpy()  # then Adam, without what Keras does around it
            mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
            rate = 0.03 * (1 - 0.999**step) ** 0.5 / (1 - 0.9**step)
            picture = np.clip(picture - rate * mean / (np.sqrt(square) + 1e-7), 0, 1)
            if preview:
                preview(picture)
    except KeyboardInterrupt:
        print("Stopped: the picture so far.")
        iters = 0  # what is left is to enlarge it
    return picture, iters


def _averaging(layer: keras.Layer) -> keras.Layer:
    """Average pooling in place of max pooling; any other layer as it is, so that no weights are copied."""
    is_max = isinstance(layer, keras.layers.MaxPooling2D)
    return keras.layers.AveragePooling2D.from_config(layer.get_config()) if is_max else layer


def stages(model: keras.Model) -> list[list[str]]:
    """The convolutions at each resolution, from the input to the output: for VGG16 its five blocks."""
    table = layer_table(model).dropna(subset=["stride"])
    return table[table["name"].isin(conv_layers(model))].groupby("stride")["name"].agg(list).tolist() or [[None]]


def _grey(picture: np.ndarray) -> np.ndarray:
    return np.repeat((picture @ LUMA)[..., None], 3, axis=2)
