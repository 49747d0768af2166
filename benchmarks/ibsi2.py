"""IBSI 2: every reference response map and reference value beside ours, and the time of each filter.

Run: python benchmarks/ibsi2.py --data $RADIOFUSE_DATA/ibsi [--no-times]

Maps, values and tolerances: Whybra et al. 2024, Radiology 310(2), doi:10.1148/radiol.231319.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import SimpleITK as sitk
import yaml

from radiofuse.radiomics import make_backend, read_settings
from radiofuse.radiomics.ibsi_names import ibsi_features
from radiofuse.radiomics.image_types import Source, filtered
from radiofuse.radiomics.parameters import resolve
from radiofuse.radiomics.region import Region

PARAMETERS = Path(__file__).resolve().parent.parent / "tests" / "radiomics" / "ibsi2"
MAPS = yaml.safe_load((PARAMETERS / "maps.yaml").read_text())
TOLERANCE = 0.01  # of the range of a reference map
# How the images of configuration A and B begin, by the number of the filter.
IMAGES = {
    "1": "original",
    "2": "mean",
    "3": "laplacian",
    "4": "laws",
    "5": "gabor",
    "6.A": "separable-wavelet-db3-LH-level-1",
    "6.B": "separable-wavelet-db3-LLH-level-1",
    "7.A": "separable-wavelet-db3-HH-level-2",
    "7.B": "separable-wavelet-db3-HHH-level-2",
    "8": "simoncelli-level-1",
    "9": "simoncelli-level-2",
}
# What is timed: a volume as of BraTS, a region of a tumor's size and one of a brain's.
SHAPE = (155, 240, 240)
REGIONS = {
    "tumor": (slice(60, 100), slice(90, 150), slice(80, 140)),
    "brain": (slice(10, 145), slice(30, 220), slice(45, 195)),
}
TIMED = {
    "Mean": {"support": [5]},
    "LaplacianOfGaussian": {"sigma": [3]},
    "Laws": {"kernels": ["L5E5E5"], "rotationInvariance": True, "energyDistance": 7},
    "Gabor": {"sigma": [5], "wavelength": [4], "aspect": 1.5, "rotationStep": 45},
    "SeparableWavelet": {"wavelet": "db3", "subbands": ["LLH"], "rotationInvariance": True},
    "Simoncelli": {"level": [1]},
    "RieszLaplacianOfGaussian": {"sigma": [3], "order": [[1, 0, 0]]},
    "RieszSimoncelli": {"level": [1], "order": [[0, 2, 0]], "alignmentSigma": 2},
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Hold the filters against IBSI 2's reference.")
    parser.add_argument("--data", type=Path, required=True, help="the folder with phantoms and ibsi_2_reference/")
    parser.add_argument("--no-times", action="store_true")
    arguments = parser.parse_args()
    print(f"{maps(arguments.data).to_string(index=False)}\n")
    for configuration in "AB":
        table = values(arguments.data, configuration)
        within = table.groupby("filter_id")["within"].agg(["sum", "size"])
        print(f"configuration {configuration}: reference values within tolerance\n{within.to_string()}\n")
    if not arguments.no_times:
        print(times().to_string(index=False))


def response(image: sitk.Image, image_type: dict[str, Any], box: Any = (slice(None),) * 3) -> np.ndarray:
    """Return the only image that an image type stands for, in a box."""
    volume, spacing_mm = sitk.GetArrayViewFromImage(image), image.GetSpacing()[::-1]
    mask = np.zeros(volume.shape, np.uint8)
    mask[box] = 1
    (one,) = resolve(read_settings({"imageType": image_type})).image_types
    ((_, found),) = filtered(Source(volume, Region.of(mask, spacing_mm)), one)
    return found


def phantom(data: Path, map_id: str) -> sitk.Image:
    """Return the phantom that a reference map is of."""
    name = MAPS[map_id]["phantom"]
    return sitk.ReadImage(str(data / "ibsi_2_digital_phantom" / "nifti" / name / "image" / f"{name}.nii.gz"))


def maps(data: Path) -> pd.DataFrame:
    """Return the largest difference of every response map from its reference, and the tolerance."""
    folder, rows = data / "ibsi_2_reference" / "reference_response_maps", []
    for map_id in MAPS:
        expected = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / f"{map_id}-ValidCRM.nii.gz")))
        difference = float(np.abs(response(phantom(data, map_id), MAPS[map_id]["imageType"]) - expected).max())
        tolerance = TOLERANCE * float(np.ptp(expected))
        rows.append((map_id, *MAPS[map_id]["imageType"], difference, tolerance, difference <= tolerance))
    return pd.DataFrame(rows, columns=["map", "image_type", "max_difference", "tolerance", "within"])


def values(data: Path, configuration: str, *, without: tuple[str, ...] = ()) -> pd.DataFrame:
    """Return the reference values of a configuration with ours beside them, but those of image types left out."""
    parameters = yaml.safe_load((PARAMETERS / f"config_{configuration}.yaml").read_text())
    parameters["imageType"] = {name: own for name, own in parameters["imageType"].items() if name not in without}
    folder = data / "ibsi_2_ct_radiomics_phantom" / "nifti"
    image = sitk.ReadImage(str(folder / "image" / "phantom.nii.gz"))
    roi = sitk.Cast(sitk.ReadImage(str(folder / "mask" / "mask.nii.gz")), sitk.sitkUInt8)
    features = make_backend("radiofuse", read_settings(parameters)).compute(image, roi)
    table = pd.read_csv(data / "ibsi_2_reference" / "reference_feature_values" / "reference_values.csv", sep=";")
    table = table[table["filter_id"].str.endswith(configuration)].copy()
    table["value"] = [_value(features, *row) for row in zip(table["filter_id"], table["feature_tag"], strict=True)]
    table = table[table["value"].notna() & table["consensus_value"].notna()]  # teams did not agree on one value
    table["within"] = (table["value"] - table["consensus_value"]).abs() <= table["tolerance"]
    return table


def _value(features: dict[str, float], filter_id: str, tag: str) -> float | None:
    beginning = IMAGES.get(filter_id) or IMAGES[filter_id[0]]
    names = [
        (of, name)
        for of in ("firstorder", "statistics")
        for name, (known, _) in ibsi_features(of).items()
        if known == tag
    ]
    ending = "_".join(names[0])
    found = [value for name, value in features.items() if name.startswith(beginning) and name.endswith(f"_{ending}")]
    return found[0] if found else None


def times() -> pd.DataFrame:
    """Return CPU seconds and peak memory beside the volume of each filter, for a small and a large region."""
    volume = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    image, rows = sitk.GetImageFromArray(volume), []
    for name, own in TIMED.items():
        row: dict[str, Any] = {"image_type": name}
        for region, box in REGIONS.items():
            started = time.process_time()
            response(image, {name: own}, box)
            row[f"{region}_s"] = round(time.process_time() - started, 2)
            tracemalloc.start()
            response(image, {name: own}, box)
            row[f"{region}_float64_volumes"] = round(tracemalloc.get_traced_memory()[1] / (8 * volume.size), 2)
            tracemalloc.stop()
        rows.append(row)
    return pd.DataFrame(rows)


if __name__ == "__main__":
    main()
