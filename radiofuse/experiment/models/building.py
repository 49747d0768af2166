"""A recipe's models as estimators, each built as its kind says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from radiofuse.errors import RequestError
from radiofuse.experiment.inputs import Inputs
from radiofuse.experiment.models.class_weights import with_class_weights
from radiofuse.experiment.models.member_chains import (
    chains_of,
    clinical_chain,
    crop_classifier,
    feature_chain,
    image_network,
    make_harmonizer,
    stacks_among,
)
from radiofuse.experiment.models.model_list import (
    DEEP,
    LEARNED_JOINS,
    RADIOMICS,
    calibrates,
    called,
    combiners_of,
    deep_member,
    evaluates_subsets,
    inner_folds_of,
    join_of,
    missing_of,
    modalities_of,
    model_list,
    of_several_outcomes,
    reads_deep_columns,
    reads_of,
    reads_radiomics,
)
from radiofuse.experiment.models.networks import of_columns, of_networks
from radiofuse.experiment.models.self_training import self_trained
from radiofuse.experiment.recipe import models as kinds
from radiofuse.experiment.recipe.models import RecipeModel
from radiofuse.experiment.recipe.parts import Selection
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.fuse import ConstraintFusion, JoinedFeatures, LateFusion, ModalityWeighting
from radiofuse.fuse.branches import find_branches, listed
from radiofuse.fuse.early import early_fusion
from radiofuse.fuse.joint import JointModel
from radiofuse.fuse.named import Named
from radiofuse.fuse.outcome_chain import OutcomeChain
from radiofuse.names import make
from radiofuse.tables import columns

CLINICAL_ARM, TRIVIAL_RULE = columns.CLINICAL, "trivial"


def build_model(recipe: Recipe, model: RecipeModel, inputs: Inputs) -> Any:
    """Return the unfitted estimator that a model of a recipe describes.

    Parameters
    ----------
    recipe : Recipe
    model : RecipeModel
    inputs : Inputs

    Returns
    -------
    estimator
        With ``fit(X, y, groups)`` and ``predict_proba_each(X)``.

    Examples
    --------
    >>> from radiofuse.experiment.recipe.recipe import read_recipe
    >>> recipe = read_recipe("pipelines/demo.toml")
    >>> [name for name, _ in build_model(recipe, RecipeModel(), Inputs(["t1", "t1ce"])).estimators]
    ['t1', 't1ce']
    """
    built = KINDS.get(model.kind, _own)(recipe, model, inputs)
    if model.self_training is not None:
        return self_trained(recipe, model, built, inputs.class_names)
    return built if inputs.outcome is None else with_class_weights(built, inputs.outcome)


def list_models(recipe: Recipe, inputs: Inputs, *, joint: bool = False) -> dict[str, BaseEstimator]:
    """Return a recipe's models, unfitted, by what they are called: those of one outcome, or of all at once."""
    chosen = [model for model in model_list(recipe) if of_several_outcomes(model) == joint]
    return {called(model): build_model(recipe, model, inputs) for model in chosen}


def list_kept(recipe: Recipe, inputs: Inputs) -> dict[str, BaseEstimator]:
    """Return the models that a bundle keeps; those of several outcomes at once are `JointModel`."""
    kept = [model for model in model_list(recipe) if model.keep]
    return {called(model): build_model(recipe, model, inputs) for model in kept}


def _late(recipe: Recipe, model: RecipeModel, inputs: Inputs) -> Any:
    members = _members(recipe, model, inputs)
    blocks = _member_columns(recipe, model, inputs)
    fusion = LateFusion(
        members,
        combine=list(combiners_of(recipe, model)),
        columns=blocks,
        cv=inner_folds_of(recipe, model),
        calibrate=calibrates(recipe, model),
        missing=missing_of(recipe, model),
        protocol=recipe.fusion.protocol,
        subsets=evaluates_subsets(recipe, model),
        **_joined(recipe, model, inputs),
        random_state=recipe.seed,
    )
    modalities = modalities_of(model, inputs.modalities)
    if not model.name and set(modalities) >= set(inputs.modalities):
        return fusion
    own = [c for block in blocks.values() for c in block] if blocks else _all_columns(recipe, model, inputs, modalities)
    return Named(fusion, model.name, own or None, records=model.keep)


