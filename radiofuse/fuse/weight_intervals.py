"""How sure learned weights are: fitted again to patients drawn anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.utils import check_random_state

from radiofuse.errors import RequestError
from radiofuse.estimators import Seed
from radiofuse.fuse.answers import weights_table
from radiofuse.fuse.choices import fit_combiner


def weight_intervals(
    combiners: Mapping[str, Any],
    members: Sequence[str],
    P: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray | None,
    classes: np.ndarray,
    *,
    n_resamples: int = 200,
    level: float = 0.95,
    random_state: Seed = None,
) -> pd.DataFrame:
    """Return the weights of combiners with percentile intervals over resampled patients.

    Parameters
    ----------
    combiners : mapping of str to Combiner
        Those that learn; cloned for each resample.
    members : sequence of str
    P : ndarray of shape (n_samples, n_members) or (n_samples, n_members, n_classes)
        Out-of-fold probabilities, every row with some member.
    y : ndarray of shape (n_samples,)
        Labels 0, 1 and so on.
    groups : ndarray of shape (n_samples,) or None
        The patient of each row.
    classes : ndarray of shape (n_classes,)
    n_resamples : int, default=200
        A draw without some class is drawn again.
    level : float, default=0.95
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    DataFrame
        As `weights_table`, with low and high.

    References
    ----------
    Efron, Tibshirani (1993). An Introduction to the Bootstrap, chapter 13: percentiles.

    Examples
    --------
    >>> from radiofuse.fuse.combiners import Nonnegative
    >>> rng, y = np.random.default_rng(0), np.tile([0, 1], 40)
    >>> P = np.column_stack([0.5 + 0.3 * (y - 0.5) + rng.uniform(-0.3, 0.3, 80), rng.uniform(0.2, 0.8, 80)])
    >>> table = weight_intervals(
    ...     {"nonnegative": Nonnegative()}, ["t1", "t2"], P, y, None, np.array([0, 1]), n_resamples=50, random_state=0)
    >>> (table["low"] <= table["weight"]).all() and (table["weight"] <= table["high"]).all()
    np.True_
    """
    table = weights_table(_fitted(combiners, P, y, groups), members, classes)
    weighing = {name: rule for name, rule in combiners.items() if name in set(table["fusion"])}
    if not weighing:
        return table.assign(low=[], high=[])
    rng, patients = check_random_state(random_state), np.arange(len(y)) if groups is None else groups
    drawn = []
    for _ in range(n_resamples):
        rows = _resample(patients, y, rng)
        own = patients[rows]  # copies of a row are one patient, also where each row was one
        drawn.append(weights_table(_fitted(weighing, P[rows], y[rows], own), members, classes)["weight"].to_numpy())
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return table.assign(low=low, high=high)


def _fitted(combiners: Mapping[str, Any], P: np.ndarray, y: np.ndarray, groups: np.ndarray | None) -> dict[str, Any]:
    fresh = {name: clone(combiner, safe=False) for name, combiner in combiners.items()}
    return {name: fit_combiner(combiner, P, y, groups) for name, combiner in fresh.items()}


def _resample(patients: np.ndarray, y: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """Return the rows of as many patients drawn with replacement, some of every class among them."""
    names, place = np.unique(patients, return_inverse=True)
    rows_of = [np.flatnonzero(place == number) for number in range(len(names))]
    n_classes = len(np.unique(y))
    for _ in range(1000):
        rows = np.concatenate([rows_of[number] for number in rng.randint(len(names), size=len(names))])
        if len(np.unique(y[rows])) == n_classes:
            return rows
    raise RequestError("A class has too few patients to draw patients again; leave intervals of weights out.")
