"""Do the probabilities mean what they say? Calibration points, the calibration line, and a smooth one."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit, logit
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from radiofuse import notebook
from radiofuse.statistics.closed_intervals import wilson_interval
from radiofuse.statistics.inputs import check_binary
from radiofuse.statistics.lowess import lowess
from radiofuse.tables.predictions import check_slice, repeats_of, rows_of_model

Strategy = Literal["uniform", "quantile"]


@validate_params(
    {
        "predictions": [pd.DataFrame],
        "model": [str],
        "n_bins": [Interval(Integral, 1, None, closed="left")],
        "strategy": [StrOptions({"uniform", "quantile"})],
        "confidence": [Interval(Real, 0, 1, closed="neither")],
    },
    prefer_skip_nested_validation=True,
)
def calibration_points(
    predictions: pd.DataFrame,
    model: str,
    *,
    n_bins: int = 10,
    strategy: Strategy = "uniform",
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return the share of positives among rows of similar probability.

    Rows of all repeats share the bins; a count is the mean count of a repeat, and so is the count behind the
    interval, because repeats bring no new patients. Intervals take rows as independent: too narrow where
    patients have several.

    Parameters
    ----------
    predictions : DataFrame
        As in `score_predictions`, of one class of one outcome: `radiofuse.tables.slice_of` picks it.
    model : str
        Name in the column ``model``.
    n_bins : int, default=10
        Bins asked for; empty ones are left out.
    strategy : {"uniform", "quantile"}, default="uniform"
        Bins of equal width, or of about equal count. Bins hold their upper edge.
    confidence : float, default=0.95
        Coverage of the Wilson intervals.

    Returns
    -------
    DataFrame
        Columns from_probability, to_probability, mean_probability, share_positive, low, high, n (float).

    See Also
    --------
    calibration_line : Intercept and slope.
    smooth_calibration : A curve without bins.
    calibration_error : One number for the bins.

    References
    ----------
    Wilson 1927, J Am Stat Assoc 22:209-212.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"sample_id": list("abcd"), "patient_id": list("abcd"), "repeat": 0, "fold": 0,
    ...     "model": "t1", "label": [0, 1, 1, 1], "probability": [0.2, 0.4, 0.8, 0.9]})
    >>> calibration_points(table, "t1", n_bins=2)[["mean_probability", "share_positive", "n"]].round(2)
       mean_probability  share_positive    n
    0              0.30             0.5  2.0
    1              0.85             1.0  2.0
    """
    check_slice(predictions, "A calibration curve")
    rows = rows_of_model(predictions, model)
    label, probability = rows["label"].to_numpy(dtype=float), rows["probability"].to_numpy()
    edges, bin_of_row = probability_bins(probability, n_bins, strategy)
    n_rows = np.bincount(bin_of_row, minlength=len(edges) - 1)
    used = np.flatnonzero(n_rows)
    share = np.bincount(bin_of_row, label)[used] / n_rows[used]
    n = n_rows[used] / rows["repeat"].nunique()
    low, high = wilson_interval(share, n, confidence)
    return pd.DataFrame(
        {
            "from_probability": edges[:-1][used],
            "to_probability": edges[1:][used],
            "mean_probability": np.bincount(bin_of_row, probability)[used] / n_rows[used],
            "share_positive": share,
            "low": low,
            "high": high,
            "n": n,
        }
    )


