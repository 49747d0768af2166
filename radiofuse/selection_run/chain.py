"""The chain that a request asks for, and what a fitted one says of each feature of the table."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import get_tags

from radiofuse.errors import RequestError
from radiofuse.names import lookup
from radiofuse.select import SELECTORS, SelectorChain, build_chain
from radiofuse.select.trace import per_column
from radiofuse.selection_run.blocks import Block
from radiofuse.selection_run.request import SelectionRequest
from radiofuse.tables.outcomes import Outcome

# The first of these that a chain learned ranks its features.
STRENGTHS = {
    "coef_": np.abs,
    "frequencies_": np.positive,
    "scores_": np.positive,
    "ranking_": np.negative,
    "pvalues_": np.negative,
}


def make_chain(request: SelectionRequest) -> SelectorChain:
    """Return the unfitted chain, its parameters checked; a step that passes nothing leaves nothing.

    Raises
    ------
    RequestError
        If a step or the value of a parameter is unknown.
    """
    if not request.step_names:
        raise RequestError("--steps names no step; write for example mann_whitney,correlation,lasso.")
    classes = {name: lookup(name, SELECTORS, "selector") for name in request.step_names}
    options = {name: request.parameters(getattr(found, "command_options", {})) for name, found in classes.items()}
    _check_icc(request, any("icc" in given for given in options.values()))
    chain = build_chain(request.step_names, options)
    for _, step in chain.steps:
        # A feature that stands in where none passed would be told as selected.
        if "on_empty" in step.get_params():
            step.set_params(on_empty="intercept")
    return chain


def _check_icc(request: SelectionRequest, looked_up: bool) -> None:
    if looked_up and request.icc is None:
        raise RequestError(
            "Step reproducibility needs a table of ICCs: name one with --icc. `radiofuse extract COHORT --perturb 30` "
            "writes one."
        )
    if request.icc is not None and not looked_up:
        raise RequestError(
            f"--icc {request.icc} is for the step reproducibility, which --steps {','.join(request.step_names)} does "
            "not name. Put it in front, or leave --icc out."
        )


def refuse_steps_of_two_classes(request: SelectionRequest, outcome: Outcome) -> None:
    """Raise if a step of a request knows two classes only, and an outcome has more."""
    found = f"{outcome.name} has {len(outcome.classes)} classes ({', '.join(outcome.classes)})"
    apart = f"set one class against the rest with --label {outcome.name}=VALUE"
    for name, step in make_chain(request).steps:
        if request.family not in (None, "multinomial") and "family" in getattr(step, "command_options", {}):
            raise RequestError(
                f"--family {request.family} compares two classes, and {found}. Leave it out for the multinomial LASSO, "
                f"or {apart}."
            )
        tags = get_tags(step).classifier_tags
        if tags is not None and not tags.multi_class:
            instead = getattr(step, "for_several_classes", "")
            advice = f"Name {instead} in its place in --steps, or {apart}" if instead else apart.capitalize()
            raise RequestError(f"Step {name} compares two classes, and {found}. {advice}.")


def chain_of(chain: SelectorChain, block: Block, *, only: bool) -> SelectorChain:
    """Return the unfitted chain for a block, whose columns do not name their modality.

    Parameters
    ----------
    chain : SelectorChain
        As `make_chain` returns it.
    block : Block
    only : bool
        Whether the table has no other modality.

    Raises
    ------
    RequestError
        If a table of the request lacks a feature of the block.
    """
    # A table of ICCs names modality and feature; the columns of a block are features alone.
    features = block.X.columns.to_list()
    steps = [
        (name, step.of_modality(block.modality, features, only=only) if hasattr(step, "of_modality") else clone(step))
        for name, step in chain.steps
    ]
    return SelectorChain(steps, random_state=chain.random_state)


def number_per_feature(chain: SelectorChain, attribute: str) -> np.ndarray:
    """Return what the first step with that attribute learned, NaN for features that did not reach it."""
    numbers = np.full(chain.n_features_in_, np.nan)
    for name, columns in chain.seen_.items():
        if hasattr(chain.steps_[name], attribute):
            numbers[columns] = per_column(chain.steps_[name], attribute)
            break
    return numbers


def numbers_per_class(chain: SelectorChain, attribute: str, n_classes: int) -> np.ndarray:
    """Return what `number_per_feature` does, of more than two classes a row of numbers for each."""
    if n_classes <= 2:
        return number_per_feature(chain, attribute)
    numbers = np.full((n_classes, chain.n_features_in_), np.nan)
    for name, columns in chain.seen_.items():
        if hasattr(chain.steps_[name], attribute):
            numbers[:, columns] = getattr(chain.steps_[name], attribute)
            break
    return numbers


def strength_of(chain: SelectorChain) -> np.ndarray:
    """Return by what features rank, larger first: coefficient, frequency, score or p, whichever was learned."""
    for attribute, larger_first in STRENGTHS.items():
        numbers = number_per_feature(chain, attribute)
        if not np.isnan(numbers).all():
            return larger_first(numbers)
    return numbers


def places_of(strength: np.ndarray) -> np.ndarray:
    """Return 1 for the largest number, 2 for the next; equal ones by position, NaN stays."""
    places = np.full(len(strength), np.nan)
    order = np.argsort(-strength, kind="stable")[: int(np.sum(~np.isnan(strength)))]
    places[order] = np.arange(1, len(order) + 1)
    return places


def penalized_step(chain: SelectorChain) -> tuple[str, Any]:
    """Return the fitted step that followed a path of penalties, as the LASSO does, and its name; or "" and None."""
    return next(((name, step) for name, step in chain.steps_.items() if hasattr(step, "coef_path_")), ("", None))


def cv_curve(chain: SelectorChain) -> dict[str, np.ndarray] | None:
    """Return the cross-validated error of the penalties, in the words of cv.glmnet; None without such a step.

    Keys: lambda, cvm and cvsd (error and its standard error), cvup, cvlo, nzero, is_min, is_1se.
    """
    _, step = penalized_step(chain)
    if step is None:
        return None
    mean, se, alphas = step.cv_mean_, step.cv_se_, step.alphas_
    error = {"cvm": mean, "cvsd": se, "cvup": mean + se, "cvlo": mean - se}
    chosen = {"is_min": alphas == step.alpha_min_, "is_1se": alphas == step.alpha_1se_}
    return {"lambda": alphas, **error, "nzero": step.n_nonzero_, **chosen}
