"""Tumor-CutMix of the rows of a training step: composites of two patients with labels in shares."""

from __future__ import annotations

import warnings

import numpy as np

from radiofuse.deep.tasks.batches import Arrays
from radiofuse.deep.tasks.region_maps import RegionMaps
from radiofuse.errors import RequestError
from radiofuse.imaging.cut_tumors import draw_cut, tumor_cutmix


def with_cut_tumors(
    rows: Arrays, probability: float, rng: np.random.Generator, patients: np.ndarray | None = None
) -> Arrays:
    """Return rows of which some have a part of another row's tumor.

    Each row is cut with that probability, and with the next row of a random circle, where both have a tumor drawn and
    the same sequences and are of two patients: scans of one patient make no new one. An outcome has the shares of both
    labels, and is unknown where one of them is: nothing is learned of an outcome from a patient of whom it is not
    known.

    Parameters
    ----------
    rows : Arrays
    probability : float
    rng : numpy Generator
    patients : ndarray of shape (n_rows,), optional
        Of the rows; default: each is of another one.
    """
    n = len(rows.pictures)
    chosen, circle = rng.random(n) < probability, rng.permutation(n)
    partners = np.empty(n, dtype=int)
    partners[circle] = np.roll(circle, 1)
    regions = rows.regions
    if regions is None or n < 2:
        return rows
    pictures, drawn, targets = rows.pictures.copy(), regions.copy(), [one.copy() for one in rows.targets]
    for at in np.flatnonzero(chosen):
        other = partners[at]
        is_same = patients is not None and patients[at] == patients[other]
        if is_same or not _go_together(rows, regions, at, other):
            continue
        cut = tumor_cutmix(rows.pictures[at], regions[at], rows.pictures[other], regions[other], draw_cut(rng))
        pictures[at], drawn[at] = cut.images, cut.segmentation
        for mixed, own in zip(targets, rows.targets, strict=True):
            mixed[at] = cut.share * own[at] + (1 - cut.share) * own[other]  # NaN where one is
    return Arrays(pictures, rows.present, targets, drawn)


def refuse_uncut(drawn: RegionMaps | None, patients: np.ndarray) -> None:
    """Raise where no two patients have a mask, so that no tumor would be cut; warn where no two masks hold a tumor.

    Parameters
    ----------
    drawn : RegionMaps or None
    patients : ndarray of shape (n_rows,)
    """
    maps = [] if drawn is None else list(drawn.maps)
    n = len({patient for patient, one in zip(patients, maps, strict=False) if one is not None})
    if n < 2:
        raise RequestError(
            f"tumor_cutmix puts tumors of two patients together where masks have them, and {n} of the training "
            "patients have a patch with its mask. Make the patches from masks with VolumePatch(parts=True), or leave "
            "tumor_cutmix out."
        )
    n_drawn = len({patient for patient, one in zip(patients, maps, strict=True) if one is not None and one.any()})
    if n_drawn < 2:
        warnings.warn(
            f"tumor_cutmix cuts nothing: of {n} training patients with a mask {n_drawn} have a tumor in it, and two "
            "are needed. Look at the masks, or leave tumor_cutmix out.",
            stacklevel=3,
        )


def _go_together(rows: Arrays, regions: np.ndarray, one: int, other: int) -> bool:
    same = (rows.present[one] == rows.present[other]).all()
    return bool(same and (regions[one] > 0).any() and (regions[other] > 0).any())
