# %% [markdown]
# # Copy this file (a notebook that keeps the rules)
#
# **Goals**
# - copy this script to `notebooks/py/NN_name.py` and change it;
# - run `make notebooks ONE=NN`;
# - add three wrong answers for each exercise to `tests/wrong_answers/NN_name.py`.
#
# **Before this**: CONTRIBUTING.md. **Time**: 5 min. **Network**: printed by the next cell.

# %%
import numpy as np

import helpers

PHOTO = "cat"  # the one line to change for your own picture: a bundled name, a path or an address
SEED = 0
model = helpers.load_model()

# %% [markdown]
# ## A question?
# Say why, then answer it by hand in ten lines or fewer.

# %%
photo = helpers.load_image(PHOTO)
mean_colour = photo.mean(axis=(0, 1))
print("channels:", len(mean_colour))

# %% [markdown]
# Then with the helper, and a picture. Its caption says what is seen and what to notice.

# %%
caption = f"The photo {PHOTO!r} as the network gets it: what is the first thing that you notice?"
helpers.show(helpers.plot_images({PHOTO: photo}), caption)

# %% [markdown]
# ## Play
# An explorer, as the last line of a cell.

# %%
helpers.feature_map_explorer(model, helpers.load_image(PHOTO))

# %% [markdown]
# ## Exercises

# %% [markdown]
# ### Exercise 1. Change one number
# How many colours does a photo have?

# %%
answer_1 = 0

# %%
# Check exercise 1
print("Correct." if answer_1 == 3 else f"Not yet: {answer_1} is not the length of the last axis.")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# answer_1 = helpers.load_image(PHOTO).shape[-1]
# ```
# </details>

# %% [markdown]
# ### Exercise 2. Change a line

# %%
answer_2 = None

# %%
# Check exercise 2
print("Correct." if answer_2 == model.name else "Not yet: ask the model for its name.")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# answer_2 = model.name
# ```
# </details>

# %% [markdown]
# ### Exercise 3. Write a function


# %%
def brightest(image):
    return None


# %%
# Check exercise 3
print("Correct." if brightest(np.eye(3)) == 1 else "Not yet: return the largest value.")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def brightest(image):
#     return image.max()
# ```
# </details>

# %% [markdown]
# ## Summary
# Three sentences. Three questions to think about.

# %% [markdown]
# ## Where next
# The next notebook.

# %% [markdown]
# ## References
# - Author: Title. Where, year.
