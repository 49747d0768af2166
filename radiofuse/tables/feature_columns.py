"""Which columns are features, of which modality, and what the others may have been meant to be."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from radiofuse.tables import columns
from radiofuse.tables.roles import NOT_FEATURES, PATIENT, SAMPLE, SITE, Roles
from radiofuse.wording import counted, some

DIAGNOSTICS = "diagnostics_"  # pyradiomics' record of how it was run: no features
RULE = "a modality is a lower-case letter, then lower-case letters or digits"
FEWEST_COUNTED = 20  # rows through which no measurement goes steadily up or down by chance
_UNNAMED = re.compile(r"(Unnamed: \d+)?")  # what pandas calls a column without a name


class Features(NamedTuple):
    """The columns that are features, and what there is to say of the others.

    Attributes
    ----------
    rows : DataFrame
        Columns ``<modality>__<feature>``.
    notes : list of str
        What was left out, or read otherwise than it is written.
    problems : list of str
    """

    rows: pd.DataFrame
    notes: list[str]
    problems: list[str]


def feature_columns(rows: pd.DataFrame, label: str, roles: Roles) -> Features:
    """Return the columns that are features, under their full names."""
    no_features = {SAMPLE, PATIENT, SITE, label, *roles.ignore, *roles.covariates}
    rows, notes = _named(rows[[name for name in rows.columns if name not in no_features]].rename(columns=str))
    prefixes, problems = roles.modality_prefixes, []
    if roles.modality_pattern is not None:
        rows, notes_of_names, problems = _renamed(rows, roles.modality_pattern)
        prefixes, notes = True, notes + notes_of_names
    if prefixes is not False:
        rows, notes_of_case, twice = _lower_prefixes(rows)
        notes, problems = notes + notes_of_case, problems + twice
    blocks = columns.by_modality(rows.columns)
    blocks.pop(columns.CLINICAL, None)
    if not blocks and prefixes is not False:
        problems = problems + _odd_prefixes(rows.columns)
    if prefixes is None:
        problems = problems + _mixed_names(rows, blocks)
    if prefixes is None and not _has_modalities(rows, blocks):
        rows, notes_of_clinical = _without_clinical(rows)
        prefixes, notes = False, notes + notes_of_clinical
    if prefixes is False:
        rows, notes_of_others = _one_modality(rows, roles.modality)
    else:
        rows, notes_of_others = _several_modalities(rows, blocks)
    return Features(rows, notes + notes_of_others, problems)


def _one_modality(rows: pd.DataFrame, modality: str) -> tuple[pd.DataFrame, list[str]]:
    """Return all columns as features of one modality, but for pyradiomics' record of its run."""
    kept = [name for name in rows.columns if not name.startswith(DIAGNOSTICS)]
    notes = left_out(rows.shape[1] - len(kept), "diagnostics_* column", "no feature")
    return rows[kept].rename(columns={name: columns.join(modality, name) for name in kept}), notes


def _has_modalities(rows: pd.DataFrame, blocks: dict[str, list[str]]) -> bool:
    """Say whether prefixes are modalities: not if a few columns have one, each its own, beside more plain numbers."""
    return bool(blocks) and (len(_plain_numbers(rows)) <= _size(blocks) or max(map(len, blocks.values())) > 1)


def _mixed_names(rows: pd.DataFrame, blocks: dict[str, list[str]]) -> list[str]:
    """Return a problem where more numbers have no modality than have one: either reading would lose columns."""
    plain = _plain_numbers(rows)
    if not _has_modalities(rows, blocks) or len(plain) <= _size(blocks):
        return []
    return [
        f"{counted(_size(blocks), 'column')} named <modality>__<feature> ({some(sum(blocks.values(), []))}) and "
        f"{counted(len(plain), 'other column')} of numbers ({some(plain)}). Take all as one modality with "
        "--no-modality-prefixes, or leave out what has no prefix with --modality-prefixes."
    ]


def _size(blocks: dict[str, list[str]]) -> int:
    return sum(map(len, blocks.values()))


def _plain_numbers(rows: pd.DataFrame) -> list[str]:
    """Return the columns of numbers whose names have no part before "__" that could be a modality."""
    numeric = rows.select_dtypes("number").columns
    return [name for name in numeric if columns.split(name) is None and not name.startswith(DIAGNOSTICS)]


