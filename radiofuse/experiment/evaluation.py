"""A recipe's evaluation: every model out of fold, scored, compared, and looked into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier
from sklearn.frozen import FrozenEstimator

from radiofuse import notebook
from radiofuse.classify.modality import clinical_classifier
from radiofuse.evaluate import gather_predictions, run_folds
from radiofuse.evaluate.findings import inspect_fold
from radiofuse.experiment.models import (
    CLINICAL_ARM,
    FUSION,
    TRIVIAL_RULE,
    combined_names,
    combiners_learn,
    encoder_spec,
    list_models,
    selector_files,
)
from radiofuse.experiment.recipe import Recipe
from radiofuse.experiment.rows import Rows
from radiofuse.files.outputs import sha256_of
from radiofuse.patients import Split, patient_splits
from radiofuse.progress import Meter
from radiofuse.statistics import compare_with_others, score_predictions
from radiofuse.tables import columns
from radiofuse.work.environment import read_environment
from radiofuse.work.kept import Kept, digest_of, digest_of_code
from radiofuse.work.own_code import modules_named_in


@dataclass(frozen=True, eq=False)
class Results:
    """What cross-validation found.

    Attributes
    ----------
    predictions, scores, comparisons : DataFrame
        As ``gather_predictions``, ``score_predictions`` and ``compare_with_others`` return them.
    findings : list of dict
        For each outer fold, what ``inspect_fold`` saw in the fitted fusion.
    """

    predictions: pd.DataFrame
    scores: pd.DataFrame
    comparisons: pd.DataFrame
    findings: list[dict[str, Any]]

    def _repr_html_(self) -> str:
        scored = notebook.scores("Scores, out of fold, with 95% intervals", self.scores)
        return notebook.page(
            scored, notebook.frame("Differences of the answer from each other model", self.comparisons)
        )


def evaluate_models(recipe: Recipe, rows: Rows, *, n_jobs: int, progress: Meter, kept: Kept | None = None) -> Results:
    """Cross-validate a recipe's models on its rows, everything fitted inside the folds.

    Parameters
    ----------
    recipe : Recipe
    rows : Rows
    n_jobs : int
        Processes; the numbers do not depend on it.
    progress : callable
        As for ``run_recipe``.
    kept : Kept, optional
        Where finished folds are kept for a rerun, under the key of ``folds_key``.
    """
    plan, seed = recipe.evaluation, recipe.seed
    splits = patient_splits(rows.y, rows.groups, n_splits=plan.folds, n_repeats=plan.repeats, random_state=seed)
    options = {"groups": rows.groups, "splits": splits, "n_jobs": n_jobs, "inspect": inspect_fold, "kept": kept}
    if recipe.deep is not None:
        train_all_encoders(recipe, rows, splits, n_jobs=n_jobs, progress=progress)
    with progress("Cross-validating", "fits") as on_done:
        folds = run_folds(list_all_models(recipe, rows), rows.X, rows.y, **options, on_done=on_done)
    predictions = gather_predictions(folds)
    resampling = {"n_resamples": plan.resamples, "random_state": seed}
    return Results(
        predictions,
        score_predictions(predictions, **resampling),
        compare_with_others(predictions, combined_names(recipe)[0], **resampling),
        [fold.findings[FUSION] for fold in folds],
    )


def folds_key(recipe: Recipe, rows: Rows) -> str:
    """Return the digest of all that the predictions and findings of the folds depend on."""
    device = crops = None
    if recipe.deep is not None:
        from radiofuse.deep.device import choose_device

        device, crops = str(choose_device(recipe.deep.device)), rows.source.crops.path.stem
    own = modules_named_in(recipe.model_dump())
    learned_from = (rows.X, rows.y, rows.groups, *map(sha256_of, selector_files(recipe)))
    return digest_of(
        recipe.text, rows.modalities, learned_from, device, crops, read_environment(), digest_of_code(*own)
    )


def train_all_encoders(recipe: Recipe, rows: Rows, splits: Sequence[Split], *, n_jobs: int, progress: Meter) -> None:
    """Train what the folds and the final model will ask for, ahead of them: in parallel, with the time left.

    A fit that asks for an encoder that is not there trains it; so this moves work, never a number.
    """
    from radiofuse.deep import EncoderCache, train_encoders, training_sets

    pointers = rows.X[[columns.join(name, columns.CROP) for name in rows.modalities]]
    every_fit = [*(split.train for split in splits), np.arange(len(rows.y))]
    fits: dict[str, Any] = {"splits": every_fit, "random_state": recipe.seed}
    crossfit = recipe.deep.folds if recipe.deep.protocol == "crossfit" else None
    fusion_cv = recipe.fusion.inner_folds if combiners_learn(recipe) else None
    late: dict[str, Any] = {"fusion_cv": fusion_cv, "cv": crossfit if recipe.deep.join == "columns" else None}
    constrained = [{"cv": crossfit}] if recipe.fusion.constrained else []
    plans = [training_sets(pointers, rows.y, rows.groups, **fits, **plan) for plan in (late, *constrained)]
    sets = list(dict.fromkeys(one for plan in plans for one in plan))
    with progress("Training encoders", "encoders") as on_done:
        cache = EncoderCache(rows.source.cache)
        train_encoders(
            cache, encoder_spec(recipe), rows.source.crops, sets, seed=recipe.seed, n_jobs=n_jobs, on_done=on_done
        )


def list_all_models(recipe: Recipe, rows: Rows) -> dict[str, BaseEstimator]:
    """Return the recipe's models, the clinical-only arm if there are clinical columns, and the trivial rule."""
    models = list_models(recipe, rows.modalities, rows.blocks, rows.source)
    if columns.CLINICAL in columns.by_modality(rows.X.columns):
        models[CLINICAL_ARM] = clinical_classifier(random_state=recipe.seed)
    # The whole cohort's share of positives for everyone. Shares of the training folds would differ a little,
    # fall where the test fold holds more positives, and so rank below chance.
    models[TRIVIAL_RULE] = FrozenEstimator(DummyClassifier(strategy="prior").fit(rows.X, rows.y))
    return models
