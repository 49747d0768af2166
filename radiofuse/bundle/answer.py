"""What a bundle says of one patient, as JSON has it: probabilities and all that a reader of them must know."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from radiofuse.bundle.beside_images import told_beside_images
from radiofuse.bundle.calls import rule_of
from radiofuse.bundle.contributions import contributions_of
from radiofuse.bundle.engines import engines
from radiofuse.bundle.format import ANSWERED_BY, ANSWERED_OF_TABLE, MANIFEST
from radiofuse.bundle.intervals import intervals_of
from radiofuse.bundle.load import Bundle
from radiofuse.bundle.measured import files_of, spacings_mm, volumes_ml
from radiofuse.bundle.new_rows import NewRows
from radiofuse.bundle.one_patient import PatientFolder
from radiofuse.bundle.updates import update_sentences
from radiofuse.errors import RequestError
from radiofuse.files.outputs import sha256_of
from radiofuse.tables import columns
from radiofuse.tables.outcomes import Outcome

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
        written_by, bundle, manifest_sha256, engine, sample_id, images, images_sha256, missing, outcomes, beside_images,
        applicability, similar, volumes_ml, spacing_mm, failures, notes and as_published; docs/bundle.md says what each
        holds. What cannot be told is None.
    """
    (told,) = _told(rows, predictions)
    notes = [*update_sentences(rows.bundle.description), *patient.notes, *told["notes"]]
    images = {name: str(path) for name, path in patient.images.items()}
    beside = {"images": images, "images_sha256": dict(patient.sha256), "missing": patient.missing, "notes": notes}
    return {**ANSWERED_BY, **told, **beside}


def answers(rows: NewRows, predictions: pd.DataFrame, *, with_files: bool = True) -> list[dict[str, Any]]:
    """Return what a bundle says of each sample of a table, as ``answer`` does of one patient.

    Parameters
    ----------
    rows : NewRows
        As ``collect_rows`` returns them.
    predictions : DataFrame
        Of these rows, as ``predictions_of`` returns them.
    with_files : bool, default=True
        Whether images are told by their files; names of files may be names of patients.
    """
    updated = list(update_sentences(rows.bundle.description))
    return [
        {
            **ANSWERED_OF_TABLE,
            **told,
            "images": files_of(rows, told["sample_id"], "image") if with_files else {},
            "missing": _absent(rows, told["sample_id"]),
            "notes": [*updated, *told["notes"]],
        }
        for told in _told(rows, predictions)
    ]


def _told(rows: NewRows, predictions: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield what is told of each sample, whether it came in a folder or in a table."""
    bundle, outcomes = rows.bundle, {one.name: one for one in rows.bundle.outcomes}
    of_bundle = {
        "bundle": str(bundle.folder),
        "manifest_sha256": sha256_of(bundle.folder / MANIFEST),
        "engine": engines(bundle),
    }
    as_published = list(bundle.description["as_published"])
    contributed, unexplained = _contributed(bundle, predictions)
    for sample, own in predictions.groupby("sample_id", sort=False):
        parts = contributed[contributed["sample_id"] == sample]
        yield {
            **of_bundle,
            "sample_id": str(sample),
            "images": {},
            "missing": [],
            "outcomes": {
                name: _of_outcome(bundle, outcomes[name], of_outcome, parts[parts["outcome"] == name])
                for name, of_outcome in own.groupby("outcome", sort=False)
            },
            "beside_images": told_beside_images(rows, str(sample)),
            **rows.places[str(sample)],
            "volumes_ml": volumes_ml(rows, str(sample)),
            "spacing_mm": spacings_mm(rows, str(sample)),
            "failures": rows.failures[rows.failures["sample_id"] == sample].to_dict("records"),
            "notes": [*unexplained, *_notes(own)],
            "as_published": as_published,
        }


def _contributed(bundle: Bundle, predictions: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return what members contribute, and why that cannot be told."""
    try:
        return contributions_of(bundle, predictions), []
    except RequestError as error:  # a rule with too many members to be explained
        return predictions.iloc[:0], [str(error)]


def _absent(rows: NewRows, sample: str) -> list[str]:
    """Return the modalities of the model that a sample of a table lacks."""
    row = rows.X.loc[sample]
    return [name for name, block in columns.by_modality(rows.X.columns).items() if row[block].isna().all()]


def _notes(predictions: pd.DataFrame) -> list[str]:
    return [note for note in predictions["note"].unique() if note]


def _of_outcome(bundle: Bundle, outcome: Outcome, rows: pd.DataFrame, parts: pd.DataFrame) -> dict[str, Any]:
    by_class = rows.set_index("class")
    call, threshold = rows[["call", "threshold"]].iloc[0]
    sets = {"set": rows["set"].iloc[0] or None} if "set" in rows else {}  # where the run was asked for some
    return {
        "call": call if isinstance(call, str) and call else None,
        "threshold": _number(threshold),
        "threshold_from": None if _number(threshold) is None else rule_of(bundle, outcome),
        **sets,
        "probability": {name: _number(value) for name, value in by_class["probability"].items()},
        **intervals_of(bundle, outcome.name, by_class["probability"]),
        "models": {name: {label: _number(one) for label, one in by_class[name].items()} for name in models_in(rows)},
        "contributions": _of_members(parts),
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
