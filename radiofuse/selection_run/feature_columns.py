"""Which columns are features, of which modality, and what the others may have been meant to be."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from radiofuse.selection_run.request import SelectionRequest
from radiofuse.tables import columns
from radiofuse.tables.cohort import NOT_FEATURES, PATIENT, SAMPLE, SITE
from radiofuse.wording import count, some

DIAGNOSTICS = "diagnostics_"  # pyradiomics' record of how it was run: no features
RULE = "a modality is a lower-case letter, then lower-case letters or digits"
FEWEST_COUNTED = 20  # rows through which no measurement goes steadily up or down by chance
_UNNAMED = re.compile(r"(Unnamed: \d+)?")  # what pandas calls a column without a name


def feature_columns(
    rows: pd.DataFrame, label: str, request: SelectionRequest, notes: list[str], problems: list[str]
) -> pd.DataFrame:
    """Return the columns that are features, under their full names."""
    no_features = {SAMPLE, PATIENT, SITE, label, *request.ignore, *request.covariates}
    rows = _named(rows[[name for name in rows.columns if name not in no_features]].rename(columns=str), notes)
    prefixes = request.modality_prefixes
    if request.modality_pattern is not None:
        rows, prefixes = _renamed(rows, request.modality_pattern, notes, problems), True
    if prefixes is not False:
        rows = _lower_prefixes(rows, notes, problems)
    blocks = columns.by_modality(rows.columns)
    blocks.pop(columns.CLINICAL, None)
    if not blocks and prefixes is not False:
        problems += _odd_prefixes(rows.columns)
    one_modality = prefixes is False
    if prefixes is None:
        problems += _mixed_names(rows, blocks)
        one_modality = not _has_modalities(rows, blocks)
        rows = rows[_without_clinical(rows.columns, notes)] if one_modality else rows
    if one_modality:
        kept = [name for name in rows.columns if not name.startswith(DIAGNOSTICS)]
        note(notes, rows.shape[1] - len(kept), "diagnostics_* column", "no feature", "")
        return rows[kept].rename(columns={name: columns.join(request.modality, name) for name in kept})
    return rows[_inside(_without_clinical(rows.columns, notes), blocks, notes)]


def _has_modalities(rows: pd.DataFrame, blocks: dict[str, list[str]]) -> bool:
    """Say whether prefixes are modalities: not if a few columns have one, each its own, beside more plain numbers."""
    return bool(blocks) and (len(_plain_numbers(rows)) <= _size(blocks) or max(map(len, blocks.values())) > 1)


def _mixed_names(rows: pd.DataFrame, blocks: dict[str, list[str]]) -> list[str]:
    """Return a problem where more numbers have no modality than have one: either reading would lose columns."""
    plain = _plain_numbers(rows)
    if not _has_modalities(rows, blocks) or len(plain) <= _size(blocks):
        return []
    return [
        f"{count(_size(blocks), 'column')} named <modality>__<feature> ({some(sum(blocks.values(), []))}) and "
        f"{count(len(plain), 'other column')} of numbers ({some(plain)}). Take all as one modality with "
        "--no-modality-prefixes, or leave out what has no prefix with --modality-prefixes."
    ]


def _size(blocks: dict[str, list[str]]) -> int:
    return sum(map(len, blocks.values()))


def _plain_numbers(rows: pd.DataFrame) -> list[str]:
    """Return the columns of numbers whose names have no part before "__" that could be a modality."""
    numeric = rows.select_dtypes("number").columns
    return [name for name in numeric if columns.split(name) is None and not name.startswith(DIAGNOSTICS)]


def _without_clinical(names: Sequence[str], notes: list[str]) -> list[str]:
    clinical = columns.by_modality(names).get(columns.CLINICAL, [])
    note(notes, len(clinical), "clinical column", "no image feature; name it with --covariates to keep it", "")
    return [name for name in names if name not in clinical]


def _named(rows: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Return the columns that have a name; one without is the row numbers that a table was saved with."""
    things = {name: name.rpartition(columns.SEPARATOR)[2].strip() for name in rows.columns}
    unnamed = [name for name, thing in things.items() if _UNNAMED.fullmatch(thing)]
    why = "without a name (if it holds sample ids, name it and say so with --id)"
    note(notes, len(unnamed), "column", why, f" {some(map(repr, unnamed))}.")
    return rows.drop(columns=unnamed)


def _renamed(rows: pd.DataFrame, text: str, notes: list[str], problems: list[str]) -> pd.DataFrame:
    """Return the columns as <modality>__<feature> where the pattern finds a modality in their names."""
    found = columns.renamed_by(columns.modality_pattern(text), rows.columns)
    if not found:
        problems.append(f"The modality pattern {text!r} finds no modality in any column, such as {some(rows.columns)}.")
    rows = rows.rename(columns=found)
    twice = rows.columns[rows.columns.duplicated()].unique()
    if len(twice):
        same = [name for name, new in found.items() if new in twice]
        problems.append(f"By the modality pattern {text!r}, columns share a name: {some(same)}. Rename or ignore some.")
    rows = rows.loc[:, ~rows.columns.duplicated()]
    notes.append(columns.count_by_modality(rows.columns))
    return rows


