"""How good are the pictures? All filters of the bundled network, by several methods; and how long they take.

    python tests/benchmarks/ascent_quality.py [--filters 16] [--methods fourier classroom tf-keras-vis] [--time]

Prints, for each recipe: shares of filters that are alive, whose response exceeds the 99.9th percentile of 1,000 natural
pictures (also of the worst changed copy), whose own filter ranks first in its layer; the median share of fine detail
beside that of natural pictures; seconds. A filter that no natural picture excites is left out of the shares.
tf-keras-vis (pip install tf-keras-vis) gets the same network with its preprocessing inside, and its own defaults.
"""

from __future__ import annotations

import argparse
import dataclasses
import time

import numpy as np
import pandas as pd

import helpers
from helpers import keras
from helpers.quality import natural_responses, quality_cards

TIMED = ("block2_conv2", "block3_conv3", "block4_conv3", "block5_conv3")
CLASSROOM_STEPS = 100
SIZE = 96


def cards(model: keras.Model, layer: str, method: str, filters: int | None) -> tuple[pd.DataFrame, float]:
    """One row for each filter of a layer, and the seconds that the pictures took."""
    count = model.get_layer(layer).filters
    chosen = range(min(filters or count, count))
    start = time.perf_counter()
    if method == "tf-keras-vis":
        images = tf_keras_vis(model, layer, chosen)
    else:
        steps = {"iters": CLASSROOM_STEPS} if method == "classroom" else {}
        images = [made.image for made in helpers.visualize_filters(model, layer, chosen, method=method, **steps)]
    seconds = time.perf_counter() - start
    rows = pd.DataFrame(quality_cards(model, layer, chosen, images))
    excited = natural_responses(model, layer, SIZE).p999[: len(rows)] > 0
    return rows.assign(layer=layer, excited=excited), seconds


def tf_keras_vis(model: keras.Model, layer: str, chosen: range) -> list[np.ndarray]:
    from tf_keras_vis.activation_maximization import ActivationMaximization
    from tf_keras_vis.utils.scores import CategoricalScore

    inputs = keras.Input((SIZE, SIZE, 3))  # in 0 to 255, as that library has it
    submodel = helpers.get_submodel(model, layer, before_activation=True)
    whole = keras.Model(inputs, submodel(helpers.preprocess(model, inputs / 255)))
    images: list[np.ndarray] = []
    for first in range(0, len(chosen), 16):
        batch = list(chosen[first : first + 16])
        seeds = helpers.tf.random.stateless_uniform((len(batch), SIZE, SIZE, 3), [0, first], 0, 255)
        made = ActivationMaximization(whole, clone=False)(CategoricalScore(batch), seed_input=seeds)
        images += list(np.clip(np.asarray(made, np.float32) / 255, 0, 1))
    return images


def summary(rows: pd.DataFrame) -> dict[str, str]:
    rows = rows[rows["excited"]]
    fine = rows["high_frequency"].median() / rows["natural_high_frequency"].iloc[0]
    return {
        "filters": str(len(rows)),
        "alive": f"{(rows['response'] > 0).mean():.1%}",
        "above 99.9th": f"{(rows['ratio'] > 1).mean():.1%}",
        "changed copies too": f"{(rows['held_out'] > 1).mean():.1%}",
        "ranks first": f"{(rows['rank'] == 1).mean():.1%}",
        "median ratio": f"{rows['ratio'].median():.2f}",
        "fine detail / natural": f"{fine:.2f}",
    }


def time_to_response(model: keras.Model) -> None:
    """Seconds until all of 16 filters reach what the classroom loop (eager, one at a time) reaches in 100 steps.

    The loop neither shakes nor smooths, so neither does the recipe that it is compared with.
    """
    plain = dataclasses.replace(helpers.RECIPES["fourier"], shift=0, scale=0, rotation=0, total_variation=0)
    total = np.zeros(2)
    for layer in TIMED:
        goals, start = [], time.perf_counter()
        submodel = helpers.get_submodel(model, layer)
        for f_index in range(16):
            goals.append(climb_by_hand(model, submodel, f_index))
        slow = time.perf_counter() - start
        for iters in (2, 4, 8, 16, 24, 32, 40, 48, 64, 128):
            fresh = helpers.load_model("mini_vgg16")  # so that tracing counts
            start = time.perf_counter()
            made = helpers.visualize_filters(fresh, layer, range(16), iters, method=plain)
            fast = time.perf_counter() - start
            if all(picture.response >= goal for picture, goal in zip(made, goals, strict=True)):
                break
        total += slow, fast
        print(f"{layer}: classroom loop {slow:.1f} s, this package {iters} steps, {fast:.1f} s: {slow / fast:.0f} x")
    print(f"together {total[0]:.0f} s and {total[1]:.1f} s: {total[0] / total[1]:.0f} x")


def grid_and_preview() -> None:
    """Seconds for 64 pictures at the defaults, tracing included; then until the first preview of one filter."""
    model, layer, times = helpers.load_model("mini_vgg16"), "block4_conv3", []
    start = time.perf_counter()
    helpers.visualize_filters(model, layer, range(64))
    print(f"64 pictures of {layer}: {time.perf_counter() - start:.1f} s")
    for _ in range(2):  # the first compiles
        times.clear()
        start = time.perf_counter()
        helpers.visualize_filter(model, layer, 0, preview=lambda _: times.append(time.perf_counter() - start))  # noqa: B023
    print(f"first preview of one filter after {times[0]:.2f} s, its picture after {times[-1]:.2f} s")


def climb_by_hand(model: keras.Model, submodel: keras.Model, f_index: int) -> float:
    tf = helpers.tf
    picture = tf.Variable(0.5 + tf.random.stateless_uniform((1, 96, 96, 3), [0, 0], -10, 10) / 255)
    for _ in range(CLASSROOM_STEPS):
        with tf.GradientTape() as tape:
            response = tf.reduce_mean(submodel(helpers.preprocess(model, picture))[..., f_index])
        gradient = tape.gradient(response, picture)
        picture.assign_add(10 / 255 * gradient / (tf.norm(gradient) + 1e-8))
    return float(response)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--filters", type=int, help="only the first of each layer")
    parser.add_argument("--methods", nargs="+", default=["fourier", "regularised", "classroom"])
    parser.add_argument("--time", action="store_true", help="also the time to a response, to a grid and to a preview")
    options = parser.parse_args()
    model = helpers.load_model("mini_vgg16")
    table = {}
    for method in options.methods:
        done = [cards(model, layer, method, options.filters) for layer in helpers.conv_layers(model)]
        rows = pd.concat([rows for rows, _ in done])
        table[method] = summary(rows) | {"seconds": f"{sum(seconds for _, seconds in done):.0f}"}
    print(pd.DataFrame(table).to_string())
    if options.time:
        time_to_response(model)
        grid_and_preview()


if __name__ == "__main__":
    main()
