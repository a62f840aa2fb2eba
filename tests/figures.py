"""Draw the pictures of README.md and of the notebooks: python tests/figures.py"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "images" / "filters.png"
ANIMATION = ROOT / "images" / "convolution.gif"
COUNT = 8
ROWS = dict.fromkeys(("block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3"), range(COUNT))
ROWS["block5_conv1"] = (36, 84, 109, 114, 50, 18, 77, 22)  # chosen: things with a name


def draw_filters() -> None:
    """One row of the gallery's filters for each block."""

    import helpers
    from helpers.gallery import stored_layer
    from helpers.images import to_pil
    from helpers.plotting import tile

    model = helpers.load_model("mini_vgg16")
    pictures = [stored_layer(model, layer)[1][number] for layer, numbers in ROWS.items() for number in numbers]
    to_pil(tile(pictures, columns=COUNT, gap=4)).save(PICTURE, optimize=True)


def draw_convolution() -> None:
    """The 3 x 3 kernel of notebook 01 on its way over a 5 x 5 picture, nine stops, then the whole output."""
    import numpy as np

    picture = np.array([[1, 1, 1, 5, 5], [1, 1, 1, 5, 5], [1, 1, 5, 5, 5], [1, 1, 5, 5, 5], [1, 5, 5, 5, 5]])
    kernel = np.outer([1, 2, 1], [-1, 0, 1])
    frames = [_convolution_frame(picture, kernel, stop) for stop in range(10)]
    times = [1600] * 9 + [4000]  # milliseconds; the nine products can be read
    frames[0].save(ANIMATION, save_all=True, append_images=frames[1:], duration=times, loop=0, optimize=True)


def _signed(number: int) -> str:
    return str(number).replace("-", "\N{MINUS SIGN}")


def _convolution_frame(picture: np.ndarray, kernel: np.ndarray, stop: int) -> Image.Image:
    """One stop in sixteen greys, which keeps the file small; stop 9 shows the finished output."""
    import numpy as np
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle
    from PIL import Image

    corners = list(np.ndindex(3, 3))
    with rc_context({"font.family": "DejaVu Sans", "font.size": 13}):
        figure = Figure(figsize=(8.4, 3.9), dpi=100, facecolor="white")
        left, middle, right = figure.subplots(1, 3, width_ratios=[5, 3, 3])
        figure.subplots_adjust(0.02, 0.17, 0.98, 0.9, wspace=0.22)
        for axis, title, side in ((left, "picture", 5), (middle, "kernel (weights)", 3), (right, "output", 3)):
            axis.set(title=title, xlim=(-0.06, side + 0.06), ylim=(side + 0.06, -0.06), aspect="equal")
            axis.set_axis_off()
        for (y, x), value in np.ndenumerate(picture):
            shade = 0.62 + value * 0.07  # five is brighter than one, and black numbers stay readable on both
            left.add_patch(Rectangle((x, y), 1, 1, facecolor=str(shade), edgecolor="0.35"))
            left.text(x + 0.5, y + 0.42, str(value), ha="center", va="center", fontsize=15)
        for (y, x), weight in np.ndenumerate(kernel):
            middle.add_patch(Rectangle((x, y), 1, 1, facecolor="white", edgecolor="0.35"))
            middle.text(x + 0.5, y + 0.5, _signed(weight), ha="center", va="center", fontsize=15)
        for number, (y, x) in enumerate(corners):
            known = number <= stop
            window = picture[y : y + 3, x : x + 3]
            right.add_patch(Rectangle((x, y), 1, 1, facecolor="0.9" if known else "white", edgecolor="0.35"))
            total = _signed((window * kernel).sum()) if known else ""
            right.text(x + 0.5, y + 0.5, total, ha="center", va="center", fontsize=15)
        text = "All nine stops: strong where dark turns to bright, 0 where nothing changes."
        if stop < 9:
            y, x = corners[stop]
            products = picture[y : y + 3, x : x + 3] * kernel
            left.add_patch(Rectangle((x, y), 3, 3, fill=False, linewidth=4, edgecolor="black"))
            right.add_patch(Rectangle((x, y), 1, 1, fill=False, linewidth=4, edgecolor="black"))
            for (dy, dx), weight in np.ndenumerate(kernel):
                label = f"\N{MULTIPLICATION SIGN} {_signed(weight)}"
                left.text(x + dx + 0.9, y + dy + 0.9, label, ha="right", va="bottom", fontsize=9)
            rows = "  +  ".join(f"({' + '.join(_signed(product) for product in row)})" for row in products)
            text = f"stop {stop + 1} of 9:   {rows}  =  {_signed(products.sum())}"
        figure.text(0.5, 0.06, text, ha="center", va="center")
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    grey = np.asarray(canvas.buffer_rgba())[..., 0]
    return Image.fromarray(np.round(grey / 17).astype(np.uint8) * 17)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    draw_filters()
    draw_convolution()
