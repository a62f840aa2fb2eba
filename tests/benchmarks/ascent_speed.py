"""How fast is gradient ascent? VGG16's architecture, 96 x 96, random weights; ratios measured side by side.

    python tests/benchmarks/ascent_speed.py [--rounds 5]

For each layer: milliseconds for one step of one picture, by the classroom loop (eager, one filter), by tf-keras-vis
(eight filters, if it is installed: pip install tf-keras-vis) and by this package (eight filters, random shifts, float32
and bfloat16). Rounds are interleaved; medians are printed.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import statistics
import time
from collections.abc import Callable

import numpy as np

import helpers
from helpers import keras, tf

LAYERS = ("block3_conv1", "block5_conv3")
SIZE, BATCH, STEPS = 96, 8, 32
SHIFTED = dataclasses.replace(helpers.RECIPES["fourier"], scale=0, rotation=0, starts=1)  # random filters stay silent


def classroom(model: keras.Model, layer: str) -> Callable[[], int]:
    """The loop that most tutorials teach; returns a function that does some steps of one picture."""
    submodel = helpers.get_submodel(model, layer)

    def run() -> int:
        picture = tf.Variable(tf.random.uniform((1, SIZE, SIZE, 3), 0.46, 0.54))
        for _ in range(4):
            with tf.GradientTape() as tape:
                response = tf.reduce_mean(submodel(helpers.preprocess(model, picture))[..., 3])
            gradient = tape.gradient(response, picture)
            picture.assign_add(10 / 255 * gradient / (tf.norm(gradient) + 1e-8))
        return 4

    return run


def package(model: keras.Model, layer: str, bfloat16: bool) -> Callable[[], int]:
    def run() -> int:
        helpers.visualize_filters(model, layer, range(BATCH), STEPS, SIZE, SHIFTED, bfloat16=bfloat16)
        return STEPS * BATCH

    return run


def tf_keras_vis(model: keras.Model, layer: str) -> Callable[[], int]:
    from tf_keras_vis.activation_maximization import ActivationMaximization
    from tf_keras_vis.utils.model_modifiers import ExtractIntermediateLayer, ReplaceToLinear
    from tf_keras_vis.utils.scores import CategoricalScore

    visualizer = ActivationMaximization(
        model, model_modifier=[ExtractIntermediateLayer(layer), ReplaceToLinear()], clone=False
    )
    seeds = tf.random.uniform((BATCH, SIZE, SIZE, 3), 0, 255)
    scores = CategoricalScore(list(range(BATCH)))

    def run() -> int:
        visualizer(scores, seed_input=seeds, steps=4)
        return 4 * BATCH

    return run


def peak(dtype: str) -> float:
    """Floating-point operations a second of one large convolution, the best of five."""
    pictures, kernel = tf.ones((16, 56, 56, 128), dtype), tf.ones((3, 3, 128, 128), dtype)
    convolve = tf.function(lambda: tf.nn.conv2d(pictures, kernel, 1, "SAME"))
    convolve()
    times = []
    for _ in range(5):
        start = time.perf_counter()
        convolve()
        times.append(time.perf_counter() - start)
    return 2 * 16 * 56 * 56 * 9 * 128 * 128 / min(times)


def work(model: keras.Model, layer: str) -> float:
    """Operations of one step for one picture: forwards and backwards up to a layer, of which one kernel is needed."""
    total, side = 0.0, SIZE
    for current in model.layers:
        if isinstance(current, keras.layers.MaxPooling2D):
            side //= 2
        if isinstance(current, keras.layers.Conv2D):
            filters = 1 if current.name == layer else current.filters
            total += 2 * 2 * side**2 * 9 * current.kernel.shape[2] * filters
        if current.name == layer:
            break
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    model = helpers.load_model("vgg16", weights=None)
    peaks = {"float32": peak("float32"), "bfloat16": peak("bfloat16")}
    print(", ".join(f"convolution peak in {name} {value / 1e9:.0f} GFLOP/s" for name, value in peaks.items()))
    for layer in LAYERS:
        ways = {
            "classroom loop": classroom(model, layer),
            "float32": package(model, layer, False),
            "bfloat16": package(model, layer, True),
        }
        with contextlib.suppress(ImportError):
            ways["tf-keras-vis"] = tf_keras_vis(model, layer)
        times: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(rounds + 1):
            for name, run in ways.items():
                start = time.perf_counter()
                steps = run()
                if turn:  # the first compiles
                    times[name].append(1000 * (time.perf_counter() - start) / steps)
        medians = {name: statistics.median(values) for name, values in times.items()}
        print(layer)
        for name, median in medians.items():
            ratios = ", ".join(
                f"{medians[other] / median:.1f} x the speed of {other}" for other in medians if other != name
            )
            share = "" if name not in peaks else f"; {work(model, layer) / median * 1e3 / peaks[name]:.0%} of the peak"
            print(f"  {name:15} {median:6.1f} ms a picture and step: {ratios}{share}")
    print(f"numpy {np.__version__}, TensorFlow {tf.__version__}, Keras {keras.__version__}")


if __name__ == "__main__":
    main()
