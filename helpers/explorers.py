"""Sliders: choose a network, a photo, a layer and a channel or filter, and see the answer."""

from __future__ import annotations

import math
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
from .controls import FRAME, PALETTE, PAPER, Explorer, NetworkExplorer, channels_of, to_bytes
from .gallery import GALLERY, STEPS, current_entry, read_sheet
from .images import load_image, sample_image, sample_names, to_pil
from .layers import conv_layers
from .objectives import class_labels
from .painting import deep_dream
from .plotting import SIGNED_COLOURS, normalize, signed, tile
from .saliency import OF_A_LAYER, Question, overlay, saliency_map

HEIGHT = 256  # pixels, of a picture
NEAREST = Image.Resampling.NEAREST
ANSWERS = 5  # classes, or channels, that one can ask about


def _resized(image: np.ndarray, height: int = HEIGHT, width: int | None = None) -> np.ndarray:
    """RGB in [0, 1] at another size, uint8."""
    width = width or round(image.shape[1] * height / image.shape[0])
    return np.asarray(to_pil(np.clip(image, 0, 1)).resize((width, height), Image.Resampling.BICUBIC))


def _beside(*pictures: np.ndarray) -> np.ndarray:
    """uint8 pictures, levels or RGB, at one height side by side; not smoothed, so that units can be counted."""
    gap = np.full((HEIGHT, 8, 3)[: pictures[0].ndim], PAPER, np.uint8)
    sizes = [(round(picture.shape[1] * HEIGHT / len(picture)), HEIGHT) for picture in pictures]
    scaled = [Image.fromarray(each).resize(size, NEAREST) for each, size in zip(pictures, sizes, strict=True)]
    return np.concatenate([part for picture in scaled for part in (gap, np.asarray(picture))][1:], axis=1)


def _tiles(pictures: np.ndarray) -> np.ndarray:
    """uint8 pictures ``(n, h, w)`` or ``(n, h, w, 3)`` as a sheet's tiles, each with a white rim."""
    step, axes = max(1, round(pictures.shape[1] * math.sqrt(len(pictures)) / HEIGHT)), pictures.ndim
    small = skimage.transform.downscale_local_mean(pictures, (1, step, step, 1)[:axes]).astype(np.uint8)
    return np.pad(small, ((0, 0), (2, 2), (2, 2), (0, 0))[:axes], constant_values=PAPER)


def _with_sheet(explorer: NetworkExplorer, picture: np.ndarray, tiles: np.ndarray | None, chosen: int) -> np.ndarray:
    """A picture beside the sheet of its layer's, on which the chosen one is framed and any can be clicked."""
    if tiles is None:
        explorer.sheet = Explorer.sheet
        return picture
    (count, height, width), framed = tiles.shape[:3], tiles.copy()
    framed[chosen, [0, 1, -2, -1]] = framed[chosen][:, [0, 1, -2, -1]] = FRAME if tiles.ndim == 3 else PALETTE[FRAME]
    columns = math.ceil(math.sqrt(1.4 * count * height / width))
    sheet = tile(framed, columns, 0, PAPER)
    joined, scale = _beside(picture, sheet), HEIGHT / len(sheet)
    explorer.sheet = (joined.shape[1] - scale * sheet.shape[1], scale * height, scale * width, columns)
    return joined


def _kept(explorer: NetworkExplorer, key: Any, make: Callable[[], Any]) -> Any:
    """What ``make`` gave the first time it was asked for this network and photo."""
    kept = explorer.kept  # a newer choice puts another one in its place
    if key not in kept:
        kept[key] = make()
    return kept[key]


