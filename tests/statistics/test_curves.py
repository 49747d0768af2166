"""The ROC points: scikit-learn's curve, the area of the table, a band around it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_curve

from radiofuse.statistics import precision_recall_points, roc_points, score_predictions


def test_goes_through_the_points_of_scikit_learn(make_predictions):
    rows = make_predictions(n_patients=50, n_repeats=1, models=("t1",))
    points = roc_points(rows, "t1", n_resamples=10).iloc[1:]
    false, true, _ = roc_curve(rows["label"], rows["probability"])
    np.testing.assert_allclose(
        points["true_positive_rate"], np.interp(points["false_positive_rate"], false, true), atol=1e-12
    )


def test_area_is_the_auc_of_the_table(make_predictions):
    table = make_predictions(n_patients=100, n_repeats=3, rows_per_patient=(1, 2))
    value = score_predictions(table, n_resamples=1).set_index(["model", "metric"])["value"]
    for model in ("t1", "fused"):
        points = roc_points(table, model, n_resamples=10)
        area = np.trapezoid(points["true_positive_rate"], points["false_positive_rate"])
        assert area == pytest.approx(value[model, "auc"], abs=0.003)


def test_curve_rises_from_corner_to_corner_within_its_band(make_predictions):
    points = roc_points(make_predictions(), "t1", n_resamples=200)
    assert points.iloc[0].tolist() == [0, 0, 0, 0]
    assert points.iloc[-1].tolist() == [1, 1, 1, 1]
    assert (points.diff().iloc[1:] >= -1e-12).all(axis=None)
    middle = points[points["false_positive_rate"].between(0.2, 0.8)]
    assert (middle["low"] <= middle["true_positive_rate"]).all()
    assert (middle["true_positive_rate"] <= middle["high"]).all()


def test_order_of_rows_changes_no_bit(make_predictions):
    table = make_predictions()
    pd.testing.assert_frame_equal(
        roc_points(table, "t1", n_resamples=20),
        roc_points(table.sample(frac=1, random_state=2), "t1", n_resamples=20),
        check_exact=True,
    )


def test_rows_of_one_label_have_no_curve(make_predictions):
    points = roc_points(make_predictions().assign(label=0), "t1", n_resamples=5)
    assert points.iloc[1:, 1:].isna().all(axis=None)


def test_the_area_below_a_precision_recall_curve_is_the_average_precision(make_predictions):
    table = make_predictions()
    points = precision_recall_points(table, "t1", n_resamples=5)
    own = table[table["model"] == "t1"]
    expected = np.mean([average_precision_score(r["label"], r["probability"]) for _, r in own.groupby("repeat")])
    assert points["precision"].iloc[1:].mean() == pytest.approx(expected, abs=0.01)
    assert points["precision"].iloc[-1] == pytest.approx(
        np.mean(
            [
                r["label"].sum() / (r["probability"] >= r.loc[r["label"] == 1, "probability"].min()).sum()
                for _, r in own.groupby("repeat")
            ]
        )
    )
    assert (points["low"] <= points["high"]).all()
    same = precision_recall_points(table.sample(frac=1, random_state=2), "t1", n_resamples=5)
    pd.testing.assert_frame_equal(points, same, check_exact=True)


def test_a_model_that_knows_nothing_has_the_share_of_positives_as_precision(make_predictions):
    table = make_predictions().assign(probability=0.5)
    share = table.loc[table["model"] == "t1", "label"].mean()
    assert precision_recall_points(table, "t1", n_resamples=2)["precision"].unique() == pytest.approx([share])
