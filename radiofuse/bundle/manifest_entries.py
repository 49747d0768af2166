"""What a manifest says of a run: outcomes and their thresholds, columns, and the rows that were trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.bundle.format import DESCRIPTION
from radiofuse.bundle.read import outcomes_in
from radiofuse.tables.outcomes import Outcome


def told_of_run(description: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Return what a manifest says of outcomes and their thresholds, of columns and of training rows."""
    points = tables["operating_points"]
    chosen = points[points["metric"] == "threshold"]
    digests = sorted(description.get("training_rows", {}))
    return {
        "outcomes": [_outcome(one, chosen[chosen["outcome"] == one.name]) for one in outcomes_in(description)],
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


def _outcome(outcome: Outcome, chosen: pd.DataFrame) -> dict[str, Any]:
    """Return classes in the order of probabilities, which is positive, and from where on each model calls it."""
    finite = chosen[np.isfinite(chosen["value"].astype(float))]
    return {
        "name": outcome.name,
        "classes": list(outcome.classes),
        "positive": outcome.classes[-1] if outcome.is_binary else None,
        "thresholds": {str(model): float(value) for model, value in zip(finite["model"], finite["value"], strict=True)},
    }
