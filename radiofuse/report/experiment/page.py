"""From a bundle's contents to one HTML page."""

from __future__ import annotations

from typing import Any

from radiofuse.bundle.format import WEIGHT, files_of
from radiofuse.bundle.steps import COMBINES, SELECTS
from radiofuse.report.experiment import auc_words, pictures, protocol_words, run_tables, sentences, tables
from radiofuse.report.experiment.absence import absence_table, said_of_members
from radiofuse.report.experiment.calls import confusion_picture, precision_pictures
from radiofuse.report.experiment.contents import Contents
from radiofuse.report.experiment.contributions import contribution_pictures, contributions_table
from radiofuse.report.experiment.further_tests import (
    optimism_tables,
    pairs_table,
    permutation_words,
)
from radiofuse.report.experiment.importance import importance_parts
from radiofuse.report.experiment.misclassified import Portraits, cases_of, threshold_of
from radiofuse.report.experiment.patients import (
    baseline_table,
    flow_picture,
    lost_table,
    subgroups_picture,
    subgroups_table,
    too_small,
)
from radiofuse.report.experiment.published import published_tables
from radiofuse.report.experiment.recalibrations import (
    recalibrated_models,
    recalibration_pictures,
    recalibration_table_of,
)
from radiofuse.report.experiment.sample_size import size_table, size_words
from radiofuse.report.experiment.shortcuts import shortcuts_picture, shortcuts_table
from radiofuse.report.experiment.tables import MAX_FAILURES
from radiofuse.report.experiment.uncertainty import uncertainty_picture, uncertainty_table
from radiofuse.report.page import render
from radiofuse.report.pictures import frequency_picture
from radiofuse.report.tables import TOP_FEATURES, calibration_lines, calls_table, classes_table, models_by_class_table
from radiofuse.report.wording import several_classes
from radiofuse.wording import counted, listed, number


def render_page(values: dict[str, Any]) -> str:
    """Return the whole report as HTML; every value from the bundle is escaped."""
    return render("experiment/page.html", **values)


def page_values(contents: Contents, portraits: Portraits | None = None) -> dict[str, Any]:
    """Return what the page shows, a part for each outcome, under the names that its template has.

    With portraits, an empty mapping too, it names the samples that are called wrongly.
    """
    parts = [contents.of(outcome) for outcome in contents.outcomes]
    return dict(
        title=contents.about["title"],
        lead=sentences.summary(parts),
        banners=sentences.banners(contents),
        about=contents.about,
        protocol=contents.protocol,
        recipe=contents.recipe,
        shared=contents.is_shared,
        flow=tables.flow_table(contents),
        flow_picture=flow_picture(contents),
        lost=lost_table(contents),
        overview=tables.overview_table(parts) if len(parts) > 1 and not contents.is_shared else None,
        names=tables.names_table(contents.of(contents.outcomes[0])),
        outcomes=[
            {
                **_outcome(part, f"-{place}" if len(parts) > 1 else ""),
                "misclassified": None if portraits is None else cases_of(part, portraits),
                "threshold": number(threshold_of(part)),
            }
            for place, part in enumerate(parts, 1)
        ],
        **_words(contents),
        **_how_it_was_made(contents),
    )


def _words(contents: Contents) -> dict[str, Any]:
    return {
        "outcome": sentences.outcome(contents),
        "stratification": sentences.stratification(contents),
        "design": sentences.design(contents),
        "encoder": protocol_words.encoder(contents),
        "networks": protocol_words.networks(contents),
        "encoder_fitting": protocol_words.encoder_fitting(contents),
        "fitting": protocol_words.fitting(contents),
        "harmonization": sentences.harmonization(contents),
        "before_the_folds": sentences.before_the_folds(contents),
        "fusions": sentences.fusions(contents),
        "selectors": protocol_words.selectors(contents),
        "classifiers": protocol_words.classifiers(contents),
        "resampling": auc_words.resampling(contents),
    }


def _outcome(contents: Contents, suffix: str) -> dict[str, Any]:
    """Return what the page shows of one outcome; the suffix tells its anchors from those of others."""
    return {
        "suffix": suffix,
        "phrase": contents.outcome.phrase,
        "lead": sentences.result(contents),
        "answer": contents.answer,
        "baseline": baseline_table(contents),
        **_results(contents),
        **_on_request(contents),
        **_classes(contents),
        **_features_and_weights(contents),
    }


