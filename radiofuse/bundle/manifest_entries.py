"""What a manifest says of a run: outcomes and their thresholds, columns, and the rows that were trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.bundle.format import DESCRIPTION
from radiofuse.bundle.read import outcomes_in
from radiofuse.bundle.updates import updated_thresholds
from radiofuse.tables.outcomes import Outcome


def told_of_run(description: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Return what a manifest says of outcomes and their thresholds, of columns and of training rows."""
    points = tables["operating_points"]
    chosen = points[points["metric"] == "threshold"]
    digests = sorted(description.get("training_rows", {}))
    return {
        **_updates(description),
        "outcomes": [
            _outcome(one, chosen[chosen["outcome"] == one.name], description) for one in outcomes_in(description)
        ],
        "columns": {
            "n": len(description.get("columns", ())),
            "named_in": DESCRIPTION,
            "ranges_in": "training_ranges.csv",
        },
        "training_rows": {
            "n_samples": len(set(description.get("training_rows", {}).values())),
            "n_digests": len(digests),
            "sha256": hashlib.sha256("\n".join(digests).encode()).hexdigest(),
            "listed_in": DESCRIPTION,
        },
    }


def _updates(description: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a manifest says of updates on patients of another site; nothing where there was none."""
    told = ("whose", "answer", "method", "slope", "intercepts", "n_patients", "events")
    updates = description.get("updates", {})
    return {"updates": {name: {key: one[key] for key in told} for name, one in updates.items()}} if updates else {}


def _outcome(outcome: Outcome, chosen: pd.DataFrame, description: Mapping[str, Any]) -> dict[str, Any]:
    """Return classes in the order of probabilities, which is positive, and from where on each model calls it."""
    finite = chosen[np.isfinite(chosen["value"].astype(float))]
    values = {str(one): float(value) for one, value in zip(finite["model"], finite["value"], strict=True)}
    moved = updated_thresholds(description, {(outcome.name, model): value for model, value in values.items()})
    return {
        "name": outcome.name,
        "classes": list(outcome.classes),
        "positive": outcome.classes[-1] if outcome.is_binary else None,
        "thresholds": values | {model: value for (_, model), value in moved.items()},
    }
