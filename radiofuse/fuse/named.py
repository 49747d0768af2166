"""A model under a name of its own: it answers for the rows that it can read, so that it stands beside others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.pipeline import Pipeline

from radiofuse.estimators import Findings
from radiofuse.fuse.probabilities import of_second
from radiofuse.patients.routing import TakesGroups, fit_with_groups, refuse_misaligned
from radiofuse.tables.answers import answers_table, no_weights


class Named(TakesGroups, ClassifierMixin, BaseEstimator):
    """A model whose answers carry a name, on some of a table's columns.

    It is fitted on the rows that have a number in one of its columns, and answers for such rows only: an image may
    be fit for crops and not for radiomics.

    Parameters
    ----------
    model : estimator
        A classifier, or one that answers by several names (``predict_proba_each``).
    name : str
        Of the answer; of several, what stands before each with an underscore. Empty for a `LateFusion` whose answers
        keep their own names.
    columns : list of str, optional
        Those it reads; default: all.
    records : bool, default=True
        Whether folds record what it selected. How it weighed each row, they record in any case.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> table = pd.DataFrame({"t1__a": [0.0, 1.0, 2.0, np.nan], "t2__a": [1.0, 1.0, 2.0, 2.0]})
    >>> model = Named(LogisticRegression(), "t1", ["t1__a"]).fit(table, [0, 1, 1, 0])
    >>> model.predict_proba_each(table).isna()["t1"].tolist()
    [False, False, False, True]
    """

    def __init__(self, model: Any, name: str, columns: Sequence[str] | None = None, *, records: bool = True) -> None:
        self.model = model
        self.name = name
        self.columns = columns
        self.records = records

    @property
    def prefix(self) -> str:
        """What stands before the names of a model's several answers."""
        return f"{self.name}_" if self.name else ""

    def _makes_folds(self) -> bool:
        return False

    def fit(self, X: pd.DataFrame, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Fit the model on the rows that have one of its columns."""
        refuse_misaligned(X, y=y, groups=groups)
        own = self._own(X)
        usable = own.notna().any(axis=1).to_numpy()
        groups = None if groups is None else np.asarray(groups)[usable]
        self.model_ = fit_with_groups(clone(self.model), own[usable], np.asarray(y)[usable], groups)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba_each(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the model's probabilities under its name; NaN in rows without any of its columns.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_columns)

        Returns
        -------
        DataFrame
            As ``LateFusion.predict_proba_each`` returns it.
        """
        own = self._own(X)
        usable = own.notna().any(axis=1).to_numpy()
        if not usable.any():
            nothing = of_second(np.full((len(X), len(self.classes_)), np.nan))
            names = [self.name] if self.name else [*self.model_.columns_, *self.model_.combiners_]
            return answers_table(dict.fromkeys(names, nothing), X.index, self.classes_)
        return self._answers(own[usable]).reindex(X.index)

    def _answers(self, rows: pd.DataFrame) -> pd.DataFrame:
        if hasattr(self.model_, "predict_proba_each"):
            each = self.model_.predict_proba_each(rows)
            named = {answer: self.prefix + answer for answer in each.columns.unique(0)}
            return each.rename(columns=named, level=0 if each.columns.nlevels > 1 else None)
        probability = self.model_.predict_proba(rows)
        return answers_table({self.name: of_second(probability)}, rows.index, self.model_.classes_)

    def findings(self) -> Findings | None:
        """Return what folds should record: what the model selected and how its members weigh; None for nothing."""
        own = self.model_.findings() if hasattr(self.model_, "findings") else None
        if not self.records:
            weighing = None if own is None else own.weighing
            return None if weighing is None else Findings(own.columns, {}, no_weights(), weighing=weighing)
        if own is not None:
            return own
        if not isinstance(self.model_, Pipeline) or "select" not in self.model_.named_steps:
            return None
        return Findings({self.name: list(self.columns or ())}, {self.name: self.model_}, no_weights())

    def _own(self, X: pd.DataFrame) -> pd.DataFrame:
        return X if self.columns is None else X[list(self.columns)]
