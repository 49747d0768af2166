"""A recipe's cohort table: read and checked, or refused with all that keeps the run from beginning."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from radiofuse.datasets import make_phantom_cohort
from radiofuse.errors import RadiofuseError
from radiofuse.experiment.deal import fold_list
from radiofuse.experiment.few_rows import few_patients, mixed_patients, too_few_shown
from radiofuse.experiment.harmonization import carried_columns, harmonization_problems
from radiofuse.experiment.implied_classes import unusable_implications
from radiofuse.experiment.models.class_weights import unknown_weighted_classes
from radiofuse.experiment.models.networks import needs_masks
from radiofuse.experiment.models.self_training import untaught
from radiofuse.experiment.problems import Places, refuse, together
from radiofuse.experiment.recipe.evaluation import FIXED, KFOLD
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.experiment.refusals import problems_before_reading, selectors_of_two_classes
from radiofuse.experiment.refusals_of_columns import problems_of_columns
from radiofuse.experiment.refusals_of_encoders import encoders_of_two_classes
from radiofuse.tables import columns
from radiofuse.tables.cohort import read_cohort
from radiofuse.tables.outcomes import Outcome
from radiofuse.tables.roles import SAMPLE


def read_and_refuse(recipe: Recipe, places: Places) -> tuple[Path, pd.DataFrame]:
    """Return the path of a recipe's cohort table and the table, or raise all that keeps the run from beginning.

    A phantom is generated only where nothing of the recipe itself is wrong: that is work already.
    """
    problems = problems_before_reading(recipe, places)
    if recipe.cohort.phantom is not None:
        refuse(problems)
    table = cohort_table(recipe, places.out, overwrite=places.overwrite)
    try:
        cohort = read_recipe_cohort(recipe, table)
    except RadiofuseError as error:
        raise together([*problems, error]) from None
    problems += problems_of_columns(recipe, columns.by_modality(cohort.columns))
    outcomes, samples = outcomes_of(cohort), cohort.set_index(SAMPLE)
    known = samples[[outcome.name for outcome in outcomes]].notna().any(axis=1)
    if recipe.evaluation.split == FIXED:
        fold_list(recipe).refuse_other_ids(samples, known)
    problems += harmonization_problems(recipe, cohort, outcomes)
    problems += mixed_patients(recipe, samples[known], outcomes)
    problems += [*unknown_weighted_classes(recipe, outcomes), *encoders_of_two_classes(recipe, outcomes)]
    problems += [*selectors_of_two_classes(recipe, outcomes), *untaught(recipe, outcomes)]
    problems += unusable_implications(recipe, outcomes)
    few = list(few_patients(recipe, samples[known], outcomes))
    refuse([*problems, *few, *(() if problems or few else too_few_shown(recipe, samples[known], outcomes))])
    return table, cohort


def read_recipe_cohort(recipe: Recipe, table: Path) -> pd.DataFrame:
    """Return the checked cohort table of a recipe; missing files are left to the loop over samples."""
    chosen = recipe.cohort
    return read_cohort(
        table,
        labels=recipe.asked,
        modalities=chosen.modalities,
        ignore=chosen.ignore,
        participants=recipe.path(chosen.participants) if chosen.participants else None,
        n_folds=recipe.evaluation.folds if recipe.evaluation.split == KFOLD else None,
        missing_files="tell",
        label_per=chosen.label_per,
        missing=chosen.missing,
        modality_pattern=chosen.modality_pattern,
        carried=carried_columns(recipe),
        need_masks=needs_masks(recipe),
    )


def outcomes_of(cohort: pd.DataFrame) -> list[Outcome]:
    """Return what a recipe predicts, as its cohort table was read."""
    return list(cohort.attrs["outcomes"])


def cohort_table(recipe: Recipe, out: Path, *, overwrite: bool = False) -> Path:
    """Return the path of a recipe's cohort table; a phantom is generated under ``out`` first."""
    phantom = recipe.cohort.phantom
    if phantom is None:
        return recipe.path(str(recipe.cohort.table))
    chosen = {"n_patients": phantom.n_patients, "seed": phantom.seed}
    return make_phantom_cohort(out / "phantom", **chosen, overwrite=overwrite)
