"""The datasets room: cohorts that the package generates itself, labeled synthetic.

Examples
--------
>>> from tempfile import TemporaryDirectory
>>> from radiofuse.datasets import make_phantom_cohort
>>> with TemporaryDirectory() as folder:
...     make_phantom_cohort(folder, n_patients=8).name
'cohort.csv'
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["make_phantom_cohort"]


def __getattr__(name: str) -> Any:  # pandas and scipy load with the generator, not with --help
    if name not in __all__:
        raise AttributeError(f"module 'radiofuse.datasets' has no attribute {name!r}")
    return import_module("radiofuse.datasets.phantom").make_phantom_cohort
