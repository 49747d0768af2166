"""Features of the gray level run length matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radiofuse.radiomics.classes.neighbors import norms
from radiofuse.radiomics.classes.runs_and_zones import LengthStatistics

FORMULAS = {
    "GrayLevelNonUniformity": LengthStatistics.level_non_uniformity,
    "GrayLevelNonUniformityNormalized": lambda runs: runs.level_non_uniformity() / runs.n_groups,
    "GrayLevelVariance": LengthStatistics.level_variance,
    "HighGrayLevelRunEmphasis": lambda runs: runs.emphasis(2, 0),
    "LongRunEmphasis": lambda runs: runs.emphasis(0, 2),
    "LongRunHighGrayLevelEmphasis": lambda runs: runs.emphasis(2, 2),
    "LongRunLowGrayLevelEmphasis": lambda runs: runs.emphasis(-2, 2),
    "LowGrayLevelRunEmphasis": lambda runs: runs.emphasis(-2, 0),
    "RunEntropy": LengthStatistics.entropy,
    "RunLengthNonUniformity": LengthStatistics.length_non_uniformity,
    "RunLengthNonUniformityNormalized": lambda runs: runs.length_non_uniformity() / runs.n_groups,
    "RunPercentage": LengthStatistics.percentage,
    "RunVariance": LengthStatistics.length_variance,
    "ShortRunEmphasis": lambda runs: runs.emphasis(0, -2),
    "ShortRunHighGrayLevelEmphasis": lambda runs: runs.emphasis(2, -2),
    "ShortRunLowGrayLevelEmphasis": lambda runs: runs.emphasis(-2, -2),
}
FEATURES = tuple(FORMULAS)


def features(
    runs: np.ndarray,
    names: Sequence[str],
    *,
    offsets: np.ndarray,
    spacing_mm: tuple[float, float, float],
    weighting: str | None = None,
    ibsi: bool = False,
) -> dict[str, float]:
    """Return features of run lengths: means over the directions, or of one weighted matrix.

    Parameters
    ----------
    runs : ndarray of int, shape (n_offsets, n_levels, n_lengths)
        From `run_lengths`; column j counts runs of j + 1 voxels.
    names : sequence of str
        Of ``FEATURES``, or all that are wanted of them.
    offsets : ndarray of int, shape (n_offsets, 3)
        The directions, as steps (z, y, x).
    spacing_mm : tuple of float
        Distance between voxel centers along z, y, x.
    weighting : {"euclidean", "infinity", "manhattan", "no_weighting"} or None
        Sum the matrices, each weighted with its step's norm in mm, and describe the sum.
    ibsi : bool
        Entropy of the exact probabilities.

    Notes
    -----
    Directions without runs are left out of the means. Where no direction has any, the features are NaN; run entropy
    and run variance of a single matrix are 0 then, as in pyradiomics.
    Run percentage of a weighted sum counts a voxel once per direction, with the direction's weight.
    A flat region (one level) has no variance of levels, and emphases that are those of the lengths alone.

    References
    ----------
    Galloway 1975, doi:10.1016/S0146-664X(75)80008-6; Chu et al. 1990, doi:10.1016/0167-8655(90)90112-F;
    Dasarathy and Holder 1991, Pattern Recognition Letters 12: 497-502; IBSI section 3.7 (TP0I).

    Examples
    --------
    >>> features(np.array([[[1, 1]]]), ["RunPercentage"], offsets=np.array([[0, 0, 1]]), spacing_mm=(1, 1, 1))
    {'RunPercentage': 0.6666666666666666}
    """
    if weighting is not None:
        runs = np.tensordot(norms(weighting, offsets, spacing_mm), runs, axes=1)[None]
    statistics = LengthStatistics(runs, np.arange(1, runs.shape[2] + 1), ibsi=ibsi)
    if not len(statistics.n_groups):
        return {name: _without_runs(name, len(runs)) for name in names}
    per_direction = np.array([FORMULAS[name](statistics) for name in names])
    return dict(zip(names, per_direction.mean(axis=1).tolist(), strict=True))


def _without_runs(name: str, n_matrices: int) -> float:
    """Return the value of a region no line of which holds two voxels: a mean over no direction, or a sum of nothing."""
    return 0.0 if n_matrices == 1 and name in ("RunEntropy", "RunVariance") else float("nan")
