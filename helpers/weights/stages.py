"""Keep how the first three blocks of the bundled network looked on the way, for notebook 10.

    python helpers/weights/stages.py --start epoch_00.npz --middle epoch_13.npz

writes ``stages.npz`` beside this file from two of the networks that ``train.py`` wrote. The end is the bundled network.
"""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
BLOCKS = ("block1_", "block2_", "block3_")
LARGEST = 1_000_000  # bytes of the file


def collect(stages: dict[str, Path]) -> dict[str, np.ndarray]:
    """Read the kernels and biases of the first blocks at some stages.

    Parameters
    ----------
    stages
        The name of each stage and its file, ``epoch_NN.npz``.

    Returns
    -------
    dict of str to numpy.ndarray
        ``<stage>/<layer>/kernel`` and ``<stage>/<layer>/bias`` in float16, ``names`` of the stages, their ``epochs``.

    Raises
    ------
    ValueError
        If a file's name has no number, or its arrays are not shaped like the bundled network's.
    """
    with np.load(HERE / "mini_vgg16.npz") as file:
        shapes = {name: file[name].shape for name in file.files if name.startswith(BLOCKS)}
    epochs, arrays = [], {}
    for stage, path in stages.items():
        number = re.fullmatch(r"epoch_(\d+)\.npz", path.name)
        if number is None:
            raise ValueError(f"{path} is not called epoch_NN.npz, so its epoch is not known.")
        epochs.append(int(number[1]))
        with np.load(path) as file:
            for name, shape in shapes.items():
                if name not in file.files or file[name].shape != shape:
                    raise ValueError(f"{path}: {name} does not have the bundled network's shape {shape}.")
                arrays[f"{stage}/{name}"] = file[name].astype(np.float16)
    return arrays | {"names": np.array(list(stages)), "epochs": np.array(epochs)}


def write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write the file whole or not at all; ValueError if it is larger than notebooks should carry."""
    temporary = path.with_name(f"unfinished-{path.name}")
    np.savez_compressed(temporary, **arrays)
    if (size := temporary.stat().st_size) > LARGEST:
        temporary.unlink()
        raise ValueError(f"{path.name} would take {size:,} bytes; {LARGEST:,} are the limit.")
    os.replace(temporary, path)


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, write the file and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--start", type=Path, required=True, help="epoch_00.npz")
    parser.add_argument("--middle", type=Path, required=True, help="epoch_NN.npz from the middle of the training")
    parser.add_argument("--out", type=Path, default=HERE / "stages.npz")
    options = parser.parse_args(arguments)
    try:
        write(options.out, collect({"start": options.start, "middle": options.middle}))
    except (OSError, ValueError) as error:
        parser.error(str(error))
    print(f"{options.out.name}: {options.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
