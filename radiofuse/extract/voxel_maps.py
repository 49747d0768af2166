"""Voxel-wise feature maps of one image and mask, as files that lie over the image in a viewer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from radiofuse.errors import ImageError, RequestError
from radiofuse.extract.cohort_run import FAILURE_COLUMNS, Progress
from radiofuse.extract.one_task import Task
from radiofuse.extract.shared_images import refuse_shared_images
from radiofuse.extract.tasks import label_of_masks, list_tasks
from radiofuse.extract.workers import WORKER_DIED, run_in_children
from radiofuse.imaging import file_sha256, read_pair
from radiofuse.imaging.labels import MaskLabel
from radiofuse.imaging.write_like import write_like
from radiofuse.imaging.write_nrrd import write_nrrd
from radiofuse.radiomics.codes import costs_one_image
from radiofuse.radiomics.image_types import Source, filtered
from radiofuse.radiomics.parameters import Plan, resolve
from radiofuse.radiomics.preprocessing import Prepared, check_finite, prepare
from radiofuse.radiomics.region import Region
from radiofuse.radiomics.settings import Settings, read_settings
from radiofuse.radiomics.voxel_maps import voxel_maps
from radiofuse.radiomics.windows import with_margin
from radiofuse.store.fingerprints import digest_or_none

if TYPE_CHECKING:
    from radiofuse.extract.radiomics import RadiomicsExtractor

ENDINGS = {"nrrd": ".nrrd", "nifti": ".nii.gz"}


def write_voxel_maps(
    image: str | Path,
    mask: str | Path,
    settings: str | Path | Mapping[str, Any] | Settings,
    out: str | Path,
    *,
    label: MaskLabel = "any",
    file_format: str = "nrrd",
) -> list[Path]:
    """Write one map per image type and feature: at every voxel of the region, the feature of the window round it.

    Parameters
    ----------
    image, mask : path
        Two files of one grid.
    settings : str, Path, mapping or Settings
        As for ``RadiomicsExtractor``. ``kernelRadius``, ``maskedKernel`` and ``initValue`` of a parameter file's
        ``voxelSetting`` hold; shape has no maps.
    out : path
        Folder of the maps; made if it is not there.
    label : "any", int or list of int, default="any"
        Which mask values are the region.
    file_format : str
        ``"nrrd"``, as pyradiomics writes maps, or ``"nifti"``, in which NaN cannot be: see the notes.

    Returns
    -------
    list of Path
        Files named as pyradiomics names the maps, ``original_glcm_Idm.nrrd``, in pyradiomics' order.

    Raises
    ------
    ImageError
        If image, mask or region is unusable; ``code`` says why.
    RequestError
        If the settings are wrong or ask for IBSI's conventions, or the format is unknown or cannot hold ``initValue``.

    Notes
    -----
    As pyradiomics' own, maps end ``kernelRadius`` voxels round the region's box, and lie where that lies in the image
    (or in the resampled or cropped one where the settings ask for that). Outside the region they hold ``initValue``.
    A voxel of the region may have no value (a GLCM of a window without pairs): it is NaN in NRRD. ITK's readers of
    NIfTI turn NaN into 0, so there it is ``initValue``, as the file's header says with the number of such voxels.
    Values are those of `radiofuse.radiomics.voxel_maps.voxel_maps`, whose notes tell where pyradiomics' differ.
    """
    settings = read_settings(settings)
    plan = resolve(settings)
    _refuse(plan, file_format)
    pair = read_pair(image, mask, label=label)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    with costs_one_image("radiofuse"):
        prepared = prepare(pair.image, pair.roi, plan)
        check_finite(prepared)
        return [
            _write(folder / f"{name}{ENDINGS[file_format]}", voxels, prepared, plan)
            for name, voxels in feature_maps(prepared, plan, settings.wavelet_subbands)
        ]


def _refuse(plan: Plan, file_format: str) -> None:
    """Refuse what has no maps, and files that cannot hold them."""
    if plan.ibsi:
        raise RequestError("Voxel maps follow pyradiomics' conventions only. Leave ibsi out of the settings.")
    if not set(plan.classes) - {"shape", "shape2D"}:
        raise RequestError("Shape has no voxel-wise maps. Name another featureClass in the settings.")
    if file_format not in ENDINGS:
        raise RequestError(f"Maps are written as {' or '.join(ENDINGS)}, got {file_format!r}. Choose one of the two.")
    if file_format == "nifti" and not np.isfinite(plan.voxel_wise.init_value):
        raise RequestError(
            f"Readers of NIfTI turn voxels that are no finite number into 0, and initValue is "
            f"{plan.voxel_wise.init_value}. Give initValue a number that no feature takes, or write nrrd."
        )


def map_cohort(
    cohort: pd.DataFrame,
    extractor: RadiomicsExtractor,
    out: str | Path,
    *,
    n_jobs: int = 1,
    file_format: str = "nrrd",
    on_done: Progress | None = None,
) -> tuple[int, pd.DataFrame]:
    """Write the maps of every image of a cohort, as ``out/<sample_id>/<modality>/<feature>.nrrd``.

    Parameters
    ----------
    cohort : DataFrame
        As ``read_cohort`` returns it.
    extractor : RadiomicsExtractor
        Whose settings and label hold.
    out : path
        Folder of the maps.
    n_jobs : int, default=1
        Child processes.
    file_format : str
        As for `write_voxel_maps`.
    on_done : callable, optional
        Called with (done, total) after each image.

    Returns
    -------
    n_files : int
    failures : DataFrame
        Columns sample_id, modality, code, message: every image without maps.

    Raises
    ------
    CohortError
        If two patients have one scan, by its content.
    RequestError
        As `write_voxel_maps`.
    """
    _refuse(resolve(extractor.settings), file_format)
    tasks, n_files, failures = list_tasks(cohort, label_of_masks(cohort, extractor)), 0, []
    refuse_shared_images(cohort, tasks, {task.image: digest_or_none(file_sha256, task.image) for task in tasks})
    shared = (extractor.settings, Path(out), file_format)
    for done, (task, outcome) in enumerate(run_in_children(_map_task, shared, tasks, n_jobs=n_jobs), start=1):
        outcome = _DIED if outcome is WORKER_DIED else outcome
        if isinstance(outcome, int):
            n_files += outcome
        else:
            failures.append((task.sample_id, task.modality, *outcome))
        if on_done:
            on_done(done, len(tasks))
    return n_files, pd.DataFrame(failures, columns=FAILURE_COLUMNS)


_DIED = ("worker_died", "The process that worked on it died twice, for want of memory perhaps. Choose fewer features.")


def _map_task(shared: tuple[Settings, Path, str], task: Task) -> int | tuple[str, str]:
    """Write one image's maps; return how many, or code and sentence of what is wrong with it."""
    settings, out, file_format = shared
    folder, label = out / task.sample_id / task.modality, cast(MaskLabel, task.label)
    try:
        return len(write_voxel_maps(task.image, task.mask, settings, folder, label=label, file_format=file_format))
    except ImageError as error:
        return error.code, str(error)


