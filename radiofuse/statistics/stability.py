"""How much repeated selections agree, beyond what chance would give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from radiofuse import notebook

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Stability:
    """Agreement of several selections from the same features.

    Attributes
    ----------
    nogueira : float
        1: always the same features; about 0: no more agreement than chance. NaN where each selection is
        empty, or each is complete.
    variance, low, high : float
        Variance of the estimate and its 95 % interval. They hold for independent selections; those of
        overlapping training sets agree more, so the interval is too narrow for cross-validation.
    mean_jaccard : float
        Mean over pairs of selections of shared / united features; 1 for a pair of empty ones. Grows with
        the number selected, which the first measure corrects for.
    """

    nogueira: float
    variance: float
    low: float
    high: float
    mean_jaccard: float

    def _repr_html_(self) -> str:
        return notebook.result(self)


def measure_stability(chosen: np.ndarray) -> Stability:
    """Compare selections with each other.

    Parameters
    ----------
    chosen : array-like of bool, shape (n_selections, n_features)
        All features that could have been chosen, not only those that ever were; at least two rows.

    See Also
    --------
    radiofuse.select.StabilitySelector : Selects what is stable.

    References
    ----------
    S. Nogueira, K. Sechidis and G. Brown, "On the stability of feature selection algorithms", Journal of
    Machine Learning Research 18 (2018) 1-54: definition 4 (estimate) and
    theorem 7 (its variance).

    Examples
    --------
    >>> measure_stability([[1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]]).nogueira
    1.0
    """
    Z = np.asarray(chosen, dtype=float)
    n, d = Z.shape
    frequency, size = Z.mean(axis=0), Z.sum(axis=1)
    share = size.mean() / d
    by_chance = share * (1 - share)
    if by_chance == 0:
        return Stability(np.nan, np.nan, np.nan, np.nan, _mean_jaccard(Z))
    nogueira = float(1 - n / (n - 1) * np.mean(frequency * (1 - frequency)) / by_chance)
    influence = Z @ frequency / d - size * share / d
    influence += nogueira / 2 * (2 * size * share / d - size / d - share + 1)
    influence /= by_chance
    variance = float(4 / n**2 * np.sum((influence - influence.mean()) ** 2))
    margin = float(ndtri((1 + CONFIDENCE) / 2)) * variance**0.5
    return Stability(nogueira, variance, nogueira - margin, nogueira + margin, _mean_jaccard(Z))


def _mean_jaccard(Z: np.ndarray) -> float:
    shared = Z @ Z.T
    size = np.diag(shared)
    united = size[:, None] + size - shared
    jaccard = np.divide(shared, united, out=np.ones_like(shared), where=united > 0)
    return float(jaccard[np.triu_indices(len(Z), 1)].mean())
