"""Which columns: selectors as transformers, and chains of them.

Whatever looks at the label is fitted on training rows only: put a selector into the Pipeline that is
cross-validated, never in front of it. Names are imported on first use, so that
``python -m radiofuse.select --help`` does not wait for scikit-learn.
"""

from __future__ import annotations

from radiofuse.names import lazy_names

_HOME = {
    "MannWhitneySelector": "mann_whitney",
    "KruskalSelector": "kruskal",
    "TTestSelector": "univariate",
    "AnovaSelector": "univariate",
    "VarianceSelector": "univariate",
    "MutualInfoSelector": "univariate",
    "CorrelationSelector": "correlation",
    "LassoSelector": "lasso",
    "MRMRSelector": "mrmr",
    "StabilitySelector": "stability_selection",
    "RFESelector": "recursive_elimination",
    "ReliefSelector": "relief",
    "BorutaSelector": "boruta",
    "ReproducibilitySelector": "reproducibility",
    "SelectorChain": "chain",
    "ThreeStepSelector": "three_step",
    "SELECTORS": "choices",
    "SELECTOR_TITLES": "choices",
    "build_chain": "chain",
    "fit_in_folds": "fold_reuse",
    "PathEdgeWarning": "penalized_fit",
    "SortedColumns": "sorted_columns",
    "NothingSelectedError": "shortfall",
    "NothingSelectedWarning": "shortfall",
}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
