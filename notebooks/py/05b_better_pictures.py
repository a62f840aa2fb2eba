# %% [markdown]
# # Make the pictures better (what each ingredient buys, and how good a picture is)
#
# **Goals**
# - add the ingredients of good pictures one at a time, then leave them out one at a time;
# - draw several pictures of one filter, and lay photos beside them;
# - judge a picture with evidence that did not take part in making it.
#
# **Before this**: [05](05_gradient_ascent.ipynb) (gradient ascent by hand). **Time**: 40 min. **Network**: printed by
# the next cell.

# %%
import dataclasses
import functools

import matplotlib.pyplot as plt
import numpy as np

import helpers
from helpers import keras, tf
from helpers.backend import graph_of
from helpers.plotting import tile
from helpers.quality import high_frequency_share

PHOTO = "cat"  # the one line to change: a bundled photo, a path or an address
SEED = 0
model = helpers.load_model()

# %% [markdown]
# ## What does each ingredient buy?
# One loop, four ingredients, the same three filters, 32 steps each; a step takes nearly the same time in all but the
# last. `climb` takes what is to be maximised, where to start, how parameters become a picture, how they are updated,
# and how the picture is shaken. `tf.function` makes a graph of a step, which is faster; `graph_of` makes it at
# once, and the stop button waits for that moment.

# %%
LAYER, FILTERS, STEPS, SHAPE = "block4_conv3", [0, 1, 2], 32, (3, 96, 96, 3)
after_relu = helpers.get_submodel(model, LAYER)
before_relu = helpers.get_submodel(model, LAYER, before_activation=True)


# %%
def climb(submodel, parameters, to_rgb, update, shake=tf.identity):
    @graph_of
    @tf.function
    def step():
        with tf.GradientTape() as tape:
            maps = submodel(helpers.preprocess(model, shake(to_rgb(parameters))))
            responses = tf.reduce_mean(tf.gather(maps, FILTERS, axis=3, batch_dims=1), axis=[1, 2])
        update(parameters, tape.gradient(responses, parameters))

    for _ in range(STEPS):
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
    optimizer = keras.optimizers.Adam(0.1)
    return lambda parameters, gradient: optimizer.apply([-gradient], [parameters])


# %%
logits = tf.random.stateless_normal(SHAPE, [SEED, 0], stddev=0.1)
pictures["2 Adam, sigmoid"] = climb(before_relu, tf.Variable(logits), tf.sigmoid, adam())

# %% [markdown]
# **3. Fourier and decorrelated colour** (Olah et al. 2017). The parameters are a spectrum, divided by frequency as in
# photos, in colour axes that vary independently in photos. Broad shapes come as easily as dots.

# %%
from helpers.recipes import COLOUR_CORRELATION

frequency = np.hypot(np.fft.fftfreq(96)[:, None], np.fft.rfftfreq(96)[None])
scale = (96 / np.maximum(frequency, 0.25 / 96)).astype("float32")


# %%
def from_spectrum(spectrum):
    waves = tf.signal.irfft2d(tf.complex(spectrum[:, 0] * scale, spectrum[:, 1] * scale), [96, 96])
    return tf.sigmoid(tf.transpose(waves, [0, 2, 3, 1]) / 4 @ COLOUR_CORRELATION.T)


# %%
spectrum = tf.random.stateless_normal((3, 2, 3, 96, 49), [SEED, 0], stddev=0.01)
pictures["3 Fourier"] = climb(before_relu, tf.Variable(spectrum), from_spectrum, adam())

# %% [markdown]
# **4. Random shifts, turns and zooms**: what survives being shaken is a shape, not a fluke of pixels.

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
# Side by side, with the mean response that the three pictures really reach, after the ReLU and unshaken:


# %%
def reached(images):
    maps = tf.gather(after_relu(helpers.preprocess(model, images)), FILTERS, axis=3, batch_dims=1)
    return tf.reduce_mean(maps, axis=[1, 2]).numpy()


# %%
columns = {
    f"{name}\nresponse {reached(images).mean():.1f}": tile(images.clip(0, 1), 1) for name, images in pictures.items()
}
caption = (
    f"Three filters of {LAYER}, one in each row; columns are the recipes, 32 steps each. Nearly flat grey in the first "
    "two, grain with Adam, broad shapes with Fourier, fewer and larger ones once shaken."
)
helpers.show(helpers.plot_images(columns, columns=5), caption)

