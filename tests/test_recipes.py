"""How a picture is changed: each ingredient against a hand-computed case, Keras or a plain loop."""

from __future__ import annotations

import dataclasses
import os
import signal
import time

import numpy as np
import pytest

import helpers
from helpers import RECIPES, Recipe, keras, recipes, tf
from helpers.backend import graph_of
from helpers.recipes import COLOUR_CORRELATION

STILL = Recipe(fourier=False, decorrelated=False, adam=False, rate=0, shift=0, scale=0, rotation=0, total_variation=0)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def small_network() -> keras.Model:
    inputs = keras.Input((None, None, 3))
    tensor = keras.layers.Conv2D(4, 3, activation="relu", name="first")(inputs)
    network = keras.Model(inputs, keras.layers.Conv2D(3, 3, activation="relu", name="second")(tensor))
    for number, weight in enumerate(network.weights):
        weight.assign(0.3 * noise(*weight.shape, seed=number))
    return network


def test_adam_takes_the_steps_of_keras() -> None:
    recipe, start = Recipe(fourier=False, rate=0.05), noise(1, 4, 5, 3)
    variable, optimizer = keras.Variable(start), keras.optimizers.Adam(0.05, epsilon=1e-8)
    optimizer.build([variable])
    state = (tf.constant(start), tf.zeros_like(start), tf.zeros_like(start))
    for step in range(6):
        gradient = np.float32(10 ** (step / 2)) * noise(1, 4, 5, 3, seed=step + 1)
        state = recipes.update(recipe, state, gradient, tf.constant(step))
        optimizer.apply([-tf.constant(gradient)])
        np.testing.assert_allclose(state[0], variable.numpy(), rtol=1e-4, atol=1e-5)


def test_a_plain_step_has_the_given_length_along_the_gradient() -> None:
    start, gradient = noise(2, 4, 5, 3), noise(2, 4, 5, 3, seed=1) * np.array([1e-3, 50])[:, None, None, None]
    after, _, _ = recipes.update(dataclasses.replace(STILL, rate=0.7), (start, 0, 0), gradient.astype(np.float32), 0)
    for number in range(2):
        change = after[number] - start[number]
        assert np.linalg.norm(change) == pytest.approx(0.7, rel=1e-3)
        np.testing.assert_allclose(change / 0.7, gradient[number] / np.linalg.norm(gradient[number]), atol=1e-4)


def test_decay_acts_at_each_step_and_blur_at_every_third() -> None:
    start = state = (tf.constant(noise(1, 9, 9, 3)), 0, 0)
    for step in range(4):
        state = recipes.update(dataclasses.replace(STILL, decay=0.1), state, tf.zeros_like(start[0]), tf.constant(step))
        np.testing.assert_allclose(state[0], 0.9 ** (step + 1) * start[0], rtol=1e-5)
    recipe, state = dataclasses.replace(STILL, blur_every=3, blur=0.8), start
    for step in range(7):
        after = recipes.update(recipe, state, tf.zeros_like(start[0]), tf.constant(step))
        wanted = recipes.blurred(state[0], 0.8) if step in (2, 5) else state[0]
        np.testing.assert_allclose(after[0], wanted, atol=1e-6)
        state = after


def plainly_blurred(picture: np.ndarray, deviation: float, reach: int) -> np.ndarray:
    """(height, width, 3) -> the same, one weighted and shifted copy after the other."""
    height, width = picture.shape[:2]
    padded = np.pad(picture, ((reach, reach), (reach, reach), (0, 0)), mode="reflect")
    total, result = 0.0, np.zeros_like(picture, float)
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            weight = np.exp(-(down**2 + right**2) / (2 * deviation**2))
            rows, columns = slice(reach + down, reach + down + height), slice(reach + right, reach + right + width)
            result, total = result + weight * padded[rows, columns], total + weight
    return result / total


@pytest.mark.parametrize("deviation", [0.7, 1.5, 2.0])
def test_blur_is_gaussian(deviation: float) -> None:
    plain = np.full((1, 24, 24, 3), [0.2, -0.3, 0.4], np.float32)
    np.testing.assert_allclose(recipes.blurred(plain, deviation), plain, atol=1e-6)
    impulse = np.zeros((1, 25, 25, 3), np.float32)
    impulse[0, 12, 12] = [1, 2, 0]
    answer = recipes.blurred(impulse, deviation).numpy()[0]
    np.testing.assert_allclose(answer.sum(axis=(0, 1)), [1, 2, 0], atol=1e-5)
    places = np.arange(25) - 12
    for axis in (0, 1):
        spread = np.sqrt((answer[..., 0].sum(axis=1 - axis) * places**2).sum())
        assert spread == pytest.approx(deviation, rel=0.05)
    picture = noise(2, 12, 10, 3)
    wanted = [plainly_blurred(one, deviation, round(3 * deviation)) for one in picture]
    np.testing.assert_allclose(recipes.blurred(picture, deviation), wanted, atol=1e-5)


