"""What every selector by p-value shares: a column stays where its p-value, adjusted or not, is below a level."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions

from radiofuse.errors import CohortError, RequestError
from radiofuse.patients.routing import refuse_misaligned
from radiofuse.prepare.validation import class_labels, read_rows
from radiofuse.select.column_selector import LabelSelector
from radiofuse.select.shortfall import ON_EMPTY, OnEmpty
from radiofuse.statistics.multiplicity import CORRECTIONS, Correction, adjust_pvalues

if TYPE_CHECKING:
    from radiofuse.select.mann_whitney import MannWhitney


@dataclass(frozen=True)
class ColumnTests:
    """One test per column; each attribute but the last has shape (n_features,).

    Attributes
    ----------
    statistic, pvalue : ndarray
        Test statistic and p-value.
    effect : ndarray
        Size of the effect, by which columns are ordered; larger is stronger.
    classes : ndarray
        The labels that were compared, sorted.
    """

    statistic: np.ndarray
    pvalue: np.ndarray
    effect: np.ndarray
    classes: np.ndarray


def require_classes(y: np.ndarray) -> np.ndarray:
    """Return the classes of ``y``, sorted.

    Raises
    ------
    ValueError
        If ``y`` is not a class label; a CohortError, which is one too, if it holds one class only.

    Examples
    --------
    >>> require_classes(np.array(["oligo", "astro", "gbm", "astro"])).tolist()
    ['astro', 'gbm', 'oligo']
    """
    classes = class_labels(y)
    if len(classes) < 2:
        raise CohortError(
            "The training table", ["Selection compares classes, but y holds 1 class. Pass a label with two or more."]
        )
    return classes


class SignificanceSelector(LabelSelector):
    """Base of the selectors that keep columns by their p-values; a subclass fills ``_test``.

    Parameters
    ----------
    alpha : float, default=0.05
        Kept are features with p < alpha.
    correction : {"bonferroni", "holm", "hochberg", "fdr_bh", "fdr_by"} or None, default=None
        What is compared with ``alpha``: the p-value as it is, or adjusted for the number of features, see
        `radiofuse.statistics.multiplicity.adjust_pvalues`.
    on_empty : {"strongest", "raise", "intercept"}, default="strongest"
        What happens where no feature passes: the one of largest effect stays, with a
        `NothingSelectedWarning`; a `NothingSelectedError`; or an empty selection, with the warning.

    Attributes
    ----------
    pvalues_, adjusted_pvalues_, statistics_, effect_ : ndarray of shape (n_features_in_,)
        The tests; adjusted by ``correction``, or by Benjamini and Hochberg where that is None.
    fallback_ : bool
        Whether the strongest feature had to stand in.
    classes_ : ndarray
        The labels, sorted.
    """

    command_options = {"alpha": "alpha", "adjust": "correction"}
    _parameter_constraints: dict = {
        "alpha": [Interval(Real, 0, 1, closed="both")],
        "correction": [StrOptions(set(CORRECTIONS)), None],
        "on_empty": ON_EMPTY,
    }

    def __init__(
        self, *, alpha: float = 0.05, correction: Correction | None = None, on_empty: OnEmpty = "strongest"
    ) -> None:
        self.alpha = alpha
        self.correction = correction
        self.on_empty = on_empty

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Test every column.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, none infinite. NaN is left out column by column where the test is one of ranks, and
            refused otherwise.
        y : array-like of shape (n_samples,)
            Classes.

        Raises
        ------
        ValueError
            If ``y`` does not hold the classes that the test compares, or ``X`` is not finite.
        """
        return self._keep(self._test(*self._validate(X, y)))

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_tested(self, X: ArrayLike, y: ArrayLike, tested: ColumnTests | MannWhitney) -> Self:
        """Learn what ``fit`` learns, from tests that were made before.

        Parameters
        ----------
        X, y
            As for ``fit``.
        tested : ColumnTests or MannWhitney
            Test of every column of ``X`` on its rows, as `SortedColumns.mann_whitney` makes them for many
            training folds of one table.

        Raises
        ------
        RequestError
            If ``tested`` has another number of columns.
        ValueError
            If ``X`` is not finite.
        """
        X, _ = self._validate(X, y)
        if len(tested.pvalue) != X.shape[1]:
            raise RequestError(
                f"Expected the tests of {X.shape[1]} columns, got {len(tested.pvalue)}; pass those of the same columns."
            )
        return self._keep(tested)

    def _validate(self, X: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        refuse_misaligned(X, y=y)
        return read_rows(self, X, y, allow_nan=self.__sklearn_tags__().input_tags.allow_nan)

    def _keep(self, result: ColumnTests | MannWhitney) -> Self:
        self.classes_ = result.classes
        self.statistics_, self.pvalues_, self.effect_ = result.statistic, result.pvalue, result.effect
        self.adjusted_pvalues_ = adjust_pvalues(result.pvalue, self.correction or "fdr_bh")
        passed = (self.pvalues_ if self.correction is None else self.adjusted_pvalues_) < self.alpha
        self._settle(passed, result.effect)
        return self
