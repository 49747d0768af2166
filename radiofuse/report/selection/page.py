"""From the tables of a selection to one HTML page."""

from __future__ import annotations

from typing import Any

from radiofuse.report.page import Banner, render
from radiofuse.report.selection import pictures, sentences, tables
from radiofuse.report.selection.contents import SelectionContents
from radiofuse.report.wording import several_classes
from radiofuse.tables.features import FUSION
from radiofuse.tables.roles import UNNAMED
from radiofuse.wording import counted


def render_selection(contents: SelectionContents) -> str:
    """Return the report of a selection as HTML; every value is escaped."""
    record = contents.record
    return render(
        "selection/page.html",
        title=f"Which features carry {record['label']}",
        lead=sentences.lead(contents),
        banners=[Banner("Read this first", tuple(sentences.banner(record)))],
        notes=record["notes"],
        warnings=record["warnings"],
        flow=tables.flow_table(record),
        modalities=[_modality(contents, name) for name in contents.modalities],
        command=record["command"],
        version=record["radiofuse"],
        **_worth(contents),
        **_how_it_was_made(contents),
    )


def _worth(contents: SelectionContents) -> dict[str, Any]:
    primary = contents.primary
    return {
        "folds": sentences.folds(contents.record),
        "honesty": tables.honesty_table(contents) if contents.models else None,
        "honesty_picture": pictures.honesty_picture(contents),
        "primary": primary,
        "fused": primary == FUSION,
        "performance": tables.performance_table(contents) if primary else None,
        "class_tables": tables.class_tables(contents) if primary else [],
        "metrics": several_classes(ordered=contents.record["ordered"]) if contents.several else "",
        "model_pictures": pictures.model_pictures(contents) if primary else [],
    }


def _modality(contents: SelectionContents, name: str) -> dict[str, Any]:
    record = contents.record
    left_out = len(contents.ranked(name)) - tables.TOP_RANKED
    return {
        "name": "Features" if name == UNNAMED else f"Features of {name}",
        "flow": sentences.flow(record["flow"][name], record["words"]),
        "table": tables.features_table(contents, name),
        "left_out": counted(left_out, "feature") if left_out > 0 else "",
        "pictures": pictures.selection_pictures(contents, name),
        "chosen": pictures.chosen_picture(contents, name),
    }


def _how_it_was_made(contents: SelectionContents) -> dict[str, Any]:
    return {
        "settings": tables.settings_table(contents.record),
        "versions": tables.versions_table(contents.record),
        "inputs": tables.inputs_table(contents.record),
    }
