"""Local binary patterns in space: samples on a sphere round each voxel of a region."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from scipy.ndimage import spline_filter1d

from radiofuse.names import kernel
from radiofuse.radiomics.region import Region

sample_plane = kernel("radiomics.filters._spheres").sample_plane

# The weight of a voxel in the spline prefilter falls by √3 - 2 per voxel: farther than this it is below 1e-36.
DECAY = 64


def names_3d(levels: int = 2) -> list[str]:
    """Return the names of the images that ``lbp3d_in_box`` yields, in its order.

    Examples
    --------
    >>> names_3d(2)
    ['lbp-3D-m1', 'lbp-3D-m2', 'lbp-3D-k']
    """
    return [f"lbp-3D-m{nth}" for nth in range(1, levels + 1)] + ["lbp-3D-k"]


def lbp3d_in_box(
    volume: np.ndarray, region: Region, *, levels: int = 2, radius: float = 1, subdivision: int = 1
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield name and values of the rotation-invariant binary patterns in space.

    The samples round a voxel lie on an icosphere and are interpolated with cubic B-splines, 0 outside the
    volume. Where a sample is at least as bright as the voxel the pattern is 1; its part in the spherical
    harmonics of each degree is integrated over the sphere. The last image is the kurtosis of the samples.

    Parameters
    ----------
    volume : ndarray, shape (z, y, x)
        The image.
    region : Region
        The voxels that get a pattern; the others of its box get 0.
    levels : int
        Number of degrees of spherical harmonics.
    radius : float
        Radius of the icosphere in voxels.
    subdivision : int
        How often the icosahedron's faces are split in four.

    Yields
    ------
    name : str
        ``lbp-3D-m1``, ``lbp-3D-m2`` and so on for each degree, then ``lbp-3D-k``.
    values : ndarray of float64, shape of the region's box
        NaN in ``lbp-3D-k`` where the samples do not differ.

    Notes
    -----
    pyradiomics gives the azimuth for the polar angle and the reverse, and adds the icosphere's x, y, z to
    the voxel's z, y, x. Its values are kept.

    References
    ----------
    Banerjee, Moelker, Niessen and van Walsum 2013, "3D LBP-based rotationally invariant region
    description", doi:10.1007/978-3-642-37410-4_3.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=(6, 6, 6))
    >>> images = dict(lbp3d_in_box(noise, Region.of(noise > 0.5, (1.0, 1.0, 1.0))))
    >>> {name: round(float(values.max()), 3) for name, values in images.items()}
    {'lbp-3D-m1': 12.893, 'lbp-3D-m2': 13.405, 'lbp-3D-k': 8.853}
    """
    vertices = _icosphere(subdivision, radius)
    flat_norms = _norms_in_degree_0(len(vertices))
    harmonics = [_harmonics(vertices / radius, degree) for degree in range(1, levels)]
    inside = region.mask.astype(bool)
    planes = zip(_sphere_samples(volume, region, vertices), volume[region.box], inside, strict=True)
    values = np.concatenate([_values(samples, voxels[kept], flat_norms, harmonics) for samples, voxels, kept in planes])
    for nth, name in enumerate(names_3d(levels)):
        image = np.zeros(region.shape)
        image[inside] = values[:, nth]
        yield name, image


def _values(
    samples: np.ndarray, centers: np.ndarray, flat_norms: np.ndarray, harmonics: list[np.ndarray]
) -> np.ndarray:
    """Return per voxel its pattern's norm in every degree and the samples' kurtosis, shape (voxels, degrees + 1)."""
    bits = samples >= centers[:, None]
    # Not a matrix product: BLAS rounds a row by how many others there are, and a voxel's value would depend on the
    # size of the region.
    sums = [np.einsum("vs,sn->vn", bits.astype(np.float64), of_degree) for of_degree in harmonics]
    norms = [np.linalg.norm(of_degree, axis=1) for of_degree in sums]
    return np.column_stack([flat_norms[np.count_nonzero(bits, axis=1)], *norms, _kurtosis(samples)])


