"""The model that says what a selection is worth: logistic regression on the selected features, as numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from radiofuse.classify import CLASSIFIERS
from radiofuse.prepare.standardize import center_and_scale


@dataclass(frozen=True, eq=False)
class LogisticModel:
    """Impute, scale, weigh: everything was learned from the rows it was fitted to.

    Attributes
    ----------
    median, center, scale, coef : ndarray of shape (n_features,)
        What stands in for NaN, mean and standard deviation (infinite where the rows were constant), and the
        coefficient of the scaled column.
    intercept : float
    """

    median: np.ndarray
    center: np.ndarray
    scale: np.ndarray
    coef: np.ndarray
    intercept: float

    def probability(self, X: np.ndarray) -> np.ndarray:
        """Return the probability of the positive class, shape (n_samples,)."""
        filled = np.where(np.isnan(X), self.median, X)
        return expit((filled - self.center) / self.scale @ self.coef + self.intercept)


def fit_logistic(X: np.ndarray, y: np.ndarray) -> LogisticModel:
    """Fit ridge-penalized logistic regression; without features it answers the share of positives.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        NaN is imputed with the column's median, 0 where it has no value.
    y : ndarray of shape (n_samples,)
        0 or 1; both occur.

    Examples
    --------
    >>> y = np.array([0, 0, 1, 1])
    >>> fit_logistic(np.empty((4, 0)), y).probability(np.empty((2, 0))).tolist()
    [0.5, 0.5]
    >>> bool(fit_logistic(np.array([[0.0], [1.0], [2.0], [3.0]]), y).coef > 0)
    True
    """
    if not X.shape[1]:
        share, nothing = np.mean(y), np.empty(0)
        return LogisticModel(nothing, nothing, nothing, nothing, float(np.log(share / (1 - share))))
    median = np.array([_median(column[~np.isnan(column)]) for column in X.T])
    values = np.where(np.isnan(X), median, X)
    center, scale = center_and_scale(values)
    fitted = CLASSIFIERS["logistic"]().fit((values - center) / scale, y)
    return LogisticModel(median, center, scale, fitted.coef_[0], float(fitted.intercept_[0]))


def _median(known: np.ndarray) -> float:
    return float(np.median(known)) if len(known) else 0.0
