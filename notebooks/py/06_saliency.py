# %% [markdown]
# # Ask a network why (maps of the pixels that its answer rests on)
#
# **Goals**
# - write the plain gradient and Grad-CAM by hand, in ten lines each;
# - cut an object out of a photo without a single label;
# - find out which of these maps tell the truth about the network, and which only look good.
#
# **Before this**: [02](02_pretrained_models.ipynb) (predictions), [04](04_feature_maps.ipynb) (feature maps),
# [05](05_gradient_ascent.ipynb) (gradients). **Time**: 50 min. **Network**: printed by the next cell.

# %%
import matplotlib.pyplot as plt
import numpy as np
import skimage

import helpers
from helpers import tf

PHOTO = "coffee"  # the one line to change: a bundled photo, a path or an address
SEED = 0
model = helpers.load_model("mini_vgg16", include_top=True, input_shape=(64, 64, 3))

# %% [markdown]
# `model` is the bundled network with its head, at the one size that it was trained on. The helpers of this notebook fit
# every photo to a network of one size, and give maps of the photo's size. To try another network, name it here:
# `helpers.load_model("resnet50", include_top=True)`.

# %% [markdown]
# ## What does the network say?
# First the answer; then the question why.

# %%
photo = helpers.load_image(PHOTO, 192)
predictions = helpers.predict(model, photo)
caption = f"The photo {PHOTO!r} and the network's five most probable classes: what in the photo speaks for the first?"
helpers.show(helpers.plot_predictions(photo, predictions), caption)

# %% [markdown]
# A *saliency map* has one number for each pixel: how much it counts for one class. The methods differ in what "counts"
# means, and not all of them mean anything.

# %% [markdown]
# ## Which pixels would change the score?
# Simonyan et al. (2013): take the gradient of the class's score, *before* the softmax, with respect to the photo. After
# the softmax, a class also falls because another one rises. The preprocessing lies inside the tape, as in
# [05](05_gradient_ascent.ipynb).

# %%
small = helpers.load_image(PHOTO, model.input_shape[1])
picture = tf.constant(small[None])
with tf.GradientTape() as tape:
    tape.watch(picture)
    scores = model(helpers.preprocess(model, picture))[0]
    score = tf.reduce_max(scores)
gradient = tape.gradient(score, picture)[0].numpy()
by_hand = np.abs(gradient).max(axis=2)  # the strongest of the three colours

# %%
from_helper = helpers.saliency_map(model, small, "gradient")
print(f"The helper's map is the same: {np.allclose(from_helper, by_hand / by_hand.max(), atol=0.01)}")

# %% [markdown]
# The helper does this for ten methods. Five of them look at single pixels:

# %%
photo = helpers.load_image(PHOTO, 192)
methods = ["gradient", "gradient_x_input", "smoothgrad", "guided_backpropagation", "integrated_gradients"]
maps = {name: helpers.saliency_map(model, photo, name, seed=SEED) for name in methods}

# %%
tiles = {"photo": photo} | {name.replace("_", " "): helpers.overlay(photo, map_) for name, map_ in maps.items()}
caption = (
    "Five maps of single pixels for the top class, yellow where a pixel counts most: the plain gradient is speckled, "
    "SmoothGrad a little less; guided backpropagation draws outlines. Which two stay black where the photo is dark?"
)
helpers.show(helpers.plot_images(tiles, columns=3), caption)

# %% [markdown]
# - **Gradient x input** multiplies by the pixel: black never counts.
# - **SmoothGrad** averages the gradients of noisy copies (Smilkov et al. 2017).
# - **Guided backpropagation** lets only positive gradients pass back through each ReLU (Springenberg et al. 2014).
# - **Integrated gradients** averages the gradients on the way from black to the photo, and is *complete*: its numbers
#   add up to the difference between the two scores (Sundararajan et al. 2017). How complete depends on the steps:

# %%
photo = helpers.load_image(PHOTO, 64)
gaps = [helpers.integrated_gradients(model, photo, steps=steps)[1] for steps in (2, 256)]
print(f"256 steps leave a smaller gap than two: {gaps[1] < gaps[0]}; less than a twentieth: {gaps[1] < 0.05}")

# %% [markdown]
# ## Which part of the photo?
# Grad-CAM (Selvaraju et al. 2017) asks the last feature maps instead of the pixels. Each map gets a weight, the mean of
# the score's gradient over that map; the weighted sum, cut at zero, is the answer.

