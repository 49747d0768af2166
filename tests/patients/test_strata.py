"""Strata of several outcomes: combinations are told apart as far as each keeps enough patients."""

from __future__ import annotations

import numpy as np
import pandas as pd

from radiofuse.patients import patient_splits
from radiofuse.patients.strata import joint_strata


def table(n=60, seed=0):
    rng = np.random.default_rng(seed)
    labels = pd.DataFrame({"idh": rng.integers(0, 2, n), "grade": rng.integers(0, 3, n)}, dtype=float)
    labels.loc[rng.random(n) < 0.2, "grade"] = np.nan
    return labels, np.array([f"p{row // 2}" for row in range(n)])


def test_one_outcome_that_is_known_everywhere_is_dealt_as_before():
    labels, groups = table()
    y = labels["idh"].to_numpy(int)
    before = patient_splits(y, groups, n_splits=3, n_repeats=2, random_state=1)
    now = patient_splits(
        joint_strata(labels[["idh"]], groups, fewest=3), groups, n_splits=3, n_repeats=2, random_state=1
    )
    assert [split.test.tolist() for split in now] == [split.test.tolist() for split in before]


def test_every_stratum_has_as_many_patients_as_there_are_folds():
    for seed in range(20):
        labels, groups = table(seed=seed)
        strata = joint_strata(labels, groups, fewest=5)
        assert min(np.unique(groups[strata == one]).size for one in np.unique(strata)) >= 5


def test_the_rarest_outcome_is_told_apart_whatever_the_order_of_the_columns():
    rare = np.repeat([0, 0, 0, 0, 0, 1], 5).astype(float)
    common = np.tile([0.0, 1.0], 15)
    labels = pd.DataFrame({"common": common, "rare": rare})
    groups = np.arange(30).astype(str)
    for columns in (["common", "rare"], ["rare", "common"]):
        strata = joint_strata(labels[columns], groups, fewest=5)
        assert {rare[strata == one].mean() for one in np.unique(strata)} == {0.0, 1.0}


def test_a_stratum_that_cannot_be_divided_stays_whole_and_the_others_are_divided():
    idh = np.repeat([0.0, 1.0], [20, 4])
    grade = np.array([0, 1] * 10 + [0, 0, 0, 1], dtype=float)
    strata = joint_strata(pd.DataFrame({"idh": idh, "grade": grade}), np.arange(24).astype(str), fewest=4)
    assert np.unique(strata, return_counts=True)[1].tolist() == [10, 10, 4]


def test_outcomes_that_each_lack_a_few_patients_are_still_told_apart():
    """One unknown patient is no stratum of its own; it must not keep the others from being dealt by class."""
    labels = pd.DataFrame({"idh": [np.nan, *[0, 1] * 10], "grade": [*[0] * 10, *[1] * 10, np.nan]})
    strata = joint_strata(labels, np.arange(21).astype(str), fewest=5)
    known = labels["idh"].notna()
    assert {labels["idh"][known & (strata == one)].mean() for one in np.unique(strata)} == {0.0, 1.0}
    assert len(patient_splits(strata, np.arange(21).astype(str), n_splits=5)) == 5
