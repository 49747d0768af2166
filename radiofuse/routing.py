"""Which patients rows belong to, handed to every estimator or Pipeline step whose ``fit`` takes ``groups``."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.utils.validation import has_fit_parameter


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
