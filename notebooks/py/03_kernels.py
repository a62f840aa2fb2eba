# %% [markdown]
# # Read the kernels (what a network has learned to multiply with)
#
# **Goals**
# - get the weights of any convolution, know their four axes, and draw them without hiding where zero is;
# - find the stripes that each first-layer kernel prefers, by its Fourier transform, and check them on the network;
# - see why a deeper kernel cannot be read as a picture.
#
# **Before this**: [02](02_pretrained_models.ipynb) (layers). **Time**: 40 min. **Network**: printed by the next cell.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import helpers

PHOTO = "cat"  # the one line to change: a bundled photo, a path or an address
SEED = 0
model = helpers.load_model()
photo = helpers.load_image(PHOTO)
convs = helpers.conv_layers(model)
first = convs[0]

# %% [markdown]
# ## What shapes do the kernels have?
# `model.summary()` gives each layer's output and its number of parameters. It does not show the arrays themselves.

# %%
for name in convs:
    arrays = model.get_layer(name).get_weights()
    print(f"{name:14}", *(array.shape for array in arrays), f"{sum(array.size for array in arrays):,} numbers")

# %% [markdown]
# The four axes are kernel height, kernel width, channels in, filters: `(kh, kw, c_in, c_out)`. *Kernel* 5 is
# `kernels[:, :, :, 5]`: it makes channel 5 of the output and reads **all** channels of the input. It has a *slice* of
# kh x kw weights for each of them. A bias is one more number for each filter, added after the multiplication.
#
# The helper takes the name of any layer.

# %%
kernels = helpers.get_kernels(model, first)
print(f"{first}: {kernels.shape}, {kernels.dtype}")

# %% [markdown]
# A layer that has no kernel gets a clear answer.

# %%
try:
    helpers.get_kernels(model, model.layers[-1].name)
except helpers.LayerNotFound as error:
    print(error)

# %% [markdown]
# How large are the numbers?

# %%
arrays = model.get_layer(first).get_weights()
bias = arrays[1] if len(arrays) > 1 else np.zeros(kernels.shape[3])
print(f"The weights lie between {kernels.min():.3f} and {kernels.max():.3f}, the biases of {first}")
print(f"between {bias.min():.2f} and {bias.max():.2f}; {(bias > 0).sum()} of {bias.size} are above zero.")

# %% [markdown]
# The weights of a first layer are small where its input is large (0 to 255 in VGG-type networks). What decides is
# their pattern, not their size.

# %% [markdown]
# ## What do the first six look like?
# A slice has positive and negative weights; a grey picture has values from 0 to 1. So each kernel is stretched from
# its own smallest weight (black) to its own largest (white). First, which slice reads which colour? We ask the
# preprocessing: which channel changes when a black pixel turns red, green or blue?

# %%
pixels = np.eye(3, dtype="float32")[None]  # a picture one pixel high: red, green, blue
change = (helpers.preprocess(model, pixels) - helpers.preprocess(model, 0 * pixels))[0, 0]
order = change.argmax(axis=1)
print("red, green, blue are read by the slices", *order)

# %% [markdown]
# VGG-type networks read blue, green, red (BGR): they were trained on pictures stored in that order.

# %%
kernels = helpers.get_kernels(model, first)
low, high = kernels.min(axis=(0, 1, 2)), kernels.max(axis=(0, 1, 2))
scaled, zero = (kernels - low) / (high - low), -low / (high - low)
print(f"From {scaled.min():.0f} to {scaled.max():.0f}. Zero is drawn as {zero.min():.2f} in one kernel,")
print(f"as {zero.max():.2f} in another.")

# %%
count, colours = min(6, kernels.shape[3]), ("red", "green", "blue")
rows = [scaled[:, :, channel, number] for channel in order for number in range(count)]
names = [f"kernel {number}, {colour}" for colour in colours for number in range(count)]
figure = helpers.plot_images(dict(zip(names, rows, strict=True)), columns=count, cmap="gray", vmin=0, vmax=1)

# %%
caption = f"The first {count} kernels of {first}: red, green and blue slices below one another, dark for the smallest "
caption += "weight of the kernel, light for the largest. Like slices compare brightness, different ones colours."
helpers.show(figure, caption)

