"""The fold runner: a model is fitted to the training rows of its splits and asked about the others, as jobs."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd
from joblib import delayed, effective_n_jobs
from sklearn.base import BaseEstimator, clone

from radiofuse.evaluate.fold_answers import Table, answers_of, tidy
from radiofuse.patients.routing import fit_with_groups
from radiofuse.patients.splits import Split
from radiofuse.tables.outcomes import Outcome
from radiofuse.wording import counted
from radiofuse.work.jobs import finish_calls, one_thread
from radiofuse.work.kept import Kept
from radiofuse.work.shared_calls import sharing_calls

SPLITS_PER_JOB = 2  # fewer splits keep processes busy only if models of a split are fitted in several
TASKS_PER_JOB = 4  # where splits are fitted together: so many that a slow task does not hold up the end

Job = tuple[int, str]  # place of the split, name of the model
Task = tuple[str, Sequence[int]]  # name of the model, places of the splits it is fitted in
Sent = tuple[str, "FoldRun", dict[int, Split]]  # what a process is sent of a task: of all splits those of its places


class Inspect(Protocol):
    """What looks at a fitted model in the process of its fold."""

    def __call__(self, fitted: Any, X_test: Any, y_test: np.ndarray, /) -> Any:
        """Return the finding."""


class FitInSplits(Protocol):
    """What fits a model in several splits: where they share work, it is done once."""

    def __call__(
        self, model: Any, X: Any, y: np.ndarray, splits: Sequence[Split], *, groups: np.ndarray | None
    ) -> Iterator[Any]:
        """Yield a fitted clone for each split, in their order."""


@dataclass(frozen=True, eq=False)
class FoldRun:
    """A model, the rows it is for, and its splits.

    Attributes
    ----------
    model : estimator
        Unfitted.
    X : DataFrame or array-like of shape (n_samples, n_features)
    rows : DataFrame of shape (n_samples, 3)
        Columns sample_id, patient_id and label.
    splits : sequence of Split
        Positions of these rows; the model is handed them in this order.
    groups : ndarray of shape (n_samples,), optional
        The patients as they are handed to the fit; None does not hand any over.
    outcome : Outcome, optional
        What the labels are the places of the classes of; without it they are 0 and 1, and predictions name no class.
    """

    model: BaseEstimator
    X: Table
    rows: pd.DataFrame
    splits: Sequence[Split]
    groups: np.ndarray | None = None
    outcome: Outcome | None = None

    @property
    def n_classes(self) -> int:
        """How many classes a model answers for."""
        return 2 if self.outcome is None else len(self.outcome.classes)

    @property
    def labels(self) -> Any:
        """What a model is fitted to."""
        return self.rows["label"].to_numpy()

    def told(self, fitted: Any, name: str, X_test: Table, split: Split) -> pd.DataFrame:
        """Return what a fitted model answers for the test rows of a split, as predictions."""
        answers = answers_of(fitted, name, X_test, self.n_classes)
        return tidy(answers, self.rows.iloc[split.test], self.outcome, split)


class Finished(NamedTuple):
    """What one model of one split sends back from its process."""

    job: Job
    predictions: pd.DataFrame
    finding: Any
    warned: Counter[str]
    seconds: float


def finish_folds(
    runs: Mapping[str, FoldRun],
    *,
    n_jobs: int | None = None,
    inspect: Inspect | None = None,
    kept: Kept | None = None,
    fit: FitInSplits | None = None,
) -> Iterator[Finished]:
    """Yield what every model gave in every split: what was kept first, then the others as they finish.

    Parameters
    ----------
    runs : dict of str to FoldRun
        By the name of the model. Early splits of all models come first.
    n_jobs : int, optional
        Processes, as in joblib; no number depends on it.
    inspect, kept
        As in `run_folds`; who calls writes what is kept, with ``kept.writing()``.
    fit : callable, optional
        Fits a model in several splits of a repeat within one process; without it each is fitted alone.

    Raises
    ------
    RequestError
        If a model has no number for a test row.
    WorkerError
        If a process was killed twice at the same splits.
    """
    known = {} if kept is None else kept.results
    names = {(place, name): _job_name(name, run.splits[place]) for name, run in runs.items() for place in _places(run)}
    yield from (Finished(job, *known[names[job]]) for job in names if names[job] in known)
    tasks = [
        (name, missing)
        for name, places in _tasks(runs, n_jobs, together=fit is not None)
        if (missing := [place for place in places if names[place, name] not in known])
    ]
    bundles = _bundles(tasks, runs, n_jobs) if fit is None else [[task] for task in tasks]
    calls = [
        delayed(_run_bundle)([_sent(task, runs) for task in bundle], inspect, fit or fit_alone) for bundle in bundles
    ]
    called = [_bundle_name(bundle, runs) for bundle in bundles]
    for _, outcomes in finish_calls(calls, called, n_jobs=n_jobs):
        for outcome in outcomes:
            if kept is not None:
                kept.add(names[outcome.job], tuple(outcome[1:]))
        yield from outcomes


def _places(run: FoldRun) -> range:
    return range(len(run.splits))


def _sent(task: Task, runs: Mapping[str, FoldRun]) -> Sent:
    name, places = task
    return name, replace(runs[name], splits=()), {place: runs[name].splits[place] for place in places}


def _tasks(runs: Mapping[str, FoldRun], n_jobs: int | None, *, together: bool) -> Iterator[Task]:
    """Yield models and the places of some of their splits."""
    size = _task_size(runs, effective_n_jobs(n_jobs)) if together else 1
    for start in range(0, max(len(run.splits) for run in runs.values()), size):
        for name, run in runs.items():
            yield name, _places(run)[start : start + size]


def _task_size(runs: Mapping[str, FoldRun], n_jobs: int) -> int:
    """Return the splits of a repeat, or fewer where several processes would wait for each other."""
    splits = next(iter(runs.values())).splits
    of_repeat = sum(split.repeat == splits[0].repeat for split in splits)
    n_fits = sum(len(run.splits) for run in runs.values())
    return of_repeat if n_jobs == 1 else max(1, min(of_repeat, n_fits // (TASKS_PER_JOB * n_jobs)))


def _bundles(tasks: Sequence[Task], runs: Mapping[str, FoldRun], n_jobs: int | None) -> list[list[Task]]:
    """Return tasks that one process does: all models of a split, for what they share, if there are splits for all."""
    n_splits = max(len(run.splits) for run in runs.values())
    if n_splits < SPLITS_PER_JOB * effective_n_jobs(n_jobs):
        return [[task] for task in tasks]
    return [list(bundle) for _, bundle in groupby(tasks, key=lambda task: task[1][0])]


def _bundle_name(bundle: Sequence[Task], runs: Mapping[str, FoldRun]) -> str:
    first, places = bundle[0]
    name = _task_name(first, [runs[first].splits[place] for place in places])
    return name if len(bundle) == 1 else f"{counted(len(bundle), 'model')} of a fold, the first of them {name},"


def _job_name(name: str, split: Split) -> str:
    return f"model {name} in repeat {split.repeat}, fold {split.fold}"


def _task_name(name: str, splits: Sequence[Split]) -> str:
    end = "" if len(splits) == 1 else f" to repeat {splits[-1].repeat}, fold {splits[-1].fold}"
    return _job_name(name, splits[0]) + end


def _run_bundle(bundle: Sequence[Sent], inspect: Inspect | None, fit: FitInSplits) -> list[Finished]:
    """Do tasks one after the other: what several models compute alike is computed by the first."""
    with sharing_calls() if len(bundle) > 1 else nullcontext():
        return [one for sent in bundle for one in _run_task(*sent, inspect, fit)]


def _run_task(
    name: str, run: FoldRun, splits: Mapping[int, Split], inspect: Inspect | None, fit: FitInSplits
) -> list[Finished]:
    labels, outcomes = run.labels, []
    started = time.perf_counter()
    # several threads sum in another order: results would depend on n_jobs
    with one_thread(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        models = fit(run.model, run.X, labels, list(splits.values()), groups=run.groups)
        for (place, split), fitted in zip(splits.items(), models, strict=True):
            X_test = take_rows(run.X, split.test)
            table = run.told(fitted, name, X_test, split)
            finding = None if inspect is None else inspect(fitted, X_test, take_rows(labels, split.test))
            warned, now = Counter(str(one.message) for one in caught), time.perf_counter()
            outcomes.append(Finished((place, name), table, finding, warned, now - started))
            caught.clear()
            started = now
    return outcomes


def fit_alone(
    model: BaseEstimator, X: Table, y: np.ndarray, splits: Sequence[Split], *, groups: np.ndarray | None
) -> Iterator[BaseEstimator]:
    """Yield a clone fitted to the training rows of each split."""
    for split in splits:
        patients = None if groups is None else groups[split.train]
        yield fit_with_groups(clone(model), take_rows(X, split.train), take_rows(y, split.train), patients)


def take_rows(X: Table, positions: np.ndarray) -> np.ndarray | pd.DataFrame:
    """Return some rows of an array or a table."""
    return X.iloc[positions] if isinstance(X, pd.DataFrame) else np.asarray(X)[positions]
