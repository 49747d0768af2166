"""Features that differ between near patients of different classes: ReliefF."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.utils._param_validation import Interval

from radiofuse.errors import CohortError
from radiofuse.prepare.magnitude import unit_magnitude
from radiofuse.select.column_selector import LabelSelector
from radiofuse.select.significance import require_classes
from radiofuse.select.words import Words


def relieff(X: np.ndarray, y: np.ndarray, n_neighbors: int) -> np.ndarray:
    """Return each feature's ReliefF weight, from −1 to 1.

    For every row the nearest rows of its own class (hits) and of each other class (misses) are looked up.
    The weight is the mean difference from the misses, classes weighted by their share among the other
    classes, minus the mean difference from the hits. It sees features that tell classes apart only together.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Finite values. Differences are taken relative to the range of the feature, and distances are their sum.
    y : ndarray of shape (n_samples,)
        Class labels, two rows of each class.
    n_neighbors : int
        Hits, and misses of each class; all of them where a class has fewer. Ties go to the earlier row.

    References
    ----------
    I. Kononenko, "Estimating attributes: analysis and extensions of RELIEF", ECML 1994, LNCS 784, 171-182.
    M. Robnik-Šikonja and I. Kononenko, "Theoretical and empirical analysis of ReliefF and RReliefF",
    Machine Learning 53 (2003) 23-69, figure 2; every row is used, where there rows are drawn.

    Examples
    --------
    >>> X = np.array([[0.0, 0.0], [0.1, 1.0], [0.9, 0.1], [1.0, 0.9]])
    >>> relieff(X, np.array([0, 0, 1, 1]), 1).round(2)
    array([ 0.8, -0.8])
    """
    X, _ = unit_magnitude(X)
    spread = np.ptp(X, axis=0)
    scaled = X / np.where(spread > 0, spread, np.inf)
    classes, labels = np.unique(y, return_inverse=True)
    share = np.bincount(labels) / len(labels)
    weights = np.zeros(X.shape[1])
    for label, _ in enumerate(classes):
        members = np.flatnonzero(labels == label)
        for other, _ in enumerate(classes):
            others = np.flatnonzero(labels == other)
            distance = cdist(scaled[members], scaled[others], "cityblock")
            if other == label:
                np.fill_diagonal(distance, np.inf)
                factor, n_nearest = -1.0, min(n_neighbors, len(others) - 1)
            else:
                factor, n_nearest = share[other] / (1 - share[label]), min(n_neighbors, len(others))
            nearest = others[np.argsort(distance, axis=1, kind="stable")[:, :n_nearest]]
            for row, neighbors in zip(members, nearest, strict=True):
                weights += factor / n_nearest * np.abs(scaled[neighbors] - scaled[row]).sum(axis=0)
    return weights / len(X)


class ReliefSelector(LabelSelector):
    """Keep the ``k`` features of largest ReliefF weight.

    Features that mean something only together are seen, which a test of each alone does not. Copies of a
    feature all weigh the same, so prune correlated ones before. With many more noise features than signal
    the nearest rows are near by chance, and the weights lose their power.

    Parameters
    ----------
    k : int, default=10
        Features to keep; all where there are fewer. Ties go to the earlier column.
    n_neighbors : int, default=10
        Neighbors of each row in each class.

    Attributes
    ----------
    scores_ : ndarray of shape (n_features_in_,)
        Weights, from −1 to 1; about 0 for noise and 0 for a constant column. See `relieff`.

    See Also
    --------
    MutualInfoSelector : Judges one feature at a time.
    MRMRSelector : Weighs relevance against redundancy.

    References
    ----------
    M. Robnik-Šikonja and I. Kononenko, "Theoretical and empirical analysis of ReliefF and RReliefF",
    Machine Learning 53 (2003) 23-69.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(size=(200, 6))
    >>> y = (X[:, 2] > 0.5) ^ (X[:, 4] > 0.5)  # neither alone says anything
    >>> ReliefSelector(k=2).fit(X, y).get_support(indices=True)
    array([2, 4])
    """

    words = Words(
        "ReliefF weights",
        heading="ReliefF",
        kept="among the {k} of largest ReliefF weight",
        removed="does not score among the best",
    )

    _parameter_constraints: dict = {
        "k": [Interval(Integral, 1, None, closed="left")],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, k: int = 10, *, n_neighbors: int = 10) -> None:
        self.k = k
        self.n_neighbors = n_neighbors

    def _measure(self, X: np.ndarray, y: np.ndarray) -> None:
        require_classes(y)
        if np.unique(y, return_counts=True)[1].min() < 2:
            raise CohortError(
                "The training table",
                ["ReliefF compares rows of one class, but y holds a class with one row. Add rows."],
            )
        self.scores_ = relieff(X, y, self.n_neighbors)
        self.support_ = np.zeros(len(self.scores_), dtype=bool)
        self.support_[np.lexsort((-self.scores_, self.scores_ == 0))[: self.k]] = True  # constants last
