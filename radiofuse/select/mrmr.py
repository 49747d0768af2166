"""Features that say much about the label and little about each other: minimal redundancy, maximal relevance."""

from __future__ import annotations

from numbers import Integral
from typing import Literal

import numpy as np
from sklearn.feature_selection import f_classif
from sklearn.utils._param_validation import Interval, StrOptions

from radiofuse.errors import CohortError
from radiofuse.prepare.standardize import standardize
from radiofuse.select.column_selector import LabelSelector
from radiofuse.select.significance import require_classes
from radiofuse.select.words import Words

LEAST_REDUNDANCY = 1e-3  # divisor of the quotient where a feature is all but unrelated to those chosen
CUT = 0.5  # standard deviations from the mean at which a feature is cut into low, middle and high
CHUNK = 512  # columns whose joint counts are made at a time


class MRMRSelector(LabelSelector):
    """Keep ``k`` features, each chosen for its relevance less its redundancy with those chosen before.

    The first feature is the most relevant one. Then again and again the one of largest relevance minus
    (or divided by) its mean redundancy with the features chosen so far; ties go to the earlier column.

    Parameters
    ----------
    k : int, default=10
        Features to keep; all where there are fewer.
    relevance : {"f", "mutual_info"}, default="f"
        "f": the F-statistic of the classes, and redundancy is the absolute correlation [2]_. "mutual_info":
        mutual information in nats with the label and between features [1]_, each feature cut half a
        standard deviation below and above its mean, as in [2]_.
    scheme : {"quotient", "difference"}, default="quotient"
        How the two are weighed. An F-statistic has no upper end and a correlation has, so that their
        difference ranks almost by F alone; the quotient does not depend on the scale. A mean redundancy
        below .001 counts as .001.

    Attributes
    ----------
    ranking_ : ndarray of int, shape (n_features_in_,)
        1 for the first feature chosen, 2 for the second; one more than the last for all that were not.
    scores_ : ndarray of shape (n_features_in_,)
        What was compared: for a chosen feature when it was, for the others in the last round.
    relevance_ : ndarray of shape (n_features_in_,)
        F-statistic, or mutual information with the label. 0 for a constant column.

    See Also
    --------
    MutualInfoSelector : Relevance alone.
    CorrelationSelector : Redundancy alone.

    References
    ----------
    .. [1] H. Peng, F. Long and C. Ding, "Feature selection based on mutual information: criteria of
       max-dependency, max-relevance, and min-redundancy", IEEE Transactions on Pattern Analysis and
       Machine Intelligence 27 (2005) 1226-1238.
    .. [2] C. Ding and H. Peng, "Minimum redundancy feature selection from microarray gene expression
       data", Journal of Bioinformatics and Computational Biology 3 (2005) 185-205: FCD and FCQ (F and
       correlation), MID and MIQ (mutual information).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(80, 6)), np.arange(80) % 2
    >>> X[:, 3] += 2 * y
    >>> X[:, 4] = X[:, 3] + 0.1 * X[:, 4]
    >>> X[:, 1] += y
    >>> MRMRSelector(k=2).fit(X, y).get_support(indices=True)
    array([1, 3])
    """

    words = Words(
        "minimum redundancy, maximum relevance",
        heading="mRMR",
        kept="among the {k} of minimum redundancy and maximum relevance",
        removed="does not rank among the best",
    )

    _parameter_constraints: dict = {
        "k": [Interval(Integral, 1, None, closed="left")],
        "relevance": [StrOptions({"f", "mutual_info"})],
        "scheme": [StrOptions({"difference", "quotient"})],
    }

    def __init__(
        self,
        k: int = 10,
        *,
        relevance: Literal["f", "mutual_info"] = "f",
        scheme: Literal["difference", "quotient"] = "quotient",
    ) -> None:
        self.k = k
        self.relevance = relevance
        self.scheme = scheme

    def _measure(self, X: np.ndarray, y: np.ndarray) -> None:
        classes = require_classes(y)
        if len(classes) == len(y):
            raise CohortError("The training table", [f"Relevance needs more rows than classes; both are {len(y)}."])
        Z = standardize(X)
        measure = _Correlation(Z) if self.relevance == "f" else _Information(Z)
        self.relevance_ = measure.relevance(np.searchsorted(classes, y))
        self._choose(measure)
        self.support_ = self.ranking_ <= self.k

    def _choose(self, measure: _Correlation | _Information) -> None:
        n_features = len(self.relevance_)
        n_chosen = min(self.k, n_features)
        self.ranking_ = np.full(n_features, n_chosen + 1)
        self.scores_ = self.relevance_.copy()
        redundancy, waiting = np.zeros(n_features), np.ones(n_features, dtype=bool)
        for place in range(1, n_chosen + 1):
            chosen = int(np.argmax(np.where(waiting, self.scores_, -np.inf)))
            waiting[chosen], self.ranking_[chosen] = False, place
            if place < n_chosen:
                redundancy += measure.redundancy(chosen)
                self.scores_[waiting] = self._score(redundancy / place)[waiting]

    def _score(self, redundancy: np.ndarray) -> np.ndarray:
        if self.scheme == "difference":
            return self.relevance_ - redundancy
        return self.relevance_ / np.maximum(redundancy, LEAST_REDUNDANCY)


