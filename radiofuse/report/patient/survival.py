"""Survival of groups by a table that the user supplied: each row with its source, nothing computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from radiofuse.report.patient.numbers import plain, share
from radiofuse.report.patient.words import Reader
from radiofuse.report.tables import Table

OF_A_GROUP: dict[Reader, str] = {
    "doctor": "Of groups in the sources that are named: from a table that was supplied with this page, not computed by "
    "the model, and no prognosis of this patient.",
    "patient": "These numbers are about groups of other people in the publications that are named. They were supplied "
    "with this page; the computer did not work them out, and they do not say what will happen to you. Talk about them "
    "with your doctors.",
}


def rows_that_apply(told: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of a table of survival that are of the classes called, or of all that cannot be ruled out.

    Examples
    --------
    >>> told = {"outcomes": {"idh": {"call": "mutant", "set": "wildtype or mutant"}}}
    >>> rows = [{"outcome": "idh", "class": name} for name in ("wildtype", "mutant")]
    >>> len(rows_that_apply(told, rows)), len(rows_that_apply({"outcomes": {"idh": {"call": "mutant"}}}, rows))
    (2, 1)
    """
    classes = {
        name: (of.get("set") or "").split(" or ") if of.get("set") else [of["call"]]
        for name, of in told["outcomes"].items()
    }
    return [dict(row) for row in rows if row["class"] in classes.get(row["outcome"], ())]


def survival_table(told: Mapping[str, Any], reader: Reader) -> Table | None:
    """Return the survival of groups, None where no table was supplied or no row of it applies."""
    rows = tuple(
        (f"{row['outcome']} = {row['class']}", *_measured(row), row["source"]) for row in told.get("survival") or []
    )
    header = ("Group", "Measure", "Value", "Interval", "Source")
    title = "Survival of groups of patients, from the literature"
    return Table(title, header, (("", rows),)) if rows else None


def _measured(row: Mapping[str, Any]) -> tuple[str, str, str]:
    if "median_months" in row:
        ends = f"{plain(row['low'])} to {plain(row['high'])}"
        return "Median survival, months", plain(row["median_months"]), ends
    measure = f"Alive after {plain(row['horizon_months'], 0)} months"
    return measure, share(row["survival"]), f"{share(row['low'])} to {share(row['high'])}"
