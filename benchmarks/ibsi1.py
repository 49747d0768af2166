"""IBSI-1's phantoms: every reference value beside ours, and what lies within tolerance, outside it, or is absent.

Run: python benchmarks/ibsi1.py --data $RADIOFUSE_DATA/ibsi [--sheet FOLDER]

Values, tolerances and phantoms: Zwanenburg et al. 2020, Radiology 295:328 (doi:10.1148/radiol.2020191145). With
--sheet a file per phantom and configuration is written in the layout of IBSI's own tables, with our value added.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk
from scipy.spatial.distance import pdist

from radiofuse.radiomics import make_backend, read_settings
from radiofuse.radiomics.classes.autocorrelation import moran_and_geary
from radiofuse.radiomics.ibsi_names import COMPLETE, ibsi_features

PARAMETERS = Path(__file__).resolve().parent.parent / "tests" / "radiomics" / "ibsi1"
RUNS = ("digital_phantom", "config_A", "config_B", "config_C", "config_D", "config_E")
STATES = ("within", "outside", "absent")


def main() -> None:
    parser = argparse.ArgumentParser(description="Hold the engine against IBSI-1's reference values.")
    parser.add_argument("--data", type=Path, required=True, help="the folder with the phantoms and reference/")
    parser.add_argument("--sheet", type=Path, help="a folder for the submission sheets")
    arguments = parser.parse_args()
    for run in RUNS:
        table = compared(arguments.data, run)
        print(f"{run}\n{counts(table).to_string()}\n")
        if len(off := table[table["state"] != "within"]):
            print(f"{off[['tag', 'value', 'benchmark_value', 'tolerance', 'state']].to_string(index=False)}\n")
        if arguments.sheet:
            arguments.sheet.mkdir(parents=True, exist_ok=True)
            sheet(table).to_csv(arguments.sheet / f"{run}.csv", index=False)
    _time_autocorrelation()


def compared(data: Path, run: str) -> pd.DataFrame:
    """Return the reference table of a run with our value and its state beside each of its own."""
    reference = pd.read_csv(data / "reference" / f"ibsi1_{run}.csv")
    values = _values(data, run)
    reference["value"] = [values.get(tag) for tag in reference["tag"]]
    reference["state"] = [
        _state(value, benchmark, tolerance)
        for value, benchmark, tolerance in zip(
            reference["value"], reference["benchmark_value"], reference["tolerance"], strict=True
        )
    ]
    return reference


def counts(table: pd.DataFrame) -> pd.DataFrame:
    """Return how many values of each family are within tolerance, outside it, or absent."""
    states = pd.Categorical(table["state"], STATES)
    return pd.crosstab(table["family"], states, dropna=False).reindex(table["family"].unique())[list(STATES)]


def sheet(table: pd.DataFrame) -> pd.DataFrame:
    """Return IBSI's table with our value and the manual's identifier in place of its own value."""
    identifiers = {tag: identifier for of in COMPLETE for tag, identifier in ibsi_features(of).values()}
    filled = table[["data_set", "family", "image_biomarker", "tag", "value"]].copy()
    filled.insert(4, "identifier", [identifiers.get(tag, "") for tag in table["tag"]])
    return filled


def _time_autocorrelation() -> None:
    """Print CPU seconds of Moran's I and Geary's C of full cubes, beside those over all pairs of voxels."""
    for side in (8, 16, 20, 50, 100, 150):
        values = np.random.default_rng(0).normal(size=(side,) * 3)
        started = time.process_time()
        moran_and_geary(values, np.ones(values.shape, bool), (1.0, 1.0, 1.0))
        ours = time.process_time() - started
        said = f"{side:>3}^3 voxels: {ours:8.3f} s"
        if side <= 20:
            started = time.process_time()
            _all_pairs(values.ravel(), np.argwhere(np.ones(values.shape)))
            pairs = time.process_time() - started
            said += f", over all pairs {pairs:8.3f} s, {pairs / ours:.0f} times as long"
        print(said)


def _all_pairs(values: np.ndarray, places_mm: np.ndarray) -> tuple[float, float]:
    weights = 1 / pdist(places_mm)
    from_mean = values - values.mean()
    squares, n = (from_mean**2).sum(), len(values)
    first, second = np.triu_indices(n, 1)
    products = (weights * from_mean[first] * from_mean[second]).sum()
    differences = (weights * pdist(from_mean[:, None]) ** 2).sum()
    total = weights.sum()
    return n * products / (total * squares), (n - 1) * differences / (2 * total * squares)


def _values(data: Path, run: str) -> dict[str, float]:
    phantom = "digital_phantom" if run == "digital_phantom" else "ct_radiomics_phantom"
    folder = data / f"ibsi_1_{phantom}" / "nifti"
    image = sitk.ReadImage(str(folder / "image" / "phantom.nii.gz"))
    roi = sitk.Cast(sitk.ReadImage(str(folder / "mask" / "mask.nii.gz")), sitk.sitkUInt8)
    engine = make_backend("radiofuse", read_settings(PARAMETERS / f"{run}.yaml"))
    features = engine.compute(image, roi)
    tags = {tag: features[f"original_{of}_{name}"] for of in COMPLETE for name, (tag, _) in ibsi_features(of).items()}
    return tags | _diagnostics(engine.general_info(image, roi), image, roi)


def _diagnostics(info: Mapping[str, object], image: sitk.Image, roi: sitk.Image) -> dict[str, float]:
    """Return what became of image and mask, by the tags of the reference tables."""
    told = {name.removeprefix("diagnostics_"): value for name, value in info.items()}
    values = sitk.GetArrayViewFromImage(image)[sitk.GetArrayViewFromImage(roi) != 0].astype(float)
    told |= {
        f"Mask-original_{name}": getattr(values, name[:4].lower().replace("maxi", "max").replace("mini", "min"))()
        for name in ("Mean", "Minimum", "Maximum")
    }
    tags: dict[str, float] = {}
    for ending, steps in {"init": ("original",), "interp": ("interpolated", "original")}.items():
        tags |= _of_image(told, next(step for step in steps if f"Image-{step}_Size" in told), f"{ending}_img")
    steps = ["original", "interpolated", "resegmented"]
    for ending, last in {"init": 1, "interp": 2, "reseg": 3}.items():
        tags |= _of_mask(told, [step for step in steps[:last] if f"Mask-{step}_Size" in told], f"{ending}_roi")
    return tags


def _of_image(told: Mapping[str, object], step: str, ending: str) -> dict[str, float]:
    return {
        f"{tag}_{axis}_{ending}": told[f"Image-{step}_{name}"][k]
        for tag, name in (("img_dim", "Size"), ("vox_dim", "Spacing"))
        for k, axis in enumerate("xyz")
    } | {
        f"{tag}_int_{ending}": told[f"Image-{step}_{name}"]
        for tag, name in (("mean", "Mean"), ("min", "Minimum"), ("max", "Maximum"))
    }


def _of_mask(told: Mapping[str, object], steps: list[str], ending: str) -> dict[str, float]:
    """Return what is told of the last step; the morphological mask is never resegmented."""
    whole = [step for step in steps if step != "resegmented"]
    tags = {}
    for kind, step in (("int", steps[-1]), ("morph", whole[-1])):
        for k, axis in enumerate("xyz"):
            tags[f"{kind}_mask_dim_{axis}_{ending}"] = told[f"Mask-{step}_Size"][k]
            tags[f"{kind}_mask_bb_dim_{axis}_{ending}"] = told[f"Mask-{step}_BoundingBox"][3 + k]
        tags[f"{kind}_mask_vox_count_{ending}"] = told[f"Mask-{step}_VoxelNum"]
    for tag, name in (("mean", "Mean"), ("min", "Minimum"), ("max", "Maximum")):
        tags[f"int_mask_{tag}_int_{ending}"] = told[f"Mask-{steps[-1]}_{name}"]
    return tags


def _state(value: float | None, benchmark: float, tolerance: float) -> str:
    if value is None or math.isnan(value):
        return "absent"
    return "within" if abs(value - benchmark) <= max(tolerance, _half_a_digit(benchmark)) else "outside"


def _half_a_digit(benchmark: float) -> float:
    """Return half a unit of the third digit: reference values have three, where the tolerance may be 0."""
    return 0.5 * 10.0 ** (math.floor(math.log10(abs(benchmark))) - 2) if benchmark else 0.0


if __name__ == "__main__":
    main()
