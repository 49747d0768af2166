"""What the room's own classifiers share: a check of their classes, and an answer from probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from radiofuse.prepare.validation import class_labels


def check_classes(y: np.ndarray) -> np.ndarray:
    """Return the classes of ``y``, sorted.

    Raises
    ------
    ValueError
        If ``y`` holds numbers that are no classes, or one class only.

    Examples
    --------
    >>> check_classes(np.array([1, 0, 1])).tolist()
    [0, 1]
    """
    classes = class_labels(y)
    if len(classes) < 2:
        raise ValueError(f"A classifier needs two classes or more; y holds one class only, {classes[0]!r}.")
    return classes


class ProbableClass(ClassifierMixin):
    """Gives a classifier with ``predict_proba`` its ``predict``."""

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the class with the highest probability.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        return self.classes_[self.predict_proba(X).argmax(axis=1)]
