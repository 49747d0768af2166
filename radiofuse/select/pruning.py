"""The greedy walk through correlated columns, in blocks, without the matrix of all correlations."""

from __future__ import annotations

import numpy as np
from scipy import stats

from radiofuse.prepare.standardize import standardize

BLOCK = 512  # features compared with the survivors at a time
TILE = 1024  # survivors in one matrix product: tile and block stay in the processor's cache


def prune(
    X: np.ndarray,
    threshold: float,
    *,
    order: np.ndarray | None = None,
    method: str = "pearson",
    absolute: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """Walk through the columns; drop each that correlates above ``threshold`` with one kept before.

    The answer is that of the greedy rule on the full correlation matrix, which is never built: a block
    of columns is compared with the survivors only. A product in single precision finds the pairs that
    may exceed, its rounding error allowed for; what decides and is returned is in double precision.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Finite values.
    threshold : float
        Dropped is what lies strictly above.
    order : ndarray of int, shape (n_features,), optional
        Columns by preference, the best first; by default as they stand.
    method : {"pearson", "spearman"}, default="pearson"
        Correlation of the values, or of their midranks.
    absolute : bool, default=True
        Compare the absolute correlation, or the signed one.

    Returns
    -------
    partner : ndarray of int, shape (n_features,)
        The most preferred kept column that a dropped one exceeds with; −1 for a kept column.
    r : ndarray of shape (n_features,)
        The correlation of the two; NaN for a kept column. A constant column correlates with nothing.

    Examples
    --------
    >>> X = np.array([[1.0, 2.0, 1.0], [2.0, 4.0, -1.0], [3.0, 6.5, -1.0], [4.0, 8.0, 1.0]])
    >>> partner, r = prune(X, 0.9)
    >>> partner, r.round(3)
    (array([-1,  0, -1]), array([  nan, 0.996,   nan]))
    """
    order = np.arange(X.shape[1]) if order is None else np.asarray(order)
    rule = _Rule(threshold, absolute, X.shape[0])
    columns = unit_columns(X, order, method)
    screened = np.empty(columns.shape, dtype=np.float32)  # survivors only, in front
    partner, r = np.full(len(columns), -1), np.full(len(columns), np.nan)
    kept = np.empty(0, dtype=int)
    for start in range(0, len(columns), BLOCK):
        members = np.arange(start, min(start + BLOCK, len(columns)))
        for first in range(0, len(kept), TILE):
            tile = slice(first, min(first + TILE, len(kept)))
            members = _drop_against(columns, screened[tile], kept[tile], members, rule, partner, r)
        members = _drop_within(columns, members, rule, partner, r)
        screened[len(kept) : len(kept) + len(members)] = columns[members]
        kept = np.concatenate([kept, members])
    of_column, r_of_column = np.empty_like(partner), np.empty_like(r)
    of_column[order], r_of_column[order] = np.where(partner < 0, -1, order[partner]), r
    return of_column, r_of_column


class _Rule:
    """What exceeds the threshold, and what may do so when seen in single precision."""

    def __init__(self, threshold: float, absolute: bool, n_samples: int) -> None:
        self.threshold, self.absolute = threshold, absolute
        # Rounding of a product of two unit vectors is below (n + 2) half units, whatever the order of its sum.
        self.screen = threshold - (n_samples + 4) * float(np.finfo(np.float32).eps)

    def may_exceed(self, r: np.ndarray) -> np.ndarray:
        return (np.abs(r, out=r) if self.absolute else r) > self.screen

    def exceeds(self, r: np.ndarray) -> np.ndarray:
        return (np.abs(r) if self.absolute else r) > self.threshold


def _drop_against(
    columns: np.ndarray,
    tile: np.ndarray,
    kept: np.ndarray,
    members: np.ndarray,
    rule: _Rule,
    partner: np.ndarray,
    r: np.ndarray,
) -> np.ndarray:
    """Record the first partner that each member has among ``kept``; return the members without one."""
    candidate = rule.may_exceed(tile @ columns[members].astype(np.float32).T)
    waiting = np.flatnonzero(candidate.any(axis=0))
    while len(waiting):
        row = candidate[:, waiting].argmax(axis=0)
        i, j = kept[row], members[waiting]
        r_pair = correlations(columns, i, j)
        sure = rule.exceeds(r_pair)
        partner[j[sure]], r[j[sure]] = i[sure], r_pair[sure]
        candidate[row[~sure], waiting[~sure]] = False
        waiting = waiting[~sure]
        waiting = waiting[candidate[:, waiting].any(axis=0)]
    return members[partner[members] < 0]


def _drop_within(
    columns: np.ndarray, members: np.ndarray, rule: _Rule, partner: np.ndarray, r: np.ndarray
) -> np.ndarray:
    """Let each member that is still in drop later ones; return those that stay."""
    block = columns[members].astype(np.float32)
    candidate = np.triu(rule.may_exceed(block @ block.T), 1)
    for position in np.flatnonzero(candidate.any(axis=1)):
        if partner[members[position]] < 0:
            later = members[candidate[position]]
            later = later[partner[later] < 0]
            r_pair = correlations(columns, np.full(len(later), members[position]), later)
            sure = rule.exceeds(r_pair)
            partner[later[sure]], r[later[sure]] = members[position], r_pair[sure]
    return members[partner[members] < 0]


def correlations(columns: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Return the correlation of each column of ``i`` with that of ``j``, of columns as `unit_columns` returns them."""
    return np.einsum("ij,ij->i", columns[i], columns[j])


def unit_columns(X: np.ndarray, order: np.ndarray, method: str) -> np.ndarray:
    """Return the columns in ``order``, one per row, centered and of length 1, or zeros for a constant one."""
    columns = np.empty((len(order), len(X)))
    for start in range(0, len(order), BLOCK):
        block = X[:, order[start : start + BLOCK]]
        if method == "spearman":
            block = stats.rankdata(block, axis=0)
        columns[start : start + BLOCK] = standardize(block).T / np.sqrt(len(X))
    return columns
