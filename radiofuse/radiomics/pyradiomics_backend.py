"""pyradiomics as a back end: guarded, silent, and with every failure named."""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import Any

import numpy as np
import pykwalify.errors
import pywt
import radiomics
import SimpleITK as sitk
from radiomics.featureextractor import RadiomicsFeatureExtractor

from radiofuse.errors import RequestError
from radiofuse.radiomics.codes import costs_one_image
from radiofuse.radiomics.discretization import check_one_bin, check_range
from radiofuse.radiomics.ibsi2_rules import IBSI2
from radiofuse.radiomics.settings import NO_FEATURE, Settings

PYRADIOMICS_BIN_WIDTH = 25  # what pyradiomics takes when nothing is said

PROBE_SIZE_VOX = 12


class PyradiomicsBackend:
    """Features of one image and region, by pyradiomics.

    Parameters
    ----------
    settings : Settings
        What to compute; any pyradiomics parameter set.

    Raises
    ------
    RequestError
        If pyradiomics refuses the settings.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.ibsi:
            raise RequestError("pyradiomics cannot follow IBSI. Leave ibsi out of the settings, or the back end.")
        _refuse_ibsi2(settings)
        _silence()
        self.settings = settings
        self._extractor = _GuardedExtractor(settings)

    def feature_names(self) -> list[str]:
        """Return the names of the features in the order ``compute`` gives them."""
        return list(_probe(self._extractor))

    def compute(self, image: sitk.Image, roi: sitk.Image) -> dict[str, float]:
        """Return the features of the voxels where ``roi`` is 1.

        Parameters
        ----------
        image, roi : SimpleITK.Image
            A checked pair on one grid; ``roi`` holds 0 and 1.

        Raises
        ------
        ImageError
            ``too_many_grey_levels`` or ``extraction_failed``.
        """
        with costs_one_image("pyradiomics"):
            features = self._extractor.execute(image, roi, label=1)
        return {name: float(value) for name, value in features.items()}

    def versions(self) -> dict[str, str]:
        """Return the engine and the libraries whose version can move a number."""
        return {
            "engine": f"pyradiomics {radiomics.__version__.lstrip('v')}",
            "SimpleITK": sitk.Version_VersionString(),
            "numpy": np.__version__,
            "PyWavelets": pywt.__version__,
        }


def _refuse_ibsi2(settings: Settings) -> None:
    of_ibsi = [name for name in settings.parameters.get("imageType", {}) if name in IBSI2]
    if of_ibsi:
        raise RequestError(
            f"pyradiomics has no filters of IBSI 2. Leave {', '.join(of_ibsi)} out of imageType, or the back end."
        )


class _GuardedExtractor(RadiomicsFeatureExtractor):
    """pyradiomics' extractor, with a bound on gray levels and a choice of wavelet sub-bands."""

    def __init__(self, settings: Settings) -> None:
        # The provenance that additionalInfo adds costs 7 % of the time and is dropped anyway.
        parameters = {**settings.parameters}
        parameters["setting"] = {**(parameters.get("setting") or {}), "additionalInfo": False}
        try:
            super().__init__(parameters)
        except (pykwalify.errors.PyKwalifyException, ValueError, TypeError) as error:
            reason = " ".join(str(error).split())
            raise RequestError(f"pyradiomics refuses the settings {settings.name!r}: {reason}") from error
        kept = settings.wavelet_subbands
        self.kept_wavelets = {f"wavelet-{band}" for band in kept} if kept else None

    def computeFeatures(self, image: sitk.Image, mask: sitk.Image, imageTypeName: str, **kwargs: Any) -> dict[str, Any]:  # noqa: N802 (pyradiomics' name)
        if self._is_left_out(imageTypeName):
            return OrderedDict()
        _check_gray_levels(image, mask, imageTypeName, kwargs)
        return super().computeFeatures(image, mask, imageTypeName, **kwargs)

    def _is_left_out(self, image_type: str) -> bool:
        return bool(self.kept_wavelets) and image_type.startswith("wavelet") and image_type not in self.kept_wavelets


def _check_gray_levels(image: sitk.Image, mask: sitk.Image, image_type: str, setting: dict[str, Any]) -> None:
    """Refuse a histogram that would not fit; ``setting`` is that of this image type."""
    if setting.get("binCount") is not None:
        return
    values = sitk.GetArrayViewFromImage(image)[sitk.GetArrayViewFromImage(mask) > 0]
    bin_width = setting.get("binWidth", PYRADIOMICS_BIN_WIDTH)
    low, high = float(values.min()), float(values.max())
    n_levels = np.floor(high / bin_width) - np.floor(low / bin_width) + 1  # edges lie at multiples of the width
    check_one_bin(values, n_levels, bin_width=bin_width, image_type=image_type)
    check_range(low, high, bin_width=bin_width, bin_count=None, image_type=image_type)


def _silence() -> None:
    radiomics.setVerbosity(logging.CRITICAL)
    logging.getLogger("radiomics").propagate = False
    logging.getLogger("pykwalify").setLevel(logging.CRITICAL)  # what it logs of a bad parameter file, it raises too
    # One process works on one image; several processes share the cores.
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)


def _probe(extractor: _GuardedExtractor) -> dict[str, Any]:
    """Return what the extractor computes on a small random cube: the surest list of its names."""
    image, roi = _random_pair(extractor.settings, one_slice="shape2D" in extractor.enabledFeatures)
    try:
        return _features_of(extractor, image, roi)
    except (ValueError, RuntimeError, IndexError) as error:
        reason = " ".join(str(error).split())
        raise RequestError(f"pyradiomics cannot work with these settings even on a test image: {reason}") from error


def _random_pair(setting: dict[str, Any], *, one_slice: bool) -> tuple[sitk.Image, sitk.Image]:
    """Return noise of some 30 gray levels and a region in it; 2-D shape needs a region of one slice."""
    bin_width = setting.get("binWidth") or PYRADIOMICS_BIN_WIDTH
    noise = np.random.default_rng(0).normal(scale=5 * bin_width, size=(PROBE_SIZE_VOX,) * 3)
    region = np.zeros(noise.shape, np.uint8)
    region[2:-2, 2:-2, 2:-2] = 1
    if one_slice:
        across = setting.get("force2Ddimension") or 0
        region *= (np.indices(region.shape)[across] == PROBE_SIZE_VOX // 2).astype(np.uint8)
    image, roi = sitk.GetImageFromArray(noise), sitk.GetImageFromArray(region)
    for volume in (image, roi):  # the grid that is resampled to, so that the region survives
        volume.SetSpacing([float(size) or 1.0 for size in setting.get("resampledPixelSpacing") or (1.0, 1.0, 1.0)])
    return image, roi


def _features_of(extractor: _GuardedExtractor, image: sitk.Image, roi: sitk.Image) -> dict[str, Any]:
    features = extractor.execute(image, roi, label=1)
    if not features:
        raise RequestError(NO_FEATURE)
    return features
