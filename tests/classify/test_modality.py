"""The chain of one modality: what is constant in the training rows decides nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler

from radiofuse.classify import CLASSIFIERS
from radiofuse.classify.modality import MedianImputer, TrainingScaler, modality_classifier
from radiofuse.errors import RequestError


@pytest.mark.parametrize("n_rows", [1, 6, 7])
@pytest.mark.parametrize("as_table", [True, False])
def test_gaps_are_filled_as_by_scikit_learn(n_rows, as_table):
    rng = np.random.default_rng(n_rows)
    train, test = rng.normal(size=(2, n_rows, 40))
    train[rng.random(train.shape) < 0.4], test[rng.random(test.shape) < 0.4] = np.nan, np.nan
    train[:, 0] = np.nan
    if as_table:
        train, test = (pd.DataFrame(values).add_prefix("t1__f") for values in (train, test))
    expected = SimpleImputer(strategy="median", keep_empty_features=True).fit(train)
    imputer = MedianImputer().fit(train)
    np.testing.assert_array_equal(imputer.statistics_, expected.statistics_)
    np.testing.assert_array_equal(imputer.transform(test), expected.transform(test))
    assert imputer.get_feature_names_out().tolist() == expected.get_feature_names_out().tolist()


def test_a_table_is_checked_as_by_scikit_learn_although_its_columns_are_read_at_once():
    table = pd.DataFrame({"t1__a": [1.0, 2.0, np.nan], "t1__b": [3.0, 4.0, 6.0]})
    imputer = MedianImputer().fit(table)
    with pytest.raises(ValueError, match="should match those that were passed during fit"):
        imputer.transform(table.rename(columns={"t1__b": "t1__c"}))
    with pytest.raises(ValueError, match="contains infinity"):
        imputer.transform(table.assign(t1__a=np.inf))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        imputer.transform(table.to_numpy())
    assert MedianImputer().fit(table.astype({"t1__b": int})).statistics_.tolist() == [1.5, 4.0]


def test_columns_that_vary_are_scaled_as_by_scikit_learn():
    X = np.random.default_rng(0).normal(3, 5, size=(40, 4))
    np.testing.assert_array_equal(TrainingScaler().fit_transform(X), StandardScaler().fit_transform(X))


def test_constant_up_to_rounding_is_constant():
    X = np.column_stack([np.full(30, 0.1) + 1e-17 * np.arange(30), np.arange(30.0)])
    assert TrainingScaler().fit(X).constant_.tolist() == [True, False]


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
