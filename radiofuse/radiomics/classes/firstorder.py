"""First-order features: the distribution of a region's intensities, without regard to place."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np


class Intensities:
    """A region's intensities and what several features need of them.

    Parameters
    ----------
    values : ndarray, shape (n_voxels,)
        Intensities, finite.
    levels : ndarray of int, shape (n_voxels,)
        Their gray levels.
    voxel_volume_mm3 : float
    voxel_array_shift : float
        Added to the intensities for the features of their squares.
    ibsi : bool
        Excess kurtosis, and entropy of the exact probabilities.
    """

    def __init__(
        self, values: np.ndarray, levels: np.ndarray, *, voxel_volume_mm3: float, voxel_array_shift: float, ibsi: bool
    ) -> None:
        self.levels = levels
        self.voxel_volume_mm3 = voxel_volume_mm3
        self.ibsi = ibsi
        self._raw = values
        self._shift = voxel_array_shift
        self._values = values.astype(float)

    @cached_property
    def _sorted(self) -> np.ndarray:
        return np.sort(self._raw).astype(float)  # float32 and integers are the faster to sort

    @cached_property
    def mean(self) -> float:
        return self._values.sum() / len(self._values)

    @cached_property
    def _deviations(self) -> np.ndarray:
        return self._values - self.mean

    @cached_property
    def _squares(self) -> np.ndarray:
        return self._deviations * self._deviations

    @cached_property
    def variance(self) -> float:
        return self._squares.sum() / len(self._squares)

    def moment_ratio(self, order: int) -> float:
        """Central moment of order 3 or 4 over the standard deviation to that power; 0 where all values are equal."""
        if self.variance == 0:
            return 0.0
        power = self._squares * (self._deviations if order == 3 else self._squares)
        return power.sum() / len(power) / self.variance ** (order / 2)

    def kurtosis(self) -> float:
        """Fourth standardized moment; with ``ibsi`` less that of a normal distribution (IBSI IPH6)."""
        return self.moment_ratio(4) - (3 if self.ibsi and self.variance else 0)

    @cached_property
    def energy(self) -> float:
        shifted = self._values + self._shift if self._shift else self._values
        return (shifted * shifted).sum()

    def root_mean_square(self) -> float:
        return np.sqrt(self.energy / len(self._values))

    def percentile(self, percent: float) -> float:
        """Percentile between two order statistics, rounded as numpy.percentile rounds it."""
        place = (len(self._sorted) - 1) * (percent / 100)
        below = int(place)
        share = place - below
        low, high = self._sorted[below], self._sorted[min(below + 1, len(self._sorted) - 1)]
        return low + (high - low) * share if share < 0.5 else high - (high - low) * (1 - share)

    def median(self) -> float:
        middle = len(self._sorted) // 2
        return (self._sorted[middle] + self._sorted[-middle - 1]) / 2

    @property
    def minimum(self) -> float:
        return self._sorted[0]

    @property
    def maximum(self) -> float:
        return self._sorted[-1]

    def mean_absolute_deviation(self) -> float:
        return np.abs(self._deviations).sum() / len(self._deviations)

    def robust_mean_absolute_deviation(self) -> float:
        """Mean absolute deviation of the values from the 10th to the 90th percentile, both included."""
        first = np.searchsorted(self._sorted, self.percentile(10), "left")
        last = np.searchsorted(self._sorted, self.percentile(90), "right")
        kept = self._sorted[first:last]
        if not len(kept):  # two voxels: both are outside
            return float("nan")
        return np.abs(kept - kept.sum() / len(kept)).sum() / len(kept)

    @cached_property
    def _shares(self) -> np.ndarray:
        """Share of each gray level that occurs."""
        counts = np.bincount(self.levels)
        return counts[counts > 0] / len(self.levels)

    def entropy(self) -> float:
        """Entropy in bits of the gray levels."""
        added = 0.0 if self.ibsi else np.spacing(1.0)
        return -(self._shares * np.log2(self._shares + added)).sum()

    def uniformity(self) -> float:
        return (self._shares**2).sum()


FORMULAS = {
    "10Percentile": lambda x: x.percentile(10),
    "90Percentile": lambda x: x.percentile(90),
    "Energy": lambda x: x.energy,
    "Entropy": Intensities.entropy,
    "InterquartileRange": lambda x: x.percentile(75) - x.percentile(25),
    "Kurtosis": Intensities.kurtosis,
    "Maximum": lambda x: x.maximum,
    "MeanAbsoluteDeviation": Intensities.mean_absolute_deviation,
    "Mean": lambda x: x.mean,
    "Median": Intensities.median,
    "Minimum": lambda x: x.minimum,
    "Range": lambda x: x.maximum - x.minimum,
    "RobustMeanAbsoluteDeviation": Intensities.robust_mean_absolute_deviation,
    "RootMeanSquared": Intensities.root_mean_square,
    "Skewness": lambda x: x.moment_ratio(3),
    "StandardDeviation": lambda x: np.sqrt(x.variance),
    "TotalEnergy": lambda x: x.energy * x.voxel_volume_mm3,
    "Uniformity": Intensities.uniformity,
    "Variance": lambda x: x.variance,
}
DEPRECATED = ("StandardDeviation",)  # given only when named: the square root of the variance
FEATURES = tuple(name for name in FORMULAS if name not in DEPRECATED)


def features(
    values: np.ndarray,
    levels: np.ndarray,
    names: Sequence[str],
    *,
    voxel_volume_mm3: float,
    voxel_array_shift: float = 0,
    ibsi: bool = False,
) -> dict[str, float]:
    """Return first-order features of a region.

    Parameters
    ----------
    values : ndarray, shape (n_voxels,)
        Intensities, integers or floating point, finite.
    levels : ndarray of int, shape (n_voxels,)
        Their gray levels, from `gray_levels`: entropy and uniformity are those of the histogram.
    names : sequence of str
        Of ``FEATURES`` and ``DEPRECATED``.
    voxel_volume_mm3 : float
    voxel_array_shift : float
        Added to the intensities for Energy, TotalEnergy and RootMeanSquared.
    ibsi : bool
        Kurtosis less that of a normal distribution (IBSI IPH6), and entropy of the exact probabilities (TLU2).

    Notes
    -----
    A flat region has variance, skewness and kurtosis 0. Where the sum of equal intensities is rounded, their mean
    differs from them by the rounding, and skewness and kurtosis are 1 or -1 as in pyradiomics. Two voxels of different
    intensity have none from the 10th to the 90th percentile: their RobustMeanAbsoluteDeviation is NaN, as there.

    References
    ----------
    IBSI sections 3.3 (UHIW) and 3.4 (ZVCW): Zwanenburg et al. 2016, arXiv:1612.07003.

    Examples
    --------
    >>> features(np.array([1, 2, 6]), np.array([1, 1, 1]), ["Mean", "Range"], voxel_volume_mm3=1.0)
    {'Mean': 3.0, 'Range': 5.0}
    """
    intensities = Intensities(
        values, levels, voxel_volume_mm3=voxel_volume_mm3, voxel_array_shift=voxel_array_shift, ibsi=ibsi
    )
    return {name: float(FORMULAS[name](intensities)) for name in names}
