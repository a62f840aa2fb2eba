# %% [markdown]
# # Look inside a pre-trained network (its layers, what one unit sees of a photo, and its guesses)
#
# **Goals**
#
# - Read a network's layer table: names, shapes, parameters, receptive fields.
# - Compute a receptive field, a max pooling and a prediction by hand; compare each with the network's own.
# - See what happens when a network is fed other numbers than it was trained on.
#
# **Before this**: [01](01_cnn_basics.ipynb) (convolution, kernel, feature map). **Time**: 40 min. **Network**:
# printed by the next cell. It is *pre-trained*: its kernels, learned from labelled photos, are loaded from a file.

# %%
import functools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from PIL import Image

import helpers
from helpers import keras
from helpers.explorers import Explorer
from helpers.layers import receptive_field

PHOTO = "cat"  # the one line to change for your own picture: a bundled name, a path or an address
SEED = 0
model = helpers.load_model()

# %% [markdown]
# ## What is VGG16 made of?
#
# VGG16 (Simonyan and Zisserman, 2014) is plain: 3 x 3 convolutions, each followed by a ReLU, and a 2 x 2 max pooling
# after each block. We leave out its head, the three dense layers at the end. `weights=None` gives the architecture with
# random kernels, so nothing is downloaded.

# %%
model_vgg16 = helpers.load_model("vgg16", weights=None, input_shape=(96, 96, 3))
model_vgg16.summary(line_length=80)

# %% [markdown]
# Read it row by row. `None` stands for the number of pictures in a batch. Height and width halve at each pool, while
# the number of channels grows. The helper adds nothing to the network; Keras itself says it like this:

# %%
from_keras = keras.applications.VGG16(weights=None, include_top=False, input_shape=(96, 96, 3))
kinds = [type(layer).__name__ for layer in from_keras.layers]
print(kinds.count("Conv2D"), "convolutions,", kinds.count("MaxPooling2D"), "pools")
print("as many parameters as above:", from_keras.count_params() == model_vgg16.count_params())

# %% [markdown]
# ## How do I get at one layer?
#
# By its name. `block3_conv2` is the second convolution of the third block, `block3_pool` the pooling that ends it.
# The network of the set-up cell, `model`, takes pictures of any size, hence more `None`.

# %%
layer = model.get_layer("block3_conv2")
print("input ", layer.input.shape)
print("output", layer.output.shape)
print("kernel", tuple(layer.kernel.shape), " bias", tuple(layer.bias.shape))

# %% [markdown]
# A kernel array has the shape (height, width, channels in, filters). Each filter reads all channels of the layer before
# and writes one channel, its feature map. `conv_layers` lists the layers with such kernels, in any network:

# %%
names = helpers.conv_layers(model)
print(len(names), "convolutions:", ", ".join(names))

# %% [markdown]
# ## How much of the photo does one unit see?
#
# A unit is one number of a feature map. Its **receptive field** is the part of the input that can change it. A 3 x 3
# kernel sees 3 pixels across; the next sees 5, because its three neighbours overlap. A pool of stride 2 doubles the
# step between neighbours, so each later kernel adds twice as much: `field += (kernel - 1) * step`.

# %%
by_hand, field, step = {}, 1, 1
for layer in model.layers:
    window = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", (1, 1))
    field += (window[0] - 1) * step
    step *= getattr(layer, "strides", (1, 1))[0]
    by_hand[layer.name] = field

# %% [markdown]
# `layer_table` computes the same, also for networks with branches, and adds the stride: the step, in pixels of the
# photo, from one unit to the next.

# %%
table = helpers.layer_table(model).set_index("name")
print("by hand and by the helper the same:", all(table.receptive_field[name][0] == by_hand[name] for name in by_hand))
table.drop(columns="output_shape")

# %% [markdown]
# On a photo these numbers are easier to judge. We draw what one unit sees at the end of each block.