# %%
better = reached(pictures["3 Fourier"]) > reached(pictures["0 classroom"])
print(f"The Fourier spectrum beats the classroom recipe for every filter: {all(better)}")

# %% [markdown]
# Shaking lowers the response and clears the picture. `visualize_filters` has all four, and a fifth: it subtracts a
# little *total variation*, the difference between neighbouring pixels, which keeps the last grain away.

# %% [markdown]
# ## What if one is left out?
# Adding in order says little about an ingredient that comes late. So take the whole recipe and leave out one at a time.
# A `Recipe` is a dataclass:

# %%
default = helpers.RECIPES["fourier"]
recipes = {"all of it": default, "after the ReLU": dataclasses.replace(default, before_activation=False)}
recipes["plain RGB"] = dataclasses.replace(default, decorrelated=False)
recipes["pixels"] = dataclasses.replace(default, fourier=False)
recipes["not shaken"] = dataclasses.replace(default, shift=0, scale=0, rotation=0)
recipes["any variation"] = dataclasses.replace(default, total_variation=0)

# %%
draw = functools.partial(helpers.visualize_filters, model, "block4_conv3", range(3), iters=24, size=64, seed=SEED)
made = {name: draw(method=recipe) for name, recipe in recipes.items()}

# %% [markdown]
# Each picture has a quality card, explained below. Two of its numbers: the *ratio* of the response to what natural
# pictures reach, and the share of *fine detail*.

# %%
blank = np.ones_like(made["all of it"][0].image)  # in place of the picture of a silent filter
ratio = {name: np.mean([picture.quality.ratio for picture in row]) for name, row in made.items()}
fine = {name: np.mean([picture.quality.high_frequency for picture in row]) for name, row in made.items()}

# %%
columns = {
    f"{name}\nratio {ratio[name]:.1f}, fine {fine[name]:.0%}": tile(
        [p.image if not p.silent else blank for p in row], 1
    )
    for name, row in made.items()
}
caption = (
    "Three filters of block4_conv3, one in each row, 24 steps; each column but the first lacks one ingredient. Plain "
    "RGB is gaudy, pixels are grainy; without shaking the ratio is the highest, and yet the parts are no clearer. "
    "White: silent."
)
helpers.show(helpers.plot_images(columns, columns=6), caption)

# %%
print("Pixels hold more fine detail than a spectrum:", fine["pixels"] > fine["all of it"])
print("So does a spectrum that may vary at will:", fine["any variation"] > fine["all of it"])
print("Without shaking the response is higher:", ratio["not shaken"] > ratio["all of it"])

# %% [markdown]
# The spectrum keeps the grain away and the colour axes keep the palette natural. After the ReLU a filter that noise
# does not excite may stay silent, although the helper starts it three times. Shaking *costs* response: what it buys,
# the last section measures.

# %% [markdown]
# ## Does blurring do it too?
# Yosinski et al. (2015) stayed with pixels and regularised them: at each step shrink the picture a little towards grey
# (L2 decay), and every few steps blur it. What does a blur of three pixels do to noise?

# %%
noise = np.random.default_rng(SEED).uniform(size=(96, 96, 3))
blurred = noise
for axis in (0, 1):
    blurred = (np.roll(blurred, 1, axis) + 2 * blurred + np.roll(blurred, -1, axis)) / 4
print(f"Fine detail: {high_frequency_share(noise):.0%} before, {high_frequency_share(blurred):.0%} after one blur")

# %% [markdown]
# Three presets at equal time: each gets as many steps as fit into the time of twenty of the slowest.

# %%
draw = functools.partial(helpers.visualize_filters, model, "block4_conv3", range(4), size=80, seed=SEED)
seconds = {}
for name in ("classroom", "regularised", "fourier"):
    draw(method=name, iters=1)  # compiles
    seconds[name] = draw(method=name, iters=5)[0].seconds / 5

# %%
steps = {name: round(20 * max(seconds.values()) / each) for name, each in seconds.items()}
columns = {
    name: tile([picture.image for picture in draw(method=name, iters=count)], 2) for name, count in steps.items()
}
caption = (
    "The same four filters of block4_conv3 by three recipes at equal time: nearly grey by the classroom recipe, "
    "fine outlines in many colours when regularised, broad shapes in full contrast by Fourier."
)
helpers.show(helpers.plot_images(columns, columns=3), caption)

