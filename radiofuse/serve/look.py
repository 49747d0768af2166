"""A look through an upload: which file is which sequence, what is to be seen in it, and what cannot be used."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from radiofuse.errors import ImageError, RequestError
from radiofuse.imaging.dicom import convert_tree
from radiofuse.imaging.dicom.tree import holds_dicom
from radiofuse.imaging.gate import read_mask
from radiofuse.imaging.layouts import plain
from radiofuse.imaging.layouts.brats import OLD_NAMES
from radiofuse.imaging.layouts.choices import recognized
from radiofuse.imaging.layouts.volume import IMAGE, MASK, Found, FoundVolume
from radiofuse.imaging.layouts.walk import image_files
from radiofuse.imaging.portrait import Portrait, portrait
from radiofuse.progress import Meter
from radiofuse.report.sheet.page import strip_of
from radiofuse.report.sheet.suspicions import suspicions
from radiofuse.serve.bundles import Bundles
from radiofuse.serve.names import is_archive
from radiofuse.serve.tasks import NIFTI, Look
from radiofuse.serve.uploads import FILES
from radiofuse.tables.spreadsheet import write_csv
from radiofuse.wording import counted, some

PLAIN, DICOM = "plain", "dicom"
RULES = "rules.csv"
UNKNOWN = "unknown"  # how a series begins that no rule names
NO_RULE = "no rule of the table of sequences holds for it"
SHORT = 6  # characters of an upload's id in the name of a patient who has none
MOST_SHOWN = 60  # files of an upload that get a picture


def look_through(task: Look, bundles: Bundles, meter: Meter) -> dict[str, Any]:
    """Return what an upload holds, as plain values.

    Parameters
    ----------
    task : Look
    bundles : Bundles
        Of which none is loaded.
    meter : Meter

    Returns
    -------
    dict
        ``layout``, ``root`` (below the upload's folder), ``notes``, and ``items``: a dict per file with ``path``,
        ``shown``, ``sample``, ``what`` (a modality, "mask" or "" where nobody can tell), ``is_usable`` (whether it can
        be read), ``picture``, ``facts``, ``warnings``.

    Raises
    ------
    RequestError
        If there is no image among the files.
    """
    tree = task.folder / FILES
    chain = _chain(tree)
    root, layout, found = _found(task, chain, meter)
    volumes = [one for one in found.volumes if one.role in (IMAGE, MASK)]
    left = f"{counted(len(volumes) - MOST_SHOWN, 'image')} more came than are shown. Send one patient at a time."
    notes, volumes = [*found.notes, *([left] if len(volumes) > MOST_SHOWN else [])], volumes[:MOST_SHOWN]
    archives = sorted(filter(is_archive, task.files.values()))
    notes += [f"What is packed in {some(archives)} was not looked at: unpack it, and send it anew."] if archives else []
    shown = _shown(task, layout)
    if root == tree:  # no folder came that could say what the patient is called
        layout, volumes = "", [_renamed(one, tree.name, f"patient-{task.folder.name[:SHORT]}") for one in volumes]
    elif root != chain[0]:  # the folder that was sent says it, and not one called "anat" inside
        layout, volumes = "", [_renamed(one, root.name, chain[0].name) for one in volumes]
    return {
        "layout": layout,
        "root": root.relative_to(task.folder).as_posix(),
        "notes": notes,
        "items": _items(task.folder, volumes, shown, meter),
    }


def _chain(tree: Path) -> list[Path]:
    """Return the folder that the client sent, and those inside it as long as each holds one folder and nothing else."""
    chain = [tree]
    while len(inside := list(chain[-1].iterdir())) == 1 and inside[0].is_dir():
        chain.append(inside[0])
    return chain[1:] or chain


def _found(task: Look, chain: list[Path], meter: Meter) -> tuple[Path, str, Found]:
    """Return the folder that is read, its layout ("" where files have to be named by hand), and the volumes."""
    deepest = chain[-1]
    paths, _ = image_files(deepest)
    if not paths and holds_dicom(deepest):
        return deepest, DICOM, _converted(task, meter)
    if not paths:
        raise RequestError(_nothing_to_see(task))
    root, layout, found = next((known for one in chain if (known := _known(one, task))), (deepest, "", Found([])))
    return root, layout, Found([*found.volumes, *_others(root, image_files(root)[0], found)])


def _known(root: Path, task: Look) -> tuple[Path, str, Found] | None:
    by_name = plain.find(root, {*task.wanted, *OLD_NAMES.images})  # also of what no model reads, so that nobody asks
    layout, found = (PLAIN, by_name) if by_name.n_images else recognized(root, follow_ups=True) or ("", by_name)
    return (root, layout, found) if layout else None


def _renamed(volume: FoundVolume, unnamed: str, name: str) -> FoundVolume:
    return replace(volume, sample_id=name) if volume.sample_id == unnamed else volume


def _others(root: Path, paths: list[str], found: Found) -> Iterator[FoundVolume]:
    """Yield the images that no layout knows, for the client to say what they are."""
    taken = {one.path for one in found.volumes}
    samples = list(dict.fromkeys(one.sample_id for one in found.volumes))
    for path in paths:
        if root / path not in taken:
            own = path.split("/")[0] if "/" in path else root.name
            sample = samples[0] if len(samples) == 1 else own
            yield FoundVolume(root / path, sample, sample)


def _nothing_to_see(task: Look) -> str:
    names, archives = some(sorted(task.files.values())), sorted(filter(is_archive, task.files.values()))
    then = (
        f"{some(archives)}: an archive is not opened here. Unpack it, and drop the folder that comes of it."
        if archives
        else "Choose the folder of the patient's images."
    )
    return (
        f"No image is among the {counted(len(task.files), 'file')} that came ({names}). Expected were files of NIfTI "
        f"(.nii, .nii.gz), NRRD or MetaImage (.nrrd, .mha), or DICOM. {then}"
    )


# ---------------------------------------------------------------- DICOM


def _converted(task: Look, meter: Meter) -> Found:
    """Convert a tree; series that no rule names are converted too, under a name that the client replaces."""
    out = task.folder / NIFTI
    with meter("Reading headers", "files") as on_read, meter("Converting", "series") as progress:
        found = convert_tree(task.folder / FILES, out, n_jobs=1, on_read=on_read, progress=progress)
        unnamed = [row for row in _series(out) if row["because"] == NO_RULE]
        if unnamed:
            rules = _rules(task.folder / RULES, unnamed)
            found = convert_tree(task.folder / FILES, out, sequences=rules, n_jobs=1, progress=progress)
    if not found.n_images:
        raise RequestError(f"No series of the DICOM files became an image. {' '.join(found.notes)}")
    return found


def _series(out: Path) -> list[dict[str, str]]:
    with (out / "series.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def _rules(path: Path, unnamed: list[dict[str, str]]) -> Path:
    numbers = sorted({row["series_number"] for row in unnamed if row["series_number"].isdigit()}, key=int)
    table = pd.DataFrame({"name": [f"{UNKNOWN}{number}" for number in numbers], "series_number": numbers})
    with path.open("wb") as file:
        write_csv(table, file)
    return path


# ---------------------------------------------------------------- what is to be seen


def _shown(task: Look, layout: str) -> dict[str, str]:
    """Return what files are called for the client, by path below the upload's folder."""
    if layout != DICOM:
        return {f"{FILES}/{own}": given for own, given in task.files.items()}
    rows = _series(task.folder / NIFTI)
    return {
        f"{NIFTI}/{row['file']}": f"series {row['series_number']}, {row['description'] or 'without a description'}"
        for row in rows
        if row["file"]
    }


def _items(folder: Path, volumes: list[FoundVolume], shown: Mapping[str, str], meter: Meter) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    seen: dict[tuple[str, str], Portrait] = {}
    with meter("Looking at the images", "images") as progress:
        outlines = {one.path: _outline(one) for one in volumes if one.role == MASK}
        masks = {one.sample_id: str(one.path) for one in volumes if outlines.get(one.path) == "" and not one.modality}
        for number, volume in enumerate(volumes):
            path = volume.path.relative_to(folder).as_posix()
            item, one = _item(volume, outlines.get(volume.path, ""), masks.get(volume.sample_id, ""))
            if one is not None:
                seen[volume.sample_id, path] = one
            items.append({**item, "path": path, "shown": shown.get(path, volume.path.name)})
            progress(number + 1, len(volumes))
    _tell_volumes(items, seen)
    shown_as = {item["path"]: item["shown"] for item in items}
    told = suspicions({(sample, shown_as[path]): one for (sample, path), one in seen.items()})
    for item in items:
        item["warnings"] += told.pop(item["sample"], [])
    return items


def _outline(volume: FoundVolume) -> str:
    """Return why an outline cannot be read, "" where it can."""
    try:
        read_mask(str(volume.path))
    except ImageError as error:
        return str(error)
    return ""


def _item(volume: FoundVolume, unread: str, mask: str) -> tuple[dict[str, Any], Portrait | None]:
    """Return what is told of a file, and its portrait; one that cannot be read has none."""
    what = "mask" if volume.role == MASK else volume.modality
    item: dict[str, Any] = {
        "sample": volume.sample_id,
        "what": "" if what.startswith(UNKNOWN) else what,
        "is_usable": not unread,
        "picture": "",
        "facts": "",
        "warnings": [unread] if unread else [],
    }
    if volume.role == MASK:
        return item, None
    one, item["warnings"] = _portrait(str(volume.path), mask)
    if one is None:
        return item | {"is_usable": False}, None
    return item | {"picture": strip_of([one]), "facts": _facts(one)}, one


def _portrait(path: str, mask: str) -> tuple[Portrait | None, list[str]]:
    """Return the portrait of an image, without the outline where that is of another grid, and what is wrong."""
    try:
        return portrait(path, mask), []
    except ImageError as error:
        without, why = _portrait(path, "") if mask else (None, [str(error)])
        return without, why or [str(error)]


def _facts(one: Portrait) -> str:
    size, spacing = (" × ".join(f"{value:.4g}" for value in values) for values in (one.size, one.spacing_mm))
    return f"{size} voxels of {spacing} mm"


def _tell_volumes(items: list[dict[str, Any]], seen: Mapping[tuple[str, str], Portrait]) -> None:
    """Tell the volumes of an outline's labels with the outline, once for all sequences that share it."""
    for item in items:
        of_sample = (one.volumes_ml for (sample, _), one in seen.items() if sample == item["sample"])
        volumes = next(filter(None, of_sample), {}) if item["what"] == "mask" else {}
        item["facts"] = (
            "; ".join(f"label {label}: {volume:.1f} ml" for label, volume in volumes.items()) or item["facts"]
        )
