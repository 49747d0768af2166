"""How far every answer of a run moves with who it was learned from: refits to bootstraps of the training patients."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from radiofuse.bundle.format import TABLES
from radiofuse.experiment.answers_within import Divided, Division, Within, Work, answers_within
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.experiment.rows import Rows
from radiofuse.patients import Split
from radiofuse.patients.resampled import resampled_patients
from radiofuse.patients.strata import joint_strata
from radiofuse.progress import Meter
from radiofuse.tables.outcomes import Outcome

log = logging.getLogger(__name__)

KEYS = ["model", "sample_id", "class"]


def spreads(
    recipe: Recipe,
    rows: Rows,
    splits: Sequence[Split],
    *,
    n_jobs: int,
    progress: Meter,
    kept_in: Path | None = None,
    tell: Callable[[str], None] = log.warning,
) -> pd.DataFrame:
    """Return the table ``spreads``; without rows where the recipe asks for none.

    Every model that the bundle keeps is fitted to bootstraps of the patients of every training part, class by class,
    selection and scaling included, and asked about the patients that the fold tests.

    Parameters
    ----------
    recipe, rows, n_jobs, progress, kept_in
        As for ``evaluate_models``.
    splits : sequence of Split
        Of the run.
    tell : callable, optional
        Takes a sentence on outcomes and models that have none.
    """
    columns, n_refits = list(TABLES["spreads"].columns), recipe.evaluation.spread_refits
    if not n_refits:
        return pd.DataFrame(columns=columns)
    drawn = _Drawn(n_refits, recipe.seed)
    division = Division(drawn.of_one, drawn.of_all, n_refits, "Refitting to bootstraps", "spreads")
    found = answers_within(Work(recipe, rows, n_jobs, progress, kept_in, tell), splits, division)
    parts = [_moments(within, n_refits) for within in found.values()]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


class _Drawn:
    """Bootstraps of the patients of training parts; the test part of the outer split is asked about."""

    def __init__(self, n_refits: int, seed: int):
        self.n_refits, self.seed = n_refits, seed

    def of_one(self, y: np.ndarray, groups: np.ndarray, outcome: Outcome) -> Divided:
        return partial(self._bootstraps, y, groups)

    def of_all(self, labels: pd.DataFrame, groups: np.ndarray) -> Divided:
        def divided(split: Split, place: int) -> list[Split]:
            strata = np.zeros(len(labels), dtype=int)
            strata[split.train] = joint_strata(labels.iloc[split.train], groups[split.train], fewest=2)
            return self._bootstraps(strata, groups, split, place)

        return divided

    def _bootstraps(self, strata: np.ndarray, groups: np.ndarray, split: Split, place: int) -> list[Split]:
        random, train = np.random.RandomState([self.seed, place]), split.train
        drawn = [resampled_patients(strata[train], groups[train], random_state=random) for _ in range(self.n_refits)]
        numbered = enumerate(drawn, start=place * self.n_refits)
        return [Split(number, 0, train[rows], split.test) for number, rows in numbered]


def _moments(within: Within, n_refits: int) -> pd.DataFrame:
    """Return mean and standard deviation of the refits' probabilities for each row of the predictions."""
    rows = within.outcome.rows
    place = rows["repeat"] // n_refits
    told = rows.groupby([place.rename("place"), *KEYS], sort=False)["probability"].agg(["mean", "std"]).reset_index()
    outer = [(split.repeat, split.fold) for split in within.outer]
    repeat, fold = np.array(outer)[told["place"]].T
    return told.assign(outcome=within.outcome.name, repeat=repeat, fold=fold, sd=told["std"])