# %%
fields = {name: field[0] for name, field in table.receptive_field.items() if name.startswith("block")}
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
left.imshow(helpers.load_image(PHOTO, 224))
left.set_axis_off()
for name, size in fields.items():
    if name.endswith("pool"):
        corner, label = 112 - size / 2, f"{name}: {size}"
        for color, width in (("black", 3.5), ("white", 1.5)):
            left.add_patch(plt.Rectangle((corner, corner), size, size, fill=False, ec=color, lw=width))
        if size > 40:
            left.text(112, corner - 5, label, ha="center", va="bottom", size=9, color="white", backgroundcolor="black")
right.plot(fields.values(), range(len(fields)), "o-", color="0.3")
right.set_yticks(range(len(fields)), fields, fontsize=8)
right.invert_yaxis()
right.set_xlabel("receptive field in pixels")
caption = "Receptive fields. Left: what one unit of each block's pool sees, as nested squares; the first two are tiny. "
caption += "Right: the field grows from layer to layer, faster after each pool, until it spans most of the photo."
helpers.show(figure, caption)

# %% [markdown]
# Does nothing outside the square matter? We take the middle unit of `block3_conv3` and find its square.

# %%
photo, unit = helpers.load_image(PHOTO, 224), 28
field = receptive_field(model, "block3_conv3")
first = field.first[0] + unit * field.stride[0]
last = first + field.size[0] - 1
print(f"unit ({unit}, {unit}) sees rows and columns {first} to {last} of {len(photo)}")

# %% [markdown]
# We replace all pixels outside the square by noise. Then we make the square one pixel smaller on each side.

# %%
seen = {"whole photo": photo}
for title, cut in (("only its square", 0), ("one pixel less", 1)):
    inside = slice(first + cut, last + 1 - cut)
    seen[title] = np.random.default_rng(SEED).random(photo.shape, np.float32)
    seen[title][inside, inside] = photo[inside, inside]
caption = "Three inputs for one unit of block3_conv3: the photo, its receptive field in noise, and the field cut by a "
caption += "pixel on each side. To us the last two look alike; the cell below asks the unit."
helpers.show(helpers.plot_images(seen, columns=3), caption)

# %%
maps = {title: helpers.feature_maps(model, image, "block3_conv3")["block3_conv3"] for title, image in seen.items()}
for title in seen:
    same = np.allclose(maps[title][unit, unit], maps["whole photo"][unit, unit], rtol=1e-3)
    print(f"{title}: all channels of the unit as before: {same}")

# %% [markdown]
# The square is exact. But it is a limit, not a measure of attention: pixels at its rim count far less than those in its
# middle (Luo and others, 2016).

# %% [markdown]
# ## What does max pooling keep?
#
# A 2 x 2 max pooling cuts each map into windows and keeps the largest number of each. In numpy: give the places in a
# window axes of their own, and take the maximum over them.

