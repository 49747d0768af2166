"""A chain over outcomes: each one's fusion beside what the fusions of the outcomes before it say of the patient."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from radiofuse.errors import CohortError, RequestError
from radiofuse.estimators import Classifier, Findings, Seed
from radiofuse.fuse.chain_link import ChainLink, evidence
from radiofuse.fuse.coherent import coherent
from radiofuse.patients.inner_folds import folds_of_outcomes
from radiofuse.patients.routing import TakesGroups, fit_with_groups, refuse_misaligned
from radiofuse.tables.answers import no_weights


class OutcomeChain(TakesGroups, BaseEstimator):
    """A classifier chain over several outcomes on top of a fusion for each of them.

    Every outcome has a fusion of its own. A logistic regression then moves its log-odds by those that the fusions of
    the outcomes before it give (`ChainLink`); it is multinomial of more than two classes. It learns from out-of-fold
    probabilities and sees no label of another outcome, at training no more than at prediction. A row counts for an
    outcome wherever that is known, and its probabilities of the others are there whether or not they are known: an
    outcome with many labels so helps one with few.

    Parameters
    ----------
    fusion : estimator
        Of one outcome, as a `LateFusion`; cloned for each.
    order : list of str, optional
        The outcomes; default: those with the most labels first.
    cv : int, default=5
        Folds of whole patients, shared by the outcomes, that give the out-of-fold probabilities.
    allowed : ndarray of bool, shape (n_classes_1, n_classes_2, …), optional
        Which combinations of classes there can be, an axis per column of ``y`` with its classes as ``classes_`` sorts
        them: the answers are made to obey it (`coherent`). Default: all.
    random_state : int, RandomState instance or None, default=None
        Shuffles these folds.

    Attributes
    ----------
    outcomes_ : list of str
        Columns of ``y``.
    classes_ : list of ndarray
        Of each outcome, sorted.
    order_ : list of str
    fusions_ : dict of str to estimator
        By outcome; fitted on all rows in which it is known.
    links_ : dict of str to ChainLink
        By outcome; what they weigh stands in ``findings_of``.
    out_of_fold_ : dict of str to ndarray of shape (n_samples, n_classes)
        What the links learned from.

    References
    ----------
    Read, Pfahringer, Holmes, Frank (2011). Classifier chains for multi-label classification. Machine Learning 85,
    333-359.
    Senge, del Coz, Huellermeier (2013). Rectifying classifier chains for multi-label classification. LWA: what a chain
    is shown at training must be predicted, as it is at prediction.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"t1__a": rng.normal(size=60)})
    >>> y = pd.DataFrame({"idh": (X["t1__a"] > 0) * 1.0, "codel": (X["t1__a"] > 1) * 1.0})
    >>> y.loc[:20, "codel"] = np.nan
    >>> chain = OutcomeChain(LogisticRegression(), cv=3, random_state=0).fit(X, y)
    >>> chain.order_, [answer.shape for answer in chain.predict_proba(X)]
    (['idh', 'codel'], [(60, 2), (60, 2)])
    """

    multi_outcome = True
    title = "classifier chain over the outcomes"

    def __init__(
        self,
        fusion: Classifier,
        *,
        order: Sequence[str] | None = None,
        cv: int = 5,
        allowed: np.ndarray | None = None,
        random_state: Seed = None,
    ) -> None:
        self.fusion = fusion
        self.order = order
        self.cv = cv
        self.allowed = allowed
        self.random_state = random_state

    def fit(self, X: pd.DataFrame, y: pd.DataFrame, groups: ArrayLike | None = None) -> Self:
        """Fit the fusions and the links.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_columns)
        y : DataFrame of shape (n_samples, n_outcomes)
            Labels of any name, NaN where one is unknown.
        groups : array-like of shape (n_samples,), optional
            The patient of each row.

        Raises
        ------
        RequestError
            If ``order`` names other outcomes than ``y`` has, or ``allowed`` is of other outcomes or classes.
        CohortError
            If an outcome has one class only, or the folds leave a class without a row to learn from.
        """
        refuse_misaligned(X, y=y, groups=groups)
        self.outcomes_ = list(y)
        self.order_ = self._ordered(y)
        self.classes_ = [np.unique(y[name].dropna()) for name in y]
        self._check_allowed()
        codes = pd.DataFrame({name: _codes(y[name], self._classes_of(name)) for name in y}, index=X.index)
        groups = None if groups is None else np.asarray(groups)
        self.out_of_fold_ = self._out_of_fold(X, codes, groups)
        known = {name: np.flatnonzero(codes[name].notna()) for name in self.order_}
        self.fusions_ = {name: self._fitted(X, codes[name], groups, known[name]) for name in self.order_}
        self.links_ = {name: self._link(name, codes[name].to_numpy()) for name in self.order_}
        return self

    def _ordered(self, y: pd.DataFrame) -> list[str]:
        if self.order is None:
            return list(y.notna().sum().sort_values(ascending=False, kind="stable").index)
        if sorted(self.order) != sorted(y):
            raise RequestError(
                f"order must name each of the outcomes {', '.join(y)} once; it names {', '.join(self.order)}."
            )
        return list(self.order)

    def _check_allowed(self) -> None:
        shape = tuple(len(classes) for classes in self.classes_)
        if self.allowed is not None and np.shape(self.allowed) != shape:
            raise RequestError(
                f"allowed must have an axis for each of the outcomes {', '.join(self.outcomes_)} and so the shape "
                f"{shape}; it has {np.shape(self.allowed)}."
            )
        if self.allowed is not None and not np.any(self.allowed):
            raise RequestError("allowed rules out every combination of classes; leave one at least.")

    def _classes_of(self, name: str) -> np.ndarray:
        classes = self.classes_[self.outcomes_.index(name)]
        if len(classes) < 2:
            sentence = f"A chain over outcomes needs two classes of each or more; {name} has {classes.tolist()}."
            raise CohortError("The training table", [f"{sentence} Leave the outcome out, or add patients."])
        return classes

    def _out_of_fold(self, X: pd.DataFrame, codes: pd.DataFrame, groups: np.ndarray | None) -> dict[str, np.ndarray]:
        """Return the probabilities of every row, be its label known or not, by fusions that saw none of its patient."""
        folds = folds_of_outcomes(self.cv, codes, groups, self.random_state)
        sizes = {name: len(self._classes_of(name)) for name in self.order_}
        told = {name: np.full((len(codes), sizes[name]), np.nan) for name in self.order_}
        for name, probability in told.items():
            known = codes[name].notna().to_numpy()
            for train, test in folds:
                try:
                    fitted = self._fitted(X, codes[name], groups, train[known[train]])
                except CohortError as error:  # a modality may be too rare for an inner fold
                    warnings.warn(f"An inner fold of {name} is not learned from. {error}", stacklevel=2)
                    continue
                probability[test] = fitted.predict_proba(X.iloc[test])
        return told

    def _fitted(self, X: pd.DataFrame, codes: pd.Series, groups: np.ndarray | None, rows: np.ndarray) -> Any:
        labels = codes.iloc[rows].to_numpy(int)
        return fit_with_groups(clone(self.fusion), X.iloc[rows], labels, None if groups is None else groups[rows])

    def _link(self, name: str, codes: np.ndarray) -> ChainLink:
        own, others = self._inputs(name, self.out_of_fold_)
        rows = ~np.isnan(codes) & ~np.isnan(own).any(axis=1) & ~np.isnan(others).any(axis=1)
        if np.unique(codes[rows]).size < own.shape[1]:
            sentence = f"The chain has no out-of-fold probabilities of some class of {name}, which it learns from."
            raise CohortError("The training table", [f"{sentence} Lower inner_folds, or add patients."])
        return ChainLink().fit(own[rows], others[rows], codes[rows].astype(int))

    def _before(self, name: str) -> list[str]:
        return self.order_[: self.order_.index(name)]

    def _inputs(self, name: str, told: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return an outcome's own probabilities, and the evidence of those before it."""
        none = np.empty((len(told[name]), 0))
        return told[name], np.hstack([none, *(evidence(told[before]) for before in self._before(name))])

    def predict_proba(self, X: pd.DataFrame) -> list[np.ndarray]:
        """Return the probabilities of every outcome.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_columns)

        Returns
        -------
        list of ndarray of shape (n_samples, n_classes)
            In the order of ``outcomes_``, columns in the order of ``classes_``.
        """
        check_is_fitted(self)
        told = {name: fusion.predict_proba(X) for name, fusion in self.fusions_.items()}
        answers = [self.links_[name].predict_proba(*self._inputs(name, told)) for name in self.outcomes_]
        return answers if self.allowed is None else coherent(answers, np.asarray(self.allowed))

    def findings_of(self, outcome: str) -> Findings | None:
        """Return what folds should record of an outcome: what its fusion does, and the weights of its link."""
        check_is_fitted(self)
        fusion = self.fusions_[outcome]
        offered = fusion.findings() if hasattr(fusion, "findings") else Findings({}, {}, no_weights())
        whole = pd.concat([offered.weights, self._weights(outcome)], ignore_index=True)
        return offered._replace(
            weights=whole, explaining=None
        )  # members contribute to the fusion's answer, not a link's

    def _weights(self, outcome: str) -> pd.DataFrame:
        """Return the weights of a link, and its intercept, as the fusion ``chain``."""
        link, n_classes = self.links_[outcome], len(self._classes_of(outcome))
        members = [label for before in self._before(outcome) for label in self._labels(before)]
        each = np.vstack([link.coef_, link.intercept_])  # (n_members + 1, n_classes), of two classes (…, 1)
        rows = [("chain", outcome, "", link.slope_)]
        for member, weights in zip([*members, "(intercept)"], each, strict=True):
            rows += [("chain", member, str(place) * (n_classes > 2), one) for place, one in enumerate(weights)]
        table = pd.DataFrame(rows, columns=["fusion", "member", "class", "weight"])
        return table if n_classes > 2 else table.drop(columns="class")

    def _labels(self, name: str) -> list[str]:
        n_classes = len(self._classes_of(name))
        return [name] if n_classes == 2 else [member_of_class(name, place, n_classes) for place in range(n_classes)]


def member_of_class(outcome: str, place: int, n_classes: int) -> str:
    """Return what a link calls its input for one of several classes of an outcome before it.

    >>> member_of_class("grade", 0, 3)
    'grade, class 1 of 3'
    """
    return f"{outcome}, class {place + 1} of {n_classes}"


def _codes(labels: pd.Series, classes: np.ndarray) -> np.ndarray:
    """Return the place of each label's class, NaN where it is unknown."""
    codes = np.full(len(labels), np.nan)
    known = labels.notna().to_numpy()
    codes[known] = np.searchsorted(classes, labels[known].to_numpy())
    return codes
