"""What a shortcut is asked about: a model, its rows, its folds, and what was honestly found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.evaluate import gather_predictions, run_folds
from radiofuse.evaluate.fold_runner import Inspect
from radiofuse.evaluate.folds import FoldResult
from radiofuse.patients import Split
from radiofuse.statistics.intervals import draw_seed, multiplicities
from radiofuse.statistics.outcome_kinds import KINDS
from radiofuse.tables.outcomes import Outcome
from radiofuse.tables.predictions import rows_of_model
from radiofuse.work.kept import Kept


@dataclass(frozen=True, eq=False)
class Question:
    """A model of one outcome, and the honest answers of all models.

    Attributes
    ----------
    outcome : Outcome
    model : estimator
        Unfitted.
    answer : str
        The model's main answer, as the predictions call it.
    X : DataFrame of shape (n_samples, n_columns)
        The index holds the sample ids.
    y : ndarray of int, shape (n_samples,)
        The place of each row's class.
    groups : ndarray of shape (n_samples,)
        Patient of each row.
    splits : sequence of Split
        Those that the honest answers come from.
    predictions : DataFrame
        The honest out-of-fold predictions of this outcome, of all models.
    n_resamples : int
        Resamples of the patients.
    random_state : int
        Seed of the resampling.
    n_jobs : int
        Processes; no number depends on it.
    kept : Kept, optional
        Where finished folds are kept for a rerun.
    """

    outcome: Outcome
    model: Any
    answer: str
    X: pd.DataFrame
    y: np.ndarray
    groups: np.ndarray
    splits: Sequence[Split]
    predictions: pd.DataFrame
    n_resamples: int = 2000
    random_state: int = 0
    n_jobs: int = 1
    kept: Kept | None = None

    @cached_property
    def honest(self) -> pd.DataFrame:
        """The honest rows of the main answer."""
        return rows_of_model(self.predictions, self.answer)

    def counts(self, n_patients: int) -> np.ndarray:
        """Return how often each patient is in each resample: the resamples that the scores come from."""
        return multiplicities(n_patients, self.n_resamples, draw_seed(self.random_state))

    def draws(self, rows: pd.DataFrame, metric: str = "auc") -> np.ndarray:
        """Return a metric of one model's rows in the cohort and in each resample, shape (1 + n_resamples,)."""
        of_model = KINDS[self.outcome.kind].of_rows(rows, self.outcome.told, 0.5, None)
        return of_model.draws(self.counts(rows["patient_id"].nunique()), [metric])[of_model.whole, metric]

    def in_folds(self, name: str, model: Any, inspect: Inspect | None = None) -> list[FoldResult]:
        """Return what a model answers in the folds; its name tells finished folds apart, and is no answer's."""
        called = f"ledger: {name}"
        options: dict[str, Any] = {"n_jobs": self.n_jobs, "inspect": inspect, "kept": self.kept}
        options |= {"groups": self.groups, "splits": self.splits, "outcome": self.outcome}
        return run_folds({called: model}, self.X, self.y, **options)

    def answered(self, name: str, model: Any) -> pd.DataFrame:
        """Return the rows of the main answer by another model of the same answers."""
        return rows_of_model(gather_predictions(self.in_folds(name, model)), self.answer)
