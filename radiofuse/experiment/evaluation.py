"""The evaluation of a run: every model out of fold, scored, compared, and looked into."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier
from sklearn.frozen import FrozenEstimator

from radiofuse import notebook
from radiofuse.classify.modality import clinical_classifier
from radiofuse.evaluate import gather_predictions, run_folds
from radiofuse.evaluate.findings import inspect_fold
from radiofuse.experiment.deal import deal_splits, split_words
from radiofuse.experiment.glossary import list_answers
from radiofuse.experiment.member_chains import encoder_spec, selector_files
from radiofuse.experiment.model_list import (
    combiners_learn,
    inner_folds_of,
    modalities_of,
    model_list,
    primary_of,
    reads_crops,
    reads_deep_columns,
)
from radiofuse.experiment.models import CLINICAL_ARM, TRIVIAL_RULE, list_models
from radiofuse.experiment.recipe import Recipe
from radiofuse.experiment.rows import LabeledRows, Rows
from radiofuse.experiment.run_times import ENCODERS, FOLDS, LEDGER, SCORES
from radiofuse.experiment.shortcuts import find_shortcuts, join_ledgers
from radiofuse.files.outputs import sha256_of
from radiofuse.patients import Split
from radiofuse.progress import Meter
from radiofuse.statistics import compare_with_others, score_folds, score_predictions
from radiofuse.tables import columns
from radiofuse.tables.outcomes import Outcome
from radiofuse.work.environment import read_environment
from radiofuse.work.kept import Kept, digest_of, digest_of_code
from radiofuse.work.laps import Laps
from radiofuse.work.own_code import modules_named_in

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from radiofuse.deep.training.plan import TrainingSet


@dataclass(frozen=True, eq=False)
class Results:
    """What cross-validation found.

    Attributes
    ----------
    splits : list of Split
        Of all rows.
    predictions, scores, fold_scores, comparisons : DataFrame
        As ``gather_predictions``, ``score_predictions``, ``score_folds`` and ``compare_with_others`` return them,
        outcome by outcome.
    findings : dict of (str, str) to list of dict
        For each outcome and each model that records some: per outer fold, what ``inspect_fold`` saw in it.
    ledger : DataFrame
        What shortcuts would have claimed, outcome by outcome; without rows where it was not asked for.
    stages : dict of str to float
        Seconds of each stage.
    in_folds : dict of (str, str) to float
        Seconds of each outcome and model in its folds, added up over processes; finished folds of an earlier run too.
    """

    splits: list[Split]
    predictions: pd.DataFrame
    scores: pd.DataFrame
    fold_scores: pd.DataFrame
    comparisons: pd.DataFrame
    findings: dict[tuple[str, str], list[dict[str, Any]]]
    ledger: pd.DataFrame
    stages: dict[str, float]
    in_folds: dict[tuple[str, str], float]

    def _repr_html_(self) -> str:
        scored = notebook.scores("Scores, out of fold, with 95% intervals", self.scores)
        return notebook.page(
            scored, notebook.frame("Differences of the answer from each other model", self.comparisons)
        )


def evaluate_models(
    recipe: Recipe, rows: Rows, *, n_jobs: int, progress: Meter, kept_in: Path | None = None
) -> Results:
    """Cross-validate a recipe's models on its rows, everything fitted inside the folds.

    Parameters
    ----------
    recipe : Recipe
    rows : Rows
    n_jobs : int
        Processes; the numbers do not depend on it.
    progress : callable
        As for ``run_recipe``.
    kept_in : Path, optional
        Folder where finished folds are kept for a rerun, each outcome's under the key of ``folds_key``.
    """
    splits, predictions, findings, in_folds = deal_splits(recipe, rows.samples, rows.outcomes), [], {}, {}
    laps, ledgers = Laps(), []
    words = split_words(recipe, splits)
    log.info("Split by %s: %s.", words["title"], words["does"])
    for outcome in rows.outcomes:
        labeled = rows.of(outcome)
        own = [split for split in map(labeled.split, splits) if split.test.size]  # a site may know another outcome only
        if recipe.deep is not None:
            train_all_encoders(recipe, rows, labeled, own, n_jobs=n_jobs, progress=progress)
            laps.end(ENCODERS)
        kept = None if kept_in is None else Kept(kept_in, folds_key(recipe, rows, labeled, own))
        options: dict[str, Any] = {"groups": labeled.groups, "splits": own, "n_jobs": n_jobs}
        options |= {"inspect": inspect_fold, "kept": kept}
        with progress(_doing("Cross-validating", rows, outcome), "fits") as on_done:
            models = list_all_models(recipe, rows, labeled)
            folds = run_folds(models, labeled.X, labeled.y, outcome=outcome, **options, on_done=on_done)
        predictions.append(gather_predictions(folds))
        laps.end(FOLDS)
        in_folds |= {(outcome.name, name): sum(fold.seconds[name] for fold in folds) for name in models}
        recorded = {name: [fold.findings[name] for fold in folds] for name in models}
        findings |= {(outcome.name, name): seen for name, seen in recorded.items() if None not in seen}
        if recipe.evaluation.ledger:
            with progress(_doing("Trying shortcuts", rows, outcome), "shortcuts") as on_done:
                shared = {"n_jobs": n_jobs, "kept": kept, "on_done": on_done}
                ledgers.append(find_shortcuts(recipe, rows, labeled, own, predictions[-1], **shared))
            laps.end(LEDGER)
    scored = _scored(recipe, rows, pd.concat(predictions, ignore_index=True))
    laps.end(SCORES)
    return Results(
        splits=splits, **scored, findings=findings, ledger=join_ledgers(ledgers), stages=laps.seconds, in_folds=in_folds
    )


def _doing(what: str, rows: Rows, outcome: Outcome) -> str:
    return f"{what}, {outcome.name}" if len(rows.outcomes) > 1 else what


def _scored(recipe: Recipe, rows: Rows, predictions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the predictions and what is computed from them alone, by the names that `Results` has for them."""
    resampling = {"n_resamples": recipe.evaluation.resamples, "random_state": recipe.seed}
    ordered = {outcome.name: outcome.classes for outcome in rows.outcomes if outcome.ordered}
    return {
        "predictions": predictions,
        "scores": score_predictions(predictions, ordered=ordered, **resampling),
        "fold_scores": score_folds(predictions, ordered=ordered),
        "comparisons": compare_with_others(predictions, primary_of(recipe), ordered=ordered, **resampling),
    }