def _results(contents: Contents) -> dict[str, Any]:
    return {
        "scores": tables.main_scores(contents),
        "comparisons": tables.main_comparisons(contents),
        "reference": tables.reference_table(contents),
        "reference_picture": pictures.reference_picture(contents),
        "best_of_models": auc_words.best_of_models(contents),
        "details": list(tables.detail_tables(contents, sentences.arms(contents))),
        "published": published_tables(contents),
        "published_weights": WEIGHT in set(contents.published["metric"]),
        "auc": pictures.auc_picture(contents),
        "roc": pictures.all_roc_pictures(contents),
        "calibration": pictures.calibration_pictures(contents),
        "calibration_lines": calibration_lines(contents, contents.calibration),
        "size_words": size_words(contents),
        "sizes": size_table(contents),
        "calibration_error": sentences.calibration_error(contents),
        "decision": pictures.decision_curve_picture(contents),
        "points": tables.calls_at_points(contents),
        "sets": tables.sets_table(contents),
        "precision": precision_pictures(contents),
        "confusion": confusion_picture(contents),
        "subgroups": subgroups_table(contents),
        "too_small_groups": listed(too_small(contents)),
        "subgroups_picture": subgroups_picture(contents),
    }


def _on_request(contents: Contents) -> dict[str, Any]:
    """Return what only a run has whose recipe asks for it."""
    return {
        "shortcuts": shortcuts_table(contents),
        "shortcuts_picture": shortcuts_picture(contents),
        "absence": absence_table(contents),
        "main_model": contents.main_model,
        "member_words": said_of_members(contents),
        "pairs": pairs_table(contents),
        "permutation": permutation_words(contents),
        "optimism": optimism_tables(contents),
        "choices": run_tables.choices_table(contents),
        "recalibration": recalibration_table_of(contents),
        "recalibrated_models": recalibrated_models(contents),
        "recalibration_pictures": recalibration_pictures(contents),
        "uncertainty": uncertainty_table(contents),
        "uncertainty_picture": uncertainty_picture(contents),
        "pseudo_labels": run_tables.pseudo_labels_table(contents),
    }


def _classes(contents: Contents) -> dict[str, Any]:
    """Return what only an outcome of several classes has."""
    if not contents.has_several_classes:
        return {"metrics": "", "further": None, "classes": None, "models_by_class": None, "calls": None}
    answer = f"of {contents.primary}, out of fold"
    return {
        "metrics": several_classes(ordered=contents.outcome.ordered),
        "further": tables.further_scores(contents),
        "classes": classes_table(contents, f"Each class against the rest: scores {answer}"),
        "models_by_class": models_by_class_table(
            contents, contents.main_models, "Each class against the rest: all models, out of fold"
        ),
        "calls": calls_table(contents, f"Classes, and what the samples of each are called: calls {answer}"),
    }


def _features_and_weights(contents: Contents) -> dict[str, Any]:
    """Return what the model of the main answer selected and how it weighs its members, and those of other models."""
    first, *others = [contents.of_model(model) for model in contents.selecting] or [contents]
    further = dict(zip(contents.selecting[1:], others, strict=True))
    return {
        "stability": run_tables.stability_table(contents),
        "model": contents.selecting[0] if others else "",
        "selects": SELECTS in contents.steps,
        "combines": COMBINES in contents.steps,
        "selections": [_selection(first, modality) for modality in first.members if SELECTS in contents.steps],
        "further_selections": {
            model: [_selection(own, modality, drawn=False) for modality in own.members]
            for model, own in further.items()
            if not own.selected_features.empty
        },
        "importance": importance_parts(first),
        "weights": tables.weights_table(first),
        "weight_pictures": pictures.weight_pictures(first),
        "modality_weights": tables.modality_weights_tables(contents),
        "contributions": contributions_table(first),
        "contribution_pictures": contribution_pictures(first),
        "further_weights": {
            model: tables.weights_table(own) for model, own in further.items() if not own.fusion_weights.empty
        },
    }


def _selection(contents: Contents, modality: str, *, drawn: bool = True) -> dict[str, Any]:
    features = tables.selected_features(contents, modality)
    return {
        "modality": modality,
        "count": sentences.selection_count(contents, modality, features),
        "table": None if features.empty else tables.features_table(features, modality),
        "picture": frequency_picture(features, modality) if drawn else None,
        "left_out": counted(len(features) - TOP_FEATURES, "feature") if len(features) > TOP_FEATURES else "",
    }


def _how_it_was_made(contents: Contents) -> dict[str, Any]:
    unlisted = len(contents.failures) - MAX_FAILURES
    return {
        "failures": tables.failures_table(contents),
        "failures_left_out": counted(unlisted, "failure") if unlisted > 0 else "",
        "settings": tables.settings_table(contents),
        "options": tables.options_table(contents),
        "versions": tables.versions_table(contents),
        "folds": run_tables.folds_table(contents),
        "times": run_tables.times_table(contents),
        "files": files_of(contents.kept_as),
    }
