"""What `ComBat` is handed, and what of it cannot be harmonized."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_consistent_length, column_or_1d

from radiofuse.errors import CohortError, RequestError
from radiofuse.wording import some

MOST_LEVELS = 10  # of a covariate that is taken for a code rather than a measurement


def refuse_missing_columns(X: ArrayLike, named: list[str]) -> None:
    """Raise where columns are named that ``X`` does not have."""
    columns = getattr(X, "columns", None)
    absent = [name for name in named if columns is None or name not in columns]
    if absent:
        found = f"a {type(X).__name__} without column names" if columns is None else f"{len(columns)} other columns"
        raise RequestError(
            f"ComBat looks for column {absent[0]!r} in X and found {found}. Pass a DataFrame, put ComBat before the "
            "steps that drop names, or hand site and covariates over as arguments."
        )


def refuse_twice(name: str, column: str | list[str] | None, argument: ArrayLike | None) -> None:
    """Raise where something is named as a column and handed over as an argument too."""
    if column is not None and argument is not None:
        raise RequestError(f"{name} is given twice, as a column of X ({column!r}) and as an argument; leave one out.")


def checked_sites(site: ArrayLike | None, n_rows: int) -> np.ndarray:
    """Return the site of each row; zeros where there are none."""
    if site is None:
        return np.zeros(n_rows, dtype=int)
    site = column_or_1d(np.asarray(site))
    missing = np.flatnonzero(pd.isna(site))
    if len(site) != n_rows or len(missing):
        found = f"row {missing[0]} has none" if len(missing) else f"there are {len(site)} for {n_rows} rows"
        raise CohortError("The column of sites", [f"Every row needs a site, and {found}. Name it, or leave rows out."])
    return site


def checked_covariates(covariates: ArrayLike | None, n_rows: int) -> np.ndarray:
    """Return the covariates as numbers, shape (n_rows, n_covariates)."""
    if covariates is None:
        return np.empty((n_rows, 0))
    table = pd.DataFrame(covariates).infer_objects()
    for name, column in table.items():
        if not pd.api.types.is_numeric_dtype(column):
            raise RequestError(
                f"Covariate {name!r} holds {column.dtype} values; ComBat needs numbers, so code a category "
                "as columns of 0 and 1, one fewer than it has levels."
            )
    check_consistent_length(table, np.empty(n_rows))
    values = table.to_numpy(dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(bad):
        raise CohortError(
            "The covariates",
            [f"{len(bad)} rows have a value missing or infinite, first row {bad[0]}. Impute, or leave rows out."],
        )
    return values


def refuse_label(y: ArrayLike | None, site: np.ndarray, covariates: np.ndarray) -> None:
    """Raise where sites or a covariate split the rows as the label does, or finer."""
    if y is None:
        return
    label = pd.factorize(np.ravel(np.asarray(y)))[0]
    if len(label) == len(site) and _determines(pd.factorize(site)[0], label):
        raise RequestError(
            "Each site has rows of one label only, so taking the sites out would take the label out. "
            "Do not harmonize, or add rows of the other class to the sites."
        )
    for number, column in enumerate(covariates.T):
        if len(label) == len(column) and _codes(column, label):
            raise RequestError(
                f"Covariate {number} tells the label of every row; keeping its effect would hand the label to "
                "the features, also of patients whose label is to be predicted. Leave it out."
            )


def _codes(column: np.ndarray, label: np.ndarray) -> bool:
    """Say whether a covariate is a code of the label: few levels or ordered as the labels are, each of one label.

    A measurement such as age has a level for nearly every patient, which only rows of the same patient share: copies
    in a resample, or repeated scans.
    """
    levels = pd.factorize(column, sort=True)[0]
    if not _determines(levels, label):
        return False
    in_order = label[np.argsort(levels, kind="stable")]
    n_runs = 1 + np.count_nonzero(in_order[1:] != in_order[:-1])
    return levels.max() < MOST_LEVELS or n_runs == label.max() + 1


def _determines(levels: np.ndarray, label: np.ndarray) -> bool:
    """Say whether each level has rows of one label only; levels of single rows, or one label, are no matter."""
    n_levels, n_labels = levels.max() + 1, label.max() + 1
    n_pairs = len(np.unique(levels * n_labels + label))
    return n_labels > 1 and n_levels < len(levels) and n_pairs == n_levels


def varies_in_every_site(X: np.ndarray, members: list[np.ndarray]) -> np.ndarray:
    """Say which columns have a value, and two different ones wherever a site has two."""
    varies = ~np.isnan(X).all(axis=0)
    for rows in members:
        smallest, largest = np.fmin.reduce(X[rows], axis=0), np.fmax.reduce(X[rows], axis=0)
        varies &= ((~np.isnan(X[rows])).sum(axis=0) < 2) | (largest > smallest)
    return varies


def refuse_thin_sites(
    X: np.ndarray, members: Mapping[Hashable, np.ndarray], n_covariates: int, *, reference: Hashable, needed: int
) -> None:
    """Raise where a site has too few values of a feature to learn its spread from.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The features that are adjusted.
    members : dict of site to ndarray of int
        Rows of each site.
    n_covariates : int
    reference : object
        The site that the others are brought to, which needs two values; or None.
    needed : int
        Values that any other site needs of a feature of which it has one at all.
    """
    if len(members) == 1:
        return
    if len(X) <= len(members) + n_covariates:
        raise CohortError(
            "The training table",
            [
                f"{len(X)} rows of {len(members)} sites with {n_covariates} covariates leave no row to learn a "
                "spread from. Merge sites, leave covariates out, or do not harmonize."
            ],
        )
    problems = []
    for site, rows in members.items():
        present = (~np.isnan(X[rows])).sum(axis=0)
        thin = present < 2 if site == reference else (present > 0) & (present < needed)
        if thin.any():
            problems.append(_too_thin(site, len(rows), int(thin.sum()), site == reference))
    if problems:
        raise CohortError("The training table", problems)


def _too_thin(site: Hashable, n_rows: int, n_features: int, is_reference: bool) -> str:
    found = "one row" if n_rows == 1 else f"fewer than two values of {n_features} features"
    advice = "choose another reference" if is_reference else "merge it with another site, or pass mean_only=True"
    return f"Site {site!r} has {found}, and a spread needs two: leave it out, {advice}."


def unseen_site(site: Hashable, is_new: bool, rows: np.ndarray, known: Sequence[Hashable]) -> CohortError:
    """Return the error for rows of a site of which the training rows tell nothing, or nothing of some features."""
    what = "was not among the training rows" if is_new else "had no value of some features in the training rows"
    return CohortError(
        "The table to harmonize",
        [
            f"Site {site!r} (rows {some(rows)}) {what}, whose sites are {known}. Pass unseen='pass' to leave its rows "
            "as they are, or unseen='reference' to learn the site from the rows at hand."
        ],
    )


def find_reference(reference: Hashable, sites: np.ndarray) -> int | None:
    """Return the place of the site that the others are brought to; a single site is its own."""
    if reference is None:
        return 0 if len(sites) == 1 else None
    found = pd.Index(sites).get_indexer([reference])[0]
    if found < 0:
        raise RequestError(
            f"The reference site {reference!r} is not among the training rows, whose sites are {sites.tolist()}. Name "
            "one of them, or none for the pooled mean and variance."
        )
    return int(found)
