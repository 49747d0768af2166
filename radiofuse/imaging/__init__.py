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

from radiofuse.imaging.codes import CONTENT_CODES, IMAGE_ERROR_CODES
from radiofuse.imaging.crop import Cropping, SliceCrops, tumor_crops
from radiofuse.imaging.crop_file import CropIndex, Crops, row_type, write_crops
from radiofuse.imaging.gate import Volume, read_image, read_mask, read_pair
from radiofuse.imaging.roi import RoiPair, check_pair
from radiofuse.imaging.stream import file_sha256
from radiofuse.imaging.write import write_volume

__all__ = [
    "CONTENT_CODES",
    "IMAGE_ERROR_CODES",
    "CropIndex",
    "Cropping",
    "Crops",
    "RoiPair",
    "SliceCrops",
    "Volume",
    "check_pair",
    "file_sha256",
    "read_image",
    "read_mask",
    "read_pair",
    "row_type",
    "tumor_crops",
    "write_crops",
    "write_volume",
]
