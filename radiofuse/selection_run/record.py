"""``selection.json``: settings, provenance, counts and the models, in one file with the same bytes every time."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from radiofuse import __version__
from radiofuse.select.words import words_of
from radiofuse.selection_run.blocks import Block
from radiofuse.selection_run.model import numbers_of
from radiofuse.selection_run.nested import ModalitySelection
from radiofuse.selection_run.request import SelectionRequest
from radiofuse.tables.features import FeatureTable

LIBRARIES = ("numpy", "scipy", "pandas", "scikit-learn")


def selection_record(
    results: Sequence[ModalitySelection],
    table: FeatureTable,
    request: SelectionRequest,
    tables: Mapping[str, pd.DataFrame],
) -> dict[str, Any]:
    """Return what a reader needs to judge the tables, and to get them again.

    ``words`` holds what is said of each step; ``auc_nested`` and ``auc_optimistic`` hold value, low and high by
    model; ``modalities`` for each one the flow of features through the steps and the model fitted to all samples. It
    does not depend on the time, the place of the output or the number of jobs.
    """
    planned = sum(len(result.block.splits) for result in results)
    finished = sum(len(result.outcomes) for result in results)
    return {
        "radiofuse": __version__,
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "command": request.command,
        "seed": request.seed,
        "settings": request.settings,
        "inputs": dict(table.inputs),
        "label": table.label,
        "classes": list(table.classes),
        **({"positive": table.classes[1]} if table.several is None else {"ordered": table.ordered}),
        "notes": list(table.notes),
        "complete": all(result.complete for result in results),
        "folds_planned": planned,
        "folds_finished": finished,
        # A page is written from the record, where a class of a user's own may be out of reach.
        "words": {name: asdict(words_of(step, name, len(table.classes))) for name, step in results[0].final.steps},
        "flow": {result.block.modality: flow_counts(result, len(table.y)) for result in results},
        "stability": _by_modality(tables["stability"]),
        "auc_nested": _aucs(tables["performance"], "nested"),
        "auc_optimistic": _aucs(tables["performance"], "optimistic"),
        "models": {result.block.modality: _model(result) for result in results},
    }


def flow_counts(result: ModalitySelection, n_samples: int) -> dict[str, Any]:
    """Return the counts of one modality: samples, gaps, and the features left after each step."""
    block, final = result.block, result.final
    left = {name: int(step.get_support().sum()) for name, step in final.steps_.items()}
    return {
        "samples": len(block.y),
        **({"positive": int(block.y.sum())} if block.several is None else {"by_class": _by_class(block)}),
        "absent": n_samples - len(block.y),
        "imputed_cells": int(block.X.isna().sum().sum()),
        "features": block.X.shape[1],
        "steps": {name: left.get(name, 0) for name, _ in final.steps},
        "selected": int(final.get_support().sum()),
    }


def _by_class(block: Block) -> dict[str, int]:
    return {name: int(np.sum(block.y == place)) for place, name in enumerate(block.several.classes)}


def _by_modality(stability: pd.DataFrame) -> dict[str, Any]:
    return {row.pop("modality"): row for row in stability.to_dict("records")}


def _aucs(performance: pd.DataFrame, kind: str) -> dict[str, Any]:
    rows = performance[(performance["selection"] == kind) & (performance["metric"] == "auc")]
    if "class" in rows:  # of several, that of the whole
        rows = rows[rows["class"] == ""]
    return {row.model: {"value": row.value, "low": row.low, "high": row.high} for row in rows.itertuples()}


def _model(result: ModalitySelection) -> dict[str, Any]:
    block = result.block
    features = [*block.X.columns[result.final.get_support()], *block.covariates.columns]
    return {"features": features, **numbers_of(result.model), **_harmonization(result)}


def _harmonization(result: ModalitySelection) -> dict[str, Any]:
    """Return what a value of a site is turned into before the model sees it, for the selected features."""
    combat, selected = result.block.combat, result.final.get_support()
    if combat is None:
        return {}
    names = ("grand_mean_", "pooled_variance_", "gamma_", "delta_", "coef_")
    learned = {name.rstrip("_"): getattr(combat, name)[..., selected].tolist() for name in names}
    return {"combat": {"sites": combat.sites_.tolist(), **learned}}


def as_json(record: Mapping[str, Any]) -> str:
    """Return a record as text; what is no number becomes null."""
    # NaN is no JSON: Python would write and read it, other readers refuse the file.
    return json.dumps(_strict(record), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _strict(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _strict(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
