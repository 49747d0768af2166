"""Features of the gray level co-occurrence matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radiofuse.names import kernel
from radiofuse.radiomics.classes.neighbors import squared_norms

_glcm = kernel("radiomics.classes._glcm")

FEATURES = (
    "Autocorrelation",
    "ClusterProminence",
    "ClusterShade",
    "ClusterTendency",
    "Contrast",
    "Correlation",
    "DifferenceAverage",
    "DifferenceEntropy",
    "DifferenceVariance",
    "Id",
    "Idm",
    "Idmn",
    "Idn",
    "Imc1",
    "Imc2",
    "InverseVariance",
    "JointAverage",
    "JointEnergy",
    "JointEntropy",
    "MCC",
    "MaximumProbability",
    "SumAverage",
    "SumEntropy",
    "SumSquares",
)
EPS = float(np.spacing(1.0))  # pyradiomics adds it inside logarithms and to divisors


def features(
    glcm: np.ndarray,
    names: Sequence[str],
    *,
    offsets: np.ndarray,
    spacing_mm: tuple[float, float, float],
    is_flat: bool,
    symmetrical: bool = True,
    weighting: str | None = None,
    ibsi: bool = False,
) -> dict[str, float]:
    """Return features of co-occurrence matrices: means over the directions, or of one weighted matrix.

    Parameters
    ----------
    glcm : ndarray of int32, shape (n_offsets, n_levels, n_levels)
        From `neighbors.neighbor_matrices`; the last level must be the highest that occurs.
    names : sequence of str
        Of ``FEATURES``.
    offsets : ndarray of int, shape (n_offsets, 3)
        The directions, as steps (z, y, x).
    spacing_mm : tuple of float
        Distance between voxel centers along z, y, x.
    is_flat : bool
        The region has a single level. Its pairs do not tell: another level may occur in voxels without neighbors.
    symmetrical : bool
        Count every pair in both orders.
    weighting : {"euclidean", "infinity", "manhattan", "no_weighting"} or None
        Sum the matrices, each times exp(-d^2) of its step's length d in mm, and describe the sum.
    ibsi : bool
        Exact logarithms and quotients, without pyradiomics' epsilon.

    Notes
    -----
    Directions without pairs are left out of the means; where no direction has any, the features are NaN, as in
    pyradiomics. A flat region has Correlation, MCC and the inverse differences 1, and 0 of every entropy,
    difference and cluster feature.
    Where a direction's levels are independent of their neighbors', Imc2 and MCC are 0 in it; pyradiomics leaves them
    to rounding: some 1e-8, or NaN, which takes that direction out of the mean.
    Without symmetry, one level may stand before all others; Correlation is then 1 in that direction if a sum of
    probabilities rounds to 1, and else 0. The sum is pyradiomics' where two directions or more have pairs; a single
    matrix pyradiomics sums in another order, so there it may be 1 in one program and 0 in the other.

    References
    ----------
    Haralick et al. 1973, doi:10.1109/TSMC.1973.4309314; IBSI section 3.6 (LFYI).

    Examples
    --------
    >>> pairs, along_x = np.array([[[2, 1], [0, 1]]], np.int32), np.array([[0, 0, 1]])
    >>> features(pairs, ["Contrast", "JointAverage"], offsets=along_x, spacing_mm=(1, 1, 1), is_flat=False)
    {'Contrast': 0.25, 'JointAverage': 1.375}
    """
    weights = None if weighting is None else np.exp(-squared_norms(weighting, offsets, spacing_mm))
    values = rows(glcm, weights, is_flat=is_flat, symmetrical=symmetrical, with_mcc="MCC" in names, ibsi=ibsi)
    met = values[~np.isnan(values[:, 0])]
    if not len(met):
        return {name: _without_pairs(name, len(values), is_flat=is_flat) for name in names}
    means = dict(zip(FEATURES, met.mean(axis=0).tolist(), strict=True))
    return {name: means[name] for name in names}


def rows(
    glcm: np.ndarray,
    weights: np.ndarray | None,
    *,
    is_flat: bool,
    symmetrical: bool = True,
    with_mcc: bool = False,
    ibsi: bool = False,
) -> np.ndarray:
    """Return a row of ``FEATURES`` for each direction, or one of the weighted sum; NaN where there is no pair.

    Parameters
    ----------
    glcm, is_flat, symmetrical, ibsi
        As for `features`.
    weights : ndarray, shape (n_offsets,), or None
        Of each direction's matrix in the sum; None describes each by itself.
    with_mcc : bool
        Compute MCC, which takes longest; 0 without.
    """
    values = np.empty((len(glcm) if weights is None else 1, len(FEATURES)))
    _glcm.features_of_directions(glcm, weights, symmetrical, 0.0 if ibsi else EPS, with_mcc, is_flat, values)
    return values


def _without_pairs(name: str, n_matrices: int, *, is_flat: bool) -> float:
    """Return what pyradiomics gives: NaN, but for two features of a flat region that do not look at the matrix."""
    flat_value = {"InverseVariance": 0.0} if n_matrices == 1 else {"MCC": 1.0}
    return flat_value.get(name, np.nan) if is_flat else np.nan
