# %% [markdown]
# # Look inside a network
# Choose a network, a photo (or upload your own), a layer and what to look at in it. With the
# keyboard: Tab goes from control to control, the arrows choose.

# %%
import ipywidgets as widgets
from IPython.display import display

import helpers

model = helpers.load_model("mini_vgg16", include_top=True)

# %%
explorers = {
    "Kernels": helpers.kernel_explorer(model),
    "Feature maps": helpers.feature_map_explorer(model),
    "Filters": helpers.filter_explorer(model),
    "Saliency": helpers.saliency_explorer(model),
    "Dreams": helpers.dream_explorer(model),
}
display(widgets.Tab(list(explorers.values()), titles=list(explorers)))
