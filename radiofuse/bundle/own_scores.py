"""How well a bundle's main answers did out of fold when they were made, for whoever reads one of a single patient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from radiofuse.bundle.load import Bundle
from radiofuse.bundle.read import read_table
from radiofuse.bundle.updates import update_of

LEVEL = 0.95  # of both tables
OTHERS_TO_LEARN_FROM = "had other patients been there to learn from and to be tried on"
SAME_MODEL = "had the same model been tried on other patients"


def own_scores(bundle: Bundle) -> dict[str, dict[str, Any]]:
    """Return by outcome the AUC of the main answer with its interval, and its calibration slope.

    Parameters
    ----------
    bundle : Bundle

    Returns
    -------
    dict
        By outcome: model, n_patients, auc (of more than two classes the mean over the classes, each against the rest:
        of_each_class), low, high (None where there is no interval), level, interval_of, and of two classes slope,
        slope_low and slope_high. The interval is that of other patients to learn from and to predict, where the run
        has one. before_update: the bundle was updated since. An outcome without an AUC is not among them.
    """
    tables = {name: read_table(bundle.folder, name) for name in ("scores", "learning_intervals", "calibration")}
    primary = bundle.description["protocol"]["primary"]
    found = {one.name: _of_outcome(tables, one.name, primary) for one in bundle.outcomes}
    of_each_class = {one.name for one in bundle.outcomes if not one.is_binary}
    return {
        name: of
        | {
            "of_each_class": name in of_each_class,
            "before_update": update_of(bundle.description, name) is not None,
        }
        for name, of in found.items()
        if of
    }


def _of_outcome(tables: dict[str, pd.DataFrame], outcome: str, primary: str) -> dict[str, Any]:
    own = {name: _rows(table, outcome, primary) for name, table in tables.items()}
    scores, learning = (own[name][own[name]["metric"] == "auc"] for name in ("scores", "learning_intervals"))
    if scores.empty or not np.isfinite(scores["value"].iloc[0]):
        return {}
    row, ends = scores.iloc[0], (scores if learning.empty else learning).iloc[0]
    told = {"model": primary, "n_patients": int(row["n_patients"]), "auc": float(row["value"])}
    told |= {"low": _number(ends["low"]), "high": _number(ends["high"]), "level": LEVEL}
    told["interval_of"] = SAME_MODEL if learning.empty else OTHERS_TO_LEARN_FROM
    lines = own["calibration"]
    if len(lines) == 1:  # of several classes each has a line, and none is that of the answer
        told |= {name: _number(lines[name].iloc[0]) for name in ("slope", "slope_low", "slope_high")}
    return told


def _rows(table: pd.DataFrame, outcome: str, model: str) -> pd.DataFrame:
    return table[(table["outcome"] == outcome) & (table["model"] == model)]


def _number(value: Any) -> float | None:
    """Return a number for JSON, which knows no NaN."""
    return float(value) if np.isfinite(value) else None