def feature_maps(
    prepared: Prepared, plan: Plan, kept_subbands: tuple[str, ...] | None
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield name and voxels, shape (z, y, x) of the box that ``map_box`` tells, of every map."""
    windows = plan.voxel_wise
    source = Source(prepared.array, map_box(prepared, plan), kept_subbands)
    for image_type in plan.image_types:
        for image_name, values in filtered(source, image_type):
            for feature_class, names in plan.classes.items():  # so that maps of one at a time are in memory
                maps = voxel_maps(
                    values,
                    prepared.region,
                    {feature_class: names},
                    setting=image_type.texture,
                    kernel_radius=windows.kernel_radius,
                    masked=windows.masked,
                    init_value=windows.init_value,
                    image_type=image_name,
                )
                yield from ((f"{image_name}_{feature}", voxels) for feature, voxels in maps.items())


def map_box(prepared: Prepared, plan: Plan) -> Region:
    """Return the region with the margin that windows reach into."""
    return with_margin(prepared.region, plan.voxel_wise.kernel_radius)


def _write(path: Path, voxels: np.ndarray, prepared: Prepared, plan: Plan) -> Path:
    """Write a map of the region's box with margin, at its place."""
    first, outside = map_box(prepared, plan).start[::-1], plan.voxel_wise.init_value
    if path.suffix == ".nrrd":
        write_nrrd(path, voxels, prepared.grid.image, start=first, told={"outside_region": outside})
        return path
    unknown = np.isnan(voxels)
    said = f"{outside:g} outside the region and at {np.count_nonzero(unknown)} voxels without a value"
    write_like(path, np.where(unknown, outside, voxels), prepared.grid.image, start=first, description=said)
    return path