# %% [markdown]
# The blur takes away what the pixels let in, after each few steps; the spectrum does not let it in. Both are opinions
# on what a picture should look like (*priors*), and the filter has no say in them.

# %% [markdown]
# ## One filter, several pictures?
# Four starts often end in much the same picture. To ask for *different* ones we need a measure of likeness. The Gram
# matrix tells which channels respond together, wherever they do:

# %%
LAYER, FILTER = "block5_conv1", 0
draw = functools.partial(helpers.maximize, model, helpers.channel(LAYER, FILTER), iters=32, size=80, count=4, seed=SEED)
alike, apart = draw(diversity=0), draw(diversity=1)


# %%
def likeness(one, other):
    maps = helpers.get_submodel(model, LAYER)(helpers.preprocess(model, np.stack([one.image, other.image])))
    gram = tf.einsum("bhwc,bhwd->bcd", maps, maps).numpy().reshape(2, -1)
    return gram[0] @ gram[1] / max(np.linalg.norm(gram[0]) * np.linalg.norm(gram[1]), 1e-12)


# %%
print("With diversity the first two are less alike:", likeness(*apart[:2]) < likeness(*alike[:2]))

# %% [markdown]
# `diversity=1` takes as much off the response as the cosine says, averaged over the other pictures (Olah et al. 2017).

# %%
rows = {"alike": alike, "diverse": apart}
tiles = {
    f"{name} {number}, response {picture.response:.1f}": picture.image
    for name, row in rows.items()
    for number, picture in enumerate(row, start=1)
}
caption = (
    f"Filter {FILTER} of {LAYER}: four starts without diversity above, with diversity below. The upper row repeats "
    "itself; the lower shows other shapes and colours that excite the same filter."
)
helpers.show(helpers.plot_images(tiles), caption)

# %% [markdown]
# Look for *facets*: different things that one filter answers to (Nguyen et al. 2016). A low response says that a
# picture was driven too far away from what the filter wants.

# %% [markdown]
# ## What do photos say?
# Is the strongest unit in a filter's picture stronger than in any photo? By hand, for the four filters
# that the photos excite most away from their edges:

# %%
LAYER = "block4_conv3"
photos = {name: helpers.load_image(name, (192, 288)) for name in dict.fromkeys([*helpers.sample_names(), PHOTO])}
maps = [helpers.feature_maps(model, photo, LAYER)[LAYER] for photo in photos.values()]
inside = np.max([each[2:-2, 2:-2].max(axis=(0, 1)) for each in maps], axis=0)
made = helpers.visualize_filters(model, LAYER, inside.argsort()[:-5:-1], iters=32, size=96, seed=SEED)

# %%
own = [helpers.feature_maps(model, picture.image, LAYER)[LAYER][..., picture.f_index].max() for picture in made]
peaks = [max(each[..., picture.f_index].max() for each in maps) for picture in made]
wins = sum(np.greater(own, peaks))
print(f"In {wins} of {len(made)} the picture holds the strongest unit.")

# %% [markdown]
# With the helper, each picture beside the patches of photos that excite its filter most; grey lies past a photo's edge.

# %%
figure, axes = plt.subplots(len(made), 5, figsize=(9, 7.8), layout="constrained")
for row, picture in zip(axes, made, strict=True):
    patches = helpers.strongest_patches(model, LAYER, picture.f_index, photos, count=4)
    images = [(f"filter {picture.f_index}", picture.image)]
    images += [(f"{patch.photo}, {patch.response:.1f}", patch.image) for patch in patches]
    for axis, (title, image) in zip(row, images, strict=False):
        axis.imshow(image)
        axis.set_title(title, fontsize=9)
for axis in axes.flat:
    axis.set_axis_off()
caption = (
    f"Four filters of {LAYER}: left the picture by gradient ascent, then the strongest patches of the photos with "
    "their responses. Which part of the patches does the picture repeat, and what does it leave out?"
)
helpers.show(figure, caption)

# %% [markdown]
# The picture exaggerates, the patches show what occurs. People who saw natural pictures predicted a unit's response
# better (92% right) than people who saw synthetic ones (82%; Borowski et al. 2021). Use both.

