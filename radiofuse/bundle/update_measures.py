"""What an update makes of an answer on the patients that it was learned from, by updates that had not seen them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.bundle.json_format import UPDATE_MEASURES
from radiofuse.statistics import (
    calibration_band,
    calibration_table,
    conformal_limits,
    recalibration_table,
    score_predictions,
)
from radiofuse.tables.outcomes import Outcome


@dataclass(frozen=True, eq=False)
class Answered:
    """Labeled patients of one outcome with what the run's answer says of them."""

    samples: np.ndarray
    patients: np.ndarray
    y: np.ndarray  # places of classes
    P: np.ndarray  # a column per class


def measures_of(
    known: Answered, outcome: Outcome, after: np.ndarray, protocol: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return calibration, Brier score and log loss of the answer before the update and after, out of fold.

    There is no AUC: over folds, each with an update of its own, patients would be ranked by different updates, and an
    AUC that an update leaves as it is would seem to fall.
    """
    tables = {
        "before": _predictions(known, outcome, np.broadcast_to(known.P, after.shape)),
        "after": _predictions(known, outcome, after),
    }
    drawn: dict[str, Any] = {"n_resamples": protocol["resamples"], "random_state": protocol["seed"]}
    differences = recalibration_table(tables["before"], tables["after"].assign(method="update"), **drawn)
    ends = {when: _ends(table, drawn) for when, table in tables.items()}
    rows = []
    for row in differences[differences["metric"] != "auc"].to_dict("records"):
        told = {"before": row["before"], "after": row["after"], "difference": row["difference"]}
        told |= {"difference_low": row["low"], "difference_high": row["high"]}
        for when, own in ends.items():
            told[f"{when}_low"], told[f"{when}_high"] = own.get((row["class"], row["metric"]), (np.nan, np.nan))
        numbers = {name: _finite(told[name]) for name in UPDATE_MEASURES}
        rows.append({"class": row["class"], "metric": row["metric"], **numbers})
    return rows


def _predictions(known: Answered, outcome: Outcome, each: np.ndarray) -> pd.DataFrame:
    """Return a table of predictions of (repeats, n_samples, n_classes)."""
    parts = [
        pd.DataFrame(
            {
                "outcome": outcome.name,
                "sample_id": known.samples,
                "patient_id": known.patients,
                "repeat": repeat,
                "fold": 0,
                "model": outcome.name,
                "class": name,
                "label": (known.y == k).astype(int),
                "probability": P[:, k],
            }
        )
        for repeat, P in enumerate(each)
        for k, name in enumerate(outcome.classes)
        if name in outcome.told
    ]
    return pd.concat(parts, ignore_index=True)


def _ends(predictions: pd.DataFrame, drawn: Mapping[str, Any]) -> dict[tuple[str, str], tuple[float, float]]:
    """Return the interval of each class's measure, where it has one."""
    found = {}
    for row in calibration_table(predictions, **drawn).to_dict("records"):
        for name in ("slope", "intercept"):
            found[row["class"], name] = row[f"{name}_low"], row[f"{name}_high"]
    for row in score_predictions(predictions, **drawn).to_dict("records"):
        found[row["class"], row["metric"]] = row["low"], row["high"]
    return found


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def limits_of(known: Answered, after: np.ndarray, level: float | None) -> list[float | None]:
    """Return the limits of sets of classes for the updated answer, from updates that had not seen the patient."""
    if level is None:
        return []
    each = [conformal_limits(known.y, P, level=level, patients=known.patients) for P in after]
    return [_finite(one) for one in np.mean(each, axis=0)]


def band_of(known: Answered, outcome: Outcome, after: np.ndarray, answer: str) -> pd.DataFrame:
    """Return which share of the update's patients with a probability is of the class, as `calibration_band` has it.

    The probabilities are those of updates that had not seen the patient.
    """
    return calibration_band(_predictions(known, outcome, after).assign(model=answer))
