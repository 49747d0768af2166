"""What can be refused before any work is done: lists of checks.

A check takes the recipe and what it looks at, and returns its problems, each an error that would be raised were it
the only one. ``BEFORE_READING`` look at the recipe and the places that are written to; those of
``refusals_of_columns`` at the columns of the cohort table; ``problems`` tells them together. What the rows allow that
are left once features are there, ``few_rows`` says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sklearn.utils import get_tags
from sklearn.utils._param_validation import InvalidParameterError

from radiofuse.bundle.verify import check_target
from radiofuse.deep.requirement import HOW_TO_INSTALL
from radiofuse.errors import RadiofuseError, RequestError
from radiofuse.experiment.as_published import REFUSALS as AS_PUBLISHED_REFUSALS
from radiofuse.experiment.inputs import Inputs
from radiofuse.experiment.models.building import build_model
from radiofuse.experiment.models.image_networks import unusable_networks
from radiofuse.experiment.models.member_chains import feature_chain, selector_files
from radiofuse.experiment.models.model_list import DEEP, called, combiners_of, model_list, of_several_outcomes
from radiofuse.experiment.problems import Places, Problems, problems_of, raised
from radiofuse.experiment.recipe.models import BY_NETWORK, CONSTRAINED, EARLY, LATE, ON_IMAGES, WEIGHTING, RecipeModel
from radiofuse.experiment.recipe.parts import NO_RADIOMICS, Selection
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.experiment.refusals_of_encoders import frozen_encoder_that_answers, unusable_encoder
from radiofuse.files.outputs import is_page, is_page_json, require_apart, require_file, require_folder
from radiofuse.fuse import COMBINERS, ConstraintFusion, ModalityWeighting
from radiofuse.names import lookup, make
from radiofuse.radiomics import BACKENDS, PRESETS, read_settings
from radiofuse.tables.outcomes import Outcome
from radiofuse.wording import listed


def problems_before_reading(recipe: Recipe, places: Places) -> list[RadiofuseError]:
    """Return what would end the run at its last step, or after hours of extraction, and needs no table to be known."""
    return list(problems_of(BEFORE_READING, recipe, places))


def missing_packages(recipe: Recipe, places: Places) -> Problems:
    """Yield what must be installed for the report, encoders and fusions by a network."""
    lacking = [name for name in ("jinja2", "matplotlib") if places.report and find_spec(name) is None]
    if lacking:
        yield RequestError(
            f"The report needs {' and '.join(lacking)}; install them with: pip install 'radiofuse[report]', or pass "
            "--no-report: `radiofuse report` writes it from the bundle later."
        )
    lacking = [name for name in ("torch", "safetensors") if _needs_torch(recipe) and find_spec(name) is None]
    if lacking:
        yield RequestError(f"Encoders and fusions by a network need {' and '.join(lacking)}; {HOW_TO_INSTALL}.")


def _needs_torch(recipe: Recipe) -> bool:
    return recipe.deep is not None or any(model.kind in (*BY_NETWORK, *ON_IMAGES) for model in model_list(recipe))


def unwritable_places(recipe: Recipe, places: Places) -> Problems:
    """Yield which of the places that are written to may not be, before hours are spent."""
    out, store, page = places.out, places.store, places.out / "report.html"
    apart = {"The bundle": out / "bundle", "The report": page, "--store": store}
    yield from raised(require_apart, apart, "The bundle")
    yield from raised(require_folder, out, "--out")
    yield from raised(check_target, out / "bundle")
    if places.report:
        read = [*recipe.files(), *selector_files(recipe)]
        beside = page.with_suffix(".json")
        yield from raised(require_file, page, "The report", read, ours=is_page, overwrite=places.overwrite)
        yield from raised(require_file, beside, "The report", read, ours=is_page_json, overwrite=places.overwrite)
    yield from raised(require_folder, store, "--store")


def unmakeable_models(recipe: Recipe, places: Places) -> Problems:
    """Yield which selector, classifier or combiner is unknown, or does not take its options, and in which models."""
    found: dict[str, dict[str, RadiofuseError]] = {}
    for model in model_list(recipe):
        for problem in _unmakeable_parts(recipe, model):
            found.setdefault(str(problem), {})[called(model)] = problem
    several = len(model_list(recipe)) > 1
    for sentence, models in found.items():
        problem = next(iter(models.values()))
        named = several and isinstance(problem, RequestError)
        yield RequestError(f"Of the {_of_models(list(models))}: {sentence}") if named else problem


def _unmakeable_parts(recipe: Recipe, model: RecipeModel) -> Problems:
    if model.kind in (*BY_NETWORK, *ON_IMAGES) or (DEEP in (model.reads or ()) and recipe.deep is None):
        if model.select is not None:
            yield from raised(feature_chain, recipe, model)
        return  # other checks say what else they lack
    yield from raised(build_model, recipe, model, Inputs(model.modalities or ["any"]))
    if model.kind in (LATE, EARLY):  # the selector is made first: its fault would hide the classifier's
        yield from raised(feature_chain, recipe, model.model_copy(update={"select": Selection(method="none")}))
    for name in combiners_of(recipe, model):
        yield from raised(make, name, COMBINERS, "combiner")


def _of_models(names: Sequence[str]) -> str:
    """Return models by name, as a sentence has them.

    >>> _of_models(["a"]), _of_models(["a", "b"])
    ("model 'a'", "models 'a' and 'b'")
    """
    return f"model{'s' * (len(names) > 1)} {listed([repr(name) for name in names])}"


def unknown_network_options(recipe: Recipe, places: Places) -> Problems:
    """Yield which option a fusion by a network does not have, or whose value it does not take."""
    for model in (model for model in model_list(recipe) if model.kind in BY_NETWORK):
        where = "constrained_options" if recipe.models is None else f"options of the model {model.name!r}"
        yield from _problems_of_options(_FUSIONS[model.kind], model.options, where)


_FUSIONS = {CONSTRAINED: ConstraintFusion, WEIGHTING: ModalityWeighting}


def _problems_of_options(fusion: Callable[..., Any], options: Mapping[str, Any], where: str) -> Problems:
    own = {"estimators", "method", "columns", "random_state"}
    known = sorted(set(fusion([]).get_params(deep=False)) - own)
    unknown = [name for name in options if name not in known]
    for name in unknown:
        have = "have" if where.startswith("options") else "has"
        yield RequestError(f"{where} {have} no option {name!r}; choose from {', '.join(known)}.")
    if unknown:
        return
    try:
        fusion([], **options)._validate_params()  # else scikit-learn does so in the first fold
    except (InvalidParameterError, RequestError) as error:
        yield RequestError(f"{where}: {error}")


def tests_of_one_outcome(recipe: Recipe, places: Places) -> Problems:
    """Yield what is asked of the first model that a model of all outcomes at once cannot be asked."""
    plan, first = recipe.evaluation, model_list(recipe)[0]
    asked = {"ledger": plan.ledger, "permutations": plan.permutations, "optimism": plan.optimism}
    named = [name for name, value in asked.items() if value]
    if named and of_several_outcomes(first):
        yield RequestError(
            f"{named[0]} under [evaluation] refits the first model to one outcome, and {called(first)!r} is of all at "
            "once. Put another model first, or leave it out."
        )


def selectors_of_two_classes(recipe: Recipe, outcomes: Sequence[Outcome]) -> Problems:
    """Yield which models' selector compares two classes, where an outcome has more: once for each selector."""
    found: dict[str, list[str]] = {}
    several = [outcome.name for outcome in outcomes if len(outcome.classes) > 2]
    for model in model_list(recipe) if several else ():
        if model.kind not in (LATE, EARLY):
            continue
        try:
            selector = feature_chain(recipe, model).named_steps.get("select")
        except RadiofuseError:  # another check says what cannot be made
            continue
        tags = get_tags(selector).classifier_tags if hasattr(selector, "__sklearn_tags__") else None
        if tags is not None and not tags.multi_class:
            found.setdefault(type(selector).__name__, []).append(called(model))
    for name, models in found.items():
        yield RequestError(
            f"The selector of the {_of_models(models)} ({name}) compares two classes, and "
            f'{several[0]} has more. Choose "kruskal" or "three_step", or for a LASSO family = "multinomial".'
        )


def unusable_settings(recipe: Recipe, places: Places) -> Problems:
    """Yield settings or a back end that cannot be had, also where all features of the table came ready."""
    if recipe.radiomics.settings != NO_RADIOMICS:
        yield from raised(read_settings, settings_source(recipe))
    yield from raised(lookup, recipe.radiomics.backend, BACKENDS, "radiomics back end")


def settings_source(recipe: Recipe) -> str | Path:
    """Return what a recipe names as radiomics settings: a preset, or the path of a file."""
    named = recipe.radiomics.settings
    return named if named in PRESETS else recipe.path(named)


BEFORE_READING = (
    missing_packages,
    unusable_settings,
    unwritable_places,
    unmakeable_models,
    tests_of_one_outcome,
    unknown_network_options,
    unusable_networks,
    unusable_encoder,
    frozen_encoder_that_answers,
    *AS_PUBLISHED_REFUSALS,
)
