"""A recipe's models: the fusion that answers, the same on one kind of features, and the constraint fusions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from radiofuse.classify.modality import modality_classifier
from radiofuse.experiment.recipe import Recipe
from radiofuse.fuse import COMBINERS, ConstraintFusion, LateFusion, combiner_name
from radiofuse.fuse.arms import Arm, Constrained
from radiofuse.names import lookup
from radiofuse.select import SELECTORS
from radiofuse.tables import columns

if TYPE_CHECKING:
    from radiofuse.deep import EncoderSpec
    from radiofuse.imaging import Crops

FUSION, CLINICAL_ARM, TRIVIAL_RULE = "fusion", columns.CLINICAL, "trivial"
DEEP, RADIOMICS = "deep", "radiomics"


@dataclass(frozen=True)
class CropSource:
    """Where tumor crops lie, and where encoders trained on them and their embeddings are kept.

    Attributes
    ----------
    crops : Crops
    cache : str
        Root of the feature store.
    """

    crops: Crops
    cache: str


def build_model(
    recipe: Recipe,
    modalities: Sequence[str],
    *,
    blocks: Mapping[str, Sequence[str]] | None = None,
    source: CropSource | None = None,
) -> LateFusion:
    """Return the unfitted late fusion that a recipe describes.

    Parameters
    ----------
    recipe : Recipe
    modalities : sequence of str
        In order: those that have columns in the feature table.
    blocks : mapping, optional
        Columns of each modality without its crop; needed where encoders are members of their own.
    source : CropSource, optional
        Needed to fit a recipe that names an encoder.

    Returns
    -------
    LateFusion
        One member per modality; with ``join = "members"`` a second one, ``<modality>deep``, for its encoder.

    Examples
    --------
    >>> from radiofuse.experiment.recipe import read_recipe
    >>> [name for name, _ in build_model(read_recipe("pipelines/demo.toml"), ["t1", "t1ce"]).estimators]
    ['t1', 't1ce']
    """
    if recipe.deep is None or recipe.deep.join == "columns":
        return _late_fusion(recipe, [(name, _chain(recipe, source)) for name in modalities])
    estimators = [(name, radiomics_chain(recipe)) for name in modalities]
    estimators += [(name + DEEP, _crop_classifier(recipe, source)) for name in modalities]
    crops = {name + DEEP: [columns.join(name, columns.CROP)] for name in modalities}
    return _late_fusion(recipe, estimators, {**(blocks or {}), **crops})


def list_models(
    recipe: Recipe, modalities: Sequence[str], blocks: Mapping[str, Sequence[str]], source: CropSource | None
) -> dict[str, BaseEstimator]:
    """Return the models that answer and the arms to compare them with, unfitted, by name; as ``build_model``."""
    models = list_answering(recipe, modalities, blocks, source)
    if RADIOMICS in recipe.evaluation.arms:
        estimators = [(name, radiomics_chain(recipe)) for name in modalities]
        models[RADIOMICS] = Arm(_late_fusion(recipe, estimators, blocks), RADIOMICS)
    if DEEP in recipe.evaluation.arms:
        crops = {name: [columns.join(name, columns.CROP)] for name in modalities}
        estimators = [(name, _crop_classifier(recipe, source)) for name in modalities]
        models[DEEP] = Arm(_late_fusion(recipe, estimators, crops), DEEP)
    return models


def list_answering(
    recipe: Recipe, modalities: Sequence[str], blocks: Mapping[str, Sequence[str]], source: CropSource | None
) -> dict[str, BaseEstimator]:
    """Return the models that a bundle keeps: the fusion that answers and the constraint fusions."""
    models: dict[str, BaseEstimator] = {FUSION: build_model(recipe, modalities, blocks=blocks, source=source)}
    for method in recipe.fusion.constrained:
        name = constrained_name(method)
        models[name] = Constrained(_constraint_fusion(recipe, modalities, method, source), name)
    return models


def constrained_name(method: str) -> str:
    """Return the model name of a constraint fusion with an input method."""
    return f"constrained_{method}"


def combined_names(recipe: Recipe) -> list[str]:
    """Return what a recipe's combiners are called in tables, the primary one first."""
    return [combiner_name(entry) for entry in recipe.fusion.combine]


