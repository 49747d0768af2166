"""Slice sets, registration and arrays beside the plain scripts that a user would write.

Run as ``python benchmarks/imaging.py slices [patients]``, ``... register`` or ``... arrays [patients]``:

- slices: four sequences of 240 x 240 x 155 per patient to a slice set, beside a loop with nibabel and numpy that writes
  the same files one after the other;
- register: a brain moved by a known shift, beside SimpleITK's own example of a rigid registration (Euler, Mattes mutual
  information, gradient descent, 1 % of the voxels, from the centers): how far both end from the truth, and the time;
- arrays: what 100 patients' stacks of four channels and 60 slices at 224 cost: time per patient, the first quarter
  beside the last, beside the bare writing of as many bytes, and the memory of the processes at their peak.

Volumes are generated, but for the registration where ``RADIOFUSE_DATA`` names the folder of real ones. Ratios are of
wall time, both sides in one process at a time.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import SimpleITK as sitk
from psutil import Process

from radiofuse.extract.arrays import collect_arrays
from radiofuse.imaging.registration import register
from radiofuse.imaging.slice_set import Scan, write_slices
from radiofuse.imaging.stacks import SliceStack

SHAPE = (155, 240, 240)
SEQUENCES = {"t1": "T1_bias", "t1ce": "T1c_bias", "t2": "T2_bias", "flair": "FLAIR_bias"}


def brain(seed: int, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    """Return something like a brain: a ball with smooth structure, int16, (z, y, x)."""
    rng = np.random.default_rng(seed)
    coarse = sitk.GetImageFromArray(rng.normal(size=[n // 6 + 2 for n in shape]).astype(np.float32))
    grid = sitk.Image([int(n) for n in shape[::-1]], sitk.sitkFloat32)
    grid.SetSpacing([1 / 6] * 3)
    lumps = sitk.GetArrayFromImage(sitk.Resample(coarse, grid, sitk.Transform(), sitk.sitkBSpline))
    axes = np.ogrid[tuple(slice(0, n) for n in shape)]
    inside = sum(((at - n / 2) / (0.4 * n)) ** 2 for at, n in zip(axes, shape, strict=True)) < 1
    return np.where(inside, 500 + 150 * lumps, 0).clip(0).astype(np.int16)


def write_patient(folder: Path, name: str, seed: int) -> Scan:
    """Write one patient's volumes and masks."""
    paths = {}
    for at, modality in enumerate(SEQUENCES):
        paths[modality] = str(folder / f"{name}_{modality}.nii.gz")
        sitk.WriteImage(sitk.GetImageFromArray(brain(10 * seed + at)), paths[modality])
    tumor = np.zeros(SHAPE, np.uint8)
    tumor[60:90, 90:130, 80:120] = 1
    masks = {"brain": (brain(10 * seed) > 0).astype(np.uint8), "tumor": tumor}
    for role, voxels in masks.items():
        sitk.WriteImage(sitk.GetImageFromArray(voxels), str(folder / f"{name}_{role}.nii.gz"))
    return Scan(name, paths, str(folder / f"{name}_brain.nii.gz"), str(folder / f"{name}_tumor.nii.gz"))


