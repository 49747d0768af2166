"""Probabilities as members and combiners have to answer them: one per row, or one per row and class, from 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from radiofuse.errors import RequestError

_SUM_TOLERANCE = 1e-6  # single precision, as of boosted trees, rounds at 1e-7


def checked(answer: Any, n_rows: int, n_classes: int, who: str) -> np.ndarray:
    """Return an answer as probabilities, or refuse it.

    NaN is refused like any other number that is no probability: a table of predictions reads it as "modality
    absent" and leaves the row out, so that the model would be scored on the rows that it can answer.

    Parameters
    ----------
    answer : array-like
    n_rows, n_classes : int
    who : str
        Who answered, for the sentence: "Member 't1'".

    Returns
    -------
    ndarray of shape (n_rows,) or (n_rows, n_classes)
        Of two classes the second one's; of more those of all.

    Raises
    ------
    RequestError
        If there is another number of values, one of them is no probability, or those of a row do not sum to 1.

    Examples
    --------
    >>> checked([0.2, 1.5], 2, 2, "Combiner 'Sum'")
    Traceback (most recent call last):
    radiofuse.errors.RequestError: Combiner 'Sum' must answer probabilities from 0 to 1; 1 of 2 are not, for example ...
    """
    probability = np.asarray(answer, dtype=float)
    expected = (n_rows,) if n_classes == 2 else (n_rows, n_classes)
    if probability.shape != expected:
        each = "row" if n_classes == 2 else "row and class"
        raise RequestError(
            f"{who} must answer one probability per {each}, shape {expected}; it answered shape {probability.shape}. "
            f"Return one number for each {each}."
        )
    wrong = ~((probability >= 0) & (probability <= 1))
    if wrong.any():
        raise RequestError(
            f"{who} must answer probabilities from 0 to 1; {wrong.reshape(n_rows, -1).any(axis=1).sum()} of {n_rows} "
            f"are not, for example {probability[wrong][0]}. Look for values it cannot handle, or calibrate it."
        )
    if n_classes > 2:
        _check_sums(probability.sum(axis=1), n_classes, who)
    return probability


def _check_sums(total: np.ndarray, n_classes: int, who: str) -> None:
    far = ~np.isclose(total, 1, rtol=0, atol=_SUM_TOLERANCE)
    if far.any():
        raise RequestError(
            f"{who} must answer probabilities that sum to 1 over the {n_classes} classes; those of {far.sum()} of "
            f"{len(total)} rows do not, for example {total[far][0]:.6g}. Divide them by their sum."
        )


def of_second(probabilities: np.ndarray) -> np.ndarray:
    """Return of two classes the second one's column, of more all of them.

    Examples
    --------
    >>> of_second(np.array([[0.3, 0.7]])), of_second(np.array([[0.3, 0.3, 0.4]]))
    (array([0.7]), array([[0.3, 0.3, 0.4]]))
    """
    return probabilities[:, 1] if probabilities.shape[1] == 2 else probabilities


def refuse_silent(members: Sequence[tuple[str, Any]]) -> None:
    """Refuse a member that answers no probabilities.

    Raises
    ------
    RequestError

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> refuse_silent([("t1", LogisticRegression())])
    """
    for name, estimator in members:
        if not hasattr(estimator, "predict_proba"):
            raise RequestError(
                f"Member {name!r} ({type(estimator).__name__}) has no predict_proba, which a fusion needs. "
                "Choose another classifier or wrap it in CalibratedClassifierCV."
            )
