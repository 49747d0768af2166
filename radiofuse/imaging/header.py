"""What a file's header announces, whichever the format, and whether it can be true."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from radiofuse.errors import ImageError

TWO_ORIENTATIONS = "Two orientations: "  # how a note begins that the run tells of its images
MAX_VOXELS = 1 << 29  # 537 million: a 512 x 512 x 2,048 CT; a larger number is a damaged header
MAX_OFFSET_BYTES = 64 << 20  # header extensions are kilobytes
GZIP_MAX_RATIO = 1032  # deflate cannot shrink further, so a small file cannot hold a large volume


@dataclass(frozen=True, eq=False)
class TwoOrientations:
    """Two affines (RAS, 4 x 4) of one file that lie ``apart_vox`` voxels apart, and the spaces they name."""

    qform: np.ndarray
    sform: np.ndarray
    spaces: tuple[str, str]
    apart_vox: float

    def sentence(self, name: str, used: np.ndarray) -> str:
        """Say both, which of them ``used`` is, the affine that a reader took, and how to settle it."""
        chosen = "qform" if np.abs(used - self.qform).max() <= np.abs(used - self.sform).max() else "sform"
        qform, sform = self.spaces
        return (
            f"{TWO_ORIENTATIONS}{name} lies in two places, {self.apart_vox:.2g} voxels apart: its qform ({qform}) and "
            f"its sform ({sform}); the {chosen} is used. Keep the one that the mask was drawn on: fslorient "
            "-copysform2qform keeps the sform, -copyqform2sform the qform."
        )


class Place(NamedTuple):
    """Where a volume lies, as SimpleITK has it: spacing and origin along x, y, z in mm, and the axes' cosines."""

    spacing_mm: tuple[float, float, float]
    origin: tuple[float, float, float]
    direction: tuple[float, ...]


@dataclass(frozen=True)
class Header:
    """Where and how the voxels lie in a file.

    ``shape`` is (x, y, z); ``dtype`` carries the byte order; ``offset`` counts bytes, before
    unpacking if ``packed`` says that the voxels alone are compressed; ``slope`` and
    ``intercept`` turn stored numbers into intensities; ``place`` is None where ITK is to say it.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype
    offset: int
    packed: bool = False
    slope: float = 1.0
    intercept: float = 0.0
    notes: tuple[str, ...] = ()
    orientations: TwoOrientations | None = None
    place: Place | None = None

    @property
    def n_bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def check_size(name: str, header: Header, file_bytes: int, packed: bool) -> None:
    """Refuse, before anything is allocated, a volume that cannot lie in a file of this size."""
    if math.prod(header.shape) > MAX_VOXELS:
        raise ImageError(
            "too_many_voxels",
            f"{name} announces {in_words(header.shape)} voxels, the limit is {MAX_VOXELS:,} in all. "
            "Its header may be damaged; otherwise crop or resample it.",
        )
    if not 0 <= header.offset <= MAX_OFFSET_BYTES:
        raise ImageError(
            "header_invalid",
            f"The header of {name} puts the first voxel at byte {header.offset:,}. Export the image again.",
        )
    room = file_bytes * GZIP_MAX_RATIO if packed else file_bytes - header.offset
    if header.n_bytes > room:
        raise truncated(name, header, at_most=max(room, 0))
    _check_memory(name, header)


def _check_memory(name: str, header: Header) -> None:
    needed = 2 * header.n_bytes  # the bytes of the file and the image made of them
    free = _free_bytes()
    if free is not None and needed > free:
        raise ImageError(
            "too_many_voxels",
            f"{name} needs {needed / 1e9:.1f} GB of memory, {free / 1e9:.1f} GB are free. "
            "Crop or resample it, or use fewer jobs.",
        )


def _free_bytes() -> int | None:
    """Return the memory that Linux calls available; None on other systems."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)


def truncated(name: str, header: Header, at_most: int) -> ImageError:
    """Return the error for a file with fewer bytes of voxels than its header announces."""
    return ImageError(
        "file_truncated",
        f"{name} is cut short: its header announces {header.n_bytes:,} bytes of voxels, "
        f"the file holds at most {at_most:,}. Copy or download it again.",
    )


def invalid(name: str, what: str) -> ImageError:
    """Return the error for a header that cannot be used, with ``what`` is wrong as its reason."""
    return ImageError("header_invalid", f"The header of {name} {what}. Export the image again.")


def not_3d(name: str, what: str) -> ImageError:
    """Return the error for a file that holds ``what`` instead of one 3-D volume."""
    return ImageError("wrong_dimensions", f"{name} holds {what}, one 3-D volume was expected. Name a file of one.")


def one_slice(name: str, shape: Sequence[int]) -> tuple[tuple[int, int, int], tuple[str, ...]]:
    """Return the size of a 2-D image as one slice of a volume, and a note on its thickness."""
    x, y = shape
    return (x, y, 1), (f"{name} is 2-D ({in_words(shape)}); it was taken as one slice of 1 mm.",)


def not_scalar(name: str, what: str) -> ImageError:
    """Return the error for a file whose voxels hold ``what`` instead of one number each."""
    return ImageError(
        "not_scalar", f"{name} holds {what} voxels, one number per voxel was expected. Export one channel."
    )


def detached(name: str) -> ImageError:
    """Return the error for a header whose voxels lie in another file."""
    return ImageError(
        "detached_data", f"{name} is a header whose voxels lie in another file. Save both as one .nii.gz."
    )


def in_words(numbers: Sequence[float]) -> str:
    """Return numbers as people write a grid.

    >>> in_words((240, 240, 155)), in_words((0.5, 0.5, 3.0))
    ('240 x 240 x 155', '0.5 x 0.5 x 3')
    """
    return " x ".join(f"{number:g}" if number < 1e5 else f"{number:,.0f}" for number in numbers)
