"""Intervals in closed form of what the counts of right and wrong calls say: proportions, and what is made of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import betaincinv, ndtri

from radiofuse.statistics.metrics import Confusion


def wilson_interval(
    share: np.ndarray | float, n: np.ndarray | float, confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return Wilson's score interval of a share out of n (1927, J Am Stat Assoc 22:209-212)."""
    z2 = ndtri((1 + confidence) / 2) ** 2
    center = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n**2))) / (1 + z2 / n)
    low, high = np.clip(center - half, 0, 1), np.clip(center + half, 0, 1)
    return np.where(share == 0, 0.0, low), np.where(share == 1, 1.0, high)  # there without rounding


def clopper_pearson_interval(
    share: np.ndarray | float, n: np.ndarray | float, confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the exact interval of a share out of n (Clopper and Pearson 1934, Biometrika 26:404-413)."""
    count, tail = np.round(np.multiply(share, n)), (1 - confidence) / 2
    low = np.where(count > 0, betaincinv(np.maximum(count, 1), n - count + 1, tail), 0.0)
    high = np.where(count < n, betaincinv(count + 1, np.maximum(n - count, 1), 1 - tail), 1.0)
    return low, high


def closed_intervals(c: Confusion, proportion: str, confidence: float) -> dict[str, tuple[float, float, str]]:
    """Return low, high and the name of the method for each metric of `operating_point`, whose notes say how.

    Parameters
    ----------
    c : Confusion
        Four counts of independent rows, or mean counts.
    proportion : {"wilson", "clopper-pearson"}
        Interval of a proportion; of one out of none it is 0 to 1.
    confidence : float
        Coverage.

    Examples
    --------
    >>> low, high, method = closed_intervals(Confusion(20, 0, 0, 20), "wilson", 0.95)["recall"]
    >>> round(float(low), 3), float(high), method
    (0.839, 1.0, 'wilson')
    """
    z = ndtri((1 + confidence) / 2)
    limits = wilson_interval if proportion == "wilson" else clopper_pearson_interval

    def of_share(count: Any, n: Any) -> tuple[Any, Any]:
        return limits(count / n, n, confidence) if n else (0.0, 1.0)

    sensitivity, specific = of_share(c.tp, c.tp + c.fn), of_share(c.tn, c.tn + c.fp)
    shares = {
        "recall": sensitivity,
        "specificity": specific,
        "precision": of_share(c.tp, c.tp + c.fp),
        "npv": of_share(c.tn, c.tn + c.fn),
        "accuracy": of_share(c.tp + c.tn, c.tp + c.fp + c.fn + c.tn),
    }
    jaccard = np.array(of_share(c.tp, c.tp + c.fp + c.fn))
    return {metric: (*interval, proportion) for metric, interval in shares.items()} | {
        "balanced_accuracy": (*_balanced(c, sensitivity, specific), f"square-and-add ({proportion})"),
        "f1": (*(2 * jaccard / (1 + jaccard)), f"transformed share ({proportion})"),
        "mcc": (*_correlation_interval(c, z), "delta method, Fisher transform"),
        "positive_likelihood_ratio": (*_ratio_interval(c.tp, c.fn, c.fp, c.tn, z), "log"),
        "negative_likelihood_ratio": (*_ratio_interval(c.fn, c.tp, c.tn, c.fp, z), "log"),
    }


def _balanced(c: Confusion, of_recall: tuple[float, float], of_specificity: tuple[float, float]) -> tuple[float, float]:
    if c.tp + c.fn == 0 or c.tn + c.fp == 0:
        return np.nan, np.nan
    shares = np.array([c.tp / (c.tp + c.fn), c.tn / (c.tn + c.fp)])
    limits = np.array([of_recall, of_specificity])
    below, above = np.sqrt(np.sum((limits - shares[:, None]) ** 2, axis=0))
    return shares.mean() - below / 2, shares.mean() + above / 2


def _correlation_interval(c: Confusion, z: float) -> tuple[float, float]:
    n = sum(c)
    label, call = (c.tp + c.fn) / n, (c.tp + c.fp) / n  # shares of the positive
    scatter = label * (1 - label) * call * (1 - call)
    if scatter == 0 or c.fp == c.fn == 0 or c.tp == c.tn == 0:
        return np.nan, np.nan
    phi = (c.tp * c.tn - c.fp * c.fn) / (n**2 * np.sqrt(scatter))
    label_skew, call_skew = ((2 * share - 1) / np.sqrt(share * (1 - share)) for share in (label, call))
    variance = 1 - phi**2 + (phi + phi**3 / 2) * label_skew * call_skew - 0.75 * phi**2 * (label_skew**2 + call_skew**2)
    half = z * np.sqrt(max(variance, 0.0) / n) / (1 - phi**2)
    return np.tanh(np.arctanh(phi) - half), np.tanh(np.arctanh(phi) + half)


def _ratio_interval(a: Any, b: Any, c: Any, d: Any, z: float) -> tuple[float, float]:
    """Return the limits of (a / (a + b)) / (c / (c + d))."""
    a_row, b_row, c_row, d_row = np.array([a, b, c, d]) + (0.0 if a and b and c and d else 0.5)
    center = np.log(a_row / (a_row + b_row)) - np.log(c_row / (c_row + d_row))
    half = z * np.sqrt(1 / a_row - 1 / (a_row + b_row) + 1 / c_row - 1 / (c_row + d_row))
    return 0.0 if a == 0 else np.exp(center - half), np.inf if c == 0 else np.exp(center + half)
