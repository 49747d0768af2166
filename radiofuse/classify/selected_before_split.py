"""A chain whose selection sees rows that its other steps do not: the published shortcut, for those who ask for it."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.pipeline import Pipeline

from radiofuse.patients.routing import TakesGroups, fit_with_groups

SELECT = "select"  # the step of a chain that chooses features


class SelectedBeforeSplit(TakesGroups, Pipeline):
    """A Pipeline whose step ``select`` is fitted to rows beyond those of ``fit``, test rows and their labels included.

    All other steps are fitted to the rows of ``fit``; those before the selection, as the encoder of a paper that trains
    it on the training set alone, are applied to the others. What such a chain says of the other rows is too good.

    Parameters
    ----------
    steps : list of (str, estimator)
        As in a Pipeline.
    rows : DataFrame of shape (n_samples, n_columns), optional
        All rows, indexed by sample; those of ``fit`` are known again by their index. None adds none.
    labels, patients : ndarray of shape (n_samples,), optional
        Of these rows.
    memory, verbose, transform_input
        As in a Pipeline.

    See Also
    --------
    radiofuse.ledger : What this shortcut would claim, beside the honest answer.

    Examples
    --------
    >>> from radiofuse import MannWhitneySelector
    >>> y, rows = np.tile([0, 1], 10), pd.DataFrame({"a": np.tile([0.0, 1.0], 10), "b": np.arange(20.0)})
    >>> shortcut = SelectedBeforeSplit([("select", MannWhitneySelector())], rows=rows, labels=y)
    >>> shortcut.fit_transform(rows[:6], y[:6]).shape
    (6, 1)
    """

    def __init__(
        self,
        steps: list[tuple[str, Any]],
        *,
        rows: pd.DataFrame | None = None,
        labels: np.ndarray | None = None,
        patients: np.ndarray | None = None,
        memory: Any = None,
        verbose: bool = False,
        transform_input: Any = None,
    ) -> None:
        super().__init__(steps, memory=memory, verbose=verbose, transform_input=transform_input)
        self.rows = rows
        self.labels = labels
        self.patients = patients

    def __getitem__(self, ind: Any) -> Any:
        """Return a step, or several: as such a chain where the selection is among them, else as a Pipeline."""
        if not isinstance(ind, slice):
            return super().__getitem__(ind)
        steps = self.steps[ind]
        if SELECT not in dict(steps):
            return Pipeline(steps)
        return SelectedBeforeSplit(steps, rows=self.rows, labels=self.labels, patients=self.patients)

    def _makes_folds(self) -> bool:
        return False

    def fit(self, X: pd.DataFrame, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Fit the selection to all rows, the other steps to these."""
        if behind := self._behind():
            fit_with_groups(Pipeline(behind), self._selected(X, y, groups), y, groups)
        else:
            self._selected(X, y, groups)
        return self

    def fit_transform(self, X: pd.DataFrame, y: ArrayLike, groups: ArrayLike | None = None) -> Any:
        """Fit steps of which the last transforms, and return what they leave of these rows."""
        left, behind = self._selected(X, y, groups), self._behind()
        return fit_with_groups(Pipeline(behind), left, y, groups, method="fit_transform") if behind else left

    def _behind(self) -> list[tuple[str, Any]]:
        """Return the steps behind the selection."""
        return self.steps[list(self.named_steps).index(SELECT) + 1 :]

    def _selected(self, X: pd.DataFrame, y: ArrayLike, groups: ArrayLike | None) -> Any:
        place = list(self.named_steps).index(SELECT)
        before = Pipeline(self.steps[:place] or [("all", "passthrough")])
        select = self.named_steps[SELECT]
        left = fit_with_groups(before, X, y, groups, method="fit_transform")
        others = np.zeros(0, bool) if self.rows is None else ~self.rows.index.isin(X.index)
        if not others.any():
            fit_with_groups(select, left, y, groups)
            return select.transform(left)
        beyond = before.transform(self.rows[others])
        everything = pd.concat([left, beyond]) if isinstance(left, pd.DataFrame) else np.vstack([left, beyond])
        whose = None if groups is None else np.concatenate([groups, self.patients[others]])
        fit_with_groups(select, everything, np.concatenate([y, self.labels[others]]), whose)
        return select.transform(left)
