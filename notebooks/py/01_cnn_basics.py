# %% [markdown]
# # Build a convolution from nothing (kernels, strides, pooling and a network that learns)
#
# **Goals**
# - compute a convolution by hand, and say how padding, stride and dilation change its size;
# - see what hand-made kernels find in a photo, and watch one kernel learn to find the same;
# - train a small network in seconds, then look at its kernels and its mistakes.
#
# **Before this**: Python and numpy arrays. **Time**: 45 min. **Network**: printed by the next cell; it is needed only
# to count parameters.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from ipywidgets import IntSlider

import helpers
from helpers import keras, tf
from helpers.explorers import Explorer

PHOTO = "cat"  # the one line to change: a bundled photo, a path or an address
SEED = 0
model = helpers.load_model()

# %% [markdown]
# ## What is a convolution?
# A **kernel** is a small array of weights. Lay it on the picture, multiply each weight by the pixel under it, add up,
# write the sum down. Then move on by one pixel.
#
# ![Animation: a 3 x 3 kernel, Sobel x, moves over a 5 x 5 picture whose left side holds ones and whose right side holds
# fives. At each of nine stops the nine products are added, and the sum fills one cell of the 3 x 3
# output.](../images/convolution.gif)
#
# The same picture, the same kernel, in numpy:

# %%
picture = np.array([[1, 1, 1, 5, 5], [1, 1, 1, 5, 5], [1, 1, 5, 5, 5], [1, 1, 5, 5, 5], [1, 5, 5, 5, 5]], "float32")
kernel = np.outer([1, 2, 1], [-1, 0, 1]).astype("float32")
output = np.zeros((3, 3), "float32")
for row in range(3):
    for column in range(3):
        window = picture[row : row + 3, column : column + 3]
        output[row, column] = (window * kernel).sum()
print(output)

# %% [markdown]
# TensorFlow wants two more axes: picture `(batch, height, width, channels)`, kernel `(height, width, channels in,
# kernels)`.

# %%
by_tf = tf.nn.conv2d(picture[None, :, :, None], kernel[:, :, None, None], strides=1, padding="VALID")[0, :, :, 0]
print("by hand and by TensorFlow the same:", np.array_equal(output, by_tf))

# %% [markdown]
# In mathematics a convolution flips the kernel first. CNNs do not: they compute a *cross-correlation* and call it
# convolution (Goodfellow et al. 2016, section 9.1). A learned kernel does not care, a hand-made one may:

# %%
flipped = tf.nn.conv2d(picture[None, :, :, None], kernel[::-1, ::-1, None, None], 1, "VALID")[0, :, :, 0]
print("flipping this kernel only changes the sign:", np.array_equal(flipped, -output))

# %% [markdown]
# ## What do hand-made kernels find?
# Five kernels, each written down in one line. The two Sobel kernels subtract one side of a pixel from the other.

# %%
sobel_x, blur = np.outer([1, 2, 1], [-1, 0, 1]), np.outer([1, 2, 1], [1, 2, 1]) / 16
identity = np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]])
sharpen = np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]])
kernels = {"identity": identity, "blur": blur, "sharpen": sharpen, "Sobel x": sobel_x, "Sobel y": sobel_x.T}
grey = helpers.load_image(PHOTO, 96).mean(axis=2)

# %% [markdown]
# To draw a response we scale it so that a flat mid-grey photo would stay mid-grey.

# %%
figure, axes = plt.subplots(2, 5, figsize=(9, 4), height_ratios=[0.7, 1], layout="constrained")
for (name, kernel), (above, below) in zip(kernels.items(), axes.T, strict=True):
    above.imshow(kernel, cmap="RdBu_r", vmin=-5, vmax=5)
    for (y, x), weight in np.ndenumerate(kernel):
        color = "white" if abs(weight) > 3 else "black"
        above.text(x, y, f"{weight * 16:.0f}/16" if name == "blur" else weight, ha="center", va="center", color=color)
    response = tf.nn.conv2d(grey[None, :, :, None], kernel[:, :, None, None].astype("float32"), 1, "VALID")[0, :, :, 0]
    below.imshow(0.5 + (response - kernel.sum() / 2) / max(1, kernel.sum()), cmap="gray", vmin=0, vmax=1)
    above.set_title(name, fontsize=10)
    above.set_axis_off()
    below.set_axis_off()
