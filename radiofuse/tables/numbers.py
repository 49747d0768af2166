"""Columns of a table as numbers to learn from: features and covariates, and what of them is none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from radiofuse.names import did_you_mean
from radiofuse.wording import SHOWN, counted, some

LARGEST = 1e150  # beyond it, squares overflow
TIMES = ("datetime", "datetimetz", "timedelta")


def covariate_numbers(rows: pd.DataFrame, names: Sequence[str], samples: np.ndarray) -> tuple[pd.DataFrame, list[str]]:
    """Return the covariates as numbers, and problems; text of two values becomes 0 and 1 in alphabetical order."""
    usable, problems = pd.DataFrame(index=rows.index), []
    for name in names:
        if name not in rows:
            problems.append(f"There is no column {name!r} for --covariates.{did_you_mean(name, rows.columns)}")
            continue
        values = rows[name]
        kinds = sorted(values.dropna().astype(str).unique())
        if not pd.api.types.is_numeric_dtype(values) and values.dtype.kind not in "mM":
            if len(kinds) == 2:
                values = values.astype("str").map({kinds[0]: 0.0, kinds[1]: 1.0})
            elif kinds and pd.to_numeric(values.astype("str"), errors="coerce").isna().all():
                problems.append(
                    f"Covariate {name} holds {counted(len(kinds), 'different text')} ({some(kinds)}); two or numbers "
                    "are needed. Write one column of 0 and 1 per value."
                )
                continue
        usable[name] = values
    numbers, others = as_numbers(usable, samples)
    return numbers, problems + others


def as_numbers(features: pd.DataFrame, samples: np.ndarray) -> tuple[pd.DataFrame, list[str]]:
    """Return the columns as float64, and problems: what is no number, or too large, which is left out.

    Parameters
    ----------
    features : DataFrame
        NaN where nothing is known.
    samples : ndarray of str
        The id of each row, for sentences.

    Examples
    --------
    >>> as_numbers(pd.DataFrame({"t1__a": ["1.5", "high"]}), np.array(["s1", "s2"]))[1][0].partition(";")[0]
    "Column t1__a is not numeric: sample s2 has 'high'"
    """
    problems = _dates(features)
    features = features.select_dtypes(exclude=TIMES)
    numbers, wordy = features.copy(deep=False), []
    for name in features.columns[[not pd.api.types.is_numeric_dtype(dtype) for dtype in features.dtypes]]:
        numbers[name] = pd.to_numeric(features[name], errors="coerce")
        wrong = (numbers[name].isna() & features[name].notna()).to_numpy()
        if wrong.any():
            example, sample = features[name][wrong].iloc[0], samples[wrong][0]
            wordy.append(f"Column {name} is not numeric: sample {sample} has {example!r}; {_advice(features[name])}.")
    problems += wordy[:SHOWN]
    if len(wordy) > SHOWN:
        problems.append(f"{counted(len(wordy) - SHOWN, 'further column')} not numeric.")
    numbers = numbers.astype(float)
    unusable, too_large = _too_large(numbers)
    return numbers.drop(columns=unusable), problems + too_large


def _too_large(numbers: pd.DataFrame) -> tuple[pd.Index, list[str]]:
    """Return the columns of values whose squares cannot be summed, and problems."""
    values = numbers.to_numpy()
    # The magnitudes of a whole table would hold it twice.
    largest = np.fmax(np.fmax.reduce(values, axis=0, initial=0), -np.fmin.reduce(values, axis=0, initial=0))
    infinite = np.isinf(largest)
    huge = (largest > LARGEST) & ~infinite
    problems = []
    if infinite.any():
        named = some(numbers.columns[infinite])
        problems.append(f"{counted(infinite.sum(), 'column')} with infinite values: {named}. Leave such cells empty.")
    if huge.any():
        problems.append(
            f"{counted(huge.sum(), 'column')} with values beyond {LARGEST:g}, whose squares overflow: "
            f"{some(numbers.columns[huge])}. Rescale, for example by the logarithm, or leave out with --ignore."
        )
    return numbers.columns[infinite | huge], problems


def _dates(features: pd.DataFrame) -> list[str]:
    dates = features.select_dtypes(include=TIMES).columns
    if not len(dates):
        return []
    what = f"{counted(len(dates), 'column')} of dates or times instead of numbers: {some(dates)}."
    return [f"{what} Leave out with --ignore, or write a number such as an age in years."]


def _advice(values: pd.Series) -> str:
    """Return what to do about a column that is not numeric."""
    text = values.dropna().astype(str).str.strip()
    if text.str.fullmatch(r"[-+]?\d{1,3}(,\d{3})+(\.\d*)?|[-+]?\d+(\.\d*)?").all():
        return "write thousands without a comma (1000, not 1,000)"
    if text.str.fullmatch(r"[-+]?\d*,\d+|[-+]?\d+").all():
        return "write decimals with a point"
    if text.is_unique and len(text) == len(values) and pd.to_numeric(text, errors="coerce").isna().all():
        return "if it names the samples, say so with --id, else leave it out with --ignore"
    return "correct it, or leave the column out with --ignore"
