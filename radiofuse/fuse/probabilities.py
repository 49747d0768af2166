"""Probabilities as members and combiners have to answer them: one per row, from 0 to 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from radiofuse.errors import RequestError


def checked(answer: Any, n_rows: int, who: str) -> np.ndarray:
    """Return an answer as probabilities, shape (n_rows,), or refuse it.

    NaN is refused like any other number that is no probability: a table of predictions reads it as "modality
    absent" and leaves the row out, so that the model would be scored on the rows that it can answer.

    Parameters
    ----------
    answer : array-like
    n_rows : int
    who : str
        Who answered, for the sentence: "Member 't1'".

    Raises
    ------
    RequestError
        If there is another number of values, or one of them is no probability.

    Examples
    --------
    >>> checked([0.2, 1.5], 2, "Combiner 'Sum'")
    Traceback (most recent call last):
    radiofuse.errors.RequestError: Combiner 'Sum' must answer probabilities from 0 to 1; 1 of 2 are not, for example ...
    """
    probability = np.asarray(answer, dtype=float)
    if probability.shape != (n_rows,):
        raise RequestError(
            f"{who} must answer one probability per row, shape {(n_rows,)}; it answered shape {probability.shape}. "
            "Return one number for each row."
        )
    wrong = ~((probability >= 0) & (probability <= 1))
    if wrong.any():
        raise RequestError(
            f"{who} must answer probabilities from 0 to 1; {wrong.sum()} of {n_rows} are not, for example "
            f"{probability[wrong][0]}. Look for values it cannot handle, or calibrate it."
        )
    return probability
