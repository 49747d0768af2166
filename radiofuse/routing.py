"""What goes with the rows of X: labels and patients in its order, handed to whatever takes ``groups``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn import get_config
from sklearn.utils.validation import has_fit_parameter

from radiofuse.errors import RequestError


def routed_groups(estimator: Any, groups: np.ndarray | None) -> dict[str, Any]:
    """Return the arguments of ``estimator.fit`` that hand it ``groups``, wherever they are taken.

    Under scikit-learn's metadata routing a step must ask for them, otherwise its name addresses it.

    Parameters
    ----------
    estimator : estimator
        A Pipeline's steps are asked each.
    groups : ndarray of shape (n_samples,) or None

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> routed_groups(LogisticRegression(), np.array(["a", "b"]))
    {}
    """
    if groups is None:
        return {}
    if has_fit_parameter(estimator, "groups"):
        return {"groups": groups}
    steps = getattr(estimator, "named_steps", {})
    takers = {name: step for name, step in steps.items() if hasattr(step, "fit") and has_fit_parameter(step, "groups")}
    if takers and get_config()["enable_metadata_routing"]:
        for step in takers.values():
            step.set_fit_request(groups=True)
        return {"groups": groups}
    return {f"{name}__groups": groups for name in takers}


def refuse_misaligned(X: Any, **given: Any) -> None:
    """Raise where a Series or table in ``given`` has as many rows as the table ``X``, under another index.

    Rows are matched by position, so another index means that labels or patients would go to other samples.

    Examples
    --------
    >>> X = pd.DataFrame({"t1__a": [0.1, 0.2]}, index=["s1", "s2"])
    >>> refuse_misaligned(X, y=pd.Series([0, 1], index=["s1", "s2"]), groups=["p1", "p2"])
    """
    if not isinstance(X, pd.DataFrame):
        return
    for name, values in given.items():
        if not isinstance(values, (pd.Series, pd.DataFrame)) or len(values) != len(X):
            continue
        differs = np.flatnonzero(values.index != X.index)
        if differs.size:
            row = differs[0]
            raise RequestError(
                f"The index of {name} must be that of X, row by row; {differs.size} of {len(X)} rows differ, for "
                f"example row {row}: {values.index[row]!r} in {name}, {X.index[row]!r} in X. Pass "
                f"{name}.loc[X.index], or {name}.to_numpy() if the order is that of X."
            )