def _all_columns(recipe: Recipe, model: RecipeModel, inputs: Inputs, modalities: Sequence[str]) -> list[str]:
    """Return the columns of some modalities, pointers to crops among them where a network reads beside the columns."""
    own = inputs.columns_of(modalities, clinical=model.clinical)
    deep = own and reads_deep_columns(recipe, model)
    networks = of_networks(recipe, modalities) if deep else []
    return [*own, *(columns.join(name, columns.CROP) for name in networks)]


def _joined(recipe: Recipe, model: RecipeModel, inputs: Inputs) -> dict[str, Any]:
    """Return which members join the others of a late fusion otherwise than as one more, and how."""
    join = join_of(recipe, model)
    if join not in LEARNED_JOINS:
        return {}
    networks = of_networks(recipe, modalities_of(model, inputs.modalities))
    return {"added": [deep_member(recipe, model, name) for name in networks], "join": join}


def _members(recipe: Recipe, model: RecipeModel, inputs: Inputs) -> list[tuple[str, Any]]:
    modalities, reads = modalities_of(model, inputs.modalities), reads_of(recipe, model)
    members = []
    if RADIOMICS in reads:
        encoded = of_networks(recipe, modalities) if join_of(recipe, model) == "columns" else []
        members = chains_of(
            recipe, model, inputs.source, [*of_columns(recipe, modalities), *stacks_among(recipe, encoded)], encoded
        )
    if DEEP in reads:
        networks = [(name, crop_classifier(recipe, inputs.source)) for name in of_networks(recipe, modalities)]
        members += [(deep_member(recipe, model, name), network) for name, network in networks]
    if model.clinical:
        members.append((columns.CLINICAL, clinical_chain(recipe)))
    return members


def _member_columns(recipe: Recipe, model: RecipeModel, inputs: Inputs) -> dict[str, list[str]] | None:
    """Return the columns of each member; None where their prefixes tell."""
    reads = reads_of(recipe, model)
    if model.reads is None and DEEP not in reads:
        return None
    modalities = modalities_of(model, inputs.modalities)
    own = of_columns(recipe, modalities) if RADIOMICS in reads else []
    blocks = {name: list(inputs.blocks[name]) for name in own if name in inputs.blocks}
    if DEEP in reads:
        crops = {name: [columns.join(name, columns.CROP)] for name in of_networks(recipe, modalities)}
        blocks |= {deep_member(recipe, model, name): crop for name, crop in crops.items()}
    return blocks | ({columns.CLINICAL: list(inputs.clinical)} if model.clinical else {})


def _constrained(recipe: Recipe, model: RecipeModel, inputs: Inputs) -> Any:
    names = modalities_of(model, inputs.modalities)
    chains = chains_of(recipe, model, inputs.source, names, of_networks(recipe, names))
    fusion = ConstraintFusion(chains, method=model.branches, random_state=recipe.seed, **model.options)
    if not inputs.blocks:  # columns are not known yet; the method may name a modality that is not there
        return Named(fusion, model.name)
    members = listed(find_branches(model.branches, [name for name, _ in chains]))
    return Named(fusion, model.name, _all_columns(recipe, model, inputs, members), records=model.keep)


def _weighting(recipe: Recipe, model: RecipeModel, inputs: Inputs) -> Any:
    names = modalities_of(model, inputs.modalities)
    chains = chains_of(recipe, model, inputs.source, names, of_networks(recipe, names))
    if model.clinical:
        chains.append((columns.CLINICAL, clinical_chain(recipe)))
    fusion = ModalityWeighting(chains, random_state=recipe.seed, **model.options)
    own = _all_columns(recipe, model, inputs, names) if inputs.blocks else []
    return Named(fusion, model.name, own or None, records=model.keep)


def _network(recipe: Recipe, model: RecipeModel, inputs: Inputs) -> Any:
    names = of_networks(recipe, modalities_of(model, inputs.modalities))
    own = [columns.join(name, columns.CROP) for name in names]
    own += inputs.columns_of(names if reads_radiomics(model) else [], clinical=model.clinical)
    network, read = image_network(recipe, model, inputs.source), own if inputs.blocks else None
    if of_several_outcomes(model):
        subsets = evaluates_subsets(recipe, model)
        return JointModel(network, model.name, read, records=model.keep, subsets=subsets)
    return Named(network, model.name, read, records=model.keep)


