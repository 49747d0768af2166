"""All that a page of one patient is made from: the bundle's answer, how it did when it was made, pictures, maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from radiofuse.bundle.answer import answer
from radiofuse.bundle.load import Bundle
from radiofuse.bundle.measured import usual_label
from radiofuse.bundle.missing_words import without_sequence
from radiofuse.bundle.multitask import spread_of_rows
from radiofuse.bundle.new_rows import NewRows
from radiofuse.bundle.one_patient import PatientFolder
from radiofuse.bundle.own_scores import own_scores
from radiofuse.bundle.patient_pictures import add_drawn, add_maps, patient_pictures
from radiofuse.bundle.predict import predictions_of
from radiofuse.imaging.viewing import Viewing
from radiofuse.progress import Meter, silent

SPREAD = ("network", "outcome", "class", "mean", "sd", "passes")


@dataclass(frozen=True, eq=False)
class PatientView:
    """What a page is made from.

    Attributes
    ----------
    told : dict
        What ``radiofuse predict --patient`` writes, and beside it without, evaluation, synthetic, pictures,
        dropout_spread and drawn_regions.
    pictures : Viewing or None
        None where no image can be shown.
    """

    told: dict[str, Any]
    pictures: Viewing | None

    @property
    def is_answered(self) -> bool:
        """Whether every outcome has an answer, and every image could be used."""
        return not self.told["failures"] and all(of["call"] is not None for of in self.told["outcomes"].values())


def view_patient(rows: NewRows, patient: PatientFolder, *, passes: int = 0, progress: Meter = silent) -> PatientView:
    """Return what a bundle says of a patient, with pictures.

    Parameters
    ----------
    rows : NewRows
        The patient's, as ``collect_rows`` returns them.
    patient : PatientFolder
        As ``read_patient`` returns it, under the name that is to be told.
    passes : int, default=0
        With dropout, of networks that have some; their spread is told.
    progress : callable, optional
    """
    predictions = predictions_of(rows)
    told = answer(rows, patient, predictions)
    pictures, notes = patient_pictures(rows.images, patient.drawn, usual_label(rows.bundle))
    spread: list[dict[str, Any]] = []
    drawn: list[dict[str, Any]] = []
    if pictures is not None:
        options: dict[str, Any] = {"passes": passes, "progress": progress}
        spread, further = add_maps(pictures, rows, predictions, patient.drawn, **options)
        notes += further
        drawn = add_drawn(pictures, rows, progress=progress)
    if passes:
        spread += spread_of_rows(rows, passes)[[*SPREAD]].to_dict("records")
    more = {"dropout_spread": spread, "drawn_regions": drawn, "notes": [*told["notes"], *notes]}
    return PatientView(told | more | told_beside(rows.bundle, told, pictures), pictures)


def view_saved(bundle: Bundle, patient: PatientFolder, told: dict[str, Any]) -> PatientView:
    """Return a saved answer with pictures from the patient's folder; nothing is computed.

    Parameters
    ----------
    bundle : Bundle
        Which gave the answer.
    patient : PatientFolder
    told : dict
        As ``radiofuse predict --patient`` wrote it.
    """
    pictures, notes = patient_pictures(patient.cohort, patient.drawn, usual_label(bundle))
    more = {"notes": [*told.get("notes", []), *notes]}
    return PatientView(told | more | told_beside(bundle, told, pictures), pictures)


def told_beside(bundle: Bundle, told: Mapping[str, Any], pictures: Viewing | None) -> dict[str, Any]:
    """Return what a page tells beside the answer: what is done without a sequence, how the model did, which slices."""
    outcomes, absent = told["outcomes"], told.get("missing", [])
    return {
        "without": {name: without_sequence(name, outcomes, bundle.description) for name in absent},
        "evaluation": own_scores(bundle),
        "synthetic": bool(bundle.description.get("synthetic")),
        "pictures": None if pictures is None else pictures.told(),
    }
