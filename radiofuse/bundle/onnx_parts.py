"""Members and rules of a late fusion of two classes as operators of ONNX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from radiofuse.bundle.onnx_graph import INPUT, OPSETS, Graph
from radiofuse.classify.brnn import BayesianRegularizedNetwork
from radiofuse.errors import RequestError
from radiofuse.fuse.calibrated import Calibrated
from radiofuse.fuse.classical_rules import LogitMean
from radiofuse.fuse.combiners import LinearRegression, Mean, Nonnegative, Regression
from radiofuse.fuse.ridge_mean import RidgeMean
from radiofuse.prepare.impute import MedianImputer
from radiofuse.prepare.scale import TrainingScaler

STEPS = ("impute", "scale", "select", "classify")
LEAST = 1 - np.nextafter(1, 0)  # as the rules clip probabilities before they take log-odds


def member_probability(graph: Graph, name: str, member: Any, block: Sequence[int]) -> str:
    """Return a member's probability of the second class, NaN where all of its columns are.

    Parameters
    ----------
    graph : Graph
    name : str
    member : Pipeline
        Steps impute, scale, select, classify.
    block : sequence of int
        The places of its columns in the table.

    Raises
    ------
    RequestError
        If a step has no counterpart in ONNX.
    """
    if type(member) is not Pipeline or tuple(member.named_steps) != STEPS:
        raise RequestError(f"member {name}: only chains of {', '.join(STEPS)} can be exported")
    impute, scale, select, classify = (member.named_steps[step] for step in STEPS)
    if type(impute) is not MedianImputer or type(scale) is not TrainingScaler:
        raise RequestError(f"member {name}: {type(impute).__name__} and {type(scale).__name__} cannot be exported")
    kept = _kept(name, select, len(block))
    columns = _columns(graph, np.asarray(block)[kept])
    filled = graph.add("Where", graph.add("IsNaN", columns), impute.statistics_[kept], columns)
    scaled = graph.add("Div", graph.add("Sub", filled, scale.scaler_.mean_[kept]), scale.scaler_.scale_[kept])
    varying = graph.number(~scale.constant_[kept], bool)
    scaled = graph.add("Where", varying, scaled, np.zeros(len(kept)))
    probability = _classified(graph, name, classify, scaled, len(kept))
    gaps = graph.add("Cast", graph.add("IsNaN", _columns(graph, block)), to=_double())
    absent = graph.add("ReduceMin", gaps, axes=[1], keepdims=0)
    return graph.add("Where", graph.add("Greater", absent, 0.5), np.nan, probability)


def _double() -> int:
    from onnx import TensorProto

    return int(TensorProto.DOUBLE)


def _columns(graph: Graph, places: Sequence[int] | np.ndarray) -> str:
    return graph.add("Gather", INPUT, graph.number(places, np.int64), axis=1)


def _kept(name: str, select: Any, n_columns: int) -> np.ndarray:
    """Return which columns of a block a selector keeps."""
    if select == "passthrough":
        return np.arange(n_columns)
    if not hasattr(select, "get_support"):
        raise RequestError(f"member {name}: {type(select).__name__} makes new columns, which cannot be exported")
    return np.flatnonzero(select.get_support())


def _classified(graph: Graph, name: str, classifier: Any, X: str, n_columns: int) -> str:
    """Return the probability of the second class, shape (n_samples,)."""
    if type(classifier) is LogisticRegression:
        score = graph.add("Add", graph.add("MatMul", X, classifier.coef_[0]), float(classifier.intercept_[0]))
        return graph.add("Sigmoid", score)
    if type(classifier) is BayesianRegularizedNetwork:
        return _of_network(graph, classifier, X)
    if not type(classifier).__module__.startswith("sklearn.") or hasattr(classifier, "support_vectors_"):
        raise RequestError(f"member {name}: the classifier {type(classifier).__name__} cannot be exported")
    return _by_skl2onnx(graph, name, classifier, X, n_columns)


def _of_network(graph: Graph, network: BayesianRegularizedNetwork, X: str) -> str:
    """Return what a Bayesian regularized network answers: two matrix products, moderated by its doubt.

    References
    ----------
    MacKay (1992). The evidence framework applied to classification networks. Neural Computation 4(5), 720-736.
    """
    (posterior,), p = network.networks_, len(network.center_)
    s = posterior.theta.size // (p + 2)
    w, b, B = posterior.theta[:s], posterior.theta[s : 2 * s], posterior.theta[2 * s :].reshape(s, p)
    X = graph.add("Div", graph.add("Sub", X, network.center_), network.half_range_)
    hidden = graph.add("Tanh", graph.add("Add", graph.add("MatMul", X, B.T), b))  # (n, s)
    f = graph.add("MatMul", hidden, w)
    if network.likelihood == "gaussian":
        return graph.add("Clip", graph.add("Div", graph.add("Add", f, 1.0), 2.0), 0.0, 1.0)
    by_bias = graph.add("Mul", graph.add("Sub", 1.0, graph.add("Mul", hidden, hidden)), w)
    wide = graph.add("Mul", _after(graph, by_bias, 2), _after(graph, X, 1))  # (n, s, p)
    flat = graph.add("Reshape", wide, graph.number([-1, s * p], np.int64))
    J = graph.add("Concat", hidden, by_bias, flat, axis=1)
    doubt = graph.add("Mul", graph.add("MatMul", J, posterior.covariance), J)
    variance = _sum(graph, doubt)
    spread = graph.add("Sqrt", graph.add("Add", graph.add("Mul", variance, np.pi / 8), 1.0))
    return graph.add("Sigmoid", graph.add("Div", f, spread))


def _after(graph: Graph, value: str, axis: int) -> str:
    return graph.add("Unsqueeze", value, graph.number([axis], np.int64))


def _sum(graph: Graph, value: str) -> str:
    return graph.add("ReduceSum", value, graph.number([1], np.int64), keepdims=0)


def _by_skl2onnx(graph: Graph, name: str, classifier: Any, X: str, n_columns: int) -> str:
    """Return what skl2onnx makes of one of scikit-learn's classifiers."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import DoubleTensorType
    from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator

    shape = [("X", DoubleTensorType([None, n_columns]))]
    options = {id(classifier): {"zipmap": False}}
    try:
        model = to_onnx(classifier, initial_types=shape, options=options, target_opset=OPSETS)
    except (MissingConverter, MissingShapeCalculator, NotImplementedError, RuntimeError) as error:
        raise RequestError(f"member {name}: skl2onnx has no {type(classifier).__name__} ({error})") from None
    each = graph.join(model, X)["probabilities"]
    return graph.add("Gather", graph.add("Cast", each, to=_double()), graph.number(1, np.int64), axis=1)


