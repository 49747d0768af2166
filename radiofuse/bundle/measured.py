"""What the files of a new patient tell beside features: the volumes of the mask that was read, and voxel sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from radiofuse.bundle.load import Bundle
from radiofuse.bundle.new_rows import NewRows
from radiofuse.errors import ImageError, RequestError
from radiofuse.imaging.labels import MaskLabel, labeled
from radiofuse.imaging.regions import coding_in, labels_of, whole_compounds
from radiofuse.imaging.scans import PlacedLabels, read_placed
from radiofuse.imaging.spacing import read_spacing
from radiofuse.statistics.segmentation import region_volumes
from radiofuse.tables import columns
from radiofuse.tables.images import imaged_modalities
from radiofuse.tables.roles import MASK_REGIONS

WHOLE_MASK = "mask"


def spacings_mm(rows: NewRows, sample_id: str) -> dict[str, list[float]] | None:
    """Return the size of a voxel along the axes of each sequence as it was read; None where none can be."""
    spacings = {}
    for modality, path in files_of(rows, sample_id, "image").items():
        try:
            spacings[modality] = list(read_spacing(path))
        except ImageError:  # told among the failures, with its code
            continue
    return spacings or None


def volumes_ml(rows: NewRows, sample_id: str) -> dict[str, float] | None:
    """Return the volumes of a sample's mask by region, of the first one where sequences have several.

    The regions are the parts that the mask's labels are known to be and what BraTS unites of them; without such names
    there is one, ``"mask"``, of the labels that the model reads. None where no mask was read.
    """
    for modality, path in files_of(rows, sample_id, "mask").items():
        try:
            return _volumes(read_placed(path), _row(rows, sample_id), modality, usual_label(rows.bundle))
        except (ImageError, RequestError):  # told where features were computed of it, with its code
            continue
    return None


def _volumes(mask: PlacedLabels, row: Mapping[str, Any], modality: str, usual: MaskLabel) -> dict[str, float]:
    coding = coding_in(row.get(MASK_REGIONS) or "")
    if coding:
        regions = {name: labels_of(name, row[MASK_REGIONS]) for name in (*whole_compounds(coding), *coding)}
        table = region_volumes(mask.labels, regions, mask.spacing_mm)
    else:
        region, _ = labeled(mask.labels, label_read(row, modality, usual), float(np.prod(mask.spacing_mm)))
        table = region_volumes(region.astype(np.uint8), {WHOLE_MASK: [1]}, mask.spacing_mm)
    return dict(zip(table["region"], map(float, table["volume_ml"]), strict=True))


def usual_label(bundle: Bundle) -> MaskLabel:
    """Return which labels of a mask a bundle reads where a cell does not say it."""
    label: MaskLabel = (bundle.description.get("settings") or {}).get("mask_label") or "any"
    return label


def label_read(row: Mapping[str, Any], modality: str, usual: MaskLabel) -> MaskLabel:
    """Return which labels of a mask are read: those of its cell, else those of the bundle."""
    own = row.get(columns.join(modality, "mask_label"))
    return usual if own is None or np.isnan(own) else int(own)


def _row(rows: NewRows, sample_id: str) -> dict[str, Any]:
    return dict(rows.images.set_index("sample_id").loc[sample_id])


def files_of(rows: NewRows, sample_id: str, kind: str) -> dict[str, str]:
    """Return the images or masks of a sample as they were read, by modality."""
    row = _row(rows, sample_id)
    named = {name: row.get(columns.join(name, kind)) for name in imaged_modalities(rows.images)}
    return {name: path for name, path in named.items() if path}
