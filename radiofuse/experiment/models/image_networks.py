"""What can be refused of a network on the pictures of several modalities before any work is done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.util import find_spec

from sklearn.utils._param_validation import InvalidParameterError

from radiofuse.deep.fusion.choices import CONCATENATION, FUSIONS
from radiofuse.errors import RadiofuseError, RequestError
from radiofuse.experiment.models.member_chains import image_network
from radiofuse.experiment.models.model_list import model_list, reads_radiomics
from radiofuse.experiment.recipe.models import MULTITASK, ON_IMAGES, RecipeModel
from radiofuse.experiment.recipe.recipe import Recipe

SAID_ELSEWHERE = {  # than among the options
    *("crops", "cache", "clinical", "clinical_scale", "radiomics", "device", "random_state"),
}


_STAGES = {
    "modality_dropout": " Sequences are hidden by chance in training.",
    "self_distillation": " A second pass with sequences hidden learns the features of the one with all of them.",
    "pretraining": " Trained beforehand, without labels, to embed different sequences of a training patient alike.",
    "self_training": " Trained again on labels that a first network is sure of, of training patients without one.",
}


_STAGE_OPTIONS = {  # with an example of each
    "self_distillation": "{ weight = 1.0 }",
    "pretraining": "{ epochs = 10 }",
    "self_training": "{ confidence = 0.9, spread = 0.05 }",
}


def network_words(recipe: Recipe, model: RecipeModel, names: str) -> tuple[str, str]:
    """Return what a network on the pictures of some modalities is called in a report, and what it does."""
    if model.kind == MULTITASK:
        shared = "all outcomes" if model.together else "each outcome"
        return f"multi-task network of {shared} on {names}", _multitask_does(model)
    fusion = str(model.options.get("fusion", CONCATENATION))
    encoder = model.options.get("encoder") or (recipe.deep.encoder if recipe.deep else "none")
    does = f"One network trained end to end: {FUSIONS.get(fusion, fusion)}; encoder {encoder}."
    return f"network ({fusion}) on {names}", does


def _multitask_does(model: RecipeModel) -> str:
    weighted, cut = model.options.get("uncertainty_weighted", "kendall"), model.options.get("tumor_cutmix", 0)
    told = "as they are" if weighted == "off" else f"weighed by learned uncertainties ({weighted})"
    does = "One network for all outcomes" if model.together else "The same network for each outcome by itself"
    regions = " and the regions of the tumor" if model.options.get("regions", True) else ""
    mixed = f" Tumor-CutMix with probability {cut:g}." if cut else ""
    stages = [words for name, words in _STAGES.items() if model.options.get(name)]
    whole = " and the whole volume beside each" if model.options.get("whole") else ""
    return f"{does}{regions}, on patches of voxels{whole}; losses {told}.{mixed}{''.join(stages)}"


def unusable_networks(recipe: Recipe, places: object) -> Iterator[RadiofuseError]:
    """Yield what keeps a network on the pictures of several modalities from being made: blank ones are passed."""
    for model in (model for model in model_list(recipe) if model.kind in ON_IMAGES):
        if recipe.deep is None:
            yield RequestError(
                f"The model {model.name!r} is a network on images, and the recipe has no [deep], which says what "
                "pictures are cut and how networks are trained. Add it."
            )
        elif recipe.deep.channels and reads_radiomics(model):
            yield RequestError(
                f"The model {model.name!r} weighs each modality by its own radiomic features, and channels under "
                "[deep] make one picture of several. Leave channels out, or take another fusion."
            )
        elif model.kind == MULTITASK and recipe.deep.dimensions != 3:
            yield RequestError(
                f"The model {model.name!r} is a multi-task network, which reads patches of voxels, and dimensions "
                "under [deep] is 2. Write dimensions = 3."
            )
        elif find_spec("torch") is not None:
            yield from _problems(recipe, model)


def _problems(recipe: Recipe, model: RecipeModel) -> Iterator[RadiofuseError]:
    """Yield which option the network does not have or take, or why it cannot pass blank pictures."""
    from radiofuse.deep import ImageFusion, MultiTaskNetwork
    from radiofuse.deep.tasks.multitask_options import refuse_names

    kind = MultiTaskNetwork if model.kind == MULTITASK else ImageFusion
    known = sorted(set(kind().get_params(deep=False)) - SAID_ELSEWHERE)
    where, deep = f"options of the model {model.name!r}", recipe.deep
    unknown = [name for name in model.options if name not in known]
    for name in unknown:
        yield RequestError(f"{where} have no option {name!r}; choose from {', '.join(known)}.")
    wrong = list(_wrong_stages(recipe, model))
    yield from (RequestError(f"{where}: {sentence}") for sentence in wrong)
    if unknown or wrong:
        return
    try:
        if model.kind == MULTITASK:
            refuse_names(_outcome_names(recipe))
        network = image_network(recipe, model.model_copy(update={"together": True}), None)
        network.pass_blank(max(1, len(deep.channels)), [deep.size] * deep.dimensions)
    except (InvalidParameterError, RequestError) as error:
        yield RequestError(f"{where}: {error}")


def _outcome_names(recipe: Recipe) -> list[str]:
    return [one.name or one.column for one in recipe.outcomes] if recipe.outcomes else [str(recipe.cohort.label)]


def _wrong_stages(recipe: Recipe, model: RecipeModel) -> Iterator[str]:
    """Yield what stages of a multi-task training cannot be asked by, and gates of outcomes that there are not."""
    asked = {name: model.options[name] for name in _STAGE_OPTIONS if name in model.options}
    for name, value in asked.items():
        if not isinstance(value, bool | Mapping):
            yield f"{name} is true, false, or a table of options as {_STAGE_OPTIONS[name]}; it is {value!r}."
    gates = asked.get("self_training")
    named = gates.get("outcomes", {}) if isinstance(gates, Mapping) else {}
    known = _outcome_names(recipe)
    for name in named:
        if name not in known:
            yield f"self_training has a gate of {name!r}, which is none of the outcomes {', '.join(known)}."
