"""Step two: of features that say the same, keep one. Greedy pruning by Pearson correlation."""

from __future__ import annotations

from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.feature_selection import SelectorMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from radiofuse.select.binary import binary_target_tags
from radiofuse.select.mann_whitney import mann_whitney
from radiofuse.select.standardize import standardize

BLOCK = 512  # features compared with all survivors in one matrix product


def prune(X: np.ndarray, threshold: float, *, absolute: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Walk through the columns; drop each that correlates above ``threshold`` with one kept before.

    The answer is that of the greedy rule on the full correlation matrix, which is never built: a block
    of columns is compared with the survivors only, so memory is that of ``X`` and a block.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Columns in the order of preference.
    threshold : float
        Dropped is what lies strictly above.
    absolute : bool
        Compare the absolute correlation, or the signed one.

    Returns
    -------
    partner : ndarray of int, shape (n_features,)
        The first kept column that a dropped one correlates with; −1 for a kept column.
    r : ndarray of shape (n_features,)
        The correlation of the two; NaN for a kept column. A constant column correlates with nothing.

    Examples
    --------
    >>> X = np.array([[1.0, 2.0, 1.0], [2.0, 4.0, -1.0], [3.0, 6.5, -1.0], [4.0, 8.0, 1.0]])
    >>> partner, r = prune(X, 0.9)
    >>> partner, r.round(3)
    (array([-1,  0, -1]), array([  nan, 0.996,   nan]))
    """
    columns = np.ascontiguousarray(standardize(X).T) / np.sqrt(len(X))  # survivors move to the front
    partner, r = np.full(len(columns), -1), np.full(len(columns), np.nan)
    kept = np.empty(0, dtype=int)
    for start in range(0, len(columns), BLOCK):
        members = np.arange(start, min(start + BLOCK, len(columns)))
        block = columns[start : start + BLOCK]
        r_with = np.vstack([columns[: len(kept)] @ block.T, block @ block.T])
        exceeds = (np.abs(r_with) if absolute else r_with) > threshold
        first = _first_partner(exceeds, len(kept))
        dropped = first >= 0
        partner[members[dropped]] = np.concatenate([kept, members])[first[dropped]]
        r[members[dropped]] = r_with[first[dropped], dropped.nonzero()[0]]
        survivors = members[~dropped]
        columns[len(kept) : len(kept) + len(survivors)] = columns[survivors]
        kept = np.concatenate([kept, survivors])
    return partner, r


def _first_partner(exceeds: np.ndarray, n_kept: int) -> np.ndarray:
    """Return for each column of a block the first surviving row it exceeds with, or −1.

    The first ``n_kept`` rows of ``exceeds`` have survived; the others are the block itself, where only
    a column without a partner may drop a later one.
    """
    first = np.full(exceeds.shape[1], -1)
    if n_kept:
        first = np.where(exceeds[:n_kept].any(axis=0), exceeds[:n_kept].argmax(axis=0), -1)
    for i in range(exceeds.shape[1]):
        if first[i] < 0:
            later = exceeds[n_kept + i] & (first < 0)
            later[: i + 1] = False
            first[later] = n_kept + i
    return first


class CorrelationSelector(SelectorMixin, BaseEstimator):
    """Of features that correlate above ``threshold``, keep the first in a stated order.

    No two kept features correlate above the threshold, and every dropped one exceeds it with a kept
    one. A constant column correlates with nothing and is kept: judging it is no matter of redundancy.

    Parameters
    ----------
    threshold : float, default=0.9
        Dropped is what lies strictly above.
    order : {"effect", "column", "random"}, default="effect"
        Who is asked first, and so stays. "effect": by distance of the AUC from .5, the larger first,
        ties in column order; the order of the columns does not matter then, twins aside. "column": as
        they stand; needs no ``y``. "random": as published; two seeds share about half of what they keep.
    sign : {"absolute", "literal"}, default="absolute"
        Whether a correlation below ``-threshold`` is redundancy too, or only r > ``threshold`` as the
        published text has it.
    random_state : int, RandomState instance or None, default=None
        For ``order="random"``.

    Attributes
    ----------
    kept_partner_ : ndarray of int, shape (n_features_in_,)
        For a dropped feature the index of the kept one it was dropped for; −1 for a kept feature.
    kept_partner_r_ : ndarray of shape (n_features_in_,)
        Their correlation; NaN for a kept feature.

    References
    ----------
    X. Shi et al., "An intra- and inter-modality fusion model with invariant- and specific-constraints
    using MR images for prediction of glioma isocitrate dehydrogenase mutation status", 2023, section II-D.

    Examples
    --------
    >>> X = [[1.0, 1.1, 3.0], [2.0, 2.0, 1.0], [3.0, 3.2, 2.0], [4.0, 3.9, 4.0]]
    >>> selector = CorrelationSelector(order="column").fit(X)
    >>> selector.get_support(), selector.kept_partner_
    (array([ True, False,  True]), array([-1,  0, -1]))
    """

    _parameter_constraints: dict = {
        "threshold": [Interval(Real, 0, 1, closed="both")],
        "order": [StrOptions({"effect", "column", "random"})],
        "sign": [StrOptions({"absolute", "literal"})],
        "random_state": ["random_state"],
    }

    def __init__(self, *, threshold=0.9, order="effect", sign="absolute", random_state=None):
        self.threshold = threshold
        self.order = order
        self.sign = sign
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Compare every pair of columns.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Complete features: no NaN.
        y : array-like of shape (n_samples,), optional
            Two classes; only ``order="effect"`` reads them.

        Raises
        ------
        ValueError
            If ``order="effect"`` and ``y`` does not hold two classes, or ``X`` is not finite.
        """
        X, y = self._validate(X, y)
        order = self._preference(X, y)
        partner, r = prune(X[:, order], self.threshold, absolute=self.sign == "absolute")
        self.kept_partner_ = np.full(len(order), -1)
        self.kept_partner_[order] = np.where(partner < 0, -1, order[partner])
        self.kept_partner_r_ = np.empty(len(order))
        self.kept_partner_r_[order] = r
        return self

    def _validate(self, X, y):
        if self.order == "effect":
            return validate_data(self, X, y, dtype=np.float64, ensure_min_samples=2)
        return validate_data(self, X, dtype=np.float64, ensure_min_samples=2), None

    def _preference(self, X: np.ndarray, y: np.ndarray | None) -> np.ndarray:
        if self.order == "effect":
            return np.argsort(-mann_whitney(X, y).effect, kind="stable")
        if self.order == "random":
            return check_random_state(self.random_state).permutation(X.shape[1])
        return np.arange(X.shape[1])

    def _get_support_mask(self):
        check_is_fitted(self)
        return self.kept_partner_ < 0

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        return binary_target_tags(tags) if self.order == "effect" else tags
