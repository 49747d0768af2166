"""Boosted trees of xgboost as one operator of ONNX, a sum of trees, from xgboost's own JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import logit

from radiofuse.bundle.onnx_graph import Graph, as_double
from radiofuse.errors import RequestError

if TYPE_CHECKING:
    from radiofuse.classify.boosted_trees import BoostedTrees

OBJECTIVES = ("binary:logistic", "multi:softprob")
LEAF, INNER = "LEAF", "BRANCH_LT"


def boosted_probabilities(graph: Graph, name: str, classifier: BoostedTrees, X: str) -> str:
    """Return the probability of each class, shape (n_samples, n_classes), in single precision as xgboost has it.

    Parameters
    ----------
    graph : Graph
    name : str
        Of the member, for refusals.
    classifier : BoostedTrees
        Fitted.
    X : str
        Rows without gaps.
    """
    from onnx import TensorProto

    learner = json.loads(classifier.get_booster().save_raw(raw_format="json"))["learner"]
    objective, booster = learner["objective"]["name"], learner["gradient_booster"]
    if objective not in OBJECTIVES or booster["name"] != "gbtree":
        raise RequestError(f"member {name}: boosted trees of {objective} by {booster['name']} cannot be exported")
    binary = objective == OBJECTIVES[0]
    n_targets = 1 if binary else len(classifier.classes_)
    base = np.asarray(json.loads(str(learner["learner_model_param"]["base_score"])), dtype=float).ravel()
    started = np.broadcast_to(logit(base) if binary else base, n_targets)
    attributes = _attributes(booster["model"]["trees"], booster["model"]["tree_info"])
    single = graph.add("Cast", X, to=int(TensorProto.FLOAT))
    sums = as_double(
        graph,
        graph.add("TreeEnsembleRegressor", single, domain="ai.onnx.ml", n_targets=n_targets, **attributes),
    )
    scores = graph.add("Add", sums, np.asarray(started))
    if not binary:
        return graph.add("Softmax", scores, axis=1)
    positive = graph.add("Sigmoid", scores)
    return graph.add("Concat", graph.add("Sub", 1.0, positive), positive, axis=1)


def _attributes(trees: list[dict[str, Any]], of_class: list[int]) -> dict[str, Any]:
    """Return nodes and leaves of all trees as the operator lists them."""
    nodes: dict[str, list[Any]] = {
        part: [] for part in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids")
    }
    leaves: dict[str, list[Any]] = {part: [] for part in ("treeids", "nodeids", "ids", "weights")}
    for number, (tree, target) in enumerate(zip(trees, of_class, strict=True)):
        left, right = tree["left_children"], tree["right_children"]
        inner = [child != -1 for child in left]
        nodes["treeids"] += [number] * len(left)
        nodes["nodeids"] += range(len(left))
        nodes["featureids"] += tree["split_indices"]
        nodes["values"] += map(float, tree["split_conditions"])
        nodes["modes"] += [INNER if one else LEAF for one in inner]
        nodes["truenodeids"] += [child if one else 0 for child, one in zip(left, inner, strict=True)]
        nodes["falsenodeids"] += [child if one else 0 for child, one in zip(right, inner, strict=True)]
        ends = [place for place, one in enumerate(inner) if not one]
        leaves["treeids"] += [number] * len(ends)
        leaves["nodeids"] += ends
        leaves["ids"] += [target] * len(ends)
        leaves["weights"] += [float(tree["split_conditions"][place]) for place in ends]
    told = {f"nodes_{part}": values for part, values in nodes.items()}
    return told | {f"target_{part}": values for part, values in leaves.items()}
