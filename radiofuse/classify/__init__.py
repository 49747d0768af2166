"""One modality's classifier: the table of classifiers, and the Bayesian regularized network.

``CLASSIFIERS`` maps a name to a function of ``random_state`` that returns an unfitted classifier
with ``predict_proba``. All run on one core and repeat exactly under one ``random_state``.
"""

from radiofuse.classify.brnn import BayesianRegularizedNetwork
from radiofuse.classify.choices import brnn, logistic, mlp, random_forest, svm, xgboost
from radiofuse.classify.recalibration import RecalibratedClassifier

CLASSIFIERS = {
    "logistic": logistic,
    "svm": svm,
    "random_forest": random_forest,
    "xgboost": xgboost,
    "mlp": mlp,
    "brnn": brnn,
}
CLASSIFIER_TITLES = {
    "logistic": "logistic regression",
    "svm": "support vector machine",
    "random_forest": "random forest",
    "xgboost": "gradient-boosted trees",
    "mlp": "multilayer perceptron",
    "brnn": "Bayesian regularized network",
}

__all__ = ["CLASSIFIERS", "CLASSIFIER_TITLES", "BayesianRegularizedNetwork", "RecalibratedClassifier"]
