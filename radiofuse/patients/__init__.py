"""Folds of whole patients; patients handed to every step that takes them.

Names are imported on first use.
"""

from __future__ import annotations

from radiofuse.names import lazy_names

_MODULES = {
    "splits": (
        "Split",
        "patient_splits",
        "permuted",
    ),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
