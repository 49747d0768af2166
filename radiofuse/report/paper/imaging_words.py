"""How images became features, in the terms of the Image Biomarker Standardisation Initiative (IBSI)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from radiofuse.radiomics.ibsi2_rules import IBSI2
from radiofuse.radiomics.ibsi_names import AGGREGATED_CLASSES
from radiofuse.radiomics.parameters import ImageType, Plan, Preprocessing, resolve
from radiofuse.radiomics.settings import Settings
from radiofuse.report.experiment.contents import Contents
from radiofuse.report.paper.prose import Sentence
from radiofuse.report.tables import pairs
from radiofuse.wording import counted, listed

PYRADIOMICS_TEXTURES = {"glcm", "glrlm", "glszm", "gldm", "ngtdm"}
_BACKENDS = {"radiofuse": "radiofuse's own engine, which follows pyradiomics", "pyradiomics": "pyradiomics"}
_DETAIL = {  # of an image type: the settings that say what it is
    "LoG": ("sigma",),
    "Wavelet": ("wavelet", "level", "start_level"),
    "Gradient": ("gradientUseSpacing",),
    "LBP2D": ("lbp2DRadius", "lbp2DSamples", "lbp2DMethod"),
    "LBP3D": ("lbp3DLevels", "lbp3DIcosphereRadius", "lbp3DIcosphereSubdivision"),
}


def images(contents: Contents) -> Iterator[Sentence]:
    """Yield which images were read, what of the masks, and what was done to them before any feature."""
    settings = contents.about["settings"]
    yield Sentence(f"The images of each patient were {listed(contents.about['modalities'])}.")
    label = settings.get("mask_label")
    if label is not None:
        said = "every voxel of the mask that is not zero" if label == "any" else f"mask label {_labels(label)}"
        yield Sentence(f"The region of interest was {said}{_region(settings)}.")
    if settings.get("images"):
        yield Sentence(f"Before that, images were prepared alike: {pairs(settings['images'])}.")


def _labels(label: Any) -> str:
    return listed(label) if isinstance(label, list) else str(label)


def _region(settings: dict[str, Any]) -> str:
    named = settings.get("regions") or [one for one in [settings.get("region")] if one]
    return f", of which features of {listed(named)} were computed" if named else ""


def features(contents: Contents) -> Iterator[Sentence]:
    """Yield how radiomic features were computed; nothing where no model reads any."""
    radiomics = contents.about["settings"].get("radiomics")
    counts = listed([f"{n:,} of {name}" for name, n in contents.about["n_features"].items()])
    if not radiomics:
        if counts:
            yield Sentence(f"The features came with the cohort table: {counts}.")
        return
    if "parameters" not in radiomics:
        yield Sentence(f"Radiomic features were computed with {pairs(radiomics)}: {counts}.", ("ibsi", "pyradiomics"))
        return
    engine = _BACKENDS.get(radiomics.get("backend", ""), str(radiomics.get("backend")))
    yield Sentence(f"Radiomic features were computed by {engine}: {counts}.", ("pyradiomics",))
    followed = "IBSI" if radiomics.get("ibsi") else "pyradiomics"
    yield Sentence(
        f"Features are defined as by IBSI; where pyradiomics departs from it, {followed} was followed.", ("ibsi",)
    )
    yield from map(Sentence, by_topic(radiomics).values())


def by_topic(radiomics: Mapping[str, Any]) -> dict[str, str]:
    """Return a sentence on each step from image to feature, by its name; ``radiomics`` are a bundle's settings."""
    plan = resolve(Settings.from_json(radiomics))
    before, subbands = plan.preprocessing, radiomics.get("wavelet_subbands")
    return {
        "resampling": _interpolation(before, ibsi=plan.ibsi),
        "preprocessing": _intensities(before),
        "image_types": f"Image types were {listed([_image_type(one, subbands) for one in plan.image_types])}.",
        "feature_classes": f"Feature classes were {listed([_class(name, plan) for name in plan.classes])}.",
        "discretization": f"Gray levels were discretized {_discretization(plan)}.{_histogram_steps(plan)}",
        "neighbors": _neighbors(plan),
        "defaults": _set_by_name(radiomics["parameters"].get("setting") or {}),
    }


def _set_by_name(setting: Mapping[str, Any]) -> str:
    named = f"Settings that were named: {pairs(setting)}" if setting else "No setting was named"
    return f"{named}; every other one has pyradiomics' default."


