"""Which features say the same when a patient is measured again: a threshold on intraclass correlations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from numbers import Real
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import _fit_context, clone
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_feature_names_in

from radiofuse.errors import CohortError, RequestError
from radiofuse.prepare.validation import read_columns
from radiofuse.select.column_selector import ColumnSelector
from radiofuse.select.shortfall import ON_EMPTY, OnEmpty
from radiofuse.select.words import Words
from radiofuse.tables import columns
from radiofuse.tables.cells import is_empty, numbers_of
from radiofuse.tables.text import read_file


class ReproducibilitySelector(ColumnSelector):
    """Keep the features whose intraclass correlation reaches ``threshold``.

    Features are found in the table by name, so ``X`` has to have column names; in a Pipeline of your own
    call ``set_output(transform="pandas")``. Labels are not looked at. ICCs of the cohort itself were measured on the
    images of test patients too; where that matters, measure them on other patients.

    Parameters
    ----------
    icc : path, DataFrame, Series or mapping
        What ``python -m radiofuse.extract --perturb`` writes: columns modality, feature, icc and low, where
        ``X`` calls a feature ``<modality>__<feature>``; a table without modality has the names of ``X``. Or a
        number for each column of ``X`` by its name.
    threshold : float, default=0.75
        Kept is what lies at or above; good reliability begins at .75, excellent at .9 [1]_.
    bound : {"icc", "low"}, default="icc"
        What is compared: the estimate, or the lower end of its 95 % interval, which few patients make wide.
    absent : {"error", "keep", "drop"}, default="error"
        What happens to a feature that the table does not have.
    on_empty : {"strongest", "raise", "intercept"}, default="strongest"
        What happens where no feature passes: the one of largest effect stays, with a
        `NothingSelectedWarning`; a `NothingSelectedError`; or an empty selection, with the warning.

    Attributes
    ----------
    icc_ : ndarray of shape (n_features_in_,)
        What was compared; NaN for a feature that is absent from the table, or that never changed.
    fallback_ : bool
        Whether the strongest feature stands in, as none passed.

    See Also
    --------
    radiofuse.statistics.reproducibility_table : Makes the table of intraclass correlations.
    radiofuse.statistics.icc : One intraclass correlation with its interval.

    References
    ----------
    .. [1] T. K. Koo and M. Y. Li, "A guideline of selecting and reporting intraclass correlation coefficients
       for reliability research", Journal of Chiropractic Medicine 15 (2016) 155-163.

    Examples
    --------
    >>> X = pd.DataFrame({"t1__a": [1.0, 2.0], "t1__b": [3.0, 1.0]})
    >>> ReproducibilitySelector({"t1__a": 0.91, "t1__b": 0.4}).fit(X).get_feature_names_out().tolist()
    ['t1__a']
    """

    words = Words(
        "reproducible features (intraclass correlation)",
        heading="reproducibility",
        kept="with an intraclass correlation of {threshold:g} or more",
        removed="is not reproducible enough",
    )

    needs_names = True  # the steps before it in a chain have to hand on the columns' names
    path_parameters = ("icc",)  # in a recipe relative to its folder
    command_options = {"icc": "icc"}
    _parameter_constraints: dict = {
        "icc": [str, PathLike, pd.DataFrame, pd.Series, Mapping],
        "threshold": [Interval(Real, -1, 1, closed="both")],
        "bound": [StrOptions({"icc", "low"})],
        "absent": [StrOptions({"error", "keep", "drop"})],
        "on_empty": ON_EMPTY,
    }

    def __init__(
        self,
        icc: str | Path | pd.DataFrame | pd.Series | Mapping[str, float] | None = None,
        *,
        threshold: float = 0.75,
        bound: Literal["icc", "low"] = "icc",
        absent: Literal["error", "keep", "drop"] = "error",
        on_empty: OnEmpty = "strongest",
    ) -> None:
        self.icc = icc
        self.threshold = threshold
        self.bound = bound
        self.absent = absent
        self.on_empty = on_empty

    def _validate_params(self) -> None:
        if self.icc is None:
            raise RequestError(
                "The 'icc' parameter of the selector 'reproducibility' has no default: name a table of intraclass "
                'correlations in the options, icc = "icc.csv". `python -m radiofuse.extract COHORT --perturb 30` '
                "writes one."
            )
        super()._validate_params()
        if isinstance(self.icc, str | PathLike):  # before hours of extraction, not in the first fold
            _by_column(self.icc, self.bound)

    def of_modality(self, modality: str, features: Sequence[str], *, only: bool) -> Self:
        """Return an unfitted clone for a table of one modality, whose columns do not name it.

        Parameters
        ----------
        modality : str
        features : sequence of str
            The columns, as in ``<modality>__<feature>``.
        only : bool
            Whether there is no other modality: ICCs that name none are then those of this one.

        Raises
        ------
        RequestError
            As by ``fit``.
        """
        known = _by_column(self.icc, self.bound)
        names = pd.Index([columns.join(modality, feature) for feature in features])
        if only and not names.isin(known.index).any():
            return clone(self)
        measured = names.isin(known.index)
        if self.absent == "error" and not measured.all():
            raise _absent(names[~measured], known)
        own = known.reindex(names).set_axis(pd.Index(features))[measured]
        return clone(self).set_params(icc=own, bound="icc")

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: object | None = None) -> Self:
        """Look up every column.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Complete features: no NaN.
        y : ignored

        Raises
        ------
        RequestError
            If the table cannot be used, or lacks a feature and ``absent="error"``.
        """
        read_columns(self, X)
        known = _by_column(self.icc, self.bound)
        names = pd.Index(_check_feature_names_in(self))
        self.icc_ = known.reindex(names).to_numpy(dtype=np.float64)
        is_absent = ~names.isin(known.index)
        if self.absent == "error" and is_absent.any():
            raise _absent(names[is_absent], known)
        passed = self.icc_ >= self.threshold  # NaN does not
        if self.absent == "keep":
            passed |= is_absent
        effect = np.nan_to_num(self.icc_, nan=-np.inf)
        self._settle(passed, effect)
        return self


def _by_column(icc: Any, bound: str) -> pd.Series:
    """Return the numbers to compare, by column of ``X``."""
    if isinstance(icc, Mapping | pd.Series):
        if bound != "icc":
            raise RequestError(f"bound={bound!r} needs a table with that column; a number for each feature has none.")
        known = pd.Series(icc, dtype=np.float64)
    else:
        known = _from_table(icc, bound) if isinstance(icc, pd.DataFrame) else _from_file(Path(icc), bound)
    twice = known.index[known.index.duplicated()]
    if len(twice):
        raise RequestError(f"The ICCs name {twice[0]!r} more than once. Keep one of them.")
    return known


def _from_file(path: Path, bound: str) -> pd.Series:
    if not path.is_file():
        raise RequestError(
            f"There is no table of ICCs {str(path)!r}. `python -m radiofuse.extract COHORT --perturb 30` writes one."
        )
    state = path.stat()
    return _unchanged(path, bound, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=8)
def _unchanged(path: Path, bound: str, modified_ns: int, n_bytes: int) -> pd.Series:
    """Return what a file holds; every fold of every modality asks, and reading takes longer than selecting."""
    return _from_table(_read(path), bound)


def _read(path: Path) -> pd.DataFrame:
    source = f"The table of ICCs {str(path)!r}"
    try:
        table = read_file(path, ("modality", "feature").__contains__, source)
    except CohortError as error:  # in a fold, a cohort's error would mean that a modality lacks rows
        raise RequestError(str(error)) from None
    if table.problems:
        raise RequestError(f"{source}: {table.problems[0]}")
    return table.rows


def _from_table(table: pd.DataFrame, bound: str) -> pd.Series:
    lacking = [name for name in ("feature", bound) if name not in table]
    if lacking:
        raise RequestError(
            f"The table of ICCs has no column {lacking[0]!r}; it has {', '.join(map(str, table.columns))}. "
            f"Expected are modality, feature and {bound}."
        )
    names = table["feature"].astype(str).to_list()
    if "modality" in table:
        names = [columns.join(*pair) for pair in zip(table["modality"], names, strict=True)]
    return pd.Series(_finite(table[bound], names).to_numpy(), index=names)


def _finite(cells: pd.Series, names: Sequence[str]) -> pd.Series:
    """Return cells as numbers, NaN where they are empty: the feature never changed."""
    numbers = numbers_of(cells)
    wrong = np.flatnonzero(~np.isfinite(numbers) & ~is_empty(cells))
    if len(wrong):
        raise RequestError(
            f"The table of ICCs has {str(cells.iloc[wrong[0]])!r} as {cells.name} of {names[wrong[0]]}; a number was "
            "expected, or an empty cell for a feature that never changed. Correct it."
        )
    return numbers


def _absent(names: pd.Index, known: pd.Series) -> RequestError:
    example = f", such as {known.index[0]!r}" if len(known) else ""
    return RequestError(
        f"The ICCs lack {len(names)} of the features, the first is {names[0]!r}; they have {len(known)}{example}. "
        'Measure them, pass absent="keep" or "drop", or, where names were lost on the way, set_output("pandas").'
    )
