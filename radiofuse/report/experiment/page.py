"""From a bundle's contents to one HTML page."""

from __future__ import annotations

from typing import Any

from radiofuse.bundle.format import FILES, WEIGHT
from radiofuse.report.experiment import pictures, sentences, tables
from radiofuse.report.experiment.contents import Contents
from radiofuse.report.experiment.tables import MAX_FAILURES
from radiofuse.report.page import render
from radiofuse.report.pictures import calibration_picture, frequency_picture
from radiofuse.report.tables import TOP_FEATURES
from radiofuse.wording import counted


def render_page(contents: Contents) -> str:
    """Return the whole report as HTML; every value from the bundle is escaped."""
    contents = contents.of(contents.outcomes[0])
    return render(
        "experiment/page.html",
        title=contents.about["title"],
        lead=sentences.summary(contents),
        banners=sentences.banners(contents),
        about=contents.about,
        protocol=contents.protocol,
        recipe=contents.recipe,
        **_words(contents),
        **_results(contents),
        **_features_and_weights(contents),
        **_how_it_was_made(contents),
    )


def _words(contents: Contents) -> dict[str, Any]:
    return {
        "outcome": sentences.outcome(contents),
        "design": sentences.design(contents),
        "encoder": sentences.encoder(contents),
        "encoder_fitting": sentences.encoder_fitting(contents),
        "before_the_folds": sentences.before_the_folds(contents),
        "fusions": sentences.fusions(contents),
        "selector": sentences.selector(contents),
        "classifier": sentences.classifier(contents),
        "resampling": sentences.resampling(contents),
    }


def _results(contents: Contents) -> dict[str, Any]:
    return {
        "flow": tables.flow_table(contents),
        "scores": tables.main_scores(contents),
        "names": tables.names_table(contents),
        "comparisons": tables.main_comparisons(contents),
        "arms": sentences.arms(contents),
        "arm_members": tables.arm_scores(contents),
        "arm_comparisons": tables.arm_comparisons(contents),
        "published": tables.published_tables(contents),
        "published_weights": WEIGHT in set(contents.published["metric"]),
        "auc": pictures.auc_picture(contents),
        "roc": pictures.roc_pictures(contents),
        "calibration": calibration_picture(contents.predictions, contents.primary),
    }


def _features_and_weights(contents: Contents) -> dict[str, Any]:
    return {
        "selections": [_selection(contents, modality) for modality in contents.members],
        "weights": tables.weights_table(contents),
        "weight_pictures": pictures.weight_pictures(contents),
    }


def _selection(contents: Contents, modality: str) -> dict[str, Any]:
    features = tables.selected_features(contents, modality)
    return {
        "modality": modality,
        "count": sentences.selection_count(contents, modality, features),
        "table": tables.features_table(features, modality),
        "picture": frequency_picture(features, modality),
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
        "files": FILES,
    }
