"""The regions that a network draws in patches, and their volumes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from radiofuse.deep.device import choose_device, in_batches_that_fit, one_thread
from radiofuse.deep.sample_rows import SampleRows
from radiofuse.deep.segmentation.components import without_scatter
from radiofuse.deep.segmentation.windows import in_flips
from radiofuse.deep.tasks.passes import AT_ONCE, batches_of
from radiofuse.deep.weights import TrainedEncoder
from radiofuse.store.pictures import Pictures

MM3_IN_ML = 1000.0


class DrawnRegions(NamedTuple):
    """The regions of one sample.

    Attributes
    ----------
    sample_id : str
    classes : ndarray of uint8, shape (d, h, w)
        On the patch's grid: 0 the background, then the regions in their order.
    volumes_ml : dict of str to float
        Of each region; NaN where the arrays do not say how large a voxel is.
    """

    sample_id: str
    classes: np.ndarray
    volumes_ml: dict[str, float]


def draw_regions(
    trained: TrainedEncoder, rows: SampleRows, names: Sequence[str], *, flips: bool, tidied: bool, device: str
) -> list[DrawnRegions]:
    """Return the regions of some rows, each voxel of the class that is most probable.

    Parameters
    ----------
    trained : TrainedEncoder
        A ``MultiTaskNet`` with regions.
    rows : SampleRows
    names : sequence of str
        Of the regions, by the classes 1 and on.
    flips : bool
        Whether the mean over the eight flips decides.
    tidied : bool
        Whether small pieces of a scattered tumor are left out.
    device : str
    """
    chosen, module = choose_device(device), trained.module()
    module.to(chosen)

    def drawn(most: int) -> list[np.ndarray]:
        found = (_classes(module, *batch, flips) for batch in batches_of(trained, rows, chosen, most))
        return [classes for batch in found for classes in batch.to(torch.uint8).cpu().numpy()]

    with one_thread(), torch.no_grad():
        each = in_batches_that_fit(drawn, AT_ONCE)
    each = [without_scatter(classes) for classes in each] if tidied else each
    return [
        DrawnRegions(rows.sample_ids[row], classes, volumes_ml(classes, names, _voxel_mm3(rows, row)))
        for row, classes in enumerate(each)
    ]


def _classes(module: torch.nn.Module, x: Tensor, present: Tensor, flips: bool) -> Tensor:
    """Return the most probable class of each voxel, (b, d, h, w)."""
    if not flips:
        return module.regions_of(x, present).argmax(dim=1)
    each = [
        in_flips(lambda patch, there=there: module.regions_of(patch[None], there[None]).softmax(dim=1)[0], volume)
        for volume, there in zip(x, present, strict=True)
    ]
    return torch.stack(each).argmax(dim=1)


def volumes_ml(classes: np.ndarray, names: Sequence[str], voxel_mm3: float) -> dict[str, float]:
    """Return the volume of each region in ml.

    Examples
    --------
    >>> volumes_ml(np.array([0, 1, 1, 2]), ["NCR", "ED"], 500.0)
    {'NCR': 1.0, 'ED': 0.5}
    """
    counts = np.bincount(classes.ravel(), minlength=len(names) + 1)[1:]
    return {name: float(count * voxel_mm3 / MM3_IN_ML) for name, count in zip(names, counts, strict=True)}


def _voxel_mm3(rows: SampleRows, row: int) -> float:
    """Return the volume of a voxel of a row's patches; NaN where their arrays do not say it."""
    if not isinstance(rows.crops, Pictures):
        return float("nan")
    sizes = [one for one in rows.crops.further(rows.behind([row]), "voxel_mm") if one is not None]
    return float(np.prod(sizes[0])) if sizes else float("nan")
