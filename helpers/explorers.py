"""Sliders: choose a layer and a channel or filter, see the answer. One picture, sent as one PNG, updated in place."""

from __future__ import annotations

import base64
import functools
import math
import re
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets
import matplotlib
import numpy as np
from PIL import Image

from .activations import feature_maps
from .ascent import visualize_filter
from .backend import keras
from .dream import deep_dream
from .gallery import STEPS, stored_pictures
from .images import sample_image, to_pil
from .kernels import get_kernels, rgb_kernels
from .layers import conv_layers, find_layer
from .objectives import class_labels
from .plotting import MAP_COLOURS, SIGNED_COLOURS, block_means, normalize, signed, tile, to_png
from .saliency import OF_A_LAYER, Question, overlay, saliency_map

HEIGHT = 320  # pixels of the picture
FRAME = (1.0, 0.0, 1.0)  # magenta does not occur in viridis
WIDE = {"width": "420px"}  # the layout of a control


class Explorer(widgets.VBox):
    """Controls, one picture and a caption. Without a kernel the picture and the text stay readable.

    Parameters
    ----------
    title
        What is explored; part of the stable text form.
    layers
        ``{layer name: number of channels}``.
    draw
        ``(layer name, channel, **extras) -> (RGB array in [0, 1], caption)``.
    start
        The layer that is shown first.
    noun
        What the second slider chooses: ``"channel"``, ``"filter"`` or ``"kernel"``.
    extras
        Further controls by name; their values are passed to ``draw``.
    first
        What the drop-down chooses.
    at
        Where the second slider begins. If that is not 0 it counts how much work is done, and one waits for the picture:
        it is drawn when the slider is let go, as with ``extras``.
    """

    def __init__(
        self,
        title: str,
        layers: dict[str, int],
        draw: Callable,
        start: str,
        noun: str,
        extras: dict[str, widgets.Widget] | None = None,
        first: str = "layer",
        at: int = 0,
    ) -> None:
        self.title, self.channels, self.draw, self.first, self.extras = title, layers, draw, first, extras or {}
        self.layer = widgets.Dropdown(options=list(layers), value=start, description=first, layout=WIDE)
        self.channel = widgets.IntSlider(
            at, 0, layers[start] - 1, description=noun, layout=WIDE, continuous_update=not (self.extras or at)
        )
        fitted = {"max_width": "100%", "margin": "0", "object_fit": "contain", "align_self": "flex-start"}
        self.picture, self.caption = widgets.Image(format="png", layout=fitted), widgets.HTML()
        self.layer.observe(self._change_layer, "value")
        for control in (self.channel, *self.extras.values()):
            control.observe(self._redraw, "value")
        super().__init__([self.layer, self.channel, *self.extras.values(), self.picture, self.caption])
        self._redraw()

    def _change_layer(self, _: Any) -> None:
        """A new layer has another number of channels; the channel stays if it exists, and the picture is drawn once."""
        with self.channel.hold_trait_notifications():
            self.channel.unobserve(self._redraw, "value")
            self.channel.max = self.channels[self.layer.value] - 1
            self.channel.observe(self._redraw, "value")
        self._redraw()

    def _redraw(self, _: Any = None) -> None:
        choices = {name: control.value for name, control in self.extras.items()}
        image, caption = self.draw(self.layer.value, self.channel.value, **choices)
        self.picture.value = to_png(image)
        self.caption.value = caption

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        data = super()._repr_mimebundle_(**kwargs)
        text = f"{self.title}: {len(self.channels)} {self.first}s, {self.layer.value} shown"
        return data | {"text/plain": text, "image/png": base64.b64encode(self.picture.value).decode()}, {
            "image/png": {"alt": re.sub("<[^>]+>", "", self.caption.value)}
        }


def _coloured(maps: np.ndarray) -> np.ndarray:
    """Maps in [0, 1] of any shape as RGB in viridis."""
    return matplotlib.colormaps[MAP_COLOURS](maps)[..., :3].astype(np.float32)


def _scaled(image: np.ndarray, height: int, enlarge: Image.Resampling = Image.Resampling.NEAREST) -> np.ndarray:
    """Enlarge or reduce to a height; a map is enlarged without smoothing, so that its units can be counted."""
    picture = to_pil(image)
    width = max(1, round(picture.width * height / picture.height))
    kind = enlarge if height > picture.height else Image.Resampling.BOX
    return np.asarray(picture.resize((width, height), kind), np.float32) / 255


