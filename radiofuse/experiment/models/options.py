"""The options that models were built with, defaults included, as plain values for a bundle and a page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from radiofuse.classify.tuned_chain import TunedChain
from radiofuse.fuse.named import Named
from radiofuse.select import SelectorChain

CLASS = "class"
LIBRARIES = ("builtins", "radiofuse", "sklearn", "xgboost")  # whose classes are known by their names alone
# What moves no number, belongs to one machine, or is said elsewhere in a bundle: the members, their columns.
LEFT_OUT = (
    "cache columns copy crops estimators memory n_jobs steps transform_input verbose verbosity warm_start"
).split()


def describe_options(models: Mapping[str, BaseEstimator]) -> dict[str, Any]:
    """Return every option of some unfitted models and of their members' chains, defaults included.

    Parameters
    ----------
    models : mapping of str to estimator
        By name. Members stand in ``estimators``, of the model or of its ``fusion``.

    Returns
    -------
    dict
        ``models``: options by model. ``chains``: each chain of a member once, with the ``models`` and the
        ``members`` that have it and its options by step.

    Examples
    --------
    >>> from radiofuse import LateFusion, modality_classifier
    >>> members = [(name, modality_classifier("brnn")) for name in ("t1", "t2")]
    >>> options = describe_options({"fusion": LateFusion(members)})
    >>> options["models"]["fusion"]["cv"], options["chains"][0]["members"]
    (5, ['t1', 't2'])
    >>> steps = options["chains"][0]["steps"]
    >>> steps["select"]["alpha"], steps["classify"]["n_neurons"]
    (0.05, 2)
    """
    chains: list[dict[str, Any]] = []
    for name, model in models.items():
        for member, part in _members(model):
            _add(chains, name, member, _of_part(part))
    return {"models": {name: _of_part(model) for name, model in models.items()}, "chains": chains}


def _add(chains: list[dict[str, Any]], model: str, member: str, steps: dict[str, Any]) -> None:
    """Note that a model's member has a chain of these options."""
    same = next((chain for chain in chains if chain["steps"] == steps), None)
    if same is None:
        chains.append({"models": [model], "members": [member], "steps": steps})
        return
    for names, name in ((same["models"], model), (same["members"], member)):
        names += [] if name in names else [name]


def _members(model: Any) -> list[tuple[str, Any]]:
    """Return a model's members by the names that they answer by."""
    prefix = model.prefix if isinstance(model, Named) else ""
    own = model.model if isinstance(model, Named) else model
    members = getattr(getattr(own, "fusion", own), "estimators", [])
    return [(prefix + name, member) for name, member in members]


def _of_part(part: Any) -> dict[str, Any]:
    """Return a part's class and options; of a chain those of each step."""
    if isinstance(part, Pipeline):
        steps = {name: _of_part(step) for name, step in part.steps}
        return steps | ({"tuning": _tuning_of(part)} if isinstance(part, TunedChain) else {})
    if not hasattr(part, "get_params"):
        return {CLASS: part if isinstance(part, str) else _class_name(part)}
    options = part.get_params(deep=False).items()
    used = {name: _plain(value) for name, value in options if name not in LEFT_OUT and str(value) != "deprecated"}
    for name in getattr(part, "path_parameters", ()):  # where a file lies belongs to one machine
        used[name] = Path(used[name]).name if isinstance(used[name], str) else used[name]
    chained = {name: _of_part(step) for name, step in part.steps} if isinstance(part, SelectorChain) else {}
    return {CLASS: _class_name(part), **used, **chained}


def _class_name(part: Any) -> str:
    """Return what a class is called; one of nobody's library with its module, as a recipe names it."""
    own, module = type(part), type(part).__module__
    return own.__name__ if module.partition(".")[0] in LIBRARIES else f"{module}:{own.__qualname__}"


def _tuning_of(chain: TunedChain) -> dict[str, Any]:
    return {name: _plain(getattr(chain, name)) for name in ("search", "search_score", "oversample", "mixup")}


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(inside) for name, inside in value.items()}
    if isinstance(value, list | tuple | set | np.ndarray):
        return [_plain(inside) for inside in value]
    return _of_part(value) if hasattr(value, "get_params") else getattr(value, "__name__", type(value).__name__)
