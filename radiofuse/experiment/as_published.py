"""What a recipe asks for as published that we would not do: how it is done, what it keeps from, how it is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from radiofuse.classify.selected_before_split import SELECT, SelectedBeforeSplit
from radiofuse.errors import RequestError
from radiofuse.experiment.models.member_chains import classifier_of, selection_of, tuning_of
from radiofuse.experiment.models.model_list import (
    DEEP,
    called,
    combiners_learn,
    model_list,
    of_several_outcomes,
    reads_of,
    reads_radiomics,
    selects_deep_features,
)
from radiofuse.experiment.recipe.models import CHAINED, CONSTRAINED, LATE, SELECTING, RecipeModel
from radiofuse.experiment.recipe.parts import Selection
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.experiment.rows import LabeledRows
from radiofuse.ledger.chains import exchanged
from radiofuse.wording import listed

AS_PUBLISHED = "as_published"

_DEEP_FEATURES = (
    "Training rows carry embeddings by the encoder that was trained on them (as_published): selection and "
    "classifiers see features fitted to the labels. Use protocol = crossfit for figures to rely on."
)
_SELECTION = (
    "Features are selected on all patients before the split, those of the test and their labels among them "
    "(protocol = as_published under [select]): every score of {} is too good. Leave it out for figures to rely on."
)
_WEIGHTS = (
    "Fusion weights are learned from what members say of their own training patients (protocol = as_published under "
    "[fusion]), and so trust the member that overfits most. Leave it out for weights to rely on."
)
_DIFFERENCE = (
    "The constraint fusions minimize equation 4 as printed (difference = literal_norm), which makes specific "
    "codes equal to invariant ones, the contrary of what the text wants. Leave it out for orthogonality."
)
_TRAINING = (
    "The constraint fusions are trained as published (training = as_published): batches of 16 rows as they "
    "stand, never shuffled, at a rate that does not fall. Leave it out for steps on all rows."
)


def deviations(recipe: Recipe) -> list[str]:
    """Return a sentence for each thing that a recipe asks for as published and that we would not do."""
    return list(_deviations(recipe))


def _deviations(recipe: Recipe) -> Iterator[str]:
    if selects_deep_features(recipe) and recipe.deep.protocol == AS_PUBLISHED:
        yield _DEEP_FEATURES
    if selecting := _selecting_before(recipe):
        yield _SELECTION.format(listed([called(model) for model in selecting]))
    if any(combiners_learn(recipe, model) for model in model_list(recipe)) and learns_in_sample(recipe):
        yield _WEIGHTS
    constrained = [model for model in model_list(recipe) if model.kind == CONSTRAINED]
    if any(model.options.get("difference") == "literal_norm" for model in constrained):
        yield _DIFFERENCE
    if any(model.options.get("training") == AS_PUBLISHED for model in constrained):
        yield _TRAINING


def learns_in_sample(recipe: Recipe) -> bool:
    """Say whether combiners learn from what members say of their own training rows."""
    return recipe.fusion.protocol == AS_PUBLISHED


def _selecting_before(recipe: Recipe) -> list[RecipeModel]:
    models = [model for model in model_list(recipe) if model.kind in (*SELECTING, CHAINED) and model.reads != (DEEP,)]
    return [one for one in models if _is_as_published(selection_of(recipe, one))]


def _is_as_published(selection: Selection) -> bool:
    """Say whether features are selected before the split; where none are, there is nothing to do so."""
    return selection.protocol == AS_PUBLISHED and bool(selection.names)


def selected_before_split(
    recipe: Recipe, models: Mapping[str, BaseEstimator], labeled: LabeledRows
) -> dict[str, BaseEstimator]:
    """Return models for the folds; chains of those that select as published choose features on all labeled rows.

    Parameters
    ----------
    recipe : Recipe
    models : mapping of str to estimator
        Unfitted, by what they are called.
    labeled : LabeledRows
        All rows of the outcome, in and out of the training folds.
    """
    chosen = {called(model) for model in _selecting_before(recipe)}
    before = {
        name: exchanged(models[name], labeled.X, labeled.y, np.asarray(labeled.groups), _select_before)
        for name in models
        if name in chosen
    }
    return {**models, **{name: model for name, model in before.items() if model is not None}}


def _select_before(chain: Any, X: pd.DataFrame, y: np.ndarray, groups: np.ndarray) -> Pipeline | None:
    if not isinstance(chain, Pipeline) or chain.named_steps.get(SELECT) in (None, "passthrough"):
        return None
    return SelectedBeforeSplit(chain.steps, rows=X, labels=y, patients=groups)


def what_published_selection_keeps_from(recipe: Recipe, places: object) -> Iterator[RequestError]:
    """Yield what does not go together with features that are selected before the split."""
    yield from _networks_that_select(recipe)
    selecting, plan = _selecting_before(recipe), recipe.evaluation
    if not selecting:
        return
    asked = ("ledger", "permutations", "optimism", "conformal", "recalibrations", "spread_refits")
    for name in (name for name in asked if getattr(plan, name)):
        yield RequestError(
            f"{name} under [evaluation] asks how far an answer can be trusted, and with protocol = "
            f'"{AS_PUBLISHED}" under [select] none can. Leave either out.'
        )
    if any(map(of_several_outcomes, selecting)):
        yield RequestError(
            f'Features are selected before the split (protocol = "{AS_PUBLISHED}" under [select]) for one outcome at '
            "a time. Leave the chained model out, or give it a select of its own."
        )
    if any(tuning_of(classifier_of(recipe, model)) for model in selecting):
        yield RequestError(
            "search, oversample and mixup under [classify] work inside the folds, and protocol = "
            f'"{AS_PUBLISHED}" under [select] looks beyond them. Leave either out.'
        )


def _networks_that_select(recipe: Recipe) -> Iterator[RequestError]:
    """Yield which network on images is asked to select its radiomic features before the split, and does not."""
    for model in (model for model in model_list(recipe) if reads_radiomics(model)):
        if _is_as_published(selection_of(recipe, model)):
            yield RequestError(
                f"The model {called(model)!r} selects radiomic features inside the folds alone, and protocol = "
                f'"{AS_PUBLISHED}" under [select] asks for all patients. Give it a select of its own without it, or '
                "leave the model out."
            )


def networks_asked_of_their_own_rows(recipe: Recipe, places: object) -> Iterator[RequestError]:
    """Yield which late fusion would learn from what networks say of the very rows that they were trained on."""
    if not learns_in_sample(recipe):
        return
    for model in (model for model in model_list(recipe) if model.kind == LATE):
        if DEEP in reads_of(recipe, model) and combiners_learn(recipe, model):
            yield RequestError(
                f'Networks do not answer for rows that they were trained on, which protocol = "{AS_PUBLISHED}" under '
                f'[fusion] asks of the model {called(model)!r}. Give it combine = ["mean"] and calibrate = false, or '
                'put embeddings among the columns, join = "columns" under [deep].'
            )


REFUSALS = (what_published_selection_keeps_from, networks_asked_of_their_own_rows)