def _lower_prefixes(rows: pd.DataFrame, notes: list[str], problems: list[str]) -> pd.DataFrame:
    """Return the columns with prefixes such as T1 in lower case."""
    lowered = [_lower_prefix(name) for name in rows.columns]
    changed = [name for name, lower in zip(rows.columns, lowered, strict=True) if name != lower]
    if not changed:
        return rows
    twice = sorted({name for name in lowered if lowered.count(name) > 1}) if len(set(lowered)) < len(lowered) else []
    if twice:
        problems.append(f"Two columns differ in the case of their prefix only: {some(twice)}. Rename or delete one.")
    prefixes = sorted({name.partition(columns.SEPARATOR)[0] for name in changed})
    notes.append(f"Prefixes read in lower case, as modalities are written: {some(prefixes)}.")
    rows = rows.set_axis(lowered, axis=1)
    return rows.loc[:, ~rows.columns.duplicated()]


def _lower_prefix(name: str) -> str:
    prefix, _, thing = name.partition(columns.SEPARATOR)
    lower = columns.join(prefix.lower(), thing)
    return lower if columns.split(lower) else name


def _odd_prefixes(names: Sequence[str]) -> list[str]:
    """Return a sentence if columns are written <modality>__<feature>, but with what cannot be a modality."""
    parts = [name.partition(columns.SEPARATOR) for name in names]
    odd = [prefix for prefix, _, thing in parts if prefix and thing]
    if not odd:
        return []
    return [
        f"{count(len(odd), 'column')} with a prefix that is no modality: {some(sorted(set(odd)))}; {RULE}. Rename, or "
        "take all columns as one modality with --no-modality-prefixes."
    ]


def _inside(names: Sequence[str], blocks: dict[str, list[str]], notes: list[str]) -> list[str]:
    """Return the features among columns named by modality; what else there is, is told."""
    inside = [name for block in blocks.values() for name in block]
    things = {name: columns.split(name)[1] for name in inside}
    diagnostics = [name for name in inside if things[name].startswith(DIAGNOSTICS)]
    note(notes, len(diagnostics), "diagnostics_* column", "no feature", "")
    outside = [name for name in names if columns.split(name) is None]
    rule = f" Here {RULE}." if _odd_prefixes(outside) else ""
    which = f" {some(outside)}.{_meant(outside, blocks)}{rule}"
    note(notes, len(outside), "column", "not named <modality>__<feature>", which)
    notes += _stray_prefixes(blocks)
    left_out = {
        *diagnostics,
        *(columns.join(name, thing) for name in blocks for thing in (*NOT_FEATURES, columns.CROP)),
    }
    return [name for name in inside if name not in left_out]


def row_counters(numbers: pd.DataFrame) -> list[str]:
    """Return a sentence on columns that count the rows from 0 or 1, or go up, or down, through 20 of them or more.

    The order of the rows may know the label.

    Examples
    --------
    >>> row_counters(pd.DataFrame({"t1__nr": range(1, 31), "t1__f": [1.5, 0.5, 2.5] * 10}))[0].partition(":")[0]
    't1__nr numbers the rows'
    """
    values = numbers.to_numpy(float)
    steps = np.diff(values, axis=0)
    counting = np.isin(values[0], (0, 1)) & (steps == 1).all(axis=0) & (len(values) > 2)
    steady = ((steps > 0).all(axis=0) | (steps < 0).all(axis=0)) & (len(values) >= FEWEST_COUNTED)
    counters = numbers.columns[counting | steady]
    if not len(counters):
        return []
    return [
        f"{some(counters)} number{'s' if len(counters) == 1 else ''} the rows: up, or down, from each one of the file "
        "to the next. If that is no image feature, leave it out with --ignore."
    ]


def note(notes: list[str], number: int, thing: str, why: str, which: str) -> None:
    """Add a sentence on columns that are left out, where there are some."""
    if number:
        notes.append(f"{count(number, thing)} left out, {why}{':' if which else '.'}{which}")


def _meant(outside: Sequence[str], blocks: dict[str, list[str]]) -> str:
    """Return what a column with a single underscore may have been meant to be called."""
    for name in outside:
        prefix, underscore, rest = name.partition("_")
        if underscore and rest and prefix.lower() in blocks:
            return f" Did you mean {columns.join(prefix.lower(), rest.lstrip('_'))!r}?"
    return ""


def _stray_prefixes(blocks: dict[str, list[str]]) -> list[str]:
    """Return a sentence for each modality of a single column whose name is close to that of a larger one."""
    notes = []
    for name, inside in blocks.items():
        others = [other for other, block in blocks.items() if len(block) > 1]
        if len(inside) == 1 and others:
            close = difflib.get_close_matches(name, others, n=1)
            meant = f"; did you mean {columns.join(close[0], columns.split(inside[0])[1])!r}?" if close else "."
            notes.append(f"Modality {name!r} has a single column, {inside[0]}{meant}")
    return notes
