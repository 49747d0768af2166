"""Classifiers, their recalibration, and one modality's chain.

``CLASSIFIERS`` maps a name to the path of a function of ``random_state`` that returns an unfitted classifier
with ``predict_proba``. All run on one core and repeat exactly under one ``random_state``.
Names are imported on first use.
"""

from __future__ import annotations

from radiofuse.names import lazy_names, names_of_stub

_HOME = names_of_stub(__file__)
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
