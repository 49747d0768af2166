"""``selection.json``: settings, provenance, counts and the models, in one file with the same bytes every time."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from radiofuse import __version__
from radiofuse.selection_run.checks import FeatureTable
from radiofuse.selection_run.nested import ModalitySurvey
from radiofuse.selection_run.request import SurveyRequest

LIBRARIES = ("numpy", "scipy", "pandas", "scikit-learn")


def survey_record(
    surveys: Sequence[ModalitySurvey],
    table: FeatureTable,
    request: SurveyRequest,
    tables: Mapping[str, pd.DataFrame],
) -> dict[str, Any]:
    """Return what a reader needs to judge the tables, and to get them again.

    ``auc_nested`` and ``auc_optimistic`` hold estimate, low and high by model; ``modalities`` for each one the flow of
    features through the steps and the model fitted to all samples. It does not depend on the time, the place of the
    output or the number of jobs.
    """
    planned = sum(len(survey.block.splits) for survey in surveys)
    finished = sum(len(survey.outcomes) for survey in surveys)
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
        "positive": table.classes[1],
        "notes": list(table.notes),
        "complete": all(survey.complete for survey in surveys),
        "folds_planned": planned,
        "folds_finished": finished,
        "flow": {survey.block.modality: flow_counts(survey, len(table.y)) for survey in surveys},
        "stability": _by_modality(tables["stability"]),
        "auc_nested": _aucs(tables["performance"], "nested"),
        "auc_optimistic": _aucs(tables["performance"], "optimistic"),
        "models": {survey.block.modality: _model(survey) for survey in surveys},
    }


def flow_counts(survey: ModalitySurvey, n_samples: int) -> dict[str, Any]:
    """Return the counts of one modality: samples, gaps, and the features left after each step."""
    block, final = survey.block, survey.final
    left = {name: int(step.get_support().sum()) for name, step in final.steps_.items()}
    return {
        "samples": len(block.y),
        "positive": int(block.y.sum()),
        "absent": n_samples - len(block.y),
        "imputed_cells": int(block.X.isna().sum().sum()),
        "features": block.X.shape[1],
        "steps": {name: left.get(name, 0) for name, _ in final.steps},
        "selected": int(final.get_support().sum()),
    }


def _by_modality(stability: pd.DataFrame) -> dict[str, Any]:
    return {row.pop("modality"): row for row in stability.to_dict("records")}


def _aucs(performance: pd.DataFrame, kind: str) -> dict[str, Any]:
    rows = performance[(performance["selection"] == kind) & (performance["metric"] == "auc")]
    return {row.model: {"estimate": row.estimate, "low": row.low, "high": row.high} for row in rows.itertuples()}


def _model(survey: ModalitySurvey) -> dict[str, Any]:
    model, block = survey.model, survey.block
    features = [*block.X.columns[survey.final.get_support()], *block.covariates.columns]
    arrays = {name: getattr(model, name).tolist() for name in ("median", "center", "scale", "coef")}
    return {"features": features, **arrays, "intercept": model.intercept, **_harmonization(survey)}


def _harmonization(survey: ModalitySurvey) -> dict[str, Any]:
    """Return what a value of a site is turned into before the model sees it, for the selected features."""
    combat, selected = survey.block.combat, survey.final.get_support()
    if combat is None:
        return {}
    names = ("grand_mean_", "pooled_variance_", "gamma_", "delta_", "coef_")
    learnt = {name.rstrip("_"): getattr(combat, name)[..., selected].tolist() for name in names}
    return {"combat": {"sites": combat.sites_.tolist(), **learnt}}


def as_json(record: Mapping[str, Any]) -> str:
    """Return a record as text; what is no number becomes null."""
    return json.dumps(_strict(record), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _strict(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _strict(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
