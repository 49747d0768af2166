"""Members of a late fusion as operators of ONNX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from radiofuse.bundle.onnx_classifiers import class_probabilities
from radiofuse.bundle.onnx_graph import INPUT, Graph, as_double, behind
from radiofuse.errors import RequestError
from radiofuse.prepare.impute import MedianImputer
from radiofuse.prepare.scale import TrainingScaler

STEPS = ("impute", "scale", "select", "classify")


def member_probability(graph: Graph, name: str, member: Any, block: Sequence[int]) -> str:
    """Return a member's probabilities, NaN where all of its columns are.

    Parameters
    ----------
    graph : Graph
    name : str
    member : Pipeline
        Steps impute, scale, select, classify.
    block : sequence of int
        The places of its columns in the table.

    Returns
    -------
    str
        The name of a value of shape (n_samples,), of the second of two classes; of more (n_samples, n_classes).

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
    each = class_probabilities(graph, name, classify, scaled, len(kept))
    several = len(classify.classes_) > 2
    probability = each if several else graph.add("Gather", each, graph.number(1, np.int64), axis=1)
    gaps = as_double(graph, graph.add("IsNaN", _columns(graph, block)))
    absent = graph.add("Greater", graph.add("ReduceMin", gaps, axes=[1], keepdims=0), 0.5)
    return graph.add("Where", behind(graph, absent, 1) if several else absent, np.nan, probability)


def _columns(graph: Graph, places: Sequence[int] | np.ndarray) -> str:
    return graph.add("Gather", INPUT, graph.number(places, np.int64), axis=1)


def _kept(name: str, select: Any, n_columns: int) -> np.ndarray:
    """Return which columns of a block a selector keeps."""
    if select == "passthrough":
        return np.arange(n_columns)
    if not hasattr(select, "get_support"):
        raise RequestError(f"member {name}: {type(select).__name__} makes new columns, which cannot be exported")
    return np.flatnonzero(select.get_support())
