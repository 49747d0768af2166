"""Weighted means of the probabilities present, each with another way to the weights."""

from __future__ import annotations

import numpy as np

from radiofuse.fuse.absent import fill_absent_by_class
from radiofuse.fuse.combiners import log_probability
from radiofuse.fuse.of_classes import OfClasses, by_class
from radiofuse.statistics.metrics import auc

_ROUNDS = 100  # of greedy selection: weights in steps of a hundredth at the finest


class WeightedMean(OfClasses):
    """A mean of the probabilities present by learned weights of at least 0 that sum to 1.

    Attributes
    ----------
    weights_ : ndarray of shape (n_members,)
    """

    linear_in = "probability"

    def fit(self, P: np.ndarray, y: np.ndarray) -> WeightedMean:
        """Learn from out-of-fold probabilities ``P`` and labels ``y`` of 0 and 1, or 0 to K - 1."""
        weights = self._raw_weights(by_class(P), np.asarray(y))
        self.weights_ = weights / weights.sum()
        return self

    def _raw_weights(self, each: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return a number of at least 0 per member, of which one is above 0."""
        raise NotImplementedError

    def _of_classes(self, each: np.ndarray) -> np.ndarray:
        filled = fill_absent_by_class(each, self.weights_)
        return np.clip(np.einsum("nmk,m->nk", filled, self.weights_), 0, 1)  # weights sum to 1 but for rounding


class AucWeighted(WeightedMean):
    """The mean of the probabilities, each member weighted by what its out-of-fold AUC has above 0.5.

    A member at or below 0.5 gets nothing; where all are, they weigh alike. Of more than two classes the AUC is the
    mean of those of each class against the rest. A member that comes twice counts twice.

    Attributes
    ----------
    weights_ : ndarray of shape (n_members,)

    References
    ----------
    Somers (1962). A new asymmetric measure of association for ordinal variables. American Sociological Review 27,
    799-811: 2 AUC - 1, the weight but for its scale.

    Examples
    --------
    >>> P = np.array([[0.1, 0.6, 0.4], [0.2, 0.3, 0.5], [0.8, 0.5, 0.4], [0.9, 0.4, 0.5]])
    >>> AucWeighted().fit(P, np.array([0, 0, 1, 1])).weights_
    array([1., 0., 0.])
    """

    title = "mean weighted by out-of-fold AUC"

    def _raw_weights(self, each: np.ndarray, y: np.ndarray) -> np.ndarray:
        above = np.array([max(_mean_auc(each[:, member], y) - 0.5, 0) for member in range(each.shape[1])])
        return above if above.any() else np.ones_like(above)


class BestMember(WeightedMean):
    """The answer of the member with the highest out-of-fold AUC alone.

    What a fusion has to be better than: the best single modality, chosen inside the training patients. Members are held
    against the rows they have, which differ where modalities are missing. A row that lacks the best is answered by the
    mean of the members it has. Of members that are as good the first is taken.

    Attributes
    ----------
    weights_ : ndarray of shape (n_members,)
        1 of that member, else 0.

    References
    ----------
    van der Laan, Polley, Hubbard (2007). Super learner. Statistical Applications in Genetics and Molecular Biology 6,
    25: the discrete super learner.

    Examples
    --------
    >>> P = np.array([[0.1, 0.6, 0.4], [0.2, 0.3, 0.5], [0.8, 0.5, 0.4], [0.9, 0.4, 0.5]])
    >>> BestMember().fit(P, np.array([0, 0, 1, 1])).weights_
    array([1., 0., 0.])
    """

    title = "best single member, chosen by out-of-fold AUC"
    of_one_member = True  # networks do not join it: they are among its members

    def _raw_weights(self, each: np.ndarray, y: np.ndarray) -> np.ndarray:
        best = np.argmax([_mean_auc(each[:, member], y) for member in range(each.shape[1])])
        return np.eye(each.shape[1])[best]


class BayesianAverage(WeightedMean):
    """The mean of the probabilities, each member weighted by the likelihood of the labels under its answers.

    Members are models of equal prior probability, the weights their posterior ones. With a hundred patients the
    likelihoods of two members differ by orders of magnitude: the average picks the likeliest member, and members that
    each know a part do not add up. A row that a member lacks is judged by the mean of the others.

    Attributes
    ----------
    weights_ : ndarray of shape (n_members,)

    References
    ----------
    Hoeting, Madigan, Raftery, Volinsky (1999). Bayesian model averaging: a tutorial. Statistical Science 14, 382-417.
    Minka (2000). Bayesian model averaging is not model combination.

    Examples
    --------
    >>> P = np.array([[0.2, 0.5], [0.8, 0.5]])  # .8 * .8 against .5 * .5
    >>> BayesianAverage().fit(P, np.array([0, 1])).weights_.round(3)
    array([0.719, 0.281])
    """

    title = "Bayesian model average"

    def _raw_weights(self, each: np.ndarray, y: np.ndarray) -> np.ndarray:
        logs = log_probability(fill_absent_by_class(each, np.ones(each.shape[1])))
        likelihood = logs[np.arange(len(y)), :, y].sum(axis=0)
        return np.exp(likelihood - likelihood.max())


class GreedySelection(WeightedMean):
    """The mean of members chosen one after another, with replacement, each time the one that helps most.

    Every round adds the member with which the log-loss of the mean of all chosen so far is least; members that help
    alike share the round. Of a hundred rounds those up to the least log-loss count.

    Attributes
    ----------
    weights_ : ndarray of shape (n_members,)
        In how many of these rounds a member was chosen, divided by their number.

    References
    ----------
    Caruana, Niculescu-Mizil, Crew, Ksikes (2004). Ensemble selection from libraries of models. ICML.

    Examples
    --------
    >>> P = np.array([[0.1, 0.6, 0.5], [0.6, 0.1, 0.5], [0.9, 0.4, 0.5], [0.4, 0.9, 0.5]])
    >>> GreedySelection().fit(P, np.array([0, 0, 1, 1])).weights_
    array([0.5, 0.5, 0. ])
    """

    title = "greedy ensemble selection"

    def _raw_weights(self, each: np.ndarray, y: np.ndarray) -> np.ndarray:
        own = fill_absent_by_class(each, np.ones(each.shape[1]))[np.arange(len(y)), :, y]  # (n_samples, n_members)
        chosen, best, least = np.zeros(own.shape[1]), np.ones(own.shape[1]), np.inf
        for _ in range(_ROUNDS):
            sums = (own @ chosen)[:, None] + own  # (n_samples, n_members): each member added once more
            losses = -log_probability(sums / (chosen.sum() + 1)).mean(axis=0)
            helping = np.isclose(losses, losses.min(), rtol=0, atol=1e-12)
            chosen = chosen + helping / helping.sum()
            loss = -log_probability(own @ chosen / chosen.sum()).mean()
            if loss < least - 1e-12:
                best, least = chosen, loss
        return best


def _mean_auc(answers: np.ndarray, y: np.ndarray) -> float:
    """Return the AUC of a member's answers (n_samples, n_classes); 0.5 where it answers for one class alone."""
    known = ~np.isnan(answers[:, 0])
    labels = range(1, 2) if answers.shape[1] == 2 else range(answers.shape[1])
    own = [(y[known] == label, answers[known, label]) for label in labels]
    return float(np.mean([auc(label, told) if 0 < label.sum() < len(label) else 0.5 for label, told in own]))
