"""Gradient magnitude in a box of a volume, by central differences as ITK computes them."""

from __future__ import annotations

import numpy as np

from radiofuse.names import kernel

gradient_magnitude = kernel("radiomics.filters._gradient").gradient_magnitude


def gradient_in_box(
    volume: np.ndarray,
    spacing_mm: tuple[float, float, float],
    box: tuple[slice, slice, slice],
    *,
    use_spacing: bool = True,
) -> np.ndarray:
    """Return the magnitude of a volume's gradient in a box.

    At the volume's border the outermost voxels are repeated. Directions of the axes do not matter: they turn
    the gradient and leave its length.

    Parameters
    ----------
    volume : ndarray, shape (z, y, x)
        The image, integers or floating.
    spacing_mm : tuple of float
        Distance between voxel centers along z, y, x.
    box : tuple of slice
        Where the magnitude is wanted.
    use_spacing : bool
        Differences per mm; without it per voxel.

    Returns
    -------
    ndarray of float32, shape of the box
        Computed in double precision, as by ITK's GradientMagnitudeImageFilter.

    References
    ----------
    H. J. Johnson, M. M. McCormick, L. Ibanez, "The ITK Software Guide", chapter "Filtering", section "Gradients".

    Examples
    --------
    >>> slope = np.broadcast_to(np.arange(0.0, 20.0, 4.0), (3, 3, 5))
    >>> gradient_in_box(slope, (1.0, 1.0, 2.0), (slice(1, 2), slice(1, 2), slice(0, 5)))
    array([[[1., 2., 2., 2., 1.]]], dtype=float32)
    """
    block = _with_neighbors(volume, box)
    out = np.empty([length - 2 for length in block.shape], np.float32)
    weights = 0.5 * (1.0 / np.asarray(spacing_mm, np.float64)) if use_spacing else np.full(3, 0.5)
    gradient_magnitude(block, out, weights)
    return out


def _with_neighbors(volume: np.ndarray, box: tuple[slice, slice, slice]) -> np.ndarray:
    """Return the box with one voxel more on every side; beyond the volume its border is repeated."""
    sides = [side.indices(length)[:2] for side, length in zip(box, volume.shape, strict=True)]
    inside = tuple(slice(max(0, start - 1), stop + 1) for start, stop in sides)
    beyond = [(int(start == 0), int(stop == length)) for (start, stop), length in zip(sides, volume.shape, strict=True)]
    return np.pad(volume[inside].astype(np.float64), beyond, mode="edge")
