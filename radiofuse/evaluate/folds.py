"""Models over one table in folds of whole patients: predictions, and findings of every fold."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import check_consistent_length

from radiofuse.errors import RequestError
from radiofuse.evaluate.fold_runner import Finished, FitInSplits, FoldRun, Inspect, Job, finish_folds
from radiofuse.patients.routing import refuse_misaligned
from radiofuse.patients.splits import Split, as_ids, check_classes, check_labels, patient_splits, refuse_straddlers
from radiofuse.progress import Progress
from radiofuse.tables.outcomes import BINARY, MULTICLASS, Outcome
from radiofuse.wording import counted
from radiofuse.work.kept import Kept

_NUMBER = re.compile(r"\d+")
logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class FoldResult:
    """What one fold gave.

    Attributes
    ----------
    repeat, fold : int
        As in the split.
    predictions : DataFrame
        The test rows, by model and sample; columns as in `cross_validated_predictions`.
    findings : dict
        For each model name what ``inspect`` returned, or None.
    seconds : dict
        For each model name how long it was fitted and asked; what splits or models share counts in the first of
        them.
    """

    repeat: int
    fold: int
    predictions: pd.DataFrame
    findings: dict[str, Any]
    seconds: dict[str, float]


def cross_validated_predictions(
    model: BaseEstimator | Mapping[str, BaseEstimator],
    X: ArrayLike | pd.DataFrame,
    y: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    cv: int = 5,
    n_repeats: int = 1,
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
) -> pd.DataFrame:
    """Predict every sample by models that never saw its patient.

    Repeated stratified k-fold over patients. Neither the order of the rows nor ``n_jobs`` changes a number:
    models are fitted on rows in the order of their ids, with one thread each.

    Parameters
    ----------
    model : estimator, or dict of name to estimator
        Classifiers with ``predict_proba``. An estimator with ``predict_proba_each`` adds one model per
        column of its answer; any other adds one, under its name in the dict (a bare one: "model").
    X : DataFrame or array-like of shape (n_samples, n_features)
        Features. The index of a DataFrame holds the sample ids; samples of an array are called by position.
    y : array-like of shape (n_samples,)
        Labels: 0 and 1, or classes of any name, of which in ascending order the last of two is the positive one.
    groups : array-like of shape (n_samples,), optional
        Patient of each row; without it each sample is a patient. Also handed to the model, or to each step of a
        Pipeline, whose ``fit`` takes ``groups``.
    cv : int, default=5
        Folds per repeat.
    n_repeats : int, default=1
        How often the patients are dealt into folds anew.
    random_state : int, RandomState or None, default=None
        Seed of the folds. Models bring their own.
    n_jobs : int, optional
        Processes, as in joblib.

    Returns
    -------
    DataFrame
        Columns sample_id, patient_id, repeat, fold, model, label, probability; one row per model, repeat and
        sample, in the order of model (as given), repeat, fold, sample_id. A model of an estimator with
        ``predict_proba_each`` has no row where it answers NaN: the modality is absent. Of other labels than 0 and 1
        there are the columns outcome and class too, as `score_predictions` says.

    Raises
    ------
    RequestError
        Labels that are no classes, a class with fewer patients than folds, repeated sample ids, an estimator
        without ``predict_proba``, or two estimators that answer under one name.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = make_classification(40, random_state=0)
    >>> table = cross_validated_predictions({"t1": LogisticRegression()}, X, y, cv=4, random_state=0)
    >>> table.columns.tolist()
    ['sample_id', 'patient_id', 'repeat', 'fold', 'model', 'label', 'probability']
    >>> len(table), table.fold.nunique()
    (40, 4)
    """
    models = model if isinstance(model, Mapping) else {"model": model}
    refuse_misaligned(X, y=y, groups=groups)
    patients = _sample_ids(X) if groups is None else groups
    splits = patient_splits(y, patients, n_splits=cv, n_repeats=n_repeats, random_state=random_state)
    outcome, codes = outcome_of(y)
    folds = run_folds(models, X, codes, groups=groups, splits=splits, n_jobs=n_jobs, outcome=outcome)
    return gather_predictions(folds)


def outcome_of(y: ArrayLike) -> tuple[Outcome | None, np.ndarray]:
    """Return what labels are the classes of, and their places; labels of 0 and 1 need no outcome."""
    labels = check_classes(y)
    classes, codes = np.unique(labels, return_inverse=True)
    if set(classes) <= {0, 1}:
        return None, labels
    kind = BINARY if len(classes) == 2 else MULTICLASS
    return Outcome(str(getattr(y, "name", None) or "label"), tuple(map(str, classes)), kind), codes


def run_folds(
    models: Mapping[str, BaseEstimator],
    X: ArrayLike | pd.DataFrame,
    y: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    splits: Sequence[Split],
    n_jobs: int | None = None,
    inspect: Inspect | None = None,
    on_done: Progress | None = None,
    kept: Kept | None = None,
    fit: FitInSplits | None = None,
    outcome: Outcome | None = None,
) -> list[FoldResult]:
    """Fit and ask every model in every split.

    Parameters
    ----------
    models, X, y, groups, n_jobs
        As in `cross_validated_predictions`; ``models`` is a dict.
    splits : sequence of Split
        From `patient_splits`, or any whose patients do not straddle.
    inspect : callable, optional
        Called as ``inspect(fitted, X_test, y_test)`` in the process of the fold; what it returns is kept as
        the finding of that fold and model.
    on_done : callable, optional
        Called as ``on_done(done, total)`` whenever one model of one split is done.
    kept : Kept, optional
        Where every finished model of a split is kept, and found again by a rerun; its key must hold all that they
        depend on. What ``inspect`` returns must be of the kinds that `Kept.add` takes.
    fit : callable, optional
        Called as ``fit(model, X, y, splits, groups=patients)`` with several splits, whose rows come in the order of
        their ids; yields a clone fitted to each, so that what they share is computed once, as
        `radiofuse.select.fit_in_splits` does. Without it each is fitted alone.
    outcome : Outcome, optional
        What the labels are the places of the classes of: predictions then name it, and each class that has a
        probability of its own. Without it labels are 0 and 1.

    Returns
    -------
    list of FoldResult
        In the order of ``splits``.

    Raises
    ------
    RequestError
        As in `cross_validated_predictions`, or a split has one patient on both sides.
    WorkerError
        If the process of one model of one split was killed twice.
    """
    refuse_misaligned(X, y=y, groups=groups)
    rows = _rows(X, check_labels(y) if outcome is None else check_classes(y), groups)
    _check_models(models)
    ids, patients = rows["sample_id"].to_numpy(), rows["patient_id"].to_numpy()
    for split in splits:
        refuse_straddlers(split, patients)
    ordered = [by_id(split, ids) for split in splits]
    if isinstance(X, pd.DataFrame):
        X = X.copy()  # in one piece of memory: of a table read column by column, taking rows took half of a fold's time
    runs = {name: FoldRun(model, X, rows, ordered, patients, outcome) for name, model in models.items()}
    return fold_results(runs, n_jobs=n_jobs, inspect=inspect, on_done=on_done, kept=kept, fit=fit)


def fold_results(
    runs: Mapping[str, FoldRun], *, kept: Kept | None = None, on_done: Progress | None = None, **options: Any
) -> list[FoldResult]:
    """Return what every run gave in every split; all have the same ones.

    Parameters
    ----------
    runs : dict of str to FoldRun
        By the name of the model.
    kept, on_done
        As in `run_folds`.
    **options
        As `finish_folds` takes them.
    """
    splits = next(iter(runs.values())).splits
    with nullcontext() if kept is None else kept.writing():
        finished = finish_folds(runs, kept=kept, **options)
        outcomes = _collect(finished, len(splits) * len(runs), on_done)
    return [_fold_result(split, place, runs, outcomes) for place, split in enumerate(splits)]


def by_id(split: Split, ids: np.ndarray) -> Split:
    """Return a split with its rows in the order of their ids."""
    # inner folds and bootstraps of a model follow the order of its rows; ids give one that does not vary
    train, test = (part[np.argsort(ids[part], kind="stable")] for part in (split.train, split.test))
    return replace(split, train=train, test=test)


def gather_predictions(results: Iterable[FoldResult]) -> pd.DataFrame:
    """Return the predictions of all folds in one table, by model, repeat, fold and sample."""
    table = pd.concat([result.predictions for result in results], ignore_index=True)
    names = table["model"].unique()
    place = table["model"].map({name: place for place, name in enumerate(names)})
    keys = [table["sample_id"], table["fold"], table["repeat"], place]
    return table.iloc[np.lexsort([key.to_numpy() for key in keys])].reset_index(drop=True)


def _rows(X: ArrayLike | pd.DataFrame, labels: np.ndarray, groups: ArrayLike | None) -> pd.DataFrame:
    sample_ids = _sample_ids(X)
    patients = sample_ids if groups is None else as_ids(groups, "patient")
    check_consistent_length(sample_ids, labels, patients)
    ids, times = np.unique(sample_ids, return_counts=True)
    if (times > 1).any():
        raise RequestError(
            f"{(times > 1).sum()} sample ids occur more than once in the index of X, for example "
            f"{ids[times > 1][0]}. Give each row its own id and name its patient in groups."
        )
    return pd.DataFrame({"sample_id": sample_ids, "patient_id": patients, "label": labels})


def _sample_ids(X: ArrayLike | pd.DataFrame) -> np.ndarray:
    return as_ids(X.index if isinstance(X, pd.DataFrame) else np.arange(np.shape(X)[0]), "sample")


def _check_models(models: Mapping[str, BaseEstimator]) -> None:
    if not models:
        raise RequestError("There is no model to cross-validate; name at least one.")
    for name, model in models.items():
        if not (hasattr(model, "predict_proba") or hasattr(model, "predict_proba_each")):
            raise RequestError(
                f"Model {name} ({type(model).__name__}) has no predict_proba; choose a classifier that gives "
                "probabilities, or wrap this one in CalibratedClassifierCV."
            )


def _collect(finished: Iterable[Finished], total: int, on_done: Progress | None) -> dict[Job, Finished]:
    outcomes: dict[Job, Finished] = {}
    owners: dict[str, str] = {}
    for outcome in finished:
        name = outcome.job[1]
        for answered in outcome.predictions["model"].unique():
            if owners.setdefault(answered, name) != name:
                raise RequestError(
                    f"Models {owners[answered]} and {name} both answer as {answered}; rename one of them."
                )
        outcomes[outcome.job] = outcome
        if on_done is not None:
            on_done(len(outcomes), total)
    log_warnings(sum((outcome.warned for outcome in outcomes.values()), Counter()), "while fitting")
    return outcomes


def log_warnings(warned: Counter[str], when: str) -> None:
    """Say each kind of warning once, with its count: a thousand fits may warn alike but for a number."""
    kinds: dict[str, list[str]] = {}
    for message in sorted(warned):
        kinds.setdefault(_NUMBER.sub("#", message), []).append(message)
    for alike in kinds.values():
        times = sum(warned[message] for message in alike)
        logger.warning("Warned %s %s, for instance: %s", counted(times, "time"), when, alike[0])


def _fold_result(split: Split, place: int, models: Iterable[str], outcomes: Mapping[Job, Finished]) -> FoldResult:
    tables = [outcomes[place, name].predictions for name in models]
    findings = {name: outcomes[place, name].finding for name in models}
    seconds = {name: outcomes[place, name].seconds for name in models}
    return FoldResult(split.repeat, split.fold, pd.concat(tables, ignore_index=True), findings, seconds)
