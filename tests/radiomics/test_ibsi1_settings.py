"""What a file with ``ibsi: true`` may say, its grids and masks, and regions that are odd in one way each."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from radiofuse.errors import ImageError, RequestError
from radiofuse.extract.radiomics import RadiomicsExtractor
from radiofuse.radiomics import make_backend, read_settings
from radiofuse.radiomics.ibsi_grids import centered_grid
from radiofuse.radiomics.ibsi_names import COMPLETE, IBSI_CLASSES, ibsi_features
from radiofuse.radiomics.parameters import resolve
from radiofuse.radiomics.preprocessing import prepare

IBSI = {"ibsi": True}


def volume(voxels: np.ndarray, spacing_mm=(1.0, 1.0, 1.0)) -> sitk.Image:
    image = sitk.GetImageFromArray(voxels.astype(np.uint8 if voxels.dtype == bool else voxels.dtype))
    image.SetSpacing(spacing_mm)
    return image


def prepared(image, roi, **own):
    setting = {"resampledPixelSpacing": own.pop("spacing"), "interpolator": own.pop("by", "sitkLinear")}
    return prepare(image, roi, resolve(read_settings({"setting": setting, "radiofuse": IBSI | own})))


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"setting": {"symmetricalGLCM": False}}, "symmetricalGLCM: False contradict"),
        ({"setting": {"voxelArrayShift": 300}}, "voxelArrayShift: 300 contradict"),
        ({"setting": {"resegmentShape": True}}, "resegmentShape: True contradict"),
        ({"setting": {"preCrop": True}}, "preCrop: True contradict"),
        ({"setting": {"resegmentRange": [0.5], "resegmentMode": "relative"}}, "no resegmentMode: relative"),
        ({"setting": {"weightingNorm": "euclidean"}}, "weightingNorm: euclidean contradict"),
        (
            {"setting": {"resampledPixelSpacing": [1, 1, 1], "interpolator": "sitkGaussian"}},
            "cannot interpolate by sitkGaussian",
        ),
        ({"radiofuse": {"round_intensities": True}}, "round_intensities has no effect without resampledPixelSpacing"),
        ({"radiofuse": {"ivh_bin_width": 1, "ivh_bin_count": 5}}, "both ivh_bin_width and ivh_bin_count"),
        ({"radiofuse": {"ibsi1_complete": True}, "featureClass": {"glcm": []}}, "ibsi1_complete names all classes"),
        ({"radiofuse": {"ibsi": False, "outlier_sigma": 3}}, "outlier_sigma is IBSI's; add ibsi: true"),
        ({"radiofuse": {"ibsi": False}, "featureClass": {"glcm-2D-merged": []}}, "glcm-2D-merged is IBSI's; add"),
        (
            {"featureClass": {"glcm-2D-mergd": []}},
            "featureClass glcm-2D-mergd is unknown. Did you mean 'glcm-2D-merged'",
        ),
        ({"featureClass": {"glszm-2D-merged": []}}, "glszm is aggregated as 2D, 2.5D, 3D."),
        (
            {"featureClass": {"glcm-4D": []}},
            "glcm is aggregated as 2D-averaged, 2D-merged, 2.5D-direction-merged, 2.5D-merged, 3D-averaged, 3D-merged.",
        ),
        ({"featureClass": {"gldzm-3D": ["ZoneEntropy"]}}, "gldzm-3D: there is no feature ZoneEntropy"),
        ({"radiofuse": {"outlier_sigma": 0}}, "outlier_sigma must be a number above 0"),
        ({"setting": {"padDistance": 7}}, "padDistance has no effect with ibsi: true"),
        ({"radiofuse": {"ivh_bin_count": 9}}, "ivh_bin_count has no effect without the class"),
        (
            {"setting": {"weightingNorm": "no_weighting"}, "radiofuse": {"ibsi1_complete": True}},
            "weightingNorm has no effect on ibsi1_complete",
        ),
        ({"setting": {"distances": [2]}, "featureClass": {"ngldm-3D": []}}, "of ngldm-3D hold all voxels up to"),
        ({"setting": {"distances": [1, 3]}}, "of ngtdm and gldm hold all voxels up to a distance. Give [1, 2, 3]"),
        ({"radiofuse": {"mask_threshold": 1.5}}, "mask_threshold must be a number above 0 and of at most 1"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_what_ibsi_does_not_say_is_refused_by_name(parts, expected):
    with pytest.raises(RequestError) as caught:
        read_settings(parts | {"radiofuse": IBSI | parts.get("radiofuse", {})})
    assert expected in str(caught.value)


def test_every_feature_has_an_identifier_of_its_own():
    """Aggregations share a feature's identifier, and the intensity-volume histogram has one for both fractions."""
    tags = [tag for of in COMPLETE for tag, _ in ibsi_features(of).values()]
    assert len(tags) == len(set(tags)) == 487
    once = {name.split("-")[0] if name[0] == "g" or name[0] == "n" else name: name for name in COMPLETE}
    identifiers = [code for of in once.values() for _, code in ibsi_features(of).values()]
    assert all(len(code) == 4 and code.isalnum() for code in identifiers)
    assert len(set(identifiers)) == len(identifiers) - 2


@pytest.mark.parametrize("size", [1, 2, 7])
@pytest.mark.parametrize("spacing", [0.4, 1.0, 1.5, 2.0, 9.0])
def test_both_grids_have_one_center_and_the_new_one_covers_the_old(size, spacing):
    (new_size,), (first,) = centered_grid([size], [1.0], [spacing])
    assert first + (new_size - 1) / 2 * spacing == pytest.approx((size - 1) / 2)
    assert new_size * spacing > size - 1e-9 and (new_size - 1) * spacing < size


def test_a_voxel_half_covered_by_the_mask_is_in():
    inside = np.zeros((4, 4, 6), bool)
    inside[1:3, 1:3, 1:4] = True  # new centers along x: .5 (half in), 2.5 (in), 4.5 (out)
    image = volume(np.arange(96.0).reshape(4, 4, 6))
    for threshold, n_along in ((0.01, 2), (0.5, 2), (0.51, 1), (1, 1)):
        kept = prepared(image, volume(inside), spacing=[2, 0, 0], mask_threshold=threshold)
        assert kept.region.n_voxels == 4 * n_along


def test_linear_interpolation_keeps_a_ramp_and_rounds_only_when_asked():
    ramp = np.broadcast_to(np.arange(10.0), (6, 6, 10)).copy()
    everywhere = volume(np.ones(ramp.shape, bool), (3.0, 3.0, 3.0))
    exact = prepared(volume(ramp, (3.0, 3.0, 3.0)), everywhere, spacing=[2, 0, 0])
    (size,), (first,) = centered_grid([10], [3.0], [2.0])
    np.testing.assert_allclose(exact.array[2, 2], np.clip(first + np.arange(size) * 2 / 3, 0, 9), atol=1e-12)
    rounded = prepared(volume(ramp, (3.0, 3.0, 3.0)), everywhere, spacing=[2, 0, 0], round_intensities=True)
    np.testing.assert_array_equal(rounded.array, np.rint(exact.array))


def test_the_same_spacing_leaves_image_and_mask_as_they_are():
    rng = np.random.default_rng(0)
    voxels, inside = rng.normal(size=(5, 6, 7)), rng.random((5, 6, 7)) < 0.5
    for by in ("sitkNearestNeighbor", "sitkLinear", "sitkBSpline"):
        same = prepared(volume(voxels), volume(inside), spacing=[1, 1, 1], by=by)
        np.testing.assert_array_equal(same.array, voxels)  # to the bit: 0 stays in a range from 0 on
        np.testing.assert_array_equal(same.roi.array, inside)


def test_voxels_that_keep_their_place_keep_their_value():
    voxels = np.random.default_rng(0).integers(0, 9, (7, 9, 11)).astype(float)
    coarse = prepared(volume(voxels), volume(np.ones(voxels.shape, bool)), spacing=[2, 2, 2], by="sitkBSpline")
    np.testing.assert_array_equal(coarse.array, voxels[::2, ::2, ::2])  # odd sides: every second center is an old one
    mixed = prepared(volume(voxels), volume(np.ones(voxels.shape, bool)), spacing=[2, 1, 3], by="sitkBSpline")
    np.testing.assert_array_equal(mixed.array, voxels[::3, :, ::2])


def test_outliers_are_those_of_what_the_range_leaves():
    voxels = np.concatenate([np.zeros(500), np.ones(500), [30.0, 5000.0]]).reshape(2, 3, 167)
    parameters = {"setting": {"resegmentRange": [-10, 100]}, "radiofuse": IBSI | {"outlier_sigma": 3}}
    kept = prepare(volume(voxels), volume(np.ones(voxels.shape, bool)), resolve(read_settings(parameters)))
    assert kept.region.n_voxels == 1000  # 5000 is out of range, and would hide 30


def complete(**own):
    parameters = {"setting": {"binCount": 8}, "radiofuse": IBSI | {"ibsi1_complete": True, "ivh_bin_count": 100} | own}
    return RadiomicsExtractor(parameters)


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), (0.5, 0.5, 5.0)], ids=["isotropic", "10:1"])
def test_all_features_of_a_region_in_space_are_finite(spacing_mm):
    rng = np.random.default_rng(1)
    inside = np.pad(np.ones((4, 8, 7), bool), 3)
    extractor = complete()
    features = extractor.extract(volume(rng.normal(size=inside.shape), spacing_mm), volume(inside, spacing_mm))
    assert len(features) == 487 and np.isfinite(features.to_numpy()).all()


