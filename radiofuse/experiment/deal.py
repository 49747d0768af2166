"""The folds of a run: one set of them for all outcomes."""

from __future__ import annotations

from radiofuse.errors import CohortError
from radiofuse.experiment.recipe import Recipe
from radiofuse.experiment.rows import LabeledRows, Rows
from radiofuse.patients import Split, patient_splits
from radiofuse.patients.strata import joint_strata
from radiofuse.tables.problems import THE_COHORT


def deal_splits(recipe: Recipe, rows: Rows) -> list[Split]:
    """Return the splits of all rows, stratified by the outcomes together as far as their rarest combinations allow.

    Parameters
    ----------
    recipe : Recipe
    rows : Rows

    Raises
    ------
    CohortError
        If the training rows of a split lack a class of an outcome.
    """
    plan, names = recipe.evaluation, [outcome.name for outcome in rows.outcomes]
    strata = joint_strata(rows.y[names], rows.groups, fewest=plan.folds)
    options = {"n_splits": plan.folds, "n_repeats": plan.repeats, "random_state": recipe.seed}
    splits = patient_splits(strata, rows.groups, **options)
    for outcome in rows.outcomes:
        _refuse_lost_class(rows.of(outcome), splits)
    return splits


def _refuse_lost_class(rows: LabeledRows, splits: list[Split]) -> None:
    for split in map(rows.split, splits):
        lost = [name for place, name in enumerate(rows.outcome.classes) if place not in rows.y[split.train]]
        if lost:
            sentence = (
                f"repeat {split.repeat}, fold {split.fold} leaves no patient with {rows.outcome.name} = {lost[0]} to "
                "train on; the outcomes share folds. Lower folds, or run this outcome by itself."
            )
            raise CohortError(THE_COHORT, [sentence])
