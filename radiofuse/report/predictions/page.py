"""The page of a table of predictions that no bundle explains."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from radiofuse.report.figures import draw_auc, draw_roc
from radiofuse.report.kinds import HEADINGS, MODEL
from radiofuse.report.page import render
from radiofuse.report.pictures import Picture, calibration_picture, decision_picture
from radiofuse.report.scored import Scored
from radiofuse.report.tables import comparisons_table, score_cell, scores_table
from radiofuse.statistics import compare_with_others, decision_points, roc_points, score_predictions
from radiofuse.tables.predictions import check_slice, rows_of_model
from radiofuse.wording import counted, percent


@dataclass(frozen=True, eq=False)
class PredictionContents(Scored):
    """A table of predictions, the model that the others are compared with, and what follows from both."""

    predictions: pd.DataFrame
    primary: str

    @cached_property
    def main_models(self) -> list[str]:
        """All models, in the order of the table."""
        return list(dict.fromkeys(self.predictions["model"]))

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Every metric of every model with its interval."""
        return score_predictions(self.predictions)

    @cached_property
    def comparisons(self) -> pd.DataFrame:
        """The primary model beside each other one; no rows where it is the only one."""
        return compare_with_others(self.predictions, self.primary)

    def kind_of(self, model: str) -> str:
        """Say that a model is a model: nothing else is known of it."""
        return MODEL

    @property
    def can_be_drawn(self) -> bool:
        """Whether the primary model's rows have both labels."""
        return self.predictions.loc[self.predictions["model"] == self.primary, "label"].nunique() > 1


def render_predictions(predictions: pd.DataFrame, model: str | None = None) -> str:
    """Return the page of a predictions table; raise RequestError if it cannot be scored or has no such model."""
    check_slice(predictions, "A page")
    primary = predictions["model"].iloc[0] if model is None else model
    rows_of_model(predictions, primary)  # refuses one that is not there
    contents = PredictionContents(predictions, primary)
    return render(
        "predictions/page.html",
        title="Scores of a table of predictions",
        lead=_lead(predictions),
        primary=contents.primary,
        scores=scores_table(contents, contents.main_models, "Scores with intervals"),
        comparisons=comparisons_table(contents, contents.main_models) if len(contents.main_models) > 1 else None,
        pictures=_pictures(contents) if contents.can_be_drawn else [],
    )


def _lead(predictions: pd.DataFrame) -> str:
    patients = predictions.groupby("patient_id")["label"].max()
    samples, repeats = predictions["sample_id"].nunique(), predictions["repeat"].nunique()
    models = counted(predictions["model"].nunique(), "model")
    return (
        f"{models} predicted {counted(len(patients), 'patient')} ({counted(samples, 'sample')}) in "
        f"{counted(repeats, 'repeat')}; {counted(int(patients.sum()), 'patient')} ({percent(patients.mean())}) "
        "had the event (label 1)."
    )


def _pictures(contents: PredictionContents) -> list[Picture]:
    calibration = calibration_picture(contents.predictions, contents.primary)
    return [_auc_picture(contents), _roc_picture(contents), calibration, _decision_picture(contents)]


def _auc_picture(contents: PredictionContents) -> Picture:
    aucs = contents.scores[contents.scores["metric"] == "auc"].set_index("model").loc[contents.main_models]
    drawn = draw_auc(aucs.reset_index().assign(kind=MODEL, heading=HEADINGS[MODEL]), contents.primary)
    said = "; ".join(f"{model} {score_cell(contents, model, 'auc')}" for model in contents.main_models)
    return Picture(
        drawn, f"AUC with interval: {said}.", f"AUC with its 95% interval; the diamond is {contents.primary}."
    )


def _roc_picture(contents: PredictionContents) -> Picture:
    names = {m: f"{m} {score_cell(contents, m, 'auc').value}" for m in contents.main_models}
    # One resample: no band is drawn of these.
    curves = {name: roc_points(contents.predictions, model, n_resamples=1) for model, name in names.items()}
    first = names[contents.primary]
    del curves[first]
    caption = (
        f"ROC curves, averaged over the repeats; of {contents.primary} (heavy line) with a pointwise 95% band over "
        "resampled patients. The legend gives the AUC."
    )
    drawn = draw_roc(roc_points(contents.predictions, contents.primary), first, curves)
    return Picture(drawn, f"ROC curves with AUC: {'; '.join(names.values())}.", caption)


def _decision_picture(contents: PredictionContents) -> Picture:
    curve = decision_points(contents.predictions, contents.primary, confidence=0.95)
    what = (
        f"Decision curve of {contents.primary}, mean of the repeats, with a pointwise 95% band over resampled patients."
    )
    return decision_picture(curve, what)
