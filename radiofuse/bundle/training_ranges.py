"""Between which numbers a model's columns lay in training, and how far beyond them new patients lie."""

from __future__ import annotations

import numpy as np
import pandas as pd

from radiofuse.tables import columns
from radiofuse.wording import counted, number

OUTSIDE = "far outside the training range"
CLINICAL_OUTSIDE = "is outside that of training"
FAR = 1.0  # widths of the range beyond which a number is far outside


def training_ranges(X: pd.DataFrame) -> pd.DataFrame:
    """Return the lowest and the highest number of each column, and how many there are.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_columns)
        The columns that a model reads; pointers to crops and sites are no numbers of a patient and take no part.

    Returns
    -------
    DataFrame
        Columns column, low, high, n_samples.

    Examples
    --------
    >>> training_ranges(pd.DataFrame({"t1__volume": [3.0, 1.0, np.nan]}))
           column  low  high  n_samples
    0  t1__volume  1.0   3.0          2
    """
    X = X[list(filter(columns.is_feature, X))]
    known = X.notna().sum().to_numpy()
    lows, highs = X.min().to_numpy(float), X.max().to_numpy(float)
    return pd.DataFrame({"column": list(X.columns), "low": lows, "high": highs, "n_samples": known})


def far_outside(X: pd.DataFrame, ranges: pd.DataFrame) -> dict[str, str]:
    """Return for each sample that has some how many columns lie far outside the training range, and the furthest one.

    Far is more than the width of the range beyond it. A column that was the same for all has no range.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_columns)
        The columns of new patients, samples in the index.
    ranges : DataFrame
        As ``training_ranges`` returns them.

    Examples
    --------
    >>> ranges = training_ranges(pd.DataFrame({"t1__volume": [1.0, 3.0], "t1__mean": [0.0, 1.0]}))
    >>> far_outside(pd.DataFrame({"t1__volume": [9.0, 4.0], "t1__mean": [0.5, 0.5]}, index=["a", "b"]), ranges)
    {'a': '1 of 2 columns far outside the training range, furthest t1__volume (3.0 times its width above)'}
    """
    known = ranges[(ranges["high"] > ranges["low"]) & ranges["column"].isin(X.columns)]
    if known.empty:
        return {}
    values, low, high = X[known["column"]].to_numpy(float), known["low"].to_numpy(), known["high"].to_numpy()
    above, below = (values - high) / (high - low), (low - values) / (high - low)
    beyond = np.nan_to_num(np.maximum(above, below), nan=0.0, posinf=np.inf, neginf=0.0)
    names = known["column"].to_numpy()
    told = {}
    for sample, distance, over in zip(X.index, beyond, above, strict=True):
        if n_far := int((distance > FAR).sum()):
            furthest = int(distance.argmax())
            side = "above" if over[furthest] > 0 else "below"
            told[str(sample)] = (
                f"{n_far} of {counted(len(names), 'column')} {OUTSIDE}, furthest "
                f"{names[furthest]} ({_times(distance[furthest])} its width {side})"
            )
    return told


def _times(distance: float) -> str:
    """Return how many times, without digits that nobody reads.

    >>> _times(3.04), _times(2e33)
    ('3.0 times', 'more than 1,000 times')
    """
    return f"{number(distance, 1)} times" if distance <= 1000 else "more than 1,000 times"


def clinical_outside(X: pd.DataFrame, ranges: pd.DataFrame) -> dict[str, str]:
    """Return for each sample that has some which clinical numbers lie outside the training range, by however little.

    Parameters
    ----------
    X, ranges
        As for ``far_outside``.

    Examples
    --------
    >>> ranges = training_ranges(pd.DataFrame({"clinical__age": [21.0, 84.0], "t1__mean": [0.0, 1.0]}))
    >>> clinical_outside(pd.DataFrame({"clinical__age": [17.0, 21.0], "t1__mean": 9.0}, index=["a", "b"]), ranges)
    {'a': 'clinical__age 17 is outside that of training, 21 to 84'}
    """
    told: dict[str, list[str]] = {}
    for name, low, high in ranges[["column", "low", "high"]].itertuples(index=False):
        if name in X and name.startswith(columns.join(columns.CLINICAL, "")) and low < high:
            for sample, value in X[name][(X[name] < low) | (X[name] > high)].items():
                told.setdefault(str(sample), []).append(f"{name} {value:g} {CLINICAL_OUTSIDE}, {low:g} to {high:g}")
    return {sample: "; ".join(several) for sample, several in told.items()}
