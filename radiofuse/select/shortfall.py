"""What happens where no feature passes: the strongest stays, an error says so, or the selection is empty."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
from sklearn.utils._param_validation import StrOptions

from radiofuse.errors import RadiofuseError

OnEmpty = Literal["strongest", "raise", "intercept"]
ON_EMPTY = [StrOptions({"strongest", "raise", "intercept"})]


class NothingSelectedWarning(UserWarning):
    """No feature passed a selection step."""


class NothingSelectedError(RadiofuseError, ValueError):
    """No feature passed a selection step that was told to raise then."""

    exit_code = 4


def settle_empty(passed: np.ndarray, effect: np.ndarray, on_empty: str, step: str) -> np.ndarray:
    """Return ``passed``; where it is empty, what ``on_empty`` says.

    Parameters
    ----------
    passed : ndarray of bool, shape (n_features,)
        What the step's own rule keeps.
    effect : ndarray of shape (n_features,)
        Larger is better; ties go to the earlier column.
    on_empty : {"strongest", "raise", "intercept"}
        The feature of largest effect is kept, a `NothingSelectedError` is raised, or the selection stays
        empty, so that a model has its intercept only. The first and the last warn.
    step : str
        Name for the sentence.

    Examples
    --------
    >>> with warnings.catch_warnings(action="ignore"):
    ...     settle_empty(np.array([False, False, False]), np.array([.1, .3, .2]), "strongest", "Example")
    array([False,  True, False])
    """
    if passed.any():
        return passed
    found = f"{step}: none of {len(passed)} features passed"
    if on_empty == "raise":
        raise NothingSelectedError(f'{found}. Loosen its rule, or choose on_empty="strongest" or "intercept".')
    kept = passed.copy()
    if on_empty == "strongest" and not np.isfinite(effect).any():
        raise NothingSelectedError(f"{found}, and none can be ranked. Look at what they were measured by.")
    if on_empty == "strongest":
        kept[np.argmax(effect)] = True
    answer = "the one of largest effect stays" if on_empty == "strongest" else "the selection is empty"
    warnings.warn(f"{found}; {answer}.", NothingSelectedWarning, stacklevel=5)
    return kept