caption = (
    "Five hand-made kernels above what they make of the photo. Blur and sharpen change the detail. Under the Sobel "
    "kernels mid-grey is zero: x shows upright edges, y level ones, and flat parts vanish."
)
helpers.show(figure, caption)

# %% [markdown]
# A kernel whose weights sum to 1 keeps the brightness. One whose weights sum to 0 is silent where nothing changes: an
# edge detector. Black and white in the Sobel pictures are the two directions of change.

# %% [markdown]
# ## How large is the output?
# **Padding** p adds a rim of zeros, **stride** s is the step of the kernel, **dilation** d spreads its weights apart.

# %%
settings = {"padding 1": (1, 1, 1), "stride 2": (0, 2, 1), "dilation 2": (0, 1, 2)}
figure, axes = plt.subplots(1, 3, figsize=(9, 3.3), layout="constrained")
for axis, (name, (p, s, d)) in zip(axes, settings.items(), strict=True):
    for y, x in np.ndindex(7 + 2 * p, 7 + 2 * p):
        rim = not (p <= x < 7 + p and p <= y < 7 + p)
        first = x in (0, d, 2 * d) and y in (0, d, 2 * d)
        color = "0.55" if first else "white" if rim else "0.88"
        axis.add_patch(plt.Rectangle((x - p, y - p), 1, 1, fc=color, ec="0.3", lw=0.8))
        if rim:
            axis.text(x - p + 0.06, y - p + 0.36, "0", fontsize=7)
        if x - s in (0, d, 2 * d) and y in (0, d, 2 * d):
            axis.plot(x - p + 0.5, y - p + 0.5, "D", mfc="white", mec="black", ms=7)
    size = (7 + 2 * p - d * 2 - 1) // s + 1
    axis.set(title=f"{name}: output {size} x {size}", aspect="equal", xlim=(-1.1, 8.1), ylim=(8.1, -1.1))
    axis.set_axis_off()
caption = (
    "A 3 x 3 kernel on a 7 x 7 picture: dark cells are under it at the first stop, diamonds at the second. Padding "
    "adds a rim of zeros, stride 2 moves it by two pixels, dilation 2 leaves gaps between its weights."
)
helpers.show(figure, caption)

# %% [markdown]
# For a picture of n pixels and a kernel of k weights along one side the output has
#
# $$\left\lfloor \frac{n + 2p - d\,(k - 1) - 1}{s} \right\rfloor + 1$$
#
# pixels (Dumoulin and Visin 2016). In Python, `//` is the floor:


# %%
def output_size(n, k, p, s, d):
    return (n + 2 * p - d * (k - 1) - 1) // s + 1


def keras_size(n, k, p, s, d):
    padded = keras.layers.ZeroPadding2D(p)(np.zeros((1, n, n, 1)))
    return keras.layers.Conv2D(1, k, strides=s, dilation_rate=d)(padded).shape[1]


# %%
cases = [(5, 3, 0, 1, 1), (5, 3, 1, 1, 1), (28, 5, 0, 2, 1), (28, 3, 2, 1, 2), (96, 3, 1, 1, 1), (224, 7, 3, 2, 1)]
table = pd.DataFrame(cases, columns=["n", "k", "p", "s", "d"])
table["formula"] = [output_size(*case) for case in cases]
table["Keras"] = [keras_size(*case) for case in cases]
table

# %% [markdown]
# With stride 1 and p = d (k - 1) / 2 the size stays. Keras calls that `padding="same"`, and no padding `"valid"`.

# %% [markdown]
# ## What if the picture has colours?
# Then the kernel is as deep as the picture: `(height, width, channels in)`. It still gives *one* number at each stop:
# one sum over all channels. This kernel adds blurred red, ignores green and subtracts blurred blue.

