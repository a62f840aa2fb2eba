"""The core of every explorer: controls on the left, one picture that is updated in place, and a caption below it."""

from __future__ import annotations

import base64
import functools
import html
import re
import threading
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anywidget
import ipyevents
import ipywidgets as widgets
import matplotlib
import numpy as np
from PIL import Image

from .backend import keras
from .images import file_bytes, load_image, sample_names
from .layers import conv_layers, find_call
from .models import BUNDLED, has_head, load_model
from .plotting import MAP_COLOURS

LEVELS, PAPER, FRAME = 160, 160, 161  # in a picture of levels: those of a map, white, and magenta, not in viridis
# A byte has room for the colours of a kernel behind them.
PALETTE = np.uint8(np.round(matplotlib.colormaps[MAP_COLOURS](np.arange(FRAME + 1) / (LEVELS - 1))[:, :3] * 255))
PALETTE[[PAPER, FRAME]] = (255, 255, 255), (255, 0, 255)
REMEMBERED = 128  # results, of a network and a photo: its layers, and the last kernels looked at
NETWORKS = (BUNDLED, "vgg16", "resnet50", "inception_v3", "mobilenet_v2")


class Keys(anywidget.AnyWidget):
    """Not to be seen: where it stands, keys choose in the controls, which JupyterLab would take for its own.

    On a button the arrow to the left is "previous", that to the right "next".
    """

    _esm = Path(__file__).with_name("keys.js")


class Superseded(Exception):
    """There is a newer choice: the picture of this one is not wanted any more."""


class Explorer(widgets.HBox):
    """Controls, one picture and a caption. Without a kernel the picture and the text stay readable.

    Parameters
    ----------
    title
        What is explored; part of the stable text form.
    layers
        ``{layer name: number of channels}``.
    draw
        ``(layer name, channel, **extras) -> (picture, caption)``, or with a palette of its own as the third, as
        :func:`to_png` takes them.
    start
        The layer that is shown first.
    noun
        What the slider chooses: ``"channel"``, ``"filter"`` or ``"kernel"``.
    extras
        Further controls by name; their values are passed to ``draw``.
    first
        What the drop-down chooses.
    at
        Where the slider begins. If that is not 0 it counts how much work is done, and one waits for the picture: it is
        drawn when the slider is let go, as with ``extras``.
    slow
        Drawing takes a while: do it in a thread, so that the next choice need not wait, and ends what is being drawn.
    """

    sheet: tuple[float, float, float, int] = (0, 1, 1, 0)  # shares: left edge, a tile's height and width; columns

    def __init__(
        self, title: str, layers: Mapping[str, int], draw: Callable, start: str, noun: str,
        extras: Mapping[str, widgets.Widget] | None = None, first: str = "layer", at: int = 0, slow: bool = False,
    ) -> None:  # fmt: skip
        self.title, self.channels, self.draw, self.first, self.noun = title, layers, draw, first, noun
        self.extras, self._slow, self._lock, self._turn, self._drawing = extras or {}, slow, threading.Lock(), 0, 0
        self.layer = widgets.Dropdown(options=list(layers), value=start, description=first)
        self.channel = widgets.IntSlider(at, description=noun, continuous_update=slow or not (extras or at))
        pair = [widgets.Button(description=text, tooltip=f"{text} {noun}") for text in ("previous", "next")]
        for button, step in zip(pair, (-1, 1), strict=True):
            button.on_click(lambda _, step=step: self.channel.set_trait("value", self.channel.value + step))
        self.place, self.caption = widgets.HTML(description="place"), widgets.HTML()
        self.picture = widgets.Image(format="png", layout=dict(max_width="100%", margin="0", align_self="flex-start"))
        self._events = ipyevents.Event(source=self.picture, watched_events=["click"])
        self._events.on_dom_event(self._click)
        self.layer.observe(self.change_layer, "value")
        for control in (self.channel, *self.extras.values()):
            control.observe(self._redraw, "value")
        seen = widgets.VBox([self.picture, self.caption], layout={"flex": "1 1 400px"})
        self.controls = widgets.VBox([self.layer, self.place, self.channel, widgets.HBox(pair), *self.extras.values()])
        super().__init__([self.controls, seen, Keys()], layout={"flex_flow": "row wrap"})
        self.add_class("explorer")
        self.change_layer()

    def put(self, picture: np.ndarray, caption: str, palette: np.ndarray = PALETTE) -> None:
        """Show a picture; raises :class:`Superseded`, which ends the drawing, if there is a newer choice."""
        if self._drawing != self._turn:
            raise Superseded
        self.picture.value, self.caption.value = to_png(picture, palette), caption

    def say(self, error: Exception) -> None:
        """Put what went wrong below the picture, which stays."""
        self.caption.value = f"<b>This did not work.</b> {html.escape(str(error))}"

    def change_layer(self, _: Any = None) -> None:
        """A new layer has another number of channels; the channel stays if it exists."""
        place, count = list(self.channels).index(self.layer.value), len(self.channels)
        self.place.value = f"{'▁' * place}<b>█</b>{'▁' * (count - place - 1)} {place + 1} of {count}"
        self.channel.max = self.channels[self.layer.value] - 1
        self._redraw()

    def _click(self, event: dict) -> None:
        """Choose the tile of the sheet that was clicked."""
        left, tall, wide, columns = self.sheet
        row = event["relativeY"] / event["boundingRectHeight"] // tall
        column = (event["relativeX"] / event["boundingRectWidth"] - left) // wide
        if 0 <= column < columns and row * columns + column <= self.channel.max:
            self.channel.value = int(row * columns + column)

    def _redraw(self, _: Any = None) -> None:
        self._turn += 1
        if self._slow and self.picture.value:
            self.caption.value = f"<i>Drawing {self.layer.value}, {self.noun} {self.channel.value} ...</i>"
            threading.Thread(target=self._answer, args=(self._turn,), daemon=True).start()
        else:
            self._answer(self._turn)

    def _answer(self, turn: int) -> None:
        """Draw the choice of that turn, unless there is a newer one; later on an error is said in the caption."""
        with self._lock:
            self._drawing = turn
            try:
                if turn == self._turn:
                    choices = {name: control.value for name, control in self.extras.items()}
                    self.put(*self.draw(self.layer.value, self.channel.value, **choices))
            except Exception as error:
                if not self.picture.value:
                    raise
                if turn == self._turn:
                    self.say(error)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        text = f"{self.title}: {len(self.channels)} {self.first}s, {self.layer.value} shown"
        about, png = {"alt": re.sub("<[^>]+>", "", self.caption.value)}, base64.b64encode(self.picture.value).decode()
        return super()._repr_mimebundle_(**kwargs) | {"text/plain": text, "image/png": png}, {"image/png": about}