class _Correlation:
    """F-statistic with the label, absolute correlation between features."""

    def __init__(self, Z: np.ndarray) -> None:
        self._Z = Z

    def relevance(self, labels: np.ndarray) -> np.ndarray:
        varies = np.any(self._Z, axis=0)
        F = np.zeros(len(varies))
        with np.errstate(divide="ignore"):  # constant within each class: infinite
            F[varies] = f_classif(self._Z[:, varies], labels)[0] if varies.any() else 0.0
        return F

    def redundancy(self, column: int) -> np.ndarray:
        return np.abs(self._Z[:, column] @ self._Z) / len(self._Z)


class _Information:
    """Mutual information of features cut into three states."""

    def __init__(self, Z: np.ndarray) -> None:
        self._states = np.ascontiguousarray((1 + (Z > CUT) - (Z < -CUT)).T)

    def relevance(self, labels: np.ndarray) -> np.ndarray:
        return mutual_information(self._states, 3, labels, labels.max() + 1)

    def redundancy(self, column: int) -> np.ndarray:
        return mutual_information(self._states, 3, self._states[column], 3)


def mutual_information(states: np.ndarray, n_states: int, other: np.ndarray, n_other: int) -> np.ndarray:
    """Return the mutual information, in nats, of each row of ``states`` with ``other``.

    Parameters
    ----------
    states : ndarray of int, shape (n_features, n_samples)
        From 0 to ``n_states`` − 1.
    n_states, n_other : int
        How many values each may take.
    other : ndarray of int, shape (n_samples,)
        From 0 to ``n_other`` − 1.

    References
    ----------
    T. M. Cover and J. A. Thomas, Elements of Information Theory, 2nd ed., Wiley 2006, equation 2.28.

    Examples
    --------
    >>> mutual_information(np.array([[0, 0, 1, 1], [0, 1, 0, 1]]), 2, np.array([0, 0, 1, 1]), 2).round(4)
    array([0.6931, 0.    ])
    """
    information = np.empty(len(states))
    for start in range(0, len(states), CHUNK):
        chunk = states[start : start + CHUNK]
        cells = (np.arange(len(chunk))[:, None] * n_states + chunk) * n_other + other
        joint = np.bincount(cells.ravel(), minlength=len(chunk) * n_states * n_other) / len(other)
        joint = joint.reshape(len(chunk), n_states, n_other)
        expected = joint.sum(axis=2, keepdims=True) * joint.sum(axis=1, keepdims=True)
        ratio = np.divide(joint, expected, out=np.ones_like(joint), where=joint > 0)
        information[start : start + CHUNK] = (joint * np.log(ratio)).sum(axis=(1, 2))
    return information
