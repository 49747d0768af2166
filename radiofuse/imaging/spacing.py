"""The size of an image's voxels, from its header alone."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import SimpleITK as sitk

from radiofuse.imaging.header import invalid


def read_spacing(path: str | PathLike[str]) -> tuple[float, float, float]:
    """Return the size of a voxel in mm along x, y and z, of an image that has passed the gate.

    A 2-D image is one slice of 1 mm, as there.

    Raises
    ------
    ImageError
        If SimpleITK does not accept the header.
    """
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError:  # its text carries the full path, which may hold a patient's name
        raise invalid(Path(path).name, "is not accepted by SimpleITK") from None
    x, y, z = (*map(float, reader.GetSpacing()), 1.0)[:3]
    return x, y, z
