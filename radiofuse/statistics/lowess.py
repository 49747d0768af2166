"""Cleveland's scatterplot smoother, without the robustness passes: the smooth line of a calibration plot."""

from __future__ import annotations

import numpy as np


def lowess(x: np.ndarray, y: np.ndarray, *, fraction: float = 2 / 3, delta: float | None = None) -> np.ndarray:
    """Smooth ``y`` over ``x`` by local straight lines, as ``lowess(x, y, iter = 0)`` of R does.

    A line is fitted at points at least ``delta`` apart and interpolated between them, so that the work does not
    grow with the square of the rows.

    Parameters
    ----------
    x, y : ndarray of shape (n_samples,)
        ``x`` ascending.
    fraction : float, default=2/3
        Share of the rows that each line sees.
    delta : float, optional
        Distance below which lines are interpolated, in units of ``x``; a hundredth of its range by default.

    Returns
    -------
    ndarray of shape (n_samples,)
        Smoothed ``y``; rows of equal ``x`` have one value.

    References
    ----------
    Cleveland 1979, J Am Stat Assoc 74:829-836; the program ``lowess`` of Cleveland 1981, Am Stat 35:54.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(6.0)
    >>> lowess(x, 2 * x + 1).round(12).tolist()
    [1.0, 3.0, 5.0, 7.0, 9.0, 11.0]
    """
    n_rows, spread = len(x), x[-1] - x[0]
    delta = 0.01 * spread if delta is None else delta
    width = max(2, min(n_rows, int(fraction * n_rows + 1e-7)))
    first, at, fitted = 0, 0, {}
    while True:
        while first + width < n_rows and x[at] - x[first] > x[first + width] - x[at]:
            first += 1
        fitted[x[at]] = _local_line(x[first:], y[first:], x[at], x[min(first + width, n_rows) - 1], spread, y[at])
        tied = np.searchsorted(x, x[at], "right") - 1  # the last row of this value
        if tied == n_rows - 1:
            return np.interp(x, list(fitted), list(fitted.values()))
        at = max(tied + 1, np.searchsorted(x, x[at] + delta, "right") - 1)


def _local_line(x: np.ndarray, y: np.ndarray, at: float, last: float, spread: float, own: float) -> float:
    """Return the tricube-weighted line's value at ``at``; rows beyond ``last`` count where they tie with it."""
    reach = max(at - x[0], last - at)
    end = np.searchsorted(x, at + reach, "right")
    distance, x, y = np.abs(x[:end] - at), x[:end], y[:end]
    weight = np.where(distance <= 0.001 * reach, 1.0, (1 - (distance / (reach or 1.0)) ** 3) ** 3)
    weight[distance > 0.999 * reach] = 0
    if weight.sum() <= 0:
        return own
    weight = weight / weight.sum()
    center = weight @ x
    variance = weight @ (x - center) ** 2
    if reach > 0 and np.sqrt(variance) > 0.001 * spread:
        weight = weight * (1 + (at - center) * (x - center) / variance)
    return float(weight @ y)