# %%
photo = helpers.load_image(PHOTO, 224)
before, after = helpers.feature_maps(model, photo, ["block1_conv2", "block1_pool"]).values()
rows, columns, channels = before.shape
pooled = before.reshape(rows // 2, 2, columns // 2, 2, channels).max(axis=(1, 3))
print(before.shape, "->", after.shape, " by hand and by the network the same:", np.array_equal(pooled, after))

# %% [markdown]
# Now on numbers that one can read: six by six units around the strongest response of one channel.

# %%
channel = before.max(axis=(0, 1)).argmax()
row, column = np.unravel_index(before[..., channel].argmax(), (rows, columns))
top, left = (int(np.clip(place - 2, 0, rows - 6)) // 2 * 2 for place in (row, column))
patch = before[top : top + 6, left : left + 6, channel]

# %% [markdown]
# To see what is forgotten we shuffle the four numbers inside each window, and pool again.

# %%
windows = patch.reshape(3, 2, 3, 2).swapaxes(1, 2).reshape(3, 3, 4)
mixed = np.random.default_rng(SEED).permuted(windows, axis=2)
shuffled = mixed.reshape(3, 3, 2, 2).swapaxes(1, 2).reshape(6, 6)
patches = {"block1_conv2": patch, "shuffled in each window": shuffled, "block1_pool, from either": windows.max(axis=2)}
print("both patches pool to the same numbers:", np.array_equal(mixed.max(axis=2), windows.max(axis=2)))

# %%
figure, axes = plt.subplots(1, 3, figsize=(9, 3.2), layout="constrained")
for axis, (title, values) in zip(axes, patches.items(), strict=True):
    axis.imshow(values, vmin=patch.min(), vmax=patch.max())
    axis.set(title=title, xticks=[], yticks=[])
    for (y, x), value in np.ndenumerate(values):
        dark = value < (patch.min() + patch.max()) / 2
        axis.text(x, y, f"{value:.3g}", ha="center", va="center", fontsize=9, color="white" if dark else "black")
    for place in range(2, len(values), 2) if len(values) == 6 else ():
        axis.axhline(place - 0.5, color="white", linewidth=3)
        axis.axvline(place - 0.5, color="white", linewidth=3)
caption = "A patch of a feature map of block1_conv2, the same shuffled within each 2 x 2 window, and block1_pool. "
caption += "Both patches pool to the same nine numbers: the largest of each window stays, its place is lost."
helpers.show(figure, caption)

# %% [markdown]
# Pooling keeps that a pattern is there, and how strongly. It forgets three numbers of four, and where in the window the
# strongest one was. In return, later layers see more of the photo for a quarter of the work.

# %% [markdown]
# ## Where are the parameters, and where is the memory?
#
# Parameters are what a file of weights holds. Activations are the numbers that a photo makes on its way through; they
# fill the memory. We count both for VGG16.

# %%
model_vgg16 = helpers.load_model("vgg16", weights=None, input_shape=(96, 96, 3))
table = helpers.layer_table(model_vgg16).set_index("name").iloc[1:]  # without the input
table["activations"] = [int(np.prod(shape)) for shape in table.output_shape]
for column, blocks in (("parameters", "45"), ("activations", "12")):
    share = table[column][table.index.str.contains(f"block[{blocks}]")].sum() / table[column].sum()
    print(f"{share:.0%} of the {column} are in blocks {blocks[0]} and {blocks[1]}")

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 4.2), sharey=True, layout="constrained")
for axis, column, hatch in zip(axes, ("parameters", "activations"), ("", "///"), strict=True):
    axis.barh(table.index, table[column] / 1e6, color="0.75", edgecolor="0.2", hatch=hatch)
    axis.set(xlabel="millions", title=f"{table[column].sum() / 1e6:.1f} million {column}")
    axis.spines[["top", "right"]].set_visible(False)
axes[0].invert_yaxis()
caption = "VGG16 at 96 x 96 pixels, layer by layer. Left: most parameters are in the last five convolutions, none "
caption += "in pools. Right: most activations come from the first four convolutions, where the maps are large."
helpers.show(figure, caption)

# %% [markdown]
# Deep kernels read and write hundreds of channels; early maps have many units. A larger photo costs more activations
# and not one parameter more. And the head that we left out? It is three dense layers:

# %%
dense = [(7 * 7 * 512, 4096), (4096, 4096), (4096, 1000)]
head = sum(inputs * outputs + outputs for inputs, outputs in dense)
print(f"the head has {head:,} parameters, {head / (head + model_vgg16.count_params()):.0%} of the whole VGG16")

# %% [markdown]
# ## Are other networks built alike?
#
# ResNet50 (He and others, 2015) adds shortcuts around its layers; InceptionV3 (Szegedy and others, 2015) runs several
# kernels side by side. The same table describes them.


