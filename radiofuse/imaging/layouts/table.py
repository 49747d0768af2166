"""What a layout found as the rows of a cohort table, and what is missing from them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from radiofuse.imaging.layouts.volume import BRAIN, IMAGE, MASK, Found, FoundVolume
from radiofuse.tables.columns import join
from radiofuse.tables.roles import BRAIN_MASK, PATIENT, SAMPLE
from radiofuse.tables.roles import MASK as MASK_COLUMN
from radiofuse.wording import counted, some

UNMASKED = "No file is a mask of a tumor: radiomic features need one."


def rows_of(found: Found, *, keep_unmasked: bool = False) -> tuple[pd.DataFrame, list[str]]:
    """Return one row per sample with the paths of its files, and sentences on what is missing.

    Parameters
    ----------
    found : Found
    keep_unmasked : bool, default=False
        Whether samples without a mask stay where others have one. Where none has, all stay.

    Returns
    -------
    rows : DataFrame
        Index ``sample_id``; ``patient_id``, what the folder says, ``<modality>__image``, ``mask`` or
        ``<modality>__mask``, ``brain_mask``; absolute paths, "" where there is no file.
    notes : list of str
    """
    cells: dict[str, dict[str, str]] = {}
    for volume in found.volumes:
        row = cells.setdefault(volume.sample_id, {PATIENT: volume.patient_id})
        row[_column(volume)] = str(volume.path.absolute())
    rows = pd.DataFrame.from_dict(cells, orient="index").rename_axis(SAMPLE).fillna("")
    rows = rows.assign(
        **{name: rows.index.map(lambda one, of=of: of.get(one, "")) for name, of in found.values.items()}
    )
    rows, of_images = _with_images(rows)
    rows, of_masks = _with_masks(rows, keep_unmasked=keep_unmasked)
    return rows[_ordered(rows)], of_images + of_masks + _absent(rows) + _undrawn(rows)


def relative_to(rows: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Return the rows with paths that begin at a folder, where the files lie below it."""
    start = str(folder.absolute()) + os.sep
    files = [name for name in rows if _is_path(name)]
    return rows.assign(**{name: rows[name].map(lambda path: path.removeprefix(start)) for name in files})


def masks_in(rows: pd.DataFrame) -> list[str]:
    """Return the paths of all tumor masks, each once."""
    columns = [name for name in rows if name == MASK_COLUMN or name.endswith(join("", MASK))]
    return list(dict.fromkeys(path for name in columns for path in rows[name] if path))


def _column(volume: FoundVolume) -> str:
    if volume.role == BRAIN:
        return BRAIN_MASK
    if volume.role == MASK and not volume.modality:
        return MASK_COLUMN
    return join(volume.modality, volume.role)


def _is_path(column: str) -> bool:
    return column in (MASK_COLUMN, BRAIN_MASK) or column.endswith((join("", IMAGE), join("", MASK)))


def _images(rows: pd.DataFrame) -> list[str]:
    return [name for name in rows if name.endswith(join("", IMAGE))]


def _with_images(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    has = (rows[_images(rows)] != "").any(axis=1)
    return rows[has], _left_out(rows.index[~has], "without an image")


def _with_masks(rows: pd.DataFrame, *, keep_unmasked: bool) -> tuple[pd.DataFrame, list[str]]:
    masks = [name for name in rows if name == MASK_COLUMN or name.endswith(join("", MASK))]
    has = (rows[masks] != "").any(axis=1)
    if not has.any():
        return rows, [UNMASKED]
    if keep_unmasked:
        return rows, [f"{counted(int((~has).sum()), 'sample')} without a mask kept."] if not has.all() else []
    return rows[has], _left_out(rows.index[~has], "without a mask", " Keep them with --keep-unmasked.")


def _left_out(samples: Iterable[str], why: str, advice: str = "") -> list[str]:
    samples = list(samples)
    return [f"{counted(len(samples), 'sample')} {why} left out: {some(samples)}.{advice}"] if samples else []


def _absent(rows: pd.DataFrame) -> list[str]:
    lacking = {name: rows.index[rows[name] == ""] for name in _images(rows)}
    return [
        f"{name.partition('__')[0]} is absent in {counted(len(samples), 'sample')}: {some(samples)}."
        for name, samples in lacking.items()
        if len(samples)
    ]


def _undrawn(rows: pd.DataFrame) -> list[str]:
    """Tell of samples of which one image has a mask and others have none, as where a scanner's series was drawn on."""
    masks = [name for name in rows if name.endswith(join("", MASK))]
    if not masks or MASK_COLUMN in rows:
        return []
    drawn = rows[masks].rename(columns=lambda name: name.removesuffix(join("", MASK))) != ""
    there = rows[_images(rows)].rename(columns=lambda name: name.removesuffix(join("", IMAGE))) != ""
    bare = there & ~drawn.reindex(columns=there.columns, fill_value=False) & drawn.any(axis=1).to_numpy()[:, None]
    samples, lacking = rows.index[bare.any(axis=1)], [name for name in bare if bare[name].any()]
    if not lacking:
        return []
    return [
        f"Of {counted(len(samples), 'sample')} a mask is drawn on one image, and others have none "
        f"({', '.join(lacking)}): {some(samples)}. Features need one: bring the images onto the one with the mask "
        f'(radiofuse cohort prepare, [images] register_to = "{drawn.sum().idxmax()}"), or empty their cells.'
    ]


def _ordered(rows: pd.DataFrame) -> list[str]:
    images = [name for modality in ("t1", "t1ce", "t2", "flair") if (name := join(modality, IMAGE)) in rows]
    files = [*images, *(name for name in rows if _is_path(name) and name not in images)]
    return [*(name for name in rows if name not in files), *files]
