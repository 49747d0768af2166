"""The chains of a recipe's models: one modality's columns selected and classified, or its crops by a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline

from radiofuse.classify.modality import clinical_classifier, modality_classifier
from radiofuse.experiment.models.model_list import model_list, reads_radiomics
from radiofuse.experiment.models.networks import stack_of
from radiofuse.experiment.recipe.models import MULTITASK, RecipeModel
from radiofuse.experiment.recipe.parts import Selection, Step
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.fuse.each_outcome import EachOutcome
from radiofuse.names import lookup
from radiofuse.prepare.site_columns import SiteHarmonizer
from radiofuse.select import PROJECTIONS, SELECTORS

if TYPE_CHECKING:
    from radiofuse.deep import EncoderSpec
    from radiofuse.deep.pictures import PictureRows


@dataclass(frozen=True)
class CropSource:
    """Where the pictures that networks read lie, and where encoders trained on them and their embeddings are kept.

    Attributes
    ----------
    crops : Crops or Pictures
    cache : str
        Root of the feature store.
    """

    crops: PictureRows
    cache: str


def selection_of(recipe: Recipe, model: RecipeModel) -> Selection:
    """Return how a model selects features."""
    return model.select or recipe.select


def classifier_of(recipe: Recipe, model: RecipeModel) -> Step:
    """Return the classifier of a model."""
    return model.classify or recipe.classify


def feature_chain(recipe: Recipe, model: RecipeModel, encoder: BaseEstimator | None = None) -> Pipeline:
    """Return an unfitted chain: a model's selector and classifier, behind an encoder if given."""
    chosen, classifier = selection_of(recipe, model), classifier_of(recipe, model)
    return modality_classifier(
        classifier.method,
        select=chosen.steps or (None if chosen.method == "none" else chosen.method),
        random_state=recipe.seed,
        select_options=_with_paths(recipe, chosen),
        classify_options=classifier.options,
        encoder=encoder,
        harmonizer=make_harmonizer(recipe),
        tuning=tuning_of(classifier),
    )


def tuning_of(classifier: Step) -> dict[str, Any] | None:
    """Return how a classifier is tuned inside its fold, None where it is taken as it is."""
    drawn = {"oversample": classifier.oversample, "mixup": classifier.mixup}
    if not classifier.search and set(drawn.values()) == {None}:
        return None
    return {"search": classifier.search, "search_score": classifier.search_score, **drawn}


def make_harmonizer(recipe: Recipe) -> SiteHarmonizer | None:
    """Return the unfitted step that takes the effects of sites from features, None where none is asked for."""
    asked = recipe.harmonize
    if asked is None:
        return None
    return SiteHarmonizer(unseen=asked.unseen, mean_only=asked.mean_only, parametric=asked.parametric)


def encoded_chain(recipe: Recipe, model: RecipeModel, source: CropSource | None) -> Pipeline:
    """Return a chain whose encoder puts its output beside the radiomic columns, where the recipe names an encoder."""
    return feature_chain(recipe, model, _crop_encoder(recipe, source) if recipe.deep else None)


def chains_of(
    recipe: Recipe, model: RecipeModel, source: CropSource | None, names: Sequence[str], encoded: Sequence[str]
) -> list[tuple[str, Any]]:
    """Return an unfitted chain for each modality, with an encoder in front where one is among ``encoded``."""
    plain = feature_chain(recipe, model)
    return [(name, encoded_chain(recipe, model, source) if name in encoded else clone(plain)) for name in names]


def stacks_among(recipe: Recipe, names: Sequence[str]) -> list[str]:
    """Return the network of several channels where it is among some names."""
    return [name for name in names if name == stack_of(recipe)]


def clinical_chain(recipe: Recipe) -> Pipeline:
    """Return the unfitted chain of a recipe's clinical columns."""
    return clinical_classifier(scale=recipe.clinical.scale, random_state=recipe.seed)


def crop_classifier(recipe: Recipe, source: CropSource | None) -> BaseEstimator:
    """Return an unfitted network that classifies the tumor crops of one modality."""
    from radiofuse.deep import CropClassifier

    return CropClassifier(**_encoder_options(recipe, source))


def image_network(recipe: Recipe, model: RecipeModel, source: CropSource | None) -> BaseEstimator:
    """Return an unfitted network on the pictures of several modalities: of one outcome, or of all."""
    return (multitask_network if model.kind == MULTITASK else image_fusion)(recipe, model, source)


