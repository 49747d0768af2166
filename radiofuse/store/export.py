"""A wide table as a file for other programs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from radiofuse.aside import write_aside
from radiofuse.errors import RequestError

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_table(path: Path, make_table: Callable[[], pd.DataFrame]) -> Path:
    """Write a table, index first, as CSV or Parquet by the suffix; whole or not at all.

    Parameters
    ----------
    path : Path
        The suffix is looked at before the table is made.
    make_table : callable
        Returns the table.

    Raises
    ------
    RequestError
        If the suffix is neither ``.csv`` nor ``.parquet``.
    """
    if path.suffix not in _WRITERS:
        raise RequestError(f"{path.name} should end in .csv or .parquet; got {path.suffix or 'no suffix'!r}.")
    table = make_table()
    with write_aside(path) as file:
        _WRITERS[path.suffix](table.reset_index(), file)
    return path


def _write_csv(table: pd.DataFrame, file: BinaryIO) -> None:
    text = table.select_dtypes("str").columns
    guarded = table.assign(**{name: table[name].map(defuse) for name in text})
    pa.csv.write_csv(pa.Table.from_pandas(guarded, preserve_index=False), file)


def _write_parquet(table: pd.DataFrame, file: BinaryIO) -> None:
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), file, compression="zstd")


_WRITERS = {".csv": _write_csv, ".parquet": _write_parquet}


def defuse(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula.

    >>> defuse("=cmd|' /C calc'!A0")
    "'=cmd|' /C calc'!A0"
    """
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell
