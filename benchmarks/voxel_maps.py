"""All 186 voxel-wise maps of brain1 as files, by radiofuse and by pyradiomics in turn: CPU seconds, values, bytes.

Run: python benchmarks/voxel_maps.py [--repeats 1]

Six classes (93 features) of two image types, Original and LoG with sigma 3 mm, kernel radius 1, binWidth 25. Both
sides read the same two files, compute on one thread and write a packed NRRD file per map; nothing is extrapolated.
pyradiomics takes most of the time, about a minute a round. Needs pyradiomics, and brain1 in the folder that
RADIOFUSE_DATA names. pyradiomics' MCC is its initial value everywhere, as its eigenvalue routine fails where a
direction is empty in some window: these two maps differ.
"""

from __future__ import annotations

import argparse
import logging
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import SimpleITK as sitk

from radiofuse.extract import write_voxel_maps

CLASSES = ("firstorder", "glcm", "gldm", "glrlm", "glszm", "ngtdm")
SETTINGS = {
    "imageType": {"Original": {}, "LoG": {"sigma": [3.0]}},
    "featureClass": {name: [] for name in CLASSES},
    "setting": {"binWidth": 25},
}


def by_radiofuse(files: list[str], folder: Path) -> None:
    write_voxel_maps(*files, SETTINGS, folder, label=1)


def by_pyradiomics(files: list[str], folder: Path) -> None:
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    extractor = RadiomicsFeatureExtractor({**SETTINGS, "setting": {**SETTINGS["setting"], "additionalInfo": False}})
    for name, voxels in extractor.execute(*files, voxelBased=True).items():
        sitk.WriteImage(voxels, str(folder / f"{name}.nrrd"), useCompression=True)


def cpu_s(write, files: list[str], folder: Path) -> float:
    folder.mkdir(exist_ok=True)
    started = time.process_time()
    write(files, folder)
    return time.process_time() - started


def n_apart(ours: Path, theirs: Path) -> dict[str, int]:
    """Return, by map, at how many voxels the values differ by more than 1e-9 (MCC and Imc2: 2.2e-8 of rounding)."""
    apart = {}
    for path in sorted(theirs.iterdir()):
        found, expected = (sitk.GetArrayFromImage(sitk.ReadImage(str(file))) for file in (ours / path.name, path))
        rounding = 2.2e-8 if path.stem.endswith(("_MCC", "_Imc2")) else 1e-12
        equal = np.isclose(found, expected, rtol=1e-9, atol=rounding, equal_nan=True)
        apart[path.stem] = int((~equal).sum())
    return apart


def packed_mb(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.iterdir()) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=1)
    repeats = parser.parse_args().repeats
    logging.getLogger("radiomics").setLevel(logging.CRITICAL)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    home = Path(os.environ["RADIOFUSE_DATA"]) / "pyradiomics_testdata"
    files = [str(home / f"brain1_{part}.nrrd") for part in ("image", "label")]
    with TemporaryDirectory() as folder:
        ours, theirs = Path(folder, "radiofuse"), Path(folder, "pyradiomics")
        cpu_s(by_radiofuse, files, ours)  # imports and kernels
        for _ in range(repeats):
            own, reference = cpu_s(by_radiofuse, files, ours), cpu_s(by_pyradiomics, files, theirs)
            print(f"radiofuse {own:.2f} s, pyradiomics {reference:.1f} s CPU: {reference / own:.0f}x", flush=True)
        apart = n_apart(ours, theirs)
        print(f"{len(apart)} maps; {packed_mb(ours):.1f} MB and {packed_mb(theirs):.1f} MB packed")
        print(f"maps with a voxel apart by more than 1e-9: {({name: n for name, n in apart.items() if n}) or 'none'}")


if __name__ == "__main__":
    main()
