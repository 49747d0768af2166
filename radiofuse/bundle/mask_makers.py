"""Masks of new patients that others made than those of training: features in them may be of other regions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from radiofuse.bundle.pictures import needs_masks
from radiofuse.tables import columns
from radiofuse.tables.mask_makers import maker_of
from radiofuse.tables.roles import MASK_SOURCE, SAMPLE
from radiofuse.wording import listed

NOBODY = "an expert, or nobody who is named"


def other_makers(about: Mapping[str, Any], images: pd.DataFrame) -> dict[str, str]:
    """Return by sample who made its mask, where that is none of those who made the masks of training.

    Parameters
    ----------
    about : mapping
        The description of a bundle; nothing is told by one from before it named who made the masks.
    images : DataFrame
        New patients' rows of a cohort table.

    Examples
    --------
    >>> about = {"mask_makers": [""], "settings": {"pictures": None, "radiomics": {}}}
    >>> new = pd.DataFrame({"sample_id": ["a", "b"], "t1__mask": "m.nii", "mask_source": ["", "U-Net 4f, fold 1 of 2"]})
    >>> other_makers(about, new)
    {'b': 'its mask was made by U-Net 4f, those of training by an expert, or nobody who is named'}
    """
    if "mask_makers" not in about or not needs_masks(about):
        return {}
    known = {*about["mask_makers"]} or {""}
    masks = [name for name in images if (columns.split(name) or ("", ""))[1] == "mask"]
    drawn = images[(images[masks].fillna("") != "").any(axis=1)] if masks else images.iloc[:0]
    sources = drawn[MASK_SOURCE].fillna("").map(maker_of) if MASK_SOURCE in drawn else pd.Series("", drawn.index)
    of_training = listed([maker or NOBODY for maker in sorted(known)])
    return {
        str(sample): f"its mask was made by {maker or NOBODY}, those of training by {of_training}"
        for sample, maker in zip(drawn[SAMPLE], sources, strict=True)
        if maker not in known
    }