# ---------------------------------------------------------------- rules


def fused_probability(graph: Graph, name: str, rule: Any, P: str) -> str:
    """Return what a rule makes of members' probabilities, shape (n_samples, n_members), NaN where one is absent.

    Raises
    ------
    RequestError
        If the rule has no counterpart in ONNX.
    """
    if type(rule) is Calibrated:
        logit = _log_odds(graph, fused_probability(graph, name, rule.rule, P))
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
    raise RequestError(f"the rule {name} ({type(rule).__name__}) cannot be exported")


def _log_odds(graph: Graph, P: str) -> str:
    P = graph.add("Clip", P, LEAST, 1 - LEAST)
    return graph.add("Sub", graph.add("Log", P), graph.add("Log", graph.add("Sub", 1.0, P)))


def _present(graph: Graph, values: str) -> str:
    return graph.add("Sub", 1.0, graph.add("Cast", graph.add("IsNaN", values), to=_double()))


def _known(graph: Graph, values: str) -> str:
    return graph.add("Where", graph.add("IsNaN", values), 0.0, values)


def _mean_present(graph: Graph, values: str) -> str:
    return graph.add("Div", _sum(graph, _known(graph, values)), _sum(graph, _present(graph, values)))


def _linear(graph: Graph, values: str, weights: np.ndarray, intercept: Any) -> str:
    """Return a weighted sum in which a member that is absent has the others' weighted mean, as `fill_absent`."""
    present, known = _present(graph, values), _known(graph, values)
    strength = graph.add("Mul", present, np.abs(weights))
    any_weight = graph.add("Greater", _after(graph, _sum(graph, strength), 1), 0.0)
    strength = graph.add("Where", any_weight, strength, present)
    mean = graph.add("Div", _sum(graph, graph.add("Mul", strength, known)), _sum(graph, strength))
    filled = graph.add("Where", graph.add("IsNaN", values), _after(graph, mean, 1), values)
    return graph.add("Add", graph.add("MatMul", filled, weights), float(intercept))