def test_a_blur_wider_than_the_picture_serves() -> None:
    blurred = recipes.blurred(noise(1, 16, 16, 3), 30.0).numpy()
    assert blurred.std() < 0.15, "nearly plain"


def test_total_variation_of_a_picture_made_by_hand() -> None:
    """Right neighbours differ by 0.2, 0 and 0.4: 0.2 on average; those below by 0.1, in one colour of three."""
    row = np.array([0.0, 0.2, 0.2, 0.6], np.float32)
    picture = np.stack([np.repeat(row[:, None], 3, axis=1)] * 2)  # two rows
    picture[1, :, 0] += 0.1
    responses = tf.constant([-2.0, 3.0])
    images = tf.constant(np.stack([picture, np.full_like(picture, 0.5)]))
    found = recipes.penalised(dataclasses.replace(STILL, total_variation=0.5), responses, images)
    np.testing.assert_allclose(found, [-2 - 0.5 * 2 * (0.2 + 0.1 / 3), 3], rtol=1e-5)
    np.testing.assert_array_equal(recipes.penalised(STILL, responses, images), responses)


def test_total_variation_makes_the_picture_smoother() -> None:
    network, rough = small_network(), []
    for amount in (0, 20):
        recipe = Recipe(fourier=False, total_variation=amount, rate=0.05)
        image = helpers.visualize_filter(network, "second", 1, 12, 24, recipe).image
        rough.append(np.abs(np.diff(image, axis=0)).mean() + np.abs(np.diff(image, axis=1)).mean())
    assert rough[1] < 0.8 * rough[0]


