"""How fast the explorers answer: in the kernel, and from a key press to the changed picture in a browser.

    python tests/benchmarks/explorer_latency.py

The kernel's part is the time that a slider's move takes there. The browser's is that from the key to the loaded
picture, in the dashboard, in a headless Chromium. Medians of 40 moves; goals: 10 and 60 ms. Then the memory that 1,000
moves take.
"""

from __future__ import annotations

import resource
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import helpers
from tests.browser import dashboard

MOVES = 40
LISTEN = """slider => {
    const pictures = [...document.querySelectorAll('img.widget-image')].filter(image => image.offsetWidth > 300);
    window.times = [];
    let pressed = 0;
    slider.addEventListener('keydown', () => { pressed = performance.now(); }, true);
    for (const picture of pictures) picture.addEventListener('load', () => times.push(performance.now() - pressed));
}"""


def in_the_kernel(model: helpers.keras.Model) -> None:
    for make in (helpers.kernel_explorer, helpers.feature_map_explorer):
        for layer in ("block1_conv2", "block3_conv3", "block5_conv3"):
            explorer, times = make(model), []
            explorer.layer.value = layer
            for move in range(MOVES):
                start = time.perf_counter()
                explorer.channel.value = 1 + move % 15
                times.append(1000 * (time.perf_counter() - start))
            print(f"{make.__name__:22} {layer:14} kernel  {statistics.median(times):5.1f} ms, at most {max(times):.0f}")


def in_the_browser() -> None:
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import launch

    with sync_playwright() as playwright, dashboard.serve() as address:
        browser = launch(playwright)
        page = dashboard.visit(browser, address)
        for title in ("Kernels", "Feature maps"):
            slider = dashboard.tab(page, title).get_by_role("slider").first
            slider.evaluate(LISTEN)
            for move in range(MOVES):
                slider.press("ArrowRight" if move % 20 < 10 else "ArrowLeft")
                page.wait_for_timeout(150)
            times = page.evaluate("times")
            print(
                f"{title:22} {'block1_conv1':14} browser {statistics.median(times):5.1f} ms, at most {max(times):.0f}"
            )
        browser.close()


def move(explorer: helpers.explorers.Explorer, count: int) -> None:
    """Through so many channels of each of the last four layers; each picture is waited for."""
    for layer in list(explorer.channels)[-4:]:
        explorer.layer.value = layer
        for channel in range(count):
            explorer.channel.value = channel
            while "Drawing" in explorer.caption.value:
                time.sleep(0.002)


def memory(model: helpers.keras.Model) -> None:
    """Every layer is seen once and what is remembered fills up, then 1,000 moves go through channels of four layers."""
    for make in (helpers.kernel_explorer, helpers.feature_map_explorer, helpers.filter_explorer):
        explorer = make(model)
        for layer in explorer.channels:
            explorer.layer.value = layer
        move(explorer, 125)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        move(explorer, 250)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(f"{make.__name__:22} 1,000 moves: the peak of memory grew by {grown / 1024:.1f} MB")


if __name__ == "__main__":
    network = helpers.load_model("mini_vgg16")
    in_the_kernel(network)
    memory(network)
    in_the_browser()