class NetworkExplorer(Explorer):
    """An explorer whose network can be exchanged, and its photo for another or for one's own.

    Parameters
    ----------
    title
        What is explored, such as ``"Kernel"``.
    model
        From :func:`helpers.load_model`.
    image
        Whatever :func:`helpers.load_image` takes; None: the bundled cat.
    draw
        ``(explorer, layer name, channel, **extras) -> (picture, caption)``. It may ``put`` earlier pictures, and
        ``remember(function, *arguments)`` gives ``function(model, image, *arguments)``, and does not compute the latest
        ones again.
    layers
        ``model -> {layer name: number of channels}``.
    depth
        Where in the network to begin, 0 to 1.
    options
        As for :class:`Explorer`.
    """

    def __init__(
        self, title: str, model: keras.Model, image: Any, draw: Callable, layers: Callable, depth: float, **options: Any
    ) -> None:
        self.network = widgets.Dropdown(options=list(dict.fromkeys([model.name, *NETWORKS])), description="network")
        chosen = "cat" if image is None else None
        self.photo = widgets.Dropdown(options=sample_names(), value=chosen, description="photo")
        self.upload = widgets.FileUpload(accept="image/*", description="upload")
        self.thumbnail = widgets.Image(format="png", layout={"max_width": "150px", "margin": "0 0 8px 90px"})
        self._layers, self._loaded = layers, {model.name: model}
        self._use(model, load_image(chosen or image))
        start = list(self.channels)[round(depth * (len(self.channels) - 1))]
        super().__init__(f"{title} explorer", self.channels, functools.partial(draw, self), start, **options)
        for control in (self.network, self.photo, self.upload):
            control.observe(self._exchange, "value")
        self.controls.children = [self.network, self.photo, self.upload, self.thumbnail, *self.controls.children]

    def _use(self, model: keras.Model, image: np.ndarray) -> None:
        self.model, self.image, self.channels, self.sheet = model, image, self._layers(model), Explorer.sheet
        self.remember = functools.lru_cache(REMEMBERED)(lambda function, *others: function(model, image, *others))
        self.thumbnail.value = to_png(image)

    def _exchange(self, change: dict) -> None:
        """Another network, or another photo; if it cannot be had, stay.

        It has a head if this one has one and classes are asked for: with one most networks take one size of pictures.
        """
        image, new, head = self.image, change["new"], self.noun == "answer" and has_head(self.model)
        try:
            if change["owner"] is self.network and new not in self._loaded:
                self.caption.value = f"Loading {new} ..."
                self._loaded[new] = load_model(new, include_top=head and new != "vgg16")  # its head takes 2.7 GB
            elif change["owner"] is not self.network and new:
                image = load_image(new)
        except Exception as error:
            self.network.value = next(name for name, model in self._loaded.items() if model is self.model)
            return self.say(error)
        if change["owner"] is self.upload:
            self.photo.value = None
        if self._loaded[self.network.value] is not self.model or image is not self.image:
            self._use(self._loaded[self.network.value], image)
            self.layer.options = tuple(self.channels)
            self.change_layer()


def channels_of(model: keras.Model) -> dict[str, int]:
    """The convolutions, and how many channels each has."""
    return {name: find_call(model, name).outputs[0].shape[-1] for name in conv_layers(model)}


def to_bytes(picture: np.ndarray) -> np.ndarray:
    """Numbers in [0, 1] as uint8; uint8 as it is."""
    return picture if picture.dtype == np.uint8 else np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)


def to_png(picture: np.ndarray, palette: np.ndarray = PALETTE) -> bytes:
    """PNG of RGB, float in [0, 1] or uint8, or of levels, uint8 ``(h, w)``, which a palette ``(n, 3)`` colours."""
    image = Image.fromarray(to_bytes(picture))
    if picture.ndim == 2:
        image.putpalette(palette.tobytes())
    return file_bytes(image, "png", compress_level=1, compress_type=zlib.Z_RLE)  # 2 ms; smaller files take 20
