"""The dashboard: five explorers on one page, without code, each visitor with choices of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from tests.browser import dashboard
from tests.browser.lab import ROOT, SCREENSHOTS, pixels, upload

TABS = ("Kernels", "Feature maps", "Filters", "Saliency", "Dreams")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with dashboard.serve() as address:
        yield address


def test_only_this_machine_is_served() -> None:
    assert "--Voila.ip=127.0.0.1" in dashboard.command()
    assert not any("tracebacks" in word for word in dashboard.command()), "Voila shows none unless it is asked to"


def test_five_explorers_no_code_and_no_traceback(chromium: Browser, address: str, tmp_path: Path) -> None:
    page = dashboard.visit(chromium, address)
    expect(page.locator(".lm-TabBar-tab")).to_have_text(list(TABS))
    for title in TABS:
        shown = dashboard.tab(page, title)
        box = shown.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 1280
        assert box["y"] + box["height"] <= 720, f"{title} is cut off below"
        page.screenshot(path=SCREENSHOTS / f"dashboard_{title.lower().replace(' ', '_')}.png")
    shown = dashboard.tab(page, "Saliency")
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture at all")
    upload(shown, broken)
    expect(shown).to_contain_text("broken.png cannot be")
    upload(shown, ROOT / "images" / "coffee.jpg")
    expect(shown).to_contain_text("for espresso")
    text = page.locator("body").inner_text()
    assert "Look inside a network" in text
    for word in ("import helpers", "load_model(", "Traceback", "Error displaying"):
        assert word not in text
    page.context.close()


def test_two_visitors_do_not_see_each_others_choices(chromium: Browser, address: str) -> None:
    first, second = (dashboard.visit(chromium, address) for _ in range(2))
    ours, theirs = (dashboard.tab(page, "Feature maps") for page in (first, second))
    before = pixels(theirs.locator("img").last)
    np.testing.assert_array_equal(pixels(ours.locator("img").last), before)
    ours.get_by_role("slider").press("End")
    expect(ours).to_contain_text("channel 15 of")
    theirs.get_by_role("slider").press("ArrowRight")
    expect(theirs).to_contain_text("channel 1 of")
    expect(ours).to_contain_text("channel 15 of")
    for page in (first, second):
        page.context.close()
