"""What is kept of a predicted tumor: its largest pieces, where it is scattered over its bounding box."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import find_objects, label

from radiofuse.imaging.mask_cleaning import EVERY_NEIGHBOR

SCATTERED_BELOW = 0.1  # of the bounding box
KEPT_SHARE = 0.5  # of the predicted voxels


def without_scatter(classes: np.ndarray) -> np.ndarray:
    """Return a segmentation without the small pieces of a tumor that is scattered.

    Where the tumor fills less than a tenth of its bounding box, its largest pieces stay, as few as make half of the
    predicted volume; pieces are of all classes together, and touching at corners counts. Another tumor stays as it is.

    Parameters
    ----------
    classes : ndarray of int, shape (z, y, x)
        0 is background.

    Returns
    -------
    ndarray of the same shape and type

    Examples
    --------
    >>> classes = np.zeros((20, 20, 20), np.uint8)
    >>> classes[:3, :3, :3] = 2
    >>> classes[19, 19, 19] = 1
    >>> kept = without_scatter(classes)
    >>> int((kept == 2).sum()), int((kept == 1).sum())
    (27, 0)
    """
    tumor = classes != 0
    n_tumor = int(tumor.sum())
    if not n_tumor:
        return classes
    box = find_objects(tumor.astype(np.uint8))[0]
    if n_tumor >= SCATTERED_BELOW * tumor[box].size:
        return classes
    pieces, _ = label(tumor, EVERY_NEIGHBOR)
    sizes = np.bincount(pieces.ravel())[1:]  # the first is the background's
    order = np.argsort(-sizes, kind="stable")
    n_kept = int(np.searchsorted(np.cumsum(sizes[order]), KEPT_SHARE * n_tumor)) + 1
    return np.where(np.isin(pieces, order[:n_kept] + 1), classes, 0).astype(classes.dtype)
