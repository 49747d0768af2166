"""What all fusions of members share: parameters by member, the door for tables and labels, the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.metaestimators import _BaseComposition
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, validate_data

from radiofuse.errors import CohortError, RequestError
from radiofuse.fuse.member import Member
from radiofuse.patients.routing import TakesGroups, refuse_misaligned
from radiofuse.work.jobs import one_thread


class MemberFusion(TakesGroups, ClassifierMixin, _BaseComposition):
    """A classifier made of named members, each with its own columns of the table.

    A subclass has the parameter ``estimators``, a list of (name, estimator), and sets ``columns_``, columns
    by member, before it asks for members.
    """

    estimators: list[tuple[str, Any]]
    columns: Mapping[str, list | slice] | None

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters, with ``deep`` those of the members as ``<member>__<parameter>`` too."""
        return self._get_params("estimators", deep=deep)

    def set_params(self, **params: Any) -> Self:
        """Set parameters of the fusion or, as ``<member>__<parameter>``, of its members."""
        return self._set_params("estimators", **params)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the class with the highest probability; of two the second one from 0.5 on.

        Parameters
        ----------
        X : DataFrame or array of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        probability = self.predict_proba(X)
        chosen = (probability[:, 1] >= 0.5).astype(int) if len(self.classes_) == 2 else probability.argmax(axis=1)
        return self.classes_[chosen]

    def _makes_folds(self) -> bool:
        return False

    def _learned_from(
        self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None
    ) -> tuple[pd.DataFrame, np.ndarray, np.ndarray | None]:
        """Return the table, labels 0 to K - 1 and patients, once they are known to go together."""
        refuse_misaligned(X, y=y, groups=groups)
        target = self._encode(y)
        table = self._table(X, reset=True)
        check_consistent_length(table, target, groups)
        self._check_names()
        return table, target, None if groups is None else np.asarray(groups)

    def _encode(self, y: Any) -> np.ndarray:
        """Return labels 0 to K - 1, shape (n_samples,), once ``y`` is known to hold K >= 2 classes."""
        y = validate_data(self, y=y)
        check_classification_targets(y)
        self.classes_, encoded = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            found = self.classes_.tolist()
            raise ValueError(f"A fusion needs labels of two classes or more; y holds {found}: one class or none.")
        return encoded

    def _table(self, X: Any, *, reset: bool) -> pd.DataFrame:
        """Return ``X`` as a table; one with names may have its columns in any order and more of them."""
        named = isinstance(X, pd.DataFrame) and X.columns.inferred_type in ("string", "empty")
        if named and reset:
            validate_data(self, X, skip_check_array=True)
        if named and hasattr(self, "feature_names_in_"):
            return X
        values = validate_data(self, X, reset=reset, ensure_all_finite="allow-nan")
        index = X.index if isinstance(X, pd.DataFrame) else None
        return pd.DataFrame(values, index=index, columns=getattr(self, "feature_names_in_", None))

    def _check_names(self) -> None:
        names = [name for name, _ in self.estimators]
        if not names:
            raise RequestError("A fusion needs at least one member; estimators is empty.")
        self._validate_names(names)

    def _members(self, table: pd.DataFrame, estimators: Mapping[str, Any]) -> list[Member]:
        """Pair each member's estimator with its block, once every row is known to have a modality."""
        members = [
            Member(name, estimators[name], table[columns], self.classes_) for name, columns in self.columns_.items()
        ]
        orphans = table.index[~np.any([member.present for member in members], axis=0)]
        if len(orphans):
            names = ", ".join(self.columns_)
            raise CohortError(
                "The feature table",
                [f"Sample {label} has none of the modalities {names}. Leave it out or add one." for label in orphans],
            )
        return members


def in_one_thread(task: Callable[..., Any], *arguments: Any) -> Any:
    """Run ``task``; sums by several threads round otherwise than those of a worker that has one."""
    with one_thread():
        return task(*arguments)
