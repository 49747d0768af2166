"""A whole pipeline refitted on resampled patients: what the optimism and the .632 bootstrap are computed from."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_consistent_length, check_random_state

from radiofuse.errors import RequestError
from radiofuse.evaluate.fold_answers import class_probabilities
from radiofuse.evaluate.folds import outcome_of, run_folds
from radiofuse.patients.routing import fit_with_groups, refuse_misaligned
from radiofuse.patients.splits import Split, as_ids, refuse_few_patients
from radiofuse.progress import Progress
from radiofuse.statistics.bootstrap import counts_of_indices
from radiofuse.statistics.inputs import patient_places
from radiofuse.work.jobs import one_thread
from radiofuse.work.kept import Kept


class Refits(NamedTuple):
    """The rows' probabilities by the model of all patients, and by that of each resample.

    Of two classes they are those of label 1; of more there is one axis more, of the classes.
    """

    label: np.ndarray  # (n_samples,), from 0
    apparent: np.ndarray  # (n_samples[, n_classes]), by the model fitted on all of them
    resampled: np.ndarray  # (n_samples, n_resamples[, n_classes]), by the model of each resample
    counts: np.ndarray  # (n_samples, n_resamples), how often the row was fitted on


def refit_on_resamples(
    model: BaseEstimator,
    X: ArrayLike | pd.DataFrame,
    y: ArrayLike,
    groups: ArrayLike | None,
    *,
    n_resamples: int,
    random_state: int | np.random.RandomState | None,
    indices: ArrayLike | None = None,
    n_jobs: int | None = None,
    on_done: Progress | None = None,
    kept: Kept | None = None,
) -> Refits:
    """Fit clones of a model on all rows and on resamples of the patients, and ask each about all rows.

    A patient that is drawn twice is in the training rows twice, and is one patient still to a model that takes
    ``groups``, so that its copies are never on both sides of an inner fold.

    Parameters
    ----------
    model, X, y, groups, n_resamples, random_state, indices, n_jobs, on_done, kept
        As in `optimism_corrected`.

    Raises
    ------
    RequestError
        Fewer than two patients of a label, or given resamples that lack a label or hold all patients.
    """
    refuse_misaligned(X, y=y, groups=groups)
    outcome, label = outcome_of(y)
    patients = as_ids(np.arange(len(label)) if groups is None else groups, "patient")
    place = patient_places(groups, len(label))
    check_consistent_length(X, label)
    refuse_few_patients(label, place, 2, "and resampling needs 2 or more;")
    if indices is None:
        counts = _draw(label, place, n_resamples, check_random_state(random_state))
    else:
        counts = counts_of_indices(indices, place.max() + 1)[place]
        _refuse_unusable(label, counts)
    splits = [
        Split(number, 0, np.repeat(np.arange(len(label)), times), np.flatnonzero(times == 0))
        for number, times in enumerate(counts.T)
    ]
    answer = _AnswerAll(X, 2 if outcome is None else len(outcome.classes))
    options: dict[str, Any] = {"n_jobs": n_jobs, "inspect": answer, "outcome": outcome, "on_done": on_done}
    results = run_folds({"model": model}, X, label, groups=patients, splits=splits, kept=kept, **options)
    resampled = np.stack([result.findings["model"] for result in results], axis=1)
    with one_thread():
        whole = fit_with_groups(clone(model), X, label, patients)
    return Refits(label, answer(whole), resampled, counts)


class _AnswerAll:
    """Asks a fitted model about rows it may have been fitted on; a class, because workers are sent it."""

    def __init__(self, X: ArrayLike | pd.DataFrame, n_classes: int):
        self.X, self.n_classes = X, n_classes

    def __call__(self, fitted: BaseEstimator, *_: np.ndarray) -> np.ndarray:
        probability = class_probabilities(fitted, self.X, self.n_classes)
        return probability[:, 1] if self.n_classes == 2 else probability


def _draw(label: np.ndarray, place: np.ndarray, n_resamples: int, random: np.random.RandomState) -> np.ndarray:
    """Draw patients with replacement; a resample that lacks a label, or has all patients, is drawn anew."""
    n_patients = place.max() + 1
    drawn: list[np.ndarray] = []
    while len(drawn) < n_resamples:
        times = np.bincount(random.randint(n_patients, size=n_patients), minlength=n_patients)[place]
        if _usable(label, times):
            drawn.append(times)
    return np.column_stack(drawn)


def _usable(label: np.ndarray, times: np.ndarray) -> bool:
    return np.unique(label[times > 0]).size == np.unique(label).size and bool((times == 0).any())


def _refuse_unusable(label: np.ndarray, counts: np.ndarray) -> None:
    wrong = [number for number, times in enumerate(counts.T) if not _usable(label, times)]
    if wrong:
        raise RequestError(
            f"{len(wrong)} of {counts.shape[1]} resamples, the first being column {wrong[0]}, lack a label or "
            "leave no patient out; a model cannot be fitted on the one nor tested by the other. Draw them anew."
        )
