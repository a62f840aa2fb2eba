"""An explorer in JupyterLab: what its sliders do to the picture on the screen."""

from __future__ import annotations

import numpy as np

from tests.browser.lab import Lab, pixels

CELLS = ("import helpers\nexplorer = helpers.feature_map_explorer(helpers.load_model())", "explorer")
COLOURS = "elements => elements.map(e => getComputedStyle(e).color.match(/\\d+/g).slice(0, 3).map(Number))"
DRAWN = """
from helpers.images import to_pil
image, caption = explorer.draw("block1_conv1", 1)
print(to_pil(image).tobytes().hex())
"""


def test_feature_map_explorer_shows_what_the_kernel_draws(lab: Lab) -> None:
    """The arrow key moves the slider by one channel, and the picture that comes is that channel's, to the pixel."""
    notebook = lab.cells(*CELLS)
    notebook.run()
    picture, slider = notebook.widgets.locator("img"), notebook.widgets.get_by_role("slider")
    first, before = pixels(picture), picture.get_attribute("src")
    slider.focus()
    slider.press("ArrowRight")
    notebook.page.wait_for_function("([image, src]) => image.src !== src", arg=[picture.element_handle(), before])
    assert notebook.console("print(explorer.channel.value)") == "1\n"
    shown = pixels(picture)
    drawn = np.frombuffer(bytes.fromhex(notebook.console(DRAWN)), np.uint8)
    np.testing.assert_array_equal(shown, drawn.reshape(shown.shape))
    assert (shown != first).any()


def test_an_explorer_can_be_read_in_the_dark_theme(lab: Lab) -> None:
    """Its text is dark in the light theme, and light as soon as the theme is dark."""
    notebook = lab.cells(*CELLS)
    notebook.run()
    brightness = {}
    for theme in ("Light", "Dark"):
        lab.theme(theme)
        notebook.screenshot(f"explorer_{theme.lower()}")
        colours = notebook.widgets.locator(":scope label, .widget-html-content").evaluate_all(COLOURS)
        brightness[theme] = [np.mean(colour) for colour in colours]
    assert len(brightness["Light"]) >= 3
    assert max(brightness["Light"]) < 128 < min(brightness["Dark"])
