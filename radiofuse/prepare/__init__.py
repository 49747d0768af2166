"""Impute, scale, harmonize: what is fitted inside the fold before columns are selected.

Names are imported on first use.
"""

from __future__ import annotations

from radiofuse.names import lazy_names

_MODULES = {
    "harmonize": ("ComBat",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
