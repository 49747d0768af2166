"""One chain of selectors fitted in many training folds: what the folds share is computed once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from radiofuse.patients import Split
from radiofuse.patients.routing import fit_with_groups
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
    states: Sequence[int | None] | None = None,
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
    states : sequence of int or None, optional
        ``random_state`` of each fit; by default the chain's own.

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
    for place, train in enumerate(trains):
        patients = None if groups is None else groups[train]
        tested = None
        if columns is not None and len(np.unique(y[train])) == 2:
            tested = columns.mann_whitney(train, y[train], method=test.method, continuity=test.continuity)
        fitted = clone(chain) if states is None else clone(chain).set_params(random_state=states[place])
        yield fitted.fit_tested(_take(X, train), y[train], patients, tested)


def fit_in_splits(
    model: Any, X: pd.DataFrame | np.ndarray, y: np.ndarray, splits: Sequence[Split], *, groups: np.ndarray | None
) -> Iterator[Any]:
    """Yield the model fitted to the training rows of each split; the ``fit`` of `run_folds` that shares work.

    A Pipeline that begins with a chain of selectors shares what the chain does in `fit_in_folds`; any other model is
    fitted to each split alone. No number differs from that of a model fitted alone.

    Parameters
    ----------
    model : estimator
        Unfitted; not changed.
    X : DataFrame or ndarray of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
    splits : sequence of Split
    groups : ndarray of shape (n_samples,) or None
        Patients, handed to the steps that take them.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from radiofuse.evaluate import run_folds
    >>> from radiofuse.patients import patient_splits
    >>> from radiofuse.select import ThreeStepSelector
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(80, 6)), np.arange(80) % 2
    >>> model = Pipeline([("select", ThreeStepSelector(random_state=0)), ("classify", LogisticRegression())])
    >>> splits = patient_splits(y, n_splits=4, random_state=0)
    >>> len(run_folds({"t1": model}, X, y, splits=splits, fit=fit_in_splits))
    4
    """
    X = X if isinstance(X, pd.DataFrame) else np.asarray(X)
    trains = [split.train for split in splits]
    chains = repeat(None, len(trains))
    if type(model) is Pipeline and isinstance(model.steps[0][1], StepwiseSelector):
        chains = fit_in_folds(model.steps[0][1], X, y, trains, groups=groups)
    for train, chain in zip(trains, chains, strict=True):
        patients = None if groups is None else groups[train]
        yield _completed(clone(model), chain, _take(X, train), y[train], patients)


def _completed(model: Any, chain: StepwiseSelector | None, X: Any, y: np.ndarray, groups: np.ndarray | None) -> Any:
    """Return the model fitted; where its first step is fitted already, the other steps."""
    if chain is None:
        return fit_with_groups(model, X, y, groups)
    rest = fit_with_groups(model[1:], chain.transform(X), y, groups)
    model.steps = [(model.steps[0][0], chain), *rest.steps]
    return model


def _take(X: pd.DataFrame | np.ndarray, positions: np.ndarray) -> pd.DataFrame | np.ndarray:
    return X.iloc[positions] if isinstance(X, pd.DataFrame) else X[positions]


def _first_test(chain: StepwiseSelector) -> MannWhitneySelector | None:
    steps = chain._new_steps()
    first = steps[0][1] if steps else None
    return first if type(first) is MannWhitneySelector else None
