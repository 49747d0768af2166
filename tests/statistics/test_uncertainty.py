"""Calibration within bins of uncertainty: hand values, edges, empty bins, models right as often as they say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse.errors import RequestError
from radiofuse.statistics import calibration_by_uncertainty, multiclass_calibration_error


def told(probability, label, **columns):
    ids = [f"s{row:03}" for row in range(len(label))]
    rows = {"sample_id": ids, "patient_id": ids, "repeat": 0, "fold": 0, "model": "t1", **columns}
    return pd.DataFrame({**rows, "label": label, "probability": probability})


def spread(table, sd):
    return table[["sample_id", "repeat", "model"]].assign(sd=sd)


def test_hand_values_by_the_spread_of_refits():
    """Two sure and right, two unsure of whom one is wrong; the bin between them has nobody."""
    table = told([0.1, 0.9, 0.7, 0.7], [0, 1, 1, 0])
    found = calibration_by_uncertainty(table, spread(table, [0.01, 0.05, 0.12, 0.15]))
    bins = found[found["uncertainty"] == "sd of refits"].set_index("to_uncertainty")
    assert bins.index.tolist() == pytest.approx(np.arange(1, 11) / 20)
    assert bins.loc[0.05, ["n", "confidence", "accuracy", "ece"]].tolist() == pytest.approx([2, 0.9, 1, 0.1])
    assert bins.loc[0.15, ["n", "confidence", "accuracy", "ece"]].tolist() == pytest.approx([2, 0.7, 0.5, 0.2])
    assert bins.loc[0.1, "n"] == 0
    assert bins.loc[0.1, ["confidence", "accuracy", "ece"]].isna().all()  # nobody there is no perfect calibration


def test_bins_hold_their_upper_edge_and_the_first_one_holds_zero():
    table = told([1.0, 0.95, 0.9, 0.85, 0.05], [1, 1, 1, 1, 0])
    bins = calibration_by_uncertainty(table).set_index("to_uncertainty")
    assert bins.loc[[0.05, 0.1, 0.15], "n"].tolist() == [
        3,
        1,
        1,
    ]  # 1 - .95, 1 - .9, 1 - .85 by floats are a little more
    assert set(bins["uncertainty"]) == {"1 - highest probability"}


def test_where_a_model_is_right_as_often_as_it_says_the_error_of_every_bin_is_0():
    parts = [told([p] * 20, np.arange(20) < 20 * p, model="t1") for p in (0.55, 0.6, 0.75, 0.9)]
    table = pd.concat(parts, ignore_index=True).assign(sample_id=lambda rows: rows.index.astype(str))
    table["patient_id"] = table["sample_id"]
    bins = calibration_by_uncertainty(table.assign(label=table["label"].astype(int)))
    assert bins["ece"].dropna().to_numpy() == pytest.approx(0)
    assert bins["n"].sum() == 80


def test_of_several_classes_the_spread_is_that_of_the_class_that_is_called():
    P = np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1]])
    long = told(P.ravel(), np.eye(3, dtype=int)[[0, 2]].ravel())
    ids = np.repeat(["a", "b"], 3)
    names = ["2", "3", "4"] * 2
    long = long.assign(sample_id=ids, patient_id=ids, outcome="grade", **{"class": names})
    spreads = long[["outcome", "sample_id", "repeat", "model", "class"]].assign(sd=[0.02, 0.3, 0.4, 0.3, 0.07, 0.4])
    found = calibration_by_uncertainty(long, spreads)
    bins = found[found["uncertainty"] == "sd of refits"].set_index("to_uncertainty")
    assert bins.loc[0.05, ["confidence", "accuracy"]].tolist() == [0.6, 1]
    assert bins.loc[0.1, ["confidence", "accuracy"]].tolist() == [0.7, 0]
    whole = calibration_by_uncertainty(long, width=0.67)
    expected = multiclass_calibration_error([0, 2], P, classes=[0, 1, 2], n_bins=10)
    assert whole["ece"].iloc[0] == pytest.approx(expected)


def test_repeats_add_no_patients():
    once = told([0.9, 0.2], [1, 0])
    twice = pd.concat([once, once.assign(repeat=1)])
    pd.testing.assert_frame_equal(calibration_by_uncertainty(once), calibration_by_uncertainty(twice))


def test_spreads_that_lack_a_sample_are_refused():
    table = told([0.9, 0.2], [1, 0])
    with pytest.raises(RequestError, match="The spreads of t1 for the outcome lack 1 of its 2 predictions"):
        calibration_by_uncertainty(table, spread(table, [0.1, np.nan]))
