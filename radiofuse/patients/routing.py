"""What goes with the rows of X: labels and patients in its order, handed to whatever takes ``groups``."""

from __future__ import annotations

import sys
import warnings
from functools import lru_cache
from inspect import signature
from numbers import Integral
from types import FrameType, FunctionType
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn import config_context, get_config
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import MetadataRequest, get_routing_for_object
from sklearn.utils.metaestimators import _BaseComposition
from sklearn.utils.validation import has_fit_parameter

from radiofuse.errors import RequestError
from radiofuse.estimators import Estimator


class TakesGroups:
    """A mixin of estimators whose ``fit`` takes ``groups``: under metadata routing they ask for them.

    Without it, a search or cross-validation of scikit-learn that was handed patients is refused: it would keep
    them to its own folds. The refusal stands in ``clone``, which each of them calls before it fits anything.

    Examples
    --------
    >>> from radiofuse import LateFusion
    >>> LateFusion([]).get_metadata_routing().fit.requests
    {'groups': True}
    """

    __metadata_request__fit = {"groups": True}

    def __sklearn_clone__(self) -> Self:
        if self._makes_folds():
            refuse_lost_groups(type(self).__name__)
        return super().__sklearn_clone__()  # type: ignore[misc]  # scikit-learn's, beside which the mixin stands

    def _makes_folds(self) -> bool:
        """Say whether this estimator makes folds of its own; its parts, cloned with it, speak for themselves."""
        return True


def fit_with_groups(
    estimator: Estimator, X: ArrayLike, y: ArrayLike | None, groups: ArrayLike | None, *, method: str = "fit"
) -> Any:
    """Call ``estimator.fit``, or another method that fits, so that ``groups`` reach whatever takes them.

    A composite of scikit-learn (Pipeline, GridSearchCV, CalibratedClassifierCV) hands them on by metadata
    routing, which is switched on for this call alone: to its splitter, and to every part whose ``fit`` takes
    ``groups`` and did not decline them.

    Parameters
    ----------
    estimator : estimator
        Unfitted; parts that neither ask for groups nor decline them are made to ask.
    X, y
        As ``estimator`` takes them.
    groups : ndarray of shape (n_samples,) or None
        The patient of each row.
    method : {"fit", "fit_transform"}, default="fit"

    Warns
    -----
    UserWarning
        If a part deals rows into folds of its own, with rows of one patient on both sides.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = np.arange(4.0)[:, None], np.array([0, 0, 1, 1])
    >>> fit_with_groups(LogisticRegression(), X, y, np.array(["a", "b", "c", "d"])).predict([[3.0]])
    array([1])
    """
    call = getattr(estimator, method)
    if groups is None:
        return call(X, y)
    if takes_groups(estimator):
        return call(X, y, groups=groups)
    steps = _plain_steps(estimator)
    if steps is not None:
        _warn_of_torn_patients(list(steps.values()), groups)
        return call(X, y, **{f"{name}__groups": groups for name, step in steps.items() if takes_groups(step)})
    parts = _parts(estimator)
    with config_context(enable_metadata_routing=True):
        _warn_of_torn_patients(parts, groups)
        for part in parts:
            # scikit-learn refuses groups while a part that takes them has not said whether it wants them.
            if _is_undecided(part):
                part.set_fit_request(groups=True)
        arguments = _arguments(estimator, method, groups)
        if "groups" in arguments:
            return call(X, y, **arguments)
    # Outside of routing, where a Pipeline takes arguments by the names of its steps.
    return call(X, y, **arguments)


def takes_groups(estimator: object) -> bool:
    """Say whether the estimator's ``fit`` takes ``groups``.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> takes_groups(LogisticRegression())
    False
    """
    function = getattr(type(estimator), "fit", None)
    return _has_groups(function) if isinstance(function, FunctionType) else has_fit_parameter(estimator, "groups")


@lru_cache(maxsize=256)
def _has_groups(function: FunctionType) -> bool:
    return "groups" in signature(function).parameters


def _plain_steps(estimator: Any) -> dict[str, Any] | None:
    """Return the steps of a Pipeline in which nothing is nested deeper; None where routing must find who takes groups.

    Routing would find the same ones, but asks for the wishes of every part anew, which takes longer than many a fit.
    """
    # Whoever switched routing on has decided who is handed what.
    if get_config()["enable_metadata_routing"]:
        return None
    steps = dict(estimator.steps) if type(estimator) is Pipeline else {"": estimator}
    steps = {name: step for name, step in steps.items() if step not in (None, "passthrough")}
    return steps if all(_is_plain(step) for step in steps.values()) else None


def _is_plain(step: Any) -> bool:
    """Say whether nothing is nested in a step, and nobody changed what it asks of routing."""
    decided = isinstance(step, TakesGroups) or not takes_groups(step)
    asks = hasattr(step, "_metadata_request") or isinstance(step, _BaseComposition)
    return decided and not asks and not any(hasattr(value, "fit") for value in vars(step).values())


def _arguments(estimator: Any, method: str, groups: ArrayLike) -> dict[str, ArrayLike]:
    try:
        asked = get_routing_for_object(estimator).consumes(method, ["groups"])
    except NotImplementedError:  # AdaBoost, or something that holds it
        return _by_step(estimator, groups)
    return {"groups": groups} if asked else {}


