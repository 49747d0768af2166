"""Checked pairs of an image and a region for the benchmarks of the engine alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy.ndimage import gaussian_filter

from radiofuse.imaging import RoiPair, check_pair, read_pair

VOLUME_SHAPE = (155, 240, 240)


@dataclass(frozen=True)
class Case:
    name: str
    pair: RoiPair


def data_dir() -> Path | None:
    named = os.environ.get("RADIOFUSE_DATA")
    return Path(named) if named and Path(named).is_dir() else None


def brain1(data: Path) -> Case:
    folder = data / "pyradiomics_testdata"
    image, mask = (sitk.ReadImage(str(folder / f"brain1_{part}.nrrd")) for part in ("image", "label"))
    return Case("brain1", check_pair(image, mask))


def brats(data: Path) -> Iterator[Case]:
    """One patient, 240 x 240 x 155: whole tumor in four sequences, then each region in T1ce."""
    folder = data / "full_volume_cases" / "BraTS-GLI-00000-000"
    stem = str(folder / folder.name)
    for modality in ("t1n", "t1c", "t2w", "t2f"):
        yield Case(f"whole tumor, {modality}", read_pair(f"{stem}-{modality}.nii.gz", f"{stem}-seg.nii.gz"))
    for label, name in ((1, "necrosis"), (2, "edema"), (3, "enhancing")):
        yield Case(f"{name}, t1c", read_pair(f"{stem}-t1c.nii.gz", f"{stem}-seg.nii.gz", label=label))


def cohort(data: Path, n_cases: int = 20) -> Iterator[Case]:
    folders = sorted(path for path in (data / "brats20_tcga_roi" / "cases").iterdir() if path.is_dir())
    for folder in folders[:n_cases]:
        image = next(folder.glob("*t1ce*.nii*"))
        mask = next(path for path in sorted(folder.glob("*.nii*")) if "seg" in path.name)
        yield Case(folder.name, read_pair(image, mask))


def generated(n_voxels: int) -> Case:
    """A smooth random 240 x 240 x 155 volume and a lumpy region of about that many voxels."""
    rng = np.random.default_rng(n_voxels)
    values = gaussian_filter(rng.normal(size=VOLUME_SHAPE).astype(np.float32), 1.5)
    values = (1000 + 3000 * values + rng.normal(scale=20, size=VOLUME_SHAPE)).astype(np.float32)
    z, y, x = np.ogrid[: VOLUME_SHAPE[0], : VOLUME_SHAPE[1], : VOLUME_SHAPE[2]]
    distance = (z - 77) ** 2 + (y - 120) ** 2 + ((x - 120) * 0.8) ** 2 + 40 * gaussian_filter(values / 1000, 2)
    mask = (distance <= np.partition(distance.ravel(), n_voxels)[n_voxels]).astype(np.uint8)
    return Case(f"generated, {n_voxels:,}", check_pair(sitk.GetImageFromArray(values), sitk.GetImageFromArray(mask)))
