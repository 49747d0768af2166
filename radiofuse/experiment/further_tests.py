"""What a recipe asks for beside its scores: pairs of models, a permutation test, and the optimism of its answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from radiofuse.errors import CohortError, RequestError
from radiofuse.evaluate.optimism import optimism_corrected
from radiofuse.evaluate.out_of_bag import bootstrap_632
from radiofuse.evaluate.permutation import permutation_test
from radiofuse.experiment.folds_key import folds_key
from radiofuse.experiment.models.building import build_model
from radiofuse.experiment.models.model_list import combiners_of, largest_inner_folds, model_list, primary_of
from radiofuse.experiment.recipe.evaluation import HARRELL, KFOLD
from radiofuse.experiment.recipe.models import LATE
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.experiment.rows import LabeledRows, Rows
from radiofuse.fuse import combiner_name
from radiofuse.fuse.named import Named
from radiofuse.patients import Split
from radiofuse.progress import Meter
from radiofuse.statistics.paired_models import TEST_COLUMNS, pair_tests
from radiofuse.tables.outcomes import Outcome
from radiofuse.tables.predictions import slice_of
from radiofuse.work.kept import Kept, digest_of

COLUMNS = ["outcome", "class", "a", "b", *TEST_COLUMNS]
log = logging.getLogger(__name__)


def further_tests(
    recipe: Recipe,
    rows: Rows,
    predictions: pd.DataFrame,
    splits: Sequence[Split],
    *,
    n_jobs: int,
    progress: Meter,
    kept_in: Path | None = None,
) -> pd.DataFrame:
    """Return what ``compare``, ``permutations`` and ``optimism`` under [evaluation] ask for; else no rows.

    Parameters
    ----------
    recipe : Recipe
    rows : Rows
    predictions : DataFrame
        Out of fold, of all outcomes.
    splits : sequence of Split
        Of the run. Permuted labels are predicted in those of its first repeat; stratified folds are dealt anew, since
        they follow the labels.
    n_jobs : int
    progress : callable
        As for ``run_recipe``.
    kept_in : Path, optional
        Folder where finished permutations and refits are kept for a rerun.

    Returns
    -------
    DataFrame
        Columns outcome, class, a, b, test, metric, value, statistic, p_value, n. What cannot be had, since few
        patients have a modality, has no rows, and a warning says so.
    """
    parts = [pd.DataFrame(columns=COLUMNS), *_pairs(recipe, rows, predictions)]
    for outcome in rows.outcomes:
        whole = {"outcome": outcome.name, "class": outcome.classes[1] if outcome.is_binary else "", "b": ""}
        found = _of_the_answer(recipe, rows, rows.of(outcome), splits, _Given(n_jobs, progress, kept_in))
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
                with _run_goes_on(f"comparison of {a} and {b}", outcome):
                    yield pair_tests(binary, a, b).assign(**head)[COLUMNS]


def _of_the_answer(
    recipe: Recipe, rows: Rows, labeled: LabeledRows, splits: Sequence[Split], given: _Given
) -> list[tuple]:
    """Return the rows of the model that gives the main answer: refitted to permuted labels, and to resamples."""
    plan = recipe.evaluation
    model, own = _answering(recipe, rows, labeled)
    shared: dict[str, Any] = {"groups": own.groups, "random_state": recipe.seed, "n_jobs": given.n_jobs}
    kept = given.keeping(folds_key(recipe, rows, own, splits))
    found = []
    if plan.permutations:
        with (
            _run_goes_on("permutation test", labeled.outcome),
            given.progress("Permuting labels", "permutations") as on_done,
        ):
            folds = _folds_of_permutations(recipe, own, splits)
            found.append(_permutation(recipe, model, own, folds | shared | kept("permutations"), on_done))
    if plan.optimism is not None:
        with (
            _run_goes_on("correction for optimism", labeled.outcome),
            given.progress("Refitting on resamples", "fits") as on_done,
        ):
            found += _optimism(recipe, model, own, shared | kept("optimism") | {"on_done": on_done})
    return found


class _Given(NamedTuple):
    """What the tests of every outcome work with."""

    n_jobs: int
    progress: Meter
    kept_in: Path | None

    def keeping(self, key: str) -> Callable[[str], dict[str, Kept]]:
        """Return what gives each test a place of its own for what it finished."""
        folder = self.kept_in
        return lambda what: {} if folder is None else {"kept": Kept(folder, digest_of(key, what))}


@contextmanager
def _run_goes_on(what: str, outcome: Outcome) -> Iterator[None]:
    """Warn of what cannot be had where few patients have a modality: the run beside it is there already."""
    try:
        yield
    except (CohortError, RequestError) as error:
        log.warning("No %s for %s: %s", what, outcome.name, error)


def _optimism(recipe: Recipe, model: Any, own: LabeledRows, shared: dict[str, Any]) -> list[tuple]:
    plan = recipe.evaluation
    if plan.optimism == HARRELL:
        table = optimism_corrected(model, own.X, own.y, n_resamples=plan.optimism_resamples, **shared)
        columns = ["metric", "corrected", "apparent", "n_resamples"]
        corrected = table[columns].itertuples(index=False)
        return [(HARRELL, metric, value, seen, np.nan, n) for metric, value, seen, n in corrected]
    one = bootstrap_632(model, own.X, own.y, n_resamples=plan.optimism_resamples, **shared)
    return [(plan.optimism, "auc", one.value, one.apparent, np.nan, plan.optimism_resamples)]


def _folds_of_permutations(recipe: Recipe, own: LabeledRows, splits: Sequence[Split]) -> dict[str, Any]:
    """Return in which folds permuted labels are predicted: as many stratified ones, or those of the first repeat."""
    if recipe.evaluation.split == KFOLD:
        return {"cv": recipe.evaluation.folds}
    first = [own.split(split) for split in splits if split.repeat == splits[0].repeat]
    fewest = max(2, largest_inner_folds(recipe) or 2)  # so that folds inside the training patients can be dealt
    return {"splits": [split for split in first if split.test.size], "fewest": fewest}


def _permutation(
    recipe: Recipe, model: Any, own: LabeledRows, options: dict[str, Any], on_done: Callable[[int, int], None]
) -> tuple:
    plan, first = recipe.evaluation, model_list(recipe)[0]
    answer = combiner_name(combiners_of(recipe, first)[0]) if first.kind == LATE else None
    asked = {"n_permutations": plan.permutations, "answer": answer}
    test = permutation_test(model, own.X, own.y, **asked, **options, on_done=on_done)
    return ("permutation", "auc", test.value, float(np.mean(test.permuted)), test.p_value, plan.permutations)


def _answering(recipe: Recipe, rows: Rows, labeled: LabeledRows) -> tuple[Any, LabeledRows]:
    """Return the model of the main answer, unfitted, and the rows that it answers for."""
    model = build_model(recipe, model_list(recipe)[0], rows.inputs_for(labeled.outcome))
    if not isinstance(model, Named):
        return model, labeled
    X = labeled.X if model.columns is None else labeled.X[list(model.columns)]
    usable = X.notna().any(axis=1).to_numpy()
    parts = {name: getattr(labeled, name)[usable] for name in ("y", "groups", "place")}
    return model.model, replace(labeled, X=X[usable], **parts)
