"""The tables that a run leaves in its bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from radiofuse.bundle.format import TABLES
from radiofuse.bundle.training_ranges import training_ranges
from radiofuse.bundle.training_spread import training_spread
from radiofuse.bundle.training_values import FEATURES, SPECTRA, columns_of_models, training_values
from radiofuse.estimators import OffersFindings
from radiofuse.evaluate.chosen_options import summarize_choices
from radiofuse.evaluate.findings import summarize_selection
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
from radiofuse.experiment.description import Models, columns_read
from radiofuse.experiment.evaluation import Results
from radiofuse.experiment.models.model_list import primary_of
from radiofuse.experiment.models.self_training import pseudo_label_table
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.experiment.rows import Rows
from radiofuse.experiment.scores.fusion_weights import Key, Weights
from radiofuse.experiment.scores.patient_tables import baseline, subgroups
from radiofuse.experiment.scores.published import published_rows
from radiofuse.experiment.scores.sample_sizes import sample_sizes
from radiofuse.fuse import holders
from radiofuse.fuse.outcome_chain import member_of_class
from radiofuse.patients import Split
from radiofuse.statistics import calibration_band

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


def tables_of_run(
    recipe: Recipe, rows: Rows, results: Results, models: Models, weights: Weights, times: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """Return the tables of a run's bundle by name: of its rows, of its results, of its final models and of its time."""
    of_members = _tables_of_members(rows, results, models, weights)
    X, predictions = rows.X[columns_read(recipe, rows)], results.predictions
    return {
        **{name: getattr(results, name) for name in OF_RESULTS},
        **of_members,
        "cohort_flow": rows.flow,
        "modality_flow": rows.modality_flow,
        "baseline": baseline(rows),
        "subgroups": subgroups(recipe, rows, predictions),
        "folds": fold_table(rows.samples, rows.outcomes, results.splits),
        "published": _published(recipe, rows, results.scores, of_members),
        "sample_sizes": sample_sizes(recipe, rows, results.scores),
        "training_ranges": training_ranges(X),
        "probability_intervals": calibration_band(predictions[predictions["model"] == primary_of(recipe)]),
        **_compared(X, of_members["selected_features"], rows, models),
        "failures": rows.failures,
        "run_times": times,
    }


def _compared(X: pd.DataFrame, selected: pd.DataFrame, rows: Rows, models: Models) -> dict[str, pd.DataFrame]:
    """Return what new patients are compared with: of columns and embeddings that the final models read, and images."""
    networks, patients = holders(*models.values()), list(map(str, rows.groups))
    features = X[columns_of_models(selected, X)]
    if networks:
        from radiofuse.deep.estimators.embedded_rows import embedded_rows  # which needs torch

        features = features.join(embedded_rows(networks, X))
    parts = {FEATURES: features}
    if rows.spectra is not None:
        parts[SPECTRA] = rows.spectra.reindex(X.index)
    return {
        "training_values": training_values(parts, patients),
        "training_spread": training_spread(features, patients),
    }


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
