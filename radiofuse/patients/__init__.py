"""Folds of whole patients; patients handed to every step that takes them; their pseudonyms.

Names are imported on first use.
"""

from __future__ import annotations

from radiofuse.names import lazy_names, names_of_stub

_HOME = names_of_stub(__file__)
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
