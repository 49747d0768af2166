"""The mean of ranks: members that agree on the order and not on the scale."""

from __future__ import annotations

import numpy as np

from radiofuse.fuse.calibrated import Calibrated
from radiofuse.fuse.of_classes import OfClasses, by_class, normalized


class MeanRank(OfClasses):
    """The mean over the members present of where a probability lies among the member's own of the training rows.

    Attributes
    ----------
    references_ : list of list of ndarray
        By member and class, the sorted out-of-fold probabilities.
    """

    def fit(self, P: np.ndarray, y: np.ndarray) -> MeanRank:
        """Keep the out-of-fold probabilities ``P``; the labels take no part."""
        each = by_class(P)
        self.references_ = [[_sorted(each[:, m, k]) for k in range(each.shape[2])] for m in range(each.shape[1])]
        return self

    def _of_classes(self, each: np.ndarray) -> np.ndarray:
        ranks = np.full(each.shape, np.nan)
        for member, of_classes in enumerate(self.references_):
            for label, reference in enumerate(of_classes):
                ranks[:, member, label] = _place(each[:, member, label], reference)
        return normalized(np.nanmean(ranks, axis=1), each)


class RankAverage(Calibrated):
    """The mean of the members' ranks, on a curve from ranks to probabilities.

    The rank of a probability is the share of the member's out-of-fold answers in training that are smaller, equal ones
    counting half: one new row can be ranked, and no row that is asked about ranks another. A mean of ranks is no
    probability, whatever the share of the classes; Platt's curve of the same training rows makes it one, and keeps the
    order.

    Attributes
    ----------
    rule : MeanRank
    slope_, intercept_ : float

    References
    ----------
    Ho, Hull, Srihari (1994). Decision combination in multiple classifier systems. IEEE Transactions on Pattern
    Analysis and Machine Intelligence 16, 66-75: combination of ranks.

    Examples
    --------
    >>> P = np.array([[0.1, 0.52], [0.4, 0.51], [0.6, 0.53], [0.7, 0.54]])
    >>> rule = RankAverage().fit(P, np.array([0, 0, 1, 1]))
    >>> rule.rule.combine(np.array([[0.5, 0.525], [0.7, np.nan]]))
    array([0.5  , 0.875])
    """

    title = "average of the ranks"
    multi_class = True

    def __init__(self) -> None:
        super().__init__(MeanRank())


def _sorted(values: np.ndarray) -> np.ndarray:
    return np.sort(values[~np.isnan(values)])


def _place(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the share of the reference below each value, equal ones counting half; NaN of NaN."""
    if not len(reference):
        return values  # no inner fold had the member: its own probabilities are the scale there is
    below = np.searchsorted(reference, values, side="left") + np.searchsorted(reference, values, side="right")
    return np.where(np.isnan(values), np.nan, below / (2 * len(reference)))
