"""Writing volumes: NIfTI-1, compressed, the same bytes for the same voxels."""

from __future__ import annotations

import gzip
from os import PathLike
from pathlib import Path

import numpy as np
from nibabel import Nifti1Image

from radiofuse.files.aside import write_aside


def write_volume(
    path: str | PathLike[str],
    voxels: np.ndarray,
    *,
    spacing_mm: tuple[float, float, float],
    description: str = "",
) -> None:
    """Write a volume as ``.nii.gz``, aside first and then renamed, so never half a file.

    Parameters
    ----------
    path : str or path-like
        Ends in ``.nii.gz``.
    voxels : ndarray of shape (x, y, z)
        Any real data type that NIfTI-1 knows.
    spacing_mm : tuple of three floats
        Size of a voxel along x, y and z, in mm.
    description : str, default=""
        What the header says of the file; 79 ASCII characters at most.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from radiofuse.imaging import read_image
    >>> with TemporaryDirectory() as folder:
    ...     write_volume(f"{folder}/a.nii.gz", np.zeros((4, 5, 6), np.int16), spacing_mm=(1, 1, 3))
    ...     read_image(f"{folder}/a.nii.gz").image.GetSize()
    (4, 5, 6)
    """
    image = Nifti1Image(voxels, np.diag([*spacing_mm, 1.0]))
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = description.encode("ascii")
    write_packed(Path(path), image)


def write_packed(path: Path, image: Nifti1Image) -> None:
    """Write an image compressed, aside first and then renamed; the file holds no time and no name."""
    with write_aside(path) as file, gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as packed:
        packed.write(image.to_bytes())
