"""Rows that are copies of each other under the names of different patients, found in the numbers themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from radiofuse.tables import columns
from radiofuse.wording import some

FEWEST = 20  # varying columns that both rows fill; fewer may agree by chance
NEARLY_ALL = 0.9  # share of these columns that agree
OF_SPREAD, OF_VALUE = 1e-5, 1e-6  # what rounding moves: a share of the column's spread, of the value
SHARED = 0.1  # share of a column's pairs that agree, beyond which agreement says little
CELLS = 4_000_000  # compared at once
ONE_PATIENT = "If they are one patient, give the copies one patient id; else keep one of each and drop the others."
EMPTY = "Where nothing was measured, leave the cells empty."


def copied_rows(values: np.ndarray, patients: Sequence) -> np.ndarray:
    """Return pairs of rows of different patients that agree to rounding in nearly all columns that both fill.

    Each column is sorted into runs of values that agree; a pair that is neighbor there in half as many columns as a
    copy needs is compared in all. So no pair is looked at that no column suggests.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_features)
        NaN where absent; such columns are left out of the comparison of that row.
    patients : sequence of length n_samples

    Returns
    -------
    ndarray of shape (n_pairs, 2)
        Positions, the smaller first; of k equal rows at least those that link them to each other.

    Examples
    --------
    >>> rows = np.random.default_rng(0).normal(size=(30, 40))
    >>> rows[7] = rows[3].round(6)
    >>> copied_rows(rows, np.arange(30)).tolist()
    [[3, 7]]
    """
    values = np.where(np.isfinite(values), values, np.nan)
    values = values[:, np.isfinite(values).any(axis=0)]
    if values.shape[1] < FEWEST:
        return np.empty((0, 2), int)
    distinct = ~pd.DataFrame(values).duplicated().to_numpy()  # one of each: what columns are like, no copies say
    low, high = np.nanquantile(values[distinct], (0.25, 0.75), axis=0)  # quartiles, which no outlier moves
    tolerance = OF_SPREAD * (high / 2 - low / 2)
    suggested, telling = [], []
    for number, column in enumerate(values.T):
        rows, run = _runs(column, tolerance[number])
        if _share_that_agrees(run[distinct[rows]]) <= SHARED:
            telling.append(number)
            suggested.append(np.column_stack([rows[:-1], rows[1:]])[run[:-1] == run[1:]])
    if len(telling) < FEWEST:
        return np.empty((0, 2), int)
    pairs = _often(np.concatenate(suggested), len(values))
    names = pd.factorize(np.asarray(patients))[0]
    pairs = pairs[names[pairs[:, 0]] != names[pairs[:, 1]]]
    return pairs[_agree(values[:, telling], tolerance[telling], pairs)]


def copy_problems(features: pd.DataFrame, patients: Sequence) -> list[str]:
    """Return a sentence if rows of different patients are copies: what learns from one would be asked about the other.

    Looked for in all columns, and in those of each modality, which a model of its own learns from.

    Parameters
    ----------
    features : DataFrame
        Numbers, columns ``<modality>__<feature>`` or other; index: what the sentence calls a row.
    patients : sequence
        Of each row.
    """
    found, told = [], set()
    for modality, names in {"": list(features), **columns.by_modality(features)}.items():
        new = [pair for pair in map(tuple, copied_rows(features[names].to_numpy(float), patients)) if pair not in told]
        told.update(new)
        if new:
            named = some([f"{features.index[one]} = {features.index[other]}" for one, other in new])
            where = f"nearly all columns{' of ' * bool(modality)}{modality}"
            found.append(f"Rows of different patients with the same numbers in {where}: {named}. {ONE_PATIENT} {EMPTY}")
    return found


def _runs(column: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the filled rows of a column by run, in a run by number, and the run of each: its values agree."""
    order = np.argsort(column, kind="stable")[: np.isfinite(column).sum()]  # NaN comes last
    ordered = column[order]
    new = np.diff(ordered, prepend=-np.inf) > tolerance + OF_VALUE * np.abs(ordered)
    run = np.cumsum(new)
    return order[np.lexsort((order, run))], run


def _share_that_agrees(run: np.ndarray) -> float:
    """Return the share of all pairs that lie in one run."""
    if len(run) < 2:
        return 1.0
    sizes = np.bincount(run).astype(float)
    return float((sizes * (sizes - 1)).sum() / (len(run) * (len(run) - 1.0)))


def _often(pairs: np.ndarray, n_rows: int) -> np.ndarray:
    """Return the pairs that occur at least half as often as those of a copy would."""
    keys, times = np.unique(pairs[:, 0] * n_rows + pairs[:, 1], return_counts=True)
    keys = keys[times >= FEWEST * NEARLY_ALL / 2]
    return np.column_stack(np.divmod(keys, n_rows))


def _agree(values: np.ndarray, tolerance: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Say of each pair of rows whether they agree in nearly all columns that both fill."""
    found = np.zeros(len(pairs), bool)
    step = max(1, CELLS // values.shape[1])
    for start in range(0, len(pairs), step):
        one, other = (values[pairs[start : start + step, side]] for side in (0, 1))
        both = np.isfinite(one) & np.isfinite(other)
        near = np.abs(one - other) <= tolerance + OF_VALUE * np.maximum(np.abs(one), np.abs(other))
        n_both = both.sum(axis=1)
        found[start : start + step] = (n_both >= FEWEST) & ((near & both).sum(axis=1) >= NEARLY_ALL * n_both)
    return found
