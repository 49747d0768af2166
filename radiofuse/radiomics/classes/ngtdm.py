"""Features of the neighborhood gray tone difference matrix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

NO_DIFFERENCE_COARSENESS = 1e6  # where no voxel differs from its neighbors (IBSI QCDE)


class _Differences:
    """Rows of levels that occur: probability p, sum of differences s, level i; each formula is a method."""

    def __init__(self, ngtdm: np.ndarray, *, ibsi: bool) -> None:
        counts = ngtdm[:, 0] - ngtdm[:, 3] if ibsi else ngtdm[:, 0]
        occurs = counts > 0
        counts, self.s, self.i = counts[occurs], ngtdm[occurs, 1], ngtdm[occurs, 2]
        self.n_voxels = counts.sum() or 1.0  # IBSI: none may be left
        self.p = counts / self.n_voxels
        self.ps = self.p * self.s
        self.n_levels = len(counts)

    @cached_property
    def steps(self) -> np.ndarray:
        """Distances between levels, shape (n_levels, n_levels)."""
        return np.abs(np.subtract.outer(self.i, self.i))

    @cached_property
    def p_sums(self) -> np.ndarray:
        """p_i + p_j, shape (n_levels, n_levels)."""
        return np.add.outer(self.p, self.p)

    def coarseness(self) -> float:
        """1 / sum p s (IBSI QCDE)."""
        total = self.ps.sum()
        return float(1 / total) if total else NO_DIFFERENCE_COARSENESS

    def contrast(self) -> float:
        """Mean squared distance of levels times mean difference (IBSI 65HE); 0 for one level."""
        if self.n_levels < 2:
            return 0.0
        spread = self.p @ self.steps**2 @ self.p / (self.n_levels * (self.n_levels - 1))
        return float(spread * self.s.sum() / self.n_voxels)

    def busyness(self) -> float:
        """Sum p s / sum |i p_i - j p_j| (IBSI NQ30); 0 where the divisor is 0, as for one level."""
        weighted = self.i * self.p
        divisor = np.abs(np.subtract.outer(weighted, weighted)).sum()
        return float(self.ps.sum() / divisor) if divisor else 0.0

    def complexity(self) -> float:
        """Mean |i - j| (p_i s_i + p_j s_j) / (p_i + p_j) (IBSI HDEZ)."""
        return float((self.steps * np.add.outer(self.ps, self.ps) / self.p_sums).sum() / self.n_voxels)

    def strength(self) -> float:
        """Sum (p_i + p_j) (i - j)^2 / sum s (IBSI 1X9X); 0 where no voxel differs from its neighbors."""
        total = self.s.sum()
        return float((self.p_sums * self.steps**2).sum() / total) if total else 0.0


FORMULAS: dict[str, Callable[[_Differences], float]] = {
    "Busyness": _Differences.busyness,
    "Coarseness": _Differences.coarseness,
    "Complexity": _Differences.complexity,
    "Contrast": _Differences.contrast,
    "Strength": _Differences.strength,
}
FEATURES = tuple(FORMULAS)


def features(ngtdm: np.ndarray, names: Sequence[str], *, ibsi: bool = False) -> dict[str, float]:
    """Return features of a gray tone difference matrix.

    Parameters
    ----------
    ngtdm : ndarray of float64, shape (n_levels, 4)
        From `neighbors.neighbor_matrices`: voxels, sum of differences, level, voxels without neighbors.
    names : sequence of str
        Of ``FEATURES``.
    ibsi : bool
        Leave voxels without neighbors out; pyradiomics counts them with a difference of 0.

    Notes
    -----
    A flat region (one level) has coarseness 1e6 and 0 of all else.

    References
    ----------
    Amadasun and King 1989, doi:10.1109/21.44046; IBSI section 3.10 (IPET).

    Examples
    --------
    >>> features(np.array([[3, 0.5, 1, 0], [1, 1.0, 2, 0]]), ["Coarseness", "Busyness"])
    {'Coarseness': 1.6, 'Busyness': 1.25}
    """
    differences = _Differences(ngtdm, ibsi=ibsi)
    return {name: FORMULAS[name](differences) for name in names}
