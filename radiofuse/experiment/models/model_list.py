"""A recipe's models as a list: those it lists, or those that its short form stands for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from radiofuse.deep.encoders.choices import FROZEN_FILES
from radiofuse.deep.fusion.choices import RADIOMICS_ATTENTION
from radiofuse.experiment.models.networks import stack_of
from radiofuse.experiment.recipe.models import (
    BY_NETWORK,
    CHAINED,
    CLINICAL,
    CONSTRAINED,
    EARLY,
    LATE,
    MULTITASK,
    NETWORK,
    OWN_OPTIONS,
    RecipeModel,
)
from radiofuse.experiment.recipe.parts import NO_RADIOMICS, Missing
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.experiment.recipe.self_training import STAGES
from radiofuse.fuse import COMBINERS, combiner_name
from radiofuse.fuse.choices import learns
from radiofuse.fuse.joint import MULTI_OUTCOME, SEMI_SUPERVISED, declares
from radiofuse.names import lookup

FUSION = "fusion"  # what the late fusion without a name is called among models
DEEP, RADIOMICS = "deep", "radiomics"
LEARNED_JOINS = ("logit", "auto")  # how networks join a late fusion where that is learned


def model_list(recipe: Recipe) -> list[RecipeModel]:
    """Return a recipe's models, the first of which gives the main answer.

    The short form is a late fusion without a name, a constraint fusion for each entry of ``constrained`` under
    [fusion], and for each of ``arms`` under [evaluation] a late fusion on one kind of features.

    Examples
    --------
    >>> from radiofuse.experiment.recipe.recipe import read_recipe
    >>> [(model.kind, model.name) for model in model_list(read_recipe("pipelines/demo.toml"))]
    [('late', '')]
    """
    if recipe.models is not None:
        return list(recipe.models)
    options = recipe.fusion.constrained_options
    constrained = [
        RecipeModel(kind=CONSTRAINED, name=constrained_name(method), branches=method, options=options)
        for method in recipe.fusion.constrained
    ]
    arms = [arm for arm in (RADIOMICS, DEEP) if arm in recipe.evaluation.arms]
    return [RecipeModel(), *constrained, *(_arm(arm) for arm in arms)]


def _arm(kind: Literal["radiomics", "deep"]) -> RecipeModel:
    return RecipeModel(name=kind, reads=(kind,), subsets="none", keep=False)


def constrained_name(method: str) -> str:
    """Return the model name of a constraint fusion with an input method."""
    return f"constrained_{method}"


def called(model: RecipeModel) -> str:
    """Return what a model is called among the models of a run."""
    return model.name or FUSION


def prefixed(model: RecipeModel, answer: str) -> str:
    """Return the name in tables of one of a late fusion's answers.

    >>> prefixed(RecipeModel(name="all"), "mean"), prefixed(RecipeModel(), "mean")
    ('all_mean', 'mean')
    """
    return f"{model.name}_{answer}" if model.name else answer


def combiners_of(recipe: Recipe, model: RecipeModel) -> tuple[str, ...]:
    """Return the combiners of a late fusion as the recipe writes them."""
    return model.combine or recipe.fusion.combine


def inner_folds_of(recipe: Recipe, model: RecipeModel) -> int:
    """Return how many folds give a late fusion's combiners out-of-fold probabilities."""
    return model.inner_folds or recipe.fusion.inner_folds


def calibrates(recipe: Recipe, model: RecipeModel) -> bool:
    """Say whether a late fusion calibrates the mean of its members."""
    return recipe.fusion.calibrate if model.calibrate is None else model.calibrate


def missing_of(recipe: Recipe, model: RecipeModel) -> Missing:
    """Return what becomes of a late fusion's learned combiners where a modality is absent."""
    return model.missing or recipe.fusion.missing


def evaluates_subsets(recipe: Recipe, model: RecipeModel) -> bool:
    """Say whether a late fusion also answers by every combination of its members, a network of its modalities."""
    usual = None if model.kind == MULTITASK else recipe.fusion.subsets
    return (model.subsets or usual) == "all"


def combined_names(recipe: Recipe, model: RecipeModel) -> list[str]:
    """Return what a late fusion's combiners are called in tables, the answering one first."""
    return [prefixed(model, combiner_name(entry)) for entry in combiners_of(recipe, model)]


def primary_of(recipe: Recipe) -> str:
    """Return the name of a run's main answer."""
    first = model_list(recipe)[0]
    if first.self_training is not None:
        return f"{first.name}_{STAGES[0]}"
    return combined_names(recipe, first)[0] if first.kind == LATE else first.name


def combiners_learn(recipe: Recipe, model: RecipeModel) -> bool:
    """Say whether a combiner of a late fusion needs out-of-fold probabilities."""
    combiners = combiners_of(recipe, model) if model.kind == LATE else ()
    calibrate = calibrates(recipe, model)
    if model.kind == LATE and join_of(recipe, model) in LEARNED_JOINS:
        return True
    return any(learns(lookup(name, COMBINERS, "combiner"), calibrate=calibrate) for name in combiners)


def largest_inner_folds(recipe: Recipe) -> int | None:
    """Return the most inner folds that a combiner or a chain of the recipe learns on, None where none learns."""
    learning = [model for model in model_list(recipe) if model.kind == CHAINED or combiners_learn(recipe, model)]
    return max((inner_folds_of(recipe, model) for model in learning), default=None)