# %% [markdown]
# ## How good is a picture?
# The ascent says that the response rose. Evidence must come from elsewhere: how do the same filters respond to natural
# crops? First by hand, for one picture.

# %%
LAYER = "block4_conv3"
made = helpers.visualize_filters(model, LAYER, range(4), iters=32, size=96, seed=SEED)
photos = np.stack([helpers.sample_image(name, (192, 288)) for name in helpers.sample_names()])
crops = photos.reshape(-1, 2, 96, 3, 96, 3).swapaxes(2, 3).reshape(-1, 96, 96, 3)

# %%
submodel, batch = helpers.get_submodel(model, LAYER), np.concatenate([made[0].image[None], crops])
parts = [submodel(helpers.preprocess(model, part)) for part in np.array_split(batch, 5)]  # all at once need memory
responses = np.concatenate([tf.reduce_mean(part, axis=[1, 2]) for part in parts])
own, natural = responses[0], responses[1:]
z = (own - natural.mean(axis=0)) / (natural.std(axis=0) + 1e-3)
ratio, rank = own[0] / max(np.quantile(natural[:, 0], 0.999), 1e-9), 1 + (z > z[0]).sum()
print(f"Over 99.9% of the crops: {ratio > 1}; among the ten filters it excites most unusually: {rank <= 10}")

# %% [markdown]
# So few crops are a weak test. The helper takes 1,000 pictures where their responses are stored with the network.

# %%
caption = (
    f"Quality cards of four filters of {LAYER}: a good picture has its disc and its square right of the dashed line, "
    "rank 1, and a diamond that is not far from the dashed line of natural pictures."
)
helpers.show(helpers.plot_quality(made), caption)

# %% [markdown]
# - **Disc**, the ratio: right of 1 the picture beats 99.9% of natural pictures.
# - **Square**, the smallest ratio among changed copies: darker, noisy, saved as JPEG, sheared. None of these changes
#   took part in the ascent.
# - **Rank**: counted by z-score, how many filters of the layer does this picture excite more unusually? Rank 1: none,
#   so the picture is about *this* filter.
# - **Diamond**: the share of energy in fine detail. Far to the right is grain.
#
# And is it luck? `seed_agreement` compares two pictures by what *all* filters of the layer make of them.

# %%
again = helpers.visualize_filters(model, LAYER, range(4), iters=32, size=96, seed=SEED + 1)
same = [helpers.seed_agreement(*pair) for pair in zip(made, again, strict=True)]
other = [helpers.seed_agreement(*pair) for pair in zip(made, [*again[1:], again[0]], strict=True)]
print("Two starts of one filter agree more than two filters do:", np.mean(same) > np.mean(other))

# %% [markdown]
# ## How does a picture come about?
# `snapshots` keeps the picture before the steps that you name. When is the shape there, and what do later steps add?

# %%
draw = functools.partial(helpers.visualize_filters, model, "block4_conv3", range(4), iters=32, size=96, seed=SEED)
made = draw(snapshots=range(0, 32, 4))
rises = np.mean([picture.history[:8].mean() < picture.history[-8:].mean() for picture in made])
print(f"The response is higher at the end in {rises:.0%} of the pictures.")

# %%
strip = {f"step {step}": picture for step, picture in made[0].snapshots.items() if step in (0, 4, 8, 12, 20, 28)}
caption = f"Filter {made[0].f_index} of block4_conv3 on its way: most of the shape is there early, contrast follows."
helpers.show(helpers.plot_images(strip, columns=6), caption)

# %%
caption = "Two filters of block4_conv3 during 32 steps, as a moving picture; the bar below shows the progress."
helpers.show_ascent(made[:2], caption)

# %% [markdown]
# `helpers.show_ascent(made, caption, "ascent.gif")` also writes a GIF.

# %% [markdown]
# ## What can such a picture not tell?
# A high response alone is not the aim. Here are plain pixels with small steps, unshaken, beside the default recipe:

# %%
default = helpers.RECIPES["fourier"]
still = {"shift": 0, "scale": 0, "rotation": 0}
plain = dataclasses.replace(default, fourier=False, decorrelated=False, total_variation=0, rate=0.01, **still)
draw = functools.partial(helpers.visualize_filters, model, "block4_conv3", range(4), iters=32, size=96, seed=SEED)
made = {"default": draw(method=default), "plain": draw(method=plain)}

