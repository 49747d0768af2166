"""What a bundle says of one patient, as JSON has it: probabilities and all that a reader of them must know."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from radiofuse.bundle.applicability import Applicability
from radiofuse.bundle.contributions import contributions_of
from radiofuse.bundle.engines import engines
from radiofuse.bundle.format import ANSWERED_BY
from radiofuse.bundle.measured import spacings_mm, volumes_ml
from radiofuse.bundle.new_rows import NewRows
from radiofuse.bundle.one_patient import PatientFolder
from radiofuse.bundle.updates import update_sentences
from radiofuse.errors import RequestError

OWN_COLUMNS = {
    "sample_id",
    "patient_id",
    "outcome",
    "class",
    "probability",
    "call",
    "threshold",
    "set",
    "applicability",
    "distance",
    "note",
    "as_published",
}


def answer(rows: NewRows, patient: PatientFolder, predictions: pd.DataFrame) -> dict[str, Any]:
    """Return what a bundle says of a patient as JSON has it, every number as in the table of predictions.

    Parameters
    ----------
    rows : NewRows
        The patient's, as ``collect_rows`` returns them.
    patient : PatientFolder
        As ``read_patient`` returns it.
    predictions : DataFrame
        Of these rows, as ``predictions_of`` returns them.

    Returns
    -------
    dict
        written_by, bundle, engine, sample_id, images, missing, outcomes, applicability, similar, volumes_ml,
        spacing_mm, failures, notes and as_published; docs/bundle.md says what each holds. What cannot be told is None.
    """
    bundle = rows.bundle
    by_outcome = {one.name: predictions[predictions["outcome"] == one.name] for one in bundle.outcomes}
    try:
        told, unexplained = contributions_of(bundle, predictions), []
    except RequestError as error:  # a rule with too many members to be explained
        told, unexplained = predictions.iloc[:0], [str(error)]
    return {
        **ANSWERED_BY,
        "bundle": str(bundle.folder),
        "engine": engines(bundle),
        "sample_id": patient.sample_id,
        "images": {name: str(path) for name, path in patient.images.items()},
        "missing": patient.missing,
        "outcomes": {
            name: {**_of_outcome(own), "contributions": _of_members(told[told["outcome"] == name])}
            for name, own in by_outcome.items()
        },
        **Applicability(bundle).of(rows)[patient.sample_id],
        "volumes_ml": volumes_ml(rows, patient.sample_id),
        "spacing_mm": spacings_mm(rows, patient.sample_id),
        "failures": rows.failures.to_dict("records"),
        "notes": [*update_sentences(bundle.description), *patient.notes, *unexplained, *_notes(predictions)],
        "as_published": list(bundle.description["as_published"]),
    }


def _notes(predictions: pd.DataFrame) -> list[str]:
    return [note for note in predictions["note"].unique() if note]


def _of_outcome(rows: pd.DataFrame) -> dict[str, Any]:
    by_class = rows.set_index("class")
    call, threshold = rows[["call", "threshold"]].iloc[0]
    sets = {"set": rows["set"].iloc[0] or None} if "set" in rows else {}  # where the run was asked for some
    return {
        "call": call if isinstance(call, str) and call else None,
        "threshold": _number(threshold),
        **sets,
        "probability": {name: _number(value) for name, value in by_class["probability"].items()},
        "models": {name: {label: _number(one) for label, one in by_class[name].items()} for name in models_in(rows)},
    }


def models_in(predictions: pd.DataFrame) -> list[str]:
    """Return the columns of members and fusions in a table of predictions."""
    return [name for name in predictions if name not in OWN_COLUMNS]


def _of_members(rows: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return by member and class what it adds to the log-odds, or log-probability, of the answer."""
    return {member: dict(zip(own["class"], own["log_odds"], strict=True)) for member, own in _by_member(rows)}


def _by_member(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    if len(rows):
        yield from rows.groupby("member", sort=False)


def _number(value: Any) -> float | None:
    """Return a number for JSON, which knows no NaN."""
    return None if value is None or math.isnan(value) else float(value)
