"""The page of a table of predictions that no bundle explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pandas as pd

from radiofuse.report.figures import draw_auc, draw_roc
from radiofuse.report.kinds import HEADINGS, MODEL
from radiofuse.report.look import uri_of
from radiofuse.report.page import render
from radiofuse.report.pictures import Picture, calibration_picture, decision_picture
from radiofuse.report.scored import Scored
from radiofuse.report.tables import (
    Table,
    calibration_lines,
    calls_table,
    classes_table,
    comparisons_table,
    score_cell,
    scores_table,
)
from radiofuse.report.wording import patients_by_class, several_classes
from radiofuse.statistics import (
    calibration_table,
    compare_with_others,
    decision_points,
    roc_points,
    score_predictions,
)
from radiofuse.tables.predictions import OutcomeRows, check_predictions, outcomes_of, rows_of_model, slice_of
from radiofuse.wording import counted, listed, percent


@dataclass(frozen=True, eq=False)
class PredictionContents(Scored):
    """The predictions of one outcome, the model that the others are compared with, and what follows from both."""

    predictions: pd.DataFrame
    primary: str
    scores: pd.DataFrame
    comparisons: pd.DataFrame
    outcome: OutcomeRows

    @cached_property
    def main_models(self) -> list[str]:
        """All models, in the order of the table."""
        return list(dict.fromkeys(self.predictions["model"]))

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that have a probability each."""
        return self.outcome.classes

    def kind_of(self, model: str) -> str:
        """Say that a model is a model: nothing else is known of it."""
        return MODEL

    def of_class(self, name: str) -> PredictionContents:
        """Return the same of one of several classes against the rest; models are compared by the whole only."""
        rows = slice_of(self.predictions, cls=name)
        scores = self.scores[self.scores["class"].astype(str) == name]
        return replace(self, predictions=rows, scores=scores, outcome=OutcomeRows(self.outcome.name, (name,), rows))

    @property
    def can_be_drawn(self) -> bool:
        """Whether the primary model's rows have both labels."""
        return self.predictions.loc[self.predictions["model"] == self.primary, "label"].nunique() > 1


def predictions_by_outcome(predictions: pd.DataFrame, model: str | None = None) -> list[PredictionContents]:
    """Return the predictions, scores and comparisons of each outcome.

    Raises
    ------
    RequestError
        If the table cannot be scored, or an outcome has no rows of the model.
    """
    check_predictions(predictions)
    return [_contents(outcome, model) for outcome in outcomes_of(predictions)]


def all_scores(parts: Sequence[PredictionContents]) -> pd.DataFrame:
    """Return the scores of all outcomes, one after the other."""
    return pd.concat([part.scores for part in parts], ignore_index=True)


def render_predictions(parts: Sequence[PredictionContents]) -> str:
    """Return the page of a predictions table, outcome by outcome."""
    several = len(parts) > 1
    return render(
        "predictions/page.html",
        title="Scores of a table of predictions",
        lead=_lead(parts[0]) if not several else f"Predictions of {listed([part.outcome.name for part in parts])}.",
        several=several,
        outcomes=[
            {**outcome_part(part, f"-{place}" if several else ""), "lines": _calibration(part)}
            for place, part in enumerate(parts, 1)
        ],
    )


def _calibration(contents: PredictionContents) -> Table:
    return calibration_lines(contents, calibration_table(contents.predictions))


def _contents(outcome: OutcomeRows, model: str | None) -> PredictionContents:
    primary = outcome.rows["model"].iloc[0] if model is None else model
    rows_of_model(outcome.rows, primary)  # refuses one that is not there
    rows = outcome.rows
    return PredictionContents(rows, primary, score_predictions(rows), compare_with_others(rows, primary), outcome)


def outcome_part(contents: PredictionContents, suffix: str) -> dict[str, Any]:
    """Return what ``predictions/outcome.html`` shows of one outcome; the suffix tells its anchors from others'."""
    models, primary = contents.main_models, contents.primary
    return {
        "suffix": suffix,
        "name": contents.outcome.name,
        "lead": _lead(contents),
        "primary": primary,
        "scores": scores_table(contents, models, "Scores with intervals"),
        "comparisons": comparisons_table(contents, models) if len(models) > 1 else None,
        "metrics": several_classes() if contents.has_several_classes else "",
        "classes": _classes_of(contents),
        "calls": _calls_of(contents),
        "pictures": _pictures(contents),
    }


