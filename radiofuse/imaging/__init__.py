"""The imaging room: every image and mask passes its gate before anything is computed from it.

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

from radiofuse.imaging.codes import IMAGE_ERROR_CODES
from radiofuse.imaging.gate import Volume, read_image, read_mask, read_pair
from radiofuse.imaging.roi import RoiPair, check_pair
from radiofuse.imaging.stream import file_sha256
from radiofuse.imaging.write import write_volume

__all__ = [
    "IMAGE_ERROR_CODES",
    "RoiPair",
    "Volume",
    "check_pair",
    "file_sha256",
    "read_image",
    "read_mask",
    "read_pair",
    "write_volume",
]
