"""A support vector machine whose probabilities come from patients that it had not seen."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn import config_context
from sklearn.base import BaseEstimator, _fit_context
from sklearn.calibration import CalibratedClassifierCV
from sklearn.svm import SVC
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from radiofuse.classify.classes import ProbableClass, check_classes
from radiofuse.errors import CohortError
from radiofuse.estimators import Seed
from radiofuse.patients.inner_folds import fewest_patients, inner_folds
from radiofuse.patients.routing import TakesGroups, refuse_misaligned

FOLDS = 5  # fewer where the smallest class has fewer patients


class CalibratedSVC(TakesGroups, ProbableClass, BaseEstimator):
    """Support vector machine with Platt's probabilities.

    The sigmoid is fitted on out-of-fold scores inside the training rows, the machine itself on all of
    them. All rows of a patient are in one of these folds: a machine scores rows whose neighbors it
    memorized, far from 0, and a sigmoid fitted on such scores is much too sure about strangers.
    Of more than two classes each has a sigmoid against the rest, and the answers are divided by their sum.

    Parameters
    ----------
    C : float, default=1.0
        Price of a row on the wrong side; smaller means smoother.
    kernel : {"rbf", "linear", "poly", "sigmoid"}, default="rbf"
        As in scikit-learn's SVC.
    gamma : float or {"scale", "auto"}, default="scale"
        Width of the kernel, as in scikit-learn's SVC.
    class_weight : dict, "balanced" or None, default=None
        Weights of the rows by class, in the machine and in the sigmoid: probabilities lean to a heavier class.
    random_state : int, RandomState instance or None, default=None
        Deals the patients to the folds.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    calibrated_ : CalibratedClassifierCV

    References
    ----------
    Platt (1999). Probabilistic outputs for support vector machines and comparisons to regularized
    likelihood methods. Advances in Large Margin Classifiers, 61-74.
    Zadrozny, Elkan (2002). Transforming classifier scores into accurate multiclass probability
    estimates. KDD, 694-699: a sigmoid for each of several classes.

    Examples
    --------
    >>> X, y = [[0.0], [1.0], [2.0], [3.0], [7.0], [8.0], [9.0], [10.0]], [0, 0, 0, 0, 1, 1, 1, 1]
    >>> CalibratedSVC(random_state=0).fit(X, y).predict([[1.5], [8.5]])
    array([0, 1])
    """

    _parameter_constraints: dict = {
        "C": [Interval(Real, 0, None, closed="neither")],
        "kernel": [StrOptions({"rbf", "linear", "poly", "sigmoid"})],
        "gamma": [StrOptions({"scale", "auto"}), Interval(Real, 0, None, closed="neither")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        C: float = 1.0,
        *,
        kernel: str = "rbf",
        gamma: float | str = "scale",
        class_weight: Mapping | str | None = None,
        random_state: Seed = None,
    ) -> None:
        self.C = C
        self.kernel = kernel
        self.gamma = gamma
        self.class_weight = class_weight
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Fit the machine and its sigmoid.

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
            If a class has fewer than two patients.
        ValueError
            If ``y`` holds one class only.
        """
        refuse_misaligned(X, y=y, groups=groups)
        X, y = validate_data(self, X, y, dtype=np.float64)
        self.classes_ = check_classes(y)
        patients = np.arange(len(y)) if groups is None else np.asarray(groups)
        check_consistent_length(X, patients)
        cv = min(FOLDS, self._fewest(y, patients))
        folds = inner_folds(cv, np.searchsorted(self.classes_, y), patients, self.random_state)
        weights = None if self.class_weight is None else compute_sample_weight(self.class_weight, y)
        machine = SVC(C=self.C, kernel=self.kernel, gamma=self.gamma)
        with config_context(enable_metadata_routing=False):  # which would have to be told where weights go
            calibrated = CalibratedClassifierCV(machine, cv=folds, ensemble=False)
            self.calibrated_ = calibrated.fit(X, y, sample_weight=weights)
        return self

    @staticmethod
    def _fewest(y: np.ndarray, patients: np.ndarray) -> int:
        fewest = fewest_patients(y, patients)
        if fewest < 2:
            raise CohortError(
                "The training table",
                [
                    "A support vector machine needs at least two patients of each class to calibrate its "
                    f"probabilities, and the smallest class has {fewest}. Choose another classifier or add patients."
                ],
            )
        return fewest

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
        return self.calibrated_.predict_proba(validate_data(self, X, dtype=np.float64, reset=False))
