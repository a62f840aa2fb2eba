"""Explorers: what is shown is what the arrays hold, the last choice wins, and nothing that goes wrong ends them."""

from __future__ import annotations

import base64
import datetime
import functools
import io
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

import helpers
from helpers import FilterImage, controls, explorers, keras, models
from helpers.controls import FRAME, LEVELS, PALETTE, PAPER, Explorer, NetworkExplorer, to_bytes
from helpers.gallery import stored_layer
from helpers.plotting import normalize

EVERY = [
    helpers.feature_map_explorer,
    helpers.kernel_explorer,
    helpers.filter_explorer,
    helpers.saliency_explorer,
    helpers.dream_explorer,
]
LOADED = functools.cache(models.load_model)  # building a network takes seconds


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return helpers.load_model("mini_vgg16", include_top=True)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return helpers.sample_image("coffee", (64, 96))


def wait(explorer: Explorer) -> None:
    """Until the picture is that of the last choice."""
    end = time.monotonic() + 60
    while "Drawing" in explorer.caption.value and time.monotonic() < end:
        time.sleep(0.005)


def shown(explorer: Explorer) -> np.ndarray:
    """RGB uint8, of the last choice."""
    wait(explorer)
    return np.asarray(Image.open(io.BytesIO(explorer.picture.value)).convert("RGB"))


def upload(name: str, content: bytes) -> tuple[dict]:
    file = {"name": name, "type": "image/png", "size": len(content), "content": memoryview(content)}
    return (file | {"last_modified": datetime.datetime.now(datetime.UTC)},)


def as_png(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.uint8(np.round(image * 255))).save(file, "png")
    return file.getvalue()