# %% [markdown]
# In the bundled network the slices of kernels 2 and 4 are much alike, those of 0 and 5 are not. Two things are lost
# here: how the three slices work together, and where zero is. Zero is a different grey in each kernel.

# %% [markdown]
# ## How do all of them look in colour?
# The three slices become the red, green and blue of one tile. This time a kernel is divided by its largest *absolute*
# weight, so that mid-grey is zero in every tile. By hand, in RGB order:

# %%
pixels = np.eye(3, dtype="float32")[None]
change = (helpers.preprocess(model, pixels) - helpers.preprocess(model, 0 * pixels))[0, 0]
kernels = helpers.get_kernels(model, first)[:, :, change.argmax(axis=1)]  # slices in the order red, green, blue
tiles = 0.5 + kernels / np.abs(kernels).max(axis=(0, 1, 2)) / 2
print(f"{tiles.shape[3]} tiles from {tiles.min():.1f} to {tiles.max():.1f}")

# %% [markdown]
# `rgb_kernels` also moves the scale of the preprocessing into the weights: the result is what the layer multiplies an
# RGB picture with values from 0 to 1 with. `plot_kernels` draws the tiles.

# %%
rgb = helpers.rgb_kernels(model)
print("The same but for the scale:", np.allclose(kernels * change.max(axis=1)[:, None], rgb, rtol=1e-4))

# %%
caption = f"Kernels of {first} in RGB, mid-grey is zero. Look for tiles whose opposite sides have opposite colours, "
caption += "such as orange against blue: the kernel subtracts one side from the other."
helpers.show(helpers.plot_kernels(rgb), caption)

# %% [markdown]
# Some kernels split into two sides (an edge), some have an odd middle (a spot), some are nearly one colour. Krizhevsky
# et al. (2012, Fig. 3) drew 96 kernels of 11 x 11 this way and saw stripes of many directions and blobs of colour.
# VGG stacks 3 x 3 kernels instead, for fewer weights (Simonyan & Zisserman 2014). Nine pixels leave much to guess.
# Can it be measured?

# %% [markdown]
# ## Which stripes does each kernel prefer?
# A *grating* is a picture of stripes whose brightness is a sine. It has an *orientation* (here 0 degrees is level, 45
# rises to the right, 90 is upright) and a *frequency* in cycles per pixel. The finest level or upright stripes, one
# pixel bright, one dark, have frequency 0.5.


# %%
def grating(orientation, frequency, size):
    rows, columns = np.indices((size, size))
    turn = np.radians(orientation)
    return np.exp(2j * np.pi * frequency * (columns * np.sin(turn) + rows * np.cos(turn)))  # cosine + i sine


# %%
examples = [(0, 0.1), (45, 0.1), (90, 0.1), (90, 0.25), (135, 0.25)]
pictures = {f"{angle} degrees, {cycles}": 0.5 + grating(angle, cycles, 24).real / 2 for angle, cycles in examples}
caption = "Gratings with their orientation and frequency: level, rising and upright stripes, then finer upright ones, "
caption += "and stripes that fall to the right. The name gives the direction of the stripes, not of the change."
helpers.show(helpers.plot_images(pictures, columns=5, cmap="gray", vmin=0, vmax=1), caption)

# %% [markdown]
# The strongest response of a kernel to a grating of any phase is the length of its Fourier transform at that
# frequency. So one transform gives the responses to *all* gratings. Padding with zeros samples it finely. The power
# (squared length) of the three colours is added: this is the response to the best mixture of colours.

# %%
kernels = helpers.rgb_kernels(model)
power = (np.abs(np.fft.fft2(kernels, (64, 64), axes=(0, 1))) ** 2).sum(axis=2)
frequencies = np.fft.fftfreq(64)

# %%
for number in range(min(4, kernels.shape[3])):
    row, column = np.unravel_index(power[..., number].argmax(), (64, 64))
    down, right = frequencies[row], frequencies[column]
    angle = (90 - np.degrees(np.arctan2(down, right))) % 180
    print(f"kernel {number}: {angle:3.0f} degrees, {np.hypot(down, right):.2f} cycles per pixel")

# %% [markdown]
# A kernel whose power is largest at frequency 0 prefers a plain colour; its angle means nothing. The helper gives NaN
# there, and where a plain colour or another direction does nearly as well. *Selectivity* is the largest power over the
# mean power.

