"""How much a fusion's answer for one outcome is moved by what is said of other outcomes."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from radiofuse.fuse.combiners import log_odds, log_probability

_RIDGE = 0.1  # scikit-learn's C, as of the combiner "regression"
_FEWEST = 1e-3  # the log-odds of a probability of 0, as of a vote, would decide every weight alone


def evidence(probability: np.ndarray) -> np.ndarray:
    """Return the log-odds of the second of two classes, of more the log-probabilities.

    Examples
    --------
    >>> evidence(np.array([[0.5, 0.5], [0.0, 1.0]])).round(1)
    array([[0. ],
           [6.9]])
    """
    clipped = np.clip(probability, _FEWEST, 1 - _FEWEST)
    return log_odds(clipped[:, 1:]) if probability.shape[1] == 2 else log_probability(clipped)


class ChainLink:
    """A logistic regression that begins with an outcome's own answer and learns to move it.

    Of class k of K > 2 the score is ``slope * own_k + intercept_k + others @ coef_k``, own being log-probabilities; of
    two classes that of the second, own being log-odds, against 0. The ridge draws the slope to 1 and the weights of
    others to 0: where others tell nothing, the own answer stays about as it is. (A ridge that drew the slope to 0
    would lose it among the others in few patients.)

    Attributes
    ----------
    slope_ : float
    coef_ : ndarray of shape (n_others, n_classes), or (n_others, 1) of two classes
    intercept_ : ndarray of shape (n_classes,) or (1,)

    Examples
    --------
    >>> own = np.array([[0.4, 0.6], [0.6, 0.4], [0.7, 0.3], [0.3, 0.7]])
    >>> link = ChainLink().fit(own, np.empty((4, 0)), np.array([1, 0, 0, 1]))
    >>> (link.predict_proba(own, np.empty((4, 0)))[:, 1] > 0.5).tolist()
    [True, False, False, True]
    """

    def fit(self, own: np.ndarray, others: np.ndarray, y: np.ndarray) -> ChainLink:
        """Learn from out-of-fold answers.

        Parameters
        ----------
        own : ndarray of shape (n_samples, n_classes)
            Probabilities of the outcome itself.
        others : ndarray of shape (n_samples, n_others)
            Evidence of other outcomes.
        y : ndarray of int, shape (n_samples,)
            Labels 0 to K - 1.
        """
        n_free = 1 if own.shape[1] == 2 else own.shape[1]
        design = np.column_stack([others, np.ones(len(y))])
        labels = np.asarray(y)[:, None] == np.arange(own.shape[1])
        base = self._base(own)

        def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
            slope, weights = parameters[0], parameters[1:].reshape(-1, n_free)
            moved = np.append(slope - 1, weights[:-1])
            scores = self._scores(base, slope, design @ weights)
            wrong = _RIDGE * (softmax(scores, axis=1) - labels)
            gradient = np.vstack([weights[:-1], np.zeros(n_free)]) + design.T @ wrong[:, -n_free:]
            value = -_RIDGE * log_softmax(scores, axis=1)[labels].sum() + (moved**2).sum() / 2
            return value, np.append(slope - 1 + (wrong * base).sum(), gradient)

        start = np.append(1.0, np.zeros(design.shape[1] * n_free))
        found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-9}).x
        self.slope_, weights = float(found[0]), found[1:].reshape(-1, n_free)
        self.coef_, self.intercept_ = weights[:-1], weights[-1]
        return self

    def predict_proba(self, own: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Return the probability of each class, shape (n_samples, n_classes)."""
        return softmax(self._scores(self._base(own), self.slope_, others @ self.coef_ + self.intercept_), axis=1)

    def _base(self, own: np.ndarray) -> np.ndarray:
        told = evidence(own)
        return told if own.shape[1] > 2 else np.column_stack([np.zeros(len(told)), told])

    def _scores(self, base: np.ndarray, slope: float, shift: np.ndarray) -> np.ndarray:
        scores = slope * base
        scores[:, -shift.shape[1] :] += shift
        return scores
