"""A fitted late fusion explained: contributions to each row, intervals of weights, members that say the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from radiofuse.errors import RequestError
from radiofuse.estimators import Seed
from radiofuse.fuse.choices import learns, rule_of
from radiofuse.fuse.collinearity import collinearity
from radiofuse.fuse.contributions import contributions
from radiofuse.fuse.weight_intervals import weight_intervals
from radiofuse.names import did_you_mean
from radiofuse.tables.answers import answer_columns

INTERCEPT = "(intercept)"


class Explains:
    """A mixin of `LateFusion`: why it answers as it does, by member."""

    classes_: np.ndarray
    columns_: dict[str, list]
    combiners_: dict[str, Any]
    out_of_fold_: pd.DataFrame | None
    member_probabilities: Callable[[ArrayLike], np.ndarray]
    _by_member: Callable[[pd.DataFrame], np.ndarray]

    def contributions(self, X: ArrayLike, combiner: str | None = None) -> pd.DataFrame:
        """Return what each member contributes to a combiner's answer for each row, in log-odds that add up to it.

        Parameters
        ----------
        X : DataFrame or array of shape (n_samples, n_features)
        combiner : str, optional
            Default: the first.

        Returns
        -------
        DataFrame of shape (n_samples, n_members + 1)
            Columns by member, and "(intercept)", what there is without them; a row's sum is the log-odds of its answer.
            0 where a member is absent. Of more than two classes the columns are pairs of member and class, in
            log-probability.

        Raises
        ------
        RequestError
            An unknown combiner, or more than eight members of a rule that is not linear.

        See Also
        --------
        radiofuse.fuse.contributions.contributions : How they are computed.
        """
        check_is_fitted(self)
        name = combiner or next(iter(self.combiners_))
        if name not in self.combiners_:
            known = ", ".join(self.combiners_)
            raise RequestError(
                f"No combiner of this fusion is called {name!r}; it has {known}.{did_you_mean(name, self.combiners_)}"
            )
        parts, base = contributions(self.combiners_[name], self.member_probabilities(X))
        whole = np.concatenate([parts, base[:, None]], axis=1).reshape(len(parts), -1)
        columns = answer_columns([*self.columns_, INTERCEPT], self.classes_, ("member", "class"))
        index = X.index if isinstance(X, pd.DataFrame) else None
        return pd.DataFrame(whole, index=index, columns=columns)

    def weight_intervals(
        self,
        y: ArrayLike,
        groups: ArrayLike | None = None,
        *,
        n_resamples: int = 200,
        level: float = 0.95,
        random_state: Seed = None,
    ) -> pd.DataFrame:
        """Return learned weights with intervals: combiners fitted again to resampled patients of ``out_of_fold_``.

        Members are not fitted again: the intervals say what other patients would have changed in the weights, given
        these members.

        Parameters
        ----------
        y, groups
            Of the rows that the fusion was fitted on.
        n_resamples : int, default=200
        level : float, default=0.95
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        DataFrame
            Columns as of ``weights_``, with low and high; the combiners that learn only.

        Raises
        ------
        RequestError
            If no combiner learns, or a class has too few patients to draw them again.
        """
        P, known = self._shown()
        check_consistent_length(self.out_of_fold_, y, groups)
        strange = np.setdiff1d(np.asarray(y), self.classes_)
        if len(strange):
            raise RequestError(f"y holds {strange[0]!r}, and the fusion was fitted on {self.classes_.tolist()}.")
        target, groups = np.searchsorted(self.classes_, y)[known], None if groups is None else np.asarray(groups)[known]
        learners = {name: rule_of(rule) for name, rule in self.combiners_.items() if learns(rule_of(rule))}
        return weight_intervals(
            learners, list(self.columns_), P[known], target, groups, self.classes_,
            n_resamples=n_resamples, level=level, random_state=random_state,
        )  # fmt: skip

    def collinearity(self) -> pd.DataFrame:
        """Return how far the members say the same, out of fold.

        Returns
        -------
        DataFrame
            Columns member, vif and condition_index; see `radiofuse.fuse.collinearity.collinearity`.

        Raises
        ------
        RequestError
            If no combiner was shown out-of-fold probabilities.
        """
        P, known = self._shown()
        return collinearity(list(self.columns_), P[known])

    def _shown(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the out-of-fold probabilities, and which rows have some."""
        check_is_fitted(self)
        if self.out_of_fold_ is None:
            raise RequestError(
                "No combiner of this fusion learned from out-of-fold probabilities, so that it has none. Add one that "
                'learns to combine, set calibrate=True, or leave protocol="as_published" out.'
            )
        return self._by_member(self.out_of_fold_), self.out_of_fold_.notna().any(axis=1).to_numpy()
