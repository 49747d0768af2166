"""Objects of compiled code: what they are made of, and how they are made again once it was checked.

Compiled code trusts its numbers: a tree whose node names a child or a column that is not there reads memory that is not
its own. Each is checked here before it is made.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

OF_CATEGORIES = "that split columns by category, which are read as numbers only"


class DamagedModelError(ValueError):
    """A part of a model that does not fit the others."""


class NotPlainError(Exception):
    """Something in a model that only a pickle can hold, and why."""


@dataclass(frozen=True)
class Built:
    """How a class of compiled code is taken apart and put together.

    Attributes
    ----------
    taken_apart : callable
        Object to arguments and state, both plain.
    put_together : callable
        Class, arguments and state to an object; raises where they do not fit.
    """

    taken_apart: Callable[[Any], tuple[Sequence[Any], Any]]
    put_together: Callable[[Any, Sequence[Any], Any], Any]


def _tree_apart(tree: Any) -> tuple[Sequence[Any], Any]:
    _, made_with, state = tree.__reduce__()
    return made_with, state


def _tree_together(kind: Any, made_with: Sequence[Any], state: Any) -> Any:
    n_features, n_classes, n_outputs = made_with
    nodes, values, count = state["nodes"], state["values"], state["node_count"]
    check(count == len(nodes) == len(values) >= 1, "a tree has as many nodes as it says")
    check(
        len(n_classes) == n_outputs == values.shape[1] and values.shape[2] == max(n_classes), "classes fit the values"
    )
    check_nodes(nodes["left_child"], nodes["right_child"], nodes["feature"], n_features)
    tree = kind(n_features, n_classes, n_outputs)
    tree.__setstate__(state)
    return tree


def check_nodes(left: np.ndarray, right: np.ndarray, features: np.ndarray, n_features: int) -> None:
    """Raise unless every inner node leads to two later ones, and asks for a column that there is.

    Children stand behind their parents in every tree that scikit-learn or xgboost grew, so that no walk through it goes
    round in circles.
    """
    place, inner = np.arange(len(left)), left != -1
    check(np.array_equal(inner, right != -1), "a node of a tree has two children or none")
    for child in (left[inner], right[inner]):
        check(bool(((child > place[inner]) & (child < len(left))).all()), "children of a node are nodes of the tree")
    check(
        bool(((features[inner] >= 0) & (features[inner] < n_features)).all()), "a node asks for a column that there is"
    )


def check(holds: bool, what: str) -> None:
    """Raise a DamagedModelError where something does not hold."""
    if not holds:
        raise DamagedModelError(f"it does not hold that {what}")


def _booster_apart(booster: Any) -> tuple[Sequence[Any], Any]:
    content = booster.save_raw(raw_format="json")
    trees = json.loads(bytes(content))["learner"]["gradient_booster"].get("model", {}).get("trees", [])
    if any(tree["categories"] or any(tree["split_type"]) for tree in trees):
        raise NotPlainError(f"boosted trees {OF_CATEGORIES}")
    return [], np.frombuffer(content, np.uint8)


def _booster_together(kind: Any, made_with: Sequence[Any], state: Any) -> Any:
    content = state.tobytes()
    learner = json.loads(content)["learner"]
    n_features = int(learner["learner_model_param"]["num_feature"])
    model = learner["gradient_booster"]["model"]
    check(learner["gradient_booster"]["name"] == "gbtree", "boosted trees are trees")
    trees, of_class = model["trees"], model["tree_info"]
    n_classes = max(1, int(learner["learner_model_param"]["num_class"]))
    check(len(trees) == len(of_class) == int(model["gbtree_model_param"]["num_trees"]), "trees are as many as it says")
    check(all(0 <= one < n_classes for one in of_class), "a tree is of a class that there is")
    for tree in trees:
        _check_boosted_tree(tree, n_features)
    booster = kind()
    booster.load_model(bytearray(content))
    return booster


def _check_boosted_tree(tree: dict[str, Any], n_features: int) -> None:
    left, right, features = (np.array(tree[name]) for name in ("left_children", "right_children", "split_indices"))
    lengths = {len(tree[name]) for name in ("split_conditions", "base_weights", "default_left", "parents")}
    check(
        {len(left), len(right), len(features), int(tree["tree_param"]["num_nodes"])} | lengths == {len(left)}, "nodes"
    )
    check(not tree["categories"] and not any(tree["split_type"]), "columns of boosted trees are numbers")
    check_nodes(left, right, features, n_features)


def _loss_apart(loss: Any) -> tuple[Sequence[Any], Any]:
    return [], None


def _loss_together(kind: Any, made_with: Sequence[Any], state: Any) -> Any:
    return kind()


def _predictor_apart(predictor: Any) -> tuple[Sequence[Any], Any]:
    if predictor.nodes["is_categorical"].any():
        raise NotPlainError(f"boosted trees {OF_CATEGORIES}")
    return [predictor.nodes, predictor.binned_left_cat_bitsets, predictor.raw_left_cat_bitsets], None


def _predictor_together(kind: Any, made_with: Sequence[Any], state: Any) -> Any:
    nodes = made_with[0]
    check(nodes.ndim == 1 and len(nodes) >= 1, "a tree has nodes")
    check(not nodes["is_categorical"].any(), "columns of boosted trees are numbers")
    inner = nodes["is_leaf"] == 0
    left, right = (np.where(inner, nodes[side].astype(int), -1) for side in ("left", "right"))
    check_nodes(left, right, nodes["feature_idx"], int(nodes["feature_idx"].max()) + 1)
    return kind(*made_with)


def _isotonic_apart(calibration: Any) -> tuple[Sequence[Any], Any]:
    return [], {name: one for name, one in vars(calibration).items() if name != "f_"}


def _isotonic_together(kind: Any, made_with: Sequence[Any], state: Any) -> Any:
    calibration = kind()
    vars(calibration).update({name: one for name, one in state.items() if name.isidentifier() and name[:2] != "__"})
    if "X_thresholds_" in state:
        calibration._build_f(calibration.X_thresholds_, calibration.y_thresholds_)
    return calibration


_TREE, _BOOSTER, _LOSS = (
    Built(_tree_apart, _tree_together),
    Built(_booster_apart, _booster_together),
    Built(_loss_apart, _loss_together),
)
BUILT = {
    "sklearn.ensemble._hist_gradient_boosting.predictor:TreePredictor": Built(_predictor_apart, _predictor_together),
    "sklearn.isotonic:IsotonicRegression": Built(_isotonic_apart, _isotonic_together),
    "sklearn.tree._tree:Tree": _TREE,
    "xgboost.core:Booster": _BOOSTER,
    "sklearn._loss._loss:CyHalfBinomialLoss": _LOSS,
    "sklearn._loss._loss:CyHalfMultinomialLoss": _LOSS,
    "sklearn._loss._loss:CyExponentialLoss": _LOSS,
}