def _interpolation(before: Preprocessing, *, ibsi: bool) -> str:
    if before.resampled_spacing_mm is None:
        return "Images and masks were not interpolated: features were computed on the voxels of the files."
    spacing = " x ".join(f"{one:g}" for one in before.resampled_spacing_mm)
    masks = "masks with the nearest neighbor"
    if ibsi:
        masks = f"on a grid centered on the image, masks linearly (in from a share of {before.mask_threshold:g})"
        masks += ", and intensities rounded to whole numbers" if before.round_intensities else ""
    return (
        f"Images were interpolated to voxels of {spacing} mm ({before.interpolator}), {masks}; "
        "a spacing of 0 keeps the mask's own."
    )


def _intensities(before: Preprocessing) -> str:
    parts = ["Intensities were kept as they are in the files"]
    if before.normalize:
        parts = [
            f"Intensities of each image were z-scored over the whole image and multiplied by {before.normalize_scale:g}"
        ]
        if before.remove_outliers is not None:
            parts.append(f"clipped at {before.remove_outliers:g} standard deviations")
    if before.resegment_range is not None:
        limits = " to ".join(f"{one:g}" for one in before.resegment_range)
        parts.append(f"the intensity mask was re-segmented to {limits} ({before.resegment_mode})")
    if before.outlier_sigma is not None:
        parts.append(
            f"intensities more than {before.outlier_sigma:g} standard deviations from the region's mean were left out "
            "of the intensity mask"
        )
    if before.resegment_range is None and before.outlier_sigma is None:
        parts.append("the intensity mask was not re-segmented")
    return f"{'; '.join(parts)}."


def _image_type(one: ImageType, subbands: list[str] | None) -> str:
    told = _DETAIL.get(one.name) or IBSI2.get(one.name, ())
    shown = {name: one.options[name] for name in told if one.options.get(name) is not None}
    if one.name == "Wavelet":
        shown["sub-bands"] = subbands or "all"
    inside = pairs({name: list(value) if isinstance(value, tuple) else value for name, value in shown.items()})
    return f"{one.name} ({inside})" if inside else one.name


def _class(name: str, plan: Plan) -> str:
    return f"{name} ({counted(len(plan.classes[name]), 'feature')})"


def _discretization(plan: Plan) -> str:
    """Return the bins; those of image types with bins of their own one by one."""
    bins = {one.name: _bins(one, ibsi=plan.ibsi) for one in plan.image_types}
    if len(set(bins.values())) == 1:
        return next(iter(bins.values()))
    return "; ".join(f"of {name} {said}" for name, said in bins.items())


def _histogram_steps(plan: Plan) -> str:
    width, count = plan.histogram_steps.bin_width, plan.histogram_steps.bin_count
    if "intensity-volume-histogram" not in plan.classes or (width is None and count is None):
        return ""
    steps = f"steps of {width:g}" if count is None else f"{count:,} steps"
    return f" The intensity-volume histogram had {steps}."


def _bins(one: ImageType, *, ibsi: bool) -> str:
    texture = one.texture
    if texture.bin_count is not None:
        return f"into a fixed bin number of {texture.bin_count}"
    of_minimum = "the region's minimum" if ibsi else "a multiple of the width at or below the region's minimum"
    start = of_minimum if texture.lower is None else f"{texture.lower:g}"
    return f"with a fixed bin size of {texture.bin_width:g}, the first bin beginning at {start}"


def _neighbors(plan: Plan) -> str:
    """Return which voxels are neighbors; a class with an aggregation of IBSI says it in its name."""
    aggregated = sorted({AGGREGATED_CLASSES[name][1] for name in plan.classes if name in AGGREGATED_CLASSES})
    said = []
    if aggregated:
        said.append(f"Texture classes with an ending of IBSI ({listed(aggregated)}) were aggregated as it says.")
    if not aggregated or set(plan.classes) & PYRADIOMICS_TEXTURES:
        said.append(_neighbors_of_pyradiomics(plan))
    return " ".join(said)


def _neighbors_of_pyradiomics(plan: Plan) -> str:
    first = plan.image_types[0].texture
    where = "in three dimensions" if first.flat_axis is None else "within the slice"
    distances = listed([f"{one:g}" for one in first.distances])
    weighted = "" if first.weighting == "no_weighting" else f", weighted by the {first.weighting} norm,"
    merged = (
        f"the matrices of all directions{weighted} are merged"
        if first.weighting
        else "features are means over the directions, each with a matrix of its own"
    )
    return f"Texture matrices have neighbors {where} at a distance of {distances}; of co-occurrences and runs {merged}."