def plain_slices(scan: Scan, folder: Path) -> None:
    """Do what a user's script does: load with nibabel, loop over slices, save."""
    mask = np.asarray(nib.load(scan.brain).dataobj)
    for modality, path in scan.images.items():
        volume = np.asarray(nib.load(path).dataobj)
        place = folder / scan.sample_id / "Axial" / SEQUENCES[modality]
        place.mkdir(parents=True)
        for k in range(volume.shape[2]):
            if mask[:, :, k].any():
                np.savez_compressed(place / f"slice_{k}.npz", volume[:, :, k])


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare_slices(patients: int) -> None:
    """Print the time of both ways to a slice set."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scans = [write_patient(folder, f"P{number}", number) for number in range(patients)]
        ours = seconds(lambda: [write_slices(scan, folder / "ours") for scan in scans])
        plain = seconds(lambda: [plain_slices(scan, folder / "plain") for scan in scans])
        again = seconds(lambda: [write_slices(scan, folder / "ours") for scan in scans])
    print(
        f"{60 * patients / ours:.1f} patients a minute on one core; {ours / plain:.2f} of the time of the plain loop,"
    )
    print(f"which reads no header and checks nothing; a second run takes {again / ours:.2f} of the first")


def example_registration(moving: sitk.Image, fixed: sitk.Image) -> sitk.Transform:
    """Do what SimpleITK's example of a rigid registration does."""
    start = sitk.CenteredTransformInitializer(fixed, moving, sitk.Euler3DTransform(), 0)
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(50)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(0.01)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsGradientDescent(1.0, 100, convergenceMinimumValue=1e-6, convergenceWindowSize=10)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([2, 1, 0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetInitialTransform(start, inPlace=False)
    return method.Execute(fixed, moving)


def compare_registrations() -> None:
    """Print error and time of both."""
    real = sorted(Path(os.environ.get("RADIOFUSE_DATA", "nowhere")).glob("pyradiomics_testdata/**/brain1_image.nrrd"))
    image = sitk.ReadImage(str(real[0])) if real else sitk.GetImageFromArray(brain(1, (96, 128, 128)))
    fixed = sitk.Cast(image, sitk.sitkFloat32)
    center = fixed.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in fixed.GetSize()])
    away = sitk.Euler3DTransform(center, *np.deg2rad([2, -3, 5]), (4.0, -3.0, 2.0))
    moving = sitk.Resample(fixed, fixed, away, sitk.sitkLinear, 0.0)
    voxels = sitk.GetArrayViewFromImage(fixed)
    inside = np.argwhere(voxels > 0.1 * voxels.max())[::4001, ::-1]
    places = np.array([fixed.TransformIndexToPhysicalPoint([int(one) for one in index]) for index in inside])
    wanted = np.array([away.GetInverse().TransformPoint(place) for place in places])
    found: dict[str, sitk.Transform] = {}
    times = {
        "radiofuse, one thread": seconds(lambda: found.update(ours=register(moving, fixed).transform)),
        "SimpleITK's example, all threads": seconds(lambda: found.update(plain=example_registration(moving, fixed))),
    }
    print(f"moved by {np.linalg.norm(places - wanted, axis=1).mean():.2f} mm on average")
    for (name, took), transform in zip(times.items(), found.values(), strict=True):
        errors = np.linalg.norm([transform.TransformPoint(place) for place in places] - wanted, axis=1)
        print(f"{name}: {errors.mean():.3f} mm left on average, {errors.max():.3f} at most; {60 / took:.1f} a minute")


def measure_arrays(patients: int) -> None:
    """Print time and memory of a cohort's stacks."""
    channels = tuple(SEQUENCES)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scan = write_patient(folder, "P0", 0)
        rows = []
        for number in range(patients):
            mask = np.zeros(SHAPE, np.uint8)
            mask[40:100, 90:130, 80 : 110 + number % 20] = 1 + number % 250
            path = folder / f"mask{number}.nii.gz"
            sitk.WriteImage(sitk.GetImageFromArray(mask), str(path))
            images = {f"{one}__image": scan.images[one] for one in channels}
            rows.append({"sample_id": f"P{number}", "patient_id": "P0"} | images)
            rows[-1] |= {f"{one}__mask": str(path) for one in channels}
        ticks, memory = [time.perf_counter()], []

        def count(*_: int) -> None:
            ticks.append(time.perf_counter())
            memory.append(max(child.memory_info().rss for child in Process().children(recursive=True)) / 1e9)

        made = collect_arrays(pd.DataFrame(rows), SliceStack(channels), folder / "store", on_done=count)
        steps, quarter = np.diff(ticks), max(patients // 4, 1)
        size = sum(path.stat().st_size for path in (folder / "store" / "arrays").rglob("*.npy"))
        shape = made.read("P0")["image"].shape
        reads = [seconds(lambda sample=sample: made.read(sample)["image"].sum(dtype=float)) for sample in made.keys]
        plain = seconds(lambda: [np.save(folder / "plain.npy", made.read(sample)["image"]) for sample in made.keys])
    writes, first, last = steps.mean(), slice(1, quarter + 1), slice(-quarter, None)
    print(f"{len(made.keys)} patients, {' x '.join(map(str, shape))}, {size / 1e9:.1f} GB: {writes:.2f} s each in one")
    print(
        f"child process, the last quarter {steps[last].mean() / steps[first].mean():.2f} of the first; it holds at most"
    )
    print(f"{max(memory[first]):.2f} GB after a patient of the first quarter, {max(memory[last]):.2f} GB of the last.")
    print(f"Reading takes {np.mean(reads) / writes:.3f} of that, the last quarter")
    print(f"{np.mean(reads[last]) / np.mean(reads[first]):.2f} of the first; copying the bytes takes")
    print(f"{plain / len(reads) / writes:.3f}. Peak of the process that reads:")
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


def main(what: str = "slices", patients: str = "3") -> None:
    """Run one of the three."""
    if what == "register":
        compare_registrations()
    else:
        {"slices": compare_slices, "arrays": measure_arrays}[what](int(patients))


if __name__ == "__main__":
    main(*sys.argv[1:])
