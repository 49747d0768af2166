"""A stack of classifiers: its regression learns from patients that they did not see."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import config_context
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, StratifiedGroupKFold
from sklearn.naive_bayes import GaussianNB

from radiofuse.classify.calibrated_svc import CalibratedSVC
from radiofuse.classify.choices import stacking
from radiofuse.classify.stacked import StackedClassifier
from radiofuse.errors import CohortError, RequestError


def scans(rng, n_patients: int, n_scans: int):
    """Labels that the features know nothing of; the scans of a patient are nearly alike."""
    y = np.arange(n_patients) % 2
    X = np.repeat(rng.normal(size=(n_patients, 8)), n_scans, axis=0)
    return X + 0.1 * rng.normal(size=X.shape), np.repeat(y, n_scans), np.repeat(np.arange(n_patients), n_scans)


def members():
    forest = RandomForestClassifier(20, min_samples_leaf=2, random_state=0)
    return [("forest", forest), ("svm", CalibratedSVC(random_state=0))]


def test_it_is_the_regression_on_probabilities_of_whole_patients_out_of_fold():
    X, y, patients = scans(np.random.default_rng(0), 30, 2)
    folds = list(StratifiedGroupKFold(3, shuffle=True, random_state=4).split(X, y, patients))
    answers = np.empty((len(y), 2))
    for train, test in folds:
        forest, machine = (member for _, member in members())
        answers[test, 0] = forest.fit(X[train], y[train]).predict_proba(X[test])[:, 1]
        machine.fit(X[train], y[train], groups=patients[train])  # its own folds keep patients whole too
        answers[test, 1] = machine.predict_proba(X[test])[:, 1]
    expected = LogisticRegression(max_iter=1000).fit(answers, y)
    stack = StackedClassifier(members(), cv=3, random_state=4).fit(X, y, groups=patients)
    np.testing.assert_allclose(stack.regression_.coef_, expected.coef_, rtol=1e-6)
    with config_context(enable_metadata_routing=True):
        again = StackedClassifier(members(), cv=3, random_state=4).fit(X, y, groups=patients)
    np.testing.assert_array_equal(again.predict_proba(X), stack.predict_proba(X))


def test_repeated_scans_do_not_make_a_forest_trusted():
    """A forest knows a patient's second scan by the first: torn folds make the regression believe in it."""
    X, y, patients = scans(np.random.default_rng(1), 40, 3)
    whole, torn = (
        StackedClassifier(members()[:1], cv=3, random_state=0).fit(X, y, groups=groups) for groups in (patients, None)
    )
    weights = [stack.regression_.coef_[0, 0] for stack in (whole, torn)]
    assert abs(weights[0]) < 1 and weights[1] > 3


def test_too_few_patients_for_the_inner_folds_is_a_sentence():
    X, y = np.random.default_rng(0).normal(size=(30, 3)), np.arange(30) < 3
    with pytest.raises(CohortError, match="Stacking in 5 inner folds needs 5 patients of each class, .* has 3"):
        stacking(0).fit(X, y)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_splitter_that_trains_without_a_class_is_a_sentence(n_classes):
    y = np.repeat(np.arange(n_classes), 6)  # in blocks, so that unshuffled folds leave a class out
    X = np.random.default_rng(0).normal(size=(len(y), 3))
    stack = StackedClassifier([("bayes", GaussianNB())], cv=KFold(n_classes))
    with pytest.raises(RequestError, match=r"train inner fold 1 have no row of class 0.*Pass cv as an int"):
        stack.fit(X, y)