def _without_clinical(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    clinical = columns.by_modality(rows.columns).get(columns.CLINICAL, [])
    why = "no image feature; name what to keep with --covariates"
    return rows.drop(columns=clinical), left_out(len(clinical), "clinical column", why)


def _named(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the columns that have a name; one without is the row numbers that a table was saved with."""
    things = {name: name.rpartition(columns.SEPARATOR)[2].strip() for name in rows.columns}
    unnamed = [name for name, thing in things.items() if _UNNAMED.fullmatch(thing)]
    why = "without a name (if it holds sample ids, name it and say so with --id)"
    return rows.drop(columns=unnamed), left_out(len(unnamed), "column", why, some(map(repr, unnamed)))


def _renamed(rows: pd.DataFrame, text: str) -> tuple[pd.DataFrame, list[str], list[str]]:
    """Return the columns as <modality>__<feature> where the pattern finds a modality, their counts, and problems."""
    new_names = columns.renamed_by(columns.modality_pattern(text), rows.columns)
    problems = []
    if not new_names:
        problems.append(f"The modality pattern {text!r} finds no modality in any column, such as {some(rows.columns)}.")
    rows = rows.rename(columns=new_names)
    twice = rows.columns[rows.columns.duplicated()].unique()
    if len(twice):
        same = [name for name, new in new_names.items() if new in twice]
        problems.append(f"By the modality pattern {text!r}, columns share a name: {some(same)}. Rename or ignore some.")
    rows = rows.loc[:, ~rows.columns.duplicated()]
    return rows, [columns.count_by_modality(rows.columns)], problems


def _lower_prefixes(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str], list[str]]:
    """Return the columns with prefixes such as T1 in lower case, a sentence on these, and problems."""
    lowered = [_lower_prefix(name) for name in rows.columns]
    changed = [name for name, lower in zip(rows.columns, lowered, strict=True) if name != lower]
    if not changed:
        return rows, [], []
    twice = sorted({name for name in lowered if lowered.count(name) > 1}) if len(set(lowered)) < len(lowered) else []
    problems = []
    if twice:
        problems.append(f"Two columns differ in the case of their prefix only: {some(twice)}. Rename or delete one.")
    prefixes = sorted({name.partition(columns.SEPARATOR)[0] for name in changed})
    notes = [f"Prefixes read in lower case, as modalities are written: {some(prefixes)}."]
    rows = rows.set_axis(lowered, axis=1)
    return rows.loc[:, ~rows.columns.duplicated()], notes, problems


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
        f"{counted(len(odd), 'column')} with a prefix that is no modality: {some(sorted(set(odd)))}; {RULE}. Rename, "
        "or take all columns as one modality with --no-modality-prefixes."
    ]


def _several_modalities(rows: pd.DataFrame, blocks: dict[str, list[str]]) -> tuple[pd.DataFrame, list[str]]:
    """Return the features among columns named by modality, and sentences on the other columns."""
    rows, notes = _without_clinical(rows)
    inside = [name for block in blocks.values() for name in block]
    things = {name: columns.split(name)[1] for name in inside}
    diagnostics = [name for name in inside if things[name].startswith(DIAGNOSTICS)]
    outside = [name for name in rows.columns if columns.split(name) is None]
    rule = f" Here {RULE}." if _odd_prefixes(outside) else ""
    notes += left_out(len(diagnostics), "diagnostics_* column", "no feature")
    notes += left_out(len(outside), "column", "not named <modality>__<feature>", some(outside))
    if outside:
        notes[-1] += _meant(outside, blocks) + rule
    no_features = {
        *diagnostics,
        *(columns.join(name, thing) for name in blocks for thing in (*NOT_FEATURES, columns.CROP)),
    }
    return rows[[name for name in inside if name not in no_features]], notes + _stray_prefixes(blocks)


def row_counters(numbers: pd.DataFrame) -> list[str]:
    """Return a sentence on columns that look like row numbers: the order of the rows may know the label.

    They count from 0 or 1, or only rise, or only fall, in 20 rows or more.

    Examples
    --------
    >>> row_counters(pd.DataFrame({"t1__nr": range(1, 31), "t1__f": [1.5, 0.5, 2.5] * 10}))[0].partition(":")[0]
    't1__nr numbers the rows'
    """
    counting = [_counts(numbers.iloc[:, place].to_numpy(float)) for place in range(numbers.shape[1])]
    counters = numbers.columns[np.array(counting, bool)]
    if not len(counters):
        return []
    return [
        f"{some(counters)} number{'s' if len(counters) == 1 else ''} the rows: up, or down, from each one of the file "
        "to the next. If that is no image feature, leave it out with --ignore."
    ]


def _counts(column: np.ndarray) -> bool:
    """Say whether a column counts the rows."""
    if len(column) < 3 or column[1] == column[0]:
        return False
    up = column[1] > column[0]
    if not up and not column[1] < column[0]:  # NaN
        return False
    steps = np.diff(column)
    if column[0] in (0, 1) and bool((steps == 1).all()):
        return True
    return len(column) >= FEWEST_COUNTED and bool((steps > 0).all() if up else (steps < 0).all())


def left_out(number: int, thing: str, why: str, which: str = "") -> list[str]:
    """Return a sentence on columns that are left out, where there are some.

    >>> left_out(2, "column", "without any value", "t1__a, t1__b")
    ['2 columns left out, without any value: t1__a, t1__b.']
    """
    return [f"{counted(number, thing)} left out, {why}{': ' if which else ''}{which}."] if number else []


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
