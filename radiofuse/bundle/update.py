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
from radiofuse.bundle.update_measures import Answered, limits_of, measures_of
from radiofuse.bundle.updates import UPDATED
from radiofuse.bundle.verify import check_target
from radiofuse.bundle.write import save_bundle
from radiofuse.classify.updating import UpdatingMap, patient_weights, updated_out_of_fold
from radiofuse.errors import BundleError, CohortError
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
        As ``load_bundle`` returns it; one that was updated before is refused.
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
        If the bundle was updated before, or the table lacks columns that the model was trained on.
    RequestError
        If the bundle does not predict an outcome that is asked for.
    """
    _refuse_updated(bundle)
    check_target(Path(out))
    chosen = chosen_outcomes(bundle, outcomes)
    options: dict[str, Any] = {"store": store, "n_jobs": n_jobs, "progress": progress, "retry_failed": retry_failed}
    found = collect_labeled_rows(bundle, cohort, chosen, written, **options)
    told = {outcome.name: _updated(found, outcome, whose, cohort) for outcome in chosen}
    description = _description(bundle, found, told)
    manifest = read_manifest(bundle.folder)
    folder = save_bundle(
        out,
        models=bundle.models,
        recipe=(bundle.folder / RECIPE).read_text(encoding="utf-8"),
        description=description,
        tables={name: read_table(bundle.folder, name) for name in TABLES},
        environment=manifest["environment"],
        pickled=manifest["model"]["kept_as"] == JOBLIB,
    )
    return Update(folder, told, found.left_out, found.rows.failures, lacks_key(bundle))


def _refuse_updated(bundle: Bundle) -> None:
    if updates := bundle.description.get("updates"):
        whose = next(iter(updates.values()))["whose"]
        raise BundleError(
            f"The bundle {bundle.folder} was updated already, on {whose}. Update the bundle that it was made from, on "
            "a table of the patients of both sites if both shall count."
        )


# ---------------------------------------------------------------- one outcome


def _updated(found: LabeledRows, outcome: Outcome, whose: str, cohort: str | Path) -> dict[str, Any]:
    """Return what was learned for one outcome, and what it made of the answer, as ``bundle.json`` has it."""
    about = found.rows.bundle.description
    primary = about["protocol"]["primary"]
    known = _answered(found, outcome, primary)
    events = _events(known, outcome)
    _refuse_few(events, outcome, cohort)
    slope_allowed = min(events.values()) >= FEWEST_FOR_SLOPE
    update = UpdatingMap(slope_allowed=slope_allowed).fit(known.P, known.y, patient_weights(known.patients))
    seed = about["protocol"]["seed"]
    after = updated_out_of_fold(known.P, known.y, known.patients, slope_allowed=slope_allowed, seed=seed)
    return {
        "whose": whose,
        "model": primary,
        "answer": f"{primary}{UPDATED}",
        "method": update.method_,
        "no_slope": update.no_slope_,
        "slope": update.slope_,
        "intercepts": update.intercepts_.tolist(),
        "nearest": float(update.nearest_),
        "shrinkage": float(update.shrinkage_),
        "n_samples": len(known.y),
        "n_patients": len(np.unique(known.patients)),
        "events": events,
        "p_values": update.p_values_,
        "unshrunken": {"slope": update.unshrunken_.slope, "intercepts": update.unshrunken_.intercepts.tolist()},
        "limits": limits_of(known, after, _level(found.rows.bundle, outcome)),
        "measures": measures_of(known, outcome, after, about["protocol"]),
        "radiofuse_version": __version__,
    }


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
    whose = next(iter(told.values()))["whose"]
    title = {"title": f"{primary}, updated on {whose}", "does": f"Recalibrates {primary} on {whose}."}
    models = words["models"] | {f"{primary}{UPDATED}": words["models"].get(primary, {}) | title}
    if own.get("shared") and pseudonyms is None:  # its new ids and digests are as they are: nothing to hand on
        about["pseudonyms"] = own | {"shared": False, "was_shared": True}
    return about | {
        "protocol": about["protocol"] | {"words": words | {"models": models}},
        "training_rows": about.get("training_rows", {}) | digests,
        "untested_patients": about.get("untested_patients", {}) | seen,
        "updates": {name: dict(one) for name, one in told.items()},
    }
