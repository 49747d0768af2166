"""One file to one table: delimited text and Parquet, gzip or not, every digit read."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import pandas as pd

from radiofuse.errors import CohortError, RadiofuseError, RequestError
from radiofuse.files.paths import describe_absent
from radiofuse.files.stand_ins import HEAD_BYTES, describe_stand_in
from radiofuse.names import did_you_mean
from radiofuse.selection_run.request import SelectionRequest
from radiofuse.tables.cells import EMPTY_SPELLINGS, any_field_length
from radiofuse.tables.cohort import PATIENT, SAMPLE, SITE
from radiofuse.tables.spreadsheet import as_meant
from radiofuse.wording import count, some

EXACT_BELOW = 2.0**53  # from here on, not every whole number is a double
MADE_BY = "features of images become a table with: radiofuse extract COHORT, then radiofuse store export TABLE."
SHEETS = (".xlsx", ".xls", ".xlsm", ".ods")


def read_file(path: Path, request: SelectionRequest) -> pd.DataFrame:
    """Read a CSV, TSV or Parquet table; ids stay text as it stands (007, NA)."""
    ids = [name for name in (SAMPLE, PATIENT, request.sample_id, request.groups) if name is not None]
    if path.suffix.lower() in SHEETS:
        raise RequestError(f"{path} is a spreadsheet; save its sheet as a CSV file in UTF-8, and name that file.")
    if path.exists() and not path.is_file() and not path.is_dir():
        raise RequestError(f"{path} is a pipe, and a table is read more than once; save it in a file first.")
    if path.is_dir():
        raise RequestError(f"{path} is a folder. Name the file of the table; {MADE_BY}")
    try:
        if told := _stand_in(path):
            raise RadiofuseError(told)
        return _read_parquet(path) if path.suffix in (".parquet", ".pq") else _read_text(path, ids, request)
    except RadiofuseError:
        raise
    except (FileNotFoundError, NotADirectoryError):
        raise RequestError(describe_absent(path, "table")) from None
    except (OSError, EOFError, ValueError, zlib.error, csv.Error) as error:
        reason = " ".join(str(error).split()).rstrip(".") + ". Save it again from the program that made it."
        if isinstance(error, UnicodeDecodeError):
            reason = f"it is not UTF-8 text ({error.reason}). If it is a table, save it as UTF-8."
        raise RadiofuseError(f"{path} cannot be read as a CSV, TSV or Parquet table: {reason}") from error


def _stand_in(path: Path) -> str:
    with path.open("rb") as file:
        return describe_stand_in(path.name, file.read(HEAD_BYTES), "table")


def _read_parquet(path: Path) -> pd.DataFrame:
    table = pd.read_parquet(path)
    return table if table.index.name is None else table.reset_index()


def _read_text(path: Path, ids: Sequence[str], request: SelectionRequest) -> pd.DataFrame:
    delimiter, header = _header(path)
    repeated = sorted(name for name, times in Counter(header).items() if times > 1 and name)
    if repeated:
        raise CohortError(str(path), [f"Column names occur more than once: {some(repeated)}."])
    as_text = [name for name in dict.fromkeys(ids) if name in header]
    read = partial(pd.read_csv, path, sep=delimiter, keep_default_na=False, compression=_compression(path))
    # the default parser of pandas 3.1 and later reads every digit; low_memory would guess types piece by piece
    rows = read(na_values=list(EMPTY_SPELLINGS), low_memory=False)
    codes = {*request.label_columns, SITE, request.site}.intersection(rows.columns)  # one may have no name
    as_text += sorted(name for name in codes.difference(as_text) if _is_rounded(rows[name]))
    if as_text:  # a second pass: empty values by column would make the first one twice as slow
        rows[as_text] = read(usecols=as_text, dtype="str")[as_text]
    if len(rows) and rows.iloc[:, -1].isna().any():  # pandas fills short rows with NaN
        _refuse_short_rows(path, delimiter, len(header))
    return as_meant(rows)


def _is_rounded(codes: pd.Series) -> bool:
    """Say whether codes became numbers so large that two of them may have become one."""
    return pd.api.types.is_float_dtype(codes) and bool((codes.abs() >= EXACT_BELOW).any())


def _header(path: Path) -> tuple[str, list[str]]:
    """Return the delimiter, and the names of the columns.

    The delimiter is the one that gives the header and the first row the same number of fields, if one does, and
    the most in the header.
    """
    starts = {delimiter: _first_two(path, delimiter) for delimiter in ",;\t"}
    widths = {delimiter: [len(fields) for fields in start] for delimiter, start in starts.items()}
    delimiter = max(starts, key=lambda one: (len(set(widths[one])) == 1 < max(widths[one]), widths[one][:1]))
    if not starts[delimiter]:
        raise ValueError("it is empty")
    header, in_header = starts[delimiter][0], widths[delimiter][0]
    in_row = max((max(width[1:], default=0) for width in widths.values()), default=0)
    if header[0].lower().startswith("sep=") or (header[0].startswith("#") and in_row > in_header):
        raise RequestError(
            f"The first line of {path} is {header[0]!r}, not the names of the columns; delete that line."
        )
    if max(widths[delimiter]) > in_header:
        told = f"The first row has {widths[delimiter][1]} fields and the header {in_header}; give every column a name."
        raise CohortError(str(path), [told])
    return delimiter, header


def _first_two(path: Path, delimiter: str) -> list[list[str]]:
    """Return the header and the first row, or nothing if a delimiter leaves what cannot be read."""
    try:
        return [fields for _, fields in islice(_records(path, delimiter), 2)]
    except csv.Error:
        return []


def _records(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the last line and the fields of each record that is not blank."""
    with (gzip.open if _compression(path) else open)(path, "rt", encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter)
        with any_field_length():
            yield from ((reader.line_num, fields) for fields in reader if len(fields) > 1 or "".join(fields).strip())


def _refuse_short_rows(path: Path, delimiter: str, width: int) -> None:
    short = [(line, len(fields)) for line, fields in _records(path, delimiter) if len(fields) < width]
    if short:
        line, length = short[0]
        told = f"{count(len(short), 'row')} shorter than the header: line {line} has {length} of {width} fields."
        raise CohortError(str(path), [f"{told} Complete them; an empty cell needs its delimiter."])


def _compression(path: Path) -> str | None:
    with path.open("rb") as file:
        return "gzip" if file.read(2) == b"\x1f\x8b" else None


def rename_ids(rows: pd.DataFrame, request: SelectionRequest, path: Path) -> pd.DataFrame:
    """Return the table with ids under ``sample_id`` and ``patient_id``, the site to harmonize over under ``site``."""
    asked = {SAMPLE: request.sample_id, PATIENT: request.groups, SITE: request.site}
    if not any(asked.values()):
        return rows
    found = {standard: rows[name] for standard, name in asked.items() if name in rows}  # one column may serve twice
    if request.sample_id is not None and SAMPLE not in found:
        meant = did_you_mean(request.sample_id, rows.columns)
        several = request.features or request.labels is not None
        shared = "Every file must hold the ids under the same name. " if several else ""
        raise RequestError(
            f"{path} has no column {request.sample_id!r} for --id.{meant} {shared}It has {some(rows.columns)}."
        )
    named = [name for name in asked.values() if name is not None]
    replaced = [standard for standard, name in asked.items() if name is not None]
    rest = rows.drop(columns=[*named, *replaced], errors="ignore")
    return pd.concat([*(values.rename(standard) for standard, values in found.items()), rest], axis=1)
