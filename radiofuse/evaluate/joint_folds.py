"""Models of several outcomes at once in folds: fitted once per fold, and scored wherever an outcome is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.errors import CohortError
from radiofuse.evaluate.findings import inspect_fold
from radiofuse.evaluate.fold_answers import Table, tidy
from radiofuse.evaluate.fold_runner import FoldRun
from radiofuse.evaluate.folds import FoldResult, by_id, fold_results
from radiofuse.patients.splits import Split, as_ids, refuse_straddlers
from radiofuse.tables.answers import of_outcome
from radiofuse.tables.outcomes import Outcome


@dataclass(frozen=True, eq=False, kw_only=True)
class JointRun(FoldRun):
    """A model of several outcomes at once, the rows it is for, and its splits.

    Attributes
    ----------
    y : DataFrame of shape (n_samples, n_outcomes)
        The place of each row's class, NaN where it is unknown.
    outcomes : sequence of Outcome
        What the columns of ``y`` are.
    """

    y: pd.DataFrame
    outcomes: Sequence[Outcome]

    @property
    def labels(self) -> pd.DataFrame:
        """What a model is fitted to."""
        return self.y

    def told(self, fitted: Any, name: str, X_test: Table, split: Split) -> pd.DataFrame:
        """Return the answers for every outcome, of the test rows in which it is known."""
        self._check_classes(fitted, name)
        answers, parts = fitted.predict_proba_each(X_test), []
        for outcome in self.outcomes:
            codes = self.y[outcome.name].to_numpy()[split.test]
            known = ~np.isnan(codes)
            rows = self.rows.iloc[split.test[known]].assign(label=codes[known].astype(int))
            parts.append(tidy(of_outcome(answers, outcome.name)[known], rows, outcome, split))
        return pd.concat(parts, ignore_index=True)

    def _check_classes(self, fitted: Any, name: str) -> None:
        for outcome, classes in zip(self.outcomes, fitted.classes_, strict=True):
            lacking = [label for place, label in enumerate(outcome.classes) if place not in classes]
            if lacking:
                sentence = f"The rows that {name} learns from in a fold hold no {outcome.name} = {lacking[0]}."
                raise CohortError("The training table", [f"{sentence} Lower the number of folds, or add patients."])


def run_joint_folds(
    models: Mapping[str, Any],
    X: pd.DataFrame,
    y: pd.DataFrame,
    *,
    groups: np.ndarray,
    splits: Sequence[Split],
    outcomes: Sequence[Outcome],
    views: Mapping[str, Any],
    **options: Any,
) -> list[FoldResult]:
    """Fit models of several outcomes in every split, and ask them about its test rows.

    Parameters
    ----------
    models : dict of str to estimator
        With ``fit(X, y, groups)`` for a table ``y``, and ``predict_proba_each``, whose columns are triples of
        outcome, answer and class.
    X : DataFrame of shape (n_samples, n_features)
        The index holds the sample ids.
    y : DataFrame of shape (n_samples, n_outcomes)
        The place of each row's class, NaN where it is unknown; a row without any is only trained on.
    groups : ndarray of shape (n_samples,)
        Patient of each row.
    splits : sequence of Split
    outcomes : sequence of Outcome
        What the columns of ``y`` are.
    views : dict of str to callable
        By outcome: makes a fitted model one of that outcome alone, for what folds record of it.
    **options
        ``n_jobs``, ``on_done`` and ``kept``, as of `run_folds`.

    Returns
    -------
    list of FoldResult
        In the order of ``splits``; the finding of a model is a dict with that of each outcome.
    """
    ids, patients = as_ids(X.index, "sample"), as_ids(groups, "patient")
    for split in splits:
        refuse_straddlers(split, patients)
    ordered = [by_id(split, ids) for split in splits]
    rows = pd.DataFrame({"sample_id": ids, "patient_id": patients})
    runs = {name: JointRun(model, X, rows, ordered, patients, y=y, outcomes=outcomes) for name, model in models.items()}
    return fold_results(runs, inspect=_InspectEach(views), **options)


class _InspectEach:
    """Looks at a fitted model once for each outcome; a class, because workers are sent it."""

    def __init__(self, views: Mapping[str, Any]) -> None:
        self._views = views

    def __call__(self, fitted: Any, X_test: pd.DataFrame, y_test: pd.DataFrame) -> dict[str, Any]:
        found = {}
        for name, view in self._views.items():
            known = y_test[name].notna().to_numpy()
            found[name] = inspect_fold(view(fitted), X_test[known], y_test[name][known].to_numpy(int))
        return found
