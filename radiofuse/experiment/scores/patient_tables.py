"""Tables on the patients of a run: what those of each class are like, and scores in groups of them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from radiofuse.experiment.models.model_list import primary_of
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.experiment.rows import Rows
from radiofuse.statistics import describe_by_class, in_age_bands, score_subgroups
from radiofuse.statistics.baseline import COLUMNS, is_number
from radiofuse.tables import columns
from radiofuse.tables.outcomes import Outcome
from radiofuse.tables.roles import SITE

AGE = "age"
ABSENT = "absent modalities"
NONE, SEVERAL = "none", "several"


def characteristics(rows: Rows) -> pd.DataFrame:
    """Return what is known of each patient: clinical columns, site, which modalities are absent.

    Of a patient with several samples the first known value counts, by sample id.

    Returns
    -------
    DataFrame
        A row per patient; columns by their names without ``clinical__``.
    """
    clinical = columns.by_modality(rows.X.columns).get(columns.CLINICAL, [])
    told = {columns.split(name)[1]: rows.X[name] for name in clinical}
    if rows.sites is not None:
        told[SITE] = pd.Series(rows.sites, index=rows.X.index).replace("", np.nan)
    told[ABSENT] = _absent(rows)
    return pd.DataFrame(told, index=rows.X.index).groupby(rows.groups).first()


def _absent(rows: Rows) -> pd.Series:
    """Return which modality each sample lacks."""
    there = pd.DataFrame({name: rows.X[block].notna().any(axis=1) for name, block in rows.blocks.items()})
    n_absent = (~there).sum(axis=1)
    first = there.columns[(~there).to_numpy().argmax(axis=1)] if there.shape[1] else np.array([])
    return pd.Series(np.select([n_absent == 0, n_absent == 1], [NONE, first], SEVERAL), index=rows.X.index)


def baseline(rows: Rows) -> pd.DataFrame:
    """Return Table 1: every characteristic of the patients of each class of each outcome, with tests.

    A patient with samples of several classes counts with the class of the first.
    """
    known = characteristics(rows)
    parts = [pd.DataFrame(columns=["outcome", *COLUMNS])]
    for outcome in rows.outcomes:
        label = classes_of_patients(rows, outcome)
        for name in known:
            told = describe_by_class(known.loc[label.index, name], label, outcome.classes)
            parts.append(told.assign(outcome=outcome.name))
    return pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)[["outcome", *COLUMNS]]


def classes_of_patients(rows: Rows, outcome: Outcome) -> pd.Series:
    """Return the place of the class of each patient of whom the outcome is known."""
    return rows.y[outcome.name].groupby(rows.groups).first().dropna().astype(int)


def subgroups(recipe: Recipe, rows: Rows, predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the scores of the answer in patients of each site, sex and age band, and by absent modalities.

    Numbers other than the age make no groups.
    """
    known = characteristics(rows)
    groups = {name: in_age_bands(known[name]) if name == AGE else known[name] for name in known}
    shown = {name: levels for name, levels in groups.items() if not is_number(levels) and levels.nunique() > 1}
    own = predictions[predictions["model"] == primary_of(recipe)]
    return score_subgroups(
        own,
        pd.DataFrame(shown, index=known.index),
        n_resamples=recipe.evaluation.resamples,
        random_state=recipe.seed,
        ordered={outcome.name: outcome.classes for outcome in rows.outcomes if outcome.ordered},
    )
