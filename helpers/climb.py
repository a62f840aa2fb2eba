"""The loop of gradient ascent: one compiled step for each network, layer, batch and size; which filter is a tensor."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from . import recipes
from .backend import keras, progress_bar, tf
from .errors import check_whole
from .layers import get_submodel
from .objectives import Objective, check_places, in_bfloat16, responses_of
from .recipes import RECIPES, Recipe

BATCH = 16  # pictures that are improved together; more cost memory and gain no time on two cores
LOOK = 16  # steps between two previews


@dataclasses.dataclass
class Climb:
    """The arguments of one call, which are checked, and the loop over batches, rounds and steps."""

    model: keras.Model
    objective: Objective
    method: str | Recipe
    iters: int
    size: int
    seed: int
    bfloat16: bool = False
    snapshots: Sequence[int] = ()
    preview: Callable | None = None
    diversity: float = 0.0

    def __post_init__(self) -> None:
        model, iters, size = self.model, self.iters, self.size
        check_whole("iters", iters, 1)
        check_whole("size", size, 16, 2048)
        check_whole("seed", self.seed, 0, 2**31 - 10_001)
        self.recipe = RECIPES.get(self.method, self.method)
        if not isinstance(self.recipe, Recipe):
            raise ValueError(f"method is {self.method!r}; it must be one of {', '.join(RECIPES)}, or a Recipe.")
        self.snapshots = list(self.snapshots) if isinstance(self.snapshots, Iterable) else [self.snapshots]
        for step in self.snapshots:
            check_whole("a step in snapshots", step, 0, iters - 1)
        rounds, only = self.recipe.rounds, model.input_shape[1:3]
        self.sides = {iters * n // rounds: max(16, size * (n + 1) // rounds) for n in range(rounds)}  # from that step
        for side in self.sides.values():
            if any(fixed not in (None, side) for fixed in only):
                raise ValueError(f"{model.name} takes {only[0]} x {only[1]} pixels only, not {side} (rounds {rounds}).")
        check_places(model, self.objective, min(self.sides.values()))
        form = ((term.kind, term.layer_name, term.place, term.weight) for term in self.objective.terms)
        key, kept = (*form, self.recipe, self.bfloat16, self.diversity), model.__dict__.setdefault("_ascents", {})
        if key not in kept:
            kept[key] = CompiledStep(self)
        self.compiled: CompiledStep = kept[key]

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
                    snapshots[step] = recipes.to_rgb(self.recipe, state[0]).numpy()
                state, responses = self.compiled.run(state, indices, step, seeds[0])
                history.append(responses.numpy())
                bar.set_postfix(response=f"{history[-1].mean():.3g}", refresh=False)
                bar.update(len(seeds))
                if self.preview and (len(history) % LOOK == 0 or len(history) in (*self.sides, self.iters)):
                    self.preview(recipes.to_rgb(self.recipe, state[0]).numpy())
        finally:  # an interrupt goes on to end the other loops
            if history:
                images = np.round(recipes.to_rgb(self.recipe, state[0]).numpy() * 255).astype(np.float32) / 255
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
        before, maps = self.recipe.before_activation, self.diversity > 0
        self.maximised = responses_of(self.network, objective, before_activation=before, all_maps=maps)
        self.reported = responses_of(model, objective, before_activation=False)
        self.graphs = tf.function(self._step)  # one for each shape of the pictures

    def start(self, seeds: list[int], size: int, before: tuple | None) -> tuple:
        """The state at the first step of a round: from faint noise, or from the state before it."""
        if self.network is not self.cut:
            self.network.set_weights(self.cut.get_weights())
        if before is None:
            parameters = tf.concat([recipes.start(self.recipe, size, seed) for seed in seeds], axis=0)
        else:
            parameters = tf.image.resize(before[0], (size, size), method="bicubic")
        return parameters, tf.zeros_like(parameters), tf.zeros_like(parameters)

    def run(self, state: tuple, indices: Any, step: int, seed: int) -> tuple[tuple, Any]:
        """One step in one call of a graph; returns the new state and the responses, float32 (batch,)."""
        arguments = (state, indices, tf.constant(step), tf.constant([seed, 1]))
        # A tf.function that is called by itself warns of a layer's first graph.
        return self.graphs.get_concrete_function(*arguments)(*arguments)

    def _step(self, state: tuple, indices: Any, step: Any, seed: Any) -> tuple[tuple, Any]:
        whole = recipes.to_rgb(self.recipe, state[0])
        responses, maps = self.maximised(recipes.transform(self.recipe, whole, seed, step), indices)
        goal = recipes.penalised(self.recipe, responses, whole) - self._likeness(responses, maps)
        [gradient] = tf.gradients(goal, [state[0]])
        return recipes.update(self.recipe, state, gradient, step), responses

    def _likeness(self, responses: Any, maps: Any) -> Any:
        """What diversity takes off each response: the mean cosine between its Gram matrix and the others'."""
        if not self.diversity:
            return 0.0
        grams = tf.math.l2_normalize(tf.einsum("bhwc,bhwd->bcd", maps, maps), axis=[1, 2])
        alike = tf.einsum("icd,jcd->ij", grams, grams)
        mean = (tf.reduce_sum(alike, axis=1) - tf.linalg.diag_part(alike)) / max(len(maps) - 1, 1)
        return self.diversity * tf.stop_gradient(tf.abs(responses)) * mean