# %%
photo, blur = helpers.load_image(PHOTO, 96), np.outer([1, 2, 1], [1, 2, 1]) / 16
kernel = np.stack([blur, 0 * blur, -blur], axis=2).astype("float32")
parts = [tf.nn.conv2d(photo[None, :, :, [c]], kernel[:, :, [c], None], 1, "VALID")[0, :, :, 0] for c in range(3)]
whole = tf.nn.conv2d(photo[None], kernel[..., None], 1, "VALID")[0, :, :, 0]
print("the sum of three channels is the whole:", np.allclose(sum(parts), whole, atol=1e-5))

# %%
drawn = {"photo": photo, "red part": parts[0], "blue part": parts[2], "sum: red against blue": whole}
helpers.show(
    helpers.plot_images(drawn, cmap="RdBu_r", vmin=-0.8, vmax=0.8),
    "A 3 x 3 x 3 kernel on the photo; red is positive, blue negative, white zero. The sum is one map, strong where "
    "red outweighs blue: the fur above the cat's nose, but not its black pupils or the whitish background.",
)

# %% [markdown]
# Each kernel makes one map. So the depth of the output is the number of kernels, whatever the depth of the input.

# %%
layer = keras.layers.Conv2D(filters=5, kernel_size=3)
print("picture", photo[None].shape, "-> output", tuple(layer(photo[None]).shape))
print("five kernels in one array:", tuple(layer.kernel.shape))
first = helpers.conv_layers(model)[0]
print(f"{first} of {model.name}:", tuple(model.get_layer(first).kernel.shape))

# %% [markdown]
# ## What do ReLU and max pooling keep?
# **ReLU** replaces negative numbers by zero. **Max pooling** then keeps the largest number of each 2 x 2 window.

# %%
numbers = np.array([[-3, 2, 0, 1], [4, -1, 1, -2], [-5, -1, 6, 2], [-2, -4, 3, 7]])
relu = np.maximum(numbers, 0)
pooled = relu.reshape(2, 2, 2, 2).max(axis=(1, 3))
print(numbers, relu, pooled, sep="\n\n")

# %%
turned = relu[[1, 0, 3, 2]][:, [1, 0, 3, 2]]  # rows and columns change places inside each window
print("pooled, they are the same:", np.array_equal(turned.reshape(2, 2, 2, 2).max(axis=(1, 3)), pooled))

# %% [markdown]
# Kept: that there was a strong response, and how strong. Forgotten: where in its window it was, and the three weaker
# numbers. Without ReLU two convolutions in a row would be only one larger convolution: both just add and multiply.

# %%
sobel_x = np.outer([1, 2, 1], [-1, 0, 1]).astype("float32")[:, :, None, None]
edges = tf.nn.conv2d(helpers.load_image(PHOTO, 96).mean(axis=2)[None, :, :, None], sobel_x, 1, "VALID")
relu = tf.nn.relu(edges)
maps = {"Sobel x": edges, "then ReLU": relu, "then 2 x 2 max pooling": tf.nn.max_pool2d(relu, 2, 2, "VALID")}
maps = {f"{name}: {values.shape[1]} x {values.shape[2]}": values[0, :, :, 0] for name, values in maps.items()}
helpers.show(
    helpers.plot_images(maps, columns=3, cmap="RdBu_r", vmin=-1, vmax=1),
    "Sobel x on the photo, then ReLU, then max pooling; red is positive, blue negative. ReLU drops the blue edges, "
    "from bright to dark. Pooling halves each side, and the strong edges are still there.",
)

# %% [markdown]
# ## How does a kernel learn?
# Nobody writes a network's kernels. We show one kernel the photo and the answer of Sobel x, and let it find the weights
# by itself. The **loss** says how wrong it is: the mean squared difference.

# %%
sobel_x = np.outer([1, 2, 1], [-1, 0, 1]).astype("float32")[:, :, None, None]
photo = helpers.load_image(PHOTO, 128).mean(axis=2)[None, :, :, None]
targets = tf.nn.conv2d(photo, sobel_x, 1, "VALID") / photo.std()
start = np.random.default_rng(SEED).normal(0, 0.5, (3, 3, 1, 1)).astype("float32")


