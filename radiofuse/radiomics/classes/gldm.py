"""Features of the gray level dependence matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radiofuse.radiomics.classes.runs_and_zones import LengthStatistics

FORMULAS = {
    "DependenceEntropy": LengthStatistics.entropy,
    "DependenceNonUniformity": LengthStatistics.length_non_uniformity,
    "DependenceNonUniformityNormalized": lambda voxels: voxels.length_non_uniformity() / voxels.n_groups,
    "DependenceVariance": LengthStatistics.length_variance,
    "GrayLevelNonUniformity": LengthStatistics.level_non_uniformity,
    "GrayLevelVariance": LengthStatistics.level_variance,
    "HighGrayLevelEmphasis": lambda voxels: voxels.emphasis(2, 0),
    "LargeDependenceEmphasis": lambda voxels: voxels.emphasis(0, 2),
    "LargeDependenceHighGrayLevelEmphasis": lambda voxels: voxels.emphasis(2, 2),
    "LargeDependenceLowGrayLevelEmphasis": lambda voxels: voxels.emphasis(-2, 2),
    "LowGrayLevelEmphasis": lambda voxels: voxels.emphasis(-2, 0),
    "SmallDependenceEmphasis": lambda voxels: voxels.emphasis(0, -2),
    "SmallDependenceHighGrayLevelEmphasis": lambda voxels: voxels.emphasis(2, -2),
    "SmallDependenceLowGrayLevelEmphasis": lambda voxels: voxels.emphasis(-2, -2),
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
    # A voxel's dependence counts the voxel itself, in pyradiomics and IBSI.
    statistics = LengthStatistics(gldm[None], np.arange(1, gldm.shape[1] + 1), ibsi=ibsi)
    return {name: float(FORMULAS[name](statistics)[0]) for name in names}
