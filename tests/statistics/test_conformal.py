"""Prediction sets hold the true class as often as asked for, class by class, on patients drawn alike."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse.errors import RequestError
from radiofuse.statistics.conformal import conformal_limits, conformal_table, prediction_sets


def drawn(n, share=0.3, seed=0):
    """Return classes and overconfident probabilities: coverage must not need calibrated ones."""
    rng = np.random.default_rng(seed)
    code = (rng.random(n) < share).astype(int)
    positive = 1 / (1 + np.exp(-3 * (rng.normal(size=n) + 1.5 * code - 0.75)))
    return code, np.column_stack([1 - positive, positive])


def test_the_limit_is_the_rank_that_is_exact_in_finite_samples():
    """Of n patients that of rank ceil((n + 1) level), as Vovk has it: with 9 patients and .9 the greatest."""
    doubt = np.arange(1, 10) / 10
    code, probability = np.zeros(9, int), np.column_stack([1 - doubt, doubt])
    assert conformal_limits(code, probability, level=0.9)[0] == pytest.approx(0.9)
    assert conformal_limits(code, probability, level=0.8)[0] == pytest.approx(0.8)
    assert conformal_limits(code[:8], probability[:8], level=0.9)[0] == np.inf  # too few to leave the class out
    assert conformal_limits(code, probability, level=0.9)[1] == np.inf  # no patient of that class


@pytest.mark.parametrize("level", [0.8, 0.9])
def test_each_class_is_covered_as_often_as_asked_for(level):
    covered = np.zeros((300, 2))
    for seed in range(300):
        code, probability = drawn(120, seed=seed)
        new_code, new = drawn(120, seed=10_000 + seed)
        sets = prediction_sets(new, conformal_limits(code, probability, level=level))
        hit = sets[np.arange(120), new_code]
        covered[seed] = [hit[new_code == place].mean() for place in (0, 1)]
    # exact coverage is between level and level + 1 / (n_of_class + 1); 3 standard errors of 300 draws below .01
    for place, n_of_class in ((0, 84), (1, 36)):
        assert level - 0.01 < covered[:, place].mean() < level + 1 / (n_of_class + 1) + 0.01


def test_sets_grow_with_the_level():
    code, probability = drawn(200)
    levels = [0.5, 0.7, 0.9, 0.99]
    sizes = [prediction_sets(probability, conformal_limits(code, probability, level=one)).sum(axis=1) for one in levels]
    assert all((larger >= smaller).all() for smaller, larger in zip(sizes, sizes[1:], strict=False))


def test_several_samples_of_a_patient_count_once_by_the_worst():
    code, probability = drawn(40)
    twice = conformal_limits(
        np.tile(code, 2), np.vstack([probability, probability]), patients=np.tile(np.arange(40), 2)
    )
    np.testing.assert_array_equal(twice, conformal_limits(code, probability))


def table_of(code, probability, n_folds=5):
    ids = [f"p{row:03}" for row in range(len(code))]
    head = {"sample_id": ids, "patient_id": ids, "repeat": 0, "fold": np.arange(len(code)) % n_folds, "model": "mean"}
    if probability.shape[1] == 2:
        return pd.DataFrame(
            {"outcome": "idh", "class": "mutant", **head, "label": code, "probability": probability[:, 1]}
        )
    parts = [
        pd.DataFrame({"outcome": "grade", "class": name, **head, "label": code == k, "probability": probability[:, k]})
        for k, name in enumerate("234")
    ]
    return pd.concat(parts).astype({"label": int})


def test_the_table_of_two_classes_is_that_of_the_folds():
    code, probability = drawn(200)
    found = conformal_table(table_of(code, probability), 0.9).set_index("class")
    hits = []
    for fold in range(5):
        tested = np.arange(200) % 5 == fold
        sets = prediction_sets(probability[tested], conformal_limits(code[~tested], probability[~tested]))
        hits += list(sets[np.arange(tested.sum()), code[tested]])
    assert found.loc["", "coverage"] == pytest.approx(np.mean(hits))
    assert found.loc["mutant", "limit"] == conformal_limits(code, probability)[1]
    assert (found["low"] <= found["coverage"]).all()
    assert found[["single", "several", "none"]].sum(axis=1).to_numpy() == pytest.approx(1)


def test_three_classes_and_a_fold_without_one(caplog):
    rng = np.random.default_rng(0)
    code = np.arange(90) % 3
    probability = rng.dirichlet(np.ones(3), 90) * 0.5 + 0.5 * np.eye(3)[code]
    found = conformal_table(table_of(code, probability)).set_index("class")
    assert list(found.index) == ["", "2", "3", "4"]
    assert found["coverage"].between(0.8, 1).all()
    lonely = np.where(np.arange(90) % 5 == 0, code, code % 2)  # class 4 in one fold alone
    assert conformal_table(table_of(lonely, probability)).empty
    assert "No prediction sets of mean of grade" in caplog.text


def test_limits_for_new_patients_are_those_of_the_repeats_averaged():
    """The greatest doubt over repeats would be another, wider limit than those whose coverage is told."""
    (code, first), (_, second) = drawn(100), drawn(100, seed=0)
    second = np.clip(second + np.random.default_rng(1).normal(0, 0.05, (100, 1)) * [1, -1], 0, 1)
    table = pd.concat([table_of(code, first), table_of(code, second).assign(repeat=1)])
    found = conformal_table(table).set_index("class")["limit"]
    expected = np.mean([conformal_limits(code, one) for one in (first, second)], axis=0)
    assert found[["not mutant", "mutant"]].to_numpy() == pytest.approx(expected)


def test_a_gap_is_refused():
    with pytest.raises(RequestError, match="no gap"):
        conformal_limits([0, 1], [[0.5, 0.5], [np.nan, np.nan]])
