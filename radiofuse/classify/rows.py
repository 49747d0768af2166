"""What the room does with rows, be they an array or a table: some of them, more below them, several labels of one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import has_fit_parameter

from radiofuse.errors import RequestError
from radiofuse.statistics.pseudo_labeling import NONE


def take_rows(X: Any, rows: np.ndarray) -> Any:
    """Return some rows of an array or a table, by position."""
    return X.iloc[rows] if isinstance(X, pd.DataFrame) else np.asarray(X)[rows]


def stack_rows(Z: Any, rows: np.ndarray) -> Any:
    """Return an array or a table with more rows below."""
    if not isinstance(Z, pd.DataFrame):
        return np.vstack([Z, rows])
    return pd.concat([Z, pd.DataFrame(np.asarray(rows), columns=Z.columns)], ignore_index=True)


def soft_labels(share: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows of several classes as rows of one class with a weight each: what stands for a soft label.

    Parameters
    ----------
    share : ndarray of shape (n_rows, n_classes)
        Of each class in each row; those of 0 are left out.

    Returns
    -------
    rows, codes : ndarray of int, shape (n_weighted,)
        Which row, and the place of its class.
    weight : ndarray of shape (n_weighted,)

    Examples
    --------
    >>> [part.tolist() for part in soft_labels(np.array([[1.0, 0.0], [0.75, 0.25]]))]
    [[0, 1, 1], [0, 0, 1], [1.0, 0.75, 0.25]]
    """
    rows, codes = np.nonzero(share)
    return rows, codes, share[rows, codes]


def refuse_unweighted(classifier: Any, what: str) -> None:
    """Raise where a classifier cannot be told how much a row counts."""
    if not has_fit_parameter(classifier, "sample_weight"):
        raise RequestError(
            f"{what} gives rows of several classes with weights, and the fit of {type(classifier).__name__} takes no "
            'sample_weight. Choose another classifier, as "logistic" or "xgboost", or leave it out.'
        )


def has_label(y: np.ndarray) -> np.ndarray:
    """Say which rows have a label: neither -1 nor NaN nor None.

    >>> has_label(np.array([0.0, 1.0, -1.0, np.nan])).tolist()
    [True, True, False, False]
    """
    return ~pd.isna(y) & ~(y == NONE)
