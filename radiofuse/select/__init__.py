"""Which columns: selectors as transformers, and chains of them.

Whatever looks at the label is fitted on training rows only: put a selector into the Pipeline that is
cross-validated, never in front of it. Names are imported on first use, so that
``python -m radiofuse.select --help`` does not wait for scikit-learn.
"""

from __future__ import annotations

from radiofuse.names import lazy_names, names_of_stub

_HOME = names_of_stub(__file__)
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
