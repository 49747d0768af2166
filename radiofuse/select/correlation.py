"""Step two: of features that say the same, keep one. Pruning by Pearson's or Spearman's correlation."""

from __future__ import annotations

from numbers import Real
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, _fit_context
from sklearn.feature_selection import SelectorMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from radiofuse.errors import RequestError
from radiofuse.estimators import Seed
from radiofuse.patients.routing import refuse_misaligned
from radiofuse.prepare.validation import read_columns, read_rows
from radiofuse.select.find_correlation import find_correlation
from radiofuse.select.kruskal import kruskal
from radiofuse.select.mann_whitney import mann_whitney
from radiofuse.select.pruning import correlations, prune, unit_columns
from radiofuse.select.significance import require_classes
from radiofuse.select.words import Words

Keep = Literal["effect", "first", "random", "caret"]
FULL_MATRIX = 10_000  # features up to which the full correlation matrix is computed: 0.8 GB


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

    See Also
    --------
    VarianceSelector : Removes what hardly changes.
    MRMRSelector : Weighs redundancy against relevance in one go.

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
        method: Literal["pearson", "spearman"] = "pearson",
        keep: Keep = "effect",
        sign: Literal["absolute", "literal"] = "absolute",
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
        r[lost] = correlations(columns, lost, partner[lost])
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
