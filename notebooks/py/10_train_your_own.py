# %% [markdown]
# # Train your own network (how the bundled one came to be, and a run of your own in seconds)
#
# **Goals**
# - read the training curves of the bundled network, and say what its learning rate did to them;
# - fold batch normalisation into a convolution by hand, and see that nothing changes;
# - train a small network on patches of photos, and test it in a way that does not flatter it.
#
# **Before this**: [01](01_cnn_basics.ipynb) (training), [05](05_gradient_ascent.ipynb) (pictures of filters). **Time**:
# 45 min. **Network**: always the bundled one, because this notebook tells its story.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import helpers
from helpers import keras
from helpers.explorers import Explorer
from helpers.models import BUNDLED_FILE
from helpers.plotting import tile

PHOTO = "cat"  # the one line to change: a bundled photo, a path or an address
SEED = 0
model = helpers.load_model("mini_vgg16", include_top=True)
log = pd.read_csv(BUNDLED_FILE.with_name("training_log.csv"))
stored = dict(np.load(BUNDLED_FILE.with_name("stages.npz")))


def network_at(stage):  # blocks 1 to 3 with the kernels that they had at the "start" or in the "middle"
    network = keras.models.clone_model(helpers.get_submodel(model, "block3_conv3"))
    for name in helpers.conv_layers(network):
        network.get_layer(name).set_weights([stored[f"{stage}/{name}/{part}"] for part in ("kernel", "bias")])
    network.network = model.network  # its preprocessing
    return network


# %% [markdown]
# ## What did it learn from?
# From Tiny ImageNet, made for a class at Stanford (Le and Yang 2015): a subset of ImageNet (Deng et al. 2009), reduced
# to 64 x 64 pixels, with 500 training and 50 validation pictures of each class. ImageNet is for research and teaching
# only, so **no picture of it is in this package**. What is here are the kernels, and the names of the classes:

# %%
labels = model.network.labels()
print(f"{len(labels)} classes, every eighth of them:", *sorted(labels)[::8], sep="\n  ")

# %% [markdown]
# *Top-1* accuracy is the share of pictures whose first answer is right; for *top-5* the right class may be any of the
# first five. What would guessing give?

# %%
for name, classes in {"Tiny ImageNet": len(labels), "ImageNet": 1000}.items():
    print(f"chance on {name}: {1 / classes:.1%} top-1, {5 / classes:.1%} top-5")

# %% [markdown]
# VGG16 learned from ImageNet itself, on four GPUs, for two to three weeks (Simonyan and Zisserman 2014; the number of
# pictures is in Russakovsky et al. 2015).

# %%
ours = [len(labels), 500 * len(labels), 64, model.count_params(), len(log)]
rows = ["classes", "training pictures", "pixels on a side", "parameters", "epochs"]
vgg16 = [1000, 1_281_167, 224, 138_357_544, 74]
pd.DataFrame({"mini_vgg16": ours, "VGG16": vgg16}, rows).map("{:,}".format)

# %% [markdown]
# An **epoch** is one pass over all training pictures. Both networks have more parameters than pictures, so both could
# learn pictures by heart. Shifts, mirroring and mixing work against that.

# %% [markdown]
# ## How did the training go?
# With Adam, a step of training moves a weight by about the *learning rate*, at most. Large steps get far, small ones
# settle. **One cycle** has both: the rate rises quickly, then falls to nothing along half a cosine (after Smith and
# Topin 2017; the cosine is from Loshchilov and Hutter 2016). By hand:


# %%
def one_cycle(share):  # the rate, 1 is the peak, after a share of the training
    rising, falling = share / 0.1, 0.5 + 0.5 * np.cos(np.pi * (share - 0.1) / 0.9)
    return np.maximum(np.minimum(rising, falling), 0.001)


# %%
share = np.linspace(0, 1, 101)
by_keras = keras.optimizers.schedules.CosineDecay(0.0, 90, warmup_target=1.0, warmup_steps=10)
same = np.allclose(one_cycle(share), [by_keras(step) for step in range(101)], atol=1e-3)
print("by hand and by Keras the same:", same)