def _side_by_side(*images: np.ndarray, enlarge: Image.Resampling = Image.Resampling.NEAREST) -> np.ndarray:
    gap = np.ones((HEIGHT, 8, 3), np.float32)
    parts = [part for image in images for part in (gap, _scaled(image, HEIGHT, enlarge))]
    return np.concatenate(parts[1:], axis=1)


def _channels(model: keras.Model) -> dict[str, int]:
    return {name: find_layer(model, name).output.shape[-1] for name in conv_layers(model)}


def _photo_and_maps(model: keras.Model, image: np.ndarray | None) -> tuple[np.ndarray, Callable[[str], np.ndarray]]:
    """The photo, and its feature maps by layer, kept for those that were looked at: all of VGG16's take 150 MB."""
    photo = sample_image("cat") if image is None else image
    return photo, functools.cache(lambda layer: feature_maps(model, photo, layer)[layer])


def feature_map_explorer(model: keras.Model, image: np.ndarray | None = None) -> Explorer:
    """Sliders for layer and channel: the photo, the chosen feature map, and all maps with the chosen one framed.

    Parameters
    ----------
    model
        From :func:`helpers.load_model`.
    image
        float32 ``(height, width, 3)``, RGB in [0, 1]; the bundled cat by default.
    """
    photo, maps = _photo_and_maps(model, image)

    @functools.cache
    def all_maps(layer: str) -> np.ndarray:
        small = np.moveaxis(normalize(block_means(maps(layer), maps(layer).shape[0] // 40)), -1, 0)
        return np.pad(_coloured(small), ((0, 0), (2, 2), (2, 2), (0, 0)), constant_values=1)

    def draw(layer: str, channel: int) -> tuple[np.ndarray, str]:
        chosen, framed = maps(layer)[..., channel], all_maps(layer).copy()
        columns = math.ceil(math.sqrt(len(framed) * chosen.shape[0] / chosen.shape[1]))
        framed[channel, [0, 1, -2, -1]] = framed[channel][:, [0, 1, -2, -1]] = FRAME
        share, strongest = (chosen > 0).mean(), chosen.max()
        caption = (
            f"<b>{layer}, channel {channel}</b> of {len(framed)}, {chosen.shape[0]} x {chosen.shape[1]}: "
            f"responds on {share:.0%} of the picture, at most {strongest:.3g}. "
            "Left the photo, then the map (brighter is stronger), then all maps with the chosen one framed."
        )
        return _side_by_side(photo, _coloured(normalize(chosen)), tile(framed, columns, gap=0)), caption

    layers = _channels(model)
    return Explorer("Feature map explorer", layers, draw, next(iter(layers)), "channel")


def _signed_slices(kernel: np.ndarray) -> np.ndarray:
    """Slices of a kernel ``(h, w, n)`` in [-1, 1] as RGB, nine pixels a weight, with a dot on the negative ones."""
    slices = np.moveaxis(kernel, -1, 0).repeat(9, axis=1).repeat(9, axis=2)
    coloured = matplotlib.colormaps[SIGNED_COLOURS]((slices + 1) / 2)[..., :3].astype(np.float32)
    centres, weights = coloured[:, 4::9, 4::9], slices[:, 4::9, 4::9]
    centres[weights < 0] = 0
    centres[weights < -0.6] = 1
    return coloured


def kernel_explorer(model: keras.Model, image: np.ndarray | None = None) -> Explorer:
    """Sliders for layer and kernel: the kernel enlarged, the photo, and the feature map that the kernel makes of it.

    The first layer's kernels are drawn in colour with zero as mid-grey; of a deeper one the nine slices with the
    largest weights, red for positive weights, blue with a dot for negative ones.

    Parameters
    ----------
    model
        From :func:`helpers.load_model`. Depthwise and separable convolutions are left out.
    image
        float32 ``(height, width, 3)``, RGB in [0, 1]; the bundled cat by default.
    """
    photo, maps = _photo_and_maps(model, image)
    layers = {name: count for name, count in _channels(model).items() if get_kernels(model, name).shape[3] == count}

    def draw(layer: str, number: int) -> tuple[np.ndarray, str]:
        kernel, chosen = get_kernels(model, layer)[..., number], maps(layer)[..., number]
        shape = " x ".join(str(side) for side in kernel.shape)
        if layer == conv_layers(model)[0] and kernel.shape[2] == 3:
            picture = 0.5 + signed(rgb_kernels(model)[..., number]) / 2
            seen = "the kernel in colour (mid-grey is zero)"
        else:
            strongest = np.argsort(-np.abs(kernel).sum(axis=(0, 1)), kind="stable")[:9]
            picture = tile(_signed_slices(signed(kernel[..., strongest])), 3, 6, 0.6)
            channels = ", ".join(str(channel) for channel in strongest)
            seen = f"its strongest slices (red positive, blue with a dot negative), which read channels {channels}"
        caption = (
            f"<b>{layer}, kernel {number}</b> of {layers[layer]}, {shape}: left {seen}, then the photo, then the map "
            f"it makes of the photo (brighter is stronger), which is above zero on {(chosen > 0).mean():.0%} of it."
        )
        return _side_by_side(picture, photo, _coloured(normalize(chosen))), caption

    return Explorer("Kernel explorer", layers, draw, next(iter(layers)), "kernel")


def filter_explorer(model: keras.Model, size: int = 96) -> Explorer:
    """Sliders for layer, filter and steps: the picture that the filter wants to see, made when asked for.

    Parameters
    ----------
    model
        From :func:`helpers.load_model`.
    size
        Height and width of the pictures in pixels.
    """
    stored = functools.cache(functools.partial(stored_pictures, model))  # they are there at once

    def draw(layer: str, channel: int, steps: int) -> tuple[np.ndarray, str]:
        if steps == STEPS and stored(layer) is not None and stored(layer).shape[1] == size:
            image, state = stored(layer)[channel], "from the gallery"
        else:
            picture = visualize_filter(model, layer, channel, iters=steps, size=size)
            image = picture.image
            state = "it stays silent" if picture.silent else f"mean response {picture.response:.3g}"
        caption = f"<b>{layer}, filter {channel}</b>: its picture after {steps} steps of gradient ascent; {state}."
        return _scaled(image, HEIGHT, Image.Resampling.BICUBIC), caption

    layers = _channels(model)
    steps = widgets.IntSlider(STEPS, 1, 256, description="steps", layout=WIDE, continuous_update=False)
    return Explorer("Filter explorer", layers, draw, list(layers)[len(layers) // 2], "filter", {"steps": steps})


def saliency_explorer(model: keras.Model, image: np.ndarray | None = None) -> Explorer:
    """Controls for layer, answer and method: the photo, and over it the map of what counts for that answer.

    The answers are the network's five strongest classes, or without a head its five strongest channels. A layer matters
    to the methods that use its maps.

    Parameters
    ----------
    model
        From :func:`helpers.load_model`.
    image
        float32 ``(height, width, 3)``, RGB in [0, 1]; the bundled cat by default.
    """
    photo = sample_image("cat") if image is None else image
    question = Question(model, photo)
    strongest = np.argsort(-question.scores(question.image[None])[0])[:5]
    names = class_labels(model) if question.has_head else [f"channel {number}" for number in range(strongest.max() + 1)]

    def draw(layer: str, answer: int, method: str) -> tuple[np.ndarray, str]:
        found = saliency_map(model, photo, method, strongest[answer], layer_name=layer)
        where = layer if method in OF_A_LAYER else "every layer"
        caption = f"<b>{method} through {where} for {names[strongest[answer]]}</b>: dark counts little, yellow most."
        return _side_by_side(photo, overlay(photo, found)), caption

    layers = dict.fromkeys(_channels(model), len(strongest))
    fast = [*OF_A_LAYER, "gradient", "guided_backpropagation"]
    method = widgets.Dropdown(options=fast, description="method", layout=WIDE)
    return Explorer("Saliency explorer", layers, draw, list(layers)[-1], "answer", {"method": method})


def dream_explorer(model: keras.Model, image: np.ndarray | None = None) -> Explorer:
    """Sliders for layer and strength: the photo, and a small preview of its dream.

    Parameters
    ----------
    model
        From :func:`helpers.load_model`.
    image
        float32 ``(height, width, 3)``, RGB in [0, 1]; the bundled cat by default.
    """
    photo = _scaled(sample_image("cat") if image is None else image, HEIGHT // 3)

    def draw(layer: str, strength: int) -> tuple[np.ndarray, str]:
        dream = deep_dream(model, photo, layer, octaves=2, iters=1 + 2 * strength)
        caption = f"<b>A dream of {layer}</b>, strength {strength}: left the photo, right what the layer sees in it."
        return _side_by_side(photo, dream, enlarge=Image.Resampling.BICUBIC), caption

    layers = dict.fromkeys(conv_layers(model), 10)
    return Explorer("Dream explorer", layers, draw, list(layers)[len(layers) // 2], "strength", at=5)
