"""The histogram of gray levels: the statistics of intensities, of levels, and its steepest rise and fall."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from radiofuse.radiomics.classes import firstorder, statistics

OWN = ("Mode", "MaximumGradient", "MaximumGradientGrayLevel", "MinimumGradient", "MinimumGradientGrayLevel")


class Histogram(statistics.Spread):
    """Gray levels, how often each occurs, and how that changes from level to level.

    Parameters
    ----------
    levels : ndarray of int, shape (n_voxels,)
        From 1 on.
    n_levels : int
        Bins of the histogram.
    """

    def __init__(self, levels: np.ndarray, n_levels: int) -> None:
        super().__init__(levels, levels, voxel_volume_mm3=1.0, voxel_array_shift=0, ibsi=True)
        self.counts = np.bincount(levels, minlength=n_levels + 1)[1:].astype(float)

    def mode(self) -> float:
        """The commonest level; of several the one nearest the mean, of two as near the lower."""
        commonest = np.flatnonzero(self.counts == self.counts.max()) + 1
        return float(commonest[np.abs(commonest - self.mean).argmin()])

    @cached_property
    def gradient(self) -> np.ndarray:
        """Change of the counts per level: central differences, one-sided at both ends; 0 for a single level."""
        return np.gradient(self.counts) if len(self.counts) > 1 else np.zeros(1)

    def own(self, name: str) -> float:
        """Return a feature that intensities do not have."""
        if name == "Mode":
            return self.mode()
        at = self.gradient.argmax() if name.startswith("Maximum") else self.gradient.argmin()
        return float(at + 1 if name.endswith("GrayLevel") else self.gradient[at])


def features(levels: np.ndarray, n_levels: int, names: Sequence[str]) -> dict[str, float]:
    """Return features of the histogram of gray levels.

    Parameters
    ----------
    levels : ndarray of int, shape (n_voxels,)
        From `gray_levels`.
    n_levels : int
        The highest level; those below are bins, too, whether they occur or not.
    names : sequence of str
        Of the class ``intensity-histogram``.

    References
    ----------
    IBSI section 3.4 (ZVCW).

    Examples
    --------
    >>> features(np.array([1, 1, 1, 3]), 3, ["Mode", "MinimumGradient", "MinimumGradientGrayLevel"])
    {'Mode': 1.0, 'MinimumGradient': -3.0, 'MinimumGradientGrayLevel': 1.0}
    """
    histogram = Histogram(levels, n_levels)
    formulas = firstorder.FORMULAS | statistics.FORMULAS
    return {name: histogram.own(name) if name in OWN else float(formulas[name](histogram)) for name in names}
