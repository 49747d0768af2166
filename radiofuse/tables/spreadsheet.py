"""Text in CSV files that a spreadsheet shows and never runs, and that is read back as it was."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from typing import BinaryIO

import pandas as pd

# A cell that starts so is a formula to a spreadsheet, unless it is a number; an apostrophe before it makes it text.
_STARTS = tuple("'=+-@\t\r\n")
_FORMULA = re.compile(r"'*(?![-+](\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\Z)[=+\-@\t\r\n]", re.ASCII)


def write_csv(table: pd.DataFrame, file: BinaryIO) -> None:
    """Write a table without its index as CSV, in UTF-8, with an apostrophe before what would be a formula.

    Parameters
    ----------
    table : DataFrame
    file : binary file

    See Also
    --------
    as_meant : Takes the apostrophes off again.

    Examples
    --------
    >>> from io import BytesIO
    >>> write_csv(pd.DataFrame({"feature": ["@x", "'a'", "-2.5"], "weight": [-1.5, 0.0, 2.0]}), file := BytesIO())
    >>> print(file.getvalue().decode())
    feature,weight
    '@x,-1.5
    'a',0.0
    -2.5,2.0
    <BLANKLINE>
    """
    table = inert(table)
    # the csv module leaves a lone carriage return bare, which ends the row for those who read it
    quoting = csv.QUOTE_NONNUMERIC if _holds_returns(table) else csv.QUOTE_MINIMAL
    table.to_csv(file, index=False, lineterminator="\n", quoting=quoting)


def inert(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose text cells and column names are no formulas.

    Examples
    --------
    >>> inert(pd.DataFrame({"=1+1": ["=cmd|' /C calc'!A0", "-5", "'+x", "x"]})).to_dict("list")
    {"'=1+1": ["'=cmd|' /C calc'!A0", '-5', "''+x", 'x']}
    """
    return _map_text(table, _STARTS, lambda cell: f"'{cell}" if _FORMULA.match(cell) else cell)


def as_meant(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table that `inert` was applied to, as it was.

    Examples
    --------
    >>> as_meant(pd.DataFrame({"'=1+1": ["'=x", "''+x", "'a'", "=y", "'-5"]})).to_dict("list")
    {'=1+1': ['=x', "'+x", "'a'", '=y', "'-5"]}
    """
    return _map_text(table, ("'",), text_as_meant)


def text_as_meant(cell: str) -> str:
    """Return one text of a table that `inert` was applied to, as it was.

    >>> text_as_meant("'=x"), text_as_meant("'a'")
    ('=x', "'a'")
    """
    return cell.removeprefix("'") if _FORMULA.match(cell) else cell


def _map_text(table: pd.DataFrame, starts: tuple[str, ...], change: Callable[[str], str]) -> pd.DataFrame:
    """Change the texts among names and cells that start with one of a few characters."""

    def changed(cell: object) -> object:
        return change(cell) if isinstance(cell, str) else cell

    mapped = table.copy(deep=False)
    for place in _text_columns(table):
        column = table.iloc[:, place]
        if _any_starts(column, starts):  # asked first: cells are many, and few of them start so
            mapped.isetitem(place, column.map(changed, na_action="ignore"))
    return mapped.set_axis(list(map(changed, table.columns)), axis=1)


def _text_columns(table: pd.DataFrame) -> list[int]:
    return [place for place, dtype in enumerate(table.dtypes) if not pd.api.types.is_numeric_dtype(dtype)]


def _any_starts(column: pd.Series, starts: tuple[str, ...]) -> bool:
    if isinstance(column.dtype, pd.StringDtype):
        return bool(column.str.startswith(starts).any())
    return any(isinstance(cell, str) and cell.startswith(starts) for cell in column.unique())


def _holds_returns(table: pd.DataFrame) -> bool:
    cells = (cell for place in _text_columns(table) for cell in table.iloc[:, place].unique())
    return any(isinstance(text, str) and "\r" in text for text in (*table.columns, *cells))
