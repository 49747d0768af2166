"""A model whose chains of steps are exchanged for what they would be had some of it been done before the split."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin, clone

from radiofuse.fuse import ConstraintFusion
from radiofuse.fuse.branches import find_branches, listed
from radiofuse.fuse.member_columns import find_columns
from radiofuse.fuse.member_fusion import MemberFusion
from radiofuse.fuse.named import Named

# A chain, the rows that it is fitted on, their labels and patients; None where there is nothing to exchange.
Exchange = Callable[[Any, pd.DataFrame, np.ndarray, np.ndarray], Any]


class Precomputed(TransformerMixin, BaseEstimator):
    """Features that were computed beforehand, on all rows: looked up by sample.

    Parameters
    ----------
    table : DataFrame of shape (n_samples, n_features)
        Indexed by sample id.

    Examples
    --------
    >>> table = pd.DataFrame({"a": [1.0, 2.0]}, index=["s1", "s2"])
    >>> Precomputed(table).fit_transform(pd.DataFrame(index=["s2"])).to_numpy().tolist()
    [[2.0]]
    """

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:
        """Learn nothing."""
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the features of the samples in the index."""
        return self.table.loc[X.index]

    def __sklearn_is_fitted__(self) -> bool:
        return True


def exchanged(model: Any, X: pd.DataFrame, y: np.ndarray, groups: np.ndarray, exchange: Exchange) -> Any:
    """Return a model with its chains exchanged, or None where none was: those of its members, or the model itself.

    Parameters
    ----------
    model : estimator
        Unfitted.
    X, y, groups
        All rows: what the exchange may look at before the split.
    exchange : callable
        Returns what stands in a chain's place.
    """
    if isinstance(model, Named):
        own = X if model.columns is None else X[list(model.columns)]
        inner = exchanged(model.model, *_usable(own, y, groups), exchange)
        return None if inner is None else clone(model).set_params(model=inner)
    if not isinstance(model, MemberFusion):
        return exchange(model, *_usable(X, y, groups))
    members = dict(model.estimators)
    blocks = find_columns(X, member_names(model), model.columns)
    found = {name: exchange(members[name], *_usable(X[block], y, groups)) for name, block in blocks.items()}
    if all(one is None for one in found.values()):
        return None
    chosen = [(name, member if found.get(name) is None else found[name]) for name, member in members.items()]
    return clone(model).set_params(estimators=chosen)


def member_names(fusion: MemberFusion) -> list[str]:
    """Return the members that a fusion reads; an input method may leave some out."""
    names = [name for name, _ in fusion.estimators]
    return listed(find_branches(fusion.method, names)) if isinstance(fusion, ConstraintFusion) else names


def _usable(X: pd.DataFrame, y: np.ndarray, groups: np.ndarray) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return the rows that have a number in some column."""
    present = X.notna().any(axis=1).to_numpy()
    return X[present], y[present], groups[present]
