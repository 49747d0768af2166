"""One modality's chain: impute, scale, select, classify. It is fitted inside the fold as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, _fit_context
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.validation import check_is_fitted

from radiofuse.classify import CLASSIFIERS
from radiofuse.errors import RequestError
from radiofuse.names import make
from radiofuse.prepare.magnitude import fit_scaler
from radiofuse.prepare.validation import read_columns
from radiofuse.select import SELECTORS
from radiofuse.tables import columns


def modality_classifier(
    classifier: str = "logistic",
    *,
    select: str | None = "three_step",
    random_state: int | None = None,
    select_options: Mapping[str, Any] | None = None,
    classify_options: Mapping[str, Any] | None = None,
    encoder: BaseEstimator | None = None,
) -> Pipeline:
    """Return the unfitted chain of one modality: impute, scale, select, classify.

    Parameters
    ----------
    classifier : str, default="logistic"
        A key of ``radiofuse.classify.CLASSIFIERS`` or ``package.module:Class``.
    select : str or None, default="three_step"
        A key of ``radiofuse.select.SELECTORS`` or ``package.module:Class``; None keeps every column.
    random_state : int, optional
        Handed to every step that has one.
    select_options, classify_options : mapping, optional
        Parameters of the selector and the classifier, by name.
    encoder : transformer, optional
        Put in front as step ``encode``: a ``CropEncoder`` turns the modality's crop into features.

    Returns
    -------
    Pipeline
        Steps ``impute`` (median), ``scale`` (mean 0, variance 1; 0 for what is constant in the
        training rows), ``select``, ``classify``.

    Raises
    ------
    RequestError
        If a name or an option is unknown, or an option has a value that its step refuses.

    Examples
    --------
    >>> list(modality_classifier("logistic").named_steps)
    ['impute', 'scale', 'select', 'classify']
    """
    steps = {
        "impute": MedianImputer(),
        "scale": TrainingScaler(),
        "select": "passthrough" if select is None else make(select, SELECTORS, "selector", select_options),
        "classify": _classifier(classifier, random_state, classify_options),
    }
    chain = Pipeline([*([("encode", encoder)] if encoder is not None else []), *steps.items()])
    if getattr(steps["select"], "needs_names", False):
        for name in ("impute", "scale"):
            steps[name].set_output(transform="pandas")
    _set_options(chain, "select", select_options or {})
    _set_options(chain, "classify", classify_options or {})
    seeds = {name: random_state for name in chain.get_params() if name.endswith("__random_state")}
    return chain.set_params(**seeds)


def clinical_classifier(*, random_state: int | None = None) -> Pipeline:
    """Return the clinical-only arm: the ``clinical__`` columns, imputed and scaled, into logistic regression."""
    pattern = f"^{columns.CLINICAL}{columns.SEPARATOR}"
    chosen = make_column_transformer(("passthrough", make_column_selector(pattern)), verbose_feature_names_out=False)
    chain = modality_classifier("logistic", select=None, random_state=random_state)
    return Pipeline([("columns", chosen), *chain.steps])


class MedianImputer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """What is missing becomes the median of its column in the training rows, 0 where that has no value.

    As scikit-learn's ``SimpleImputer(strategy="median", keep_empty_features=True)`` on numbers of double
    precision, without its questions to every single column of a table, which cost more than all that follows.

    Attributes
    ----------
    statistics_ : ndarray of shape (n_features_in_,)
        The medians.

    Examples
    --------
    >>> MedianImputer().fit_transform([[1.0, np.nan], [np.nan, np.nan], [5.0, np.nan]])
    array([[1., 0.],
           [3., 0.],
           [5., 0.]])
    """

    _parameter_constraints: dict = {}

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Learn the medians.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            NaN is missing; none infinite.
        """
        self.statistics_ = column_medians(read_columns(self, X, allow_nan=True))
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the columns without gaps.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        """
        check_is_fitted(self)
        values = read_columns(self, X, reset=False, allow_nan=True)
        gaps = np.isnan(values)
        if not gaps.any():
            return values
        filled = values.copy(order="K")  # sums over rows that lie otherwise in memory round otherwise
        np.copyto(filled, self.statistics_, where=gaps)
        return filled

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def column_medians(X: np.ndarray) -> np.ndarray:
    """Return the median of each column's values that are not NaN, 0 for a column without any.

    Examples
    --------
    >>> column_medians(np.array([[1.0, np.nan], [2.0, np.nan], [4.0, np.nan]]))
    array([2., 0.])
    """
    ordered = np.sort(X.T, axis=1)  # NaN last
    known = X.shape[0] - np.isnan(X).sum(axis=0)
    column, middle = np.arange(X.shape[1]), np.maximum(known, 1)
    low, high = ordered[column, (middle - 1) // 2], ordered[column, middle // 2]
    with np.errstate(over="ignore"):
        middle = (low + high) / 2
    return np.where(known > 0, np.where(np.isinf(middle), low / 2 + high / 2, middle), 0.0)


class TrainingScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Mean 0 and variance 1 in the training rows; a column that is constant there is 0 in all rows.

    scikit-learn's scaler only centers such a column. A row in which it differs would then bring its raw
    value, thousands perhaps, next to columns of spread 1, and a classifier that learned nothing of that
    column would be thrown off by it: a support vector machine answers nothing but the prevalence.

    Attributes
    ----------
    scaler_ : StandardScaler
    constant_ : ndarray of bool, shape (n_features_in_,)

    Examples
    --------
    >>> scaler = TrainingScaler().fit([[1.0, 5.0], [3.0, 5.0]])
    >>> scaler.transform([[2.0, 9000.0]])
    array([[0., 0.]])
    """

    _parameter_constraints: dict = {}

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Learn means and spreads.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Complete features: no NaN.
        """
        X = read_columns(self, X)
        self.scaler_, self.constant_ = fit_scaler(X)
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the scaled columns.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        """
        check_is_fitted(self)
        X = read_columns(self, X, reset=False)
        return np.where(self.constant_, 0.0, (X - self.scaler_.mean_) / self.scaler_.scale_)


def _classifier(name: str, random_state: int | None, options: Mapping[str, Any] | None) -> Any:
    if name in CLASSIFIERS:
        return CLASSIFIERS[name](random_state)
    return make(name, CLASSIFIERS, "classifier", options)


def _set_options(chain: Pipeline, step: str, options: Mapping[str, Any]) -> None:
    part = chain.named_steps[step]
    known = part.get_params() if hasattr(part, "get_params") else {}
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise RequestError(f"Step {step!r} ({part}) has no option {unknown[0]!r}; its options are {sorted(known)}.")
    chain.set_params(**{f"{step}__{name}": value for name, value in options.items()})
    if hasattr(part, "_parameter_constraints"):
        _check_values(part)
    if options.get("on_empty") == "intercept":
        raise RequestError(
            f'Step {step!r}: on_empty = "intercept" may leave the classifier no feature; choose "strongest".'
        )


def _check_values(part: BaseEstimator) -> None:
    """Refuse wrong values now; scikit-learn does so when the first fold is fitted."""
    try:
        part._validate_params()
    except InvalidParameterError as error:
        raise RequestError(f"{error}") from None
