"""The folds inside the training rows."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import GroupKFold, ShuffleSplit

from radiofuse.errors import CohortError, RequestError
from radiofuse.patients.inner_folds import inner_folds

PATIENTS = np.repeat([f"p{number:02d}" for number in range(30)], 2)
Y = (np.arange(60) // 2 % 3 == 0).astype(int)


@pytest.mark.parametrize("cv", [5, GroupKFold(5)])
def test_patients_stay_whole_and_every_row_is_tested_once(cv):
    folds = inner_folds(cv, Y, PATIENTS, 0)
    for train, test in folds:
        assert not set(PATIENTS[train]) & set(PATIENTS[test])
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(60))


def test_folds_are_stratified():
    shares = [Y[test].mean() for _, test in inner_folds(5, Y, PATIENTS, 0)]
    np.testing.assert_allclose(shares, 1 / 3)


def test_folds_are_stratified_when_every_row_is_a_patient():
    y = np.array([0] * 37 + [1] * 13)
    positives = [y[test].sum() for _, test in inner_folds(5, y, None, 0)]
    assert max(positives) - min(positives) <= 1


def test_make_up_does_not_depend_on_row_order():
    order = np.random.default_rng(0).permutation(60)
    straight = [set(PATIENTS[test]) for _, test in inner_folds(5, Y, PATIENTS, 0)]
    shuffled = [set(PATIENTS[order][test]) for _, test in inner_folds(5, Y[order], PATIENTS[order], 0)]
    assert straight == shuffled


def test_too_few_patients_of_a_class_is_said():
    y = np.repeat([0, 1], [50, 10])
    patients = np.append(np.arange(50), np.repeat([90, 91], 5))  # ten positive rows of two patients
    with pytest.raises(CohortError, match=r"at least 3 patients of each class.*has 2\. Lower inner_folds in"):
        inner_folds(3, y, patients, 0)


def test_a_splitter_that_does_not_partition_is_refused():
    with pytest.raises(RequestError, match="exactly once"):
        inner_folds(ShuffleSplit(3, random_state=0), Y, None, 0)
