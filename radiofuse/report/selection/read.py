"""A selection's folder to what pages and paper packs read: record and tables, each as it was written."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd

from radiofuse.errors import BundleError
from radiofuse.files.outputs import sha256_of
from radiofuse.report.selection.contents import SelectionContents
from radiofuse.tables.spreadsheet import as_meant

RECORD = "selection.json"
NEEDED = (
    "settings",
    "words",
    "flow",
    "classes",
    "label",
    "auc_nested",
    "auc_optimistic",
    "files",
    "warnings",
    "inputs",
)
FLAGS = ("selected", "passed_test", "kept_after_prune", "is_min", "is_1se")
TEXTS = (
    *("modality", "feature", "feature_a", "feature_b", "family", "sample_id", "patient_id", "model", "selection"),
    *("metric", "method", "class", "outcome", "best_class", "coef_class", "direction", "dropped_for", "p_method"),
)


def is_selection(folder: Path) -> bool:
    """Return whether a folder is one that ``radiofuse select --out`` has written."""
    return (folder / RECORD).is_file()


def read_selection(folder: Path) -> SelectionContents:
    """Return record and tables of a selection.

    Raises
    ------
    BundleError
        If the record cannot be read or lacks an entry, or a table is missing or no longer as it was written.
    """
    record = _record(folder / RECORD)
    names = [field.name for field in fields(SelectionContents) if field.name != "record"]
    changed = [name for name in names if not _is_as_written(folder / f"{name}.csv", record["files"])]
    if changed:
        raise BundleError(f"{folder}: {changed[0]}.csv is missing or has changed. Select again with --out.")
    return SelectionContents(**{name: _table(folder / f"{name}.csv") for name in names}, record=record)


def _record(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"{path} cannot be read ({error}). Select again with --out.") from error
    lacking = [name for name in NEEDED if not isinstance(record, dict) or name not in record]
    if lacking:
        raise BundleError(f"{path} lacks the entry {lacking[0]}. Select again with --out.")
    return dict(record)


def _is_as_written(path: Path, files: dict[str, str]) -> bool:
    return path.is_file() and files.get(path.name) == sha256_of(path)


def _table(path: Path) -> pd.DataFrame:
    """Return a table whose texts stay as they are written: 007 stays 007, NA stays NA."""
    cells = as_meant(pd.read_csv(path, dtype=str, keep_default_na=False))
    return cells.assign(**{name: _typed(name, cells[name]) for name in cells})


def _typed(name: str, column: pd.Series) -> pd.Series:
    if name in FLAGS:
        return column.str.lower().isin(["true", "1"])
    return column if name in TEXTS else pd.to_numeric(column.mask(column == ""), errors="coerce").astype(float)
