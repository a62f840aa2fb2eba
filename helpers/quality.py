"""How good is the picture of a filter? Evidence that does not come from the optimiser that made it."""

from __future__ import annotations

import numpy as np


def high_frequency_share(image: np.ndarray) -> float:
    """Share of a picture's energy in detail finer than half the Nyquist frequency (0.25 cycles a pixel).

    Photos hold little there, because the power of natural scenes falls with the square of the frequency (Field 1987);
    noise holds four fifths.

    Parameters
    ----------
    image
        float ``(height, width, 3)``, at least 8 x 8. Its mean colour is subtracted, and a Hann window fades its edges,
        so that they do not count as detail.

    Returns
    -------
    float
        In [0, 1]; 0 for a plain colour.
    """
    height, width = image.shape[:2]
    window = np.outer(np.hanning(height), np.hanning(width))[..., None]
    mean = (image * window).sum(axis=(0, 1)) / window.sum()
    energy = np.abs(np.fft.fft2((image - mean) * window, axes=(0, 1))) ** 2
    fine = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)) > 0.25
    return float(energy[fine].sum() / max(energy.sum(), 1e-12))
