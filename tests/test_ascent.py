"""Gradient ascent: equal to a plain loop, repeatable, and higher than where it began."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import helpers
from helpers import channel, keras, maximize, recipes, tf, visualize_filter, visualize_filters
from helpers.recipes import COLOUR_CORRELATION, RECIPES, Climb, Recipe


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return helpers.load_model("mini_vgg16")


def test_classroom_is_the_plain_loop(model: keras.Model) -> None:
    layer, f_index, steps = "block2_conv1", 3, 12
    submodel = helpers.get_submodel(model, layer)
    noise = tf.random.stateless_uniform((1, 40, 40, 3), [7, 0], -10, 10)
    picture, history = tf.Variable(0.5 + noise / 255), []
    for _ in range(steps):
        with tf.GradientTape() as tape:
            response = tf.reduce_mean(submodel(helpers.preprocess(model, picture))[..., f_index])
        gradient = tape.gradient(response, picture)
        picture.assign_add(10 / 255 * gradient / (tf.norm(gradient) + 1e-8))
        history.append(float(response))
    result = helpers.visualize_filter(model, layer, f_index, iters=steps, size=40, method="classroom", seed=7)
    np.testing.assert_allclose(result.history, history, rtol=1e-4)
    np.testing.assert_allclose(result.image, picture[0], atol=0.51 / 255)


@pytest.mark.parametrize("method", ["classroom", "fourier"])
def test_a_batch_gives_what_one_by_one_gives(model: keras.Model, method: str) -> None:
    filters = [5, 2, 9]
    batch = helpers.visualize_filters(model, "block3_conv2", filters, iters=4, size=32, method=method)
    alone = [helpers.visualize_filter(model, "block3_conv2", f, iters=4, size=32, method=method) for f in filters]
    for together, single in zip(batch, alone, strict=True):
        assert together.f_index == single.f_index
        np.testing.assert_allclose(together.image, single.image, atol=2e-3)


@pytest.mark.parametrize("method", ["classroom", "fourier"])
def test_same_seed_same_picture_other_seed_another(model: keras.Model, method: str) -> None:
    one, two, other = (
        helpers.visualize_filter(model, "block2_conv2", 1, iters=5, size=32, method=method, seed=seed)
        for seed in (3, 3, 4)
    )
    np.testing.assert_allclose(one.image, two.image, atol=1e-4)
    assert np.abs(one.image - other.image).max() > 0.01


@pytest.mark.parametrize("layer", ["block2_conv1", "block3_conv3", "block4_conv3", "block5_conv3"])
def test_the_picture_excites_its_filter(model: keras.Model, layer: str) -> None:
    """The reported response is the network's own, and higher than for any photo."""
    made = helpers.visualize_filters(model, layer, [0, 1], iters=40, size=64)
    for picture in made:
        maps = helpers.feature_maps(model, picture.image, layer)[layer]
        assert picture.response == pytest.approx(maps[..., picture.f_index].mean(), rel=1e-3)
        photos = [helpers.sample_image(name, 64) for name in helpers.sample_names()]
        natural = max(helpers.feature_maps(model, photo, layer)[layer][..., picture.f_index].mean() for photo in photos)
        assert natural < picture.response
        assert not picture.silent
        assert picture.history.shape == (40,) and picture.history[-1] > picture.history[0]
        assert picture.image.shape == (64, 64, 3) and picture.image.dtype == np.float32
        assert picture.image.min() >= 0 and picture.image.max() <= 1


def test_a_filter_that_cannot_respond_is_silent(model: keras.Model) -> None:
    inputs = keras.Input((None, None, 3))
    conv = keras.layers.Conv2D(2, 3, activation="relu", name="conv")
    network = keras.Model(inputs, conv(inputs))
    kernel = np.zeros((3, 3, 3, 2), np.float32)
    kernel[..., 1] = 1
    conv.set_weights([kernel, np.array([-1.0, 0.0], np.float32)])
    dead, alive = helpers.visualize_filters(network, "conv", iters=3, size=16)
    assert dead.silent and dead.response == 0
    assert not alive.silent


def test_the_default_wakes_a_filter_that_noise_leaves_silent(model: keras.Model) -> None:
    """Its bias is so low that noise gives zero and so no gradient; a bright picture excites it."""
    inputs = keras.Input((None, None, 3))
    conv = keras.layers.Conv2D(1, 3, activation="relu", name="conv")
    network = keras.Model(inputs, conv(inputs))
    conv.set_weights([np.ones((3, 3, 3, 1), np.float32), np.array([-20.0], np.float32)])
    assert helpers.visualize_filter(network, "conv", 0, iters=60, size=32, method="classroom").silent
    assert not helpers.visualize_filter(network, "conv", 0, iters=60, size=32).silent


