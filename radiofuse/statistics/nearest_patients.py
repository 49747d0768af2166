"""How far rows lie from training patients: the distance to the nearest ones, beside the patients' own distances."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.linalg import qr

NEAREST = 5  # patients whose mean distance counts: one alone may be odd itself
FEWEST_PATIENTS = 20  # of fewer nobody can say where 95 of 100 lie
MOST_COLUMNS = 50
LEFT_OUT = 0.05  # of the variance, that columns beside the chosen ones hold
LEVELS = (0.95, 0.99)
IQR_OF_NORMAL = 1.349  # in standard deviations
INSIDE, EDGE, OUTSIDE = "inside", "at the edge", "outside"


@dataclass(frozen=True, eq=False)
class Place:
    """Where a row lies.

    Attributes
    ----------
    distance : float
        The mean distance to the nearest patients.
    limits : tuple of float
        What 95 and 99 % of the training patients' own distances to the others do not exceed, in the same columns.
    shares : Series
        The share of each column in the squared distance, the largest first.
    nearest : list
        All patients that can be compared, the nearest first.
    n_patients : int
        How many training patients have such a distance: those with numbers in these columns.
    unlike : list of str
        Columns that are the same for all training patients and another number here.
    """

    distance: float
    limits: tuple[float, float]
    shares: pd.Series
    nearest: list[Hashable]
    n_patients: int
    unlike: list[str] = field(default_factory=list)

    @property
    def telling(self) -> list[str]:
        """The columns that say where the row lies, the most telling first."""
        return [*self.unlike, *self.shares.index]

    @property
    def verdict(self) -> str:
        """``inside`` up to the first limit, ``at the edge`` up to the second, ``outside`` beyond."""
        edge, far = self.limits
        if self.unlike:
            return OUTSIDE
        return INSIDE if self.distance <= edge else EDGE if self.distance <= far else OUTSIDE


class NearestPatients:
    """Training patients to whom rows are compared.

    Each column is brought to its median and interquartile range, and its inverse hyperbolic sine is taken, which leaves
    numbers near the middle as they are and keeps the tails of radiomic features, which are long, from deciding alone.
    A distance is the root mean square over the columns that both rows have; patients are compared by their nearest
    samples, and a patient is never compared with himself. A row's distance is the mean of those to the five nearest
    patients, and is held against the same of each training patient with that patient left out: of ``n`` such distances
    the one of rank ``ceil((n + 1) 0.95)`` is the first limit, so that of new patients drawn as these were at most 5 %
    exceed it; the second, of 0.99, is the greatest where there are fewer than 99 patients.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_columns)
        Of training; NaN where a number is absent. Columns that are the same for all take no part.
    patients : sequence of shape (n_samples,)
    same_to : float, optional
        By how much a row may differ where all training patients have the same number; a row that differs more is
        outside. Left out, such columns are not looked at.

    Raises
    ------
    ValueError
        If there are fewer than 20 patients with a number.

    References
    ----------
    Angiulli and Pizzuti (2002). Fast outlier detection in high dimensional spaces. PKDD, 15-27: the mean distance to
    the nearest.
    Laxhammar and Falkman (2011). Sequential conformal anomaly detection. FUSION: limits by rank.
    Dixon (1979). Pattern recognition with partly missing data. IEEE Trans. SMC 9, 617-621: over what is there.

    Examples
    --------
    >>> X = pd.DataFrame({"a": np.arange(40.0), "b": np.arange(40.0) % 7})
    >>> training = NearestPatients(X, range(40))
    >>> [training.place(row).verdict for row in (pd.Series({"a": 20, "b": 3}), pd.Series({"a": 500, "b": 3}))]
    ['inside', 'outside']
    """

    def __init__(self, X: pd.DataFrame, patients: Sequence[Hashable], *, same_to: float | None = None) -> None:
        known = X.notna().any(axis=1).to_numpy()
        X, names = X.loc[known].astype(float), np.asarray(patients, dtype=object)[known]
        self._patients, self._codes = _numbered(names)
        if len(self._patients) < FEWEST_PATIENTS:
            raise ValueError(f"{len(self._patients)} training patients can be compared, {FEWEST_PATIENTS} are needed")
        self._scale = _spread(X)
        self._center = X[self._scale.index].median().to_numpy()
        self._values = self._standardized(X.to_numpy()[:, X.columns.get_indexer(self._scale.index)])
        self._same = X.drop(columns=self._scale.index).median().dropna()
        self._same_to = math.inf if same_to is None else same_to
        self._own: dict[bytes, np.ndarray] = {}

    @property
    def n_patients(self) -> int:
        """How many there are."""
        return len(self._patients)

    @property
    def columns(self) -> list[str]:
        """The columns in which rows are compared."""
        return list(self._scale.index)

    def place(self, row: pd.Series, *patients: Hashable) -> Place | None:
        """Return where a row lies; None where fewer than 20 patients have numbers that it has.

        Parameters
        ----------
        row : Series
            By column.
        *patients : hashable
            Whose row it is, or may be: training patients of these names are not compared with it.
        """
        own = self._standardized(row.reindex(self._scale.index).to_numpy(float)[None])
        there = ~np.isnan(own[0])
        if not there.any():
            return None
        apart = self._apart(own[:, there], self._values[:, there])[0]
        apart[[at for at, patient in enumerate(self._patients) if patient in patients]] = np.nan
        order = np.argsort(apart, kind="stable")[: np.isfinite(apart).sum()]
        compared = self._own_distances(there)
        if len(compared) < FEWEST_PATIENTS:
            return None
        distance = float(apart[order[:NEAREST]].mean())
        names = np.array(self.columns)[there]
        shares = self._shares(own[0, there], order[:NEAREST], there)
        ordered = pd.Series(shares, names).sort_values(ascending=False, kind="stable")
        unlike = (row.reindex(self._same.index) - self._same).abs() > self._same_to
        nearest = [self._patients[at] for at in order]
        return Place(distance, upper_limits(compared), ordered, nearest, len(compared), [*unlike[unlike].index])

    def _standardized(self, values: np.ndarray) -> np.ndarray:
        standardized: np.ndarray = np.arcsinh((values - self._center) / self._scale.to_numpy())
        return standardized

    def _apart(self, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Return the distance of each row from each patient; NaN where they have no column in common."""
        by_sample = _root_mean_squares(rows, values)
        apart = np.full((len(self._patients), len(rows)), np.nan)
        np.fmin.at(apart, self._codes, by_sample.T)
        return apart.T

    def _own_distances(self, there: np.ndarray) -> np.ndarray:
        """Return the training patients' own distances in the columns that a row has, once for each pattern of them."""
        key = there.tobytes()
        if key not in self._own:
            values = self._values[:, there]
            apart = self._apart(values, values)
            apart[np.arange(len(apart)), self._codes] = np.nan  # never a patient's own samples
            nearest = np.sort(apart, axis=1)[:, :NEAREST]
            self._own[key] = pd.Series(nearest.mean(axis=1)).groupby(self._codes).max().dropna().to_numpy()
        return self._own[key]

    def _shares(self, own: np.ndarray, nearest: np.ndarray, there: np.ndarray) -> np.ndarray:
        """Return the share of each column in the squared distances to the nearest patients."""
        values = self._values[:, there]
        squares = np.zeros(own.shape)
        for patient in nearest:
            samples = values[self._codes == patient]
            apart = _root_mean_squares(own[None], samples)[0]
            squares += np.nan_to_num((samples[np.nanargmin(apart)] - own) ** 2)
        return squares / max(squares.sum(), np.finfo(float).tiny)


