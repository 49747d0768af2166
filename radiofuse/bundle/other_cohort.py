"""What a bundle must be told of another hospital's cohort table, which may be written unlike its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from radiofuse.bundle.load import Bundle
from radiofuse.bundle.pictures import needs_masks
from radiofuse.bundle.sites import columns_beside, refuse_lacking_sites
from radiofuse.errors import RequestError
from radiofuse.names import did_you_mean
from radiofuse.tables.cohort import read_cohort
from radiofuse.tables.label_reading import LabelReading
from radiofuse.tables.outcomes import AskedOutcome, Outcome
from radiofuse.wording import listed


@dataclass(frozen=True)
class OtherCohort:
    """How a cohort table is written where that differs from the cohort that the bundle was made from.

    Attributes
    ----------
    participants : path, optional
        A table with one row per patient, joined by patient: labels and clinical columns, as in ``read_cohort``.
    modality_pattern : str, optional
        A regular expression with one named group that finds the modality in names of columns.
    columns : mapping of str to str
        The column that holds an outcome, by the outcome's name.
    spellings : mapping of str to mapping of str to sequence of str
        By outcome, how each value that the model knows is also written here.
    missing : sequence of str
        Further values of the labels that mean unknown.
    label_per : {"patient", "sample"}, optional
        Whose the labels are.

    Examples
    --------
    >>> OtherCohort(spellings={"idh": {"mutant": ["MUT", "pos"]}}, missing=["n.d."]).missing
    ['n.d.']
    """

    participants: str | Path | None = None
    modality_pattern: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    spellings: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    missing: Sequence[str] = ()
    label_per: str | None = None


AS_ITS_OWN = OtherCohort()


def read_other_cohort(
    bundle: Bundle,
    cohort: str | Path,
    written: OtherCohort = AS_ITS_OWN,
    *,
    outcomes: Sequence[Outcome] = (),
    missing_files: str = "keep",
) -> pd.DataFrame:
    """Read a cohort table with the modalities' names and the labels as the bundle's own cohort had them.

    Parameters
    ----------
    bundle : Bundle
    cohort : path
    written : OtherCohort
    outcomes : sequence of Outcome
        Those whose labels are read; none for new patients.
    missing_files : {"raise", "keep", "tell"}
        As in ``read_cohort``.

    Raises
    ------
    RequestError
        If `written` names an outcome that is not read, or spells a value that the model does not know.
    CohortError
        If the table cannot be used.
    """
    about = bundle.description
    asked = [_asked(outcome, outcome.reading, written) for outcome in outcomes if outcome.reading is not None]
    _refuse_strange_outcomes(written, [outcome.name for outcome in outcomes])
    labeled: dict[str, Any] = {"labels": asked, "others_allowed": True} if outcomes else {}
    table = read_cohort(
        cohort,
        participants=written.participants,
        missing_files=missing_files,
        label_per=written.label_per or about.get("label_per", "patient"),
        modality_pattern=written.modality_pattern or about.get("modality_pattern"),
        carried=columns_beside(about)[:1],
        need_masks=needs_masks(about),
        **labeled,
    )
    refuse_lacking_sites(about, table)
    table.attrs["read_from"] = str(cohort)
    return table


def _asked(outcome: Outcome, reading: LabelReading, written: OtherCohort) -> AskedOutcome:
    """Return an outcome as its column is read here: first by the spellings of this table, then as the bundle's own."""
    also = written.spellings.get(outcome.name, {})
    for name in also:
        if name not in reading.values:
            raise RequestError(
                f"Spellings of {outcome.name} are given for {name!r}, which the model does not know: it learned from "
                f"{listed(reading.values)}. Name one of these.{did_you_mean(name, reading.values)}"
            )
    column = written.columns.get(outcome.name, reading.column)
    missing = tuple(dict.fromkeys([*reading.missing, *written.missing]))
    here = replace(reading, column=column, missing=missing, also=also)
    return AskedOutcome(column, outcome.name, outcome.kind, known=replace(outcome, reading=here))


def _refuse_strange_outcomes(written: OtherCohort, names: Sequence[str]) -> None:
    for name in [*written.columns, *written.spellings]:
        if name not in names:
            raise RequestError(
                f"A column or spellings are given for the outcome {name!r}; those that are read here are "
                f"{listed(names)}.{did_you_mean(name, names)}"
            )
