"""One file to one table: CSV, TSV, semicolons and Parquet, gzip or not; every digit is read, and codes as written.

Every table that a command or a recipe names is read here, whatever becomes of it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from radiofuse.tables.cells import EMPTY_SPELLINGS, is_empty
from radiofuse.tables.file_bytes import bytes_of, checked, refusal, unpacked, unreadable
from radiofuse.tables.problems import Problem, problems_about, shown
from radiofuse.tables.spreadsheet import as_meant, text_as_meant

DELIMITERS = ",;\t"


@dataclass(frozen=True, eq=False)
class FileTable:
    """What a file holds.

    Attributes
    ----------
    rows : DataFrame
        Without rows of bare separators. Columns of text as they are written, "" where a cell is empty; in others
        numbers are numbers, and empty cells NaN.
    nameless : list of str
        What the columns are called that have no name in the file: ``Unnamed: 0``, counted from 0.
    problems : list of Problem
        Of the header. Of columns that share a name, the first is among the rows.
    """

    rows: pd.DataFrame
    nameless: list[str]
    problems: list[Problem]


def read_file(path: Path, is_text: Callable[[str], bool], source: str | None = None) -> FileTable:
    """Read a table.

    Parameters
    ----------
    path : Path
    is_text : callable
        Says of a column's name whether its cells stay text as they are written: 007, NA, 1.0.
    source : str, optional
        What errors call the table; default: its path.

    Raises
    ------
    RequestError
        If the path names no file that could be a table.
    CohortError
        If the file cannot be read as one.
    """
    source = source or str(path)
    raw = bytes_of(path, source)
    if raw.startswith(b"PAR1"):
        return _named(_from_parquet(raw, source), is_text)
    return parse_text(checked(unpacked(raw, source), source), is_text, source)


def _from_parquet(raw: bytes, source: str) -> pd.DataFrame:
    try:
        table = pd.read_parquet(io.BytesIO(raw))
    except (OSError, ValueError) as error:
        raise unreadable(source, error) from None
    return table if table.index.name is None else table.reset_index()


def _named(table: pd.DataFrame, is_text: Callable[[str], bool]) -> FileTable:
    """Return a table that is typed already."""
    names = [str(name).strip() for name in table.columns]
    rows = table.set_axis(range(len(names)), axis=1)
    for at in set(_of_words(rows)).union(at for at, name in enumerate(names) if is_text(name)):
        rows[at] = rows[at].astype("str").fillna("") if is_text(names[at]) else _as_numbers(rows[at])
    return _file_table(rows.set_axis(names, axis=1))


# ---------------------------------------------------------------- text


def parse_text(content: bytes, is_text: Callable[[str], bool], source: str, delimiters: str = DELIMITERS) -> FileTable:
    """Read a table of text in UTF-8; as ``read_file``, with the signs that may part its columns."""
    lines = content.splitlines(keepends=True)  # bytes: text would end lines at signs that a cell may hold
    delimiter, header = _header(lines, source, delimiters)
    rows_of_values = _without_blank_rows(lines, delimiter, source)
    if len(rows_of_values) < len(lines):
        content = b"".join(rows_of_values)
    del lines, rows_of_values  # as large as the file, which may be gigabytes
    names = [name.strip() for name in header]
    as_text = [at for at, name in enumerate(names) if is_text(text_as_meant(name))]
    rows = _typed(content, delimiter, len(names), as_text)
    return _file_table(as_meant(rows.set_axis(names, axis=1)))


def _typed(content: bytes, delimiter: str, width: int, as_text: list[int]) -> pd.DataFrame:
    """Return the rows, their columns numbered: text where asked, numbers where all cells are numbers."""
    read = partial(pd.read_csv, sep=delimiter, header=0, names=range(width), keep_default_na=False, index_col=False)
    # the default parser of pandas 3.1 and later reads every digit; low_memory would guess types piece by piece
    rows = read(io.BytesIO(content), na_values=list(EMPTY_SPELLINGS), low_memory=False)
    rows = rows.copy()  # columns of one type in one block, not 5,000 that pandas looks at one by one
    for at in set(_of_words(rows)).difference(as_text):
        rows[at] = _as_numbers(rows[at])
    infinite = set(_infinite(rows)).difference(as_text)  # a sentence about an infinite number shows what is written
    again = sorted({*as_text, *infinite})
    if again:  # a second pass: empty values by column would make the first one twice as slow
        rows[again] = read(io.BytesIO(content), usecols=again, dtype="str")[again]
    for at in infinite:
        rows[at] = rows[at].mask(is_empty(rows[at]))
    return rows


def _of_words(rows: pd.DataFrame) -> list[int]:
    """Return the columns that are no numbers; their names are their places."""
    return [at for at, dtype in enumerate(rows.dtypes) if dtype.kind not in "iufb"]


def _infinite(rows: pd.DataFrame) -> list[int]:
    floats = rows.columns[[dtype.kind == "f" for dtype in rows.dtypes]]
    return list(floats[np.isinf(rows[floats].to_numpy()).any(axis=0)])


def _as_numbers(cells: pd.Series) -> pd.Series:
    """Return cells as numbers if all that are not empty are some, else as they are; NaN where empty."""
    if cells.dtype.kind in "mM":  # days and times are for those who read them to refuse
        return cells
    known = cells.mask(is_empty(cells))
    numbers = pd.to_numeric(known, errors="coerce")
    return numbers if np.isfinite(numbers[known.notna()].to_numpy(float)).all() else known


def _file_table(rows: pd.DataFrame) -> FileTable:
    """Name columns without a name by their place, and keep the first of those that share one."""
    names = [name or f"Unnamed: {at}" for at, name in enumerate(rows.columns)]
    nameless = [new for new, name in zip(names, rows.columns, strict=True) if not name]
    rows, problems = unique_columns(rows.set_axis(names, axis=1))
    return FileTable(rows, nameless, problems)


def unique_columns(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[Problem]]:
    """Keep the first of the columns that share a name."""
    again = rows.columns.duplicated()
    if not again.any():
        return rows, []
    twice = map(shown, rows.columns[again].unique())
    return rows.loc[:, ~again], problems_about("Columns that occur more than once", twice, "Keep one of each name.")


# ---------------------------------------------------------------- rows of text


def _header(lines: list[bytes], source: str, delimiters: str) -> tuple[str, list[str]]:
    """Return the delimiter, and the names of the columns.

    The delimiter is the one that gives the header and the first row the same number of fields, if one does, and
    the most in the header.
    """
    starts = {delimiter: _first_two(lines, delimiter) for delimiter in delimiters}
    widths = {delimiter: [len(fields) for fields in start] for delimiter, start in starts.items()}
    delimiter = max(starts, key=lambda sign: (len(set(widths[sign])) == 1 < max(widths[sign]), widths[sign][:1]))
    first = next(line for line in lines if line.strip()).decode().rstrip("\r\n")
    header = starts[delimiter][0] if starts[delimiter] else [first]
    in_row = max((max(width[1:], default=0) for width in widths.values()), default=0)
    if first.lower().startswith("sep=") or (header[0].startswith("#") and in_row > len(header)):
        raise refusal(source, f"Its first line is {first!r}, not the names of the columns", "Delete that line.")
    return delimiter, header


def _first_two(lines: list[bytes], delimiter: str) -> list[list[str]]:
    """Return the header and the first row, or nothing if a delimiter leaves what cannot be read."""
    with _any_field_length():
        try:
            records = csv.reader(map(bytes.decode, lines), delimiter=delimiter)
            return list(islice((fields for fields in records if "".join(fields).strip()), 2))
        except csv.Error:
            return []


def _without_blank_rows(lines: list[bytes], delimiter: str, source: str) -> list[bytes]:
    """Drop rows of bare separators, which spreadsheets leave; raise where rows and header differ in length.

    pandas would fill short rows silently.
    """
    records = list(_records(lines, delimiter, source))
    expected = next(width for _, _, width in records if width)
    ragged = [f"line {end} has {width}" for _, end, width in records if width not in (0, expected)]
    if ragged:
        what = f"The header has {expected} fields, other lines do not"
        advice = "Give every column a name and every empty cell its separator, and check the quotes."
        raise refusal(source, what, advice, ragged)
    if all(width for _, _, width in records):
        return lines
    return [line for start, end, width in records if width for line in lines[start:end]]


def _records(lines: list[bytes], delimiter: str, source: str) -> Iterator[tuple[int, int, int]]:
    """Yield where each record begins and ends among the lines, and how many fields it has, 0 if all are blank."""
    if not any(b'"' in line for line in lines):  # then a record is a line; the csv module would take ten times as long
        sign, blank = delimiter.encode(), f"{delimiter} \t\r\n".encode()
        for at, line in enumerate(lines):
            yield at, at + 1, line.count(sign) + 1 if line.strip(blank) else 0
        return
    reader, start = csv.reader(map(bytes.decode, lines), delimiter=delimiter, strict=True), 0
    with _any_field_length():
        try:
            for fields in reader:
                yield start, reader.line_num, len(fields) if any(map(str.strip, fields)) else 0
                start = reader.line_num
        except csv.Error as error:
            what = f"Line {reader.line_num} cannot be read: {error}"
            raise refusal(source, what, "Check its quotes.") from None


@contextmanager
def _any_field_length() -> Iterator[None]:
    """Let fields be as long as they are: a header read with the wrong delimiter is one field, of any length."""
    before = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(before)