def largest_nested_folds(recipe: Recipe) -> int | None:
    """Return the most folds of a chain whose combiner learns in as many folds inside them, None where none does."""
    chains = [model for model in model_list(recipe) if model.kind == CHAINED]
    learning = [one for one in chains if learns(lookup(combiners_of(recipe, one)[0], COMBINERS, "combiner"))]
    return max((inner_folds_of(recipe, model) for model in learning), default=None)


def of_several_outcomes(model: RecipeModel) -> bool:
    """Say whether a model is of all outcomes at once: a chain, a multi-task network, self-trained, or declared to be.

    >>> of_several_outcomes(RecipeModel()), of_several_outcomes(RecipeModel(kind="chained", name="chained"))
    (False, True)
    """
    joint = model.kind in (CHAINED, MULTITASK) or model.self_training is not None
    return joint or _declares(model, MULTI_OUTCOME)


def learns_unlabeled(recipe: Recipe) -> bool:
    """Say whether some model of a recipe learns from rows without any label too."""
    return any(_learns_unlabeled(model) for model in model_list(recipe))


def _learns_unlabeled(model: RecipeModel) -> bool:
    if model.kind == MULTITASK:
        return any(model.options.get(name) for name in ("self_training", "pretraining"))
    return model.self_training is not None or (_declares(model, MULTI_OUTCOME) and _declares(model, SEMI_SUPERVISED))


def _declares(model: RecipeModel, attribute: str) -> bool:
    return model.kind not in OWN_OPTIONS and declares(lookup(model.kind, {}, "model"), attribute)


def modalities_of(model: RecipeModel, known: Sequence[str]) -> list[str]:
    """Return the modalities that a model reads, in the order of the run."""
    return [name for name in known if model.modalities is None or name in model.modalities]


def join_of(recipe: Recipe, model: RecipeModel) -> str | None:
    """Return how networks join a late fusion; None where none does, or ``reads`` names the members."""
    return None if recipe.deep is None or model.reads is not None else model.join or usual_join(recipe)


def usual_join(recipe: Recipe) -> str:
    """Return how networks join where a model does not say: as [deep] says, else "auto".

    Where it does not say so either, a frozen encoder, which has no answer of its own, gives columns, and so does any
    where there are no features to join.

    >>> from radiofuse.experiment.recipe.recipe import read_recipe
    >>> usual_join(read_recipe("pipelines/shi2023_idh.toml"))
    'columns'
    """
    deep = recipe.deep
    if deep.join is not None:
        return deep.join
    frozen = deep.options.get("frozen") or deep.encoder in FROZEN_FILES
    return "columns" if frozen or recipe.radiomics.settings == NO_RADIOMICS else "auto"


def reads_deep_columns(recipe: Recipe, model: RecipeModel) -> bool:
    """Say whether a model learns from an encoder's output as columns beside others."""
    if recipe.deep is None:
        return False
    if model.kind == EARLY:
        return DEEP in (model.reads or ())
    if model.reads is not None:
        return False
    return model.kind in BY_NETWORK or (model.kind == LATE and join_of(recipe, model) == "columns")


def encodes_columns(recipe: Recipe) -> bool:
    """Say whether a late or early fusion learns from an encoder's output as columns."""
    return any(model.kind in (LATE, EARLY) and reads_deep_columns(recipe, model) for model in model_list(recipe))


def reads_crops(recipe: Recipe, model: RecipeModel) -> bool:
    """Say whether a model reads tumor crops, by networks of its own or as columns."""
    own = model.kind == LATE and (DEEP in (model.reads or ()) or (recipe.deep is not None and model.reads is None))
    return own or reads_deep_columns(recipe, model)


def reads_radiomics(model: RecipeModel) -> bool:
    """Say whether a network on images reads radiomic features beside them.

    >>> reads_radiomics(RecipeModel(name="n", kind="network", options={"fusion": "radiomics_attention"}))
    True
    """
    return model.kind == NETWORK and model.options.get("fusion") == RADIOMICS_ATTENTION


def reads_columns_alone(recipe: Recipe, model: RecipeModel) -> bool:
    """Say whether some member of a model learns from columns without an encoder's output beside them."""
    if model.kind == NETWORK:
        return reads_radiomics(model)
    if model.kind in (*BY_NETWORK, MULTITASK, CLINICAL) or (model.kind == LATE and model.reads == (DEEP,)):
        return False
    return not reads_deep_columns(recipe, model)


def uses_encoder(recipe: Recipe) -> bool:
    """Say whether some model may use the encoder under [deep]: multi-task networks, for instance, have their own."""
    return recipe.deep is not None and any(_may_use_encoder(recipe, model) for model in model_list(recipe))


def _may_use_encoder(recipe: Recipe, model: RecipeModel) -> bool:
    if model.kind in (LATE, EARLY):
        return reads_crops(recipe, model)
    return model.kind not in (MULTITASK, CHAINED, CLINICAL)


def selects_deep_features(recipe: Recipe) -> bool:
    """Say whether some model does: where ``output`` and ``protocol`` under [deep] matter."""
    return any(reads_deep_columns(recipe, model) for model in model_list(recipe))


def reads_of(recipe: Recipe, model: RecipeModel) -> tuple[str, ...]:
    """Return which members a late fusion has of each modality: of columns, of crops, or of both."""
    if model.reads is not None:
        return model.reads
    return (RADIOMICS,) if join_of(recipe, model) in (None, "columns") else (RADIOMICS, DEEP)


def deep_member(recipe: Recipe, model: RecipeModel, modality: str) -> str:
    """Return what a network's member is called; by the modality alone where there is no other member of it."""
    beside = RADIOMICS in reads_of(recipe, model) and modality != stack_of(recipe)
    return modality + DEEP if beside else modality
