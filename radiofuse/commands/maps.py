"""``radiofuse predict --maps``: where the networks look, as pictures, volumes and tables in one folder."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radiofuse.commands import terminal
from radiofuse.errors import RequestError
from radiofuse.files.aside import write_file
from radiofuse.files.outputs import require_file, require_folder, starts_with
from radiofuse.wording import counted

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from radiofuse.bundle.load import Bundle
    from radiofuse.bundle.maps import Asked, SampleMaps, VoxelMap
    from radiofuse.bundle.new_rows import NewRows
    from radiofuse.report.map_pictures import MapSlice

Maps = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Write where the networks look into this folder: pictures, volumes, tables."),
]
MapKinds = Annotated[
    str, typer.Option(help="Of --maps: attention, grad_cam, integrated_gradients, with commas; left out, all.")
]
MapClass = Annotated[
    str,
    typer.Option(help="Of --maps: the class to explain. Left out, the positive one of two, of more the called one."),
]
DropoutPasses = Annotated[
    int,
    typer.Option(
        min=0, help="Of --maps, and of multi-task networks: passes with dropout, whose spread is told; 0 is none."
    ),
]
TABLES = {
    "maps.csv": "sample_id,patient_id,network,outcome,class,map,slice,gap,picture,volumes,says",
    "localization.csv": "network,map,weights,sample_id,patient_id,tumor_share,mass_inside,voxel_auc,peak_inside",
    "localization_summary.csv": "network,map,measure,against,value,low,high,n_patients",
    "dropout_spread.csv": "sample_id,patient_id,network,outcome,class,mean,sd,passes",
}
APART = "The network did not look at the tumor: the slice with most of the map is shown"
EMPTY = "The map is empty: the slice that the network looked at most is shown"
NEITHER = "The map is empty and the network did not look at the tumor: the slice that it looked at most is shown"
SEED = 0  # of the resamples of patients


@dataclass(frozen=True)
class MapsWanted:
    """What of ``--maps`` was asked for."""

    folder: Path
    kinds: tuple[str, ...]
    class_name: str
    passes: int

    @classmethod
    def of(cls, maps: Path | None, kinds: str, class_name: str, passes: int) -> MapsWanted | None:
        """Return what was asked for, None where no maps were."""
        if maps is not None:
            return cls(maps, tuple(one.strip() for one in kinds.split(",") if one.strip()), class_name, passes)
        given = {"--map-kinds": kinds, "--map-class": class_name}
        if asked := [option for option, value in given.items() if value]:
            raise RequestError(f"{asked[0]} says something of --maps, which is not there. Add --maps and a folder.")
        return None

    def check(self, bundle: Bundle) -> None:
        """Refuse a bundle without a network, and kinds or a class that it has not, before anything is read."""
        from radiofuse.bundle.maps import networks_to_look_into

        networks_to_look_into(bundle, self.asked())

    def asked(self, drawn: dict[str, str] | None = None) -> Asked:
        """Return the request as the bundle takes it, with masks by sample that the models do not read."""
        from radiofuse.bundle.maps import Asked

        return Asked(self.kinds, self.class_name, self.passes, drawn or {})

    def require(self, inputs: Sequence[Path], *, overwrite: bool) -> None:
        """Refuse a folder that holds inputs, or tables that others wrote."""
        require_folder(self.folder, "--maps")
        inside = Path(os.path.realpath(self.folder))
        for path in inputs:
            if Path(os.path.realpath(path)).is_relative_to(inside):
                raise RequestError(f"--maps {self.folder} holds the input {path}. Name another folder.")
        for name, header in TABLES.items():
            require_file(self.folder / name, "--maps", inputs, ours=starts_with(header), overwrite=overwrite)


def make_maps(
    rows: NewRows, predictions: pd.DataFrame, wanted: MapsWanted, drawn: dict[str, str] | None = None
) -> dict[str, Any]:
    """Write the maps of rows and their tables; return all that was written and measured, for JSON.

    Parameters
    ----------
    rows : NewRows
    predictions : DataFrame
        Of these rows.
    wanted : MapsWanted
    drawn : dict of str to str, optional
        By sample a mask that the models do not read.
    """
    with terminal.quick_imports():
        from radiofuse.bundle.maps import maps_of_rows

    told: dict[str, list[Any]] = {"maps": [], "localization": [], "dropout_spread": [], "notes": []}
    for one in maps_of_rows(rows, predictions, wanted.asked(drawn), progress=terminal.progress):
        told["maps"] += [_write_map(wanted.folder, one, voxel_map) for voxel_map in one.maps]
        told["localization"] += one.localization
        told["dropout_spread"] += [_head(one) | one.spread] if one.spread else []
        told["notes"] += [note for note in one.notes if note not in told["notes"]]
    if drawn:
        told["notes"].append("Outlines and measures of maps are by the segmentation, which the model does not read.")
    more = _write_tables(wanted.folder, told)
    return told | more | {"localization": [without_nan(row) for row in told["localization"]]}


def without_nan(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row for JSON, which knows no NaN: an empty map has no measure.

    >>> without_nan({"map": "grad_cam", "voxel_auc": float("nan"), "tumor_share": 0.25})
    {'map': 'grad_cam', 'voxel_auc': None, 'tumor_share': 0.25}
    """
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}


