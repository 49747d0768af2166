"""Fusions as models of an experiment: each answers under its own names for the rows that it can read."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, clone

from radiofuse.fuse.answers import answers_table
from radiofuse.fuse.branches import find_branches, listed
from radiofuse.fuse.constrained import ConstraintFusion
from radiofuse.fuse.late_fusion import LateFusion
from radiofuse.fuse.probabilities import of_second
from radiofuse.patients.routing import TakesGroups, refuse_misaligned
from radiofuse.tables import columns


class Arm(TakesGroups, ClassifierMixin, BaseEstimator):
    """A fusion whose answers carry a prefix, so that it stands beside another one in the same table.

    It answers for the rows that have its kind of features: an image may be fit for crops and not for radiomics.

    Parameters
    ----------
    fusion : LateFusion
        With ``columns`` for each member.
    prefix : str
    """

    def __init__(self, fusion: LateFusion, prefix: str) -> None:
        self.fusion = fusion
        self.prefix = prefix

    def _makes_folds(self) -> bool:
        return False

    def fit(self, X: pd.DataFrame, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Fit the fusion on the rows that have one of its columns."""
        self.fusion_ = _fit_usable(self.fusion, self._usable(X), X, y, groups)
        return self

    def predict_proba_each(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the fusion's probabilities, its names prefixed; NaN in rows without any of its columns."""
        each = self.fusion_.predict_proba_each(X[self._usable(X)])
        named = {name: f"{self.prefix}_{name}" for name in each.columns.unique(0)}
        return each.reindex(X.index).rename(columns=named, level=0 if each.columns.nlevels > 1 else None)

    def _usable(self, X: pd.DataFrame) -> np.ndarray:
        blocks = self.fusion.columns.values()
        return X[[column for block in blocks for column in block]].notna().any(axis=1).to_numpy()


class Constrained(TakesGroups, ClassifierMixin, BaseEstimator):
    """A constraint fusion that answers for the rows that have one of its modalities, under a name in tables.

    Parameters
    ----------
    fusion : ConstraintFusion
    name : str
    """

    def __init__(self, fusion: ConstraintFusion, name: str) -> None:
        self.fusion = fusion
        self.name = name

    def _makes_folds(self) -> bool:
        return False

    def fit(self, X: pd.DataFrame, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Fit the fusion on the rows that have one of its modalities."""
        self.fusion_ = _fit_usable(self.fusion, self._usable(X), X, y, groups)
        return self

    def predict_proba_each(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return its probabilities as a table of one answer; NaN in rows without any of its modalities."""
        rows, classes = self._usable(X), self.fusion_.classes_
        probability = np.full((len(X), len(classes)), np.nan)
        if rows.any():
            probability[rows] = self.fusion_.predict_proba(X[rows])
        return answers_table({self.name: of_second(probability)}, X.index, classes)

    def _usable(self, X: pd.DataFrame) -> np.ndarray:
        members = listed(find_branches(self.fusion.method, [name for name, _ in self.fusion.estimators]))
        grouped = columns.by_modality(X.columns)
        return X[[column for name in members for column in grouped.get(name, [])]].notna().any(axis=1).to_numpy()


def _fit_usable(
    fusion: BaseEstimator, rows: np.ndarray, X: pd.DataFrame, y: ArrayLike, groups: ArrayLike | None
) -> BaseEstimator:
    refuse_misaligned(X, y=y, groups=groups)
    groups = None if groups is None else np.asarray(groups)[rows]
    return clone(fusion).fit(X[rows], np.asarray(y)[rows], groups=groups)
