"""Resamples of the patients, and intervals from them."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval

from radiofuse.statistics.metrics import Confusion, confusion

DRAWN_AT_ONCE = 4_000_000  # places
RESAMPLING_RULES = {
    "predictions": [pd.DataFrame],
    "n_resamples": [Interval(Integral, 1, None, closed="left")],
    "confidence": [Interval(Real, 0, 1, closed="neither")],
    "random_state": ["random_state"],
    "threshold": [Interval(Real, 0, 1, closed="both")],
}


def draw_seed(random_state: int | np.random.RandomState | None) -> int:
    """Return one seed, so that several resamplings can be made alike."""
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def multiplicities(n_patients: int, n_resamples: int, seed: int) -> np.ndarray:
    """Return how often each patient is drawn: shape (n_patients, 1 + n_resamples).

    Column 0 is the cohort itself, every patient once; each other column is a draw with replacement.
    """
    chance, drawn = np.random.default_rng(seed), np.empty((n_patients, n_resamples), np.int32)
    # At once, the places of 100,000 patients and what is counted of them would be four tables of gigabytes.
    rows_at_once, columns_at_once = (max(1, DRAWN_AT_ONCE // n) for n in (n_resamples, n_patients))
    for start in range(0, n_patients, rows_at_once):
        part = drawn[start : start + rows_at_once]
        part[:] = chance.integers(n_patients, size=part.shape)
    counts = np.ones((n_patients, 1 + n_resamples))
    for start in range(0, n_resamples, columns_at_once):
        part = drawn[:, start : start + columns_at_once]
        counts[:, 1 + start : 1 + start + part.shape[1]] = times_drawn(part.astype(np.int64), n_patients)
    return counts


def times_drawn(drawn: np.ndarray, n_patients: int) -> np.ndarray:
    """Return how often each patient is in each column of drawn places: shape (n_patients, n_resamples)."""
    n_resamples = drawn.shape[1]
    cells = drawn * n_resamples + np.arange(n_resamples)
    return np.bincount(cells.ravel(), minlength=n_patients * n_resamples).reshape(n_patients, n_resamples)


def value_and_interval(draws: np.ndarray, confidence: float) -> tuple[float, float, float]:
    """Return the cohort's own value and the percentiles of the resamples in which the metric exists."""
    value, resampled = draws[0], draws[1:]
    existing = resampled[~np.isnan(resampled)]
    if np.isnan(value) or existing.size == 0:
        return float(value), np.nan, np.nan
    low, high = np.quantile(existing, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(value), float(low), float(high)


def confusion_by_patient(label: np.ndarray, call: np.ndarray, patient: np.ndarray) -> Confusion:
    """Count each patient once: the counts by the shares of the patient's rows, of all repeats, in each.

    Examples
    --------
    >>> [float(count) for count in confusion_by_patient([1, 1, 0, 0], [1, 0, 0, 0], np.array([0, 0, 1, 1]))]
    [0.5, 0.0, 0.5, 1.0]
    """
    return confusion(label, call, 1 / np.bincount(patient)[patient])
