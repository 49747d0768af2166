"""``radiofuse predict BUNDLE --patient DIR``: what a model says of one patient, on screen and as JSON."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radiofuse.commands import applicability_words, terminal
from radiofuse.commands.answer_files import is_answer, write_json
from radiofuse.commands.further_outputs import FurtherOutputs, further_sentences
from radiofuse.commands.naming import AS_THEY_ARE, Naming
from radiofuse.errors import RequestError
from radiofuse.files.aside import write_file
from radiofuse.files.outputs import is_stdout, require_apart, require_file, require_folder
from radiofuse.files.places import place_of

if TYPE_CHECKING:
    import pandas as pd

    from radiofuse.bundle.one_patient import PatientFolder
    from radiofuse.bundle.other_cohort import OtherCohort
    from radiofuse.tables.outcomes import Outcome


def predict_one(
    bundle: Path,
    folder: Path,
    out: Path | None,
    layout: str,
    written: OtherCohort,
    further: FurtherOutputs,
    *,
    store: str,
    overwrite: bool,
    signers: Path | None = None,
    naming: Naming = AS_THEY_ARE,
    trust: Sequence[str] = (),
    **options: Any,
) -> bool:
    """Print what a bundle says of a patient, write it where asked, and say whether every outcome has an answer."""
    from radiofuse.bundle.answer import answer
    from radiofuse.bundle.naming import rows_of_patient
    from radiofuse.bundle.one_patient import read_patient
    from radiofuse.bundle.predict import predictions_of

    _require_places(folder, out, store, written, further, overwrite=overwrite)
    with terminal.warnings_as_sentences():
        loaded = naming.load(bundle, signers, trust)
        further.check(loaded)
        read = read_patient(loaded, folder, layout, written)
        for sentence in _of_folder(read):
            terminal.say(sentence)
        rows, patient = rows_of_patient(loaded, read, naming, store=store, progress=terminal.progress, **options)
        predictions, failures = predictions_of(rows), rows.failures
        told = answer(rows, patient, predictions)
        drawn = {} if patient.drawn is None else {patient.sample_id: str(patient.drawn)}
        beside = further.make(rows, predictions, drawn)
    if out is not None:
        write_file(out, partial(write_json, told | beside))
    for sentence in (*_of_prediction(patient, predictions, told, loaded.description), *further_sentences(beside)):
        terminal.say(sentence)
    if out is None or not is_stdout(out):
        for sentence in _calls(told, loaded.outcomes):
            print(sentence)
    return failures.empty and bool(predictions["probability"].notna().all())


def _require_places(
    folder: Path, out: Path | None, store: str, written: OtherCohort, further: FurtherOutputs, *, overwrite: bool
) -> None:
    """Refuse outputs that may not be written, those in the patient's folder among them."""
    places: dict[str, str | Path] = {"--store": store} | ({"--out": out} if out is not None else {})
    places |= further.places()
    refuse_inside(folder, places)
    if out is not None:
        inputs = [Path(written.participants)] if written.participants is not None else []
        require_file(out, "--out", inputs, ours=is_answer, overwrite=overwrite)
    require_folder(store, "--store")
    further.require([folder], overwrite=overwrite)
    require_apart(places)


def refuse_inside(folder: Path, places: Mapping[str, str | Path]) -> None:
    """Refuse outputs, by their options, that would lie in a patient's folder."""
    inside = Path(os.path.realpath(folder))
    for option, path in places.items():
        place = place_of(path)
        if isinstance(place, Path) and Path(os.path.realpath(place)).is_relative_to(inside):
            raise RequestError(
                f"{option} {path} lies in the patient's folder {folder}, to which nothing is written. Choose another "
                "place."
            )


def _of_folder(patient: PatientFolder) -> Iterator[str]:
    """Yield which file is which sequence, and what is to be known of them."""
    for name, path in patient.images.items():
        yield f"{name}: {path}"
    yield from patient.notes


def _of_prediction(
    patient: PatientFolder, predictions: pd.DataFrame, told: dict[str, Any], description: dict[str, Any]
) -> Iterator[str]:
    """Yield what a reader of the answer must know: sequences that are missing or could not be used, and the notes."""
    from radiofuse.bundle.missing_words import without_sequence
    from radiofuse.commands.run_words import AS_PUBLISHED

    for name in patient.missing:
        yield without_sequence(name, told["outcomes"], description)
    for failure in told["failures"]:
        of = failure["modality"] or "The patient"
        yield f"{of} could not be used, {failure['code']}: {failure['message']}"
    for note in filter(None, predictions["note"].unique()):
        yield f"Note: {note}."
    yield from applicability_words.of_patient(told["applicability"])
    for outcome, of in told["outcomes"].items():
        yield from _of_intervals(outcome, of)
    for sentence in told["as_published"]:
        yield f"{AS_PUBLISHED}: {sentence}"


def _of_intervals(outcome: str, of: dict[str, Any]) -> Iterator[str]:
    """Yield where the share of each class lies among patients with such a probability."""
    from radiofuse.bundle.intervals import OF

    of_run = of["interval_of"] == OF
    whom = "patients to whom the run gave" if of_run else "the patients of the update to whom updates gave"
    unseen = "out of fold" if of_run else "without having seen them"
    for name, ends in (of["interval"] or {}).items():
        if ends is not None:
            low, high = ends
            yield (
                f"Of {whom} such a probability of {outcome} = {name} {unseen}, "
                f"{100 * low:.0f} to {100 * high:.0f} % are of it (95 % confidence, by the calibration line)."
            )


def _calls(told: dict[str, Any], outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield class and probability of each outcome."""
    for outcome in outcomes:
        of = told["outcomes"][outcome.name]
        if of["call"] is None:
            yield f"{told['sample_id']}, {outcome.name}: no probability."
            continue
        shown = ", ".join(f"of {outcome.name} = {name}: {value:.4g}" for name, value in of["probability"].items())
        rule = "the most probable class is called"
        if of["threshold"] is not None:
            called = f"{outcome.name} = {outcome.positive} is called from {of['threshold']:.4g} on"
            rule = f"{called}, {of['threshold_from']}"
        yield f"{told['sample_id']}, {outcome.name}: {of['call']}. Probability {shown}; {rule}."
        if of.get("set"):
            yield f"{told['sample_id']}, {outcome.name}: what cannot be ruled out is {of['set']}."
