"""What the methods say of images is what the settings do, under IBSI's preparation too."""

from __future__ import annotations

import pytest

from radiofuse.radiomics.settings import read_settings
from radiofuse.report.paper.imaging_words import by_topic

RESAMPLED = {"imageType": {"Original": {}}, "setting": {"resampledPixelSpacing": [2, 2, 2], "binWidth": 25}}
IBSI = {"ibsi": True, "outlier_sigma": 3, "mask_threshold": 0.4, "round_intensities": True}


def _said(own, **parts):
    return by_topic(read_settings({**RESAMPLED, **parts, "radiofuse": own}).to_json())


def test_ibsi_preparation_is_told_as_it_is_done():
    said = _said({**IBSI, "ivh_bin_width": 2.5}, featureClass={"glcm-2D-merged": [], "intensity-volume-histogram": []})
    assert "on a grid centered on the image, masks linearly (in from a share of 0.4)" in said["resampling"]
    assert "rounded to whole numbers" in said["resampling"] and "nearest" not in said["resampling"]
    assert "more than 3 standard deviations from the region's mean were left out" in said["preprocessing"]
    assert "not re-segmented" not in said["preprocessing"]
    assert "beginning at the region's minimum." in said["discretization"]
    assert "The intensity-volume histogram had steps of 2.5." in said["discretization"]
    assert said["neighbors"] == "Texture classes with an ending of IBSI (2D-merged) were aggregated as it says."


def test_pyradiomics_preparation_is_told_as_it_is_done():
    said = _said({}, featureClass={"glcm": []})
    assert "masks with the nearest neighbor" in said["resampling"]
    assert "not re-segmented" in said["preprocessing"]
    assert "a multiple of the width at or below the region's minimum" in said["discretization"]
    assert said["neighbors"].startswith("Texture matrices have neighbors in three dimensions")


def test_classes_of_both_kinds_have_a_sentence_each():
    said = _said({"ibsi": True}, featureClass={"glcm": [], "ngtdm-3D": []})["neighbors"]
    assert "(3D) were aggregated as it says." in said and "Texture matrices have neighbors" in said


@pytest.mark.parametrize(("lower", "start"), [(None, "the region's minimum"), (-100, "-100")])
def test_bins_begin_where_the_range_does(lower, start):
    setting = {"binWidth": 25} | ({} if lower is None else {"resegmentRange": [lower, 400]})
    said = by_topic(
        read_settings({"imageType": {"Original": {}}, "setting": setting, "radiofuse": {"ibsi": True}}).to_json()
    )
    assert said["discretization"].endswith(f"the first bin beginning at {start}.")


@pytest.mark.parametrize(
    ("norm", "words"), [("no_weighting", "directions are merged"), ("euclidean", "weighted by the euclidean norm,")]
)
def test_matrices_that_are_merged_are_weighted_only_where_a_norm_is_named(norm, words):
    setting = {**RESAMPLED["setting"], "weightingNorm": norm}
    assert words in _said({}, featureClass={"glcm": []}, setting=setting)["neighbors"]