# %%
small = helpers.load_image(PHOTO, model.input_shape[1])
last = helpers.conv_layers(model)[-1]
maps_and_scores = helpers.get_submodel(model, [last, model.layers[-1].name])

# %%
with tf.GradientTape() as tape:
    maps, scores = maps_and_scores(helpers.preprocess(model, small))
    score = tf.reduce_max(scores[0])
weights = tf.reduce_mean(tape.gradient(score, maps), axis=[1, 2])
by_hand = tf.nn.relu(tf.reduce_sum(weights * maps[0], axis=2)).numpy()

# %%
large = tf.image.resize(by_hand[..., None], small.shape[:2]).numpy()[..., 0]
from_helper = helpers.saliency_map(model, small, "grad_cam")
print(f"{last} has maps of {maps.shape[1]} x {maps.shape[2]}.")
print(f"The helper's map is the same: {np.corrcoef(from_helper.ravel(), large.ravel())[0, 1] > 0.999}")

# %% [markdown]
# LayerCAM (Jiang et al. 2021) gives each *unit* its own weight, its positive gradient, so that earlier and finer layers
# serve too. Occlusion needs no gradient: cover a square with grey and see how far the score falls.

# %%
photo = helpers.load_image(PHOTO, 192)
found = {"Grad-CAM": helpers.saliency_map(model, photo, "grad_cam")}
for layer in ("block5_conv3", "block4_conv3", "block3_conv3"):
    found[f"LayerCAM, {layer}"] = helpers.saliency_map(model, photo, "layer_cam", layer_name=layer)
found["occlusion"] = helpers.saliency_map(model, photo, "occlusion")

# %%
tiles = {"photo": photo} | {name: helpers.overlay(photo, map_) for name, map_ in found.items()}
caption = (
    "Maps of regions for the top class: Grad-CAM, LayerCAM at three depths and occlusion. The earlier the layer, the "
    "finer the map. They do not point at the same part: compare Grad-CAM with occlusion."
)
helpers.show(helpers.plot_images(tiles, columns=3), caption)

# %% [markdown]
# ## Does the map depend on the class?
# It should. The same photo, the same method, the network's first three answers, however improbable:

# %%
photo = helpers.load_image(PHOTO, 192)
tiles = {}
for method in ("grad_cam", "guided_backpropagation"):
    for label in helpers.predict(model, photo, top=3)["class"]:
        map_ = helpers.saliency_map(model, photo, method, label)
        tiles[f"{label}, {method.replace('_', ' ')}"] = helpers.overlay(photo, map_)

# %%
caption = (
    "Grad-CAM (above) and guided backpropagation (below) for the network's first three answers: what changes from "
    "class to class, and what does not?"
)
helpers.show(helpers.plot_images(tiles, columns=3), caption)

# %% [markdown]
# Look closely at guided backpropagation: a map that hardly changes with the class can hardly explain the class. We come
# back to that.

# %% [markdown]
# ## Where is the object, when nobody names a class?
# Many filters of a deep layer are quieter on sky and table than on things. So the plain *mean* of a layer's maps often
# points at the object; so does their first principal component, the one direction along which the units differ
# most. No class, no gradient, one line by hand:

# %%
small = helpers.load_image(PHOTO, model.input_shape[1])
by_hand = helpers.feature_maps(model, small, "block4_conv3")["block4_conv3"].mean(axis=2)
print(f"One number for each of {by_hand.shape[0]} x {by_hand.shape[1]} units.")

# %%
tiles = {}
for name in helpers.sample_names():
    photo = helpers.load_image(name, 192)
    for method in ("averaged_activations", "first_component"):
        map_ = helpers.saliency_map(model, photo, method, layer_name="block4_conv3")
        tiles[f"{name}\n{method.replace('_', ' ')}"] = helpers.overlay(photo, map_)

# %%
caption = (
    "Mean and first component of block4_conv3 for each bundled photo: many point at the object although no class was "
    "asked for. Which ones are fooled by the background?"
)
helpers.show(helpers.plot_images(tiles, columns=4), caption)

# %% [markdown]
# A network without a head has no classes at all. There, the other methods ask for a *channel* of the last maps, by
# default the strongest:

# %%
headless = helpers.load_model()
photo = helpers.load_image(PHOTO, headless.network.default_size)
map_ = helpers.saliency_map(headless, photo, "gradient")
print(f"The map has the photo's size: {map_.shape == photo.shape[:2]}")

