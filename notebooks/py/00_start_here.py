# %% [markdown]
# # Start here (what a network sees, and whether your machine is ready)
#
# **Goals**
# - check that everything is installed, and which network you will look into;
# - see one picture of each kind that this course makes;
# - bring your own photo.
#
# **Before this**: nothing; some Python helps. **Time**: 15 min. **Network**: printed by the next cell.
#
# Run a cell with Shift + Enter. Run the set-up cell below first; after it you may jump to any section.

# %%
from importlib.metadata import version

import ipywidgets as widgets
import numpy as np

import helpers
from helpers import tf
from helpers.downloads import keras_cache

PHOTO = "cat"  # the one line to change for your own picture: a bundled name, a path or an address
SEED = 0
model = helpers.load_model()

# %% [markdown]
# ## Is everything here?
# The packages, with their versions:

# %%
print(f"{'tensorflow':12} {tf.__version__}")
for package in ("keras", "numpy", "matplotlib", "pandas", "ipywidgets", "jupyterlab"):
    try:
        print(f"{package:12} {version(package)}")
    except ImportError:
        print(f"{package:12} missing")

# %% [markdown]
# VGG16's weights, 59 MB, come from Keras' cache or are downloaded once. Are they in the cache, and which network are
# you looking into?

# %%
weights = sorted(file.name for file in keras_cache().glob("vgg16_weights*notop.h5"))
print("VGG16's weights in the cache:", ", ".join(weights) or "none")
print("You are looking into:", model.name)

# %% [markdown]
# | what you see | what to do |
# |---|---|
# | a package is missing | close JupyterLab, delete the folder `.venv`, run `make lab` |
# | the network is `mini_vgg16`, and you are online | run the first cell again; a firewall may be in the way |
# | it still is `mini_vgg16` | go on: every notebook works with it |
# | `WeightsUnavailable` | it names a file, its address and a folder: put the file there by hand |
# | the kernel dies | close other notebooks: one needs about 1 GB |
#
# `mini_vgg16` has VGG16's layers and names, a quarter to half as wide. It learned 200 kinds of things from pictures of
# 64 x 64 pixels, so it sees less than VGG16, but it is a real network with learned filters.

# %% [markdown]
# ## What will you see?
# **The photo** that every notebook uses, and what a small classifier says about it (notebook 02):

# %%
photo = helpers.load_image(PHOTO)
classifier = helpers.load_model("mini_vgg16", include_top=True)
caption = f"The photo {PHOTO!r} beside the five most probable classes of {classifier.name}: is the first one right?"
helpers.show(helpers.plot_predictions(photo, helpers.predict(classifier, photo)), caption)

# %% [markdown]
# **Kernels**: the numbers that the network learned, drawn in colour (notebooks 01 and 03).

# %%
caption = "The first kernels of the first layer in colour, mid-grey is zero: nine pixels each, some with a clear side."
helpers.show(helpers.plot_kernels(helpers.rgb_kernels(model), filters=range(8)), caption)

# %% [markdown]
# **Feature maps**: what a layer makes of the photo (notebook 04).

# %%
maps = helpers.feature_maps(model, helpers.load_image(PHOTO), "block3_conv1")["block3_conv1"]
caption = "Sixteen feature maps of block3_conv1 for the photo, each on its own scale: brighter is a stronger response."
helpers.show(helpers.plot_feature_maps(maps, "block3_conv1", limit=16), caption)

# %% [markdown]
# **Patches**: what excites one of its channels most in all bundled photos (notebook 04).

# %%
photos = {name: helpers.sample_image(name) for name in helpers.sample_names()}
patches = helpers.strongest_patches(model, "block3_conv1", 0, photos)
caption = "The patches of the bundled photos that excite channel 0 of block3_conv1 most: what do they have in common?"
helpers.show(helpers.plot_patches(patches), caption)

# %% [markdown]
# **Wishes**: the picture that a filter wants to see, made by gradient ascent (notebook 05). This takes a few seconds.

# %%
made = helpers.visualize_filters(model, "block4_conv3", range(8), seed=SEED)
caption = "What eight filters of block4_conv3 want to see, made from noise by gradient ascent. Most repeat one small "
caption += "part over the whole picture: which parts can you name?"
helpers.show(helpers.plot_filters(made), caption)

# %% [markdown]
# ## Which notebooks are there?
# | notebook | question | minutes |
# |---|---|---|
# | [01_cnn_basics](01_cnn_basics.ipynb) | What is a convolution, and how does it learn? | 45 |
# | [02_pretrained_models](02_pretrained_models.ipynb) | What is VGG16 made of? What does a network say? | 40 |
# | [03_kernels](03_kernels.ipynb) | What did it learn to multiply with? | 40 |
# | [04_feature_maps](04_feature_maps.ipynb) | What does each layer make of a photo? | 40 |
# | [05_gradient_ascent](05_gradient_ascent.ipynb) | What does a filter want to see? | 35 |
# | [05b_better_pictures](05b_better_pictures.ipynb) | What makes its picture clear, and is it evidence? | 40 |
# | [06_saliency](06_saliency.ipynb) | Why does a network say that, and is the explanation true? | 50 |
# | [07_deepdream](07_deepdream.ipynb) | What does a layer see in a photo? | 35 |
# | [08_style_transfer](08_style_transfer.ipynb) | Where in a network does style sit? | 40 |
# | [10_train_your_own](10_train_your_own.ipynb) | How did the bundled network come to be? Can I train one? | 45 |
#
# Each has a slider to play with and three exercises. The last cells of this one show how an exercise works.
#
# The names of the photos that come with the course:

# %%
print(", ".join(helpers.sample_names()))

