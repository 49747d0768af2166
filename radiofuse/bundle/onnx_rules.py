"""Rules of a late fusion as operators of ONNX, of two classes and of more; what an update makes of an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from radiofuse.bundle.onnx_graph import Graph, as_double, behind, summed
from radiofuse.errors import RequestError
from radiofuse.fuse.calibrated import Calibrated
from radiofuse.fuse.classical_rules import LogitMean
from radiofuse.fuse.combiners import LinearRegression, Mean, Nonnegative, Regression
from radiofuse.fuse.ridge_mean import RidgeMean

LEAST = 1 - np.nextafter(1, 0)  # as the rules clip probabilities before they take log-odds


def fused_probability(graph: Graph, name: str, rule: Any, P: str, n_classes: int) -> str:
    """Return what a rule makes of members' probabilities, NaN where one is absent.

    Parameters
    ----------
    graph : Graph
    name : str
    rule : Combiner
        Fitted, where it learns.
    P : str
        Of two classes of shape (n_samples, n_members), of more (n_samples, n_members, n_classes).
    n_classes : int

    Returns
    -------
    str
        A value of shape (n_samples,), or (n_samples, n_classes).

    Raises
    ------
    RequestError
        If the rule has no counterpart in ONNX.
    """
    made = _of_two(graph, name, rule, P) if n_classes == 2 else _of_several(graph, name, rule, P, n_classes)
    if made is None:
        of = "" if n_classes == 2 else " of more than two classes"
        raise RequestError(f"the rule {name} ({type(rule).__name__}){of} cannot be exported")
    return made


def _of_two(graph: Graph, name: str, rule: Any, P: str) -> str | None:
    if type(rule) is Calibrated:
        logit = _log_odds(graph, fused_probability(graph, name, rule.rule, P, 2))
        return graph.add("Sigmoid", graph.add("Add", graph.add("Mul", logit, rule.slope_), rule.intercept_))
    if type(rule) is Mean:
        return _mean_present(graph, P)
    if type(rule) is LogitMean:
        return graph.add("Sigmoid", _mean_present(graph, _log_odds(graph, P)))
    if type(rule) in (Regression, RidgeMean):
        return graph.add("Sigmoid", _linear(graph, _log_odds(graph, P), rule.weights_, rule.intercept_))
    if type(rule) is LinearRegression:
        return graph.add("Clip", _linear(graph, P, rule.weights_, rule.intercept_), 0.0, 1.0)
    if type(rule) is Nonnegative:
        return graph.add("Min", _linear(graph, P, rule.weights_, 0.0), 1.0)
    return None


def _of_several(graph: Graph, name: str, rule: Any, P: str, n_classes: int) -> str | None:
    if type(rule) is Calibrated:
        told = _log(graph, fused_probability(graph, name, rule.rule, P, n_classes))
        return graph.add("Softmax", graph.add("Mul", told, rule.slope_), axis=1)
    if type(rule) is Mean:
        return _mean_present(graph, P)
    if type(rule) is LogitMean:
        return graph.add("Softmax", _mean_present(graph, _log(graph, P)), axis=1)
    if type(rule) is RidgeMean:
        weighed = graph.add("Mul", _filled(graph, _log(graph, P), rule.weights_[:, None]), rule.weights_[:, None])
        return graph.add("Softmax", summed(graph, weighed), axis=1)
    if type(rule) is Nonnegative:
        weighed = graph.add("Mul", _filled(graph, P, rule.weights_[:, None]), rule.weights_[:, None])
        return graph.add("Min", summed(graph, weighed), 1.0)
    if type(rule) is Regression:
        strength = np.abs(rule.coef_).sum(axis=(0, 2))[:, None]
        filled = _filled(graph, _log(graph, P), strength)
        flat = graph.add("Reshape", filled, graph.number([-1, rule.coef_[0].size], np.int64))
        scores = graph.add("MatMul", flat, rule.coef_.reshape(n_classes, -1).T)
        return graph.add("Softmax", graph.add("Add", scores, rule.intercept_), axis=1)
    return None


def updated_probability(graph: Graph, update: Mapping[str, Any], told: str, n_classes: int) -> str:
    """Return what an update on another site's patients makes of an answer; NaN stays NaN."""
    slope, intercepts = float(update["slope"]), np.asarray(update["intercepts"], dtype=float)
    least = max(float(update["nearest"]), np.exp(-700.0))
    if n_classes == 2:
        positive = graph.add("Log", graph.add("Clip", told, least, 1.0))
        negative = graph.add("Log", graph.add("Clip", graph.add("Sub", 1.0, told), least, 1.0))
        odds = graph.add("Mul", graph.add("Sub", positive, negative), slope)
        return graph.add("Sigmoid", graph.add("Add", odds, float(intercepts[1])))
    logs = graph.add("Log", graph.add("Clip", told, least, 1.0))
    return graph.add("Softmax", graph.add("Add", graph.add("Mul", logs, slope), intercepts), axis=1)


# ---------------------------------------------------------------- what rules are made of


def _log(graph: Graph, P: str) -> str:
    return graph.add("Log", graph.add("Clip", P, LEAST))


def _log_odds(graph: Graph, P: str) -> str:
    P = graph.add("Clip", P, LEAST, 1 - LEAST)
    return graph.add("Sub", graph.add("Log", P), graph.add("Log", graph.add("Sub", 1.0, P)))


def _present(graph: Graph, values: str) -> str:
    return graph.add("Sub", 1.0, as_double(graph, graph.add("IsNaN", values)))


def _known(graph: Graph, values: str) -> str:
    return graph.add("Where", graph.add("IsNaN", values), 0.0, values)


def _mean_present(graph: Graph, values: str) -> str:
    return graph.add("Div", summed(graph, _known(graph, values)), summed(graph, _present(graph, values)))


def _filled(graph: Graph, values: str, weights: np.ndarray) -> str:
    """Return values in which a member that is absent has the others' weighted mean, as `fill_absent`."""
    present, known = _present(graph, values), _known(graph, values)
    strength = graph.add("Mul", present, np.abs(weights))
    any_weight = graph.add("Greater", behind(graph, summed(graph, strength), 1), 0.0)
    strength = graph.add("Where", any_weight, strength, present)
    mean = graph.add("Div", summed(graph, graph.add("Mul", strength, known)), summed(graph, strength))
    return graph.add("Where", graph.add("IsNaN", values), behind(graph, mean, 1), values)


def _linear(graph: Graph, values: str, weights: np.ndarray, intercept: Any) -> str:
    """Return a weighted sum over members, those that are absent filled."""
    return graph.add("Add", graph.add("MatMul", _filled(graph, values, weights), weights), float(intercept))
