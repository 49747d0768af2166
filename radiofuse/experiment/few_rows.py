"""Problems of the rows that are left to learn from: too few patients, too rare a modality, copies of a patient.

Each function yields its problems, as the checks of ``refusals`` do; ``refuse`` raises them together.
"""

from __future__ import annotations

from math import ceil

import pandas as pd

from radiofuse.errors import CohortError
from radiofuse.evaluate.findings import list_failures
from radiofuse.experiment.models import combiners_learn
from radiofuse.experiment.recipe import Recipe
from radiofuse.experiment.refusals import THE_COHORT, Problems
from radiofuse.tables import columns
from radiofuse.tables.copies import copy_problems

Outcome = tuple[str, tuple[str, str]]  # the label, and its classes, the positive one last


def few_patients(
    recipe: Recipe, rows: pd.DataFrame, outcome: Outcome, failures: pd.DataFrame | None = None
) -> Problems:
    """Yield whether a class lacks the patients that outer and inner folds need; failures are named beside it.

    Parameters
    ----------
    recipe : Recipe
    rows : DataFrame
        With the columns patient_id and the label: 0, 1 or nothing.
    outcome : (str, (str, str))
        The label, and what 0 and 1 of it stand for.
    failures : DataFrame, optional
        Images that could not be used.
    """
    (label, classes), folds = outcome, recipe.evaluation.folds
    patients = [rows.loc[rows[label] == value, "patient_id"].nunique() for value in (0, 1)]
    sentences = _too_few_inside(recipe, min(patients))
    if min(patients) < folds:
        sentences = [
            f"{patients[0]} patients with {label} = {classes[0]} and {patients[1]} with {label} = {classes[1]} have a "
            f"usable modality; {folds} folds need {folds} of each."
        ]
    if sentences and failures is not None and len(failures):
        sentences.append(list_failures(failures))
    yield from _of_cohort(sentences)


def _of_cohort(sentences: list[str]) -> Problems:
    if sentences:
        yield CohortError(THE_COHORT, sentences)


def _too_few_inside(recipe: Recipe, n_patients: int) -> list[str]:
    """Say which folds inside the training patients the smaller class, of ``n_patients``, is too small for."""
    left = _left_to_train(n_patients, recipe.evaluation.folds)
    head = f"of the smaller class's {n_patients} patients, {left} are left to train on when a fold is held out, too few"
    inner = recipe.fusion.inner_folds
    if combiners_learn(recipe):
        if left < inner:
            return [
                f"{head} for inner_folds = {inner}. Lower inner_folds under [fusion], or combine by mean and vote, "
                "which learn nothing."
            ]
        left = _left_to_train(left, inner)
    if _cross_fits(recipe) and left < recipe.deep.folds:
        return [f"{head} to train encoders in folds = {recipe.deep.folds} inside every fold. Lower folds under [deep]."]
    return []


def _cross_fits(recipe: Recipe) -> bool:
    return recipe.selects_deep_features and recipe.deep.protocol == "crossfit"


def _too_few_to_cross_fit(recipe: Recipe, n_patients: int) -> bool:
    return _cross_fits(recipe) and _left_to_train(n_patients, recipe.evaluation.folds) < recipe.deep.folds


def _left_to_train(n_patients: int, folds: int) -> int:
    return n_patients - ceil(n_patients / folds)


def rare_modalities(
    recipe: Recipe, present: pd.DataFrame, y: pd.Series, patients: pd.Series, classes: tuple[str, str]
) -> Problems:
    """Yield which modality, or whose crops, are too rare to be trained on in every fold.

    Parameters
    ----------
    recipe : Recipe
    present : DataFrame of shape (n_samples, n_modalities)
        Whether a row has what the column names.
    y, patients : Series of shape (n_samples,)
    classes : tuple of str
        What 0 and 1 stand for.
    """
    folds = recipe.evaluation.folds
    for modality in present:
        counts = [patients[present[modality] & (y == value)].nunique() for value in (0, 1)]
        if min(counts) < folds:
            sentence = (
                f"{modality} is present in {counts[0]} patients with {y.name} = {classes[0]} and {counts[1]} with "
                f"{classes[1]}, fewer than the {folds} folds. Leave it out of modalities, or lower folds."
            )
            yield from _of_cohort([sentence])
        elif not columns.is_modality(modality) and _too_few_to_cross_fit(recipe, min(counts)):  # crops of one
            sentence = (
                f"{modality} is present in {min(counts)} patients of the smaller class. When a fold is held out, too "
                f"few are left to train encoders in folds = {recipe.deep.folds}. Lower folds under [deep]."
            )
            yield from _of_cohort([sentence])


def copied_patients(table: pd.DataFrame, patients: pd.Series) -> Problems:
    """Yield which patients have the same features, however their images and files are called."""
    features = [name for name in table if columns.split(name)[1] != columns.CROP]
    yield from _of_cohort(copy_problems(table[features], patients))
