"""Features of the gray level dependence matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

EPS = float(np.spacing(1.0))  # pyradiomics adds it to a probability before the logarithm


class _Dependences:
    """A dependence matrix without its empty rows and columns; each formula is a method.

    ``counts`` has shape (levels that occur, numbers of dependent neighbors that occur); ``size`` is that number plus
    one: pyradiomics and IBSI count the voxel itself. The formulas are those of `LengthStatistics`, which sums them in
    another order: nine features would differ in their last digits from those that were computed before.
    """

    def __init__(self, gldm: np.ndarray, *, eps: float) -> None:
        self.per_level, self.per_size = gldm.sum(axis=1), gldm.sum(axis=0)
        rows, columns = np.flatnonzero(self.per_level), np.flatnonzero(self.per_size)
        self.counts = gldm[np.ix_(rows, columns)]
        self.per_level, self.per_size = self.per_level[rows].astype(float), self.per_size[columns].astype(float)
        self.level, self.size = rows + 1.0, columns + 1.0
        self.n_voxels = float(self.per_level.sum())
        self.eps = eps

    def emphasis(self, level_power: int, size_power: int) -> float:
        """Return the mean of level^level_power * size^size_power over the voxels."""
        if not level_power:
            return float(self.per_size @ self.size**size_power / self.n_voxels)
        if not size_power:
            return float(self.per_level @ self.level**level_power / self.n_voxels)
        return float(self.level**level_power @ self.counts @ self.size**size_power / self.n_voxels)

    def entropy(self) -> float:
        """Return -sum p log2 p (IBSI FCBV)."""
        p = self.counts[self.counts > 0] / self.n_voxels
        return float(-(p @ np.log2(p + self.eps)))

    def level_variance(self) -> float:
        """Return the variance of the voxels' levels (IBSI 1PFV)."""
        return _variance(self.per_level / self.n_voxels, self.level)

    def size_variance(self) -> float:
        """Return the variance of the voxels' dependence (IBSI DNX2)."""
        return _variance(self.per_size / self.n_voxels, self.size)


def _variance(p: np.ndarray, values: np.ndarray) -> float:
    return float(p @ (values - p @ values) ** 2)


FORMULAS = {
    "DependenceEntropy": _Dependences.entropy,
    "DependenceNonUniformity": lambda of: float(of.per_size @ of.per_size / of.n_voxels),
    "DependenceNonUniformityNormalized": lambda of: float(of.per_size @ of.per_size / of.n_voxels**2),
    "DependenceVariance": _Dependences.size_variance,
    "GrayLevelNonUniformity": lambda of: float(of.per_level @ of.per_level / of.n_voxels),
    "GrayLevelVariance": _Dependences.level_variance,
    "HighGrayLevelEmphasis": lambda of: of.emphasis(2, 0),
    "LargeDependenceEmphasis": lambda of: of.emphasis(0, 2),
    "LargeDependenceHighGrayLevelEmphasis": lambda of: of.emphasis(2, 2),
    "LargeDependenceLowGrayLevelEmphasis": lambda of: of.emphasis(-2, 2),
    "LowGrayLevelEmphasis": lambda of: of.emphasis(-2, 0),
    "SmallDependenceEmphasis": lambda of: of.emphasis(0, -2),
    "SmallDependenceHighGrayLevelEmphasis": lambda of: of.emphasis(2, -2),
    "SmallDependenceLowGrayLevelEmphasis": lambda of: of.emphasis(-2, -2),
}
FEATURES = tuple(FORMULAS)


def features(gldm: np.ndarray, names: Sequence[str], *, ibsi: bool = False) -> dict[str, float]:
    """Return features of a dependence matrix.

    Parameters
    ----------
    gldm : ndarray of int, shape (n_levels, n_sizes)
        From `neighbors.neighbor_matrices`: voxels of level i + 1 with j dependent neighbors.
    names : sequence of str
        Of ``FEATURES``.
    ibsi : bool
        Entropy of the exact probabilities, without pyradiomics' epsilon.

    Notes
    -----
    A flat region (one level) has no variance of levels; its other features are those of the dependences alone.

    References
    ----------
    Sun and Wee 1983, doi:10.1016/0734-189X(83)90032-4; IBSI section 3.11 (REK0).

    Examples
    --------
    >>> features(np.array([[0, 2, 0], [1, 0, 0]]), ["LargeDependenceEmphasis", "GrayLevelNonUniformity"])
    {'LargeDependenceEmphasis': 3.0, 'GrayLevelNonUniformity': 1.6666666666666667}
    """
    dependences = _Dependences(gldm, eps=0.0 if ibsi else EPS)
    return {name: FORMULAS[name](dependences) for name in names}