def loss_of(kernel, bias, inputs):
    return tf.reduce_mean((tf.nn.conv2d(inputs, kernel, 1, "VALID") + bias - targets) ** 2)


# %% [markdown]
# The **gradient** says, for each weight, how fast the loss grows when that weight grows. By hand: nudge one weight.
# With `GradientTape`: all nine at once.

# %%
inputs = (photo - photo.mean()) / photo.std()
kernel, nudge = tf.Variable(start), np.eye(1, 9, dtype="float32").reshape(3, 3, 1, 1) / 10
by_hand = (loss_of(start + nudge, 0, inputs) - loss_of(start - nudge, 0, inputs)) / 0.2
with tf.GradientTape() as tape:
    loss = loss_of(kernel, 0, inputs)
print("the same for the first weight:", np.isclose(by_hand, tape.gradient(loss, kernel)[0, 0, 0, 0], rtol=0.01))

# %% [markdown]
# Learning is a small step against the gradient, again and again. The **bias**, a number added to each sum, learns too.


# %%
def learn(inputs, steps=60):
    kernel, bias, losses = tf.Variable(start), tf.Variable(0.5), []
    for _ in range(steps):
        with tf.GradientTape() as tape:
            loss = loss_of(kernel, bias, inputs)
        gradients = tape.gradient(loss, [kernel, bias])
        kernel.assign_sub(0.08 * gradients[0])
        bias.assign_sub(0.08 * gradients[1])
        losses.append(float(loss))
    return kernel.numpy(), losses


# %% [markdown]
# Twice: on the photo as it is, all numbers positive, and on the photo with its mean subtracted.

# %%
_, losses_raw = learn(photo / np.sqrt((photo**2).mean()))
learned, losses = learn(inputs)
print("loss below a hundredth of its start:", losses[-1] < 0.01 * losses[0])
print("mean subtracted learns faster:", losses[-1] < losses_raw[-1])

# %%
figure, axes = plt.subplots(1, 4, figsize=(9, 2.5), width_ratios=[1, 1, 1, 1.6], layout="constrained")
for axis, (name, kernel) in zip(axes, {"start": start, "learned": learned, "Sobel x": sobel_x}.items(), strict=False):
    axis.imshow(kernel[:, :, 0, 0], cmap="RdBu_r", vmin=-2.5, vmax=2.5)
    for (y, x), weight in np.ndenumerate(kernel[:, :, 0, 0]):
        color = "white" if abs(weight) > 1.5 else "black"
        axis.text(x, y, f"{weight:z.1f}", ha="center", va="center", color=color)
    axis.set_title(name, fontsize=10)
    axis.set_axis_off()
axes[3].semilogy(losses_raw, "--", color="0.5", label="photo as it is")
axes[3].semilogy(losses, color="black", label="mean subtracted")
axes[3].set(xlabel="step", ylabel="loss")
axes[3].legend(frameon=False, fontsize=8)
axes[3].spines[["top", "right"]].set_visible(False)
caption = (
    "One kernel learns from examples: random at the start, close to Sobel x after sixty steps. Right: the loss on a "
    "logarithmic scale; it falls much further once the photo's mean is subtracted."
)
helpers.show(figure, caption)

# %% [markdown]
# Where all inputs are positive, every weight is pushed the same way by the brightness, and the differences that make an
# edge are learned last. That is one reason why networks get pictures with the mean subtracted (LeCun et al. 1998b).

# %% [markdown]
# ## How many numbers must be learned?
# A layer has kh x kw x c_in weights and one bias for each of its kernels: (kh x kw x c_in + 1) x filters.

# %%
rows = []
for layer in [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]:
    kh, kw, c_in, filters = layer.kernel.shape
    by_hand = (kh * kw * c_in + layer.use_bias) * filters
    rows.append([layer.name, f"{kh} x {kw} x {c_in}", filters, by_hand, layer.count_params()])

