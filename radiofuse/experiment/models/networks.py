"""What a recipe's networks read: tumor crops of each modality, or arrays, with several modalities as channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from radiofuse.experiment.recipe.models import MULTITASK
from radiofuse.experiment.recipe.parts import NO_RADIOMICS
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.imaging import Cropping
from radiofuse.imaging.sample_arrays import ArraySpec
from radiofuse.imaging.stacks import specs_of


def stack_of(recipe: Recipe) -> str | None:
    """Return what the network of several channels is called among the modalities; None where there is none."""
    return recipe.deep.name if recipe.deep is not None and recipe.deep.channels else None


def with_stack(recipe: Recipe, modalities: Sequence[str]) -> list[str]:
    """Return the modalities of a cohort and, behind them, the stack where its channels are among them.

    A stack that is there already is not named twice.
    """
    stack = stack_of(recipe)
    reads = stack is not None and stack not in modalities and set(recipe.deep.channels) <= set(modalities)
    return [*modalities, *([stack] if reads and stack else [])]


def of_columns(recipe: Recipe, modalities: Sequence[str]) -> list[str]:
    """Return the modalities that have columns of their own: all but the stack."""
    return [name for name in modalities if name != stack_of(recipe)]


def of_networks(recipe: Recipe, modalities: Sequence[str]) -> list[str]:
    """Return the modalities that a network reads; none without [deep]."""
    if recipe.deep is None:
        return []
    stack = stack_of(recipe)
    return [name for name in modalities if stack is None or name == stack]


def _asked(recipe: Recipe, option: str, usual: bool) -> bool:
    """Say whether an option of some multi-task network of a recipe is true: it reads more than a patch."""
    return any(model.kind == MULTITASK and model.options.get(option, usual) for model in recipe.models or ())


def needs_masks(recipe: Recipe) -> bool:
    """Say whether features or pictures of a recipe's images need masks of the tumor."""
    return recipe.radiomics.settings != NO_RADIOMICS or recipe.deep is None or recipe.deep.needs_masks


def make_cropping(recipe: Recipe) -> Cropping:
    """Return how a recipe's tumor crops are cut."""
    return Cropping(size=recipe.deep.size, slices=recipe.deep.slices)


def make_specs(recipe: Recipe, modalities: Sequence[str]) -> Mapping[str, ArraySpec]:
    """Return what makes the arrays of each network, by its name.

    Parameters
    ----------
    recipe : Recipe
        With [deep].
    modalities : sequence of str
        Those that have images.
    """
    deep = recipe.deep
    inputs = {deep.name: deep.channels} if deep.channels else {name: (name,) for name in modalities}
    return specs_of(describe_pictures(recipe), inputs)


def describe_arrays(recipe: Recipe, modalities: Sequence[str]) -> dict[str, Any] | None:
    """Return how a recipe's arrays are made and the channels of each network, as a bundle keeps it; None without."""
    if recipe.deep is None or not recipe.deep.reads_arrays:
        return None
    specs = make_specs(recipe, modalities)
    return {"made": describe_pictures(recipe), "channels": {name: list(spec.channels) for name, spec in specs.items()}}


def describe_pictures(recipe: Recipe) -> dict[str, Any]:
    """Return how a recipe's arrays are made, whatever their channels: JSON values."""
    deep = recipe.deep
    if deep.dimensions == 3:
        whole = {"whole": deep.size} if _asked(recipe, "whole", False) else {}
        parts = {"parts": True} if _asked(recipe, "regions", True) else {}
        return {"kind": "patch", "size": deep.size, **whole, **parts}
    slices = {"all": "tumor"}.get(deep.slices, deep.slices)
    cut = "image" if slices == "middle" else deep.cut
    return {"kind": "stack", "size": deep.size, "plane": deep.plane.capitalize(), "slices": slices, "cut": cut}
