"""DeepDream: gradients worked out by hand, octaves, detail, tiles, rolls, the stop button, and bad arguments."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

import helpers
from helpers import channel, class_logit, deep_dream, keras, neuron, tf, whole_layer
from helpers.models import Network
from helpers.painting import octave_shapes, resized, tiled_gradient
from tests.test_objectives import linear

STILL = {"octaves": 1, "iters": 1, "jitter": 0}


def photo(height: int = 48, width: int = 64, low: float = 0.0, high: float = 1.0) -> np.ndarray:
    return np.random.default_rng(2).uniform(low, high, (height, width, 3)).astype(np.float32)


def smooth(height: int = 64, width: int = 80) -> np.ndarray:
    down, right = np.mgrid[0:height, 0:width] / 16
    return np.stack([0.5 + 0.4 * np.sin(down + phase) * np.cos(right) for phase in range(3)], axis=2).astype(np.float32)


def convolution(kernel: np.ndarray, bias: Any = 0.0, activation: str | None = None) -> keras.Model:
    """One convolution, and the mean of its maps as classes."""
    inputs = keras.Input((None, None, 3))
    conv = keras.layers.Conv2D(kernel.shape[-1], kernel.shape[:2], padding="same", activation=activation, name="conv")
    network = keras.Model(inputs, conv(inputs), name="small")
    conv.set_weights([kernel, np.broadcast_to(bias, kernel.shape[-1:])])
    return network


@pytest.fixture(scope="module")
def edges() -> keras.Model:
    """Three filters of 3 x 3, without an activation."""
    return convolution(np.random.default_rng(0).normal(size=(3, 3, 3, 3)))


def stepped(image: np.ndarray, gradient: np.ndarray, rate: float) -> np.ndarray:
    """One step by hand: the gradient divided by its mean magnitude."""
    return np.clip(image + rate * gradient / np.abs(gradient).mean(), 0, 1)


def test_a_channel_of_a_linear_network_by_hand() -> None:
    """The map is a mixture of the colours, so its mean rises by the same colour everywhere."""
    image, network = photo(low=0.3, high=0.7), linear()
    kernel = network.get_layer("first").kernel.numpy()[0, 0]
    wanted = stepped(image, np.broadcast_to(kernel[:, 2], image.shape), 0.05)
    np.testing.assert_allclose(deep_dream(network, image, channel("first", 2), rate=0.05, **STILL), wanted, atol=1e-5)


def test_whole_layers_with_weights_by_hand() -> None:
    """The mean square of maps x K + b has the slope 2 (x K + b) K^T / (places x channels)."""
    image, network = photo(low=0.3, high=0.7), linear()
    one, two = (network.get_layer(name) for name in ("first", "second"))
    a, b = one.kernel.numpy()[0, 0], two.kernel.numpy()[0, 0]
    first = image @ a + one.bias.numpy()
    second = first @ b + two.bias.numpy()
    slopes = {"first": 2 * first @ a.T / first.size, "second": 2 * second @ (a @ b).T / second.size}
    cases: dict[Any, np.ndarray] = {
        "first": slopes["first"],
        ("first", "second"): slopes["first"] + slopes["second"],
        (("first", 0.25), ("second", 3.0)): 0.25 * slopes["first"] + 3 * slopes["second"],
    }
    for layers, slope in cases.items():
        layers = dict(layers) if isinstance(layers[0], tuple) else layers
        np.testing.assert_allclose(
            deep_dream(network, image, layers, rate=0.03, **STILL), stepped(image, slope, 0.03), atol=1e-5
        )
    less = 0.25 * whole_layer("first") - 3 * whole_layer("second")
    slope = 0.25 * slopes["first"] - 3 * slopes["second"]
    np.testing.assert_allclose(
        deep_dream(network, image, less, rate=0.03, **STILL), stepped(image, slope, 0.03), atol=1e-5
    )


def test_a_class_and_a_neuron_and_their_difference() -> None:
    image, network = photo(low=0.3, high=0.7), linear("fused")
    a, b, c = (network.get_layer(name).kernel.numpy() for name in ("first", "second", "head"))
    per_class = a[0, 0] @ b[0, 0] @ c
    wanted = stepped(image, np.broadcast_to(per_class[:, 1], image.shape), 0.02)
    np.testing.assert_allclose(deep_dream(network, image, class_logit("dog"), rate=0.02, **STILL), wanted, atol=1e-5)
    one = deep_dream(network, image, neuron("first", 3, (5, 7)), rate=1e-5, **STILL)
    assert np.argwhere(np.abs(one - image).max(axis=2) > 1e-4).tolist() == [[5, 7]]


def test_a_silent_filter_still_dreams() -> None:
    """An objective without whole layers is taken before the activation; a whole layer after it."""
    network = convolution(np.ones((1, 1, 3, 1)), bias=-9.0, activation="relu")
    image = photo(low=0.3, high=0.7)
    np.testing.assert_allclose(
        deep_dream(network, image, channel("conv", 0), rate=0.1, **STILL), image + 0.1, atol=1e-5
    )
    for after in ("conv", channel("conv", 0) + whole_layer("conv")):
        np.testing.assert_array_equal(deep_dream(network, image, after, **STILL), image)


def test_octaves_grow_to_the_full_size() -> None:
    assert octave_shapes((256, 384, 3), 3, 1.4) == [(131, 196), (183, 274), (256, 384)]
    assert octave_shapes((33, 70, 3), 1, 2) == [(33, 70)]


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """The pictures of which a gradient is computed."""
    from helpers import painting

    seen, slope = [], painting.tiled_gradient
    monkeypatch.setattr(painting, "tiled_gradient", lambda *given: seen.append(given[1]) or slope(*given))
    return seen


def test_each_octave_takes_its_steps_at_its_size(edges: keras.Model, watched: list[np.ndarray]) -> None:
    deep_dream(edges, photo(64, 96), "conv", octaves=2, scale=1.6, iters=3)
    assert [picture.shape for picture in watched] == [(40, 60, 3)] * 3 + [(64, 96, 3)] * 3
    assert all(picture.dtype == np.float32 and picture.min() >= 0 and picture.max() <= 1 for picture in watched)


def test_lost_detail_is_put_back() -> None:
    """By hand: a filter that adds the same to every pixel; only the sizes and the detail are left to be seen."""
    network, image = convolution(np.ones((1, 1, 3, 1))), photo(64, 96, 0.4, 0.6)
    small = resized(image, (40, 60))
    assert np.abs(resized(small, (64, 96)) - image).max() > 0.05, "the small picture has lost detail"
    wanted = resized(small + 0.02, (64, 96)) + (image - resized(small, (64, 96))) + 0.02
    made = deep_dream(network, image, channel("conv", 0), octaves=2, scale=1.6, iters=1, rate=0.02)
    np.testing.assert_allclose(made, wanted, atol=1e-5)
    np.testing.assert_allclose(made, image + 0.04, atol=1e-5)


def test_without_steps_of_any_length_the_photo_comes_back(edges: keras.Model) -> None:
    image = photo(90, 120)
    np.testing.assert_array_equal(deep_dream(edges, image, "conv", octaves=4, rate=0), image)


def interior(side: int, tile: int, reach: int) -> np.ndarray:
    """Which pixels of a side lie further than `reach` from every tile's edge."""
    edges = np.cumsum([0, *map(len, np.array_split(np.zeros(side), -(-side // tile)))])
    return np.array([min(abs(place + 0.5 - edge) for edge in edges) > reach for place in range(side)])


@pytest.mark.parametrize("shape", [(128, 192), (130, 101), (65, 64), (64, 200)])
def test_tiles_give_the_gradient_of_the_whole(edges: keras.Model, shape: tuple[int, int]) -> None:
    """Away from the edges of the tiles, in which the convolution finds zeros, and times the number of tiles."""
    image, sizes = photo(*shape), []

    def gradient(images: Any) -> Any:
        sizes.append(images.shape[1:3])
        with tf.GradientTape() as tape:
            tape.watch(images)
            energy = tf.reduce_sum(edges(images) ** 2)
        return tape.gradient(energy, images)

    whole = gradient(tf.constant(image[None]))[0].numpy()
    sizes.clear()
    tiled = tiled_gradient(gradient, image, 64, (0, 0))
    inside = np.outer(interior(shape[0], 64, 2), interior(shape[1], 64, 2))
    assert 0.6 < inside.mean() < 1 and np.max(sizes) <= 64 and np.ptp(sizes, axis=0).max() <= 1
    assert len(sizes) == np.prod([-(-side // 64) for side in shape])
    np.testing.assert_allclose(tiled[inside], whole[inside], rtol=1e-4, atol=1e-4)
    assert np.abs(tiled - whole)[~inside].max() > 0.1
    pointwise = tiled_gradient(lambda images: 3 * images, image, 64, (17, -9))
    np.testing.assert_allclose(pointwise, 3 * image, rtol=1e-6, err_msg="rolled back to where it was")


def test_tiles_leave_no_seam() -> None:
    """What fields of 33 pixels add to a plain picture changes at the tiles' edges no more than elsewhere."""
    network = convolution(np.random.default_rng(0).normal(size=(33, 33, 3, 4)) / 99, bias=1.0)
    plain, options = np.full((128, 128, 3), 0.5, np.float32), {"octaves": 1, "iters": 24, "tile": 64, "rate": 0.004}
    columns = {}
    for jitter in (0, 32):
        made = deep_dream(network, plain, channel("conv", 1) + whole_layer("conv"), jitter=jitter, **options)
        jumps = np.abs(np.diff(made, axis=1)).mean(axis=(0, 2))
        columns[jitter] = jumps[63] / np.median(jumps[16:-16])
    assert columns[0] > 3 > 2 > columns[32], columns


def test_memory_is_that_of_a_tile(edges: keras.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    from helpers import painting

    traced, sizes, respond, tiled = [], set(), painting.responses_of, painting.tiled_gradient

    def spied(*arguments: Any, **options: Any) -> Callable:
        inner = respond(*arguments, **options)
        return lambda images, indices: traced.append(images) or inner(images, indices)

    def measured(gradient: Callable, *arguments: Any) -> np.ndarray:
        return tiled(lambda images: sizes.add(tuple(images.shape[1:3])) or gradient(images), *arguments)

    monkeypatch.setattr(painting, "responses_of", spied)
    monkeypatch.setattr(painting, "tiled_gradient", measured)
    edges.__dict__.pop("_dreams", None)
    made = deep_dream(edges, photo(100, 260), "conv", octaves=2, iters=2, tile=70)
    assert made.shape == (100, 260, 3)
    assert {height for height, _ in sizes} == {35, 36, 50} and max(width for _, width in sizes) == 65, sizes
    deep_dream(edges, photo(90, 120), "conv", octaves=1, iters=1)
    assert len(traced) == 1, "one graph for all octaves, tiles and pictures, kept on the model"


def test_another_filter_is_another_picture(edges: keras.Model) -> None:
    image = photo(low=0.3, high=0.7)
    one, other = (deep_dream(edges, image, channel("conv", index), **STILL) for index in (0, 1))
    assert np.abs(one - other).max() > 0.01
    np.testing.assert_array_equal(deep_dream(edges, image, channel("conv", 0), **STILL), one)


def test_same_seed_same_picture_and_another_seed_another() -> None:
    network = convolution(np.random.default_rng(0).normal(size=(5, 5, 3, 4)), activation="relu")
    one, again, other = (deep_dream(network, smooth(), "conv", iters=4, octaves=2, seed=seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 0.001
    assert one.dtype == np.float32 and one.shape == smooth().shape and one.min() >= 0 and one.max() <= 1


def test_a_dream_raises_what_it_dreams_of() -> None:
    model, image = helpers.load_model("mini_vgg16"), helpers.sample_image("cat", (64, 96))
    made = deep_dream(model, image, "block3_conv2", octaves=2, iters=6)
    energy = [(helpers.feature_maps(model, each, "block3_conv2")["block3_conv2"] ** 2).mean() for each in (image, made)]
    assert energy[1] > 2 * energy[0]
    named = deep_dream(model, "cat", "block1_conv1", octaves=1, iters=1)
    assert named.shape == helpers.sample_image("cat").shape, "a name serves as a picture"


def test_a_network_of_one_size_sees_the_picture_resized() -> None:
    inputs = keras.Input((40, 40, 3))
    tensor = keras.layers.Flatten()(keras.layers.Conv2D(4, 3, name="conv")(inputs))
    network = keras.Model(inputs, keras.layers.Dense(3, name="head")(tensor))
    network.network = Network("fixed", lambda levels: levels / 255, 40, lambda: ["a", "b", "c"])
    image = photo(64, 96, 0.3, 0.7)
    made = deep_dream(network, image, class_logit("b"), octaves=2, iters=3, jitter=0)
    logits = [network(tf.image.resize(each[None], (40, 40)))[0, 1] for each in (image, made)]
    assert made.shape == image.shape and logits[1] > logits[0]


@pytest.mark.parametrize(("calls", "size"), [(3, "40 x 60"), (5, "64 x 96"), (6, "64 x 96")])
def test_an_interrupt_keeps_the_picture_so_far_in_full_size(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, calls: int, size: str
) -> None:
    from helpers import painting

    network, image, slope, done = (
        convolution(np.ones((1, 1, 3, 1))),
        photo(64, 96, 0.4, 0.6),
        painting.tiled_gradient,
        [],
    )

    def interrupted(*arguments: Any) -> np.ndarray:
        done.append(1)
        if len(done) == calls:
            raise KeyboardInterrupt
        return slope(*arguments)

    monkeypatch.setattr(painting, "tiled_gradient", interrupted)
    made = deep_dream(network, image, channel("conv", 0), octaves=2, scale=1.6, iters=4, rate=0.01)
    np.testing.assert_allclose(made, image + 0.01 * (calls - 1), atol=1e-5)
    assert capsys.readouterr().out == f"Stopped at {size} pixels: the picture so far.\n" and len(done) == calls


def test_arrays_become_an_animation() -> None:
    frames = [np.full((20, 30, 3), level, np.float32) for level in (0.0, 0.5, 1.0)]
    for kind in ("gif", "png"):
        with Image.open(io.BytesIO(helpers.animation(frames, kind, height=40, milliseconds=90))) as moving:
            assert moving.size == (60, 48) and moving.n_frames == 3 + (kind == "png")
            shades = []
            for number in range(moving.n_frames):
                moving.seek(number)
                shades.append(moving.convert("RGB").getpixel((30, 20))[0])
            assert shades[-3:] == pytest.approx([0, 128, 255], abs=1) and moving.info["duration"] == 2000


@pytest.mark.parametrize(
    ("layers", "options", "error", "words"),
    [
        ("cnov", {}, helpers.LayerNotFound, "small has no layer 'cnov'.*Did you mean conv"),
        (["conv", "head"], {}, helpers.LayerNotFound, "'head'"),
        ({"conv": "much"}, {}, ValueError, r"layers is {'conv': 'much'}; it must be .*dict\[str, float\]"),
        ({"conv": float("nan")}, {}, ValueError, "The weight of conv is nan"),
        ({"conv": -1}, {}, ValueError, "The weight of conv is -1; it must be a number, 0 or more"),
        ({"conv": 0}, {}, ValueError, "layers is {'conv': 0}"),
        ([], {}, ValueError, r"layers is \[\]; it must hold one or more"),
        (None, {}, ValueError, "layers is None"),
        (7, {}, ValueError, "layers is 7"),
        (channel("conv", 3), {}, helpers.FilterOutOfRange, "conv has no filter 3.*0 to 2"),
        (class_logit("cat"), {}, ValueError, "small has no classification head"),
        (neuron("conv", 0, (40, 0)), {}, ValueError, r"place is \(40, 0\); conv gives 34 x 34 units"),
        ("conv", {"octaves": 0}, ValueError, "octaves is 0; it must be a whole number, from 1 to 20"),
        ("conv", {"octaves": 2.0}, ValueError, "octaves is 2.0"),
        ("conv", {"octaves": True}, ValueError, "octaves is True"),
        ("conv", {"octaves": 4}, ValueError, "With octaves 4 and scale 1.4 the smallest has fewer than 32 pixels"),
        ("conv", {"scale": 0.9}, ValueError, "scale is 0.9; it must be a number, 1 or more"),
        ("conv", {"iters": 0}, ValueError, "iters is 0"),
        ("conv", {"rate": -0.1}, ValueError, "rate is -0.1"),
        ("conv", {"rate": "fast"}, ValueError, "rate is 'fast'"),
        ("conv", {"jitter": -1}, ValueError, "jitter is -1"),
        ("conv", {"tile": 63}, ValueError, "tile is 63; .* from 64 to"),
        ("conv", {"seed": -1}, ValueError, "seed is -1"),
    ],
)
def test_a_bad_argument_is_named_before_any_step(
    monkeypatch: pytest.MonkeyPatch, edges: keras.Model, layers: Any, options: dict, error: type, words: str
) -> None:
    from helpers import painting

    monkeypatch.setattr(painting, "tiled_gradient", lambda *_: pytest.fail("it began to dream"))
    with pytest.raises(error, match=words):
        deep_dream(edges, photo(), layers, **{"octaves": 2} | options)


def test_a_bad_picture_is_named(edges: keras.Model) -> None:
    with pytest.raises(helpers.ImageError, match="values from 0 to 255"):
        deep_dream(edges, photo() * 0 + np.linspace(0, 255, 64)[:, None], "conv")
    with pytest.raises(helpers.ImageError, match="kitten cannot be read"):
        deep_dream(edges, "kitten", "conv")
