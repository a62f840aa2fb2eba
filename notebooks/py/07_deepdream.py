# %% [markdown]
# # Let the network dream (a photo turns into what a layer sees in it)
#
# **Goals**
# - write DeepDream by hand: gradient ascent that starts from a photo;
# - see what octaves, detail put back and tiles are for;
# - choose what to dream of: layers, one filter, a class.
#
# **Before this**: [05](05_gradient_ascent.ipynb) (gradient ascent by hand). **Time**: 35 min. **Network**: printed by
# the next cell.

# %%
import numpy as np

import helpers
from helpers import tf

PHOTO = "cat"  # the one line to change: a bundled photo, a path or an address
SEED = 0
model = helpers.load_model()

# %% [markdown]
# ## What does a layer see in a photo?
# In notebook 05 the picture began as noise, and one filter was maximised. Change two things, and you have DeepDream
# (Mordvintsev, Olah and Tyka 2015): begin with a photo, and maximise *whatever the layer already sees*, the mean square
# of all its feature maps. The square makes strong responses count most, so what is seen faintly is drawn clearly.

# %%
LAYER = "block4_conv2"
submodel = helpers.get_submodel(model, LAYER)
photo = helpers.load_image(PHOTO, (160, 240))
picture, kept = tf.Variable(photo[None]), {"photo": photo}

# %%
for step in range(1, 31):
    with tf.GradientTape() as tape:
        energy = tf.reduce_mean(submodel(helpers.preprocess(model, picture)) ** 2)
    gradient = tape.gradient(energy, picture)
    gradient /= tf.reduce_mean(tf.abs(gradient))  # each number now moves by 1 on average
    picture.assign(tf.clip_by_value(picture + 0.01 * gradient, 0, 1))
    if step in (8, 30):
        kept[f"{step} steps"] = picture.numpy()[0]

# %%
caption = (
    f"The photo {PHOTO!r}, and what ascent by hand on {LAYER} makes of it after 8 and 30 steps: small motifs come up"
    " all over the picture, nearly all of one size."
)
helpers.show(helpers.plot_images(kept, columns=3), caption)

# %%
before, after = (tf.reduce_mean(submodel(helpers.preprocess(model, kept[name])) ** 2) for name in ("photo", "30 steps"))
print(f"The layer sees more than it did: {bool(after > before)}")

# %% [markdown]
# Nothing was drawn by a person, and no filter was chosen: where the fur looked a little like a motif that the layer
# knows, it now is that motif. The step is divided by the gradient's mean magnitude, so it means the same in each layer.
#
# But all motifs have one size: that of the layer's receptive field. Should a large eye not turn into something large?

# %% [markdown]
# ## Why octaves?
# A small copy of the photo shows the layer a larger part of it. So dream in the small copy first, enlarge, and go on in
# the larger one. Each size is called an *octave*. Enlarging blurs, though: what does a copy of half the size lose?

# %%
photo = helpers.load_image(PHOTO, (160, 240))
small = tf.image.resize(photo, (80, 120), antialias=True)
lost = photo - tf.image.resize(small, (160, 240)).numpy()

# %%
caption = (
    "A photo, its copy of half the size enlarged again, and the lost detail (fivefold, around grey): edges, fur and"
    " whiskers are what an octave must be given back."
)
parts = {"photo": photo, "small, enlarged": photo - lost, "lost detail": (0.5 + 5 * lost).clip(0, 1)}
helpers.show(helpers.plot_images(parts, columns=3), caption)

# %% [markdown]
# The dream over three octaves by hand. `change` is what was dreamed: it is enlarged and laid on the photo *at the new
# size*, which holds its detail. `climb` is the loop from above.

# %%
submodel = helpers.get_submodel(model, "block4_conv2")


# %%
def climb(picture, steps=4):
    for _ in range(steps):
        with tf.GradientTape() as tape:
            tape.watch(picture)
            energy = tf.reduce_mean(submodel(helpers.preprocess(model, picture)) ** 2)
        gradient = tape.gradient(energy, picture)
        picture = tf.clip_by_value(picture + 0.01 * gradient / tf.reduce_mean(tf.abs(gradient)), 0, 1)
    return picture


