"""How an estimator is handed the site and the covariates of each row: as columns of X, or as arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import OneToOneFeatureMixin
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from radiofuse.errors import RequestError
from radiofuse.patients.routing import refuse_misaligned
from radiofuse.prepare.site_checks import checked_covariates, checked_sites, refuse_missing_columns, refuse_twice

NUMBERS = {"dtype": np.float64, "ensure_all_finite": "allow-nan"}


class TakesSites(OneToOneFeatureMixin):
    """A mixin of estimators with parameters ``site`` and ``covariates``: columns that are no features."""

    site: str | None
    covariates: list[str] | None

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

    def _named_columns(self) -> list[str]:
        return [*([self.site] if self.site is not None else []), *(self.covariates or [])]

    def _read(
        self, X: Any, site: ArrayLike | None, covariates: ArrayLike | None, *, reset: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return features, sites (zeros where there are none) and covariates (none: no column)."""
        named = self._named_columns()
        refuse_missing_columns(X, named)
        refuse_misaligned(X, site=site, covariates=covariates)
        refuse_twice("site", self.site, site)
        refuse_twice("covariates", self.covariates, covariates)
        if named:
            validate_data(self, X, reset=reset, skip_check_array=True)
            features = check_array(X.drop(columns=named), **NUMBERS)
        else:
            features = validate_data(self, X, reset=reset, **NUMBERS)
        site = X[self.site] if self.site is not None else site
        covariates = X[list(self.covariates)] if self.covariates else covariates
        sites, kept = checked_sites(site, len(features)), checked_covariates(covariates, len(features))
        given = {"site": int(site is not None), "covariates": kept.shape[1]}
        if reset:
            self._given = given
        elif given != self._given:
            raise RequestError(
                f"ComBat was fitted with these numbers of columns: {self._given}; transform got {given}. Pass the same "
                "to both; under metadata routing, ask for them by set_fit_request and set_transform_request."
            )
        return features, sites, kept