# %%
def facts(name):
    network = helpers.load_model(name, weights=None)
    table = helpers.layer_table(network)
    kernels = table.kernel_shape.dropna()
    return {
        "convolutions": len(kernels),
        "of them 1 x 1": sum(shape[:2] == (1, 1) for shape in kernels),
        "parameters": network.count_params(),
        "receptive field": max(field[0] for field in table.receptive_field.dropna()),
        "photo size": network.network.default_size,
    }


# %%
pd.DataFrame({name: facts(name) for name in ("vgg16", "resnet50", "inception_v3")}).T

# %% [markdown]
# The receptive fields are those that Araujo, Norris and Sim (2019) list. Many kernels of the later networks are 1 x 1:
# these mix channels, see no neighbours and need few parameters. Their deepest units could see more than the whole
# photo.

# %% [markdown]
# ## What does a network say about a photo?
#
# A head turns the last feature maps into one score for each class. VGG16's is too big for a small machine, so we take
# the bundled network's: 200 classes of Tiny ImageNet, 64 x 64 pixels. By hand, first the input: the whole photo,
# squeezed to a square, from RGB to BGR, from [0, 1] to 0-255, minus ImageNet's mean colour.

# %%
classifier = helpers.load_model("mini_vgg16", include_top=True)
labels = classifier.network.labels()
photo = Image.fromarray(np.uint8(np.round(helpers.load_image(PHOTO) * 255))).resize((64, 64), Image.Resampling.LANCZOS)
pixels = np.float32(photo)[..., ::-1] - np.array([103.939, 116.779, 123.68], np.float32)

# %% [markdown]
# Then the scores, softmax and the five largest:

# %%
scores = classifier(pixels[None], training=False).numpy()[0]
probabilities = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
for place in np.argsort(-probabilities)[:5]:
    print(f"{labels[place]:20} {probabilities[place]:.1%}")

# %% [markdown]
# `predict` does the same for any network with a head, with that network's own preprocessing.

# %%
found = helpers.predict(classifier, helpers.load_image(PHOTO))
print("by hand and by the helper the same:", np.allclose(found.probability, np.sort(probabilities)[:-6:-1], rtol=1e-3))
caption = f"The photo and the five most probable classes of {classifier.name}, {found['class'][0]} first. Compare the "
caption += "first bar with the others: where it is short, the network is unsure."
helpers.show(helpers.plot_predictions(helpers.load_image(PHOTO), found), caption)

# %% [markdown]
# One photo proves little. Here are all the bundled ones.

# %%
figure, axes = plt.subplots(3, 4, figsize=(9, 5.6), layout="constrained")
for name, picture, bars in zip(helpers.sample_names(), axes[:, ::2].flat, axes[:, 1::2].flat, strict=True):
    found = helpers.predict(classifier, helpers.sample_image(name))
    picture.imshow(helpers.sample_image(name))
    picture.set_title(name, fontsize=10)
    picture.set_axis_off()
    bars.barh(found["class"], found["probability"], color="0.75", edgecolor="0.2")
    bars.invert_yaxis()
    bars.set(xlim=(0, 1), xticks=[0, 0.5, 1], xticklabels=["0", "50%", "100%"])
    bars.spines[["top", "right"]].set_visible(False)
for bars in axes[2, 1::2]:
    bars.set_xlabel("probability")
caption = f"Five most probable classes of {classifier.name} for each bundled photo. A long first bar is a confident "
caption += "answer. The coffee and the cat are right; the flower is taken for an orange, the rocket for an obelisk."
helpers.show(figure, caption)

# %% [markdown]
# How good is that? Which right answers exist among the classes? We chose them by hand:

# %%
right = {"cat": ["Egyptian cat", "tabby", "Persian cat"], "coffee": ["espresso"], "rocket": ["projectile"]}
for name in helpers.sample_names():
    order = helpers.predict(classifier, helpers.sample_image(name), top=len(labels))["class"].tolist()
    places = [f"{label}: place {order.index(label) + 1}" for label in right.get(name, []) if label in labels]
    print(f"{name:10}", ", ".join(places) or "no right class exists")

