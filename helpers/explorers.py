"""Sliders: choose a network, a photo, a layer and a channel or filter, and see the answer."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets
import matplotlib
import numpy as np
import skimage
from PIL import Image

from .activations import feature_maps, get_kernels, rgb_kernels, strongest_patches
from .ascent import visualize_filter
from .backend import keras
from .controls import FRAME, LEVELS, PALETTE, PAPER, Explorer, NetworkExplorer, channels_of, to_bytes
from .errors import WeightsUnavailable
from .gallery import STEPS, stored_layer
from .images import load_image
from .layers import conv_layers
from .models import class_labels
from .painting import deep_dream
from .plotting import SIGNED_COLOURS, normalize, signed, tile
from .saliency import OF_A_LAYER, Question, overlay, saliency_map

HEIGHT = 256  # pixels, of a picture
ANSWERS = 5  # classes, or channels, that one can ask about


def _beside(*pictures: np.ndarray, smooth: bool = False) -> np.ndarray:
    """Pictures at one height side by side, uint8; not smoothed, so that a map's units can be counted."""
    parts, kind = [], Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    for picture in map(to_bytes, pictures):
        size = (max(1, round(picture.shape[1] * HEIGHT / len(picture))), HEIGHT)
        gap = np.full((HEIGHT, 8, *picture.shape[2:]), PAPER, np.uint8)
        parts += [gap, np.asarray(Image.fromarray(picture).resize(size, kind))]
    return np.concatenate(parts[1:], axis=1)


def _tiles(pictures: np.ndarray) -> np.ndarray:
    """uint8 pictures ``(n, h, w)`` or ``(n, h, w, 3)`` as a sheet's tiles, each with a white rim."""
    step, axes = max(1, round(pictures.shape[1] * np.sqrt(len(pictures)) / HEIGHT)), pictures.ndim
    small = skimage.transform.downscale_local_mean(pictures, (1, step, step, 1)[:axes]).astype(np.uint8)
    return np.pad(small, ((0, 0), (2, 2), (2, 2), (0, 0))[:axes], constant_values=PAPER)


def _with_sheet(explorer: NetworkExplorer, picture: np.ndarray, tiles: np.ndarray, chosen: int) -> np.ndarray:
    """A picture beside the sheet of its layer's, on which the chosen one is framed and any can be clicked."""
    (count, height, width), framed = tiles.shape[:3], tiles.copy()
    framed[chosen, [0, 1, -2, -1]] = framed[chosen][:, [0, 1, -2, -1]] = FRAME if tiles.ndim == 3 else PALETTE[FRAME]
    columns = int(np.ceil(np.sqrt(1.4 * count * height / width)))
    sheet = tile(framed, columns, 0, PAPER)
    joined = _beside(picture, sheet)
    wide = HEIGHT / len(sheet) / joined.shape[1]  # a pixel of the sheet, as a share of the whole picture
    explorer.sheet = (1 - wide * sheet.shape[1], height / len(sheet), width * wide, columns)
    return joined


