"""Provenance under pyradiomics' names, with pyradiomics' values."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from radiofuse.radiomics import read_settings
from radiofuse.radiomics.diagnostics import general_info
from radiofuse.radiomics.parameters import resolve
from radiofuse.radiomics.preprocessing import prepare


def pair() -> tuple[sitk.Image, sitk.Image]:
    """A float32 image and a region of two pieces, on an anisotropic grid away from the origin."""
    image = sitk.GetImageFromArray(np.random.default_rng(0).normal(50, 9, size=(9, 14, 17)).astype(np.float32))
    image.SetSpacing((0.7, 1.3, 2.0))
    image.SetOrigin((-3.0, 4.5, 9.25))
    inside = np.zeros((9, 14, 17), np.uint8)
    inside[1:5, 3:8, 2:9] = inside[6:8, 10:12, 13:16] = 3
    roi = sitk.GetImageFromArray(inside)
    roi.CopyInformation(image)
    return image, roi


@pytest.mark.parametrize(
    "setting",
    [
        {},
        {"normalize": True, "resegmentRange": [-1]},
        {"resampledPixelSpacing": [1, 1, 1], "resegmentRange": [45, 70]},
        {"correctMask": True},
    ],
    ids=str,
)
def test_names_order_and_values_are_those_of_pyradiomics(setting):
    extractors = pytest.importorskip("radiomics.featureextractor")
    image, roi = pair()
    if "correctMask" in setting:
        roi = sitk.Crop(roi, (1, 1, 0), (0, 0, 0))
    parameters = {"imageType": {"Original": {}}, "featureClass": {"firstorder": ["Mean"]}, "setting": setting}
    expected = extractors.RadiomicsFeatureExtractor(parameters).execute(image, roi, label=3)
    settings = read_settings(parameters)
    info = general_info(image, roi, prepare(image, roi, resolve(settings)), settings, label=3)
    expected = {name: value for name, value in expected.items() if name.startswith("diagnostics_")}
    assert info.pop("diagnostics_Versions_Radiofuse")
    expected.pop("diagnostics_Versions_PyRadiomics")
    assert list(info) == list(expected)
    in_force = info.pop("diagnostics_Configuration_Settings")
    assert expected.pop("diagnostics_Configuration_Settings").items() <= in_force.items()
    for name, value in expected.items():
        assert info[name] == (value.item() if isinstance(value, np.generic) else value), name


def test_the_keys_of_our_own_are_told_where_there_are_some():
    image, roi = pair()
    parameters = {"imageType": {"Original": {}}, "featureClass": {"firstorder": ["Mean"]}}
    own = {"ibsi": True, "outlier_sigma": 3}
    for part, told in (({}, None), ({"radiofuse": own}, own)):
        settings = read_settings(parameters | part)
        info = general_info(image, roi, prepare(image, roi, resolve(settings)), settings, label=3)
        assert info.get("diagnostics_Configuration_Radiofuse") == told