# %% [markdown]
# The coffee and the cat are right, though a close face at 64 x 64 pixels is hard for a small network: the cat's bar is
# short. For the rocket, *projectile* is the nearest class; an obelisk and a pole, upright and slim, come before it. For
# the other three no answer could be right, yet the network answers: softmax shares out 100 percent among the classes
# that exist.
#
# On Tiny ImageNet's 10,000 validation photos, at 64 x 64, its first answer is right for 56.1%, one of its first five
# for 78.7% ([model card](../helpers/weights/README.md)). Those photos are not part of this package.
#
# When you are online, `helpers.load_model("resnet50", include_top=True)` and `predict` know 1,000 classes, after a
# download of about 100 MB.

# %% [markdown]
# ## What if the preprocessing is wrong?
#
# A network cannot know that you mean red where it expects blue. We prepare the same photos in the right way and in
# three wrong ways.

# %%
names = helpers.sample_names()
squeeze = functools.partial(keras.ops.image.resize, size=(64, 64), interpolation="lanczos3", antialias=True)
photos = np.stack([squeeze(helpers.sample_image(name)) for name in names]).clip(0, 1)
mean = np.array([103.939, 116.779, 123.68], np.float32)  # blue, green, red
ways = {"as trained": photos[..., ::-1] * 255 - mean, "RGB, not BGR": photos * 255 - mean[::-1]}
ways |= {"mean not subtracted": photos[..., ::-1] * 255, "[0, 1], not 0-255": photos[..., ::-1]}

# %% [markdown]
# All four run without complaint. The first answers:

# %%
classifier = helpers.load_model("mini_vgg16", include_top=True)
answers = {way: keras.ops.softmax(classifier(batch, training=False)).numpy() for way, batch in ways.items()}
labels = np.array(classifier.network.labels())
pd.DataFrame({way: labels[answer.argmax(axis=1)] for way, answer in answers.items()}, index=names)

# %%
usual = answers["as trained"].argmax(axis=1)
kept = np.array([answer[range(len(names)), usual] for answer in answers.values()])
figure, axis = plt.subplots(figsize=(8, 2.8), layout="constrained")
artist = axis.imshow(kept, vmin=0, vmax=1, aspect="auto")
for (y, x), value in np.ndenumerate(kept):
    axis.text(x, y, f"{value:.1%}", ha="center", va="center", color="white" if value < 0.5 else "black")
titles = [f"{name}:\n{label}" for name, label in zip(names, labels[usual], strict=True)]
axis.set_xticks(range(len(names)), titles, fontsize=9)
axis.set_yticks(range(len(ways)), ways)
figure.colorbar(artist, label="probability")
caption = "Probability of the class that comes first with the right preprocessing, for each photo and each way to feed "
caption += "it. Compare the rows: swapped channels ruin the cat and the flower, values in [0, 1] ruin everything."
helpers.show(figure, caption)

# %% [markdown]
# To this network zero is the mean colour, so with values in [0, 1] every photo is the same flat grey and gets the same
# answer. Swapped channels turn brown coffee blue. A missing mean brightens the photo: some keep their answer, others
# lose it. Nothing warns you, so look up a network's convention; `helpers.preprocess` knows it.

# %% [markdown]
# ## Play
#
# Choose a layer and move the slider along the middle row of units. The lit part is what the unit sees. How far does it
# jump from unit to unit? Where is it cut off?

# %%
photo = helpers.load_image(PHOTO, 224)
strides = {name: receptive_field(model, name).stride[0] for name in helpers.conv_layers(model)}


