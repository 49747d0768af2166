"""What a run says once of all its regions: united labels, images in two places, masks that fill the image."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from radiofuse.imaging.header import TWO_ORIENTATIONS
from radiofuse.imaging.labels import UNITED
from radiofuse.imaging.roi import FILLS

log = logging.getLogger(__name__)


def tell_of_regions(notes: Mapping[tuple[str, str], tuple[str, ...]]) -> None:
    """Log one line on united labels, one on images in two places, one on regions that fill their image.

    Parameters
    ----------
    notes : mapping
        (sample_id, modality) of each region to the notes on it.
    """
    united = _with_prefix(notes, UNITED)
    if united:
        labels = {label for note in united.values() for label in note.removesuffix(".").split(", ")}
        log.info(
            'Label "any" united the mask labels %s (%d of %d regions hold several). To take one, name it: --label, '
            "or mask_label in the recipe.",
            ", ".join(sorted(labels, key=float)),
            len(united),
            len(notes),
        )
    choices = _with_prefix(notes, TWO_ORIENTATIONS)
    if choices:
        (sample_id, modality), choice = next(iter(choices.items()))
        place = (sample_id, modality, choice)
        log.warning("%d of %d images hold two orientations: %s (%s): %s", len(choices), len(notes), *place)
    filled = _with_prefix(notes, FILLS)
    if filled:
        (sample_id, modality), share = next(iter(filled.items()))
        log.warning(
            "%d of %d regions fill all that the image shows, for instance %s (%s): %s of its nonzero voxels. Check "
            "that the mask is the tumor's and not the brain's.",
            len(filled),
            len(notes),
            sample_id,
            modality,
            share.removesuffix("."),
        )


def _with_prefix(notes: Mapping[tuple[str, str], tuple[str, ...]], prefix: str) -> dict[tuple[str, str], str]:
    return {region: note.removeprefix(prefix) for region in notes for note in notes[region] if note.startswith(prefix)}
