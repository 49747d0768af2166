"""Rules that compare a row's answers with those that are typical of each class."""

from __future__ import annotations

import numpy as np
from scipy.special import softmax

from radiofuse.fuse.absent import fill_absent_by_class
from radiofuse.fuse.calibrated import Calibrated
from radiofuse.fuse.of_classes import OfClasses, by_class, normalized

_STEEPEST = 1000.0  # members that hedge have templates that hardly differ


class TemplateMatch(OfClasses):
    """How near a row's answers are to each class's template, the mean answers of its training rows.

    Attributes
    ----------
    templates_ : ndarray of shape (n_classes, n_members, n_classes)
    """

    def fit(self, P: np.ndarray, y: np.ndarray) -> TemplateMatch:
        """Learn from out-of-fold probabilities ``P`` and labels ``y`` of 0 and 1, or 0 to K - 1."""
        each = by_class(P)
        filled = fill_absent_by_class(each, np.ones(each.shape[1]))
        self.templates_ = np.stack([filled[y == label].mean(axis=0) for label in range(each.shape[2])])
        return self

    def distances(self, each: np.ndarray) -> np.ndarray:
        """Return squared distances to the templates by member, NaN where it is absent: (n, n_members, n_classes)."""
        return ((each[:, :, None, :] - self.templates_.swapaxes(0, 1)) ** 2).sum(axis=3)

    def similarity(self, P: np.ndarray) -> np.ndarray:
        """Return 1 minus the mean squared difference to each template, of the members present: (n, n_classes).

        The class of the largest one is the answer of Kuncheva, Bezdek and Duin.
        """
        each = by_class(P)
        return 1 - np.nanmean(self.distances(each), axis=1) / each.shape[2]

    def _of_classes(self, each: np.ndarray) -> np.ndarray:
        return softmax(-np.nanmean(self.distances(each), axis=1) * each.shape[1], axis=1)


class Belief(TemplateMatch):
    """Dempster's combination of the members' beliefs, each from its distances to the templates."""

    def proximities(self, each: np.ndarray) -> np.ndarray:
        """Return 1 / (1 + squared distance) by member, divided by their sum over the templates: (n, members, K)."""
        near = 1 / (1 + self.distances(each))
        return near / near.sum(axis=2, keepdims=True)

    def _of_classes(self, each: np.ndarray) -> np.ndarray:
        near = self.proximities(each)
        others = np.prod(1 - near, axis=2, keepdims=True) / (1 - near)  # (n, members, K)
        beliefs = near * others / (1 - near * (1 - others))
        return normalized(np.nanprod(beliefs, axis=1), each)


class DecisionTemplates(Calibrated):
    """The class whose template of members' answers is nearest, on a curve from distances to probabilities.

    A template is what the members say of a class's training rows in the mean. The difference of the squared distances
    to two templates is a log-odds but for its scale, which is learned by Platt's curve (a temperature of more than two
    classes). Of two classes the rule is so a weighted sum: a member weighs what its mean answers to the classes differ.

    Attributes
    ----------
    rule : TemplateMatch
        With ``templates_`` (n_classes, n_members, n_classes) and ``similarity(P)``.
    slope_, intercept_ : float

    References
    ----------
    Kuncheva, Bezdek, Duin (2001). Decision templates for multiple classifier fusion: an experimental comparison.
    Pattern Recognition 34, 299-314.

    Examples
    --------
    >>> P = np.array([[0.2, 0.5], [0.3, 0.4], [0.7, 0.5], [0.8, 0.4]])
    >>> rule = DecisionTemplates().fit(P, np.array([0, 0, 1, 1]))
    >>> rule.rule.templates_[:, :, 1].round(2).tolist()
    [[0.25, 0.45], [0.75, 0.45]]
    >>> rule.combine(np.array([[0.25, 0.9], [0.75, 0.1]])).round(2)
    array([0.26, 0.74])
    """

    title = "decision templates"
    multi_class = True

    def __init__(self) -> None:
        super().__init__(TemplateMatch(), steepest=_STEEPEST)


class DempsterShafer(Calibrated):
    """Dempster-Shafer evidence of the members, by their distances to decision templates, on a curve to probabilities.

    Attributes
    ----------
    rule : Belief
        With ``templates_`` (n_classes, n_members, n_classes) and ``proximities``.
    slope_, intercept_ : float

    References
    ----------
    Rogova (1994). Combining the results of several neural network classifiers. Neural Networks 7, 777-781.
    Kuncheva, Bezdek, Duin (2001). Decision templates for multiple classifier fusion: an experimental comparison.
    Pattern Recognition 34, 299-314: the beliefs.

    Examples
    --------
    >>> P = np.array([[0.2, 0.5], [0.3, 0.4], [0.7, 0.5], [0.8, 0.4]])
    >>> DempsterShafer().fit(P, np.array([0, 0, 1, 1])).combine(np.array([[0.25, 0.9], [0.75, 0.1]])).round(2)
    array([0.25, 0.75])
    """

    title = "Dempster-Shafer evidence"
    multi_class = True

    def __init__(self) -> None:
        super().__init__(Belief(), steepest=_STEEPEST)
