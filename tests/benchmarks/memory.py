"""Does memory grow with use? An hour of a student's work in about a minute; prints resident memory after each part.

After a first round, which compiles and fills the caches, the second must add less than 50 MB. Read after Python's
garbage collector has run; what the C library or TensorFlow keeps for later use counts.

python tests/benchmarks/memory.py
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import time

os.environ.setdefault("TQDM_DISABLE", "1")

import helpers

LIMIT = 50  # MB
LAYERS = ("block2_conv1", "block3_conv1", "block4_conv1")


def resident() -> float:
    """This process's resident memory in MB."""
    gc.collect()
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except FileNotFoundError:  # macOS and Windows tell the peak alone
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def filters(model: helpers.keras.Model, count: int) -> None:
    """Pictures of so many filters, in batches of 16 like those of a notebook."""
    for number in range(0, count, 16):
        layer = LAYERS[number // 16 % len(LAYERS)]
        helpers.visualize_filters(model, layer, [(number + n) % 32 for n in range(16)], iters=2, size=32)


def moves(explorer: helpers.explorers.Explorer, count: int) -> None:
    """So many moves of the channel's slider; every hundredth changes the layer."""
    for number in range(count):
        if number % 100 == 0:
            explorer.layer.value = LAYERS[number // 100 % len(LAYERS)]
        explorer.channel.value = (explorer.channel.value + 1) % explorer.channel.max


def models(count: int) -> None:
    """Load a network, look into it, and drop it."""
    for _ in range(count):
        with contextlib.redirect_stdout(None):
            model = helpers.load_model("mini_vgg16")
        helpers.feature_maps(model, helpers.sample_image("cat", 64), "block3_conv1")
        helpers.saliency_map(model, helpers.sample_image("cat", 64), "gradient")


def main() -> None:
    model = helpers.load_model("mini_vgg16")
    explorer = helpers.feature_map_explorer(model)
    parts = {
        "500 filters": lambda share: filters(model, int(500 * share)),
        "1,000 slider moves": lambda share: moves(explorer, int(1000 * share)),
        "50 models": lambda share: models(int(50 * share)),
    }
    print(f"{'':24} {'seconds':>8} {'resident':>12}")
    worst = 0.0
    for name, work in parts.items():
        work(0.2)
        before, begun = resident(), time.perf_counter()
        print(f"{name + ', warm-up':24} {'':8} {before:9.0f} MB")
        work(1)
        after = resident()
        worst = max(worst, after - before)
        print(f"{name:24} {time.perf_counter() - begun:8.0f} {after:9.0f} MB, {after - before:+.0f} MB")
    if worst > LIMIT:
        sys.exit(f"Memory grew by {worst:.0f} MB; at most {LIMIT} MB are right.")


if __name__ == "__main__":
    main()
