"""The chain of one modality: what is constant in the training rows decides nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from radiofuse.classify import CLASSIFIERS
from radiofuse.classify.modality import clinical_classifier, modality_classifier
from radiofuse.errors import RequestError


@pytest.mark.parametrize("classifier", sorted(CLASSIFIERS))
def test_what_the_training_rows_never_showed_changes_no_answer(classifier):
    """A column all NaN in training and one constant there, both far off in a new row."""
    if classifier == "xgboost":
        pytest.importorskip("xgboost", reason="the extra `boost` is not installed")
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    X = pd.DataFrame(rng.normal(size=(60, 4)) + y[:, None], columns=[f"t1__f{j}" for j in range(4)])
    X = X.assign(t1__empty=np.nan, t1__constant=0.0)
    chain = modality_classifier(classifier, select=None, random_state=0).fit(X, y)
    strange = X.assign(t1__empty=2000.0, t1__constant=3e4)
    np.testing.assert_array_equal(chain.predict_proba(strange), chain.predict_proba(X))


@pytest.mark.parametrize("classifier", ["logistic", "svm", "brnn", "random_forest"])
@pytest.mark.parametrize("selector", [None, "three_step", "correlation"])
@pytest.mark.filterwarnings("ignore::radiofuse.select.NothingSelectedWarning")
def test_a_modality_that_is_constant_answers_the_same_for_everyone(classifier, selector):
    y = np.arange(40) % 2
    X = pd.DataFrame({"t1__only": np.ones(40)})
    probability = modality_classifier(classifier, select=selector, random_state=0).fit(X, y).predict_proba(X)[:, 1]
    assert np.ptp(probability) == 0
    assert probability[0] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 2}, "'threshold' parameter of ThreeStepSelector must be a float in the range"),
        ({"on_empty": "intercept"}, 'on_empty = "intercept" may leave the classifier no feature'),
        ({"alfa": 0.1}, "has no option 'alfa'"),
    ],
)
def test_options_are_refused_before_anything_is_fitted(options, message):
    with pytest.raises(RequestError, match=message):
        modality_classifier("logistic", select_options=options)


def test_a_wrong_value_of_a_classifier_is_refused_too():
    with pytest.raises(RequestError, match="'C' parameter of LogisticRegression"):
        modality_classifier("logistic", classify_options={"C": -1})


def test_a_selector_that_goes_by_names_gets_them_through_the_chain():
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    X = pd.DataFrame(rng.normal(size=(40, 3)) + y[:, None], columns=["t1__a", "t1__b", "t1__c"])
    icc = {"t1__a": 0.9, "t1__b": 0.3, "t1__c": 0.8}
    chain = modality_classifier("logistic", select="reproducibility", select_options={"icc": icc}).fit(X, y)
    assert chain["select"].get_support().tolist() == [True, False, True]
    assert chain.predict_proba(X).shape == (40, 2)


def test_the_clinical_arm_learns_three_classes_named_by_text():
    rng = np.random.default_rng(0)
    grade = np.arange(90) % 3
    X = pd.DataFrame({"clinical__age": rng.normal(size=90) + 2 * grade, "t1__noise": rng.normal(size=90)})
    X.loc[5, "clinical__age"] = np.nan
    chain = clinical_classifier(random_state=0).fit(X, np.array(["2", "3", "4"])[grade])
    alone = LogisticRegression().fit(chain[:-1].transform(X), grade)
    np.testing.assert_allclose(chain.predict_proba(X), alone.predict_proba(chain[:-1].transform(X)))
    assert chain.classes_.tolist() == ["2", "3", "4"]
