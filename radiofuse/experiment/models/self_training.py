"""A recipe's model, taught a second time: built, named, and refused where it would learn from its own answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.classify import SelfTrainedClassifier
from radiofuse.errors import RequestError
from radiofuse.experiment.models.answers import Answer
from radiofuse.experiment.models.model_list import called, combiners_learn, evaluates_subsets, model_list, reads_crops
from radiofuse.experiment.recipe.models import RecipeModel
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.experiment.recipe.self_training import STAGES
from radiofuse.fuse.joint import JointModel
from radiofuse.fuse.named import Named
from radiofuse.fuse.self_trained import TOLD, SelfTrainedOutcomes
from radiofuse.names import did_you_mean
from radiofuse.patients import Split
from radiofuse.report.kinds import FUSION, OTHER
from radiofuse.tables.outcomes import Outcome
from radiofuse.wording import listed

OF_THE_GATE = {"confidence", "spread", "negative", "negative_spread", "balance", "draws", "n_draws"}
_DOES = {
    "stage_2": "{does} Fitted to the labeled rows and to pseudo-labels of others.",
    "stage_1": "The mean of {n} such models, by whose agreement pseudo-labels are kept.",
    "supervised": "{does} Fitted to the labeled rows alone.",
}


def self_trained(
    recipe: Recipe, model: RecipeModel, built: Any, class_names: Mapping[str, Sequence[str]] | None = None
) -> JointModel:
    """Return an unfitted model of the recipe as one that is fitted in two stages, for each outcome."""
    asked = model.self_training
    base = built if isinstance(built, Named) else Named(built, model.name)
    classifier = SelfTrainedClassifier(base.model, **asked.model_dump(include=OF_THE_GATE), random_state=recipe.seed)
    gates = {name: gate.model_dump(exclude_none=True) for name, gate in asked.outcomes.items()}
    hidden: dict[str, Any] = {"hidden_labels": asked.hidden_labels, "class_names": class_names}
    outcomes = SelfTrainedOutcomes(classifier, gates=gates, **hidden, random_state=recipe.seed)
    return JointModel(outcomes, model.name, base.columns, records=model.keep)


def stage_answers(model: RecipeModel, answers: Iterable[Answer]) -> Iterator[Answer]:
    """Yield what a model answers by, one that is self-trained by its stages in place of what it would without."""
    if model.self_training is None:
        yield from answers
        return
    told = list(answers)
    main = next((answer for answer in told if answer.kind == FUSION), told[0])
    for stage in STAGES:
        does = _DOES[stage].format(does=main.does, n=model.self_training.n_draws)
        kind = main.kind if stage == STAGES[0] else OTHER
        title = f"{main.title}, {stage.replace('_', ' ')} of self-training"
        yield main._replace(name=f"{model.name}_{stage}", model=model.name, kind=kind, title=title, does=does)


def untaught(recipe: Recipe, outcomes: Sequence[Outcome]) -> Iterator[RequestError]:
    """Yield what keeps self-trained models from being fitted."""
    yield from _unteachable_models(recipe)
    yield from _unknown_gates(recipe, outcomes)


def _unteachable_models(recipe: Recipe) -> Iterator[RequestError]:
    """Yield which self-trained model would learn from its own answers, or would be fitted for days."""
    for model in (model for model in model_list(recipe) if model.self_training is not None):
        if combiners_learn(recipe, model):
            yield RequestError(
                f"The model {called(model)!r} learns from pseudo-labels, in which every labeled row had a part: "
                'what its combiner learns from would not be out of fold. Write combine = ["mean"] and calibrate = '
                'false, or take kind = "early".'
            )
        if evaluates_subsets(recipe, model):
            yield RequestError(
                f'The model {called(model)!r} is self-trained and has no members: write subsets = "none".'
            )
        if reads_crops(recipe, model):
            yield RequestError(
                f"The model {called(model)!r} is self-trained, and would train its networks anew in every draw. Let it "
                'read columns alone, with reads = ["radiomics"].'
            )


def _unknown_gates(recipe: Recipe, outcomes: Sequence[Outcome]) -> Iterator[RequestError]:
    """Yield which gate, or share of hidden labels, is for an outcome that there is not."""
    known = [outcome.name for outcome in outcomes]
    for model in (model for model in model_list(recipe) if model.self_training is not None):
        for name in (name for name in model.self_training.outcomes if name not in known):
            yield RequestError(
                f"self_training of {called(model)!r} has a gate for {name!r}, and the outcomes are {listed(known)}."
                f"{did_you_mean(name, known) or ' Correct its name.'}"
            )
        hidden = model.self_training.hidden_labels
        for name in (name for name in (hidden if isinstance(hidden, dict) else ()) if name not in known):
            yield RequestError(
                f"self_training of {called(model)!r} hides labels of {name!r}, and the outcomes are {listed(known)}."
                f"{did_you_mean(name, known) or ' Correct its name.'}"
            )


def pseudo_label_table(final: Any, findings: Sequence[dict[str, Any]], splits: Sequence[Split]) -> pd.DataFrame:
    """Return what was kept of the pseudo-labels in each outer fold, then for the final model, whose fold is NaN."""
    offered = final.findings()
    last = None if offered is None else offered.pseudo_labels
    told = [(split.repeat, split.fold, found["pseudo_labels"]) for split, found in zip(splits, findings, strict=True)]
    rows = [
        pd.concat([pd.DataFrame({"repeat": [float(repeat)], "fold": [float(fold)]}), table], axis=1)
        for repeat, fold, table in [*told, (np.nan, np.nan, last)]
        if table is not None
    ]
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=["repeat", "fold", *TOLD])
