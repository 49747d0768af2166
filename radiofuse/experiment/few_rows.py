"""Problems of the rows that are left to learn from: too few patients, too rare a modality, copies of a patient.

Each function yields its problems, as the checks of ``refusals`` do; ``refuse`` raises them together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import ceil

import pandas as pd

from radiofuse.errors import CohortError, RequestError
from radiofuse.evaluate.findings import list_failures
from radiofuse.experiment.deal import deal_splits, patients_by_class
from radiofuse.experiment.models.model_list import (
    called,
    largest_inner_folds,
    largest_nested_folds,
    model_list,
    selects_deep_features,
)
from radiofuse.experiment.problems import Problems
from radiofuse.experiment.recipe.evaluation import KFOLD
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.patients import Split
from radiofuse.patients.hidden_labels import FEWEST, hidden_rows
from radiofuse.tables import columns
from radiofuse.tables.copies import copy_problems
from radiofuse.tables.outcomes import Outcome
from radiofuse.tables.problems import THE_COHORT
from radiofuse.tables.roles import PATIENT
from radiofuse.wording import counted, listed


def few_patients(
    recipe: Recipe, rows: pd.DataFrame, outcomes: Sequence[Outcome], failures: pd.DataFrame | None = None
) -> Problems:
    """Yield which class lacks the patients that outer and inner folds need; failures are named beside it.

    Parameters
    ----------
    recipe : Recipe
    rows : DataFrame
        As `deal_splits` takes them.
    outcomes : sequence of Outcome
    failures : DataFrame, optional
        Images that could not be used.
    """
    sentences = _apart(rows, outcomes)
    if not sentences and recipe.evaluation.split == KFOLD:
        sentences = [sentence for outcome in outcomes for sentence in _too_few(recipe, rows, outcome)]
    if not sentences and (recipe.evaluation.split != KFOLD or len(outcomes) > 1):
        try:
            splits = deal_splits(recipe, rows, outcomes)
            sentences = [sentence for one in outcomes for sentence in _too_few_in_a_split(recipe, rows, one, splits)]
        except CohortError as error:
            sentences = error.problems
        except RequestError as error:
            yield error
    if sentences and failures is not None and len(failures):
        sentences.append(list_failures(failures))
    yield from _of_cohort(sentences)


def too_few_shown(recipe: Recipe, rows: pd.DataFrame, outcomes: Sequence[Outcome]) -> Problems:
    """Yield of which outcome so many labels would be hidden from a self-trained model that none learns from the rest.

    Parameters
    ----------
    recipe : Recipe
    rows : DataFrame
        As `deal_splits` takes them.
    outcomes : sequence of Outcome
    """
    hiding = [model for model in model_list(recipe) if model.self_training and model.self_training.hidden_labels]
    splits = deal_splits(recipe, rows, outcomes) if hiding else []
    for model, outcome in ((model, one) for model in hiding for one in outcomes):
        share = model.self_training.hidden_of(outcome.name) or 0.0
        known = rows[rows[outcome.name].notna()]
        for train in (rows.iloc[one.train].index.intersection(known.index) for one in splits if share):
            if not _leaves_enough(known.loc[train, outcome.name], known.loc[train, PATIENT], share, recipe.seed):
                yield _hides_too_much(known.loc[train], share, called(model), outcome, outcomes)
                break


def _leaves_enough(y: pd.Series, patients: pd.Series, share: float, seed: int) -> bool:
    try:
        hidden_rows(pd.factorize(y)[0], share, patients, random_state=seed)
    except RequestError:
        return False
    return True


def _hides_too_much(
    train: pd.DataFrame, share: float, model: str, outcome: Outcome, outcomes: Sequence[Outcome]
) -> RequestError:
    counts = patients_by_class(train[outcome.name], train[PATIENT], outcome)
    rarest = min(counts, key=counts.__getitem__)
    other = next((one.name for one in outcomes if one is not outcome), outcome.name)
    return RequestError(
        f"The model {model!r} hides {share:.0%} of the labels of {outcome.name}, and some fold has "
        f"{counted(counts[rarest], 'patient')} with {outcome.name} = {rarest} to train on: fewer than {FEWEST} would "
        "keep theirs. Hide fewer, or name the outcomes whose labels are hidden: "
        f"hidden_labels = {{ {other} = {share:g} }}."
    )


def mixed_patients(recipe: Recipe, rows: pd.DataFrame, outcomes: Sequence[Outcome]) -> Problems:
    """Yield of which outcome a patient has several classes, where labels are to be permuted between patients."""
    for outcome in outcomes if recipe.evaluation.permutations else ():
        n_classes = rows.groupby(PATIENT)[outcome.name].nunique()
        if (n_classes > 1).any():
            yield RequestError(
                f"permutations under [evaluation] permutes labels between patients, and {n_classes.idxmax()} has "
                f"samples of several classes of {outcome.name}. Leave it out."
            )


def _apart(rows: pd.DataFrame, outcomes: Sequence[Outcome]) -> list[str]:
    """Say which outcomes have no patient in common: they share no fold, and may come of a table joined by wrong ids."""
    patients = {one.name: set(rows.loc[rows[one.name].notna(), "patient_id"]) for one in outcomes}
    apart = [pair for pair in combinations(patients, 2) if patients[pair[0]].isdisjoint(patients[pair[1]])]
    return [
        f"no patient has both {first} and {second} known, so they share no fold. Look at the ids by which the columns "
        "were joined; if it is so, run each outcome by itself."
        for first, second in apart
    ]


def _too_few(recipe: Recipe, rows: pd.DataFrame, outcome: Outcome) -> list[str]:
    """Say whether the folds need more patients of an outcome's rarest class."""
    folds = recipe.evaluation.folds
    patients = patients_by_class(rows[outcome.name], rows["patient_id"], outcome)
    if min(patients.values()) >= folds:
        smaller = min(patients.values())
        left = _left_to_train(smaller, folds)
        head = (
            f"of the smaller class's {counted(smaller, 'patient')}, {left} {'is' if left == 1 else 'are'} left to "
            "train on when a fold is held out, too few"
        )
        return _too_few_inside(recipe, left, head)
    known = [f"{counted(count, 'patient')} with {outcome.name} = {name}" for name, count in patients.items()]
    each = f"{folds} folds need {folds} of each."
    return [f"{listed(known)} have a usable modality; {each}"]


