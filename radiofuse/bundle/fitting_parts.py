"""Parts of a model that compiled code takes to fit each other without asking: trees and columns, support vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from radiofuse.bundle.built_objects import check

WIDTH = "a model reads as many columns as its parts"


def _tree(model: Any) -> None:
    if (tree := vars(model).get("tree_")) is not None:
        check(tree.n_features == model.n_features_in_, WIDTH)


def _trees(model: Any) -> None:
    """Of a forest or boosted trees, which hand rows to their trees unchecked."""
    for one in np.asarray(vars(model).get("estimators_", []), dtype=object).ravel():
        check(one.tree_.n_features == model.n_features_in_, WIDTH)


def _binned_trees(model: Any) -> None:
    for stage in vars(model).get("_predictors", []):
        for one in stage:
            inner = one.nodes[one.nodes["is_leaf"] == 0]["feature_idx"]
            check(not len(inner) or int(inner.max()) < model.n_features_in_, WIDTH)


def _support_vectors(model: Any) -> None:
    inside = vars(model)
    if "support_vectors_" not in inside:
        return
    n_classes, n = len(model.classes_), len(model.support_vectors_)
    pairs = n_classes * (n_classes - 1) // 2
    check(model.support_vectors_.shape == (n, model.n_features_in_), WIDTH)
    check(inside["_n_support"].shape == (n_classes,) and int(inside["_n_support"].sum()) == n, "each class has vectors")
    check(bool((inside["_n_support"] >= 0).all()) and model.support_.shape == (n,), "each vector is a row")
    check(inside["_dual_coef_"].shape == model.dual_coef_.shape == (n_classes - 1, n), "each vector has weights")
    check(inside["_intercept_"].shape == (pairs,), "each pair of classes has an intercept")
    check(all(inside[name].shape in ((0,), (pairs,)) for name in ("_probA", "_probB")), "pairs have probabilities")


FITTING: dict[str, Callable[[Any], None]] = {
    "sklearn.ensemble._forest:ExtraTreesClassifier": _trees,
    "sklearn.ensemble._forest:RandomForestClassifier": _trees,
    "sklearn.ensemble._gb:GradientBoostingClassifier": _trees,
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting:HistGradientBoostingClassifier": _binned_trees,
    "sklearn.svm._classes:SVC": _support_vectors,
    "sklearn.tree._classes:DecisionTreeClassifier": _tree,
    "sklearn.tree._classes:DecisionTreeRegressor": _tree,
    "sklearn.tree._classes:ExtraTreeClassifier": _tree,
}
