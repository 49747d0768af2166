"""What a table of a publication says of survival, by class of an outcome: read, checked, and handed on as it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.errors import CohortError
from radiofuse.tables.cells import numbers_of
from radiofuse.tables.text import read_file
from radiofuse.wording import listed

TEXTS = ("outcome", "class", "source")
MEDIAN, HORIZON, SURVIVAL = "median_months", "horizon_months", "survival"
NUMBERS = (MEDIAN, HORIZON, SURVIVAL, "low", "high")


def read_survival(path: str | Path) -> list[dict[str, Any]]:
    """Return the rows of a table of survival by group, as a publication that it names has them.

    Parameters
    ----------
    path : path
        A table with the columns outcome, class, source, low and high, and median_months or horizon_months with
        survival, the share alive then. low and high are the interval of the median or of the share.

    Returns
    -------
    list of dict
        outcome, class, source; median_months or horizon_months and survival; low and high.

    Raises
    ------
    CohortError
        If a column is absent, or a row has no source, no number, or an interval that its number lies outside of.
    """
    file = read_file(Path(path), TEXTS.__contains__, "The table of survival")
    table, problems = file.rows, list[str](file.problems)
    if absent := [name for name in (*TEXTS, "low", "high") if name not in table]:
        problems.append(f"It lacks the column {listed(absent)}.")
    if not {MEDIAN, HORIZON} & set(table) or (HORIZON in table and SURVIVAL not in table):
        problems.append(f"It needs {MEDIAN}, or {HORIZON} with {SURVIVAL}.")
    if problems:
        raise CohortError("The table of survival", problems)
    texts = {name: table[name].fillna("").astype(str).str.strip() for name in TEXTS}
    numbers = {name: numbers_of(table[name]) for name in NUMBERS if name in table}
    rows = [_row(texts, numbers, place) for place in range(len(table))]
    problems = [f"Row {place}: {said}" for place, row in enumerate(rows, start=1) for said in _wrong(row)]
    if problems or not rows:
        raise CohortError("The table of survival", problems or ["It has no row."])
    return rows


def _row(texts: dict[str, pd.Series], numbers: dict[str, pd.Series], place: int) -> dict[str, Any]:
    known = {name: float(column.iloc[place]) for name, column in numbers.items()}
    return {name: column.iloc[place] for name, column in texts.items()} | {
        name: value for name, value in known.items() if np.isfinite(value)
    }


def _wrong(row: dict[str, Any]) -> Iterator[str]:
    for name in TEXTS:
        if not row[name]:
            yield f"{name} is empty; what is shown names {'its source' if name == 'source' else 'its ' + name}."
    measures = [name for name in (MEDIAN, SURVIVAL) if name in row]
    if len(measures) != 1 or (SURVIVAL in row) != (HORIZON in row):
        yield f"{MEDIAN} alone, or {HORIZON} with {SURVIVAL}, was expected."
        return
    value, ends = row[measures[0]], (row.get("low"), row.get("high"))
    if measures[0] == SURVIVAL and not 0 <= value <= 1:
        yield f"{SURVIVAL} is {value:g}; a share of 0 to 1 was expected."
    if value < 0 or row.get(HORIZON, 1.0) <= 0:
        yield "months are below 0."
    if None in ends or not ends[0] <= value <= ends[1]:
        yield f"low and high were expected around {value:g}."
