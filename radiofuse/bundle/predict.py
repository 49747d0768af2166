"""A bundle and new patients in, probabilities out."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.bundle.applicability import columns_of_table, images_outside
from radiofuse.bundle.calls import called, threshold_of
from radiofuse.bundle.format import DESCRIPTION
from radiofuse.bundle.load import Bundle
from radiofuse.bundle.mask_makers import other_makers
from radiofuse.bundle.new_rows import REFUSED, NewRows, collect_rows
from radiofuse.bundle.other_cohort import AS_ITS_OWN, OtherCohort, read_other_cohort
from radiofuse.bundle.pictures import channels_of
from radiofuse.bundle.prediction_sets import sets_of
from radiofuse.bundle.read import read_table, require_entries
from radiofuse.bundle.sites import columns_beside, new_sites
from radiofuse.bundle.training_ranges import clinical_outside, far_outside
from radiofuse.bundle.updates import answering, with_updated
from radiofuse.errors import BundleError
from radiofuse.progress import Meter, silent
from radiofuse.tables import columns
from radiofuse.tables.answers import by_class
from radiofuse.tables.implications import Implication, contradictions
from radiofuse.tables.outcomes import Outcome
from radiofuse.tables.roles import OF_MASKS

NEEDED = tuple(
    "outcomes modalities columns as_published settings protocol settings.radiomics settings.mask_label "
    "settings.block settings.crops protocol.primary".split()
)

log = logging.getLogger(__name__)


def predict_cohort(
    bundle: Bundle,
    cohort: str | Path,
    *,
    written: OtherCohort = AS_ITS_OWN,
    store: str | Path = "feature_store",
    n_jobs: int = 1,
    progress: Meter = silent,
    retry_failed: bool = False,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Apply a loaded bundle to a cohort table, extracting what the store does not hold.

    Parameters
    ----------
    bundle : Bundle
        As ``load_bundle`` returns it.
    cohort : path
        A cohort table; labels are not needed and not read.
    written : OtherCohort, optional
        A table of participants, and how modalities are named in columns.
    store : path, default="feature_store"
        Where extracted vectors are kept.
    n_jobs : int, default=1
        Processes for the extraction.
    progress : callable, optional
        As for ``run_recipe``.
    retry_failed : bool, default=False
        As for ``run_recipe``.

    Returns
    -------
    predictions : DataFrame
        Columns sample_id, patient_id, outcome, class, probability (the bundle's answer) of that class, call (the
        class that the sample is called, by its own name: of two from the probability in threshold on, which the
        run chose on out-of-fold predictions; of more the most probable one, without a threshold), set (the classes
        that cannot be ruled out, where the run was asked for prediction sets), applicability (inside, at the edge
        or outside of the training patients, by numbers and images; empty where it cannot be told) and distance (to the
        nearest of them, in the numbers),
        one column per
        member and fusion, and note (which modalities were absent, or that an encoder was trained
        on the sample, or that the model was fitted on it, or how many of its numbers lie far outside the
        training range, or that others made its mask than those of training, or that an image of it is unlike those
        of training in intensities, noise or voxels, or that features were computed by other versions than those of
        training, or that its calls of two outcomes
        contradict each other). A row per sample and
        outcome of two classes; of more classes one per class. Where the bundle was made as published, against
        our own rules, also as_published, which says in what. A sample without any modality has empty probabilities.
    failures : DataFrame
        Columns sample_id, modality, code, message; samples that an encoder was trained on are among
        them, without a probability.

    Raises
    ------
    CohortError
        If the table cannot be used.
    BundleError
        If the table lacks columns the model was trained on.
    """
    table = modalities_of_model(read_new_patients(bundle, cohort, written), bundle)
    return predict_rows(bundle, table, store=store, n_jobs=n_jobs, progress=progress, retry_failed=retry_failed)


def read_new_patients(
    bundle: Bundle, cohort: str | Path, written: OtherCohort = AS_ITS_OWN, *, missing_files: str = "keep"
) -> pd.DataFrame:
    """Read a cohort table with the modalities' names as the bundle's own cohort had them; labels are not read."""
    require_entries(bundle.folder / DESCRIPTION, bundle.description, NEEDED)
    return read_other_cohort(bundle, cohort, written, missing_files=missing_files)


def modalities_of_model(table: pd.DataFrame, bundle: Bundle) -> pd.DataFrame:
    """Leave out the modalities that the model does not know, before anything is extracted."""
    grouped = columns.by_modality(table.columns)
    read = {*columns.by_modality(bundle.description["columns"]), *channels_of(bundle.description)}
    known = [name for name in grouped if name in read]
    if strange := [name for name in grouped if name not in read and name != columns.CLINICAL]:
        log.warning("The model does not read %s, which the cohort table names: left out.", ", ".join(strange))
    if not set(known) - {columns.CLINICAL}:
        wanted, found = ", ".join(bundle.description["modalities"]), ", ".join(grouped) or "none"
        whose = f"the cohort table {table.attrs['read_from']}" if "read_from" in table.attrs else "the cohort table"
        raise BundleError(
            f"The model needs at least one of the modalities {wanted}; {whose} names {found}. Add columns "
            "<modality>__image with the files of the images, or the features that the model reads, or say with "
            "--modality-pattern how the table names them."
        )
    kept = [
        "sample_id",
        "patient_id",
        *columns_beside(bundle.description),
        *(name for name in OF_MASKS if name in table),
        *(column for name in known for column in grouped[name]),
    ]
    return table[list(dict.fromkeys(kept))]


