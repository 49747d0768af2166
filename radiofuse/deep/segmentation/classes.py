"""Labels of a mask and classes of a network: 1, 2 and 4 of BraTS are the classes 1, 2 and 3."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from radiofuse.errors import ImageError
from radiofuse.imaging.regions import COMPOUNDS, EDEMA, ENHANCING, NECROSIS, labels_of, written
from radiofuse.wording import some

PARTS = (NECROSIS, EDEMA, ENHANCING)
"""The parts of a tumor in the order of the classes 1, 2 and 3."""

REGIONS = (*COMPOUNDS, ENHANCING)
"""Whole tumor, tumor core, enhancing tumor: the regions that BraTS scores."""


def region_labels(coding: Mapping[str, int]) -> dict[str, list[int]]:
    """Return which labels of a mask make each scored region.

    Examples
    --------
    >>> region_labels({"NCR": 1, "ED": 2, "ET": 4})
    {'WT': [1, 2, 4], 'TC': [1, 4], 'ET': [4]}
    """
    return {region: labels_of(region, written(coding)) for region in REGIONS}


def classes_of(mask: np.ndarray, coding: Mapping[str, int] | None) -> np.ndarray:
    """Return the class of each voxel, 0 for the background.

    Parameters
    ----------
    mask : ndarray
        Labels, whole numbers.
    coding : mapping of str to int, or None
        The label of each part, as ``radiofuse.imaging.regions.coding_of`` tells it; None: any label is class 1, tumor.

    Returns
    -------
    ndarray of uint8, of the same shape
        0 for what the coding names and is none of the three parts, as the cavity that surgery left.

    Raises
    ------
    ImageError
        ``label_not_found``: the mask holds labels that the coding does not name.

    Examples
    --------
    >>> classes_of(np.array([0, 1, 2, 4]), {"NCR": 1, "ED": 2, "ET": 4}).tolist()
    [0, 1, 2, 3]
    """
    if coding is None:
        return np.asarray(mask != 0, np.uint8)
    labels = [coding[part] for part in PARTS]
    others = sorted(int(one) for one in np.setdiff1d(mask, [0, *coding.values()]))
    if others:
        raise ImageError(
            "label_not_found",
            f"The segmentation holds the labels [{some(others)}]; {written(coding)} and 0 were expected. Write the "
            "parts of the tumor with these labels, or say in mask_regions which labels they have.",
        )
    return sum((np.asarray(mask == label, np.uint8) * np.uint8(n) for n, label in enumerate(labels, 1)), np.uint8(0))


def labels_from(classes: np.ndarray, coding: Mapping[str, int] | None) -> np.ndarray:
    """Return the labels of a mask from classes, the inverse of ``classes_of``; label 1 without a coding.

    Examples
    --------
    >>> labels_from(np.array([0, 1, 2, 3]), {"NCR": 1, "ED": 2, "ET": 4}).tolist()
    [0, 1, 2, 4]
    """
    if coding is None:
        return classes.astype(np.uint8)
    return np.array([0, *(coding[part] for part in PARTS)], np.uint8)[classes]
