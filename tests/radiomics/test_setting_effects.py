"""Every key of a parameter file: where it is read it moves a value, elsewhere it is told or refused, and moves none."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import SimpleITK as sitk

from radiofuse import RadiomicsExtractor
from radiofuse.errors import RequestError
from radiofuse.radiomics import make_backend, read_settings
from radiofuse.radiomics.ibsi2_rules import IBSI2, OF_TEXTURES
from radiofuse.radiomics.setting_checks import OWN_KEYS
from radiofuse.radiomics.setting_rules import SETTINGS, VOXEL

IBSI = {"ibsi": True}
ALL_OF_IT = {"resampledPixelSpacing": [2, 2, 2]}
SHAPE = {"shape": ["VoxelVolume"]}
MEAN = {"firstorder": ["Mean", "Energy", "Uniformity"]}
GLCM, GLRLM, GLDM = {"glcm": ["Contrast"]}, {"glrlm": ["LongRunEmphasis"]}, {"gldm": ["LargeDependenceEmphasis"]}


def filtered(name, **own):
    return {"imageType": {name: own}, "featureClass": MEAN}


def of(classes, **setting):
    return {"featureClass": classes, "setting": setting}


FLAT = {"Wavelet": {}}
LBP = {"imageType": {"LBP3D": {}}, "featureClass": MEAN}
# A key of ``setting``: another value than its default, a file where it is read, and one where nothing reads it.
READ = {
    "normalizeScale": (7, of(MEAN, normalize=True), of(MEAN)),
    "removeOutliers": (0.5, of(MEAN, normalize=True), of(MEAN)),
    "resampledPixelSpacing": ([2, 2, 2], of(MEAN), of(MEAN, interpolator=None)),
    "interpolator": ("sitkLinear", of(MEAN, **ALL_OF_IT), of(MEAN)),
    "padDistance": (0, of(MEAN, preCrop=True) | {"imageType": {"LoG": {"sigma": [1]}}}, of(MEAN)),
    "resegmentMode": ("sigma", of(MEAN, resegmentRange=[1, 120]), of(MEAN)),
    "resegmentShape": (True, of(SHAPE, resegmentRange=[90, 120]), of(SHAPE)),
    "binWidth": (9, of(MEAN), of(SHAPE)),
    "binCount": (9, of(GLCM), of(SHAPE)),
    "distances": ([1, 2], of(GLCM), of(GLRLM)),
    "force2D": (True, of(GLCM), of(MEAN)),
    "force2Ddimension": (2, of(GLCM, force2D=True), of(GLCM)),
    "sigma": ([2], filtered("LoG") | {"setting": {"sigma": [1]}}, filtered("Wavelet")),
    "start_level": (1, filtered("Wavelet"), filtered("Original")),
    "level": (2, filtered("Wavelet"), filtered("Original")),
    "wavelet": ("haar", filtered("Wavelet"), filtered("Gradient")),
    "gradientUseSpacing": (False, filtered("Gradient"), filtered("Original")),
    "lbp2DRadius": (2, filtered("LBP2D"), filtered("LBP3D")),
    "lbp2DSamples": (5, filtered("LBP2D"), filtered("LBP3D")),
    "lbp2DMethod": ("ror", filtered("LBP2D"), filtered("LBP3D")),
    "lbp3DLevels": (3, filtered("LBP3D"), filtered("LBP2D")),
    "lbp3DIcosphereRadius": (2, filtered("LBP3D"), filtered("LBP2D")),
    "lbp3DIcosphereSubdivision": (2, filtered("LBP3D"), filtered("LBP2D")),
    "voxelArrayShift": (300, of(MEAN), of(GLCM)),
    "symmetricalGLCM": (False, of({"glcm": ["JointAverage"]}), of(GLRLM)),
    "weightingNorm": ("euclidean", of(GLCM), of(MEAN)),
    "gldm_a": (1, of(GLDM), of(GLCM)),
}
ALWAYS = {
    "normalize": "a step of its own",
    "resegmentRange": "a step of its own",
    "preCrop": "what filters see",
    "minimumROIDimensions": "refuses regions",
    "minimumROISize": "refuses regions",
    "geometryTolerance": "refuses masks",
    "correctMask": "takes masks that are refused without it",
    "label": "chooses the region",
    "label_channel": "chooses the region",
    "additionalInfo": "of pyradiomics' diagnostics, which ``general_info`` gives when it is asked",
}
# The same of the part radiofuse; what is without effect there is refused.
HISTOGRAM = of({"intensity-volume-histogram": []}, **ALL_OF_IT) | {"radiofuse": IBSI | {"round_intensities": True}}
OWN = {
    "wavelet_subbands": (["LLH"], filtered("Wavelet"), filtered("Original")),
    "ibsi": (True, of({"firstorder": ["Kurtosis"]}), None),
    "round_intensities": (True, of(MEAN, **ALL_OF_IT) | {"radiofuse": IBSI}, of(MEAN) | {"radiofuse": IBSI}),
    "mask_threshold": (0.9, of(SHAPE, **ALL_OF_IT) | {"radiofuse": IBSI}, of(SHAPE) | {"radiofuse": IBSI}),
    "outlier_sigma": (1, of(MEAN) | {"radiofuse": IBSI}, of(MEAN)),
    "ivh_bin_width": (9, HISTOGRAM, of(MEAN) | {"radiofuse": IBSI}),
    "ivh_bin_count": (9, HISTOGRAM, of(MEAN) | {"radiofuse": IBSI}),
    "ibsi1_complete": (
        True,
        {"setting": ALL_OF_IT, "radiofuse": IBSI | {"round_intensities": True}},
        of(MEAN) | {"radiofuse": IBSI},
    ),
}
GABOR = {"sigma": [2], "wavelength": [3]}
LAWS = {"kernels": ["L3E3S3"]}
WAVELET = {"wavelet": "haar", "subbands": ["LLH"]}
RIESZ_LOG, RIESZ = {"sigma": [1], "order": [[1, 0, 0]]}, {"order": [[1, 0, 0]]}
# An image type of IBSI 2: what it needs, and of each key another value, with what it needs beside it.
FILTERS = {
    "Mean": ({"support": [3]}, {"support": [5], "dimensions": 2, "boundary": "zero", "force2D": True}),
    "Laws": (
        LAWS,
        {"kernels": ["L3L3E3"], "rotationInvariance": True, "energyDistance": 1, "boundary": "zero"},
        {"pooling": ("mean", {"rotationInvariance": True})},
    ),
    "Gabor": (
        GABOR,
        {"sigma": [3], "wavelength": [2], "aspect": 2, "angle": 45, "rotationStep": 45, "orthogonalPlanes": True}
        | {"boundary": "zero", "force2Ddimension": 1},
        {"pooling": ("max", {"rotationStep": 45})},
    ),
    "SeparableWavelet": (
        WAVELET,
        {"wavelet": "db2", "subbands": ["HLL"], "level": [2], "rotationInvariance": True},
        {"pooling": ("max", {"rotationInvariance": True}), "boundary": ("zero", {"wavelet": "db2"})},
    ),
    "LaplacianOfGaussian": (
        {"sigma": [1]}, {"sigma": [2], "cutoff": 2, "dimensions": 2, "boundary": "zero", "force2D": True}
    ),
    "Simoncelli": ({}, {"level": [2], "dimensions": 2, "boundary": "zero", "force2D": True}),
    "RieszLaplacianOfGaussian": (
        RIESZ_LOG, {"sigma": [2], "order": [[0, 1, 0]], "cutoff": 2, "alignmentSigma": 1, "boundary": "zero"}
    ),
    "RieszSimoncelli": (RIESZ, {"order": [[0, 1, 0]], "level": [2], "alignmentSigma": 1, "boundary": "zero"}),
}  # fmt: skip
WITHOUT = {
    "Mean": [{"dimensions": 3, "force2D": True}, {"force2Ddimension": 1}],
    "Laws": [{"pooling": "mean"}, {"force2Ddimension": 1}, {"force2D": True}],
    "Gabor": [
        {"pooling": "max"},
        {"rotationStep": 180},
        {"rotationStep": 360, "pooling": "max"},
        {"rotationStep": 45, "angle": 9},
        {"orthogonalPlanes": True, "force2Ddimension": 1},
        {"force2D": True},
    ],
    "SeparableWavelet": [{"pooling": "max"}, {"force2Ddimension": 1}],
    "LaplacianOfGaussian": [{"dimensions": 3, "force2D": True}, {"gldm_a": 1}],
    "Simoncelli": [{"force2Ddimension": 1}],
    "RieszLaplacianOfGaussian": [{"force2Ddimension": 1}, {"distances": [2]}],
    "RieszSimoncelli": [{"force2D": True}],
}


@pytest.fixture(scope="module")
def image():
    voxels = np.random.default_rng(0).normal(100, 20, (11, 12, 13)).round()
    made = sitk.GetImageFromArray(voxels.astype(np.float32) + np.float32(0.25) * (voxels > 110))
    made.SetSpacing((1.0, 1.2, 1.3))
    return made


@pytest.fixture(scope="module")
def roi(image):
    z, y, x = np.indices((11, 12, 13))
    made = sitk.GetImageFromArray((((z - 4) ** 2 + (y - 6) ** 2 + (x - 6) ** 2) < 17).astype(np.uint8))
    made.CopyInformation(image)
    return made


def values(parameters, image, roi):
    return make_backend("radiofuse", read_settings(parameters)).compute(image, roi)


def with_key(parameters, key, value, part="setting"):
    return parameters | {part: (parameters.get(part) or {}) | {key: value}}


def differ(one, other):
    """Whether features have other names, or one of them another value."""
    return list(one) != list(other) or not np.array_equal(list(one.values()), list(other.values()), equal_nan=True)


@pytest.mark.parametrize("key", READ)
def test_a_key_of_pyradiomics_moves_a_value_or_is_told_of(key, image, roi):
    value, read, unread = READ[key]
    changed = with_key(read, key, value)
    assert differ(values(read, image, roi), values(changed, image, roi))
    assert not [told for told in read_settings(changed).without_effect() if key in told]
    changed = with_key(unread, key, value)
    assert [told.split()[1] for told in read_settings(changed).without_effect() if key in told.split()[1]] == [key]
    assert not differ(values(unread, image, roi), values(changed, image, roi))


@pytest.mark.parametrize("key", OWN)
def test_a_key_of_ours_moves_a_value_or_is_refused(key, image, roi):
    value, read, unread = OWN[key]
    changed = with_key(read, key, value, "radiofuse")
    assert differ(values(read, image, roi), values(changed, image, roi))
    if unread is not None:
        with pytest.raises(RequestError, match=f"{key} (has no effect|is IBSI's|names all)"):
            read_settings(with_key(unread, key, value, "radiofuse"))


@pytest.mark.parametrize("name", FILTERS)
def test_a_key_of_a_filter_moves_a_value(name, image, roi):
    needed, others, *beside = FILTERS[name]
    plain = values(filtered(name, **needed), image, roi)
    for key, value in others.items():
        assert differ(plain, values(filtered(name, **needed | {key: value}), image, roi)), key
    for key, (value, more) in (beside[0] if beside else {}).items():
        one, other = (values(filtered(name, **needed | more | with_it), image, roi) for with_it in ({}, {key: value}))
        assert list(one.values()) != list(other.values())


@pytest.mark.parametrize("name", WITHOUT)
def test_a_key_of_a_filter_that_would_do_nothing_is_refused(name):
    for own in WITHOUT[name]:
        with pytest.raises(RequestError, match=f"imageType {name}: \\w+ has no effect"):
            read_settings(filtered(name, **FILTERS[name][0] | own))


def test_every_key_is_in_the_tables():
    assert sorted([*READ, *ALWAYS]) == sorted(SETTINGS)
    assert sorted(OWN) == sorted(OWN_KEYS)
    assert sorted(FILTERS) == sorted(WITHOUT) == sorted(IBSI2)
    for name, (_, others, *beside) in FILTERS.items():
        assert set(IBSI2[name]) - set(others) == set(beside[0] if beside else ())
    assert set(OF_TEXTURES) <= set(READ)
    assert set(VOXEL) == {"kernelRadius", "maskedKernel", "initValue", "voxelBatch"}  # of maps alone


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"imageType": {"Original": {"wavelet": "haar"}}}, "imageType Original: wavelet has no effect on it without"),
        (
            {"imageType": {"Original": {"binCount": 9}}, "setting": {"binWidth": 3}},
            "setting: binWidth has no effect without an image type that has none of its own; leave it out.",
        ),
        (
            {"imageType": {"LoG": {"sigma": [1], "binWidth": 3}}, "featureClass": SHAPE},
            "imageType LoG: binWidth has no effect on it without a class that reads gray levels; leave it out.",
        ),
    ],
)
def test_a_key_where_it_does_nothing_is_told_of_once(parameters, sentence, caplog):
    with caplog.at_level(logging.WARNING, "radiofuse"):
        extractor = RadiomicsExtractor(parameters)
        RadiomicsExtractor(extractor.settings)  # as a worker has it
    assert len(caplog.messages) == 1
    assert sentence in caplog.messages[0]


def test_what_holds_anyway_and_planes_of_maps_are_not_told_of():
    spelled = {"setting": {"normalizeScale": 1, "interpolator": "sitkBSpline", "force2Ddimension": 0}}
    assert read_settings(spelled).without_effect() == []
    flat = of(MEAN, force2D=True) | {"voxelSetting": {"kernelRadius": 2}}
    assert read_settings(flat).without_effect() == []


def test_force2d_beside_all_of_ibsi_acts_on_filters_alone():
    complete = {"setting": {"force2D": True}, "radiofuse": IBSI | {"ibsi1_complete": True}}
    with pytest.raises(RequestError, match="force2D has no effect on ibsi1_complete, whose classes name"):
        read_settings(complete)
    assert read_settings(complete | {"imageType": {"Original": {}, "Wavelet": {}}}).ibsi1_complete
