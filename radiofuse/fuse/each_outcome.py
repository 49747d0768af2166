"""A model of several outcomes at once that is fitted to each of them by itself."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from radiofuse.estimators import Findings
from radiofuse.fuse.joint import SEMI_SUPERVISED, declares
from radiofuse.patients.routing import TakesGroups, fit_with_groups, refuse_misaligned


class EachOutcome(TakesGroups, BaseEstimator):
    """A model of several outcomes, fitted for each outcome alone on the rows in which that is known.

    So what a model gains by learning outcomes together is measured against itself.

    Parameters
    ----------
    model : estimator
        Of several outcomes at once; cloned for each.

    Attributes
    ----------
    outcomes_ : list of str
        Columns of ``y``.
    models_ : dict of str to estimator
        By outcome.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from radiofuse.fuse.outcome_chain import OutcomeChain
    >>> X = pd.DataFrame({"t1__a": np.random.default_rng(0).normal(size=40)})
    >>> y = pd.DataFrame({"idh": (X["t1__a"] > 0) * 1.0, "codel": (X["t1__a"] > 1) * 1.0})
    >>> chain = OutcomeChain(LogisticRegression(), cv=3, random_state=0)
    >>> [answer.shape for answer in EachOutcome(chain).fit(X, y).predict_proba(X)]
    [(40, 2), (40, 2)]
    """

    multi_outcome = True

    def __init__(self, model: Any) -> None:
        self.model = model

    @property
    def semi_supervised(self) -> bool:
        """Whether the model learns from rows in which an outcome is unknown too."""
        return declares(self.model, SEMI_SUPERVISED)

    def fit(self, X: pd.DataFrame, y: pd.DataFrame, groups: ArrayLike | None = None) -> Self:
        """Fit the model to each column of ``y``, NaN where an outcome is unknown."""
        refuse_misaligned(X, y=y, groups=groups)
        self.outcomes_ = list(y)
        self.models_ = {name: self._fitted(X, y[[name]], groups) for name in y}
        return self

    def _fitted(self, X: pd.DataFrame, y: pd.DataFrame, groups: ArrayLike | None) -> Any:
        known = y.iloc[:, 0].notna().to_numpy() | self.semi_supervised
        own = None if groups is None else np.asarray(groups)[known]
        return fit_with_groups(clone(self.model), X[known], y[known], own)

    def predict_proba(self, X: pd.DataFrame) -> list[np.ndarray]:
        """Return the probabilities of every outcome, a list of arrays (n_samples, n_classes)."""
        check_is_fitted(self)
        return [self.models_[name].predict_proba(X)[0] for name in self.outcomes_]

    def findings_of(self, outcome: str) -> Findings | None:
        """Return what folds should record of an outcome: what its own model offers."""
        check_is_fitted(self)
        model = self.models_[outcome]
        return model.findings_of(outcome) if hasattr(model, "findings_of") else None