def _head(one: SampleMaps) -> dict[str, Any]:
    head = {"sample_id": one.sample_id, "patient_id": one.patient_id, "network": one.network}
    return head | {"outcome": one.outcome, "class": one.class_name}


def _write_map(folder: Path, one: SampleMaps, voxel_map: VoxelMap) -> dict[str, Any]:
    """Write a map's volumes and its picture, and return its row of the table."""
    from radiofuse.imaging.placing import file_slice
    from radiofuse.imaging.write_like import write_like
    from radiofuse.report.map_pictures import draw_map

    place = folder / one.sample_id
    place.mkdir(parents=True, exist_ok=True)
    name = f"{one.network}_{voxel_map.name}"
    volumes = {channel: place / f"{name}{channel and f'_{channel}'}.nii.gz" for channel in voxel_map.voxels}
    for channel, path in volumes.items():
        write_like(path, voxel_map.voxels[channel], one.placed.placing.grid)
    number, why = _slice_shown(one, voxel_map)
    says = f"{voxel_map.says}. {why}" if why else voxel_map.says
    shown, number = _shown(one, voxel_map, number), file_slice(one.placed.placing, number)
    title = f"{one.sample_id}: {voxel_map.name} of {one.network}, slice {number}"
    picture = place / f"{name}.png"
    content = draw_map(shown, title, says)
    write_file(picture, lambda file: file.write(content))
    where = {"map": voxel_map.name, "slice": number, "gap": voxel_map.gap, "picture": str(picture)}
    return _head(one) | where | {"volumes": [str(path) for path in volumes.values()], "says": says}


def _slice_shown(one: SampleMaps, voxel_map: VoxelMap) -> tuple[int, str]:
    """Return the slice with most tumor, without a mask that with most of the map; else another, and why."""
    asked = [("", voxel_map.strength), (EMPTY, one.looked_at)]
    if one.region is not None:
        asked = [("", one.region & one.looked_at), (APART, voxel_map.strength), (NEITHER, one.looked_at)]
    why, weights = next((pair for pair in asked if pair[1].any()), asked[-1])
    return int(one.placed.placing.view(weights).sum(axis=(1, 2)).argmax()), why


def _shown(one: SampleMaps, voxel_map: VoxelMap, number: int) -> MapSlice:
    """Return what is shown of a slice, the patient's upper end above."""
    from radiofuse.imaging.placing import ends, pixel_mm, voxels_on
    from radiofuse.report.map_pictures import MapSlice

    placing = one.placed.placing
    rows, sides = ends(placing)
    upward = -1 if rows[0] == "I" else 1  # of coronal and sagittal slices the first row is the lowest

    def cut(voxels: np.ndarray) -> np.ndarray:
        return placing.view(voxels)[number][::upward]

    row_mm, column_mm = pixel_mm(placing)
    images = {name: cut(voxels_on(path, placing.grid)) for name, path in one.placed.images.items()}
    maps = {name: cut(voxels) for name, voxels in voxel_map.voxels.items()}
    outline = None if one.region is None else cut(one.region)
    return MapSlice(images, maps, cut(one.looked_at), outline, voxel_map.is_signed, row_mm / column_mm, sides)


def _write_tables(folder: Path, told: dict[str, list[Any]]) -> dict[str, Any]:
    """Write the tables, and return the summary of the localization with how to read it."""
    import pandas as pd

    from radiofuse.statistics.localization import localization_sentences, summarize_localization
    from radiofuse.tables.spreadsheet import write_csv

    maps = [{**row, "volumes": " ".join(row["volumes"])} for row in told["maps"]]
    tables = {"maps.csv": pd.DataFrame(maps)}
    sentences: list[str] = []
    if told["localization"]:
        tables["localization.csv"] = rows = pd.DataFrame(told["localization"])
        tables["localization_summary.csv"] = summary = summarize_localization(rows, random_state=SEED)
        sentences = localization_sentences(summary)
    if told["dropout_spread"]:
        tables["dropout_spread.csv"] = pd.DataFrame(told["dropout_spread"])
    filled = {name: table for name, table in tables.items() if len(table)}
    for name, table in filled.items():
        write_file(folder / name, partial(write_csv, table))
    _remove_stale(folder, TABLES.keys() - filled.keys())
    return {"folder": str(folder), "how_to_read": sentences}


def _remove_stale(folder: Path, names: Iterable[str]) -> None:
    """Remove tables that an earlier run wrote here and this one did not; whatever begins otherwise is the user's."""
    for path in (folder / name for name in names):
        if path.is_file() and not path.is_symlink() and starts_with(TABLES[path.name])(path):
            path.unlink()


def maps_sentences(told: dict[str, Any]) -> Iterator[str]:
    """Yield what a reader of maps must know."""
    yield from told["notes"]
    samples = {row["sample_id"] for row in told["maps"]}
    yield f"{counted(len(told['maps']), 'map')} of {counted(len(samples), 'sample')} in {told['folder']}"
    yield from told["how_to_read"]
    for row in told["dropout_spread"][:1]:
        yield (
            f"Over {row['passes']} passes with dropout the probability of {row['outcome']} = {row['class']} of the "
            f"network {row['network']} in {row['sample_id']} has the mean {row['mean']:.3f} and the standard "
            f"deviation {row['sd']:.3f}: the spread of the dropout, not the error of the model."
        )
