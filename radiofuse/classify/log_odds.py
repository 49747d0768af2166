"""Platt's sigmoid for classifiers that answer with probabilities and have no other score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import logit
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression

from radiofuse.errors import RequestError
from radiofuse.estimators import Classifier
from radiofuse.patients.routing import fit_with_groups

NEAREST = 1 - np.nextafter(1, 0)  # nearer to 1 there is no other number but 1


class PlattOnLogOdds(ClassifierMixin, BaseEstimator):
    """A sigmoid with slope and intercept on the log-odds of a classifier's probabilities.

    Platt's sigmoid is a straight line in log-odds: taken of the probabilities themselves, it could not leave
    good ones as they are. Of more than two classes each has its own sigmoid against the rest, and the answers
    are divided by their sum.

    A probability of exactly 0 or 1 has no log-odds. Where the classifier gives such, it counts votes (trees,
    neighbors): it is taken as half the smallest distance from 0 and 1 that the out-of-fold probabilities have.
    As the nearest number that floating point knows, a single tree of votes would bend the whole sigmoid.

    Parameters
    ----------
    classifier : classifier
        With ``predict_proba``.
    folds : list of (train, test)
        Row numbers; every row is in one test part.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    classifier_ : classifier
        Fitted on all rows.
    nearest_ : float
        Probabilities nearer to 0 or 1 count as this near.
    sigmoids_ : list of LogisticRegression
        One for the second of two classes, or one for each class.
    """

    def __init__(self, classifier: Classifier, folds: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
        self.classifier = classifier
        self.folds = folds

    def fit(self, X: pd.DataFrame | np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> Self:
        """Fit the sigmoids on out-of-fold probabilities, and the classifier on all rows."""
        self.classes_ = np.unique(y)
        unseen = np.empty((len(y), len(self.classes_)))
        for train, test in self.folds:
            own = None if groups is None else groups[train]
            fitted = fit_with_groups(clone(self.classifier), _take(X, train), y[train], own)
            unseen[test] = self._probabilities(fitted, _take(X, test))
        self.classifier_ = fit_with_groups(clone(self.classifier), X, y, groups)
        counts_votes = any(distance_from_ends(P).min() == 0 for P in (unseen, self._probabilities(self.classifier_, X)))
        self.nearest_ = half_the_smallest(distance_from_ends(unseen)) if counts_votes else NEAREST
        self.sigmoids_ = [
            fit_sigmoid(score, y == label)
            for score, label in zip(self._log_odds(unseen).T, self.classes_[-self._n_scores() :], strict=True)
        ]
        return self

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of each class, columns in the order of ``classes_``."""
        scores = self._log_odds(self._probabilities(self.classifier_, X))
        each = np.column_stack(
            [sigmoid.predict_proba(z[:, None])[:, 1] for sigmoid, z in zip(self.sigmoids_, scores.T, strict=True)]
        )
        return np.hstack([1 - each, each]) if each.shape[1] == 1 else each / each.sum(axis=1, keepdims=True)

    def _n_scores(self) -> int:
        return 1 if len(self.classes_) == 2 else len(self.classes_)

    def _log_odds(self, P: np.ndarray) -> np.ndarray:
        return logit(np.clip(P[:, -self._n_scores() :], self.nearest_, 1 - self.nearest_))

    def _probabilities(self, fitted: Any, X: Any) -> np.ndarray:
        """Return the answer with a column for each class; one that an inner fold lacked is 0."""
        answer = np.asarray(fitted.predict_proba(X), dtype=float)
        if not ((answer >= 0) & (answer <= 1)).all():
            raise RequestError(
                f"{type(fitted).__name__} must answer probabilities from 0 to 1; it answered, for example, "
                f"{answer[~((answer >= 0) & (answer <= 1))][0]}. Look for values it cannot handle."
            )
        result = np.zeros((len(answer), len(self.classes_)))
        result[:, np.searchsorted(self.classes_, fitted.classes_)] = answer
        return result


def _take(X: pd.DataFrame | np.ndarray, rows: np.ndarray) -> Any:
    return X.iloc[rows] if isinstance(X, pd.DataFrame) else X[rows]


def distance_from_ends(P: np.ndarray) -> np.ndarray:
    """Return how far each probability is from 0 or 1, whichever is nearer."""
    return np.minimum(P, 1 - P)


def half_the_smallest(distance: np.ndarray) -> float:
    """Return half the smallest distance from 0 or 1 that is not 0: where exact ends are taken to be."""
    # where all are 0 any place serves: the score takes two values, and the sigmoid fits both
    return float(max(distance[distance > 0].min(initial=0.5) / 2, NEAREST))


def fit_sigmoid(score: np.ndarray, positive: np.ndarray) -> LogisticRegression:
    """Fit Platt's sigmoid: labels drawn in by one row, so that no score is believed without limit."""
    n_positive, n_negative = positive.sum(), (~positive).sum()
    target = np.where(positive, (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2))
    sigmoid = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
    label = np.repeat([1, 0], len(score))  # every row as both, in the shares of its target
    return sigmoid.fit(np.tile(score, 2)[:, None], label, sample_weight=np.concatenate([target, 1 - target]))
