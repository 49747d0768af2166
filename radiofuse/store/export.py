"""A wide table as a file for other programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from radiofuse.errors import RequestError
from radiofuse.files.aside import write_aside
from radiofuse.files.outputs import is_stdout
from radiofuse.tables.columns import split
from radiofuse.tables.spreadsheet import inert


def write_table(path: Path, make_table: Callable[[], pd.DataFrame]) -> Path:
    """Write a table, index first, as CSV or Parquet by the suffix; whole or not at all.

    Parameters
    ----------
    path : Path
        The suffix is looked at before the table is made; the standard output, ``-``, takes CSV.
    make_table : callable
        Returns the table.

    Raises
    ------
    RequestError
        If the suffix is neither ``.csv`` nor ``.parquet``.
    """
    suffix = _suffix(path)
    table = make_table()
    with write_aside(path) as file:
        _WRITERS[suffix](table.reset_index(), file)
    return path


def is_export(path: Path, feature_names: Sequence[str]) -> bool:
    """Return whether a file is a table of the samples and these features alone, as `write_table` writes it."""
    names, features = _HEADERS[_suffix(path)](path), set(feature_names)
    return names[:1] == ["sample_id"] and all((split(name) or ("", ""))[1] in features for name in names[1:])


def _suffix(path: Path) -> str:
    suffix = ".csv" if is_stdout(path) else path.suffix
    if suffix not in _WRITERS:
        raise RequestError(f"{path.name} should end in .csv or .parquet; got {suffix or 'no suffix'!r}.")
    return suffix


def _csv_header(path: Path) -> list[str]:
    return list(pd.read_csv(path, nrows=0).columns)


def _parquet_header(path: Path) -> list[str]:
    return list(pq.read_schema(path).names)


def _write_csv(table: pd.DataFrame, file: BinaryIO) -> None:
    pa.csv.write_csv(pa.Table.from_pandas(inert(table), preserve_index=False), file)


def _write_parquet(table: pd.DataFrame, file: BinaryIO) -> None:
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), file, compression="zstd")


_WRITERS = {".csv": _write_csv, ".parquet": _write_parquet}
_HEADERS = {".csv": _csv_header, ".parquet": _parquet_header}
