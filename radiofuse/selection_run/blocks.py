"""One modality's rows of a table, its outer folds, and its values without what sites did to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone

from radiofuse.errors import CohortError
from radiofuse.patients import Split, patient_splits
from radiofuse.prepare.harmonize import ComBat
from radiofuse.selection_run.request import SelectionRequest
from radiofuse.tables.features import FeatureTable
from radiofuse.tables.outcomes import Outcome

FEATURES, COVARIATES, SITE = "features", "covariates", "site"
# ComBat speaks to callers of the library; what it calls arguments are options here.
AS_OPTIONS = {
    "unseen='pass'": "--unseen-site pass",
    "unseen='reference'": "--unseen-site reference",
    ", or pass mean_only=True": "",
}


@dataclass(frozen=True, eq=False)
class Block:
    """One modality's rows.

    Attributes
    ----------
    modality : str
    X, covariates : DataFrame
        Index sample_id, the samples in which the modality is present.
    y, patients : ndarray of shape (n_samples,)
    sites : ndarray of str, shape (n_samples,), or None
    splits : tuple of Split
        Positions of these rows.
    combat : ComBat or None
        What harmonized ``X``.
    several : Outcome or None
        What the labels are the places of the classes of, where there are more than two.
    """

    modality: str
    X: pd.DataFrame
    covariates: pd.DataFrame
    y: np.ndarray
    patients: np.ndarray
    sites: np.ndarray | None
    splits: tuple[Split, ...]
    combat: ComBat | None = None
    several: Outcome | None = None

    @property
    def n_classes(self) -> int:
        """How many classes the label has."""
        return 2 if self.several is None else len(self.several.classes)

    @property
    def groups(self) -> np.ndarray | None:
        """The patients, where one has several samples."""
        return self.patients if len(np.unique(self.patients)) < len(self.patients) else None

    def inputs_of(self, support: np.ndarray) -> np.ndarray:
        """Return the selected features beside the covariates, as the model takes them."""
        return np.hstack([self.X.to_numpy()[:, support], self.covariates.to_numpy(float)])

    @property
    def rows(self) -> pd.DataFrame:
        """Sample, patient and label of each row, as the fold runner takes them."""
        ids = {"sample_id": self.X.index.to_numpy(str), "patient_id": self.patients}
        return pd.DataFrame({**ids, "label": self.y})

    @property
    def parts(self) -> pd.DataFrame:
        """Features, covariates and site side by side, each under the name of its part; see `part_of`."""
        parts = {FEATURES: self.X, COVARIATES: self.covariates}
        if self.sites is not None:
            parts[SITE] = pd.DataFrame({SITE: self.sites}, self.X.index)
        return pd.concat(parts, axis=1)


def part_of(X: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the columns of one part of `Block.parts`; none where it has none."""
    return X.loc[:, X.columns.get_level_values(0) == name].droplevel(0, axis=1)


def deal_splits(table: FeatureTable, request: SelectionRequest) -> list[Split]:
    """Return the outer folds of a table: whole patients, alike for all of its modalities."""
    return patient_splits(
        table.y, table.patients, n_splits=request.folds, n_repeats=request.n_repeats, random_state=request.seed
    )


def block_of(table: FeatureTable, name: str, splits: Sequence[Split]) -> Block:
    """Return a modality's rows; its folds are those of the whole table, so that modalities can be fused."""
    X, present = table.modality(name)
    y = table.y[present]
    own = []
    # Positions count the block's own rows: those without the modality are not among them.
    for split in splits:
        tests = np.isin(present, split.test)
        own.append(Split(split.repeat, split.fold, np.flatnonzero(~tests), np.flatnonzero(tests)))
        if np.bincount(y[own[-1].train], minlength=len(table.classes)).min() < 2:
            raise CohortError(
                "The table",
                [
                    f"{name}: repeat {split.repeat}, fold {split.fold} trains on fewer than two samples of a class. "
                    "Ask for other folds with --folds or --seed, or leave the modality out."
                ],
            )
    sites = None if table.sites is None else table.sites[present]
    rows = X, table.covariates.iloc[present], y, table.patients[present], sites
    return Block(name, *rows, tuple(own), several=table.several)


class Harmonizer(BaseEstimator):
    """Takes the shifts and scales of sites from features; see `ComBat`. Errors are in the words of the command.

    Parameters
    ----------
    modality : str
    unseen : str
        What becomes of a site without training rows.
    """

    def __init__(self, modality: str, unseen: str) -> None:
        self.modality = modality
        self.unseen = unseen

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> Harmonizer:
        """Learn from rows of `Block.parts`."""
        with self._as_told():
            values, given = _taken_apart(X)
            self.combat_ = ComBat(unseen=self.unseen).fit(values, y, **given)
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the features of rows of `Block.parts`."""
        with self._as_told():
            values, given = _taken_apart(X)
            features = part_of(X, FEATURES)
            return pd.DataFrame(self.combat_.transform(values, **given), features.index, features.columns)

    @contextmanager
    def _as_told(self) -> Iterator[None]:
        try:
            yield
        except CohortError as error:
            problems = [f"{self.modality}: {_as_options(one)}" for one in error.problems]
            raise CohortError("The table", problems) from None


def _taken_apart(X: pd.DataFrame) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    # Sums of a table that lies otherwise in memory round otherwise.
    values = np.ascontiguousarray(part_of(X, FEATURES).to_numpy())
    return values, {"site": X[SITE][SITE].to_numpy(str), "covariates": part_of(X, COVARIATES).to_numpy(float)}


def harmonized(block: Block, harmonizer: Harmonizer | None) -> Block:
    """Return the block without what its sites do, learned from all of its rows."""
    if harmonizer is None:
        return block
    fitted = clone(harmonizer).fit(block.parts, block.y)
    return replace(block, X=fitted.transform(block.parts), combat=fitted.combat_)


def _as_options(problem: str) -> str:
    """Return what ComBat says in the words of the command line."""
    for argument, option in AS_OPTIONS.items():
        problem = problem.replace(argument, option)
    return problem
