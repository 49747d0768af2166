"""Features of IBSI's neighboring gray level dependence matrix: those of the GLDM and three more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radiofuse.radiomics.classes import gldm

OWN = {
    "DependenceEnergy": lambda counts: float(((counts / counts.sum()) ** 2).sum()),
    # Every voxel has a dependence, if only on itself.
    "DependencePercentage": lambda counts: 1.0,
    "GrayLevelNonUniformityNormalized": lambda counts: float(((counts.sum(axis=1) / counts.sum()) ** 2).sum()),
}


def features(matrix: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    """Return features of a dependence matrix.

    Parameters
    ----------
    matrix : ndarray of int, shape (n_levels, n_sizes)
        From `neighbors.neighbor_matrices`: voxels of level i + 1 with j dependent neighbors.
    names : sequence of str
        Of ``gldm.FEATURES`` and ``OWN``.

    References
    ----------
    IBSI section 3.11 (REK0).

    Examples
    --------
    >>> features(np.array([[0, 2, 0], [1, 0, 1]]), ["DependenceEnergy", "LargeDependenceEmphasis"])
    {'DependenceEnergy': 0.375, 'LargeDependenceEmphasis': 4.5}
    """
    shared = gldm.features(matrix, [name for name in names if name not in OWN], ibsi=True)
    return {name: OWN[name](matrix) if name in OWN else shared[name] for name in names}
