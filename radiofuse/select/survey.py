"""What is selected, and how stably: the final selection beside one in every outer training fold."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from radiofuse import columns
from radiofuse.select.shortfall import NothingSelectedWarning
from radiofuse.select.table import FeatureTable
from radiofuse.select.three_step import ThreeStepSelector


class Split(Protocol):
    """One outer fold, as ``radiofuse.evaluate.patient_splits`` makes them."""

    repeat: int
    fold: int
    train: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class ModalitySurvey:
    """The selections of one modality.

    Attributes
    ----------
    modality : str
    X : DataFrame
        Features of the samples in which the modality is present; index sample_id, columns named without
        the modality, NaN where a cell was empty.
    y, patients : ndarray of shape (n_samples,)
    splits : sequence of Split
        Outer folds, as positions of these rows.
    final : ThreeStepSelector
        Fitted on all rows.
    chosen : ndarray of bool, shape (n_splits, n_features)
        What was selected from the training rows of each split.
    """

    modality: str
    X: pd.DataFrame
    y: np.ndarray
    patients: np.ndarray
    splits: Sequence[Split]
    final: ThreeStepSelector
    chosen: np.ndarray


def survey_selection(
    table: FeatureTable,
    settings: Mapping[str, Any],
    make_splits: Callable[[np.ndarray, np.ndarray], Sequence[Split]],
    *,
    seed: int = 0,
    n_jobs: int = 1,
    on_done: Callable[[int, int], None] = lambda done, total: None,
) -> list[ModalitySurvey]:
    """Select on all samples and again in every outer training fold, modality by modality.

    The answer is the same to the last bit for any number of jobs.

    Parameters
    ----------
    table : FeatureTable
        Features and labels.
    settings : mapping
        Arguments of `ThreeStepSelector`.
    make_splits : callable
        Takes labels and patients, returns the outer splits.
    seed : int
        Of the selectors; one of its own for each outer fold, the same in all modalities.
    n_jobs : int
        Processes.
    on_done : callable
        Told (done, total) after each selection.
    """
    blocks = {name: table.modality(name) for name in columns.by_modality(table.features.columns)}
    splits = {name: make_splits(y, patients) for name, (_, y, patients) in blocks.items()}
    tasks = [
        delayed(_select)(*blocks[name], split, settings, seed) for name in blocks for split in [None, *splits[name]]
    ]
    fitted = []
    for selector in Parallel(n_jobs=n_jobs, return_as="generator")(tasks):
        fitted.append(selector)
        on_done(len(fitted), len(tasks))
    results, surveys = iter(fitted), []
    for name, block in blocks.items():
        final, *outer = islice(results, 1 + len(splits[name]))
        chosen = np.array([selector.get_support() for selector in outer])
        surveys.append(ModalitySurvey(name, *block, splits[name], final, chosen))
    return surveys


def _select(
    X: pd.DataFrame, y: np.ndarray, patients: np.ndarray, split: Split | None, settings: Mapping[str, Any], seed: int
) -> ThreeStepSelector:
    """Fit the chain to the training rows of a split, or to all rows."""
    rows = np.arange(len(y)) if split is None else split.train
    position = [0] if split is None else [1 + split.repeat, split.fold]
    state = int(np.random.SeedSequence([seed, *position]).generate_state(1)[0])
    groups = patients[rows] if len(np.unique(patients)) < len(patients) else None
    selector = ThreeStepSelector(**settings, on_empty="intercept", random_state=state)
    # One thread: a matrix product split among threads may differ in the last bit.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", NothingSelectedWarning)  # the command counts empty selections itself
        return selector.fit(fill_gaps(X.iloc[rows]), y[rows], groups=groups)


def fill_gaps(X: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with NaN replaced by the median of their column, or by 0 where it has no value.

    Examples
    --------
    >>> fill_gaps(pd.DataFrame({"a": [1.0, None, 5.0], "b": [None, None, None]}, dtype=float))["a"].tolist()
    [1.0, 3.0, 5.0]
    """
    values, gaps = X.to_numpy(copy=True), X.isna().to_numpy()
    medians = X.median().fillna(0.0).to_numpy()
    values[gaps] = medians[gaps.nonzero()[1]]
    return pd.DataFrame(values, X.index, X.columns)
