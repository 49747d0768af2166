"""A recipe's harmonization: the column of the site, what keeps it from being used, and sites that are new in folds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.errors import CohortError, RequestError
from radiofuse.experiment.models.model_list import encodes_columns
from radiofuse.experiment.problems import Problems
from radiofuse.experiment.recipe.parts import Harmonization
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.names import did_you_mean
from radiofuse.prepare.site_checks import refuse_label
from radiofuse.prepare.site_columns import sites_of, with_sites
from radiofuse.tables import columns
from radiofuse.tables.cells import is_empty
from radiofuse.tables.outcomes import Outcome
from radiofuse.tables.problems import THE_COHORT
from radiofuse.wording import counted, some


def carried_columns(recipe: Recipe) -> list[str]:
    """Return the column of the cohort table that is read as text for the harmonization."""
    return [] if recipe.harmonize is None else [recipe.harmonize.site]


def harmonization_problems(recipe: Recipe, cohort: pd.DataFrame, outcomes: list[Outcome]) -> Problems:
    """Yield why the sites of a cohort cannot be harmonized: of the samples with a known outcome."""
    asked = recipe.harmonize
    if asked is None:
        return
    if encodes_columns(recipe):
        yield RequestError(
            '[harmonize] does not know what sites do to the output of an encoder: with [deep], write join = "members".'
        )
    absent = [name for name in (asked.site, *asked.covariates) if _column_of(cohort, name) is None]
    if absent:
        known = [name for name in cohort if columns.split(name) is None or name.startswith(columns.CLINICAL)]
        yield RequestError(
            f"[harmonize] names the column {absent[0]!r}, which the cohort table lacks."
            f"{did_you_mean(absent[0], known) or ' Name the column of the site, or add it; covariates are clinical.'}"
        )
        return
    rows = cohort[cohort[[outcome.name for outcome in outcomes]].notna().any(axis=1)]
    without = rows.loc[is_empty(rows[asked.site].astype(str)), "sample_id"]
    if len(without):
        sentence = f"{counted(len(without), 'sample')} without {asked.site}, which [harmonize] needs: {some(without)}."
        yield CohortError(THE_COHORT, [f"{sentence} Fill it in, or leave them out."])
        return
    if rows[asked.site].nunique() < 2:
        yield CohortError(THE_COHORT, [f"All samples have one {asked.site}. Drop [harmonize], which evens out sites."])
    for outcome in outcomes:
        yield from _telling_the_outcome(asked, rows[rows[outcome.name].notna()], outcome)


def _telling_the_outcome(asked: Harmonization, rows: pd.DataFrame, outcome: Outcome) -> Problems:
    told = [rows[_column_of(rows, name)] for name in asked.covariates]
    try:
        refuse_label(rows[outcome.name].to_numpy(), rows[asked.site].to_numpy(str), _as_matrix(told, len(rows)))
    except RequestError as error:
        yield RequestError(f"[harmonize], outcome {outcome.name}: {error}")


def _as_matrix(series: list[pd.Series], n_rows: int) -> np.ndarray:
    return np.column_stack([np.empty((n_rows, 0)), *series])


def _column_of(cohort: pd.DataFrame, name: str) -> str | None:
    """Return what a column is called in the cohort: clinical ones may be named without their prefix."""
    known = (name, columns.join(columns.CLINICAL, name))
    return next((spelling for spelling in known if spelling in cohort), None)


def with_sites_of(recipe: Recipe, table: pd.DataFrame, samples: pd.DataFrame) -> pd.DataFrame:
    """Return a table of features with the sites of its rows beside them, where the recipe harmonizes.

    Parameters
    ----------
    recipe : Recipe
    table : DataFrame of shape (n_samples, n_columns)
    samples : DataFrame
        The cohort by ``sample_id``.
    """
    asked = recipe.harmonize
    if asked is None:
        return table
    rows = samples.loc[table.index]
    covariates = [_column_of(samples, name) for name in asked.covariates]
    return with_sites(table, rows[asked.site].astype(str), rows[covariates])


def describe_harmonization(recipe: Recipe, table: pd.DataFrame) -> dict[str, Any] | None:
    """Return what a bundle says of a harmonization: what was asked for, and the sites that the models know.

    Parameters
    ----------
    recipe : Recipe
    table : DataFrame
        As `with_sites_of` returns it.
    """
    asked = recipe.harmonize
    if asked is None:
        return None
    covariates = [_column_of(table, name) for name in asked.covariates]
    counts = sites_of(table).value_counts()
    known = sorted(counts.index[counts >= (1 if asked.mean_only else 2)])
    return asked.model_dump() | {"covariates": covariates, "sites": known}


def new_sites_in_folds(recipe: Recipe, table: pd.DataFrame, predictions: pd.DataFrame) -> Iterator[str]:
    """Yield a sentence on the folds that test samples of sites which their training rows do not teach."""
    asked = recipe.harmonize
    if asked is None:
        return
    sites, new, n_folds = sites_of(table), {}, 0
    for _, samples in predictions.groupby(["repeat", "fold"])["sample_id"]:
        tested, n_folds = sites.index.isin(samples), n_folds + 1
        counts = sites[~tested].value_counts()
        known = counts.index[counts >= (1 if asked.mean_only else 2)]
        for site in sites[tested & ~sites.isin(known)].unique():
            new[site] = new.get(site, 0) + 1
    if new:
        named = some(f"{site} ({n})" for site, n in sorted(new.items()))
        done = {"pass": "were left as they are", "reference": "were harmonized by the tested samples themselves"}
        yield (
            f"Of {n_folds} outer folds, some test samples of a {asked.site} with too few training samples to learn "
            f"from; their features {done.get(asked.unseen, 'were refused')}. By {asked.site}, with the number of "
            f"folds: {named}."
        )