def _levels(explorer: NetworkExplorer, layer: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A layer's maps of the photo as levels ``(channels, h, w)``; the share above zero and the peak of each."""
    maps = feature_maps(explorer.model, explorer.image, layer)[layer]
    levels = np.round(normalize(maps) * (PAPER - 1)).astype(np.uint8)
    return np.moveaxis(levels, -1, 0).copy(), (maps > 0).mean(axis=(0, 1)), maps.max(axis=(0, 1))


def _with_kernels(model: keras.Model) -> dict[str, int]:
    """The convolutions with a kernel for each channel, and how many; depthwise and separable ones have none."""
    counts = channels_of(model)
    return {name: count for name, count in counts.items() if get_kernels(model, name).shape[3] == count}


def _all(count: int) -> Callable[[keras.Model], dict[str, int]]:
    """As many choices in each convolution."""
    return lambda model: dict.fromkeys(conv_layers(model), count)


def _kernel(model: keras.Model, layer: str, number: int) -> tuple[np.ndarray, str]:
    """A kernel as RGB, uint8, and what it shows: nine pixels a weight, with a dot on the negative ones."""
    kernel = get_kernels(model, layer)[..., number]
    if layer == conv_layers(model)[0] and kernel.shape[2] == 3:
        return to_bytes(0.5 + signed(rgb_kernels(model)[..., number]) / 2), "the kernel in colour (mid-grey is zero)"
    strongest = np.argsort(-np.abs(kernel).sum(axis=(0, 1)), kind="stable")[:9]
    slices = np.moveaxis(signed(kernel[..., strongest]), -1, 0).repeat(9, axis=1).repeat(9, axis=2)
    coloured = matplotlib.colormaps[SIGNED_COLOURS]((slices + 1) / 2)[..., :3]
    centres, weights = coloured[:, 4::9, 4::9], slices[:, 4::9, 4::9]
    centres[weights < 0] = 0
    centres[weights < -0.6] = 1
    channels = ", ".join(str(channel) for channel in strongest)
    shape = " x ".join(str(side) for side in kernel.shape)
    seen = (
        f"the strongest slices of its {shape} weights (red positive, blue with a dot negative), of channels {channels}"
    )
    return to_bytes(tile(coloured, 3, 6, 0.6)), seen


def _stored(model: keras.Model, layer: str) -> tuple[list[dict], np.ndarray, np.ndarray] | tuple[None, None, None]:
    """The quality cards, pictures and tiles of a layer from the gallery, if it shows these weights."""
    entry = current_entry(model, layer, GALLERY)
    if entry is None:
        return None, None, None
    pictures = read_sheet(GALLERY, layer, entry)
    return entry["filters"], pictures, _tiles(to_bytes(pictures))


def _answers(model: keras.Model, photo: np.ndarray) -> tuple[np.ndarray, list[tuple[int, str]]]:
    """The photo at the network's size; numbers and names of its strongest classes, or channels if it has no head."""
    network = getattr(model, "network", None)
    scale = (network.default_size if network else 224) / min(photo.shape[:2])
    small = load_image(photo, [round(scale * side) for side in photo.shape[:2]])
    question = Question(model, small)
    strongest = np.argsort(-question.scores(small[None])[0])[:ANSWERS].tolist()
    labels = class_labels(model) if question.has_head else [f"channel {number}" for number in range(max(strongest) + 1)]
    return small, [(number, labels[number]) for number in strongest]


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
        levels, shares, peaks = _kept(explorer, layer, lambda: _levels(explorer, layer))
        sheet = _kept(explorer, (layer, "sheet"), lambda: _tiles(levels))
        caption = (
            f"<b>{layer}, channel {channel}</b> of {len(levels)}, {levels.shape[1]} x {levels.shape[2]}: responds on "
            f"{shares[channel]:.0%} of the photo, at most {peaks[channel]:.3g}. Left its map (brighter is stronger), "
            "right all maps, this one framed; click on a map to choose it."
        )
        return _with_sheet(explorer, levels[channel], sheet, channel), caption

    return NetworkExplorer("Feature map explorer", model, image, draw, channels_of, 0, noun="channel")


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

    def draw(explorer: NetworkExplorer, layer: str, number: int) -> tuple[np.ndarray, str]:
        levels, shares, _ = _kept(explorer, layer, lambda: _levels(explorer, layer))
        kernel, seen = _kept(explorer, (layer, number), lambda: _kernel(explorer.model, layer, number))
        caption = (
            f"<b>{layer}, kernel {number}</b> of {len(levels)}: left {seen}; right the map that it makes of the photo "
            f"(brighter is stronger), which is above zero on {shares[number]:.0%} of it."
        )
        return _beside(kernel, PALETTE[levels[number]]), caption

    return NetworkExplorer("Kernel explorer", model, image, draw, _with_kernels, 0, noun="kernel")


def filter_explorer(model: keras.Model, size: int = 96) -> Explorer:
    """Sliders for layer, filter and steps: the picture that the filter wants to see, and what it answers to in photos.

    Pictures of the gallery are there at once; others are drawn while one watches.

    Parameters
    ----------
    model
        From :func:`helpers.load_model`.
    size
        Height and width of the pictures in pixels.
    """

    def draw(explorer: NetworkExplorer, layer: str, number: int, steps: int) -> tuple[np.ndarray, str]:
        name = f"<b>{layer}, filter {number}</b> of {explorer.channels[layer]}: its picture"
        cards, pictures, sheet = _kept(explorer, layer, lambda: _stored(explorer.model, layer))

        def page(image: np.ndarray, *others: np.ndarray) -> np.ndarray:
            small = [_resized(other, HEIGHT // 2, HEIGHT // 2) for other in others]
            main = _beside(_resized(image), *([tile(small, 3, 4, 255)] if small else []))
            return _with_sheet(explorer, main, sheet, number)

        def preview(images: np.ndarray) -> None:
            explorer.put(page(images[0]), f"{name} while it is drawn, in {steps} steps of gradient ascent.")

        if steps == STEPS and cards and pictures.shape[1] == size:
            image, card = pictures[number], cards[number]
        else:
            made = visualize_filter(explorer.model, layer, number, steps, size, preview=preview)
            image, card = made.image, vars(made.quality)
        caption = (
            f"{name} after {steps} steps of gradient ascent, which excites it {card['ratio']:.2g} times as much as the "
            f"strongest of 1,000 natural pictures; it is no. {card['rank']} of its layer's filters for it. "
        )
        explorer.put(page(image), caption)
        patches = strongest_patches(explorer.model, layer, number, photos, 5)
        own = [_kernel(explorer.model, layer, number)[0] / 255] if layer in _with_kernels(explorer.model) else []
        seen = "Beside it its kernel, and what excites it most in the sample photos"
        seen += "; right its layer, where a click chooses a filter." if cards else "."
        return page(image, *own, *(patch.image for patch in patches)), caption + seen

    photos = {name: sample_image(name, 192) for name in sample_names()}
    extras = {"steps": widgets.IntSlider(STEPS, 1, 256, description="steps", continuous_update=False)}
    return NetworkExplorer(
        "Filter explorer", model, False, draw, channels_of, 0.5, noun="filter", extras=extras, in_background=True
    )


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
        network, photo = explorer.model, explorer.image
        small, answers = _kept(explorer, "answers", lambda: _answers(network, photo))
        target, name = answers[answer]
        found = skimage.transform.resize(
            saliency_map(network, small, method, target, layer_name=layer), photo.shape[:2], order=1
        )
        where = layer if method in OF_A_LAYER else "every layer"
        caption = f"<b>{method} through {where} for {name}</b>: dark counts little, yellow most."
        return _beside(_resized(photo), _resized(overlay(photo, found))), caption

    fast = [*OF_A_LAYER, "gradient", "guided_backpropagation"]
    extras = {"method": widgets.Dropdown(options=fast, description="method")}
    return NetworkExplorer(
        "Saliency explorer", model, image, draw, _all(ANSWERS), 1, noun="answer", extras=extras, in_background=True
    )


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
        photo = np.float32(_resized(explorer.image, HEIGHT // 3)) / 255
        dream = deep_dream(explorer.model, photo, layer, octaves=2, iters=1 + 2 * strength)
        caption = f"<b>A dream of {layer}</b>, strength {strength}: left the photo, right what the layer sees in it."
        return _beside(_resized(photo), _resized(dream)), caption

    return NetworkExplorer(
        "Dream explorer", model, image, draw, _all(11), 0.5, noun="strength", at=5, in_background=True
    )
