"""One stratum per sample out of several outcomes, so that one set of folds serves all of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from radiofuse.patients.splits import as_ids


def joint_strata(labels: pd.DataFrame, groups: ArrayLike, *, fewest: int) -> np.ndarray:
    """Return strata that tell apart as many combinations of classes as have enough patients.

    The outcome whose rarest class has the fewest patients is told apart first; each further outcome divides a
    stratum only where every part, that of the unknown included, keeps ``fewest`` patients. Where no outcome can be
    told apart so, because each is unknown in a few patients, these count as of their outcome's largest class.

    Parameters
    ----------
    labels : DataFrame of shape (n_samples, n_outcomes)
        The place of each row's class, NaN where it is unknown.
    groups : array-like of shape (n_samples,)
        Patient of each row.
    fewest : int
        Patients that each stratum must have: as many as there are folds.

    Returns
    -------
    ndarray of int, shape (n_samples,)
        Counted from 0. For one outcome that is known everywhere, the places of its classes.

    Examples
    --------
    >>> labels = pd.DataFrame({"idh": [0, 0, 0, 0, 1, 1], "grade": [0, 0, 1, 1, 0, 1]})
    >>> joint_strata(labels, list("abcdef"), fewest=2).tolist()
    [0, 0, 1, 1, 2, 2]
    """
    patients = as_ids(groups, "patient")
    strata = _strata(labels.fillna(-1), labels, patients, fewest)
    if strata.max(initial=0) == 0:
        strata = _strata(labels.fillna(labels.mode().iloc[0]), labels, patients, fewest)
    return strata


def _strata(told: pd.DataFrame, labels: pd.DataFrame, patients: np.ndarray, fewest: int) -> np.ndarray:
    rarest = {name: min(_patients_of(labels[name].to_numpy(), patients).values()) for name in labels}
    strata = np.zeros(len(labels), dtype=int)
    for name in sorted(labels, key=lambda name: rarest[name]):
        strata = _divided(strata, told[name].to_numpy(), patients, fewest)
    return strata


def _divided(strata: np.ndarray, codes: np.ndarray, patients: np.ndarray, fewest: int) -> np.ndarray:
    """Return the strata with each one divided by codes where all parts stay large enough."""
    parts = np.zeros(len(strata), dtype=int)
    for stratum in np.unique(strata):
        rows = strata == stratum
        if min(_patients_of(codes[rows], patients[rows]).values()) >= fewest:
            parts[rows] = np.unique(codes[rows], return_inverse=True)[1]
    return np.unique(np.column_stack([strata, parts]), axis=0, return_inverse=True)[1].ravel()


def _patients_of(codes: np.ndarray, patients: np.ndarray) -> dict[float, int]:
    """Return how many patients have each known class, or no known one."""
    return {code: np.unique(patients[codes == code]).size for code in np.unique(codes[~np.isnan(codes)])} or {0: 0}
