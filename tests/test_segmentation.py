"""Masks and regions on pictures whose objects are known, and what is done with a mask."""

from __future__ import annotations

import numpy as np
import pytest
import skimage

import helpers
from helpers import keras, saliency_mask, segment


def scene(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A noisy picture with an ellipse, the ellipse, and a round blob that points at it, but not at its centre."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:96, :128]
    known = ((rows - 45) / 25) ** 2 + ((columns - 70) / 40) ** 2 < 1
    image = np.where(known[..., None], [0.8, 0.4, 0.2], [0.2, 0.4, 0.5]) + random.normal(0, 0.04, (96, 128, 3))
    blob = np.exp(-((rows - 42) ** 2 + (columns - 64) ** 2) / 2 / 20**2)
    return image.clip(0, 1).astype(np.float32), known, blob.astype(np.float32)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return (one & other).sum() / (one | other).sum()


@pytest.mark.parametrize("seed", range(3))
def test_the_mask_finds_a_known_object_along_the_pictures_edges(seed: int) -> None:
    image, known, blob = scene(seed)
    mask = saliency_mask(image, blob)
    assert mask.dtype == bool and mask.shape == known.shape
    without_edges = saliency_mask(np.full_like(image, 0.5), blob)
    for worse in (blob > skimage.filters.threshold_otsu(blob), without_edges):
        assert overlap(mask, known) > 0.9 > 0.8 > overlap(worse, known)


def test_a_flat_map_has_no_object_and_sizes_must_agree() -> None:
    image, _, blob = scene()
    assert not saliency_mask(image, np.zeros_like(blob)).any()
    with pytest.raises(ValueError, match=r"saliency has shape \(95, 128\); the picture \(96, 128\)"):
        saliency_mask(image, blob[1:])


def quarters() -> tuple[keras.Model, np.ndarray, np.ndarray]:
    """A network whose only layer shows the colours, and a picture of three plain areas of different size."""
    inputs = keras.Input((None, None, 3))
    network = keras.Model(inputs, keras.layers.Conv2D(3, 1, use_bias=False, name="colours")(inputs))
    network.get_layer("colours").kernel.assign(np.eye(3)[None, None])
    known = np.zeros((24, 32), int)
    known[:12, 20:] = 1
    known[18:, :10] = 2
    return network, np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)[known], known


def test_regions_are_the_plain_areas_the_largest_first() -> None:
    network, image, known = quarters()
    for seed in range(3):
        np.testing.assert_array_equal(segment(network, image, 3, seed=seed), known)
    darker = np.linspace(0.1, 1, 32, dtype=np.float32)[:, None]  # from left to right; how bright is no matter
    np.testing.assert_array_equal(segment(network, darker * image, 3), known)


def test_the_same_seed_gives_the_same_regions() -> None:
    model, photo = helpers.load_model("mini_vgg16"), helpers.sample_image("flower", 96)
    one = segment(model, photo, 4, "block4_conv3")
    np.testing.assert_array_equal(one, segment(model, photo, 4, "block4_conv3"))
    sizes = np.bincount(one.ravel())
    assert one.shape == (96, 96) and (np.diff(sizes) <= 0).all() and len(sizes) == 4


def test_a_plain_picture_is_one_region() -> None:
    network, image, known = quarters()
    assert not segment(network, np.full_like(image, 0.5), 4).any()
    assert set(np.unique(segment(network, image, 7))) == set(np.unique(known)), "no more regions than colours"


@pytest.mark.parametrize("regions", [1, 0, -3, 2.5, True, "two", 10**6])
def test_bad_numbers_of_regions_are_named(regions: object) -> None:
    network, image, _ = quarters()
    valid = "from 2 to 768" if regions == 10**6 else "2 or more"
    with pytest.raises(ValueError, match=f"regions is {regions!r}; it must be a whole number, {valid}"):
        segment(network, image, regions)


def test_bad_layers_are_named() -> None:
    network, image, _ = quarters()
    with pytest.raises(helpers.LayerNotFound, match=r"'color'.*colours"):
        segment(network, image, 2, "color")


def test_the_overlay_is_brighter_where_the_map_is_stronger() -> None:
    made = helpers.overlay(np.full((4, 10, 3), 0.5, np.float32), np.tile(np.linspace(0, 1, 10), (4, 1)))
    assert made.dtype == np.float32 and made.min() >= 0 and made.max() <= 1
    assert (np.diff(made.sum(axis=2), axis=1) > 0).all()
