"""ComBat: what scanner and site do to features is learned on training rows and taken out of any row."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils import Tags
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from radiofuse.errors import CohortError
from radiofuse.patients.routing import refuse_misaligned
from radiofuse.prepare.constant import is_constant
from radiofuse.prepare.covariate_effects import covariate_effects, mean_of_known
from radiofuse.prepare.magnitude import unit_magnitude
from radiofuse.prepare.posteriors import SiteEstimator
from radiofuse.prepare.site_checks import (
    find_reference,
    refuse_label,
    refuse_thin_sites,
    unseen_site,
    varies_in_every_site,
)
from radiofuse.prepare.takes_sites import TakesSites


class ComBat(TakesSites, TransformerMixin, BaseEstimator):
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

    See Also
    --------
    TrainingScaler : Scales columns without regard to sites.

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
        unseen: Literal["error", "pass", "reference"] = "error",
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
        refuse_label(y, site, covariates)
        codes, sites = pd.factorize(site, sort=True)
        self.sites_ = np.asarray(sites)
        members = [np.flatnonzero(codes == code) for code in range(len(sites))]
        anchor = find_reference(self.reference, self.sites_)
        self.adjusted_ = varies_in_every_site(X, members)
        refuse_thin_sites(
            X[:, self.adjusted_],
            dict(zip(self.sites_.tolist(), members, strict=True)),
            covariates.shape[1],
            reference=None if anchor is None else self.sites_.tolist()[anchor],
            needed=1 if self.mean_only else 2,
        )
        rows = slice(None) if anchor is None else members[anchor]
        standardized = self._standardize_training(X, codes, covariates, rows)
        self.gamma_, self.delta_ = np.zeros((len(sites), X.shape[1])), np.ones((len(sites), X.shape[1]))
        estimator = self._estimator()
        for code, own in enumerate(members):
            # The rows of the reference stay as they are.
            if code != anchor:
                self.gamma_[code], self.delta_[code] = estimator.effects(standardized[own], self.adjusted_)
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

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _standardize_training(
        self, X: np.ndarray, codes: np.ndarray, covariates: np.ndarray, anchor: slice | np.ndarray
    ) -> np.ndarray:
        """Learn grand mean, pooled variance and covariates' effects; return X in their units."""
        self.coef_ = covariate_effects(X, codes, covariates)
        rest = X - covariates @ self.coef_
        site_means = np.stack([mean_of_known(rest[codes == code]) for code in range(len(self.sites_))])
        self.grand_mean_ = mean_of_known(rest[anchor])
        # Squares of features of extreme magnitude would overflow, or vanish.
        scaled, exponents = unit_magnitude((rest - site_means[codes])[anchor])
        variance = mean_of_known(scaled**2)
        self._spread = np.ldexp(np.sqrt(variance), exponents)
        with np.errstate(over="ignore", under="ignore"):  # told, but not computed with
            self.pooled_variance_ = np.ldexp(variance, 2 * exponents)
        self.adjusted_ &= ~is_constant(self._spread, np.fmax.reduce(np.abs(X), axis=0))
        untouched = ~self.adjusted_
        self.coef_[:, untouched], self.grand_mean_[untouched] = 0.0, 0.0
        self._spread[untouched], self.pooled_variance_[untouched] = 1.0, 1.0
        return (X - covariates @ self.coef_ - self.grand_mean_) / self._spread

    def _estimator(self) -> SiteEstimator:
        return SiteEstimator(self.parametric, self.empirical_bayes, self.mean_only)

    def _effects_at(self, site: Hashable, standardized: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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
            raise unseen_site(site, code < 0, rows, self.sites_.tolist())
        estimates = self._estimator().effects(standardized, self.adjusted_)
        gamma, delta = np.where(unknown, estimates[0], gamma), np.where(unknown, estimates[1], delta)
        if (np.isnan(gamma) & ~np.isnan(standardized).all(axis=0)).any():
            raise CohortError(
                "The table to harmonize",
                [f"{len(rows)} rows of site {site!r} are too few, or too alike, to learn what the site does."],
            )
        return gamma, delta
