"""Region: the voxels that features describe, inside the smallest box round them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from radiofuse.errors import ImageError
from radiofuse.imaging.placed import Box, labels_in


@dataclass(frozen=True, eq=False)
class Region:
    """The voxels of interest, cut to their bounding box.

    Attributes
    ----------
    mask : ndarray of uint8, shape (z, y, x)
        1 inside the region, 0 outside; C-contiguous, touched by the region on all six sides.
    start : tuple of int
        Index (z, y, x) of the box's first voxel in the volume.
    volume_shape : tuple of int
        Shape (z, y, x) of the volume.
    spacing_mm : tuple of float
        Distance between voxel centers along z, y, x.
    """

    mask: np.ndarray
    start: tuple[int, int, int]
    volume_shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]

    @classmethod
    def of(cls, volume_mask: np.ndarray, spacing_mm: tuple[float, float, float], *, box: Box | None = None) -> Region:
        """Return the region of the voxels that are not 0 in a mask of the whole volume; ``box`` is theirs, if known.

        Examples
        --------
        >>> Region.of(np.pad(np.ones((2, 3, 4)), 5), (1.0, 1.0, 1.0)).box
        (slice(5, 7, None), slice(5, 8, None), slice(5, 9, None))
        """
        if box is None:
            labels = labels_in(volume_mask)
            if not labels.n_set:
                raise ImageError("empty_roi", "The region of interest has no voxel. Draw it, or empty the image cell.")
            box = labels.box
        mask = np.ascontiguousarray(volume_mask[box] != 0).view(np.uint8)
        return cls(mask, tuple(side.start for side in box), volume_mask.shape, tuple(map(float, spacing_mm)))

    @classmethod
    def around(cls, regions: Sequence[Region]) -> Region:
        """Return the region of all the voxels of several regions of one volume."""
        if len(regions) == 1:
            return regions[0]
        start = tuple(min(firsts) for firsts in zip(*(region.start for region in regions), strict=True))
        stops = zip(*([side.stop for side in region.box] for region in regions), strict=True)
        mask = np.zeros([max(stop) - first for stop, first in zip(stops, start, strict=True)], np.uint8)
        together = cls(mask, start, regions[0].volume_shape, regions[0].spacing_mm)
        for region in regions:
            mask[region.within(together)] |= region.mask
        return together

    def within(self, other: Region) -> tuple[slice, slice, slice]:
        """Return this box as an index into the box of another region."""
        firsts = [first - origin for first, origin in zip(self.start, other.start, strict=True)]
        return tuple(slice(first, first + size) for first, size in zip(firsts, self.shape, strict=True))

    def digest(self) -> bytes:
        """Return a fingerprint of the form and spacing; where the region lies is not part of it."""
        digest = hashlib.blake2b(repr((self.shape, self.spacing_mm)).encode(), digest_size=16)
        digest.update(self.mask)
        return digest.digest()

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape (z, y, x) of the box."""
        return self.mask.shape

    @property
    def box(self) -> tuple[slice, slice, slice]:
        """The box as an index into the volume."""
        return tuple(slice(first, first + size) for first, size in zip(self.start, self.shape, strict=True))

    @property
    def n_voxels(self) -> int:
        """Number of voxels in the region."""
        return int(np.count_nonzero(self.mask))
