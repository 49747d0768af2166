"""Labels and clinical columns of another table, joined to the samples of a folder by id."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from radiofuse.errors import CohortError, RequestError
from radiofuse.names import did_you_mean
from radiofuse.tables.cells import is_empty, is_number, plain_number
from radiofuse.tables.columns import CLINICAL, join
from radiofuse.tables.roles import PATIENT, SITE
from radiofuse.tables.spellings import strange_spellings, vocabulary_for
from radiofuse.tables.text import read_file
from radiofuse.tables.workbook import SheetTable, is_workbook, read_sheet
from radiofuse.wording import counted, listed, some

RULE = (
    "Ids are compared without case, a leading sub, and the zeros before a number; a blank, - and _ count as the same."
)
_KNOWN = {  # what columns are called in public tables, and here
    r"age( at (mri|diagnosis|scan|scan years|surgery))?( \(?years\)?)?": join(CLINICAL, "age"),
    r"sex|gender": join(CLINICAL, "sex"),
    r"(who )?(cns )?(who )?grade": "who_grade",
    r"idh[12]*( status| mutation| mutation status)?": "idh",
    r"1p/?( )?19q( status| codeletion| co deletion)?|codel 1p19q|codeletion": "codel_1p19q",
    r"mgmt( status| methylation| methylation status)?": "mgmt",
    r"site|institution|center": SITE,
}


@dataclass(frozen=True)
class Joined:
    """Rows with the columns of a table of labels, and sentences on how they were joined."""

    rows: pd.DataFrame
    notes: list[str]
    labels: list[str]


def plain_id(text: str) -> str:
    """Return what two spellings of an id have in common, macOS' way of writing umlauts included.

    >>> plain_id("UCSF-PDGM-004") == plain_id("ucsf_pdgm_0004"), plain_id("sub-07"), plain_id("7.0")
    (True, '7', '7')
    """
    text = re.sub(r"\.0$", "", unicodedata.normalize("NFC", text).strip().casefold())
    text = re.sub(r"[\s_-]+", "-", text).removeprefix("sub-")
    return re.sub(r"\d+", lambda digits: str(int(digits[0])), text)


def join_labels(
    rows: pd.DataFrame,
    path: Path,
    *,
    sheet: str | None = None,
    id_column: str | None = None,
    columns: Sequence[str] = (),
    clinical: Sequence[str] = (),
    called: Callable[[str], str] | None = None,
) -> Joined:
    """Join columns of a table to samples, or to patients, whichever more of its ids are.

    Parameters
    ----------
    rows : DataFrame
        Index ``sample_id``, with ``patient_id``.
    path : Path
        CSV, TSV, Parquet or an Excel workbook.
    sheet : str, optional
        Of a workbook, the sheet; left out, the first one.
    id_column : str, optional
        Left out, the column of which most cells are ids of the samples or patients.
    columns, clinical : sequence of str
        Columns to keep, ``NAME`` or ``NAME=as it shall be called``, as labels or as clinical numbers. With neither,
        those whose names are known: age, sex, grade, IDH, 1p/19q, MGMT, site.
    called : callable, optional
        What makes of an id of the table that of a sample or patient here, where they differ: a pseudonym.

    Raises
    ------
    RequestError
        If a column is not there, or no id of the table is one of the samples.
    CohortError
        If the table cannot be read, or two different rows of it have one id.
    """
    table, of_sheet = _read(path, sheet)
    plain = _spelling(rows, called)
    key, level = _key(rows, table, path, id_column, plain)
    _refuse_like_ids(rows.index if level != PATIENT else rows[PATIENT].unique(), level, path)
    chosen = _chosen(table, path, columns, clinical, key)
    people = table.assign(**{key: table[key].map(plain)})
    people = people[people[key] != ""].drop_duplicates([key, *chosen])
    _refuse_two_rows(people, key, path)
    keys = (rows.index.to_series() if level != PATIENT else rows[PATIENT]).map(plain_id)
    joined = people.set_index(key)[list(chosen)].rename(columns=chosen).reindex(keys).fillna("").set_axis(rows.index)
    joined, of_numbers = _numbers(joined)
    labels = [name for name in joined if not name.startswith(join(CLINICAL, "")) and name != SITE]
    joined, of_spellings = _spelled(joined, labels)
    kept = rows.drop(columns=[name for name in joined if name in rows])
    at = len([name for name in kept if name == PATIENT])
    together = pd.concat([kept.iloc[:, :at], joined, kept.iloc[:, at:]], axis=1)
    left = [name for name in table if name not in chosen and name != key]
    of_ids = _told(rows, table[key], table[key].map(plain), keys, path, level)
    notes = [*of_sheet, *of_ids, *of_numbers, *of_spellings, *_left_out(left)]
    return Joined(together, notes, labels)


def _read(path: Path, sheet: str | None) -> tuple[pd.DataFrame, list[str]]:
    """Return a table of text, "" where a cell is empty, and what is told of the file."""
    if sheet is not None and not is_workbook(path):
        raise RequestError(f"{path} is no Excel workbook, so it has no sheet {sheet!r}. Leave the sheet out.")
    if is_workbook(path):
        read = read_sheet(path, lambda name: True, sheet)
    else:
        read = SheetTable(read_file(path, lambda name: True), [])
    if read.table.problems:
        raise CohortError(str(path), read.table.problems)
    rows = read.table.rows.astype("str")
    return rows.mask(rows.apply(is_empty), ""), read.notes


def _spelling(rows: pd.DataFrame, called: Callable[[str], str] | None) -> Callable[[str], str]:
    """Return how an id of the table is compared: as it is where it is one of ours, else as it is called here."""
    ours = {*map(plain_id, rows.index), *map(plain_id, rows[PATIENT])}

    def plain(text: str) -> str:
        as_written = plain_id(text)
        return as_written if called is None or not text or as_written in ours else plain_id(called(text))

    return plain


def _key(
    rows: pd.DataFrame, table: pd.DataFrame, path: Path, asked: str | None, plain: Callable[[str], str]
) -> tuple[str, str]:
    """Return the column of ids, and whether it names samples or patients."""
    if asked is not None and asked not in table:
        raise RequestError(f"{path} has no column {asked!r}.{did_you_mean(asked, table)} It has {some(table)}.")
    known = {"sample_id": set(map(plain_id, rows.index)), PATIENT: set(map(plain_id, rows[PATIENT]))}
    hits = {
        (name, level): int(table[name].map(plain).drop_duplicates().isin(ids).sum())
        for name in ([asked] if asked is not None else table)
        for level, ids in known.items()
    }
    best = max(hits, key=lambda place: hits[place])
    if not hits[best]:
        raise RequestError(
            f"No cell of {path} is the id of a sample here ({some(rows.index)}). {RULE} Name the column with --id."
        )
    return best


def _chosen(
    table: pd.DataFrame, path: Path, labels: Sequence[str], clinical: Sequence[str], key: str
) -> dict[str, str]:
    """Return what each column that is kept becomes."""
    asked = {**_asked(labels), **{name: _clinical(called) for name, called in _asked(clinical).items()}}
    absent = [name for name in asked if name not in table]
    if absent:
        raise RequestError(f"{path} has no column {absent[0]!r}.{did_you_mean(absent[0], table)} It has {some(table)}.")
    if asked:
        return asked
    found: dict[str, str] = {}
    for name in table:
        plain = re.sub(r"[\s_-]+", " ", name.strip().casefold())
        called = next((called for pattern, called in _KNOWN.items() if re.fullmatch(pattern, plain)), None)
        if called is not None and called not in found.values() and name != key:
            found[name] = called
    return found


def _asked(columns: Iterable[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in columns]
    return {name: called or name for name, _, called in pairs}


def _clinical(name: str) -> str:
    plain = re.sub(r"\W+", "_", name.strip().casefold()).strip("_")
    return plain if plain.startswith(join(CLINICAL, "")) else join(CLINICAL, plain)


def _refuse_like_ids(ids: Iterable[str], level: str, path: Path) -> None:
    """Refuse to join where two samples here would get the row of one."""
    alike: dict[str, list[str]] = {}
    for one in ids:
        alike.setdefault(plain_id(one), []).append(one)
    same = [" and ".join(names) for names in alike.values() if len(names) > 1]
    if same:
        what = "patients" if level == PATIENT else "samples"
        raise CohortError(
            str(path), [f"Ids of {what} here that the comparison cannot tell apart: {some(same)}. Rename one. {RULE}"]
        )


def _refuse_two_rows(people: pd.DataFrame, key: str, path: Path) -> None:
    twice = people[key][people[key].duplicated()].unique()
    if len(twice):
        raise CohortError(
            str(path),
            [f"{counted(len(twice), 'id')} in several rows that differ: {some(twice)}. Keep one row of each."],
        )


def _numbers(joined: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Empty the clinical cells that are no numbers; the words for sex stay, which every reader knows."""
    notes = []
    for name in [name for name in joined if name.startswith(join(CLINICAL, "")) and name != join(CLINICAL, "sex")]:
        words = ~joined[name].map(is_number) & (joined[name] != "")
        if words.any():
            notes.append(
                f"{name}: {counted(int(words.sum()), 'cell')} no number, emptied: {some(joined[name][words])}."
            )
            joined = joined.assign(**{name: joined[name].mask(words, "")})
    return joined, notes


