"""What is done to images before features: registered, on a grid, cleaned, scaled; and the record of it."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from radiofuse.errors import ImageError, RequestError
from radiofuse.imaging.intensities import white_stripe, without_bias
from radiofuse.imaging.mask_cleaning import cleaned
from radiofuse.imaging.registration import moved
from radiofuse.imaging.resampling import upright_grid
from radiofuse.imaging.step_options import Steps
from radiofuse.imaging.steps import prepared
from tests.imaging.heads import brain, tumor


def test_a_grid_keeps_the_center_and_turns_upright() -> None:
    image = sitk.DICOMOrient(brain(), "RSP")
    image.SetSpacing((1.0, 3.0, 0.5))
    image.SetOrigin((5.0, -7.0, 11.0))
    grid = upright_grid(image, (2.0, 2.0, 2.0))
    assert sitk.DICOMOrientImageFilter_GetOrientationFromDirectionCosines(grid.GetDirection()) == "LPS"
    centers = [
        one.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in one.GetSize()]) for one in (image, grid)
    ]
    np.testing.assert_allclose(*centers, atol=1e-9)


def test_three_grids_become_one_and_the_mask_comes_along() -> None:
    t2 = brain(2)
    mask = tumor(t2)
    shift = sitk.TranslationTransform(3, (2.0, -3.0, 1.0))
    t1 = sitk.Resample(t2, upright_grid(t2, (1.0, 1.0, 2.0)), shift, sitk.sitkLinear, 0.0)
    found = prepared({"t1": t1, "t2": t2}, {"t1": mask, "t2": mask}, None, Steps(register_to="t2"))
    assert found.images["t1"].GetSize() == t2.GetSize()
    inside = sitk.GetArrayFromImage(t2) > 0
    one, other = (sitk.GetArrayFromImage(found.images[name])[inside] for name in ("t1", "t2"))
    assert np.corrcoef(one, other)[0, 1] > 0.75 > 0.5 > np.corrcoef(_still(t1, t2)[inside], other)[0, 1]
    np.testing.assert_array_equal(sitk.GetArrayFromImage(found.masks["t1"]), sitk.GetArrayFromImage(mask))
    assert list(found.record["registration"]) == ["t1"]


def _still(image: sitk.Image, grid: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(moved(image, grid, sitk.Transform(3, sitk.sitkIdentity)))


def test_all_come_to_an_atlas_by_way_of_the_modality_that_looks_like_it() -> None:
    atlas = brain(8)
    center = atlas.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in atlas.GetSize()])
    away = sitk.Euler3DTransform(center, 0.03, -0.04, 0.05, (2.0, -3.0, 1.0))
    t2 = sitk.Resample(atlas, atlas, away, sitk.sitkLinear, 0.0)
    t1 = sitk.Resample(t2, t2, sitk.TranslationTransform(3, (-2.0, 1.0, 2.0)), sitk.sitkLinear, 0.0)
    mask = moved(tumor(atlas), atlas, away, is_mask=True)  # drawn on t2
    found = prepared({"t1": t1, "t2": t2}, {"t1": mask, "t2": mask}, None, Steps(register_to="t2", atlas="a"), atlas)
    inside = sitk.GetArrayFromImage(atlas) > 0
    for name in ("t1", "t2"):
        one, other = (sitk.GetArrayFromImage(image)[inside] for image in (found.images[name], atlas))
        assert np.corrcoef(one, other)[0, 1] > 0.75
    drawn, wanted = (sitk.GetArrayFromImage(one) != 0 for one in (found.masks["t1"], tumor(atlas)))
    assert 2 * (drawn & wanted).sum() / (drawn.sum() + wanted.sum()) > 0.9
    np.testing.assert_array_equal(sitk.GetArrayFromImage(found.masks["t2"]) != 0, drawn)


def test_skull_spacing_cleaning_cut_and_scale_in_one() -> None:
    image = brain(3)
    mask = tumor(image)
    mask[2, 2, 2] = 4
    region = sitk.Cast(image > 50, sitk.sitkUInt8)
    steps = Steps(
        skull=False, spacing_mm=(2.0, 2.0, 2.0), largest_piece=True, margin_mm=4, scale="z_score", over="region"
    )
    found = prepared({"t1": image}, {"t1": mask}, region, steps)
    voxels = sitk.GetArrayFromImage(found.images["t1"])
    drawn = sitk.GetArrayFromImage(found.masks["t1"]) != 0
    assert found.images["t1"].GetSpacing() == (2.0, 2.0, 2.0)
    assert found.images["t1"].GetSize() == found.masks["t1"].GetSize() == (9, 8, 8)
    np.testing.assert_allclose([voxels[drawn].mean(), voxels[drawn].std()], [0, 1], atol=1e-5)


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        (Steps(skull=False), "needs a mask of the brain"),
        (Steps(scale="z_score", over="brain"), "t1: .*brain_mask is empty"),
        (Steps(register_to="t2"), "t2 is absent"),
        (Steps(least_mm3=1e9), "t1: nothing of the mask is left"),
        (Steps(largest_piece=True), "t1: the mask is zero everywhere. Draw"),
        (Steps(spacing_mm=(0.001, 0.001, 0.001)), "has 40000 x 36000 x 28000 voxels here"),
    ],
)
def test_a_step_that_cannot_be_taken_is_one_sentence(steps: Steps, sentence: str) -> None:
    image = brain()
    mask = tumor(image) * (0 if steps.largest_piece else 1)
    with pytest.raises(ImageError, match=sentence):
        prepared({"t1": image}, {"t1": mask}, None, steps)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"spacing": [1, 1, 1]}, "Did you mean 'spacing_mm'"),
        ({"n4": "yes"}, "n4 is 'yes'; its default is False"),
        ({"spacing_mm": [1, 0, 1]}, "three numbers above 0"),
        ({"spacing_mm": 1}, "three numbers above 0, not 1"),
        ({"spacing_mm": ["a", 1, 1]}, "three numbers above 0"),
        ({"spacing_mm": [float("inf"), 1, 1]}, "three numbers above 0"),
        ({"clip": [99, 1]}, "ascending order"),
        ({"clip": [1, "x"]}, "ascending order"),
        ({"clip": 5}, "ascending order"),
        ({"margin_mm": -5, "least_mm3": -1}, "margin_mm is -5; a number of 0 or more was expected; least_mm3 is -1"),
        ({"margin_mm": [1]}, "a number of 0 or more was expected"),
        ({"divide_by": {"t1": 0}}, "a number above 0 for each modality"),
        ({"divide_by": {"t1": 2}, "scale": "z_score"}, "either scale or divide_by"),
        (
            {"scale": "zscore", "over": "tumor"},
            "scale is one of z_score, white_stripe, unit_range, nyul; over is one of",
        ),
    ],
)
def test_options_are_refused_before_any_image(options: dict, sentence: str) -> None:
    with pytest.raises(RequestError, match=sentence):
        Steps.of(options)


def test_given_numbers_divide_each_modality() -> None:
    image = brain()
    found = prepared({"t1": image, "t2": image}, {}, None, Steps(divide_by={"t1": 8690, "t2": 2})).images
    voxels = sitk.GetArrayFromImage(image)
    np.testing.assert_allclose(sitk.GetArrayFromImage(found["t1"]), voxels / 8690, rtol=1e-6)
    np.testing.assert_allclose(sitk.GetArrayFromImage(found["t2"]), voxels / 2, rtol=1e-6)


def test_n4_takes_a_slow_field_out_of_a_brain() -> None:
    inside = sitk.GetArrayFromImage(brain(4)) > 0
    voxels = np.where(inside, np.random.default_rng(4).normal(100, 3, inside.shape), 0)
    field = np.linspace(0.6, 1.4, voxels.shape[2])[None, None, :]
    biased = sitk.GetImageFromArray((voxels * field).astype(np.float32))
    corrected = sitk.GetArrayFromImage(without_bias(biased, sitk.Cast(biased > 0, sitk.sitkUInt8)))
    spread = [one[inside].std() / one[inside].mean() for one in (voxels * field, corrected)]
    assert spread[1] < 0.5 * spread[0]


def test_an_image_of_one_slice_is_refused_where_a_step_needs_a_volume() -> None:
    flat = brain()[:, :, 14:15]
    for steps in (Steps(n4=True), Steps(register_to="t2")):
        with pytest.raises(ImageError) as caught:
            prepared({"t1": flat, "t2": flat}, {}, None, steps)
        assert caught.value.code in ("bias_field_failed", "registration_failed")


def test_white_stripe_finds_the_last_peak_of_t1_and_the_highest_of_flair() -> None:
    rng = np.random.default_rng(0)
    tissue = np.concatenate([rng.normal(60, 4, 6000), rng.normal(110, 4, 4000)])
    region = np.ones(len(tissue), bool)
    scaled = {name: white_stripe(tissue, region, name) for name in ("t1", "flair")}
    assert abs(np.median(scaled["t1"][6000:])) < 0.5 < abs(np.median(scaled["t1"][:6000]))
    assert abs(np.median(scaled["flair"][:6000])) < 0.5


def test_a_hole_gets_the_commonest_label_also_where_labels_are_below_zero() -> None:
    voxels = np.full((5, 5, 5), -1, np.int16)
    voxels[2, 2, 2], voxels[0, 0, 0] = 0, 2
    mask, counts = cleaned(sitk.GetImageFromArray(voxels), fill_holes=True)
    assert counts == {"removed": 0, "filled": 1} and mask[2, 2, 2] == -1
