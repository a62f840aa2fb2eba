# %% [markdown]
# # Watch a photo pass through the network (feature maps, from edges to parts)
#
# **Goals**
# - get the feature maps of any layer by hand, in four lines, and of all layers in one pass;
# - measure what ReLU removes, what colour scales hide, and how detail, brightness and sparsity change with depth;
# - find the patches of photos that excite a channel most.
#
# **Before this**: [02](02_pretrained_models.ipynb) (layers). **Time**: 40 min. **Network**: printed by the next cell.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import helpers
from helpers import keras

plt.rcParams.update({"figure.figsize": (9, 3), "figure.constrained_layout.use": True})
PHOTO = "cat"  # the one line to change for your own picture: a bundled photo, a path or a web address
SEED = 0
model = helpers.load_model()
photo = helpers.load_image(PHOTO)
table = helpers.layer_table(model).set_index("name")
convs = helpers.conv_layers(model)
stage_ends = table.loc[convs].reset_index().groupby("stride")["name"].last().tolist()

# %% [markdown]
# `stage_ends` holds the last convolution at each resolution. In VGG16 and in `mini_vgg16`, its narrow copy, these are
# the last convolutions of the five blocks; a max pooling halves the map after each block (Simonyan & Zisserman 2014).

# %% [markdown]
# ## Which layers does the photo pass?
# The photo first.

# %%
size = f"{photo.shape[0]} x {photo.shape[1]}"
caption = f"The photo {PHOTO!r}, {size} pixels in three colours: this is all that the network is given."
helpers.show(helpers.plot_images({f"{PHOTO}, {size}": photo}), caption)

# %% [markdown]
# A *feature map* is what one filter computes at every place of the picture. A model may have all layers as outputs,
# so one pass gives every shape for this photo.

# %%
whole = keras.Model(model.input, [layer.output for layer in model.layers])
shapes = [tuple(output.shape[1:]) for output in whole(helpers.preprocess(model, photo), training=False)]
passed = table[["type", "receptive_field"]].assign(shape=shapes, values=[f"{np.prod(shape):,}" for shape in shapes])
passed.reset_index().rename_axis("index")

# %% [markdown]
# `shape` is height, width, channels. Read downwards: height and width shrink, the number of channels grows, and each
# unit sees a larger square of the photo (`receptive_field`, in pixels).

# %% [markdown]
# ## What does the first convolution make of it?
# By hand: cut the network after its first convolution, preprocess the photo as in training, run, and index the
# result. We take the channel whose responses vary most.

# %%
first = convs[0]
cut = keras.Model(model.input, model.get_layer(first).output)
maps = cut(helpers.preprocess(model, photo), training=False)[0].numpy()
channel = int(maps.std(axis=(0, 1)).argmax())
low, high = maps[..., channel].min(), maps[..., channel].max()
print(f"{first}: {maps.shape}; channel {channel} varies most, from {low:.2f} to {high:.2f}")

# %%
figure, axes = plt.subplots(1, 2)
axes[0].imshow(photo)
figure.colorbar(axes[1].imshow(maps[..., channel]), label=f"response of channel {channel}")
caption = f"The photo and map {channel} of {first}. Which colour, or which side of an edge, makes the map bright?"
helpers.show(figure, caption)

# %% [markdown]
# The helper does the same for any layers. Here are all maps of this one.

# %%
same = helpers.feature_maps(model, photo, first)[first]
print("The helper gives the same numbers:", np.allclose(maps, same))
caption = (
    f"All {same.shape[-1]} maps of {first}, each on its own scale: outlines, bright or dark areas, single colours."
)
helpers.show(helpers.plot_feature_maps(same, first, limit=same.shape[-1]), caption)

# %% [markdown]
# Most maps still look like the photo. A kernel here covers a few neighbouring pixels, so it can answer to a colour
# or to an edge, and to nothing larger.

# %% [markdown]
# ## What do the later blocks make of it?
# One model with several outputs costs one pass, however many layers we ask for.