# %%
table = pd.DataFrame(rows, columns=["layer", "one kernel", "filters", "by hand", "Keras"])
print("all the same:", (table["by hand"] == table["Keras"]).all())
table.head(4)

# %%
shape = (96, 96, table["filters"][0])
dense = (96 * 96 * 3 + 1) * np.prod(shape)
print(f"Every pixel joined to every unit of the first map: {dense / table['by hand'][0]:,.0f} times as many.")

# %% [markdown]
# The kernel is shared by all places: what it learns in one corner, it knows in all.

# %% [markdown]
# ## Does a whole network learn kernels?
# Four kinds of picture, drawn by ourselves: at a random place, of a random size, in much noise.

# %%
CLASSES = ["horizontal stripes", "vertical stripes", "disc", "cross"]


def draw(kind, rng):
    y, x = np.mgrid[:24, :24] - rng.uniform(7, 17, 2)[:, None, None]
    size, period = rng.uniform(3, 6), rng.uniform(4, 7)
    shapes = [np.sin(2 * np.pi * y / period) > 0, np.sin(2 * np.pi * x / period) > 0, np.hypot(x, y) < size]
    shapes.append((np.minimum(abs(x), abs(y)) < 1.2) & (np.maximum(abs(x), abs(y)) < size + 1))
    return np.clip(0.25 + 0.5 * shapes[kind] + rng.normal(0, 0.3, (24, 24)), 0, 1)


# %%
rng = np.random.default_rng(SEED)
labels = rng.integers(0, 4, 2500)
pictures = np.stack([draw(kind, rng) for kind in labels])[..., None].astype("float32")

# %%
examples = {f"{CLASSES[kind]} {n}": pictures[labels == kind][n - 1, ..., 0] for n in (1, 2) for kind in range(4)}
helpers.show(
    helpers.plot_images(examples, cmap="gray", vmin=0, vmax=1),
    "Two drawn pictures of each class, 24 x 24 pixels: stripes of two directions, discs and crosses, at random places, "
    "in noise that makes some of them hard to see.",
)

# %% [markdown]
# The network: two convolutions with ReLU, a max pooling after each, the second over the whole map, then one score for
# each class. It learns from 2,000 pictures; the last 500 are for the test.

# %%
keras.utils.set_random_seed(SEED)
layers = keras.layers
network = keras.Sequential([keras.Input((24, 24, 1)), layers.Rescaling(1, offset=-0.5)])
network.add(layers.Conv2D(8, 5, activation="relu", name="first"))
network.add(layers.MaxPooling2D(2))
network.add(layers.Conv2D(16, 3, activation="relu"))
network.add(layers.GlobalMaxPooling2D())
network.add(layers.Dense(4, activation="softmax"))
network.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"])
before = network.get_layer("first").kernel.numpy()
_, untrained = network.evaluate(pictures[2000:], labels[2000:], verbose=0)

# %%
network.fit(pictures[:2000], labels[:2000], epochs=6, verbose=0)
_, accuracy = network.evaluate(pictures[2000:], labels[2000:], verbose=0)
print(f"accuracy before training < 0.5: {untrained < 0.5}, after > 0.9: {accuracy > 0.9}")

# %% [markdown]
# Two thousand pictures, a few seconds. What do the kernels of the first layer look like, before and after?

# %%
after = network.get_layer("first").kernel.numpy()
drawn = {f"{n}, before": before[:, :, 0, n] for n in range(8)} | {f"{n}, after": after[:, :, 0, n] for n in range(8)}
limit = abs(after).max()
helpers.show(
    helpers.plot_images(drawn, columns=8, cmap="RdBu_r", vmin=-limit, vmax=limit),
    "The eight 5 x 5 kernels of the first layer, above before training, below after; red is positive, blue negative. "
    "From random dots some become bars with a red and a blue side.",
)

# %% [markdown]
# And where does it fail? We sort the test pictures by the probability of their right class. A picture marked *right* is
# no mistake, only a close call.

