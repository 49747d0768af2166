"""Pseudo-labels: which rows without a label a model is sure enough of, and how often it was right about those."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import Interval, validate_params

from radiofuse.errors import RequestError

NONE = -1  # the code of a row that gets no label, as in scikit-learn


@dataclass(frozen=True, eq=False)
class PseudoLabels:
    """What a gate made of samples of probabilities.

    Attributes
    ----------
    code : ndarray of int, shape (n_rows,)
        The place of the class that a row is given, -1 where it is given none.
    mean : ndarray of shape (n_rows, n_classes)
        Of the draws.
    sd : ndarray of shape (n_rows, n_classes)
        Over the draws, with their number as divisor; 0 of a single draw.
    ruled_out : ndarray of bool, shape (n_rows, n_classes)
        Negative labels: classes that a row surely is not of. None in rows that are given a class; where they leave one
        class, the row is given it.
    """

    code: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    ruled_out: np.ndarray

    @property
    def kept(self) -> np.ndarray:
        """Whether each row is given a class, shape (n_rows,)."""
        return self.code != NONE

    @property
    def top(self) -> np.ndarray:
        """The place of each row's largest class, shape (n_rows,)."""
        return self.mean.argmax(axis=1)

    @property
    def coverage(self) -> float:
        """The share of rows that are given a class; NaN without rows."""
        return float(self.kept.mean()) if len(self.code) else np.nan

    @property
    def one_sided(self) -> bool:
        """Whether the rows that are given a class are all of one class, or there are none: nothing to learn from."""
        return len(np.unique(self.code[self.kept])) < 2

    def accuracy(self, code: ArrayLike) -> dict[str, float]:
        """Return how often the largest class is the true one.

        Parameters
        ----------
        code : array-like of shape (n_rows,)
            The place of each row's true class, NaN or -1 where nobody knows it.

        Returns
        -------
        dict of str to float
            ``kept`` among the rows that are given a class, ``all`` among all; NaN where there is no row to tell by.
        """
        true = np.asarray(code, dtype=float)
        known = true >= 0  # neither NaN nor -1
        right = self.top == true
        return {"kept": _mean(right[known & self.kept]), "all": _mean(right[known])}


@validate_params(
    {
        "draws": ["array-like"],
        "confidence": [Interval(Real, 0, 1, closed="both")],
        "spread": [Interval(Real, 0, None, closed="left")],
        "negative": [Interval(Real, 0, 1, closed="both"), None],
        "negative_spread": [Interval(Real, 0, None, closed="left")],
        "balance": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def pseudo_labels(
    draws: ArrayLike,
    *,
    confidence: float = 0.9,
    spread: float = 0.05,
    negative: float | None = None,
    negative_spread: float = 0.005,
    balance: bool = False,
) -> PseudoLabels:
    """Return the classes of which a model is sure, in its mean and in its spread.

    A row is given its largest class where the mean probability of that class is ``confidence`` or more and its standard
    deviation over the draws ``spread`` or less. Thresholds are options: nothing here looks at a label, so that rare
    classes are protected by stricter ones (.99 and .01), or by ``balance``.

    Parameters
    ----------
    draws : array-like of shape (n_draws, n_rows, n_classes)
        Probabilities by models that differ by chance: bootstraps of patients, draws of weights, passes with dropout.
    confidence, spread : float, default=0.9 and 0.05
        Least mean, and largest standard deviation. A ``spread`` of 1 lets every row pass.
    negative : float, optional
        Also rule classes out: those whose mean is this or less (.05 in the reference) and whose standard deviation is
        ``negative_spread`` or less, in rows that are given no class. A row with one class left, as the other of two, is
        given it. Less than 1 / n_classes, and not with ``balance``, which it would undo.
    negative_spread : float, default=0.005
    balance : bool, default=False
        Whether as many rows of each class are kept as of the rarest one: those of highest mean, the first of equal
        ones. Where a class has none, none is kept.

    Returns
    -------
    PseudoLabels

    Raises
    ------
    RequestError
        If ``draws`` are no probabilities, or ``negative`` is 1 / n_classes or more, or goes with ``balance``.

    References
    ----------
    Rizve, Duarte, Rawat, Shah (2021). In defense of pseudo-labeling: an uncertainty-aware pseudo-label selection
    framework for semi-supervised learning. ICLR: the two thresholds (equation 4), negative labels, balance.
    Lee (2013). Pseudo-label: the simple and efficient semi-supervised learning method for deep neural networks.
    ICML workshop on challenges in representation learning.

    Examples
    --------
    >>> sure, torn = [[0.95, 0.05], [0.93, 0.07]], [[0.99, 0.01], [0.85, 0.15]]
    >>> draws = np.swapaxes([sure, torn], 0, 1)  # two rows, two draws of each
    >>> pseudo_labels(draws).code.tolist(), pseudo_labels(draws, spread=0.1).code.tolist()
    ([0, -1], [0, 0])
    """
    draws = _probabilities(draws)
    _refuse_negative(negative, draws.shape[2], balance=balance)
    mean, sd = draws.mean(axis=0), draws.std(axis=0)
    rows, top = np.arange(len(mean)), mean.argmax(axis=1)
    sure = (mean[rows, top] >= confidence) & (sd[rows, top] <= spread)
    if balance:
        sure = _balanced(sure, top, mean)
    ruled_out = np.zeros(mean.shape, dtype=bool)
    if negative is not None:
        ruled_out = (mean <= negative) & (sd <= negative_spread) & ~sure[:, None]
        settled = ruled_out.sum(axis=1) == mean.shape[1] - 1
        sure, ruled_out = sure | settled, ruled_out & ~settled[:, None]
    return PseudoLabels(np.where(sure, top, NONE), mean, sd, ruled_out)


def _refuse_negative(negative: float | None, n_classes: int, *, balance: bool) -> None:
    if negative is not None and negative >= 1 / n_classes:
        raise RequestError(
            f"negative must be less than one in {n_classes}, the number of classes, so that a class is left; it is "
            f"{negative:g}. Lower it: .05 is usual."
        )
    if negative is not None and balance:
        raise RequestError(
            "balance keeps as many rows of each class, and negative gives classes to rows that balance dropped. Leave "
            "one of them out."
        )


def _probabilities(draws: ArrayLike) -> np.ndarray:
    values = np.asarray(draws, dtype=float)
    if values.ndim != 3 or not values.shape[0] or values.shape[2] < 2:
        raise RequestError(
            "draws must be probabilities of the shape (n_draws, n_rows, n_classes), of one draw, two classes or more; "
            f"they have the shape {values.shape}. Stack the answers of several fits, or put one in a list."
        )
    strange = ~(np.isfinite(values).all(axis=2) & (values >= 0).all(axis=2) & (abs(values.sum(axis=2) - 1) < 1e-4))
    if strange.any():
        draw, row = np.argwhere(strange)[0]
        raise RequestError(
            f"Each row of draws must hold probabilities that sum to 1; row {row} of draw {draw} is "
            f"{values[draw, row].round(3).tolist()}. Leave out rows without an answer."
        )
    return values


def _balanced(sure: np.ndarray, top: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return which rows are kept if each class keeps as many as the rarest: those of highest mean."""
    of_class = [np.flatnonzero(sure & (top == place)) for place in range(mean.shape[1])]
    fewest, balanced = min(map(len, of_class)), np.zeros(len(sure), dtype=bool)
    for place, rows in enumerate(of_class):
        balanced[rows[np.argsort(-mean[rows, place], kind="stable")[:fewest]]] = True
    return balanced


def _mean(right: np.ndarray) -> float:
    return float(right.mean()) if right.size else np.nan