# %%
cut = helpers.get_submodel(model, stage_ends)
outputs = [output[0].numpy() for output in cut(helpers.preprocess(model, photo), training=False)]
for name, maps in zip(stage_ends, outputs, strict=True):
    print(f"{name:14} {maps.shape[0]:4} x {maps.shape[1]:3}, {maps.shape[2]:4} channels")

# %%
figure, axes = plt.subplots(len(stage_ends), 8, figsize=(9, 3.8))
for row, name, maps in zip(axes, stage_ends, outputs, strict=True):
    row[0].set_ylabel(name, rotation=0, ha="right", va="center")
    for number, axis in enumerate(row):
        axis.imshow(maps[..., number])
        axis.set(xticks=[], yticks=[])
caption = f"Channels 0 to 7 of {', '.join(stage_ends)}: going down, outlines give way to a few coarse spots."
helpers.show(figure, caption)

# %% [markdown]
# A column is not one filter growing up: channel 3 of one layer has nothing to do with channel 3 of the next, which
# combines *all* channels before it.

# %% [markdown]
# ## What does ReLU remove?
# ReLU keeps positive values and sets the rest to zero. `before_activation=True` gives the values before it, here for
# every convolution and every pooling.


# %%
def shares(name):
    before = helpers.feature_maps(model, photo, name, before_activation=True)[name]
    after = helpers.feature_maps(model, photo, name)[name]
    return (before < 0).mean(), (after == 0).mean(), np.allclose(np.maximum(before, 0), after, atol=1e-4)


# %%
names = table.index[table["type"].isin(["Conv2D", "MaxPooling2D"])].tolist()
found = pd.DataFrame(map(shares, names), names, ["negative before ReLU", "zero after", "rectified"])
print("after = max(before, 0) in every layer:", found.pop("rectified").all())
found.map("{:.0%}".format)

# %% [markdown]
# Whatever was negative is zero afterwards, and nothing else. A pooling has no ReLU: its input is already rectified.
# It keeps the largest of four values, so it has fewer zeros than the convolution before it.
#
# Which pattern is lost? We take the channel whose positive and negative parts are *both* strong.

# %%
name = stage_ends[1]
before = helpers.feature_maps(model, photo, name, before_activation=True)[name]
positive, negative = (np.abs(before.clip(*ends)).mean(axis=(0, 1)) for ends in ((0, None), (None, 0)))
channel = int(np.minimum(positive, negative).argmax())
signed, kept = before[..., channel], helpers.feature_maps(model, photo, name)[name][..., channel]
print(f"{name}, channel {channel}: {(signed < 0).mean():.0%} of the values are negative, down to {signed.min():.2f}")

# %%
limit = np.quantile(np.abs(signed), 0.99)
figure, axes = plt.subplots(1, 2)
drawn = axes[0].imshow(signed, cmap="RdBu_r", vmin=-limit, vmax=limit)
figure.colorbar(drawn, label="before ReLU")
figure.colorbar(axes[1].imshow(kept, vmax=limit), label="after ReLU")
caption = f"{name}, channel {channel}: the red, positive parts stay; the blue, negative ones become one dark ground."
helpers.show(figure, caption)

# %% [markdown]
# A filter can say "here it is" but not "here is its opposite". If the opposite matters, another filter must find it.

# %% [markdown]
# ## What does a colour scale hide?
# Most pictures of feature maps, those above too, stretch each map to its own range. Here is the last convolution so,
# and then on one scale for all.

# %%
name = stage_ends[-1]
maps = helpers.feature_maps(model, photo, name)[name]
caption = f"{name}, each map stretched to its own range: all channels seem to respond equally strongly."
helpers.show(helpers.plot_feature_maps(maps, name, limit=32), caption)

# %%
caption = f"{name}, the same maps on one common scale: their strengths differ, and weak channels fade into the ground."
helpers.show(helpers.plot_feature_maps(maps, name, limit=32, each=False), caption)

# %%
peaks = maps.max(axis=(0, 1))
ratio = peaks.max() / peaks[peaks > 0].min()
print(f"{name}: the strongest channel's maximum is {ratio:.0f} times the weakest's; {(peaks == 0).sum()} are silent")

