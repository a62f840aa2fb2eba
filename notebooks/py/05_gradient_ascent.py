# %% [markdown]
# # Ask a filter what it wants to see (pictures made by gradient ascent)
#
# **Goals**
# - write gradient ascent on a picture by hand, in ten lines;
# - see why the loop that most tutorials teach leaves many filters grey, and mend it one ingredient at a time;
# - read a grid of filters, from edges to textures to parts, and check it against photos.
#
# **Before this**: [02](02_pretrained_models.ipynb) (layers), [04](04_feature_maps.ipynb) (feature maps). **Time**: 45
# min. **Network**: printed by the next cell.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np

import helpers
from helpers import keras, tf

PHOTO = "cat"  # the one line to change: a bundled photo, a path or an address
SEED = 0
model = helpers.load_model()

# %% [markdown]
# ## What is gradient ascent?
# Training changes the weights so that a loss falls. Here the weights stay fixed and the *picture* changes, so that one
# filter's response rises. Erhan et al. (2009) called it activation maximisation.
#
# ![Drawing of gradient ascent: a noise picture passes through the network up to one layer, the feature map of one
# filter is averaged to a single number, and a dashed arrow carries the gradient of that number back to the
# picture.](../images/gradient_ascent.svg)
#
# 1. Start from faint noise. 2. Run the network up to the layer. 3. Average the filter's feature map: one number.
# 4. Take that number's gradient with respect to the picture. 5. Add a small multiple of it to the picture. Go to 2.
#
# The same five steps are in Simonyan et al. (2013), Stanford's CS231n (2017, lecture 12) and Chollet's book. How many
# pixels take part in step 4?

# %%
picture_shape = (96, 96, 3)
print(f"One gradient has {np.prod(picture_shape):,} numbers: one for each pixel and colour.")

# %% [markdown]
# ## How is it done by hand?
# The network is cut at the layer, and the picture is a variable between 0 and 1. The network's own preprocessing is
# inside the tape: the gradient must reach the picture that we look at, not the one that the first layer gets.

# %%
LAYER, FILTER = "block3_conv1", 5
submodel = helpers.get_submodel(model, LAYER)
print(f"{LAYER} gives {submodel.output_shape[-1]} feature maps; we climb the mean of number {FILTER}.")

# %%
noise = tf.random.stateless_uniform((1, 96, 96, 3), [SEED, 0], -10, 10)  # at most ten grey levels
picture, responses = tf.Variable(0.5 + noise / 255), []

# %%
for _ in range(100):
    with tf.GradientTape() as tape:
        response = tf.reduce_mean(submodel(helpers.preprocess(model, picture))[..., FILTER])
    gradient = tape.gradient(response, picture)
    gradient /= tf.norm(gradient) + 1e-8  # l2-normalised: the step has the same length on a plain and on a cliff
    picture.assign_add(10 / 255 * gradient)
    responses.append(float(response))

# %%
print(f"The response rose: {responses[-1] > responses[0]}")

# %% [markdown]
# The loss, here the response to be *raised*, at ten points of the climb; then the picture. `get_submodel` cut the
# network, `GradientTape` recorded the way to the mean, and ten grey levels along the unit gradient were added each
# time.


# %%
def ten_points(history):
    steps = np.linspace(0, len(history) - 1, min(10, len(history))).astype(int)  # fewer than ten steps work too
    figure, axis = plt.subplots(figsize=(7, 2.6), layout="constrained")
    axis.plot(steps, np.asarray(history)[steps], "o-", color="0.3")
    for step in steps:
        axis.annotate(f"{history[step]:.2f}", (step, history[step]), (0, 6), textcoords="offset points", ha="center")
    axis.set(xlabel="step", ylabel="mean response", ylim=(None, 1.15 * max(history)))
    axis.spines[["top", "right"]].set_visible(False)
    return figure


# %%
caption = f"Ten points of the climb by hand for {LAYER}, filter {FILTER}: the response rises, ever more slowly."
helpers.show(ten_points(responses), caption)