def _levels(model: keras.Model, photo: np.ndarray, layer: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A layer's maps as levels ``(channels, h, w)``, their tiles, the share above zero and the peak of each."""
    maps = feature_maps(model, photo, layer)[layer]
    levels = np.moveaxis(np.round(normalize(maps) * (LEVELS - 1)).astype(np.uint8), -1, 0).copy()
    return levels, _tiles(levels), (maps > 0).mean(axis=(0, 1)), maps.max(axis=(0, 1))


def _with_kernels(model: keras.Model, _: Any = None) -> dict[str, int]:
    """The convolutions with a kernel for each channel, and how many; depthwise and separable ones have none."""
    return {name: count for name, count in channels_of(model).items() if get_kernels(model, name).shape[3] == count}


def _each(count: int) -> Callable[[keras.Model], dict[str, int]]:
    """So many in each convolution."""
    return lambda model: dict.fromkeys(conv_layers(model), count)


def _kernel(model: keras.Model, _: Any, layer: str, number: int) -> tuple[np.ndarray, str]:
    """A kernel as RGB, and what it shows: nine pixels a weight, with a dot on the negative ones."""
    kernel = get_kernels(model, layer)[..., number]
    if layer == conv_layers(model)[0] and kernel.shape[2] == 3:
        return 0.5 + signed(rgb_kernels(model)[..., number]) / 2, "the kernel in colour (mid-grey is zero)"
    strongest = np.argsort(-np.abs(kernel).sum(axis=(0, 1)), kind="stable")[:9].tolist()
    slices = np.moveaxis(signed(kernel[..., strongest]), -1, 0).repeat(9, axis=1).repeat(9, axis=2)
    coloured = matplotlib.colormaps[SIGNED_COLOURS]((slices + 1) / 2)[..., :3]
    centres, weights = coloured[:, 4::9, 4::9], slices[:, 4::9, 4::9]
    centres[weights < 0] = 0
    centres[weights < -0.6] = 1
    seen = f"its strongest slices (red positive, blue with a dot negative), which read channels {str(strongest)[1:-1]}"
    return tile(coloured, 3, 6, 0.6), seen


def _stored(model: keras.Model, _: Any, layer: str) -> tuple[list[dict], np.ndarray | None, np.ndarray | None]:
    """The quality cards, pictures and tiles of a layer from the gallery; no cards if it does not show these weights."""
    cards, pictures = stored_layer(model, layer) or ([], None)
    return cards, pictures, _tiles(to_bytes(pictures)) if cards else None


def _answers(model: keras.Model, photo: np.ndarray) -> tuple[np.ndarray, list[tuple[int, str]]]:
    """The photo at the network's size; numbers and names of its strongest classes, or channels if it has no head."""
    scale = getattr(getattr(model, "network", None), "default_size", 224) / min(photo.shape[:2])
    small = load_image(photo, [round(scale * side) for side in photo.shape[:2]])
    question = Question(model, small)
    strongest = np.argsort(-question.scores(small[None])[0])[:ANSWERS].tolist()
    names = [f"{'class' if question.has_head else 'channel'} {number}" for number in strongest]
    with contextlib.suppress(WeightsUnavailable):  # the names of ImageNet's classes are a file
        names = [class_labels(model)[number] for number in strongest] if question.has_head else names
    return small, list(zip(strongest, names, strict=True))


def feature_map_explorer(model: keras.Model, image: Any = None) -> Explorer:
    """Sliders for layer and channel: the chosen feature map, and all maps with the chosen one framed, to click on.

    Parameters
    ----------
    model
        From :func:`helpers.load_model`.
    image
        Whatever :func:`helpers.load_image` takes; the bundled cat by default.
    """

    def draw(explorer: NetworkExplorer, layer: str, channel: int) -> tuple[np.ndarray, str]:
        levels, tiles, shares, peaks = explorer.remember(_levels, layer)
        found = f"responds on {shares[channel]:.0%} of the photo, up to {peaks[channel]:.3g}"
        seen = "Left its map (brighter is stronger), right all maps: click on one to choose it."
        caption = f"<b>{layer}, channel {channel}</b> of {len(levels)}: {found}. {seen}"
        return _with_sheet(explorer, levels[channel], tiles, channel), caption

    return NetworkExplorer("Feature map", model, image, draw, channels_of, 0, noun="channel")


def kernel_explorer(model: keras.Model, image: Any = None) -> Explorer:
    """Sliders for layer and kernel: the kernel enlarged, and the feature map that it makes of the photo.

    The first layer's kernels are drawn in colour with zero as mid-grey; of a deeper one the nine slices with the
    largest weights, red for positive weights, blue with a dot for negative ones.

    Parameters
    ----------
    model
        From :func:`helpers.load_model`. Depthwise and separable convolutions are left out.
    image
        Whatever :func:`helpers.load_image` takes; the bundled cat by default.
    """

    def draw(explorer: NetworkExplorer, layer: str, number: int) -> tuple[np.ndarray, str, np.ndarray]:
        levels, _, shares, _ = explorer.remember(_levels, layer)
        kernel, seen = explorer.remember(_kernel, layer, number)
        few = Image.fromarray(to_bytes(kernel)).quantize(256 - len(PALETTE))  # levels take a third of the time
        palette = np.concatenate([PALETTE, np.reshape(np.uint8(few.getpalette()), (-1, 3))])
        made = f"that it makes of the photo (brighter is stronger), which is above zero on {shares[number]:.0%} of it"
        caption = f"<b>{layer}, kernel {number}</b> of {len(levels)}: left {seen}; right the map {made}."
        return _beside(np.asarray(few) + np.uint8(len(PALETTE)), levels[number]), caption, palette

    return NetworkExplorer("Kernel", model, image, draw, _with_kernels, 0, noun="kernel")


def filter_explorer(model: keras.Model, size: int = 96, image: Any = None) -> Explorer:
    """Sliders for layer, filter and steps: the picture that the filter wants to see, its kernel, and what it finds.

    Pictures of the gallery are there at once; others are drawn while one watches. Beside it are the kernel and the
    patches of the photo that excite the filter most; if the gallery has the layer, all its pictures, to click on.

    Parameters
    ----------
    model
        From :func:`helpers.load_model`.
    size
        Height and width of the pictures in pixels.
    image
        Whatever :func:`helpers.load_image` takes; the bundled cat by default.
    """

    def draw(explorer: NetworkExplorer, layer: str, number: int, steps: int) -> tuple[np.ndarray, str]:
        name = f"<b>{layer}, filter {number}</b> of {explorer.channels[layer]}: its picture"
        cards, pictures, tiles = explorer.remember(_stored, layer)

        def page(image: np.ndarray, *others: np.ndarray) -> np.ndarray:
            small = [skimage.transform.resize(other, (96, 96)) for other in others]
            main = _beside(image, *([tile(small, 3, 4)] if small else []), smooth=True)
            return _with_sheet(explorer, main, tiles, number) if cards else main

        def preview(images: np.ndarray) -> None:
            explorer.put(page(images[0]), f"{name} in {steps} steps of gradient ascent. <i>Drawing ...</i>")

        if steps == STEPS and cards and pictures.shape[1] == size:
            image, card = pictures[number], cards[number]
        else:
            made = visualize_filter(explorer.model, layer, number, steps, size, preview=preview)
            image, card = made.image, vars(made.quality)
        reached = f"It reaches {card['ratio']:.2g} times the 99.9th percentile of {card['source']}"
        caption = f"{name} after {steps} steps of gradient ascent. {reached}; the filter is no. {card['rank']} for it. "
        explorer.put(page(image), f"{caption}<i>Drawing what it finds in the photo ...</i>")
        own = [explorer.remember(_kernel, layer, number)[0]] if layer in explorer.remember(_with_kernels) else []
        patches = strongest_patches(explorer.model, layer, number, {"photo": explorer.image}, 6 - len(own))
        seen = f"Beside it {'its kernel and ' * len(own)}what excites it most in the photo."
        return page(image, *own, *(patch.image for patch in patches)), caption + seen

    extras = {"steps": widgets.IntSlider(STEPS, 1, 256, description="steps", continuous_update=False)}
    return NetworkExplorer("Filter", model, image, draw, channels_of, 0.5, noun="filter", extras=extras, slow=True)


def saliency_explorer(model: keras.Model, image: Any = None) -> Explorer:
    """Controls for layer, answer and method: the photo, and over it the map of what counts for that answer.

    The network sees the photo at the size it was trained with. The answers are its five strongest classes, or without
    a head its five strongest channels. A layer matters to the methods that use its maps.

    Parameters
    ----------
    model
        From :func:`helpers.load_model`.
    image
        Whatever :func:`helpers.load_image` takes; the bundled cat by default.
    """

    def draw(explorer: NetworkExplorer, layer: str, answer: int, method: str) -> tuple[np.ndarray, str]:
        small, answers = explorer.remember(_answers)
        target, name = answers[min(answer, len(answers) - 1)]  # there may be fewer
        found = saliency_map(explorer.model, small, method, target, layer_name=layer)
        found = skimage.transform.resize(found, explorer.image.shape[:2], order=1)
        where = layer if method in OF_A_LAYER else "every layer"
        caption = f"<b>{method} through {where} for {name}</b>: dark counts little, yellow most."
        return _beside(explorer.image, overlay(explorer.image, found), smooth=True), caption

    fast = [*OF_A_LAYER, "gradient", "guided_backpropagation"]
    extras = {"method": widgets.Dropdown(options=fast, description="method")}
    return NetworkExplorer("Saliency", model, image, draw, _each(ANSWERS), 1, noun="answer", extras=extras, slow=True)


def dream_explorer(model: keras.Model, image: Any = None) -> Explorer:
    """Sliders for layer and strength: the photo, and a small preview of its dream.

    Parameters
    ----------
    model
        From :func:`helpers.load_model`.
    image
        Whatever :func:`helpers.load_image` takes; the bundled cat by default.
    """

    def draw(explorer: NetworkExplorer, layer: str, strength: int) -> tuple[np.ndarray, str]:
        photo = load_image(explorer.image, (96, 96 * explorer.image.shape[1] // explorer.image.shape[0]))
        dream = deep_dream(explorer.model, photo, layer, octaves=2, iters=1 + 2 * strength)
        caption = f"<b>A dream of {layer}</b>, strength {strength}: left the photo, right what the layer sees in it."
        return _beside(photo, dream, smooth=True), caption

    return NetworkExplorer("Dream", model, image, draw, _each(11), 0.5, noun="strength", at=5, slow=True)