# %% [markdown]
# Stretching shows the structure of weak maps, and makes noise look important. Say which of the two a figure does.

# %% [markdown]
# ## Where does the fine detail go?
# *Fine detail* here is the grey photo minus its own 9 x 9 average.

# %%
grey = photo.mean(axis=-1)
blurred = keras.ops.average_pool(grey[None, ..., None], 9, strides=1, padding="same")
detail = grey - np.asarray(blurred)[0, ..., 0]
print(f"Fine detail holds {detail.var() / grey.var():.0%} of the variance of the grey photo.")

# %% [markdown]
# For each layer: how well does its best channel match that detail (correlation, 0 to 1)? With stride 8, a map has one
# value for 8 x 8 pixels. No such map can match better than the detail's own block averages: that is the ceiling.


# %%
def block_means(picture, stride):
    rows, columns = picture.shape[0] // stride, picture.shape[1] // stride
    return picture[: rows * stride, : columns * stride].reshape(rows, stride, columns, stride).mean(axis=(1, 3))


# %%
best, match, ceiling = {}, {}, {}
for name, maps in helpers.feature_maps(model, photo).items():
    small = block_means(detail, table.loc[name, "stride"][0])
    maps = maps[: small.shape[0], : small.shape[1]]
    together = np.abs(((maps - maps.mean(axis=(0, 1))) * small[..., None]).mean(axis=(0, 1)))
    matches = together / (maps.std(axis=(0, 1)) * detail.std() + 1e-9)
    best[name], match[name] = maps[..., matches.argmax()].copy(), matches.max()
    ceiling[name] = small.std() / detail.std()

# %%
pictures = {f"{name}: {match[name]:.2f}": best[name] for name in stage_ends[::2]}
figure = helpers.plot_images({"fine detail": detail.clip(-0.1, 0.1)} | pictures)
caption = (
    f"The fine detail of the photo, then the maps of {', '.join(stage_ends[::2])} that match it best, and how well."
)
helpers.show(figure, caption)

# %%
lines = pd.DataFrame({"best channel": match, "ceiling": ceiling})
axis = lines.plot(
    style=["ko-", "s--"], rot=60, xticks=range(len(convs)), ylabel="match with the detail", ylim=(0, 1.05)
)
ends = lines["best channel"].map("{:.2f}".format)
caption = (
    f"Best match with the detail: {ends[convs[0]]} in {convs[0]}, {ends[convs[-1]]} in {convs[-1]}; dashed the ceiling."
)
helpers.show(axis.figure, caption)

# %% [markdown]
# The ceiling depends on the photo and the stride alone, not on the weights: any network that pools gives up fine
# detail.

# %% [markdown]
# ## What becomes general?
# A darker copy of a photo shows the same things. Is it also the same for a layer? We compare with the same network
# with random weights, to see what is due to training.

# %%
keras.utils.set_random_seed(SEED)
untrained = helpers.load_model(model.name, weights=None)
batch = np.stack([helpers.sample_image(name, 128) for name in helpers.sample_names()])

# %% [markdown]
# A photo is described by the mean of each channel. The measure is the distance from a photo to its darker copy,
# divided by the mean distance between two different photos: 0 for a layer that ignores brightness.


# %%
def describe(network, pictures):
    maps = helpers.get_submodel(network, convs)(helpers.preprocess(network, pictures), training=False)
    return [output.numpy().mean(axis=(1, 2)) for output in maps]


# %%
def sensitivity(light, dark):
    to_others = np.linalg.norm(light[:, None] - light, axis=-1).sum() / (len(light) * (len(light) - 1))
    return np.linalg.norm(light - dark, axis=-1).mean() / to_others


# %%
lines = pd.DataFrame(index=convs)
for label, network in {"this network": model, "random weights": untrained}.items():
    pairs = zip(describe(network, batch), describe(network, 0.6 * batch), strict=True)
    lines[label] = [sensitivity(light, dark) for light, dark in pairs]

