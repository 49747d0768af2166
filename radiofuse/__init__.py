"""radiofuse: radiomics and deep features of several MRI sequences, fused and honestly evaluated.

Public names are imported on first use, so that ``import radiofuse`` loads neither
scikit-learn nor SimpleITK nor torch.
"""

from __future__ import annotations

from radiofuse.lazy import lazy_names

__version__ = "0.1.0"

_HOME = {
    "read_cohort": "cohort",
    "FeatureStore": "store",
    "RadiomicsExtractor": "extract",
    "EmbeddingExtractor": "extract",
    "MannWhitneySelector": "select",
    "CorrelationSelector": "select",
    "LassoSelector": "select",
    "ReproducibilitySelector": "select",
    "SelectorChain": "select",
    "ThreeStepSelector": "select",
    "ComBat": "harmonize",
    "BayesianRegularizedNetwork": "classify",
    "modality_classifier": "pipeline",
    "LateFusion": "fuse",
    "ConstraintFusion": "fuse",
    "cross_validated_predictions": "evaluate",
    "score_predictions": "evaluate",
    "compare_models": "evaluate",
    "read_recipe": "recipe",
    "build_model": "models",
    "run_recipe": "run",
    "save_bundle": "bundle",
    "load_bundle": "bundle",
    "predict_cohort": "predict",
    "write_report": "report",
}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