# %%
final = picture.numpy()[0]
stretched = (final - final.min()) / (final.max() - final.min())
caption = (
    f"The picture of {LAYER}, filter {FILTER}, by hand: almost flat grey as it is, a texture once it is stretched."
)
helpers.show(helpers.plot_images({"as it is": final, "contrast stretched": stretched}, columns=2), caption)

# %%
moved = np.abs(final - 0.5).mean() * 255
print(f"The mean pixel is {moved:.0f} grey levels away from mid-grey, of 127 possible.")

# %% [markdown]
# Many tutorials show only the stretched picture. It hides that the climb has hardly begun: a step of length 10 is
# shared by 27,648 numbers.

# %% [markdown]
# ## How does the helper do it?
# `visualize_filter` takes a layer and a filter; without one it draws a filter at random. With `method="classroom"` it
# runs the loop above.

# %%
result = helpers.visualize_filter(model, "block3_conv1", iters=100, method="classroom", seed=SEED)
print(result)

# %% [markdown]
# The default method is the mended recipe, which the rest of this notebook builds up.

# %%
mended = helpers.visualize_filter(model, "block3_conv1", result.f_index, iters=100, seed=SEED)
pair = {"classroom recipe": result.image, "mended recipe": mended.image}
caption = (
    f"Filter {result.f_index} of block3_conv1, drawn at random, a hundred steps each: a faint texture on grey with "
    "the classroom recipe, a texture in full contrast with the mended one."
)
helpers.show(helpers.plot_images(pair, columns=2), caption)

# %% [markdown]
# A filter that does not exist gets a clear answer:

# %%
try:
    helpers.visualize_filter(model, "block3_conv1", 10**6)
except helpers.FilterOutOfRange as error:
    print(error)

# %% [markdown]
# ## Which filters stay grey?
# The classroom recipe, three filters in each convolution. Is every filter's own picture one that it responds to?

# %%
climbed = []
for layer in helpers.conv_layers(model):
    climbed += helpers.visualize_filters(model, layer, range(3), iters=25, method="classroom", seed=SEED)

# %%
caption = "Classroom recipe, three filters in each convolution: faint textures at first, nearly flat grey towards the "
caption += "end; a tile marked silent belongs to a filter that does not respond to its own picture."
helpers.show(helpers.plot_filters(climbed, columns=9), caption)

# %%
depth = len(climbed) // 2
spread = [255 * picture.image.std() for picture in climbed]
print(f"The deep half has less contrast: {np.mean(spread[depth:]) < np.mean(spread[:depth])}")
print(f"Some filters stay silent: {any(picture.silent for picture in climbed)}")

# %% [markdown]
# Two causes. A filter that is silent on noise sits behind a ReLU whose gradient is zero: there is no way up to follow.
# And deep gradients are spread thinly over many pixels, so that steps of ten grey levels in all go nowhere.

# %% [markdown]
# ## How is it mended?
# One loop, four ingredients, the same four filters, one second each. `climb` takes what is to be maximised,
# where to start, how parameters become a picture, how they are updated, and how the picture is shaken.

# %%
LAYER, FILTERS, SECONDS, SHAPE = "block4_conv3", [0, 1, 2, 3], 1.0, (4, 96, 96, 3)
after_relu = helpers.get_submodel(model, LAYER)
before_relu = helpers.get_submodel(model, LAYER, before_activation=True)


# %%
def climb(submodel, parameters, to_rgb, update, shake=tf.identity):
    @tf.function
    def step():
        with tf.GradientTape() as tape:
            maps = submodel(helpers.preprocess(model, shake(to_rgb(parameters))))
            responses = tf.reduce_mean(tf.gather(maps, FILTERS, axis=3, batch_dims=1), axis=[1, 2])
        update(parameters, tape.gradient(responses, parameters))

    step()  # compiles; the clock starts now
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        step()
    return to_rgb(parameters).numpy()


# %% [markdown]
# **0. The classroom recipe**, and **1. the response before the ReLU** in its place: a silent filter now has a slope.


# %%
def unit_step(parameters, gradient):
    norm = tf.sqrt(tf.reduce_sum(gradient**2, axis=[1, 2, 3], keepdims=True))
    parameters.assign_add(10 / 255 * gradient / (norm + 1e-8))