# %%
table = helpers.preferred_gratings(kernels)
table.round(2).head(8)

# %% [markdown]
# The plainest kernel and the three most selective ones with a direction, with their power. The middle of a power
# picture is frequency 0; above and below it lie level stripes, left and right of it upright ones.

# %%
plainest = table.sort_values(["frequency", "selectivity"], ascending=[True, False]).index[0]
chosen = [plainest, *table.dropna().nlargest(3, "selectivity").index]
centred = np.fft.fftshift(power, axes=(0, 1))
scaled = 0.5 + kernels / np.abs(kernels).max(axis=(0, 1, 2)) / 2
pictures = {f"kernel {number}": scaled[..., number] for number in chosen}
pictures |= {f"power of kernel {number}": centred[..., number] for number in chosen}

# %%
caption = f"Kernels {', '.join(map(str, chosen))} of {first} above their Fourier power. The first is brightest in the "
caption += "middle: a plain colour. The others are bright in two places, opposite each other: stripes of one direction."
helpers.show(helpers.plot_images(pictures, columns=4), caption)

# %% [markdown]
# All kernels in one figure. The angle is a circle: 0 and 180 degrees are the same stripes.

# %%
oriented = table.dropna().round(2).reset_index()
caption = f"Preferred stripes of the kernels of {first}, by number; a larger disc is a more selective kernel. "
caption += f"{len(table) - len(oriented)} of {len(table)} prefer no orientation and are left out."

# %%
figure, axis = plt.subplots(figsize=(9, 3.6), layout="constrained")
area = 30 * oriented["selectivity"] ** 2
axis.scatter(oriented["orientation"], oriented["frequency"], s=area, c="0.85", edgecolors="0.5")
for (angle, frequency), numbers in oriented.groupby(["orientation", "frequency"])["kernel"]:
    axis.annotate(", ".join(map(str, numbers)), (angle, frequency), ha="center", va="center", fontsize=8)
axis.set(xlabel="orientation of the stripes", ylabel="cycles per pixel", xlim=(-8, 188), ylim=(0, 0.75))
axis.set_xticks([0, 45, 90, 135, 180], ["0\nlevel", "45\nrising", "90\nupright", "135\nfalling", "180\nlevel"])
helpers.show(figure, caption)

# %% [markdown]
# In the bundled network all but one of these kernels prefer stripes that are nearly level or upright. In the 11 x 11
# kernels of 2012, Zeiler & Fergus (2013) found very high and very low frequencies and few between. They chose smaller
# kernels and a smaller stride.

# %% [markdown]
# ### Does the network agree?
# The transform is a prediction: the power for stripes turned in steps of 5 degrees.

# %%
angles = np.arange(0, 180, 5)


def predicted(frequency):
    stripes = np.stack([grating(angle, frequency, kernels.shape[0]) for angle in angles])
    return (np.abs(np.einsum("ahw,hwcf->acf", stripes, kernels)) ** 2).sum(axis=1)


# %% [markdown]
# The measurement: show the network real gratings and read the layer at one place, before any ReLU. A colour at a time
# and in two phases, because a kernel may wait for the dark stripe where we put the bright one.

# %%
layer = helpers.get_submodel(model, first, before_activation=True)


def respond(pictures):
    return layer(helpers.preprocess(model, pictures.astype("float32"))).numpy()[:, 8, 8]


# %%
def measured(frequency):
    power, plain = 0, respond(np.full((1, 32, 32, 3), 0.5))
    stripes = np.stack([grating(angle, frequency, 32) for angle in angles])[..., None]
    for colour in np.eye(3):
        for waves in (stripes.real, stripes.imag):
            power = power + (2 * (respond(0.5 + 0.5 * waves * colour) - plain)) ** 2
    return power


# %% [markdown]
# The three kernels whose stripes come nearest to 0, 45 and 90 degrees; of equals the most selective:

# %%
ranked = oriented.sort_values("selectivity", ascending=False)
some = ranked.loc[[(ranked["orientation"] - angle).abs().idxmin() for angle in (0, 45, 90)]]
curves = [
    (predicted(row.frequency)[:, row.kernel], measured(row.frequency)[:, row.kernel]) for row in some.itertuples()
]
for row, (line, dots) in zip(some.itertuples(), curves, strict=True):
    close = np.allclose(line, dots, atol=0.01 * line.max())
    print(f"kernel {row.kernel}, {row.orientation:.0f} degrees: prediction holds to 1%: {close}")