# %% [markdown]
# The bundled network had one such cycle. Two more brakes: **weight decay** makes every weight a little smaller at each
# step, by rate x 0.05 (AdamW, Loshchilov and Hutter 2019). **Label smoothing** asks for 95% of certainty, not 100%, and
# shares the rest among all classes (Szegedy et al. 2016). How much is that?

# %%
PEAK, BATCH = 0.004, 256
place = (log["epoch"] - 0.5) / len(log)  # the middle of each epoch, as a share of the training
rate = PEAK * one_cycle(place)

# %%
steps = 500 * 200 // BATCH  # in an epoch
print(f"A weight that no picture needs shrinks to {np.prod((1 - 0.05 * rate) ** steps):.0%} of its start.")
target = np.full(200, 0.05 / 200)
target[0] += 0.95
print(f"The loss cannot fall below {-(target * np.log(target)).sum():.2f}; guessing costs {np.log(200):.2f}.")

# %% [markdown]
# The log has one row for each epoch: the mean loss over training crops, and the accuracy on the 10,000 validation
# pictures, whole.

# %%
caption = "Learning rate, loss of the training crops and accuracy on the validation pictures after each epoch. At the "
caption += "upright line the crops become larger: notice the jump of the accuracy."
log.iloc[[0, 9, 26, 27, 45, len(log) - 1]].drop(columns="seconds").round(3)

# %%
figure, axes = plt.subplots(3, 1, figsize=(9, 6.4), sharex=True, height_ratios=[0.6, 1, 1], layout="constrained")
axes[0].plot(log["epoch"], rate, color="black")
axes[0].set(ylabel="learning rate", ylim=(0, 0.0055))
axes[1].plot(log["epoch"], log["loss"], "o-", color="black", ms=4)
axes[1].set(ylabel="loss", ylim=(None, 5.8))
for column, style in (("top5", "s--"), ("top1", "o-")):
    axes[2].plot(log["epoch"], 100 * log[column], style, color="black", ms=4, label=column.replace("top", "top-"))
axes[2].set(xlabel="epoch", ylabel="right answers in percent", xlim=(0.5, len(log) + 0.5), ylim=(0, None))
axes[2].legend(frameon=False, loc="upper left")
for size, epochs in log.groupby("size")["epoch"]:
    axes[0].text(epochs.mean(), 0.0049, f"{size} x {size}", ha="center", va="center", fontsize=9)
    for axis in axes:
        axis.axvline(epochs.min() - 0.5, color="0.6", lw=0.8)
        axis.spines[["top", "right"]].set_visible(False)
helpers.show(figure, caption)

# %% [markdown]
# **The crops grow.** Small crops cost less, so the early epochs, when everything is still rough, are cheap (Tan and Le
# 2021). But the network is tested at 64 x 64, and size matters to it (Touvron et al. 2019): that is why the accuracy
# jumps when the crops become whole pictures.
#
# **The end counts.** While the rate is high the weights jump about, and the accuracy with them; when it falls they
# settle:

# %%
wobble = log["top1"].diff().abs()
early, late = wobble[log["size"] == log["size"].min()].mean(), wobble.tail(10).mean()
print(f"top-1 moves by {100 * early:.1f} points from epoch to epoch while the crops are small,")
print(f"by {100 * late:.1f} in the last ten epochs")

# %%
end = log.iloc[-1]
print(f"{200 * end['top1']:.0f} times chance, and {end['top5']:.1%} top-5,")
print(f"after {log['seconds'].sum() / 60:.0f} minutes on a graphics processor")

# %% [markdown]
# Keras gives 71.3% top-1 and 90.1% top-5 for VGG16, on five times as many classes.

# %% [markdown]
# ## Why does the loss stay so high?
# At the end the network is right about more than half of new pictures; its loss on the pictures that it learns from is
# still above 2. They were made harder: in half of the batches, a square of each picture was replaced by that of another
# picture, and the target shared accordingly. That is **CutMix** (Yun et al. 2019). By hand:

# %%
photos = [helpers.load_image(name, 64) for name in (PHOTO, "coffee")]
SIDE = 40  # of the square, in pixels
mixed, corner = photos[0].copy(), 64 - SIDE
mixed[corner:, corner:] = photos[1][corner:, corner:]
share = (SIDE / 64) ** 2
target = {"your photo": 1 - share, "coffee": share}
print("target:", ", ".join(f"{value:.0%} {name}" for name, value in target.items()))