def test_a_shift_moves_the_whole_batch_by_as_much() -> None:
    """A picture whose colours are the places: red the row, green the column."""
    rows, columns = np.mgrid[:40, :40].astype(np.float32)
    images = tf.constant(np.stack([rows, columns, 0 * rows], axis=-1)[None].repeat(2, axis=0))
    recipe, corners = dataclasses.replace(STILL, shift=6), []
    for step in range(12):
        moved = recipes.transform(recipe, images, tf.constant([3, 1]), tf.constant(step)).numpy()
        assert moved.shape == images.shape
        np.testing.assert_array_equal(moved[0], moved[1])
        middle = moved[0, 8:-8, 8:-8]  # nothing mirrored
        np.testing.assert_allclose(np.diff(middle[..., 0], axis=0), 1, atol=1e-4)
        np.testing.assert_allclose(np.diff(middle[..., 1], axis=1), 1, atol=1e-4)
        corners.append(middle[0, 0, :2] - 8)
    assert 3 < np.abs(corners).max() <= 6 and np.ptp(corners, axis=0).min() > 6
    assert recipes.transform(STILL, images, [3, 1], 0) is images


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"rate": float("nan")}, "rate is nan"),
        ({"rate": float("inf")}, "rate is inf"),
        ({"rate": "fast"}, "rate is 'fast'"),
        ({"scale": -0.1}, "scale is -0.1.*0 or more"),
        ({"total_variation": None}, "total_variation is None"),
        ({"starts": 0}, "starts is 0"),
        ({"starts": 1.5}, "starts is 1.5.*whole number"),
        ({"rounds": 0, "fourier": False}, "rounds is 0"),
        ({"rounds": 1.5, "fourier": False}, "rounds is 1.5.*whole number"),
        ({"rounds": 2}, "set fourier=False"),
        ({"blur_every": 1.5, "fourier": False}, "blur_every is 1.5.*whole number"),
        ({"decay": 0.1}, "set fourier=False"),
        ({"blur_every": 4}, "set fourier=False"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(arguments: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Recipe(**arguments)


def test_regularised_is_the_plain_loop() -> None:
    """Steps of length 6 along the gradient, decay at each, a blur after the fourth and the eighth."""
    network, f_index, recipe = small_network(), 1, RECIPES["regularised"]
    assert (recipe.rate, recipe.decay, recipe.blur_every, recipe.blur) == (6, 0.01, 4, 0.5)
    submodel = helpers.get_submodel(network, "second", before_activation=True)
    pixels = tf.random.stateless_uniform((1, 20, 20, 3), [5, 0], -10, 10) / 255
    history = []
    for step in range(8):
        with tf.GradientTape() as tape:
            tape.watch(pixels)
            response = tf.reduce_mean(submodel(tf.clip_by_value(pixels + 0.5, 0, 1))[..., f_index])
        gradient = tape.gradient(response, pixels).numpy()
        pixels = (pixels.numpy() + 6 * gradient / np.sqrt((gradient**2).sum())) * 0.99
        if step in (3, 7):
            pixels = plainly_blurred(pixels[0], 0.5, 2)[None]
        pixels = tf.constant(pixels, tf.float32)
        history.append(float(response))
    made = helpers.visualize_filter(network, "second", f_index, 8, 20, "regularised", 5)
    np.testing.assert_allclose(made.history, history, rtol=1e-3)
    np.testing.assert_allclose(made.image, np.clip(pixels[0] + 0.5, 0, 1), atol=0.6 / 255)


def test_progressive_upscaling_ends_at_the_size() -> None:
    recipe, sides = Recipe(fourier=False, rounds=3), []
    made = helpers.visualize_filter(
        small_network(), "second", 0, 10, 60, recipe, preview=lambda images: sides.append(images.shape[1:])
    )
    assert sides == [(20, 20, 3), (40, 40, 3), (60, 60, 3)]
    assert made.image.shape == (60, 60, 3) and made.history.shape == (10,) and made.iters == 10
    few = helpers.visualize_filter(small_network(), "second", 0, 2, 20, recipe)
    assert few.image.shape == (20, 20, 3) and few.history.shape == (2,), "fewer steps than rounds, no side below 16"


def test_the_next_round_continues_the_picture() -> None:
    """With steps of no length: the second round begins with the first one's picture, twice as large and smooth."""
    recipe = dataclasses.replace(STILL, rounds=2)
    made = helpers.visualize_filter(small_network(), "second", 0, 4, 32, recipe, snapshots=[1, 2])
    small, large = made.snapshots[1], made.snapshots[2]
    assert small.shape == (16, 16, 3) and large.shape == (32, 32, 3)
    halves = large.reshape(16, 2, 16, 2, 3).mean(axis=(1, 3))
    assert np.abs(halves - small)[2:-2].mean() < 0.25 * small.std() and np.corrcoef(halves.flat, small.flat)[0, 1] > 0.9
    assert np.abs(np.diff(large, axis=0)).mean() < 0.7 * np.abs(np.diff(small, axis=0)).mean()


def test_a_network_for_one_size_cannot_take_rounds() -> None:
    model = helpers.load_model("mini_vgg16", input_shape=(64, 64, 3))
    with pytest.raises(ValueError, match=r"64 x 64 pixels only.*rounds"):
        helpers.visualize_filter(model, "block1_conv1", 0, 2, 64, Recipe(fourier=False, rounds=2))


def test_pixels_are_clipped_and_colours_mixed() -> None:
    values = noise(2, 8, 8, 3)
    plain, mixed = (Recipe(fourier=False, decorrelated=decorrelated) for decorrelated in (False, True))
    np.testing.assert_allclose(recipes.to_rgb(plain, values), np.clip(values + 0.5, 0, 1), atol=1e-6)
    by_hand = [[COLOUR_CORRELATION @ colour for colour in row] for row in values.reshape(16, 8, 3)]
    by_hand = np.clip(np.array(by_hand).reshape(values.shape) + 0.5, 0, 1)
    np.testing.assert_allclose(recipes.to_rgb(mixed, values), by_hand, atol=1e-5)


def test_a_spectrum_without_mixing_keeps_to_its_colour() -> None:
    spectrum = np.zeros((1, 2, 3, 16, 9), np.float32)
    spectrum[0, :, 1] = noise(2, 16, 9)
    image = recipes.to_rgb(Recipe(decorrelated=False), spectrum).numpy()
    assert image[..., 1].std() > 0.05 and np.abs(image[..., [0, 2]] - 0.5).max() < 1e-6


@pytest.mark.parametrize("fourier", [False, True])
@pytest.mark.parametrize("decorrelated", [False, True])
def test_every_parametrisation_stays_between_black_and_white(fourier: bool, decorrelated: bool) -> None:
    recipe = Recipe(fourier=fourier, decorrelated=decorrelated, rate=3)
    image = helpers.visualize_filter(small_network(), "second", 2, 6, 18, recipe).image
    assert image.min() >= 0 and image.max() <= 1 and np.ptp(image) > 0.9, "with steps that would leave [0, 1]"


def test_an_interrupt_waits_until_the_graph_is_made() -> None:
    made = []

    def body(number: tf.Tensor) -> tf.Tensor:
        time.sleep(0.1)  # until the thread's start is over
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.2)  # in the main thread the interrupt would come here
        made.append(number)
        return number

    with pytest.raises(KeyboardInterrupt):
        graph_of(tf.function(body, autograph=False), tf.TensorSpec(()))
    assert made, "the graph is whole"
    assert tf.executing_eagerly()
