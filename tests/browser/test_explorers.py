"""The explorers in JupyterLab: what their controls do to the picture on the screen."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, expect

from tests.browser.lab import ROOT, Lab, Notebook, pixels, upload

EXPLORERS = {  # and what each has to choose beside network, photo and layer
    "kernel_explorer": {"kernel"},
    "feature_map_explorer": {"channel"},
    "filter_explorer": {"filter", "steps"},
    "saliency_explorer": {"answer", "method"},
    "dream_explorer": {"strength"},
}
MAPS = """
import json, numpy as np
from helpers.controls import LEVELS, PALETTE
maps = helpers.feature_maps(model, helpers.sample_image("cat"), "{layer}")["{layer}"][..., {channel}]
levels = np.round((maps - maps.min()) / np.ptp(maps) * (LEVELS - 1)).astype(int)
print(json.dumps([PALETTE[levels].tolist(), explorer.channel.value, explorer.layer.value]))
"""
FOCUSED = """() => {
    const widget = document.activeElement.closest('.jupyter-widgets');
    return widget ? (widget.querySelector('.widget-label') || widget).innerText.trim().split(' ')[0] : '';
}"""
LIGHTNESS = """element => {
    const light = colour => colour.match(/[\\d.]+/g).slice(0, 3).reduce((sum, level) => sum + Number(level), 0) / 765;
    let behind = element;
    while (getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
    return [light(getComputedStyle(element).color), light(getComputedStyle(behind).backgroundColor)];
}"""


def explore(lab: Lab, call: str = "feature_map_explorer") -> Notebook:
    """A notebook with one explorer of the bundled network, which has its classification head."""
    notebook = lab.cells(
        "import helpers\nmodel = helpers.load_model(include_top=True)",
        f"explorer = helpers.{call}(model)\nexplorer",
    )
    notebook.run()
    return notebook


def picture(notebook: Notebook) -> Locator:
    """The large picture; the photo's thumbnail comes before it."""
    return notebook.widgets.locator("img").last


def changes(notebook: Notebook, before: np.ndarray) -> np.ndarray:
    """The picture once it is another one and the caption is no longer that of a drawing under way."""
    for _ in range(100):
        notebook.page.wait_for_timeout(100)
        if "Drawing" not in caption(notebook).inner_text():
            after = pixels(picture(notebook))
            if after.shape != before.shape or (after != before).any():
                return after
    raise AssertionError("the picture did not change within ten seconds")


def caption(notebook: Notebook) -> Locator:
    return notebook.widgets.locator(".widget-html-content").last


def slider(notebook: Notebook, number: int = 0) -> Locator:
    return notebook.widgets.get_by_role("slider").nth(number)


def menu(notebook: Notebook, name: str) -> Locator:
    return notebook.widgets.get_by_label(name, exact=True)


def check_that_it_fits_a_projector(notebook: Notebook) -> None:
    """All of it on a screen of 1280 x 720, and each part within the notebook's width."""
    usual = notebook.page.viewport_size
    notebook.page.set_viewport_size({"width": 1280, "height": 720})
    box, page = notebook.widgets.bounding_box(), notebook.page.locator(".jp-Notebook:visible").bounding_box()
    assert box["height"] <= page["height"], "it is higher than the notebook's window"
    for part in (picture(notebook), caption(notebook), slider(notebook)):
        inner = part.bounding_box()
        assert inner["x"] >= page["x"] and inner["x"] + inner["width"] <= page["x"] + page["width"]
        assert inner["y"] + inner["height"] <= box["y"] + box["height"] + 1
    notebook.page.set_viewport_size(usual)


def test_the_map_on_the_screen_is_the_chosen_channels(lab: Lab) -> None:
    """Keys move the slider by one channel; the map that is shown equals the array, to the pixel."""
    notebook = explore(lab)
    shown = pixels(picture(notebook))
    menu(notebook, "layer").select_option("block4_conv2")
    shown = changes(notebook, shown)
    for _ in range(3):
        slider(notebook).press("ArrowRight")
        shown = changes(notebook, shown)
    code = MAPS.format(layer="block4_conv2", channel=3)
    wanted, channel, layer = json.loads(notebook.console(code))
    assert (channel, layer) == (3, "block4_conv2")
    expect(caption(notebook)).to_contain_text("block4_conv2, channel 3 of")
    height, width = np.shape(wanted)[:2]
    step, wide = shown.shape[0] / height, shown.shape[0] * width / height / width
    rows, columns = ((np.arange(count) + 0.5) * scale for count, scale in ((height, step), (width, wide)))
    np.testing.assert_array_equal(shown[np.ix_(rows.astype(int), columns.astype(int))], wanted)


@pytest.mark.parametrize("call", EXPLORERS)
def test_each_control_changes_the_picture_in_light_and_dark(lab: Lab, call: str) -> None:
    notebook = explore(lab, call)
    check_that_it_fits_a_projector(notebook)
    shown = pixels(picture(notebook))
    notebook.screenshot(f"{call}_light")
    slider(notebook).press("ArrowRight")
    shown = changes(notebook, shown)
    notebook.widgets.get_by_role("button", name="next").click()
    shown = changes(notebook, shown)
    if call == "saliency_explorer":
        menu(notebook, "method").select_option("gradient")
        shown = changes(notebook, shown)
        menu(notebook, "method").select_option("grad_cam")
        shown = changes(notebook, shown)
    if call == "filter_explorer":
        slider(notebook, 1).press("ArrowLeft")
        shown = changes(notebook, shown)
        expect(caption(notebook)).to_contain_text("after 31 steps")
    menu(notebook, "photo").select_option("rocket")
    shown = changes(notebook, shown)
    menu(notebook, "layer").select_option("block2_conv2")
    shown = changes(notebook, shown)
    expect(caption(notebook)).to_contain_text("block2_conv2")
    assert "4 of 13" in notebook.widgets.inner_text()
    menu(notebook, "network").focus()
    reached = set()
    for _ in range(12):
        notebook.page.keyboard.press("Tab")
        reached.add(notebook.page.evaluate(FOCUSED))
    assert {"photo", "upload", "layer", "previous", "next"} | EXPLORERS[call] <= reached, "Tab passes a control by"
    lab.theme("Dark")
    for text in (caption(notebook), notebook.widgets.locator(".widget-label").first):
        letters, ground = text.evaluate(LIGHTNESS)
        assert ground < 0.2 and letters - ground > 0.5, "dark letters on a dark ground"
    notebook.screenshot(f"{call}_dark")


def test_the_keyboard_alone_will_do(lab: Lab) -> None:
    """Tab goes from control to control, Space presses a button, arrows choose in each. No key goes to JupyterLab."""
    notebook = explore(lab, "kernel_explorer")
    shown, keyboard = pixels(picture(notebook)), notebook.page.keyboard
    menu(notebook, "network").focus()
    seen = []
    for _ in range(9):
        keyboard.press("Tab")
        seen.append(
            notebook.page.evaluate("document.activeElement.getAttribute('role') || document.activeElement.type")
        )
        if seen[-1] == "select-one" and "layer" not in seen:
            name = notebook.page.evaluate("document.activeElement.labels[0].innerText")
            if name == "layer":
                seen.append("layer")
                keyboard.press("ArrowDown")
                shown = changes(notebook, shown)
                expect(caption(notebook)).to_contain_text("block1_conv2, kernel 0")
        if seen[-1] == "slider":
            keyboard.press("ArrowRight")
            shown = changes(notebook, shown)
            expect(caption(notebook)).to_contain_text("kernel 1 of")
        if seen[-1] == "submit" and seen.count("submit") == 3:  # upload, previous, next
            keyboard.press("Space")
            shown = changes(notebook, shown)
            expect(caption(notebook)).to_contain_text("kernel 2 of")
            for key, number in (("ArrowLeft", 1), ("ArrowRight", 2)):
                keyboard.press(key)
                shown = changes(notebook, shown)
                expect(caption(notebook)).to_contain_text(f"kernel {number} of")
            keyboard.press("b")  # elsewhere it makes a new cell
            assert len(notebook.page.locator(".jp-CodeCell").all()) == 2
            return
    raise AssertionError(f"Tab went to {seen} and not to all controls")


def test_a_click_on_a_tile_chooses_its_channel(lab: Lab) -> None:
    notebook = explore(lab, "filter_explorer")
    shown = pixels(picture(notebook))
    left, tall, wide, columns = json.loads(notebook.console("import json; print(json.dumps(explorer.sheet))"))
    box, number = picture(notebook).bounding_box(), 2 * columns + 1
    place = {"x": (left + 1.5 * wide) * box["width"], "y": 2.5 * tall * box["height"]}
    picture(notebook).click(position=place)
    changes(notebook, shown)
    expect(caption(notebook)).to_contain_text(f"filter {number} of")
    assert notebook.console("print(explorer.channel.value)") == f"{number}\n"


def test_uploads_of_a_photo_and_of_a_broken_file(lab: Lab, tmp_path: Path) -> None:
    notebook = explore(lab)
    shown = pixels(picture(notebook))
    broken = tmp_path / "broken.jpg"
    broken.write_bytes((ROOT / "images" / "temple.jpg").read_bytes()[:3000])
    upload(notebook.widgets, broken)
    expect(caption(notebook)).to_contain_text("broken.jpg cannot be decoded")
    np.testing.assert_array_equal(pixels(picture(notebook)), shown)
    notebook.screenshot("upload_broken")
    upload(notebook.widgets, ROOT / "images" / "temple.jpg")
    shown = changes(notebook, shown)
    code = "import numpy as np; print(np.abs(explorer.image - helpers.sample_image('temple')).max() < 0.01)"
    assert notebook.console(code) == "True\n"
    expect(caption(notebook)).not_to_contain_text("This did not work")


def test_a_network_that_cannot_be_had_is_refused_in_words(lab: Lab) -> None:
    notebook = explore(lab)
    shown = pixels(picture(notebook))
    menu(notebook, "network").select_option("resnet50")
    expect(caption(notebook)).to_contain_text("cannot be downloaded", timeout=30_000)
    np.testing.assert_array_equal(pixels(picture(notebook)), shown)
    expect(menu(notebook, "network")).to_have_value("mini_vgg16")


def test_a_fast_drag_ends_at_its_last_place(lab: Lab) -> None:
    notebook = explore(lab, "filter_explorer")
    shown = pixels(picture(notebook))
    for _ in range(40):
        slider(notebook).press("ArrowRight")
    expect(caption(notebook)).to_contain_text("filter 40 of", timeout=10_000)
    changes(notebook, shown)
    assert notebook.console("print(explorer.channel.value)") == "40\n"
    expect(caption(notebook)).to_contain_text("filter 40 of")
