"""What one outcome of a recipe says of another: as the recipe has it, or as gliomas are classified."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from radiofuse.errors import RequestError
from radiofuse.experiment.models.model_list import called, model_list
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.tables.implications import (
    Implication,
    check_implications,
    contradictions,
    impossible_classes,
    known_implications,
)
from radiofuse.tables.outcomes import Outcome
from radiofuse.wording import some


def implications_of(recipe: Recipe, outcomes: Sequence[Outcome]) -> list[Implication]:
    """Return the implications between a recipe's outcomes: those that it lists, else the known ones."""
    if recipe.implications is None:
        return known_implications(outcomes)
    return [Implication(one.when, one.then, one.source) for one in recipe.implications]


def unusable_implications(recipe: Recipe, outcomes: Sequence[Outcome]) -> Iterator[RequestError]:
    """Yield which implication is of no outcome or class, and whether a model is to obey where there is none."""
    implications = implications_of(recipe, outcomes)
    try:
        check_implications(implications, outcomes)
    except RequestError as error:
        yield error
        return
    for label in impossible_classes(implications, outcomes):
        yield RequestError(
            f"By what [[implications]] say together no patient can have {label}. Correct one of them, or leave it out."
        )
    for model in (model for model in model_list(recipe) if model.coherent and not implications):
        yield RequestError(
            f"coherent has the model {called(model)!r} obey what one outcome says of another, and nothing does. List "
            "it under [[implications]], with when and then, or leave coherent out."
        )


def contradicting_answers(
    implications: Sequence[Implication], outcomes: Sequence[Outcome], predictions: pd.DataFrame, model: str
) -> list[str]:
    """Return a sentence for each implication that the most probable classes of held-out patients contradict.

    Parameters
    ----------
    implications : sequence of Implication
    outcomes : sequence of Outcome
    predictions : DataFrame
        Out of fold, of all outcomes; of several repeats the mean probability counts.
    model : str
        Whose.
    """
    own = predictions[predictions["model"] == model]
    labels = pd.DataFrame({one.name: _most_probable(own[own["outcome"] == one.name], one) for one in outcomes})
    patients = own.drop_duplicates("sample_id").set_index("sample_id")["patient_id"]
    found = contradictions(implications, labels, list(labels.index))
    n_told = int(labels.notna().all(axis=1).sum())
    return [
        f"What {model} holds for most probable contradicts, in {len(samples)} of {n_told} held-out samples with all "
        f"outcomes known ({some(patients[samples].unique())}), that {phrase}. A model of kind chained with coherent = "
        "true obeys it."
        for phrase, samples in found.items()
    ]


def _most_probable(rows: pd.DataFrame, outcome: Outcome) -> pd.Series:
    """Return the most probable class of each sample."""
    each = rows.pivot_table(index="sample_id", columns="class", values="probability", sort=False)
    each = each.reindex(columns=list(outcome.told))
    if outcome.is_binary:
        return each[outcome.positive].map(lambda p: outcome.classes[int(p >= 0.5)], na_action="ignore")
    names = np.asarray(outcome.classes, dtype=object)[each.fillna(-1).to_numpy().argmax(axis=1)]
    return pd.Series(names, index=each.index).where(each.notna().all(axis=1))
