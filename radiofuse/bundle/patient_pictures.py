"""What there is to see of a patient whom a bundle answers about: the images that it reads, outlines, maps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.bundle.maps import Asked, SampleMaps, VoxelMap, maps_of_rows, networks_to_look_into
from radiofuse.bundle.measured import label_read
from radiofuse.bundle.multitask import multitask_networks
from radiofuse.bundle.new_rows import NewRows
from radiofuse.bundle.region_masks import masks_of_rows
from radiofuse.errors import BundleError, ImageError
from radiofuse.imaging.labels import MaskLabel
from radiofuse.imaging.viewing import SeenMap, Viewing, view_images
from radiofuse.progress import Meter, silent
from radiofuse.tables import columns
from radiofuse.tables.images import imaged_modalities
from radiofuse.tables.roles import MASK, MASK_REGIONS

SHOWN_KINDS = ("attention", "grad_cam")  # of maps: those that have one value a place, whatever the sequence


def patient_pictures(
    images: pd.DataFrame, drawn: Path | None = None, usual: MaskLabel = "any"
) -> tuple[Viewing | None, list[str]]:
    """Return the pictures of the one sample of a cohort, and why there are none.

    Parameters
    ----------
    images : DataFrame
        One row, as ``NewRows.images`` or ``PatientFolder.cohort`` has it.
    drawn : Path, optional
        A segmentation that the models do not read.
    usual : "any", int or list of int
        Which labels of a segmentation the models read, where a cell does not say it: those are outlined.
    """
    row = images.iloc[0].to_dict()
    files = {name: row[columns.join(name, "image")] for name in imaged_modalities(images)}
    there = {name: path for name, path in files.items() if path}
    modality, mask = _mask(row, [*there])
    label = label_read(row, modality, usual) if mask else None
    try:
        return view_images(there, mask or str(drawn or ""), row.get(MASK_REGIONS) or "", label), []
    except ImageError as error:
        return None, [f"No picture can be shown: {error.code}."]


def _mask(row: Mapping[str, Any], there: Sequence[str]) -> tuple[str, str]:
    """Return the segmentation of a row and whose it is: the common one, or that of its first sequence which has one."""
    named = {name: str(row.get(MASK) or row.get(columns.join(name, MASK)) or "") for name in there}
    return next(((name, path) for name, path in named.items() if path), ("", ""))


def add_maps(
    viewing: Viewing,
    rows: NewRows,
    predictions: pd.DataFrame,
    drawn: Path | None = None,
    *,
    passes: int = 0,
    progress: Meter = silent,
) -> tuple[list[dict[str, Any]], list[str]]:
    """Add where the bundle's networks look to pictures; nothing where it holds none.

    Parameters
    ----------
    viewing : Viewing
        Of the one sample of the rows.
    rows : NewRows
    predictions : DataFrame
        Of these rows.
    drawn : Path, optional
        As of ``patient_pictures``.
    passes : int, default=0
        With dropout, for its spread.
    progress : callable, optional

    Returns
    -------
    spread : list of dict
        Mean and standard deviation of each network's probability over passes with dropout.
    notes : list of str
        Maps that could not be made.
    """
    sample = str(rows.X.index[0])
    asked = Asked(kinds=SHOWN_KINDS, passes=passes, drawn={sample: str(drawn)} if drawn else {})
    spread: list[dict[str, Any]] = []
    notes: list[str] = []
    try:
        networks_to_look_into(rows.bundle, asked)
    except BundleError:  # none reads one modality or one stack
        return [], []
    for one in maps_of_rows(rows, predictions, asked, progress=progress):
        viewing.maps.extend(_seen(viewing, one))
        notes += [note for note in one.notes if note not in notes]
        if one.spread:
            head = {"network": one.network, "outcome": one.outcome, "class": one.class_name}
            spread.append(head | one.spread)
    return spread, notes


def add_drawn(viewing: Viewing, rows: NewRows, *, progress: Meter = silent) -> list[dict[str, Any]]:
    """Add the regions that the bundle's networks draw to pictures, and return what is told of them.

    Parameters
    ----------
    viewing : Viewing
        Of the one sample of the rows.
    rows : NewRows
    progress : callable, optional

    Returns
    -------
    list of dict
        By network: network, volumes_ml, looked_at (the share of the image that it saw) and note; none where the bundle
        holds no network that draws.
    """
    if not any(network.estimator.regions_ for network in multitask_networks(rows.bundle)):
        return []
    told = []
    for one in masks_of_rows(rows, progress=progress):
        viewing.draw(one.network, one.labels, one.placing.grid, one.mask_regions)
        head = {"network": one.network, "volumes_ml": one.volumes_ml}
        told.append({**head, "looked_at": one.looked_at, "note": one.note})
    return told


def _seen(viewing: Viewing, one: SampleMaps) -> Iterator[SeenMap]:
    for voxel_map in one.maps:
        values = viewing.placed(voxel_map.strength.astype(np.float32), one.placed.placing.grid)
        highest = float(values.max())
        if highest > 0:
            title = f"{voxel_map.name} of {one.network}, {one.outcome} = {one.class_name}"
            yield SeenMap(title, _says(voxel_map), values / highest)


def _says(voxel_map: VoxelMap) -> str:
    return voxel_map.says.rstrip(".") + "."
