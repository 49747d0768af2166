"""What each member contributes to the answer for each row, in log-odds that add up to those of the answer."""

from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np

from radiofuse.errors import RequestError
from radiofuse.fuse.calibrated import Calibrated
from radiofuse.fuse.combiners import log_odds, log_probability

LOG_ODDS, PROBABILITY = "log_odds", "probability"  # what a rule may be linear in
MOST_MEMBERS = 8  # 255 answers of each row for exact Shapley values


def contributions(combiner: Any, P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the members' contributions to the answers of a fitted combiner, and what there is without them.

    Of two classes a rule says by ``linear_in`` that it is a weighted sum of the members' log-odds, whose terms are the
    contributions, or of their probabilities: there the terms w (p - 0.5) are stretched alike, so that they add up to
    the log-odds. Networks that are joined by logits have the terms that are added, and the others' contributions are
    those to the others' answer. All other rules get Shapley values: what a member adds to those before it, over all
    orders of the members, where a rule is asked as if the others were absent, and nobody means even odds. A calibrated
    rule's contributions are multiplied by its slope.

    Parameters
    ----------
    combiner : Combiner
        Fitted, where it learns.
    P : ndarray of shape (n_samples, n_members) or (n_samples, n_members, n_classes)
        As combiners take them; a member that is absent contributes 0.

    Returns
    -------
    contributions : ndarray of the shape of ``P``
        In log-odds, of more than two classes in log-probability of each class.
    base : ndarray of shape (n_samples,) or (n_samples, n_classes)
        Added to a row's contributions it is the log-odds, or log-probabilities, of the answer.

    Raises
    ------
    RequestError
        If there are more than eight members and the rule is not linear.

    References
    ----------
    Shapley (1953). A value for n-person games. Contributions to the Theory of Games 2, 307-317.
    Aumann, Shapley (1974). Values of Non-Atomic Games: of a weighted mean of probabilities, the integral along the
    line from 0.5 to the answer, which gives each member its share of p - 0.5.

    Examples
    --------
    >>> from radiofuse.fuse.combiners import Mean
    >>> parts, base = contributions(Mean(), np.array([[0.9, 0.5, 0.4], [0.9, np.nan, np.nan]]))
    >>> parts.round(2).tolist(), base.tolist()
    ([[0.54, 0.0, -0.14], [2.2, 0.0, 0.0]], [0.0, 0.0])
    """
    if getattr(combiner, "by_pattern", False):
        return _by_pattern(combiner, P)
    if hasattr(combiner, "own_contributions") and (own := combiner.own_contributions(P)) is not None:
        return own
    if isinstance(combiner, Calibrated) and P.ndim == 2:
        parts, base = contributions(combiner.rule, P)
        return combiner.slope_ * parts, combiner.slope_ * base + combiner.intercept_
    linear_in = getattr(combiner, "linear_in", None) if P.ndim == 2 else None
    if linear_in == LOG_ODDS:
        parts = effective_weights(combiner, P) * np.nan_to_num(log_odds(P))
        return parts, np.full(len(P), float(getattr(combiner, "intercept_", 0)))
    if linear_in == PROBABILITY:
        return _stretched(effective_weights(combiner, P) * np.nan_to_num(P - 0.5)), np.zeros(len(P))
    return _shapley(combiner, P)


def _by_pattern(combiner: Any, P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return contributions to the rule that answers each row."""
    parts, base = np.zeros(P.shape), np.zeros((len(P), *P.shape[2:]))
    for rows, places, rule in combiner.dealt(P):
        parts[np.ix_(rows, places)], base[rows] = contributions(rule, P[np.ix_(rows, places)])
    return parts, base


def effective_weights(combiner: Any, P: np.ndarray) -> np.ndarray:
    """Return the weights of each row's members once those of absent ones are dealt to the others, as in `fill_absent`.

    Examples
    --------
    >>> from radiofuse.fuse.combiners import Nonnegative
    >>> rule = Nonnegative()
    >>> rule.weights_ = np.array([0.5, 0.3, 0.2])
    >>> effective_weights(rule, np.array([[0.2, 0.8, 0.5], [0.2, 0.8, np.nan]])).round(3).tolist()
    [[0.5, 0.3, 0.2], [0.625, 0.375, 0.0]]
    """
    weights = np.asarray(getattr(combiner, "weights_", np.full(P.shape[1], 1 / P.shape[1])))
    present = ~np.isnan(P)
    strength = present * np.abs(weights)
    strength = np.where(strength.any(axis=1, keepdims=True), strength, present)
    of_absent = (~present * weights).sum(axis=1, keepdims=True)
    return present * weights + of_absent * strength / strength.sum(axis=1, keepdims=True)


def _stretched(parts: np.ndarray) -> np.ndarray:
    """Return terms that add up to p - 0.5 times what makes them add up to the log-odds of p."""
    total = parts.sum(axis=1, keepdims=True)
    near = np.abs(total) < 1e-9  # the slope of the log-odds at 0.5
    return parts * np.where(near, 4, log_odds(0.5 + total) / np.where(near, 1, total))


def _shapley(combiner: Any, P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    n_members = P.shape[1]
    if n_members > MOST_MEMBERS:
        raise RequestError(
            f"Exact contributions to a rule that is not linear take 2 to the power of {n_members} answers per row; "
            f"{MOST_MEMBERS} members are the most. Ask for a combiner that is a weighted mean, or fuse fewer members."
        )
    told = _answers_of_subsets(combiner, P)
    parts = np.zeros(P.shape)
    for member in range(n_members):
        for subset in range(2**n_members):
            if not subset >> member & 1:
                size = subset.bit_count()
                share = factorial(size) * factorial(n_members - size - 1) / factorial(n_members)
                parts[:, member] += share * (told[subset | 1 << member] - told[subset])
    return parts, told[0]


def _answers_of_subsets(combiner: Any, P: np.ndarray) -> np.ndarray:
    """Return log-odds, or log-probabilities, by bit mask of the members that are there."""
    n_members, several = P.shape[1], P.ndim == 3
    nobody = np.full((len(P), *P.shape[2:]), -np.log(P.shape[2]) if several else 0.0)
    told = np.stack([nobody] * 2**n_members)
    for subset in range(1, 2**n_members):
        there = np.array([subset >> member & 1 for member in range(n_members)], dtype=bool)
        shown = np.where(there[:, None] if several else there, P, np.nan)
        known = ~np.isnan(shown).reshape(len(P), -1).all(axis=1)
        if known.any():
            answer = combiner.combine(shown[known])
            told[subset, known] = log_probability(answer) if several else log_odds(answer)
    return told