@pytest.mark.parametrize("feature_class", IBSI_CLASSES)
def test_one_slice_is_described_or_refused_by_name_and_one_voxel_refused(feature_class):
    rng = np.random.default_rng(2)
    inside = np.zeros((5, 12, 12), bool)
    inside[2, 3:9, 3:8] = True
    image = volume(rng.normal(size=inside.shape))
    own = {"featureClass": {feature_class: []}, "setting": {"binCount": 4}}
    steps = {"ivh_bin_count": 10} if feature_class == "intensity-volume-histogram" else {}
    extractor = RadiomicsExtractor(own | {"radiofuse": IBSI | steps})
    try:
        assert np.isfinite(extractor.extract(image, volume(inside)).to_numpy()).all()
    except ImageError as error:
        assert feature_class == "morphology" and "VolumeDensityAEE" in str(error)  # its ellipsoid has no volume
    inside[:] = False
    inside[2, 3, 3] = True
    with pytest.raises(ImageError, match="voxel"):
        extractor.extract(image, volume(inside))


def test_slices_that_are_alike_have_the_features_of_one():
    """Of equal slices the mean is each one's, and the merged counts are as each one's are distributed."""
    rng = np.random.default_rng(3)
    one = rng.integers(0, 5, (12, 12)).astype(float)
    stack, inside = np.repeat(one[None], 4, axis=0), np.ones((4, 12, 12), bool)
    classes = ("glcm-2D-averaged", "glcm-2.5D-direction-merged", "glcm-2D-merged", "glcm-2.5D-merged")
    parameters = {"featureClass": dict.fromkeys(classes, []), "setting": {"binWidth": 1}, "radiofuse": IBSI}
    found = make_backend("radiofuse", read_settings(parameters)).compute(volume(stack), volume(inside))
    for averaged, merged in (classes[:2], classes[2:]):
        for name in ibsi_features(averaged):
            assert found[f"original_{averaged}_{name}"] == pytest.approx(found[f"original_{merged}_{name}"], rel=1e-9)


def test_slices_lie_across_the_dimension_that_is_named():
    rng = np.random.default_rng(4)
    voxels, inside = rng.integers(0, 5, (5, 6, 7)).astype(float), np.ones((5, 6, 7), bool)
    turned = np.moveaxis(voxels, 0, 2), np.moveaxis(inside, 0, 2)
    classes = {"gldzm-2D": [], "ngtdm-2.5D": [], "glrlm-2D-averaged": []}
    along = []
    for axis, (image, roi) in ((0, (voxels, inside)), (2, turned)):
        setting = {"binWidth": 1, "force2Ddimension": axis}
        parameters = {"featureClass": classes, "setting": setting, "radiofuse": IBSI}
        along.append(make_backend("radiofuse", read_settings(parameters)).compute(volume(image), volume(roi)))
    assert along[0] == pytest.approx(along[1], rel=1e-9)


def test_fractions_need_steps_for_the_intensity_volume_histogram():
    voxels = np.random.default_rng(5).normal(size=(6, 6, 6))
    parameters = {"featureClass": {"intensity-volume-histogram": []}, "radiofuse": IBSI}
    with pytest.raises(ImageError) as caught:
        make_backend("radiofuse", read_settings(parameters)).compute(volume(voxels), volume(voxels < 1))
    assert caught.value.code == "not_whole_numbers" and "ivh_bin_count: 1000" in str(caught.value)


@pytest.mark.parametrize("thickness", [1.0, 2.5, 3.3, 5.0, 6.5])
def test_a_slice_has_no_density_in_an_ellipsoid_whatever_its_spacing(thickness):
    inside = np.zeros((9, 12, 12), bool)
    inside[4, 3:9, 3:8] = True
    image = volume(np.random.default_rng(2).normal(size=inside.shape), (0.7, 0.7, thickness))
    extractor = RadiomicsExtractor({"featureClass": {"morphology": []}, "radiofuse": IBSI, "setting": {"binCount": 4}})
    with pytest.raises(ImageError, match="VolumeDensityAEE"):
        extractor.extract(image, volume(inside, (0.7, 0.7, thickness)))


def test_a_stray_voxel_in_a_slice_of_its_own_moves_no_gray_tone_difference():
    rng = np.random.default_rng(3)
    voxels, inside = rng.integers(0, 40, (6, 8, 8)).astype(float), np.zeros((6, 8, 8), bool)
    inside[1:3, 2:7, 2:7] = True
    extractor = RadiomicsExtractor({"featureClass": {"ngtdm-2D": []}, "radiofuse": IBSI, "setting": {"binCount": 8}})
    voxels[4, 4, 4] = voxels[1, 3, 3]  # no new gray level
    before = extractor.extract(volume(voxels), volume(inside))
    inside[4, 4, 4] = True
    pd.testing.assert_series_equal(extractor.extract(volume(voxels), volume(inside)), before)


def test_neighbors_at_a_distance_are_taken_where_pairs_are_counted():
    parts = {"setting": {"distances": [2]}, "featureClass": {"glcm-3D-merged": []}, "radiofuse": IBSI}
    assert resolve(read_settings(parts)).image_types[0].texture.distances == (2,)
