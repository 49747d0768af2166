"""Rows that are copies of each other under the names of different patients, found in the numbers themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b

import numpy as np
import pandas as pd

from radiofuse.tables import columns
from radiofuse.wording import some

FEWEST = 20  # varying columns that both rows fill; fewer may agree by chance
NEARLY_ALL = 0.9  # share of these columns that agree
OF_SPREAD, OF_VALUE = 1e-5, 1e-6  # what rounding moves: a share of the column's spread, of the value
SHARED = 0.1  # share of a column's pairs that agree, beyond which agreement says little
CELLS = 4_000_000  # looked at once
BATCHES = 4  # of columns, so that not all pairs of 100,000 rows are held at once
COPIED_AT_ONCE = 32  # columns
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
    filled = np.flatnonzero(_finite_by_column(values))
    if len(filled) < FEWEST:
        return np.empty((0, 2), int)
    distinct = _distinct(values)  # one of each: what columns are like, no copies say
    telling, tolerance, pairs = [], [], []
    for batch in np.array_split(filled, BATCHES):
        suggested = []
        for number, column in _columns(values, batch):
            within = _tolerance(column[distinct])
            rows, run = _runs(column, within)
            if _share_that_agrees(run[distinct[rows]]) <= SHARED:
                telling.append(number)
                tolerance.append(within)
                suggested.append(_neighbors(rows, run))
        pairs.append(_often(suggested, len(values)))
    if len(telling) < FEWEST:
        return np.empty((0, 2), int)
    suspects = np.unique(np.concatenate(pairs), axis=0)
    names = pd.factorize(np.asarray(patients))[0]
    suspects = suspects[names[suspects[:, 0]] != names[suspects[:, 1]]]
    return suspects[_agree(values, np.array(telling), np.array(tolerance), suspects)]


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


def _columns(values: np.ndarray, numbers: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each of some columns, infinite values as NaN; a few are copied at once, as they lie far apart in memory."""
    for start in range(0, len(numbers), COPIED_AT_ONCE):
        some_of_them = numbers[start : start + COPIED_AT_ONCE]
        block = np.ascontiguousarray(values[:, some_of_them].T)
        yield from zip(some_of_them.tolist(), np.where(np.isfinite(block), block, np.nan), strict=True)


def _row_blocks(values: np.ndarray) -> Iterator[np.ndarray]:
    """Yield a few rows at a time: whatever is computed of all of them would hold the table twice."""
    step = max(1, CELLS // max(1, values.shape[1]))
    for start in range(0, len(values), step):
        yield values[start : start + step]


def _finite_by_column(values: np.ndarray) -> np.ndarray:
    """Return whether each column holds a finite number."""
    found = np.zeros(values.shape[1], bool)
    for block in _row_blocks(values):
        found |= np.isfinite(block).any(axis=0)
    return found


def _distinct(values: np.ndarray) -> np.ndarray:
    """Return whether each row is the first with its numbers."""
    digests = []
    for block in _row_blocks(values):
        spelled = np.where(np.isfinite(block), block, np.nan) + 0.0  # -0.0 is 0.0
        digests += [blake2b(row.tobytes(), digest_size=16).digest() for row in spelled]
    return ~pd.Series(digests, dtype=object).duplicated().to_numpy(bool)


def _tolerance(column: np.ndarray) -> float:
    """Return by how much values of a column may differ and agree; of its quartiles, which no outlier moves."""
    low, high = np.nanquantile(column, (0.25, 0.75))
    return OF_SPREAD * (high / 2 - low / 2)


def _runs(column: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the filled rows of a column in the order of its values, and the run of each: its values agree."""
    order = np.argsort(column, kind="stable")[: np.isfinite(column).sum()]  # NaN comes last
    ordered = column[order]
    return order, np.cumsum(np.diff(ordered, prepend=-np.inf) > tolerance + OF_VALUE * np.abs(ordered))


def _neighbors(rows: np.ndarray, run: np.ndarray) -> np.ndarray:
    """Return pairs of rows of one run, each with the next by number, the smaller first."""
    same = run[1:] == run[:-1]
    shared = np.append(same, False) | np.insert(same, 0, False)  # most runs are of one row
    rows, run = rows[shared], run[shared]
    order = np.lexsort((rows, run))
    rows, run = rows[order], run[order]
    return np.column_stack([rows[:-1], rows[1:]])[run[:-1] == run[1:]]


def _share_that_agrees(run: np.ndarray) -> float:
    """Return the share of all pairs that lie in one run."""
    if len(run) < 2:
        return 1.0
    sizes = np.bincount(run).astype(float)
    return float((sizes * (sizes - 1)).sum() / (len(run) * (len(run) - 1.0)))


def _often(suggested: Sequence[np.ndarray], n_rows: int) -> np.ndarray:
    """Return the pairs that the columns of a batch suggest so often that a copy may have them half as often as needed.

    What is suggested that often by all columns is suggested by one of the batches at least in their share of it.
    """
    if not suggested:
        return np.empty((0, 2), int)
    keys, times = np.unique(
        np.concatenate([pairs[:, 0] * n_rows + pairs[:, 1] for pairs in suggested]), return_counts=True
    )
    return np.column_stack(np.divmod(keys[times >= FEWEST * NEARLY_ALL / 2 / BATCHES], n_rows))


def _agree(values: np.ndarray, telling: np.ndarray, tolerance: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Say of each pair of rows whether they agree in nearly all of the telling columns that both fill."""
    found = np.zeros(len(pairs), bool)
    step = max(1, CELLS // len(telling))
    for start in range(0, len(pairs), step):
        one, other = (values[np.ix_(pairs[start : start + step, side], telling)] for side in (0, 1))
        both = np.isfinite(one) & np.isfinite(other)
        one, other = np.where(both, one, 0), np.where(both, other, 0)
        near = np.abs(one - other) <= tolerance + OF_VALUE * np.maximum(np.abs(one), np.abs(other))
        n_both = both.sum(axis=1)
        found[start : start + step] = (n_both >= FEWEST) & ((near & both).sum(axis=1) >= NEARLY_ALL * n_both)
    return found
