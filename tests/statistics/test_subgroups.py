"""Scores in groups of patients: those of the group's own rows, small groups counted only."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse.statistics import compare_cohorts, in_age_bands, score_predictions, score_subgroups


@pytest.fixture(scope="module")
def predictions():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 120)
    ids = [f"p{i}" for i in range(120)]
    signal = np.where(np.arange(120) < 60, 3.0, 0.0) * label  # the second half of the patients tells nothing
    probability = 1 / (1 + np.exp(-(signal - 1 + rng.normal(size=120))))
    rows = {"sample_id": ids, "patient_id": ids, "repeat": 0, "fold": 0, "model": "m", "label": label}
    return pd.DataFrame({**rows, "probability": probability})


@pytest.fixture(scope="module")
def groups():
    site = np.where(np.arange(120) < 60, "good", "bad").astype(object)
    site[-5:] = "small"
    site[:2] = np.nan
    return pd.DataFrame({"site": site}, index=[f"p{i}" for i in range(120)])


def test_scores_are_those_of_the_groups_own_rows(predictions, groups):
    told = score_subgroups(predictions, groups, n_resamples=50).set_index(["level", "metric"])
    own = predictions[predictions["patient_id"].map(groups["site"]) == "good"]
    rest = predictions[predictions["patient_id"].map(groups["site"]).isin(["bad", "small"])]
    expected = score_predictions(own, n_resamples=50).set_index("metric")
    for metric in ("auc", "balanced_accuracy", "recall", "specificity"):
        found = told.loc[("good", metric), ["value", "low", "high"]].astype(float)
        np.testing.assert_allclose(found, expected.loc[metric, ["value", "low", "high"]].astype(float))
    compared = compare_cohorts(own, rest, metrics=["auc"], n_resamples=50).iloc[0]
    assert told.loc[("good", "auc"), "p_value"] == pytest.approx(compared["p_value"])
    assert told.loc[("good", "auc"), "difference"] == pytest.approx(compared["difference"])
    assert told.loc[("good", "auc"), "p_value"] < 0.001


def test_bands_of_age_stand_from_young_to_old(predictions, groups):
    ages = pd.DataFrame({"age": in_age_bands(pd.Series(np.arange(120) % 60 + 20, groups.index))})
    found = score_subgroups(predictions, ages, n_resamples=20)["level"].unique().tolist()
    assert found == ["under 40", "40 to 59", "60 and over"]


def test_small_groups_are_counted_and_not_scored(predictions, groups):
    told = score_subgroups(predictions, groups, n_resamples=20)
    small = told[told["level"] == "small"]
    assert len(small) == 1
    assert small[["metric", "n_patients"]].to_numpy().tolist() == [["", 5]]
    assert small[["value", "low", "difference", "p_value"]].isna().all(axis=None)
    assert told.groupby("level")["n_patients"].first().sum() == 118  # two are of no known site


def test_several_classes_are_scored_as_a_whole():
    rng = np.random.default_rng(0)
    cls = rng.integers(0, 3, 120)
    P = rng.dirichlet([1, 1, 1], 120) + np.eye(3)[cls]
    P /= P.sum(axis=1, keepdims=True)
    rows = [
        (f"p{i}", f"p{i}", 0, 0, "m", name, int(cls[i] == place), P[i, place])
        for i in range(120)
        for place, name in enumerate("abc")
    ]
    table = pd.DataFrame(rows, columns="sample_id patient_id repeat fold model class label probability".split())
    table.insert(0, "outcome", "grade")
    sex = pd.DataFrame({"sex": np.arange(120) % 2}, index=[f"p{i}" for i in range(120)])
    told = score_subgroups(table, sex, n_resamples=20)
    assert set(told["metric"]) == {"auc", "balanced_accuracy"}
    assert told["n_smallest_class"].min() >= 10
    assert told["difference"].notna().all()
