"""Several classifiers, and one that learns how far to trust each."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, _fit_context, clone
from sklearn.linear_model import LogisticRegression
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from radiofuse.classify.classes import ProbableClass, check_classes
from radiofuse.errors import RequestError
from radiofuse.estimators import Classifier, Folding, Seed
from radiofuse.patients.inner_folds import inner_folds
from radiofuse.patients.routing import TakesGroups, fit_with_groups, refuse_misaligned

TOO_FEW = (
    "Stacking in {cv} inner folds needs {cv} patients of each class, and {smallest} has {fewest}. Lower cv, choose "
    "another classifier, or add patients."
)


LACKS_A_CLASS = (
    "The rows that train inner fold {number} have no row of class {lacking}, and every class was expected in each: the "
    "classifiers would not know it. Pass cv as an int, or a splitter that keeps classes in proportion, such as "
    "StratifiedGroupKFold."
)


class StackedClassifier(TakesGroups, ProbableClass, BaseEstimator):
    """Logistic regression on the probabilities of other classifiers.

    It learns from out-of-fold probabilities: each patient's are those of classifiers that did not see any of its
    rows. The classifiers in use are then fitted on all rows.

    Parameters
    ----------
    classifiers : sequence of (str, classifier)
        With ``predict_proba``, each under a name; they are handed the patients where they take ``groups``.
    cv : int or splitter, default=5
        Inner folds; an int means stratified folds of whole patients.
    random_state : int, RandomState instance or None, default=None
        Deals the patients to the inner folds.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    members_ : list of classifiers
        Fitted on all rows.
    regression_ : LogisticRegression
        Of two classes a coefficient per classifier, of more one for each class of each.

    References
    ----------
    Wolpert (1992). Stacked generalization. Neural Networks 5:241-259.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> X, y = np.arange(24.0)[:, None], np.repeat([0, 1], 12)
    >>> members = [("bayes", GaussianNB()), ("regression", LogisticRegression())]
    >>> StackedClassifier(members, cv=3, random_state=0).fit(X, y).predict([[1.5], [22.5]])
    array([0, 1])
    """

    _parameter_constraints: dict = {
        "classifiers": [list, tuple],
        "cv": [Interval(Integral, 2, None, closed="left"), HasMethods(["split", "get_n_splits"])],
        "random_state": ["random_state"],
    }

    def __init__(
        self, classifiers: Sequence[tuple[str, Classifier]], *, cv: Folding = 5, random_state: Seed = None
    ) -> None:
        self.classifiers = classifiers
        self.cv = cv
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Fit the regression on out-of-fold probabilities, and the classifiers on all rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Finite numbers.
        y : array-like of shape (n_samples,)
        groups : array-like of shape (n_samples,), optional
            The patient of each row; without it each row is a patient.

        Raises
        ------
        CohortError
            If a class has fewer patients than there are inner folds.
        RequestError
            If a splitter leaves a class without a row to train on.
        ValueError
            If ``y`` holds one class only.
        """
        refuse_misaligned(X, y=y, groups=groups)
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_consistent_length(y, groups)
        self.classes_ = check_classes(y)
        groups = None if groups is None else np.asarray(groups)
        codes = np.searchsorted(self.classes_, y)
        folds = inner_folds(self.cv, codes, groups, self.random_state, refusal=TOO_FEW, classes=self.classes_)
        _refuse_folds_without_a_class(folds, codes, self.classes_)
        # not scikit-learn's StackingClassifier, which hands groups on to its regression too, where they are refused
        answers = np.empty((len(y), len(self.classifiers) * _n_answers(self.classes_)))
        for train, test in folds:
            of_fold = self._fitted(X[train], y[train], None if groups is None else groups[train])
            answers[test] = _answers(of_fold, X[test], self.classes_)
        self.regression_ = LogisticRegression(max_iter=1000).fit(answers, y)
        self.members_ = self._fitted(X, y, groups)
        return self

    def _fitted(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None) -> list[Classifier]:
        return [fit_with_groups(clone(classifier), X, y, groups) for _, classifier in self.classifiers]

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        check_is_fitted(self)
        values = validate_data(self, X, dtype=np.float64, reset=False)
        return self.regression_.predict_proba(_answers(self.members_, values, self.classes_))


def _refuse_folds_without_a_class(
    folds: Sequence[tuple[np.ndarray, np.ndarray]], codes: np.ndarray, classes: np.ndarray
) -> None:
    for number, (train, _) in enumerate(folds, start=1):
        lacking = np.setdiff1d(np.arange(len(classes)), codes[train])
        if len(lacking):
            raise RequestError(LACKS_A_CLASS.format(number=number, lacking=classes[lacking[0]]))


def _n_answers(classes: np.ndarray) -> int:
    return 1 if len(classes) == 2 else len(classes)


def _answers(members: Sequence[Classifier], X: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the probabilities of all members side by side; of two classes that of the second, which says it all."""
    return np.column_stack([member.predict_proba(X)[:, -_n_answers(classes) :] for member in members])
