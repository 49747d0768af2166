"""The folds of a run: one set of them for all outcomes, dealt, drawn, by site, or as somebody fixed them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from radiofuse.errors import CohortError
from radiofuse.experiment.recipe.evaluation import BY_SITE, FIXED, HOLDOUT, KFOLD
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.patients import Split, fixed_splits, holdout_splits, patient_splits, site_splits
from radiofuse.patients.held_out import UNKNOWN, fewest_to_hold_out
from radiofuse.patients.strata import joint_strata
from radiofuse.tables.cells import is_empty
from radiofuse.tables.fold_list import FoldList, lists_of_tests, read_fold_list
from radiofuse.tables.outcomes import Outcome
from radiofuse.tables.problems import THE_COHORT
from radiofuse.tables.roles import PATIENT, SITE
from radiofuse.wording import counted, listed, percent

Outcomes = Sequence[Outcome]


def deal_splits(recipe: Recipe, samples: pd.DataFrame, outcomes: Outcomes) -> list[Split]:
    """Return the splits of all samples, which all outcomes share.

    Parameters
    ----------
    recipe : Recipe
    samples : DataFrame
        Its index is the sample ids; the columns are ``patient_id``, ``site`` where it is known, and for each outcome
        the place of the sample's class, NaN where it is unknown.
    outcomes : sequence of Outcome

    Raises
    ------
    RadiofuseError
        If there is no such split, or one leaves no patient of a class to train on, or a repeat none to test on.
    """
    splits = _SPLITTERS[recipe.evaluation.split](recipe, samples, outcomes)
    instead = _INSTEAD[recipe.evaluation.split]
    if len(outcomes) > 1:
        instead = f"The outcomes share folds. {instead}"
    sentences = [sentence for outcome in outcomes for sentence in _lost_classes(samples, outcome, splits)]
    if sentences:
        raise CohortError(THE_COHORT, [f"{sentence} {instead}" for sentence in sentences])
    return splits


def _names(outcomes: Outcomes) -> list[str]:
    return [outcome.name for outcome in outcomes]


def patients_by_class(y: pd.Series, patients: pd.Series, outcome: Outcome) -> dict[str, int]:
    """Return how many patients have a row of each class, by its name."""
    return {name: patients[y == place].nunique() for place, name in enumerate(outcome.classes)}


def _kfold(recipe: Recipe, samples: pd.DataFrame, outcomes: Outcomes) -> list[Split]:
    """Return folds that are stratified by the outcomes together as far as their rarest combinations allow."""
    plan = recipe.evaluation
    strata = joint_strata(samples[_names(outcomes)], samples[PATIENT], fewest=plan.folds)
    options = {"n_splits": plan.folds, "n_repeats": plan.repeats, "random_state": recipe.seed}
    return patient_splits(strata, samples[PATIENT].to_numpy(), **options)


def _by_site(recipe: Recipe, samples: pd.DataFrame, outcomes: Outcomes) -> list[Split]:
    if SITE not in samples:
        sentence = f'It has no column {SITE}, which split = "{BY_SITE}" needs. Add it, or split by {KFOLD}.'
        raise CohortError(THE_COHORT, [sentence])
    sites = samples[SITE].mask(is_empty(samples[SITE]), "")
    return site_splits(sites.to_numpy(), samples[PATIENT].to_numpy(), smallest=recipe.evaluation.smallest_site)


def _holdout(recipe: Recipe, samples: pd.DataFrame, outcomes: Outcomes) -> list[Split]:
    plan = recipe.evaluation
    fewest = fewest_to_hold_out(plan.share)
    rare = [
        f"{counted(size, 'patient')} with {outcome.name} = {name}"
        for outcome in outcomes
        for name, size in patients_by_class(samples[outcome.name], samples[PATIENT], outcome).items()
        if size < fewest
    ]
    if rare:
        sentence = f"{listed(rare)}: share = {plan.share:g} of them holds out none, or leaves none to train on. Each "
        raise CohortError(THE_COHORT, [f"{sentence}class needs {fewest}; change share, or take split = {KFOLD!r}."])
    strata = joint_strata(samples[_names(outcomes)], samples[PATIENT], fewest=fewest)
    options = {"share": plan.share, "n_repeats": plan.repeats, "random_state": recipe.seed}
    return holdout_splits(strata, samples[PATIENT].to_numpy(), **options)


def _fixed(recipe: Recipe, samples: pd.DataFrame, outcomes: Outcomes) -> list[Split]:
    repeats, patients = fold_list(recipe).by_sample(samples), samples[PATIENT].to_numpy()
    return [
        split
        for place, name in enumerate(repeats)
        for split in fixed_splits(repeats[name].to_numpy(), patients, repeat=place)
    ]


_SPLITTERS: dict[str, Callable[[Recipe, pd.DataFrame, Outcomes], list[Split]]] = {
    KFOLD: _kfold,
    BY_SITE: _by_site,
    HOLDOUT: _holdout,
    FIXED: _fixed,
}


def fold_list(recipe: Recipe) -> FoldList:
    """Return the folds that a recipe fixes: those of its table, or its lists."""
    plan = recipe.evaluation
    return lists_of_tests(plan.test_lists) if plan.fixed is None else read_fold_list(recipe.path(plan.fixed))


_INSTEAD = {
    KFOLD: "Lower folds, or run this outcome by itself.",
    BY_SITE: f'Raise smallest_site, or take split = "{KFOLD}".',
    HOLDOUT: "Change share, or run this outcome by itself.",
    FIXED: "Change the list.",
}


def _lost_classes(samples: pd.DataFrame, outcome: Outcome, splits: Sequence[Split]) -> list[str]:
    """Return a sentence if a split leaves a class out of training, or a repeat out of all tests."""
    y = samples[outcome.name].to_numpy()
    for place, name in enumerate(outcome.classes):
        of_class = f"patient with {outcome.name} = {name}"
        for split in (split for split in splits if place not in y[split.train]):
            return [f"{_called(split)} leaves no {of_class} to train on."]
        tested = {split.repeat: False for split in splits}
        for split in splits:
            tested[split.repeat] |= place in y[split.test]
        for repeat in (repeat for repeat, found in tested.items() if not found):
            return [f"No fold of repeat {repeat} tests a {of_class}, so that nothing could be scored."]
    return []


def _called(split: Split) -> str:
    named = f" ({split.name})" if split.name else ""
    return f"Repeat {split.repeat}, fold {split.fold}{named}"


def fold_table(samples: pd.DataFrame, outcomes: Outcomes, splits: Sequence[Split]) -> pd.DataFrame:
    """Return how many patients of each class a fold trains and tests on.

    Columns outcome, class, repeat, fold, name, n_train and n_test.
    """
    patients, rows = samples[PATIENT].to_numpy(), []
    for outcome in outcomes:
        y = samples[outcome.name].to_numpy()
        for split in splits:
            for place, name in enumerate(outcome.classes):
                sizes = [np.unique(patients[part[y[part] == place]]).size for part in (split.train, split.test)]
                rows.append((outcome.name, name, split.repeat, split.fold, split.name, *sizes))
    return pd.DataFrame(rows, columns=["outcome", "class", "repeat", "fold", "name", "n_train", "n_test"])


def split_words(recipe: Recipe, splits: Sequence[Split]) -> dict[str, str]:
    """Return how patients are split, as ``title``, and what that means, as ``does``."""
    plan, repeats = recipe.evaluation, {split.repeat for split in splits}
    folds = sum(split.repeat == splits[0].repeat for split in splits)
    times = f", repeated {len(repeats)} times" if len(repeats) > 1 else ""
    together = len(recipe.outcomes or ()) > 1
    strata = f"stratified by {'the outcomes together as far as their patients allow' if together else 'label'}"
    if plan.split == KFOLD:
        return {"title": f"{folds}-fold cross-validation{times}", "does": strata}
    if plan.split == HOLDOUT:
        title = f"{counted(len(splits), 'hold-out')} of {percent(plan.share)} of the patients"
        return {"title": title, "does": f"{strata}; the others are trained on"}
    if plan.split == FIXED:
        return {"title": f"{counted(folds, 'fixed fold')}{times}", "does": "as listed for this run"}
    named = [split.name for split in splits]
    pooled = f"; sites with fewer than {plan.smallest_site} patients are one fold" if plan.smallest_site > 1 else ""
    strangers = "; patients of no known site are one fold, and may be of a site that is trained on"
    return {
        "title": f"leave-one-site-out cross-validation in {counted(folds, 'fold')}",
        "does": f"each site is tested on by models of the others{pooled}{strangers if UNKNOWN in named else ''}",
    }
