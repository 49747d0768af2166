"""All that the page of one patient is made from: the bundle's answer, how it did, pictures, maps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radiofuse.commands.naming import AS_THEY_ARE, Naming
from radiofuse.progress import Meter, silent

if TYPE_CHECKING:
    from radiofuse.bundle.load import Bundle
    from radiofuse.bundle.other_cohort import OtherCohort
    from radiofuse.imaging.viewing import Viewing


@dataclass(frozen=True, eq=False)
class Gathered:
    """What a page is made from.

    Attributes
    ----------
    told : dict
        What ``radiofuse predict --patient`` writes, and beside it evaluation, synthetic and pictures.
    pictures : Viewing or None
        None where no image can be shown.
    """

    told: dict[str, Any]
    pictures: Viewing | None

    @property
    def is_answered(self) -> bool:
        """Whether every outcome has an answer, and every image could be used."""
        return not self.told["failures"] and all(of["call"] is not None for of in self.told["outcomes"].values())


def gather(
    bundle: Bundle,
    folder: Path,
    *,
    store: Path,
    layout: str = "auto",
    written: OtherCohort | None = None,
    naming: Naming = AS_THEY_ARE,
    passes: int = 0,
    progress: Meter = silent,
    **options: Any,
) -> Gathered:
    """Return what a loaded bundle says of the patient in a folder, with pictures.

    Parameters
    ----------
    bundle : Bundle
        As ``naming.load`` or ``load_bundle`` returns it.
    folder : Path
        Of one patient, as of ``predict --patient``; nothing is written to it.
    store : Path
        Feature store.
    layout, written
        As of ``read_patient``.
    naming : Naming
        Under which name the patient is told.
    passes : int, default=0
        With dropout, of networks that have some.
    progress : callable, optional
    **options
        n_jobs and retry_failed, as of ``collect_rows``.
    """
    from radiofuse.bundle.answer import answer
    from radiofuse.bundle.new_rows import collect_rows
    from radiofuse.bundle.one_patient import read_patient
    from radiofuse.bundle.other_cohort import AS_ITS_OWN
    from radiofuse.bundle.patient_pictures import add_maps, patient_pictures
    from radiofuse.bundle.predict import predictions_of

    read = read_patient(bundle, folder, layout, written or AS_ITS_OWN)
    patient = naming.of_patient(read)
    rows = naming.told(collect_rows(bundle, patient.cohort, store=store, progress=progress, **options), read.cohort)
    predictions = predictions_of(rows)
    told = answer(rows, patient, predictions)
    pictures, notes = patient_pictures(rows.images, patient.drawn)
    if pictures is not None:
        told["dropout_spread"], more = add_maps(
            pictures, rows, predictions, patient.drawn, passes=passes, progress=progress
        )
        notes += more
    if passes:
        told["dropout_spread"] = [*told.get("dropout_spread", []), *_of_multitask(rows, passes)]
    told["notes"] += notes
    return Gathered(told | beside(bundle, pictures), pictures)


def beside_answer(bundle: Bundle, folder: Path, told: dict[str, Any], layout: str, written: OtherCohort) -> Gathered:
    """Return a saved answer with pictures from the patient's folder; nothing is computed.

    Parameters
    ----------
    bundle : Bundle
        Which gave the answer.
    folder : Path
    told : dict
    layout, written
        As of ``read_patient``.
    """
    from radiofuse.bundle.one_patient import read_patient
    from radiofuse.bundle.patient_pictures import patient_pictures

    patient = read_patient(bundle, folder, layout, written)
    pictures, notes = patient_pictures(patient.cohort, patient.drawn)
    told = told | {"notes": [*told.get("notes", []), *notes]}
    return Gathered(told | beside(bundle, pictures), pictures)


def beside(bundle: Bundle, pictures: Viewing | None) -> dict[str, Any]:
    """Return what the page tells beside the answer: how the model did out of fold, and which slices are shown."""
    from radiofuse.bundle.own_scores import own_scores

    return {
        "evaluation": own_scores(bundle),
        "synthetic": bool(bundle.description.get("synthetic")),
        "pictures": None if pictures is None else pictures.told(),
    }


def _of_multitask(rows: Any, passes: int) -> Iterator[dict[str, Any]]:
    """Yield how far dropout moves the answers of multi-task networks."""
    from radiofuse.bundle.multitask import spread_of_rows

    for row in spread_of_rows(rows, passes).to_dict("records"):
        yield {name: row[name] for name in ("network", "outcome", "class", "mean", "sd", "passes")}
