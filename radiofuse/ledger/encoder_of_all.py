"""Encoders trained on everybody."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.pipeline import Pipeline

from radiofuse.ledger.chains import Precomputed, exchanged
from radiofuse.ledger.claim import Claim
from radiofuse.ledger.question import Question
from radiofuse.patients.routing import fit_with_groups
from radiofuse.tables import columns
from radiofuse.work.jobs import one_thread

ENCODE = "encode"  # the step of a chain that turns crops into features


def encoder_of_all(question: Question) -> Claim | None:
    """Encoders trained on all patients, those of the test among them.

    One network per modality is trained on everybody, and answers for the very patients it was trained on; selection,
    classifiers and combiners still learn in the folds.

    Parameters
    ----------
    question : Question
    """
    model = exchanged(question.model, question.X, question.y, question.groups, _encoded)
    if model is None:
        return None
    claimed = question.answered("encoder_of_all", model)
    return Claim(question.answer, "auc", question.draws(question.honest), question.draws(claimed))


def is_network(estimator: Any) -> bool:
    """Say whether an estimator answers from crops by a network of its own."""
    return hasattr(estimator, "crops")


def _encoded(chain: Any, X: pd.DataFrame, y: np.ndarray, groups: np.ndarray) -> Pipeline | None:
    if is_network(chain):
        return _classified(chain, X, y, groups)
    if not isinstance(chain, Pipeline) or not is_network(chain.named_steps.get(ENCODE)):
        return None
    encoder = clone(chain.named_steps[ENCODE]).set_params(protocol="as_published")
    return Pipeline([(ENCODE, Precomputed(_in_sample(encoder, X, y, groups))), *chain.steps[1:]])


def _classified(network: Any, X: pd.DataFrame, y: np.ndarray, groups: np.ndarray) -> Pipeline:
    """Return a chain that answers as the network of all rows does: by its logits."""
    from radiofuse.deep import CropEncoder

    options = {name: value for name, value in network.get_params().items() if name in CropEncoder().get_params()}
    encoder = CropEncoder(protocol="as_published", output="logit", **options)
    crops = X[[column for column in X if columns.split(column)[1] == columns.CROP]]
    logits = _in_sample(encoder, crops, y, groups)
    return Pipeline([(ENCODE, Precomputed(logits)), ("classify", OfLogit())])


def _in_sample(encoder: Any, X: pd.DataFrame, y: np.ndarray, groups: np.ndarray) -> pd.DataFrame:
    """Return what an encoder of these rows makes of them."""
    with one_thread():
        return fit_with_groups(encoder, X, y, groups, method="fit_transform")


class OfLogit(ClassifierMixin, BaseEstimator):
    """The answer of a network whose logit is the only feature, or of several classes its logits; learns nothing.

    Examples
    --------
    >>> OfLogit().fit([[0.0]], [0, 1]).predict_proba([[0.0]]).tolist()
    [[0.5, 0.5]]
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Take note of the classes."""
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of each class."""
        logits = np.asarray(X, dtype=float)
        if logits.shape[1] > 1:
            return softmax(logits, axis=1)
        return np.column_stack([expit(-logits[:, 0]), expit(logits[:, 0])])
