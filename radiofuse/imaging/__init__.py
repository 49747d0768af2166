"""The gate that every image and mask passes before anything is computed; layouts, crops, perturbation, writing.

Examples
--------
>>> import numpy as np, SimpleITK as sitk
>>> from radiofuse.imaging import check_pair
>>> image = sitk.GetImageFromArray(np.arange(1000.0).reshape(10, 10, 10))
>>> mask = sitk.GetImageFromArray(np.pad(np.ones((4, 4, 4), dtype=np.uint8), 3))
>>> check_pair(image, mask, label=1).roi.GetSize()
(10, 10, 10)
"""

from __future__ import annotations

from radiofuse.names import lazy_names, names_of_stub

_HOME = names_of_stub(__file__)
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
