"""What every test and every notebook kernel runs under: the bundled network, no progress bars, no network."""

import os
import tempfile

pytest_plugins = ["pytester"]

os.environ["CNN_MODEL"] = "mini_vgg16"
os.environ.pop("CNN_WEIGHTS", None)
os.environ["TQDM_DISABLE"] = "1"
os.environ["KERAS_HOME"] = tempfile.mkdtemp(prefix="keras-")  # an empty cache, whatever this machine holds
for name in ("http_proxy", "https_proxy"):  # nothing listens there: whatever asks the network fails at once
    os.environ[name] = os.environ[name.upper()] = "http://127.0.0.1:9"
os.environ["no_proxy"] = os.environ["NO_PROXY"] = "127.0.0.1,localhost"
