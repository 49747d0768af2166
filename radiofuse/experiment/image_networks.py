"""What can be refused of a network on the pictures of several modalities before any work is done."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

from sklearn.utils._param_validation import InvalidParameterError

from radiofuse.errors import RadiofuseError, RequestError
from radiofuse.experiment.member_chains import image_fusion
from radiofuse.experiment.model_list import model_list, reads_radiomics
from radiofuse.experiment.recipe import Recipe
from radiofuse.experiment.recipe_models import NETWORK, RecipeModel

SAID_ELSEWHERE = {  # than among the options
    *("crops", "cache", "clinical", "clinical_scale", "radiomics", "device", "random_state"),
}


def unusable_networks(recipe: Recipe, places: object) -> Iterator[RadiofuseError]:
    """Yield what keeps a network on the pictures of several modalities from being made: blank ones are passed."""
    for model in (model for model in model_list(recipe) if model.kind == NETWORK):
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
        elif find_spec("torch") is not None:
            yield from _problems(recipe, model)


def _problems(recipe: Recipe, model: RecipeModel) -> Iterator[RadiofuseError]:
    """Yield which option the network does not have or take, or why it cannot pass blank pictures."""
    from radiofuse.deep import ImageFusion

    known = sorted(set(ImageFusion().get_params(deep=False)) - SAID_ELSEWHERE)
    where, deep = f"options of the model {model.name!r}", recipe.deep
    unknown = [name for name in model.options if name not in known]
    for name in unknown:
        yield RequestError(f"{where} have no option {name!r}; choose from {', '.join(known)}.")
    if unknown:
        return
    try:
        image_fusion(recipe, model, None).pass_blank(max(1, len(deep.channels)), [deep.size] * deep.dimensions)
    except (InvalidParameterError, RequestError) as error:
        yield RequestError(f"{where}: {error}")
