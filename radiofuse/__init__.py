"""radiofuse: radiomics and deep features of several MRI sequences, fused and honestly evaluated.

Public names are imported on first use, so that ``import radiofuse`` loads neither
scikit-learn nor SimpleITK nor torch.
"""

from __future__ import annotations

from radiofuse.names import lazy_names

__version__ = "0.1.0"

_HOME = {
    "read_cohort": "tables",
    "FeatureStore": "store",
    "RadiomicsExtractor": "extract",
    "EmbeddingExtractor": "extract",
    "MannWhitneySelector": "select",
    "CorrelationSelector": "select",
    "LassoSelector": "select",
    "ReproducibilitySelector": "select",
    "SelectorChain": "select",
    "ThreeStepSelector": "select",
    "ComBat": "prepare",
    "BayesianRegularizedNetwork": "classify",
    "modality_classifier": "classify",
    "LateFusion": "fuse",
    "ConstraintFusion": "fuse",
    "cross_validated_predictions": "evaluate",
    "score_predictions": "statistics",
    "compare_models": "statistics",
    "read_recipe": "experiment",
    "build_model": "experiment",
    "run_recipe": "experiment",
    "save_bundle": "bundle",
    "load_bundle": "bundle",
    "predict_cohort": "bundle",
    "write_report": "report",
}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
