"""Every feature of the engine beside pyradiomics, under random settings, on real images and regions.

Run: python benchmarks/equality.py --data $RADIOFUSE_DATA [--settings 176] [--seed 20261130]

Each setting is drawn anew: image types and what they are made with, classes, gray levels, normalization, resampling,
resegmentation, distances, weights, two dimensions or three; and so is the region: a label of the mask, a ball, a
slab or scattered voxels of it. Equal is what differs by no more than 1e-9 relative or 1e-12 absolute. What differs
by more is printed with its setting, unless it is of the kinds that docs/radiomics.md lists; those are counted.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import numpy as np
import SimpleITK as sitk

from radiofuse.errors import ImageError
from radiofuse.radiomics import make_backend, read_settings

CLASSES = ("shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")
RELATIVE, ABSOLUTE = 1e-9, 1e-12
WAVELETS = ("coif1", "haar", "db2", "db4", "sym4", "bior2.2", "rbio1.3", "dmey")
LEAST_VOXELS = 8
LEFT_OUT = "listed (independent levels)"
LEAVING_OUT = ("glcm_MCC", "glcm_Imc2")  # are NaN there by rounding, and averaged over the other directions
# Sums of terms of both signs: what they cancel to is a rounding error of the sum on the right.
CANCELING = {
    "glcm_ClusterShade": ("glcm_ClusterProminence", 0.75),
    "glcm_Imc1": (None, 1.0),
    "glcm_Correlation": (None, 1.0),
    "firstorder_Mean": ("firstorder_RootMeanSquared", 1.0),
    "firstorder_Median": ("firstorder_RootMeanSquared", 1.0),
    "firstorder_Skewness": (None, 1.0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Hold the engine against pyradiomics under random settings.")
    parser.add_argument("--data", type=Path, required=True, help="the folder with the real images")
    parser.add_argument("--settings", type=int, default=176)
    parser.add_argument("--seed", type=int, default=20261130)
    parser.add_argument("--only", type=int, help="the number of one setting, to look at it alone")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    images, tally, started = list(real_images(arguments.data)), Counter(), time.process_time()
    numbers = range(arguments.settings) if arguments.only is None else [arguments.only]
    for number in numbers:
        tally += compared(number, arguments.seed, images)
    print(f"\n{len(numbers)} settings on {len(images)} images in {time.process_time() - started:.0f} s of CPU time")
    for what, count in sorted(tally.items()):
        print(f"{count:9,} {what}")


# ---------------------------------------------------------------- images and regions


def real_images(data: Path) -> Iterator[tuple[Path, Path]]:
    """Yield the files of an image and its mask."""
    windows = sorted(path for path in (data / "brats20_tcga_roi/cases").iterdir() if path.is_dir())
    for folder, kind in zip(windows[3::8], ["t1", "t1ce", "t2", "flair"] * 4, strict=False):
        yield folder / f"{folder.name}_{kind}.nii.gz", folder / f"{folder.name}_seg.nii.gz"
    for patient in ("STS_008", "STS_015", "STS_018", "STS_032"):
        for kind in ("MR_T1", "PET"):
            yield tuple(data / "sts_ibsi_validation" / patient / f"{kind}_{part}.nii.gz" for part in ("image", "mask"))
    yield tuple(data / f"pyradiomics_testdata/brain1_{part}.nrrd" for part in ("image", "label"))
    for kind in ("t2f", "t1n"):
        stem = str(data / "full_volume_cases/BraTS-GLI-00000-000/BraTS-GLI-00000-000")
        yield Path(f"{stem}-{kind}.nii.gz"), Path(f"{stem}-seg.nii.gz")
    folder = data / "deepmedic_brats2015/brats_2013_pat0006_1"
    yield folder / "Flair_subtrMeanDivStd.nii.gz", folder / "OTMultiClass.nii.gz"


def region_in(mask: sitk.Image, rng: np.random.Generator) -> sitk.Image:
    """Return one label of a mask or all of them, whole or a part of it, as 0 and 1."""
    voxels = sitk.GetArrayFromImage(mask)
    labels = [None, *(label for label in np.unique(voxels) if label and (voxels == label).sum() >= LEAST_VOXELS)]
    label = labels[rng.integers(len(labels))]
    inside = voxels != 0 if label is None else voxels == label
    part = inside & part_of(inside, rng)
    roi = sitk.GetImageFromArray((part if part.sum() >= LEAST_VOXELS else inside).astype(np.uint8))
    roi.CopyInformation(mask)
    return roi


def part_of(inside: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    kind = rng.choice(["all", "all", "ball", "slab", "scattered"])
    if kind == "all":
        return np.ones(inside.shape, bool)
    if kind == "scattered":
        return rng.random(inside.shape) < rng.uniform(0.05, 0.9)
    places = np.argwhere(inside)
    center = places[rng.integers(len(places))]
    away = [np.abs(axis - middle) for axis, middle in zip(np.indices(inside.shape), center, strict=True)]
    if kind == "slab":
        return away[rng.integers(3)] <= rng.integers(0, 3)
    return sum(distance**2 for distance in away) <= rng.uniform(2, 10) ** 2


# ---------------------------------------------------------------- settings


def random_settings(rng: np.random.Generator) -> dict:
    """Return a parameter file's content."""
    setting = gray_levels(rng) | preparation(rng) | textures(rng)
    setting |= {"additionalInfo": False, "minimumROIDimensions": 1}
    some = sorted(rng.permutation(len(CLASSES))[: rng.integers(2, len(CLASSES) + 1)])
    classes = {CLASSES[k]: [] for k in some} if rng.random() < 0.4 else {name: [] for name in CLASSES}
    return {"imageType": random_image_types(rng), "featureClass": classes, "setting": setting}


