"""Running the folds: every model is fitted on the training patients and asked about the others."""

from __future__ import annotations

import logging
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from joblib import delayed
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_consistent_length

from radiofuse.errors import RequestError
from radiofuse.patients.routing import fit_with_groups, refuse_misaligned
from radiofuse.patients.splits import Split, as_ids, check_labels, patient_splits, refuse_straddlers
from radiofuse.progress import Progress
from radiofuse.tables.predictions import PREDICTION_COLUMNS
from radiofuse.wording import counted
from radiofuse.work.jobs import finish_calls, one_thread
from radiofuse.work.kept import Kept

_NUMBER = re.compile(r"\d+")
logger = logging.getLogger(__name__)

Inspect = Callable[[BaseEstimator, Any, np.ndarray], Any]


class Outcome(NamedTuple):
    """What one model of one split sends back from its process."""

    job: tuple[int, str]
    predictions: pd.DataFrame
    finding: Any
    warned: Counter[str]


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
    """

    repeat: int
    fold: int
    predictions: pd.DataFrame
    findings: dict[str, Any]


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
        Binary classifiers with ``predict_proba``. An estimator with ``predict_proba_each`` adds one model per
        column of its answer; any other adds one, under its name in the dict (a bare one: "model").
    X : DataFrame or array-like of shape (n_samples, n_features)
        Features. The index of a DataFrame holds the sample ids; samples of an array are called by position.
    y : array-like of shape (n_samples,)
        Labels, 0 or 1.
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
        ``predict_proba_each`` has no row where it answers NaN: the modality is absent.

    Raises
    ------
    RequestError
        Labels other than 0 and 1, a class with fewer patients than folds, repeated sample ids, an estimator
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
    return gather_predictions(run_folds(models, X, y, groups=groups, splits=splits, n_jobs=n_jobs))


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
    rows = _rows(X, y, groups)
    _check_models(models)
    for split in splits:
        refuse_straddlers(split, rows["patient_id"].to_numpy())
    calls = {
        (place, name): delayed(_run_job)((place, name), model, X, rows, split, inspect)
        for place, split in enumerate(splits)
        for name, model in models.items()
    }
    names = {job: _job_name(job, splits) for job in calls}
    with nullcontext() if kept is None else kept.writing():
        outcomes = _collect(_finish(calls, names, n_jobs, kept), len(calls), on_done)
    return [_fold_result(split, place, models, outcomes) for place, split in enumerate(splits)]


def _job_name(job: tuple[int, str], splits: Sequence[Split]) -> str:
    place, model = job
    return f"model {model} in repeat {splits[place].repeat}, fold {splits[place].fold}"


def _finish(
    calls: Mapping[tuple[int, str], Any], names: Mapping[tuple[int, str], str], n_jobs: int | None, kept: Kept | None
) -> Iterator[Outcome]:
    """Yield what was kept, then what was missing as it finishes: a slow job does not hold back the news of others."""
    known = {} if kept is None else kept.results
    missing = [job for job in calls if names[job] not in known]
    yield from (Outcome(job, *known[names[job]]) for job in calls if names[job] in known)
    calls_left, names_left = [calls[job] for job in missing], [names[job] for job in missing]
    for _, outcome in finish_calls(calls_left, names_left, n_jobs=n_jobs):
        if kept is not None:
            kept.add(names[outcome.job], (outcome.predictions, outcome.finding, outcome.warned))
        yield outcome


def gather_predictions(results: Iterable[FoldResult]) -> pd.DataFrame:
    """Return the predictions of all folds in one table, by model, repeat, fold and sample."""
    table = pd.concat([result.predictions for result in results], ignore_index=True)
    names = table["model"].unique()
    place = table["model"].map({name: place for place, name in enumerate(names)})
    keys = [table["sample_id"], table["fold"], table["repeat"], place]
    return table.iloc[np.lexsort([key.to_numpy() for key in keys])].reset_index(drop=True)


def _rows(X: ArrayLike | pd.DataFrame, y: ArrayLike, groups: ArrayLike | None) -> pd.DataFrame:
    sample_ids = _sample_ids(X)
    labels = check_labels(y)
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


def _run_job(
    job: tuple[int, str],
    model: BaseEstimator,
    X: ArrayLike | pd.DataFrame,
    rows: pd.DataFrame,
    split: Split,
    inspect: Inspect | None,
) -> Outcome:
    train, test = _by_id(rows.iloc[split.train]), _by_id(rows.iloc[split.test])
    X_test, y_test = _take(X, test.index), test["label"].to_numpy()
    # several threads sum in another order: results would depend on n_jobs
    with one_thread(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fitted = _fit(clone(model), _take(X, train.index), train)
        answers = _answers(fitted, job[1], X_test)
        finding = None if inspect is None else inspect(fitted, X_test, y_test)
    table = _tidy(answers, test.assign(repeat=split.repeat, fold=split.fold))
    return Outcome(job, table, finding, Counter(str(warning.message) for warning in caught))


def _by_id(rows: pd.DataFrame) -> pd.DataFrame:
    # inner folds and bootstraps of a model follow the order of its rows; ids give one that does not vary
    return rows.sort_values("sample_id")


def _take(X: ArrayLike | pd.DataFrame, positions: pd.Index) -> ArrayLike | pd.DataFrame:
    return X.iloc[positions] if isinstance(X, pd.DataFrame) else np.asarray(X)[positions]


def _fit(model: BaseEstimator, X: ArrayLike | pd.DataFrame, rows: pd.DataFrame) -> BaseEstimator:
    return fit_with_groups(model, X, rows["label"].to_numpy(), rows["patient_id"].to_numpy())


def _answers(fitted: BaseEstimator, name: str, X: ArrayLike | pd.DataFrame) -> pd.DataFrame:
    if hasattr(fitted, "predict_proba_each"):
        return fitted.predict_proba_each(X)
    probability = positive_probability(fitted, X)
    if np.isnan(probability).any():
        raise RequestError(
            f"Model {name} ({type(fitted).__name__}) gave no number for {np.isnan(probability).sum()} of "
            f"{probability.size} test rows; look for values it cannot handle."
        )
    return pd.DataFrame({name: probability})


def positive_probability(fitted: BaseEstimator, X: ArrayLike | pd.DataFrame) -> np.ndarray:
    """Return the probability of label 1, shape (n_samples,), from the column that ``classes_`` says.

    Raises
    ------
    RequestError
        If the answer has not one column for each of the labels 0 and 1.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> positive_probability(DummyClassifier().fit([[0], [0], [0], [0]], [0, 1, 1, 1]), [[0]])
    array([0.75])
    """
    answer, classes = np.asarray(fitted.predict_proba(X)), list(getattr(fitted, "classes_", (0, 1)))
    if answer.ndim != 2 or answer.shape[1] != 2 or sorted(classes) != [0, 1]:
        raise RequestError(
            f"{type(fitted).__name__} must answer with one column for each of the labels 0 and 1; it answered shape "
            f"{answer.shape} for the classes {classes}. Mend its predict_proba."
        )
    return answer[:, classes.index(1)]


def _tidy(answers: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    tables = [rows.assign(model=name, probability=answers[name].to_numpy()) for name in answers]
    return pd.concat(tables, ignore_index=True).dropna(subset="probability")[list(PREDICTION_COLUMNS)]


def _collect(finished: Iterable[Outcome], total: int, on_done: Progress | None) -> dict[tuple[int, str], Outcome]:
    outcomes: dict[tuple[int, str], Outcome] = {}
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


def _fold_result(
    split: Split, place: int, models: Iterable[str], outcomes: Mapping[tuple[int, str], Outcome]
) -> FoldResult:
    tables = [outcomes[place, name].predictions for name in models]
    findings = {name: outcomes[place, name].finding for name in models}
    return FoldResult(split.repeat, split.fold, pd.concat(tables, ignore_index=True), findings)
