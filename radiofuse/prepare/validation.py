"""Rows handed to an estimator, checked as scikit-learn's `validate_data` does, arrays and tables of numbers at once."""

from __future__ import annotations

from typing import TypeGuard

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data


def read_columns(
    estimator: BaseEstimator, X: ArrayLike, *, reset: bool = True, allow_nan: bool = False, min_samples: int = 1
) -> np.ndarray:
    """Return ``X`` as double precision, shape (n_samples, n_features), and let ``estimator`` learn its columns.

    scikit-learn asks every column of a table for its type, and every array whether it is a table of some library:
    inside cross-validation that takes longer than many a fit. What is plainly an array of double precision, or a
    table of such columns with names, is checked here for the same things; all else, and all that is to be refused,
    is left to scikit-learn and its messages.

    Parameters
    ----------
    estimator : estimator
        Gets ``n_features_in_`` and, from a table, ``feature_names_in_``; with ``reset=False`` they must agree.
    X : array-like of shape (n_samples, n_features)
    reset : bool, default=True
        True in ``fit``, False in ``transform`` and ``predict``.
    allow_nan : bool, default=False
        Whether NaN is no error; infinity is one always.
    min_samples : int, default=1

    Raises
    ------
    ValueError
        As scikit-learn words it.

    Examples
    --------
    >>> class Example(BaseEstimator): ...
    >>> example = Example()
    >>> read_columns(example, pd.DataFrame({"t1__a": [1.0, 2.0]})).tolist(), example.feature_names_in_.tolist()
    ([[1.0], [2.0]], ['t1__a'])
    """
    values = _plain_values(X)
    if values is not None and _is_fit(values, allow_nan, min_samples) and _has_known_columns(estimator, X, reset):
        return values
    finite = "allow-nan" if allow_nan else True
    checks = {"dtype": np.float64, "ensure_all_finite": finite, "ensure_min_samples": min_samples}
    return validate_data(estimator, X, reset=reset, **checks)


def read_rows(
    estimator: BaseEstimator, X: ArrayLike, y: ArrayLike | None, *, allow_nan: bool = False, min_samples: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and labels to fit to; see `read_columns`.

    Examples
    --------
    >>> class Example(BaseEstimator): ...
    >>> X, y = read_rows(Example(), np.array([[1.0], [2.0]]), np.array([0, 1]))
    >>> X.shape, y.shape
    ((2, 1), (2,))
    """
    if _are_plain_labels(y) and isinstance(X, np.ndarray | pd.DataFrame) and len(X) == len(y):
        return read_columns(estimator, X, allow_nan=allow_nan, min_samples=min_samples), y
    finite = "allow-nan" if allow_nan else True
    checks = {"dtype": np.float64, "ensure_all_finite": finite, "ensure_min_samples": min_samples}
    return validate_data(estimator, X, y, **checks)


def class_labels(y: np.ndarray) -> np.ndarray:
    """Return the classes of ``y``, sorted.

    Raises
    ------
    ValueError
        If ``y`` holds numbers that are no classes.

    Examples
    --------
    >>> class_labels(np.array(["wildtype", "mutant", "mutant"])).tolist()
    ['mutant', 'wildtype']
    """
    if _are_plain_labels(y) and len(classes := np.unique(y)) <= 2:  # of more, scikit-learn may have to warn
        return classes
    check_classification_targets(y)
    return np.unique(y)


def as_numbers(X: ArrayLike) -> np.ndarray:
    """Return ``X`` as a table of double precision, NaN and infinity included, as scikit-learn's ``check_array`` does.

    Examples
    --------
    >>> as_numbers([[1, 2]])
    array([[1., 2.]])
    """
    values = _plain_values(X)
    return check_array(X, dtype=np.float64, ensure_all_finite=False) if values is None or not values.size else values


def _are_plain_labels(y: object) -> TypeGuard[np.ndarray]:
    return type(y) is np.ndarray and y.ndim == 1 and y.dtype.kind in "iub"


def _plain_values(X: object) -> np.ndarray | None:
    """Return the numbers of an array or table of double precision; None for anything else."""
    if isinstance(X, pd.DataFrame) and X.columns.inferred_type == "string":
        X = X.to_numpy()
    return X if type(X) is np.ndarray and X.dtype == np.float64 and X.ndim == 2 else None


def _is_fit(values: np.ndarray, allow_nan: bool, min_samples: int) -> bool:
    enough = values.shape[0] >= max(min_samples, 1) and values.shape[1] >= 1
    return enough and not (np.isinf(values) if allow_nan else ~np.isfinite(values)).any()


def _has_known_columns(estimator: BaseEstimator, X: np.ndarray | pd.DataFrame, reset: bool) -> bool:
    """Say whether the columns are those of the fit; with ``reset`` they are learned, names and number."""
    names = X.columns.to_numpy(object) if isinstance(X, pd.DataFrame) else None
    if not reset:
        known = getattr(estimator, "feature_names_in_", None)
        same = known is None if names is None else known is not None and np.array_equal(known, names)
        return same and getattr(estimator, "n_features_in_", None) == X.shape[1]
    estimator.n_features_in_ = X.shape[1]
    if names is not None:
        estimator.feature_names_in_ = names
    elif hasattr(estimator, "feature_names_in_"):
        del estimator.feature_names_in_
    return True