# %%
tiles = {}
for name, row in made.items():
    for card, picture in zip([picture.quality for picture in row], row, strict=True):
        tiles[f"{name}, filter {picture.f_index}\nratio {card.ratio:.1f}, changed {card.held_out:.1f}"] = picture.image
caption = (
    "Four filters of block4_conv3, by default above, plain unshaken pixels below, with the ratio to natural pictures "
    "and that of the worst changed copy: below, high ratios shrink as soon as the picture is changed a little."
)
helpers.show(helpers.plot_images(tiles), caption)

# %%
kept = {name: np.mean([p.quality.held_out / max(p.quality.ratio, 1e-9) for p in row]) for name, row in made.items()}
print("The default keeps more of its response when it is changed:", kept["default"] > kept["plain"])

# %% [markdown]
# Much of the response to plain pixels hangs on a pattern that a little noise or JPEG destroys. That is what shaking
# buys. And three limits remain for *every* picture:
#
# - It is the strongest stimulus *found*, not the only one: other starts and facets exist.
# - It lies far from natural pictures, and may pass through the network on other paths than they do (Geirhos et al.
#   2023).
# - A network can be built so that its visualisations mislead while it works as before (the same paper).

# %% [markdown]
# ## Play
# Choose a layer, a filter and the number of steps. What changes between 8 steps and 128?

# %%
helpers.filter_explorer(model)

# %% [markdown]
# ## Exercises

# %% [markdown]
# ### Exercise 1. Stripes in every direction (change one number)
# `rotation` is the largest random turn, to either side, in degrees. Stripes look the same after half a turn. Which is
# the *smallest* rotation under which stripes are shown in every direction? Change the 10.

# %%
answer_1 = dataclasses.replace(helpers.RECIPES["fourier"], rotation=10)

# %%
# Check exercise 1
turn = getattr(answer_1, "rotation", None)
if turn is None:
    print("Not yet: answer_1 must be a Recipe; change only the number.")
elif turn == 90:
    print("Correct: from -90 to 90 degrees is half a turn.")
elif turn < 90:
    print(f"Not yet: {turn} degrees to either side reach {2 * turn} of the 180 degrees that stripes can have.")
else:
    print(f"Not yet: {turn} degrees to either side show some directions twice; a smaller number is enough.")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# answer_1 = dataclasses.replace(helpers.RECIPES["fourier"], rotation=90)
# ```
#
# Try it: `helpers.visualize_filters(model, "block2_conv1", range(8), method=answer_1)`.
# </details>

# %% [markdown]
# ### Exercise 2. Total variation (write a penalty)
# Mahendran and Vedaldi (2015) punish differences between neighbours. For a batch `(n, h, w, 3)` return one number for
# each picture: the mean absolute difference to the pixel below plus the mean absolute difference to the pixel on the
# right.


# %%
def variation(images):
    return None


# %%
# Check exercise 2
images = np.random.default_rng(0).uniform(size=(2, 5, 7, 3))
down, right = np.diff(images, axis=1), np.diff(images, axis=2)
got, means = variation(images), [np.abs(part).mean(axis=(1, 2, 3)) for part in (down, right)]
wrong = {
    "only the differences downwards count; add those to the right": means[0],
    "only the differences to the right count; add those downwards": means[1],
    "take the absolute values, or rises and falls cancel": down.mean((1, 2, 3)) + right.mean((1, 2, 3)),
    "take means, not sums, or large pictures are punished more": sum(np.abs(p).sum((1, 2, 3)) for p in (down, right)),
}
if np.shape(got) != (2,):
    print(f"Not yet: the shape is {np.shape(got)}; one number for each picture is (2,).")
elif np.allclose(got, sum(means)):
    times = helpers.RECIPES["fourier"].total_variation
    print(f"Correct: the default recipe subtracts it {times} times.")
else:
    said = [text for text, mistake in wrong.items() if np.allclose(got, mistake)]
    print(f"Not yet: {said[0] if said else 'compare images[:, 1:] with images[:, :-1], without wrapping around'}.")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def variation(images):
