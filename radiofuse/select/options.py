"""Options of a step by name: unknown ones and wrong values are refused before anything is fitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklearn.utils._param_validation import InvalidParameterError

from radiofuse.errors import RequestError
from radiofuse.names import did_you_mean


def set_options(part: Any, options: Mapping[str, Any], step: str) -> None:
    """Set parameters of an unfitted estimator.

    Parameters
    ----------
    part : estimator
        Or a text that stands for none, as "passthrough", which has no options.
    options : mapping of str to object
        Parameters by name.
    step : str
        What the step is called, for the message.

    Raises
    ------
    RequestError
        If there is no such parameter, or it does not take the value.

    Examples
    --------
    >>> from radiofuse.select import LassoSelector
    >>> set_options(LassoSelector(), {"rul": "1se"}, "lasso")
    Traceback (most recent call last):
    radiofuse.errors.RequestError: Step 'lasso' (LassoSelector()) has no option 'rul'. Did you mean 'rule'? ...
    """
    known = part.get_params() if hasattr(part, "get_params") else {}
    unknown = sorted(set(options) - set(known))
    if unknown:
        meant = did_you_mean(unknown[0], known)
        raise RequestError(
            f"Step {step!r} ({part}) has no option {unknown[0]!r}.{meant} Its options are {sorted(known)}."
        )
    if options:
        part.set_params(**options)
    if hasattr(part, "_parameter_constraints"):
        _check_values(part)


def _check_values(part: Any) -> None:
    """Refuse wrong values now; scikit-learn does so when the first fold is fitted."""
    try:
        part._validate_params()
    except InvalidParameterError as error:
        raise RequestError(f"{error}") from None