def _root_mean_squares(rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the distance of each row from each other one over the columns that both have; NaN where there is none."""
    known, there = ~np.isnan(rows), ~np.isnan(values)
    a, b = np.where(known, rows, 0.0), np.where(there, values, 0.0)
    squares = a**2 @ there.T + known @ (b**2).T - 2 * a @ b.T
    n_common = known.astype(float) @ there.T
    with np.errstate(invalid="ignore"):
        distances: np.ndarray = np.sqrt(np.maximum(squares, 0.0) / np.where(n_common > 0, n_common, np.nan))
    return distances


def upper_limits(distances: np.ndarray) -> tuple[float, float]:
    """Return what 95 and 99 % of distances do not exceed, by rank; the greatest where the rank is beyond their number.

    >>> upper_limits(np.arange(1.0, 40.0)), upper_limits(np.arange(1.0, 200.0))
    ((38.0, 39.0), (190.0, 198.0))
    """
    ordered, n = np.sort(distances), len(distances)
    if n == 0:
        return math.nan, math.nan
    edge, far = (float(ordered[min(math.ceil(round((n + 1) * level, 9)), n) - 1]) for level in LEVELS)
    return edge, far


def telling_columns(X: pd.DataFrame, most: int = MOST_COLUMNS) -> list[str]:
    """Return so few columns that the others are nearly linear in them, in the order of the table.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_columns)
        Where there are no more than ``most`` columns, all of them are returned.
    most : int, default=50

    References
    ----------
    Businger and Golub (1965). Linear least squares solutions by Householder transformations. Numer. Math. 7, 269-276:
    the column that is furthest from the span of those chosen comes next.

    Examples
    --------
    >>> a, b = np.sin(np.arange(30.0)), np.cos(2.0 * np.arange(30))
    >>> telling_columns(pd.DataFrame({"a": a, "b": b, "b2": 2 * b + 1, "c": 1.0}), most=2)
    ['a', 'b']
    """
    if X.shape[1] <= most:
        return list(X)
    scale = _spread(X)
    names = list(scale.index)
    values = np.nan_to_num(np.arcsinh((X[names] - X[names].median()) / scale).to_numpy(float))
    values = values - values.mean(axis=0)
    values /= np.maximum(np.linalg.norm(values, axis=0), np.finfo(float).tiny)
    triangle, order = qr(values, mode="r", pivoting=True)
    triangle = triangle[: min(values.shape)]
    left = 1 - np.cumsum((triangle**2).sum(axis=1)) / (triangle**2).sum()
    n_needed = int(np.argmax(left <= LEFT_OUT)) + 1
    chosen = {names[at] for at in order[: min(most, n_needed)]}
    return [name for name in names if name in chosen]


def _spread(X: pd.DataFrame) -> pd.Series:
    """Return the width of each column that has one: of its middle half, else the standard deviation."""
    quartiles = X.quantile([0.25, 0.75])
    width = (quartiles.loc[0.75] - quartiles.loc[0.25]) / IQR_OF_NORMAL
    width = width.where(width > 0, X.std(ddof=0))
    return width[np.isfinite(width) & (width > 1e-12 * X.abs().max())]


def _numbered(names: np.ndarray) -> tuple[list[Hashable], np.ndarray]:
    """Return the patients, each once, and the place of each sample's."""
    codes, patients = pd.factorize(names)
    return list(patients), codes
