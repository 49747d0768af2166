"""Which rows train and which test: splits that keep every patient whole."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils._param_validation import Interval, validate_params

from radiofuse.errors import RequestError
from radiofuse.patients.group_folds import group_folds, train_and_test
from radiofuse.patients.routing import refuse_misaligned


@dataclass(frozen=True, eq=False)
class Split:
    """One fold of one repeat: positions of the rows to train on and of those to test on.

    Attributes
    ----------
    repeat, fold : int
        Counted from 0.
    train, test : ndarray of int
        Row positions, ascending.
    name : str
        What the fold is called, as after a site; empty where it has a number only.
    """

    repeat: int
    fold: int
    train: np.ndarray
    test: np.ndarray
    name: str = ""


@validate_params(
    {
        "n_splits": [Interval(Integral, 2, None, closed="left")],
        "n_repeats": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def patient_splits(
    y: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    n_splits: int = 5,
    n_repeats: int = 1,
    random_state: int | np.random.RandomState | None = None,
) -> list[Split]:
    """Return the splits of a repeated, stratified k-fold cross-validation over patients.

    All rows of a patient are on the same side of every split. The fold of a patient depends on the
    patients' ids, labels and the seed, not on the order of the rows. More repeats leave the earlier
    ones as they were.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels: 0 and 1, or classes of any name.
    groups : array-like of shape (n_samples,), optional
        Patient of each row. Without it each row is a patient, known by its position.
    n_splits : int, default=5
        Folds per repeat, at least 2.
    n_repeats : int, default=1
        How often the patients are dealt into folds anew.
    random_state : int, RandomState or None, default=None
        Seed of the dealing.

    Returns
    -------
    list of Split
        ``n_repeats * n_splits`` splits, by repeat and fold. Where each patient has one label, every
        test fold holds all labels.

    Raises
    ------
    RequestError
        Labels that are no classes, or a label with fewer patients than folds.

    Examples
    --------
    >>> splits = patient_splits([0, 0, 0, 1, 1], ["a", "a", "b", "c", "d"], n_splits=2, random_state=0)
    >>> [len({0, 1} & set(split.test.tolist())) for split in splits]
    [2, 0]
    """
    refuse_misaligned(y=y, groups=groups)
    labels = check_classes(y)
    patients = np.arange(len(labels)) if groups is None else as_ids(groups, "patient")
    check_consistent_length(labels, patients)
    refuse_few_patients(labels, patients, n_splits, f"fewer than the {n_splits} folds; ask for fewer folds or")
    seeds = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=n_repeats)
    splits = []
    for repeat, seed in enumerate(seeds):
        # groups are dealt in the order of their sorted ids, so the order of rows is no input
        folds = train_and_test(group_folds(labels, patients, n_splits, int(seed)), n_splits)
        for fold, (train, test) in enumerate(folds):
            splits.append(Split(repeat, fold, train, test))
            refuse_straddlers(splits[-1], patients)
    return splits


def permuted(
    y: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    random_state: int | np.random.RandomState | None = None,
) -> np.ndarray:
    """Return the labels permuted between patients; all rows of a patient keep one label.

    For honesty tests: whatever is learned from permuted labels must score like chance.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels, one per patient: 0 and 1, or classes of any name.
    groups : array-like of shape (n_samples,), optional
        Patient of each row; without it each row is a patient.
    random_state : int, RandomState or None, default=None
        Seed of the permutation.

    Returns
    -------
    ndarray of shape (n_samples,)
        Labels; as many patients have each label as before.

    Raises
    ------
    RequestError
        A label that is no class, or a patient with two labels.

    Examples
    --------
    >>> permuted([0, 0, 1, 1, 0], ["a", "a", "b", "b", "c"], random_state=3).tolist()
    [1, 1, 0, 0, 0]
    """
    refuse_misaligned(y=y, groups=groups)
    classes, codes = np.unique(check_classes(y), return_inverse=True)
    patients = np.arange(len(codes)) if groups is None else as_ids(groups, "patient")
    check_consistent_length(codes, patients)
    _, place = np.unique(patients, return_inverse=True)
    return classes[check_random_state(random_state).permutation(one_label_each(codes, place))[place]]


def one_label_each(labels: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return the label of each patient, known by its place from 0, or refuse patients with rows of two labels."""
    of_patient = np.zeros(place.max() + 1, dtype=int)
    of_patient[place] = labels
    mixed = np.flatnonzero(of_patient[place] != labels)
    if mixed.size:
        raise RequestError(
            f"{np.unique(place[mixed]).size} patients have rows of two labels, such as that of row {mixed[0]}, "
            "counted from 0; labels can only be permuted between patients that have one label each."
        )
    return of_patient


def check_labels(y: ArrayLike) -> np.ndarray:
    """Return the labels as integers, shape (n_samples,), or refuse anything but 0 and 1; a column is flattened."""
    if np.ndim(y) == 2 and np.shape(y)[1] == 1:
        y = np.ravel(y)
    try:
        values = np.asarray(y, dtype=float)
    except (TypeError, ValueError):
        values = np.full(np.shape(y)[:1], np.nan)
    wrong = ~np.isin(values, (0.0, 1.0))
    if wrong.any():
        example = np.asarray(y, dtype=object)[wrong].flat[0]
        raise RequestError(
            f"Labels must be the numbers 0 and 1; {wrong.sum()} of {values.size} are not, for example "
            f"{example!r}. Drop rows of unknown label and code the others as 0 and 1."
        )
    return values.astype(int)


def check_classes(y: ArrayLike) -> np.ndarray:
    """Return labels of any classes, shape (n_samples,), or refuse what is none: gaps, and numbers between others.

    Examples
    --------
    >>> check_classes(["2", "4", "3"]).tolist()
    ['2', '4', '3']
    """
    values = np.ravel(np.asarray(y)) if np.ndim(y) == 2 and np.shape(y)[1] == 1 else np.asarray(y)
    if values.dtype.kind == "O" and not pd.isna(values).any():
        values = values.astype(str) if all(isinstance(one, str) for one in values) else values
    if values.dtype.kind in "iU" and values.ndim == 1 and not set(np.unique(values)) <= {0, 1}:
        return values
    return check_labels(y)


def as_ids(values: ArrayLike, what: str) -> np.ndarray:
    """Return ids as text, or refuse missing ones."""
    ids = np.asarray(values, dtype=object)
    missing = pd.isna(ids)
    if missing.any():
        raise RequestError(f"{missing.sum()} of {ids.size} rows have no {what} id; give every row one.")
    return ids.astype(str)


def refuse_straddlers(split: Split, patients: np.ndarray) -> None:
    """Raise if a patient has rows on both sides of a split."""
    both = np.intersect1d(patients[split.train], patients[split.test])
    if both.size:
        raise RequestError(
            f"Repeat {split.repeat}, fold {split.fold} tests on {both.size} patients it trains on, for example "
            f"{both[0]}. Split patients, not rows: patient_splits(y, groups) does."
        )


def refuse_few_patients(labels: np.ndarray, patients: np.ndarray, fewest: int, why: str) -> None:
    """Raise unless each label has ``fewest`` patients; of 0 and 1 also one that no row has."""
    found = np.unique(labels)
    for label in (0, 1) if set(found) <= {0, 1} else found:
        n_patients = np.unique(patients[labels == label]).size
        if n_patients < fewest:
            raise RequestError(f"Label {label} has {n_patients} patients, {why} add patients of that label.")
