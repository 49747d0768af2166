"""BIDS' ``participants.tsv``: its columns in the grammar, joined to a cohort table by patient."""

from __future__ import annotations

import logging
import os

import numpy as np
import pandas as pd

from radiofuse.tables.cells import filled, is_empty, numbers_of
from radiofuse.tables.cohort_file import read_rows
from radiofuse.tables.columns import CLINICAL, join
from radiofuse.tables.problems import Problem, problems_about, shown
from radiofuse.tables.roles import PARTICIPANT, PATIENT, SAMPLE, Roles
from radiofuse.tables.text import unique_columns
from radiofuse.wording import some

logger = logging.getLogger(__name__)


def clinical_names(text: pd.DataFrame, roles: Roles) -> pd.DataFrame:
    """Move ``age``, ``sex`` and other numeric columns of a BIDS table into the grammar."""
    outside = [column for column in roles.outside(text.columns) if column != PARTICIPANT]
    chosen = [column for column in outside if column in ("age", "sex") or _is_numeric(text[column])]
    if chosen:
        logger.info("Taken as clinical columns: %s.", ", ".join(chosen))
    return text.rename(columns={column: join(CLINICAL, column) for column in chosen})


def _is_numeric(cells: pd.Series) -> bool:
    missing = is_empty(cells)
    return not missing.all() and bool(np.isfinite(numbers_of(cells[~missing])).all())


def join_participants(
    text: pd.DataFrame, path: str | os.PathLike, roles: Roles
) -> tuple[pd.DataFrame, list[str], list[Problem]]:
    """Add the columns of a participants table by patient; also return the names of those that are ignored."""
    people, ignored, problems = read_rows(path, f"Participants table {path}", roles)
    key = next((name for name in (PARTICIPANT, PATIENT) if name in people), None)
    own = next((name for name in (PATIENT, SAMPLE) if name in text), None)
    if key is None:
        lacking = Problem(f"{path} cannot be joined", advice=f"It needs a column {PARTICIPANT}.")
        return text, ignored, [*problems, lacking]
    if own is None:  # a problem of the cohort table, named among its columns
        return text, ignored, problems
    people = clinical_names(people.assign(**{key: people[key].str.removeprefix("sub-")}), roles)
    people, twice = unique_columns(people)
    patients = text[own].str.removeprefix("sub-")
    problems = [*problems, *twice, *_join_problems(text, patients, people, key)]
    added = [column for column in people.columns if column != key and column not in text]
    logger.info("Participants joined by patient: %d of %d samples.", patients.isin(people[key]).sum(), len(patients))
    rows = people.drop_duplicates(key).set_index(key)[added].reindex(patients)
    return pd.concat([text, filled(rows).set_axis(text.index)], axis=1), ignored, problems


def _join_problems(text: pd.DataFrame, patients: pd.Series, people: pd.DataFrame, key: str) -> list[Problem]:
    ids = people[key]
    extra = ids[~ids.isin(patients)]
    if len(extra):
        logger.info("Participants without a row in the cohort: %s.", some(map(shown, extra)))
    absent = patients[~patients.isin(ids)].unique()
    twice = ids[ids.duplicated()].unique()
    both = [column for column in people.columns if column != key and column in text]
    return [
        *problems_about(
            "Patients that the participants table lacks",
            map(shown, absent),
            "Add a row for each; cells may be empty.",
        ),
        *problems_about("Participants listed more than once", map(shown, twice), "Keep one row of each."),
        *problems_about("Columns in both the cohort and the participants table", both, "Keep one of each."),
    ]
