"""A combiner whose answers are held against patients that its members had not seen.

The average of several members' probabilities lies nearer to the middle than they do: members that each know a part
all hedge, and what they agree on is more certain than any of them says.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax

from radiofuse.fuse.combiners import log_odds, log_probability

_FLATTEST = 0.1  # members that know nothing are not turned around: their rows keep their order
_FEWEST = 1e-3  # for learning: the log-odds of a probability of 0 would decide the slope alone


class Calibrated:
    """A combiner, and a curve from its answers to what held in patients its members had not seen.

    Of two classes the curve is Platt's: log-odds = intercept + slope * log-odds of the rule, with his smoothed
    labels. The slope is positive: rows keep their order, and their AUC stays. Of more classes it is a slope alone, the
    inverse of a temperature, on the log-probabilities: the most probable class of a row stays what it was.

    Parameters
    ----------
    rule : Combiner
        One that learns is fitted to the same probabilities first.
    steepest : float, default=10
        The largest slope.

    Attributes
    ----------
    slope_ : float
        Above 1 where the rule's answers lay too near the middle; 0.1 to ``steepest``.
    intercept_ : float
        0 of more than two classes.

    References
    ----------
    Platt (1999). Probabilistic outputs for support vector machines and comparisons to regularized likelihood
    methods. Advances in Large Margin Classifiers, 61-74.
    Ranjan, Gneiting (2010). Combining probability forecasts. Journal of the Royal Statistical Society B 72, 71-91:
    an average of calibrated forecasts is not calibrated.
    Guo, Pleiss, Sun, Weinberger (2017). On calibration of modern neural networks. ICML, 1321-1330: temperature.

    Examples
    --------
    >>> from radiofuse.fuse.combiners import Mean
    >>> P = np.array([[0.3, 0.4], [0.4, 0.3], [0.4, 0.4], [0.6, 0.7], [0.7, 0.6], [0.6, 0.6]])
    >>> rule = Calibrated(Mean()).fit(P, np.array([0, 0, 0, 1, 1, 1]))
    >>> rule.combine(np.array([[0.3, 0.4], [0.6, 0.7]])).round(2)
    array([0.18, 0.82])
    """

    def __init__(self, rule: Any, *, steepest: float = 10.0) -> None:
        self.rule = rule
        self.steepest = steepest

    def fit(self, P: np.ndarray, y: np.ndarray) -> Calibrated:
        """Learn from out-of-fold probabilities ``P`` and labels ``y`` of 0 and 1, or 0 to K - 1."""
        if hasattr(self.rule, "fit"):
            self.rule.fit(P, y)
        told = self.rule.combine(P)
        each = told if told.ndim == 2 else np.column_stack([1 - told, told])
        inputs, labels = np.log(np.clip(each, _FEWEST, None)), _smoothed(y, each.shape[1])
        self.slope_, self.intercept_ = _fit_line(inputs, labels, self.steepest)
        return self

    def combine(self, P: np.ndarray) -> np.ndarray:
        """Return one probability per row, or one per row and class."""
        told = self.rule.combine(P)
        if told.ndim == 1:
            return expit(self.slope_ * log_odds(told) + self.intercept_)
        return softmax(self.slope_ * log_probability(told), axis=1)


def _smoothed(y: np.ndarray, n_classes: int) -> np.ndarray:
    """Return Platt's labels, (n + 1) / (n + K) for the own one of n rows: finite slopes where classes are apart."""
    n_rows = np.bincount(y, minlength=n_classes)[y]
    labels = np.repeat(1 / (n_rows + n_classes)[:, None], n_classes, axis=1)
    labels[np.arange(len(y)), y] = (n_rows + 1) / (n_rows + n_classes)
    return labels


def _fit_line(inputs: np.ndarray, labels: np.ndarray, steepest: float) -> tuple[float, float]:
    """Return slope and intercept of least cross-entropy, which is convex; of several classes the slope alone."""
    second = np.zeros(inputs.shape[1])
    second[1] = inputs.shape[1] == 2

    def loss(line: np.ndarray) -> tuple[float, np.ndarray]:
        scores = line[0] * inputs + line[1] * second
        wrong = (softmax(scores, axis=1) - labels) / len(labels)
        return -(labels * log_softmax(scores, axis=1)).sum() / len(labels), np.array(
            [(wrong * inputs).sum(), (wrong @ second).sum()]
        )

    options = {"ftol": 1e-15, "gtol": 1e-9}
    bounds = [(_FLATTEST, steepest), (None, None)]
    found = minimize(loss, [1.0, 0.0], jac=True, bounds=bounds, method="L-BFGS-B", options=options)
    return float(found.x[0]), float(found.x[1])