# %% [markdown]
# ## Can we cut the object out?
# `saliency_mask` turns a map into a yes or no for each pixel. Otsu's threshold parts the map in two; the surest pixels
# of both parts are seeds; from there two floods rise, and meet at the photo's own edges.

# %%
photo = helpers.load_image(PHOTO, 192)
map_ = helpers.saliency_map(model, photo, "first_component", layer_name="block4_conv3")
mask = helpers.saliency_mask(photo, map_)
print(f"The mask holds {'less' if mask.mean() < 0.5 else 'more'} than half of the photo.")

# %%
patches = skimage.segmentation.slic(photo, 250, compactness=12)  # about 250 patches of like colour
flat = skimage.color.label2rgb(patches, photo, kind="avg", bg_label=-1)
inside = mask[..., None]
background, weight = (skimage.filters.gaussian(part, 5, channel_axis=2) for part in (photo * ~inside, 1.0 * ~inside))
blurred = background / np.maximum(weight, 1e-6)  # of the background alone, or the object would glow

# %%
tiles = {
    "map": helpers.overlay(photo, map_),
    "outline": skimage.segmentation.mark_boundaries(photo, mask, mode="thick"),
    "cartoon of the object": np.where(inside, flat, photo),
    "blurred background": np.where(inside, photo, blurred),
}
caption = (
    "From the first component of block4_conv3, 8 x 8 numbers, to a mask: its outline, a cartoon inside and a blur "
    "outside. Where does the outline follow an edge of the object, and where does it miss one?"
)
helpers.show(helpers.plot_images(tiles, columns=4), caption)

# %% [markdown]
# `segment` gives more than two regions. Each unit of a layer has one vector, a number from each map; k-means puts units
# with similar vectors together.

# %%
tiles = {}
for name in helpers.sample_names():
    photo = helpers.load_image(name, 192)
    regions = helpers.segment(model, photo, 3, "block4_conv3", seed=SEED)
    tiles[name] = skimage.segmentation.mark_boundaries(photo, regions, mode="thick")
caption = (
    "Three regions in each photo, found by clustering the vectors of block4_conv3: nobody marked a flower or a sky "
    "for the network. Which regions follow things, and which follow nothing?"
)
helpers.show(helpers.plot_images(tiles, columns=3), caption)

# %% [markdown]
# ## Is the map telling the truth?
# A map that looks like the object pleases us. That is no evidence. Two tests ask the network:
#
# - **Deletion and insertion** (Petsiuk et al. 2018): paint over the pixels, the strongest of the map first. If they are
#   what the answer rests on, the probability falls at once.
# - **Randomised weights** (Adebayo et al. 2018): shuffle the weights, from the output backwards. The network now knows
#   nothing. A map that stays the same never showed what the network knew.
#
# And two controls that know nothing about the network: a random map and an edge detector.

# %%
photo = helpers.load_image(PHOTO, 64)
random_map = np.random.default_rng(SEED).uniform(size=photo.shape[:2])
curves = {"random map": helpers.deletion_insertion(model, photo, random_map, seed=SEED)}
for method in ("grad_cam", "gradient"):
    map_ = helpers.saliency_map(model, photo, method)
    curves[method] = helpers.deletion_insertion(model, photo, map_, seed=SEED)

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 2.8), layout="constrained", sharey=True)
for axis, test in zip(axes, ("deletion", "insertion"), strict=True):
    for (name, table), style in zip(curves.items(), (":", "-", "--"), strict=True):
        axis.plot(table.index, table[test], style, label=name)
    axis.set(title=test, xlabel="share of the pixels", ylim=(0, 1))
axes[0].set_ylabel("probability of the class")
axes[0].legend()
caption = (
    "The class's probability while pixels are deleted or inserted in the order of a map: does Grad-CAM fall earlier, "
    "and rise earlier, than the random map? And the plain gradient?"
)
helpers.show(figure, caption)

# %% [markdown]
# For this photo insertion favours Grad-CAM, deletion does not: with holes all over, a photo may soon look strange to
# the network, whatever the holes hide.
#
# `evaluate_saliency` puts six methods to both tests. The area under the deletion curve should be small, that under the
# insertion curve large. The network's arrays of weights are shuffled in four steps; the likeness to the map of such a
# network should be near 0.

# %%
table = helpers.evaluate_saliency(model, helpers.load_image(PHOTO, 64), seed=SEED, samples=16)
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
table[["deletion", "insertion"]].plot.barh(ax=left, color=["0.3", "0.75"]).invert_yaxis()
left.set_xlabel("area under the curve")
left.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False)
for (name, row), marker in zip(table.filter(like="SSIM").iterrows(), "osv^D*x+", strict=True):
    right.plot([25, 50, 75, 100], row, marker=marker, label=name)
