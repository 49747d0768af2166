"""A bundle and labeled patients of another site in; the same models with an answer recalibrated there out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofuse import __version__
from radiofuse.bundle.format import RECIPE, TABLES
from radiofuse.bundle.labeled_rows import LabeledRows, chosen_outcomes, collect_labeled_rows
from radiofuse.bundle.load import Bundle
from radiofuse.bundle.manifest import read_manifest
from radiofuse.bundle.new_rows import lacks_key
from radiofuse.bundle.other_cohort import AS_ITS_OWN, OtherCohort
from radiofuse.bundle.predict import answers_of
from radiofuse.bundle.read import read_table
from radiofuse.bundle.training_rows import row_digests
from radiofuse.bundle.trust import JOBLIB
from radiofuse.bundle.update_measures import Answered, band_of, limits_of, measures_of
from radiofuse.bundle.updates import after_the_update_before, answering, name_of_next, update_of, versions_of
from radiofuse.bundle.verify import check_target
from radiofuse.bundle.write import save_bundle
from radiofuse.classify.updating import UpdatingMap, patient_weights, updated_out_of_fold
from radiofuse.errors import CohortError
from radiofuse.progress import Meter, silent
from radiofuse.tables.outcomes import Outcome

FEWEST, FEWEST_FOR_SLOPE = 10, 20  # patients of the rarest class: ten for each number that is learned
ELSEWHERE = "another cohort"


@dataclass(frozen=True, eq=False)
class Update:
    """An updated bundle, and what the update made of the answer on the patients that it was learned from.

    Attributes
    ----------
    folder : Path
    told : dict of str to dict
        By outcome, as in ``bundle.json``: method, slope and intercepts, patients, tests, and measures before and after,
        those after of updates learned without the patient.
    left_out : dict of str to str
        Samples of patients that the models were fitted on, and how that is known.
    failures : DataFrame
        Images that gave no features.
    names_patients : bool
        Whether the new bundle, though it goes by pseudonyms, holds ids of the patients of the update as they are.
    """

    folder: Path
    told: dict[str, dict[str, Any]]
    left_out: dict[str, str]
    failures: pd.DataFrame
    names_patients: bool


def update_bundle(
    bundle: Bundle,
    cohort: str | Path,
    out: str | Path,
    *,
    whose: str = ELSEWHERE,
    outcomes: Sequence[str] | None = None,
    written: OtherCohort = AS_ITS_OWN,
    store: str | Path = "feature_store",
    n_jobs: int = 1,
    progress: Meter = silent,
    retry_failed: bool = False,
) -> Update:
    """Recalibrate a bundle's main answer on labeled patients of another site, and write both versions as a new bundle.

    `UpdatingMap` says what is learned, and how it is chosen: nothing, an intercept, or intercept and slope, drawn in
    toward no change. A patient with several samples counts once. The new bundle answers with the updated probability;
    what the run answered stands beside it under its own name, as do all models. Patients of the training are left out;
    those of the update count as seen from then on.

    Parameters
    ----------
    bundle : Bundle
        As ``load_bundle`` returns it. Of one that was updated before, the updated answer is updated again, and all
        versions stay, each under its name.
    cohort : path
        A cohort table with the labels, read as by ``evaluate_cohort``.
    out : path
        Folder of the new bundle; an earlier bundle there is replaced.
    whose : str, optional
        What the new bundle calls these patients, as "Hospital B, 2024".
    outcomes : sequence of str, optional
        Those to update; default: all that the bundle predicts.
    written, store, n_jobs, progress, retry_failed
        As for ``evaluate_cohort``.

    Returns
    -------
    Update

    Raises
    ------
    CohortError
        If the table cannot be used, nobody is left, or a class of an outcome has fewer than ten patients.
    BundleError
        If the table lacks columns that the model was trained on.
    RequestError
        If the bundle does not predict an outcome that is asked for.
    """
    check_target(Path(out))
    chosen = chosen_outcomes(bundle, outcomes)
    options: dict[str, Any] = {"store": store, "n_jobs": n_jobs, "progress": progress, "retry_failed": retry_failed}
    found = collect_labeled_rows(bundle, cohort, chosen, written, **options)
    learned = {outcome.name: _updated(found, outcome, whose, cohort) for outcome in chosen}
    told = {name: one.told for name, one in learned.items()}
    description = _description(bundle, found, told)
    manifest = read_manifest(bundle.folder)
    tables = {name: read_table(bundle.folder, name) for name in TABLES}
    bands = [tables["probability_intervals"], *(one.band for one in learned.values() if len(one.band))]
    tables["probability_intervals"] = pd.concat(bands, ignore_index=True)
    folder = save_bundle(
        out,
        models=bundle.models,
        recipe=(bundle.folder / RECIPE).read_text(encoding="utf-8"),
        description=description,
        tables=tables,
        environment=manifest["environment"],
        pickled=manifest["model"]["kept_as"] == JOBLIB,
    )
    return Update(folder, told, found.left_out, found.rows.failures, lacks_key(bundle))


# ---------------------------------------------------------------- one outcome


@dataclass(frozen=True, eq=False)
class _Learned:
    """What was learned of one outcome: for the description, and the band of probabilities of the new answer."""

    told: dict[str, Any]
    band: pd.DataFrame


def _updated(found: LabeledRows, outcome: Outcome, whose: str, cohort: str | Path) -> _Learned:
    """Return what was learned for one outcome, and what it made of the answer."""
    about = found.rows.bundle.description
    before, protocol = update_of(about, outcome.name), about["protocol"]
    known = _answered(found, outcome, answering(about, outcome.name))
    events = _events(known, outcome)
    _refuse_few(events, outcome, cohort)
    slope_allowed = min(events.values()) >= FEWEST_FOR_SLOPE
    step = UpdatingMap(slope_allowed=slope_allowed).fit(known.P, known.y, patient_weights(known.patients))
    options: dict[str, Any] = {"slope_allowed": slope_allowed, "seed": protocol["seed"]}
    after = updated_out_of_fold(known.P, known.y, known.patients, **options)
    told = {
        "whose": whose,
        "model": protocol["primary"],
        "of": answering(about, outcome.name),
        "answer": name_of_next(about, outcome.name),
        **_of_step(step),
        **after_the_update_before(before, step),
        "n_samples": len(known.y),
        "n_patients": len(np.unique(known.patients)),
        "events": events,
        "limits": limits_of(known, after, _level(found.rows.bundle, outcome)),
        "measures": measures_of(known, outcome, after, protocol),
        "earlier": [] if before is None else [_without_earlier(one) for one in versions_of(before)],
        "radiofuse_version": __version__,
    }
    return _Learned(told, band_of(known, outcome, after, told["answer"]))


def _of_step(step: UpdatingMap) -> dict[str, Any]:
    """Return how a map was chosen, and what it is of by itself."""
    return {
        "method": step.method_,
        "no_slope": step.no_slope_,
        "step": {"slope": step.slope_, "intercepts": step.intercepts_.tolist()},
        "shrinkage": float(step.shrinkage_),
        "p_values": step.p_values_,
        "unshrunken": {"slope": step.unshrunken_.slope, "intercepts": step.unshrunken_.intercepts.tolist()},
    }


def _without_earlier(version: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in version.items() if name != "earlier"}


def _level(bundle: Bundle, outcome: Outcome) -> float | None:
    """Return how often sets of classes shall hold the true one; None where the run was not asked for sets."""
    sets = read_table(bundle.folder, "prediction_sets")
    own = sets[(sets["outcome"] == outcome.name) & (sets["model"] == bundle.description["protocol"]["primary"])]
    return float(own["level"].iloc[0]) if len(own) else None


def _answered(found: LabeledRows, outcome: Outcome, model: str) -> Answered:
    """Return the labeled samples to which the model has an answer."""
    answers = answers_of(found.rows, outcome)
    told = answers[model].to_numpy(float) if model in answers.columns.get_level_values(0) else np.empty(0)
    P = np.column_stack([1 - told, told]) if told.ndim == 1 else told
    labels = found.known[outcome.name].reindex(answers.index) if len(P) else pd.Series(dtype=float)
    usable = labels.notna().to_numpy() & ~np.isnan(P).any(axis=1)
    samples = answers.index.to_numpy()[usable] if len(P) else np.empty(0, dtype=object)
    patients = found.rows.patients.loc[samples].to_numpy()
    return Answered(samples, patients, labels.to_numpy(float)[usable].astype(int), P[usable])


def _events(known: Answered, outcome: Outcome) -> dict[str, int]:
    """Return how many patients each class has."""
    return {name: len(np.unique(known.patients[known.y == k])) for k, name in enumerate(outcome.classes)}


def _refuse_few(events: Mapping[str, int], outcome: Outcome, cohort: str | Path) -> None:
    fewest = min(events, key=lambda name: events[name])
    if events[fewest] < FEWEST:
        raise CohortError(
            f"Cohort table {cohort}",
            [
                f"{outcome.name}: {FEWEST} patients of each class that the model did not learn from are needed to "
                f"update it, and {fewest} has {events[fewest]}. Collect more, leave the outcome out (--outcome names "
                "those to update), or use the bundle as it is after `radiofuse evaluate`."
            ],
        )


# ---------------------------------------------------------------- the new bundle


def _description(bundle: Bundle, found: LabeledRows, told: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the description of the new bundle, which knows the patients of the update too."""
    about, rows = dict(bundle.description), found.rows
    about.pop("schema", None)
    own = about.get("pseudonyms") or {}
    pseudonyms = bundle.pseudonyms if own else None
    called = str if pseudonyms is None else pseudonyms.of
    keyed = pseudonyms.digest if pseudonyms is not None and own["shared"] else str
    digests = {keyed(digest): called(sample) for digest, sample in row_digests(rows.X).items()}
    seen = {called(sample): called(rows.patients[sample]) for sample in rows.X.index}
    words = about["protocol"]["words"]
    primary = about["protocol"]["primary"]
    words_of = words["models"].get(primary, {})
    models = words["models"] | {one["answer"]: words_of | _title(primary, one) for one in told.values()}
    if own.get("shared") and pseudonyms is None:  # its new ids and digests are as they are: nothing to hand on
        about["pseudonyms"] = own | {"shared": False, "was_shared": True}
    return about | {
        "protocol": about["protocol"] | {"words": words | {"models": models}},
        "training_rows": about.get("training_rows", {}) | digests,
        "untested_patients": about.get("untested_patients", {}) | seen,
        "updates": about.get("updates", {}) | {name: dict(one) for name, one in told.items()},
    }


def _title(primary: str, update: Mapping[str, Any]) -> dict[str, str]:
    """Return what an updated answer is called, and what makes it, on whose patients one after the other."""
    whose = ", then on ".join(one["whose"] for one in versions_of(update))
    return {"title": f"{primary}, updated on {whose}", "does": f"Recalibrates {primary} on {whose}."}
