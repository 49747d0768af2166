"""Fitted classifiers as operators of ONNX: a probability for each class of rows that are imputed and scaled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from radiofuse.bundle.onnx_graph import OPSETS, Graph, as_double, behind, summed
from radiofuse.bundle.onnx_trees import boosted_probabilities
from radiofuse.classify.boosted_trees import BoostedTrees
from radiofuse.classify.brnn import BayesianRegularizedNetwork
from radiofuse.classify.calibrated_svc import CalibratedSVC
from radiofuse.errors import RequestError


def class_probabilities(graph: Graph, name: str, classifier: Any, X: str, n_columns: int) -> str:
    """Return the probability of each class, shape (n_samples, n_classes).

    Parameters
    ----------
    graph : Graph
    name : str
        Of the member, for refusals.
    classifier : classifier
        Fitted.
    X : str
        The value that it reads, shape (n_samples, n_columns).
    n_columns : int

    Raises
    ------
    RequestError
        If it has no counterpart in ONNX.
    """
    own = _OWN.get(type(classifier))
    if own is not None:
        return own(graph, name, classifier, X)
    if not type(classifier).__module__.startswith("sklearn.") or hasattr(classifier, "support_vectors_"):
        raise RequestError(f"member {name}: the classifier {type(classifier).__name__} cannot be exported")
    return _by_skl2onnx(graph, name, classifier, X, n_columns)


def _of_regression(graph: Graph, name: str, classifier: LogisticRegression, X: str) -> str:
    scores = graph.add("Add", graph.add("MatMul", X, classifier.coef_.T), classifier.intercept_)
    return _from_log_odds(graph, scores) if len(classifier.classes_) == 2 else graph.add("Softmax", scores, axis=1)


def _from_log_odds(graph: Graph, scores: str) -> str:
    """Return the probabilities of two classes from log-odds of the second, shape (n_samples, 1)."""
    positive = graph.add("Sigmoid", scores)
    return graph.add("Concat", graph.add("Sub", 1.0, positive), positive, axis=1)


def _of_network(graph: Graph, name: str, network: BayesianRegularizedNetwork, X: str) -> str:
    """Return what a Bayesian regularized network answers: two matrix products, moderated by its doubt.

    References
    ----------
    MacKay (1992). The evidence framework applied to classification networks. Neural Computation 4(5), 720-736.
    """
    X = graph.add("Div", graph.add("Sub", X, network.center_), network.half_range_)
    p = len(network.center_)
    each = [_of_posterior(graph, posterior, network.likelihood, X, p) for posterior in network.networks_]
    if len(each) == 1:
        return graph.add("Concat", graph.add("Sub", 1.0, each[0]), each[0], axis=1)
    together = graph.add("Concat", *each, axis=1)  # a network of each class against the rest
    total = behind(graph, summed(graph, together), 1)
    alike = np.full(len(each), 1 / len(each))  # every network may say "not mine" with a clipped 0
    shares = graph.add("Div", together, graph.add("Max", total, np.nextafter(0, 1)))
    return graph.add("Where", graph.add("Greater", total, 0.0), shares, alike)


def _of_posterior(graph: Graph, posterior: Any, likelihood: str, X: str, p: int) -> str:
    """Return the probability of one network's class, shape (n_samples, 1), from ``p`` columns."""
    s = posterior.theta.size // (p + 2)
    w, b, B = posterior.theta[:s], posterior.theta[s : 2 * s], posterior.theta[2 * s :].reshape(s, p)
    hidden = graph.add("Tanh", graph.add("Add", graph.add("MatMul", X, B.T), b))  # (n, s)
    f = graph.add("MatMul", hidden, w[:, None])
    if likelihood == "gaussian":
        return graph.add("Clip", graph.add("Div", graph.add("Add", f, 1.0), 2.0), 0.0, 1.0)
    by_bias = graph.add("Mul", graph.add("Sub", 1.0, graph.add("Mul", hidden, hidden)), w)
    wide = graph.add("Mul", behind(graph, by_bias, 2), behind(graph, X, 1))  # (n, s, p)
    flat = graph.add("Reshape", wide, graph.number([-1, s * p], np.int64))
    J = graph.add("Concat", hidden, by_bias, flat, axis=1)
    doubt = graph.add("Mul", graph.add("MatMul", J, posterior.covariance), J)
    variance = behind(graph, summed(graph, doubt), 1)
    spread = graph.add("Sqrt", graph.add("Add", graph.add("Mul", variance, np.pi / 8), 1.0))
    return graph.add("Sigmoid", graph.add("Div", f, spread))


def _of_machine(graph: Graph, name: str, classifier: CalibratedSVC, X: str) -> str:
    """Return what a support vector machine of two classes answers, by its sigmoid."""
    if len(classifier.classes_) > 2:
        raise RequestError(
            f"member {name}: a support vector machine of more than two classes, whose pairs vote, cannot be exported"
        )
    (calibrated,) = classifier.calibrated_.calibrated_classifiers_
    machine, (sigmoid,) = calibrated.estimator, calibrated.calibrators
    kernel = _KERNELS[machine.kernel](graph, X, machine)
    score = graph.add("Add", graph.add("MatMul", kernel, machine.dual_coef_.T), machine.intercept_)
    return _from_log_odds(graph, graph.add("Sub", graph.add("Mul", score, -sigmoid.a_), sigmoid.b_))


def _products(graph: Graph, X: str, machine: Any) -> str:
    return graph.add("MatMul", X, machine.support_vectors_.T)


def _scaled_products(graph: Graph, X: str, machine: Any) -> str:
    return graph.add("Add", graph.add("Mul", _products(graph, X, machine), machine._gamma), machine.coef0)


def _gaussian(graph: Graph, X: str, machine: Any) -> str:
    """Return exp(-gamma |x - v|^2) of every support vector v."""
    own = behind(graph, summed(graph, graph.add("Mul", X, X)), 1)
    theirs = (machine.support_vectors_**2).sum(axis=1)
    twice = graph.add("Mul", _products(graph, X, machine), 2.0)
    distance = graph.add("Sub", graph.add("Add", own, theirs), twice)
    return graph.add("Exp", graph.add("Mul", distance, -machine._gamma))


_KERNELS: dict[str, Callable[[Graph, str, Any], str]] = {
    "linear": _products,
    "rbf": _gaussian,
    "poly": lambda graph, X, machine: graph.add("Pow", _scaled_products(graph, X, machine), float(machine.degree)),
    "sigmoid": lambda graph, X, machine: graph.add("Tanh", _scaled_products(graph, X, machine)),
}


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
    return as_double(graph, graph.join(model, X)["probabilities"])


_OWN: dict[type, Callable[[Graph, str, Any, str], str]] = {
    LogisticRegression: _of_regression,
    BayesianRegularizedNetwork: _of_network,
    CalibratedSVC: _of_machine,
    BoostedTrees: boosted_probabilities,
}