# %%
change = blurred = tf.zeros((82, 122, 3))
for size in [(82, 122), (114, 171), (160, 240)]:
    own = tf.image.resize(photo, size, antialias=True)
    change = climb(own + tf.image.resize(change, size)) - own
    blurred = climb(tf.image.resize(own if size[0] == 82 else blurred, size))

# %%
caption = (
    "Three octaves by hand on block4_conv2: left each octave begins with the blurred one before it, right with the "
    "photo's detail put back; below, the lower left quarters. The motifs come in several sizes; only on the right are "
    "whiskers and fur still sharp."
)
tiles = {"detail lost": blurred.numpy(), "detail put back": (own + change).numpy()}
tiles |= {f"{name}, lower left": picture[80:, :120] for name, picture in tiles.items()}
helpers.show(helpers.plot_images(tiles, columns=2), caption)

# %% [markdown]
# The sizes of the motifs now follow the photo: eyes grow in eyes. This is all there is to DeepDream. The helper adds a
# random roll of the picture before each step (*jitter*), so that no pixel keeps the same place in the pooling windows.

# %% [markdown]
# ## What does each layer dream of?
# `deep_dream` takes a layer and does the rest. One layer of each block, and a second photo, which has an empty sky:

# %%
photos = {"rocket": helpers.sample_image("rocket", (120, 180)), PHOTO: helpers.load_image(PHOTO, (120, 180))}
seen = {"rocket": "even the empty sky fills up, with stripes, bands, a net of rings, dots and branching lines"}
seen |= {
    PHOTO: "stripes and bands, then spots, then round motifs like eyes, which settle where the photo has their like"
}
layers = [f"block{block}_conv{number}" for block, number in ((1, 2), (2, 2), (3, 2), (4, 2), (5, 1))]

# %%
for name, photo in photos.items():
    dreams = {layer: helpers.deep_dream(model, photo, layer, seed=SEED) for layer in layers}
    caption = (
        f"Dreams of the photo {name!r}, three octaves, one layer of each block: {seen[name]}. "
        "Where does a dream follow the photo, and where does it invent?"
    )
    helpers.show(helpers.plot_images({"photo": photo} | dreams, columns=3), caption)

# %% [markdown]
# On the whole the motifs grow with the receptive field, as in notebook 05, and come nearer to what photos consist
# of. In the sky there is next to nothing to see, and the layers still find something: the gradient of a faint response
# is divided by its own size, which makes it as strong as any other.

# %% [markdown]
# ## Layers, one filter, or a class?
# What is dreamed of is an objective, as in notebook 05: names with weights, `channel`, `class_logit`, their sums and
# differences. A negative weight takes a motif *out*.

# %%
photo = helpers.load_image(PHOTO, (120, 180))
mixture = {"block3_conv2": 1, "block5_conv1": 4}
goals = {"two layers": mixture, "one filter": helpers.channel("block4_conv2", 3)}
goals["less of block2"] = -1 * helpers.whole_layer("block2_conv2")
dreams = {name: helpers.deep_dream(model, photo, goal, seed=SEED) for name, goal in goals.items()}

# %%
caption = (
    "Three objectives for one photo: a weighted pair of layers, a single filter of block4_conv2, and block2_conv2 "
    "with a negative weight. The single filter repeats one motif; the negative weight wipes fur and whiskers away, and "
    "leaves a fine grain."
)
helpers.show(helpers.plot_images(dreams, columns=3), caption)

# %% [markdown]
# For a class we need a network with a head. The bundled one knows 200 classes:

# %%
classifier = helpers.load_model("mini_vgg16", include_top=True)
sky = helpers.sample_image("rocket", (120, 180))
names = ["ladybug", "jellyfish", "lampshade"]
dreams = {name: helpers.deep_dream(classifier, sky, helpers.class_logit(name), iters=40, seed=SEED) for name in names}

# %%
answers = {name: helpers.predict(classifier, dream, top=1).iloc[0] for name, dream in dreams.items()}
for name, answer in answers.items():
    print(f"Asked for {name}: the network now says {answer['class']}")
print("It is surest of the", max(answers, key=lambda name: answers[name]["probability"]))

# %%
caption = (
    "The rocket's sky dreamed towards three classes of the bundled network: small round backs, red and black, for the "
    "ladybug; curved stripes for the jellyfish; and for the lampshade a shade on the rocket, which becomes a lamp."
)
helpers.show(helpers.plot_images(dreams, columns=3), caption)

