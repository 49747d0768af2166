"""What happens where too few features pass: the best of the rest fill up, and a warning says so."""

from __future__ import annotations

import warnings

import numpy as np


class NothingSelectedWarning(UserWarning):
    """Fewer features passed a selection step than were asked for."""


def fill_up(passed: np.ndarray, effect: np.ndarray, min_features: int, step: str) -> np.ndarray:
    """Return ``passed``, filled up to ``min_features`` by the features of largest effect.

    Parameters
    ----------
    passed : ndarray of bool, shape (n_features,)
        What the step's own rule keeps.
    effect : ndarray of shape (n_features,)
        Larger is better; ties go to the earlier column.
    min_features : int
        With 0 nothing is added, and only an empty selection is warned of.
    step : str
        Name for the warning.

    Examples
    --------
    >>> with warnings.catch_warnings(action="ignore"):
    ...     fill_up(np.array([False, False, False]), np.array([.1, .3, .2]), 1, "Example")
    array([False,  True, False])
    """
    n_passed = int(passed.sum())
    n_wanted = min(min_features, len(passed))
    if n_passed >= max(n_wanted, 1):
        return passed
    best_first = np.argsort(np.where(passed, -np.inf, -effect), kind="stable")
    kept = passed.copy()
    kept[best_first[:n_wanted]] = True
    answer = f"{n_wanted - n_passed} of largest effect added" if n_wanted else "the selection is empty"
    message = f"{step}: {n_passed} of {len(passed)} features passed; {answer}."
    warnings.warn(message, NothingSelectedWarning, stacklevel=4)
    return kept
