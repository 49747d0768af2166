"""What a file with ``ibsi: true`` may not say, because IBSI does not, and what only such a file may."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from radiofuse.radiomics.ibsi_names import IBSI_CLASSES
from radiofuse.radiomics.setting_rules import INTERPOLATORS

# Interpolators that the reference manual describes: nearest neighbor, trilinear, tricubic spline.
IBSI_INTERPOLATORS = ("sitkNearestNeighbor", "sitkLinear", "sitkBSpline")
# Keys of the part ``radiofuse`` that mean nothing to pyradiomics' conventions.
IBSI_KEYS = ("round_intensities", "mask_threshold", "outlier_sigma", "ivh_bin_width", "ivh_bin_count", "ibsi1_complete")


def ibsi_problems(setting: Mapping[str, Any], classes: Mapping[str, Any], own: Mapping[str, Any]) -> Iterator[str]:
    """Yield what of a file contradicts IBSI, or asks for IBSI's own things without ``ibsi: true``.

    Parameters
    ----------
    setting, classes, own : mapping
        The parts ``setting``, ``featureClass`` and ``radiofuse``.
    """
    if own.get("ibsi") is True:
        yield from _departures(setting)
        yield from _without_interpolation(setting, own)
        yield from _without_effect(setting, classes, own)
        yield from _neighborhoods(setting, classes)
    else:
        asked = [key for key in IBSI_KEYS if key in own]
        yield from (f"radiofuse: {key} is IBSI's; add ibsi: true, or leave it out." for key in asked)
        named = [name for name in classes if name in IBSI_CLASSES]
        yield from (
            f"featureClass {name} is IBSI's; add ibsi: true under radiofuse, or leave it out." for name in named
        )
    if own.get("ibsi1_complete") and classes:
        yield "radiofuse: ibsi1_complete names all classes; leave featureClass out, or ibsi1_complete."
    if own.get("ivh_bin_width") is not None and own.get("ivh_bin_count") is not None:
        yield "radiofuse: they give both ivh_bin_width and ivh_bin_count; keep one of the two."


def _departures(setting: Mapping[str, Any]) -> Iterator[str]:
    for key, (value, said) in DEPARTURES.items():
        if key in setting and setting[key] not in (None, value):
            yield f"ibsi: true and {key}: {setting[key]} contradict each other: {said}. Leave one of them out."
    by = setting.get("interpolator", "sitkBSpline")
    if setting.get("resampledPixelSpacing") is not None and by is not None and by not in _interpolators():
        yield (
            f"ibsi: true cannot interpolate by {by}; choose from {', '.join(IBSI_INTERPOLATORS)} (nearest neighbor, "
            "trilinear, tricubic spline)."
        )
    if setting.get("resegmentMode") == "relative":
        yield (
            "ibsi: true has no resegmentMode: relative; give a range of intensities, or outlier_sigma under radiofuse."
        )
    if setting.get("weightingNorm") not in (None, "no_weighting"):
        yield (
            f"ibsi: true and weightingNorm: {setting['weightingNorm']} contradict each other: pyradiomics' weights are "
            "not IBSI's. Leave it out (directions averaged) or set no_weighting (merged)."
        )


def _interpolators() -> tuple[Any, ...]:
    return (*IBSI_INTERPOLATORS, *(INTERPOLATORS[name] for name in IBSI_INTERPOLATORS if INTERPOLATORS[name]))


def _without_interpolation(setting: Mapping[str, Any], own: Mapping[str, Any]) -> Iterator[str]:
    """Yield a problem where keys of interpolation would silently do nothing."""
    if setting.get("resampledPixelSpacing") is None or setting.get("interpolator", "") is None:
        for key in ("round_intensities", "mask_threshold"):
            if own.get(key):
                yield f"radiofuse: {key} has no effect without resampledPixelSpacing; give that, or leave it out."


def _without_effect(setting: Mapping[str, Any], classes: Mapping[str, Any], own: Mapping[str, Any]) -> Iterator[str]:
    """Yield a problem where a key is not read by any class, or by no step that is taken."""
    histogram = own.get("ibsi1_complete") or "intensity-volume-histogram" in classes
    for key in ("ivh_bin_width", "ivh_bin_count"):
        if own.get(key) is not None and not histogram:
            yield (
                f"radiofuse: {key} has no effect without the class intensity-volume-histogram; add the class, or leave "
                "it out."
            )
    if setting.get("padDistance") is not None:
        yield "padDistance has no effect with ibsi: true, which reads the whole image; leave it out."


def _neighborhoods(setting: Mapping[str, Any], classes: Mapping[str, Any]) -> Iterator[str]:
    """Yield a problem where a neighborhood would have holes: IBSI's holds all voxels up to its distance."""
    distances = sorted(setting.get("distances") or [1])
    named = [name for name in classes if name.split("-")[0] in ("ngtdm", "ngldm", "gldm")]
    if (named or not classes) and distances != list(range(1, distances[-1] + 1)):
        upto = list(range(1, distances[-1] + 1))
        yield (
            f"ibsi: true and distances: {setting['distances']} contradict each other: neighborhoods of "
            f"{', '.join(named) or 'ngtdm and gldm'} hold all voxels up to a distance. Give {upto}, or leave these "
            "classes out."
        )


# Key of ``setting`` to the one value that IBSI allows, and why.
DEPARTURES: dict[str, tuple[Any, str]] = {
    "symmetricalGLCM": (True, "IBSI counts every pair of voxels in both orders"),
    "voxelArrayShift": (0, "IBSI takes intensities as they are"),
    "resegmentShape": (False, "IBSI's morphological mask is not resegmented"),
    "preCrop": (False, "IBSI interpolates and reads the whole image"),
}
