"""``radiofuse predict --masks``: the regions that a multi-task network draws, as files and tables in one folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radiofuse.commands import terminal
from radiofuse.errors import RequestError
from radiofuse.files.aside import write_file
from radiofuse.files.outputs import require_file, require_folder, starts_with
from radiofuse.wording import counted, some

if TYPE_CHECKING:
    import pandas as pd

    from radiofuse.bundle.load import Bundle
    from radiofuse.bundle.new_rows import NewRows
    from radiofuse.bundle.region_masks import RegionMask

Masks = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Write the tumor's regions that a multi-task network draws into this folder."),
]
MASKS, VOLUMES = "masks.csv", "volumes.csv"
TABLES = {
    MASKS: "sample_id,patient_id,network,mask_source,mask,mask_regions,grid_of,looked_at,note",
    VOLUMES: "sample_id,patient_id,mask_source,region,volume_ml",
}
NO_EXPERT = "The masks are a network's: no expert looked at them. radiofuse cohort sheet shows masks on their images."


@dataclass(frozen=True)
class MasksWanted:
    """What of ``--masks`` was asked for."""

    folder: Path

    def check(self, bundle: Bundle) -> None:
        """Refuse a bundle none of whose models draws regions, before anything is read."""
        from radiofuse.bundle.region_masks import segmenters_of

        segmenters_of(bundle)

    def require(self, inputs: Sequence[Path], *, overwrite: bool) -> None:
        """Refuse a folder that holds inputs, or files that others wrote."""
        require_folder(self.folder, "--masks")
        inside = Path(os.path.realpath(self.folder))
        for path in inputs:
            if Path(os.path.realpath(path)).is_relative_to(inside):
                raise RequestError(f"--masks {self.folder} holds the input {path}. Name another folder.")
        for name, header in TABLES.items():
            require_file(self.folder / name, "--masks", inputs, ours=starts_with(header), overwrite=overwrite)
        is_others = self.folder.is_dir() and any(self.folder.iterdir()) and not (self.folder / MASKS).is_file()
        if is_others and not overwrite:
            raise RequestError(
                f"--masks {self.folder} holds files, and none is the {MASKS} of an earlier call. Name a new folder."
            )


def make_masks(rows: NewRows, wanted: MasksWanted) -> dict[str, Any]:
    """Write the masks of rows and their tables; return all that was written and measured, for JSON.

    Parameters
    ----------
    rows : NewRows
    wanted : MasksWanted
    """
    with terminal.quick_imports():
        from radiofuse.bundle.region_masks import masks_of_rows

    made = [_write_mask(wanted.folder, one) for one in masks_of_rows(rows, progress=terminal.progress)]
    drawn = {row["sample_id"] for row in made}
    lacking = [sample_id for sample_id in rows.X.index if sample_id not in drawn]
    notes = [f"Without a mask, since the network has no patch of them: {some(lacking)}."] if lacking else []
    _write_tables(wanted.folder, made)
    return {"folder": str(wanted.folder), "masks": made, "notes": notes}


def _write_mask(folder: Path, one: RegionMask) -> dict[str, Any]:
    """Write a mask, and return what is said of it."""
    from radiofuse.imaging.write_like import write_like

    path = folder / one.sample_id / f"{one.network}.nii.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_like(path, one.labels, one.placing.grid)
    return {
        "sample_id": one.sample_id,
        "patient_id": one.patient_id,
        "network": one.network,
        "mask_source": one.source,
        "mask": str(path),
        "mask_regions": one.mask_regions,
        "grid_of": one.grid_of,
        "looked_at": one.looked_at,
        "volumes_ml": one.volumes_ml,
        "note": one.note,
    }


def _write_tables(folder: Path, made: Sequence[dict[str, Any]]) -> None:
    """Write which masks there are, and their volumes; both tables stand there even if there is none."""
    import pandas as pd

    from radiofuse.tables.spreadsheet import write_csv

    named = {name: header.split(",") for name, header in TABLES.items()}
    volumes = [row | {"region": region, "volume_ml": ml} for row in made for region, ml in row["volumes_ml"].items()]
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in ((MASKS, made), (VOLUMES, volumes)):
        write_file(folder / name, partial(write_csv, pd.DataFrame(rows, columns=named[name])))


def with_volumes(predictions: pd.DataFrame, told: dict[str, Any]) -> pd.DataFrame:
    """Return a table of predictions with a column ``<network>_<region>_ml`` for each volume that masks have.

    Parameters
    ----------
    predictions : DataFrame
        With the column sample_id.
    told : dict
        As ``make_masks`` returns it.
    """
    found: dict[str, dict[str, float]] = {}
    for row in told["masks"]:
        for region, ml in row["volumes_ml"].items():
            found.setdefault(f"{row['network']}_{region}_ml", {})[row["sample_id"]] = ml
    samples = predictions["sample_id"]
    return predictions.assign(**{name: samples.map(own).astype(float) for name, own in found.items()})


def masks_sentences(told: dict[str, Any]) -> Iterator[str]:
    """Yield what a reader of masks must know; of a cohort the notes of single masks stand in the table."""
    yield from told["notes"]
    made = told["masks"]
    samples = {row["sample_id"] for row in made}
    yield f"{counted(len(made), 'mask')} of {counted(len(samples), 'sample')} in {told['folder']}"
    if not made:
        return
    if len(samples) == 1:
        yield from map(_of_one, made)
    elif noted := sorted({row["sample_id"] for row in made if row["note"]}):
        yield f"Notes on the masks of {some(noted)}, such as what was not looked at, stand in {MASKS}."
    yield NO_EXPERT


def _of_one(row: dict[str, Any]) -> str:
    """Return the volumes of one mask, and its note.

    >>> _of_one({"sample_id": "P7", "network": "weighed", "volumes_ml": {"WT": 12.345}, "note": ""})
    'P7, weighed: WT 12.3 ml.'
    """
    volumes = ", ".join(f"{region} {ml:.3g} ml" for region, ml in row["volumes_ml"].items())
    return f"{row['sample_id']}, {row['network']}: {volumes}.{row['note'] and ' Note: ' + row['note'] + '.'}"
