"""Scores of a model on two cohorts that share nobody: the unpaired DeLong test, coverage, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse.errors import RequestError
from radiofuse.statistics import compare_cohorts, delong_test_unpaired, score_predictions


def binary(n, seed, strength=1.0, start="a", n_repeats=1):
    rng = np.random.default_rng(seed)
    label = (np.arange(n) % 3 == 0).astype(int)
    ids = [f"{start}{row:03}" for row in range(n)]
    parts = [
        pd.DataFrame(
            {
                "outcome": "idh",
                "sample_id": ids,
                "patient_id": ids,
                "repeat": repeat,
                "fold": 0,
                "model": "mean",
                "class": "mutant",
                "label": label,
                "probability": 1 / (1 + np.exp(-strength * label - rng.normal(size=n))),
            }
        )
        for repeat in range(n_repeats)
    ]
    return pd.concat(parts, ignore_index=True)


def several(n, seed, start):
    rng = np.random.default_rng(seed)
    code, odds = np.arange(n) % 3, rng.normal(size=(n, 3))
    odds[np.arange(n), code] += 1
    shares = np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True)
    ids = [f"{start}{row:03}" for row in range(n)]
    head = {"outcome": "grade", "sample_id": ids, "patient_id": ids, "repeat": 0, "fold": 0, "model": "mean"}
    cells = [{"class": str(k + 2), "label": (code == k).astype(int), "probability": shares[:, k]} for k in range(3)]
    return pd.concat([pd.DataFrame({**head, **one}) for one in cells], ignore_index=True)


def test_the_p_value_of_an_auc_is_that_of_the_unpaired_test():
    a, b = binary(40, 0), binary(60, 1, start="b")
    found = compare_cohorts(a, b, metrics=["auc"]).iloc[0]
    test = delong_test_unpaired(a["label"], a["probability"], b["label"], b["probability"])
    assert found["difference"] == pytest.approx(test.difference, abs=1e-12)
    assert found["p_value"] == pytest.approx(test.p_value, abs=1e-12)
    half = 1.96 * abs(test.difference / test.statistic)
    assert (found["high"] - found["low"]) / 2 == pytest.approx(half, rel=0.15)


def test_value_and_reference_are_the_scores_of_each_cohort():
    a, b = pd.concat([binary(40, 0), several(45, 2, "a")]), pd.concat([binary(60, 1, 1, "b", 3), several(90, 3, "b")])
    found = compare_cohorts(a, b, n_resamples=50).set_index(["outcome", "class", "metric"]).sort_index()
    for column, table in (("value", a), ("reference", b)):
        scores = score_predictions(table, n_resamples=50).set_index(["outcome", "class", "metric"])["value"]
        pd.testing.assert_series_equal(found[column], scores[found.index], check_names=False)
    tests = found["test"].to_dict()
    assert tests.pop(("idh", "mutant", "auc")) == "DeLong, unpaired"
    assert set(tests.values()) == {"bootstrap"}
    assert (found["low"] <= found["difference"]).all()
    assert (found["difference"] <= found["high"]).all()


def test_equal_models_differ_seldom_and_a_worse_one_is_seen():
    false = [
        compare_cohorts(binary(40, seed), binary(60, 99 - seed, start="b"), metrics=["auc"], n_resamples=1)
        for seed in range(16)
    ]
    assert np.mean(pd.concat(false)["p_value"] < 0.05) <= 0.2
    worse = compare_cohorts(binary(60, 0, strength=0.0), binary(60, 1, strength=3, start="b"), metrics=["auc"]).iloc[0]
    assert worse["high"] < 0
    assert worse["p_value"] < 0.01


def test_a_cohort_of_one_class_has_no_difference_and_shared_patients_are_refused():
    one = binary(40, 0).query("label == 1")
    found = compare_cohorts(one, binary(60, 1, start="b"), metrics=["auc", "brier"], n_resamples=20).set_index("metric")
    assert found.loc["auc", ["value", "difference", "low", "p_value"]].isna().all()
    assert np.isfinite(found.loc["brier", "difference"])
    with pytest.raises(RequestError, match="60 patients are in both tables"):
        compare_cohorts(binary(60, 0), binary(60, 1))
    with pytest.raises(RequestError, match="are of the classes mutant, those of the reference of 1"):
        compare_cohorts(binary(60, 0), binary(60, 1, start="b").assign(**{"class": "1"}))