# %%
noise = 0.5 + tf.random.stateless_uniform(SHAPE, [SEED, 0], -10, 10) / 255
pictures = {"0 classroom": climb(after_relu, tf.Variable(noise), tf.identity, unit_step)}
pictures["1 before ReLU"] = climb(before_relu, tf.Variable(noise), tf.identity, unit_step)

# %% [markdown]
# **2. Adam and a sigmoid.** Adam gives each parameter a step of its own size; the sigmoid keeps the picture between 0
# and 1.


# %%
def adam():
    optimizer = keras.optimizers.Adam(0.05)
    return lambda parameters, gradient: optimizer.apply([-gradient], [parameters])


# %%
logits = tf.random.stateless_normal(SHAPE, [SEED, 0], stddev=0.1)
pictures["2 Adam, sigmoid"] = climb(before_relu, tf.Variable(logits), tf.sigmoid, adam())

# %% [markdown]
# **3. Fourier and decorrelated colour** (Olah, Mordvintsev and Schubert 2017). The parameters are a spectrum, divided
# by frequency as in natural photos, in colour axes that vary independently in photos. Broad shapes come as easily as
# dots.

# %%
from helpers.recipes import COLOUR_CORRELATION

frequency = np.hypot(np.fft.fftfreq(96)[:, None], np.fft.rfftfreq(96)[None])
scale = (96 / np.maximum(frequency, 1 / 96)).astype("float32")


# %%
def from_spectrum(spectrum):
    waves = tf.signal.irfft2d(tf.complex(spectrum[:, 0] * scale, spectrum[:, 1] * scale), [96, 96])
    return tf.sigmoid(tf.transpose(waves, [0, 2, 3, 1]) / 4 @ COLOUR_CORRELATION.T)


# %%
spectrum = tf.random.stateless_normal((4, 2, 3, 96, 49), [SEED, 0], stddev=0.01)
pictures["3 Fourier"] = climb(before_relu, tf.Variable(spectrum), from_spectrum, adam())

# %% [markdown]
# **4. Random shifts, turns and zooms**, inside the compiled step: what survives being shaken is a shape, not a fluke
# of pixels.

# %%
shift = keras.layers.RandomTranslation(0.1, 0.1, seed=SEED)
turn = keras.layers.RandomRotation(10 / 360, seed=SEED)
zoom = keras.layers.RandomZoom(0.1, seed=SEED)
shaker = keras.Sequential([shift, turn, zoom])


# %%
def shake(images):
    return shaker(images, training=True)


pictures["4 shaken"] = climb(before_relu, tf.Variable(spectrum), from_spectrum, adam(), shake)

# %% [markdown]
# Side by side, with the response that each picture really reaches, after the ReLU and unshaken:


# %%
def reached(images, number):
    return float(tf.reduce_mean(after_relu(helpers.preprocess(model, images))[number, ..., FILTERS[number]]))


# %%
tiles = {}
for number, f_index in enumerate(FILTERS):
    for name, images in pictures.items():
        tiles[f"{name}\nfilter {f_index}: {reached(images, number):.1f}"] = images[number].clip(0, 1)

# %%
caption = (
    f"Four filters of {LAYER}, one in each row; columns are the recipes at equal time, with the response reached. "
    "Grey in the first two, dots with Adam, broad shapes with Fourier, clean repeated parts once shaken."
)
helpers.show(helpers.plot_images(tiles, columns=5), caption)

# %%
better = [reached(pictures["3 Fourier"], number) > reached(pictures["0 classroom"], number) for number in range(4)]
print(f"The Fourier spectrum beats the classroom recipe for every filter: {all(better)}")

# %% [markdown]
# Shaking lowers the response and clears the picture. A high response alone is not the aim: fine noise that only this
# network reacts to scores well and tells us nothing.

# %% [markdown]
# ## From edges to textures to parts
# `visualize_filters` has all four ingredients, computes only the chosen kernels, and climbs all pictures as one batch
# in one compiled step. Eight filters of each block's last convolution:

