"""From an evaluation on other patients to one HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from radiofuse.bundle.evaluate import Evaluation
from radiofuse.bundle.updates import answering
from radiofuse.report.evaluation import sentences
from radiofuse.report.kinds import DETAILS
from radiofuse.report.page import render
from radiofuse.report.predictions.page import PredictionContents, outcome_part
from radiofuse.report.tables import Table, calibration_lines, points_table
from radiofuse.report.wording import DIGITS, METRICS, estimate
from radiofuse.tables.predictions import OutcomeRows, choose_outcome
from radiofuse.wording import count, number, p_value

MAX_LISTED = 20
POINTS = "Calls here at the thresholds that the run chose"


def render_evaluation(evaluation: Evaluation, files: Mapping[str, str]) -> str:
    """Return the page; ``files`` says what each file beside it holds."""
    several = len(evaluation.outcomes) > 1
    parts = [_contents(evaluation, outcome.name) for outcome in evaluation.outcomes]
    about = evaluation.bundle.description
    return render(
        "evaluation/page.html",
        title=f"{about['title']}: on other patients",
        lead=sentences.summary(evaluation),
        banners=sentences.banners(evaluation),
        about=about,
        several=several,
        outcomes=[
            {
                **outcome_part(part, f"-{place}" if several else ""),
                "beside": _beside(evaluation, part),
                "calibration": calibration_lines(part, _own(evaluation, "calibration", part)),
                "points": points_table(part, _own(evaluation, "operating_points", part), POINTS, "Threshold"),
                "confusion": _confusion(evaluation, part),
            }
            for place, part in enumerate(parts, 1)
        ],
        flow=_flow(evaluation.tables["cohort_flow"]),
        left_out=_listed("Left out: the model was trained on these patients", evaluation.left_out),
        far=_listed("Numbers far outside the training range", evaluation.far),
        failures=_failures(evaluation.tables["failures"]),
        files=files,
    )


def _contents(evaluation: Evaluation, name: str) -> PredictionContents:
    """Return one outcome's rows of the models that stand in main tables."""
    protocol = evaluation.bundle.description["protocol"]
    words = protocol["words"]["models"]
    rows = choose_outcome(evaluation.tables["predictions"], name).rows
    main = [model for model in rows["model"].unique() if words.get(model, {}).get("kind") not in DETAILS]
    rows = rows[rows["model"].isin(main)]
    answer = answering(evaluation.bundle.description, name)
    primary = answer if answer in main else main[0]
    scores, comparisons = evaluation.tables["scores"], evaluation.tables["comparisons"]
    scores = scores[(scores["outcome"] == name) & scores["model"].isin(main)]
    comparisons = comparisons[(comparisons["outcome"] == name) & comparisons["b"].isin(main)]
    return PredictionContents(
        rows, primary, scores, comparisons, OutcomeRows(name, tuple(rows["class"].unique()), rows)
    )


def _own(evaluation: Evaluation, table: str, part: PredictionContents) -> pd.DataFrame:
    rows = evaluation.tables[table]
    return rows[(rows["outcome"] == part.outcome.name) & rows["model"].isin(part.main_models)]


def _beside(evaluation: Evaluation, part: PredictionContents) -> Table:
    rows = tuple(
        (
            row.model,
            " ".join(filter(None, (METRICS.get(row.metric, row.metric), _of_class(row[3], part)))),
            number(row.value, DIGITS.get(row.metric, 2)),
            number(row.reference, DIGITS.get(row.metric, 2)),
            estimate(row.difference, row.low, row.high, DIGITS.get(row.metric, 2)),
            p_value(row.p_value),
            f"{count(row.n_patients)} and {count(row.n_reference_patients)}",
            row.test,
        )
        for row in _own(evaluation, "against_training", part).itertuples()
        if row.model == part.primary or not _of_class(row[3], part)
    )
    header = ("Model", "Metric", "Here", "When it was made", "Difference", "p", "Patients", "Test")
    return Table("Scores here, and out of fold when the model was made", header, (("", rows),), emphasized=part.primary)


def _of_class(name: str, part: PredictionContents) -> str:
    """Return which of several classes a score is of, against the rest."""
    return f"of {name}" if part.has_several_classes and name else ""


def _confusion(evaluation: Evaluation, part: PredictionContents) -> Table:
    own = _own(evaluation, "confusion", part)
    wide = own[own["model"] == part.primary].pivot(index="class", columns="called", values="n")
    names = list(dict.fromkeys(own["class"]))
    rows = tuple((name, *(number(wide.loc[name, called], 0) for called in names)) for name in names)
    header = ("Samples that are", *(f"called {name}" for name in names))
    return Table(f"What the samples of each class are called by {part.primary}", header, (("", rows),), len(names))


def _flow(flow: pd.DataFrame) -> Table:
    rows = tuple(
        (step, count(samples), count(patients), note) for step, samples, patients, note in flow.itertuples(index=False)
    )
    return Table("Who was evaluated", ("Step", "Samples", "Patients", "Note"), (("", rows),), n_numbers=2)


def _listed(caption: str, told: Mapping[str, str]) -> Table | None:
    shown: Sequence[Any] = list(told.items())[:MAX_LISTED]
    more = f" (the first {MAX_LISTED} of {len(told)})" if len(told) > MAX_LISTED else ""
    return Table(caption + more, ("Sample", "Why"), (("", tuple(shown)),)) if told else None


def _failures(failures: pd.DataFrame) -> Table | None:
    columns = ["sample_id", "modality", "code", "message"]
    rows = tuple(failures[columns].head(MAX_LISTED).itertuples(index=False, name=None))
    header = ("Sample", "Modality", "Code", "Why")
    return Table("Images that gave no features", header, (("", rows),)) if rows else None
