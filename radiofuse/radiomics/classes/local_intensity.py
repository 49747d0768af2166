"""Local intensity: the mean of a sphere of 1 cm^3 round the brightest voxel, and the highest such mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radiofuse.radiomics.region import Region

RADIUS_MM = float(np.cbrt(3 / (4 * np.pi)) * 10)  # of a sphere of 1 cm^3


def sphere_means(volume: np.ndarray, region: Region) -> np.ndarray:
    """Return the mean intensity of the sphere round every voxel of the region's box, shape of the box.

    Parameters
    ----------
    volume : ndarray, shape (z, y, x)
        The whole image: spheres reach out of the region, and end where the image does.
    region : Region

    Notes
    -----
    A voxel belongs to the sphere if its center does. Rows of one length are summed for all spheres at once, so that a
    sphere costs about as many additions as it has rows.
    """
    # In the box and the sphere's reach; beyond the image there is nothing to count.
    reach = [int(RADIUS_MM / spacing + 1e-9) for spacing in region.spacing_mm]
    margins = [_reaching(side, r, size) for side, r, size in zip(region.box, reach, volume.shape, strict=True)]
    around = np.pad(volume[tuple(cut for cut, _ in margins)].astype(float), [pad for _, pad in margins])
    there = np.pad(np.ones([cut.stop - cut.start for cut, _ in margins]), [pad for _, pad in margins])
    sums, counts = (_sums(of, region, reach) for of in (around, there))
    return sums / counts


def _reaching(side: slice, reach: int, size: int) -> tuple[slice, tuple[int, int]]:
    """Return what of an axis spheres reach, and how many voxels they reach beyond the image at both ends."""
    first, last = side.start - reach, side.stop + reach
    return slice(max(first, 0), min(last, size)), (max(-first, 0), max(last - size, 0))


def _sums(padded: np.ndarray, region: Region, reach: Sequence[int]) -> np.ndarray:
    """Return the sum of every sphere; each is of its own voxels alone, so that a fill beside it costs no digits."""
    n_z, n_y, n_x = region.shape
    sums = np.zeros(region.shape)
    rows = _rows(region.spacing_mm, reach)
    along = 0.0  # along x: what 2 half + 1 voxels round each of the box's add up to
    for half in range(reach[2] + 1):
        first, last = reach[2] - half, reach[2] + half
        along = along + padded[:, :, first : first + n_x]
        along += padded[:, :, last : last + n_x] if half else 0.0
        for z, y in rows.get(half, ()):
            sums += along[reach[0] + z : reach[0] + z + n_z, reach[1] + y : reach[1] + y + n_y]
    return sums


def _rows(spacing_mm: Sequence[float], reach: Sequence[int]) -> dict[int, list[tuple[int, int]]]:
    """Return the rows along x of a sphere, steps along z and y, by how far they reach to both sides."""
    rows: dict[int, list[tuple[int, int]]] = {}
    for z in range(-reach[0], reach[0] + 1):
        for y in range(-reach[1], reach[1] + 1):
            left = RADIUS_MM**2 - (z * spacing_mm[0]) ** 2 - (y * spacing_mm[1]) ** 2
            if left >= 0:
                rows.setdefault(int(np.sqrt(left) / spacing_mm[2] + 1e-9), []).append((z, y))
    return rows


def features(volume: np.ndarray, region: Region, names: Sequence[str]) -> dict[str, float]:
    """Return the local and the global intensity peak.

    Parameters
    ----------
    volume : ndarray, shape (z, y, x)
        The image.
    region : Region
        Its voxels are the spheres' centers.
    names : sequence of str
        ``LocalPeak``: round the voxel of highest intensity, of several the highest. ``GlobalPeak``: round any.

    References
    ----------
    IBSI section 3.2 (9ST6): VJGA and 0F91.

    Examples
    --------
    >>> volume = np.zeros((5, 5, 5)); volume[2, 2, 2] = 7
    >>> features(volume, Region.of(volume, (5.0, 5.0, 5.0)), ["LocalPeak", "GlobalPeak"])
    {'LocalPeak': 1.0, 'GlobalPeak': 1.0}
    """
    inside = region.mask.view(bool)
    means, values = sphere_means(volume, region)[inside], volume[region.box][inside]
    peaks = {"LocalPeak": means[values == values.max()].max(), "GlobalPeak": means.max()}
    return {name: float(peaks[name]) for name in names}
