"""What a run says once of all its regions: united labels, and what a reader of the features has to know."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from radiofuse.imaging.geometry import CROPPED
from radiofuse.imaging.header import TWO_ORIENTATIONS
from radiofuse.imaging.labels import UNITED
from radiofuse.imaging.padding import PADDED
from radiofuse.imaging.roi import CONSTANT, ELONGATED, FILLS, INVERTED

log = logging.getLogger(__name__)
# What a note begins with, to what is said of how many regions it stands beside, and of the first of them.
WARNINGS = {
    TWO_ORIENTATIONS: "%d of %d images hold two orientations: %s (%s): %s.",
    FILLS: "%d of %d regions fill all that the image shows, for instance %s (%s): %s of its nonzero voxels. Check that "
    "the mask is the tumor's and not the brain's.",
    INVERTED: "%d of %d regions hold every corner of their image, for instance %s (%s): %s of all voxels. Check that "
    "the mask is the tumor's and not all but the tumor's.",
    CROPPED: "%d of %d masks cover a part of their image, for instance %s (%s): %s. They were put where their headers "
    "say.",
    ELONGATED: "%d of %d images have voxels ten times as long as wide or more, for instance %s (%s): %s. Textures and "
    "filters in 3-D reach as much farther along that axis. Resample them (resampledPixelSpacing in the settings, "
    "spacing_mm in [images]), or take features slice by slice (force2D).",
    CONSTANT: "%d of %d regions hold a single intensity, for instance %s (%s): %s. Their textures say nothing of the "
    "tissue. Check that image and mask belong together.",
    PADDED: "%d of %d images are filled, outside the field of view, with a constant far below all others, for instance "
    "%s (%s): %s. Normalization, filters and resampling read it as tissue, and so do features of a region that holds "
    "it. Crop the image or set such voxels to the background's value.",
}


def tell_of_regions(notes: Mapping[tuple[str, str], tuple[str, ...]]) -> None:
    """Log one line on united labels, and one each on whatever else ``WARNINGS`` names.

    Parameters
    ----------
    notes : mapping
        (sample_id, modality) of each region to the notes on it.
    """
    united = _with_prefix(notes, UNITED)
    if united:
        labels = {label for note in united.values() for label in note.removesuffix(".").split(", ")}
        log.info(
            'Label "any" united the mask labels %s (%d of %d regions hold several). To take one, name it where '
            "features are extracted: --label of radiofuse extract, or mask_label in the recipe.",
            ", ".join(sorted(labels, key=float)),
            len(united),
            len(notes),
        )
    for prefix, words in WARNINGS.items():
        told = _with_prefix(notes, prefix)
        if told:
            (sample_id, modality), what = next(iter(told.items()))
            log.warning(words, len(told), len(notes), sample_id, modality, what.removesuffix("."))


def _with_prefix(notes: Mapping[tuple[str, str], tuple[str, ...]], prefix: str) -> dict[tuple[str, str], str]:
    return {region: note.removeprefix(prefix) for region in notes for note in notes[region] if note.startswith(prefix)}
