"""Arrays or a table of predictions in, a number with its interval out; knows no model.

Names are imported on first use.
"""

from __future__ import annotations

from radiofuse.names import lazy_names

_MODULES = {
    "agreement": (
        "IntraclassCorrelation",
        "icc",
        "reproducibility_table",
    ),
    "bootstrap": (
        "BootstrapInterval",
        "bootstrap_interval",
    ),
    "calibration": (
        "CalibrationLine",
        "CalibrationSummary",
        "calibration_line",
        "calibration_points",
        "calibration_summary",
        "smooth_calibration",
    ),
    "calibration_errors": (
        "BrierParts",
        "brier_decomposition",
        "calibration_error",
        "multiclass_calibration_error",
    ),
    "comparison": (
        "Comparison",
        "compare_models",
        "compare_with_others",
    ),
    "curves": ("roc_points",),
    "delong": (
        "AUCInterval",
        "UnpairedDeLong",
        "auc_interval",
        "delong_test",
        "delong_test_unpaired",
    ),
    "intervals": ("score_predictions",),
    "mcnemar": (
        "McNemar",
        "mcnemar_test",
    ),
    "metrics": (
        "METRICS",
        "auc",
        "brier",
    ),
    "multiclass": ("score_multiclass",),
    "net_benefit": (
        "decision_curve",
        "decision_points",
    ),
    "operating_points": (
        "operating_point",
        "score_calls",
    ),
    "reclassification": (
        "IntegratedDiscrimination",
        "NetReclassification",
        "integrated_discrimination",
        "net_reclassification",
    ),
    "resampled_t": (
        "ResampledT",
        "corrected_resampled_t",
        "fold_differences",
    ),
    "sample_size": (
        "SampleSize",
        "auc_power",
        "cox_snell_of_auc",
        "events_per_variable",
        "riley_sample_size",
    ),
    "stability": (
        "Stability",
        "measure_stability",
    ),
    "thresholds": (
        "choose_threshold",
        "thresholds_by_fold",
    ),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
