"""Writing a volume where an image, or the image in a file, lies, so that viewers show the one over the other."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from nibabel import Nifti1Image

from radiofuse.imaging.write import write_packed

ITK_TO_NIFTI = np.array([[-1.0], [-1.0], [1.0]])  # x to the left and y to the back; NIfTI: to the right, to the front


def write_like(
    path: str | PathLike[str],
    voxels: np.ndarray,
    image: sitk.Image,
    *,
    start: tuple[int, int, int] = (0, 0, 0),
    description: str = "",
) -> None:
    """Write a volume as ``.nii.gz`` with the spacing, origin and axes of an image, aside first and then renamed.

    Parameters
    ----------
    path : str or path-like
        Ends in ``.nii.gz``.
    voxels : ndarray of shape (z, y, x)
        As many as the image has, or those of a box in it.
    image : SimpleITK.Image
        3-D; its voxels are not read.
    start : tuple of int
        The voxel of the image, along x, y, z, on which the first voxel lies.
    description : str
        What the header says of the file; 79 ASCII characters at most.
    """
    affine = np.eye(4)
    affine[:3, :3] = ITK_TO_NIFTI * np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = ITK_TO_NIFTI[:, 0] * image.TransformIndexToPhysicalPoint(start)
    placed = Nifti1Image(voxels.T, affine)
    placed.header.set_xyzt_units("mm")
    placed.header["descrip"] = description.encode("ascii")
    write_packed(Path(path), placed)


def write_on_grid_of(path: str | PathLike[str], voxels: np.ndarray, image_path: str | PathLike[str]) -> None:
    """Write a volume as ``.nii.gz`` with the place of another NIfTI file, to the last bit.

    Parameters
    ----------
    path : str or path-like
        Ends in ``.nii.gz``.
    voxels : ndarray of shape (z, y, x)
        As many as the image has.
    image_path : str or path-like
        A NIfTI file; its voxels are not read.
    """
    image = Nifti1Image.from_filename(image_path)
    header = image.header.copy()
    header.set_data_dtype(voxels.dtype)
    write_packed(Path(path), Nifti1Image(voxels.T, image.affine, header))
