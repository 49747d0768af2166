"""Every table of a run that is computed from its predictions alone."""

from __future__ import annotations

from typing import Any

import pandas as pd

from radiofuse.bundle.format import TABLES
from radiofuse.experiment.models.building import TRIVIAL_RULE
from radiofuse.experiment.models.model_list import primary_of
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.experiment.rows import Rows
from radiofuse.experiment.scores.auc_tables import auc_tables
from radiofuse.experiment.scores.slice_scores import with_slice_scores
from radiofuse.statistics import (
    calibration_by_uncertainty,
    calibration_table,
    compare_with_others,
    conformal_table,
    decision_table,
    operating_points_table,
    score_folds,
    score_predictions,
)


def score_all(recipe: Recipe, rows: Rows, predictions: pd.DataFrame, slices: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the predictions and what is computed from them alone, by the names that `Results` has for them."""
    resampling = {"n_resamples": recipe.evaluation.resamples, "random_state": recipe.seed}
    ordered = {outcome.name: outcome.classes for outcome in rows.outcomes if outcome.ordered}
    return {
        "predictions": predictions,
        "scores": with_slice_scores(
            score_predictions(predictions, ordered=ordered, **resampling), slices, **resampling
        ),
        "fold_scores": score_folds(predictions, ordered=ordered),
        **auc_tables(recipe, predictions),
        "comparisons": compare_with_others(predictions, primary_of(recipe), ordered=ordered, **resampling),
        "against_reference": _against_reference(recipe, predictions, ordered=ordered, **resampling),
        "operating_points": operating_points_table(
            predictions, **recipe.evaluation.operating_point.options, **resampling
        ),
        "prediction_sets": _prediction_sets(recipe, predictions),
        "calibration": calibration_table(predictions, random_state=recipe.seed),
        "decision_curves": decision_table(predictions, random_state=recipe.seed),
    }


def by_uncertainty(predictions: pd.DataFrame, recalibrated: pd.DataFrame, spreads: pd.DataFrame) -> pd.DataFrame:
    """Return how well calibrated models are within bins of uncertainty, as they are and by each way to recalibrate."""
    answers = {"": predictions[predictions["model"] != TRIVIAL_RULE]}
    answers |= dict(list(recalibrated.groupby("method", sort=False)))
    parts = [calibration_by_uncertainty(rows, spreads).assign(method=method) for method, rows in answers.items()]
    return pd.concat(parts, ignore_index=True)[list(TABLES["calibration_by_uncertainty"].columns)]


def _prediction_sets(recipe: Recipe, predictions: pd.DataFrame) -> pd.DataFrame:
    """Return what sets of classes cover; no rows where the recipe asks for none, or of a single held-out part."""
    level = recipe.evaluation.conformal
    if level is None:
        return pd.DataFrame(columns=list(TABLES["prediction_sets"].columns))
    return conformal_table(predictions[predictions["model"] != TRIVIAL_RULE], level)


def _against_reference(recipe: Recipe, predictions: pd.DataFrame, **options: Any) -> pd.DataFrame:
    """Return what each answer has more than the reference, as rows of comparisons; none without a reference."""
    reference = recipe.evaluation.reference
    if reference is None:
        return pd.DataFrame(columns=list(TABLES["against_reference"].columns))
    found = compare_with_others(predictions, reference, **options)
    turned = {"a": found["b"], "b": found["a"], "difference": 0 - found["difference"]}
    return found.assign(**turned, low=0 - found["high"], high=0 - found["low"])
