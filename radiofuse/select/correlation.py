"""Step two: of features that say the same, keep one. Pruning by Pearson's or Spearman's correlation."""

from __future__ import annotations

from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from sklearn.base import BaseEstimator, _fit_context
from sklearn.feature_selection import SelectorMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from radiofuse.errors import RequestError
from radiofuse.estimators import Seed
from radiofuse.patients.routing import refuse_misaligned
from radiofuse.prepare.standardize import standardize
from radiofuse.prepare.validation import read_columns, read_rows
from radiofuse.select.find_correlation import find_correlation
from radiofuse.select.kruskal import kruskal
from radiofuse.select.mann_whitney import mann_whitney
from radiofuse.select.significance import require_classes
from radiofuse.select.words import Words

BLOCK = 512  # features compared with the survivors at a time
TILE = 1024  # survivors in one matrix product: tile and block stay in the processor's cache
FULL_MATRIX = 10_000  # features up to which the full correlation matrix is computed: 0.8 GB


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
        r_pair = _correlations(columns, i, j)
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
            r_pair = _correlations(columns, np.full(len(later), members[position]), later)
            sure = rule.exceeds(r_pair)
            partner[later[sure]], r[later[sure]] = members[position], r_pair[sure]
    return members[partner[members] < 0]


def _correlations(columns: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
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


class CorrelationSelector(SelectorMixin, BaseEstimator):
    """Of features that correlate above ``threshold``, keep one.

    No two kept features correlate above the threshold. Except with ``keep="caret"``, every dropped one
    exceeds it with a kept one. A constant column correlates with nothing and is kept: judging it is no
    matter of redundancy. Of perfect twins, whose effects are equal, the first column stays (caret: the last).

    Parameters
    ----------
    threshold : float, default=0.9
        Dropped is what lies strictly above.
    method : {"pearson", "spearman"}, default="pearson"
        Correlation of the values, or of their midranks.
    keep : {"effect", "first", "random", "caret"}, default="effect"
        Who is asked first, and so stays. "effect": by distance of the AUC from .5, with more than two
        classes by the Kruskal-Wallis statistic, the larger first, ties in column order; the order of the
        columns does not matter then, twins aside. "first": as they stand; needs no ``y``. "random": as
        published; two seeds share about half of what they keep. "caret": of each pair the one with the
        larger mean correlation goes, see `find_correlation`; needs no ``y``, and the full matrix, so it
        refuses more than 10,000 features.
    sign : {"absolute", "literal"}, default="absolute"
        Whether a correlation below ``-threshold`` is redundancy too, or only r > ``threshold`` as the
        published text has it.
    random_state : int, RandomState instance or None, default=None
        For ``keep="random"``.

    Attributes
    ----------
    kept_partner_ : ndarray of int, shape (n_features_in_,)
        For a dropped feature the index of the kept one it was dropped for; −1 for a kept feature.
        caret's rule may drop a feature for one that is dropped later: with it, the kept feature of the
        largest absolute correlation.
    kept_partner_r_ : ndarray of shape (n_features_in_,)
        Their correlation; NaN for a kept feature. With ``keep="caret"`` it may lie below the threshold.

    References
    ----------
    X. Shi et al., "An intra- and inter-modality fusion model with invariant- and specific-constraints
    using MR images for prediction of glioma isocitrate dehydrogenase mutation status", 2023, section II-D.
    M. Kuhn, "Building predictive models in R using the caret package", Journal of Statistical Software
    28 (2008) 1-26, ``findCorrelation``.

    Examples
    --------
    >>> X = [[1.0, 1.1, 3.0], [2.0, 2.0, 1.0], [3.0, 3.2, 2.0], [4.0, 3.9, 4.0]]
    >>> selector = CorrelationSelector(keep="first").fit(X)
    >>> selector.get_support(), selector.kept_partner_
    (array([ True, False,  True]), array([-1,  0, -1]))
    """

    words = Words(
        "correlated features removed",
        heading="pruning",
        kept="after pruning at |r| > {threshold:g}",
        removed="correlates too much with a kept feature",
    )
    command_options = {"r": "threshold", "prune_order": "keep"}

    _parameter_constraints: dict = {
        "threshold": [Interval(Real, 0, 1, closed="both")],
        "method": [StrOptions({"pearson", "spearman"})],
        "keep": [StrOptions({"effect", "first", "random", "caret"})],
        "sign": [StrOptions({"absolute", "literal"})],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        threshold: float = 0.9,
        method: str = "pearson",
        keep: str = "effect",
        sign: str = "absolute",
        random_state: Seed = None,
    ) -> None:
        self.threshold = threshold
        self.method = method
        self.keep = keep
        self.sign = sign
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Compare every pair of columns.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Complete features: no NaN.
        y : array-like of shape (n_samples,), optional
            Class labels; only ``keep="effect"`` reads them.

        Raises
        ------
        ValueError
            If ``keep="effect"`` and ``y`` does not hold two classes or more, or ``X`` is not finite.
        RequestError
            If ``keep="caret"`` is given a literal sign, or too many features.
        """
        refuse_misaligned(X, y=y)
        X, y = self._validate(X, y)
        if self.keep == "caret":
            self.kept_partner_, self.kept_partner_r_ = self._prune_by_mean_correlation(X)
        else:
            self.kept_partner_, self.kept_partner_r_ = prune(
                X,
                self.threshold,
                order=self._preference(X, y),
                method=self.method,
                absolute=self.sign == "absolute",
            )
        return self

    def _validate(self, X: ArrayLike, y: ArrayLike | None) -> tuple[np.ndarray, np.ndarray | None]:
        if self.keep == "effect":
            return read_rows(self, X, y, min_samples=2)
        return read_columns(self, X, min_samples=2), None

    def _preference(self, X: np.ndarray, y: Any) -> np.ndarray:
        if self.keep == "effect":
            return np.argsort(-_effect(X, y), kind="stable")
        if self.keep == "random":
            return check_random_state(self.random_state).permutation(X.shape[1])
        return np.arange(X.shape[1])

    def _prune_by_mean_correlation(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.sign != "absolute":
            raise RequestError('keep="caret" compares absolute correlations. Pass sign="absolute", or another keep.')
        if X.shape[1] > FULL_MATRIX:
            raise RequestError(
                f'keep="caret" needs the full correlation matrix and takes up to {FULL_MATRIX} features, not '
                f'{X.shape[1]}. Filter before, or choose keep="effect".'
            )
        columns = unit_columns(X, np.arange(X.shape[1]), self.method)
        size = columns @ columns.T
        dropped = find_correlation(np.abs(size, out=size), self.threshold)
        kept, lost = np.flatnonzero(~dropped), np.flatnonzero(dropped)
        partner, r = np.full(len(columns), -1), np.full(len(columns), np.nan)
        partner[lost] = kept[size[lost][:, kept].argmax(axis=1)]
        r[lost] = _correlations(columns, lost, partner[lost])
        return partner, r

    def _get_support_mask(self) -> np.ndarray:
        check_is_fitted(self)
        return self.kept_partner_ < 0

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.keep == "effect"
        return tags


def _effect(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return how strongly each column separates the classes."""
    return (mann_whitney if len(require_classes(y)) == 2 else kruskal)(X, y).effect
