"""Draw the pictures of README.md with the bundled network: python tests/figures.py"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "images" / "filters.png"
ROWS = {"block2_conv2": range(8), "block4_conv3": range(8), "block5_conv3": range(8)}
SIZE = 112


def draw() -> None:
    """One row of filters for each layer; the file says which weights it was drawn from."""
    import numpy as np
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    import helpers
    from helpers.models import BUNDLED_SHA256
    from helpers.plotting import tile

    model = helpers.load_model("mini_vgg16")
    made = [helpers.visualize_filters(model, layer, filters, size=SIZE) for layer, filters in ROWS.items()]
    sheet = tile([picture.image for row in made for picture in row], columns=8, gap=4)
    note = PngInfo()
    note.add_text("weights", BUNDLED_SHA256)
    Image.fromarray(np.round(sheet * 255).astype(np.uint8)).save(PICTURE, pnginfo=note, optimize=True)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    draw()
