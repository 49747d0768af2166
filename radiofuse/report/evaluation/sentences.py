"""What the page of an evaluation says in words: whom it is about, how the model did, and what a reader must know."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from radiofuse.bundle.evaluate import Evaluation
from radiofuse.bundle.updates import answering, update_of
from radiofuse.report.page import Banner
from radiofuse.tables.outcomes import Outcome
from radiofuse.wording import counted, interval, number, p_value, percent, some

ENOUGH = 100  # patients with and without the event; below, an external validation can hardly tell good from bad


def summary(evaluation: Evaluation) -> str:
    """Return the paragraph that a hurried reader reads."""
    flow = evaluation.tables["cohort_flow"].set_index("step")["n_patients"]
    seen = int(flow["the model was trained on the patient"])
    updated = bool(evaluation.bundle.description.get("updates"))
    helped = "helped to make or to update the model" if updated else "helped to make the model"
    left_out = f" {counted(seen, 'patient')} of the table {helped} and were left out." if seen else ""
    return (
        f"A finished model was tried on {counted(int(flow['evaluated']), 'patient')} whom it had never seen.{left_out} "
        + " ".join(result(evaluation, outcome) for outcome in evaluation.outcomes)
    )


def result(evaluation: Evaluation, outcome: Outcome) -> str:
    """Return how the model's answer did on one outcome, beside what was estimated when it was made."""
    about = evaluation.bundle.description
    answer, update = answering(about, outcome.name), update_of(about, outcome.name)
    primary = about["protocol"]["primary"]  # which the run knows: the updated answer came after it
    found = _rows(evaluation.tables["against_training"], outcome, primary).query("metric == 'auc'").head(1)
    if found.empty or found["value"].isna().any():
        return f"Of {outcome.phrase} the model's answer ({answer}) has no AUC here: not every class occurs."
    row = found.iloc[0]
    scores = _rows(evaluation.tables["scores"], outcome, answer).query("metric == 'auc' and `class` == @row['class']")
    here = f"{number(scores['value'].item())} {interval(scores['low'].item(), scores['high'].item())}".strip()
    apart = "patients of the class from others" if outcome.is_binary else "the classes, each from all others,"
    p = p_value(row["p_value"])
    gave = "gave" if update is None else f"gave {primary}, the answer before the update,"
    before = "" if update is None or outcome.is_binary else f" of {primary} here"
    return (
        f"Its answer ({answer}) to {outcome.phrase} told {apart} with an AUC of {here}, where 0.50 is guessing and 1 "
        "is perfect. When the model was made, patients held out in turn "
        f"{gave} {number(row['reference'])}: the difference{before} is "
        f"{number(row['difference'])} {interval(row['low'], row['high'])}, p {p if p.startswith('<') else f'= {p}'}."
        f"{_calibration(evaluation, outcome)}"
    )


def _calibration(evaluation: Evaluation, outcome: Outcome) -> str:
    """Return what the answer says on average; of one that was updated, also what it said before."""
    if not outcome.is_binary:
        return ""
    about = evaluation.bundle.description
    update, calibration = update_of(about, outcome.name), evaluation.tables["calibration"]
    row = _rows(calibration, outcome, answering(about, outcome.name)).iloc[0]
    said = f"it said {percent(row['predicted'])} where {percent(row['observed'])} were true"
    if update is None:
        return f" On average {said}."
    before = _rows(calibration, outcome, update["model"]).iloc[0]
    return (
        f" Updated on {update['whose']} ({counted(update['n_patients'], 'patient')}), on average {said}; before the "
        f"update it said {percent(before['predicted'])}."
    )


def _rows(table: pd.DataFrame, outcome: Outcome, model: str) -> pd.DataFrame:
    return table[(table["outcome"] == outcome.name) & (table["model"] == model)]


def banners(evaluation: Evaluation) -> list[Banner]:
    """Return what stands above all numbers."""
    about = evaluation.bundle.description
    synthetic = ("The model was made from patients whom the program generated.",) if about["synthetic"] else ()
    return [
        Banner("Synthetic data", synthetic),
        Banner("The model was made as published, against our own rules", tuple(about["as_published"])),
        Banner("Warnings", tuple(warnings(evaluation))),
    ]


def warnings(evaluation: Evaluation) -> Iterator[str]:
    """Yield what speaks against reading much out of the numbers."""
    predictions = evaluation.tables["predictions"]
    for outcome in evaluation.outcomes:
        own = predictions[(predictions["outcome"] == outcome.name) & (predictions["label"] == 1)]
        counts = {name: own.loc[own["class"] == name, "patient_id"].nunique() for name in outcome.told}
        if outcome.is_binary:
            n_patients = predictions.loc[predictions["outcome"] == outcome.name, "patient_id"].nunique()
            counts[f"not {outcome.positive}"] = n_patients - counts[outcome.positive]
        few = [f"{name} ({n})" for name, n in counts.items() if n < ENOUGH]
        if few:
            yield (
                f"{outcome.name}: fewer than {ENOUGH} patients of {some(few)}. So few say little of a model "
                "(Collins et al. 2016, Stat Med 35:214-226, ask for 100 with and 100 without the event): look at the "
                "intervals."
            )
    if evaluation.far:
        n_samples = predictions["sample_id"].nunique()
        sample, told = next(iter(evaluation.far.items()))
        yield (
            f"{counted(len(evaluation.far), 'sample')} of {n_samples} have numbers that no patient of training came "
            f"near, for example {sample}: {told}. Look for another unit, sequence or scale of intensities."
        )