# %%
pictures = dict(zip(("your photo", "coffee", "mixed"), [*photos, mixed], strict=True))
caption = "A photo, another one, and both mixed by CutMix: the lower right square of the third picture is coffee, and "
caption += "so is the square's share of its target. What can a network still learn from what is left of the first?"
helpers.show(helpers.plot_images(pictures, columns=3), caption)

# %% [markdown]
# What an object looks like as a whole is not enough any more: each part must tell something. The best that a network
# can say to the mixed picture is that target, and even that has a price:

# %%
likely = np.array(list(target.values()))
print(f"the loss cannot fall below {-(likely * np.log(likely)).sum():.2f} for this picture")

# %% [markdown]
# ## Where is the batch normalisation?
# It was there in training, after each convolution, and made the fast rate possible (Ioffe and Szegedy 2015). For each
# channel it subtracts the mean, divides by the deviation, then multiplies by *gamma* and adds *beta*, which are
# learned. In training, mean and variance are those of the batch. Afterwards they are stored averages: plain numbers. A
# multiplication and an addition for each channel, which a convolution can do as well:
#
# $$k' = k \, \frac{\gamma}{\sqrt{v + \varepsilon}} \qquad b' = \beta - m \, \frac{\gamma}{\sqrt{v + \varepsilon}}$$

# %%
rng = np.random.default_rng(SEED)
convolution = keras.layers.Conv2D(4, 3, use_bias=False)
normalisation = keras.layers.BatchNormalization(epsilon=0.001)
photo = helpers.load_image(PHOTO, 64)[None]
normalisation(convolution(photo))  # this makes the weights
statistics = {"gamma": rng.uniform(0.5, 2, 4), "beta": rng.normal(size=4)}
statistics |= {"mean": rng.normal(size=4), "variance": rng.uniform(0.1, 3, 4)}
normalisation.set_weights(list(statistics.values()))

# %%
gamma, beta, mean, variance = statistics.values()
factor = gamma / np.sqrt(variance + 0.001)
pd.DataFrame(statistics | {"kernel times": factor, "new bias": beta - mean * factor}).rename_axis("channel").round(2)

# %% [markdown]
# One convolution with these kernels and biases, against the two layers:

# %%
folded = keras.layers.Conv2D(4, 3)
folded.build(photo.shape)
folded.set_weights([convolution.get_weights()[0] * factor, beta - mean * factor])
difference = np.abs(folded(photo) - normalisation(convolution(photo), training=False)).max()
print("largest difference below 1e-5:", difference < 1e-5)

# %% [markdown]
# So the bundled network is plain convolution and ReLU, like VGG16.

# %% [markdown]
# ## What did the kernels look like on the way?
# Three blocks were kept at the start and in the middle of the training. The first layer's kernels:

# %%
middle = f"epoch {stored['epochs'][1]}"
networks = {"start": network_at("start"), middle: network_at("middle"), "end": model}
kernels = np.concatenate([helpers.rgb_kernels(network) for network in networks.values()], axis=3)
tiles = np.moveaxis(0.5 + kernels / np.abs(kernels).max(axis=(0, 1, 2)) / 2, 3, 0)

# %%
count = len(tiles) // 3
figure, axis = plt.subplots(figsize=(9, 2), layout="constrained")
axis.imshow(tile(tiles, columns=count, gap=1))
axis.set_yticks([1, 5, 9], networks)
axis.set_xticks(np.arange(count) * 4 + 1, range(count))
axis.tick_params(length=0)
axis.spines[:].set_visible(False)
caption = "All kernels of block1_conv1 in colour, mid-grey is zero, one column for each: random at the start, in the "
caption += "middle of the training, at the end. The lower two are nearly alike; which columns still show their start?"
helpers.show(figure, caption)

# %% [markdown]
# Folding changes how *long* a kernel is, so we compare directions: the cosine of the angle between a kernel and its
# later self, 1 for the same direction, 0 for none in common. The median over the filters of each layer:


# %%
def same_direction(one, other, layer):
    kernels = [helpers.get_kernels(networks[stage], layer) for stage in (one, other)]
    a, b = (each.reshape(-1, each.shape[3]) for each in kernels)  # one column for each filter
    return np.median((a * b).sum(axis=0) / np.linalg.norm(a, axis=0) / np.linalg.norm(b, axis=0))


