# %% [markdown]
# # Ask a filter what it wants to see (pictures made by gradient ascent)
#
# **Goals**
# - write gradient ascent on a picture by hand, in ten lines;
# - see why the loop that most tutorials teach leaves many filters grey;
# - read a grid of filters, from edges to textures to parts.
#
# **Before this**: [02](02_pretrained_models.ipynb) (layers), [04](04_feature_maps.ipynb) (feature maps). **Time**: 35
# min. **Network**: printed by the next cell.

# %%
import functools

import matplotlib.pyplot as plt
import numpy as np

import helpers
from helpers import tf
from helpers.plotting import tile

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
# 1. Start from faint noise.
# 2. Run the network up to the layer.
# 3. Average the filter's feature map: one number.
# 4. Take that number's gradient with respect to the picture.
# 5. Add a small multiple of it to the picture. Go to 2.
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
LAYER, FILTER = "block3_conv1", 4
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
caption = f"Ten points of the climb by hand for {LAYER}, filter {FILTER}: the response rises at every one of them."
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
by_photo = tf.reduce_mean(submodel(helpers.preprocess(model, helpers.load_image(PHOTO, 96)))[..., FILTER])
print(f"The mean pixel is {moved:.0f} grey levels away from mid-grey, of 127 possible.")
print(f"The filter responds more to it than to the photo {PHOTO!r}: {responses[-1] > by_photo}")

# %% [markdown]
# Many tutorials show only the stretched picture. It hides that the climb has hardly begun: a step of length 10 is
# shared by 27,648 numbers.

# %% [markdown]
# ## How does the helper do it?
# `visualize_filter` takes a layer and a filter; without one it draws a filter at random. With `method="classroom"` it
# runs the loop above.

# %%
steps = [0, 5, 20, 50, 99]
result = helpers.visualize_filter(model, "block2_conv2", iters=100, method="classroom", seed=SEED, snapshots=steps)
print(result)

# %%
strip = {}
for step, picture in result.snapshots.items():
    strip[f"step {step}"] = (picture - picture.min()) / (np.ptp(picture) + 1e-8)
caption = (
    f"Filter {result.f_index} of {result.layer_name}, drawn at random, before five of a hundred classroom steps, "
    "contrast stretched each time: out of the noise comes what the filter responds to, here slanting stripes."
)
helpers.show(helpers.plot_images(strip, columns=5), caption)

# %% [markdown]
# A filter that does not exist gets a clear answer:

# %%
try:
    helpers.visualize_filter(model, "block3_conv1", 10**6)
except helpers.FilterOutOfRange as error:
    print(error)

# %% [markdown]
# ## Which filters stay grey?
# The classroom recipe, three filters in each convolution. What do twenty steps add to the noise? `snapshots` keeps the
# pictures as they are before the steps that we name.

# %%
climbed = []
for layer in helpers.conv_layers(model):
    climbed += helpers.visualize_filters(
        model, layer, range(3), iters=21, size=64, method="classroom", seed=SEED, snapshots=(0, 20)
    )
changes = [picture.snapshots[max(picture.snapshots)] - picture.snapshots[0] for picture in climbed]

# %%
strips = {}
for place, layer in enumerate(helpers.conv_layers(model)):
    three = [(0.5 + 30 * change).clip(0, 1) for change in changes[3 * place : 3 * place + 3]]
    strips[layer.replace("_", "\n")] = tile(three, 1)
caption = (
    "What the classroom recipe adds to the noise, enlarged thirtyfold, for three filters of each convolution: colour "
    "or texture for most, nothing at all where the tile is plain grey."
)
helpers.show(helpers.plot_images(strips, columns=len(strips)), caption)

# %%
moved = [255 * np.sqrt((change**2).mean()) for change in changes]
print(f"Some pictures have not moved at all: {min(moved) == 0}")
print(f"No number has moved by more than two grey levels, as root mean square: {max(moved) < 2}")

# %% [markdown]
# Two causes. A filter that is silent on noise sits behind a ReLU whose gradient is zero: there is no way up to follow.
# And the steps are short: ten grey levels, shared by all numbers of the picture. Neither tells anything about the
# filter.

# %% [markdown]
# ## Can it be mended?
# Both causes can be removed. A filter that sleeps behind its ReLU has a slope *before* the ReLU. Do some sleep here?

# %%
noise = 0.5 + tf.random.stateless_uniform((96, 96, 3), [SEED, 0], -10, 10) / 255
silent = helpers.feature_maps(model, noise, "block4_conv3")["block4_conv3"].max(axis=(0, 1)) == 0
before = helpers.feature_maps(model, noise, "block4_conv3", before_activation=True)["block4_conv3"][..., silent]
print(f"Some filters are silent on noise: {silent.any()}; below zero, but with a slope: {before.max(initial=-1) < 0}")

