"""The one door for tables: column grammar, cells, labels, the cohort, copies of rows, predictions.

Names are imported on first use.
"""

from __future__ import annotations

from radiofuse.names import lazy_names

_MODULES = {
    "cohort": ("read_cohort",),
    "predictions": ("PREDICTION_COLUMNS",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
