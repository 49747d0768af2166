"""Provenance of one extraction under pyradiomics' ``diagnostics_`` names: versions, settings, image, mask."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import Any

import numpy as np
import pywt
import SimpleITK as sitk

from radiofuse.radiomics.preprocessing import Prepared
from radiofuse.radiomics.region import Region
from radiofuse.radiomics.setting_rules import DEFAULTS
from radiofuse.radiomics.settings import Settings


def general_info(
    image: sitk.Image, roi: sitk.Image, prepared: Prepared, settings: Settings, label: int = 1
) -> dict[str, Any]:
    """Return what pyradiomics tells of an extraction beside the features.

    It reads the whole image several times, so it is made on request only.

    Parameters
    ----------
    image, roi : SimpleITK.Image
        As they were given to `prepare`.
    prepared : Prepared
        What it returned.
    settings : Settings
    label : int
        The value in ``roi`` that is the region.

    Returns
    -------
    dict of str to object
        pyradiomics' names and values; places along x, y, z, intensities in their own unit, hashes SHA-1.
        ``diagnostics_Versions_PyRadiomics`` is missing, ``diagnostics_Versions_Radiofuse`` is ours.

    Examples
    --------
    >>> from radiofuse.radiomics import read_settings
    >>> from radiofuse.radiomics.parameters import resolve
    >>> from radiofuse.radiomics.preprocessing import prepare
    >>> image, settings = sitk.GetImageFromArray(np.arange(1000.0).reshape(10, 10, 10)), read_settings("default")
    >>> info = general_info(image, image > 500, prepare(image, image > 500, resolve(settings)), settings)
    >>> info["diagnostics_Mask-original_VoxelNum"], info["diagnostics_Image-original_Maximum"]
    (499, 999.0)
    """
    info = {f"Versions_{name}": number for name, number in _versions().items()}
    info |= _configuration(settings, label)
    info |= {"Image-original_Hash": sitk.Hash(image), "Image-original_Dimensionality": f"{image.GetDimension()}D"}
    info |= _image("original", image)
    info |= {"Mask-original_Hash": sitk.Hash(sitk.Cast(roi, sitk.sitkUInt32))}  # the type of pyradiomics' masks
    info |= _mask("original", roi, sitk.GetArrayViewFromImage(roi) == label)
    info |= _steps(prepared)
    return {f"diagnostics_{name}": value for name, value in info.items()}


def _versions() -> dict[str, str]:
    return {
        "Radiofuse": version("radiofuse"),
        "Numpy": np.__version__,
        "SimpleITK": sitk.Version_VersionString(),
        "PyWavelet": pywt.__version__,
        "Python": platform.python_version(),
    }


def _configuration(settings: Settings, label: int) -> dict[str, Any]:
    parts = settings.parameters
    in_force = DEFAULTS | parts.get("setting", {}) | parts.get("voxelSetting", {}) | {"label": label}
    types = parts.get("imageType") or {"Original": {}}
    own = {key: value for key, value in settings.identity().items() if key != "parameters" and value}
    told = {"Configuration_Settings": in_force, "Configuration_EnabledImageTypes": types}
    return told | ({"Configuration_Radiofuse": own} if own else {})


def _steps(prepared: Prepared) -> dict[str, Any]:
    """Return what became of image and mask by the steps that were taken."""
    info = {}
    region = prepared.roi.array != 0  # before resegmentation, which comes last
    if prepared.resampled:
        info |= _image("interpolated", prepared.grid.image) | _mask(
            "interpolated", prepared.roi.image, region, prepared.array
        )
    if prepared.corrected:
        info |= _mask("corrected", prepared.roi.image, region, prepared.array)
    if prepared.resegmented:
        region = np.zeros(prepared.region.volume_shape, bool)
        region[prepared.region.box] = prepared.region.mask
        info |= _mask("resegmented", prepared.roi.image, region, prepared.array)
    return info


def _image(prefix: str, image: sitk.Image) -> dict[str, Any]:
    values = sitk.GetArrayViewFromImage(image)
    described = {
        "Spacing": image.GetSpacing(),
        "Size": image.GetSize(),
        "Mean": float(np.mean(values, dtype=np.float64)),
        "Minimum": float(values.min()),
        "Maximum": float(values.max()),
    }
    return {f"Image-{prefix}_{name}": value for name, value in described.items()}


def _mask(prefix: str, grid: sitk.Image, inside: np.ndarray, values: np.ndarray | None = None) -> dict[str, Any]:
    """Return place and extent of a region, and its intensities where an image lies on its grid."""
    region = Region.of(inside, grid.GetSpacing()[::-1])
    indices = np.array(np.nonzero(region.mask)) + np.reshape(region.start, (3, 1))
    center = tuple(indices.mean(axis=1)[::-1].tolist())
    described = {
        "Spacing": grid.GetSpacing(),
        "Size": grid.GetSize(),
        "BoundingBox": region.start[::-1] + region.shape[::-1],
        "VoxelNum": indices.shape[1],
        "VolumeNum": _n_pieces(region.mask),
        "CenterOfMassIndex": center,
        "CenterOfMass": grid.TransformContinuousIndexToPhysicalPoint(center),
    }
    if values is not None:
        of_region = values[inside].astype(np.float64)
        described |= {"Mean": float(of_region.mean()), "Minimum": float(of_region.min())}
        described |= {"Maximum": float(of_region.max())}
    return {f"Mask-{prefix}_{name}": value for name, value in described.items()}


def _n_pieces(mask: np.ndarray) -> int:
    """Return how many pieces a region has whose voxels touch, diagonally too."""
    pieces = sitk.ConnectedComponentImageFilter()
    pieces.FullyConnectedOn()
    pieces.Execute(sitk.GetImageFromArray(mask))
    return pieces.GetObjectCount()
