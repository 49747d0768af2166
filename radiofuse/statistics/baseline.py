"""Table 1 of a study: what the patients of each class are like, with tests and standardized differences."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

FEW_VALUES = 2  # a number with no more different values is a category, as sex in 0 and 1
SMALL_EXPECTED = 5  # Cochran's rule for chi-square
SUMMARIES = ("mean", "sd", "median", "low_quartile", "high_quartile", "share")
COLUMNS = ["variable", "level", "class", "n", "missing", *SUMMARIES, "test", "p_value", "smd"]


def describe_by_class(values: pd.Series, label: pd.Series, classes: Sequence[str]) -> pd.DataFrame:
    """Return what a variable is like in the patients of each class, and of all.

    Parameters
    ----------
    values : Series of shape (n_patients,)
        One value per patient, NaN or None where it is unknown; its name is the variable's. Numbers with more than two
        different values are summarized as such, all else by its levels.
    label : Series of shape (n_patients,)
        The place of each patient's class among ``classes``.
    classes : sequence of str

    Returns
    -------
    DataFrame
        Columns variable, level ("" of a number), class ("" for all patients), n (those with a value; of a level those
        who have it), missing (those without), mean, sd, median, low_quartile, high_quartile (of numbers), share (of the
        level among those with a value), test, p_value and smd, which stand in the rows of all patients. Numbers are
        tested by Mann-Whitney, of more than two classes by Kruskal-Wallis; levels by Fisher's exact test where there
        are two of both, else by chi-square. The standardized mean difference is without a sign and, of more than two
        classes, the largest of their pairs.

    References
    ----------
    Austin (2009). Balance diagnostics for comparing the distribution of baseline covariates. Statistics in Medicine
    28:3083-3107. Yang, Dalton (2012). A unified approach to measuring the effect size between two groups using SAS.
    SAS Global Forum, paper 335 (categories).

    Examples
    --------
    >>> age = pd.Series([40.0, 42, 55, 60, None], name="age")
    >>> told = describe_by_class(age, pd.Series([0, 0, 1, 1, 1]), ["mutant", "wild"])
    >>> told[["class", "n", "missing", "median", "p_value"]].round(2).to_numpy().tolist()
    [['', 4, 1, 48.5, 0.33], ['mutant', 2, 0, 41.0, nan], ['wild', 2, 1, 57.5, nan]]
    """
    parts = {"": values} | {name: values[label == place] for place, name in enumerate(classes)}
    if is_number(values):
        rows = [(name, "", *_of_number(own.astype(float))) for name, own in parts.items()]
        told = _test_of_numbers([parts[name].dropna().astype(float).to_numpy() for name in classes])
    else:
        levels = sorted(values.dropna().unique(), key=str)
        rows = [(name, level_name(level), *_of_level(own, level)) for level in levels for name, own in parts.items()]
        told = _test_of_levels([[int((parts[name] == level).sum()) for level in levels] for name in classes])
    table = pd.DataFrame(rows, columns=["class", "level", "n", "missing", *SUMMARIES])
    of_all = (table["class"] == "").to_numpy()
    test, p_value, smd = told
    table = table.assign(variable=values.name, test=np.where(of_all, test, ""))
    return table.assign(p_value=np.where(of_all, p_value, np.nan), smd=np.where(of_all, smd, np.nan))[COLUMNS]


def level_name(level: object) -> str:
    """Return a level as tables have it: a whole number without its decimals.

    >>> level_name(1.0), level_name("north"), level_name(2.5)
    ('1', 'north', '2.5')
    """
    return f"{level:g}" if isinstance(level, float | np.floating) else str(level)


def is_number(values: pd.Series) -> bool:
    """Say whether a variable is summarized as a number and not by its levels."""
    return pd.api.types.is_numeric_dtype(values) and values.nunique() > FEW_VALUES


def _of_number(own: pd.Series) -> tuple[float, ...]:
    known = own.dropna()
    quartiles = known.quantile([0.5, 0.25, 0.75]) if len(known) else [np.nan] * 3
    return len(known), int(own.isna().sum()), known.mean(), known.std(), *quartiles, np.nan


def _of_level(own: pd.Series, level: object) -> tuple[float, ...]:
    n, n_known = int((own == level).sum()), int(own.notna().sum())
    return n, len(own) - n_known, *[np.nan] * 5, n / n_known if n_known else np.nan


def _test_of_numbers(groups: Sequence[np.ndarray]) -> tuple[str, float, float]:
    if min(map(len, groups)) == 0 or np.ptp(np.concatenate(groups)) == 0:
        return "", np.nan, np.nan
    if len(groups) == 2:
        name, p_value = "Mann-Whitney", stats.mannwhitneyu(*groups).pvalue
    else:
        name, p_value = "Kruskal-Wallis", stats.kruskal(*groups).pvalue
    return name, float(p_value), max(_smd_of_numbers(a, b) for a, b in combinations(groups, 2))


def _smd_of_numbers(a: np.ndarray, b: np.ndarray) -> float:
    if min(a.size, b.size) < 2:
        return np.nan
    spread = np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2)
    return float(abs(a.mean() - b.mean()) / spread) if spread else np.nan


def _test_of_levels(counts: Sequence[Sequence[int]]) -> tuple[str, float, float]:
    """Return test, p-value and standardized difference of a table of classes by levels."""
    table = np.array(counts)
    if table.ndim < 2 or table.shape[1] < 2 or (table.sum(axis=1) == 0).any():
        return "", np.nan, np.nan
    smd = max(_smd_of_levels(a, b) for a, b in combinations(table / table.sum(axis=1, keepdims=True), 2))
    if table.shape == (2, 2):
        return "Fisher", float(stats.fisher_exact(table).pvalue), smd
    found = stats.chi2_contingency(table, correction=False)
    small = found.expected_freq.min() < SMALL_EXPECTED
    return f"chi-square{', few expected' if small else ''}", float(found.pvalue), smd


def _smd_of_levels(a: np.ndarray, b: np.ndarray) -> float:
    """Return the distance of two distributions over levels, in units of their mean spread.

    Examples
    --------
    >>> round(_smd_of_levels(np.array([0.5, 0.5]), np.array([0.2, 0.8])), 3)
    0.663
    """
    difference = (a - b)[1:]
    spread = (_multinomial(a) + _multinomial(b)) / 2
    return float(np.sqrt(difference @ np.linalg.pinv(spread) @ difference))


def _multinomial(shares: np.ndarray) -> np.ndarray:
    own = shares[1:]
    return np.diag(own) - np.outer(own, own)
