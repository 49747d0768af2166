"""A recipe where there is nothing to find: its labels permuted between patients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from radiofuse.experiment.evaluation import Results, evaluate_models
from radiofuse.experiment.models.model_list import model_list, of_several_outcomes
from radiofuse.experiment.preparation import prepare_rows
from radiofuse.experiment.recipe.recipe import Recipe, read_recipe
from radiofuse.experiment.rows import Rows
from radiofuse.files.places import from_anywhere
from radiofuse.patients import permuted
from radiofuse.progress import Meter, silent
from radiofuse.work.cluster import on_cluster


def evaluate_noise(
    path: str | Path,
    *,
    times: int = 5,
    store: str | Path = "feature_store",
    n_jobs: int = 1,
    cluster: str | None = None,
    progress: Meter = silent,
) -> Iterator[Results]:
    """Evaluate a recipe on permuted labels, again and again, with its ledger.

    The features are the recipe's own; each outcome's labels are permuted between the patients in whom it is known.

    Parameters
    ----------
    path : path
        The recipe, a TOML file.
    times : int, default=5
        How often labels are permuted.
    store : path, default="feature_store"
        Feature store; what it holds is not extracted again.
    n_jobs : int, default=1
        Processes; the numbers do not depend on it.
    cluster : str, optional
        As for ``run_recipe``.
    progress : callable, optional
        As for ``run_recipe``.

    Yields
    ------
    Results
        Of each permutation; nothing is written but to the feature store.
    """
    recipe = with_ledger(read_recipe(path))
    with TemporaryDirectory() as folder, on_cluster(cluster, n_jobs) as at_once:
        store = from_anywhere(store)  # workers may be in another folder
        rows = prepare_rows(recipe, Path(folder), store=store, n_jobs=n_jobs, progress=progress, report=False)
        for time in range(times):
            noise = with_permuted_labels(rows, recipe.seed, time)
            yield evaluate_models(recipe, noise, n_jobs=at_once, progress=progress)


def with_ledger(recipe: Recipe) -> Recipe:
    """Return a recipe that asks for the ledger, unless its first model is of all outcomes at once, which has none.

    Examples
    --------
    >>> with_ledger(read_recipe("pipelines/demo.toml")).evaluation.ledger
    True
    """
    ledger = not of_several_outcomes(model_list(recipe)[0])
    return recipe.model_copy(update={"evaluation": recipe.evaluation.model_copy(update={"ledger": ledger})})


def with_permuted_labels(rows: Rows, seed: int, time: int) -> Rows:
    """Return rows with each outcome's labels permuted between the patients in whom it is known.

    Where a patient has samples of several classes, labels are permuted between samples.
    """
    chance, y = np.random.default_rng([seed, time]), rows.y.copy()
    for outcome in rows.outcomes:
        labeled = rows.of(outcome)
        of_patient = pd.Series(labeled.y).groupby(np.asarray(labeled.groups).astype(str)).nunique()
        groups = labeled.groups if of_patient.max() == 1 else None
        shuffled = permuted(labeled.y, groups, random_state=int(chance.integers(2**31)))
        y.iloc[labeled.place, y.columns.get_loc(outcome.name)] = shuffled
    return replace(rows, y=y)
