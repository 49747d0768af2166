"""What recalibrating every answer of a run would do, by maps learned from inner folds of the training parts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.bundle.format import TABLES
from radiofuse.classify.probability_maps import PROBABILITY_MAPS, ProbabilityMap
from radiofuse.experiment.answers_within import Divided, Division, Within, Work, answers_within
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.experiment.rows import Rows
from radiofuse.patients import Split
from radiofuse.patients.inner_folds import folds_of_outcomes, inner_folds
from radiofuse.progress import Meter
from radiofuse.statistics import recalibration_table
from radiofuse.tables.outcomes import Outcome
from radiofuse.tables.predictions import OutcomeRows, choose_outcome
from radiofuse.tables.wide_predictions import OF_SAMPLE, wide_of_model, with_probabilities
from radiofuse.wording import some

TOO_FEW = (
    "Recalibrating in {cv} inner folds needs {cv} patients of each class in every training part, and {smallest} has "
    "{fewest}. Lower inner_folds under [fusion], or leave recalibrations out."
)
log = logging.getLogger(__name__)


def recalibrations(
    recipe: Recipe,
    rows: Rows,
    predictions: pd.DataFrame,
    splits: Sequence[Split],
    *,
    n_jobs: int,
    progress: Meter,
    kept_in: Path | None = None,
    tell: Callable[[str], None] = log.warning,
) -> dict[str, pd.DataFrame]:
    """Return the tables ``recalibrated`` and ``recalibrations``; without rows where the recipe asks for none.

    Every model that the bundle keeps is fitted again in inner folds of whole patients of every training part, as many
    as [fusion] says. The map of a fold is learned from what these say of their held-out patients, and applied to the
    fold's predictions: no patient has a part in the own recalibration. The answers of the run stay as they are.

    Parameters
    ----------
    recipe : Recipe
    rows : Rows
    predictions : DataFrame
        Out of fold, of all outcomes.
    splits : sequence of Split
        Of the run.
    n_jobs, progress, kept_in
        As for ``evaluate_models``.
    tell : callable, optional
        Takes a sentence on outcomes and models that have none.
    """
    methods = recipe.evaluation.recalibrations
    nothing = {name: pd.DataFrame(columns=list(TABLES[name].columns)) for name in ("recalibrated", "recalibrations")}
    if not methods:
        return nothing
    division = Division(partial(_of_one, recipe), partial(_of_all, recipe), 1, "Recalibrating", "recalibrations")
    inside = answers_within(Work(recipe, rows, n_jobs, progress, kept_in, tell), splits, division)
    told = {outcome.name: choose_outcome(predictions, outcome.name) for outcome in rows.outcomes}
    maps: dict[str, type[ProbabilityMap]] = {name: PROBABILITY_MAPS[name] for name in methods}
    parts = [_recalibrated(told[name], inner, maps, tell) for name, inner in inside.items()]
    parts = [part for part in parts if len(part)]
    if not parts:
        return nothing
    recalibrated = pd.concat(parts, ignore_index=True)
    table = recalibration_table(predictions, recalibrated, random_state=recipe.seed)
    return {"recalibrated": recalibrated[list(TABLES["recalibrated"].columns)], "recalibrations": table}


def _of_one(recipe: Recipe, y: np.ndarray, groups: np.ndarray, outcome: Outcome) -> Divided:
    cv, seed = recipe.fusion.inner_folds, recipe.seed
    options: dict[str, Any] = {"refusal": TOO_FEW, "classes": np.asarray(outcome.classes)}
    return lambda split, place: _nested(
        split, inner_folds(cv, y[split.train], groups[split.train], seed, **options), place
    )


def _of_all(recipe: Recipe, labels: pd.DataFrame, groups: np.ndarray) -> Divided:
    cv, seed = recipe.fusion.inner_folds, recipe.seed
    return lambda split, place: _nested(
        split, folds_of_outcomes(cv, labels.iloc[split.train], groups[split.train], seed), place
    )


def _nested(split: Split, folds: Sequence[tuple[np.ndarray, np.ndarray]], place: int) -> list[Split]:
    return [Split(place, fold, split.train[train], split.train[test]) for fold, (train, test) in enumerate(folds)]


def _recalibrated(
    outcome: OutcomeRows, inside: Within, maps: Mapping[str, type[ProbabilityMap]], tell: Callable[[str], None]
) -> pd.DataFrame:
    """Return the predictions of every model by every method, with the column method."""
    parts, lacking = [], []
    for model in inside.outcome.rows["model"].unique():
        outer, inner = wide_of_model(outcome, model), wide_of_model(inside.outcome, model)
        if _lacks_a_class(inner, inside.outer, outer):
            lacking.append(model)
            continue
        for method, made in maps.items():
            wide = _mapped(outer, inner, inside.outer, made)
            parts.append(with_probabilities(outcome, model, wide).assign(method=method))
    if lacking:
        tell(
            f"No recalibrations of {some(lacking)} for {outcome.name}: inside some fold it answers for no patient of a "
            "class."
        )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _lacks_a_class(inner: pd.DataFrame, splits: Sequence[Split], outer: pd.DataFrame) -> bool:
    found = inner.groupby("repeat")["code"].nunique().reindex(range(len(splits)), fill_value=0)
    return bool((found < len(outer.columns.drop(OF_SAMPLE))).any())


def _mapped(
    outer: pd.DataFrame, inner: pd.DataFrame, splits: Sequence[Split], made: type[ProbabilityMap]
) -> pd.DataFrame:
    """Return the predictions of each fold by the map that was learned inside its training part."""
    names, parts = list(outer.columns.drop(OF_SAMPLE)), []
    repeats = outer.index.get_level_values("repeat")
    for place, split in enumerate(splits):
        tested = outer[(repeats == split.repeat) & (outer["fold"] == split.fold)]
        learned = inner.xs(place, level="repeat")
        fitted = made().fit(learned[names].to_numpy(), learned["code"].to_numpy())
        parts.append(tested.assign(**dict(zip(names, fitted.apply(tested[names].to_numpy()).T, strict=True))))
    return pd.concat(parts)
