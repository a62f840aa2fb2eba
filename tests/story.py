"""Keep how the bundled network was trained, for notebook 10: the log, and the first blocks on the way.

    python tests/story.py --run FOLDER --middle 30

The folder is one that ``train.py`` has written. Writes ``training_log.csv`` and ``stages.npz`` beside the bundled
network, which is the end of the story.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas

from helpers import models
from helpers.downloads import whole

BLOCKS = ("block1_", "block2_", "block3_")
LARGEST = 1_000_000  # bytes of the file with the stages


def collect(stages: dict[str, Path]) -> dict[str, np.ndarray]:
    """Read the kernels and biases of the first blocks at some stages.

    Parameters
    ----------
    stages
        The name of each stage and its file, from ``train.py``.

    Returns
    -------
    dict of str to numpy.ndarray
        ``<stage>/<layer>/kernel`` and ``<stage>/<layer>/bias`` in float16.

    Raises
    ------
    ValueError
        If arrays are missing or not shaped like the bundled network's.
    """
    with np.load(models.BUNDLED_FILE) as file:
        shapes = {name: file[name].shape for name in file.files if name.startswith(BLOCKS)}
    arrays = {}
    for stage, path in stages.items():
        with np.load(path) as file:
            for name, shape in shapes.items():
                if name not in file.files or file[name].shape != shape:
                    raise ValueError(f"{path}: {name} does not have the bundled network's shape {shape}.")
                arrays[f"{stage}/{name}"] = file[name].astype(np.float16)
    return arrays


def write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write the stages whole or not at all; ValueError if they are larger than a notebook should carry."""
    with whole(path) as part:
        np.savez_compressed(part, **arrays)
        if (size := part.stat().st_size) > LARGEST:
            raise ValueError(f"{path.name} would take {size:,} bytes; {LARGEST:,} are the limit.")


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True, help="the folder that train.py wrote")
    parser.add_argument("--middle", type=int, required=True, help="the epoch that is kept")
    parser.add_argument("--out", type=Path, default=models.BUNDLED_FILE.parent, help="by default beside the network")
    options = parser.parse_args(arguments)
    run = options.run
    try:
        log = pandas.read_csv(run / "log.csv")
        stages = collect({"start": run / "epoch_00.npz", "middle": run / f"epoch_{options.middle:02}.npz"})
        write(options.out / "stages.npz", stages | {"epochs": np.array([0, options.middle])})
        with whole(options.out / "training_log.csv") as part:
            log.to_csv(part, index=False, float_format="%.4f")
    except (OSError, ValueError) as error:
        parser.error(str(error))
    size = (options.out / "stages.npz").stat().st_size
    print(f"{len(log)} epochs; stages.npz: {size:,} bytes")


if __name__ == "__main__":
    main()
