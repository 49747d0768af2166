"""The site of each row beside the features of its modalities, and the step of a chain that takes its effect out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from radiofuse.prepare.harmonize import ComBat
from radiofuse.tables.columns import BESIDE, CLINICAL, by_modality, is_feature, join, split

SITE_COLUMN = f"{BESIDE}site"
UNKNOWN = "(unknown)"  # a new patient's site that nobody wrote down is new to the model


def with_sites(table: pd.DataFrame, sites: pd.Series, covariates: pd.DataFrame) -> pd.DataFrame:
    """Put each row's site, and what must survive the harmonization, beside the features of every modality.

    A row that lacks a modality has nothing there, so that it goes on lacking it.

    Parameters
    ----------
    table : DataFrame of shape (n_samples, n_columns)
        Columns ``<modality>__<feature>``.
    sites : Series of shape (n_samples,)
        Text.
    covariates : DataFrame of shape (n_samples, n_covariates)

    Examples
    --------
    >>> table = pd.DataFrame({"t1__a": [1.0, np.nan], "t2__a": [2.0, 3.0]})
    >>> with_sites(table, pd.Series(["A", "B"]), pd.DataFrame(index=table.index)).iloc[:, 2:].isna().values.tolist()
    [[False, False], [True, False]]
    """
    beside = {}
    for modality, names in by_modality(table.columns).items():
        if modality != CLINICAL:
            present = table[names].notna().any(axis=1)
            beside[join(modality, SITE_COLUMN)] = sites.where(present)
            beside |= {join(modality, f"{BESIDE}{name}"): covariates[name].where(present) for name in covariates}
    return table.join(pd.DataFrame(beside, index=table.index))


def sites_of(table: pd.DataFrame) -> pd.Series:
    """Return the site of each row as it stands beside some modality; NaN in a row without one.

    >>> sites_of(pd.DataFrame({"t1__:site": ["A", np.nan], "t2__:site": [np.nan, "B"]})).tolist()
    ['A', 'B']
    """
    beside = [name for name in table if (split(name) or ("", ""))[1] == SITE_COLUMN]
    return table[beside].bfill(axis=1).iloc[:, 0].rename("site")


@dataclass(frozen=True)
class _Block:
    """The rows of a table that have a modality: their places, features, sites, and what must survive."""

    rows: np.ndarray
    names: list[str]
    features: np.ndarray
    sites: pd.Series
    covariates: pd.DataFrame

    def of(self, rows: np.ndarray) -> _Block:
        """Return some of the rows."""
        return _Block(self.rows[rows], self.names, self.features[rows], self.sites[rows], self.covariates[rows])

    def taught(self, medians: pd.Series) -> dict[str, np.ndarray]:
        """Return what ComBat is handed beside the features, gaps in covariates filled."""
        given = {"site": self.sites.to_numpy(str)}
        filled = self.covariates.astype(float).fillna(medians)
        return given | ({"covariates": filled.to_numpy()} if filled.shape[1] else {})


class SiteHarmonizer(TransformerMixin, BaseEstimator):
    """ComBat as the first step of a chain: for each modality by the site that stands beside its features.

    It stands in the chain, so that it is fitted on whatever rows the chain is fitted on, in inner folds too. What
    has no site beside it, as clinical columns, goes on as it is.

    Parameters
    ----------
    unseen : {"pass", "error", "reference"}, default="pass"
        What becomes of a site without training rows, as in `ComBat`. But for "error", sites with too few training
        rows to learn their spread from, which are those with one, count as such.
    mean_only, parametric : bool
        As in `ComBat`.

    Attributes
    ----------
    combats_ : dict of str to ComBat
        By modality; a modality without a site to learn from is absent, and its features stay as they are.

    Examples
    --------
    >>> table = pd.DataFrame({"t1__a": [1.0, 2.0, 3.0, 11.0, 12.0, 13.0], "t1__b": [1.0, 4.0, 2.0, 5.0, 8.0, 6.0]})
    >>> table = with_sites(table, pd.Series(list("AAABBB")), pd.DataFrame(index=table.index))
    >>> SiteHarmonizer().fit_transform(table)["t1__a"].round(1).tolist()
    [6.1, 6.9, 7.7, 6.3, 7.1, 7.9]
    """

    def __init__(
        self,
        *,
        unseen: Literal["pass", "error", "reference"] = "pass",
        mean_only: bool = False,
        parametric: bool = True,
    ) -> None:
        self.unseen = unseen
        self.mean_only = mean_only
        self.parametric = parametric

    def fit(self, X: pd.DataFrame, y: ArrayLike | None = None) -> Self:
        """Learn what the sites of these rows do to each modality's features; ``y`` is only compared with them.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_columns)
            As `with_sites` returns it.
        y : array-like of shape (n_samples,), optional

        Raises
        ------
        RequestError
            If sites or a covariate tell the label.
        CohortError
            If ComBat cannot be fitted on these rows.
        """
        validate_data(self, X, skip_check_array=True)
        y = None if y is None else np.asarray(y)
        self.combats_, self.medians_ = {}, {}
        for modality, block in self._blocks(X):
            known = self._can_be_learned(block.sites)
            if known.any():
                own = block.of(known)
                self.medians_[modality] = own.covariates.astype(float).median()
                combat = ComBat(unseen=self.unseen, mean_only=self.mean_only, parametric=self.parametric)
                labels = None if y is None else y[own.rows]
                self.combats_[modality] = combat.fit(own.features, labels, **own.taught(self.medians_[modality]))
        return self

    def _can_be_learned(self, sites: pd.Series) -> np.ndarray:
        """Say which rows are of a site that has enough of them; all are, where a site without is an error."""
        enough = 1 if self.unseen == "error" or self.mean_only else 2
        return ((sites != UNKNOWN) & (sites.map(sites.value_counts()) >= enough)).to_numpy(bool)

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the features without what the sites did to them, and without the sites.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_columns)

        Raises
        ------
        CohortError
            If a site was not among the training rows and ``unseen="error"``.
        """
        check_is_fitted(self)
        validate_data(self, X, reset=False, skip_check_array=True)
        names = pd.Index(self.get_feature_names_out())
        left = X[list(names)].to_numpy(np.float64, copy=True)
        for modality, block in self._blocks(X):
            if modality in self.combats_ and len(block.rows):
                given = block.taught(self.medians_[modality])
                harmonized = self.combats_[modality].transform(block.features, **given)
                left[np.ix_(block.rows, names.get_indexer(block.names))] = harmonized
        return pd.DataFrame(left, index=X.index, columns=names)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """Return the names of all columns but those that stand beside features."""
        check_is_fitted(self)
        return np.array([name for name in self.feature_names_in_ if not _stands_beside(name)], dtype=object)

    def _blocks(self, X: pd.DataFrame) -> Iterator[tuple[str, _Block]]:
        """Yield the modalities that have a site beside their features, and the rows that have one of these."""
        for modality, names in by_modality(X.columns).items():
            features, site = list(filter(is_feature, names)), join(modality, SITE_COLUMN)
            if site in X and features:
                # Numbers alone: of a table ComBat would look at the type of each column, at every fit and transform.
                values = X[features].to_numpy(np.float64)
                rows = np.flatnonzero(~np.isnan(values).all(axis=1))
                covariates = [name for name in names if _stands_beside(name) and name != site]
                sites = X[site].iloc[rows].fillna(UNKNOWN)
                yield modality, _Block(rows, features, values[rows], sites, X[covariates].iloc[rows])

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _stands_beside(column: str) -> bool:
    parts = split(column)
    return parts is not None and parts[1].startswith(BESIDE)
