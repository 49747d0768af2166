"""What the files of a new patient tell beside features: the volumes of the mask that was read, and voxel sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from radiofuse.bundle.new_rows import NewRows
from radiofuse.errors import ImageError, RequestError
from radiofuse.imaging.labels import MaskLabel, labeled
from radiofuse.imaging.regions import COMPOUNDS, coding_in, labels_of
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
            usual: MaskLabel = rows.bundle.description["settings"]["mask_label"] or "any"
            return _volumes(read_placed(path), _row(rows, sample_id), modality, usual)
        except (ImageError, RequestError):  # told where features were computed of it, with its code
            continue
    return None


def _volumes(mask: PlacedLabels, row: Mapping[str, Any], modality: str, usual: MaskLabel) -> dict[str, float]:
    coding = coding_in(row.get(MASK_REGIONS) or "")
    if coding:
        united = [name for name, parts in COMPOUNDS.items() if not coding.keys().isdisjoint(parts)]
        regions = {name: labels_of(name, row[MASK_REGIONS]) for name in (*united, *coding)}
        table = region_volumes(mask.labels, regions, mask.spacing_mm)
    else:
        own = row.get(columns.join(modality, "mask_label"))
        label = usual if own is None or np.isnan(own) else int(own)
        region, _ = labeled(mask.labels, label, float(np.prod(mask.spacing_mm)))
        table = region_volumes(region.astype(np.uint8), {WHOLE_MASK: [1]}, mask.spacing_mm)
    return dict(zip(table["region"], map(float, table["volume_ml"]), strict=True))


def _row(rows: NewRows, sample_id: str) -> dict[str, Any]:
    return dict(rows.images.set_index("sample_id").loc[sample_id])


def files_of(rows: NewRows, sample_id: str, kind: str) -> dict[str, str]:
    """Return the images or masks of a sample as they were read, by modality."""
    row = _row(rows, sample_id)
    named = {name: row.get(columns.join(name, kind)) for name in imaged_modalities(rows.images)}
    return {name: path for name, path in named.items() if path}
