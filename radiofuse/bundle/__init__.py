"""A run's bundle: its format, writing, reading and checking it, and predicting with it.

Names are imported on first use.
"""

from __future__ import annotations

from radiofuse.names import lazy_names

_MODULES = {
    "folder": (
        "Bundle",
        "BundleVersionWarning",
        "load_bundle",
        "save_bundle",
        "verify_bundle",
    ),
    "predict": ("predict_cohort",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
