"""The slice set of Modality Fusion of MRI and Clinical Data for Glioma Grading: a ``.npz`` per slice, and a table.

``<sample>/<plane>/<sequence>/slice_<k>.npz`` holds one array, ``arr_0``; ``dataset_metadata.csv`` has a row per slice
with tumor: ``ID,slice_name,sex,age,WHO_grade``. Slices are those in which the brain's mask is not empty; k counts from
0, from right to left, front to back or upward, which is told from the header.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np
import SimpleITK as sitk

from radiofuse.errors import ImageError, RequestError
from radiofuse.files.aside import write_file
from radiofuse.imaging.gate import read_image, read_mask
from radiofuse.imaging.geometry import common_grid, mask_on_grid

VERSION = 2  # raised by hand where the same files would give other slices
PLANES = {"Axial": 2, "Coronal": 1, "Sagittal": 0}
"""Planes, and the axis of an image from left to right, front to back, bottom to top that each cuts."""
SEQUENCES = {"t1": "T1_bias", "t1ce": "T1c_bias", "t2": "T2_bias", "flair": "FLAIR_bias"}
"""What the folders of the four sequences are called; others are called as the modality."""
RECORDS = ".records"


@dataclass(frozen=True)
class Scan:
    """The files of one sample.

    Attributes
    ----------
    sample_id : str
    images : mapping of str to str
        Path by modality.
    brain, tumor : str
        Paths of masks; "" where there is none. Without one of the brain, it is where an image is not 0.
    """

    sample_id: str
    images: Mapping[str, str]
    brain: str = ""
    tumor: str = ""


@dataclass(frozen=True)
class WrittenSlices:
    """What came of one sample.

    Attributes
    ----------
    slices, tumor_slices : list of int
        Which were written, and which of them hold tumor.
    n_files : int
    is_new : bool
        False where an earlier call had written the same.
    """

    slices: list[int]
    tumor_slices: list[int]
    n_files: int
    is_new: bool = True


def write_slices(scan: Scan, folder: str | Path, plane: str = "Axial") -> WrittenSlices:
    """Write the slices of one sample: its folder appears whole, and an unchanged one stays.

    Parameters
    ----------
    scan : Scan
    folder : path
        The slice set; made if absent.
    plane : {"Axial", "Coronal", "Sagittal"}

    Returns
    -------
    WrittenSlices

    Raises
    ------
    ImageError
        If a file cannot be used, the sequences and masks do not share a grid, or the sample's folder holds what this
        did not write.
    RequestError
        If there is no such plane.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from radiofuse.imaging import write_volume
    >>> with TemporaryDirectory() as folder:
    ...     voxels = np.zeros((4, 5, 6), np.int16)
    ...     voxels[1:3, 1:3, 2:4] = 7
    ...     write_volume(f"{folder}/t1.nii.gz", voxels, spacing_mm=(1, 1, 1))
    ...     written = write_slices(Scan("P1", {"t1": f"{folder}/t1.nii.gz"}), f"{folder}/set")
    ...     np.load(f"{folder}/set/P1/Axial/T1_bias/slice_2.npz")["arr_0"].shape, written.slices
    ((4, 5), [2, 3])
    """
    if plane not in PLANES:
        raise RequestError(f"There is no plane {plane!r}; the planes are {', '.join(PLANES)}.")
    folder = Path(folder)
    volumes = {name: read_image(path) for name, path in scan.images.items()}
    masks = {role: read_mask(path) for role, path in (("brain", scan.brain), ("tumor", scan.tumor)) if path}
    digests = {name: volume.sha256 for name, volume in {**volumes, **masks}.items()}
    record = {"version": VERSION, "plane": plane, "files": digests}
    if (earlier := _earlier(folder, scan.sample_id, record)) is not None:
        return earlier
    upright = {name: sitk.DICOMOrient(volume.image, "LPS") for name, volume in volumes.items()}
    grid = common_grid(upright)
    arrays = {name: sitk.GetArrayFromImage(image).T for name, image in upright.items()}
    regions = {role: _on_grid(volume.image, grid) > 0 for role, volume in masks.items()}
    brain = regions.get("brain")
    brain = np.any([array != 0 for array in arrays.values()], axis=0) if brain is None else brain
    tumor, axis = regions.get("tumor", np.zeros_like(brain)), PLANES[plane]
    slices = _filled(brain, axis)
    with_tumor = sorted({*slices} & {*_filled(tumor, axis)})
    written = WrittenSlices(slices, with_tumor, len(slices) * len(arrays))
    _write(folder, scan.sample_id, plane, {name: np.moveaxis(array, axis, 0) for name, array in arrays.items()}, slices)
    _keep_record(folder, scan.sample_id, record | {"slices": slices, "tumor_slices": with_tumor})
    return written


def metadata_rows(sample_id: str, tumor_slices: Sequence[int], clinical: Mapping[str, str]) -> list[dict[str, str]]:
    """Return the rows of ``dataset_metadata.csv`` for one sample.

    Parameters
    ----------
    sample_id : str
        Of UCSF-PDGM the number alone becomes the ID, with its zeros.
    tumor_slices : sequence of int
    clinical : mapping of str to str
        ``sex`` (0 female, 1 male), ``age`` and ``WHO_grade``; "" where unknown.

    Examples
    --------
    >>> metadata_rows("UCSF-PDGM-0004", [81], {"sex": "1", "age": "66", "WHO_grade": "4"})
    [{'ID': '0004', 'slice_name': 'slice_81', 'sex': '1', 'age': '66', 'WHO_grade': '4'}]
    """
    told = {name: clinical.get(name, "") for name in ("sex", "age", "WHO_grade")}
    return [{"ID": number_of(sample_id), "slice_name": f"slice_{k}", **told} for k in tumor_slices]


def number_of(sample_id: str) -> str:
    """Return the ID that a sample has in ``dataset_metadata.csv``: of UCSF-PDGM its number, with its zeros."""
    return sample_id.removeprefix("UCSF-PDGM-")


def _on_grid(mask: sitk.Image, grid: sitk.Image) -> np.ndarray:
    """Return the values (x, y, z) of a mask on a grid."""
    values, _ = mask_on_grid(sitk.GetArrayViewFromImage(mask), mask, grid)
    return values.T


def _filled(region: np.ndarray, axis: int) -> list[int]:
    others = tuple(one for one in range(3) if one != axis)
    return [int(k) for k in np.flatnonzero(region.any(axis=others))]


def _write(folder: Path, sample_id: str, plane: str, arrays: Mapping[str, np.ndarray], slices: list[int]) -> None:
    final = folder / sample_id / plane
    if final.exists() and (_others(final) or not _record_path(folder, sample_id, plane).is_file()):
        what = f"{sample_id}/{plane} holds files that this command did not write"
        raise ImageError("output_refused", f"{what}. Move them, or name another folder for the output.")
    _keep_record(folder, sample_id, {"plane": plane})  # the folder is ours from here on, and not yet whole
    aside = folder / sample_id / f".{uuid4().hex}.tmp"
    try:
        for name, array in arrays.items():
            of_sequence = aside / SEQUENCES.get(name, name)
            of_sequence.mkdir(parents=True)
            for k in slices:
                np.savez_compressed(of_sequence / f"slice_{k}.npz", array[k])
        if final.exists():
            shutil.rmtree(final)
        aside.rename(final)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _others(folder: Path) -> list[Path]:
    """Return the files in a plane's folder that are no slices."""
    return [path for path in folder.rglob("*") if path.is_file() and not path.match("*/slice_*.npz")]


def _record_path(folder: Path, sample_id: str, plane: str) -> Path:
    return folder / RECORDS / f"{sample_id}_{plane}.json"


def _keep_record(folder: Path, sample_id: str, record: Mapping[str, object]) -> None:
    path = _record_path(folder, sample_id, str(record["plane"]))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, lambda file: file.write(json.dumps(record, indent=1).encode() + b"\n"))


def _earlier(folder: Path, sample_id: str, record: Mapping[str, object]) -> WrittenSlices | None:
    """Return what an earlier call wrote from the same files, None where it did not or a slice is gone."""
    try:
        before = json.loads(_record_path(folder, sample_id, str(record["plane"])).read_text())
    except (OSError, ValueError):
        return None
    if any(before.get(name) != value for name, value in record.items()):
        return None
    n_files = sum(1 for _ in (folder / sample_id / str(record["plane"])).glob("*/slice_*.npz"))
    wanted = len(before["slices"]) * len([name for name in before["files"] if name not in ("brain", "tumor")])
    if n_files != wanted:
        return None
    return WrittenSlices(before["slices"], before["tumor_slices"], n_files, is_new=False)