def draw(layer, unit):
    field, stride = receptive_field(model, layer), strides[layer]
    place = np.array([112 // stride, unit]) * stride  # rows, columns
    (top, left), (bottom, right) = np.maximum(field.first + place, 0), field.first + place + field.size
    lit = photo * 0.3
    lit[top:bottom, left:right] = photo[top:bottom, left:right]
    share = lit[top:bottom, left:right].size / photo.size
    enlarged = lit.repeat(2, axis=0).repeat(2, axis=1)
    return enlarged, f"{layer}, unit {unit} of its middle row: it sees the lit part, {share:.1%} of the photo."


# %%
explorer = Explorer("Receptive field", {name: 224 // strides[name] for name in strides}, draw, "block3_conv3", "unit")
explorer.channel.value = 28
explorer

# %% [markdown]
# ## Exercises
#
# Fill in, run the check, then unfold the solution.

# %% [markdown]
# ### Exercise 1. Change one number
#
# The list holds (kernel, stride) of VGG16's layers from `block1_conv1` to `block3_conv3`, pools included. What is the
# receptive field if the kernel of `block3_conv2` is 5 x 5? Predict it, then change one number.

# %%
layers = [(3, 1), (3, 1), (2, 2), (3, 1), (3, 1), (2, 2), (3, 1), (3, 1), (3, 1)]
field, step = 1, 1
for kernel, stride in layers:
    field += (kernel - 1) * step
    step *= stride
print(field)

# %%
# Check exercise 1
published = [(3, 1), (3, 1), (2, 2), (3, 1), (3, 1), (2, 2), (3, 1), (3, 1), (3, 1)]
order = [f"block{block}_{kind}" for block in (1, 2) for kind in ("conv1", "conv2", "pool")]
order += ["block3_conv1", "block3_conv2", "block3_conv3"]
changed = [name for name, old, new in zip(order, published, layers, strict=False) if old != new]
if len(layers) != len(published):
    print(f"Not yet: the list has {len(layers)} layers, not {len(published)}.")
elif not changed:
    print("Not yet: no layer has changed, this is VGG16 as published.")
elif changed != ["block3_conv2"]:
    print(f"Not yet: you changed {', '.join(changed)}; the layer is block3_conv2 alone.")
elif layers[7][1] != 1:
    print("Not yet: you changed its stride, the second number; the kernel is the first.")
elif layers[7][0] != 5:
    print(f"Not yet: the kernel is now {layers[7][0]} x {layers[7][0]}, not 5 x 5.")
elif field != 48:
    print(f"Not yet: the list is right, but the field is {field}; run the loop as it was.")
else:
    print("Correct: 48, which is 40 + 2 * 4: two more units at a step of four pixels.")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# layers = [(3, 1), (3, 1), (2, 2), (3, 1), (3, 1), (2, 2), (3, 1), (5, 1), (3, 1)]
# field, step = 1, 1
# for kernel, stride in layers:
#     field += (kernel - 1) * step
#     step *= stride
# ```
# </details>

# %% [markdown]
# ### Exercise 2. Count the parameters of a convolution
#
# Fill in the function. A filter has one number for each place of its square kernel and each channel that it reads, and
# one bias.


# %%
def count_parameters(kernel, channels_in, filters):
    return 0


# %%
# Check exercise 2
mistakes = {
    0: "the function still returns 0",
    12800: "the biases are missing, one for each filter",
    2592: "the kernel is square, 5 x 5 and not 5",
    832: "each filter reads all channels in, not one",
    12816: "there is one bias for each filter, not for each channel in",
    12801: "there is one bias for each filter, not for the layer",
    401: "this is one filter, and the layer has 32",
}
answer = count_parameters(5, 16, 32)
convolutions = [model.get_layer(name) for name in helpers.conv_layers(model)]
if answer != 12832:
    print(f"Not yet: {mistakes.get(answer, '5 x 5 kernels, 16 channels in, 32 filters make 12832')}; you got {answer}.")
elif any(count_parameters(*layer.kernel.shape[1:]) != layer.count_params() for layer in convolutions):
    print(f"Not yet: right for one layer, but not for every convolution of {model.name}.")
else:
    print(f"Correct: it agrees with all {len(convolutions)} convolutions of {model.name}.")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def count_parameters(kernel, channels_in, filters):
#     return kernel * kernel * channels_in * filters + filters
# ```
# </details>

# %% [markdown]
# ### Exercise 3. Write the receptive field
#
# Write `field_of(layers)`: the receptive field after any list of (kernel, stride) pairs, in the order of the layers. An
# empty list sees one pixel.


# %%
def field_of(layers):
    return None


# %%
# Check exercise 3
mistakes = {
    None: "the function returns nothing yet",
    29: "a layer's own stride counts only for the layers after it: add first, then multiply the step",
    26: "a kernel adds one less than its size",
    11: "the strides are ignored",
    18: "the count must start at one pixel, not at zero",
    15: "the step is the product of all strides before, not the last one",
    23: "strides multiply, and you add them up",
}
answer = field_of([(7, 2), (3, 2), (3, 1)])
vgg16_layers = [pair for count in (2, 2, 3, 3, 3) for pair in [(3, 1)] * count + [(2, 2)]]
if answer != 19:
    print(f"Not yet: {mistakes.get(answer, 'for [(7, 2), (3, 2), (3, 1)] the field is 19')}; you got {answer}.")
elif field_of([]) != 1 or field_of(vgg16_layers) != 212:
    print("Not yet: right for three layers, but not for none (1) or for the whole VGG16 (212).")
else:
    print("Correct: 212 pixels for VGG16, as in the table.")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def field_of(layers):
#     field, step = 1, 1
#     for kernel, stride in layers:
#         field += (kernel - 1) * step
#         step *= stride
#     return field
# ```
# </details>

# %% [markdown]
# ## Summary
#
# 1. VGG16 is thirteen 3 x 3 convolutions and five poolings, and each layer can be reached by its name.
# 2. Each pooling keeps the strongest response of a window, and the receptive field grows twice as fast after it.
# 3. A prediction is arithmetic on numbers of one agreed form; given another form, the network answers just as readily.
#
# Three questions to think about:
#
# 1. Why can a network without its head take photos of any size, and one with VGG16's head cannot?
# 2. Three 3 x 3 convolutions see as far as one 7 x 7. Which has more parameters, and what else do the three have?
# 3. If a network always answers, how could you tell that it never saw anything like your photo?

# %% [markdown]
# ## Where next
#
# [04 Feature maps](04_feature_maps.ipynb): what each channel makes of the photo. [05 Gradient
# ascent](05_gradient_ascent.ipynb): the picture that a filter wants to see.

# %% [markdown]
# ## References
#
# - K. Simonyan, A. Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition, 2014,
#   [arXiv:1409.1556](https://arxiv.org/abs/1409.1556).
# - K. He, X. Zhang, S. Ren, J. Sun: Deep Residual Learning for Image Recognition, 2015,
#   [arXiv:1512.03385](https://arxiv.org/abs/1512.03385).
# - C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens, Z. Wojna: Rethinking the Inception Architecture for Computer Vision,
#   2015, [arXiv:1512.00567](https://arxiv.org/abs/1512.00567).
# - A. Araujo, W. Norris, J. Sim: Computing Receptive Fields of Convolutional Neural Networks, Distill, 2019,
#   [doi:10.23915/distill.00021](https://doi.org/10.23915/distill.00021).
# - W. Luo, Y. Li, R. Urtasun, R. Zemel: Understanding the Effective Receptive Field in Deep Convolutional Neural
#   Networks, 2016, [arXiv:1701.04128](https://arxiv.org/abs/1701.04128).
# - O. Russakovsky and others: ImageNet Large Scale Visual Recognition Challenge, 2015,
#   [arXiv:1409.0575](https://arxiv.org/abs/1409.0575). Tiny ImageNet is a part of it, made by Stanford's course CS231n.
# - Keras: [preprocessing for VGG16](https://keras.io/api/applications/vgg/).
