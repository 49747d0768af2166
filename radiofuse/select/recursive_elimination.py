"""Features that a linear model is left with when it drops the weakest again and again."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from sklearn.feature_selection import RFE
from sklearn.linear_model import LogisticRegression
from sklearn.utils._param_validation import Interval

from radiofuse.prepare.standardize import standardize
from radiofuse.select.column_selector import LabelSelector
from radiofuse.select.significance import require_classes
from radiofuse.select.words import Words


class RFESelector(LabelSelector):
    """Recursive feature elimination with a logistic regression on standardized columns.

    A ridge-penalized logistic model is fitted, the features with the smallest squared coefficients are
    dropped, and so on until ``k`` are left.

    Parameters
    ----------
    k : int, default=10
        Features to keep; all where there are fewer.
    step : int or float, default=0.1
        Features dropped per round: how many, or as a share of those at the beginning.
    C : float, default=1.0
        Inverse of the ridge penalty, as in scikit-learn's ``LogisticRegression``.

    Attributes
    ----------
    ranking_ : ndarray of int, shape (n_features_in_,)
        1 for a kept feature, 2 for one dropped in the last round, and so on.

    See Also
    --------
    BorutaSelector : Keeps what beats shuffled features.
    LassoSelector : Shrinks coefficients to zero.

    References
    ----------
    I. Guyon et al., "Gene selection for cancer classification using support vector machines", Machine
    Learning 46 (2002) 389-422; there with a support vector machine.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(80, 6)), np.arange(80) % 2
    >>> X[:, [1, 3]] += 2 * y[:, None]
    >>> RFESelector(k=2).fit(X, y).get_support(indices=True)
    array([1, 3])
    """

    words = Words(
        "recursive feature elimination",
        heading="elimination",
        kept="after recursive elimination down to {k}",
        removed="does not rank among the best",
    )

    _parameter_constraints: dict = {
        "k": [Interval(Integral, 1, None, closed="left")],
        "step": [Interval(Integral, 1, None, closed="left"), Interval(Real, 0, 1, closed="neither")],
        "C": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(self, k: int = 10, *, step: float = 0.1, C: float = 1.0) -> None:
        self.k = k
        self.step = step
        self.C = C

    def _measure(self, X: np.ndarray, y: np.ndarray) -> None:
        require_classes(y)
        model = LogisticRegression(C=self.C, max_iter=1000)
        rounds = RFE(model, n_features_to_select=min(self.k, X.shape[1]), step=self.step)
        self.ranking_ = rounds.fit(standardize(X), y).ranking_
        self.support_ = self.ranking_ == 1