# %%
probabilities = network.predict(pictures[2000:], verbose=0)
right = probabilities[np.arange(500), labels[2000:]]
hardest = {}
for place, n in enumerate(np.argsort(right)[:8], start=1):
    guess = probabilities[n].argmax()
    verdict = "right" if guess == labels[2000 + n] else f"said {CLASSES[guess]}"
    hardest[f"{place}. {CLASSES[labels[2000 + n]]},\n{verdict}"] = pictures[2000 + n, ..., 0]
helpers.show(
    helpers.plot_images(hardest, cmap="gray", vmin=0, vmax=1),
    "The eight test pictures with the lowest probability for their right class, the worst first, with the network's "
    "answer. Could you tell? Small crosses and small discs look alike in noise.",
)

# %% [markdown]
# ## Play
# Choose a kernel, the padding, the stride, and a number that is added to the kernel's middle weight. Which middle
# weight turns the edges of Laplace into a sharper photo? What does padding do to the rim?

# %%
sobel_x, blur = np.outer([1, 2, 1], [-1, 0, 1]), np.outer([1, 2, 1], [1, 2, 1]) / 16
middle_only = np.outer([0, 1, 0], [0, 1, 0])
kernels = {"blur": blur, "sharpen": 2 * middle_only - blur, "Sobel x": sobel_x, "Sobel y": sobel_x.T}
kernels["Laplace"] = np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]])
grey = helpers.load_image(PHOTO, 190).mean(axis=2)


# %%
def respond(name, padding, stride, middle):
    kernel = kernels[name] + middle * middle_only
    inputs, weights = np.pad(grey, padding)[None, :, :, None], kernel[:, :, None, None].astype("float32")
    response = tf.nn.conv2d(inputs, weights, stride, "VALID")[0, :, :, 0].numpy()
    response = 0.5 + (response - kernel.sum() / 2) / max(1, abs(kernel.sum()))
    sheet = np.ones((200, 400))
    sheet[:190, :190] = grey
    sheet[: len(response), 200 : 200 + len(response)] = np.clip(response, 0, 1)
    numbers = ", ".join(f"{weight:.2g}" for weight in kernel.ravel())
    caption = f"{name} with the weights {numbers}; padding {padding}, stride {stride}: left the photo, 190 x 190, "
    caption += f"right its response, {len(response)} x {len(response)}."
    return np.stack([sheet] * 3, axis=2).repeat(2, axis=0).repeat(2, axis=1), caption


# %%
extras = {"stride": IntSlider(1, 1, 4, description="stride"), "middle": IntSlider(0, -4, 4, description="middle +")}
Explorer("Convolution explorer", {name: 6 for name in kernels}, respond, "Sobel x", "padding", extras, first="kernel")

# %% [markdown]
# ## Exercises
# Fill in, run the check, then unfold the solution.

# %% [markdown]
# ### Exercise 1. Keep the size (change one number)
# A 5 x 5 kernel with dilation 2 and stride 1 slides over 28 x 28 pixels. Which padding keeps 28 x 28?
# Change the number.

# %%
answer_1 = 0

# %%
# Check exercise 1
size = 28 + 2 * answer_1 - 2 * (5 - 1) - 1 + 1
if answer_1 == 0:
    print("Not yet: without padding the output is 20 x 20.")
elif answer_1 == 2:
    print("Not yet: 2 would be right without dilation; now the kernel reaches over 9 pixels.")
elif answer_1 == 8:
    print("Not yet: 8 is what is missing in all; padding is added on both sides.")
else:
    print("Correct: the kernel covers 9 pixels." if size == 28 else f"Not yet: the output is {size} x {size}.")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# answer_1 = 4
# ```
# </details>

# %% [markdown]
# ### Exercise 2. Count the parameters (write one line)
# Return the number of parameters, biases included, of a convolution with square kernels of side `k` that reads `c_in`
# channels and has `filters` kernels.


# %%
def parameters(k, c_in, filters):
    return None


# %%
# Check exercise 2
got = parameters(3, 5, 7)
if got is None:
    print("Not yet: parameters returns None.")
