"""Any classifier on the members' log-odds."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from radiofuse.estimators import Classifier
from radiofuse.fuse.absent import fill_absent, fill_absent_by_class
from radiofuse.fuse.combiners import log_odds, log_probability
from radiofuse.fuse.probabilities import of_second


class Stacking:
    """A classifier of the label by the members' log-odds, of more than two classes by their log-probabilities.

    Parameters
    ----------
    classifier : classifier, optional
        With ``predict_proba``; cloned. Default: the linear discriminant with the shrunken covariance of Ledoit and
        Wolf, which bears members that say nearly the same, and few patients.

    Attributes
    ----------
    classifier_ : classifier
        Fitted.

    References
    ----------
    Wolpert (1992). Stacked generalization. Neural Networks 5, 241-259.
    Ledoit, Wolf (2004). Honey, I shrunk the sample covariance matrix. Journal of Portfolio Management 30, 110-119.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> P = np.array([[0.2, 0.6], [0.4, 0.5], [0.6, 0.5], [0.8, 0.4]])
    >>> Stacking(DecisionTreeClassifier(max_depth=1)).fit(P, np.array([0, 0, 1, 1])).combine(P)
    array([0., 0., 1., 1.])
    """

    title = "linear discriminant of the log-odds"
    title_of_classes = "linear discriminant of the log-probabilities"
    multi_class = True

    def __init__(self, classifier: Classifier | None = None) -> None:
        self.classifier = classifier

    def fit(self, P: np.ndarray, y: np.ndarray) -> Stacking:
        """Learn from out-of-fold probabilities ``P`` and labels ``y`` of 0 and 1, or 0 to K - 1."""
        model: Any = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
        self.classifier_ = (clone(self.classifier) if self.classifier is not None else model).fit(_inputs(P), y)
        return self

    def combine(self, P: np.ndarray) -> np.ndarray:
        """Return one probability per row, or one per row and class."""
        return of_second(self.classifier_.predict_proba(_inputs(P)))


def _inputs(P: np.ndarray) -> np.ndarray:
    """Return a column per member, of more than two classes one per member and class; absent ones by the others."""
    if P.ndim == 2:
        return fill_absent(log_odds(P), np.ones(P.shape[1]))
    return fill_absent_by_class(log_probability(P), np.ones(P.shape[1])).reshape(len(P), -1)
