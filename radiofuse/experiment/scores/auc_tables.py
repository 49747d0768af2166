"""What a run says of its AUCs beyond the scores: intervals for other patients to learn from, and of the best model."""

from __future__ import annotations

import pandas as pd

from radiofuse.bundle.format import TABLES
from radiofuse.experiment.models.building import TRIVIAL_RULE
from radiofuse.experiment.recipe.evaluation import KFOLD
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.statistics import best_of_models, cross_validated_intervals


def auc_tables(recipe: Recipe, predictions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the tables of a bundle, by name.

    Sites, listed folds and hold-outs say how an AUC varies between them, not between training sets dealt by chance;
    they have no interval for other patients to learn from. Where there is one model there was no choice.
    """
    names = ("learning_intervals", "best_of_models")
    tables = {name: pd.DataFrame(columns=list(TABLES[name].columns)) for name in names}
    if recipe.evaluation.split == KFOLD:
        tables["learning_intervals"] = cross_validated_intervals(predictions)
    models = [model for model in predictions["model"].unique() if model != TRIVIAL_RULE]
    if len(models) > 1:
        options = {"n_resamples": recipe.evaluation.resamples, "random_state": recipe.seed}
        tables["best_of_models"] = best_of_models(predictions, models, **options)
    return tables
