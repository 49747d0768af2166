"""All files of the paper pack of a selection, as bytes by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from radiofuse.report.paper.figures import files_of_pictures
from radiofuse.report.paper.pack import files_of_tables, files_of_texts
from radiofuse.report.paper.selection_methods import FILES, methods_of_selection
from radiofuse.report.paper.tables import has_rows
from radiofuse.report.pictures import Picture
from radiofuse.report.selection import pictures, tables
from radiofuse.report.selection.contents import SelectionContents
from radiofuse.report.selection.read import read_selection
from radiofuse.report.tables import Table, name_value_table


def pack_of_selection(folder: Path) -> dict[str, bytes]:
    """Return the files of a selection's paper pack.

    Raises
    ------
    BundleError
        If a file is missing or no longer as it was written.
    """
    contents = read_selection(folder)
    title = f"Which features carry {contents.record['label']}"
    return {
        **files_of_texts(title, methods_of_selection(contents)),
        **files_of_tables(title, {name: table for name, table in _tables(contents) if has_rows(table)}),
        **files_of_pictures(_pictures(contents)),
        "replay_selection.R": (Path(__file__).parent / "replay_selection.R").read_bytes(),
    }


def _tables(contents: SelectionContents) -> Iterator[tuple[str, Table]]:
    record = contents.record
    yield "flow", tables.flow_table(record)
    if contents.models:
        yield "aucs", tables.honesty_table(contents)
    if contents.primary:
        yield "scores", tables.performance_table(contents)
    for place, name in enumerate(contents.modalities, 1):
        ending = f"_{place}" if len(contents.modalities) > 1 else ""
        yield f"features{ending}", tables.features_table(contents, name)
    yield "settings", name_value_table("Settings", _without_paths(contents))
    yield "versions", tables.versions_table(record)


def _without_paths(contents: SelectionContents) -> dict[str, object]:
    """Return the settings that say something; where files lie is nobody's business, what they hold has a hash."""
    settings = contents.record["settings"].items()
    return {name: value for name, value in settings if name not in FILES and value is not None and value != []}


def _pictures(contents: SelectionContents) -> Iterator[tuple[str, Iterable[Picture | None]]]:
    yield "aucs", [pictures.honesty_picture(contents)]
    for place, name in enumerate(contents.modalities, 1):
        ending = f"_{place}" if len(contents.modalities) > 1 else ""
        yield f"chosen{ending}", [pictures.chosen_picture(contents, name)]
        yield f"penalty{ending}", pictures.lasso_pictures(contents, name)
    if contents.primary:
        yield "model", pictures.model_pictures(contents)