def _parts(estimator: Any) -> list[Any]:
    """Return the estimator and all that is nested in it."""
    nested = estimator.get_params(deep=True).values() if hasattr(estimator, "get_params") else []
    return [estimator, *(part for part in nested if hasattr(part, "fit"))]


def _is_undecided(part: Any) -> bool:
    if not (takes_groups(part) and hasattr(part, "set_fit_request")):
        return False
    request = get_routing_for_object(part)
    return isinstance(request, MetadataRequest) and request.fit.requests.get("groups") is None


def _by_step(estimator: Any, groups: ArrayLike) -> dict[str, ArrayLike]:
    """Return the arguments that address the steps of a Pipeline; one of its parts knows no metadata routing."""
    steps = getattr(estimator, "named_steps", {})
    takers = [name for name, step in steps.items() if hasattr(step, "fit") and takes_groups(step)]
    others = [step for name, step in steps.items() if hasattr(step, "fit") and name not in takers] or [estimator]
    lost = [part for step in others for part in _parts(step) if takes_groups(part)]
    if lost and len(np.unique(groups)) < np.size(groups):
        raise RequestError(
            f"{type(lost[0]).__name__} must be handed the patients, and {type(estimator).__name__} cannot do so: one "
            "of its parts, such as AdaBoost, has no metadata routing. Choose another part, or keep one row per patient."
        )
    return {f"{name}__groups": groups for name in takers}


def _warn_of_torn_patients(parts: list[Any], groups: ArrayLike) -> None:
    if len(np.unique(groups)) == np.size(groups):
        return
    for part in parts:
        if hasattr(part, "cv") and not takes_groups(part) and _deals_rows(part.cv):
            warnings.warn(
                f"{type(part).__name__} deals rows into its folds (cv={part.cv}), so that rows of one patient are on "
                "both sides of them. Pass cv=StratifiedGroupKFold(5), which is handed the patients.",
                stacklevel=3,
            )


def _deals_rows(cv: Any) -> bool:
    """Say whether ``cv`` is a number of folds, or a splitter that does not ask for groups."""
    return isinstance(cv, Integral | None) or (
        hasattr(cv, "split") and not get_routing_for_object(cv).consumes("split", ["groups"])
    )


def refuse_lost_groups(taker: str) -> None:
    """Raise where a search or cross-validation of scikit-learn was handed patients and, routing being off, keeps them.

    Nothing but the calling frames tells so: scikit-learn hands such patients to its splitter alone, without a word.
    """
    frame = None if get_config()["enable_metadata_routing"] else sys._getframe(1)
    while frame is not None:
        groups = _kept_groups(frame)
        if groups is not None and len(np.unique(groups)) < len(groups):
            raise RequestError(
                f"{taker} would not be handed the patients (groups) that scikit-learn was given, and its inner folds "
                "would tear them. Call sklearn.set_config(enable_metadata_routing=True) first; cross_validate then "
                "takes params={'groups': patients}."
            )
        frame = frame.f_back


def _kept_groups(frame: FrameType) -> Any:
    """Return the groups that a function of scikit-learn has and will hand to its splitter alone."""
    params = frame.f_locals.get("params") or {}
    module = str(frame.f_globals.get("__name__"))
    if module == "sklearn.model_selection._search":  # GridSearchCV.fit and its kin
        return params.get("groups")
    if not module.startswith("sklearn.") or "groups" in params:  # cross_validate hands params on
        return None
    return frame.f_locals.get("groups")


def refuse_misaligned(X: object = None, **given: Any) -> None:
    """Raise where two tables or Series have as many rows, under another index.

    Rows are matched by position, so another index means that labels or patients would go to other samples.

    Parameters
    ----------
    X : table, Series, array or None
        The rows; where they have no index, the first of ``given`` that has one stands for them.
    given : table, Series, array or None
        What goes with the rows, by name.

    Examples
    --------
    >>> X = pd.DataFrame({"t1__a": [0.1, 0.2]}, index=["s1", "s2"])
    >>> refuse_misaligned(X, y=pd.Series([0, 1], index=["s1", "s2"]), groups=["p1", "p2"])
    """
    indexed = {
        name: values.index
        for name, values in {"X": X, **given}.items()
        if isinstance(values, (pd.Series, pd.DataFrame))
    }
    if not indexed:
        return
    whose, index = next(iter(indexed.items()))
    for name, other in indexed.items():
        differs = _rows_that_differ(other, index) if len(other) == len(index) else np.empty(0)
        if differs.size:
            row = differs[0]
            raise RequestError(
                f"The index of {name} must be that of {whose}, row by row; {differs.size} of {len(index)} rows differ, "
                f"for example row {row}: {other[row]!r} in {name}, {index[row]!r} in {whose}. Pass "
                f"{name}.loc[{whose}.index], or {name}.to_numpy() if the order is that of {whose}."
            )


def _rows_that_differ(one: pd.Index, other: pd.Index) -> np.ndarray:
    """Return the positions at which two indexes differ; nothing is as nothing, whatever kinds they are."""
    if one.equals(other):
        return np.empty(0, int)
    one, other = one.to_numpy(object), other.to_numpy(object)
    return np.flatnonzero((one != other) & ~(pd.isna(one) & pd.isna(other)))
