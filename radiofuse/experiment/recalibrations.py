"""What recalibrating every answer of a run would do, by maps learned from inner folds of the training parts."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.bundle.format import TABLES
from radiofuse.classify.probability_maps import PROBABILITY_MAPS, ProbabilityMap
from radiofuse.errors import CohortError
from radiofuse.evaluate import gather_predictions, run_folds
from radiofuse.experiment.all_models import list_all_models
from radiofuse.experiment.folds_key import folds_key
from radiofuse.experiment.joint_evaluation import JointFolds, evaluate_joint_models
from radiofuse.experiment.models import TRIVIAL_RULE
from radiofuse.experiment.recipe import Recipe
from radiofuse.experiment.rows import LabeledRows, Rows
from radiofuse.patients import Split
from radiofuse.patients.inner_folds import folds_of_outcomes, inner_folds
from radiofuse.progress import Meter
from radiofuse.statistics import recalibration_table
from radiofuse.tables.outcomes import Outcome
from radiofuse.tables.predictions import OutcomeRows, choose_outcome, outcomes_of
from radiofuse.tables.wide_predictions import OF_SAMPLE, wide_of_model, with_probabilities
from radiofuse.wording import some
from radiofuse.work.kept import Kept

TOO_FEW = (
    "Recalibrating in {cv} inner folds needs {cv} patients of each class in every training part, and {smallest} has "
    "{fewest}. Lower inner_folds under [fusion], or leave recalibrations out."
)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Work:
    """What the inner folds of every outcome work with."""

    recipe: Recipe
    rows: Rows
    n_jobs: int
    progress: Meter
    kept_in: Path | None


def recalibrations(
    recipe: Recipe,
    rows: Rows,
    predictions: pd.DataFrame,
    splits: Sequence[Split],
    *,
    n_jobs: int,
    progress: Meter,
    kept_in: Path | None = None,
) -> dict[str, pd.DataFrame]:
    """Return the tables ``recalibrated`` and ``recalibrations``; without rows where the recipe asks for none.

    Every model is fitted again in inner folds of whole patients of every training part (as many as [fusion] says). The
    map of a fold is learned from what these say of their held-out patients, and applied to the fold's predictions: no
    patient has a part in the own recalibration. The answers of the run stay as they are.

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
    """
    methods = recipe.evaluation.recalibrations
    nothing = {name: pd.DataFrame(columns=list(TABLES[name].columns)) for name in ("recalibrated", "recalibrations")}
    if not methods:
        return nothing
    work = _Work(recipe, rows, n_jobs, progress, kept_in)
    inside = _inside(work, splits)
    told = {outcome.name: choose_outcome(predictions, outcome.name) for outcome in rows.outcomes}
    maps: dict[str, type[ProbabilityMap]] = {name: PROBABILITY_MAPS[name] for name in methods}
    parts = [_recalibrated(told[name], inner, maps) for name, inner in inside.items()]
    parts = [part for part in parts if len(part)]
    if not parts:
        return nothing
    recalibrated = pd.concat(parts, ignore_index=True)
    table = recalibration_table(predictions, recalibrated, random_state=recipe.seed)
    return {"recalibrated": recalibrated[list(TABLES["recalibrated"].columns)], "recalibrations": table}


@dataclass(frozen=True)
class _Inside:
    """The answers for held-out patients of inner folds; their repeat is the place of the outer split."""

    outcome: OutcomeRows
    outer: list[Split]


def _inside(work: _Work, splits: Sequence[Split]) -> dict[str, _Inside]:
    """Return what models fitted in inner folds say, by outcome; one with too few patients is named in a warning."""
    try:
        joint = _joint(work, splits)
    except CohortError as error:
        log.warning("No recalibrations of models of several outcomes: %s", error)
        joint = JointFolds([], [])
    found = {}
    for outcome in work.rows.outcomes:
        try:
            found[outcome.name] = _of_outcome(work, outcome, splits, joint)
        except CohortError as error:
            log.warning("No recalibrations for %s: %s", outcome.name, error)
    return found


def _of_outcome(work: _Work, outcome: Outcome, splits: Sequence[Split], joint: JointFolds) -> _Inside:
    labeled = work.rows.of(outcome)
    own = [split for split in map(labeled.split, splits) if split.test.size]
    models = list_all_models(work.recipe, work.rows, labeled, own)
    del models[TRIVIAL_RULE]
    inner = [one for place, split in enumerate(own) for one in _inner(work.recipe, labeled, split, place)]
    key = folds_key(work.recipe, work.rows, labeled, inner)
    kept = None if work.kept_in is None else Kept(work.kept_in, key)
    several = len(work.rows.outcomes) > 1
    with work.progress(f"Recalibrating, {outcome.name}" if several else "Recalibrating", "fits") as on_done:
        folds = run_folds(
            models,
            labeled.X,
            labeled.y,
            groups=labeled.groups,
            splits=inner,
            outcome=outcome,
            n_jobs=work.n_jobs,
            kept=kept,
            on_done=on_done,
        )
    table = gather_predictions(folds)
    if joint.models:
        table = pd.concat([table, _of_own_splits(joint.of(outcome), own, splits)], ignore_index=True)
    return _Inside(outcomes_of(table)[0], own)


def _inner(recipe: Recipe, labeled: LabeledRows, split: Split, place: int) -> list[Split]:
    y, groups = labeled.y[split.train], np.asarray(labeled.groups)[split.train]
    classes = np.asarray(labeled.outcome.classes)
    folds = inner_folds(recipe.fusion.inner_folds, y, groups, recipe.seed, refusal=TOO_FEW, classes=classes)
    return _nested(split, folds, place)


def _nested(split: Split, folds: Sequence[tuple[np.ndarray, np.ndarray]], place: int) -> list[Split]:
    return [Split(place, fold, split.train[train], split.train[test]) for fold, (train, test) in enumerate(folds)]


def _joint(work: _Work, splits: Sequence[Split]) -> JointFolds:
    """Return what models of all outcomes at once say inside the training parts; places are those of all splits."""
    rows, inner = work.rows, []
    for place, split in enumerate(splits):
        known = rows.y.iloc[split.train].reset_index(drop=True)
        known = known.fillna(known.mode().iloc[0])  # a few unknown ones would keep a rare class from being dealt evenly
        groups = np.asarray(rows.groups)[split.train]
        folds = folds_of_outcomes(work.recipe.fusion.inner_folds, known, groups, work.recipe.seed)
        inner += _nested(split, folds, place)
    options: dict[str, Any] = {"n_jobs": work.n_jobs, "progress": work.progress, "kept_in": work.kept_in}
    return evaluate_joint_models(work.recipe, rows, inner, **options)


def _of_own_splits(table: pd.DataFrame, own: Sequence[Split], splits: Sequence[Split]) -> pd.DataFrame:
    """Return predictions whose repeats are places of all splits by the places of those that test the outcome."""
    place = {(split.repeat, split.fold): at for at, split in enumerate(own)}
    among = {at: place.get((split.repeat, split.fold)) for at, split in enumerate(splits)}
    kept = table[table["repeat"].map(among).notna()]
    return kept.assign(repeat=kept["repeat"].map(among).astype(int))


def _recalibrated(outcome: OutcomeRows, inside: _Inside, maps: Mapping[str, type[ProbabilityMap]]) -> pd.DataFrame:
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
        log.warning(
            "No recalibrations of %s for %s: inside some fold it answers for no patient of a class.",
            some(lacking),
            outcome.name,
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