def gray_levels(rng: np.random.Generator) -> dict:
    """Return a number of bins, or a width that suits intensities spread by a known scale."""
    if rng.random() < 0.5:
        return {"binCount": int(rng.integers(2, 130)), "normalize": bool(rng.integers(2))}
    scale = float(rng.choice([1, 10, 100, 300]))
    bins = {"binWidth": scale * float(rng.uniform(0.02, 0.6)), "normalize": True, "normalizeScale": scale}
    return bins | ({"removeOutliers": float(rng.uniform(1.5, 4))} if rng.random() < 0.3 else {})


def preparation(rng: np.random.Generator) -> dict:
    chosen: dict = {"voxelArrayShift": int(rng.integers(0, 400))} if rng.random() < 0.5 else {}
    if rng.random() < 0.3:
        spacing = [round(float(size), 2) for size in rng.uniform(1.2, 4, 3)]
        names = ["sitkBSpline", "sitkLinear", "sitkNearestNeighbor", "sitkGaussian", "sitkHammingWindowedSinc"]
        chosen |= {"resampledPixelSpacing": spacing, "interpolator": str(rng.choice(names))}
        chosen["padDistance"] = int(rng.integers(2, 12))
    if rng.random() < 0.2:
        chosen |= {"preCrop": True, "padDistance": int(rng.integers(4, 12))}
    if rng.random() < 0.25:
        mode = str(rng.choice(["relative", "sigma"]))
        ranges = {"relative": [0.05, 0.95], "sigma": [-2.5, 2.5]}
        chosen |= {"resegmentRange": ranges[mode], "resegmentMode": mode, "resegmentShape": bool(rng.integers(2))}
    return chosen


def textures(rng: np.random.Generator) -> dict:
    chosen: dict = {"symmetricalGLCM": bool(rng.random() < 0.7), "gldm_a": int(rng.choice([0, 0, 1, 3]))}
    if rng.random() < 0.4:
        chosen["distances"] = sorted(map(int, rng.permutation([1, 2, 3])[: rng.integers(1, 3)]))
    if rng.random() < 0.4:
        chosen["weightingNorm"] = str(rng.choice(["euclidean", "manhattan", "infinity", "no_weighting"]))
    if rng.random() < 0.3:
        chosen |= {"force2D": True, "force2Ddimension": int(rng.integers(3))}
    return chosen


def random_image_types(rng: np.random.Generator) -> dict:
    wavelet = {"wavelet": str(rng.choice(WAVELETS)), "level": int(rng.choice([1, 1, 2]))}
    sigmas = sorted({round(float(sigma), 2) for sigma in rng.uniform(0.8, 6, rng.integers(1, 4))})
    known = {
        "Original": {},
        "Wavelet": wavelet | ({"start_level": 1} if wavelet["level"] == 2 and rng.random() < 0.3 else {}),
        "LoG": {"sigma": sigmas},
        "Gradient": {"gradientUseSpacing": bool(rng.integers(2))},
        "Square": {},
        "SquareRoot": {},
        "Logarithm": {},
        "Exponential": {},
        "LBP2D": {"lbp2DMethod": str(rng.choice(["default", "ror", "uniform"])), "binCount": 12},
    }
    chosen = set(rng.permutation(list(known))[: rng.integers(1, 5)]) | {"Original"}
    return {name: own for name, own in known.items() if name in chosen}


