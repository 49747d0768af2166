"""The evaluation of a run: every model out of fold, scored, compared, and looked into."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from radiofuse import notebook
from radiofuse.evaluate import gather_predictions, run_folds
from radiofuse.evaluate.findings import inspect_fold
from radiofuse.experiment.as_published import learns_in_sample, selected_before_split
from radiofuse.experiment.deal import deal_splits, split_words
from radiofuse.experiment.folds_key import folds_key
from radiofuse.experiment.further_tests import further_tests
from radiofuse.experiment.joint_evaluation import JointFolds, evaluate_joint_models, in_order
from radiofuse.experiment.models.all_models import list_all_models
from radiofuse.experiment.models.member_chains import encoder_spec
from radiofuse.experiment.models.model_list import (
    combiners_learn,
    inner_folds_of,
    modalities_of,
    model_list,
    reads_crops,
    reads_deep_columns,
)
from radiofuse.experiment.models.networks import of_networks
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.experiment.rows import LabeledRows, Rows
from radiofuse.experiment.scores.recalibrations import recalibrations
from radiofuse.experiment.scores.run_times import ENCODERS, FOLDS, LEDGER, RECALIBRATIONS, SCORES, SPREADS, TESTS
from radiofuse.experiment.scores.score_tables import by_uncertainty, score_all
from radiofuse.experiment.scores.slice_scores import slice_predictions
from radiofuse.experiment.scores.spreads import spreads
from radiofuse.experiment.shortcuts import find_shortcuts, join_ledgers
from radiofuse.patients import Split
from radiofuse.progress import Meter
from radiofuse.tables import columns
from radiofuse.tables.outcomes import Outcome
from radiofuse.work.cluster import require_seen
from radiofuse.work.kept import Kept
from radiofuse.work.laps import Laps

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from radiofuse.deep.training.plan import TrainingSet


@dataclass(frozen=True, eq=False)
class Results:
    """What cross-validation found.

    Attributes
    ----------
    splits : list of Split
        Of all rows.
    predictions, scores, fold_scores, comparisons : DataFrame
        As ``gather_predictions``, ``score_predictions``, ``score_folds`` and ``compare_with_others`` return them,
        outcome by outcome.
    against_reference : DataFrame
        The difference of each answer from the one that the recipe names as reference; else no rows.
    operating_points, calibration, decision_curves : DataFrame
        As ``operating_points_table``, ``calibration_table`` and ``decision_table`` return them.
    prediction_sets : DataFrame
        As ``conformal_table`` returns it; no rows where it was not asked for.
    recalibrated, recalibrations : DataFrame
        As ``recalibrations`` returns them; no rows where none were asked for.
    spreads, calibration_by_uncertainty : DataFrame
        As ``spreads`` and ``by_uncertainty`` return them; the former without rows where not asked for.
    learning_intervals, best_of_models : DataFrame
        As ``auc_tables`` returns them.
    findings : dict of (str, str) to list of dict
        For each outcome and each model that records some: per outer fold, what ``inspect_fold`` saw in it.
    ledger : DataFrame
        What shortcuts would have claimed, outcome by outcome; without rows where it was not asked for.
    tests : DataFrame
        As ``further_tests`` returns them.
    stages : dict of str to float
        Seconds of each stage.
    in_folds : dict of (str, str) to float
        Seconds of each outcome and model in its folds, added up over processes; finished folds of an earlier run too.
        Of a model of all outcomes at once, no outcome stands there.
    lacking : list of str
        Sentences on outcomes and models without recalibrations or spreads that were asked for.
    """

    splits: list[Split]
    predictions: pd.DataFrame
    scores: pd.DataFrame
    fold_scores: pd.DataFrame
    learning_intervals: pd.DataFrame
    best_of_models: pd.DataFrame
    comparisons: pd.DataFrame
    against_reference: pd.DataFrame
    operating_points: pd.DataFrame
    prediction_sets: pd.DataFrame
    calibration: pd.DataFrame
    recalibrated: pd.DataFrame
    recalibrations: pd.DataFrame
    spreads: pd.DataFrame
    calibration_by_uncertainty: pd.DataFrame
    decision_curves: pd.DataFrame
    findings: dict[tuple[str, str], list[dict[str, Any]]]
    ledger: pd.DataFrame
    tests: pd.DataFrame
    stages: dict[str, float]
    in_folds: dict[tuple[str, str], float]
    lacking: list[str] = field(default_factory=list)

    def _repr_html_(self) -> str:
        learned = "AUC, out of fold, with the 95% interval for other patients to learn from and to predict"
        first = [notebook.scores(learned, self.learning_intervals)] if len(self.learning_intervals) else []
        scored = notebook.scores(
            "Scores, out of fold, with 95% intervals: the same models on other patients", self.scores
        )
        differences = notebook.frame("Differences of the answer from each other model", self.comparisons)
        return notebook.page(*first, scored, differences)


def evaluate_models(
    recipe: Recipe, rows: Rows, *, n_jobs: int, progress: Meter, kept_in: Path | None = None
) -> Results:
    """Cross-validate a recipe's models on its rows, everything fitted inside the folds.

    Parameters
    ----------
    recipe : Recipe
    rows : Rows
    n_jobs : int
        Processes; the numbers do not depend on it.
    progress : callable
        As for ``run_recipe``.
    kept_in : Path, optional
        Folder where finished folds are kept for a rerun, each outcome's under the key of ``folds_key``.
    """
    splits, laps = deal_splits(recipe, rows.samples, rows.outcomes), Laps()
    words = split_words(recipe, splits)
    log.info("Split by %s: %s.", words["title"], words["does"])
    given = _Given(recipe, rows, laps, n_jobs, progress, kept_in)
    joint = evaluate_joint_models(recipe, rows, splits, n_jobs=n_jobs, progress=progress, kept_in=kept_in)
    if joint.models:
        laps.end(FOLDS)
    parts = [_evaluate_outcome(given, outcome, splits, joint) for outcome in rows.outcomes]
    told = [pd.concat([part[at] for part in parts], ignore_index=True) for at in (0, 1)]
    scored = score_all(recipe, rows, *told)
    laps.end(SCORES)
    tests = further_tests(
        recipe, rows, scored["predictions"], splits, n_jobs=n_jobs, progress=progress, kept_in=kept_in
    )
    if len(tests):
        laps.end(TESTS)
    lacking: list[str] = []
    options: dict[str, Any] = {"n_jobs": n_jobs, "progress": progress, "kept_in": kept_in, "tell": lacking.append}
    calibrated = recalibrations(recipe, rows, scored["predictions"], splits, **options)
    if len(calibrated["recalibrations"]):
        laps.end(RECALIBRATIONS)
    spread = spreads(recipe, rows, splits, **options)
    if len(spread):
        laps.end(SPREADS)
    for words in lacking:
        log.warning("%s", words)
    return Results(
        splits=splits,
        **scored,
        **calibrated,
        spreads=spread,
        calibration_by_uncertainty=by_uncertainty(scored["predictions"], calibrated["recalibrated"], spread),
        tests=tests,
        findings={key: seen for part in parts for key, seen in part.findings.items()},
        ledger=join_ledgers([part.ledger for part in parts if part.ledger is not None]),
        stages=laps.seconds,
        in_folds={key: seconds for part in parts for key, seconds in part.in_folds.items()} | joint.seconds,
        lacking=lacking,
    )


class _Given(NamedTuple):
    """What the evaluation of every outcome works with."""

    recipe: Recipe
    rows: Rows
    laps: Laps
    n_jobs: int
    progress: Meter
    kept_in: Path | None

    def doing(self, what: str, outcome: Outcome) -> str:
        """Return what a progress bar says, with the outcome where there are several."""
        return f"{what}, {outcome.name}" if len(self.rows.outcomes) > 1 else what


class _OfOutcome(NamedTuple):
    """What the folds of one outcome gave, as in `Results`; predictions, and those by slices, come first."""

    predictions: pd.DataFrame
    slices: pd.DataFrame
    findings: dict[tuple[str, str], list[dict[str, Any]]]
    in_folds: dict[tuple[str, str], float]
    ledger: pd.DataFrame | None


def _evaluate_outcome(given: _Given, outcome: Outcome, splits: Sequence[Split], joint: JointFolds) -> _OfOutcome:
    recipe, rows, laps = given.recipe, given.rows, given.laps
    labeled = rows.of(outcome)
    own = [split for split in map(labeled.split, splits) if split.test.size]  # a site may know another outcome only
    if recipe.deep is not None:
        _train_encoders(given, labeled, own)
        laps.end(ENCODERS)
    kept = None if given.kept_in is None else Kept(given.kept_in, folds_key(recipe, rows, labeled, own))
    options: dict[str, Any] = {"groups": labeled.groups, "splits": own, "outcome": outcome, "kept": kept}
    with given.progress(given.doing("Cross-validating", outcome), "fits") as on_done:
        options |= {"inspect": inspect_fold, "n_jobs": given.n_jobs, "on_done": on_done}
        models = selected_before_split(recipe, list_all_models(recipe, rows, labeled, own), labeled)
        folds = run_folds(models, labeled.X, labeled.y, **options)
    laps.end(FOLDS)
    predictions = gather_predictions(folds)
    if joint.models:
        predictions = in_order(recipe, rows, pd.concat([predictions, joint.of(outcome)], ignore_index=True))
    recorded = {name: [fold.findings[name] for fold in folds] for name in models} | joint.findings_of(outcome)
    return _OfOutcome(
        predictions,
        slice_predictions(recipe, rows, labeled, own, set(predictions["model"])),
        {(outcome.name, name): seen for name, seen in recorded.items() if None not in seen},
        {(outcome.name, name): sum(fold.seconds[name] for fold in folds) for name in models},
        _ledger(given, labeled, own, predictions, kept) if recipe.evaluation.ledger else None,
    )


def _ledger(
    given: _Given, labeled: LabeledRows, splits: Sequence[Split], predictions: pd.DataFrame, kept: Kept | None
) -> pd.DataFrame:
    with given.progress(given.doing("Trying shortcuts", labeled.outcome), "shortcuts") as on_done:
        shared: dict[str, Any] = {"n_jobs": given.n_jobs, "kept": kept, "on_done": on_done}
        found = find_shortcuts(given.recipe, given.rows, labeled, splits, predictions, **shared)
    given.laps.end(LEDGER)
    return found


def _train_encoders(given: _Given, labeled: LabeledRows, splits: Sequence[Split]) -> None:
    """Train what the folds and the final model will ask for, ahead of them: in parallel, with the time left.

    A fit that asks for an encoder that is not there trains it; so this moves work, never a number.
    """
    from radiofuse.deep import EncoderCache, train_encoders

    recipe, source = given.recipe, given.rows.source
    require_seen(source.cache)
    with given.progress(given.doing("Training encoders", labeled.outcome), "encoders") as on_done:
        sets = encoder_sets(recipe, given.rows, labeled, splits)
        options: dict[str, Any] = {"seed": recipe.seed, "n_jobs": given.n_jobs, "on_done": on_done}
        train_encoders(EncoderCache(source.cache), encoder_spec(recipe), source.crops, sets, **options)


def encoder_sets(recipe: Recipe, rows: Rows, labeled: LabeledRows, splits: Sequence[Split]) -> list[TrainingSet]:
    """Return the rows that encoders are trained on in the folds and for the final models, each set once."""
    from radiofuse.deep import training_sets

    fits = [*(split.train for split in splits), np.arange(len(labeled.y))]
    crosses = recipe.deep.protocol == "crossfit" and not encoder_spec(recipe).frozen
    crossfit = recipe.deep.folds if crosses else None
    sets = []
    for model in (model for model in model_list(recipe) if reads_crops(recipe, model)):
        names = of_networks(recipe, modalities_of(model, rows.modalities))
        pointers = labeled.X[[columns.join(name, columns.CROP) for name in names]]
        inner = combiners_learn(recipe, model) and not learns_in_sample(recipe)
        fusion_cv = inner_folds_of(recipe, model) if inner else None
        plan = {"fusion_cv": fusion_cv, "cv": crossfit if reads_deep_columns(recipe, model) else None}
        options: dict[str, Any] = {"splits": fits, "random_state": recipe.seed, **plan}
        sets += training_sets(pointers, labeled.y, labeled.groups, **options)
    return list(dict.fromkeys(sets))
