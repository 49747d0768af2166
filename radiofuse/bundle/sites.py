"""The sites of new patients, where a bundle's models take out of features what sites do to them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import pandas as pd

from radiofuse.errors import BundleError
from radiofuse.prepare.site_columns import sites_of, with_sites
from radiofuse.tables.cells import is_empty
from radiofuse.wording import some

log = logging.getLogger(__name__)

Description = Mapping[str, Any]  # bundle.json


def _harmonized(description: Description) -> Description | None:
    """Return how the bundle's models harmonize features, None where they do not."""
    asked: Description | None = description["protocol"].get("harmonize")
    return asked


def columns_beside(description: Description) -> list[str]:
    """Return the columns of a cohort table that harmonized models need beside features: the site, then covariates."""
    asked = _harmonized(description)
    return [asked["site"], *asked["covariates"]] if asked else []


def refuse_lacking_sites(description: Description, cohort: pd.DataFrame) -> None:
    """Raise a BundleError where a cohort table lacks one of these columns."""
    for name in (name for name in columns_beside(description) if name not in cohort):
        raise BundleError(
            f"The model takes out of features what the {columns_beside(description)[0]} does to them, and the cohort "
            f"table lacks the column {name}. Add it; where it is not known, leave its cells empty."
        )


def with_new_sites(description: Description, table: pd.DataFrame, cohort: pd.DataFrame) -> pd.DataFrame:
    """Return the features of a cohort with its sites beside them, where the bundle's models harmonize."""
    asked = _harmonized(description)
    if asked is None:
        return table
    rows = cohort.set_index("sample_id").loc[table.index]
    sites = rows[asked["site"]].astype(str)
    return with_sites(table, sites.mask(is_empty(sites)), rows[list(asked["covariates"])])


def new_sites(description: Description, X: pd.DataFrame) -> dict[str, str]:
    """Return a note for each sample of a site that the models do not know, and say so in the log."""
    asked = _harmonized(description)
    if asked is None:
        return {}
    sites = sites_of(X).fillna("unknown")
    new = sites[~sites.isin(asked["sites"])]
    if len(new):
        log.warning("New to the model, so not harmonized as its own were (%s): %s.", asked["site"], some(new.unique()))
    return {sample: f"{asked['site']} {site} is new to the model" for sample, site in new.items()}
