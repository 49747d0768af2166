"""Models of several outcomes at once: what they declare, their names, and each seen as a model of one outcome.

Such a model is a class with ``multi_outcome = True``. Its ``fit(X, y, groups=None)`` takes a table ``y`` with a column
per outcome, labels 0, 1 and so on, NaN where one is unknown. It answers by ``predict_proba(X)``, as scikit-learn's
classifiers of several outputs do: a list with an array (n_samples, n_classes) for each column of ``y``. One that also
has ``semi_supervised = True`` is fitted on rows without any label too, in which all of ``y`` is NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.pipeline import Pipeline

from radiofuse.errors import RequestError
from radiofuse.estimators import Findings
from radiofuse.fuse.named import Named
from radiofuse.fuse.probabilities import checked, of_second
from radiofuse.fuse.subsets import members_among, modality_of, subset_name
from radiofuse.patients.routing import fit_with_groups, refuse_misaligned
from radiofuse.tables.answers import OUTCOME_LEVELS, answers_table, joint_answers, of_outcome

MULTI_OUTCOME, SEMI_SUPERVISED = "multi_outcome", "semi_supervised"


def declares(model: Any, attribute: str) -> bool:
    """Say whether a model, a class of them, or the last step of a chain has an attribute that is true.

    Examples
    --------
    >>> from radiofuse.fuse.outcome_chain import OutcomeChain
    >>> declares(OutcomeChain, MULTI_OUTCOME), declares(OutcomeChain, SEMI_SUPERVISED)
    (True, False)
    """
    return bool(getattr(model.steps[-1][1] if isinstance(model, Pipeline) else model, attribute, False))


class JointModel(Named):
    """A model of several outcomes at once, under a name of its own, on some of a table's columns.

    It is fitted on the rows that have a number in one of its columns and a known outcome; a semi-supervised one on
    rows without a known outcome too.

    Parameters
    ----------
    model : estimator
        Of several outcomes at once.
    name : str
        Of the answer; of several, what stands before each with an underscore.
    columns : list of str, optional
        Those it reads; default: all.
    records : bool, default=True
        Whether folds record what it selected.
    subsets : bool, default=False
        Whether it also answers, as ``name(t1+flair)``, from every set of the modalities that its columns are of: of
        the others all columns are NaN then.

    Attributes
    ----------
    outcomes_ : list of str
        Columns of ``y``.
    classes_ : list of ndarray
        Of each outcome, sorted.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> class Tree(DecisionTreeClassifier):
    ...     multi_outcome = True
    >>> X = pd.DataFrame({"t1__a": [0.0, 1.0, 2.0, 3.0]})
    >>> y = pd.DataFrame({"idh": [0, 0, 1, 1], "grade": [0, 1, 2, 2]})
    >>> JointModel(Tree(), "tree").fit(X, y).predict_proba_each(X).columns.to_list()
    [('idh', 'tree', 1), ('grade', 'tree', 0), ('grade', 'tree', 1), ('grade', 'tree', 2)]
    """

    subsets = False  # of models that were pickled before there were subsets

    def __init__(
        self,
        model: Any,
        name: str,
        columns: Sequence[str] | None = None,
        *,
        records: bool = True,
        subsets: bool = False,
    ) -> None:
        super().__init__(model, name, columns, records=records)
        self.subsets = subsets

    def fit(self, X: pd.DataFrame, y: pd.DataFrame, groups: ArrayLike | None = None) -> Self:
        """Fit the model on the rows that it can learn from."""
        refuse_misaligned(X, y=y, groups=groups)
        own = self._own(X)
        usable = own.notna().any(axis=1).to_numpy()
        if not declares(self.model, SEMI_SUPERVISED):
            usable = usable & y.notna().any(axis=1).to_numpy()
        labels, groups = y[usable], None if groups is None else np.asarray(groups)[usable]
        self.outcomes_ = list(labels)
        self.classes_ = [np.unique(labels[name].dropna()) for name in labels]
        self.model_ = fit_with_groups(clone(self.model), own[usable], labels, groups)
        return self

    def predict_proba_each(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the model's probabilities of every outcome; NaN in rows without any of its columns.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_columns)

        Returns
        -------
        DataFrame
            Columns are triples of outcome, answer and class; of two classes only the second has one.
        """
        own = self._own(X)
        members = members_among(list(own)) if self.subsets else []
        return pd.concat([self._answered(own), *(self._of_subset(own, one) for one in members)], axis=1)

    def _of_subset(self, own: pd.DataFrame, members: Sequence[str]) -> pd.DataFrame:
        """Return the answers from some modalities alone, under their names."""
        hidden = [column for column in own if modality_of(column) not in members]
        told = self._answered(own.assign(**dict.fromkeys(hidden, np.nan)))
        return told.rename(columns=lambda answer: subset_name(answer, members), level=1)

    def _answered(self, X: pd.DataFrame) -> pd.DataFrame:
        usable = X.notna().any(axis=1).to_numpy()
        if usable.any():
            return self._answers(X[usable]).reindex(X.index)
        nothing = [np.full((len(X), len(classes)), np.nan) for classes in self.classes_]
        return self._named(nothing, X.index)

    def _answers(self, rows: pd.DataFrame) -> pd.DataFrame:
        if hasattr(self.model_, "predict_proba_each"):
            each = self.model_.predict_proba_each(rows)
            named = {answer: f"{self.name}_{answer}" for answer in each.columns.unique(1)}
            return each.rename(columns=named, level=1).rename_axis(columns=OUTCOME_LEVELS)
        answer = self.model_.predict_proba(rows)
        wanted = [(len(rows), len(classes)) for classes in self.classes_]
        shapes = [np.shape(one) for one in answer] if isinstance(answer, list) else np.shape(answer)
        if shapes != wanted:
            raise RequestError(
                f"Model {self.name} must answer with a list of arrays of the shapes {wanted}, one for each of the "
                f"outcomes {', '.join(self.outcomes_)}; it answered {shapes}. Mend its predict_proba."
            )
        return self._named(answer, rows.index)

    def _named(self, answer: list[np.ndarray], index: pd.Index) -> pd.DataFrame:
        classes = dict(zip(self.outcomes_, self.classes_, strict=True))
        parts = {}
        for outcome, probability in zip(self.outcomes_, answer, strict=True):
            told, n_classes = of_second(np.asarray(probability, dtype=float)), len(classes[outcome])
            if not np.isnan(told).all():
                told = checked(told, len(index), n_classes, f"Model {self.name!r}")
            parts[outcome] = answers_table({self.name: told}, index, classes[outcome])
        return joint_answers(parts, classes)

    def findings_of(self, outcome: str) -> Findings | None:
        """Return what folds should record of one outcome; None for nothing."""
        if not self.records or not hasattr(self.model_, "findings_of"):
            return None
        return self.model_.findings_of(outcome)


class OneOutcome(ClassifierMixin, BaseEstimator):
    """A fitted model of several outcomes as a model of one of them: for whoever asks about one outcome at a time.

    Parameters
    ----------
    model : JointModel
        Fitted.
    outcome : str
    """

    def __init__(self, model: JointModel, outcome: str) -> None:
        self.model = model
        self.outcome = outcome

    @property
    def classes_(self) -> np.ndarray:
        """The outcome's classes."""
        return self.model.classes_[self.model.outcomes_.index(self.outcome)]

    def predict_proba_each(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the probabilities of the outcome, as ``LateFusion.predict_proba_each`` does."""
        return of_outcome(self.model.predict_proba_each(X), self.outcome)

    def findings(self) -> Findings | None:
        """Return what folds should record of the outcome; None for nothing."""
        return self.model.findings_of(self.outcome)
