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


SELECTOR_TITLES = {
    "three_step": "Mann-Whitney U test with p < alpha, then of features with |r| > threshold one kept, then LASSO",
    "mann_whitney": "Mann-Whitney U test",
    "kruskal": "Kruskal-Wallis test",
    "t_test": "Welch's t-test",
    "anova": "analysis of variance",
    "variance": "features of low variance removed",
    "mutual_info": "mutual information with the label",
    "correlation": "correlated features removed",
    "lasso": "LASSO",
    "mrmr": "minimum redundancy, maximum relevance",
    "stability": "stability selection with the LASSO",
    "rfe": "recursive feature elimination",
    "relief": "ReliefF weights",
    "boruta": "Boruta",
    "reproducibility": "reproducible features (intraclass correlation)",
    "none": "all features kept",
}

SELECTORS = {name: partial(_make, class_name) for name, class_name in _CLASSES.items()}
