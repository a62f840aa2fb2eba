"""Figures of pictures made by gradient ascent: grids, quality cards, and the ascent as an animation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from .ascent import FilterImage
from .images import file_bytes, to_pil
from .plotting import WIDTH, grid, show_picture, tile


def plot_filters(pictures: Sequence[FilterImage], columns: int = 8, *, response: bool = False) -> Figure:
    """The pictures that filters want to see, each under its filter's number, below the name of their layer.

    A filter that stayed silent gets a plain tile that says so.

    Parameters
    ----------
    pictures
        From :func:`helpers.visualize_filters`.
    columns
        Pictures in a row.
    response
        Also write the mean response below the number.
    """
    figure, axes = grid(len(pictures), columns, 1.0, 0.4 if response else 0.25)
    one_layer = len({picture.layer_name for picture in pictures}) == 1
    if one_layer:
        figure.suptitle(pictures[0].layer_name, fontsize=10)
        figure.set_figheight(figure.get_figheight() + 0.25)
    for axis, picture in zip(axes, pictures, strict=False):
        if picture.silent:
            axis.text(0.5, 0.5, "silent", ha="center", va="center", transform=axis.transAxes, fontsize=9)
        axis.imshow(np.ones_like(picture.image) if picture.silent else picture.image)
        number = f"filter {picture.f_index}" if one_layer else f"{picture.layer_name}\nfilter {picture.f_index}"
        axis.set_title(number + (f"\nresponse {picture.response:.2g}" if response else ""), fontsize=8)
    return figure


def plot_quality(pictures: Sequence[FilterImage]) -> Figure:
    """The quality card of each picture: what it reaches beside natural pictures, and how fine its detail is.

    Parameters
    ----------
    pictures
        From :func:`helpers.visualize_filters`, up to about eight.

    Returns
    -------
    matplotlib.figure.Figure
        Left the pictures. Middle the response, divided by the filter's 99.9th percentile over natural pictures, of the
        picture (disc) and of the worst of its changed copies (square). Right the share of fine detail.
    """
    count, cards = len(pictures), [picture.quality for picture in pictures]
    figure = Figure(figsize=(WIDTH, 0.85 * count + 1.1), layout="constrained")
    axes = figure.subplot_mosaic(
        [[f"picture {row}", "response", "detail"] for row in range(count)], width_ratios=[0.16, 0.5, 0.34]
    )
    for row, picture in enumerate(pictures):
        axes[f"picture {row}"].imshow(picture.image)
        axes[f"picture {row}"].set_axis_off()
    rows = np.arange(count)
    names = [f"{p.layer_name} {p.f_index}\nrank {p.quality.rank} of {p.quality.filters}" for p in pictures]
    response, detail = axes["response"], axes["detail"]
    response.axvline(1, color="0.4", linestyle="--")
    response.plot([card.ratio for card in cards], rows, "o", color="black", markersize=9, label="its picture")
    response.plot([card.held_out for card in cards], rows, "s", color="0.55", label="worst changed copy")
    response.set_xlabel("response / 99.9th percentile of natural pictures")
    response.set_yticks(rows, names, fontsize=8)
    detail.axvline(cards[0].natural_high_frequency, color="0.4", linestyle="--", label="natural pictures, median")
    detail.plot([card.high_frequency for card in cards], rows, "D", color="black", label="its picture")
    detail.set(yticks=[], xlabel="share of fine detail")
    for axis in (response, detail):
        axis.set(xlim=(0, None), ylim=(count - 0.5, -0.5))
        axis.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, frameon=False)
        axis.spines[["top", "right"]].set_visible(False)
    return figure


def animation(pictures: Sequence[Any], kind: str = "gif", height: int = 112, milliseconds: int = 200) -> bytes:
    """The ascent as a moving picture: each snapshot, then the result; a bar below tells how far it has come.

    Parameters
    ----------
    pictures
        Made in one call with ``snapshots=``, :class:`helpers.AscentImage`; shown side by side. Or arrays ``(h, w, 3)``,
        RGB in [0, 1], shown one after another.
    kind
        ``"gif"`` (256 colours) or ``"png"`` (animated PNG, all colours).
    height
        Of each picture, in pixels.
    milliseconds
        How long a snapshot stays; the result stays two seconds.

    Returns
    -------
    bytes
        The file.

    Raises
    ------
    ValueError
        If the pictures have no snapshots in common.
    """
    if isinstance(next(iter(pictures), None), np.ndarray):
        rows, shares = [[frame] for frame in pictures], np.linspace(0, 1, len(pictures))
    else:
        steps = sorted(set.intersection(*(set(picture.snapshots) for picture in pictures))) if pictures else []
        if not steps:
            raise ValueError("There are no snapshots: make the pictures with snapshots=range(0, iters, 8), say.")
        rows = [*([p.snapshots[step] for p in pictures] for step in steps), [p.image for p in pictures]]
        shares = [*(np.array(steps) / pictures[0].iters), 1.0]
    sheets = [to_pil(tile(images, len(images), 4)) for images in rows]
    width, frames = round(sheets[-1].width * height / sheets[-1].height), []
    for sheet, share in zip(sheets, shares, strict=True):
        frame = Image.new("RGB", (width, height + 8), "white")
        frame.paste(sheet.resize((width, height), Image.Resampling.BICUBIC))
        frame.paste((60, 60, 60), (0, height + 3, max(1, round(share * width)), height + 8))
        frames.append(frame)
    options = {"save_all": True, "duration": [milliseconds] * (len(frames) - 1) + [2000], "loop": 0}
    if kind == "png":  # where nothing moves, the result is shown
        return file_bytes(frames[-1], kind, default_image=True, append_images=frames, **options)
    return file_bytes(frames[0], kind, append_images=frames[1:], **options)


def show_ascent(pictures: Sequence[Any], caption: str, path: str | Path | None = None) -> None:
    """Display the ascent as an animation with its caption, which is also its alternative text; save it as a GIF.

    Parameters
    ----------
    pictures
        As for :func:`animation`.
    caption
        As for :func:`helpers.show`.
    path
        Where to save the GIF; None: nowhere.
    """
    show_picture(animation(pictures, "png"), caption)
    if path is not None:
        Path(path).write_bytes(animation(pictures, "gif"))
