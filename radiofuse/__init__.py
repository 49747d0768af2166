"""radiofuse: radiomics and deep features of several MRI sequences, fused and honestly evaluated.

Public names are imported on first use, so that ``import radiofuse`` loads neither
scikit-learn nor SimpleITK nor torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "read_cohort": "cohort",
    "FeatureStore": "store",
    "RadiomicsExtractor": "extract",
    "MannWhitneySelector": "select",
    "CorrelationSelector": "select",
    "LassoSelector": "select",
    "ThreeStepSelector": "select",
    "BayesianRegularizedNetwork": "classify",
    "modality_classifier": "pipeline",
    "LateFusion": "fuse",
    "cross_validated_predictions": "evaluate",
    "score_predictions": "evaluate",
    "compare_models": "evaluate",
    "read_recipe": "recipe",
    "build_model": "recipe",
    "run_recipe": "run",
    "save_bundle": "bundle",
    "load_bundle": "bundle",
    "predict_cohort": "predict",
    "write_report": "report",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'radiofuse' has no attribute {name!r}")
    value = getattr(import_module(f"radiofuse.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