def test_layers_with_branches_and_without_a_fused_relu() -> None:
    network = helpers.load_model("resnet50", weights=None, input_shape=(64, 64, 3))
    for layer in ("conv2_block1_1_conv", "conv2_block1_add", "conv2_block1_out"):
        picture = helpers.visualize_filter(network, layer, 3, iters=2, size=64)
        assert np.isfinite(picture.image).all() and np.isfinite(picture.history).all()


def test_one_spectral_parameter_is_one_wave() -> None:
    """Against numpy's inverse transform and Lucid's formulas."""
    parameters = np.zeros((1, 2, 3, 16, 9), np.float32)
    parameters[0, 0, 1, 2, 3] = 5
    spectrum = np.zeros((16, 9), complex)
    spectrum[2, 3] = 5 * 16 / np.hypot(2 / 16, 3 / 16)
    wave = np.fft.irfft2(spectrum, (16, 16))[..., None] / 4 * COLOUR_CORRELATION[:, 1]
    np.testing.assert_allclose(recipes.to_rgb(RECIPES["fourier"], parameters)[0], 1 / (1 + np.exp(-wave)), atol=1e-5)


def test_the_random_transformation_moves_little_and_passes_the_gradient() -> None:
    image = tf.Variable(helpers.sample_image("cat", 64)[None])
    with tf.GradientTape() as tape:
        moved = recipes.transform(RECIPES["fourier"], image, tf.constant([0, 1]), tf.constant(5))
        total = tf.reduce_mean(moved)
    assert np.abs(moved - image).mean() > 0.01, "something moved"
    assert moved.shape == image.shape and abs(float(total) - float(tf.reduce_mean(image))) < 0.1
    gradient = tape.gradient(total, image).numpy()
    assert gradient.sum() == pytest.approx(1, abs=0.2), "the weights of the resampled pixels are shares"


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"layer_name": "block9"}, helpers.LayerNotFound, "block9"),
        ({"layer_name": "predictions"}, helpers.LayerNotFound, "predictions"),
        ({"f_index": -1}, helpers.FilterOutOfRange, "-1.*0 to 15"),
        ({"f_index": 10**6}, helpers.FilterOutOfRange, "1000000.*0 to 15"),
        ({"f_index": 1.5}, helpers.FilterOutOfRange, "1.5"),
        ({"f_index": True}, helpers.FilterOutOfRange, "True"),
        ({"f_index": "3"}, helpers.FilterOutOfRange, "'3'"),
        ({"iters": 0}, ValueError, "iters is 0"),
        ({"iters": 2.5}, ValueError, "iters is 2.5"),
        ({"size": 3}, ValueError, "size is 3"),
        ({"size": float("nan")}, ValueError, "size is nan"),
        ({"method": "magic"}, ValueError, "'magic'.*fourier, regularised, classroom"),
        ({"seed": "x"}, ValueError, "seed is 'x'"),
        ({"seed": -1}, ValueError, "seed is -1"),
    ],
)
def test_bad_arguments_are_named(arguments: dict, error: type, words: str) -> None:
    model = helpers.load_model("mini_vgg16", include_top=True)
    with pytest.raises(error, match=words):
        helpers.visualize_filter(model, **({"layer_name": "block1_conv1", "f_index": 0} | arguments))


def test_a_size_that_the_network_cannot_take() -> None:
    model = helpers.load_model("mini_vgg16", input_shape=(64, 64, 3))
    with pytest.raises(ValueError, match="takes 64 x 64 pixels only, not 96"):
        helpers.visualize_filter(model, "block1_conv1", 0)


def test_a_random_filter_follows_the_seed(model: keras.Model) -> None:
    drawn = {helpers.visualize_filter(model, "block1_conv1", iters=1, size=16, seed=seed).f_index for seed in range(6)}
    again = {helpers.visualize_filter(model, "block1_conv1", iters=1, size=16, seed=seed).f_index for seed in range(6)}
    assert drawn == again and len(drawn) > 1


@pytest.fixture(scope="module")
def small() -> keras.Model:
    """Twenty filters of 3 x 3 that respond to anything."""
    return convolution(np.random.default_rng(0).normal(size=(3, 3, 3, 20)), np.full(20, 3.0))