# %%
caption = f"Three kernels of {first}: the network's responses to real gratings (dots) lie on the curve that the "
caption += "Fourier transform predicts; the dashed line is the helper's orientation, at the top of the curve."

# %%
figure, axes = plt.subplots(1, 3, figsize=(9, 2.8), layout="constrained")
for axis, row, (line, dots) in zip(axes, some.itertuples(), curves, strict=True):
    axis.plot(angles, line, color="0.5", label="Fourier")
    axis.plot(angles, dots, "k.", label="network")
    axis.axvline(row.orientation, linestyle="--", color="0.5")
    axis.set(title=f"kernel {row.kernel}", xlabel="orientation", ylim=(0, None), xticks=[0, 45, 90, 135, 180])
axes[0].set_ylabel("power")
axes[0].legend(frameon=False)
helpers.show(figure, caption)

# %% [markdown]
# ### Is it more than chance?
# Random kernels of the same shape also prefer some stripes. Two comparisons: selectivity, and the answer to plain grey
# (the sum of a kernel's weights over the sum of their absolute values; 0 is no answer, 1 the strongest).

# %%
random = np.random.default_rng(SEED).normal(size=(*kernels.shape[:3], 200))
for name, each in {"learned": kernels, "random": random}.items():
    selectivity = helpers.preferred_gratings(each)["selectivity"].median()
    grey = np.median(np.abs(each.sum(axis=(0, 1, 2))) / np.abs(each).sum(axis=(0, 1, 2)))
    print(f"{name:8} median selectivity {selectivity:.1f}, median answer to grey {grey:.2f}")

# %% [markdown]
# In the bundled network it is. The learned kernels are choosier than the random ones, though nine weights allow no
# selectivity above 9, and most of them are nearly blind to plain grey: they report differences, in place or in colour.

# %% [markdown]
# ## What does a kernel do to the photo?
# How strongly does each kernel answer to a plain colour, for its size? `plain` is its power at frequency 0 over its
# mean power.

# %%
kernels = helpers.rgb_kernels(model)
plain = (kernels.sum(axis=(0, 1)) ** 2).sum(axis=0) / (kernels**2).sum(axis=(0, 1, 2))
print(f"from {plain.min():.2f} (differences only) to {plain.max():.2f}")

# %% [markdown]
# Three kernels: of those that answer least to plain colours, the one with the most level stripes and the one with the
# most upright ones (of equals the most selective); and the one that answers most.

# %%
table = helpers.preferred_gratings(kernels)[plain < np.median(plain)].dropna()
edges = table.sort_values("selectivity", ascending=False)["orientation"]
level, upright = (90 - (edges - 90).abs()).idxmin(), (edges - 90).abs().idxmin()
chosen = [int(number) for number in (level, upright, plain.argmax())]
print("kernels", *chosen)

# %% [markdown]
# One number of one map by hand: cut out the patch that the unit in the middle sees, multiply, add up, add the bias.

# %%
from helpers.layers import receptive_field

