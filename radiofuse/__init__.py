"""radiofuse: radiomics and deep features of several MRI sequences, fused and honestly evaluated.

Public names are imported on first use, so that ``import radiofuse`` loads neither
scikit-learn nor SimpleITK nor torch.
"""

from __future__ import annotations

from radiofuse.names import lazy_names, names_of_stub

__version__ = "0.1.0"

_HOME = names_of_stub(__file__)
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