def probability_bins(probability: np.ndarray, n_bins: int, strategy: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges of the bins, "uniform" or "quantile", and the bin of each row; bins hold their upper edge."""
    steps = np.linspace(0, 1, n_bins + 1)
    edges = steps if strategy == "uniform" else np.quantile(probability, steps)
    return edges, np.searchsorted(edges[1:-1], probability)


class CalibrationLine(NamedTuple):
    """Log-odds of label 1 as a line over the predicted log-odds; 0 and 1 would be perfect."""

    intercept: float
    slope: float
    n_left_out: int  # rows of probability 0 or 1, which have no log-odds

    def _repr_html_(self) -> str:
        return notebook.result(self)


def calibration_line(predictions: pd.DataFrame, model: str) -> CalibrationLine:
    """Fit the calibration line of a model, averaged over the repeats.

    Parameters
    ----------
    predictions : DataFrame
        As in `score_predictions`, of one class of one outcome: `radiofuse.tables.slice_of` picks it.
    model : str
        Name in the column ``model``.

    Returns
    -------
    CalibrationLine
        A slope below 1 means overconfident. Rows of probability 0 or 1 are left out, as in ``val.prob`` of R's
        rms, and counted. Where the probabilities separate the labels the slope is infinite and the intercept
        NaN; both are NaN where the probabilities are constant or the labels are.

    See Also
    --------
    calibration_points : Observed shares in bins.
    calibration_summary : Every number of R's val.prob.

    References
    ----------
    Cox 1958, Biometrika 45:562-565. Harrell 2015, Regression Modeling Strategies, section 10.9.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"sample_id": list("abcdef"), "patient_id": list("abcdef"), "repeat": 0, "fold": 0,
    ...     "model": "t1", "label": [0, 0, 1, 0, 1, 1], "probability": [0.2, 0.2, 0.2, 0.8, 0.8, 0.8]})
    >>> line = calibration_line(table, "t1")
    >>> round(line.slope, 6)
    0.5
    """
    check_slice(predictions, "A calibration line")
    repeats = repeats_of(rows_of_model(predictions, model))
    lines = [logistic_line(repeat.label, repeat.probability) for repeat in repeats]
    intercept, slope = np.mean(lines, axis=0)
    n_left_out = sum(int(np.isin(repeat.probability, (0.0, 1.0)).sum()) for repeat in repeats)
    return CalibrationLine(float(intercept), float(slope), n_left_out)


def logistic_line(label: np.ndarray, probability: np.ndarray) -> tuple[float, float]:
    """Return intercept and slope of the log-odds of label 1 over the predicted ones; see `calibration_line`."""
    inside = (probability > 0) & (probability < 1)
    label, odds = label[inside], logit(probability[inside])
    positive, negative = odds[label == 1], odds[label == 0]
    if not (positive.size and negative.size) or np.ptp(odds) == 0:
        return np.nan, np.nan
    if positive.min() >= negative.max():
        return np.nan, np.inf
    if positive.max() <= negative.min():
        return np.nan, -np.inf
    return _newton(label, np.column_stack([np.ones(len(odds)), odds]))


def _newton(label: np.ndarray, design: np.ndarray) -> tuple[float, float]:
    """Maximize the Bernoulli likelihood of labels that the design does not separate."""
    beta = np.zeros(2)
    for _ in range(100):  # 60 are enough even where labels overlap by 1e-15
        fitted = expit(design @ beta)
        hessian = (design * (fitted * (1 - fitted))[:, None]).T @ design
        step = np.linalg.solve(hessian, design.T @ (label - fitted))
        beta = beta + step
        if np.abs(step).max() <= 1e-10 * (1 + np.abs(beta).max()):
            break
    return tuple(beta)


def smooth_calibration(label: ArrayLike, probability: ArrayLike) -> pd.DataFrame:
    """Return the smoothed share of positives over the probability: the smooth line of a calibration plot.

    Parameters
    ----------
    label : array-like of shape (n_samples,)
        0 or 1.
    probability : array-like of shape (n_samples,)
        Probability of label 1.

    Returns
    -------
    DataFrame
        Columns probability, ascending and without ties, and share_positive, which may leave 0 to 1 a little.

    Raises
    ------
    RequestError
        Labels other than 0 and 1, probabilities outside 0 to 1, or unequal lengths.

    See Also
    --------
    calibration_points : Observed shares in bins.
    calibration_summary : How far the curve lies from the diagonal.

    References
    ----------
    Austin and Steyerberg 2014, Stat Med 33:517-535; the smoother is `lowess` without robustness passes.

    Examples
    --------
    >>> smooth_calibration([0, 1, 0, 1], [0.2, 0.4, 0.4, 0.8]).round(2)
       probability  share_positive
    0          0.2             0.0
    1          0.4             0.5
    2          0.8             1.0
    """
    label, probability = check_binary(label, probability)
    order = np.lexsort((label, probability))
    shares = smoothed_shares(label, probability)
    smooth = pd.DataFrame({"probability": probability[order], "share_positive": shares[order]})
    return smooth.drop_duplicates("probability", ignore_index=True)


def smoothed_shares(label: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Return the smoothed share of positives at each row, whatever the order of the rows."""
    order = np.lexsort((label, probability))
    smooth = np.empty(len(label))
    smooth[order] = lowess(probability[order], label[order].astype(float))
    return smooth