# %% [markdown]
# The rocket helps the lampshade, as any dream grows out of what is there. But the network is surest of the jellyfish,
# where a person sees curved stripes and hardly an animal. What convinces it is no whole animal but colour, texture and
# parts (Geirhos et al. 2019 measured how much texture counts), and it is not always what convinces us.

# %% [markdown]
# ## What if the picture is large?
# The feature maps of a large photo may not fit into memory. So compute the gradient in tiles, one after another. What
# goes wrong at their edges? By hand: the gradient of the whole, and of its two halves.

# %%
submodel = helpers.get_submodel(model, "block3_conv2")
photo = helpers.load_image(PHOTO, (96, 144))


# %%
def slope(picture):
    picture = tf.constant(picture)
    with tf.GradientTape() as tape:
        tape.watch(picture)
        energy = tf.reduce_sum(submodel(helpers.preprocess(model, picture)) ** 2)
    return tape.gradient(energy, picture).numpy()


# %%
whole = slope(photo)
halves = np.concatenate([slope(photo[:, :72]), slope(photo[:, 72:])], axis=1)
error = np.abs(halves - whole).mean(axis=2) / np.abs(whole).mean()
print(f"Away from the seam the two agree: {error[:, :24].max() < 1e-3 and error[:, -24:].max() < 1e-3}")

# %% [markdown]
# The error sits in a band as wide as the receptive field. The cure is old and simple: roll the picture by a random
# amount before each step, so that the seam is never twice in one place. Small tiles on a plain sky, with and without
# the roll:

# %%
sky = helpers.sample_image("rocket", (336, 504))[:96, 150:294]
made = {"where halves err": error / error.max()}
for name, jitter in (("seams stay", 0), ("seams wander", 32)):
    made[name] = helpers.deep_dream(model, sky, "block3_conv2", octaves=1, iters=30, tile=64, jitter=jitter, seed=SEED)
caption = (
    "Left where the gradient of the two halves is wrong (bright): a band at the cut. Then a sky dreamed with "
    "block3_conv2 in small tiles: without the roll a window of six panes, with it one even pattern."
)
helpers.show(helpers.plot_images(made, columns=3), caption)

# %% [markdown]
# ## Where does the dream lead?
# Enlarge the middle of a dream a little, dream again, and so on: less and less of the photo is left, and every frame
# is made of what the layer saw in the frame before. A loop of a few lines gives the frames.

# %%
height, width = 112, 168
frames = [helpers.load_image(PHOTO, (height, width))]
for number in range(14):
    middle = helpers.load_image(frames[-1][4:-4, 6:-6], (height, width))  # cut out and enlarged
    frames.append(helpers.deep_dream(model, middle, "block4_conv2", octaves=2, iters=4, seed=SEED + number))

# %%
caption = (
    "A flight into the dream of block4_conv2, each frame an enlarged middle of the one before, dreamed again: the "
    "photo dissolves, and the layer's own motifs go on for ever."
)
helpers.show_ascent(frames, caption)

# %% [markdown]
# ## Play
# Choose a layer and the strength. The preview is small, so that you need not wait.

# %%
helpers.dream_explorer(model, helpers.load_image(PHOTO))

# %% [markdown]
# In a cell of your own, `helpers.deep_dream(model, PHOTO, "block4_conv2")` dreams in full size; the stop button keeps
# the picture so far.

# %% [markdown]
# ## Exercises

# %% [markdown]
# ### Exercise 1. How small is the smallest octave? (change one number)
# A picture is 512 pixels wide, and there are five octaves with `scale=1.4`. How many pixels wide is the smallest one?
# Replace `None`.

# %%
answer_1 = None

# %%
# Check exercise 1
if answer_1 is None:
    print("Not yet: answer_1 is still None.")
elif abs(answer_1 - 512 / 1.4**5) < 1:
    print("Not yet: from the first to the fifth octave there are four steps, not five.")
elif abs(answer_1 - 512 / (1.4 * 4)) < 1 or abs(answer_1 - 512 / (1.4 * 5)) < 1:
    print("Not yet: each octave divides by 1.4 again, so the factors multiply: a power.")
elif answer_1 > 512:
    print("Not yet: the smallest octave is smaller than the picture.")
else:
    print("Correct." if abs(answer_1 - 512 / 1.4**4) < 1 else "Not yet: divide 512 by 1.4, once for each step.")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# answer_1 = round(512 / 1.4**4)
