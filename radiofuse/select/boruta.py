"""All features that beat chance in a random forest, by the library Boruta; an optional extra."""

from __future__ import annotations

from numbers import Integral, Real
from types import ModuleType

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval

from radiofuse.errors import RequestError
from radiofuse.estimators import Seed
from radiofuse.prepare.standardize import standardize
from radiofuse.select.column_selector import LabelSelector
from radiofuse.select.shortfall import ON_EMPTY, OnEmpty
from radiofuse.select.significance import require_classes
from radiofuse.select.words import Words


class BorutaSelector(LabelSelector):
    """Keep the features whose importance beats that of every shuffled copy, again and again.

    In each round a random forest sees the features and a shuffled copy of each; a feature scores a hit where it
    is more important than the best copy. Binomial tests with a correction for multiplicity confirm or reject it.
    Copies of a feature are all kept: the question is what is relevant, not what suffices. Slow: up to
    ``n_rounds`` forests on twice the features.

    Parameters
    ----------
    n_rounds : int, default=100
        Rounds. Features still undecided then are dropped.
    n_estimators : int, default=200
        Trees of a forest.
    max_depth : int or None, default=5
        Of a tree; the library recommends 3 to 7.
    alpha : float, default=0.05
        Level of the tests.
    two_step : bool, default=True
        Correct by Benjamini-Hochberg over features, then Bonferroni over rounds, as the library recommends; or by
        Bonferroni alone, as published [1]_.
    on_empty : {"strongest", "raise", "intercept"}, default="strongest"
        What happens where no feature passes: the one of largest effect stays, with a
        `NothingSelectedWarning`; a `NothingSelectedError`; or an empty selection, with the warning.
    random_state : int, RandomState instance or None, default=None
        Seeds the forests and the shuffling.

    Attributes
    ----------
    ranking_ : ndarray of int, shape (n_features_in_,)
        1 for a confirmed feature, 2 for an undecided one, above that for rejected ones.
    fallback_ : bool
        Whether the strongest feature stands in, as none passed.

    See Also
    --------
    RFESelector : Removes the weakest features round by round.
    StabilitySelector : Bounds the number of false selections.

    References
    ----------
    .. [1] M. B. Kursa and W. R. Rudnicki, "Feature selection with the Boruta package", Journal of Statistical
       Software 36 (2010) 1-13.
    """

    words = Words(
        "Boruta",
        heading="Boruta",
        kept="more important than their shuffled copies (Boruta)",
        removed="does not rank among the best",
    )

    _parameter_constraints: dict = {
        "n_rounds": [Interval(Integral, 1, None, closed="left")],
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "max_depth": [Interval(Integral, 1, None, closed="left"), None],
        "alpha": [Interval(Real, 0, 1, closed="neither")],
        "two_step": ["boolean"],
        "on_empty": ON_EMPTY,
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        n_rounds: int = 100,
        n_estimators: int = 200,
        max_depth: int | None = 5,
        alpha: float = 0.05,
        two_step: bool = True,
        on_empty: OnEmpty = "strongest",
        random_state: Seed = None,
    ) -> None:
        self.n_rounds = n_rounds
        self.n_estimators = n_estimators
        self.max_depth = max_depth
        self.alpha = alpha
        self.two_step = two_step
        self.on_empty = on_empty
        self.random_state = random_state

    def _measure(self, X: np.ndarray, y: np.ndarray) -> None:
        labels = np.searchsorted(require_classes(y), y)
        library = self._library().fit(standardize(X), labels)  # trees see single precision
        self.ranking_ = np.asarray(library.ranking_)
        self._settle(self.ranking_ == 1, -self.ranking_)

    def _library(self) -> ModuleType:
        try:
            from boruta import BorutaPy
        except ImportError:
            raise RequestError(
                "BorutaSelector needs the library Boruta, which is absent. Install it: pip install 'radiofuse[boruta]'."
            ) from None
        return BorutaPy(
            RandomForestClassifier(max_depth=self.max_depth, class_weight="balanced"),
            n_estimators=self.n_estimators,
            max_iter=self.n_rounds,
            alpha=self.alpha,
            two_step=self.two_step,
            random_state=check_random_state(self.random_state),
        )
