"""A bundle and a labeled cohort of other patients in; predictions, scores, and how they differ from training out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofuse import notebook
from radiofuse.bundle.calls import chosen_thresholds
from radiofuse.bundle.format import DESCRIPTION
from radiofuse.bundle.load import Bundle
from radiofuse.bundle.manifest import AGAIN
from radiofuse.bundle.new_rows import NewRows, collect_rows, lacks_key, training_patients
from radiofuse.bundle.other_cohort import AS_ITS_OWN, OtherCohort, read_other_cohort
from radiofuse.bundle.predict import NEEDED, answers_of, modalities_of_model
from radiofuse.bundle.read import read_table, require_entries
from radiofuse.bundle.training_ranges import far_outside
from radiofuse.bundle.training_rows import rows_trained_on
from radiofuse.errors import BundleError, CohortError, RequestError
from radiofuse.names import did_you_mean
from radiofuse.progress import Meter, silent
from radiofuse.statistics import (
    calibration_table,
    compare_cohorts,
    compare_with_others,
    confusion_table,
    given_points_table,
    score_predictions,
)
from radiofuse.statistics.cohort_comparison import COLUMNS as COMPARED
from radiofuse.tables.answers import by_class
from radiofuse.tables.outcomes import Outcome
from radiofuse.tables.predictions import LONG_PREDICTION_COLUMNS
from radiofuse.wording import counted, listed

log = logging.getLogger(__name__)

TRIVIAL = "trivial"  # the share of each class in training, for everyone


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a bundle's models did on patients whom they had never seen.

    Attributes
    ----------
    bundle : Bundle
    outcomes : list of Outcome
        What was evaluated.
    tables : dict of str to DataFrame
        predictions, scores, comparisons, confusion and cohort_flow as a run has them, with fold and repeat 0;
        against_training as `compare_cohorts` returns it, the reference being the out-of-fold predictions of the run;
        calibration as `calibration_table` returns it; operating_points as `given_points_table` returns it, at the
        thresholds that the run chose; failures.
    left_out : dict of str to str
        Samples of patients that the models were fitted on, and how that is known.
    far : dict of str to str
        Samples with numbers far outside the training range, and how far.
    """

    bundle: Bundle
    outcomes: list[Outcome]
    tables: dict[str, pd.DataFrame]
    left_out: dict[str, str]
    far: dict[str, str]

    def _repr_html_(self) -> str:
        scored = notebook.scores("Scores on other patients, with 95% intervals", self.tables["scores"])
        return notebook.page(
            scored, notebook.frame("Beside the out-of-fold estimate of the run", self.tables["against_training"])
        )


def evaluate_cohort(
    bundle: Bundle,
    cohort: str | Path,
    *,
    outcomes: Sequence[str] | None = None,
    written: OtherCohort = AS_ITS_OWN,
    store: str | Path = "feature_store",
    n_jobs: int = 1,
    progress: Meter = silent,
    retry_failed: bool = False,
) -> Evaluation:
    """Score a loaded bundle on a labeled cohort of other patients.

    Labels are read as those of the bundle's own cohort were: the same column, classes, spellings and positive class.
    Samples of patients that the models were fitted on, known by id, by patient or by their very numbers, are left out
    and told: a model is better on them than on anybody else.

    Parameters
    ----------
    bundle : Bundle
        As ``load_bundle`` returns it.
    cohort : path
        A cohort table with the labels; columns that are neither labels nor in the grammar are left out.
    outcomes : sequence of str, optional
        Those to evaluate; default: all that the bundle predicts.
    written : OtherCohort, optional
        How the table is written where that differs from the bundle's own cohort: other columns and spellings, a
        table of participants.
    store, n_jobs, progress, retry_failed
        As for ``predict_cohort``.

    Returns
    -------
    Evaluation

    Raises
    ------
    CohortError
        If the table cannot be used, lacks a label, holds a value that the model does not know, or nobody is left.
    BundleError
        If the table lacks columns that the model was trained on, or the bundle does not say how labels are read.
    RequestError
        If the bundle does not predict an outcome that is asked for, or `written` speaks of what it does not know.
    """
    chosen = _chosen(bundle, outcomes)
    names = [outcome.name for outcome in chosen]
    table = read_other_cohort(bundle, cohort, written, outcomes=chosen, missing_files="tell")
    if lacks_key(bundle):
        log.warning("Of this cohort it cannot be told who was trained on: the bundle needs its key for that.")
    known = table[table[names].notna().any(axis=1)].set_index("sample_id", drop=False)
    left_out = _with_their_patients(_known_by_id(bundle, known["patient_id"]), known["patient_id"])
    new = known.drop(index=list(left_out))
    if len(new):
        options: dict[str, Any] = {"n_jobs": n_jobs, "retry_failed": retry_failed}
        rows = collect_rows(
            bundle, modalities_of_model(new.reset_index(drop=True), bundle), store=store, progress=progress, **options
        )
        left_out |= _with_their_patients(rows.trained_on(), rows.patients)
    if len(left_out) == len(known):
        raise CohortError(f"Cohort table {cohort}", [_nobody_left(len(known))])
    rows = replace(rows, X=rows.X.drop(index=[sample for sample in rows.X.index if sample in left_out]))
    predictions = _predictions(rows, chosen, known)
    if predictions.empty:
        raise CohortError(f"Cohort table {cohort}", ["No labeled sample has a modality that the model reads."])
    tables = {
        "predictions": predictions,
        **_numbers(bundle, chosen, predictions),
        "cohort_flow": _flow(table, known, left_out, set(predictions["sample_id"])),
        "failures": rows.failures,
    }
    far = far_outside(rows.X, read_table(bundle.folder, "training_ranges"))
    return Evaluation(bundle, chosen, tables, left_out, far)


