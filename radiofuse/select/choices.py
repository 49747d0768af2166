"""The selectors by name, each imported when it is made."""

from __future__ import annotations

from functools import partial
from typing import Any

import radiofuse.select

_CLASSES = {
    "three_step": "ThreeStepSelector",
    "mann_whitney": "MannWhitneySelector",
    "kruskal": "KruskalSelector",
    "t_test": "TTestSelector",
    "anova": "AnovaSelector",
    "variance": "VarianceSelector",
    "mutual_info": "MutualInfoSelector",
    "correlation": "CorrelationSelector",
    "lasso": "LassoSelector",
    "mrmr": "MRMRSelector",
    "stability": "StabilitySelector",
    "rfe": "RFESelector",
    "relief": "ReliefSelector",
    "boruta": "BorutaSelector",
    "reproducibility": "ReproducibilitySelector",
}


def _make(class_name: str, **parameters: Any) -> Any:
    return getattr(radiofuse.select, class_name)(**parameters)


SELECTORS = {name: partial(_make, class_name) for name, class_name in _CLASSES.items()}
