"""The plan that settings stand for, and that it is what pyradiomics would look up."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from radiofuse.radiomics import read_settings
from radiofuse.radiomics.parameters import TextureSetting, resolve
from radiofuse.radiomics.setting_rules import FEATURE_CLASSES, SETTINGS


def plan(**parts):
    return resolve(read_settings(parts))


def test_nothing_said_is_pyradiomics_defaults():
    extractors = pytest.importorskip("radiomics.featureextractor")
    theirs = extractors.RadiomicsFeatureExtractor({"setting": {"label": 1}}).settings
    defaults = {key: rule.default for key, rule in SETTINGS.items()}
    assert theirs.items() <= defaults.items()
    assert plan(setting={"label": 1}).image_types[0].texture == TextureSetting()


def test_defaults_that_pyradiomics_keeps_in_its_functions():
    """Values that its documentation gives for what its settings do not list."""
    options = plan(setting={"label": 1}).image_types[0].options
    documented = {"binWidth": 25, "binCount": None, "wavelet": "coif1", "level": 1, "start_level": 0, "gldm_a": 0}
    documented |= {"symmetricalGLCM": True, "weightingNorm": None, "voxelArrayShift": 0, "gradientUseSpacing": True}
    documented |= {"lbp2DRadius": 1, "lbp2DSamples": 8, "lbp2DMethod": "uniform", "lbp3DLevels": 2}
    documented |= {"lbp3DIcosphereRadius": 1, "lbp3DIcosphereSubdivision": 1, "kernelRadius": 1, "maskedKernel": True}
    assert documented.items() <= options.items()


def test_an_image_types_own_setting_goes_before_the_general_one():
    types = {"Original": {}, "LoG": {"sigma": [1], "binCount": 16, "force2D": True, "force2Ddimension": 2}}
    general = {"binWidth": 10, "gldm_a": 1, "voxelArrayShift": 300}
    original, log = plan(imageType=types, setting=general).image_types
    assert original.texture == TextureSetting(bin_width=10, gldm_a=1, voxel_array_shift=300)
    assert log.texture == TextureSetting(
        bin_width=10, bin_count=16, gldm_a=1, voxel_array_shift=300, flat_axis=2, slice_axis=2
    )
    assert (original.options["sigma"], log.options["sigma"]) == ([], [1])


def test_every_class_but_flat_shape_unless_classes_are_named():
    every = plan(setting={"label": 1}).classes
    assert list(every) == [name for name in FEATURE_CLASSES if name != "shape2D"]
    assert "shape2D" in plan(setting={"force2D": True}).classes
    assert list(plan(featureClass={"glcm": [], "shape": None}).classes) == ["glcm", "shape"]


@pytest.mark.parametrize("named", [None, []])
def test_a_class_without_names_has_all_features_that_pyradiomics_enables(named):
    radiomics = pytest.importorskip("radiomics")
    names = dict.fromkeys(FEATURE_CLASSES, named)
    classes = plan(featureClass=names, setting={"force2D": True}).classes
    for name, of in radiomics.getFeatureClasses().items():
        assert classes[name] == tuple(one for one, deprecated in of.getFeatureNames().items() if not deprecated)


def test_named_features_keep_their_order_and_withdrawn_ones_give_nothing():
    named = {"glcm": ["Imc2", "Homogeneity1", "Contrast", "Imc2"], "firstorder": ["StandardDeviation", "Mean"]}
    classes = plan(featureClass={**named, "gldm": ["DependencePercentage"]}).classes
    assert classes["glcm"] == ("Imc2", "Contrast")
    assert classes["firstorder"] == ("StandardDeviation", "Mean")
    assert classes["gldm"] == ()


def test_preprocessing():
    chosen = {"resampledPixelSpacing": [1, 1, 3], "resegmentRange": [90, -20], "normalizeScale": 100}
    steps = plan(setting=chosen).preprocessing
    assert (steps.resampled_spacing_mm, steps.resegment_range, steps.normalize_scale) == ((1, 1, 3), (-20, 90), 100)
    assert plan(setting={**chosen, "interpolator": None}).preprocessing.resampled_spacing_mm is None
    with pytest.raises(FrozenInstanceError):
        steps.normalize = True


@pytest.mark.parametrize(
    ("setting", "lower"),
    [({"resegmentRange": [40, -5]}, -5), ({"resegmentRange": [0], "resegmentMode": "sigma"}, None), ({}, None)],
    ids=str,
)
def test_ibsi_counts_bins_from_the_range_on_the_original_image(setting, lower):
    parts = {"imageType": {"Original": {}, "Gradient": {}}, "setting": setting}
    assert [one.texture.lower for one in plan(**parts, radiofuse={"ibsi": True}).image_types] == [lower, None]
    assert [one.texture.lower for one in plan(**parts).image_types] == [None, None]


def test_voxel_wise_settings():
    voxel_wise = plan(voxelSetting={"kernelRadius": 2, "maskedKernel": False, "initValue": -1.5}).voxel_wise
    assert (voxel_wise.kernel_radius, voxel_wise.masked, voxel_wise.init_value) == (2, False, -1.5)