# ---------------------------------------------------------------- who is asked about


def _chosen(bundle: Bundle, names: Sequence[str] | None) -> list[Outcome]:
    require_entries(bundle.folder / DESCRIPTION, bundle.description, NEEDED)
    known = {outcome.name: outcome for outcome in bundle.outcomes}
    chosen = list(dict.fromkeys(known if names is None else names))
    for name in chosen:
        if name not in known:
            raise RequestError(
                f"The bundle predicts {listed(list(known))}, not {name!r}; name one of these, or none for all."
                f"{did_you_mean(name, list(known))}"
            )
        if known[name].reading is None:
            raise BundleError(f"The bundle {bundle.folder} does not say how the labels of {name} are read. {AGAIN}")
    return [known[name] for name in chosen]


def _known_by_id(bundle: Bundle, patients: pd.Series) -> dict[str, str]:
    """Return why a sample is one of training, by what can be told before anything is computed."""
    nothing = pd.DataFrame(index=patients.index)
    return rows_trained_on(nothing, patients, training_patients(bundle), {}, bundle.pseudonyms)


def _with_their_patients(trained: dict[str, str], patients: pd.Series) -> dict[str, str]:
    """Add the other samples of patients of whom one sample was trained on, whatever the patient is called here."""
    of_patient = {patients[sample]: sample for sample in trained}
    others = {sample: of_patient[patient] for sample, patient in patients.items() if patient in of_patient}
    return {sample: trained.get(sample, f"of the patient of {known}, which was") for sample, known in others.items()}


def _nobody_left(n_samples: int) -> str:
    return (
        f"All {counted(n_samples, 'labeled sample')} are of patients whom the model was trained on, and it is better "
        "on them than on anybody else. Give other patients; for these the run has out-of-fold scores."
    )


def _flow(table: pd.DataFrame, known: pd.DataFrame, left_out: dict[str, str], used: set[str]) -> pd.DataFrame:
    """Return who came in, who did not, and why."""
    sample = table["sample_id"]
    labeled, trained = sample.isin(known.index), sample.isin(left_out)
    steps = [
        ("in the cohort table", sample.notna(), ""),
        ("label unknown", ~labeled, ""),
        ("the model was trained on the patient", trained, "left out" if left_out else ""),
        ("no usable modality", labeled & ~trained & ~sample.isin(used), ""),
        ("evaluated", sample.isin(used), ""),
    ]
    return pd.DataFrame(
        [(step, int(mask.sum()), table.loc[mask, "patient_id"].nunique(), note) for step, mask, note in steps],
        columns=["step", "n_samples", "n_patients", "note"],
    )


# ---------------------------------------------------------------- numbers


def _predictions(rows: NewRows, outcomes: Sequence[Outcome], known: pd.DataFrame) -> pd.DataFrame:
    """Return a table of predictions, fold and repeat 0, of every model and outcome."""
    training = read_table(rows.bundle.folder, "predictions")
    parts = [_of_outcome(rows, outcome, known[outcome.name].dropna(), training) for outcome in outcomes]
    return pd.concat(parts, ignore_index=True)


def _of_outcome(rows: NewRows, outcome: Outcome, codes: pd.Series, training: pd.DataFrame) -> pd.DataFrame:
    training = training[training["outcome"] == outcome.name]
    answers = answers_of(rows, outcome)
    answers = answers.loc[answers.index.isin(codes.index)]
    parts = [pd.DataFrame(columns=[*LONG_PREDICTION_COLUMNS, "place"])]
    for place, name, each in by_class(answers, outcome):
        if TRIVIAL in set(training["model"]):
            share = training[training["class"] == name].drop_duplicates("sample_id")["label"].mean()
            each = each.assign(**{TRIVIAL: share})
        long = each.rename_axis("sample_id").reset_index().melt("sample_id", var_name="model", value_name="probability")
        label = (codes.loc[long["sample_id"]].to_numpy() == place).astype(int)
        parts.append(long.assign(**{"class": name, "place": place, "label": label}))
    table = pd.concat(parts[1:] or parts, ignore_index=True).dropna(subset="probability")
    table = table.assign(
        outcome=outcome.name, repeat=0, fold=0, patient_id=rows.patients.reindex(table["sample_id"]).array
    )
    models = {name: number for number, name in enumerate(table["model"].unique())}
    order = np.lexsort([table["place"], table["sample_id"].astype(str), table["model"].map(models)])
    return table.iloc[order][list(LONG_PREDICTION_COLUMNS)]


def _numbers(bundle: Bundle, outcomes: Sequence[Outcome], predictions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return what follows from the predictions, by the name of its table."""
    protocol = bundle.description["protocol"]
    ordered = {outcome.name: outcome.classes for outcome in outcomes if outcome.ordered}
    drawn: dict[str, Any] = {"n_resamples": protocol["resamples"], "random_state": protocol["seed"]}
    resampling = {**drawn, "ordered": ordered}
    training = read_table(bundle.folder, "predictions")
    nothing = pd.DataFrame(columns=list(COMPARED))  # where the bundle was made for handing on
    compared = nothing if training.empty else compare_cohorts(predictions, training, **resampling)
    return {
        "scores": score_predictions(predictions, **resampling),
        "comparisons": compare_with_others(predictions, protocol["primary"], **resampling),
        "against_training": compared,
        "calibration": calibration_table(predictions, random_state=protocol["seed"]),
        "confusion": confusion_table(predictions),
        "operating_points": given_points_table(predictions, chosen_thresholds(bundle), **drawn),
    }
