"""Rules that make one probability of several.

``P`` (n_samples, n_members) holds the members' probabilities of the positive class, NaN where a
member is absent; every row has at least one. A rule with ``fit`` learns ``weights_``. Its ``title`` says in a few
words what it is; without one, the first line of its docstring does.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any, Protocol

import numpy as np
import pandas as pd
from scipy.optimize import nnls
from scipy.special import expit
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from radiofuse.errors import RequestError
from radiofuse.names import make

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

    def combine(self, P: np.ndarray) -> np.ndarray:
        """Return one probability per row."""
        return np.nanmean(P, axis=1)


class Vote:
    """The share of the members present that vote for the positive class, each from 0.5 on.

    A tie is settled by the mean probability, so that it never falls silently to either class. Call
    ``ties(P).mean()`` for how often that happened. The share takes few values: read the AUC of a vote
    as that of a coarse score.

    Examples
    --------
    >>> P = np.array([[0.6, 0.7, 0.1], [0.9, 0.3, np.nan]])
    >>> Vote().combine(P)
    array([0.66666667, 0.6       ])
    >>> Vote().ties(P)
    array([False,  True])
    """

    title = "share of votes"

    def combine(self, P: np.ndarray) -> np.ndarray:
        """Return one probability per row."""
        return np.where(self.ties(P), np.nanmean(P, axis=1), self._share(P))

    def ties(self, P: np.ndarray) -> np.ndarray:
        """Say for each row whether as many members vote for the one class as for the other."""
        return self._share(P) == 0.5

    def _share(self, P: np.ndarray) -> np.ndarray:
        return (P >= 0.5).sum(axis=1) / (~np.isnan(P)).sum(axis=1)


class Regression:
    """Logistic regression of the label on the members' logits.

    The ridge penalty (C = 0.1) keeps weights finite when a member separates the classes, and near
    zero when it knows nothing: the logits of such a member hardly differ from sample to sample, so that
    without a penalty its weight is the least certain of all.

    Attributes
    ----------
    weights_ : ndarray of shape (n_members,)
    intercept_ : float
    """

    title = "logistic regression of the logits"

    def fit(self, P: np.ndarray, y: np.ndarray) -> Regression:
        """Learn from out-of-fold probabilities ``P`` and labels ``y`` of 0 and 1."""
        inputs = fill_absent(_logits(P), np.ones(P.shape[1]))
        model = LogisticRegression(C=0.1).fit(inputs, y)
        self.weights_, self.intercept_ = model.coef_[0], float(model.intercept_[0])
        return self

    def combine(self, P: np.ndarray) -> np.ndarray:
        """Return one probability per row."""
        return expit(fill_absent(_logits(P), self.weights_) @ self.weights_ + self.intercept_)


class LinearRegression:
    """Least squares of the label on the members' probabilities, clipped to [0, 1].

    Attributes
    ----------
    weights_ : ndarray of shape (n_members,)
    intercept_ : float

    References
    ----------
    Shi, Li, Chen, Cheng, Bai, Zhao (2023). An intra- and inter-modality fusion model with invariant-
    and specific-constraints using MR images for prediction of glioma isocitrate dehydrogenase
    mutation status: the regression of Table IV.
    """

    title = "least-squares weights"

    def fit(self, P: np.ndarray, y: np.ndarray) -> LinearRegression:
        """Learn from out-of-fold probabilities ``P`` and labels ``y`` of 0 and 1."""
        filled = fill_absent(P, np.ones(P.shape[1]))
        design = np.column_stack([filled, np.ones(len(y))])
        *weights, intercept = np.linalg.lstsq(design, y)[0]
        self.weights_, self.intercept_ = np.array(weights), float(intercept)
        return self

    def combine(self, P: np.ndarray) -> np.ndarray:
        """Return one probability per row."""
        return np.clip(fill_absent(P, self.weights_) @ self.weights_ + self.intercept_, 0, 1)


class Nonnegative:
    """The weighted mean of the probabilities with the least Brier score: weights >= 0 that sum to 1.

    Attributes
    ----------
    weights_ : ndarray of shape (n_members,)

    References
    ----------
    Breiman (1996). Stacked regressions. Machine Learning 24, 49-64: the constraint.
    Lawson, Hanson (1974). Solving least squares problems, chapter 23: the algorithm.
    """

    title = "nonnegative weights"

    def fit(self, P: np.ndarray, y: np.ndarray) -> Nonnegative:
        """Learn from out-of-fold probabilities ``P`` and labels ``y`` of 0 and 1.

        With sum(w) = 1 the residual P w - y is R w, R = P - y 1'. Take min ||R w||**2 + c**2 (sum(w) - 1)**2
        over w >= 0 and write w = t u with sum(u) = 1: the best t leaves c**2 r / (r + c**2) with
        r = ||R u||**2, which rises with r. So for any c its solution, divided by its sum, is exact.
        """
        n_samples, n_members = P.shape
        residuals = fill_absent(P, np.ones(n_members)) - np.asarray(y)[:, None]
        c = np.sqrt(n_samples)
        scaled = nnls(np.vstack([residuals, np.full(n_members, c)]), np.append(np.zeros(n_samples), c))[0]
        self.weights_ = scaled / scaled.sum()
        return self

    def combine(self, P: np.ndarray) -> np.ndarray:
        """Return one probability per row."""
        # weights sum to 1 but for rounding: members that all answer 1 would give a little more
        return np.minimum(fill_absent(P, self.weights_) @ self.weights_, 1)


COMBINERS = {
    "mean": "radiofuse.fuse.combiners:Mean",
    "vote": "radiofuse.fuse.combiners:Vote",
    "regression": "radiofuse.fuse.combiners:Regression",
    "linear_regression": "radiofuse.fuse.combiners:LinearRegression",
    "nonnegative": "radiofuse.fuse.combiners:Nonnegative",
}


def combiner_name(entry: str | Combiner) -> str:
    """Return what a combiner is called in tables: its key, or its class's name.

    Examples
    --------
    >>> combiner_name("mean"), combiner_name("package.module:LogitMean"), combiner_name(Mean())
    ('mean', 'LogitMean', 'Mean')
    """
    return entry.rpartition(":")[2] if isinstance(entry, str) else type(entry).__name__


def build_combiners(combine: Any, *, taken: Container[str]) -> dict[str, Any]:
    """Return unfitted combiners by the name they have in tables: the key, or the class's name."""
    combiners: dict[str, Any] = {}
    for entry in combine if isinstance(combine, list) else [combine]:
        name, named = combiner_name(entry), isinstance(entry, str)
        combiner = make(entry, COMBINERS, "combiner") if named else clone(entry, safe=False)
        if name in combiners or name in taken:
            raise RequestError(f"Two columns of the answer would be called {name!r}: rename the member or combiner.")
        combiners[name] = combiner
    if not combiners:
        raise RequestError(f"combine is empty; choose from {', '.join(COMBINERS)}.")
    return combiners