# %%
notice = {
    1: "plain colours and the finest stripes",
    2: "stripes and edges of one direction",
    3: "textures: weaves, spots, strokes",
    4: "small parts repeated: eyes, scales, petals",
    5: "larger parts and hints of objects",
}

# %%
for block, seen in notice.items():
    layer = [name for name in helpers.conv_layers(model) if name.startswith(f"block{block}_")][-1]
    made = helpers.visualize_filters(model, layer, range(8), iters=40, size=80, seed=SEED)
    caption = f"Block {block}, {layer}, eight filters by the mended recipe: in the bundled network look for {seen}."
    helpers.show(helpers.plot_filters(made), caption)

# %% [markdown]
# The shapes grow with the receptive field, and the deepest ones need several looks. They are what *this* network
# learned from its photos; another network has other filters.

# %% [markdown]
# ## Is the picture evidence?
# A filter may respond to its own picture and still not be "about" it. A first check, by hand: the filter's mean
# response to its own picture, beside its response to every bundled photo and to yours.

# %%
LAYER, FILTERS = "block4_conv3", range(8)
made = helpers.visualize_filters(model, LAYER, FILTERS, iters=40, size=80, seed=SEED)
by_own = np.array([picture.response for picture in made])

# %%
photos = np.stack([helpers.load_image(name, 80) for name in {*helpers.sample_names(), PHOTO}])
maps = helpers.get_submodel(model, LAYER)(helpers.preprocess(model, photos))
by_photo = tf.reduce_mean(maps, axis=[1, 2]).numpy()[:, : len(FILTERS)]
wins = (by_own > by_photo.max(axis=0)).sum()
print(f"{wins} of {len(made)} filters respond more to their own picture than to any photo.")

# %%
figure, axis = plt.subplots(figsize=(7, 2.8), layout="constrained")
for responses in by_photo:
    axis.plot(FILTERS, responses, "o", color="0.6", label="a photo")
axis.plot(FILTERS, by_own, "D", color="black", label="its own picture")
axis.set(xlabel=f"filter of {LAYER}", ylabel="mean response")
axis.legend(*(part[-2:] for part in axis.get_legend_handles_labels()), frameon=False)
axis.spines[["top", "right"]].set_visible(False)
caption = f"Filters of {LAYER}: the black diamond, a filter's own picture, lies far above the grey dots, the photos."
helpers.show(figure, caption)

# %% [markdown]
# It is the strongest stimulus we found, not the only one. People predict a filter's responses better from natural
# photos than from such pictures (Borowski et al. 2021), and a network can be built to show misleading ones (Geirhos
# et al. 2023).

# %% [markdown]
# ## Play
# Choose a layer, a filter and the number of steps. A new layer takes a second longer: its step is compiled once.

# %%
helpers.filter_explorer(model)

# %% [markdown]
# ## Exercises

# %% [markdown]
# ### Exercise 1. How small is a step? (change one number)
# The classroom step has length 10 in grey levels, over all 96 x 96 x 3 numbers together. How many grey levels does a
# number move, as root mean square? Replace `None`.

# %%
answer_1 = None

# %%
# Check exercise 1
if answer_1 is None:
    print("Not yet: answer_1 is still None.")
elif abs(answer_1 - 10) < 0.1:
    print("Not yet: 10 is the length of the whole step, shared by all the numbers of the picture.")
elif abs(answer_1 - 10 / (96 * 96 * 3)) < 1e-4:
    print("Not yet: lengths add as squares, so divide by a square root, not by the count itself.")
elif abs(answer_1 - 10 / 96) < 1e-3:
    print("Not yet: the picture has three colours, so 96 x 96 x 3 numbers.")
else:
    print("Correct: 0.06 grey levels a step." if abs(answer_1 - 0.0601) < 0.001 else "Not yet: length / sqrt(count).")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# answer_1 = 10 / np.sqrt(96 * 96 * 3)
# ```
# </details>

# %% [markdown]
# ### Exercise 2. One filter against another (write an objective)
# Return, for a batch of feature maps `(n, h, w, channels)`, the mean of channel `a` minus half the mean of channel
# `b`, one number for each picture.


# %%
def contrast(maps, a, b):
    return None