def _too_few_in_a_split(recipe: Recipe, rows: pd.DataFrame, outcome: Outcome, splits: Sequence[Split]) -> list[str]:
    """Say whether folds inside the training patients need more of a class than some split leaves."""
    name, left = _fewest_trained(rows[outcome.name], rows["patient_id"], outcome, splits)
    return _too_few_inside(
        recipe, left, f"some split leaves {counted(left, 'patient')} with {outcome.name} = {name}, too few"
    )


def _fewest_trained(y: pd.Series, patients: pd.Series, outcome: Outcome, splits: Sequence[Split]) -> tuple[str, int]:
    """Return the class of which some split leaves the fewest patients to train on, and how many."""
    left = [patients_by_class(y.iloc[split.train], patients.iloc[split.train], outcome) for split in splits]
    return min(((name, n) for counts in left for name, n in counts.items()), key=lambda pair: pair[1])


def _of_cohort(sentences: list[str]) -> Problems:
    if sentences:
        yield CohortError(THE_COHORT, sentences)


def _too_few_inside(recipe: Recipe, left: int, head: str) -> list[str]:
    """Say which folds inside the training patients are too many for the ``left`` patients of a class."""
    inner = largest_inner_folds(recipe)
    if inner is not None:
        if left < inner:
            return [
                f"{head} for inner_folds = {inner}. Lower inner_folds under [fusion], or combine by mean and vote "
                "with calibrate = false, so that nothing is learned."
            ]
        nested = largest_nested_folds(recipe)
        if nested is not None and _left_to_train(left, nested) < nested:
            return [
                f"{head} for inner_folds = {nested} inside the folds of a chain over outcomes, whose combiner learns. "
                'Lower its inner_folds, or let it combine by "mean".'
            ]
        left = _left_to_train(left, inner)
    if _cross_fits(recipe) and left < recipe.deep.folds:
        return [f"{head} to train encoders in folds = {recipe.deep.folds} inside every fold. Lower folds under [deep]."]
    return []


def _cross_fits(recipe: Recipe) -> bool:
    return selects_deep_features(recipe) and recipe.deep.protocol == "crossfit"


def _too_few_to_cross_fit(recipe: Recipe, n_patients: int) -> bool:
    return _cross_fits(recipe) and _left_to_train(n_patients, recipe.evaluation.folds) < recipe.deep.folds


def _left_to_train(n_patients: int, folds: int) -> int:
    return n_patients - ceil(n_patients / folds)


def rare_modalities(recipe: Recipe, present: pd.DataFrame, rows: pd.DataFrame, outcomes: Sequence[Outcome]) -> Problems:
    """Yield which modality, or whose crops, are too rare to be trained on in every fold.

    Parameters
    ----------
    recipe : Recipe
    present : DataFrame of shape (n_samples, n_modalities)
        Whether a row has what the column names.
    rows : DataFrame
        As `deal_splits` takes them.
    outcomes : sequence of Outcome
    """
    splits = [] if recipe.evaluation.split == KFOLD else deal_splits(recipe, rows, outcomes)
    for outcome in outcomes:
        for modality in present:
            here = present[modality]
            if splits:
                y = rows[outcome.name].where(here)
                yield from _of_cohort(_absent_in_training(modality, outcome, y, rows["patient_id"], splits))
                continue
            counts = patients_by_class(rows.loc[here, outcome.name], rows.loc[here, "patient_id"], outcome)
            yield from _of_cohort(_too_rare(recipe, modality, outcome, counts))


def _absent_in_training(
    modality: str, outcome: Outcome, y: pd.Series, patients: pd.Series, splits: Sequence[Split]
) -> list[str]:
    name, left = _fewest_trained(y, patients, outcome, splits)
    if left:
        return []
    return [
        f"{modality} is present in no patient with {outcome.name} = {name} that some split trains on. Leave it out of "
        "modalities, or split otherwise."
    ]


def _too_rare(recipe: Recipe, modality: str, outcome: Outcome, counts: Mapping[str, int]) -> list[str]:
    folds, fewest = recipe.evaluation.folds, min(counts.values())
    if fewest < folds:
        first, *others = counts.items()
        known = [
            f"{counted(first[1], 'patient')} with {outcome.name} = {first[0]}",
            *(f"{n} with {name}" for name, n in others),
        ]
        return [
            f"{modality} is present in {listed(known)}, fewer than the {folds} folds. Leave it out of modalities, or "
            "lower folds."
        ]
    if not columns.is_modality(modality) and _too_few_to_cross_fit(recipe, fewest):  # crops of one
        return [
            f"{modality} is present in {counted(fewest, 'patient')} of the smaller class. When a fold is held out, too "
            f"few are left to train encoders in folds = {recipe.deep.folds}. Lower folds under [deep]."
        ]
    return []


def copied_patients(table: pd.DataFrame, patients: pd.Series) -> Problems:
    """Yield which patients have the same features, however their images and files are called."""
    features = [name for name in table if columns.is_feature(name)]
    yield from _of_cohort(copy_problems(table[features], patients))
