"""What can be refused of encoders before any work is done."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np

from radiofuse.errors import RequestError
from radiofuse.experiment.models.member_chains import encoder_options, encoder_spec
from radiofuse.experiment.models.model_list import DEEP, model_list, reads_of, uses_encoder
from radiofuse.experiment.problems import Places, Problems, raised
from radiofuse.experiment.recipe.models import LATE
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.imaging.header import in_words
from radiofuse.tables.outcomes import Outcome
from radiofuse.wording import counted


def unusable_encoder(recipe: Recipe, places: Places) -> Problems:
    """Yield whether options, device, encoder and size of the crops do not go together: one blank crop is embedded."""
    if recipe.deep is None and any(DEEP in (model.reads or ()) for model in model_list(recipe)):
        what = 'evaluates the arm "deep"' if recipe.models is None else 'has a model with reads = ["deep"]'
        advice = "add [deep] or drop the arm." if recipe.models is None else "add [deep], or leave reads out."
        yield RequestError(f"The recipe {what} and names no encoder; {advice}")
    if recipe.deep is None or find_spec("torch") is None:
        return
    from radiofuse.deep.device import choose_device

    yield from raised(encoder_spec, recipe)
    yield from raised(choose_device, recipe.deep.device)
    if uses_encoder(recipe):
        yield from raised(_embed_blank_crop, recipe)


def frozen_encoder_that_answers(recipe: Recipe, places: Places) -> Problems:
    """Yield whether a frozen encoder is asked for more than its embedding."""
    deep = recipe.deep
    if deep is None or find_spec("torch") is None or not encoder_spec(recipe).frozen:
        return
    asked = any(DEEP in reads_of(recipe, model) for model in model_list(recipe) if model.kind == LATE)
    if asked or deep.output == "logit":
        yield RequestError(
            'The encoder is frozen: it never saw a label and has an embedding alone. Write join = "columns" and '
            'output = "embedding" under [deep] and leave reads = ["deep"] out, or leave frozen out to train it.'
        )


def encoders_of_two_classes(recipe: Recipe, outcomes: Sequence[Outcome]) -> Problems:
    """Yield whether the encoder cannot be made for as many classes as an outcome has."""
    if not uses_encoder(recipe) or find_spec("torch") is None:
        return
    from radiofuse.deep import make_encoder

    for n_classes in {len(outcome.classes) for outcome in outcomes}:
        yield from raised(make_encoder, recipe.deep.encoder, recipe.seed, n_classes, encoder_options(recipe))


def _embed_blank_crop(recipe: Recipe) -> None:
    from radiofuse.deep import embed, make_encoder

    name, size = recipe.deep.encoder, recipe.deep.size
    shape = (max(1, len(recipe.deep.channels)), *[size] * recipe.deep.dimensions)
    blank = np.zeros((1, *shape), dtype=np.float32)
    try:
        embed(make_encoder(name, recipe.seed, options=encoder_options(recipe)), blank, np.array([1]), device="cpu")
    except (TypeError, RuntimeError) as error:  # of an encoder of the user's own
        raise RequestError(
            f"The encoder {name!r} cannot be made, or cannot embed one picture of {in_words(shape[1:])} pixels and "
            f"{counted(shape[0], 'channel')}: {error}. Correct the encoder, its options, or size under [deep]."
        ) from error
