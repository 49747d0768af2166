"""What fusions of selected features share: members' steps before the classifier, standardized for a network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from radiofuse.deep.requirement import HOW_TO_INSTALL
from radiofuse.errors import RequestError
from radiofuse.estimators import Seed
from radiofuse.fuse.member import Member
from radiofuse.fuse.member_columns import check_columns, find_columns
from radiofuse.fuse.member_fusion import MemberFusion, in_one_thread
from radiofuse.fuse.member_steps import checked_features, fit_steps, steps_before_last
from radiofuse.prepare.scale import fit_scaler


class FeatureFusion(MemberFusion):
    """A fusion by a network that reads what the members' steps before the last one leave.

    A subclass has the parameters ``estimators``, ``columns`` and ``random_state``, asks `_fit_features` for the
    inputs of its network, and `_features` for those of new rows.
    """

    random_state: Seed
    members_: dict[str, Any]
    scalers_: dict[str, StandardScaler]

    def _fit_features(
        self, table: pd.DataFrame, y: np.ndarray, groups: np.ndarray | None, names: Sequence[str]
    ) -> tuple[list[Member], dict[str, np.ndarray]]:
        """Fit the steps of the members that take part; return these and the features of each."""
        estimators = {name: steps_before_last(name, self.estimators) for name in names}
        self.columns_ = find_columns(table, list(estimators), self._columns_of(estimators))
        members = self._members(table, estimators)
        self.members_, self.scalers_, features = {}, {}, {}
        for member in members:
            self.members_[member.name], left = fit_steps(member, y, groups)
            self.scalers_[member.name], _ = fit_scaler(checked_features(member.name, left))
            features[member.name] = self._standardize(member, left)
        return members, features

    def _columns_of(self, names: Iterable[str]) -> dict[str, Any]:
        """Return the parameter ``columns`` without members that take no part."""
        left_out = {name for name, _ in self.estimators} - set(names)
        return {name: given for name, given in (self.columns or {}).items() if name not in left_out}

    def _features(self, X: ArrayLike) -> tuple[pd.DataFrame, list[Member], dict[str, np.ndarray]]:
        """Return new rows as a table, their members, and the features of each."""
        check_is_fitted(self)
        table = self._table(X, reset=False)
        check_columns(table, self.columns_)
        members = self._members(table, self.members_)
        return table, members, {member.name: in_one_thread(self._transform, member) for member in members}

    def _transform(self, member: Member) -> np.ndarray:
        if not member.present.any():
            return np.zeros((len(member.block), self.scalers_[member.name].n_features_in_))
        return self._standardize(member, member.estimator.transform(member.known_block))

    def _standardize(self, member: Member, left: np.ndarray) -> np.ndarray:
        """Return features for the network, shape (n_samples, n_selected): 0 where the modality is absent."""
        features = np.zeros((len(member.block), self.scalers_[member.name].n_features_in_))
        features[member.present] = self.scalers_[member.name].transform(checked_features(member.name, left))
        return features

    def _seed(self) -> int:
        return check_random_state(self.random_state).randint(np.iinfo(np.int32).max)


@contextmanager
def needing_torch(what: str) -> Iterator[None]:
    """Say what needs torch, and how to install it, where an import inside the block fails.

    Raises
    ------
    RequestError
    """
    try:
        yield
    except ImportError as error:
        raise RequestError(f"{what} needs torch to be fitted ({error}); {HOW_TO_INSTALL}.") from error
