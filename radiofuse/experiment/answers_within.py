"""The models of a run fitted again within each training part, and what these fits say of patients they never saw."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.errors import CohortError
from radiofuse.evaluate import gather_predictions, run_folds
from radiofuse.experiment.folds_key import folds_key
from radiofuse.experiment.joint_evaluation import JointFolds, evaluate_joint_models
from radiofuse.experiment.models.all_models import list_all_models
from radiofuse.experiment.models.building import CLINICAL_ARM
from radiofuse.experiment.models.model_list import called, model_list
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.experiment.rows import Rows
from radiofuse.patients import Split
from radiofuse.progress import Meter
from radiofuse.tables.outcomes import Outcome
from radiofuse.tables.predictions import OutcomeRows, outcomes_of
from radiofuse.work.kept import Kept

log = logging.getLogger(__name__)

Divided = Callable[
    [Split, int], list[Split]
]  # an outer split and its number, from 0, to splits within its training part


@dataclass(frozen=True)
class Work:
    """What the fits of every outcome work with; as for ``evaluate_models``."""

    recipe: Recipe
    rows: Rows
    n_jobs: int
    progress: Meter
    kept_in: Path | None
    tell: Callable[[str], None] = log.warning  # what is said of outcomes and models that have none


@dataclass(frozen=True)
class Division:
    """How training parts are divided.

    Attributes
    ----------
    of_one : callable
        Given the codes, patients and outcome of labeled rows returns what divides their splits.
    of_all : callable
        Given the codes of all outcomes and patients returns what divides splits of all rows.
    per_split : int
        The repeat of a split within the outer split of number k is k * per_split and less than the next one's.
    title, what : str
        For the progress bar, and in a warning.
    """

    of_one: Callable[[np.ndarray, np.ndarray, Outcome], Divided]
    of_all: Callable[[pd.DataFrame, np.ndarray], Divided]
    per_split: int
    title: str
    what: str


@dataclass(frozen=True)
class Within:
    """The answers about one outcome; the repeat of a row tells the outer split that it is within."""

    outcome: OutcomeRows
    outer: list[Split]


def answers_within(work: Work, splits: Sequence[Split], division: Division) -> dict[str, Within]:
    """Return what models that the bundle keeps say when they are fitted within the training parts, by outcome.

    An outcome with too few patients for it is named to ``work.tell``, and so are models of several outcomes.
    """
    try:
        joint = _joint(work, splits, division)
    except CohortError as error:
        work.tell(f"No {division.what} of models of several outcomes: {' '.join(error.problems)}")
        joint = JointFolds([], [])
    found = {}
    for outcome in work.rows.outcomes:
        try:
            found[outcome.name] = _of_outcome(work, outcome, splits, division, joint)
        except CohortError as error:
            work.tell(f"No {division.what} for {outcome.name}: {' '.join(error.problems)}")
    return found


def _of_outcome(work: Work, outcome: Outcome, splits: Sequence[Split], division: Division, joint: JointFolds) -> Within:
    labeled = work.rows.of(outcome)
    own = [split for split in map(labeled.split, splits) if split.test.size]
    models = list_all_models(work.recipe, work.rows, labeled, own)
    models = {name: models[name] for name in models if name in {*_kept(work.recipe), CLINICAL_ARM}}
    divided = division.of_one(labeled.y, np.asarray(labeled.groups), outcome)
    inner = [one for place, split in enumerate(own) for one in divided(split, place)]
    kept = None
    if work.kept_in is not None:
        kept = Kept(work.kept_in, folds_key(work.recipe, work.rows, labeled, inner))
    title = f"{division.title}, {outcome.name}" if len(work.rows.outcomes) > 1 else division.title
    options: dict[str, Any] = {"groups": labeled.groups, "splits": inner, "outcome": outcome, "kept": kept}
    with work.progress(title, "fits") as on_done:
        folds = run_folds(models, labeled.X, labeled.y, n_jobs=work.n_jobs, on_done=on_done, **options)
    table = gather_predictions(folds)
    if joint.models:
        table = pd.concat([table, _of_own_splits(joint.of(outcome), own, splits, division.per_split)])
    return Within(outcomes_of(table.reset_index(drop=True))[0], own)


def _joint(work: Work, splits: Sequence[Split], division: Division) -> JointFolds:
    """Return what models of all outcomes at once say; numbers are those of all splits."""
    rows = work.rows
    # a few patients who are unknown would keep a rare class from being dealt evenly
    divided = division.of_all(rows.y.fillna(rows.y.mode().iloc[0]), np.asarray(rows.groups))
    inner = [one for place, split in enumerate(splits) for one in divided(split, place)]
    options: dict[str, Any] = {"n_jobs": work.n_jobs, "progress": work.progress, "kept_in": work.kept_in}
    return evaluate_joint_models(work.recipe, rows, inner, **options, only=_kept(work.recipe))


def _kept(recipe: Recipe) -> set[str]:
    """Return the models that the bundle keeps: the others are there for comparison, and not fitted again."""
    return {called(model) for model in model_list(recipe) if model.keep}


def _of_own_splits(table: pd.DataFrame, own: Sequence[Split], splits: Sequence[Split], per_split: int) -> pd.DataFrame:
    """Return predictions within all splits with the numbers of the splits that test the outcome."""
    place = {(split.repeat, split.fold): at for at, split in enumerate(own)}
    among = {at: place.get((split.repeat, split.fold)) for at, split in enumerate(splits)}
    number = (table["repeat"] // per_split).map(among)
    kept = table[number.notna()]
    return kept.assign(repeat=number[number.notna()].astype(int) * per_split + kept["repeat"] % per_split)
