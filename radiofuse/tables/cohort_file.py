"""The file of a cohort table or of its participants as rows: ids and words as written, features as numbers."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pandas as pd

from radiofuse.errors import CohortError, RequestError
from radiofuse.tables.columns import split
from radiofuse.tables.file_bytes import refusal
from radiofuse.tables.problems import Problem, problems_about
from radiofuse.tables.roles import NOT_FEATURES, Roles
from radiofuse.tables.sex import SEX
from radiofuse.tables.text import FileTable, read_file

FOLDER_ADVICE = (
    "Name a CSV file with one row per sample that names the images; radiofuse datasets phantom DIR writes an example."
)


def read_rows(path: str | os.PathLike, source: str, roles: Roles) -> tuple[pd.DataFrame, list[str], list[Problem]]:
    """Return the rows of a file without the ignored columns, the names of these, and problems of its header."""
    if Path(path).is_dir():
        raise refusal(source, "It is a folder", FOLDER_ADVICE)
    try:
        table = read_file(Path(path), partial(_is_text, roles=roles), source)
    except RequestError as error:
        raise CohortError(source, [Problem.of(str(error))]) from None
    rows, problems = _with_names(table)
    if not len(rows):
        problems.append(Problem("There are no rows", advice="One row per sample was expected below the header."))
    ignored = [column for column in rows if roles.is_ignored(column)]
    return rows.drop(columns=ignored), ignored, problems


def _is_text(column: str, roles: Roles) -> bool:
    """Say whether cells stay text: ids, paths, labels and whatever else is no feature and no clinical number."""
    if roles.modality_pattern is not None:  # a name may come to mean something else
        return True
    thing = (split(column) or ("", ""))[1]
    return not thing or thing in NOT_FEATURES or column == SEX or column in (roles.labels or ())


def _with_names(table: FileTable) -> tuple[pd.DataFrame, list[Problem]]:
    """Drop columns without a name, which is a problem if they hold anything."""
    filled = [name for name in table.nameless if (table.rows[name].str.strip() != "").any()]
    places = [f"column {int(name.rpartition(' ')[2]) + 1}" for name in filled]
    problems = problems_about("Columns without a name", places, "Name or delete them.")
    return table.rows.drop(columns=table.nameless), problems + table.problems
