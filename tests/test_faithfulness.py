"""The two tests of saliency maps: what is known must win, what knows nothing must be found out."""

from __future__ import annotations

import numpy as np
import pytest

import helpers
from helpers import deletion_insertion, evaluate_saliency, keras
from tests.test_saliency import picture, small


def reddish(head: bool = True) -> tuple[keras.Model, np.ndarray, np.ndarray]:
    """A network that says 'red' where it sees red, a picture with a red square, and the perfect map."""
    inputs = keras.Input((None, None, 3))
    tensor = keras.layers.Conv2D(1, 1, activation="relu", name="red")(inputs)
    network = keras.Model(inputs, tensor)
    network.get_layer("red").set_weights([np.array([1, -1, 0]).reshape(1, 1, 3, 1), np.array([-0.4])])
    if head:
        dense = keras.layers.Dense(2, activation="softmax", name="head")
        network = keras.Model(inputs, dense(keras.layers.GlobalAveragePooling2D()(tensor)))
        dense.set_weights([np.array([[120.0, 0.0]]), np.array([-4.0, 0.0])])
    image, square = np.full((20, 30, 3), 0.3, np.float32), np.zeros((20, 30), np.float32)
    square[5:13, 8:20] = 1
    image[square > 0] = (0.9, 0.1, 0.1)
    return network, image, square


@pytest.mark.parametrize("head", [True, False])
def test_a_perfect_map_is_better_than_a_random_one_and_its_opposite_is_worse(head: bool) -> None:
    network, image, perfect = reddish(head)
    random = np.random.default_rng(0).uniform(size=perfect.shape)
    areas = [deletion_insertion(network, image, map_, 0).mean() for map_ in (perfect, random, 1 - perfect)]
    assert areas[0]["deletion"] + 0.1 < areas[1]["deletion"] < areas[2]["deletion"] - 0.1
    assert areas[0]["insertion"] - 0.1 > areas[1]["insertion"] > areas[2]["insertion"] + 0.1


def test_curves_begin_and_end_where_they_must() -> None:
    network, image, perfect = reddish()
    curves = deletion_insertion(network, image, perfect)
    whole = network(image[None]).numpy()[0, 0]
    plain = network(np.broadcast_to(image.mean(axis=(0, 1)), image.shape)[None]).numpy()[0, 0]
    assert curves.index.name == "share" and curves.index[0] == 0 and curves.index[-1] == 1
    assert curves["deletion"].iloc[0] == pytest.approx(whole) == curves["insertion"].iloc[-1]
    assert curves["deletion"].iloc[-1] == pytest.approx(plain, abs=1e-5)
    half = curves["deletion"].iloc[np.searchsorted(curves.index, 0.16)]  # the square is 16% of the picture
    assert half < 0.1 < 0.9 < whole


def test_equal_pixels_come_in_drawn_order() -> None:
    network, image, perfect = reddish()
    flat = np.zeros_like(perfect)
    one, two, other = (deletion_insertion(network, image, flat, 0, seed) for seed in (0, 0, 1))
    assert one.equals(two) and not one.equals(other)
    assert abs(one["deletion"].iloc[12] - other["deletion"].iloc[12]) < 0.3


def test_the_table_finds_the_edge_detector_and_the_random_map_out() -> None:
    network, image = small(size=8), picture(8, 8)
    weights = network.get_weights()
    table = evaluate_saliency(network, image, ("gradient", "grad_cam"), 1, seed=3, samples=2)
    assert list(table.index) == ["gradient", "grad_cam", "random map", "edge detector"]
    assert list(table.columns[:4]) == ["deletion", "insertion", "Spearman 25%", "SSIM 25%"]
    assert table.shape == (4, 10) and np.isfinite(table.to_numpy()).all() and set(table.dtypes.map(str)) == {"float64"}
    likeness = table.drop(columns=["deletion", "insertion"])
    np.testing.assert_allclose(likeness.loc["edge detector"], 1)
    assert likeness.loc["random map"].abs().max() < 0.5
    assert likeness.loc["gradient"].max() < 0.999
    assert all((one == other).all() for one, other in zip(weights, network.get_weights(), strict=True))
    again = evaluate_saliency(network, image, ("gradient", "grad_cam"), 1, seed=3, samples=2)
    assert table.equals(again)


@pytest.mark.parametrize("target", [None, 2, "dog"])
def test_every_network_is_asked_for_the_same_class(monkeypatch: pytest.MonkeyPatch, target: int | str | None) -> None:
    network, image, asked, really_map = small(size=8), picture(8, 8), [], helpers.saliency_map
    monkeypatch.setattr(
        "helpers.faithfulness.saliency_map", lambda *args, **options: asked.append(args[3]) or really_map(*args)
    )
    evaluate_saliency(network, image, ("gradient", "grad_cam"), target)
    wanted = {None: int(network(helpers.preprocess(network, image)).numpy().argmax()), 2: 2, "dog": 1}[target]
    assert asked == [wanted] * 10, "two methods, the network and four copies"


@pytest.mark.filterwarnings("error")
def test_an_empty_map_is_like_no_other() -> None:
    network, image = small(size=8), picture(8, 8)
    network.get_layer("second").bias.assign(np.full(6, -1e6))  # a dead layer
    table = evaluate_saliency(network, image, ("grad_cam",), 1)
    assert (table.loc["grad_cam"].filter(like="Spearman") == 0).all() and np.isfinite(table.to_numpy()).all()


def test_randomisation_begins_at_the_output() -> None:
    """A quarter of six arrays: the head alone changes, and a map that asks for no class cannot notice."""
    network, image = small(size=8), picture(8, 8)
    table = evaluate_saliency(network, image, ("averaged_activations",), 0)
    assert table.loc["averaged_activations", "Spearman 25%"] == pytest.approx(1)
    assert table.loc["averaged_activations", "Spearman 100%"] < 0.999


def test_bad_arguments_are_named_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    network, image, perfect = reddish()
    monkeypatch.setattr("helpers.faithfulness.saliency_map", lambda *_, **__: pytest.fail("it began"))
    with pytest.raises(ValueError, match="method is 'grad'"):
        evaluate_saliency(network, image, ("gradient", "grad"))
    with pytest.raises(ValueError, match="no class 7"):
        evaluate_saliency(network, image, target=7)
    with pytest.raises(ValueError, match="samples is 0"):
        evaluate_saliency(network, image, samples=0)
    with pytest.raises(ValueError, match=r"saliency has shape \(19, 30\); the picture \(20, 30\)"):
        deletion_insertion(network, image, perfect[1:])
    assert issubclass(helpers.LayerNotFound, ValueError)