maps = helpers.feature_maps(model, photo, first, before_activation=True)[first]
unit, field = (maps.shape[0] // 2, maps.shape[1] // 2), receptive_field(model, first)
top, left = np.add(field.first, np.multiply(field.stride, unit))

# %%
weights, *bias = model.get_layer(first).get_weights()
patch = helpers.preprocess(model, photo)[0, top : top + weights.shape[0], left : left + weights.shape[1]]
by_hand = (patch * weights[..., level]).sum() + (bias[0][level] if bias else 0)
print("The layer computes the same:", np.isclose(by_hand, maps[*unit, level], atol=1e-3))

# %% [markdown]
# The other numbers come from the same multiplication at every other place. Then ReLU removes the negative ones.

# %%
caption = f"Kernels {', '.join(map(str, chosen))} of {first}, the photo, and the map of each (contrast stretched). The "
caption += "first two draw outlines of different directions; the third is bright where the photo has its colour."

# %%
maps, shape = helpers.feature_maps(model, photo, first)[first], photo.shape[1] / photo.shape[0]
figure, axes = plt.subplots(
    3, 3, figsize=(9, 27 / (1 + 2 * shape)), width_ratios=[1, shape, shape], layout="constrained"
)
for row, number in zip(axes, chosen, strict=True):
    row[0].imshow(0.5 + kernels[..., number] / np.abs(kernels[..., number]).max() / 2)
    row[1].imshow(photo)
    weakest, strongest = np.quantile(maps[..., number], [0.01, 0.99])
    row[2].imshow(maps[..., number], vmin=weakest, vmax=strongest)
    row[0].set_title(f"kernel {number}")
    row[2].set_title(f"its map, above zero on {(maps[..., number] > 0).mean():.0%}")
for axis in axes.flat:
    axis.set_axis_off()
helpers.show(figure, caption)

# %% [markdown]
# In the bundled network the third tile is green: the brown fur stays dark, the green eyes and much of the whitish
# background are bright. The first two maps look like reliefs lit from one side: they subtract neighbouring pixels.

# %% [markdown]
# ## Why do deeper kernels stop being readable?
# Four kernels of a deeper layer, and the first sixteen slices of each.

# %%
deep = convs[len(convs) // 3]
kernels = helpers.get_kernels(model, deep)
print(f"{deep}: {kernels.shape[3]} kernels of {kernels.shape[2]} slices each; {first}: 3 slices")

# %%
caption = f"Kernels 0 to 3 of {deep}, some of their slices: red is positive, blue with a dot negative. Slices of one "
caption += "kernel disagree, many matter, and no slice is a colour."
helpers.show(helpers.plot_kernels(kernels), caption)

# %% [markdown]
# Slice 7 does not read red or green; it reads channel 7 of the layer before, which is itself a mixture. There are too
# many slices for one picture. Do only a few of them matter? How many does it take to hold half of a kernel's squared
# weights?


# %%
def slices_for_half(kernels):
    squares = np.sort((kernels**2).sum(axis=(0, 1)), axis=0)[::-1]  # (channels in, kernels), the largest first
    return np.median((squares.cumsum(axis=0) < squares.sum(axis=0) / 2).sum(axis=0) + 1)


# %%
every = [helpers.get_kernels(model, name) for name in convs]
table = pd.DataFrame({"all": [each.shape[2] for each in every], "hold half": map(slices_for_half, every)}, convs)
ticks = sorted({1, *table["all"]})

# %%
few, many = table["hold half"].iloc[[0, -1]]
caption = "Slices of a kernel in each convolution (dashed), and how many of them hold half of its squared weights "
caption += f"(median): {few:g} of 3 in {first}, {many:g} of {table['all'].iloc[-1]} in {convs[-1]}."

# %%
axis = table.plot(style=["s--", "ko-"], logy=True, rot=60, xticks=range(len(convs)), figsize=(9, 3.4), ylabel="slices")
axis.set_yticks(ticks, ticks)
axis.minorticks_off()
helpers.show(axis.figure, caption)

# %% [markdown]
# No handful of slices stands for a deep kernel. First layers resemble each other across networks and tasks: stripes
# and colour blobs; deep layers become specific to their task (Yosinski et al. 2014). To see what a deep filter wants,
# one asks the whole chain before it: [05_gradient_ascent](05_gradient_ascent.ipynb).

# %% [markdown]
# ## Play
# Choose a layer and a kernel. Deeper than the first layer you see the nine strongest slices.

# %%
helpers.kernel_explorer(model, photo)

# %% [markdown]
# ## Exercises
# The checks name your mistake. The solutions are folded.

# %% [markdown]
# ### Exercise 1. How many numbers? (change one number)
# A layer with 5 x 5 kernels reads 24 channels and has 40 filters. How many numbers does it learn? Replace `None`.

# %%
answer_1 = None

# %%
# Check exercise 1
if answer_1 is None:
    print("Not yet: answer_1 is still None.")
elif answer_1 == 5 * 5 * 24 * 40:
    print("Not yet: these are the weights; each filter also has a bias.")
elif answer_1 in (5 * 5 * 40, 5 * 5 * 40 + 40):
    print("Not yet: a kernel has a slice for each of the 24 channels that it reads.")
elif answer_1 == 5 * 5 * 24 * 40 + 24 * 40:
    print("Not yet: one bias for each filter, not for each slice.")
else:
    print("Correct." if answer_1 == 24040 else "Not yet: kh * kw * c_in * c_out, and a bias for each filter.")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# answer_1 = 5 * 5 * 24 * 40 + 40
# ```
# </details>

# %% [markdown]
# ### Exercise 2. Keep zero at mid-grey (complete the function)
# Bring a kernel to the range from 0 to 1 so that a weight of zero becomes 0.5 and nothing is cut off.


# %%
def to_picture(kernel):
    return None


# %%
# Check exercise 2
kernel = np.linspace(-4, 2, 27).reshape(3, 3, 3)
got, size = to_picture(kernel), np.abs(kernel).max()
if got is None:
    print("Not yet: to_picture returns None.")
elif np.allclose(got, (kernel + 4) / 6):
    print("Not yet: smallest to 0 and largest to 1 moves zero away from 0.5.")
elif np.allclose(got, kernel / size):
    print("Not yet: these values lie between -1 and 1; halve them and add 0.5.")
elif np.max(got) > 1 + 1e-6 or np.min(got) < -1e-6:
    print("Not yet: some values lie outside 0 to 1; divide by the largest absolute weight.")
else:
    print(
        "Correct." if np.allclose(got, 0.5 + kernel / size / 2) else "Not yet: 0 must become 0.5, and -4 must become 0."
    )

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def to_picture(kernel):
#     return 0.5 + kernel / np.abs(kernel).max() / 2
# ```
# </details>

# %% [markdown]
# ### Exercise 3. Make a kernel for given stripes (write it)
# Return an array `(size, size)` whose preferred stripes have the given orientation (degrees, as in this notebook) and
# frequency: a cosine is enough. `helpers.preferred_gratings` checks it.


# %%
def stripes(orientation, frequency, size):
    return np.zeros((size, size))


# %%
# Check exercise 3
row = helpers.preferred_gratings(stripes(30, 0.2, 15)[:, :, None, None]).loc[0]
angle, frequency = row["orientation"], row["frequency"]
if np.isnan(row["selectivity"]):
    print("Not yet: all weights are zero.")
elif abs(frequency - 0.2) > 0.03:
    print(f"Not yet: the frequency is {frequency:.2f}, not 0.2. A cycle is 2 pi.")
elif abs(angle - 150) < 8:
    print("Not yet: the stripes fall where they should rise. Rows count downwards.")
elif abs(angle - 60) < 8 or abs(angle - 120) < 8:
    print("Not yet: brightness changes along the direction asked for; the stripes must lie along it.")
elif abs(angle - 30) < 8:
    print("Correct.")
else:
    print(f"Not yet: the stripes lie at {angle:.0f} degrees, not 30. Are the degrees turned into radians?")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def stripes(orientation, frequency, size):
#     rows, columns = np.indices((size, size))
#     turn = np.radians(orientation)
#     return np.cos(2 * np.pi * frequency * (columns * np.sin(turn) + rows * np.cos(turn)))
# ```
# </details>

# %% [markdown]
# ## Summary
# A convolution holds an array `(kh, kw, c_in, c_out)` and a bias for each filter; each kernel reads all channels.
# First-layer kernels are small colour pictures, and their Fourier transform tells which stripes or colours excite them.
# A deeper kernel has a slice for every channel before it, none of them a colour, and has to be asked in other ways.
#
# Think about: Why would a network want kernels that do not answer to plain grey? What changes in the tiles if a network
# is trained on grey photos? Two kernels differ only in sign: do their feature maps after ReLU say the same?

# %% [markdown]
# ## Where next
# [04_feature_maps](04_feature_maps.ipynb) follows the photo through all layers;
# [05_gradient_ascent](05_gradient_ascent.ipynb) asks deep filters what they want to see.

# %% [markdown]
# ## References
# - Krizhevsky, Sutskever, Hinton: ImageNet Classification with Deep Convolutional Neural Networks. NeurIPS 2012.
# - Zeiler, Fergus: Visualizing and Understanding Convolutional Networks.
#   [arXiv:1311.2901](https://arxiv.org/abs/1311.2901), 2013.
# - Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition.
#   [arXiv:1409.1556](https://arxiv.org/abs/1409.1556), 2014.
# - Yosinski, Clune, Bengio, Lipson: How transferable are features in deep neural networks?
#   [arXiv:1411.1792](https://arxiv.org/abs/1411.1792), 2014.
