"""(image, mask) to a named vector, and the run over a whole cohort."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "Extraction": "cohort_run",
    "Features": "table",
    "RadiomicsExtractor": "radiomics",
    "collect_features": "table",
    "extract_cohort": "cohort_run",
    "has_images": "table",
}
__all__ = ["Extraction", "Features", "RadiomicsExtractor", "collect_features", "extract_cohort", "has_images"]


def __getattr__(name: str) -> Any:  # numpy, pandas and the gate load with first use, not with --help
    if name not in _HOME:
        raise AttributeError(f"module 'radiofuse.extract' has no attribute {name!r}")
    return getattr(import_module(f"radiofuse.extract.{_HOME[name]}"), name)
