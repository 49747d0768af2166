"""Which label is which part of the tumor in the masks that experts drew of a cohort."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from radiofuse.errors import ImageError
from radiofuse.imaging.regions import coding_in, codings_of
from radiofuse.imaging.scans import read_placed
from radiofuse.tables.images import images_of
from radiofuse.tables.roles import MASK_REGIONS, SAMPLE


def expert_codings(cohort: pd.DataFrame) -> Mapping[str, dict[str, int] | None]:
    """Return by sample the label of each part; None where the masks' labels name no parts.

    The column ``mask_regions`` says it where it is filled; else it is told from the labels of all masks together. A
    mask that cannot be read is left out: whoever needs it refuses it with its sample.

    Parameters
    ----------
    cohort : DataFrame
        As ``read_cohort`` returns it.
    """
    said = cohort.set_index(SAMPLE)[MASK_REGIONS] if MASK_REGIONS in cohort else pd.Series(dtype=str)
    codings: dict[str, dict[str, int] | None] = {name: coding_in(cell) for name, cell in said.items() if cell}
    masks = images_of(cohort)
    masks = masks[masks["mask"] != ""].drop_duplicates(SAMPLE)
    labels = {}
    for sample, path in zip(masks[SAMPLE], masks["mask"], strict=True):
        if sample not in codings:
            try:
                labels[sample] = np.unique(read_placed(path).labels).astype(int).tolist()
            except ImageError:
                continue
    told = codings_of(list(labels.values())) if labels else []
    return codings | dict(zip(labels, told, strict=True))