# %% [markdown]
# The helper's default maximises the response before the ReLU, and takes larger steps, of a kind that suits pictures.
# The same number of steps for both:

# %%
draw = functools.partial(helpers.visualize_filters, model, "block4_conv3", range(6), iters=32, size=80, seed=SEED)
pairs = zip(draw(method="classroom"), draw(method="fourier"), strict=True)
columns = {f"filter {one.f_index}": tile([one.image, other.image], 1) for one, other in pairs}
caption = (
    "Six filters of block4_conv3, 32 steps each: nearly flat grey with the classroom recipe above, full contrast and "
    "repeated shapes with the default below."
)
helpers.show(helpers.plot_images(columns, columns=6), caption)

# %% [markdown]
# [05b](05b_better_pictures.ipynb) takes this recipe apart and says how good its pictures are. Until then, read them.

# %% [markdown]
# ## From edges to textures to parts
# `visualize_filters` computes only the chosen kernels, and climbs all pictures as one batch in one compiled step. Six
# filters of each block's last convolution:

# %%
notice = {
    1: "plain colours in broad areas",
    2: "stripes of one direction, or a grid of dots",
    3: "textures: weaves, spots, strokes",
    4: "small shapes repeated: rosettes, scales, berries",
    5: "larger shapes that hardly repeat: folds, curls, things without a name",
}

# %%
for block, seen in notice.items():
    layer = [name for name in helpers.conv_layers(model) if name.startswith(f"block{block}_")][-1]
    made = helpers.visualize_filters(model, layer, range(6), iters=32, size=80, seed=SEED)
    caption = f"Block {block}, {layer}, six filters by the default recipe: in the bundled network look for {seen}."
    helpers.show(helpers.plot_filters(made, columns=6), caption)

# %% [markdown]
# The shapes grow with the receptive field, and the deepest ones need several looks. They are what *this* network
# learned from its photos; another network has other filters. And each is the strongest stimulus we *found*: 05b asks
# how far to trust it.

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
# The helpers' objectives are added and subtracted like this too. Which other channel does the picture of channel 1
# excite most, and what is left when that one is kept low?

# %%
CHANNEL = 1
own = helpers.channel("block4_conv3", CHANNEL)
picture = helpers.maximize(model, own, iters=32, seed=SEED)[0].image
responses = helpers.feature_maps(model, picture, "block4_conv3")["block4_conv3"].mean(axis=(0, 1))
responses[CHANNEL] = 0  # itself does not count
other = helpers.channel("block4_conv3", int(responses.argmax()))

# %%
goals = {f"channel {CHANNEL}": own, "the other": other, "the first without the other": own - 0.5 * other}
tiles = {name: helpers.maximize(model, goal, iters=32, seed=SEED)[0].image for name, goal in goals.items()}
caption = (
    f"Channel {CHANNEL} of block4_conv3, the other channel that its picture excites most, and a picture that excites "
    "the first but not the second: what is left, and what is gone?"
)
helpers.show(helpers.plot_images(tiles, columns=3), caption)

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
# 1. Gradient ascent changes a picture so that one filter's response rises, while the weights stay fixed.
# 2. The classroom recipe moves a picture by a few grey levels and cannot wake a filter behind a silent ReLU.
# 3. With both mended, pictures go from edges over textures to parts, block by block.
#
# Questions to think about:
# 1. Why does the step before the ReLU not change what a filter *reports*?
# 2. Why do repeated parts fill the picture rather than one large one?
# 3. Would two filters with the same picture do the same in the network?

# %% [markdown]
# ## Where next
# [05b_better_pictures](05b_better_pictures.ipynb) adds the ingredients of the default recipe one by one, and measures
# what a picture is worth.

# %% [markdown]
# ## References
# - D. Erhan, Y. Bengio, A. Courville, P. Vincent (2009). Visualizing higher-layer features of a deep network.
#   Technical report 1341, University of Montreal.
# - K. Simonyan, A. Vedaldi, A. Zisserman (2013). Deep inside convolutional networks: visualising image classification
#   models and saliency maps. [arXiv:1312.6034](https://arxiv.org/abs/1312.6034)
# - F.-F. Li, J. Johnson, S. Yeung (2017). CS231n, lecture 12: visualizing and understanding. Stanford University.
# - F. Chollet (2017). Deep learning with Python. Manning; the section on visualising convnet filters.
