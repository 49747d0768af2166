"""How the models of a run weigh their members: in the final model, with intervals, over the folds, and in sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pandas as pd

from radiofuse.estimators import OffersFindings
from radiofuse.evaluate.findings import in_sample_weights, summarize_weights
from radiofuse.evaluate.resampled_weights import resampled_weights
from radiofuse.experiment.description import Models
from radiofuse.experiment.models.model_list import FUSION
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.experiment.rows import LabeledRows, Rows
from radiofuse.fuse import LateFusion
from radiofuse.progress import Meter

_OF_SCORES = 10  # resamples of the scores for each of the weights, whose combiners are fitted again

Key = tuple[str, str]  # outcome and model
Weights = dict[Key, pd.DataFrame]


def weigh_members(
    recipe: Recipe,
    rows: Rows,
    findings: Mapping[Key, Sequence[dict[str, Any]]],
    models: Models,
    *,
    progress: Meter,
) -> Weights:
    """Return the weights of every kept model that offers findings, as `summarize_weights` does, by outcome and model.

    In-sample weights stand beside them where a published table may show such.
    """
    labeled = {outcome.name: rows.of(outcome) for outcome in rows.outcomes}
    kept = {key: of_folds for key, of_folds in findings.items() if key[1] in models[key[0]]}
    found = {}
    with progress("Resampling the fusion weights", "models") as on_done:
        for done, (key, of_folds) in enumerate(kept.items(), start=1):
            found[key] = _weights(recipe, labeled[key[0]], key, models[key[0]][key[1]], of_folds)
            on_done(done, len(kept))
    return found


def _weights(
    recipe: Recipe, rows: LabeledRows, key: Key, model: OffersFindings, findings: Sequence[dict[str, Any]]
) -> pd.DataFrame:
    shown = rows.X, rows.y, rows.groups
    n_resamples = -(-recipe.evaluation.resamples // _OF_SCORES)
    resampled = resampled_weights(model, *shown, n_resamples=n_resamples, seed=recipe.seed)
    wanted = recipe.tables and key[1] == FUSION
    fusion = cast(LateFusion, model)  # the model without a name is one
    in_sample = in_sample_weights(fusion, *shown) if wanted else None
    return summarize_weights(model, findings, in_sample, resampled)