# %%
names, pairs = helpers.conv_layers(networks["start"]), [("start", "end"), (middle, "end")]
table = pd.DataFrame({f"{one}, end": [same_direction(one, end, name) for name in names] for one, end in pairs}, names)
print("the first layer keeps more of its start than the last one here:", table.iloc[0, 0] > table.iloc[-1, 0])
table.round(2)

# %% [markdown]
# Training need not invent the first kernels: random ones already differ in colour and direction, and the layers behind
# learn to use what they get.

# %% [markdown]
# What does a deeper filter want to see? Six filters by gradient ascent (notebook 05).

# %%
made = [
    helpers.visualize_filters(each, "block3_conv3", range(1, 7), iters=40, size=64, seed=SEED)
    for each in networks.values()
]
pictures = {
    f"filter {picture.f_index}, {stage}": picture.image
    for stage, row in zip(networks, made, strict=True)
    for picture in row
}
caption = "What six filters of block3_conv3 want to see, by gradient ascent: at the start of training (above), in the "
caption += "middle, at its end (below). Blots, or a plain tile, become strokes, ropes and dots that repeat."
helpers.show(helpers.plot_images(pictures, columns=6), caption)

# %% [markdown]
# A plain tile at the start is a filter whose answer is below zero whatever it is shown: as there are no biases yet, the
# best it can get is the picture that is zero to the network, ImageNet's mean colour. Batch normalisation wakes such a
# filter, because it moves each channel's mean to beta.

# %% [markdown]
# ## What is each photo to the network?
# Is there a right answer at all? We look through the names of the classes for words that fit. Only the first name of
# each class was kept: *projectile* is also called *missile* in WordNet, so for the rocket we let it count.

# %%
words = {"astronaut": "astronaut person spacesuit", "cat": "cat tabby", "coffee": "coffee espresso cup"}
words |= {"flower": "flower dahlia daisy", "rocket": "rocket missile projectile", "temple": "temple pagoda pavilion"}
fitting = {
    name: [label for label in model.network.labels() if set(label.lower().split()) & set(text.split())]
    for name, text in words.items()
}
print(*(f"{name:10} {', '.join(found) or 'no class fits'}" for name, found in fitting.items()), sep="\n")

# %%
pictures = {}
for name in dict.fromkeys([*helpers.sample_names(), PHOTO]):
    found, right = helpers.predict(model, helpers.load_image(name), top=5), fitting.get(name)
    place = next((place for place, label in enumerate(found["class"], 1) if label in (right or [])), None)
    verdict = "no right answer" if not right else f"right in place {place}" if place else "right answer not in the five"
    first = f"{found['class'][0]}, {found['probability'][0]:.0%}"
    pictures[f"{name}: {first}\n{verdict}"] = helpers.load_image(name, 160)
caption = "The bundled photos with mini_vgg16's first answer and its probability. Where no class fits, the network "
caption += "must be wrong; notice that such an answer can have a higher probability than a right one."
helpers.show(helpers.plot_images(pictures, columns=3), caption)

# %% [markdown]
# Softmax shares out 100% among the classes on the list. A high probability does not mean "I know this".

# %% [markdown]
# ## Can you train one yourself?
# A task without a download: from which of the six photos was this patch of 32 x 32 pixels cut? We learn from the left
# half of each photo. The test is where it matters: patches **near** the training patches, from the same half, overlap
# with them. Patches **far** away come from the other half.

# %%
names, rng = helpers.sample_names(), np.random.default_rng(SEED)


def patches(side, count):
    found = []
    for name in names:
        half = np.array_split(helpers.sample_image(name), 2, axis=1)[side]
        for y, x in rng.integers(0, np.subtract(half.shape[:2], 31), (count, 2)):
            found.append(half[y : y + 32, x : x + 32])
    return np.stack(found), np.repeat(range(len(names)), count)


# %%
(learned, answers), near, far = patches(0, 300), patches(0, 100), patches(1, 100)
examples = {
    f"{name}, {half}": part[number * 100]
    for half, (part, _) in {"left": near, "right": far}.items()
    for number, name in enumerate(names)
}
caption = "One patch of each photo, 32 x 32 pixels: from the left half above, from the right half below. Some tell by "
caption += "their colour alone which photo they come from, some do not tell at all."
helpers.show(helpers.plot_images(examples, columns=6), caption)

