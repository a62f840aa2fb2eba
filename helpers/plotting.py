"""Arrays to figures: one style, and no figure is shown without a sentence that says what is seen."""

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import skimage
from matplotlib.figure import Figure
from PIL import Image

from .activations import Patch
from .errors import check_filter, require
from .images import file_bytes

LARGEST_PNG = 200_000  # bytes; textures compress badly, and a notebook holds many figures
WIDTH = 9.0  # inches; at 100 dots an inch a figure is as wide as a notebook's text
MAP_COLOURS = "viridis"  # even in lightness and safe for the colour-blind: brighter is more
SIGNED_COLOURS = "RdBu_r"  # for values around zero


def show(figure: Figure, caption: str) -> None:
    """Display a figure with its caption, which is also the picture's alternative text.

    Parameters
    ----------
    figure
        Any matplotlib figure.
    caption
        What is seen and what to notice, in at least 40 characters.

    Raises
    ------
    ValueError
        If the caption is shorter: someone who cannot see the picture relies on it.
    """
    from matplotlib import pyplot

    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100, facecolor="white", bbox_inches="tight", metadata={"Software": None})
    pyplot.close(figure)
    show_picture(file.getvalue(), caption)


def show_picture(png: bytes, caption: str) -> None:
    """Display a PNG as :func:`show` displays a figure; a large one that does not move becomes a smaller JPEG."""
    from IPython.display import display

    require(len(caption) >= 40, f"The caption {caption!r} is too short: say in at least 40 characters what is seen.")
    kind, data, picture = "image/png", png, Image.open(io.BytesIO(png))
    if len(png) > LARGEST_PNG and not getattr(picture, "is_animated", False):
        kind, data = "image/jpeg", file_bytes(picture.convert("RGB"), "jpeg", quality=90, subsampling=0)
    text = {"text/plain": caption}
    display({kind: data} | text, metadata={kind: {"alt": caption}}, raw=True)
    display({"text/markdown": f"*{caption}*"} | text, raw=True)


