"""Cohorts that the package generates itself, labeled synthetic.

Examples
--------
>>> from tempfile import TemporaryDirectory
>>> from radiofuse.datasets import make_phantom_cohort
>>> with TemporaryDirectory() as folder:
...     make_phantom_cohort(folder, n_patients=8).name
'cohort.csv'
"""

from __future__ import annotations

from radiofuse.names import lazy_names, names_of_stub

_HOME = names_of_stub(__file__)
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
