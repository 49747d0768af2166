"""Voxel-wise feature maps of one image and mask, as files that lie over the image in any viewer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from radiofuse.errors import ImageError, RequestError
from radiofuse.extract.cohort_run import FAILURE_COLUMNS, Progress
from radiofuse.extract.shared_images import refuse_shared_images
from radiofuse.extract.tasks import Task, label_of_masks, list_tasks
from radiofuse.extract.workers import WORKER_DIED, run_in_children
from radiofuse.imaging import file_sha256, read_pair
from radiofuse.imaging.labels import MaskLabel
from radiofuse.imaging.write_like import write_like
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


def write_voxel_maps(
    image: str | Path,
    mask: str | Path,
    settings: str | Path | Mapping[str, Any] | Settings,
    out: str | Path,
    *,
    label: MaskLabel = "any",
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

    Returns
    -------
    list of Path
        Files named as pyradiomics names the maps, ``original_glcm_Idm.nii.gz``, in pyradiomics' order.

    Raises
    ------
    ImageError
        If image, mask or region is unusable; ``code`` says why.
    RequestError
        If the settings are wrong or ask for IBSI's conventions.

    Notes
    -----
    Maps have the whole grid of the image, or of the resampled or cropped one where the settings ask for that,
    ``initValue`` outside the region: they lie over the image in a viewer. pyradiomics' own end ``kernelRadius`` voxels
    round the region. Values are those of `radiofuse.radiomics.voxel_maps.voxel_maps`, whose notes tell where
    pyradiomics' differ.
    """
    settings = read_settings(settings)
    plan = resolve(settings)
    if plan.ibsi:
        raise RequestError("Voxel maps follow pyradiomics' conventions only. Leave ibsi out of the settings.")
    if not set(plan.classes) - {"shape", "shape2D"}:
        raise RequestError("Shape has no voxel-wise maps. Name another featureClass in the settings.")
    pair = read_pair(image, mask, label=label)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    with costs_one_image("radiofuse"):
        prepared = prepare(pair.image, pair.roi, plan)
        check_finite(prepared)
        return [
            _write(folder / f"{name}.nii.gz", voxels, prepared, plan)
            for name, voxels in feature_maps(prepared, plan, settings.wavelet_subbands)
        ]


def map_cohort(
    cohort: pd.DataFrame,
    extractor: RadiomicsExtractor,
    out: str | Path,
    *,
    n_jobs: int = 1,
    on_done: Progress | None = None,
) -> tuple[int, pd.DataFrame]:
    """Write the maps of every image of a cohort, as ``out/<sample_id>/<modality>/<feature>.nii.gz``.

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
    """
    tasks, n_files, failures = list_tasks(cohort, label_of_masks(cohort, extractor)), 0, []
    refuse_shared_images(cohort, tasks, {task.image: digest_or_none(file_sha256, task.image) for task in tasks})
    shared = (extractor.settings, Path(out))
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


def _map_task(shared: tuple[Settings, Path], task: Task) -> int | tuple[str, str]:
    """Write one image's maps; return how many, or code and sentence of what is wrong with it."""
    settings, out = shared
    folder = out / task.sample_id / task.modality
    try:
        return len(write_voxel_maps(task.image, task.mask, settings, folder, label=cast(MaskLabel, task.label)))
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
            maps = voxel_maps(
                values,
                prepared.region,
                plan.classes,
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
    """Write a map on the whole grid, the initial value outside its box."""
    whole = np.full(prepared.array.shape, plan.voxel_wise.init_value, float)
    whole[map_box(prepared, plan).box] = voxels
    write_like(path, whole, prepared.grid)
    return path