# ```
# </details>

# %% [markdown]
# ### Exercise 2. Put the detail back (complete a line)
# `change` was dreamed at a smaller size than `photo`. Return the picture with which the next octave begins: the photo,
# with the change enlarged by `enlarge(array, shape)`, kept within 0 and 1.


# %%
def next_start(photo, change, enlarge):
    return None


# %%
# Check exercise 2
def enlarge(array, shape):
    return array.repeat(shape[0] // len(array), 0).repeat(shape[1] // len(array), 1)


photo, change = np.linspace(0, 1, 48).reshape(4, 4, 3), np.full((2, 2, 3), 0.25)
got = next_start(photo, change, enlarge)
if got is None:
    print("Not yet: next_start returns None.")
elif np.shape(got) != (4, 4, 3):
    print(f"Not yet: the shape is {np.shape(got)}; enlarge the change to the photo's height and width.")
elif np.max(got) > 1:
    print("Not yet: some values lie above 1; clip them.")
elif np.allclose(got, enlarge(change, (4, 4))):
    print("Not yet: that is the change alone; the photo with its detail is missing.")
else:
    print("Correct." if np.allclose(got, np.clip(photo + 0.25, 0, 1)) else "Not yet: add the change to the photo.")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def next_start(photo, change, enlarge):
#     return np.clip(photo + enlarge(change, photo.shape[:2]), 0, 1)
# ```
# </details>

# %% [markdown]
# ### Exercise 3. Roll, compute, roll back (write it)
# Return the gradient of `picture` `(h, w, 3)`, computed on the picture rolled by `shift` (rows, columns). The result
# must lie where the picture lies. `gradient(picture)` gives an array of the same shape.


# %%
def rolled_gradient(picture, gradient, shift):
    return None


# %%
# Check exercise 3
picture, seen = np.random.default_rng(0).uniform(size=(6, 8, 3)), []
got = rolled_gradient(picture, lambda image: seen.append(image) or 2 * image, (2, -3))
if got is None:
    print("Not yet: rolled_gradient returns None.")
elif not seen or np.allclose(seen[0], picture):
    print("Not yet: the gradient is computed without a roll, so a seam would stay in its place.")
elif not np.allclose(seen[0], np.roll(picture, (2, -3), axis=(0, 1))):
    print("Not yet: roll the rows by shift[0] and the columns by shift[1]; np.roll needs axis=(0, 1).")
elif np.allclose(got, 2 * seen[0]):
    print("Not yet: the gradient lies where the rolled picture lies; roll it back.")
else:
    print(
        "Correct." if np.allclose(got, 2 * picture) else "Not yet: roll back by the opposite shift, on the same axes."
    )

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def rolled_gradient(picture, gradient, shift):
#     found = gradient(np.roll(picture, shift, axis=(0, 1)))
#     return np.roll(found, (-shift[0], -shift[1]), axis=(0, 1))
# ```
# </details>

# %% [markdown]
# ## Summary
# 1. DeepDream is gradient ascent that begins with a photo and raises whatever a layer already sees in it.
# 2. Octaves give motifs of several sizes, the photo's detail is put back at each, and rolls hide the seams of tiles.
# 3. What is dreamed of is an objective: whole layers, one filter or a class, with weights of either sign.
#
# Questions to think about:
# 1. Why does a dream of the first block hardly change when octaves are added?
# 2. What would a network dream of that was trained on buildings only?
# 3. The dream shows what raises a response. Does it show what the network uses to tell classes apart?

# %% [markdown]
# ## Where next
# [08_style_transfer](08_style_transfer.ipynb) asks for a picture with *given* responses instead of higher ones.

# %% [markdown]
# ## References
# - A. Mordvintsev, C. Olah, M. Tyka (2015). Inceptionism: going deeper into neural networks. Google Research Blog.
# - A. Mordvintsev, C. Olah, M. Tyka (2015). DeepDream, a code example for visualizing neural networks. Google Research
#   Blog.
# - R. Geirhos, P. Rubisch, C. Michaelis, M. Bethge, F. Wichmann, W. Brendel (2019). ImageNet-trained CNNs are biased
#   towards texture. ICLR. [arXiv:1811.12231](https://arxiv.org/abs/1811.12231)