@pytest.mark.parametrize("layer", ["block1_conv2", "block3_conv1", "block5_conv3"])
def test_the_map_shown_is_that_of_the_chosen_channel(model: keras.Model, photo: np.ndarray, layer: str) -> None:
    explorer = helpers.feature_map_explorer(model, photo)
    explorer.layer.value, explorer.channel.value = layer, 7
    maps = helpers.feature_maps(model, photo, layer)[layer]
    drawn = shown(explorer)[:, : round(explorers.HEIGHT * maps.shape[1] / maps.shape[0])]
    step = explorers.HEIGHT // maps.shape[0]
    wanted = PALETTE[np.round(normalize(maps)[..., 7] * (LEVELS - 1)).astype(int)]
    np.testing.assert_array_equal(drawn[step // 2 :: step, step // 2 :: step], wanted)
    assert f"{layer}, channel 7<" in explorer.caption.value
    assert f"{(maps[..., 7] > 0).mean():.0%} of the photo" in explorer.caption.value


def test_the_channel_stays_within_the_layer_and_the_framed_tile_is_the_chosen_one(
    model: keras.Model, photo: np.ndarray
) -> None:
    explorer = helpers.feature_map_explorer(model, photo)
    explorer.layer.value = "block4_conv1"
    explorer.channel.value = explorer.channel.max
    assert explorer.channel.max == model.get_layer("block4_conv1").output.shape[-1] - 1
    explorer.layer.value = "block1_conv1"
    assert (
        explorer.channel.value == explorer.channel.max == 15 and "block1_conv1, channel 15<" in explorer.caption.value
    )
    left, tall, wide, columns = explorer.sheet
    framed = np.argwhere((shown(explorer) == PALETTE[FRAME]).all(axis=-1)) / shown(explorer).shape[:2]
    down, right = (framed.min(axis=0) + framed.max(axis=0)) / 2
    assert (down // tall, (right - left) // wide) == (15 // columns, 15 % columns)


@pytest.mark.parametrize("number", [0, 5, 15])
def test_a_click_on_a_tile_chooses_it(model: keras.Model, photo: np.ndarray, number: int) -> None:
    explorer = helpers.feature_map_explorer(model, photo)
    explorer.channel.value = 9
    left, tall, wide, columns = explorer.sheet
    row, column = divmod(number, columns)

    def click(x: float, y: float) -> None:
        box = {"boundingRectWidth": 500, "boundingRectHeight": 200}
        explorer._click({"relativeX": 500 * x, "relativeY": 200 * y} | box)

    click(left + (column + 0.5) * wide, (row + 0.5) * tall)
    assert explorer.channel.value == number
    click(left - 0.02, 0.1)
    assert explorer.channel.value == number, "the large map is no tile"


def test_gaps_are_white_and_the_frame_is_no_colour_of_a_map() -> None:
    assert PALETTE[PAPER].tolist() == [255, 255, 255]
    assert np.abs(PALETTE[:PAPER].astype(int) - PALETTE[FRAME]).sum(axis=1).min() > 150


def test_buttons_go_to_the_neighbours_and_stop_at_the_ends(model: keras.Model, photo: np.ndarray) -> None:
    explorer = helpers.kernel_explorer(model, photo)
    before, after = explorer.controls.children[-1].children
    before.click()
    assert explorer.channel.value == 0
    after.click()
    after.click()
    assert explorer.channel.value == 2 and "kernel 2<" in explorer.caption.value
    explorer.channel.value = explorer.channel.max
    after.click()
    assert explorer.channel.value == explorer.channel.max


def test_kernel_explorer_draws_colours_then_slices(model: keras.Model, photo: np.ndarray) -> None:
    explorer = helpers.kernel_explorer(model, photo)
    kernel = helpers.rgb_kernels(model)[..., 0]
    third = explorers.HEIGHT // 3
    drawn = shown(explorer)[third // 2 : 3 * third : third, third // 2 : 3 * third : third] / 255
    np.testing.assert_allclose(drawn, 0.5 + kernel / np.abs(kernel).max() / 2, atol=0.01)
    explorer.layer.value, explorer.channel.value = "block3_conv1", 7
    weights = np.abs(helpers.get_kernels(model, "block3_conv1")[..., 7]).sum(axis=(0, 1))
    assert f"read channels {weights.argmax()}, " in explorer.caption.value
    slices = Image.fromarray(to_bytes(explorers._kernel(model, None, "block3_conv1", 7)[0]))
    enlarged = slices.resize((explorers.HEIGHT, explorers.HEIGHT), Image.Resampling.NEAREST)
    np.testing.assert_array_equal(shown(explorer)[:, : explorers.HEIGHT], np.asarray(enlarged))


def test_slices_have_a_dot_on_each_negative_weight() -> None:
    kernels = np.zeros((3, 3, 5, 1), np.float32)
    kernels[..., 4, 0] = [[1, 0, -1], [0.5, 0, -0.5], [0, 0, 0]]
    layer = keras.layers.Conv2D(1, 3, name="conv")
    inputs = keras.Input((8, 8, 5))
    network = keras.Model(inputs, layer(inputs))
    layer.set_weights([kernels, np.zeros(1, np.float32)])
    picture, seen = explorers._kernel(network, None, "conv", 0)
    assert "channels 4, " in seen
    blue, white, black = picture[0, 26], np.ones(3), np.zeros(3)
    assert blue[2] > blue[0] and picture[0, 0][0] > picture[0, 0][2], "blue is negative, red positive"
    for (row, column), dot in {(0, 2): white, (1, 2): black}.items():
        np.testing.assert_array_equal(picture[9 * row + 4, 9 * column + 4], dot)
    for row, column in ((0, 0), (1, 0), (0, 1), (2, 2)):
        np.testing.assert_array_equal(picture[9 * row + 4, 9 * column + 4], picture[9 * row, 9 * column])


def test_kernel_explorer_leaves_out_depthwise_layers() -> None:
    inputs = keras.Input((16, 16, 3))
    hidden = keras.layers.DepthwiseConv2D(3, name="depthwise")(inputs)
    small = keras.Model(inputs, keras.layers.Conv2D(4, 1, name="pointwise")(hidden))
    assert list(helpers.kernel_explorer(small, np.ones((16, 16, 3), np.float32)).channels) == ["pointwise"]


def test_filter_explorer_shows_the_gallery_at_once(model: keras.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explorers, "visualize_filter", lambda *_, **__: pytest.fail("nothing needs to be drawn"))
    explorer = helpers.filter_explorer(model)
    explorer.layer.value, explorer.channel.value = "block4_conv3", 12
    cards, pictures = stored_layer(model, "block4_conv3")
    drawn = Image.fromarray(shown(explorer)[:, : explorers.HEIGHT]).resize((96, 96), Image.Resampling.BOX)
    assert np.abs(np.asarray(drawn) / 255 - pictures[12]).mean() < 0.03
    assert (
        f"{cards[12]['ratio']:.2g} times the 99.9th percentile of 1,000 validation pictures" in explorer.caption.value
    )


def test_filter_explorer_draws_other_steps_than_the_gallerys(
    model: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, explorer = [], helpers.filter_explorer(model)

    def visualize(network: keras.Model, layer: str, number: int, steps: int, size: int, **_: object) -> FilterImage:
        drawn.append((layer, number, steps, size))
        return helpers.visualize_filter(network, layer, number, 1, size)

    monkeypatch.setattr(explorers, "visualize_filter", visualize)
    explorer.extras["steps"].value = 3
    wait(explorer)
    assert drawn == [("block3_conv3", 0, 3, 96)] and "after 3 steps" in explorer.caption.value


def test_filter_explorer_draws_what_the_sliders_say(model: keras.Model) -> None:
    explorer = helpers.filter_explorer(model, size=32)
    explorer.layer.value = "block2_conv1"
    explorer.extras["steps"].value = 5
    explorer.channel.value = 2
    drawn = Image.fromarray(shown(explorer)[:, : explorers.HEIGHT]).resize((32, 32), Image.Resampling.BOX)
    assert "block2_conv1, filter 2<" in explorer.caption.value and "after 5 steps" in explorer.caption.value
    small = helpers.visualize_filter(model, "block2_conv1", 2, iters=5, size=32).image
    assert np.abs(np.asarray(drawn) / 255 - small).mean() < 0.02


def test_saliency_explorer_lays_the_map_over_the_photo(model: keras.Model) -> None:
    photo = helpers.sample_image("coffee", 64)
    explorer, answers = helpers.saliency_explorer(model, photo), list(helpers.predict(model, photo)["class"])
    assert explorer.layer.value == "block5_conv3" and explorer.channel.max == len(answers) - 1 == 4
    assert f"grad_cam through block5_conv3 for {answers[0]}" in explorer.caption.value
    explorer.channel.value, explorer.layer.value = 3, "block4_conv3"
    wanted = helpers.overlay(
        photo, helpers.saliency_map(model, photo, "grad_cam", answers[3], layer_name="block4_conv3")
    )
    step = explorers.HEIGHT // 64
    small = shown(explorer)[:, -explorers.HEIGHT :].reshape(64, step, 64, step, 3).mean(axis=(1, 3)) / 255
    assert np.abs(small - wanted).mean() < 0.02
    assert f"grad_cam through block4_conv3 for {answers[3]}" in explorer.caption.value
    for method in explorer.extras["method"].options:
        explorer.extras["method"].value = method
        wait(explorer)
        where = "block4_conv3" if method in explorers.OF_A_LAYER else "every layer"
        assert f"{method} through {where} for {answers[3]}" in explorer.caption.value


def test_saliency_explorer_asks_the_network_at_its_own_size(model: keras.Model) -> None:
    small = helpers.load_image(helpers.sample_image("coffee"), (64, 96))
    answer = helpers.predict(model, helpers.load_image(small, 64), top=1)["class"][0]
    explorer = helpers.saliency_explorer(model, "coffee")
    assert answer == "espresso" and "for espresso<" in explorer.caption.value
    assert explorer.remember(explorers._answers)[0].shape == (64, 96, 3)


def test_saliency_explorer_of_a_network_without_a_head_asks_for_channels(photo: np.ndarray) -> None:
    model = helpers.load_model("mini_vgg16")
    explorer = helpers.saliency_explorer(model, photo)
    strongest = helpers.feature_maps(model, photo, "block5_conv3")["block5_conv3"].mean(axis=(0, 1)).argsort()[::-1]
    explorer.channel.value = 1
    wait(explorer)
    assert f"for channel {strongest[1]}<" in explorer.caption.value


def test_dream_explorer_follows_its_controls(model: keras.Model, photo: np.ndarray) -> None:
    explorer = helpers.dream_explorer(model, photo)
    assert explorer.channel.value == 5 and explorer.layer.value == "block3_conv3"
    first = shown(explorer)
    explorer.channel.value = 1
    second = shown(explorer)
    assert (
        (second != first).any()
        and "strength 1<" not in explorer.caption.value
        and "strength 1:" in explorer.caption.value
    )
    half = second.shape[1] // 2 - 4
    assert np.abs(second[:, :half].astype(int) - first[:, :half]).max() == 0, "the photo stays"
    explorer.layer.value = "block1_conv2"
    assert (shown(explorer) != second).any() and "block1_conv2" in explorer.caption.value


@pytest.mark.parametrize("make", EVERY, ids=lambda make: make.__name__)
def test_an_explorer_stays_readable_without_a_kernel(model: keras.Model, make: Callable) -> None:
    explorer = make(model)
    data, metadata = explorer._repr_mimebundle_()
    name = make.__name__.replace("_", " ").capitalize()
    assert data["text/plain"] == f"{name}: 13 layers, {explorer.layer.value} shown"
    assert base64.b64decode(data["image/png"]) == explorer.picture.value
    assert "application/vnd.jupyter.widget-view+json" in data and len(metadata["image/png"]["alt"]) >= 40
    assert "<" not in metadata["image/png"]["alt"]
    place = list(explorer.channels).index(explorer.layer.value) + 1
    strip, said = explorer.place.value.replace("<b>", "").replace("</b>", "").split(" ", 1)
    assert said == f"{place} of 13" and strip.index("█") == place - 1 and len(strip) == 13


@pytest.mark.parametrize("make", [helpers.kernel_explorer, helpers.saliency_explorer], ids=lambda make: make.__name__)
def test_photos_can_be_exchanged_and_a_broken_one_changes_nothing(model: keras.Model, make: Callable) -> None:
    explorer = make(model)
    explorer.layer.value = "block3_conv2"
    cat = shown(explorer)
    explorer.photo.value = "rocket"
    rocket = shown(explorer)
    assert explorer.layer.value == "block3_conv2"
    assert rocket.shape != cat.shape or (rocket != cat).any()
    explorer.upload.value = upload("broken.jpg", b"\xff\xd8\xff no picture")
    assert "broken.jpg cannot be" in explorer.caption.value
    np.testing.assert_array_equal(shown(explorer), rocket)
    own = helpers.sample_image("temple", (60, 90))
    explorer.upload.value = upload("mine.png", as_png(own))
    assert explorer.photo.value is None
    np.testing.assert_allclose(explorer.image, own, atol=0.003)
    other = make(model, explorer.image)
    other.layer.value = "block3_conv2"
    np.testing.assert_array_equal(shown(explorer), shown(other))
    explorer.photo.value = "cat"
    np.testing.assert_array_equal(shown(explorer), cat)


def test_another_network_comes_with_its_layers_and_one_that_cannot_be_had_is_refused(
    photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = keras.Input((None, None, 3))
    small = keras.Model(inputs, keras.layers.Conv2D(3, 3, name="only")(inputs), name="small")
    explorer = helpers.feature_map_explorer(small, photo)
    assert list(explorer.channels) == ["only"]
    explorer.network.value = "mini_vgg16"
    assert explorer.layer.options[0] == explorer.layer.value == "block1_conv1" and explorer.channel.max == 15
    assert "block1_conv1, channel 0<" in explorer.caption.value

    def unavailable(name: str, **_: object) -> keras.Model:
        raise helpers.WeightsUnavailable(f"{name} cannot be downloaded.")

    before = explorer.picture.value
    monkeypatch.setattr(controls, "load_model", unavailable)
    explorer.network.value = "resnet50"
    assert explorer.network.value == "mini_vgg16" and explorer.picture.value == before
    assert "resnet50 cannot be downloaded." in explorer.caption.value
    explorer.network.value = "small"
    assert list(explorer.channels) == ["only"] and explorer.channel.max == 2


@pytest.mark.parametrize("make", EVERY, ids=lambda make: make.__name__)
def test_a_network_of_another_family_does_as_well(
    model: keras.Model, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch, make: Callable
) -> None:
    """MobileNetV2 has other layers, some with no kernel of their own, and with its head takes one size of pictures."""
    monkeypatch.setenv("CNN_WEIGHTS", "none")
    monkeypatch.setattr(models, "_imagenet_labels", lambda: [f"class {number}" for number in range(1000)])
    monkeypatch.setattr(controls, "load_model", LOADED)
    explorer = make(model, image=photo)
    before = shown(explorer)
    if make is helpers.filter_explorer:
        explorer.extras["steps"].value = 2
    explorer.network.value = "mobilenet_v2"
    after = shown(explorer)
    assert "mobilenetv2" in explorer.model.name and explorer.layer.value == explorer.layer.options[0] == "Conv1"
    assert "Conv1" in explorer.caption.value and "did not work" not in explorer.caption.value
    assert after.shape != before.shape or (after != before).any()
    assert ("for class " in explorer.caption.value) is (make is helpers.saliency_explorer)
    explorer.layer.value = "block_3_expand"
    explorer.channel.value = 1
    assert not np.array_equal(shown(explorer), after) and "block_3_expand" in explorer.caption.value
    explorer.network.value = "mini_vgg16"
    assert shown(explorer) is not None and "block1_conv1" in explorer.caption.value


def test_answers_have_numbers_where_the_names_of_classes_cannot_be_had(photo: np.ndarray) -> None:
    def no_labels() -> list[str]:
        raise helpers.WeightsUnavailable("there is no network")

    inputs = keras.Input((64, 64, 3))
    maps = keras.layers.Conv2D(4, 3, name="conv")(inputs)
    network = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(maps)))
    network.network = models.Network("small", lambda pixels: pixels / 255, 64, no_labels)
    explorer = helpers.saliency_explorer(network, photo)
    assert " for class " in explorer.caption.value and "did not work" not in explorer.caption.value


def test_a_new_choice_ends_the_old_drawing_and_old_choices_are_never_drawn() -> None:
    drawn, begun, go_on = [], threading.Event(), threading.Event()

    def draw(layer: str, channel: int) -> tuple[np.ndarray, str]:
        if channel == 1:
            begun.set()
            go_on.wait(10)
            explorer.put(np.zeros((4, 4, 3)), "half done")
            pytest.fail("the drawing goes on although there is a newer choice")
        drawn.append(channel)
        return np.full((4, 4, 3), channel / 99), f"channel {channel}"

    explorer = Explorer("Test", {"a": 100}, draw, "a", "channel", slow=True)
    explorer.channel.value = 1
    assert begun.wait(10)
    for channel in range(2, 100):
        explorer.channel.value = channel
    assert drawn == [0], "the choices do not wait for the drawing"
    go_on.set()
    wait(explorer)
    assert explorer.caption.value == "channel 99" and drawn == [0, 99]
    assert (shown(explorer) == 255).all()


def test_what_goes_wrong_is_said_and_the_next_choice_works() -> None:
    def draw(layer: str, channel: int) -> tuple[np.ndarray, str]:
        if channel == 3:
            raise ValueError("three is <too> many")
        return np.zeros((4, 4, 3)), f"channel {channel}"

    explorer = Explorer("Test", {"a": 10}, draw, "a", "channel")
    explorer.channel.value = 3
    assert "three is &lt;too&gt; many" in explorer.caption.value
    explorer.channel.value = 4
    assert explorer.caption.value == "channel 4"
    with pytest.raises(ZeroDivisionError):
        Explorer("Test", {"a": 10}, lambda layer, channel: 1 / 0, "a", "channel")


def test_a_network_without_a_gallery_has_no_sheet_and_nothing_to_click_on(model: keras.Model) -> None:
    explorer = helpers.filter_explorer(model, size=32)
    assert (shown(explorer) == PALETTE[FRAME]).all(axis=-1).any() and explorer.sheet[3] > 1
    other = keras.models.clone_model(model)
    explorer._loaded["another"] = other
    explorer.network.options = (*explorer.network.options, "another")
    explorer.network.value = "another"
    assert not (shown(explorer) == PALETTE[FRAME]).all(axis=-1).any(), "an empty frame"
    box = {"boundingRectWidth": 100, "boundingRectHeight": 100}
    explorer._click({"relativeX": 99, "relativeY": 50} | box)
    assert explorer.channel.value == 0
    assert "6 crops" in explorer.caption.value, "the yardstick is that of this network"


def test_saliency_explorer_of_fewer_answers_than_places() -> None:
    inputs = keras.Input((32, 32, 3))
    maps = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3, name="conv")(inputs))
    explorer = helpers.saliency_explorer(keras.Model(inputs, keras.layers.Dense(3)(maps)))
    explorer.channel.value = 2
    last = shown(explorer), explorer.caption.value
    explorer.channel.value = 4
    np.testing.assert_array_equal(shown(explorer), last[0])
    assert explorer.caption.value == last[1] and "did not work" not in last[1]


def test_a_thousand_moves_leave_nothing_behind(model: keras.Model, photo: np.ndarray) -> None:
    explorer = helpers.feature_map_explorer(model, photo)
    for layer in explorer.channels:
        explorer.layer.value = layer
    kept = explorer.remember.cache_info().currsize
    for move in range(1000):
        explorer.channel.value = move % 16
    assert explorer.remember.cache_info().currsize == kept == 13
    explorer.photo.value = "rocket"
    assert explorer.remember.cache_info().currsize == 1


def test_the_kernels_looked_at_are_not_kept_for_ever(model: keras.Model, photo: np.ndarray) -> None:
    explorer = helpers.kernel_explorer(model, photo)
    for layer in ("block5_conv1", "block5_conv2"):
        explorer.layer.value = layer
        for kernel in range(200):
            explorer.channel.value = kernel
    assert explorer.remember.cache_info().currsize <= controls.REMEMBERED < 400


def test_every_explorer_of_a_network_has_the_same_controls(model: keras.Model) -> None:
    for make in EVERY:
        explorer = make(model)
        assert isinstance(explorer, NetworkExplorer)
        assert explorer.network.options[0] == "mini_vgg16" and "vgg16" in explorer.network.options
        assert {explorer.network, explorer.photo, explorer.upload, explorer.layer} <= set(explorer.controls.children)