def image_fusion(recipe: Recipe, model: RecipeModel, source: CropSource | None) -> BaseEstimator:
    """Return an unfitted network on the pictures of several modalities, as [deep] and the model's options say."""
    from radiofuse.deep import ImageFusion

    options = {**_encoder_options(recipe, source), "clinical_scale": recipe.clinical.scale, "clinical": model.clinical}
    asked = dict(model.options)
    if "encoder" in asked or "options" in asked:  # the options under [deep] are those of its encoder
        asked["options"] = encoder_options(recipe, asked.get("encoder"), asked.get("options", {}))
    if "training" in asked:
        asked["training"] = training_options(recipe, asked["training"])
    if reads_radiomics(model):
        options["radiomics"] = Pipeline(feature_chain(recipe, model).steps[:-1])  # all but the classifier
    return ImageFusion(**{**options, **asked})


def multitask_network(recipe: Recipe, model: RecipeModel, source: CropSource | None) -> BaseEstimator:
    """Return an unfitted network of all outcomes, or one for each of them, as [deep] and the model's options say."""
    from radiofuse.deep import MultiTaskNetwork

    deep, asked = recipe.deep, dict(model.options)
    asked["training"] = training_options(recipe, asked.get("training"))
    options = {"device": deep.device, "random_state": recipe.seed, "intensities": deep.intensities, "over": deep.over}
    places = {} if source is None else {"crops": source.crops, "cache": source.cache}
    network = MultiTaskNetwork(**{**options, **places, **asked})
    return network if model.together else EachOutcome(network)


def selector_files(recipe: Recipe) -> list[Path]:
    """Return the files that the options of a recipe's selectors name, each once."""
    chosen = [selection_of(recipe, model) for model in model_list(recipe)]
    named = (part[name] for one in chosen for part, name in _named_paths(one, one.options))
    return [recipe.path(name) for name in dict.fromkeys(named)]


def training_options(recipe: Recipe, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return how a recipe's encoders are trained, the defaults of what it and ``more`` leave out included."""
    from radiofuse.deep import Training

    return asdict(Training.from_options({**recipe.deep.training, **(more or {})}))


def encoder_spec(recipe: Recipe) -> EncoderSpec:
    """Return what identifies a recipe's encoders but for the rows they are trained on."""
    from radiofuse.deep import EncoderSpec, Training

    deep = recipe.deep
    training = Training.from_options(deep.training)
    measured = {"intensities": deep.intensities, "over": deep.over, "aggregate": deep.aggregate}
    return EncoderSpec(deep.encoder, training, deep.device, encoder_options(recipe), **measured)


def encoder_options(
    recipe: Recipe, encoder: str | None = None, given: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the own options of the encoder under [deep], or those given of another.

    The number of channels is among them where there are several; files are found from the recipe's folder.
    """
    options = deepcopy(dict(recipe.deep.options if given is None else given))
    if isinstance(options.get("weights"), str) and ":" not in options["weights"]:
        options["weights"] = str(recipe.path(options["weights"]))
    if recipe.deep.dimensions == 3 and ":" not in (
        encoder or recipe.deep.encoder
    ):  # one of one's own knows what it reads
        options["dimensions"] = 3
    return options | ({"channels": len(recipe.deep.channels)} if recipe.deep.channels else {})


def _with_paths(recipe: Recipe, chosen: Selection) -> dict[str, Any]:
    """Return the options of selectors, files found from the recipe's folder."""
    options = deepcopy(chosen.options)
    for part, name in _named_paths(chosen, options):
        part[name] = str(recipe.path(part[name]))
    return options


def _named_paths(chosen: Selection, options: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the options, of the one selector or of a step, that name a file, and by which parameter."""
    for selector in chosen.names:
        part = options.get(selector, {}) if chosen.steps else options
        known = getattr(lookup(selector, SELECTORS | PROJECTIONS, "selector"), "path_parameters", ())
        yield from ((part, name) for name in known if isinstance(part.get(name), str))


def _crop_encoder(recipe: Recipe, source: CropSource | None) -> BaseEstimator:
    from radiofuse.deep import CropEncoder

    deep = recipe.deep
    return CropEncoder(protocol=deep.protocol, output=deep.output, cv=deep.folds, **_encoder_options(recipe, source))


def _encoder_options(recipe: Recipe, source: CropSource | None) -> dict[str, Any]:
    deep = recipe.deep
    training = training_options(recipe)
    options = {"encoder": deep.encoder, "training": training, "device": deep.device, "random_state": recipe.seed}
    options |= {"options": encoder_options(recipe), "intensities": deep.intensities, "over": deep.over}
    options |= {"aggregate": deep.aggregate}
    return options if source is None else {**options, "crops": source.crops, "cache": source.cache}
