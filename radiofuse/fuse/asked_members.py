"""What the members of a fitted late fusion say by themselves, of new rows and of those that they were fitted on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from radiofuse.estimators import Explaining, Findings
from radiofuse.fuse.answers import weights_table
from radiofuse.fuse.choices import fit_combiner, learns, rule_of
from radiofuse.fuse.joining import ChosenJoin
from radiofuse.fuse.member import Member
from radiofuse.fuse.member_fusion import in_one_thread

Protocol = Literal["out_of_fold", "as_published"]  # on which answers of the members combiners learn


def in_sample_answers(members: Sequence[Member], y: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """Return what members, fitted anew, say of their own training rows, as combiners take it.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> block, y = pd.DataFrame({"t1__a": [0.0, 0.0, 1.0, 1.0]}), np.array([0, 0, 1, 1])
    >>> in_sample_answers([Member("t1", LogisticRegression(), block, np.array([0, 1]))], y, None).round(2).ravel()
    array([0.4, 0.4, 0.6, 0.6])
    """
    return np.stack([in_one_thread(member.in_sample, y, groups) for member in members], axis=1)


class AsksMembers:
    """A mixin of `LateFusion`: its members asked without a combiner, for comparisons that no model answers by."""

    classes_: np.ndarray
    columns_: dict[str, list]
    combiners_: dict[str, Any]
    members_: dict[str, Any]
    weights_: pd.DataFrame
    predict_proba_each: Callable[..., pd.DataFrame]
    _table: Callable[..., pd.DataFrame]
    _members: Callable[[pd.DataFrame, Mapping[str, Any]], list[Member]]

    def in_sample_weights(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> pd.DataFrame:
        """Return the weights that combiners would have, had they been shown in-sample probabilities.

        Parameters
        ----------
        X, y, groups
            The rows that the fusion was fitted on.

        Returns
        -------
        DataFrame
            Columns as of ``weights_``, the combiners that learn only. No model answers by these weights.

        Raises
        ------
        CohortError
            If a member, as an encoder that classifies, refuses the rows it was fitted on.
        """
        P, target = self.in_sample_probabilities(X, y, groups), np.searchsorted(self.classes_, y)
        learners = {name: combiner for name, combiner in self.combiners_.items() if learns(rule_of(combiner))}
        groups = None if groups is None else np.asarray(groups)
        fresh = {name: clone(combiner, safe=False) for name, combiner in learners.items()}
        shown = {name: fit_combiner(combiner, P, target, groups) for name, combiner in fresh.items()}
        return weights_table(shown, list(self.columns_), self.classes_)

    def in_sample_probabilities(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> np.ndarray:
        """Return what the members say of the rows that they were fitted on.

        Parameters
        ----------
        X, y, groups
            The rows that the fusion was fitted on.

        Returns
        -------
        ndarray of shape (n_samples, n_members) or (n_samples, n_members, n_classes)
            As combiners take them; NaN where a modality is absent.

        Raises
        ------
        CohortError
            If a member, as an encoder that classifies, refuses the rows it was fitted on.
        """
        check_is_fitted(self)
        target = np.searchsorted(self.classes_, y)
        groups = None if groups is None else np.asarray(groups)
        return in_sample_answers(self._members(self._table(X, reset=False), self.members_), target, groups)

    def _by_member(self, answers: pd.DataFrame) -> np.ndarray:
        """Return what combiners take: (n_samples, n_members), of more than two classes a third axis for them."""
        P, n_classes = answers.to_numpy(), len(self.classes_)
        return P if n_classes == 2 else P.reshape(len(P), -1, n_classes)

    def member_probabilities(self, X: ArrayLike) -> np.ndarray:
        """Return what the members say of new rows.

        Parameters
        ----------
        X : DataFrame or array of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_members) or (n_samples, n_members, n_classes)
            As combiners take them; NaN where a modality is absent.
        """
        return self._by_member(self.predict_proba_each(X)[list(self.columns_)])

    def findings(self) -> Findings:
        """Return what folds should record: the members' columns and chains, and the weights of the combiners.

        Returns
        -------
        Findings
            A member that is no chain of steps, as an encoder that classifies, is not among the chains.
        """
        check_is_fitted(self)
        chains = {name: member for name, member in self.members_.items() if isinstance(member, Pipeline)}
        rules = {name: rule_of(combiner) for name, combiner in self.combiners_.items()}
        chosen = {name: rule.chosen_ for name, rule in rules.items() if isinstance(rule, ChosenJoin)}
        joins = {name: {"join": join} for name, join in chosen.items()}
        return Findings(self.columns_, chains, self.weights_, joins, explaining=cast(Explaining, self))