def convolution(kernel: np.ndarray, bias: np.ndarray) -> keras.Model:
    inputs = keras.Input((None, None, 3))
    conv = keras.layers.Conv2D(kernel.shape[-1], kernel.shape[:2], activation="relu", name="conv")
    network = keras.Model(inputs, conv(inputs), name="small")
    conv.set_weights([kernel, bias])
    return network


@pytest.mark.parametrize("method", ["fourier", "regularised"])
def test_a_snapshot_is_the_picture_before_its_step(small: keras.Model, method: str) -> None:
    made = visualize_filter(small, "conv", 4, 20, 18, method, 6, snapshots=[17, 0, 5, 5])
    assert list(made.snapshots) == [0, 5, 17]
    start = recipes.to_rgb(RECIPES[method], recipes.start(RECIPES[method], 18, 6))[0]
    np.testing.assert_allclose(made.snapshots[0], start, atol=1e-6)
    for step in (5, 17):
        stopped = visualize_filter(small, "conv", 4, step, 18, method, 6)
        np.testing.assert_allclose(made.snapshots[step], stopped.image, atol=0.6 / 255)
        np.testing.assert_allclose(made.history[:step], stopped.history, rtol=1e-4)
    plain = visualize_filter(small, "conv", 4, 20, 18, method, 6)
    np.testing.assert_allclose(made.image, plain.image, atol=1.1 / 255)
    assert plain.snapshots == {}


def test_the_preview_gets_the_pictures_so_far(small: keras.Model) -> None:
    seen: list[np.ndarray] = []
    made = visualize_filters(small, "conv", [3, 1], 40, 18, preview=seen.append)
    assert [images.shape for images in seen] == [(2, 18, 18, 3)] * 3, "after 16, 32 and 40 steps"
    assert all(images.dtype == np.float32 and images.min() >= 0 and images.max() <= 1 for images in seen)
    np.testing.assert_allclose(seen[-1], [picture.image for picture in made], atol=0.51 / 255)
    np.testing.assert_allclose(seen[0][0], visualize_filter(small, "conv", 3, 16, 18).image, atol=0.6 / 255)


def stop_at(number: int) -> Callable[[np.ndarray], None]:
    """A preview during which the kernel is interrupted, at its call of this number."""
    calls: list[int] = []

    def preview(images: np.ndarray) -> None:
        calls.append(len(images))
        if len(calls) == number:
            raise KeyboardInterrupt

    return preview


@pytest.mark.parametrize(
    ("filters", "call", "iters", "words"),
    [
        (3, 2, [32] * 3, "Stopped after 32 of 40 steps"),
        (20, 2, [32] * 16, "Stopped after 32 of 40 steps"),
        (20, 3, [40] * 16, "Stopped after 40 of 40 steps"),  # just as the first batch was done
        (20, 4, [40] * 16 + [16] * 4, "Stopped after 16 of 40 steps"),
    ],
)
def test_an_interrupt_returns_the_pictures_so_far(
    small: keras.Model, capsys: pytest.CaptureFixture, filters: int, call: int, iters: list[int], words: str
) -> None:
    made = visualize_filters(small, "conv", range(filters), 40, 18, preview=stop_at(call))
    assert [picture.iters for picture in made] == iters == [len(picture.history) for picture in made]
    assert [picture.f_index for picture in made] == list(range(len(iters)))
    (line,) = capsys.readouterr().out.splitlines()
    assert line == f"{words}: the pictures so far."
    if filters == 3:
        stopped = visualize_filters(small, "conv", range(3), 32, 18)
        np.testing.assert_allclose(made[2].image, stopped[2].image, atol=1.1 / 255)


