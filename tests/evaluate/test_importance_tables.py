"""Importance over the folds: means and intervals by hand, sums that add up, ranks that agree or do not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr, t

from radiofuse.evaluate.importance_tables import (
    agreement_of_measures,
    gather_shapley,
    importance_of_features,
    importance_of_groups,
    measured_by_fold,
)
from radiofuse.evaluate.shapley import BASE
from radiofuse.patients import Split
from radiofuse.statistics.resampled_t import corrected_interval, corrected_resampled_t

GLCM, SHAPE, BAND = "t1__original_glcm_Idmn", "t1__original_shape_Sphericity", "t2__wavelet-LLH_glcm_Idmn"
SPLITS = [Split(0, fold, np.arange(80), np.arange(20)) for fold in range(3)]


def found(selected, shapley=()):
    rows = [(name, drop, coefficient) for name, drop, coefficient in selected]
    told = [(f"s{row}", name, "1", 0.0, shap, name[:2]) for name, values in shapley for row, shap in enumerate(values)]
    return {
        "selected": pd.DataFrame(rows, columns=["feature", "importance", "coefficient"]),
        "shapley": pd.DataFrame(told, columns=["sample_id", "feature", "class", "value", "shap", "member"]),
    }


FINDINGS = [
    found([(GLCM, 0.1, 1.0), (BAND, 0.2, -2.0)], [(GLCM, [0.5, -1.5]), (BAND, [1.0, 1.0])]),
    found([(GLCM, 0.3, 3.0), (SHAPE, -0.1, 0.5)], [(GLCM, [2.0, 2.0]), (SHAPE, [0.0, 0.4])]),
    found([(SHAPE, np.nan, 0.5), (BAND, 0.4, -1.0)], [(SHAPE, [0.2, 0.2]), (BAND, [0.5, -0.5])]),
]


def test_folds_count_with_zero_where_not_selected_and_not_at_all_where_not_judged():
    told = importance_of_features(measured_by_fold(FINDINGS), SPLITS)
    assert told.loc[GLCM, "importance"] == pytest.approx((0.1 + 0.3) / 2)  # the third fold judges no t1
    assert told.loc[SHAPE, "importance"] == pytest.approx((0 - 0.1) / 2)
    assert told.loc[BAND, "importance"] == pytest.approx((0.2 + 0 + 0.4) / 3)
    assert told.loc[GLCM, "shap"] == pytest.approx((1 + 2 + 0) / 3)
    values = np.array([0.2, 0, 0.4])
    half = t.ppf(0.975, 2) * np.sqrt((1 / 3 + 20 / 80) * values.var(ddof=1))
    np.testing.assert_allclose(told.loc[BAND, ["importance_low", "importance_high"]], [0.2 - half, 0.2 + half])
    assert (told["shap_low"] >= 0).all()


def test_an_interval_holds_0_when_the_corrected_test_does_not_reject():
    rng = np.random.default_rng(0)
    for values in rng.normal(0.02, 0.03, (40, 10)):
        low, high = corrected_interval(values, 90, 10)
        assert (low <= 0 <= high) == (corrected_resampled_t(values, 90, 10).p_value >= 0.05)


def test_one_fold_has_no_interval_and_no_fold_no_mean():
    low, high = corrected_interval(np.array([[0.3, np.nan], [np.nan, np.nan]]), 80, 20)
    assert np.isnan([low, high]).all()
    unjudged = [found([(GLCM, np.nan, 1.0)], [(GLCM, [0.5])])]
    assert importance_of_features(measured_by_fold(unjudged), SPLITS[:1])["importance"].isna().all()


def test_sums_by_family_image_type_and_modality():
    by_fold = measured_by_fold(FINDINGS)
    told = importance_of_groups(by_fold, SPLITS).set_index(["by", "name"])
    each = importance_of_features(by_fold, SPLITS)
    assert told.loc[("family", "glcm"), "shap"] == pytest.approx(each.loc[[GLCM, BAND], "shap"].sum())
    assert told.loc[("image type", "wavelet-LLH"), "importance"] == pytest.approx(each.loc[BAND, "importance"])
    assert told.loc[("modality", "t1"), "importance"] == pytest.approx((0.1 + 0.2) / 2)
    assert told.loc[("modality", "t1"), ["n_features", "mean_selected"]].tolist() == [2, pytest.approx(4 / 3)]
    for by in ("family", "image type", "modality"):
        assert told.loc[by, "shap"].sum() == pytest.approx(each["shap"].sum())


def test_agreement_is_spearmans_of_the_means():
    rng = np.random.default_rng(0)
    names = [f"t1__original_glcm_f{j}" for j in range(8)]
    findings = [
        found(
            [(n, d, c) for n, d, c in zip(names, *rng.normal(size=(2, 8)), strict=True)],
            [(n, rng.normal(size=3)) for n in names],
        )
        for _ in range(3)
    ]
    by_fold = measured_by_fold(findings)
    told = agreement_of_measures(by_fold).set_index(["modality", "a", "b"])["spearman"]
    expected = spearmanr(by_fold["importance"].mean(), by_fold["coefficient"].mean()).statistic
    assert told["t1", "importance", "coefficient"] == told["", "importance", "coefficient"] == pytest.approx(expected)
    assert agreement_of_measures(measured_by_fold(FINDINGS)).query("modality == 't2'").empty  # one feature has no rank


def test_rows_of_a_sample_add_up_over_repeats_and_what_is_not_shown_is_added_up():
    names = [f"t1__f{j}" for j in range(6)]
    rng = np.random.default_rng(0)
    findings = [
        found([], [(n, v) for n, v in zip([BASE, *own], rng.normal(size=(7, 2)), strict=False)])
        for own in (names, names[:3])
    ]
    for one in findings:
        one["shapley"]["member"] = "t1"
    told = gather_shapley(findings, most_shown=2)
    assert told.groupby("sample_id")["feature"].agg(list).map(len).tolist() == [4, 4]
    total = sum(one["shapley"].groupby("sample_id")["shap"].sum() for one in findings) / 2
    pd.testing.assert_series_equal(told.groupby("sample_id")["shap"].sum(), total)
    assert set(told["feature"]) - {BASE, "(others)"} <= {name.removeprefix("t1__") for name in names}
