"""What a recipe asks for beside its scores: pairs of models, a permutation test, and the optimism of its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.evaluate.optimism import optimism_corrected
from radiofuse.evaluate.out_of_bag import bootstrap_632
from radiofuse.evaluate.permutation import permutation_test
from radiofuse.experiment.model_list import combiners_of, model_list, primary_of
from radiofuse.experiment.models import build_model
from radiofuse.experiment.recipe import Recipe
from radiofuse.experiment.recipe_evaluation import HARRELL
from radiofuse.experiment.recipe_models import LATE
from radiofuse.experiment.rows import LabeledRows, Rows
from radiofuse.fuse import combiner_name
from radiofuse.fuse.named import Named
from radiofuse.progress import Meter
from radiofuse.statistics.paired_models import TEST_COLUMNS, pair_tests
from radiofuse.tables.predictions import slice_of

COLUMNS = ["outcome", "class", "a", "b", *TEST_COLUMNS]


def further_tests(
    recipe: Recipe, rows: Rows, predictions: pd.DataFrame, *, n_jobs: int, progress: Meter
) -> pd.DataFrame:
    """Return what ``compare``, ``permutations`` and ``optimism`` under [evaluation] ask for; else no rows.

    Parameters
    ----------
    recipe : Recipe
    rows : Rows
    predictions : DataFrame
        Out of fold, of all outcomes.
    n_jobs : int
    progress : callable
        As for ``run_recipe``.

    Returns
    -------
    DataFrame
        Columns outcome, class, a, b, test, metric, value, statistic, p_value, n.
    """
    parts = [pd.DataFrame(columns=COLUMNS), *_pairs(recipe, rows, predictions)]
    for outcome in rows.outcomes:
        whole = {"outcome": outcome.name, "class": outcome.classes[1] if outcome.is_binary else "", "b": ""}
        found = _of_the_answer(recipe, rows, rows.of(outcome), n_jobs, progress)
        if found:
            table = pd.DataFrame(found, columns=TEST_COLUMNS)
            parts.append(table.assign(**whole, a=primary_of(recipe))[COLUMNS])
    parts = [part for part in parts if len(part)] or parts[:1]
    return pd.concat(parts, ignore_index=True)


def _pairs(recipe: Recipe, rows: Rows, predictions: pd.DataFrame) -> Iterator[pd.DataFrame]:
    for outcome in rows.outcomes:
        for name in outcome.classes[1:] if outcome.is_binary else outcome.classes:
            binary = slice_of(predictions, outcome.name, name)
            for a, b in recipe.evaluation.compare:
                head = {"outcome": outcome.name, "class": name, "a": a, "b": b}
                yield pair_tests(binary, a, b).assign(**head)[COLUMNS]


def _of_the_answer(recipe: Recipe, rows: Rows, labeled: LabeledRows, n_jobs: int, progress: Meter) -> list[tuple]:
    """Return the rows of the model that gives the main answer: refitted to permuted labels, and to resamples."""
    plan = recipe.evaluation
    model, *given = _answering(recipe, rows, labeled)
    shared: dict[str, Any] = {"groups": given[2], "random_state": recipe.seed, "n_jobs": n_jobs}
    found = []
    if plan.permutations:
        with progress("Permuting labels", "permutations") as on_done:
            found.append(_permutation(recipe, model, given, shared, on_done))
    if plan.optimism == HARRELL:
        table = optimism_corrected(model, *given[:2], n_resamples=plan.optimism_resamples, **shared)
        columns = ["metric", "corrected", "apparent", "n_resamples"]
        corrected = table[columns].itertuples(index=False)
        found += [(HARRELL, metric, value, seen, np.nan, n) for metric, value, seen, n in corrected]
    elif plan.optimism is not None:
        one = bootstrap_632(model, *given[:2], n_resamples=plan.optimism_resamples, **shared)
        found.append((plan.optimism, "auc", one.value, one.apparent, np.nan, plan.optimism_resamples))
    return found


def _permutation(
    recipe: Recipe, model: Any, given: list[Any], shared: dict[str, Any], on_done: Callable[[int, int], None]
) -> tuple:
    plan, first = recipe.evaluation, model_list(recipe)[0]
    answer = combiner_name(combiners_of(recipe, first)[0]) if first.kind == LATE else None
    dealt = {"n_permutations": plan.permutations, "cv": plan.folds, "answer": answer}
    test = permutation_test(model, *given[:2], **dealt, **shared, on_done=on_done)
    return ("permutation", "auc", test.value, float(np.mean(test.permuted)), test.p_value, plan.permutations)


def _answering(recipe: Recipe, rows: Rows, labeled: LabeledRows) -> tuple[Any, pd.DataFrame, np.ndarray, np.ndarray]:
    """Return the model of the main answer, unfitted, and the rows that it answers for."""
    model = build_model(recipe, model_list(recipe)[0], rows.inputs_for(labeled.outcome))
    if not isinstance(model, Named):
        return model, labeled.X, labeled.y, labeled.groups
    X = labeled.X if model.columns is None else labeled.X[list(model.columns)]
    usable = X.notna().any(axis=1).to_numpy()
    return model.model, X[usable], labeled.y[usable], labeled.groups[usable]