def _norms_in_degree_0(n_vertices: int) -> np.ndarray:
    """Return the norm of a pattern's part in degree 0 for every number of ones, shape (n_vertices + 1,).

    The norms are evenly spaced, so they meet the edges of a fixed number of bins. Summed one by one, as in
    pyradiomics, each falls on the same side of them.
    """
    harmonic = np.sqrt(1 / (4 * np.pi))
    coefficients = np.concatenate([[0.0], np.full(n_vertices, harmonic).cumsum()])
    return np.sqrt(np.tile((coefficients * harmonic) ** 2, (n_vertices, 1)).cumsum(axis=0)[-1])


def _icosphere(subdivision: int, radius: float) -> np.ndarray:
    """Return the vertices (x, y, z) of an icosahedron whose faces are split and whose vertices lie on a sphere."""
    golden = (1 + np.sqrt(5)) / 2
    outer = np.sqrt(golden + 2)  # distance of the corners (1, golden, 0)
    corners = [(a, b * golden, 0) for b in (1, -1) for a in (-1, 1)]
    vertices = np.array([np.roll(corner, shift) for shift in range(3) for corner in corners]) / outer
    faces = [
        face
        for face in combinations(range(12), 3)
        if all(np.isclose(np.linalg.norm(vertices[a] - vertices[b]), 2 / outer) for a, b in combinations(face, 2))
    ]
    for _ in range(subdivision):
        vertices, faces = _split(vertices, faces)
        vertices = _on_sphere(vertices, radius)
    return vertices if subdivision else _on_sphere(vertices, radius)


def _split(vertices: np.ndarray, faces: list[tuple[int, ...]]) -> tuple[np.ndarray, list[tuple[int, ...]]]:
    """Split each triangle in four at the middles of its edges."""
    edges = sorted({pair for face in faces for pair in combinations(sorted(face), 2)}, key=lambda pair: pair[::-1])
    middle = {pair: number for number, pair in enumerate(edges, start=len(vertices))}
    split = []
    for face in faces:
        a, b, c = sorted(face)
        ab, ac, bc = middle[a, b], middle[a, c], middle[b, c]
        split += [(a, ab, ac), (b, ab, bc), (c, ac, bc), (ab, ac, bc)]
    return np.vstack([vertices, vertices[edges].mean(axis=1)]), split


def _on_sphere(vertices: np.ndarray, radius: float) -> np.ndarray:
    length = np.sqrt(np.dot(vertices**2, np.ones(3)))[:, None]
    return vertices + vertices / length * (radius - length)


def _harmonics(directions: np.ndarray, degree: int) -> np.ndarray:
    """Return a matrix (vertices, 2 degree + 1): a pattern times it has the norm of the pattern's part.

    The part of a pattern b in degree n, at vertex v, is the sum over m and u of b(u) Yₙₘ(u) Yₙₘ(v). By the
    addition theorem (Jackson, Classical Electrodynamics, section 3.6) the sum over m is a Legendre polynomial.
    """
    azimuth = np.arccos(np.clip(directions[:, 2], -1, 1))
    polar = np.arctan2(directions[:, 1], directions[:, 0])
    # Without a conjugate the azimuths add up; associated Legendre functions take the sine without its sign.
    cosine = np.multiply.outer(np.cos(polar), np.cos(polar))
    cosine += np.abs(np.multiply.outer(np.sin(polar), np.sin(polar))) * np.cos(np.add.outer(azimuth, azimuth))
    legendre = np.polynomial.legendre.legval(cosine, [0] * degree + [1])
    weights, vectors = np.linalg.eigh((2 * degree + 1) / (4 * np.pi) * legendre)
    strongest = np.argsort(-np.abs(weights))[: 2 * degree + 1]  # the rank: the others are rounding
    return vectors[:, strongest] * weights[strongest]


