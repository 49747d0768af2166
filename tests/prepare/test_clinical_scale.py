"""Ages and other clinical numbers on one scale, learned in training rows alone; ages beyond them are told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_validate
from sklearn.preprocessing import MinMaxScaler

from radiofuse.classify.modality import clinical_classifier
from radiofuse.prepare.clinical_scale import CLINICAL_SCALES, NormalScoreScaler, UnitRangeScaler

TRAINING = pd.DataFrame({"clinical__sex": [0.0, 1.0, 1.0, 0.0], "clinical__age": [30.0, 40.0, 60.0, 80.0]})
NEW = pd.DataFrame({"clinical__sex": [1.0, 0.0], "clinical__age": [90.0, 20.0]})


def test_the_unit_range_is_that_of_scikit_learn_on_the_training_rows() -> None:
    ours = UnitRangeScaler().fit(TRAINING)
    theirs = MinMaxScaler().fit(TRAINING)
    for table in (TRAINING, NEW):
        np.testing.assert_allclose(ours.transform(table), theirs.transform(table), atol=1e-15)
    assert ours.transform(NEW)[:, 1].tolist() == [1.2, -0.2]  # not cut: 90 is not 80


def test_what_is_constant_in_training_is_0_in_every_row() -> None:
    scaler = UnitRangeScaler().fit([[5.0, 0.0], [5.0, 0.0]])
    assert scaler.transform([[9000.0, 1.0]]).tolist() == [[0.0, 0.0]]


def test_normal_scores_are_those_of_the_ranks_and_stay_at_the_ends() -> None:
    scaler = NormalScoreScaler().fit(TRAINING)
    expected = norm.ppf([0.125, 0.375, 0.625, 0.875])
    np.testing.assert_allclose(scaler.transform(TRAINING)[:, 1], expected)
    np.testing.assert_allclose(scaler.transform(NEW)[:, 1], expected[[-1, 0]])
    np.testing.assert_allclose(scaler.transform(TRAINING)[:, 0], norm.ppf([0.25, 0.75, 0.75, 0.25]))  # ties
    between = scaler.transform(pd.DataFrame({"clinical__sex": [0.0], "clinical__age": [35.0]}))[0, 1]
    assert between == pytest.approx(expected[:2].mean())
    constant = NormalScoreScaler().fit([[7.0], [7.0], [7.0]])
    assert constant.transform([[7.0], [99.0]]).ravel().tolist() == [0.0, 0.0]


def test_the_age_over_100_is_literal_and_sex_stays_0_and_1() -> None:
    y = np.array([0, 1, 1, 0])
    chain = clinical_classifier(scale="age_100").fit(TRAINING, y)
    np.testing.assert_allclose(chain[:-1].transform(NEW), [[1.0, 0.9], [0.0, 0.2]])
    gap = NEW.assign(clinical__age=[np.nan, 20.0])
    assert chain[:-1].transform(gap)[0, 1] == pytest.approx(0.5)  # the median of the training rows over 100


@pytest.mark.parametrize("scale", CLINICAL_SCALES)
def test_an_age_in_the_test_fold_moves_nothing_that_is_learned(scale: str) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"clinical__age": rng.normal(55, 12, 60), "clinical__sex": rng.integers(0, 2, 60) * 1.0})
    y = (table["clinical__age"] > 55).astype(int).to_numpy()
    odd = table.assign(clinical__age=table["clinical__age"].where(table.index < 40, 500.0))
    answers = []
    for rows in (table, odd):
        fold = [(np.arange(40), np.arange(40, 60))]
        model = clinical_classifier(scale=scale, random_state=0)
        found = cross_validate(model, rows, y, cv=fold, return_estimator=True)["estimator"][0]
        answers.append(found.predict_proba(table)[:, 1])
    np.testing.assert_array_equal(*answers)
    assert roc_auc_score(y, answers[0]) > 0.95
