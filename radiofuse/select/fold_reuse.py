"""One chain of selectors fitted in many training folds: what the folds share is computed once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from radiofuse.select.chain import StepwiseSelector
from radiofuse.select.mann_whitney import MannWhitneySelector
from radiofuse.select.sorted_columns import SortedColumns


def fit_in_folds(
    chain: StepwiseSelector,
    X: pd.DataFrame | np.ndarray,
    y: np.ndarray,
    trains: Sequence[np.ndarray],
    *,
    groups: np.ndarray | None = None,
    states: Sequence[int | None],
) -> Iterator[Any]:
    """Yield the chain fitted to each of several sets of training rows.

    Each is the same, to the last bit, as a clone fitted to these rows alone. Where the chain begins with a
    Mann-Whitney test, every column is sorted once for all folds: a fold then takes one pass over the order.

    Parameters
    ----------
    chain : SelectorChain or ThreeStepSelector
        Unfitted; not changed.
    X : DataFrame or ndarray of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
    trains : sequence of ndarray of int
        Row positions of each training fold.
    groups : ndarray of shape (n_samples,), optional
        Patients, handed to the steps that take them.
    states : sequence of int or None
        ``random_state`` of each fit.

    Examples
    --------
    >>> from radiofuse.select import ThreeStepSelector
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(80, 6)), np.arange(80) % 2
    >>> X[:, 3] += 2 * y
    >>> chain = ThreeStepSelector(rule="1se")
    >>> fitted = fit_in_folds(chain, X, y, [np.arange(60), np.arange(20, 80)], states=[0, 1])
    >>> [one.get_support(indices=True).tolist() for one in fitted]
    [[1, 3], [3]]
    """
    test = _first_test(chain)
    columns = SortedColumns(np.asarray(X, dtype=np.float64)) if test is not None and len(trains) > 1 else None
    for train, state in zip(trains, states, strict=True):
        rows = X.iloc[train] if isinstance(X, pd.DataFrame) else X[train]
        patients = None if groups is None else groups[train]
        tested = None
        if columns is not None and len(np.unique(y[train])) == 2:
            tested = columns.mann_whitney(train, y[train], method=test.method, continuity=test.continuity)
        yield clone(chain).set_params(random_state=state).fit_tested(rows, y[train], patients, tested)


def _first_test(chain: StepwiseSelector) -> MannWhitneySelector | None:
    steps = chain._unseeded_steps()
    first = steps[0][1] if steps else None
    return first if type(first) is MannWhitneySelector else None
