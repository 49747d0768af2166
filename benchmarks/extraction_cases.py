"""Images and regions for the benchmarks of extraction, as two files each, and how a call is timed."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy.ndimage import gaussian_filter

from radiofuse.imaging import write_volume

Paths = tuple[str, str]


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return CPU and wall time of a call."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def ratio_told(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.2f} x [{min(ratios):.2f} to {max(ratios):.2f}]"


def small(folder: str, seed: int = 0) -> Paths:
    """A generated image of 64 x 64 x 32 voxels and a region of 1,500 of them."""
    rng = np.random.default_rng(seed)
    voxels = (1000 + 3000 * gaussian_filter(rng.normal(size=(64, 64, 32)), 1.5)).astype(np.int16)
    distance = sum((axis - center) ** 2 for axis, center in zip(np.ogrid[:64, :64, :32], (30, 34, 16), strict=True))
    return written(folder, voxels, distance <= np.partition(distance.ravel(), 1500)[1500], (1.0, 1.0, 1.0))


def brain1(folder: str) -> Paths:
    parts = [str(data() / "pyradiomics_testdata" / f"brain1_{part}.nrrd") for part in ("image", "label")]
    image, mask = (sitk.ReadImage(part) for part in parts)
    voxels, inside = (sitk.GetArrayViewFromImage(one).T for one in (image, mask))
    return written(folder, voxels, inside > 0, image.GetSpacing())


def cropped(folder: str) -> Paths:
    """brain1 without its outer rows and columns, 230 x 230 x 25, for brain2 of the same collection, a tenth cheaper."""
    parts = [str(data() / "pyradiomics_testdata" / f"brain1_{part}.nrrd") for part in ("image", "label")]
    image, mask = (sitk.ReadImage(part) for part in parts)
    voxels, inside = (sitk.GetArrayViewFromImage(one).T[13:243, 13:243] for one in (image, mask))
    return written(folder, voxels, inside > 0, image.GetSpacing())


def brats(folder: str) -> Paths:
    """T1 with contrast of one patient, 240 x 240 x 155, and the whole tumor."""
    stem = str(data() / "full_volume_cases" / "BraTS-GLI-00000-000" / "BraTS-GLI-00000-000")
    image, mask = (sitk.ReadImage(f"{stem}-{part}.nii.gz") for part in ("t1c", "seg"))
    voxels, inside = (sitk.GetArrayViewFromImage(one).T for one in (image, mask))
    return written(folder, voxels, inside > 0, image.GetSpacing())


def written(folder: str, voxels: np.ndarray, inside: np.ndarray, spacing_mm: Sequence[float]) -> Paths:
    paths = (str(Path(folder, "image.nii.gz")), str(Path(folder, "mask.nii.gz")))
    write_volume(paths[0], voxels, spacing_mm=spacing_mm)
    write_volume(paths[1], inside.astype(np.uint8), spacing_mm=spacing_mm)
    return paths


def data() -> Path:
    return Path(os.environ["RADIOFUSE_DATA"])


CASES: dict[str, Callable[[str], Paths]] = {"small": small, "brain1": brain1, "cropped": cropped, "brats": brats}
