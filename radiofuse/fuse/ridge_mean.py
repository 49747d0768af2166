"""Learned weights that a ridge penalty draws to equal ones, as far as folds inside the training rows say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import expit, softmax

from radiofuse.fuse.absent import fill_absent, fill_absent_by_class
from radiofuse.fuse.calibrated import Calibrated
from radiofuse.fuse.classical_rules import LogitMean
from radiofuse.fuse.combiners import log_odds, log_probability
from radiofuse.fuse.cross_fitted import cross_fitted, folds_of_combiner, log_by_class
from radiofuse.fuse.of_classes import by_class
from radiofuse.fuse.offset_ridge import PENALTIES, choose_penalty, fit_offset_ridge

_FEWEST = 1e-3  # for learning, as in `Calibrated`: a probability of 0 would decide the weights alone


class RidgeMean:
    """A weighted mean of the members' log-odds, its weights drawn to equal ones by a ridge penalty.

    log-odds = b + s * mean_m z_m + sum_m d_m (z_m - mean z): the first two terms are the calibrated mean, which is
    learned first; then the d_m, with ``penalty / 2 * sum_m d_m**2`` added to the log-loss. The penalty is the one with
    the least log-loss in folds of whole patients inside the rows that are learned from, infinity among its values:
    there the order of the patients is that of the mean. With few patients weights learned freely lose more by chance
    than they gain.

    Of more than two classes the same with log-probabilities, a weight per member for all classes.

    Parameters
    ----------
    penalties : sequence of float
        Candidates, the largest first; one alone is taken without folds.

    Attributes
    ----------
    penalty_ : float
        Infinity where the mean was best.
    weights_ : ndarray of shape (n_members,)
        s / n_members + d_m.
    intercept_ : float
        0 of more than two classes.

    See Also
    --------
    radiofuse.fuse.combiners.Regression : The penalty draws weights to 0.

    References
    ----------
    Breiman (1996). Stacked regressions. Machine Learning 24, 49-64.
    le Cessie, van Houwelingen (1992). Ridge estimators in logistic regression. Applied Statistics 41, 191-201.
    Diebold, Pauly (1990). The use of prior information in forecast combination. International Journal of Forecasting 6,
    503-508: weights shrunk toward equal ones.

    Examples
    --------
    >>> rng, y = np.random.default_rng(0), np.tile([0, 1], 100)
    >>> alike = expit(rng.normal(size=(200, 2)) + 2 * y[:, None] - 1)  # two members that know as much
    >>> RidgeMean().fit(alike, y).penalty_
    inf
    >>> unlike = np.column_stack([alike[:, 0], expit(rng.normal(size=200))])  # the second knows nothing
    >>> RidgeMean().fit(unlike, y).weights_.round(1)
    array([1.9, 0.2])
    """

    title = "weights drawn to equal ones by ridge"
    multi_class = True
    linear_in = "log_odds"
    takes_groups = True

    def __init__(self, penalties: Sequence[float] = PENALTIES) -> None:
        self.penalties = penalties

    def fit(self, P: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> RidgeMean:
        """Learn from out-of-fold probabilities ``P``, labels 0 to K - 1 and the patient of each row."""
        P, y = np.clip(P, _FEWEST, 1 - _FEWEST), np.asarray(y)
        curve, inputs = Calibrated(LogitMean()).fit(P, y), _differences(P)
        self.penalty_ = self._chosen(P, y, _by_answer(P, y) if groups is None else groups)
        added = fit_offset_ridge(log_by_class(curve.combine(P)), inputs, y, self.penalty_)
        self.weights_ = curve.slope_ / P.shape[1] + added - added.mean()
        self.intercept_ = curve.intercept_
        return self

    def _chosen(self, P: np.ndarray, y: np.ndarray, groups: np.ndarray) -> float:
        folds = folds_of_combiner(y, groups) if len(self.penalties) > 1 else []
        if not len(folds):
            return float(self.penalties[0])
        offset = log_by_class(cross_fitted(Calibrated(LogitMean()), P, y, groups, folds))
        return choose_penalty(offset, _differences(P), y, folds, self.penalties)

    def combine(self, P: np.ndarray) -> np.ndarray:
        """Return one probability per row, or one per row and class."""
        if P.ndim == 2:
            return expit(fill_absent(log_odds(P), self.weights_) @ self.weights_ + self.intercept_)
        filled = fill_absent_by_class(log_probability(P), self.weights_)
        return softmax(np.einsum("nmk,m->nk", filled, self.weights_), axis=1)


def _differences(P: np.ndarray) -> np.ndarray:
    """Return what each member's log-probabilities have more than the mean of the members, (n, n_members, K)."""
    each = by_class(P)
    logs = fill_absent_by_class(log_probability(each), np.ones(each.shape[1]))
    return logs - logs.mean(axis=1, keepdims=True)


def _by_answer(P: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Number rows without patients by what members say of their class: the order of the rows then decides nothing."""
    own = np.nanmean(by_class(P)[np.arange(len(y)), :, y], axis=1)
    return np.unique(own, return_inverse=True)[1]