# %% [markdown]
# The network is a bundled one in small, with everything from above: batch normalisation, one cycle, weight decay, label
# smoothing.

# %%
keras.utils.set_random_seed(SEED)
layers = keras.layers
tensor = inputs = keras.Input((None, None, 3))
tensor = layers.Rescaling(2, offset=-1)(tensor)
for filters, side in ((16, 5), (32, 3), (64, 3)):
    tensor = layers.Conv2D(filters, side, padding="same", use_bias=False)(tensor)
    tensor = layers.BatchNormalization(momentum=0.9)(tensor)
    tensor = layers.MaxPooling2D(2)(layers.ReLU()(tensor))
network = keras.Model(inputs, layers.Dense(len(names))(layers.GlobalAveragePooling2D()(tensor)))

# %%
EPOCHS, batches = 10, len(learned) // 64
cycle = keras.optimizers.schedules.CosineDecay(0.0, EPOCHS * batches, warmup_target=0.005, warmup_steps=batches)
loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.05)
network.compile(keras.optimizers.AdamW(cycle, weight_decay=0.05), loss)
before = network.layers[2].kernel.numpy()


# %%
def accuracy(pictures, numbers):
    return (network.predict(pictures, verbose=0).argmax(axis=1) == numbers).mean()


# %%
history = []
for _ in range(EPOCHS):
    network.fit(learned, np.eye(len(names))[answers], batch_size=64, verbose=0)
    history.append([accuracy(*near), accuracy(*far)])

# %%
figure, axis = plt.subplots(figsize=(7, 3), layout="constrained")
for values, style, label in zip(np.transpose(history), ("o-", "s--"), ("near", "far"), strict=True):
    axis.plot(range(1, EPOCHS + 1), 100 * values, style, color="black", ms=4, label=label)
axis.axhline(100 / len(names), ls=":", color="0.5", label="guessing")
axis.set(xlabel="epoch", ylabel="right answers, in percent", ylim=(0, 103))
axis.legend(frameon=False, loc="center right")
axis.spines[["top", "right"]].set_visible(False)
caption = "Accuracy of your network after each epoch, on new patches of the halves that it learned from (near) and of "
caption += "the other halves (far). The gap between the lines is what a careless test would hide."
helpers.show(figure, caption)

# %%
in_grey = np.repeat(far[0].mean(axis=3, keepdims=True), 3, axis=3)
print("better than guessing, far too:", history[-1][1] > 2 / len(names))
print("near looks better than far:", history[-1][0] > history[-1][1])
print("it leans on colour, grey patches are worse:", accuracy(in_grey, far[1]) < history[-1][1])

# %% [markdown]
# Only *far* says anything about pictures that it has not learned from, and even that is the rest of six photos. The
# first kernels, before and after:

# %%
after = network.layers[2].kernel.numpy()
a, b = before.reshape(-1, 16), after.reshape(-1, 16)
cosines = (a * b).sum(axis=0) / np.linalg.norm(a, axis=0) / np.linalg.norm(b, axis=0)
print("they too keep most of their direction:", np.median(cosines) > 0.5)

# %%
titles = [f"{number}, {when}" for when in ("before", "after") for number in range(8)]
caption = "Eight of the sixteen first kernels of your network, 5 x 5, mid-grey is zero: random above, trained below. "
caption += "The two of a pair are alike: training moved the colours of the random start, it did not begin afresh."
pair = np.concatenate([before[..., :8], after[..., :8]], axis=3)
helpers.show(helpers.plot_kernels(pair, range(16), titles=titles), caption)

# %% [markdown]
# For each photo, the far patch whose right answer got the lowest probability:

# %%
probabilities = keras.ops.softmax(network.predict(far[0], verbose=0)).numpy()
hardest = {}
for number, name in enumerate(names):
    worst = number * 100 + probabilities[number * 100 : number * 100 + 100, number].argmin()
    guess = names[probabilities[worst].argmax()]
    hardest[f"{name}: said {guess}" if guess != name else f"{name}: right"] = far[0][worst]
