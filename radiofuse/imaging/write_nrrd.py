"""Writing NRRD: the format in which NaN survives ITK's readers, which turn it into 0 in NIfTI."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from os import PathLike
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from radiofuse.files.aside import write_aside

FASTEST = 1  # of zlib: maps hardly compress, and level 9 takes ten times as long


def write_nrrd(
    path: str | PathLike[str],
    voxels: np.ndarray,
    image: sitk.Image,
    *,
    start: tuple[int, int, int] = (0, 0, 0),
    told: Mapping[str, object] | None = None,
) -> None:
    """Write a volume as ``.nrrd`` with the spacing and axes of an image, aside first and then renamed.

    Parameters
    ----------
    path : str or path-like
        Ends in ``.nrrd``.
    voxels : ndarray of shape (z, y, x)
        Written as float64, compressed.
    image : SimpleITK.Image
        3-D; its voxels are not read.
    start : tuple of int
        The voxel of the image, along x, y, z, on which the first voxel lies.
    told : mapping, optional
        Keys and values that the header holds beside the grid.

    References
    ----------
    Definition of NRRD 4, https://teem.sourceforge.net/nrrd/format.html.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> image = sitk.Image(9, 9, 9, sitk.sitkUInt8)
    >>> with TemporaryDirectory() as folder:
    ...     write_nrrd(f"{folder}/a.nrrd", np.full((2, 3, 4), np.nan), image, start=(5, 5, 5))
    ...     read = sitk.ReadImage(f"{folder}/a.nrrd")
    >>> read.GetSize(), read.GetOrigin(), read[0, 0, 0]
    ((4, 3, 2), (5.0, 5.0, 5.0), nan)
    """
    header = _header(voxels.shape, image, start, told or {})
    with write_aside(Path(path)) as file:
        file.write(header.encode())
        with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0, compresslevel=FASTEST) as packed:
            packed.write(np.ascontiguousarray(voxels, "<f8"))


def _header(shape: tuple[int, ...], image: sitk.Image, start: tuple[int, int, int], told: Mapping[str, object]) -> str:
    # Columns of the direction are the axes x, y, z in ITK's space: to the left, to the back, up.
    axes = (np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()).T
    lines = [
        "NRRD0004",
        "type: double",
        "dimension: 3",
        "space: left-posterior-superior",
        f"sizes: {' '.join(map(str, shape[::-1]))}",
        f"space directions: {' '.join(map(_vector, axes))}",
        "kinds: domain domain domain",
        "endian: little",
        "encoding: gzip",
        f"space origin: {_vector(image.TransformIndexToPhysicalPoint(start))}",
        *(f"{key}:={value}" for key, value in told.items()),
    ]
    return "\n".join(lines) + "\n\n"


def _vector(numbers: np.ndarray | tuple[float, ...]) -> str:
    return f"({','.join(repr(float(number)) for number in numbers)})"
