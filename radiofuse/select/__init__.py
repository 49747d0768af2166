"""Which features of a table carry the label: three selectors and their chain; and which are reproducible.

Whatever looks at the label is fitted on training rows only: put a selector into the Pipeline that is
cross-validated, never in front of it. Names are imported on first use, so that
``python -m radiofuse.select --help`` does not wait for scikit-learn.
"""

from __future__ import annotations

from radiofuse.lazy import lazy_names

_HOME = {
    "MannWhitneySelector": "mann_whitney",
    "CorrelationSelector": "correlation",
    "LassoSelector": "lasso",
    "ReproducibilitySelector": "reproducibility",
    "ThreeStepSelector": "three_step",
    "SELECTORS": "three_step",
    "NothingSelectedError": "shortfall",
    "NothingSelectedWarning": "shortfall",
}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