elif got == 3 * 3 * 5 * 7:
    print("Not yet: the biases are missing, one for each kernel.")
elif got == 3 * 3 * 5 * 7 + 1:
    print("Not yet: there is not one bias for the layer, but one for each kernel.")
elif got == (3 * 3 + 1) * 7:
    print("Not yet: a kernel is as deep as its input, here 5 channels.")
else:
    print("Correct." if got == 322 else f"Not yet: for k=3, c_in=5, filters=7 it is 322, you have {got}.")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def parameters(k, c_in, filters):
#     return (k * k * c_in + 1) * filters
# ```
# </details>

# %% [markdown]
# ### Exercise 3. Your own convolution with a stride (write it)
# Return what `tf.nn.conv2d` without padding gives for a picture `(h, w)` and a square kernel, with any stride.


# %%
def convolve(picture, kernel, stride):
    return None


# %%
# Check exercise 3
picture, kernel = np.random.default_rng(0).integers(0, 9, (8, 11)), np.arange(9).reshape(3, 3)
windows = np.lib.stride_tricks.sliding_window_view(picture, (3, 3))
wanted = {stride: (windows[::stride, ::stride] * kernel).sum(axis=(2, 3)) for stride in (1, 2)}
got = {stride: convolve(picture, kernel, stride) for stride in (1, 2)}
if got[1] is None:
    print("Not yet: convolve returns None.")
elif np.shape(got[1]) != (6, 9):
    print(f"Not yet: with stride 1 the shape is {np.shape(got[1])}, not (6, 9): the kernel must stay inside.")
elif np.allclose(got[1], (windows * kernel[::-1, ::-1]).sum(axis=(2, 3))):
    print("Not yet: you flipped the kernel; CNNs do not.")
elif not np.allclose(got[1], wanted[1]):
    print("Not yet: the shape is right, the numbers are not: multiply window and kernel, then take the sum.")
elif np.shape(got[2]) != (3, 5):
    print(f"Not yet: with stride 2 the shape is {np.shape(got[2])}, not (3, 5).")
else:
    print("Correct." if np.allclose(got[2], wanted[2]) else "Not yet: with stride 2 the windows start at 0, 2, 4, ...")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def convolve(picture, kernel, stride):
#     k = len(kernel)
#     rows = range(0, picture.shape[0] - k + 1, stride)
#     columns = range(0, picture.shape[1] - k + 1, stride)
#     return np.array([[(picture[y : y + k, x : x + k] * kernel).sum() for x in columns] for y in rows])
# ```
# </details>

# %% [markdown]
# ## Summary
# A convolution lays one small kernel on every place of a picture and sums the products; padding, stride and dilation
# set the size of the output. ReLU drops what is negative; max pooling keeps the strongest response and forgets its
# exact place. Kernels are learned by small steps against the gradient of a loss, and edge detectors come out by
# themselves.
#
# Think about: What happens to the response when the photo moves by one pixel, and with stride 2? Which kernel would
# answer to the cross but not to the disc? Why does one unit of the second convolution see more of the
# picture than one of the first, although its kernel is smaller?

# %% [markdown]
# ## Where next
# [02_pretrained_models](02_pretrained_models.ipynb): the same layers, stacked thirteen deep and trained on photos.

# %% [markdown]
# ## References
# - LeCun, Bottou, Bengio, Haffner: Gradient-Based Learning Applied to Document Recognition. Proceedings of the
#   IEEE, 1998.
# - LeCun, Bottou, Orr, Müller: Efficient BackProp. In: Neural Networks: Tricks of the Trade, Springer, 1998 (1998b).
# - Dumoulin, Visin: A guide to convolution arithmetic for deep learning.
#   [arXiv:1603.07285](https://arxiv.org/abs/1603.07285), 2016.
# - Goodfellow, Bengio, Courville: Deep Learning, chapter 9. MIT Press, 2016. https://www.deeplearningbook.org
# - Stanford CS231n, notes: Convolutional Neural Networks. https://cs231n.github.io/convolutional-networks/