right.set(xlabel="share of the arrays that are shuffled, %", ylabel="likeness to the true map (SSIM)")
right.set(xticks=[25, 50, 75, 100], ylim=(-0.1, 1.1))
figure.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8)
caption = (
    "Left: areas under the deletion and insertion curves. Right: how alike each map stays while more and "
    "more arrays of weights are shuffled. The edge detector stays at 1, as it must; which method stays nearest to it?"
)
helpers.show(figure, caption)

# %%
ours = table.drop(["random map", "edge detector"])
gain, likeness = table["insertion"] - table["deletion"], ours.filter(like="SSIM").mean(axis=1)
late = ours.index[ours["deletion"] >= table.loc["random map", "deletion"]]
beaten = ours.index[gain[ours.index] < gain["edge detector"]]
empty = ours.index[ours.filter(like="Spearman").eq(0).mean(axis=1) > 0.5]
print("Best at deletion and insertion:", gain[ours.index].idxmax())
print("No better at deletion than a random map:", ", ".join(late) or "none")
print("Worse at deletion and insertion than the edge detector:", ", ".join(beaten) or "none")
print("Most like its map of a shuffled network:", likeness.idxmax())
print("Most like it when all arrays are shuffled:", ours["SSIM 100%"].idxmax())
print("Empty in most shuffled networks:", ", ".join(empty) or "none")

# %% [markdown]
# Say it plainly, for this network and this photo:
#
# - **Guided backpropagation fails.** It does best at the first test, yet its map outlives the network: with a quarter
#   of the arrays shuffled it has hardly changed. It draws the photo's edges. Adebayo et al. saw the same in other
#   networks, and Nie et al. (2018) proved why: it partly rebuilds the picture.
# - **The plain gradient is too noisy**: its map goes with the weights, but at deletion it is no better than a random
#   map. **SmoothGrad**, the mean of many gradients, does well at both tests.
# - **Integrated gradients**, like gradient x input, are multiplied by the photo. They do well at the first test, but
#   part of the photo stays in the map whatever the weights are.
# - **Grad-CAM and LayerCAM pass the second test**: their maps go when the weights go. Grad-CAM's is mostly empty then,
#   since nothing speaks for the class any more. At the first test few and large units make a map too coarse to shine.
# - **An edge detector, which never saw the network, beats three of the six methods at the first test.** One test is
#   not enough.
#
# And one photo proves nothing: change `PHOTO` and look which of the printed lines hold.

# %% [markdown]
# ## Play
# Choose a layer, which of the network's five strongest answers to ask about (0 is the first), and a method.

# %%
helpers.saliency_explorer(model, helpers.load_image(PHOTO, 192))

# %% [markdown]
# ## Exercises

# %% [markdown]
# ### Exercise 1. How coarse is Grad-CAM? (change one number)
# The photo has 192 x 192 pixels, the network's last maps 4 x 4 units. How many pixels of the photo share one unit of
# Grad-CAM, before it is smoothed? Replace `None`.

# %%
answer_1 = None

# %%
# Check exercise 1
if answer_1 is None:
    print("Not yet: answer_1 is still None.")
elif answer_1 == 48:
    print("Not yet: that is one side of the square; count the pixels inside.")
elif answer_1 == 16:
    print("Not yet: that is the number of units. How many pixels for each?")
elif answer_1 == 192 * 192:
    print("Not yet: that is the whole photo; 16 units share it.")
else:
    print("Correct: 2,304 pixels get one number." if answer_1 == 2304 else "Not yet: pixels of the photo / units.")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# answer_1 = (192 / 4) ** 2
# ```
# </details>

# %% [markdown]
# ### Exercise 2. Grad-CAM (write two lines)
# Given a layer's maps and the score's gradient with respect to them, both `(h, w, channels)` in NumPy, return Grad-CAM,
# `(h, w)`.


# %%
def grad_cam(maps, gradients):
    return None


# %%
# Check exercise 2
random = np.random.default_rng(0)
maps, gradients = random.uniform(size=(3, 4, 5)), random.normal(size=(3, 4, 5))
got, weighted = grad_cam(maps, gradients), maps @ gradients.mean(axis=(0, 1))
if got is None:
    print("Not yet: grad_cam returns None.")