# %%
# Check exercise 2
maps = np.random.default_rng(0).uniform(size=(2, 3, 4, 6)).astype("float32")
got, means = contrast(maps, 1, 4), maps.mean(axis=(1, 2))
if got is None:
    print("Not yet: contrast returns None.")
elif np.shape(got) != (2,):
    print(f"Not yet: the shape is {np.shape(got)}; one number for each picture is (2,). Average height and width only.")
elif np.allclose(got, means[:, 1] - means[:, 4]):
    print("Not yet: channel b counts half.")
elif np.allclose(got, means[:, 1] + 0.5 * means[:, 4]):
    print("Not yet: channel b must be subtracted, or the picture excites both.")
else:
    print("Correct." if np.allclose(got, means[:, 1] - 0.5 * means[:, 4]) else "Not yet: mean of a - 0.5 * mean of b.")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def contrast(maps, a, b):
#     means = tf.reduce_mean(maps, axis=[1, 2])
#     return means[:, a] - 0.5 * means[:, b]
# ```
# </details>

# %% [markdown]
# ### Exercise 3. A unit gradient for each picture (write it)
# Divide each picture's gradient `(n, h, w, 3)` by its own l2 norm. A gradient of zeros must stay zeros.


# %%
def unit(gradient):
    return gradient


# %%
# Check exercise 3
gradient = np.random.default_rng(0).normal(size=(3, 4, 4, 3)).astype("float32") * [[[[1]]], [[[9]]], [[[0]]]]
got = np.asarray(unit(tf.constant(gradient, tf.float32)))
norms = np.sqrt((got**2).sum(axis=(1, 2, 3)))
if np.isnan(got).any():
    print("Not yet: a gradient of zeros gives NaN; add a tiny number to the norm.")
elif np.allclose(got, gradient):
    print("Not yet: the gradient comes back unchanged.")
elif np.isclose(np.sqrt((got**2).sum()), 1, atol=1e-3):
    print("Not yet: the batch as a whole has norm 1; each picture needs its own norm.")
elif np.allclose(norms, [1, 1, 0], atol=1e-3) and np.allclose(
    got[0] * np.linalg.norm(gradient[0]), gradient[0], atol=1e-3
):
    print("Correct: each picture takes a step of the same length.")
else:
    print(f"Not yet: the norms are {norms.round(2)}; they must be 1, 1 and 0. Sum over height, width and colour.")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def unit(gradient):
#     norm = tf.sqrt(tf.reduce_sum(gradient**2, axis=[1, 2, 3], keepdims=True))
#     return gradient / (norm + 1e-8)
# ```
# </details>

# %% [markdown]
# ## Summary
# Gradient ascent changes a picture so that one filter's response rises, while the weights stay fixed. The classroom
# recipe moves a picture by a few grey levels and cannot wake a filter behind a silent ReLU. The response before the
# ReLU, Adam on a Fourier spectrum and random shaking give full pictures in seconds.
#
# Think about: Why does the step before the ReLU not change what a filter *reports*? Why do repeated parts fill the
# picture rather than one large one? Would two filters with the same picture do the same in the network?

# %% [markdown]
# ## Where next
# Change `PHOTO` in 04_feature_maps and look for the photos' own patches that excite the filters you saw here.

# %% [markdown]
# ## References
# - Erhan, Bengio, Courville, Vincent: Visualizing Higher-Layer Features of a Deep Network. University of Montreal,
#   2009.
# - Simonyan, Vedaldi, Zisserman: Deep Inside Convolutional Networks. arXiv:1312.6034, 2013.
# - Stanford CS231n, lecture 12: Visualizing and Understanding, 2017.
# - Chollet: Deep Learning with Python, Manning, chapter on interpreting what convnets learn.
# - Olah, Mordvintsev, Schubert: Feature Visualization. Distill, 2017. doi:10.23915/distill.00007
# - Borowski et al.: Exemplary Natural Images Explain CNN Activations Better than State-of-the-Art Feature
#   Visualization. ICLR 2021.
# - Geirhos et al.: Don't trust your eyes: on the (un)reliability of feature visualizations. arXiv:2306.04719, 2023.
