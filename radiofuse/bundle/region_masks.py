"""The regions that the networks of a bundle draw in new patients' images: masks in the patients' own voxels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_erosion

from radiofuse.bundle.load import Bundle
from radiofuse.bundle.multitask import TaskNetwork, multitask_networks
from radiofuse.bundle.networks import Placed, place
from radiofuse.bundle.new_rows import NewRows
from radiofuse.deep.segmentation.classes import PARTS
from radiofuse.errors import BundleError
from radiofuse.extract.predicted_masks import ONE_REGION, PARTS_TOO
from radiofuse.imaging.placing import Placing
from radiofuse.imaging.regions import NEW, written
from radiofuse.progress import Meter, silent
from radiofuse.statistics.segmentation import region_volumes

NO_REGIONS = (
    "No model of the bundle draws regions: a multi-task network does that was trained with masks and is kept in the "
    "bundle. Leave --masks out, or make masks with radiofuse segment."
)


@dataclass(frozen=True, eq=False)
class RegionMask:
    """The mask that a network draws of a sample.

    Attributes
    ----------
    network, source : str
        Its name, and who made the mask as the column ``mask_source`` of a cohort table says it.
    sample_id, patient_id : str
    labels : ndarray of uint8, shape (z, y, x)
        NCR=1 ED=2 ET=3, or 1 for the tumor; 0 where the network did not look.
    mask_regions : str
        Which label is which part, as a cell of a cohort table has it; "" where 1 is the tumor.
    placing : Placing
        Of the patch; its ``grid`` is where the labels lie.
    grid_of : str
        The file that lies there.
    looked_at : float
        The share of the image's voxels that the network saw.
    volumes_ml : dict of str to float
        By region and part.
    note : str
        What a reader of the volumes must know; "" for nothing.
    """

    network: str
    source: str
    sample_id: str
    patient_id: str
    labels: np.ndarray
    mask_regions: str
    placing: Placing
    grid_of: str
    looked_at: float
    volumes_ml: dict[str, float]
    note: str


def segmenters_of(bundle: Bundle) -> list[TaskNetwork]:
    """Return the networks of a bundle's models that draw regions, each once.

    Raises
    ------
    BundleError
        If there is none.
    """
    found = [network for network in multitask_networks(bundle) if network.estimator.regions_]
    if not found:
        raise BundleError(NO_REGIONS)
    return found


def masks_of_rows(rows: NewRows, *, progress: Meter = silent) -> Iterator[RegionMask]:
    """Yield the mask of every network that draws regions, in every sample that it has a patch of.

    The mean over eight flips decides, as in ``radiofuse segment``.

    Parameters
    ----------
    rows : NewRows
        As ``collect_rows`` returns them.
    progress : callable, optional

    Raises
    ------
    BundleError
        If no model of the bundle draws regions.
    """
    pairs = [(network, sample_id) for network in segmenters_of(rows.bundle) for sample_id in rows.X.index]
    with progress("Drawing masks", "masks") as on_done:
        for done, (network, sample_id) in enumerate(pairs, start=1):
            sequence = network.first_sequence(rows.X, sample_id)
            if sequence is not None:
                yield _mask_of(network, rows, sample_id, sequence)
            on_done(done, len(pairs))


def _mask_of(network: TaskNetwork, rows: NewRows, sample_id: str, sequence: str) -> RegionMask:
    placed = place(rows.bundle.description, rows.images, sequence, sample_id)
    has_parts = tuple(network.estimator.regions_) == PARTS
    drawn = network.estimator.draw_regions(rows.X.loc[[sample_id]], flips=True)[0].classes
    labels = placed.placing.onto(drawn[None]).astype(np.uint8)
    looked_at = placed.placing.onto(np.ones_like(drawn, np.float32)[None]) > 0
    return RegionMask(
        network.name,
        f"multi-task network {network.name} {network.estimator.encoder_.key[:12]}",
        sample_id,
        str(rows.patients[sample_id]),
        labels,
        written(NEW) if has_parts else "",
        placed.placing,
        placed.first_image,
        float(looked_at.mean()),
        _volumes(labels, PARTS_TOO if has_parts else ONE_REGION, placed.placing),
        "; ".join(_notes(drawn, labels, looked_at, placed)),
    )


def _volumes(labels: np.ndarray, regions: Mapping[str, list[int]], placing: Placing) -> dict[str, float]:
    table = region_volumes(labels, regions, placing.grid.GetSpacing()[::-1])
    return {region: float(ml) for region, ml in zip(table["region"], table["volume_ml"], strict=True)}


def _notes(drawn: np.ndarray, labels: np.ndarray, looked_at: np.ndarray, placed: Placed) -> Iterator[str]:
    """Yield what was not looked at, and whether the tumor may go on there."""
    if not labels.any():
        yield "no tumor was found: the mask is 0 everywhere"
    if looked_at.all():
        return
    sides = " x ".join(map(str, drawn.shape))
    where = "around the segmentation that was given" if placed.mask.mask else "in the middle of the image"
    yield (
        f"{looked_at.mean():.1%} of the image was looked at, a patch of {sides} voxels {where}: elsewhere the mask is "
        "0, whatever lies there"
    )
    edge = looked_at & ~binary_erosion(looked_at, border_value=1)  # nothing lies beyond the image
    if (labels[edge] > 0).any():
        yield "the tumor reaches the edge of that patch and may go on beyond: its volumes may be too small"
