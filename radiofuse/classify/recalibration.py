"""Any classifier with probabilities that were held against patients it had not seen."""

from __future__ import annotations

from numbers import Integral
from typing import Literal, Self

import numpy as np
import pandas as pd
import sklearn
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, _fit_context, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.utils import Tags, get_tags, indexable
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from radiofuse.classify.classes import ProbableClass, check_classes
from radiofuse.classify.log_odds import PlattOnLogOdds
from radiofuse.errors import RequestError
from radiofuse.estimators import Classifier, Folding, Seed
from radiofuse.patients.inner_folds import inner_folds
from radiofuse.patients.routing import TakesGroups, fit_with_groups, refuse_misaligned

CALIBRATORS = {"platt": "sigmoid", "isotonic": "isotonic", "temperature": "temperature"}  # scikit-learn's names
AS_IT_COMES = {"dtype": None, "ensure_all_finite": False, "accept_sparse": True}  # the classifier judges the values

TOO_FEW = (
    "Recalibration in {cv} inner folds needs {cv} patients of each class, and the smallest class has {fewest}. "
    "Lower cv, leave the probabilities as they are, or add patients."
)


class RecalibratedClassifier(TakesGroups, ProbableClass, BaseEstimator):
    """A classifier, and a curve from its scores to probabilities, learned inside the training rows.

    The curve is fitted on out-of-fold scores: each patient is scored by a classifier that did not see any
    of its rows. The classifier in use is then fitted on all rows. Scores are the ``decision_function``
    where the classifier has one, else its probabilities: "platt" takes their log-odds.

    Of more than two classes "platt" and "isotonic" fit a curve for each class against the rest and divide the
    answers by their sum, as Zadrozny and Elkan do; "temperature" is one number for all classes.

    Parameters
    ----------
    classifier : classifier
        With ``decision_function`` or ``predict_proba``; a Pipeline's steps are handed the patients where they take
        ``groups``.
    method : {"platt", "isotonic", "temperature"}, default="platt"
        "platt" is a sigmoid with slope and intercept. "isotonic" is any curve that does not fall; it needs
        some hundred rows and makes ties. "temperature" is a slope alone, on the log-odds: it cannot mend
        probabilities that are too high on the whole. It needs scikit-learn 1.8.
    cv : int or splitter, default=5
        Inner folds; an int means stratified folds of whole patients.
    random_state : int, RandomState instance or None, default=None
        Deals the patients to the inner folds.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    calibrated_ : CalibratedClassifierCV or PlattOnLogOdds

    See Also
    --------
    radiofuse.statistics.calibration_summary : Says whether it is needed.
    radiofuse.statistics.smooth_calibration : Shows where.

    References
    ----------
    J. Platt, "Probabilistic outputs for support vector machines and comparisons to regularized
    likelihood methods", Advances in Large Margin Classifiers (1999) 61-74.
    B. Zadrozny and C. Elkan, "Transforming classifier scores into accurate multiclass probability
    estimates", KDD 2002, 694-699.
    C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017,
    1321-1330.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> X, y = np.arange(24.0)[:, None], np.repeat([0, 1, 0, 1], [10, 2, 2, 10])
    >>> RecalibratedClassifier(GaussianNB(), cv=2, random_state=0).fit(X, y).predict([[1.5], [22.5]])
    array([0, 1])
    """

    _parameter_constraints: dict = {
        "classifier": [HasMethods(["fit", "decision_function"]), HasMethods(["fit", "predict_proba"])],
        "method": [StrOptions(set(CALIBRATORS))],
        "cv": [Interval(Integral, 2, None, closed="left"), HasMethods(["split"])],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        classifier: Classifier,
        *,
        method: Literal["platt", "isotonic", "temperature"] = "platt",
        cv: Folding = 5,
        random_state: Seed = None,
    ) -> None:
        self.classifier = classifier
        self.method = method
        self.cv = cv
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Fit the curve on out-of-fold scores, and the classifier on all rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Whatever the classifier takes; columns keep their names on the way to it.
        y : array-like of shape (n_samples,)
        groups : array-like of shape (n_samples,), optional
            The patient of each row; without it each row is a patient.

        Raises
        ------
        RequestError
            If the installed scikit-learn has no temperature scaling, or ``cv`` does not partition the rows.
        CohortError
            If a class has fewer patients than there are inner folds.
        ValueError
            If ``y`` holds one class only.
        """
        refuse_misaligned(X, y=y, groups=groups)
        _require_method(self.method, sklearn.__version__)
        values, y = validate_data(self, X, y, **AS_IT_COMES)
        check_consistent_length(y, groups)
        self.classes_ = check_classes(y)
        codes = np.searchsorted(self.classes_, y)
        groups = None if groups is None else np.asarray(groups)
        folds = inner_folds(self.cv, codes, groups, self.random_state, refusal=TOO_FEW)
        rows = X if isinstance(X, pd.DataFrame) else indexable(values)[0]
        self.calibrated_ = fit_with_groups(self._calibrator(folds), rows, y, groups)
        return self

    def _calibrator(self, folds: list[tuple[np.ndarray, np.ndarray]]) -> BaseEstimator:
        classifier = clone(self.classifier)
        if self.method == "platt" and not hasattr(classifier, "decision_function"):
            return PlattOnLogOdds(classifier, folds)
        return CalibratedClassifierCV(classifier, method=CALIBRATORS[self.method], cv=folds, ensemble=False)

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
        validate_data(self, X, reset=False, **AS_IT_COMES)
        return self.calibrated_.predict_proba(X)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.classifier).input_tags
        return tags


def _require_method(method: str, version: str) -> None:
    if method == "temperature" and tuple(int(part) for part in version.split(".")[:2]) < (1, 8):
        raise RequestError(
            f"Temperature scaling needs scikit-learn 1.8 or newer, and {version} is installed. "
            "Update scikit-learn, or choose method='platt'."
        )
