"""Honest scores: patients are split, every sample is predicted by models that never saw its patient,
and each number comes with an interval over patients."""

from __future__ import annotations

from radiofuse.evaluate.calibration import CalibrationLine, calibration_line, calibration_points
from radiofuse.evaluate.comparison import Comparison, compare_models, compare_with_others
from radiofuse.evaluate.curves import roc_points
from radiofuse.evaluate.folds import FoldResult, cross_validated_predictions, gather_predictions, run_folds
from radiofuse.evaluate.icc import icc_3_1, reproducibility_table
from radiofuse.evaluate.intervals import score_predictions
from radiofuse.evaluate.metrics import METRICS, auc, brier
from radiofuse.evaluate.predictions import PREDICTION_COLUMNS
from radiofuse.evaluate.splits import Split, patient_splits, permuted

__all__ = [
    "METRICS",
    "PREDICTION_COLUMNS",
    "CalibrationLine",
    "Comparison",
    "FoldResult",
    "Split",
    "auc",
    "brier",
    "calibration_line",
    "calibration_points",
    "compare_models",
    "compare_with_others",
    "cross_validated_predictions",
    "gather_predictions",
    "icc_3_1",
    "patient_splits",
    "permuted",
    "reproducibility_table",
    "roc_points",
    "run_folds",
    "score_predictions",
]
