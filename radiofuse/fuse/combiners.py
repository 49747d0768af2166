"""Rules that make one probability of several.

Of two classes ``P`` (n_samples, n_members) holds the members' probabilities of the second, the positive one, and
``combine(P)`` returns one per row. Of K > 2 classes its shape is (n_samples, n_members, n_classes) and that of the
answer (n_samples, n_classes), rows that sum to 1; ``fit`` takes labels 0 to K - 1. A member that is absent is NaN;
every row has at least one.

A rule with ``fit`` learns ``weights_``, one per member, or (n_members, n_classes) where they differ by class. One
that knows more than two classes says so by ``multi_class = True``; one that learns nothing and answers nearer to the
middle than its members have reason to, as an average does, by ``hedges = True``: it can be calibrated. One that
chooses something in folds of its own says ``takes_groups = True`` and has ``fit(P, y, groups)``, the patient of each
row, whose rows stay together there. A weighted sum of two classes' log-odds, or a weighted mean of their
probabilities, says so by ``linear_in = "log_odds"`` or ``"probability"``, so that members' contributions are its terms.
Its ``title`` says in a few words what it is; without one, the first line of its docstring does.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from scipy.optimize import nnls
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression

from radiofuse.fuse.absent import fill_absent, fill_absent_by_class
from radiofuse.fuse.votes import leading, settled, vote_shares

_RIDGE = 0.1  # scikit-learn's C
_BELOW_1 = np.nextafter(1, 0)  # nearer to 1 there is no other number but 1; its logit is about 36.7


class Combiner(Protocol):
    """One probability of several; a rule that learns has ``fit(P, y)`` too."""

    def combine(self, P: np.ndarray, /) -> np.ndarray:
        """Return one probability per row."""


class Mean:
    """The mean of the probabilities present.

    Examples
    --------
    >>> Mean().combine(np.array([[0.2, 0.6, np.nan]]))
    array([0.4])
    """

    title = "average of the probabilities"
    multi_class = True
    linear_in = "probability"
    hedges = True

    def combine(self, P: np.ndarray) -> np.ndarray:
        """Return one probability per row, or one per row and class."""
        return np.nanmean(P, axis=1)


class Vote:
    """The share of the members present that vote for the positive class, each from 0.5 on.

    A tie is settled by the mean probability, so that it never falls silently to either class. Call
    ``ties(P).mean()`` for how often that happened. The share takes few values: read the AUC of a vote
    as that of a coarse score.

    Of more than two classes each member votes for its most probable one, and for equal parts of several that are
    equally probable to it. Classes that tie for the most votes divide their common share as their mean
    probabilities are to each other; the other shares stay.

    Examples
    --------
    >>> P = np.array([[0.6, 0.7, 0.1], [0.9, 0.3, np.nan]])
    >>> Vote().combine(P)
    array([0.66666667, 0.6       ])
    >>> Vote().ties(P)
    array([False,  True])
    """

    title = "share of votes"
    multi_class = True

    def combine(self, P: np.ndarray) -> np.ndarray:
        """Return one probability per row, or one per row and class."""
        if P.ndim == 3:
            return settled(vote_shares(P), np.nanmean(P, axis=1))
        return np.where(self.ties(P), np.nanmean(P, axis=1), self._share(P))

    def ties(self, P: np.ndarray) -> np.ndarray:
        """Say for each row whether two classes, or more, have the most votes."""
        if P.ndim == 3:
            return leading(vote_shares(P)).sum(axis=1) > 1
        return self._share(P) == 0.5

    def _share(self, P: np.ndarray) -> np.ndarray:
        return (P >= 0.5).sum(axis=1) / (~np.isnan(P)).sum(axis=1)


class Regression:
    """Logistic regression of the label on the members' logits.

    The ridge penalty (C = 0.1) keeps weights finite when a member separates the classes, and near
    zero when it knows nothing: the logits of such a member hardly differ from sample to sample, so that
    without a penalty its weight is the least certain of all.

    Of K > 2 classes it is multinomial logistic regression on the members' log-probabilities, with the same ridge:
    log P(class c) = b_c + sum_m sum_k B_cmk log p_mk + constant. A member that takes class 2 for class 3 can so be
    corrected, at the price of K weights per member and class.

    Attributes
    ----------
    weights_ : ndarray of shape (n_members,) or (n_members, n_classes)
        Of more than two classes B_cmc: what a member's own log-probability of a class does for that class.
    coef_ : ndarray of shape (n_classes, n_members, n_classes)
        B, of more than two classes only.
    intercept_ : float or ndarray of shape (n_classes,)

    References
    ----------
    Ting, Witten (1999). Issues in stacked generalization. Journal of Artificial Intelligence Research 10,
    271-289: class probabilities of all members as the inputs.
    Kull, Perello-Nieto, Kaengsepp, Silva Filho, Song, Flach (2019). Beyond temperature scaling: obtaining
    well-calibrated multiclass probabilities with Dirichlet calibration. NeurIPS: the same model of one member.
    """

    title = "logistic regression of the logits"
    title_of_classes = "multinomial logistic regression of the log-probabilities"
    multi_class = True
    linear_in = "log_odds"

    def fit(self, P: np.ndarray, y: np.ndarray, *, weights: np.ndarray | None = None) -> Regression:
        """Learn from out-of-fold probabilities ``P``, labels ``y`` of 0 and 1, or 0 to K - 1, and weights of rows."""
        if P.ndim == 3:
            return self._fit_classes(P, y, weights)
        inputs = fill_absent(log_odds(P), np.ones(P.shape[1]))
        model = LogisticRegression(C=_RIDGE).fit(inputs, y, weights)
        self.weights_, self.intercept_ = model.coef_[0], float(model.intercept_[0])
        return self

    def _fit_classes(self, P: np.ndarray, y: np.ndarray, weights: np.ndarray | None) -> Regression:
        n_samples, n_members, n_classes = P.shape
        inputs = fill_absent_by_class(log_probability(P), np.ones(n_members)).reshape(n_samples, -1)
        model = LogisticRegression(C=_RIDGE, tol=1e-8, max_iter=10_000).fit(inputs, y, weights)
        self.coef_, self.intercept_ = model.coef_.reshape(n_classes, n_members, n_classes), model.intercept_
        self.weights_ = np.diagonal(self.coef_, axis1=0, axis2=2).copy()
        return self

    def combine(self, P: np.ndarray) -> np.ndarray:
        """Return one probability per row, or one per row and class."""
        if P.ndim == 3:
            inputs = fill_absent_by_class(log_probability(P), np.abs(self.coef_).sum(axis=(0, 2)))
            return softmax(np.tensordot(inputs, self.coef_, axes=((1, 2), (1, 2))) + self.intercept_, axis=1)
        return expit(fill_absent(log_odds(P), self.weights_) @ self.weights_ + self.intercept_)


class LinearRegression:
    """Least squares of the label on the members' probabilities, clipped to [0, 1].

    Of K > 2 classes the published regression is done for each class against the rest, on the members'
    probabilities of that class; the K answers are clipped and divided by their sum. Where all are 0 the mean of the
    probabilities is taken.

    Attributes
    ----------
    weights_ : ndarray of shape (n_members,) or (n_members, n_classes)
    intercept_ : float or ndarray of shape (n_classes,)

    References
    ----------
    Shi, Li, Chen, Cheng, Bai, Zhao (2023). An intra- and inter-modality fusion model with invariant-
    and specific-constraints using MR images for prediction of glioma isocitrate dehydrogenase
    mutation status: the regression of Table IV.
    Seewald (2002). How to make stacking better and faster while also taking care of an unknown weakness. ICML:
    each class regressed on the probabilities of that class alone.
    """

    intercept_: float | np.ndarray
    title = "least-squares weights"
    multi_class = True

    def fit(self, P: np.ndarray, y: np.ndarray) -> LinearRegression:
        """Learn from out-of-fold probabilities ``P`` and labels ``y`` of 0 and 1, or 0 to K - 1."""
        if P.ndim == 3:
            each = [_least_squares(P[:, :, label], (y == label).astype(float)) for label in range(P.shape[2])]
            weights, intercepts = zip(*each, strict=True)
            self.weights_, self.intercept_ = np.column_stack(weights), np.array(intercepts)
        else:
            self.weights_, self.intercept_ = _least_squares(P, y)
        return self

    def combine(self, P: np.ndarray) -> np.ndarray:
        """Return one probability per row, or one per row and class."""
        if P.ndim == 2:
            return np.clip(fill_absent(P, self.weights_) @ self.weights_ + self.intercept_, 0, 1)
        filled = fill_absent_by_class(P, self.weights_)
        scores = np.clip(np.einsum("nmk,mk->nk", filled, self.weights_) + self.intercept_, 0, 1)
        scores = np.where(scores.any(axis=1, keepdims=True), scores, np.nanmean(P, axis=1))
        return scores / scores.sum(axis=1, keepdims=True)


class Nonnegative:
    """The weighted mean of the probabilities with the least Brier score: weights >= 0 that sum to 1.

    Of more than two classes the score is Brier's own, the squared differences summed over the classes, and each
    member has one weight for all of them.

    Attributes
    ----------
    weights_ : ndarray of shape (n_members,)

    References
    ----------
    Breiman (1996). Stacked regressions. Machine Learning 24, 49-64: the constraint.
    Brier (1950). Verification of forecasts expressed in terms of probability. Monthly Weather Review 78, 1-3.
    Lawson, Hanson (1974). Solving least squares problems, chapter 23: the algorithm.
    """

    title = "nonnegative weights"
    multi_class = True
    linear_in = "probability"

    def fit(self, P: np.ndarray, y: np.ndarray) -> Nonnegative:
        """Learn from out-of-fold probabilities ``P`` and labels ``y`` of 0 and 1, or 0 to K - 1."""
        if P.ndim == 3:
            target = np.asarray(y)[:, None] == np.arange(P.shape[2])  # (n_samples, n_classes)
            residuals = fill_absent_by_class(P, np.ones(P.shape[1])) - target[:, None, :]
            self.weights_ = simplex_weights(np.moveaxis(residuals, 1, 2).reshape(-1, P.shape[1]))
        else:
            self.weights_ = simplex_weights(fill_absent(P, np.ones(P.shape[1])) - np.asarray(y)[:, None])
        return self

    def combine(self, P: np.ndarray) -> np.ndarray:
        """Return one probability per row, or one per row and class."""
        if P.ndim == 3:
            mean = np.einsum("nmk,m->nk", fill_absent_by_class(P, self.weights_), self.weights_)
        else:
            mean = fill_absent(P, self.weights_) @ self.weights_
        return np.minimum(mean, 1)  # weights sum to 1 but for rounding: where all members are certain, a little more


def log_odds(P: np.ndarray) -> np.ndarray:
    """Return the log-odds of probabilities; of 0 and 1 finite ones, about 37."""
    P = np.clip(P, 1 - _BELOW_1, _BELOW_1)
    return np.log(P) - np.log1p(-P)  # scipy's logit changes in the last digit from version to version


def log_probability(P: np.ndarray) -> np.ndarray:
    """Return the logarithms of probabilities; of 0 a finite one, about -37."""
    return np.log(np.clip(P, 1 - _BELOW_1, None))


def _least_squares(P: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the members' weights and the intercept."""
    design = np.column_stack([fill_absent(P, np.ones(P.shape[1])), np.ones(len(target))])
    *weights, intercept = np.linalg.lstsq(design, target)[0]
    return np.array(weights), float(intercept)


def simplex_weights(residuals: np.ndarray) -> np.ndarray:
    """Return the w >= 0 with sum(w) = 1 that makes ``||residuals w||`` least.

    With sum(w) = 1 the residual P w - y is R w, R = P - y 1'. Take min ||R w||**2 + c**2 (sum(w) - 1)**2
    over w >= 0 and write w = t u with sum(u) = 1: the best t leaves c**2 r / (r + c**2) with
    r = ||R u||**2, which rises with r. So for any c its solution, divided by its sum, is exact.
    """
    n_rows, n_members = residuals.shape
    c = np.sqrt(n_rows)
    scaled = nnls(np.vstack([residuals, np.full(n_members, c)]), np.append(np.zeros(n_rows), c))[0]
    return scaled / scaled.sum()
