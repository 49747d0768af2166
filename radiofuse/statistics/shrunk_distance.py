"""How far rows lie from training patients by mean and shrunken covariance alone: no patient's row is kept for it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from sklearn.covariance import ledoit_wolf

from radiofuse.statistics.nearest_patients import FEWEST_PATIENTS, Place, upper_limits
from radiofuse.tables import columns

N_FOLDS = 10  # of whole patients, for limits
MOST_MODALITIES = 6  # of more, limits are kept of all together alone: there would be too many sets of them


@dataclass(frozen=True, eq=False)
class Spread:
    """Mean and covariance of training rows, and how far patients lie who had no part in them.

    Attributes
    ----------
    center, scale : Series
        Mean and standard deviation of each column; the inverse hyperbolic sine of what is brought to them is compared,
        so that long tails do not decide alone.
    mean : ndarray of shape (n_columns,)
    covariance : ndarray of shape (n_columns, n_columns)
        Of those, drawn in toward equal variances without correlation by the factor of Ledoit and Wolf.
    limits : dict of tuple of str to tuple of float
        By set of modalities: what 95 and 99 % of distances of training patients do not exceed, each by mean and
        covariance of nine tenths of the others.
    n_patients : int
    """

    center: pd.Series
    scale: pd.Series
    mean: np.ndarray
    covariance: np.ndarray
    limits: Mapping[tuple[str, ...], tuple[float, float]]
    n_patients: int

    @property
    def columns(self) -> list[str]:
        """The columns in which rows are compared."""
        return list(self.center.index)

    def place(self, row: pd.Series) -> Place | None:
        """Return where a row lies; None where it lacks all columns, some of a modality, or no limits are known.

        The distance is that of Mahalanobis over the root of the number of columns: about 1 for a row like those of
        training, whichever modalities are there.

        Parameters
        ----------
        row : Series
            By column.
        """
        own = row.reindex(self.columns).astype(float)
        there = own.notna().to_numpy()
        present = tuple(columns.by_modality(own.index[there]))
        whole = [name for name, block in columns.by_modality(self.columns).items() if name in present for name in block]
        if present not in self.limits or there.sum() < len(whole):
            return None
        apart = (self._standardized(own.to_numpy()[None]) - self.mean)[:, there]
        solved = np.linalg.solve(self.covariance[np.ix_(there, there)], apart[0])
        parts = apart[0] * solved
        shares = pd.Series(np.maximum(parts, 0.0), own.index[there])
        shares = (shares / max(shares.sum(), np.finfo(float).tiny)).sort_values(ascending=False, kind="stable")
        distance = float(np.sqrt(parts.sum() / there.sum()))
        return Place(distance, self.limits[present], shares, [], self.n_patients)

    def distances(self, X: pd.DataFrame, chosen: Sequence[str]) -> np.ndarray:
        """Return the distance of each row in some of the columns; all have them."""
        at = [self.columns.index(name) for name in chosen]
        apart = (self._standardized(X[self.columns].to_numpy(float)) - self.mean)[:, at]
        solved = np.linalg.solve(self.covariance[np.ix_(at, at)], apart.T)
        found: np.ndarray = np.sqrt((apart.T * solved).sum(axis=0) / len(at))
        return found

    def _standardized(self, values: np.ndarray) -> np.ndarray:
        standardized: np.ndarray = np.arcsinh((values - self.center.to_numpy()) / self.scale.to_numpy())
        return standardized


def spread_of(X: pd.DataFrame, patients: Sequence[Hashable]) -> Spread | None:
    """Return mean and covariance of training rows with limits; None where fewer than 20 patients have all columns.

    Rows are those that have every column. Where these are of fewer than 20 patients, the modality that the fewest rows
    have is left out, and so on.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_columns)
        Of training, columns ``<modality>__<feature>``; NaN where a number is absent. Columns that are the same for all
        take no part.
    patients : sequence of shape (n_samples,)

    References
    ----------
    Mahalanobis (1936). On the generalised distance in statistics. Proc. Natl. Inst. Sci. India 2(1), 49-55.
    Ledoit and Wolf (2004). A well-conditioned estimator for large-dimensional covariance matrices. J. Multivar. Anal.
    88(2), 365-411.
    Barber, Candès, Ramdas and Tibshirani (2021). Predictive inference with the jackknife+. Ann. Stat. 49(1), 486-507:
    limits of what was left out in folds.

    Examples
    --------
    >>> X = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 2)), columns=["t1__a", "t1__b"])
    >>> spread = spread_of(X, range(60))
    >>> [spread.place(pd.Series({"t1__a": 0.1, "t1__b": b})).verdict for b in (0.2, 30.0)]
    ['inside', 'outside']
    """
    codes = pd.factorize(np.asarray(patients, dtype=object))[0]
    X, codes = _complete(X.astype(float), codes)
    if X.empty:
        return None
    fold_of = np.unique(codes, return_inverse=True)[1] % N_FOLDS
    sets = _sets(list(columns.by_modality(X.columns)))
    left_out: dict[tuple[str, ...], np.ndarray] = {one: np.full(len(X), np.nan) for one in sets}
    for fold in range(N_FOLDS):
        held = fold_of == fold
        others = _fitted(X[~held], {}, 0)
        for one, distances in left_out.items():
            distances[held] = others.distances(X[held], _of(X, one))
    worst = {one: pd.Series(found).groupby(codes).max().to_numpy() for one, found in left_out.items()}
    return _fitted(X, {one: upper_limits(found) for one, found in worst.items()}, len(np.unique(codes)))


def _complete(X: pd.DataFrame, codes: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the rows that have all columns, of the modalities of which 20 patients have all; no row where none are."""
    blocks = columns.by_modality(X.columns)
    by_number = sorted(blocks, key=lambda name: int(X[blocks[name]].notna().all(axis=1).sum()))
    for n_dropped in range(len(by_number)):
        kept = [name for modality, block in blocks.items() if modality in by_number[n_dropped:] for name in block]
        whole = X[kept].notna().all(axis=1).to_numpy()
        rows = X.loc[whole, kept]
        varied = rows.columns[rows.std(ddof=0) > 1e-12 * rows.abs().max()]
        if len(np.unique(codes[whole])) >= FEWEST_PATIENTS and len(varied):
            return rows[varied], codes[whole]
    return X.iloc[:0], codes[:0]


def _sets(modalities: list[str]) -> list[tuple[str, ...]]:
    """Return the sets of modalities that a row may have, each in order."""
    if len(modalities) > MOST_MODALITIES:
        return [tuple(modalities)]
    return [one for n in range(1, len(modalities) + 1) for one in combinations(modalities, n)]


def _of(X: pd.DataFrame, modalities: Sequence[str]) -> list[str]:
    blocks = columns.by_modality(X.columns)
    return [name for modality in modalities for name in blocks.get(modality, ())]


def _fitted(X: pd.DataFrame, limits: Mapping[tuple[str, ...], tuple[float, float]], n_patients: int) -> Spread:
    scale = X.std(ddof=0)
    scale = scale.where(scale > 0, 1.0)  # of a column that is the same in all folds but one
    values = np.arcsinh(((X - X.mean()) / scale).to_numpy())
    mean = values.mean(axis=0)
    covariance, _ = ledoit_wolf(values - mean, assume_centered=True)
    return Spread(X.mean(), scale, mean, np.atleast_2d(covariance), limits, n_patients)
