"""Masks by a trained segmenter: of a patient whom it was trained on by the folds that never saw them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property

import numpy as np
from torch import nn

from radiofuse.deep.segmentation.answers import segmented
from radiofuse.deep.segmentation.classes import labels_from
from radiofuse.deep.segmentation.segmenter import Segmenter
from radiofuse.imaging.scans import PlacedLabels, read_scan
from radiofuse.wording import some

SPACING_TOLERANCE = 1.2  # times what it was trained on, up or down
INTENSITY_TOLERANCE = 3.0  # times the largest that it was trained on


class NetworkMasks:
    """Masks by a segmenter.

    Parameters
    ----------
    segmenter : Segmenter
    device : str, default="auto"
    flips : bool, default=True
        Whether volumes are answered in all eight flips, where the segmenter's options say so.
    """

    def __init__(self, segmenter: Segmenter, device: str = "auto", *, flips: bool = True) -> None:
        self.segmenter, self.device = segmenter, device
        self.options = replace(segmenter.options, flips=flips and segmenter.options.flips)
        self.coding = segmenter.coding
        self.odd_spacings: list[str] = []
        self.odd_intensities: list[str] = []

    @property
    def identity(self) -> str:
        """What a mask depends on beside the images."""
        return f"{self.segmenter.digest} {'flips' if self.options.flips else 'once'}"

    @cached_property
    def nets(self) -> list[nn.Module]:
        """The network of each fold."""
        return self.segmenter.nets(self.device)

    def make(self, sample_id: str, patient_id: str, images: Mapping[str, str]) -> tuple[PlacedLabels, str]:
        """Return the mask of one sample, and who made it.

        Parameters
        ----------
        sample_id, patient_id : str
        images : mapping of str to str
            Paths by modality.

        Raises
        ------
        ImageError
            If a file cannot be used, or every fold was trained on this patient.
        """
        told = self.segmenter
        scan = read_scan(images, told.channels, scaled=told.options.z_scores)
        folds = told.unseeing(patient_id, [*scan.digests.values(), *scan.pixels.values()])
        if self._is_odd(scan.spacing_mm):
            self.odd_spacings.append(sample_id)
        if not told.options.z_scores and np.nanmax(np.abs(scan.voxels)) > INTENSITY_TOLERANCE * told.largest:
            self.odd_intensities.append(sample_id)
        box, classes = scan.box_of_head, np.zeros(scan.voxels.shape[1:], np.uint8)
        classes[box] = segmented([self.nets[fold] for fold in folds], scan.voxels[:, *box], self.options)
        placed = scan.as_stored(labels_from(classes, told.coding))
        return placed, f"U-Net {told.digest[:12]}, {_named(folds, len(told.folds))}"

    def warnings(self) -> list[str]:
        """Return what is to be known of the masks that were made."""
        low, high = (" x ".join(f"{side:.3g}" for side in each) for each in self.segmenter.spacing_mm)
        told = []
        if self.odd_spacings:
            told.append(
                f"Voxels of {some(self.odd_spacings)} are of another size than those that the segmenter was trained on "
                f"({low} to {high} mm along z, y and x), and it knows sizes in voxels alone. Resample the images "
                "first: radiofuse cohort prepare."
            )
        if self.odd_intensities:
            told.append(
                f"Intensities of {some(self.odd_intensities)} are far beyond {self.segmenter.largest:.3g}, the largest "
                "that the segmenter was trained on, and it takes them as they are: its masks there mean nothing. Scale "
                "the images as those of the training were."
            )
        return told

    def _is_odd(self, spacing_mm: tuple[float, ...]) -> bool:
        low, high = np.array(self.segmenter.spacing_mm)
        return bool((spacing_mm < low / SPACING_TOLERANCE).any() or (spacing_mm > high * SPACING_TOLERANCE).any())


def _named(folds: list[int], n_folds: int) -> str:
    """Say which networks answered.

    >>> _named([1], 5), _named([0, 1, 2, 3, 4], 5)
    ('fold 2 of 5, which never saw this patient', 'mean of 5 folds')
    """
    if len(folds) == n_folds:
        return f"mean of {n_folds} folds"
    which = f"fold {folds[0] + 1}" if len(folds) == 1 else f"folds {', '.join(str(fold + 1) for fold in folds)}"
    return f"{which} of {n_folds}, which never saw this patient"
