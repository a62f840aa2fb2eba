"""Are the saliency maps those of tf-keras-vis? Correlations on the bundled network and its photos.

    python tests/benchmarks/saliency_agreement.py

Needs `pip install tf-keras-vis deprecated`, which is no dependency of the package; without it nothing is compared.
Where the definitions agree, every correlation must exceed 0.999. Two differ on purpose and are printed beside:
- tf-keras-vis' SmoothGrad averages absolute gradients, the paper and this package the gradients themselves;
- it enlarges maps so that corner units lie in the picture's corners, this package so that each covers its square.
"""

from __future__ import annotations

import importlib.util
import sys
import warnings
from unittest import mock

import numpy as np
import pandas as pd

import helpers
from helpers import keras, tf
from helpers.saliency import NOISE

SIZE, SAMPLES = 64, 16


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(np.ravel(one), np.ravel(other))[0, 1])


def compare(model: keras.Model, from_rgb: keras.Model, photo: np.ndarray) -> dict[str, float]:
    """Correlations of our maps with theirs for the top class; those in brackets are of other definitions."""
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.layercam import Layercam
    from tf_keras_vis.saliency import Saliency
    from tf_keras_vis.utils.scores import CategoricalScore

    score = CategoricalScore([int(model(helpers.preprocess(model, photo)).numpy().argmax())])
    theirs, ours = Saliency(from_rgb), lambda method: helpers.saliency_map(model, photo, method, **options)
    options = {"samples": SAMPLES, "seed": 0}
    random = np.random.default_rng(0)
    noise = np.stack([random.normal(0, NOISE * np.ptp(photo), photo.shape) for _ in range(SAMPLES)])[:, None]
    with mock.patch("numpy.random.normal", lambda *_: noise):
        plain = {"gradient_modifier": None, "keepdims": True, "normalize_map": False}
        smooth = theirs(score, photo[None], smooth_samples=SAMPLES, smooth_noise=NOISE, **plain)
        absolute = theirs(score, photo[None], smooth_samples=SAMPLES, smooth_noise=NOISE)
    found = {
        "gradient": correlation(ours("gradient"), theirs(score, photo[None])),
        "SmoothGrad": correlation(ours("smoothgrad"), np.abs(smooth).max(axis=-1)),
        "(SmoothGrad of absolute gradients)": correlation(ours("smoothgrad"), absolute),
    }
    for method, kind in (("grad_cam", Gradcam), ("layer_cam", Layercam)):
        arguments = {"penultimate_layer": "block5_conv3", "normalize_cam": False}
        units = kind(model)(score, helpers.preprocess(model, photo), expand_cam=False, **arguments)
        large = kind(model)(score, helpers.preprocess(model, photo), **arguments)
        resized = tf.image.resize(np.asarray(units)[0, ..., None], photo.shape[:2])
        found[method] = correlation(ours(method), resized)
        found[f"({method}, corners in corners)"] = correlation(ours(method), large)
    return found


def main() -> None:
    if importlib.util.find_spec("tf_keras_vis") is None:
        print("tf-keras-vis is not installed: nothing is compared.")
        return
    warnings.filterwarnings("ignore", message="The structure of `inputs`")  # it passes a list
    model = helpers.load_model("mini_vgg16", include_top=True)
    inputs = keras.Input((SIZE, SIZE, 3))
    from_rgb = keras.Model(inputs, model(helpers.preprocess(model, inputs)))
    rows = {name: compare(model, from_rgb, helpers.sample_image(name, SIZE)) for name in helpers.sample_names()}
    table = pd.DataFrame(rows).T
    print(table.T.round(5).to_string())
    same = table[[name for name in table if not name.startswith("(")]]
    if not (same > 0.999).all(axis=None):
        sys.exit("A map differs from that of tf-keras-vis.")


if __name__ == "__main__":
    main()