caption = "The hardest far patch of each photo for your network, with its answer. Would you have known? Look for plain "
caption += "patches, and for colours that belong to another photo."
helpers.show(helpers.plot_images(hardest, columns=6), caption)

# %% [markdown]
# And its first layer, folded like the bundled network's:

# %%
convolution, normalisation = network.layers[2:4]
gamma, beta, mean, variance = normalisation.get_weights()
factor = gamma / np.sqrt(variance + normalisation.epsilon)
folded = layers.Conv2D(16, 5, padding="same")
folded.build((None, None, None, 3))
folded.set_weights([convolution.get_weights()[0] * factor, beta - mean * factor])

# %%
some = 2 * far[0][:50] - 1
difference = np.abs(folded(some) - normalisation(convolution(some), training=False)).max()
print("largest difference below 1e-4:", difference < 1e-4)

# %% [markdown]
# ## Play
# Choose a layer, a filter and the number of steps: its picture at the start, in the middle and at the end. Which layers
# were finished in the middle? `helpers.filter_explorer(network)` does the same for your own network.

# %%
networks = [network_at("start"), network_at("middle"), model]


def draw(layer, number, steps):
    made = [helpers.visualize_filter(network, layer, number, iters=steps, size=96) for network in networks]
    sheet = tile([picture.image for picture in made], columns=3, gap=4).repeat(3, axis=0).repeat(3, axis=1)
    caption = f"{layer}, filter {number}: what it wants to see at the start, after epoch {stored['epochs'][1]}, "
    return sheet, caption + f"and at the end of training, by {steps} steps of gradient ascent."


# %%
from ipywidgets import IntSlider

filters = {name: model.get_layer(name).filters for name in helpers.conv_layers(networks[0])}
steps = IntSlider(32, 1, 128, description="steps", continuous_update=False)
Explorer("Training explorer", filters, draw, "block3_conv1", "filter", {"steps": steps})

# %% [markdown]
# ## Exercises
# The checks name your mistake. The solutions are folded.

# %% [markdown]
# ### Exercise 1. What does guessing cost? (change one number)
# A network gives each of ImageNet's 1,000 classes the same probability. What is its loss (cross-entropy, natural
# logarithm)? Replace `None`.

# %%
answer_1 = None

# %%
# Check exercise 1
if answer_1 is None:
    print("Not yet: answer_1 is still None.")
elif answer_1 < 0:
    print("Not yet: the loss is minus the logarithm of the probability, so it is positive.")
elif abs(answer_1 - np.log(200)) < 0.01:
    print("Not yet: that is the loss for 200 classes.")
elif abs(answer_1 - 3) < 0.01 or abs(answer_1 - np.log2(1000)) < 0.01:
    print("Not yet: that is a logarithm to another base; np.log is the natural one.")
elif abs(answer_1 - 0.001) < 1e-6:
    print("Not yet: that is the probability itself.")
else:
    print("Correct." if abs(answer_1 - np.log(1000)) < 0.01 else "Not yet: minus the logarithm of 1 / 1000.")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# answer_1 = -np.log(1 / 1000)
# ```
# </details>

# %% [markdown]
# ### Exercise 2. A triangle for the learning rate (complete the function)
# Return the rate, as a share of its peak, after a `share` of the training: a straight line up from 0 to 1 until `warm`,
# then a straight line down to 0 at the end.


# %%
def triangle(share, warm):
    return share


# %%
# Check exercise 2
got = np.array([triangle(share, 0.2) for share in (0, 0.1, 0.2, 0.6, 1)], float)
if np.isnan(got).any():
    print("Not yet: triangle returns no number for some shares.")
elif got[4] > 0.01:
    print("Not yet: at the end of training the rate must be 0.")
elif got[0] > 0.01:
    print("Not yet: at the beginning the rate must be 0 too: it first rises.")
elif abs(got[2] - 1) > 0.01:
    print(f"Not yet: at share = warm it must be 1, and it is {got[2]:.2f}.")
elif abs(got[1] - 0.5) > 0.01:
    print(f"Not yet: half-way up it must be 0.5, and it is {got[1]:.2f}.")
else:
    print("Correct." if abs(got[3] - 0.5) < 0.01 else "Not yet: half-way down it must be 0.5: a line, no curve.")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def triangle(share, warm):