def _early(recipe: Recipe, model: RecipeModel, inputs: Inputs) -> Any:
    if reads_deep_columns(recipe, model):
        return _early_of_networks(recipe, model, inputs)
    modalities = of_columns(recipe, modalities_of(model, inputs.modalities))
    own = inputs.columns_of(modalities, clinical=model.clinical)
    blocks = [*modalities, *([columns.CLINICAL] if model.clinical else [])]
    chain = early_fusion(feature_chain(recipe, model), blocks, joined=model.joined)
    return Named(chain, model.name, own or None, records=model.keep)


def _early_of_networks(recipe: Recipe, model: RecipeModel, inputs: Inputs) -> Any:
    """Return one head on the embeddings of each modality's network, beside radiomic columns where it reads both."""
    names = modalities_of(model, inputs.modalities)
    networks = of_networks(recipe, names)
    own = of_columns(recipe, names) if RADIOMICS in (model.reads or ()) else []
    chains = chains_of(recipe, model, inputs.source, list(dict.fromkeys([*own, *networks])), networks)
    if model.clinical:
        chains.append((columns.CLINICAL, clinical_chain(recipe)))
    head = feature_chain(recipe, model.model_copy(update={"select": Selection(method="none")}))
    crops = [columns.join(name, columns.CROP) for name in networks]
    read = [*inputs.columns_of(own, clinical=model.clinical), *crops]
    return Named(JoinedFeatures(chains, head, random_state=recipe.seed), model.name, read, records=model.keep)


def _clinical(recipe: Recipe, model: RecipeModel, inputs: Inputs) -> Any:
    # nothing is selected from clinical columns, so that folds have nothing to record
    return Named(clinical_chain(recipe), model.name, list(inputs.clinical) or None, records=False)


def _own(recipe: Recipe, model: RecipeModel, inputs: Inputs) -> Any:
    estimator = make(model.kind, {}, "model", model.options)
    answers = hasattr(estimator, "predict_proba") or hasattr(estimator, "predict_proba_each")
    if not (hasattr(estimator, "fit") and answers):
        raise RequestError(
            f"The model {model.kind!r} has no fit with predict_proba or predict_proba_each, which a model needs."
        )
    unset = set(estimator.get_params(deep=False)) - set(model.options)
    seeds = {"random_state": recipe.seed} if "random_state" in unset else {}
    own = inputs.columns_of(modalities_of(model, inputs.modalities), clinical=model.clinical)
    estimator, harmonizer = estimator.set_params(**seeds), make_harmonizer(recipe)
    if harmonizer is not None:
        if not hasattr(estimator, "predict_proba"):
            raise RequestError(f"The model {model.kind!r} has no predict_proba, which it needs beside [harmonize].")
        estimator = Pipeline([("harmonize", harmonizer), ("classify", estimator)])
    named = JointModel if of_several_outcomes(model) else Named
    return named(estimator, model.name, own or None, records=model.keep)


def _chained(recipe: Recipe, model: RecipeModel, inputs: Inputs) -> Any:
    folds, modalities = inner_folds_of(recipe, model), of_columns(recipe, modalities_of(model, inputs.modalities))
    members = _members(recipe, model.model_copy(update={"reads": (RADIOMICS,)}), inputs)
    blocks = {name: list(inputs.blocks[name]) for name in modalities if name in inputs.blocks}
    if blocks and model.clinical:
        blocks[columns.CLINICAL] = list(inputs.clinical)
    first = combiners_of(recipe, model)[0]
    # the links calibrate what they learn from: nothing else is to
    fusion = LateFusion(members, combine=[first], columns=blocks or None, cv=folds, random_state=recipe.seed)
    allowed = inputs.allowed if model.coherent else None
    chain = OutcomeChain(fusion, order=model.order, cv=folds, allowed=allowed, random_state=recipe.seed)
    own = inputs.columns_of(modalities, clinical=model.clinical)
    return JointModel(chain, model.name, own or None, records=model.keep)


KINDS: dict[str, Callable[[Recipe, RecipeModel, Inputs], Any]] = {
    kinds.LATE: _late,
    kinds.EARLY: _early,
    kinds.CONSTRAINED: _constrained,
    kinds.WEIGHTING: _weighting,
    **dict.fromkeys(kinds.ON_IMAGES, _network),
    kinds.CLINICAL: _clinical,
    kinds.CHAINED: _chained,
}
