"""Logistic regression around a given answer: a ridge penalty draws it back to that answer, not to ignorance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import log_softmax, softmax

PENALTIES = (np.inf, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0)  # with infinity nothing is added
_MOST_STEPS, _ENOUGH = 100, 1e-14  # of Newton; a gain of so little of the loss is its rounding


def fit_offset_ridge(offset: np.ndarray, inputs: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    """Return the weights that add least log-loss and penalty to a given answer.

    The answer is softmax(offset + sum_m w_m inputs_m), and what is made least is its log-loss, summed over the rows,
    plus penalty / 2 * sum_m w_m**2.

    Parameters
    ----------
    offset : ndarray of shape (n_samples, n_classes)
        Logarithms of the given probabilities.
    inputs : ndarray of shape (n_samples, n_members, n_classes)
        What may be added.
    y : ndarray of shape (n_samples,)
        Labels 0 to K - 1.
    penalty : float
        From 0; infinity gives weights of 0.

    Returns
    -------
    ndarray of shape (n_members,)

    References
    ----------
    Hoerl, Kennard (1970). Ridge regression: biased estimation for nonorthogonal problems. Technometrics 12, 55-67.
    le Cessie, van Houwelingen (1992). Ridge estimators in logistic regression. Applied Statistics 41, 191-201.

    Examples
    --------
    >>> offset, inputs = np.zeros((4, 2)), np.array([[[1, -1]], [[1, -1]], [[-1, 1]], [[-1, 1]]])
    >>> [fit_offset_ridge(offset, inputs, np.array([0, 0, 1, 1]), penalty).round(2)[0] for penalty in (1, 10, np.inf)]
    [np.float64(0.98), np.float64(0.29), np.float64(0.0)]
    """
    weights, target = np.zeros(inputs.shape[1]), np.eye(offset.shape[1])[y]
    if np.isinf(penalty):
        return weights
    loss = _loss(weights, offset, inputs, target, penalty)
    for _ in range(_MOST_STEPS):
        step = _newton_step(weights, offset, inputs, target, penalty)
        while (new := _loss(weights - step, offset, inputs, target, penalty)) > loss:
            step = step / 2
        weights, gain, loss = weights - step, loss - new, new
        if gain <= _ENOUGH * abs(loss):
            break
    return weights


def _loss(weights: np.ndarray, offset: np.ndarray, inputs: np.ndarray, target: np.ndarray, penalty: float) -> float:
    scores = log_softmax(offset + np.einsum("nmk,m->nk", inputs, weights), axis=1)
    return -(target * scores).sum() + penalty / 2 * weights @ weights


def _newton_step(
    weights: np.ndarray, offset: np.ndarray, inputs: np.ndarray, target: np.ndarray, penalty: float
) -> np.ndarray:
    """Return the step that would reach the least loss, were the loss a parabola as it is curved here."""
    P = softmax(offset + np.einsum("nmk,m->nk", inputs, weights), axis=1)
    slope = np.einsum("nmk,nk->m", inputs, P - target) + penalty * weights
    weighted = inputs * P[:, None]
    mean = weighted.sum(axis=2)
    curvature = np.einsum("nmk,nlk->ml", weighted, inputs) - mean.T @ mean + penalty * np.eye(len(weights))
    return np.linalg.lstsq(curvature, slope)[0]


def choose_penalty(
    offset: np.ndarray,
    inputs: np.ndarray,
    y: np.ndarray,
    folds: Sequence[tuple[np.ndarray, np.ndarray]],
    penalties: Sequence[float] = PENALTIES,
) -> float:
    """Return the penalty with the least log-loss in rows that no weight was learned from; of equal ones the first.

    Parameters
    ----------
    offset, inputs, y
        As of `fit_offset_ridge`.
    folds : sequence of (train, test)
        Row numbers, patients whole.
    penalties : sequence of float
        The largest first.

    Examples
    --------
    >>> offset, inputs = np.zeros((4, 2)), np.array([[[1, -1]], [[-1, 1]], [[1, -1]], [[-1, 1]]])
    >>> halves = [(np.array([0, 1]), np.array([2, 3])), (np.array([2, 3]), np.array([0, 1]))]
    >>> choose_penalty(offset, inputs, np.array([0, 1, 0, 1]), halves)  # what is added tells the label
    1.0
    >>> choose_penalty(offset, inputs, np.array([0, 1, 1, 0]), halves)  # it does not
    inf
    """
    losses = []
    for penalty in penalties:
        loss = 0.0
        for train, test in folds:
            weights = fit_offset_ridge(offset[train], inputs[train], y[train], penalty)
            scores = log_softmax(offset[test] + np.einsum("nmk,m->nk", inputs[test], weights), axis=1)
            loss -= scores[np.arange(len(test)), y[test]].sum()
        losses.append(loss)
    return float(penalties[int(np.argmin(losses))])
