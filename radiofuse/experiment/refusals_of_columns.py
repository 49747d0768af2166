"""What can be refused once the columns of the cohort table are known: checks as those of ``refusals``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from radiofuse.errors import CohortError, RadiofuseError, RequestError
from radiofuse.experiment.models.glossary import list_answers
from radiofuse.experiment.models.member_chains import selection_of
from radiofuse.experiment.models.model_list import (
    DEEP,
    called,
    combined_names,
    modalities_of,
    model_list,
    reads_columns_alone,
    reads_of,
)
from radiofuse.experiment.models.networks import stack_of, with_stack
from radiofuse.experiment.problems import Problems, problems_of, raised
from radiofuse.experiment.recipe.models import CLINICAL, CONSTRAINED, EARLY, LATE, RecipeModel
from radiofuse.experiment.recipe.parts import NO_RADIOMICS
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.experiment.scores.published import check_models
from radiofuse.fuse.branches import METHODS, listed
from radiofuse.names import did_you_mean
from radiofuse.prepare.clinical_scale import AGE
from radiofuse.select import PROJECTIONS
from radiofuse.tables import columns
from radiofuse.tables.problems import THE_COHORT
from radiofuse.tables.roles import NOT_FEATURES

Grouped = Mapping[str, Sequence[str]]  # columns by modality


def problems_of_columns(recipe: Recipe, grouped: Grouped) -> list[RadiofuseError]:
    """Return why a recipe cannot be run on a table of these columns, by modality."""
    return list(problems_of(OF_COLUMNS, recipe, grouped))


def featureless_modalities(recipe: Recipe, grouped: Grouped) -> Problems:
    """Yield which modality an encoder has no image of, or has nothing to learn from."""
    needs_others = recipe.deep is None or any(reads_columns_alone(recipe, model) for model in model_list(recipe))
    pictured = () if recipe.deep is None else recipe.deep.channels or _modalities(grouped)
    for name in _modalities(grouped):
        things = {columns.split(column)[1] for column in grouped[name]}
        if name in pictured and "image" not in things:
            yield RequestError(
                f"[deep] needs images of every modality that a network reads, and {name} has no column "
                f"{columns.join(name, 'image')}. "
                "Add it, or leave the modality out of modalities under [cohort]."
            )
        if needs_others and recipe.radiomics.settings == NO_RADIOMICS and things <= {*NOT_FEATURES}:
            yield RequestError(
                f'Modality {name} has no radiomic features with settings = "none", and the recipe learns from them. '
                'Name settings under [radiomics], or take encoders alone: [deep] with join = "columns" and no arm '
                '"radiomics".'
            )


def absent_channels(recipe: Recipe, grouped: Grouped) -> Problems:
    """Yield which channel of a network is no modality, and whether the network is called like one."""
    known = _modalities(grouped)
    for name in (name for name in (recipe.deep.channels if recipe.deep else ()) if name not in known):
        yield RequestError(
            f"channels under [deep] name {name!r}, and the modalities are {', '.join(known)}."
            f"{did_you_mean(name, known) or ' Correct the channels.'}"
        )
    if stack_of(recipe) in known:
        yield RequestError(
            f"The network of several channels and a modality are both called {stack_of(recipe)!r}. Give the network "
            "another name under [deep]."
        )


def names_taken_twice(recipe: Recipe, grouped: Grouped) -> Problems:
    """Yield which modality is called like a model: two rows of one table would have one name."""
    names = [answer.name for answer in list_answers(recipe, _read(recipe, grouped))]
    for name in (name for name, count in Counter(names).items() if count > 1):
        sentence = f"a modality is called {name!r}, which is the name of a model. Rename its columns."
        yield CohortError(THE_COHORT, [sentence])


def unmet_input_methods(recipe: Recipe, grouped: Grouped) -> Problems:
    """Yield which input method of the constraint fusion there is not, or names a modality there is not."""
    known = _read(recipe, grouped)
    for model in (model for model in model_list(recipe) if model.kind == CONSTRAINED):
        modalities, method = modalities_of(model, known), model.branches
        if isinstance(method, str) and method not in METHODS:
            yield RequestError(f"No input method is called {method!r}; choose from {', '.join(METHODS)}.")
            continue
        branches = METHODS[method] if isinstance(method, str) else method
        absent = [name for name in listed(branches) if name not in modalities]
        if absent:
            yield RequestError(
                f"The input method {method!r} needs the modality {absent[0]}, and the modalities are "
                f"{', '.join(modalities)}. Drop it from constrained under [fusion], or add the modality."
            )


def absent_modalities(recipe: Recipe, grouped: Grouped) -> Problems:
    """Yield which model reads a modality, or clinical columns, that the cohort does not have."""
    known = _read(recipe, grouped)
    for model in model_list(recipe):
        for name in (name for name in model.modalities or () if name not in known):
            yield RequestError(
                f"The model {called(model)!r} reads the modality {name!r}, and the cohort has {', '.join(known)}."
                f"{did_you_mean(name, known) or ' Correct its modalities.'}"
            )
        if (model.clinical or model.kind == CLINICAL) and columns.CLINICAL not in grouped:
            yield RequestError(
                f"The model {called(model)!r} reads clinical columns, and the cohort has none. Add columns called "
                "clinical__<name>, or participants under [cohort]."
            )


def unknown_published_rows(recipe: Recipe, grouped: Grouped) -> Problems:
    """Yield whether a published table names a model or a modality that there is not."""
    known = _read(recipe, grouped)
    names = [answer.name for answer in list_answers(recipe, known)]
    weighted = [name for model in model_list(recipe) if model.kind == LATE for name in combined_names(recipe, model)]
    models = [model for model in model_list(recipe) if _records_selection(recipe, model)]
    selecting = {called(model): modalities_of(model, known) for model in models}
    yield from raised(check_models, recipe.tables, names, weighted, selecting)


def _records_selection(recipe: Recipe, model: RecipeModel) -> bool:
    """Say whether a run keeps which columns a model selected: of one network it does not, and components are none."""
    by_chains = (model.kind == LATE and reads_of(recipe, model) != (DEEP,)) or (
        model.kind == EARLY and DEEP not in (model.reads or ())
    )
    return model.keep and by_chains and not set(selection_of(recipe, model).names) & set(PROJECTIONS)


def unknown_pairs(recipe: Recipe, grouped: Grouped) -> Problems:
    """Yield which answer under ``compare`` there is not, or is compared with itself."""
    clinical = columns.CLINICAL in grouped
    names = [answer.name for answer in list_answers(recipe, _read(recipe, grouped), clinical=clinical)]
    for pair in recipe.evaluation.compare:
        for name in (name for name in pair if name not in names):
            meant = did_you_mean(name, names) or f" Choose from {', '.join(names)}."
            yield RequestError(f"compare under [evaluation] names {name!r}, which no model answers as.{meant}")
        if pair[0] == pair[1]:
            yield RequestError(f"compare under [evaluation] sets {pair[0]!r} against itself; name two answers.")
    reference = recipe.evaluation.reference
    if reference is not None and reference not in names:
        yield RequestError(
            f"reference under [evaluation] is {reference!r}, which no model answers as.{_way_to(reference, names)}"
        )


def _way_to(reference: str, names: list[str]) -> str:
    """Return what to write in place of a reference that there is not."""
    prefixed = [name for name in names if name.endswith(f"_{reference}")]
    if prefixed:
        return f" The models have names: write one of {', '.join(prefixed)}."
    if reference == "best":
        return ' To test against the best single modality, put "best" into combine.'
    return did_you_mean(reference, names) or f" Choose from {', '.join(names)}."


def unread_clinical_scale(recipe: Recipe, grouped: Grouped) -> Problems:
    """Yield whether a scale is asked for clinical columns, or for the age, that there are not."""
    own = grouped.get(columns.CLINICAL, ())
    if "clinical" in recipe.model_fields_set and not own:
        yield RequestError("[clinical] scales clinical columns, and the cohort has none. Leave the table out.")
    elif recipe.clinical.scale == "age_100" and AGE not in own:
        yield RequestError(f'scale = "age_100" under [clinical] needs the column {AGE}, which the cohort lacks.')


def _modalities(grouped: Grouped) -> list[str]:
    return [name for name in grouped if name != columns.CLINICAL]


def _read(recipe: Recipe, grouped: Grouped) -> list[str]:
    """Return what models may read: the modalities, and the stack of several."""
    return with_stack(recipe, _modalities(grouped))


OF_COLUMNS = (
    absent_modalities,
    absent_channels,
    featureless_modalities,
    names_taken_twice,
    unmet_input_methods,
    unread_clinical_scale,
    unknown_pairs,
    unknown_published_rows,
)