# %% [markdown]
# ## How do I use my own photo?
# In any notebook, change the line `PHOTO = "cat"` in the first cell to a path or an address, such as
# `PHOTO = "holiday.jpg"`, and choose *Run > Restart Kernel and Run All Cells*. Or upload a photo here, then run the
# cell below it:

# %%
upload = widgets.FileUpload(accept="image/*", description="your photo")
upload

# %%
own = helpers.load_image(upload.value) if upload.value else helpers.load_image(PHOTO)
caption = (
    "The photo that you uploaded, or else the one that PHOTO names, as every notebook gets it: at most 384 pixels."
)
helpers.show(helpers.plot_images({f"{own.shape[0]} x {own.shape[1]} pixels": own}), caption)

# %% [markdown]
# Whatever the file holds, `load_image` gives red, green and blue as numbers from 0 to 1:

# %%
print("lowest at least 0:", own.min() >= 0, " highest at most 1:", own.max() <= 1, " type:", own.dtype)

# %% [markdown]
# ## Play
# Every part of the course has an explorer. Each lets you choose the network, a photo (or upload one) and a layer. With
# the keyboard: Tab goes from control to control, the arrows choose. Feature maps: from which layer on do
# you no longer recognise the photo?

# %%
photo = helpers.load_image(PHOTO)
helpers.feature_map_explorer(model, photo)

# %% [markdown]
# The kernels that make these maps, notebook 03:

# %%
helpers.kernel_explorer(model, photo)

# %% [markdown]
# The picture that each filter wants to see, 05. Click on a small picture to see it large:

# %%
helpers.filter_explorer(model)

# %% [markdown]
# Which pixels the answer rests on, 06:

# %%
helpers.saliency_explorer(model, photo)

# %% [markdown]
# What a layer dreams into the photo, 07. `make dashboard` shows all five on one page, without code.

# %%
helpers.dream_explorer(model, photo)

# %% [markdown]
# ## Exercises
# An exercise has three parts: a cell to change, a cell that checks it, and a folded solution. Nothing breaks if you are
# wrong: the check says what is missing.

# %% [markdown]
# ### Exercise 1. Change one number
# Which convolution of VGG16 is the last of the third block? Change the number at the end of the name.

# %%
answer_1 = "block3_conv0"

# %%
# Check exercise 1
if answer_1 not in helpers.conv_layers(model):
    print(f"Not yet: there is no layer {answer_1}. The convolutions of a block are counted from 1.")
elif not answer_1.startswith("block3"):
    print(f"Not yet: {answer_1} is in another block.")
elif answer_1 != "block3_conv3":
    print(f"Not yet: after {answer_1} there is one more in the same block.")
else:
    print("Correct: the third block has three convolutions.")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# answer_1 = "block3_conv3"
# ```
# </details>

# %% [markdown]
# ### Exercise 2. Load a photo in a given size
# Load the coffee with 64 rows and 96 columns. `load_image(name, size)` takes a pair (height, width).

# %%
answer_2 = helpers.load_image("cat", 64)

# %%
# Check exercise 2
wanted = helpers.load_image("coffee", (64, 96))
if np.shape(answer_2) == (96, 64, 3):
    print("Not yet: the height comes first, then the width.")
elif np.shape(answer_2) != wanted.shape:
    print(f"Not yet: the shape is {np.shape(answer_2)}, and it must be {wanted.shape}.")
elif not np.allclose(answer_2, wanted, atol=0.01):
    print("Not yet: the size is right, but this is another photo.")
else:
    print("Correct: the largest part of the right proportions was cut out, and nothing was squashed.")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# answer_2 = helpers.load_image("coffee", (64, 96))
# ```
# </details>

# %% [markdown]
# ### Exercise 3. Write a function
# Return the number of the channel with the highest mean response, for feature maps of shape
# `(height, width, channels)`.


# %%
def busiest_channel(maps):
    return None


# %%
# Check exercise 3
maps = np.zeros((4, 5, 3))
maps[0, 0, 0], maps[..., 1], maps[..., 2] = 9, 2, 1
found = busiest_channel(maps)
if found is None:
    print("Not yet: the function returns None.")
elif np.ndim(found) > 0:
    print("Not yet: that is a list of numbers; return the place of the largest one.")
elif found == 0:
    print("Not yet: channel 0 has the highest single response; the mean counts.")
elif found == 1:
    print("Correct: channel 1 responds everywhere, channel 0 only at one place.")
else:
    print(f"Not yet: {found} is not the channel with the highest mean; take the mean over height and width.")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def busiest_channel(maps):
#     return int(maps.mean(axis=(0, 1)).argmax())
# ```
# </details>

# %% [markdown]
# ## Summary
# The first cell loads a network and names it. Each notebook then asks one question, answers it by hand, and shows
# pictures. One line, `PHOTO`, brings in your own photo.
#
# Three questions to keep in mind: What would you have to see to believe that a network "knows" cats? Does a picture of
# a filter show what it does, or what we can recognise? What would change if the network had been trained on other
# photos?

# %% [markdown]
# ## Where next
# [01_cnn_basics](01_cnn_basics.ipynb) if convolutions are new to you, else
# [02_pretrained_models](02_pretrained_models.ipynb).

# %% [markdown]
# ## References
# - Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition.
#   [arXiv:1409.1556](https://arxiv.org/abs/1409.1556), 2014. The network that the course is about.
# - Olah, Mordvintsev, Schubert: Feature Visualization. Distill, 2017.
#   [doi:10.23915/distill.00007](https://doi.org/10.23915/distill.00007)
# - The photos' authors and licences: [images/CREDITS.md](../images/CREDITS.md). The bundled network:
#   [model card](../helpers/weights/README.md).