def _classes_of(contents: PredictionContents) -> Table | None:
    caption = f"Each class against the rest: scores of {contents.primary}"
    return classes_table(contents, caption) if contents.has_several_classes else None


def _calls_of(contents: PredictionContents) -> Table | None:
    caption = f"Classes, and what the samples of each are called by {contents.primary}"
    return calls_table(contents, caption) if contents.has_several_classes else None


def _lead(contents: PredictionContents) -> str:
    predictions = contents.predictions
    n_patients = predictions["patient_id"].nunique()
    samples, repeats = predictions["sample_id"].nunique(), predictions["repeat"].nunique()
    predicted = (
        f"{counted(predictions['model'].nunique(), 'model')} predicted {counted(n_patients, 'patient')} "
        f"({counted(samples, 'sample')}) in {counted(repeats, 'repeat')}; "
    )
    if contents.has_several_classes:
        return predicted + patients_by_class(predictions[predictions["label"] == 1], n_patients, contents.classes) + "."
    events = predictions.groupby("patient_id")["label"].max()
    event = f"class {contents.classes[0]}" if contents.classes[0] else "label 1"
    return predicted + f"{counted(int(events.sum()), 'patient')} ({percent(events.mean())}) had the event ({event})."


def _pictures(contents: PredictionContents) -> list[Picture]:
    """The curves of the primary model, of several classes class by class; none where its rows have one label."""
    if contents.has_several_classes:
        drawn = curves_by_class(contents)
    else:
        drawn = _curves(contents, "") if contents.can_be_drawn else []
    return [_auc_picture(contents), *drawn] if drawn else []


def curves_by_class(contents: PredictionContents) -> list[Picture]:
    """The curves of the primary model for each of several classes against the rest."""
    views = {f"{name} against the rest": contents.of_class(name) for name in contents.classes}
    return [picture for title, view in views.items() if view.can_be_drawn for picture in _curves(view, title)]


def _curves(contents: PredictionContents, title: str) -> list[Picture]:
    calibration = calibration_picture(contents.predictions, contents.primary, title)
    curves = [_roc_picture(contents, title), calibration, _decision_picture(contents, title)]
    return [curve for curve in curves if curve]


def _auc_picture(contents: PredictionContents) -> Picture:
    aucs = contents.whole_scores.query("metric == 'auc'").set_index("model").loc[contents.main_models]
    drawn = uri_of(draw_auc, aucs.reset_index().assign(kind=MODEL, heading=HEADINGS[MODEL]), contents.primary)
    said = "; ".join(f"{model} {score_cell(contents, model, 'auc')}" for model in contents.main_models)
    mean = ", the mean of each class against the rest," if contents.has_several_classes else ""
    caption = f"AUC{mean} with its 95% interval; the diamond is {contents.primary}."
    return Picture(drawn, f"AUC with interval: {said}.", caption)


def _roc_picture(contents: PredictionContents, title: str) -> Picture:
    names = {m: f"{m} {score_cell(contents, m, 'auc').value}" for m in contents.main_models}
    # One resample: no band is drawn of these.
    curves = {name: roc_points(contents.predictions, model, n_resamples=1) for model, name in names.items()}
    first = names[contents.primary]
    del curves[first]
    where = f"{title}: " if title else ""
    caption = (
        f"{where}ROC curves, averaged over the repeats; of {contents.primary} (heavy line) with a pointwise 95% band "
        "over resampled patients. The legend gives the AUC."
    )
    drawn = uri_of(draw_roc, roc_points(contents.predictions, contents.primary), first, curves, title)
    return Picture(drawn, f"{where}ROC curves with AUC: {'; '.join(names.values())}.", caption)


def _decision_picture(contents: PredictionContents, title: str) -> Picture:
    curve = decision_points(contents.predictions, contents.primary, confidence=0.95)
    what = (
        f"Decision curve of {contents.primary}, mean of the repeats, with a pointwise 95% band over resampled patients."
    )
    return decision_picture(curve, what, title)
