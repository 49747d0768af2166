"""One modality's rows of a table, its outer folds, and its values without what sites did to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from radiofuse.errors import CohortError
from radiofuse.patients import Split, patient_splits
from radiofuse.prepare.harmonize import ComBat
from radiofuse.select import SelectorChain
from radiofuse.selection_run.request import SelectionRequest
from radiofuse.tables.features import FeatureTable

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
    """

    modality: str
    X: pd.DataFrame
    covariates: pd.DataFrame
    y: np.ndarray
    patients: np.ndarray
    sites: np.ndarray | None
    splits: tuple[Split, ...]
    combat: ComBat | None = None

    @property
    def groups(self) -> np.ndarray | None:
        """The patients, where one has several samples."""
        return self.patients if len(np.unique(self.patients)) < len(self.patients) else None

    def inputs_of(self, support: np.ndarray) -> np.ndarray:
        """Return the selected features beside the covariates, as the model takes them."""
        return np.hstack([self.X.to_numpy()[:, support], self.covariates.to_numpy(float)])

    def values_for(self, chain: SelectorChain) -> pd.DataFrame | np.ndarray:
        """Return the features; bare where no step of the chain asks for names, which is quicker."""
        return self.X if chain.needs_names else self.X.to_numpy()


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
    for split in splits:
        tests = np.isin(present, split.test)
        own.append(Split(split.repeat, split.fold, np.flatnonzero(~tests), np.flatnonzero(tests)))
        if np.bincount(y[own[-1].train], minlength=2).min() < 2:
            raise CohortError(
                "The table",
                [
                    f"{name}: repeat {split.repeat}, fold {split.fold} trains on fewer than two samples of a class. "
                    "Ask for other folds with --folds or --seed, or leave the modality out."
                ],
            )
    sites = None if table.sites is None else table.sites[present]
    return Block(name, X, table.covariates.iloc[present], y, table.patients[present], sites, tuple(own))


def harmonized(block: Block, train: np.ndarray, request: SelectionRequest) -> Block:
    """Return the block without the shifts and scales of its sites, learned from the training rows; see `ComBat`."""
    if request.site is None:
        return block
    X, kept = block.X.to_numpy(), block.covariates.to_numpy(float)
    try:
        combat = ComBat(unseen=request.unseen_site)
        combat.fit(X[train], block.y[train], site=block.sites[train], covariates=kept[train])
        values = combat.transform(X, site=block.sites, covariates=kept)
    except CohortError as error:
        raise CohortError("The table", [f"{block.modality}: {_as_options(one)}" for one in error.problems]) from None
    return replace(block, X=pd.DataFrame(values, block.X.index, block.X.columns), combat=combat)


def _as_options(problem: str) -> str:
    """Return what ComBat says in the words of the command line."""
    for argument, option in AS_OPTIONS.items():
        problem = problem.replace(argument, option)
    return problem
