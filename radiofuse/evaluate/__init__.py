"""Models in folds: predictions for patients that the models never saw, importance, findings.

Names are imported on first use.
"""

from __future__ import annotations

from radiofuse.names import lazy_names

_MODULES = {
    "folds": (
        "FoldResult",
        "cross_validated_predictions",
        "gather_predictions",
        "run_folds",
    ),
    "optimism": ("optimism_corrected",),
    "out_of_bag": (
        "Bootstrap632",
        "bootstrap_632",
    ),
    "permutation": (
        "PermutationTest",
        "permutation_test",
        "permutation_test_auc",
    ),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
