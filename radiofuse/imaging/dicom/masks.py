"""Segmentations of a tree: which image each belongs to, its regions as files, and which of them is the mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import SimpleITK as sitk

from radiofuse.errors import ImageError, RequestError
from radiofuse.imaging.dicom.contours import read_contours
from radiofuse.imaging.dicom.label_maps import labeled
from radiofuse.imaging.dicom.pixels import damage_told
from radiofuse.imaging.dicom.regions import Region, distinct, united, wanted_regions
from radiofuse.imaging.dicom.segmentations import read_segmentation
from radiofuse.imaging.dicom.segments import read_segment_regions, read_segments
from radiofuse.imaging.dicom.series import CONTOURS, LABEL_MAP, SEGMENTATION
from radiofuse.imaging.dicom.volumes import (
    WRITTEN_BY,
    Job,
    claim,
    grid_of,
    record_path_of,
    write_record,
)
from radiofuse.imaging.geometry import mask_on_grid
from radiofuse.imaging.write_like import write_on_grid_of
from radiofuse.wording import counted, some

if TYPE_CHECKING:
    import numpy as np

KINDS = {SEGMENTATION: "DICOM-SEG", LABEL_MAP: "DICOM-SEG", CONTOURS: "RTSTRUCT"}


@dataclass(frozen=True)
class MaskJob:
    """A file of regions, the image that they belong to, and how many others of that image come before it."""

    source: Path
    kind: str
    image: Job
    number: int
    pattern: str | None
    by_region: bool = False


@dataclass(frozen=True)
class Masks:
    """What became of a file of regions: all its masks by name, the one that is wanted, and what is to be told.

    Where regions keep their names in that mask, ``coding`` says which label is which.
    """

    job: MaskJob
    regions: Mapping[str, Path]
    wanted: Path | None = None
    problems: tuple[str, ...] = ()
    coding: Mapping[str, int] = field(default_factory=dict)


def match_slicer(path: Path, root: Path, written: Sequence[Job]) -> tuple[list[Job], str]:
    """Return the images on whose grid a Slicer segmentation lies, of the nearest folder that holds images."""
    masks = read_segments(path)
    folder = path.parent
    while True:
        near = [job for job in written if any(each.path.is_relative_to(folder) for each in job.series.instances)]
        if near or folder == root or folder == folder.parent:
            break
        folder = folder.parent
    if len({job.patient for job in near}) > 1:
        return [], "it lies in a folder with images of several patients; put it into its patient's folder"
    images = [job for job in near if all(_fits(mask, job.path) for mask in masks.values())]
    return images, "" if images else "no image of its folder has its grid"


def _fits(mask: sitk.Image, path: Path) -> bool:
    try:
        mask_on_grid(sitk.GetArrayViewFromImage(mask), mask, grid_of(path))
    except ImageError:
        return False
    return True


def write_masks(job: MaskJob) -> Masks:
    """Write every region of a file, and what the pattern means, on the grid of its image."""
    try:
        regions, problems = _read(job)
    except (ImageError, RequestError) as error:
        return Masks(job, {}, None, (str(error),))
    if not regions:
        return Masks(job, {}, None, (*problems, "it holds no region that can be used"))
    try:
        paths = {region.name: _write_region(job, region.word, region.voxels, [region]) for region in regions}
        if job.by_region:
            wanted, told, coding = _named_in_one(job, regions)
        else:
            (wanted, told), coding = _wanted(job, regions, paths), {}
    except RequestError as error:
        return Masks(job, {}, None, (*problems, str(error)))
    return Masks(job, paths, wanted, (*problems, *told), coding)


def _read(job: MaskJob) -> tuple[list[Region], list[str]]:
    image = grid_of(job.image.path)
    if job.kind == "Slicer":
        regions, problems = read_segment_regions(job.source, image), []
    else:
        read = read_contours if job.kind == "RTSTRUCT" else read_segmentation
        with damage_told(job.source):
            regions, problems = read(job.source, image)
    return distinct(regions), problems


def _wanted(job: MaskJob, regions: Sequence[Region], paths: Mapping[str, Path]) -> tuple[Path | None, tuple[str, ...]]:
    """Return the mask of the image: the only region, or what the pattern means."""
    names = [region.name for region in regions]
    if job.pattern is None:
        held = f"it holds {counted(len(names), 'region')}, {some(names)}"
        told = f"{held}: say which one is the mask (--roi NAME; in Python roi=...)"
        return (paths[names[0]], ()) if len(names) == 1 else (None, (told,))
    chosen = wanted_regions(regions, job.pattern)
    if not chosen:
        return None, (_none_called(job, regions),)
    if len(chosen) == 1:
        return paths[chosen[0].name], ()
    path = _write_region(job, "united", united(chosen), chosen)
    return path, (f"{some([region.name for region in chosen])} were united to the mask",)


def _named_in_one(job: MaskJob, regions: Sequence[Region]) -> tuple[Path | None, tuple[str, ...], Mapping[str, int]]:
    """Return one mask with a label for each region that the pattern means, and which label is which."""
    chosen = regions if job.pattern is None else wanted_regions(regions, job.pattern)
    if not chosen:
        return None, (_none_called(job, regions),), {}
    try:
        voxels, coding = labeled(chosen)
    except RequestError as error:
        return None, (str(error),), {}
    return _write_region(job, "regions", voxels, chosen), (), coding


def _none_called(job: MaskJob, regions: Sequence[Region]) -> str:
    return f"none of its regions is called {job.pattern}; it holds {some([region.name for region in regions])}"


def _write_region(job: MaskJob, word: str, voxels: np.ndarray, regions: Sequence[Region]) -> Path:
    number = f"-{job.number}" if job.number > 1 else ""
    path = job.image.path.with_name(f"{job.image.path.name.removesuffix('.nii.gz')}_{word}{number}.nii.gz")
    claim(path)
    write_on_grid_of(path, voxels, job.image.path)
    record = {
        "written_by": WRITTEN_BY,
        "kind": job.kind,
        "image": job.image.path.name,
        "regions": [region.name for region in regions],
        "n_voxels": int((voxels != 0).sum()),
        "notes": [note for region in regions for note in region.notes],
    }
    write_record(record_path_of(path), record)
    return path
