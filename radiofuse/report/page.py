"""From a bundle's contents to one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from radiofuse.report import pictures, sentences, tables
from radiofuse.report.contents import Contents
from radiofuse.report.tables import MAX_FAILURES, TOP_FEATURES
from radiofuse.report.wording import MISSING, counted


def render_page(contents: Contents) -> str:
    """Return the whole report as HTML; every value from the bundle is escaped."""
    return (
        html_environment()
        .get_template("page.html")
        .render(
            about=contents.about,
            protocol=contents.protocol,
            recipe=contents.recipe,
            missing=MISSING,
            **_words(contents),
            **_results(contents),
            **_features_and_weights(contents),
            **_how_it_was_made(contents),
        )
    )


def html_environment() -> Environment:
    """Return the templates of this folder; what is put into them is escaped."""
    # autoescape=True, not select_autoescape(): choosing by file name leaves some templates raw
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _words(contents: Contents) -> dict[str, Any]:
    return {
        "banners": sentences.banners(contents),
        "summary": sentences.summary(contents),
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
        "scores": tables.scores_table(contents),
        "names": tables.names_table(contents),
        "comparisons": tables.comparisons_table(contents),
        "arms": sentences.arms(contents),
        "arm_members": tables.arm_members_table(contents),
        "arm_comparisons": tables.arm_comparisons_table(contents),
        "published": tables.published_tables(contents),
        "published_weights": tables.WEIGHT in set(contents.published["metric"]),
        "auc": pictures.auc_picture(contents),
        "roc": pictures.roc_pictures(contents),
        "calibration": pictures.calibration_picture(contents),
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
        "picture": pictures.frequency_picture(features, modality),
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
    }
