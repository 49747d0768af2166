"""A recipe from the cohort table to the report: the one place where all stages meet."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from radiofuse.bundle.format import TABLES
from radiofuse.bundle.read import read_table
from radiofuse.bundle.training_ranges import training_ranges
from radiofuse.bundle.write import save_bundle
from radiofuse.errors import BundleError
from radiofuse.estimators import OffersFindings
from radiofuse.evaluate.chosen_options import summarize_choices
from radiofuse.evaluate.findings import summarize_selection
from radiofuse.evaluate.folds import log_warnings
from radiofuse.evaluate.importance_tables import (
    agreement_of_measures,
    gather_shapley,
    importance_of_groups,
    measured_by_fold,
)
from radiofuse.evaluate.row_contributions import gather_contributions
from radiofuse.evaluate.row_weights import summarize_row_weights
from radiofuse.evaluate.selection_stability import summarize_stability
from radiofuse.experiment.deal import fold_table
from radiofuse.experiment.description import Models, columns_read, describe_run
from radiofuse.experiment.evaluation import Results, evaluate_models
from radiofuse.experiment.joint_evaluation import rows_to_learn_from
from radiofuse.experiment.models.building import list_kept
from radiofuse.experiment.models.self_training import pseudo_label_table
from radiofuse.experiment.preparation import prepare_rows
from radiofuse.experiment.recipe.recipe import Recipe, read_recipe
from radiofuse.experiment.rows import LabeledRows, Rows
from radiofuse.experiment.scores.fusion_weights import Key, Weights, weigh_members
from radiofuse.experiment.scores.patient_tables import baseline, subgroups
from radiofuse.experiment.scores.published import published_rows
from radiofuse.experiment.scores.run_times import FINAL, WEIGHTS, run_times
from radiofuse.experiment.scores.sample_sizes import sample_sizes
from radiofuse.files.outputs import is_page, is_page_json
from radiofuse.fuse.joint import JointModel, OneOutcome
from radiofuse.fuse.outcome_chain import member_of_class
from radiofuse.patients import Split
from radiofuse.patients.pseudonyms import Pseudonyms
from radiofuse.progress import Meter, silent
from radiofuse.report import write_report
from radiofuse.select import NothingSelectedWarning
from radiofuse.wording import some
from radiofuse.work.kept import FOLDER, Kept, digest_of
from radiofuse.work.laps import Laps

log = logging.getLogger(__name__)

OF_RESULTS = (  # tables of a bundle that stand under their names in the results
    *("predictions", "scores", "learning_intervals", "best_of_models", "fold_scores", "comparisons"),
    *("against_reference", "operating_points", "prediction_sets", "calibration", "decision_curves", "ledger", "tests"),
    *("recalibrated", "recalibrations", "spreads", "calibration_by_uncertainty"),
)
OF_MEMBERS = (
    *(
        "selected_features",
        "chosen_options",
        "stability",
        "fusion_weights",
        "modality_weights",
        "contributions",
        "pseudo_labels",
        *("importance_sums", "importance_agreement", "shapley"),
    ),
)


def run_recipe(
    path: str | Path,
    *,
    out: str | Path | None = None,
    n_jobs: int = 1,
    store: str | Path = "feature_store",
    progress: Meter = silent,
    overwrite: bool = False,
    report: bool = True,
    retry_failed: bool = False,
    pseudonyms: Pseudonyms | None = None,
    pickled: bool = False,
) -> Path:
    """Run a recipe from the cohort table to the report.

    Parameters
    ----------
    path : path
        The recipe, a TOML file.
    out : path, optional
        Output folder; default ``out/<recipe name>``.
    n_jobs : int, default=1
        Processes; the numbers do not depend on it.
    store : path, default="feature_store"
        Feature store; what it holds is not extracted again.
    progress : callable, optional
        ``progress(label, unit)`` gives a context manager that yields a ``(done, total)`` callable.
    overwrite : bool, default=False
        Whether a ``report.html`` that radiofuse did not write may be replaced.
    report : bool, default=True
        Whether to write ``report.html``, which needs the extra ``report``.
    retry_failed : bool, default=False
        Try again every image that failed in an earlier run.
    pseudonyms : Pseudonyms, optional
        What samples and patients are called in everything that is written. Folds are dealt in the order of ids, so
        that they are others than without.
    pickled : bool, default=False
        Whether joblib writes the models of the bundle, which loads only where that is trusted then; else they are
        arrays and JSON, which load without running code.

    Returns
    -------
    Path
        The output folder: ``bundle/``, ``report.html`` and ``report.json``.

    Raises
    ------
    RadiofuseError
        With one sentence (or a list) that says what to change.
    """
    recipe = read_recipe(path)
    out = Path(out) if out else Path("out") / recipe.name
    options: dict[str, Any] = {"overwrite": overwrite, "report": report, "retry_failed": retry_failed}
    options |= {"pseudonyms": pseudonyms}
    rows = prepare_rows(recipe, out, store=store, n_jobs=n_jobs, progress=progress, **options)
    if words := describe_fewer(out / "bundle", rows.groups):
        log.warning("%s", words)
    for words in rows.warnings():
        log.warning("%s", words)
    results = evaluate_models(recipe, rows, n_jobs=n_jobs, progress=progress, kept_in=out / FOLDER)
    laps = Laps()
    models = fit_models(recipe, rows, n_jobs=n_jobs, progress=progress)
    laps.end(FINAL)
    weights = weigh_members(recipe, rows, results.findings, models, progress=progress)
    laps.end(WEIGHTS)
    times = run_times({**rows.stages, **results.stages, **laps.seconds}, results.in_folds)
    bundle = _save(recipe, rows, results, models, weights, times, out / "bundle", pickled=pickled)
    page = out / "report.html"
    if report:
        write_report(bundle, page, overwrite=overwrite)
    else:
        _remove_pages(page)
    Kept(out / FOLDER, digest_of()).remove()
    return out


def _remove_pages(page: Path) -> None:
    """Remove the report of an earlier run: it does not stand beside another bundle."""
    for path, ours in ((page, is_page), (page.with_suffix(".json"), is_page_json)):
        if path.is_file() and ours(path):
            path.unlink()


def describe_fewer(bundle: Path, patients: Iterable[str]) -> str:
    """Return a sentence on the patients that the run before, of this bundle, evaluated beyond these; else nothing."""

    try:
        before = set(read_table(bundle, "predictions")["patient_id"])
    except BundleError:  # no run before, or its table is damaged and is replaced by this run
        return ""
    now = set(patients)
    if len(now) >= len(before):
        return ""
    return (
        f"This run evaluates {len(now)} patients, the last one into this folder evaluated {len(before)}: without "
        f"{some(sorted(before - now))}. Look at the failures; after mending, run again with --retry-failed."
    )


def fit_models(recipe: Recipe, rows: Rows, *, n_jobs: int, progress: Meter) -> Models:
    """Fit the models of the bundle, by outcome and name: on every labeled row, once, after the evaluation."""
    kept = {outcome.name: list_kept(recipe, rows.inputs_for(outcome)) for outcome in rows.outcomes}
    joint = {name: model for name, model in list_kept(recipe, rows.inputs).items() if isinstance(model, JointModel)}
    models = {
        outcome: {name: OneOutcome(joint[name], outcome) if name in joint else own[name] for name in own}
        for outcome, own in kept.items()
    }
    alone = [(one, name) for one in rows.outcomes for name in models[one.name] if name not in joint]
    total = len(joint) + len(alone)
    with warnings.catch_warnings(record=True) as caught, progress("Fitting the final models", "models") as on_done:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", NothingSelectedWarning)  # said in the bundle's warnings
        for done, model in enumerate(joint.values(), start=1):
            model.fit(*rows_to_learn_from(rows))
            on_done(done, total)
        for done, (outcome, name) in enumerate(alone, start=len(joint) + 1):
            _fit_in_parallel(models[outcome.name][name], rows.of(outcome), n_jobs)
            on_done(done, total)
    log_warnings(Counter(str(one.message) for one in caught), "while fitting the final models")
    return models


def _fit_in_parallel(model: Any, labeled: LabeledRows, n_jobs: int) -> None:
    """Fit a model; how many processes fitted it is no property that it keeps."""
    takes_jobs = "n_jobs" in model.get_params(deep=False)
    if takes_jobs:
        model.set_params(n_jobs=n_jobs)
    model.fit(labeled.X, labeled.y, groups=labeled.groups)
    if takes_jobs:
        model.set_params(n_jobs=None)


def _save(
    recipe: Recipe,
    rows: Rows,
    results: Results,
    models: Models,
    weights: Weights,
    times: pd.DataFrame,
    folder: Path,
    *,
    pickled: bool,
) -> Path:
    of_members = _tables_of_members(rows, results, models, weights)
    tables = {
        **{name: getattr(results, name) for name in OF_RESULTS},
        **of_members,
        "cohort_flow": rows.flow,
        "modality_flow": rows.modality_flow,
        "baseline": baseline(rows),
        "subgroups": subgroups(recipe, rows, results.predictions),
        "folds": fold_table(rows.samples, rows.outcomes, results.splits),
        "published": _published(recipe, rows, results.scores, of_members),
        "sample_sizes": sample_sizes(recipe, rows, results.scores),
        "training_ranges": training_ranges(rows.X[columns_read(recipe, rows)]),
        "failures": rows.failures,
        "run_times": times,
    }
    description = describe_run(recipe, rows, results, models)
    told: dict[str, Any] = {"recipe": recipe.text, "description": description, "tables": tables}
    return save_bundle(folder, models=models, **told, pickled=pickled)


def _published(
    recipe: Recipe, rows: Rows, scores: pd.DataFrame, of_members: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """Return the published tables of a recipe with the values of this run beside them."""
    told = scores, of_members["fusion_weights"], of_members["selected_features"]
    return published_rows(recipe.tables, *told, rows.outcomes[0].name, read=rows.blocks)


def _tables_of_members(rows: Rows, results: Results, models: Models, weights: Weights) -> dict[str, pd.DataFrame]:
    """Return the tables of a bundle that say what folds and final models make of members and features."""
    found: dict[str, dict[Key, pd.DataFrame]] = {name: {} for name in OF_MEMBERS}
    for key, findings in results.findings.items():
        outcome, name = key
        by_row = _with_class_names(rows, outcome, summarize_row_weights(findings))
        kept = name in models[outcome]  # others are evaluated only
        told = _tables_of_model(rows, results, key, models[outcome][name], findings) if kept else {}
        for table, own in {**told, "modality_weights": by_row}.items():
            found[table][key] = own
    named = {key: _with_outcomes_before(rows, table) for key, table in weights.items()}
    found["fusion_weights"] = {key: _with_class_names(rows, key[0], table) for key, table in named.items()}
    return {name: _of_all_models(tables, name) for name, tables in found.items()}


def _tables_of_model(
    rows: Rows, results: Results, key: Key, model: OffersFindings, findings: Sequence[dict[str, Any]]
) -> dict[str, pd.DataFrame]:
    """Return what is said of one kept model of an outcome."""
    splits = _splits_of(rows, results, key[0])
    by_fold = measured_by_fold(findings)
    return {
        "selected_features": summarize_selection(model, findings, splits),
        "importance_sums": importance_of_groups(by_fold, splits),
        "importance_agreement": agreement_of_measures(by_fold),
        "shapley": _with_class_names(rows, key[0], gather_shapley(findings)),
        "stability": summarize_stability(findings),
        "chosen_options": summarize_choices(model, findings, splits),
        "pseudo_labels": pseudo_label_table(model, findings, splits),
        "contributions": _with_class_names(rows, key[0], gather_contributions(findings, splits)),
    }


def _splits_of(rows: Rows, results: Results, name: str) -> list[Split]:
    """Return the splits in which an outcome is tested."""
    labeled = next(rows.of(outcome) for outcome in rows.outcomes if outcome.name == name)
    return [split for split in map(labeled.split, results.splits) if split.test.size]


def _of_all_models(tables: Mapping[Key, pd.DataFrame], name: str) -> pd.DataFrame:
    """Return one table of a bundle out of those of each outcome and model, with both in front."""
    parts = [] if tables else [pd.DataFrame(columns=list(TABLES[name].columns))]
    for (outcome, model), table in tables.items():
        head = pd.DataFrame({"outcome": outcome, "model": model}, index=table.index)
        parts.append(pd.concat([head, table], axis=1))
    return pd.concat(parts, ignore_index=True)


def _with_outcomes_before(rows: Rows, weights: pd.DataFrame) -> pd.DataFrame:
    """Return weights of members that are classes of an outcome, read by a chain, under the names of these classes."""
    classes = [
        (one.name, place, name, len(one.classes)) for one in rows.outcomes for place, name in enumerate(one.classes)
    ]
    names = {member_of_class(outcome, place, n): f"{outcome} = {name}" for outcome, place, name, n in classes}
    return weights.assign(member=weights["member"].replace(names))


def _with_class_names(rows: Rows, name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose column class holds places of classes, or nothing, with the names of an outcome's."""
    outcome = next(outcome for outcome in rows.outcomes if outcome.name == name)
    names = {str(place): name for place, name in enumerate(outcome.classes)}
    return table.assign(**{"class": table["class"].map(names).fillna("")})
