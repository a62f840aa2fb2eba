"""The quality card: shares of fine detail that theory gives, and every number of a small network's card by hand."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

import helpers
from helpers import ascent, keras, quality
from helpers.models import Network
from helpers.quality import Yardstick, high_frequency_share, mean_responses, natural_responses, z_scores

SIZE = 24


@pytest.fixture
def network() -> keras.Model:
    """Five filters of 3 x 3 and a ReLU; the fourth never responds."""
    inputs = keras.Input((None, None, 3))
    conv = keras.layers.Conv2D(5, 3, activation="relu", name="conv")
    model = keras.Model(inputs, conv(inputs), name="small")
    random = np.random.default_rng(3)
    conv.set_weights([random.normal(size=(3, 3, 3, 5)), np.array([0.1, -0.1, 0.5, -99, 0])])
    return model


def plain_means(network: keras.Model, images: list[np.ndarray]) -> np.ndarray:
    """Mean feature maps after the ReLU, patch by patch in numpy."""
    kernel, bias = network.get_layer("conv").get_weights()
    means = []
    for image in images:
        windows = np.lib.stride_tricks.sliding_window_view(image.astype(np.float32), (3, 3), axis=(0, 1))
        maps = np.einsum("yxcij,ijcf->yxf", windows, kernel) + bias
        means.append(np.maximum(maps, 0).mean(axis=(0, 1)))
    return np.array(means)


def smooth_pictures(count: int) -> list[np.ndarray]:
    return [helpers.sample_image(name, SIZE) for name in helpers.sample_names()[:count]]


def with_statistics(model: keras.Model, arrays: dict[str, np.ndarray]) -> keras.Model:
    network = Network("small", lambda levels: levels / 255, SIZE, list)
    model.network = dataclasses.replace(network, statistics=lambda: arrays)
    return model


def test_share_of_fine_detail() -> None:
    rows, columns = np.mgrid[:64, :64]
    as_picture = lambda pattern: np.repeat((0.5 + 0.4 * pattern)[..., None], 3, axis=2).astype(np.float32)  # noqa: E731
    assert high_frequency_share(np.full((64, 64, 3), [0.3, 0.6, 0.1], np.float32)) < 1e-6
    assert high_frequency_share(as_picture(np.sin(2 * np.pi * columns / 8))) < 1e-3
    assert high_frequency_share(as_picture(np.sin(2 * np.pi * rows / 3))) > 0.999
    assert high_frequency_share(as_picture((-1.0) ** (rows + columns))) > 0.999
    slanted = as_picture(np.sin(2 * np.pi * (0.2 * columns + 0.2 * rows)))
    assert high_frequency_share(slanted) > 0.999, "0.28 cycles a pixel along the diagonal"


def test_of_white_noise_all_lies_outside_of_the_circle() -> None:
    noise = np.random.default_rng(0).uniform(size=(256, 256, 3))
    assert high_frequency_share(noise) == pytest.approx(1 - np.pi / 16, abs=0.01)
    wide = np.random.default_rng(1).uniform(size=(128, 300, 3))
    assert high_frequency_share(wide) == pytest.approx(1 - np.pi / 16, abs=0.02)


def test_photos_hold_little_fine_detail() -> None:
    shares = [high_frequency_share(helpers.sample_image(name, 128)) for name in helpers.sample_names()]
    assert np.median(shares) < 0.05


def test_z_scores_by_hand() -> None:
    """The last filter never varies: a hundredth of the median deviation, 0.02, takes the place of its own."""
    mean, deviation = np.array([1.0, 2.0, 3.0]), np.array([0.5, 4.0, 0.0])
    scores = z_scores(np.array([[2.0, 0.0, 3.01]]), Yardstick(mean, deviation, mean, 0, ""))
    np.testing.assert_allclose(scores, [[2, -0.5, 2]], rtol=1e-6)


def test_mean_responses_are_those_of_a_plain_loop(network: keras.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality, "BATCH", 2)
    images = smooth_pictures(5)
    found = mean_responses(network, "conv", images)
    np.testing.assert_allclose(found, plain_means(network, images), rtol=1e-4, atol=1e-6)


def test_the_yardstick_is_crops_of_the_sample_photos(network: keras.Model) -> None:
    crops = []
    for name in helpers.sample_names():
        photo = helpers.sample_image(name, (2 * SIZE, 3 * SIZE))
        crops += [np.hsplit(half, 3)[column] for half in np.vsplit(photo, 2) for column in range(3)]
    means, yardstick = plain_means(network, crops), natural_responses(network, "conv", SIZE)
    assert yardstick.source == f"{6 * len(helpers.sample_names())} crops of the sample photos"
    np.testing.assert_allclose(yardstick.mean, means.mean(axis=0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(yardstick.deviation, means.std(axis=0), rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(yardstick.p999, np.quantile(means, 0.999, axis=0), rtol=1e-4, atol=1e-6)
    assert yardstick.high_frequency == pytest.approx(np.median([high_frequency_share(crop) for crop in crops]))


def test_the_yardstick_is_computed_once_for_a_size(network: keras.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    counted = lambda model, layer, images: calls.append(layer) or mean_responses(model, layer, images)  # noqa: E731
    monkeypatch.setattr(quality, "mean_responses", counted)
    first = natural_responses(network, "conv", 16)
    assert natural_responses(network, "conv", 16) is first and calls == ["conv"]
    assert natural_responses(network, "conv", 20) is not first and len(calls) == 2


def test_stored_statistics_come_first(network: keras.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    mean = np.arange(5, dtype=np.float32)
    arrays = {"conv/mean": mean, "conv/deviation": mean + 1, "conv/p999": mean + 2, "high_frequency": np.float32(0.25)}
    with_statistics(network, arrays)
    monkeypatch.setattr(quality, "sample_image", lambda *_: pytest.fail("a photo was opened"))
    found = natural_responses(network, "conv", SIZE)
    np.testing.assert_array_equal([found.mean, found.deviation, found.p999], [mean, mean + 1, mean + 2])
    assert found.high_frequency == 0.25 and "1,000 validation pictures" in found.source


def changed_by_hand(levels: np.ndarray) -> list[np.ndarray]:
    """uint8 (size, size, 3) -> the picture darker, with noise, through JPEG and sheared, as floats in [0, 1]."""
    noisy = levels + np.random.default_rng(0).normal(0, 5, levels.shape)
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "JPEG", quality=75)
    sheared = np.zeros_like(levels)
    for row in range(len(levels)):  # each row moved sideways by a tenth of its height above the middle
        moved = Image.fromarray(levels[row : row + 1])
        offset = 0.1 * (row + 0.5) - 0.05 * levels.shape[1]
        matrix = (1, 0, offset, 0, 1, 0)
        sheared[row] = np.asarray(moved.transform(moved.size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC))
    made = [np.round(0.8 * levels), np.round(noisy.clip(0, 255)), np.asarray(Image.open(file)), sheared]
    return [np.asarray(picture, np.float32) / 255 for picture in made]


def test_every_number_of_a_card_by_hand(network: keras.Model) -> None:
    images = [np.clip(image + 0.001, 0, 1) for image in smooth_pictures(3)]
    filters = [2, 0, 4]
    yardstick, cards = natural_responses(network, "conv", SIZE), helpers.quality_cards(network, "conv", filters, images)
    for f_index, image, card in zip(filters, images, cards, strict=True):
        levels = np.round(image * 255).astype(np.uint8)
        responses = plain_means(network, [levels / 255])[0]
        assert card.response == pytest.approx(responses[f_index], rel=1e-4)
        assert card.ratio == pytest.approx(responses[f_index] / yardstick.p999[f_index], rel=1e-4)
        others = plain_means(network, changed_by_hand(levels))[:, f_index] / yardstick.p999[f_index]
        assert card.held_out == pytest.approx(others.min(), rel=1e-4)
        floor = 0.01 * np.median(yardstick.deviation)
        scores = (responses - yardstick.mean) / np.maximum(yardstick.deviation, floor)
        assert card.rank == 1 + sum(score > scores[f_index] for score in scores) and card.filters == 5
        assert card.high_frequency == pytest.approx(high_frequency_share(image))
        assert card.natural_high_frequency == yardstick.high_frequency and card.source == yardstick.source
    assert len({card.rank for card in cards}) > 1, "not all ranks are the same"


@pytest.mark.parametrize("number", range(4))
def test_each_change_by_hand(network: keras.Model, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """With this change alone, the card holds what the filter makes of it."""
    name = list(quality.HELD_OUT)[number]
    monkeypatch.setattr(quality, "HELD_OUT", {name: quality.HELD_OUT[name]})
    image = smooth_pictures(1)[0]
    card, yardstick = helpers.quality_cards(network, "conv", [1], [image])[0], natural_responses(network, "conv", SIZE)
    variant = changed_by_hand(np.round(image * 255).astype(np.uint8))[number]
    wanted = plain_means(network, [variant])[0, 1] / yardstick.p999[1]
    assert card.held_out == pytest.approx(wanted, rel=1e-4)


def test_a_filter_that_nothing_excites_has_a_card(network: keras.Model) -> None:
    card = helpers.quality_cards(network, "conv", [3], smooth_pictures(1))[0]
    assert (card.response, card.ratio, card.held_out) == (0, 0, 0)


@pytest.mark.parametrize("f_index", [5, -1])
def test_a_filter_that_the_layer_lacks_has_none(network: keras.Model, f_index: int) -> None:
    with pytest.raises(helpers.FilterOutOfRange, match=f"conv has no filter {f_index}.*0 to 4"):
        helpers.quality_cards(network, "conv", [0, f_index], smooth_pictures(2))


def test_seed_agreement(network: keras.Model) -> None:
    one, other = (helpers.visualize_filter(network, "conv", f_index, 6, SIZE) for f_index in (0, 2))
    assert helpers.seed_agreement(one, one) == pytest.approx(1, abs=1e-6)
    again = helpers.visualize_filter(network, "conv", 0, 6, SIZE, seed=1)
    yardstick = natural_responses(network, "conv", SIZE)
    scores = z_scores(plain_means(network, [one.image, again.image]), yardstick)
    by_hand = ((scores - scores.mean(axis=1, keepdims=True)) / scores.std(axis=1, keepdims=True)).prod(axis=0).mean()
    assert helpers.seed_agreement(one, again) == pytest.approx(by_hand, abs=1e-3)
    assert helpers.seed_agreement(one, other) < helpers.seed_agreement(one, again)


def test_a_pictures_card_is_of_its_8_bits_and_kept(network: keras.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    cards = quality.quality_cards
    monkeypatch.setattr(ascent, "quality_cards", lambda *call: calls.append(1) or cards(*call))
    picture = helpers.visualize_filter(network, "conv", 2, 3, SIZE)
    assert calls == [], "only when it is asked for"
    assert picture.quality is picture.quality and calls == [1]
    assert picture.quality.response == pytest.approx(picture.response, rel=1e-4)
    finer = dataclasses.replace(picture, image=(picture.image + 0.4 / 255).clip(0, 1))
    assert finer.quality.response == pytest.approx(picture.response, rel=1e-4)
    assert plain_means(network, [finer.image])[0, 2] != pytest.approx(picture.response, rel=1e-4)