#     down = np.abs(images[:, 1:] - images[:, :-1]).mean(axis=(1, 2, 3))
#     right = np.abs(images[:, :, 1:] - images[:, :, :-1]).mean(axis=(1, 2, 3))
#     return down + right
# ```
# </details>

# %% [markdown]
# ### Exercise 3. This filter and no other (write an objective)
# Objectives are added, subtracted and multiplied: `helpers.channel(layer, 3) - 0.5 * helpers.channel(layer, 7)`. Return
# one that excites channel `chosen` and subtracts the *mean* of the channels in `others`. If `chosen` stands among
# them, leave it out there.


# %%
def only(layer, chosen, others):
    return helpers.channel(layer, chosen)


# %%
# Check exercise 3
got, weights = only("block4_conv3", 2, [0, 2, 5, 7, 9]), {}
for term in getattr(got, "terms", ()):
    weights[term.index] = round(weights.get(term.index, 0) + term.weight, 3)
if not weights:
    print("Not yet: return an objective, made of helpers.channel(...).")
elif {term.kind for term in got.terms} != {"channel"} or {term.layer_name for term in got.terms} != {"block4_conv3"}:
    print("Not yet: every term must be a channel of the given layer.")
elif weights == {2: 1, 0: -0.25, 5: -0.25, 7: -0.25, 9: -0.25}:
    print("Correct: helpers.maximize(model, only(layer, 0, range(8))) draws it.")
elif 0 not in weights:
    print("Not yet: nothing is subtracted; the other channels may do as they like.")
elif weights[0] > 0:
    print("Not yet: the others are excited too; subtract them.")
elif weights[0] == -1:
    print("Not yet: the others together count four times as much as chosen; divide by their number.")
else:
    print(f"Not yet: the channels weigh {weights}; chosen must weigh 1 and each of the four others -0.25.")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def only(layer, chosen, others):
#     objective = helpers.channel(layer, chosen)
#     others = [number for number in others if number != chosen]
#     for number in others:
#         objective -= helpers.channel(layer, number) * (1 / len(others))
#     return objective
# ```
# </details>

# %% [markdown]
# ## Summary
# 1. The response before the ReLU wakes silent filters, Adam moves far enough, the spectrum keeps grain away, and
#    shaking leaves only what survives it.
# 2. One filter may have several facets, and photos show which of them occur.
# 3. A picture is good when it beats natural pictures, withstands changes that it was not made with, and excites no
#    other filter more unusually.
#
# Questions to think about:
# 1. Which ingredients change *what* is maximised, and which only *how*?
# 2. Why must the changes on the quality card differ from the shaking?
# 3. Two filters get the same picture. Which number of the card would tell you?

# %% [markdown]
# ## Where next
# [06_saliency](06_saliency.ipynb) asks which pixels of a photo an answer rests on. Or train a network yourself in
# [10_train_your_own](10_train_your_own.ipynb), and draw what its filters want to see.

# %% [markdown]
# ## References
# - C. Olah, A. Mordvintsev, L. Schubert (2017). Feature visualization.
#   [Distill](https://distill.pub/2017/feature-visualization/), doi:10.23915/distill.00007
# - J. Yosinski, J. Clune, A. Nguyen, T. Fuchs, H. Lipson (2015). Understanding neural networks through deep
#   visualization. [arXiv:1506.06579](https://arxiv.org/abs/1506.06579)
# - A. Mahendran, A. Vedaldi (2015). Understanding deep image representations by inverting them. CVPR.
#   [arXiv:1412.0035](https://arxiv.org/abs/1412.0035)
# - A. Nguyen, J. Yosinski, J. Clune (2016). Multifaceted feature visualization: uncovering the different types of
#   features learned by each neuron in deep neural networks. [arXiv:1602.03616](https://arxiv.org/abs/1602.03616)
# - J. Borowski, R. S. Zimmermann, J. Schepers, R. Geirhos, T. S. A. Wallis, M. Bethge, W. Brendel (2021). Exemplary
#   natural images explain CNN activations better than state-of-the-art feature visualization. ICLR.
#   [arXiv:2010.12606](https://arxiv.org/abs/2010.12606)
# - R. Geirhos, R. S. Zimmermann, B. Bilodeau, W. Brendel, B. Kim (2023). Don't trust your eyes: on the (un)reliability
#   of feature visualizations. [arXiv:2306.04719](https://arxiv.org/abs/2306.04719)
