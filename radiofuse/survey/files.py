"""One file to one table: delimited text and Parquet, gzip or not, every digit read."""

from __future__ import annotations

import csv
import difflib
import gzip
import hashlib
import zlib
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from radiofuse.cohort import PATIENT, SAMPLE, SITE
from radiofuse.errors import CohortError, RadiofuseError, RequestError
from radiofuse.survey.request import SurveyRequest
from radiofuse.survey.wording import some

EMPTY = ("", "NA", "N/A", "n/a", "na", "NaN", "nan", "NULL", "null", "None")


def read_file(path: Path, request: SurveyRequest) -> pd.DataFrame:
    """Read a CSV, TSV or Parquet table; ids stay text as it stands (007, NA)."""
    ids = [name for name in (SAMPLE, PATIENT, request.sample_id, request.groups) if name is not None]
    try:
        return _read_parquet(path) if path.suffix in (".parquet", ".pq") else _read_text(path, ids)
    except RadiofuseError:
        raise
    except FileNotFoundError:
        raise RequestError(f"There is no table at {path}.") from None
    except (OSError, EOFError, ValueError, zlib.error) as error:
        reason = " ".join(str(error).split())
        raise RadiofuseError(f"{path} cannot be read as a CSV, TSV or Parquet table: {reason}") from error


def _read_parquet(path: Path) -> pd.DataFrame:
    table = pd.read_parquet(path)
    return table if table.index.name is None else table.reset_index()


def _read_text(path: Path, ids: Sequence[str]) -> pd.DataFrame:
    delimiter, header = _header(path)
    repeated = sorted(name for name, times in Counter(header).items() if times > 1)
    if repeated:
        raise CohortError(str(path), [f"Column names occur more than once: {some(repeated)}."])
    as_text = [name for name in dict.fromkeys(ids) if name in header]
    read = partial(pd.read_csv, path, sep=delimiter, keep_default_na=False, compression=_compression(path))
    # the default parser of pandas 3.1 and later reads every digit; low_memory would guess types piece by piece
    rows = read(na_values=list(EMPTY), low_memory=False)
    if as_text:  # a second pass: empty values by column would make the first one twice as slow
        rows[as_text] = read(usecols=as_text, dtype="str")[as_text]
    return rows


def _header(path: Path) -> tuple[str, list[str]]:
    """Return the delimiter that splits the first line most, and the names it gives."""
    with (gzip.open if _compression(path) else open)(path, "rt", encoding="utf-8-sig") as file:
        line = file.readline()
    delimiter = max(",;\t", key=line.count)
    return delimiter, next(csv.reader([line], delimiter=delimiter), [])


def _compression(path: Path) -> str | None:
    with path.open("rb") as file:
        return "gzip" if file.read(2) == b"\x1f\x8b" else None


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def rename_ids(rows: pd.DataFrame, request: SurveyRequest, path: Path) -> pd.DataFrame:
    """Return the table with ids under ``sample_id`` and ``patient_id``, the site to harmonize over under ``site``."""
    asked = {SAMPLE: request.sample_id, PATIENT: request.groups, SITE: request.site}
    if not any(asked.values()):
        return rows
    found = {standard: rows[name] for standard, name in asked.items() if name in rows}  # one column may serve twice
    if request.sample_id is not None and SAMPLE not in found:
        meant = did_you_mean(request.sample_id, rows.columns)
        raise RequestError(f"{path} has no column {request.sample_id!r} for --id.{meant}")
    named = [name for name in asked.values() if name is not None]
    replaced = [standard for standard, name in asked.items() if name is not None]
    rest = rows.drop(columns=[*named, *replaced], errors="ignore")
    return pd.concat([*(values.rename(standard) for standard, values in found.items()), rest], axis=1)


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Return " Did you mean …?" with the closest of the known names, or nothing."""
    by_lower = {str(one).lower(): str(one) for one in known}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f" Did you mean {by_lower[close[0]]!r}?" if close else ""
