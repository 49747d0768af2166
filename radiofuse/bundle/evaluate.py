"""A bundle and a labeled cohort of other patients in; predictions, scores, and how they differ from training out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofuse import notebook
from radiofuse.bundle.calls import chosen_thresholds
from radiofuse.bundle.labeled_rows import chosen_outcomes, collect_labeled_rows
from radiofuse.bundle.load import Bundle
from radiofuse.bundle.new_rows import NewRows
from radiofuse.bundle.other_cohort import AS_ITS_OWN, OtherCohort
from radiofuse.bundle.predict import answers_of
from radiofuse.bundle.read import read_table
from radiofuse.bundle.training_ranges import far_outside
from radiofuse.bundle.updates import answering
from radiofuse.errors import CohortError
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
    chosen = chosen_outcomes(bundle, outcomes)
    options: dict[str, Any] = {"store": store, "n_jobs": n_jobs, "progress": progress, "retry_failed": retry_failed}
    found = collect_labeled_rows(bundle, cohort, chosen, written, **options)
    rows, known, left_out = found.rows, found.known, found.left_out
    predictions = _predictions(rows, chosen, known)
    if predictions.empty:
        raise CohortError(f"Cohort table {cohort}", ["No labeled sample has a modality that the model reads."])
    tables = {
        "predictions": predictions,
        **_numbers(bundle, chosen, predictions),
        "cohort_flow": _flow(found.table, known, left_out, set(predictions["sample_id"])),
        "failures": rows.failures,
    }
    far = far_outside(rows.X, read_table(bundle.folder, "training_ranges"))
    return Evaluation(bundle, chosen, tables, left_out, far)


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
        "comparisons": _compared(bundle, outcomes, predictions, resampling),
        "against_training": compared,
        "calibration": calibration_table(predictions, random_state=protocol["seed"]),
        "confusion": confusion_table(predictions),
        "operating_points": given_points_table(predictions, chosen_thresholds(bundle), **drawn),
    }


def _compared(
    bundle: Bundle, outcomes: Sequence[Outcome], predictions: pd.DataFrame, resampling: dict[str, Any]
) -> pd.DataFrame:
    """Return how the answer of each outcome differs from each other model."""
    by_answer: dict[str, list[str]] = {}
    for outcome in outcomes:
        by_answer.setdefault(answering(bundle.description, outcome.name), []).append(outcome.name)
    parts = []
    for answer, names in by_answer.items():
        own = {**resampling, "ordered": {name: one for name, one in resampling["ordered"].items() if name in names}}
        parts.append(compare_with_others(predictions[predictions["outcome"].isin(names)], answer, **own))
    return pd.concat(parts, ignore_index=True)