def tile(images: Sequence[np.ndarray] | np.ndarray, columns: int = 8, gap: int = 2, fill: float = 1.0) -> np.ndarray:
    """Lay pictures of one shape out as one array, row by row; empty places and gaps hold ``fill``."""
    images = np.asarray(images)
    columns = min(columns, len(images))
    layout = {"grid_shape": (-(-len(images) // columns), columns), "padding_width": gap}
    framed = skimage.util.montage(images, [fill] * 3, channel_axis=-1 if images.ndim == 4 else None, **layout)
    return framed[gap : len(framed) - gap, gap : framed.shape[1] - gap]


def block_means(maps: np.ndarray, step: int) -> np.ndarray:
    """Float ``(h, w, channels)`` reduced to its means over whole blocks of step x step (at most a side)."""
    step = max(1, min(step, *maps.shape[:2]))
    height, width = (side // step * step for side in maps.shape[:2])
    return skimage.transform.downscale_local_mean(maps[:height, :width], (step, step, 1))


def normalize(maps: np.ndarray) -> np.ndarray:
    """Stretch a map ``(h, w)``, or each channel of ``(h, w, channels)``, to [0, 1]; a constant one becomes 0."""
    low, high = maps.min(axis=(0, 1)), maps.max(axis=(0, 1))
    return (maps - low) / np.where(high > low, high - low, 1)


def signed(weights: np.ndarray) -> np.ndarray:
    """Divide by the largest absolute value: [-1, 1] with zero kept; zeros stay zeros."""
    return weights / (np.abs(weights).max() or 1)


def titled_grid(tiles: Sequence[tuple], columns: int, extra: float = 0.25, fontsize: int = 8, **imshow: Any) -> Figure:
    """Of each pair (title, picture) the picture under its title; with room for the tallest, and `extra` inches."""
    columns = min(columns, len(tiles))
    rows, side = -(-len(tiles) // columns), min(WIDTH / columns, 3.0)
    height = side * max(image.shape[0] / image.shape[1] for _, image in tiles) + extra
    figure = Figure(figsize=(columns * side, rows * height), layout="constrained")
    for axis in figure.subplots(rows, columns, squeeze=False).flat:
        axis.set_axis_off()
    for axis, (title, image) in zip(figure.axes, tiles, strict=False):
        axis.imshow(image, **({"cmap": MAP_COLOURS} | imshow))
        axis.set_title(title, fontsize=fontsize)
    return figure


def plot_images(images: Mapping[str, np.ndarray], columns: int = 4, **imshow: Any) -> Figure:
    """Pictures side by side, each under its name.

    Parameters
    ----------
    images
        ``{title: (h, w, 3) RGB in [0, 1] or (h, w)}``; a map ``(h, w)`` is drawn in viridis.
    columns
        Pictures in a row.
    imshow
        Passed on to matplotlib, for example ``vmin``.
    """
    fits = all(image.size and image.ndim > 1 and image.shape[2:] in ((), (3,), (4,)) for image in images.values())
    require(fits, "A picture has shape (h, w), (h, w, 3) or (h, w, 4).")
    return titled_grid(list(images.items()), columns, fontsize=9, **imshow)


def plot_feature_maps(maps: np.ndarray, title: str, columns: int = 8, *, each: bool = True, limit: int = 64) -> Figure:
    """Feature maps as one sheet of tiles, row by row, brighter where the response is stronger.

    Parameters
    ----------
    maps
        float ``(h, w, channels)``, from :func:`helpers.feature_maps`; of a batch the first are drawn.
    title
        Such as the layer's name.
    columns
        Tiles in a row.
    each
        True stretches each map to its own range; False draws all on one scale with a colour bar.
    limit
        At most so many channels, the first ones.
    """
    maps, count = maps[0] if maps.ndim == 4 else maps, min(maps.shape[-1], limit)
    drawn = block_means(maps[..., :count], -(-maps.shape[1] * columns // 1800))  # a screen shows no finer detail
    gap = max(1, drawn.shape[1] // 32)
    sheet = tile(np.moveaxis(normalize(drawn) if each else drawn, -1, 0), columns, gap, np.nan)
    figure = Figure(figsize=(WIDTH, WIDTH * sheet.shape[0] / sheet.shape[1] + 0.4), layout="constrained")
    axis = figure.subplots()
    artist = axis.imshow(sheet, cmap=MAP_COLOURS, interpolation="antialiased" if drawn.shape[1] > 64 else "nearest")
    shown = f"all {count}" if count == maps.shape[-1] else f"the first {count} of {maps.shape[-1]}"
    axis.set_title(f"{title}: {shown} maps, {maps.shape[0]} x {maps.shape[1]}", fontsize=10)
    rows = np.arange(-(-count // columns))
    axis.set_yticks((rows + 0.5) * (drawn.shape[0] + gap), rows * columns, fontsize=8)
    axis.set_ylabel("first channel in the row", fontsize=8)
    axis.set(xticks=[], frame_on=False)
    if not each:
        figure.colorbar(artist, ax=axis, shrink=0.8, label="response")
    return figure


def plot_patches(patches: Sequence[Patch], columns: int = 9) -> Figure:
    """Patches of photos that excite a channel, strongest first, each under its photo's name."""
    pictures = [(f"{patch.photo}\n{patch.response:.3g}", patch.image) for patch in patches]
    return titled_grid(pictures or [("no photo excites this channel", np.ones((1, 1, 3)))], columns, 0.4)


def plot_kernels(
    kernels: np.ndarray, filters: Iterable[int] | None = None, channels: Iterable[int] | None = None,
    columns: int = 8, titles: Sequence[str] | None = None,
) -> Figure:  # fmt: skip
    """Kernels as pictures: colour tiles where they read three channels, else one row of signed slices for each.

    A colour tile shows ``0.5 + weight / (2 * largest absolute weight of the kernel)``, so mid-grey is zero. A signed
    slice shows ``weight / largest absolute weight of the drawn row``: red is positive, blue with a dot negative.

    Parameters
    ----------
    kernels
        ``(kernel height, kernel width, channels in, filters)``, from :func:`helpers.rgb_kernels` (the channels are
        red, green, blue) or :func:`helpers.get_kernels`.
    filters
        Which kernels; by default the first 64 as colour tiles, or the first 4 as rows of slices.
    channels
        Draw these input channels as signed slices. None: the first 16, unless there are three channels, which are
        drawn as colours.
    columns
        Colour tiles in a row.
    titles
        A text for each kernel in place of its number.
    """
    in_colour = kernels.shape[2] == 3 and channels is None
    filters = range(min(kernels.shape[3], 64 if in_colour else 4)) if filters is None else list(filters)
    channels = range(min(kernels.shape[2], 16)) if channels is None else list(channels)
    for axis, number in [*((3, each) for each in filters), *((2, each) for each in channels)]:
        check_filter(number, kernels.shape[axis], ("This layer", "The layer before")[axis == 2])
    titles = [f"kernel {number}" for number in filters] if titles is None else titles
    require(len(titles) == len(filters), f"There are {len(titles)} titles for {len(filters)} kernels.")
    if in_colour:
        tiles = [0.5 + signed(kernels[..., number]) / 2 for number in filters]
        extra = 0.25 + 0.15 * max(title.count("\n") for title in titles)
        return titled_grid(list(zip(titles, tiles, strict=False)), columns, extra)
    rows = [np.moveaxis(signed(kernels[:, :, channels, number]), -1, 0) for number in filters]
    (height, width), sheet = kernels.shape[:2], tile(np.concatenate(rows), len(channels), 1, np.nan)
    figure = Figure(figsize=(WIDTH, WIDTH * 0.85 * sheet.shape[0] / sheet.shape[1] + 0.6), layout="constrained")
    axis = figure.subplots()
    artist = axis.imshow(sheet, cmap=SIGNED_COLOURS, vmin=-1, vmax=1, interpolation="nearest")
    down, right = np.nonzero(sheet < 0)
    shades = np.where(sheet[down, right] < -0.6, "white", "black")
    axis.scatter(right, down, s=(130 / sheet.shape[1]) ** 2, c=shades, linewidths=0)
    axis.set_facecolor("0.8")  # between the slices, whose zeros are white
    axis.set_xticks(np.arange(len(channels)) * (width + 1) + (width - 1) / 2, channels, fontsize=8)
    axis.set_yticks(np.arange(len(rows)) * (height + 1) + (height - 1) / 2, titles, fontsize=8)
    axis.set_xlabel("input channel", fontsize=8)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    figure.colorbar(artist, ax=axis, shrink=0.8, label="weight / largest", ticks=[-1, 0, 1])
    return figure


def plot_predictions(image: np.ndarray, predictions: pd.DataFrame) -> Figure:
    """A photo beside the network's most probable classes, as bars with their probabilities."""
    require({"class", "probability"} <= {*predictions}, "predictions has not the columns of a table from predict().")
    figure = Figure(figsize=(WIDTH * 0.8, 2.4), layout="constrained")
    picture, bars = figure.subplots(1, 2, width_ratios=[1, 1.2])
    picture.imshow(image)
    picture.set_axis_off()
    bars.bar_label(bars.barh("class", "probability", data=predictions, color="0.6"), fmt=" {:.0%}", fontsize=9)
    bars.invert_yaxis()
    bars.set(xlim=(0, 1.1), xticks=[0, 0.5, 1], xticklabels=["0", "50%", "100%"], xlabel="probability")
    bars.spines[["top", "right"]].set_visible(False)
    return figure
