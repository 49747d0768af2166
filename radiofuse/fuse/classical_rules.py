"""The fixed rules of Kittler et al. beside the mean, and the answer of the surest member."""

from __future__ import annotations

import numpy as np
from scipy.special import softmax

from radiofuse.fuse.combiners import log_odds, log_probability
from radiofuse.fuse.of_classes import OfClasses, normalized


class LogitMean(OfClasses):
    """The mean of the log-odds present, as a probability.

    Of more than two classes the mean of the log-probabilities, divided by the sum: for two the same. One member that
    is nearly certain moves it further than it moves the mean of the probabilities.

    References
    ----------
    Genest, Zidek (1986). Combining probability distributions: a critique and an annotated bibliography.
    Statistical Science 1, 114-135: the logarithmic opinion pool.

    Examples
    --------
    >>> LogitMean().combine(np.array([[0.99, 0.3, 0.3, 0.3], [0.2, np.nan, np.nan, np.nan]])).round(2)
    array([0.63, 0.2 ])
    """

    title = "average of the log-odds"
    title_of_classes = "average of the log-probabilities"
    hedges = True
    linear_in = "log_odds"

    def _of_classes(self, each: np.ndarray) -> np.ndarray:
        if each.shape[2] == 2:  # where p is small, log(1 - p) would round away what 1 - (1 - p) lost
            mean = np.nanmean(log_odds(each[:, :, 1]), axis=1)
            return softmax(np.column_stack([np.zeros_like(mean), mean]), axis=1)
        return softmax(np.nanmean(log_probability(each), axis=1), axis=1)


class Product(OfClasses):
    """The product of the probabilities present, each class's prior counted once.

    P(class k) is proportional to ``prior_k ** (1 - n) * prod_m p_mk`` over the n members present: right where the
    members are independent given the class, and too certain where they are not.

    Attributes
    ----------
    prior_ : ndarray of shape (n_classes,)
        Shares of the classes in training.

    References
    ----------
    Kittler, Hatef, Duin, Matas (1998). On combining classifiers. IEEE Transactions on Pattern Analysis and Machine
    Intelligence 20, 226-239: equation 7.

    Examples
    --------
    >>> rule = Product().fit(np.full((4, 2), 0.5), np.array([0, 0, 0, 1]))
    >>> rule.combine(np.array([[0.25, 0.25], [0.5, 0.5], [0.5, np.nan]])).round(3)
    array([0.25, 0.75, 0.5 ])
    """

    title = "product of the probabilities"

    def fit(self, P: np.ndarray, y: np.ndarray) -> Product:
        """Learn the shares of the classes; out-of-fold probabilities ``P`` say how many classes there are."""
        counts = np.bincount(y, minlength=P.shape[2] if P.ndim == 3 else 2)
        self.prior_ = counts / counts.sum()
        return self

    def _of_classes(self, each: np.ndarray) -> np.ndarray:
        n_present = (~np.isnan(each[:, :, :1])).sum(axis=1)  # (n_samples, 1)
        scores = np.nansum(log_probability(each), axis=1) - (n_present - 1) * np.log(self.prior_)
        return softmax(scores, axis=1)


class Maximum(OfClasses):
    """The largest probability that a member present gives each class, divided by their sum.

    References
    ----------
    Kittler, Hatef, Duin, Matas (1998). On combining classifiers. IEEE Transactions on Pattern Analysis and Machine
    Intelligence 20, 226-239: the max rule.

    Examples
    --------
    >>> Maximum().combine(np.array([[0.9, 0.4], [0.2, np.nan]])).round(2)
    array([0.6, 0.2])
    """

    title = "largest probability"

    def _of_classes(self, each: np.ndarray) -> np.ndarray:
        return normalized(np.nanmax(each, axis=1), each)


class Minimum(OfClasses):
    """The smallest probability that a member present gives each class, divided by their sum.

    Where members exclude every class between them, the mean is taken.

    References
    ----------
    Kittler, Hatef, Duin, Matas (1998). On combining classifiers. IEEE Transactions on Pattern Analysis and Machine
    Intelligence 20, 226-239: the min rule.

    Examples
    --------
    >>> Minimum().combine(np.array([[0.9, 0.4], [0.0, 1.0]])).round(2)
    array([0.8, 0.5])
    """

    title = "smallest probability"

    def _of_classes(self, each: np.ndarray) -> np.ndarray:
        return normalized(np.nanmin(each, axis=1), each)


class Confidence(OfClasses):
    """The answer of the member that is surest of its own; of equally sure ones the mean.

    References
    ----------
    Koriat (2012). When are two heads better than one and why? Science 336, 360-362: maximum-confidence slating.

    Examples
    --------
    >>> Confidence().combine(np.array([[0.9, 0.2, 0.5], [0.1, 0.6, np.nan], [0.25, 0.75, 0.5]]))
    array([0.9, 0.1, 0.5])
    """

    title = "the surest member's probability"

    def _of_classes(self, each: np.ndarray) -> np.ndarray:
        certainty = np.nan_to_num(each).max(axis=2)  # (n_samples, n_members); 0 where absent
        surest = np.isclose(certainty, certainty.max(axis=1, keepdims=True), rtol=0, atol=1e-12)
        return np.nanmean(np.where(surest[:, :, None], each, np.nan), axis=1)
