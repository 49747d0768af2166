"""What networks that classify by themselves share: logits to probabilities, and probabilities to a class."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit, softmax
from sklearn.base import ClassifierMixin

from radiofuse.deep.weights import TrainedEncoder
from radiofuse.errors import CohortError, RequestError


class AnsweringNetwork(ClassifierMixin):
    """A classifier by a network's own answer; NaN where a row has no picture.

    A subclass has ``predict_proba``, and says in ``_pictures`` what a row without an answer lacks.
    """

    classes_: np.ndarray
    encoder_: TrainedEncoder

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        """Return the probability of each class, shape (n_samples, n_classes)."""
        raise NotImplementedError

    def _encode(self, y: ArrayLike) -> np.ndarray:
        """Learn the classes, and return the place of each row's."""
        self.classes_, labels = np.unique(np.asarray(y), return_inverse=True)
        if len(self.classes_) < 2:
            raise RequestError(
                f"Two classes or more were expected, y holds {self.classes_.tolist()}. Check the labels."
            )
        return labels

    @property
    def _pictures(self) -> str:
        raise NotImplementedError

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Return the most probable class; of two the second one from 0.5 on.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            New rows, each with a picture.

        Returns
        -------
        ndarray of shape (n_samples,)

        Raises
        ------
        CohortError
            As for ``predict_proba``, and if a row has no picture.
        """
        probability = self.predict_proba(X)
        absent = np.isnan(probability[:, 0])
        if absent.any():
            problems = [
                f"Sample {label} has no {self._pictures} to classify; leave it out." for label in X.index[absent]
            ]
            raise CohortError("The table", problems)
        chosen = (probability[:, 1] >= 0.5).astype(int) if len(self.classes_) == 2 else probability.argmax(axis=1)
        return self.classes_[chosen]

    def _spread(self, n_rows: int, places: np.ndarray, answers: np.ndarray) -> np.ndarray:
        """Return probabilities of all rows, those at ``places`` by the network's logits behind its embedding."""
        probability = np.full((n_rows, len(self.classes_)), np.nan)
        logits = answers[:, self.encoder_.card["embedding_dim"] :]  # (n, 1) or (n, n_classes)
        probability[places] = softmax(logits, axis=1) if logits.shape[1] > 1 else expit(logits * [-1, 1])
        return probability
