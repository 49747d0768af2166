"""What a fitted model answers in a fold, as rows of predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from radiofuse.errors import RequestError
from radiofuse.patients.splits import Split
from radiofuse.tables.answers import answers_table, by_class
from radiofuse.tables.outcomes import Outcome
from radiofuse.tables.predictions import LONG_PREDICTION_COLUMNS, PREDICTION_COLUMNS
from radiofuse.wording import listed

Table: TypeAlias = ArrayLike | pd.DataFrame


def answers_of(fitted: Any, name: str, X: Table, n_classes: int) -> pd.DataFrame:
    """Return what a fitted model answers for some rows: of one model a column per class, or what it answers itself.

    Raises
    ------
    RequestError
        If the model has no number for a row.
    """
    if hasattr(fitted, "predict_proba_each"):
        return fitted.predict_proba_each(X)
    probability = class_probabilities(fitted, X, n_classes)
    absent = np.isnan(probability).any(axis=1)
    if absent.any():
        raise RequestError(
            f"Model {name} ({type(fitted).__name__}) gave no number for {absent.sum()} of {len(absent)} test rows; "
            "look for values it cannot handle."
        )
    told = probability[:, 1] if n_classes == 2 else probability
    return answers_table({name: told}, pd.RangeIndex(len(told)), np.arange(n_classes))


def class_probabilities(fitted: BaseEstimator, X: Table, n_classes: int) -> np.ndarray:
    """Return the probabilities of the labels 0, 1, ..., shape (n_samples, n_classes), wherever ``classes_`` has them.

    Raises
    ------
    RequestError
        If the answer has not one column for each label.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> class_probabilities(DummyClassifier().fit([[0], [0], [0], [0]], [0, 1, 1, 1]), [[0]], 2)
    array([[0.25, 0.75]])
    """
    answer, labels = np.asarray(fitted.predict_proba(X)), list(range(n_classes))
    classes = list(getattr(fitted, "classes_", labels))
    if answer.ndim != 2 or answer.shape[1] != n_classes or sorted(classes) != labels:
        raise RequestError(
            f"{type(fitted).__name__} must answer with one column for each of the labels {listed(labels)}; it answered "
            f"shape {answer.shape} for the classes {classes}. Mend its predict_proba."
        )
    return answer[:, [classes.index(label) for label in labels]]


def tidy(answers: pd.DataFrame, rows: pd.DataFrame, outcome: Outcome | None, split: Split) -> pd.DataFrame:
    """Return the answers for some rows of a split as predictions.

    Parameters
    ----------
    answers : DataFrame of shape (n_samples, n_answers) or (n_samples, n_answers x n_classes)
    rows : DataFrame of shape (n_samples, 3)
        Columns sample_id, patient_id and label.
    outcome : Outcome, optional
        As of `FoldRun`.
    split : Split
    """
    rows = rows.assign(repeat=split.repeat, fold=split.fold)
    if outcome is None:
        return _by_model(answers, rows, PREDICTION_COLUMNS)
    rows, parts = rows.assign(outcome=outcome.name), []
    for place, name, each in by_class(answers, outcome):
        of_class = rows.assign(label=(rows["label"] == place).astype(int), **{"class": name})
        parts.append(_by_model(each, of_class, LONG_PREDICTION_COLUMNS))
    return pd.concat(parts, ignore_index=True)


def _by_model(answers: pd.DataFrame, rows: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return the rows with each model's probability, model by model; without those that have none."""
    names, n_rows = list(answers), len(rows)
    told = rows.iloc[np.tile(np.arange(n_rows), len(names))]
    told = told.assign(model=np.repeat(names, n_rows), probability=answers.to_numpy(float).T.ravel())
    return told.dropna(subset="probability")[list(columns)]
