"""Features that the LASSO lets in again and again when it sees half of the patients: stability selection."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral, Real
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import _fit_context
from sklearn.utils import Tags, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_consistent_length

from radiofuse.errors import CohortError
from radiofuse.estimators import Seed
from radiofuse.patients.routing import TakesGroups, refuse_misaligned
from radiofuse.prepare.validation import read_rows
from radiofuse.select.binary import binary_target_tags, positive_rows, require_binary_target
from radiofuse.select.column_selector import ColumnSelector
from radiofuse.select.first_to_enter import first_to_enter
from radiofuse.select.shortfall import ON_EMPTY, OnEmpty
from radiofuse.select.words import Words


def expected_false_selections(q: float, threshold: float, n_features: int) -> float:
    """Bound the expected number of falsely selected features: q² / ((2 threshold − 1) n_features).

    Parameters
    ----------
    q : float
        Features chosen in each subsample.
    threshold : float
        Share of subsamples from which on a feature is selected; above .5.
    n_features : int
        Candidates.

    References
    ----------
    N. Meinshausen and P. Bühlmann, "Stability selection", Journal of the Royal Statistical Society B 72
    (2010) 417-473, theorem 1.

    Examples
    --------
    >>> expected_false_selections(10, 0.75, 1000)
    0.2
    """
    return q**2 / ((2 * threshold - 1) * n_features)


def largest_q(max_false: float, threshold: float, n_features: int) -> int:
    """Return the most features to choose in a subsample with `expected_false_selections` up to ``max_false``.

    At least 1, where the bound may exceed ``max_false``, and at most ``n_features``.

    Examples
    --------
    >>> largest_q(1.0, 0.75, 2000)
    31
    """
    q = int(np.sqrt(max_false * (2 * threshold - 1) * n_features * (1 + 1e-12)))
    return min(max(q, 1), n_features)


class StabilitySelector(TakesGroups, ColumnSelector):
    """Keep the features that are among the first ``q`` of the LASSO path in most halves of the patients.

    The path is that of least squares on the 0/1 label with standardized columns. Subsamples hold half of
    the patients of each class (rounded down), a patient's rows together. More than two classes are refused.

    Parameters
    ----------
    q : int or None, default=None
        Features chosen in each subsample. None takes as many as ``max_false`` allows.
    threshold : float, default=0.75
        Kept is what at least this share of the subsamples chose; above .5.
    max_false : float, default=1.0
        Where ``q`` is None: the bound on the expected number of falsely selected features.
    n_pairs : int, default=50
        Half the number of subsamples.
    sampling : {"complementary", "half"}, default="complementary"
        Pairs of halves without a common patient [2]_, or halves drawn independently [1]_.
    on_empty : {"strongest", "raise", "intercept"}, default="strongest"
        What happens where no feature passes: the one of largest effect stays, with a
        `NothingSelectedWarning`; a `NothingSelectedError`; or an empty selection, with the warning.
        The bound says nothing of a feature that stays so.
    random_state : int, RandomState instance or None, default=None
        Draws the subsamples. They go by the order of the rows, with ``groups`` by that of the identifiers.

    Attributes
    ----------
    frequencies_ : ndarray of shape (n_features_in_,)
        Share of the subsamples that chose each feature.
    q_ : int
        Features chosen in each subsample.
    error_bound_ : float
        Bound on the expected number of falsely selected features, see Notes. It may exceed ``max_false``
        where even ``q_ = 1`` does not reach it.
    fallback_ : bool
        Whether the strongest feature stands in, as none passed.
    classes_ : ndarray of shape (2,)
        The labels; the second counts as 1.

    See Also
    --------
    LassoSelector : One path on all rows, its penalty chosen by cross-validation.
    BorutaSelector : Keeps what beats shuffled features in a forest.

    Notes
    -----
    What the bound counts depends on the sampling. [1]_ counts features that carry nothing, and assumes that
    all of them are as likely to be chosen as each other and the choice no worse than a random one. [2]_
    (theorem 1) assumes nothing, and counts features that a half of the patients chooses with a probability
    below q / n_features, the share of a random choice.

    References
    ----------
    .. [1] N. Meinshausen and P. Bühlmann, "Stability selection", Journal of the Royal Statistical Society B
       72 (2010) 417-473.
    .. [2] R. D. Shah and R. J. Samworth, "Variable selection with error control: another look at stability
       selection", Journal of the Royal Statistical Society B 75 (2013) 55-80.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(80, 50)), np.arange(80) % 2
    >>> X[:, 3] += 2 * y
    >>> selector = StabilitySelector(random_state=0).fit(X, y)
    >>> selector.get_support(indices=True), selector.q_, selector.error_bound_
    (array([3]), 5, 1.0)
    """

    words = Words(
        "stability selection with the LASSO",
        heading="stability selection",
        kept="chosen in {threshold:.0%} of the subsamples or more",
        removed="was chosen in too few subsamples",
    )
    for_several_classes = "lasso"

    _parameter_constraints: dict = {
        "q": [Interval(Integral, 1, None, closed="left"), None],
        "threshold": [Interval(Real, 0.5, 1, closed="right")],
        "max_false": [Interval(Real, 0, None, closed="neither")],
        "n_pairs": [Interval(Integral, 1, None, closed="left")],
        "sampling": [StrOptions({"complementary", "half"})],
        "on_empty": ON_EMPTY,
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        q: int | None = None,
        threshold: float = 0.75,
        max_false: float = 1.0,
        n_pairs: int = 50,
        sampling: Literal["complementary", "half"] = "complementary",
        on_empty: OnEmpty = "strongest",
        random_state: Seed = None,
    ) -> None:
        self.q = q
        self.threshold = threshold
        self.max_false = max_false
        self.n_pairs = n_pairs
        self.sampling = sampling
        self.on_empty = on_empty
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Follow the LASSO path in every subsample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Complete features: no NaN.
        y : array-like of shape (n_samples,)
            Two classes.
        groups : array-like of shape (n_samples,), optional
            Patients; the rows of one are together in a subsample or out of it.

        Raises
        ------
        ValueError
            If ``y`` does not hold two classes of two rows (patients) each, or ``X`` is not finite.
        """
        refuse_misaligned(X, y=y, groups=groups)
        X, y = read_rows(self, X, y)
        self.classes_ = require_binary_target(y, instead="choose the selector 'lasso' of family 'multinomial'")
        check_consistent_length(y, groups)
        positive = positive_rows(y)
        n_features = X.shape[1]
        self.q_ = largest_q(self.max_false, self.threshold, n_features) if self.q is None else min(self.q, n_features)
        self.error_bound_ = float(expected_false_selections(self.q_, self.threshold, n_features))
        counts = np.zeros(n_features)
        for rows in self._subsamples(positive, groups):
            counts[first_to_enter(X[rows], positive[rows].astype(np.float64), self.q_)] += 1
        self.frequencies_ = counts / (2 * self.n_pairs)
        passed = self.frequencies_ >= self.threshold
        self._settle(passed, self.frequencies_)
        return self

    def _subsamples(self, positive: np.ndarray, groups: ArrayLike | None) -> Iterator[np.ndarray]:
        """Draw ``2 * n_pairs`` sets of rows."""
        patient = np.arange(len(positive)) if groups is None else np.unique(groups, return_inverse=True)[1]
        strata = _strata(positive, patient, "rows" if groups is None else "patients")
        chance = check_random_state(self.random_state)
        for _ in range(self.n_pairs):
            first = [chance.permutation(members) for members in strata]
            second = first if self.sampling == "complementary" else [chance.permutation(members) for members in strata]
            yield np.flatnonzero(np.isin(patient, [m for members in first for m in members[: len(members) // 2]]))
            yield np.flatnonzero(np.isin(patient, [m for members in second for m in members[-(len(members) // 2) :]]))

    def __sklearn_tags__(self) -> Tags:
        return binary_target_tags(super().__sklearn_tags__())


def _strata(positive: np.ndarray, patient: np.ndarray, unit: str) -> list[np.ndarray]:
    """Return the patients without and with a positive row."""
    with_positive = np.unique(patient[positive])
    strata = [np.setdiff1d(patient, with_positive), with_positive]
    fewest = min(map(len, strata))
    if fewest < 2:
        raise CohortError(
            "The training table",
            [
                f"Half of the {unit} of each class is drawn, so that each needs at least 2; the smaller one has "
                f"{fewest}. Add some, or choose another selector."
            ],
        )
    return strata
