"""The calibration line of every resample of the patients at once, and the intervals of slope and intercept."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from radiofuse.statistics.inputs import patient_places
from radiofuse.statistics.intervals import multiplicities, value_and_interval

CELLS = 4_000_000  # weights in memory at once
MOST_STEPS = 100
TOLERANCE = 1e-6  # of a resample's line; the line of the cohort itself is that of `calibration_line`


def line_intervals(
    predictions: pd.DataFrame, *, confidence: float, n_resamples: int, seed: int
) -> tuple[float, float, float, float]:
    """Return the intervals of slope and intercept of one model and class, averaged over the repeats.

    Returns
    -------
    tuple of float
        slope_low, slope_high, intercept_low, intercept_high: percentiles over resamples of the patients, whose rows
        of all repeats travel together; the fitted model stays as it is. A resample whose probabilities separate the
        labels has an infinite slope and no intercept.
    """
    places = patient_places(predictions["patient_id"], len(predictions))
    counts = multiplicities(places.max() + 1, n_resamples, seed)
    label, probability = predictions["label"].to_numpy(dtype=float), predictions["probability"].to_numpy(dtype=float)
    repeats = predictions["repeat"].to_numpy()
    lines = []
    for repeat in np.unique(repeats):
        rows = (repeats == repeat) & (probability > 0) & (probability < 1)
        lines.append(resampled_lines(label[rows], logit(probability[rows]), counts[places[rows]]))
    intercepts, slopes = _mean_of_repeats(lines)
    return *_slope_interval(slopes, confidence), *value_and_interval(intercepts, confidence)[1:]


def _mean_of_repeats(lines: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # infinite slopes of both signs have no mean
        return np.mean(lines, axis=0)


def _slope_interval(slopes: np.ndarray, confidence: float) -> tuple[float, float]:
    """Return percentiles of slopes; where some are infinite those of slope / (1 + |slope|), turned back."""
    if not np.isfinite(slopes[0]):
        return np.nan, np.nan
    if not np.isinf(slopes).any():
        _, low, high = value_and_interval(slopes, confidence)
        return low, high
    shares = np.where(np.isinf(slopes), np.sign(slopes), slopes / (1 + np.abs(np.where(np.isinf(slopes), 0, slopes))))
    _, low, high = value_and_interval(shares, confidence)
    return _turned_back(low), _turned_back(high)


def _turned_back(share: float) -> float:
    return math.copysign(math.inf, share) if abs(share) == 1 else share / (1 - abs(share))


def resampled_lines(label: np.ndarray, odds: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return intercept and slope of labels over log-odds under each column of weights.

    Parameters
    ----------
    label, odds : ndarray of shape (n_rows,)
    counts : ndarray of shape (n_rows, n_resamples)
        How often each row is in a resample.

    Returns
    -------
    intercepts, slopes : ndarray of shape (n_resamples,)
        NaN and infinite where the log-odds separate the labels, both NaN where there is no line.

    Examples
    --------
    >>> label, odds = np.array([0.0, 0, 1, 0, 1, 1]), np.log([0.25, 0.25, 0.25, 4, 4, 4])
    >>> [float(line[0]) for line in np.round(resampled_lines(label, odds, np.ones((6, 1))), 6)]
    [0.0, 0.5]
    """
    n_resamples = counts.shape[1]
    at_once = max(1, CELLS // max(1, len(label)))
    parts = [_lines(label, odds, counts[:, start : start + at_once]) for start in range(0, n_resamples, at_once)]
    intercepts, slopes = zip(*parts, strict=True)
    return np.concatenate(intercepts), np.concatenate(slopes)


def _lines(label: np.ndarray, odds: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    slopes, intercepts = _of_separated(label, odds, counts), np.full(counts.shape[1], np.nan)
    mixed = np.flatnonzero(slopes == 0)
    slopes[mixed] = np.nan
    for columns, intercept, slope in _newton(label, odds, counts, mixed):
        intercepts[columns], slopes[columns] = intercept, slope
    return intercepts, slopes


def _of_separated(label: np.ndarray, odds: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the slope of each resample that needs no fit: infinite, or NaN; 0 of all others."""
    drawn = counts > 0
    least, most = (
        {of: end(np.where(drawn & (label == of)[:, None], odds[:, None], far), axis=0, initial=far) for of in (0, 1)}
        for end, far in ((np.min, np.inf), (np.max, -np.inf))
    )
    slopes = np.where(most[1] <= least[0], -np.inf, 0.0)
    slopes[least[1] >= most[0]] = np.inf
    one_label = ~np.isfinite(least[0] + least[1])
    constant = np.minimum(least[0], least[1]) == np.maximum(most[0], most[1])
    slopes[one_label | constant] = np.nan
    return slopes


def _newton(
    label: np.ndarray, odds: np.ndarray, counts: np.ndarray, open_: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Maximize the Bernoulli likelihood of each column of weights; yield columns as they converge."""
    intercept, slope = np.zeros(len(open_)), np.zeros(len(open_))
    weights = counts[:, open_].astype(float)
    for _ in range(MOST_STEPS):
        if not open_.size:
            return
        fitted = expit(intercept + odds[:, None] * slope)
        spread, left = weights * fitted * (1 - fitted), weights * (label[:, None] - fitted)
        a, b, c = spread.sum(axis=0), odds @ spread, odds**2 @ spread
        g, h = left.sum(axis=0), odds @ left
        with np.errstate(divide="ignore", invalid="ignore"):  # labels that hardly overlap: no line of that resample
            step = (c * g - b * h) / (a * c - b**2), (a * h - b * g) / (a * c - b**2)
        intercept, slope = intercept + step[0], slope + step[1]
        size = np.maximum(np.abs(intercept), np.abs(slope))
        done = np.maximum(np.abs(step[0]), np.abs(step[1])) <= TOLERANCE * (1 + size)
        yield open_[done], intercept[done], slope[done]
        going = ~done & np.isfinite(size)
        open_, weights, intercept, slope = open_[going], weights[:, going], intercept[going], slope[going]