def _sphere_samples(volume: np.ndarray, region: Region, vertices: np.ndarray) -> Iterator[np.ndarray]:
    """Yield, plane by plane, the samples round the region's voxels, shape (voxels, vertices), as the volume's dtype."""
    sides = zip(region.box, volume.shape, vertices.T, strict=True)
    starts, weights, reads = zip(*(_spline_taps(*side) for side in sides), strict=True)
    coefficients = _spline_coefficients(volume, reads)
    starts, weights = np.concatenate(starts, axis=1), np.ascontiguousarray(np.concatenate(weights, axis=2))
    for number, plane in enumerate(region.mask):
        samples = np.empty((np.count_nonzero(plane), len(vertices)))
        sample_plane(coefficients, plane, starts, weights, samples, number)
        yield _stored(samples, volume.dtype)


def _spline_taps(side: slice, size: int, shifts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return along one axis where samples read the spline coefficients, with which weights, and which are read.

    Shapes (vertices, positions), (vertices, 4, positions) and (read,); the first counts from the first that is
    read and is -1 for samples outside the volume. Cubic B-spline: Unser 1999, doi:10.1109/79.799930.
    """
    position = np.arange(side.start, side.stop) + shifts[:, None]
    inside = (position >= 0) & (position <= size - 1)
    position = np.clip(position, 0, size - 1)
    first = np.floor(position).astype(np.int32) - 1
    ahead = position - np.floor(position)
    behind = 1 - ahead
    outer = behind * behind * behind / 6
    near = (ahead * ahead * (ahead - 2) * 3 + 4) / 6
    far = (behind * behind * (behind - 2) * 3 + 4) / 6
    weights = np.stack([outer, near, far, 1 - outer - near - far], axis=1)
    read = np.arange(first.min(), first.max() + 4)
    return np.where(inside, first - read[0], -1).astype(np.int32), weights, read


def _spline_coefficients(volume: np.ndarray, reads: tuple[np.ndarray, ...]) -> np.ndarray:
    """Return the cubic B-spline coefficients of a volume, mirrored at its borders, that are read along each axis."""
    mirrored = [_mirrored(read, size) for read, size in zip(reads, volume.shape, strict=True)]
    crops = [slice(max(read.min() - DECAY, 0), read.max() + 1 + DECAY) for read in mirrored]
    coefficients = volume[tuple(crops)]
    for axis, (read, crop) in enumerate(zip(mirrored, crops, strict=True)):
        filtered = spline_filter1d(coefficients, order=3, axis=axis, output=np.float64, mode="mirror")
        coefficients = filtered.take(read - crop.start, axis=axis)
    return np.ascontiguousarray(coefficients)


def _mirrored(numbers: np.ndarray, size: int) -> np.ndarray:
    period = max(2 * (size - 1), 1)
    return np.minimum(numbers % period, -numbers % period) if size > 1 else np.zeros_like(numbers)


def _stored(samples: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return samples as an image of a dtype holds them: integers are rounded half away from 0 and clipped."""
    if dtype.kind not in "iu":
        return samples.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    return np.clip(np.trunc(samples + np.copysign(0.5, samples)), limits.min, limits.max).astype(dtype)


def _kurtosis(samples: np.ndarray) -> np.ndarray:
    """Return each row's excess kurtosis, NaN where all are equal, in the precision of the samples."""
    mean = samples.mean(axis=1, keepdims=True)
    squares = (samples - mean) ** 2
    variance, fourth = squares.mean(axis=1), (squares**2).mean(axis=1)
    # SciPy's rule for rows that do not differ but by rounding.
    flat = variance <= (np.finfo(variance.dtype).eps * mean[:, 0]) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):  # of flat rows, and where a variance's square is too small
        return np.where(flat, np.nan, fourth / variance**2) - 3