def _spelled(joined: pd.DataFrame, labels: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    """Write well-known spellings of a label's classes alike, and numbers as plain ones."""
    columns, notes = {}, []
    for name in labels:
        known = vocabulary_for(name, joined[name])
        columns[name] = joined[name].map(plain_number) if known is None else known.applied(joined[name])
        notes += _strange(name, joined[name]) if known is None else _respelled(name, joined[name], columns[name])
    return joined.assign(**columns), notes


def _strange(name: str, cells: pd.Series) -> list[str]:
    """Tell why a column of well-known spellings stays as it is written: a few cells hold others."""
    strange = strange_spellings(name, cells)
    what = f"{name}: {some(strange)} {'is' if len(strange) == 1 else 'are'} no spelling known here"
    return [f"{what}, so all cells stay as they are written. Correct or empty those cells."] if strange else []


def _respelled(name: str, before: pd.Series, after: pd.Series) -> list[str]:
    changed = before[before.str.casefold() != after]
    spellings = changed.groupby(after[changed.index]).unique()
    named = {called or "unknown, which is an empty cell": listed(sorted(of)) for called, of in spellings.items()}
    told = "; ".join(f"{of} written as {called}" for called, of in named.items())
    return [f"{name}: {told}."] if told else []


def _told(rows: pd.DataFrame, ids: pd.Series, plain: pd.Series, keys: pd.Series, path: Path, level: str) -> list[str]:
    what = "patient" if level == PATIENT else "sample"
    without, unused = rows.index[~keys.isin(plain)], ids[~plain.isin(keys) & (plain != "")]
    joined = counted(keys[keys.isin(plain)].nunique(), what)
    notes = [f"{path.name} joined by its column {ids.name} to {joined}. {RULE}"]
    if len(without):
        notes.append(f"{counted(len(without), 'sample')} without a row in {path.name}: {some(without)}.")
    if len(unused):
        notes.append(f"{counted(len(unused), 'row')} of {path.name} without images here: {some(unused)}.")
    return notes


def _left_out(names: list[str]) -> list[str]:
    if not names:
        return []
    return [
        f"Columns left out: {listed(names)}. Take one with --label NAME, or with --clinical NAME if it is a number."
    ]


def class_counts(rows: pd.DataFrame, labels: Iterable[str]) -> Mapping[str, str]:
    """Return how many samples have each value of each label, as text.

    >>> class_counts(pd.DataFrame({"grade": ["4", "2", "4", ""]}), ["grade"])
    {'grade': '2: 1, 4: 2, empty: 1'}
    """
    counts = {name: rows[name].replace("", "empty").value_counts() for name in labels}
    return {
        name: ", ".join(f"{value}: {n}" for value, n in sorted(of.items(), key=lambda pair: (pair[0] == "empty", pair)))
        for name, of in counts.items()
    }
