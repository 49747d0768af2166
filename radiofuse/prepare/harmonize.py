"""ComBat: what scanner and site do to features is learned on training rows and taken out of any row."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, _fit_context
from sklearn.utils import Tags, check_array
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d, validate_data

from radiofuse.errors import CohortError, RequestError
from radiofuse.patients.routing import refuse_misaligned
from radiofuse.prepare.constant import is_constant
from radiofuse.prepare.magnitude import unit_magnitude

CONVERGED = 1e-4  # sva's own: largest relative change of an iteration
BLOCK = 256  # features whose likelihoods are held in memory at a time
NUMBERS = {"dtype": np.float64, "ensure_all_finite": "allow-nan"}


class ComBat(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Remove the shift and the scale that each site gives to each feature.

    The model is that of Johnson, Li and Rabinovic: feature = grand mean + covariates + site's shift +
    site's scale · noise. Shifts and scales of one site are pulled toward what they are in its other
    features (empirical Bayes). On the training rows the result is that of ``sva::ComBat``; on other rows
    of the same sites, what the training rows taught is applied.

    The label takes no part: ``y`` is ignored but for a check, and a covariate or a site that splits the
    rows as ``y`` does, or finer, is refused, because the former hands the label to the features and the latter takes
    it from them.

    Parameters
    ----------
    site : str, optional
        The column of ``X`` that holds the site; it is not among the columns returned. None takes the site
        from the argument ``site`` of ``fit`` and ``transform`` (metadata routing). Without either, all
        rows are of one site, and a single site has nothing to be harmonized with: rows stay as they are.
    parametric : bool, default=True
        Whether shifts are taken as normal and scales as inverse gamma over the features of a site. False
        takes their distribution as it is found, which costs the square of the number of features.
    empirical_bayes : bool, default=True
        Whether features of a site inform each other. False takes every estimate as it is.
    mean_only : bool, default=False
        Whether only the shift is removed. As in sva, a shift's weight is then that of one row.
    covariates : list of str, optional
        Columns of ``X`` (numbers) whose effect must survive, such as age; not among the columns returned.
        None takes them from the argument ``covariates`` of ``fit`` and ``transform``.
    unseen : {"error", "pass", "reference"}, default="error"
        What becomes of a site that was not in the training rows (or of a feature that had no value at a
        site). "error" refuses. "pass" leaves the rows as they are, as if they came from the reference or
        had no shift from the grand mean. "reference" brings them to the reference, with shift and scale
        learned from the rows handed to ``transform``; a row's result then depends on the rows beside it.
    reference : str or int, optional
        Site to whose mean and variance the others are brought; its rows stay as they are. None means
        the pooled mean and variance.

    Attributes
    ----------
    sites_ : ndarray of shape (n_sites,)
        Sites of the training rows, sorted.
    gamma_, delta_ : ndarray of shape (n_sites, n_features)
        Shift and squared scale of each site, of features in units of their pooled spread. NaN where a
        site had no value of a feature; 0 and 1 for the reference.
    grand_mean_, pooled_variance_ : ndarray of shape (n_features,)
        Mean and variance that sites are brought to; 0 and 1 for features that are not adjusted.
    coef_ : ndarray of shape (n_covariates, n_features)
        Effects of the covariates.
    adjusted_ : ndarray of bool, shape (n_features,)
        False for features that are constant within a site; as in sva they stay as they are everywhere.

    Notes
    -----
    NaN is left out of the estimates, feature by feature, and stays NaN. In a complete table the result is
    sva's; where values are missing, sva divides the pooled variance of all features by n - 1, and here it
    remains the mean square of the values that are there.

    References
    ----------
    W. E. Johnson, C. Li and A. Rabinovic, "Adjusting batch effects in microarray expression data using
    empirical Bayes methods", Biostatistics 8 (2007) 118-127.
    J. T. Leek et al., "The sva package for removing batch effects and other unwanted variation in
    high-throughput experiments", Bioinformatics 28 (2012) 882-883.
    J.-P. Fortin et al., "Harmonization of cortical thickness measurements across scanners and sites",
    NeuroImage 167 (2018) 104-120.

    Examples
    --------
    >>> table = pd.DataFrame({"volume": [1.0, 2.0, 3.0, 11.0, 12.0, 13.0], "scanner": list("aaabbb")})
    >>> ComBat(site="scanner", empirical_bayes=False).fit_transform(table).ravel().round(2)
    array([6.18, 7.  , 7.82, 6.18, 7.  , 7.82])
    """

    _parameter_constraints: dict = {
        "site": [str, None],
        "parametric": ["boolean"],
        "empirical_bayes": ["boolean"],
        "mean_only": ["boolean"],
        "covariates": [list, tuple, None],
        "unseen": [StrOptions({"error", "pass", "reference"})],
        "reference": "no_validation",
    }

    def __init__(
        self,
        *,
        site: str | None = None,
        parametric: bool = True,
        empirical_bayes: bool = True,
        mean_only: bool = False,
        covariates: list[str] | None = None,
        unseen: str = "error",
        reference: str | int | None = None,
    ) -> None:
        self.site = site
        self.parametric = parametric
        self.empirical_bayes = empirical_bayes
        self.mean_only = mean_only
        self.covariates = covariates
        self.unseen = unseen
        self.reference = reference

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        site: ArrayLike | None = None,
        covariates: ArrayLike | None = None,
    ) -> Self:
        """Learn what each site does to each feature.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, NaN where one is missing; a DataFrame where the constructor names columns.
        y : array-like of shape (n_samples,), optional
            Only compared with site and covariates.
        site : array-like of shape (n_samples,), optional
            The site of each row.
        covariates : array-like of shape (n_samples,) or (n_samples, n_covariates), optional
            Finite numbers.

        Raises
        ------
        RequestError
            If site or covariates are given twice, or tell the label of every row.
        CohortError
            If a site has too few values to learn from, or covariates cannot be told from sites.
        """
        refuse_misaligned(X, y=y)
        X, site, covariates = self._read(X, site, covariates, reset=True)
        _refuse_label(y, site, covariates)
        codes, sites = pd.factorize(site, sort=True)
        self.sites_ = np.asarray(sites)
        members = [np.flatnonzero(codes == code) for code in range(len(sites))]
        anchor = self._anchor()
        self.adjusted_ = _varies_in_every_site(X, members)
        self._refuse_thin_sites(X, members, anchor, covariates.shape[1])
        rows = slice(None) if anchor is None else members[anchor]
        standardized = self._standardize_training(X, codes, covariates, rows)
        self.gamma_, self.delta_ = np.zeros((len(sites), X.shape[1])), np.ones((len(sites), X.shape[1]))
        for code, own in enumerate(members):
            if code != anchor:
                self.gamma_[code], self.delta_[code] = self._site_effects(standardized[own])
        return self

    def transform(self, X: ArrayLike, site: ArrayLike | None = None, covariates: ArrayLike | None = None) -> np.ndarray:
        """Return the features without what their sites did to them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        site : array-like of shape (n_samples,), optional
            The site of each row; as in ``fit``.
        covariates : array-like of shape (n_samples,) or (n_samples, n_covariates), optional
            As in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_features_out)

        Raises
        ------
        RequestError
            If site or covariates are missing, or were not there in ``fit``.
        CohortError
            If a site was not in the training rows and ``unseen="error"``, or has too few rows for
            ``unseen="reference"``.
        """
        check_is_fitted(self)
        X, site, covariates = self._read(X, site, covariates, reset=False)
        expected = self.grand_mean_ + covariates @ self.coef_
        harmonized = X.copy()
        codes, sites = pd.factorize(site)
        for code, name in enumerate(sites.tolist()):
            rows = np.flatnonzero(codes == code)
            standardized = (X[rows] - expected[rows]) / self._spread
            gamma, delta = self._effects_at(name, standardized, rows)
            moved = (gamma != 0) | (delta != 1)  # others stay as they are, to the last bit
            values = (standardized - gamma) / np.sqrt(delta) * self._spread + expected[rows]
            harmonized[np.ix_(rows, moved)] = values[:, moved]
        return harmonized

    def fit_transform(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        site: ArrayLike | None = None,
        covariates: ArrayLike | None = None,
    ) -> np.ndarray:
        """Fit, and return the training rows without what their sites did to them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,), optional
            Only compared with site and covariates.
        site : array-like of shape (n_samples,), optional
        covariates : array-like of shape (n_samples,) or (n_samples, n_covariates), optional

        Returns
        -------
        ndarray of shape (n_samples, n_features_out)
        """
        return self.fit(X, y, site=site, covariates=covariates).transform(X, site=site, covariates=covariates)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """Return the names of the columns that are left: without site and covariates.

        Parameters
        ----------
        input_features : array-like of str, optional

        Returns
        -------
        ndarray of str
        """
        names = super().get_feature_names_out(input_features)
        return names[~np.isin(names, self._named_columns())]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    # ------------------------------------------------------------ what comes in

    def _named_columns(self) -> list[str]:
        return [*([self.site] if self.site is not None else []), *(self.covariates or [])]

    def _read(
        self, X: Any, site: ArrayLike | None, covariates: ArrayLike | None, *, reset: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return features, sites (zeros where there are none) and covariates (none: no column)."""
        named = self._named_columns()
        _refuse_missing_columns(X, named)
        refuse_misaligned(X, site=site, covariates=covariates)
        _refuse_twice("site", self.site, site)
        _refuse_twice("covariates", self.covariates, covariates)
        if named:
            validate_data(self, X, reset=reset, skip_check_array=True)
            features = check_array(X.drop(columns=named), **NUMBERS)
        else:
            features = validate_data(self, X, reset=reset, **NUMBERS)
        site = X[self.site] if self.site is not None else site
        covariates = X[list(self.covariates)] if self.covariates else covariates
        sites, kept = _checked_sites(site, len(features)), _checked_covariates(covariates, len(features))
        given = {"site": int(site is not None), "covariates": kept.shape[1]}
        if reset:
            self._given = given
        elif given != self._given:
            raise RequestError(
                f"ComBat was fitted with these numbers of columns: {self._given}; transform got {given}. Pass the same "
                "to both; under metadata routing, ask for them by set_fit_request and set_transform_request."
            )
        return features, sites, kept

    def _anchor(self) -> int | None:
        """Return the row of ``sites_`` that the others are brought to; a single site is its own."""
        if self.reference is None:
            return 0 if len(self.sites_) == 1 else None
        found = pd.Index(self.sites_).get_indexer([self.reference])[0]
        if found < 0:
            raise RequestError(
                f"The reference site {self.reference!r} is not among the training rows, whose sites are "
                f"{self.sites_.tolist()}. Name one of them, or none for the pooled mean and variance."
            )
        return int(found)

    def _refuse_thin_sites(
        self, X: np.ndarray, members: list[np.ndarray], anchor: int | None, n_covariates: int
    ) -> None:
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
        for code, rows in enumerate(members):
            present = (~np.isnan(X[rows][:, self.adjusted_])).sum(axis=0)
            thin = present < 2 if code == anchor else (present == 1) & (not self.mean_only)
            if thin.any():
                problems.append(self._too_thin(self.sites_.tolist()[code], len(rows), int(thin.sum()), code == anchor))
        if problems:
            raise CohortError("The training table", problems)

    @staticmethod
    def _too_thin(site: Any, n_rows: int, n_features: int, is_reference: bool) -> str:
        found = "one row" if n_rows == 1 else f"fewer than two values of {n_features} features"
        advice = "choose another reference" if is_reference else "merge it with another site, or pass mean_only=True"
        return f"Site {site!r} has {found}, and a spread needs two: leave it out, {advice}."

    # ------------------------------------------------------------ what is learned

    def _standardize_training(
        self, X: np.ndarray, codes: np.ndarray, covariates: np.ndarray, anchor: slice | np.ndarray
    ) -> np.ndarray:
        """Learn grand mean, pooled variance and covariates' effects; return X in their units."""
        self.coef_ = _covariate_effects(X, codes, covariates)
        rest = X - covariates @ self.coef_
        site_means = np.stack([_mean(rest[codes == code]) for code in range(len(self.sites_))])
        self.grand_mean_ = _mean(rest[anchor])
        scaled, exponents = unit_magnitude((rest - site_means[codes])[anchor])
        variance = _mean(scaled**2)
        self._spread = np.ldexp(np.sqrt(variance), exponents)
        with np.errstate(over="ignore", under="ignore"):  # told, but not computed with
            self.pooled_variance_ = np.ldexp(variance, 2 * exponents)
        self.adjusted_ &= ~is_constant(self._spread, np.fmax.reduce(np.abs(X), axis=0))
        untouched = ~self.adjusted_
        self.coef_[:, untouched], self.grand_mean_[untouched] = 0.0, 0.0
        self._spread[untouched], self.pooled_variance_[untouched] = 1.0, 1.0
        return (X - covariates @ self.coef_ - self.grand_mean_) / self._spread

    def _site_effects(self, standardized: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return shift and squared scale of one site; NaN where its rows cannot tell, 0 and 1 if not adjusted."""
        count = (~np.isnan(standardized)).sum(axis=0)
        mean = _mean(standardized)
        squares = np.nansum((standardized - mean) ** 2, axis=0)
        variance = np.ones_like(mean) if self.mean_only else squares / np.maximum(count - 1, 1)
        known = self.adjusted_ & (count >= (1 if self.mean_only else 2)) & (variance > 0)
        gamma = np.where(self.adjusted_, np.nan, 0.0)
        delta = np.where(self.adjusted_, np.nan, 1.0)
        if known.any():
            gamma[known], delta[known] = self._posterior(mean[known], variance[known], squares[known], count[known])
        return gamma, delta

    def _posterior(
        self, mean: np.ndarray, variance: np.ndarray, squares: np.ndarray, count: Any
    ) -> tuple[np.ndarray, np.ndarray]:
        if not self.empirical_bayes:
            return mean, variance
        if len(mean) < 2:
            raise CohortError(
                "The table",
                [
                    "Empirical Bayes learns from several features what a site does to one, and only 1 feature varies "
                    "within every site. Pass empirical_bayes=False, or more features."
                ],
            )
        if not self.parametric:
            return _nonparametric_posterior(mean, variance, squares, count)
        if self.mean_only:
            return _shrunken_mean(mean, 1.0, 1.0), variance
        return _parametric_posterior(mean, variance, squares, count)

    def _effects_at(self, site: Any, standardized: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return shift and squared scale at ``site``, with what training did not tell settled by ``unseen``."""
        code = pd.Index(self.sites_).get_indexer([site])[0]
        if code >= 0:
            gamma, delta = self.gamma_[code], self.delta_[code]
        else:
            gamma, delta = np.where(self.adjusted_, np.nan, 0.0), np.where(self.adjusted_, np.nan, 1.0)
        unknown = np.isnan(gamma)
        if not (unknown & ~np.isnan(standardized).all(axis=0)).any():
            return gamma, delta
        if self.unseen == "pass":
            return np.where(unknown, 0.0, gamma), np.where(unknown, 1.0, delta)
        if self.unseen == "error":
            raise CohortError("The table to harmonize", [self._unseen_problem(site, code < 0, rows)])
        estimates = self._site_effects(standardized)
        gamma, delta = np.where(unknown, estimates[0], gamma), np.where(unknown, estimates[1], delta)
        if (np.isnan(gamma) & ~np.isnan(standardized).all(axis=0)).any():
            raise CohortError(
                "The table to harmonize",
                [f"{len(rows)} rows of site {site!r} are too few, or too alike, to learn what the site does."],
            )
        return gamma, delta

    def _unseen_problem(self, site: Any, is_new: bool, rows: np.ndarray) -> str:
        shown = ", ".join(str(row) for row in rows[:5]) + (", …" if len(rows) > 5 else "")
        what = "was not among the training rows" if is_new else "had no value of some features in the training rows"
        return (
            f"Site {site!r} (rows {shown}) {what}, whose sites are {self.sites_.tolist()}. Pass unseen='pass' to leave "
            "its rows as they are, or unseen='reference' to learn the site from the rows at hand."
        )


def _refuse_missing_columns(X: Any, named: list[str]) -> None:
    columns = getattr(X, "columns", None)
    absent = [name for name in named if columns is None or name not in columns]
    if absent:
        found = f"a {type(X).__name__} without column names" if columns is None else f"{len(columns)} other columns"
        raise RequestError(
            f"ComBat looks for column {absent[0]!r} in X and found {found}. Pass a DataFrame, put ComBat before the "
            "steps that drop names, or hand site and covariates over as arguments."
        )


def _refuse_twice(name: str, column: Any, argument: Any) -> None:
    if column is not None and argument is not None:
        raise RequestError(f"{name} is given twice, as a column of X ({column!r}) and as an argument; leave one out.")


def _checked_sites(site: Any, n_rows: int) -> np.ndarray:
    if site is None:
        return np.zeros(n_rows, dtype=int)
    site = column_or_1d(np.asarray(site))
    missing = np.flatnonzero(pd.isna(site))
    if len(site) != n_rows or len(missing):
        found = f"row {missing[0]} has none" if len(missing) else f"there are {len(site)} for {n_rows} rows"
        raise CohortError("The column of sites", [f"Every row needs a site, and {found}. Name it, or leave rows out."])
    return site


def _checked_covariates(covariates: Any, n_rows: int) -> np.ndarray:
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


def _refuse_label(y: Any, site: np.ndarray, covariates: np.ndarray) -> None:
    if y is None:
        return
    label = pd.factorize(np.ravel(np.asarray(y)))[0]
    if len(label) == len(site) and _determines(pd.factorize(site)[0], label):
        raise RequestError(
            "Each site has rows of one label only, so taking the sites out would take the label out. "
            "Do not harmonize, or add rows of the other class to the sites."
        )
    for number, column in enumerate(covariates.T):
        if len(label) == len(column) and _determines(pd.factorize(column)[0], label):
            raise RequestError(
                f"Covariate {number} tells the label of every row; keeping its effect would hand the label to "
                "the features, also of patients whose label is to be predicted. Leave it out."
            )


def _determines(levels: np.ndarray, label: np.ndarray) -> bool:
    """Say whether each level has rows of one label only; levels of single rows, or one label, are no matter."""
    n_levels, n_labels = levels.max() + 1, label.max() + 1
    n_pairs = len(np.unique(levels * n_labels + label))
    return n_labels > 1 and n_levels < len(levels) and n_pairs == n_levels


def _mean(values: np.ndarray) -> np.ndarray:
    """Return the means of columns over the values that are there; NaN without any."""
    with np.errstate(invalid="ignore"):
        return np.nansum(values, axis=0) / (~np.isnan(values)).sum(axis=0)


def _varies_in_every_site(X: np.ndarray, members: list[np.ndarray]) -> np.ndarray:
    """Say which columns have a value, and two different ones wherever a site has two."""
    varies = ~np.isnan(X).all(axis=0)
    for rows in members:
        smallest, largest = np.fmin.reduce(X[rows], axis=0), np.fmax.reduce(X[rows], axis=0)
        varies &= ((~np.isnan(X[rows])).sum(axis=0) < 2) | (largest > smallest)
    return varies


def _covariate_effects(X: np.ndarray, codes: np.ndarray, covariates: np.ndarray) -> np.ndarray:
    """Return least-squares slopes beside one mean per site, for all columns that lack the same rows at once."""
    slopes = np.zeros((covariates.shape[1], X.shape[1]))
    used = np.flatnonzero(np.ptp(covariates, axis=0) > 0)
    if not len(used):
        return slopes
    missing = np.isnan(X)
    pattern, _ = pd.factorize(np.array([column.tobytes() for column in np.packbits(missing, axis=0).T], dtype=object))
    for number in range(pattern.max() + 1):
        columns = np.flatnonzero(pattern == number)
        rows = ~missing[:, columns[0]]
        if rows.any():
            found = _slopes(X[np.ix_(rows, columns)], codes[rows], covariates[np.ix_(rows, used)])
            slopes[np.ix_(used, columns)] = found
    return slopes


def _slopes(X: np.ndarray, codes: np.ndarray, covariates: np.ndarray) -> np.ndarray:
    covariates, exponents = unit_magnitude(covariates)  # a small covariate is not a dependent one
    within, X = covariates.copy(), X.copy()
    for code in np.unique(codes):
        rows = codes == code
        within[rows] -= within[rows].mean(axis=0)
        X[rows] -= X[rows].mean(axis=0)
    rank = np.linalg.matrix_rank(within, tol=1e-10 * np.sqrt(len(X)))
    if rank < within.shape[1]:
        raise CohortError(
            "The covariates",
            [
                f"{within.shape[1]} covariates tell only {rank} things apart within sites: one is fixed by the others "
                "or by the site, so their effects cannot be told apart. Leave it out."
            ],
        )
    return np.ldexp(np.linalg.lstsq(within, X, rcond=None)[0], -exponents[:, None])


def _shrunken_mean(mean: np.ndarray, count: Any, variance: np.ndarray | float) -> np.ndarray:
    """Return the posterior mean of shifts under the normal prior that the shifts themselves show."""
    prior_mean, prior_variance = mean.mean(), mean.var(ddof=1)
    return (count * prior_variance * mean + variance * prior_mean) / (count * prior_variance + variance)


def _parametric_posterior(
    mean: np.ndarray, variance: np.ndarray, squares: np.ndarray, count: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Alternate the two conditional posterior means of Johnson et al., section 3.2, until they settle."""
    # The inverse gamma prior has a = 2 + m²/s and b = m + m³/s; multiplied by s, equal scales (s = 0) do no harm.
    center, spread = variance.mean(), variance.var(ddof=1)
    gamma, delta, change = mean, variance, np.inf
    while change > CONVERGED:
        new_gamma = _shrunken_mean(mean, count, delta)
        around = squares + count * (mean - new_gamma) ** 2
        new_delta = (around / 2 * spread + center * spread + center**3) / ((count / 2 + 1) * spread + center**2)
        with np.errstate(divide="ignore", invalid="ignore"):  # a shift of exactly 0
            # sva divides by the signed shift; its iterations are counted by the same rule here.
            changes = np.abs(new_gamma - gamma) / gamma, np.abs(new_delta - delta) / delta
        change = np.fmax.reduce(changes, axis=None)
        gamma, delta = new_gamma, new_delta
    return gamma, delta


def _nonparametric_posterior(
    mean: np.ndarray, variance: np.ndarray, squares: np.ndarray, count: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Average shifts and scales of the other features, weighted by how well they explain each feature's values."""
    gamma, delta = np.empty_like(mean), np.empty_like(variance)
    half_log, half_precision = np.log(variance) / 2, 0.5 / variance
    for start in range(0, len(mean), BLOCK):
        own = np.arange(start, min(start + BLOCK, len(mean)))
        n = count[own, None]
        log_weight = -n * half_log - (squares[own, None] + n * (mean[own, None] - mean) ** 2) * half_precision
        log_weight[np.arange(len(own)), own] = -np.inf
        log_weight -= log_weight.max(axis=1, keepdims=True)
        weight = np.exp(log_weight, out=log_weight)
        total = weight.sum(axis=1)
        gamma[own], delta[own] = weight @ mean / total, weight @ variance / total
    return gamma, delta
