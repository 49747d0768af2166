"""The folds of whole patients inside the training rows: what is learned from them is out of fold."""

from __future__ import annotations

import numpy as np
import pandas as pd

from radiofuse.errors import CohortError, RequestError
from radiofuse.estimators import Folding, Seed
from radiofuse.patients.group_folds import group_folds, train_and_test
from radiofuse.patients.strata import joint_strata

FOR_COMBINERS = (
    "A combiner that learns needs at least {cv} patients of each class, one per inner fold, and {smallest} has "
    "{fewest}. Lower inner_folds in the recipe (cv in Python), or combine by mean or vote and "
    "leave calibrate out: then nothing is learned."
)


def inner_folds(
    cv: Folding,
    y: np.ndarray,
    groups: np.ndarray | None,
    random_state: Seed,
    *,
    refusal: str = FOR_COMBINERS,
    classes: np.ndarray | None = None,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return ``(train, test)`` row numbers per fold; every row is in one test part.

    Parameters
    ----------
    cv : int or splitter
        An int means stratified folds of whole patients. Their make-up depends on the patients'
        identifiers and labels, not on the order of the rows.
    y : ndarray of shape (n_samples,)
        Class labels.
    groups : ndarray of shape (n_samples,) or None
        The patient of each row; None makes each row a patient.
    random_state : int, RandomState instance or None
        Shuffles the folds that an int means.
    refusal : str
        The sentence for too few patients, with places for {cv} and {fewest}, and for {smallest}, the class.
    classes : ndarray of shape (n_classes,), optional
        What the labels 0, 1 and so on are called, for the sentence.

    Raises
    ------
    CohortError
        If a class has fewer patients than there are folds.
    RequestError
        If a splitter leaves a row without a test part, tests it twice, or has a patient on both sides.

    Examples
    --------
    >>> folds = inner_folds(2, np.array([0, 0, 1, 1]), np.array(["a", "b", "c", "d"]), 0)
    >>> sorted(int(row) for _, test in folds for row in test)
    [0, 1, 2, 3]
    """
    patients = np.arange(len(y)) if groups is None else groups
    if not isinstance(cv, int | np.integer):
        # Splitters ask for rows and look at their number alone.
        folds = list(cv.split(np.zeros((len(y), 1)), y, groups))
        _check_partition(folds, len(y))
        for train, test in folds:
            _refuse_straddlers(patients[train], patients[test])
        return folds
    fewest = fewest_patients(y, patients)
    if fewest < cv:
        smallest = _smallest(y, patients, classes)
        raise CohortError("The training table", [refusal.format(cv=cv, fewest=fewest, smallest=smallest)])
    return train_and_test(group_folds(y, patients, int(cv), random_state), int(cv))


def folds_of_outcomes(
    cv: int, labels: pd.DataFrame, groups: np.ndarray | None, random_state: Seed
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return folds that several outcomes share, stratified by them as `joint_strata` says.

    Parameters
    ----------
    cv : int
    labels : DataFrame of shape (n_samples, n_outcomes)
        The place of each row's class, NaN where it is unknown.
    groups : ndarray of shape (n_samples,) or None
        The patient of each row; None makes each row a patient.
    random_state : int, RandomState instance or None
        Shuffles the folds.

    Raises
    ------
    CohortError
        If a fold leaves a class of an outcome without a row to train on.

    Examples
    --------
    >>> labels = pd.DataFrame({"idh": [0, 0, 0, 1, 1, 1], "codel": [0, 1, np.nan, np.nan, 0, 1]})
    >>> sorted(int(row) for _, test in folds_of_outcomes(2, labels, None, 0) for row in test)
    [0, 1, 2, 3, 4, 5]
    """
    patients = np.arange(len(labels)) if groups is None else groups
    strata = joint_strata(labels, patients, fewest=cv)
    folds = train_and_test(group_folds(strata, patients, cv, random_state), cv)
    for name in labels:
        codes = labels[name].to_numpy()
        classes = np.unique(codes[~np.isnan(codes)])
        if any(not np.isin(classes, codes[train]).all() for train, _ in folds):
            sentence = f"Each of the {cv} inner folds needs patients of every class of {name} outside of it."
            raise CohortError("The training table", [f"{sentence} Lower inner_folds, or add patients."])
    return folds


def fewest_patients(y: np.ndarray, patients: np.ndarray) -> int:
    """Return how many patients the class with the fewest has; 0 where there is one class only.

    Examples
    --------
    >>> fewest_patients(np.array([0, 0, 1, 1]), np.array(["a", "b", "c", "c"]))
    1
    """
    classes = np.unique(y)
    return min(len(np.unique(patients[y == label])) for label in classes) if len(classes) > 1 else 0


def _smallest(y: np.ndarray, patients: np.ndarray, classes: np.ndarray | None) -> str:
    """Return what the class with the fewest patients is called in a sentence."""
    labels = np.unique(y)
    if len(labels) <= 2:
        return "the smaller class"
    place = int(np.argmin([len(np.unique(patients[y == label])) for label in labels]))
    return f"class {labels[place] if classes is None else classes[place]}"


def _refuse_straddlers(train: np.ndarray, test: np.ndarray) -> None:
    both = np.intersect1d(train, test)
    if len(both):
        raise RequestError(
            f"cv has patient {both[0]} on both sides of a fold ({len(both)} such patients); whole patients were "
            "expected. Pass an int, or a splitter that keeps groups whole, such as StratifiedGroupKFold."
        )


def _check_partition(folds: list[tuple[np.ndarray, np.ndarray]], n_samples: int) -> None:
    tested = np.bincount(np.concatenate([test for _, test in folds]), minlength=n_samples)
    if (tested != 1).any():
        row = int(np.flatnonzero(tested != 1)[0])
        raise RequestError(
            f"cv must test every row exactly once, and tests row {row} {tested[row]} times. "
            f"Pass an int or a splitter that partitions, such as StratifiedGroupKFold."
        )