elif np.shape(got) != (3, 4):
    print(f"Not yet: the shape is {np.shape(got)}; sum over the channels only, and (3, 4) is left.")
elif np.allclose(got, weighted):
    print("Not yet: what speaks against the class is still below zero; cut it off.")
elif np.allclose(got, np.maximum((maps * gradients).sum(axis=2), 0)):
    print("Not yet: each map needs one weight, the mean of its gradient over height and width.")
else:
    print(
        "Correct." if np.allclose(got, np.maximum(weighted, 0)) else "Not yet: weights, weighted sum, maximum with 0."
    )

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def grad_cam(maps, gradients):
#     weights = gradients.mean(axis=(0, 1))
#     return np.maximum((maps * weights).sum(axis=2), 0)
# ```
# </details>

# %% [markdown]
# ### Exercise 3. How good is a mask? (write it)
# *Intersection over union* compares a mask with the true one: the pixels that both hold, divided by the pixels that at
# least one holds. 1 is perfect. Write it for two boolean arrays.


# %%
def intersection_over_union(one, other):
    return None


# %%
# Check exercise 3
one, other = np.zeros((10, 10), bool), np.zeros((10, 10), bool)
one[2:6, 2:6], other[2:6, 4:9] = True, True
got = intersection_over_union(one, other)
if got is None:
    print("Not yet: intersection_over_union returns None.")
elif np.isclose(got, (one == other).mean()):
    print("Not yet: the background, which both leave out, must not count.")
elif np.isclose(got, 8 / 16) or np.isclose(got, 8 / 20):
    print("Not yet: divide by the pixels of either mask, not of one of them.")
elif np.isclose(got, 8 / 36):
    print("Not yet: the sum of both sizes counts the shared pixels twice.")
else:
    print("Correct." if np.isclose(got, 8 / 28) else "Not yet: pixels in both / pixels in at least one.")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def intersection_over_union(one, other):
#     return (one & other).sum() / (one | other).sum()
# ```
# </details>

# %% [markdown]
# ## Summary
# 1. A saliency map gives each pixel a number: how much it counts for one score, by a definition that differs from
#    method to method.
# 2. The mean of deep feature maps often finds an object without a class; a mask along the photo's edges cuts it out.
# 3. Only tests on the network itself tell a true map from a pretty one; guided backpropagation fails one of them.
#
# Questions to think about:
# 1. Why is the score taken before the softmax?
# 2. Could a map be true, and still look wrong to us?
# 3. What would the pixels of a *wrong* answer show?

# %% [markdown]
# ## Where next
# [05b_better_pictures](05b_better_pictures.ipynb) asks the same of pictures made by gradient ascent: how far can they
# be trusted? [07_deepdream](07_deepdream.ipynb) follows the gradient back into the photo.

# %% [markdown]
# ## References
# - K. Simonyan, A. Vedaldi, A. Zisserman (2013). Deep inside convolutional networks.
#   [arXiv:1312.6034](https://arxiv.org/abs/1312.6034)
# - M. D. Zeiler, R. Fergus (2013). Visualizing and understanding convolutional networks.
#   [arXiv:1311.2901](https://arxiv.org/abs/1311.2901)
# - J. T. Springenberg et al. (2014). Striving for simplicity: the all convolutional net.
#   [arXiv:1412.6806](https://arxiv.org/abs/1412.6806)
# - D. Smilkov et al. (2017). SmoothGrad. [arXiv:1706.03825](https://arxiv.org/abs/1706.03825)
# - M. Sundararajan, A. Taly, Q. Yan (2017). Axiomatic attribution for deep networks.
#   [arXiv:1703.01365](https://arxiv.org/abs/1703.01365)
# - R. R. Selvaraju et al. (2017). Grad-CAM. [arXiv:1610.02391](https://arxiv.org/abs/1610.02391)
# - P.-T. Jiang et al. (2021). LayerCAM: exploring hierarchical class activation maps for localization. IEEE
#   Transactions on Image Processing 30.
# - V. Petsiuk, A. Das, K. Saenko (2018). RISE. [arXiv:1806.07421](https://arxiv.org/abs/1806.07421)
# - J. Adebayo et al. (2018). Sanity checks for saliency maps. [arXiv:1810.03292](https://arxiv.org/abs/1810.03292)
# - W. Nie, Y. Zhang, A. Patel (2018). A theoretical explanation for perplexing behaviors of backpropagation-based
#   visualizations. [arXiv:1805.07039](https://arxiv.org/abs/1805.07039)