def folds_key(recipe: Recipe, rows: Rows, labeled: LabeledRows, splits: Sequence[Split]) -> str:
    """Return the digest of all that the predictions and findings of an outcome's folds depend on."""
    device = crops = None
    if recipe.deep is not None:
        from radiofuse.deep.device import choose_device

        device, crops = str(choose_device(recipe.deep.device)), rows.source.crops.path.stem
    own = modules_named_in(recipe.model_dump())
    outcome = (labeled.outcome.name, labeled.outcome.classes, *(split.test for split in splits))
    learned_from = (outcome, labeled.X, labeled.y, labeled.groups, *map(sha256_of, selector_files(recipe)))
    return digest_of(
        recipe.text, rows.modalities, learned_from, device, crops, read_environment(), digest_of_code(*own)
    )


def train_all_encoders(
    recipe: Recipe, rows: Rows, labeled: LabeledRows, splits: Sequence[Split], *, n_jobs: int, progress: Meter
) -> None:
    """Train what the folds and the final model will ask for, ahead of them: in parallel, with the time left.

    A fit that asks for an encoder that is not there trains it; so this moves work, never a number.
    """
    from radiofuse.deep import EncoderCache, train_encoders

    with progress(_doing("Training encoders", rows, labeled.outcome), "encoders") as on_done:
        cache = EncoderCache(rows.source.cache)
        sets = encoder_sets(recipe, rows, labeled, splits)
        train_encoders(
            cache, encoder_spec(recipe), rows.source.crops, sets, seed=recipe.seed, n_jobs=n_jobs, on_done=on_done
        )


def encoder_sets(recipe: Recipe, rows: Rows, labeled: LabeledRows, splits: Sequence[Split]) -> list[TrainingSet]:
    """Return the rows that encoders are trained on in the folds and for the final models, each set once."""
    from radiofuse.deep import training_sets

    fits = [*(split.train for split in splits), np.arange(len(labeled.y))]
    crossfit = recipe.deep.folds if recipe.deep.protocol == "crossfit" else None
    sets = []
    for model in (model for model in model_list(recipe) if reads_crops(recipe, model)):
        names = modalities_of(model, rows.modalities)
        pointers = labeled.X[[columns.join(name, columns.CROP) for name in names]]
        fusion_cv = inner_folds_of(recipe, model) if combiners_learn(recipe, model) else None
        plan = {"fusion_cv": fusion_cv, "cv": crossfit if reads_deep_columns(recipe, model) else None}
        options: dict[str, Any] = {"splits": fits, "random_state": recipe.seed, **plan}
        sets += training_sets(pointers, labeled.y, labeled.groups, **options)
    return list(dict.fromkeys(sets))


def list_all_models(recipe: Recipe, rows: Rows, labeled: LabeledRows) -> dict[str, BaseEstimator]:
    """Return the recipe's models, the clinical-only model if there are clinical columns, and the trivial rule."""
    models = list_models(recipe, rows.inputs)
    answering = {answer.name: answer.model for answer in list_answers(recipe, rows.modalities)}
    if rows.inputs.clinical and answering[CLINICAL_ARM] == CLINICAL_ARM:  # else a member answers by that name
        models[CLINICAL_ARM] = clinical_classifier(random_state=recipe.seed)
    # The whole cohort's shares of the classes for everyone. Shares of the training folds would differ a little,
    # fall where the test fold holds more positives, and so rank below chance.
    models[TRIVIAL_RULE] = FrozenEstimator(DummyClassifier(strategy="prior").fit(labeled.X, labeled.y))
    return models