def answered_names(recipe: Recipe, modalities: Sequence[str]) -> list[str]:
    """Return every name that a recipe's models answer by in the table of predictions."""
    members = [name for name, _ in build_model(recipe, modalities).estimators]
    combined = combined_names(recipe)
    names = [*members, *combined, *(constrained_name(method) for method in recipe.fusion.constrained)]
    names += [f"{arm}_{name}" for arm in recipe.evaluation.arms for name in (*modalities, *combined)]
    return [*names, CLINICAL_ARM, TRIVIAL_RULE]


def combiners_learn(recipe: Recipe) -> bool:
    """Say whether a combiner needs out-of-fold probabilities."""
    return any(hasattr(lookup(name, COMBINERS, "combiner"), "fit") for name in recipe.fusion.combine)


def training_options(recipe: Recipe) -> dict[str, Any]:
    """Return how a recipe's encoders are trained, the defaults of what it leaves out included."""
    from radiofuse.deep import Training

    return asdict(Training.from_options(recipe.deep.training))


def encoder_spec(recipe: Recipe) -> EncoderSpec:
    """Return what identifies a recipe's encoders but for the rows they are trained on."""
    from radiofuse.deep import EncoderSpec, Training

    deep = recipe.deep
    return EncoderSpec(deep.encoder, Training.from_options(deep.training), deep.device)


def _late_fusion(recipe: Recipe, estimators: list[tuple[str, Any]], blocks: Mapping | None = None) -> LateFusion:
    combine = list(recipe.fusion.combine)
    return LateFusion(
        estimators,
        combine=combine,
        columns=blocks,
        cv=recipe.fusion.inner_folds,
        random_state=recipe.seed,
    )


def _constraint_fusion(recipe: Recipe, modalities: Sequence[str], method: str, source: CropSource | None) -> Any:
    chains = [(name, _chain(recipe, source)) for name in modalities]
    return ConstraintFusion(chains, method=method, random_state=recipe.seed, **recipe.fusion.constrained_options)


def _chain(recipe: Recipe, source: CropSource | None) -> Pipeline:
    return radiomics_chain(recipe, encoder=_crop_encoder(recipe, source) if recipe.deep else None)


def radiomics_chain(recipe: Recipe, encoder: BaseEstimator | None = None) -> Pipeline:
    """Return one unfitted member of the fusion: the recipe's selector and classifier, behind an encoder if given."""
    chosen = recipe.select
    return modality_classifier(
        recipe.classify.method,
        select=chosen.steps or (None if chosen.method == "none" else chosen.method),
        random_state=recipe.seed,
        select_options=_with_paths(recipe),
        classify_options=recipe.classify.options,
        encoder=encoder,
    )


def selector_files(recipe: Recipe) -> list[Path]:
    """Return the files that the options of a recipe's selectors name."""
    return [recipe.path(part[name]) for part, name in _named_paths(recipe, recipe.select.options)]


def _with_paths(recipe: Recipe) -> dict[str, Any]:
    """Return the options of a recipe's selectors, files found from the recipe's folder."""
    options = deepcopy(recipe.select.options)
    for part, name in _named_paths(recipe, options):
        part[name] = str(recipe.path(part[name]))
    return options


def _named_paths(recipe: Recipe, options: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the options, of the one selector or of a step, that name a file, and by which parameter."""
    for selector in recipe.select.names:
        part = options.get(selector, {}) if recipe.select.steps else options
        known = getattr(lookup(selector, SELECTORS, "selector"), "path_parameters", ())
        yield from ((part, name) for name in known if isinstance(part.get(name), str))


def _crop_encoder(recipe: Recipe, source: CropSource | None) -> BaseEstimator:
    from radiofuse.deep import CropEncoder

    deep = recipe.deep
    return CropEncoder(protocol=deep.protocol, output=deep.output, cv=deep.folds, **_encoder_options(recipe, source))


def _crop_classifier(recipe: Recipe, source: CropSource | None) -> BaseEstimator:
    from radiofuse.deep import CropClassifier

    return CropClassifier(**_encoder_options(recipe, source))


def _encoder_options(recipe: Recipe, source: CropSource | None) -> dict[str, Any]:
    deep = recipe.deep
    training = training_options(recipe)
    options = {"encoder": deep.encoder, "training": training, "device": deep.device, "random_state": recipe.seed}
    return options if source is None else {**options, "crops": source.crops, "cache": source.cache}