# %%
axis = lines.plot(style=["ko-", "s--"], rot=60, xticks=range(len(convs)), ylabel="darker copy : other photos", ylim=0)
ends = [f"{label} from {lines[label].iloc[0]:.2f} to {lines[label].iloc[-1]:.2f}" for label in lines]
caption = f"How far a darker copy is from its photo, other photos being at 1, first to last layer: {', '.join(ends)}."
helpers.show(axis.figure, caption)

# %% [markdown]
# Where the solid line falls and the dashed one does not, training made the layers respond to what is shown rather
# than to how brightly it is lit. Depth alone does not do that.

# %% [markdown]
# ## How sparse do the maps become?
# A map is *sparse* when most of its values are zero. Glorot et al. (2011) note that rectifiers with random weights
# give about 50% zeros. Does training change that?

# %%
keras.utils.set_random_seed(SEED)
untrained = helpers.load_model(model.name, weights=None)

# %%
names = table.index[table["type"].isin(["Conv2D", "MaxPooling2D"])].tolist()
zeros = pd.DataFrame(index=names)
for label, network in {"this network": model, "random weights": untrained}.items():
    zeros[label] = [(helpers.feature_maps(network, photo, name)[name] == 0).mean() for name in names]

# %%
axis = zeros.plot.bar(rot=60, color=["0.35", "white"], edgecolor="black", width=0.8, ylim=(0, 1))
axis.set_ylabel("share of zeros")
axis.legend(ncols=2)
share = zeros["this network"]
ends = f"{share.iloc[0]:.0%} in {names[0]}, at most {share.max():.0%}, in {share.idxmax()}"
caption = f"Share of zeros: {ends} (dark bars). No pooling raises it. White bars: the same network with random weights."
helpers.show(axis.figure, caption)

# %% [markdown]
# Where a dark bar is higher than its white neighbour, training taught the filters to stay silent more often: they
# became choosy. What do they choose?

# %% [markdown]
# ## Which patches excite a channel most?
# By hand, for one photo: find the map's maximum, multiply its place by the stride, and cut out one receptive field
# around it. In VGG16 the field's centre is the centre of the unit's own `stride` x `stride` pixels.

