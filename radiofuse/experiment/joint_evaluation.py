"""The models of a recipe that are of all outcomes at once, in the folds that the outcomes share."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.evaluate.folds import FoldResult, gather_predictions
from radiofuse.evaluate.joint_folds import run_joint_folds
from radiofuse.experiment.folds_key import joint_folds_key
from radiofuse.experiment.models.building import list_models
from radiofuse.experiment.models.glossary import list_answers
from radiofuse.experiment.recipe.evaluation import BY_SITE
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.experiment.rows import Rows
from radiofuse.fuse.joint import OneOutcome
from radiofuse.patients import Split
from radiofuse.progress import Meter
from radiofuse.tables.outcomes import Outcome
from radiofuse.work.kept import Kept


@dataclass(frozen=True, eq=False)
class JointFolds:
    """What the folds gave of models of all outcomes at once.

    Attributes
    ----------
    models : list of str
    folds : list of FoldResult
        One per split.
    """

    models: list[str]
    folds: list[FoldResult]

    def of(self, outcome: Outcome) -> pd.DataFrame:
        """Return the predictions of one outcome."""
        table = gather_predictions(self.folds)
        return table[table["outcome"] == outcome.name]

    def findings_of(self, outcome: Outcome) -> dict[str, list[Any]]:
        """Return what the folds that test an outcome recorded of it, by model."""
        tested = [fold for fold in self.folds if (fold.predictions["outcome"] == outcome.name).any()]
        return {name: [fold.findings[name][outcome.name] for fold in tested] for name in self.models}

    @property
    def seconds(self) -> dict[tuple[str, str], float]:
        """How long each model took in all folds; it is of no outcome."""
        return {("", name): sum(fold.seconds[name] for fold in self.folds) for name in self.models}


def evaluate_joint_models(
    recipe: Recipe,
    rows: Rows,
    splits: Sequence[Split],
    *,
    n_jobs: int,
    progress: Meter,
    kept_in: Path | None,
    only: Collection[str] | None = None,
) -> JointFolds:
    """Cross-validate the models of all outcomes at once, each fitted once in a fold; without such, nothing is done.

    Parameters
    ----------
    recipe : Recipe
    rows : Rows
    splits : sequence of Split
        Of the labeled rows.
    n_jobs, progress, kept_in
        As for ``evaluate_models``.
    only : collection of str, optional
        The models to evaluate; all of them by default.
    """
    models = list_models(recipe, rows.inputs, joint=True)
    models = models if only is None else {name: model for name, model in models.items() if name in only}
    if not models:
        return JointFolds([], [])
    X, y, groups = rows_to_learn_from(rows)
    whole = [with_unlabeled(recipe, rows, split) for split in splits]
    kept = None if kept_in is None else Kept(kept_in, joint_folds_key(recipe, rows, X.assign(group=groups), y, whole))
    views = {outcome.name: partial(OneOutcome, outcome=outcome.name) for outcome in rows.outcomes}
    dealt: dict[str, Any] = {"groups": groups, "splits": whole, "outcomes": rows.outcomes, "views": views}
    with progress("Cross-validating, all outcomes at once", "fits") as on_done:
        folds = run_joint_folds(models, X, y, **dealt, n_jobs=n_jobs, on_done=on_done, kept=kept)
    return JointFolds(list(models), folds)


def rows_to_learn_from(rows: Rows) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Return features, classes, patients of the labeled rows; behind them the others, if a model learns from such."""
    if rows.unlabeled is None:
        return rows.X, rows.y, rows.groups
    nothing = pd.DataFrame(np.nan, index=rows.unlabeled.X.index, columns=rows.y.columns)
    groups = np.concatenate([rows.groups, rows.unlabeled.groups])
    return pd.concat([rows.X, rows.unlabeled.X]), pd.concat([rows.y, nothing]), groups


def with_unlabeled(recipe: Recipe, rows: Rows, split: Split) -> Split:
    """Return a split that trains on the rows without a label too, but for those of a patient who is not trained on.

    Where sites are held out, nothing is learned from a tested site, not even from patients without a label.
    """
    if rows.unlabeled is None:
        return split
    outside = np.delete(np.arange(len(rows.y)), split.train)
    usable = ~np.isin(rows.unlabeled.groups, rows.groups[outside])
    if recipe.evaluation.split == BY_SITE and rows.sites is not None and rows.unlabeled.sites is not None:
        held_out = np.setdiff1d(rows.sites[outside].astype(str), rows.sites[split.train].astype(str))
        usable &= ~np.isin(rows.unlabeled.sites.astype(str), held_out)
    return replace(split, train=np.append(split.train, len(rows.y) + np.flatnonzero(usable)))


def in_order(recipe: Recipe, rows: Rows, predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the predictions of an outcome with the models in the order of the recipe's list."""
    place = {answer.name: place for place, answer in enumerate(list_answers(recipe, rows.modalities))}
    order = predictions["model"].map(place).fillna(len(place)).argsort(kind="stable")
    return predictions.iloc[order].reset_index(drop=True)