#     return min(share / warm, (1 - share) / (1 - warm))
# ```
# </details>

# %% [markdown]
# ### Exercise 3. Fold a layer that has a bias (write it)
# Here the convolution before the batch normalisation adds a bias of its own. Return the folded kernel and bias.


# %%
def fold(kernel, bias, gamma, beta, mean, variance, epsilon):
    return kernel, bias


# %%
# Check exercise 3
rng = np.random.default_rng(0)
kernel, (bias, beta, mean) = rng.normal(size=(3, 3, 2, 5)), rng.normal(size=(3, 5))
gamma, variance = rng.uniform(0.2, 2, (2, 5))
factor = gamma / np.sqrt(variance + 0.5)
k, b = fold(kernel, bias, gamma, beta, mean, variance, 0.5)
if np.shape(k) != kernel.shape or np.shape(b) != (5,):
    print(f"Not yet: the shapes are {np.shape(k)} and {np.shape(b)}, not {kernel.shape} and (5,).")
elif np.allclose(k, kernel * gamma / np.sqrt(variance)):
    print("Not yet: epsilon is missing; it is added to the variance.")
elif np.allclose(k, kernel * gamma / (variance + 0.5)):
    print("Not yet: divide by the square root of the variance.")
elif not np.allclose(k, kernel * factor):
    print("Not yet: the kernel must be multiplied by gamma / sqrt(variance + epsilon).")
elif np.allclose(b, beta - mean * factor):
    print("Not yet: the kernel is right, the convolution's own bias is lost.")
elif np.allclose(b, bias + beta - mean * factor):
    print("Not yet: its own bias is added before the normalisation, so it is scaled as well.")
else:
    print("Correct." if np.allclose(b, beta + (bias - mean) * factor) else "Not yet: what do both layers make of 0?")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def fold(kernel, bias, gamma, beta, mean, variance, epsilon):
#     factor = gamma / np.sqrt(variance + epsilon)
#     return kernel * factor, beta + (bias - mean) * factor
# ```
# </details>

# %% [markdown]
# ## Summary
# The bundled network learned from small crops first and large ones last, from pictures that were cut up and mixed, and
# settled as its learning rate fell. Its batch normalisation was folded into the kernels, which changes nothing but the
# work. A test is worth what separates it from the training: patches from the same half of a photo flatter the network.
#
# Think about: Why can batch normalisation not be folded *during* training? What would you have to change in the patches
# so that colour no longer helps? Suppose the network says "espresso" with certainty to a photo of tea: which of its
# numbers would warn you?

# %% [markdown]
# ## Where next
# The whole training is one short script, [helpers/weights/train.py](../helpers/weights/train.py). The
# [model card](../helpers/weights/README.md) says what the network is good for, and what not.

# %% [markdown]
# ## References
# - Deng et al.: ImageNet: A Large-Scale Hierarchical Image Database. CVPR 2009.
# - Le, Yang: Tiny ImageNet Visual Recognition Challenge. Stanford CS231n, 2015.
# - Russakovsky et al.: ImageNet Large Scale Visual Recognition Challenge. IJCV 2015.
# - Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition.
#   [arXiv:1409.1556](https://arxiv.org/abs/1409.1556), 2014.
# - Ioffe, Szegedy: Batch Normalization. ICML 2015.
# - Smith, Topin: Super-Convergence.
#   [arXiv:1708.07120](https://arxiv.org/abs/1708.07120), 2017.
# - Loshchilov, Hutter: SGDR: Stochastic Gradient Descent with Warm Restarts.
#   [arXiv:1608.03983](https://arxiv.org/abs/1608.03983), 2016.
# - Loshchilov, Hutter: Decoupled Weight Decay Regularization. ICLR 2019.
# - Szegedy et al.: Rethinking the Inception Architecture for Computer Vision. CVPR 2016.
# - Tan, Le: EfficientNetV2: Smaller Models and Faster Training. ICML 2021.
# - Yun et al.: CutMix: Regularization Strategy to Train Strong Classifiers. ICCV 2019.
# - Touvron et al.: Fixing the train-test resolution discrepancy. NeurIPS 2019.
# - Keras: Keras Applications. https://keras.io/api/applications/