# %%
name = stage_ends[len(stage_ends) // 2]
maps = helpers.feature_maps(model, photo, name)[name]
row, column, channel = (int(place) for place in np.unravel_index(maps.argmax(), maps.shape))
stride, size = table.loc[name, "stride"][0], table.loc[name, "receptive_field"][0]
top, left = (place * stride + (stride - size) // 2 for place in (row, column))
patch = photo[max(top, 0) : top + size, max(left, 0) : left + size]
print(f"{name}, channel {channel}: unit ({row}, {column}) sees {size} x {size} pixels from ({top}, {left})")

# %%
figure, axes = plt.subplots(1, 3, figsize=(9, 2.4), width_ratios=[1.5, 1.5, 1])
for axis, picture, title in zip(axes, (photo, maps[..., channel], patch), (PHOTO, name, "the patch"), strict=True):
    axis.imshow(picture)
    axis.set(title=title, xticks=[], yticks=[])
for colour, dashes in (("white", "-"), ("black", "--")):
    axes[0].add_patch(plt.Rectangle((left, top), size, size, fill=False, color=colour, linestyle=dashes, linewidth=2))
axes[1].plot(column, row, "o", markersize=14, markerfacecolor="none", markeredgecolor="white", markeredgewidth=2)
caption = f"Channel {channel} of {name} responds most at the ring; the dashed square, enlarged, is all it sees there."
helpers.show(figure, caption)

# %% [markdown]
# One patch proves little: what do *several* have in common? `helpers.strongest_patches` searches all bundled photos,
# as Zeiler & Fergus (2013) searched a validation set. In each layer we take the channel that reaches the largest
# response away from the photos' edges.

# %%
photos = {name: helpers.sample_image(name, photo.shape[:2]) for name in helpers.sample_names()}
layers = stage_ends[1:4]
peaks = {layer: [] for layer in layers}
for image in photos.values():
    for layer, maps in helpers.feature_maps(model, image, layers).items():
        peaks[layer].append(maps[2:-2, 2:-2].max(axis=(0, 1)))
strongest = {layer: int(np.max(peaks[layer], axis=0).argmax()) for layer in layers}
print(", ".join(f"{layer}: channel {channel}" for layer, channel in strongest.items()))

# %%
for layer, channel in strongest.items():
    patches = helpers.strongest_patches(model, layer, channel, photos)
    sources = ", ".join(sorted({patch.photo for patch in patches}))
    size = table.loc[layer, "receptive_field"][0]
    caption = (
        f"{layer}, channel {channel}: the {size} x {size} patches that excite it most, with responses; from {sources}."
    )
    helpers.show(helpers.plot_patches(patches), caption)

# %% [markdown]
# What do the patches of one row share? Zeiler & Fergus found corners and edges in layer 2 of their five, textures in
# layer 3, parts and objects in 4 and 5. Grey areas lie past the photo's edge. Six photos give a hint, not a proof: a
# channel may wait for something that none of them shows.

# %% [markdown]
# ## Play
# Choose a layer and a channel. Find a channel that answers to one part of the photo only.

# %%
helpers.feature_map_explorer(model, photo)

# %% [markdown]
# ## Exercises
# The checks name your mistake. The solutions are folded.

# %% [markdown]
# ### Exercise 1. The choosiest convolution
# Change one number: `chosen` is a place in the list `convs`, counted from 0. Pick the convolution with the largest
# share of zeros for this photo.

# %%
chosen = 0

# %%
# Check exercise 1
zeros = [float((maps == 0).mean()) for maps in helpers.feature_maps(model, photo).values()]
if isinstance(chosen, bool) or not isinstance(chosen, int | np.integer):
    print(f"Not yet: {chosen!r} is not a whole number; give the layer's place in the list.")
elif not 0 <= chosen < len(convs):
    print(f"Not yet: {chosen} is past the list, which has places 0 to {len(convs) - 1}.")
elif chosen == np.argmax(zeros):
    print(f"Correct: {zeros[chosen]:.0%} of the values of {convs[chosen]} are zero.")
elif chosen == np.argmin(zeros):
    print(f"Not yet: {convs[chosen]} has the fewest zeros of all, {zeros[chosen]:.0%}.")
elif chosen == np.argmax(zeros) + 1:
    print(f"Not yet: count from 0; {convs[chosen]} is the one after the sparsest.")
else:
    print(f"Not yet: {convs[chosen]} has {zeros[chosen]:.0%} zeros; another convolution has more.")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# zeros = [(maps == 0).mean() for maps in helpers.feature_maps(model, photo).values()]
# chosen = int(np.argmax(zeros))
# ```
# </details>

# %% [markdown]
# ### Exercise 2. One scale for all
# Change one line: `one_scale` shall stretch the maps `(height, width, channels)` so that the smallest value of the
# *whole layer* becomes 0 and the largest becomes 1.


# %%
def one_scale(maps):
    return maps


# %%
# Check exercise 2
given = np.arange(24.0).reshape(2, 3, 4) ** 2 - 20
given[..., 0] /= 3
answer, low, high = one_scale(given.copy()), given.min(), given.max()
wrong = {
    "you stretched each channel by itself": (given - given.min((0, 1))) / np.ptp(given, (0, 1)),
    "you stretched each place by itself": (given - given.min(-1, keepdims=True)) / np.ptp(given, -1, keepdims=True),
    "you divided by the largest value but did not subtract the smallest": given / high,
    "divide by the range, largest minus smallest, not by the largest": (given - low) / high,
    "you subtracted the smallest value but did not divide by the range": given - low,
    "the maps came back unchanged": given,
}
if np.shape(answer) != given.shape:
    print("Not yet: return all the maps, in the shape (height, width, channels).")
elif np.allclose(answer, (given - low) / (high - low)):
    print("Correct: one scale keeps the differences between channels.")
else:
    said = [text for text, mistake in wrong.items() if np.allclose(answer, mistake)]
    print(f"Not yet: {said[0] if said else f'the result runs from {np.min(answer):.3g} to {np.max(answer):.3g}'}.")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def one_scale(maps):
#     return (maps - maps.min()) / (maps.max() - maps.min())
# ```
# </details>

# %% [markdown]
# ### Exercise 3. A photo's own channel
# Write `own_channel(means, name)`. `means` maps each photo's name to an array, the mean response of every channel.
# Return the number of the channel whose mean for `name` exceeds its largest mean for any *other* photo by most.


# %%
def own_channel(means, name):
    return 0


layer, photos = stage_ends[-2], {name: helpers.sample_image(name, 224) for name in helpers.sample_names()}
means = {name: helpers.feature_maps(model, image, layer)[layer].mean(axis=(0, 1)) for name, image in photos.items()}
print(f"{layer}: the channel of the cat is {own_channel(means, 'cat')}")

# %%
# Check exercise 3
made_up = {"a": np.array([9, 6, 5, 1.0]), "b": np.array([8.5, 0, 1.5, 0.1]), "c": np.array([1, 3, 1.5, 0.1])}
flipped = {name: values[::-1] for name, values in made_up.items()}
answers = [own_channel(made_up, "a"), own_channel(flipped, "a")]
wrong = {
    (0, 3): "that is the largest mean; compare it with the other photos",
    (1, 2): "you compared with the average of the other photos, not with the largest",
    (3, 0): "you divided; take the difference",
    (0, 0): "leave the photo itself out of the others, and do not return 0 each time",
}
if not all(isinstance(number, int | np.integer) for number in answers):
    print("Not yet: return the number of one channel, not its response or an array.")
elif answers == [2, 1]:
    print("Correct: this channel tells the photo from every other one.")
else:
    print(f"Not yet: {wrong.get(tuple(answers), 'another channel leads the other photos by more')}.")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def own_channel(means, name):
#     others = [values for other, values in means.items() if other != name]
#     return int(np.argmax(means[name] - np.max(others, axis=0)))
# ```
# </details>

# %% [markdown]
# ## Summary
# 1. A feature map is the output of one filter at every place, and a model cut at a layer returns all of them.
# 2. ReLU drops the negative values, and stretching each map hides how weak it is.
# 3. Pooling costs fine detail whatever the weights are; how sparse and how indifferent to brightness the maps become
#    depends on training.
#
# Questions to think about:
# 1. Two maps look equally bright in a grid. What must you know before you say that both filters respond?
# 2. Why does a pooling lower the share of zeros, although it computes nothing new?
# 3. Six photos gave nine patches. How could they mislead you about what a channel looks for?

# %% [markdown]
# ## Where next
# Patches show what a channel *found*. [05_gradient_ascent](05_gradient_ascent.ipynb) draws what it *wants*, without
# photos.

# %% [markdown]
# ## References
# - K. Simonyan, A. Zisserman (2014). Very deep convolutional networks for large-scale image recognition.
#   [arXiv:1409.1556](https://arxiv.org/abs/1409.1556)
# - M. D. Zeiler, R. Fergus (2013). Visualizing and understanding convolutional networks.
#   [arXiv:1311.2901](https://arxiv.org/abs/1311.2901)
# - J. Yosinski, J. Clune, A. Nguyen, T. Fuchs, H. Lipson (2015). Understanding neural networks through deep
#   visualization (a program that shows feature maps live). [arXiv:1506.06579](https://arxiv.org/abs/1506.06579)
# - X. Glorot, A. Bordes, Y. Bengio (2011). Deep sparse rectifier neural networks.
#   [AISTATS, PMLR 15:315–323](https://proceedings.mlr.press/v15/glorot11a.html)
# - A. Araujo, W. Norris, J. Sim (2019). Computing receptive fields of convolutional neural networks.
#   [Distill](https://distill.pub/2019/computing-receptive-fields/)