def weights_table(combiners: dict[str, Any], members: list[str]) -> pd.DataFrame:
    """Return the weights of the combiners that have some; a rule that learns nothing treats members alike."""
    rows = []
    for fusion, combiner in combiners.items():
        equal = [] if hasattr(combiner, "fit") else np.full(len(members), 1 / len(members))
        rows += zip([fusion] * len(members), members, getattr(combiner, "weights_", equal), strict=False)
        if hasattr(combiner, "intercept_"):
            rows.append((fusion, "(intercept)", combiner.intercept_))
    return pd.DataFrame(rows, columns=["fusion", "member", "weight"])


def fill_absent(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Replace NaN by the row's mean over the members present, weighted by ``abs(weights)``.

    With weights >= 0 this equals renormalizing: the weights of the members present are raised so
    that their sum stays that of all. It goes on working where weights of both signs cancel and
    dividing by their sum would not. Where all members present have weight 0 the plain mean is taken.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_members)
    weights : ndarray of shape (n_members,)

    Returns
    -------
    ndarray of shape (n_samples, n_members)

    Examples
    --------
    >>> fill_absent(np.array([[0.2, 0.8, np.nan]]), np.array([3.0, 1.0, 1.0])).round(2)
    array([[0.2 , 0.8 , 0.35]])
    """
    present = ~np.isnan(values)
    strength = present * np.abs(weights)
    strength = np.where(strength.any(axis=1, keepdims=True), strength, present)
    known = np.where(present, values, 0)
    mean = (strength * known).sum(axis=1, keepdims=True) / strength.sum(axis=1, keepdims=True)
    return np.where(present, values, mean)


def _logits(P: np.ndarray) -> np.ndarray:
    P = np.clip(P, 1 - _BELOW_1, _BELOW_1)
    return np.log(P) - np.log1p(-P)  # scipy's logit changes in the last digit from version to version