# ---------------------------------------------------------------- comparison


def compared(number: int, seed: int, images: list[tuple[Path, Path]]) -> Counter:
    """Compute one setting by both engines; print what differs and return how many values were of which kind."""
    rng = np.random.default_rng([seed, number])
    files = images[number % len(images)]
    image, mask = map(sitk.ReadImage, map(str, files))
    roi, parameters = region_in(mask, rng), random_settings(rng)
    reference, own = (computed(engine, parameters, image, roi) for engine in ("pyradiomics", "radiofuse"))
    said = f"setting {number}, {files[0].name}, {np.count_nonzero(sitk.GetArrayViewFromImage(roi))} voxels"
    if isinstance(reference, ImageError) or isinstance(own, ImageError):
        kind = refused(reference, own)
        print(f"{said}: {kind}", flush=True)
        return Counter({f"settings {kind}": 1})
    tally, apart = counted(reference, own, parameters)
    # A direction that it left out of the mean for a rounding error.
    if any(name in line for line in apart for name in LEAVING_OUT):
        with patch("numpy.nanmean", lambda values, axis: np.nan_to_num(values).mean(axis)):
            with_zeros = computed("pyradiomics", parameters, image, roi)
        tally, apart = counted(reference, own, parameters, with_zeros)
    print(f"{said}: {', '.join(f'{count} {what}' for what, count in tally.items())}", flush=True)
    if apart:
        print("\n".join([f"    {json.dumps(parameters)}", *(f"    {line}" for line in apart[:20])]), flush=True)
    return tally


def computed(engine: str, parameters: dict, image: sitk.Image, roi: sitk.Image) -> dict | ImageError:
    try:
        return make_backend(engine, read_settings(parameters)).compute(image, roi)
    except ImageError as error:
        return error


def refused(reference: dict | ImageError, own: dict | ImageError) -> str:
    codes = [of.code if isinstance(of, ImageError) else None for of in (reference, own)]
    if codes[0] and codes[1]:
        return f"refused by both ({codes[1]})"
    said = next(str(of) for of in (reference, own) if isinstance(of, ImageError))
    return f"refused by pyradiomics alone ({said})" if codes[0] else f"refused by radiofuse alone ({codes[1]})"


def counted(reference: dict, own: dict, parameters: dict, with_zeros: dict | None = None) -> tuple[Counter, list[str]]:
    """Return how many values were equal, of a listed kind, or neither, and a line for each of the last.

    ``with_zeros`` is the reference with MCC and Imc2 0, not NaN, in directions whose levels are independent.
    """
    tally, apart = Counter(), []
    for name in {**reference, **own}:
        if name not in reference or name not in own:
            tally["values of one engine alone"] += 1
            apart.append(f"{name}: only {'radiofuse' if name in own else 'pyradiomics'} has it")
            continue
        expected, got = float(reference[name]), float(own[name])
        kind = kind_of(name, expected, got, reference, parameters)
        if kind == "unlisted" and name.endswith(LEAVING_OUT) and with_zeros is not None:
            kind = kind_of(name, float(with_zeros[name]), got, reference, parameters).replace("equal", LEFT_OUT)
        tally[f"values {kind}"] += 1
        if kind == "unlisted":
            apart.append(f"{name}: {expected!r} became {got!r}")
    return tally, apart


def kind_of(name: str, expected: float, got: float, reference: dict, parameters: dict) -> str:
    if np.isclose(got, expected, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True):
        return "equal"
    image, of, feature = name.rsplit("_", 2)
    if feature in ("MCC", "Imc2") and of == "glcm" and abs(got - expected) <= 2.2e-8:
        return LEFT_OUT
    if of == "glcm" and feature == "Correlation" and not parameters["setting"]["symmetricalGLCM"]:
        return "listed (Correlation of one level)"
    scale_name, power = CANCELING.get(f"{of}_{feature}", (None, None))
    if power and abs(got - expected) <= RELATIVE * (
        abs(reference.get(f"{image}_{scale_name}", 1.0)) ** power if scale_name else 1.0
    ):
        return "listed (cancels to nearly 0)"
    return "unlisted"


if __name__ == "__main__":
    main()
