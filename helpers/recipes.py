"""How gradient ascent changes a picture: parametrisation, random transformations, regularisers and the step; the loop.

One step is compiled for each network, layer, batch and size: which filter is a tensor.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from .backend import graph_of, keras, progress_bar, tf
from .errors import check_real, check_whole
from .layers import get_submodel
from .objectives import Objective, check_places, in_bfloat16, responses_of

BATCH = 16  # pictures that are improved together; more cost memory and gain no time on two cores
OPTIONS = {"bfloat16": False, "snapshots": (), "preview": None}  # what a call may be given besides, and the defaults
LOOK = 16  # steps between two previews
# The correlations of colours in ImageNet photos (Lucid, lucid/optvis/param/color.py), scaled to a largest norm of 1.
COLOUR_CORRELATION = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]], np.float32)
COLOUR_CORRELATION /= np.linalg.norm(COLOUR_CORRELATION, axis=0).max()


@dataclasses.dataclass(frozen=True)
class Recipe:
    """The ingredients of gradient ascent; change one with ``dataclasses.replace``.

    Attributes
    ----------
    fourier
        The parameters are a spectrum, divided by the frequency as in photos (the mean colour by a quarter of the
        lowest), and a sigmoid keeps the picture in [0, 1] (Olah, Mordvintsev and Schubert, "Feature Visualization",
        Distill 2017). False: they are the pixels, clipped.
    decorrelated
        Colours are mixed as they are correlated in photos (the same source).
    before_activation
        Maximise the response before a ReLU that is fused into the layer, so that a silent filter still has a gradient.
    shift, scale, rotation
        Largest random shift (pixels), zoom (share) and turn (degrees) at each step, mirrored at the edges
        (Mordvintsev, Olah and Tyka 2015 for the shift; Olah et al. 2017 for the rest).
    total_variation
        Share of the response given up for a mean difference of 1 between neighbouring pixels (Mahendran and Vedaldi,
        "Understanding Deep Image Representations by Inverting Them", 2015).
    decay
        Share of the distance to mid-grey removed at each step (L2 decay: Simonyan, Vedaldi and Zisserman 2013; Yosinski
        et al., "Understanding Neural Networks Through Deep Visualization", 2015). Pixels only, as the next two.
    blur_every, blur
        Every so many steps a Gaussian blur with this standard deviation in pixels (Yosinski et al. 2015); 0: never.
    rounds
        Progressive upscaling: the picture grows to its size in so many rounds (Mordvintsev et al. 2015, octaves).
    adam
        Adam (Kingma and Ba 2015) with step ``rate``. False: a step along the gradient of l2 norm ``rate``.
    rate
        Size of a step: of a parameter for Adam; else the l2 norm over all pixels and colours, which are in [0, 1].
    starts
        How many times a filter that stays silent starts anew from another seed.
    """

    fourier: bool = True
    decorrelated: bool = True
    before_activation: bool = True
    shift: float = 12.0
    scale: float = 0.1
    rotation: float = 10.0
    total_variation: float = 2.5
    decay: float = 0.0
    blur_every: int = 0
    blur: float = 1.0
    rounds: int = 1
    adam: bool = True
    rate: float = 0.15
    starts: int = 3

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            check_real(field.name, getattr(self, field.name))
        for name, least in (("blur_every", 0), ("rounds", 1), ("starts", 1)):
            check_whole(name, getattr(self, name), least)
        if self.fourier and (self.decay or self.blur_every or self.rounds > 1):
            raise ValueError("decay, blur_every and rounds act on pixels; with them set fourier=False.")


_pixels = Recipe(fourier=False, decorrelated=False, shift=0, scale=0, rotation=0, total_variation=0, adam=False, rate=6)
RECIPES = {
    "fourier": Recipe(),
    "regularised": dataclasses.replace(_pixels, decay=0.01, blur_every=4, blur=0.5),
    "classroom": dataclasses.replace(_pixels, before_activation=False, rate=10 / 255, starts=1),
}


def start(recipe: Recipe, size: int, seed: int) -> Any:
    """Faint noise: a spectrum (1, 2, 3, size, size // 2 + 1), or pixels (1, size, size, 3) minus mid-grey."""
    if recipe.fourier:
        return tf.random.stateless_normal((1, 2, 3, size, size // 2 + 1), [seed, 0], stddev=0.01)
    return tf.random.stateless_uniform((1, size, size, 3), [seed, 0], -10, 10) / 255


def to_rgb(recipe: Recipe, parameters: Any) -> Any:
    """Parameters -> RGB pictures (batch, size, size, 3) in [0, 1]."""
    pixels = parameters
    if recipe.fourier:
        size = parameters.shape[3]
        frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
        scale = (size / np.maximum(frequency, 0.25 / size)).astype(np.float32)
        spectrum = tf.complex(parameters[:, 0] * scale, parameters[:, 1] * scale)
        pixels = tf.transpose(tf.signal.irfft2d(spectrum, [size, size]), [0, 2, 3, 1]) / 4
    if recipe.decorrelated:
        pixels = pixels @ COLOUR_CORRELATION.T
    return tf.sigmoid(pixels) if recipe.fourier else tf.clip_by_value(pixels + 0.5, 0.0, 1.0)


def transform(recipe: Recipe, images: Any, seed: Any, step: Any) -> Any:
    """One random shift, zoom and turn for the whole batch; differentiable (bilinear)."""
    if not (recipe.shift or recipe.scale or recipe.rotation):
        return images
    random = tf.random.stateless_uniform((4,), seed + tf.stack([0, step]), -1, 1)
    angle, scale = random[0] * recipe.rotation * np.pi / 180, 1 + recipe.scale * random[1]
    shift, centre = random[2:] * recipe.shift, (images.shape[1] - 1) / 2
    cosine, sine = tf.cos(angle) * scale, tf.sin(angle) * scale
    right = centre - cosine * centre + sine * centre + shift[0]
    down = centre - sine * centre - cosine * centre + shift[1]
    matrix = tf.stack([cosine, -sine, right, sine, cosine, down, 0.0, 0.0])
    return keras.ops.image.affine_transform(images, matrix, fill_mode="reflect")


def penalised(recipe: Recipe, responses: Any, images: Any) -> Any:
    """The responses minus what total variation takes off."""
    down, right = images[:, 1:] - images[:, :-1], images[:, :, 1:] - images[:, :, :-1]
    variation = tf.reduce_mean(tf.abs(down), axis=[1, 2, 3]) + tf.reduce_mean(tf.abs(right), axis=[1, 2, 3])
    return responses - recipe.total_variation * tf.stop_gradient(tf.abs(responses)) * variation


def update(recipe: Recipe, state: tuple, gradient: Any, step: Any) -> tuple:
    """One step upwards. The state is (parameters, Adam's mean, Adam's mean square); without Adam the two stay 0."""
    parameters, mean, square = state
    if recipe.adam:
        time_step = tf.cast(step + 1, tf.float32)
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        direction = mean / (1 - 0.9**time_step) / (tf.sqrt(square / (1 - 0.999**time_step)) + 1e-8)
    else:
        direction = gradient / (tf.sqrt(tf.reduce_sum(gradient**2, axis=[1, 2, 3], keepdims=True)) + 1e-8)
    parameters = (parameters + recipe.rate * direction) * (1 - recipe.decay)
    if recipe.blur_every:
        due = tf.equal(step % recipe.blur_every, recipe.blur_every - 1)
        parameters = tf.cond(due, lambda: blurred(parameters, recipe.blur), lambda: parameters)
    return parameters, mean, square


def blurred(pictures: Any, deviation: float) -> Any:
    """Gaussian blur of (batch, height, width, 3), mirrored at the edges; the deviation is in pixels."""
    reach = min(max(1, round(3 * deviation)), min(pictures.shape[1:3]) - 1)
    padded = tf.pad(pictures, [[0, 0], [reach, reach], [reach, reach], [0, 0]], mode="REFLECT")
    soft = keras.ops.image.gaussian_blur(padded, (2 * reach + 1,) * 2, (max(deviation, 1e-6),) * 2)
    return soft[:, reach:-reach, reach:-reach]


@dataclasses.dataclass
class Climb:
    """What one call asks for, checked where one argument depends on another, and the loop over batches and steps."""

    model: keras.Model
    objective: Objective
    method: str | Recipe
    iters: int
    size: int
    options: dict[str, Any]
    diversity: float = 0.0

    def __post_init__(self) -> None:
        for name in self.options.keys() - OPTIONS:
            raise TypeError(f"visualize_filters and maximize have no option {name!r}; they have {', '.join(OPTIONS)}.")
        self.bfloat16, self.snapshots, self.preview = (OPTIONS | self.options).values()
        self.recipe = RECIPES.get(self.method, self.method)
        if not isinstance(self.recipe, Recipe):
            raise ValueError(f"method is {self.method!r}; it must be one of {', '.join(RECIPES)}, or a Recipe.")
        self.snapshots = list(self.snapshots) if isinstance(self.snapshots, Iterable) else [self.snapshots]
        for step in self.snapshots:
            check_whole("a step in snapshots", step, 0, self.iters - 1)
        model, rounds, only = self.model, self.recipe.rounds, self.model.input_shape[1:3]
        # From the first step of each round on: the size of the pictures.
        self.sides = {self.iters * n // rounds: max(16, self.size * (n + 1) // rounds) for n in range(rounds)}
        if other := [side for side in self.sides.values() if any(fixed not in (None, side) for fixed in only)]:
            raise ValueError(f"{model.name} takes {only[0]} x {only[1]} pixels only, not {other[0]} (rounds {rounds}).")
        check_places(model, self.objective, min(self.sides.values()))
        form = ((term.kind, term.layer_name, term.place, term.weight) for term in self.objective.terms)
        key, kept = (*form, self.recipe, self.bfloat16, self.diversity), model.__dict__.setdefault("_ascents", {})
        self.compiled: CompiledStep = kept.get(key) or kept.setdefault(key, CompiledStep(self))

    def run(self, indices: np.ndarray, seeds: list[int]) -> list[dict]:
        """One row for each picture; a silent one is tried again from other seeds."""
        rows: dict[int, dict] = {}
        may_be_silent = all(term.kind in ("channel", "neuron") and term.weight > 0 for term in self.objective.terms)
        try:
            with progress_bar(total=len(seeds) * self.iters, desc=str(self.objective), unit="step") as bar:
                for again in range(self.recipe.starts if may_be_silent else 1):
                    left = [n for n in range(len(seeds)) if n not in rows or not rows[n]["response"] > 0]
                    bar.total = bar.n + len(left) * self.iters
                    for first in range(0, len(left), BATCH):
                        batch = left[first : first + BATCH]
                        self._batch(indices[:, batch], [seeds[n] + 1000 * again for n in batch], batch, rows, bar)
        except KeyboardInterrupt:
            if not rows:
                raise
            steps = min(row["iters"] for row in rows.values())
            print(f"Stopped after {steps} of {self.iters} steps: the pictures so far.")
        return list(rows.values())

    def _batch(self, indices: np.ndarray, seeds: list[int], places: list[int], rows: dict[int, dict], bar: Any) -> None:
        """Put a row into `rows` at each of the places, or keep the one there if its response is higher."""
        begun, history, snapshots, state = time.perf_counter(), [], {}, None
        try:
            for step in range(self.iters):
                if step in self.sides:
                    state = self.compiled.start(seeds, self.sides[step], state)
                if step in self.snapshots:
                    snapshots[step] = to_rgb(self.recipe, state[0]).numpy()
                state, responses = self.compiled.run(state, indices, step, seeds[0])
                history.append(responses.numpy())
                bar.set_postfix(response=f"{history[-1].mean():.3g}", refresh=False)
                bar.update(len(seeds))
                if self.preview and (len(history) % LOOK == 0 or len(history) in (*self.sides, self.iters)):
                    self.preview(to_rgb(self.recipe, state[0]).numpy())
        finally:  # an interrupt goes on to end the other loops
            if history:
                images = np.round(to_rgb(self.recipe, state[0]).numpy() * 255).astype(np.float32) / 255
                responses = self.compiled.reported(images, indices)[0].numpy()
                common = {"iters": len(history), "seconds": time.perf_counter() - begun}
                for n, place in enumerate(places):
                    row = {"image": images[n], "response": float(responses[n]), "seed": seeds[n], **common}
                    row["history"] = np.array([values[n] for values in history])
                    row["snapshots"] = {step: pictures[n] for step, pictures in snapshots.items()}
                    rows[place] = max(rows.get(place, row), row, key=lambda row: row["response"])


class CompiledStep:
    """One compiled step for a network, an objective's form and a recipe; which filters is a tensor."""

    def __init__(self, climb: Climb) -> None:
        model, objective, self.recipe, self.diversity = climb.model, climb.objective, climb.recipe, climb.diversity
        self.cut = get_submodel(model, [term.layer_name for term in objective.terms]) if climb.bfloat16 else model
        self.network = in_bfloat16(self.cut) if climb.bfloat16 else model
        self.maximised = responses_of(self.network, objective, self.recipe.before_activation, self.diversity > 0)
        self.reported = responses_of(model, objective, before_activation=False)
        self.graphs = tf.function(self._step, autograph=False)  # one for each shape of the pictures

    def start(self, seeds: list[int], size: int, before: tuple | None) -> tuple:
        """The state at the first step of a round: from faint noise, or from the state before it."""
        if self.network is not self.cut:
            self.network.set_weights(self.cut.get_weights())
        noise = [start(self.recipe, size, seed) for seed in seeds]
        parameters = tf.image.resize(before[0], (size, size), method="bicubic") if before else tf.concat(noise, axis=0)
        return parameters, tf.zeros_like(parameters), tf.zeros_like(parameters)

    def run(self, state: tuple, indices: Any, step: int, seed: int) -> tuple[tuple, Any]:
        """One step in one call of a graph; returns the new state and the responses, float32 (batch,)."""
        arguments = (state, indices, tf.constant(step), tf.constant([seed, 1]))
        # A tf.function that is called by itself warns of a layer's first graph.
        return graph_of(self.graphs, *arguments)(*arguments)

    def _step(self, state: tuple, indices: Any, step: Any, seed: Any) -> tuple[tuple, Any]:
        whole = to_rgb(self.recipe, state[0])
        responses, maps = self.maximised(transform(self.recipe, whole, seed, step), indices)
        gradient = tf.gradients(penalised(self.recipe, responses, whole) - self._likeness(responses, maps), state[0])[0]
        return update(self.recipe, state, gradient, step), responses

    def _likeness(self, responses: Any, maps: Any) -> Any:
        """What diversity takes off each response: the mean cosine between its Gram matrix and the others'."""
        if not self.diversity:
            return 0.0
        grams = tf.math.l2_normalize(tf.einsum("bhwc,bhwd->bcd", maps, maps), axis=[1, 2])
        alike = tf.einsum("icd,jcd->ij", grams, grams)
        mean = (tf.reduce_sum(alike, axis=1) - tf.linalg.diag_part(alike)) / max(maps.shape[0] - 1, 1)
        return self.diversity * tf.stop_gradient(tf.abs(responses)) * mean
