"""The built-in classifiers, set for what selection leaves: a few scaled columns, tens to hundreds of rows.

The first line of a function's docstring says what reports call its classifier.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from radiofuse.classify.brnn import BayesianRegularizedNetwork
from radiofuse.classify.calibrated_svc import CalibratedSVC
from radiofuse.classify.stacked import StackedClassifier
from radiofuse.errors import RequestError

if TYPE_CHECKING:
    from radiofuse.classify.boosted_trees import BoostedTrees


def logistic(random_state: int | None = None) -> LogisticRegression:
    """Return logistic regression.

    The ridge penalty is the customary one, C = 1.
    """
    return LogisticRegression(max_iter=1000, random_state=random_state)


def svm(random_state: int | None = None) -> CalibratedSVC:
    """Return a support vector machine.

    Its kernel is the radial basis function, its probabilities are Platt's.
    """
    return CalibratedSVC(random_state=random_state)


def random_forest(random_state: int | None = None) -> RandomForestClassifier:
    """Return a random forest.

    Of 300 trees; leaves of at least three rows keep probabilities off 0 and 1.
    """
    return RandomForestClassifier(300, min_samples_leaf=3, n_jobs=1, random_state=random_state)


def xgboost(random_state: int | None = None) -> BoostedTrees:
    """Return gradient-boosted trees.

    200 shallow ones, learned slowly on subsamples of rows and columns.

    Raises
    ------
    RequestError
        If xgboost is not installed.
    """
    try:
        import_module("xgboost")
    except ImportError:
        raise RequestError(
            "The classifier 'xgboost' needs the package xgboost, which is not installed. "
            "Install it with: pip install 'radiofuse[boost]'"
        ) from None
    from radiofuse.classify.boosted_trees import BoostedTrees

    return BoostedTrees(
        n_estimators=200,
        max_depth=3,
        learning_rate=0.05,
        subsample=0.8,
        colsample_bytree=0.8,
        n_jobs=1,
        random_state=random_state,
    )


def mlp(random_state: int | None = None) -> MLPClassifier:
    """Return a multilayer perceptron.

    Of 8 hidden neurons, trained in full batches with a firm ridge penalty.
    """
    return MLPClassifier((8,), solver="lbfgs", alpha=1.0, max_iter=1000, random_state=random_state)


def brnn(random_state: int | None = None) -> BayesianRegularizedNetwork:
    """Return a Bayesian regularized network.

    It has two neurons.
    """
    return BayesianRegularizedNetwork(random_state=random_state)


def stacking(random_state: int | None = None) -> StackedClassifier:
    """Return a stack of three classifiers.

    Logistic regression, a support vector machine and a random forest, under a logistic regression.
    """
    members = {"logistic": logistic, "svm": svm, "random_forest": random_forest}
    classifiers = [(name, build(random_state)) for name, build in members.items()]
    return StackedClassifier(classifiers, random_state=random_state)


CLASSIFIERS = {
    "logistic": "radiofuse.classify.choices:logistic",
    "svm": "radiofuse.classify.choices:svm",
    "random_forest": "radiofuse.classify.choices:random_forest",
    "xgboost": "radiofuse.classify.choices:xgboost",
    "mlp": "radiofuse.classify.choices:mlp",
    "brnn": "radiofuse.classify.choices:brnn",
    "stacking": "radiofuse.classify.choices:stacking",
}
