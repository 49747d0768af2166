"""Which features of a table carry the label: three selectors and their chain.

Whatever looks at the label is fitted on training rows only: put a selector into the Pipeline that is
cross-validated, never in front of it. Names are imported on first use, so that
``python -m radiofuse.select --help`` does not wait for scikit-learn.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "MannWhitneySelector": "mann_whitney",
    "CorrelationSelector": "correlation",
    "LassoSelector": "lasso",
    "ThreeStepSelector": "three_step",
    "SELECTORS": "three_step",
    "NothingSelectedWarning": "shortfall",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'radiofuse.select' has no attribute {name!r}")
    return getattr(import_module(f"radiofuse.select.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
