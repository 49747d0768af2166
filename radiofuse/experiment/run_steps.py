"""Which steps the models of a run have, so that its page and its card tell of no other."""

from __future__ import annotations

from radiofuse.bundle.steps import CLASSIFIES, COMBINES, ENCODES, ON_PICTURES, SELECTS
from radiofuse.experiment.models.model_list import (
    DEEP,
    RADIOMICS,
    combiners_learn,
    model_list,
    reads_columns_alone,
    reads_crops,
    reads_deep_columns,
)
from radiofuse.experiment.recipe.models import CHAINED, EARLY, LATE, NETWORK, ON_IMAGES, SELECTING, RecipeModel
from radiofuse.experiment.recipe.recipe import Recipe


def steps_of(recipe: Recipe, *, columns: bool = True) -> list[str]:
    """Return which steps some model of a recipe has; clinical data alone, the reference, does not count.

    Parameters
    ----------
    recipe : Recipe
    columns : bool, default=True
        Whether there are radiomic or ready-made features.

    Returns
    -------
    list of str

    Examples
    --------
    >>> from radiofuse.experiment.recipe.recipe import read_recipe
    >>> steps_of(read_recipe("pipelines/demo.toml"))
    ['selects', 'classifies', 'combines']
    """
    models = model_list(recipe)
    asked = {
        SELECTS: any(_selects(recipe, model, columns) for model in models),
        CLASSIFIES: any(_classifies(recipe, model, columns) for model in models),
        COMBINES: any(model.kind == CHAINED or combiners_learn(recipe, model) for model in models),
        ENCODES: any(reads_crops(recipe, model) or reads_deep_columns(recipe, model) for model in models),
        ON_PICTURES: any(model.kind in ON_IMAGES for model in models),
    }
    return [step for step, has in asked.items() if has]


def _selects(recipe: Recipe, model: RecipeModel, columns: bool) -> bool:
    if model.kind not in (*SELECTING, CHAINED, NETWORK):
        return False
    if model.kind == EARLY and reads_deep_columns(recipe, model):  # embeddings are joined as they are
        return columns and RADIOMICS in (model.reads or ())
    return (columns and reads_columns_alone(recipe, model)) or reads_deep_columns(recipe, model)


def _classifies(recipe: Recipe, model: RecipeModel, columns: bool) -> bool:
    of_embeddings = model.kind == EARLY and DEEP in (model.reads or ())
    return of_embeddings or (model.kind in (LATE, EARLY, CHAINED) and _selects(recipe, model, columns))
