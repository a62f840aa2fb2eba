"""Which optimiser reaches the lower loss of style transfer in the same time: Adam or L-BFGS?

    python tests/benchmarks/style_loss.py [--seconds 20] [--size 256] [--network mini_vgg16]

For three pairs of photos and two starts: the lowest loss that each optimiser has reached after a quarter, a half and
all of the seconds. The loss is that of the picture clipped to [0, 1], computed while the clock stands still.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Callable

import numpy as np
from scipy.optimize import Bounds, minimize

import helpers
from helpers import keras, tf
from helpers.painting import descend, feature_loss, stages

PAIRS = (("cat", "flower"), ("temple", "coffee"), ("astronaut", "rocket"))
SHARES = (0.25, 0.5, 1.0)


def loss_of(model: keras.Model, content: np.ndarray, style: np.ndarray) -> Callable:
    """The loss with the defaults of style_transfer."""
    blocks = stages(model)
    kept, painted = {blocks[-2][1]: 1.0}, {block[0]: 10.0 / len(blocks) for block in blocks}
    return feature_loss(model, content, style, kept, painted, 5.0)


def course(evaluate: Callable, start: np.ndarray, optimizer: str, seconds: float) -> list[tuple[float, float]]:
    """(seconds, loss) after each step, until the time is over."""
    made, watched, begun = [(0.0, start)], 0.0, time.perf_counter()

    def preview(picture: np.ndarray) -> None:
        nonlocal watched
        now = time.perf_counter()
        spent = now - begun - watched
        made.append((spent, float(evaluate(tf.constant(picture))[0])))
        watched += time.perf_counter() - now
        if spent > seconds:
            raise KeyboardInterrupt

    with contextlib.redirect_stdout(None), contextlib.suppress(KeyboardInterrupt):  # it would say that it was stopped
        (descend_with_lbfgs if optimizer == "lbfgs" else descend)(evaluate, start, 1_000_000, preview)
    made[0] = (0.0, float(evaluate(tf.constant(start))[0]))
    return made


def descend_with_lbfgs(evaluate: Callable, start: np.ndarray, iters: int, preview: Callable) -> None:
    """SciPy's L-BFGS-B, as the authors used it."""

    def both(numbers: np.ndarray) -> list[np.ndarray]:
        return [np.float64(part).ravel() for part in evaluate(tf.constant(numbers.reshape(start.shape), tf.float32))]

    def after(numbers: np.ndarray) -> None:
        preview(numbers.reshape(start.shape).astype(np.float32).clip(0, 1))

    options = {"maxiter": iters, "maxfun": 10 * iters, "ftol": 0, "gtol": 0}
    rest = {"bounds": Bounds(0, 1), "callback": after, "options": options}
    minimize(both, start.ravel(), jac=True, method="L-BFGS-B", **rest)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--network", default="mini_vgg16")
    arguments = parser.parse_args()
    model = helpers.load_model(arguments.network)
    shape, ratios = (arguments.size, arguments.size, 3), []
    for names in PAIRS:
        evaluate = loss_of(model, *(helpers.sample_image(name, arguments.size) for name in names))
        noise = np.random.default_rng(0).normal(0.5, 0.1, shape).clip(0, 1).astype(np.float32)
        for label, start in (("content", helpers.sample_image(names[0], arguments.size)), ("noise", noise)):
            evaluate(tf.constant(start))  # the first call is slower
            lowest = {}
            for optimizer in ("adam", "lbfgs"):
                made = course(evaluate, start, optimizer, arguments.seconds)
                ends = [share * arguments.seconds for share in SHARES]
                lowest[optimizer] = [min(loss for spent, loss in made if spent <= end) for end in ends]
                losses = ", ".join(
                    f"{loss:.4g} at {end:.3g} s" for loss, end in zip(lowest[optimizer], ends, strict=True)
                )
                print(
                    f"{' in the style of '.join(names)}, from {label}, {optimizer:5}: {losses} ({len(made) - 1} steps)"
                )
            ratios.append(np.divide(lowest["lbfgs"], lowest["adam"]))
    for share, ratio in zip(SHARES, np.median(ratios, axis=0), strict=True):
        print(f"After {share:.0%} of the time the loss of L-BFGS is {ratio:.2f} times that of Adam (median).")


if __name__ == "__main__":
    main()
