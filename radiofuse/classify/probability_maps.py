"""Maps from a model's probabilities to probabilities that held: temperature, Platt's sigmoid, isotonic regression."""

from __future__ import annotations

from typing import NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, logit, softmax
from sklearn.isotonic import IsotonicRegression

from radiofuse.classify.log_odds import distance_from_ends, fit_sigmoid, half_the_smallest

_HOTTEST = 100.0  # where answers tell nothing, or the classes are apart, the best temperature is infinite, or 0


class ProbabilityMap(Protocol):
    """What is fitted to out-of-fold probabilities, and then applied to others of the same model."""

    def fit(self, P: ArrayLike, y: np.ndarray) -> Self:
        """Learn from probabilities of shape (n_samples, n_classes) and classes 0 to K - 1."""

    def apply(self, P: ArrayLike) -> np.ndarray:
        """Return other probabilities in the place of these, rows adding up to 1."""


class TemperatureMap:
    """Log-probabilities divided by one number, so that each sample's order of the classes stays.

    Of two classes all samples keep their order too, so that the AUC stays. A temperature above 1 says that the
    probabilities were too sure. A probability of exactly 0 or 1 counts as half as far from there as the nearest one
    that it learned from: one vote of all members that was wrong would else make the temperature infinite.

    Attributes
    ----------
    temperature_ : float
        The one of least log-loss, .01 to 100.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017, 1321-1330.

    Examples
    --------
    >>> p = np.repeat([0.1, 0.9], 4)
    >>> sure = TemperatureMap().fit(np.column_stack([1 - p, p]), np.array([0, 0, 0, 1, 0, 1, 1, 1]))
    >>> round(sure.temperature_, 3), sure.apply([[0.1, 0.9]]).round(3).tolist()
    (2.0, [[0.25, 0.75]])
    """

    def fit(self, P: ArrayLike, y: np.ndarray) -> TemperatureMap:
        """Learn the temperature from probabilities (n_samples, n_classes) and classes 0 to K - 1."""
        P = np.asarray(P, dtype=float)
        self._ends = _Ends.of(P)
        scores, rows = np.log(self._ends.moved(P)), np.arange(len(y))

        def loss(log_slope: float) -> float:
            return -log_softmax(np.exp(log_slope) * scores, axis=1)[rows, y].mean()

        end = np.log(_HOTTEST)
        found = minimize_scalar(loss, bounds=(-end, end), method="bounded", options={"xatol": 1e-9})
        self.temperature_ = float(np.exp(-found.x))
        return self

    def apply(self, P: ArrayLike) -> np.ndarray:
        """Return the probabilities at this temperature."""
        return softmax(np.log(self._ends.moved(np.asarray(P, dtype=float))) / self.temperature_, axis=1)


class PlattMap:
    """A sigmoid with slope and intercept on the log-odds; of more than two classes one of each, divided by their sum.

    It is the sigmoid of `radiofuse.classify.RecalibratedClassifier`. A probability of exactly 0 or 1 counts as half as
    far from there as the nearest one that it learned from.

    References
    ----------
    J. Platt, "Probabilistic outputs for support vector machines and comparisons to regularized likelihood methods",
    Advances in Large Margin Classifiers (1999) 61-74.
    """

    def fit(self, P: ArrayLike, y: np.ndarray) -> PlattMap:
        """Learn from probabilities (n_samples, n_classes) and classes 0 to K - 1."""
        P = np.asarray(P, dtype=float)
        self._ends = _Ends.of(P)
        self._sigmoids = [fit_sigmoid(self._log_odds(P[:, k]), y == k) for k in _told(P)]
        return self

    def apply(self, P: ArrayLike) -> np.ndarray:
        """Return what the sigmoids make of the probabilities."""
        P = np.asarray(P, dtype=float)
        odds = [self._log_odds(P[:, k])[:, None] for k in _told(P)]
        pairs = zip(self._sigmoids, odds, strict=True)
        return _to_rows(np.column_stack([sigmoid.predict_proba(one)[:, 1] for sigmoid, one in pairs]))

    def _log_odds(self, probability: np.ndarray) -> np.ndarray:
        return logit(self._ends.moved(probability))


class IsotonicMap:
    """Any curve that does not fall; of more than two classes one of each, divided by their sum.

    It makes ties, and probabilities of exactly 0 and 1, which a single patient then contradicts without limit. It needs
    some hundred samples.

    References
    ----------
    B. Zadrozny and C. Elkan, "Transforming classifier scores into accurate multiclass probability estimates", KDD 2002,
    694-699.
    """

    def fit(self, P: ArrayLike, y: np.ndarray) -> IsotonicMap:
        """Learn from probabilities (n_samples, n_classes) and classes 0 to K - 1."""
        P = np.asarray(P, dtype=float)
        curve = {"y_min": 0.0, "y_max": 1.0, "out_of_bounds": "clip"}
        self._curves = [IsotonicRegression(**curve).fit(P[:, k], y == k) for k in _told(P)]
        return self

    def apply(self, P: ArrayLike) -> np.ndarray:
        """Return where the curves are at the probabilities."""
        P = np.asarray(P, dtype=float)
        pairs = zip(self._curves, _told(P), strict=True)
        return _to_rows(np.column_stack([curve.predict(P[:, k]) for curve, k in pairs]))


PROBABILITY_MAPS: dict[str, type[ProbabilityMap]] = {
    "temperature": TemperatureMap,
    "platt": PlattMap,
    "isotonic": IsotonicMap,
}


class _Ends(NamedTuple):
    """Where a probability of exactly 0 or 1 is taken to be, which has no logarithm, or no log-odds."""

    nearest: float
    of_votes: bool

    @classmethod
    def of(cls, P: np.ndarray) -> _Ends:
        """Return the ends as the probabilities that a map learns from have them."""
        distance = distance_from_ends(P)
        return cls(half_the_smallest(distance), bool(distance.min() == 0))

    def moved(self, P: np.ndarray) -> np.ndarray:
        """Return probabilities without 0 and 1. Between votes and their ends there is nothing that keeps its place."""
        if self.of_votes:
            return np.clip(P, self.nearest, 1 - self.nearest)
        return np.where(P <= 0, self.nearest, np.where(P >= 1, 1 - self.nearest, P))


def _told(P: np.ndarray) -> range:
    """Return the classes that have a curve: the second of two, or each of several."""
    return range(1, 2) if P.shape[1] == 2 else range(P.shape[1])


def _to_rows(each: np.ndarray) -> np.ndarray:
    """Return probabilities that add up to 1: of the second of two classes, or of each; all alike where each is 0."""
    if each.shape[1] == 1:
        return np.hstack([1 - each, each])
    total = each.sum(axis=1, keepdims=True)
    return np.where(total > 0, each / np.where(total > 0, total, 1), 1 / each.shape[1])