def test_an_interrupt_before_any_picture_is_one_and_a_later_one_keeps_those_done(
    small: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    from helpers.recipes import CompiledStep

    start, starts = CompiledStep.start, []

    def interrupted(self: CompiledStep, seeds: list[int], size: int, before: tuple | None) -> tuple:
        starts.append(len(seeds))
        if len(starts) == fatal:
            raise KeyboardInterrupt
        return start(self, seeds, size, before)

    monkeypatch.setattr(CompiledStep, "start", interrupted)
    fatal = 1
    with pytest.raises(KeyboardInterrupt):
        visualize_filters(small, "conv", iters=2, size=18)
    starts.clear()
    fatal = 2
    made = visualize_filters(small, "conv", iters=2, size=18)
    assert [picture.iters for picture in made] == [2] * 16


def test_a_picture_is_whole_255ths_and_so_is_its_response(small: keras.Model) -> None:
    for picture in visualize_filters(small, "conv", [2, 7], 5, 18):
        levels = picture.image * 255
        np.testing.assert_allclose(levels, np.round(levels), atol=1e-4)
        saved = np.round(levels).astype(np.uint8)
        maps = helpers.get_submodel(small, "conv")(saved[None] / np.float32(255)).numpy()
        assert picture.response == pytest.approx(maps[..., picture.f_index].mean(), rel=1e-4)


def count_starts(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The seeds of each batch that is climbed."""
    batches: list[list[int]] = []
    batch = Climb._batch
    monkeypatch.setattr(
        Climb, "_batch", lambda self, ids, seeds, *others: batches.append(seeds) or batch(self, ids, seeds, *others)
    )
    return batches


def test_a_silent_filter_is_tried_from_every_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Filter 1 responds to everything, the other 18 to nothing: they are tried again, 16 and 2 together."""
    bias = np.full(19, -99.0)
    bias[1] = 9
    network, batches = convolution(np.zeros((3, 3, 3, 19)), bias), count_starts(monkeypatch)
    made = visualize_filters(network, "conv", iters=1, size=16, seed=4, method=Recipe(starts=3))
    assert [picture.silent for picture in made] == [f_index != 1 for f_index in range(19)]
    assert batches == [[4] * 16, [4] * 3, [1004] * 16, [1004] * 2, [2004] * 16, [2004] * 2]
    assert {picture.seed for picture in made} == {4}, "no start was better than the first"
    batches.clear()
    assert visualize_filter(network, "conv", 1, 1, 16).seed == 0 and batches == [[0]]
    visualize_filter(network, "conv", 0, 1, 16, Recipe(starts=1))
    assert batches == [[0], [0]]


def test_the_seed_that_worked_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """One unit that sees the whole picture: numpy tells which of the starts excite it."""
    recipe = Recipe(fourier=False, before_activation=False, shift=0, scale=0, rotation=0, starts=5)
    kernel = np.random.default_rng(1).normal(size=(16, 16, 3, 1))
    kernel -= kernel.mean()
    network = convolution(kernel, np.zeros(1))

    def fires(seed: int) -> bool:
        picture = recipes.to_rgb(recipe, recipes.start(recipe, 16, seed))[0].numpy()
        return (picture * kernel[..., 0]).sum() > 0.1

    seed = next(s for s in range(200) if [fires(s), fires(s + 1000), fires(s + 2000)] == [False, False, True])
    batches = count_starts(monkeypatch)
    made = visualize_filter(network, "conv", 0, 4, 16, recipe, seed)
    assert not made.silent and made.seed == seed + 2000 and batches == [[seed], [seed + 1000], [seed + 2000]]
    again = visualize_filter(network, "conv", 0, 4, 16, recipe, made.seed)
    np.testing.assert_allclose(again.image, made.image, atol=1.1 / 255)


def test_a_filter_that_no_noise_excites_is_found() -> None:
    """The kind of VGG16's block5_conv1 number 11: the sum of an edge detector's map, minus more than noise gives."""
    inputs = keras.Input((None, None, 3))
    edge = keras.layers.Conv2D(2, (1, 2), activation="relu", name="edge")
    pattern = keras.layers.Conv2D(1, 7, activation="relu", name="pattern")
    network = keras.Model(inputs, pattern(edge(inputs)))
    rise = np.array([-1.0, 1.0])[None, :, None].repeat(3, axis=2)
    edge.set_weights([np.stack([rise, -rise], axis=-1), np.zeros(2)])
    pattern.set_weights([np.ones((7, 7, 2, 1)), np.array([-15.0])])
    respond = helpers.get_submodel(network, "pattern")
    noise = np.clip(0.5 + np.random.default_rng(0).uniform(-10, 10, (20, 32, 32, 3)) / 255, 0, 1)
    assert respond(noise.astype(np.float32)).numpy().max() == 0
    stripes = np.tile(np.array([0.0, 0, 1, 1], np.float32)[None, :, None], (32, 8, 3))
    assert respond(stripes[None]).numpy().min() > 1
    assert visualize_filter(network, "pattern", 0, 40, 32, "classroom").silent
    found = visualize_filter(network, "pattern", 0, 40, 32)
    assert not found.silent and found.seed == 0 and found.response > 1


def test_another_filter_costs_no_new_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    network = convolution(np.random.default_rng(0).normal(size=(3, 3, 3, 4)), np.full(4, 3.0))
    traced: list[int] = []
    transform = recipes.transform
    monkeypatch.setattr(recipes, "transform", lambda *call: traced.append(1) or transform(*call))
    pictures = [
        visualize_filter(network, "conv", f, iters, 18, seed=seed) for f, iters, seed in [(0, 3, 0), (3, 20, 5)]
    ]
    (compiled,) = network.__dict__["_ascents"].values()
    assert compiled.graphs.experimental_get_tracing_count() == len(traced) == 1
    network.get_layer("conv").bias.assign(np.full(4, 5.0))
    brighter = visualize_filter(network, "conv", 0, 3, 18)
    assert len(traced) == 1 and brighter.history[0] == pytest.approx(pictures[0].history[0] + 2, abs=1e-3)
    visualize_filters(network, "conv", [0, 1], 3, 18)
    assert compiled.graphs.experimental_get_tracing_count() == len(traced) == 2, "a batch of another size"


def likeness(network: keras.Model, layer_name: str, images: list[np.ndarray]) -> float:
    """Mean cosine between the Gram matrices of every two pictures, by a plain loop."""
    grams = []
    submodel = helpers.get_submodel(network, layer_name, before_activation=True)
    for maps in submodel(helpers.preprocess(network, np.stack(images))).numpy():
        flat = maps.reshape(-1, maps.shape[-1])
        grams.append((flat.T @ flat).ravel())
    cosines = [
        one @ two / np.linalg.norm(one) / np.linalg.norm(two) for i, one in enumerate(grams) for two in grams[:i]
    ]
    return float(np.mean(cosines))


def test_diverse_pictures_differ(model: keras.Model) -> None:
    layer = "block3_conv1"
    alike, diverse = (maximize(model, channel(layer, 8), 30, 32, count=3, diversity=diversity) for diversity in (0, 1))
    assert [picture.seed for picture in diverse] == [0, 1, 2]
    cosines = [likeness(model, layer, [picture.image for picture in pictures]) for pictures in (alike, diverse)]
    assert cosines[1] < cosines[0] - 0.2
    grey = helpers.get_submodel(model, layer)(helpers.preprocess(model, np.full((32, 32, 3), 0.5, np.float32)))
    weakest = min(picture.response for picture in diverse)
    assert weakest > 1.2 * float(tf.reduce_mean(grey[..., 8])), "and still excite the filter"


def test_a_difference_is_climbed_as_a_whole(model: keras.Model) -> None:
    """Filter 2 without the filter that its picture excites most beside it."""
    layer = "block2_conv2"
    one = visualize_filter(model, layer, 2, 48, 32)
    submodel = helpers.get_submodel(model, layer)
    alone = submodel(helpers.preprocess(model, one.image)).numpy().mean(axis=(0, 1, 2))
    other = int(np.argmax(np.where(np.arange(len(alone)) == 2, 0, alone)))
    objective = channel(layer, 2) - 0.5 * channel(layer, other)
    (made,) = maximize(model, objective, 48, 32)
    both = submodel(helpers.preprocess(model, made.image)).numpy().mean(axis=(0, 1, 2))
    assert made.response == pytest.approx(both[2] - 0.5 * both[other], rel=1e-3)
    assert made.response > alone[2] - 0.5 * alone[other] and both[other] < 0.5 * alone[other]
    assert made.objective == objective and one.objective == channel(layer, 2)


def test_a_filter_can_be_avoided(small: keras.Model) -> None:
    (made,) = maximize(small, -channel("conv", 5), 24, 18)
    (liked,) = maximize(small, channel("conv", 5), 1, 18)
    assert made.history[-1] > made.history[0] and made.response > -liked.response


def test_an_option_that_there_is_not_is_named(model: keras.Model) -> None:
    words = "visualize_filters and maximize have no option 'bfloat'; they have bfloat16, snapshots, preview"
    for call in (
        lambda: helpers.visualize_filter(model, "block1_conv1", 0, bfloat=True),
        lambda: helpers.visualize_filters(model, "block1_conv1", [0], bfloat=True),
        lambda: helpers.maximize(model, helpers.channel("block1_conv1", 0), bfloat=True),
    ):
        with pytest.raises(TypeError, match=words):
            call()
    with pytest.raises(TypeError, match="no option 'diversity'"):
        helpers.visualize_filters(model, "block1_conv1", [0], diversity=0.5)
