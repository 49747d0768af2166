"""Tumors of two patients cut into one by a plane: training examples between two classes, with the share of each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from radiofuse.errors import RequestError
from radiofuse.imaging.header import in_words


class Cut(NamedTuple):
    """Where a plane cuts two tumors that lie upon each other.

    Attributes
    ----------
    normal : ndarray of shape (3,)
        Of the plane, of length 1, in the order of the axes.
    keep : float
        Share of the voxels of both tumors together, 0 to 1, that lie on the side of the first.
    """

    normal: np.ndarray
    keep: float


class CutTumors(NamedTuple):
    """A composite of two patients.

    Attributes
    ----------
    images : ndarray of shape (n_sequences, d, h, w)
    segmentation : ndarray of int, shape (d, h, w)
    share : float
        Of the first patient's among the composite's tumor voxels: the weight of the first label; 1 less it is that of
        the second.
    """

    images: np.ndarray
    segmentation: np.ndarray
    share: float


def draw_cut(rng: np.random.Generator) -> Cut:
    """Draw a plane of any direction, and how much it leaves of the first tumor, evenly from 0 to 1.

    Examples
    --------
    >>> cut = draw_cut(np.random.default_rng(0))
    >>> round(float(np.linalg.norm(cut.normal)), 6), 0 <= cut.keep <= 1
    (1.0, True)
    """
    normal = rng.normal(size=3)
    return Cut(normal / np.linalg.norm(normal), float(rng.random()))


def tumor_cutmix(
    images: ArrayLike,
    segmentation: ArrayLike,
    other_images: ArrayLike,
    other_segmentation: ArrayLike,
    cut: Cut,
) -> CutTumors:
    """Return the first patient with the part of the tumor beyond a plane replaced by that of another patient.

    The other tumor is moved by whole voxels until the middle of its box lies on that of the first, all sequences and
    the segmentation alike. Beyond the plane, and only where one of the two tumors is, the voxels are the other
    patient's, tissue around the tumor among them; all others stay the first one's. Meant for encoders in training:
    radiomic features of such a tumor mean nothing.

    Parameters
    ----------
    images, other_images : array-like of shape (n_sequences, d, h, w)
        Sequences on one grid, the same ones of both, of the same voxel size.
    segmentation, other_segmentation : array-like of int, shape (d, h, w)
        0 where there is no tumor.
    cut : Cut
        As `draw_cut` draws it.

    Returns
    -------
    CutTumors

    Raises
    ------
    RequestError
        Shapes that do not fit together, or a patient without a tumor voxel.

    Notes
    -----
    After the figure of Liu et al. (GMMAS), whose code is not public: that the boxes are aligned by moving, and that
    the plane is drawn evenly, are choices of ours. A ``keep`` of 1 returns the first patient with a share of 1, one
    of 0 the other tumor in the first patient with a share of 0, as far as the other's images reach.

    Examples
    --------
    >>> segmentation = np.zeros((4, 4, 4), int)
    >>> segmentation[1:3, 1:3, 1:3] = 1
    >>> mixed = tumor_cutmix(np.zeros((1, 4, 4, 4)), segmentation, np.ones((1, 4, 4, 4)), 2 * segmentation,
    ...     Cut(np.array([1.0, 0.0, 0.0]), 0.5))
    >>> mixed.share, mixed.segmentation[:, 1, 1].tolist(), mixed.images[0, :, 1, 1].tolist()
    (0.5, [0, 1, 2, 0], [0.0, 0.0, 1.0, 0.0])
    """
    first, second = np.asarray(images), np.asarray(other_images)
    own, other = np.asarray(segmentation), np.asarray(other_segmentation)
    _check(first, own, "first")
    _check(second, other, "other")
    if len(first) != len(second):
        raise RequestError(
            f"The first patient has {len(first)} sequences and the other {len(second)}; pass the same ones of both."
        )
    shift = _middle(own) - _middle(other)
    moved, inside = _moved(other[None], own.shape, shift)
    tumor = (own > 0) | (moved[0] > 0)
    beyond = _beyond(tumor, cut) & inside
    mixed = np.where(beyond, moved[0], own)
    kept, total = np.count_nonzero((own > 0) & ~beyond), np.count_nonzero(mixed)
    if total == 0:  # the plane left of the first tumor nothing, and the other has none beyond it
        return CutTumors(first.copy(), own.copy(), 1.0)
    pictures, _ = _moved(second, own.shape, shift)
    return CutTumors(np.where(beyond, pictures, first), mixed, float(kept / total))


def _check(images: np.ndarray, segmentation: np.ndarray, which: str) -> None:
    if images.ndim != 4 or images.shape[1:] != segmentation.shape:
        raise RequestError(
            f"Sequences of the {which} patient must have the shape (n_sequences, d, h, w) with the segmentation's own "
            f"behind their number; they have {in_words(images.shape)}, it has {in_words(segmentation.shape)}. "
            "Bring them to one grid."
        )
    if not (segmentation > 0).any():
        raise RequestError(f"The segmentation of the {which} patient has no tumor voxel. Leave the patient out.")


def _middle(segmentation: np.ndarray) -> np.ndarray:
    """Return the middle of the tumor's box, in whole voxels."""
    places = np.argwhere(segmentation > 0)
    return (places.min(axis=0) + places.max(axis=0)) // 2


def _moved(volumes: np.ndarray, shape: tuple[int, ...], shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return volumes on a grid of another shape, moved by whole voxels, and which voxels of it they fill."""
    moved = np.zeros((len(volumes), *shape), dtype=volumes.dtype)
    inside = np.zeros(shape, dtype=bool)
    target = tuple(
        slice(max(0, by), max(0, min(n, m + by))) for n, m, by in zip(shape, volumes.shape[1:], shift, strict=True)
    )
    source = tuple(slice(one.start - by, one.stop - by) for one, by in zip(target, shift, strict=True))
    moved[(slice(None), *target)] = volumes[(slice(None), *source)]
    inside[target] = True
    return moved, inside


def _beyond(tumor: np.ndarray, cut: Cut) -> np.ndarray:
    """Return the tumor voxels beyond the plane that leaves a share of them on the near side."""
    places = np.argwhere(tumor)
    height = places @ np.asarray(cut.normal, dtype=float)
    far = np.argsort(height, kind="stable")[int(round(cut.keep * len(places))) :]
    beyond = np.zeros(tumor.shape, dtype=bool)
    beyond[tuple(places[far].T)] = True
    return beyond
