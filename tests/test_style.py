"""Style transfer: Gram matrices and losses against numpy, colours, inversion, both optimisers, stop, bad arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import helpers
from helpers import gram_matrix, invert_features, keras, style_transfer, tf
from helpers.painting import LUMA, descend, feature_loss, stages
from tests.test_objectives import by_hand, linear, pictures


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return helpers.load_model("mini_vgg16")


@pytest.fixture(scope="module")
def photos() -> tuple[np.ndarray, np.ndarray]:
    return helpers.sample_image("cat", (40, 48)), helpers.sample_image("flower", (36, 32))


def pooled() -> keras.Model:
    """A map, and what its largest (or mean) of two by two gives."""
    inputs = keras.Input((None, None, 3))
    tensor = keras.layers.Conv2D(2, 1, name="conv")(inputs)
    tensor = keras.layers.MaxPooling2D(2, name="pool")(tensor)
    network = keras.Model(inputs, tensor, name="pooled")
    network.get_layer("conv").set_weights([np.eye(3, 2)[None, None], np.zeros(2)])
    return network


def test_gram_matrix_equals_numpy() -> None:
    maps = np.random.default_rng(0).normal(size=(5, 7, 4)).astype(np.float32)
    wanted = np.zeros((4, 4))
    for row, column in np.ndindex(5, 7):
        wanted += np.outer(maps[row, column], maps[row, column]) / 35
    for given in (maps, maps[None], tf.constant(maps)):
        np.testing.assert_allclose(gram_matrix(given), wanted, rtol=1e-4, atol=1e-6)
    assert gram_matrix(maps).dtype == tf.float32


def test_gram_matrix_forgets_where_and_how_often() -> None:
    maps = np.random.default_rng(0).normal(size=(6, 8, 3)).astype(np.float32)
    shuffled = np.random.default_rng(1).permutation(maps.reshape(-1, 3)).reshape(4, 12, 3)
    np.testing.assert_allclose(gram_matrix(shuffled), gram_matrix(maps), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(gram_matrix(np.tile(maps, (2, 3, 1))), gram_matrix(maps), rtol=1e-4, atol=1e-6)


def test_the_loss_and_its_gradient_by_hand() -> None:
    """Two linear layers: content on the second, style on both, total variation, all in numpy."""
    network = linear()
    content, style, picture = pictures(3)
    first, second = zip(*(by_hand(network, image) for image in (content, style, picture)), strict=True)

    def gram(maps: np.ndarray) -> np.ndarray:
        flat = maps.reshape(-1, maps.shape[-1])
        return flat.T @ flat / len(flat)

    def share(found: np.ndarray, wanted: np.ndarray) -> float:
        return ((found - wanted) ** 2).sum() / (wanted**2).sum()

    variation = (np.diff(picture, axis=0) ** 2).mean() + (np.diff(picture, axis=1) ** 2).mean()
    wanted = 2 * share(second[2], second[0]) + 3 * share(gram(first[2]), gram(first[1])) + 0.7 * variation
    wanted += 5 * share(gram(second[2]), gram(second[1]))
    parts = {"second": 2.0}, {"first": 3.0, "second": 5.0}
    loss, gradient = feature_loss(network, content, style, *parts, 0.7)(tf.constant(picture))
    assert float(loss) == pytest.approx(wanted, rel=1e-4)
    kernel = network.get_layer("first").kernel.numpy()[0, 0] @ network.get_layer("second").kernel.numpy()[0, 0]
    _, slope = feature_loss(network, content, style, {"second": 2.0}, {}, 0.0)(tf.constant(picture))
    by_formula = 4 * (second[2] - second[0]) @ kernel.T / (second[0] ** 2).sum()
    np.testing.assert_allclose(slope, by_formula, rtol=1e-3, atol=1e-6)
    assert gradient.shape == picture.shape and np.abs(gradient - slope).max() > 1e-3


def test_the_loss_of_a_picture_with_itself_is_zero(model: keras.Model, photos: tuple) -> None:
    photo, layers = photos[0], {"block1_conv1": 1.0, "block3_conv1": 1.0}
    for kept, painted in ((layers, {}), ({}, layers)):
        loss = feature_loss(model, photo, photo, kept, painted, 0.0)
        assert float(loss(tf.constant(photo))[0]) == pytest.approx(0, abs=1e-9)
        assert float(loss(tf.constant(photo[:, ::-1] * 0.9))[0]) > 1e-3
    rolled, first = tf.constant(np.roll(photo, 8, axis=1)), {"block1_conv1": 1.0}
    content, style = (feature_loss(model, photo, photo, *parts, 0.0)(rolled)[0] for parts in ((first, {}), ({}, first)))
    assert float(style) < 0.01 * float(content), "style does not ask where"


def test_pooling_takes_the_mean_where_a_style_is_painted_and_else_the_largest() -> None:
    image = np.random.default_rng(0).uniform(size=(32, 32, 3)).astype(np.float32)
    flat = np.full((32, 32, 3), 0.25, np.float32)
    blocks = image[..., :2].reshape(16, 2, 16, 2, 2)
    for painted, wanted in (({}, blocks.max(axis=(1, 3))), ({"conv": 1e-9}, blocks.mean(axis=(1, 3)))):
        loss = feature_loss(pooled(), flat, flat, {"pool": 1.0}, painted, 0.0)
        expected = ((wanted - 0.25) ** 2).sum() / (0.25**2 * wanted.size)
        assert float(loss(tf.constant(image))[0]) == pytest.approx(expected, rel=1e-4)


def test_choices_of_layers_weights_and_sizes_share_one_graph(model: keras.Model, photos: tuple) -> None:
    """What a painting costs before its first step; other weights and targets must not be those of the graph."""
    model.__dict__.pop("_paintings", None)
    small = helpers.sample_image("cat", 64), helpers.sample_image("flower", 48)
    found = []
    for content, style in ("31", "13", "33", "23"):
        parts = {f"block{content}_conv1": 2.0}, {f"block{style}_conv1": 3.0}
        found += [
            float(feature_loss(model, *pair, *parts, 0.5)(tf.constant(pair[0][::-1]))[0]) for pair in (photos, small)
        ]
    assert len(model._paintings) == 1 and len({round(loss, 5) for loss in found}) == len(found), found
    feature_loss(model, *photos, {"block3_conv1": 1.0}, {}, 0.0)
    feature_loss(model, *photos, {"block1_conv1": 1.0}, {"block2_conv1": 1.0}, 0.0)
    assert len(model._paintings) == 3, "without a style with max pooling, and no deeper than is asked for"


def test_a_layer_that_is_silent_on_the_target_does_not_count() -> None:
    inputs = keras.Input((None, None, 3))
    network = keras.Model(inputs, keras.layers.Conv2D(2, 1, activation="relu", name="conv")(inputs), name="silent")
    network.get_layer("conv").set_weights([np.ones((1, 1, 3, 2)), np.full(2, -2.0)])
    dark, bright = np.zeros((32, 32, 3), np.float32), np.ones((32, 32, 3), np.float32)
    loss, gradient = feature_loss(network, dark, dark, {"conv": 1.0}, {}, 0.0)(tf.constant(bright))
    assert float(loss) == 0 and np.isfinite(gradient).all()


def test_the_defaults_are_the_layers_of_the_paper(model: keras.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    from helpers import painting

    asked: list[list] = []
    monkeypatch.setattr(painting, "feature_loss", lambda *given: asked.append(list(given[3:5])))
    monkeypatch.setattr(painting, "descend", lambda _, start, *__: (start, 1))
    photo = np.zeros((32, 32, 3), np.float32)
    style_transfer(model, photo, photo, style_weight=10)
    first = [f"block{number}_conv1" for number in range(1, 6)]
    assert asked[-1] == [{"block4_conv2": 1.0}, dict.fromkeys(first, 2.0)]
    weights = {"block3_conv1": 3, "block2_conv1": 1}
    style_transfer(model, photo, photo, content_layers="block1_conv1", style_layers=weights, style_weight=10)
    assert asked[-1] == [{"block1_conv1": 1.0}, {"block3_conv1": 7.5, "block2_conv1": 2.5}]
    style_transfer(linear(), photo, photo, style_weight=1)
    assert asked[-1] == [{"second": 1.0}, {"first": 1.0}]
    invert_features(model, photo, "block2_conv1")
    assert asked[-1] == [{"block2_conv1": 1.0}, {}], "an inversion asks for no style"


def losses(model: keras.Model, photos: tuple, made: np.ndarray) -> tuple[float, float]:
    content, style = {"block4_conv2": 1.0}, {block[0]: 0.2 for block in stages(model)}
    found = [feature_loss(model, *photos, *parts, 0.0)(tf.constant(made))[0] for parts in ((content, {}), ({}, style))]
    return float(found[0]), float(found[1])


def test_a_painting_has_the_style_and_keeps_the_content(model: keras.Model, photos: tuple) -> None:
    seen: list[np.ndarray] = []
    made = style_transfer(model, *photos, iters=50, preview=seen.append)
    assert made.shape == photos[0].shape and made.dtype == np.float32 and made.min() >= 0 and made.max() <= 1
    assert 0 < len(seen) <= 50 and all(picture.shape == made.shape for picture in seen)
    np.testing.assert_array_equal(seen[-1], made)
    before, after = losses(model, photos, photos[0]), losses(model, photos, made)
    assert after[1] < 0.5 * before[1]
    faithful, painted = (style_transfer(model, *photos, iters=50, style_weight=weight) for weight in (0.01, 1e4))
    assert losses(model, photos, faithful)[0] < 0.5 * losses(model, photos, painted)[0]
    assert losses(model, photos, painted)[1] < 0.5 * losses(model, photos, faithful)[1]


def test_sizes_double_and_an_interrupt_at_a_small_one_still_gives_the_full_size(
    model: keras.Model, capsys: pytest.CaptureFixture
) -> None:
    content, style = helpers.sample_image("cat", (70, 90)), helpers.sample_image("flower", 130)
    for octaves, wanted in ((1, [(70, 90)]), (2, [(35, 45), (70, 90)]), (3, [(35, 45), (70, 90)])):
        seen: list[np.ndarray] = []
        style_transfer(model, content, style, octaves=octaves, iters=2, preview=seen.append)
        assert [picture.shape[:2] for picture in seen] == [size for size in wanted for _ in range(2)]
    stop = stop_at(3)
    made = style_transfer(model, content, style, octaves=2, iters=9, preview=stop)
    assert len(stop.calls) == 3, "the next size is not begun"
    assert made.shape == content.shape and capsys.readouterr().out == "Stopped: the picture so far.\n"


def test_noise_follows_the_seed_and_the_content_does_not(model: keras.Model, photos: tuple) -> None:
    def paint(**options: Any) -> np.ndarray:
        return style_transfer(model, *photos, iters=2, **options)

    one, again, other = (paint(noise=True, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_allclose(one, again, atol=1e-4)
    assert np.abs(one - other).max() > 0.1
    np.testing.assert_allclose(paint(seed=1), paint(seed=2), atol=1e-4)


def test_total_variation_smooths(model: keras.Model, photos: tuple) -> None:
    rough, smooth = (
        np.abs(np.diff(style_transfer(model, *photos, iters=8, total_variation=weight), axis=0)).mean()
        for weight in (0, 1000)
    )
    assert smooth < 0.5 * rough


def test_colours_are_kept(model: keras.Model) -> None:
    """Lightness changes, chroma (colour minus lightness) does not, where nothing is clipped."""
    content = 0.35 + 0.3 * helpers.sample_image("cat", 40)
    style = helpers.sample_image("flower", 40)
    kept = style_transfer(model, content, style, iters=8, keep_colours=True, total_variation=10)
    free = style_transfer(model, content, style, iters=8, total_variation=10)
    inside = (kept > 0).all(axis=2) & (kept < 1).all(axis=2)
    assert inside.mean() > 0.7

    def chroma(picture: np.ndarray) -> np.ndarray:
        return picture - (picture @ LUMA)[..., None]

    np.testing.assert_allclose(chroma(kept)[inside], chroma(content)[inside], atol=1e-5)
    assert np.abs(chroma(free) - chroma(content)).max() > 0.05
    assert np.abs((kept - content) @ LUMA).max() > 0.05, "and yet it is painted"


def test_with_colours_kept_two_grey_pictures_of_like_contrast_are_compared(
    model: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    from helpers import painting

    given: list[tuple] = []
    monkeypatch.setattr(painting, "feature_loss", lambda *arguments: given.append(arguments[1:3]))
    monkeypatch.setattr(painting, "descend", lambda _, start, *__: (start, 1))
    photo, dark = 0.3 + 0.3 * helpers.sample_image("cat", 40), 0.2 * helpers.sample_image("flower", 40)
    style_transfer(model, photo, dark, keep_colours=True, octaves=1)
    grey, painted = given[0]
    np.testing.assert_allclose(grey, np.repeat((photo @ LUMA)[..., None], 3, axis=2), atol=1e-6)
    assert np.ptp(painted, axis=2).max() < 1e-6
    assert painted.mean() == pytest.approx(grey.mean(), abs=0.01) and painted.std() == pytest.approx(
        grey.std(), rel=0.1
    )


def test_inverting_the_first_layer_gives_the_picture_back(model: keras.Model) -> None:
    photo = helpers.sample_image("cat", 48)
    error = {}
    for layer in ("block1_conv1", "block5_conv1"):
        made = invert_features(model, photo, layer, iters=200, total_variation=1e-4)
        error[layer] = np.abs(made - photo).mean()
    assert error["block1_conv1"] < 0.03 < 0.08 < error["block5_conv1"], error


def test_the_descent_finds_the_lowest_point_within_the_limits() -> None:
    """A slanted valley whose lowest point has red above 1: within the limits the best green is not the one there."""

    def valley(picture: Any) -> tuple[Any, Any]:
        red, green, blue = tf.unstack(picture, axis=2)
        along, across, rest = red + green - 2.2, red - green - 1, blue - 0.3
        slope = [2 * along + 0.5 * across, 2 * along - 0.5 * across, 2 * rest]
        return tf.reduce_sum(along**2 + across**2 / 4 + rest**2), tf.stack(slope, axis=2)

    found, _ = descend(valley, np.full((4, 5, 3), 0.5, np.float32), 200)
    np.testing.assert_allclose(found, np.broadcast_to([1, 0.96, 0.3], (4, 5, 3)), atol=0.01)


def stop_at(number: int) -> Callable[[np.ndarray], None]:
    calls: list[np.ndarray] = []

    def preview(picture: np.ndarray) -> None:
        calls.append(picture)
        if len(calls) == number:
            raise KeyboardInterrupt

    preview.calls = calls
    return preview


def test_an_interrupt_keeps_the_picture_so_far(
    model: keras.Model, photos: tuple, capsys: pytest.CaptureFixture
) -> None:
    stop = stop_at(2)
    made = style_transfer(model, *photos, iters=30, preview=stop)
    np.testing.assert_array_equal(made, stop.calls[-1])
    assert len(stop.calls) == 2 and np.abs(made - photos[0]).max() > 0.01
    assert capsys.readouterr().out == "Stopped: the picture so far.\n"


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"content_layers": "block9_conv1"}, helpers.LayerNotFound, "no layer 'block9_conv1'"),
        ({"style_layers": ["block1_conv1", "blok"]}, helpers.LayerNotFound, "no layer 'blok'"),
        ({"style_layers": {"block1_conv1": -1}}, ValueError, "The weight of block1_conv1 is -1"),
        ({"style_layers": {"block1_conv1": 0}}, ValueError, "layers is {'block1_conv1': 0}"),
        ({"style_layers": {"block1_conv1": "much"}}, ValueError, r"'much'}; it must be .*dict\[str, float\]"),
        ({"style_layers": 5}, ValueError, "layers is 5"),
        ({"style_weight": -1}, ValueError, "style_weight is -1"),
        ({"total_variation": float("inf")}, ValueError, "total_variation is inf"),
        ({"octaves": 0}, ValueError, "octaves is 0; it must be a whole number, from 1 to 20"),
        ({"iters": 0}, ValueError, "iters is 0; it must be a whole number, from 1 to 100,000"),
        ({"iters": 2.5}, ValueError, "iters is 2.5"),
        ({"seed": -3}, ValueError, "seed is -3"),
        ({"style": np.zeros((31, 40, 3))}, ValueError, "32 or more pixels a side; here it is 31"),
        ({"content": "kitten"}, helpers.ImageError, "kitten cannot be read"),
    ],
)
def test_a_bad_argument_is_named_before_any_step(
    model: keras.Model, photos: tuple, monkeypatch: pytest.MonkeyPatch, options: dict, error: type, words: str
) -> None:
    from helpers import painting

    monkeypatch.setattr(painting, "feature_loss", lambda *_: pytest.fail("it began to paint"))
    with pytest.raises(error, match=words):
        style_transfer(model, **{"content": photos[0], "style": photos[1]} | options)


def test_a_network_of_one_size_sees_the_pictures_resized(photos: tuple[np.ndarray, np.ndarray]) -> None:
    inputs, conv = keras.Input((40, 48, 3)), keras.layers.Conv2D(2, 3, name="conv")
    fixed, free = (
        keras.Model(inputs, conv(inputs)),
        keras.Model(any_size := keras.Input((None, None, 3)), conv(any_size)),
    )
    made, wanted = (style_transfer(each, photos[0], photos[0] ** 2, octaves=1, iters=2) for each in (fixed, free))
    np.testing.assert_allclose(made, wanted, atol=0.01)  # Adam's steps are as long where the slope is nearly 0
    seen: list[np.ndarray] = []
    made = style_transfer(fixed, photos[1].repeat(2, axis=0), photos[0], octaves=2, iters=1, preview=seen.append)
    assert [picture.shape for picture in seen] == [(72, 32, 3)] and made.shape == (72, 32, 3)
    assert invert_features(fixed, photos[1], "conv", iters=1).shape == photos[1].shape


def test_a_network_that_computes_in_float16(photos: tuple[np.ndarray, np.ndarray]) -> None:
    """Mixed precision: maps in float16, their distances in float32."""
    keras.utils.set_random_seed(0)
    losses, weights = [], None
    for kind in ("float32", "mixed_float16"):
        conv = keras.layers.Conv2D(4, 3, activation="relu", dtype=kind, name="conv")
        network = keras.Sequential([keras.Input((None, None, 3)), conv])
        weights = weights or network.get_weights()
        network.set_weights(weights)
        losses.append(feature_loss(network, *photos, {"conv": 1.0}, {"conv": 1.0}, 5.0)(tf.constant(photos[0] / 2))[0])
    np.testing.assert_allclose(*losses, rtol=0.01)