def predict_rows(
    bundle: Bundle,
    cohort: pd.DataFrame,
    *,
    store: str | Path,
    progress: Meter,
    n_jobs: int = 1,
    retry_failed: bool = False,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Apply a bundle to the rows of a cohort table; see ``predict_cohort``."""
    options: dict[str, Any] = {"n_jobs": n_jobs, "retry_failed": retry_failed}
    rows = collect_rows(bundle, cohort, store=store, progress=progress, **options)
    return predictions_of(rows), rows.failures


def predictions_of(rows: NewRows) -> pd.DataFrame:
    """Return the predictions for rows that were collected; see ``predict_cohort``."""
    bundle, X, about = rows.bundle, rows.X, rows.bundle.description
    answers, calls = {}, {}
    lying = columns_of_table(rows.places, X.index)
    for outcome in bundle.outcomes:
        own = {name: each.reindex(X.index) for _, name, each in by_class(answers_of(rows, outcome), outcome)}
        primary = pd.DataFrame({name: _answer(about, outcome, each) for name, each in own.items()}, index=X.index)
        threshold = threshold_of(bundle, outcome)
        own_calls = {"call": called(primary, outcome, threshold), "threshold": threshold}
        calls[outcome] = {**own_calls, **sets_of(bundle, outcome, primary), **lying}
        answers[outcome] = own
    notes = _notes(X, rows.trained_on(), [*_told_of(rows), _contradicting(about, calls, X.index)])
    parts = [
        _told(about, outcome, name, each, rows.patients, notes, calls[outcome])
        for outcome, own in answers.items()
        for name, each in own.items()
    ]
    table = pd.concat(parts, ignore_index=True)
    place = {sample: number for number, sample in enumerate(X.index)}
    return table.iloc[table["sample_id"].map(place).argsort(kind="stable")].reset_index(drop=True)


def _told_of(rows: NewRows) -> Iterator[Mapping[str, str]]:
    """Yield what a reader must know of rows before they are answered, each thing by sample."""
    about, X, ranges = rows.bundle.description, rows.X, read_table(rows.bundle.folder, "training_ranges")
    yield from (rows.untold(), new_sites(about, X), clinical_outside(X, ranges), far_outside(X, ranges))
    yield from (other_makers(about, rows.images), images_outside(rows.places))
    yield dict.fromkeys(map(str, X.index), rows.engine_note)


def _contradicting(
    about: Mapping[str, Any], calls: Mapping[Outcome, Mapping[str, Any]], samples: pd.Index
) -> dict[str, str]:
    """Return for each sample whose calls contradict what one outcome says of another what it is."""
    implications = [Implication(**one) for one in about.get("implications", [])]  # none in a bundle of before
    labels = pd.DataFrame({one.name: told["call"] for one, told in calls.items()}, index=samples).replace("", None)
    return {
        sample: f"the calls contradict that {phrase}"
        for phrase, those in contradictions(implications, labels, list(samples)).items()
        for sample in those
    }


def _answer(about: Mapping[str, Any], outcome: Outcome, each: pd.DataFrame) -> pd.Series:
    """Return the bundle's answer; without a number where no sample has a modality."""
    return each.get(answering(about, outcome.name), pd.Series(np.nan, index=each.index))


def _told(
    about: Mapping[str, Any],
    outcome: Outcome,
    name: str,
    each: pd.DataFrame,
    patients: pd.Series,
    notes: list[str],
    calls: Mapping[str, Any],
) -> pd.DataFrame:
    """Return the rows of one class of an outcome: the bundle's answer, and those of every member and fusion."""
    samples = each.index
    head = {
        "sample_id": samples,
        "patient_id": patients.loc[samples].to_numpy(),
        "outcome": outcome.name,
        "class": name,
    }
    told = pd.DataFrame(head, index=samples)
    told = told.assign(probability=_answer(about, outcome, each), **calls)
    taken = {column: f"{column}_probability" for column in (*told, "note", "as_published")}
    told = told.join(each.rename(columns=taken)).assign(note=notes)
    return told.assign(as_published=" ".join(about["as_published"])) if about["as_published"] else told


def answers_of(rows: NewRows, outcome: Outcome) -> pd.DataFrame:
    """Return what every model of an outcome says of the rows that have a modality; no columns where none has."""
    X = rows.X
    imaged = [c for name, block in columns.by_modality(X.columns).items() if name != columns.CLINICAL for c in block]
    usable = X[imaged].notna().any(axis=1)
    models = rows.bundle.models[outcome.name].values()
    tables = [model.predict_proba_each(X[usable]) for model in models] if usable.any() else [pd.DataFrame()]
    return with_updated(pd.concat(tables, axis=1), rows.bundle.description, outcome.name)


def _notes(X: pd.DataFrame, trained: Mapping[str, str], told: Sequence[Mapping[str, str]]) -> list[str]:
    """Return for each row whether the model was fitted on it, what else is told, and which modalities it lacks."""
    present = {name: X[block].notna().any(axis=1) for name, block in columns.by_modality(X.columns).items()}
    notes = []
    for sample in X.index:
        if trained.get(sample) == REFUSED:
            notes.append(REFUSED)
            continue
        lacking = [name for name, there in present.items() if not there[sample]]
        absent = f"absent: {', '.join(lacking)}" if lacking else ""
        notes.append("; ".join(filter(None, (trained.get(sample), *(further.get(sample) for further in told), absent))))
    return notes
