"""xgboost with columns whose names it refuses: the numbers of the same columns without names."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone

from radiofuse import LateFusion, modality_classifier
from radiofuse.classify import CLASSIFIERS
from radiofuse.names import lookup

xgboost = pytest.importorskip("xgboost", reason="the extra `boost` is not installed")


@pytest.fixture
def table():
    rng, y = np.random.default_rng(0), np.arange(60) % 2
    X = pd.DataFrame(rng.normal(size=(60, 3)), columns=["t1__wavelet[0]", "t1__a<b", "t1__c"])
    X["t1__a<b"] += y
    return X, y


def test_names_are_cleaned_at_the_door_and_given_back(table):
    X, y = table
    trees = lookup("xgboost", CLASSIFIERS, "classifier")(0).fit(X, y)
    params = {name: value for name, value in trees.get_params().items() if name != "class_weight"}
    plain = xgboost.XGBClassifier(**params).fit(X.to_numpy(), y)
    np.testing.assert_array_equal(trees.predict_proba(X), plain.predict_proba(X.to_numpy()))
    np.testing.assert_array_equal(trees.predict(X), plain.predict(X.to_numpy()))
    assert trees.feature_names_in_.tolist() == X.columns.tolist()
    assert trees.importances().idxmax() == "t1__a<b"
    np.testing.assert_array_equal(trees.importances(), plain.feature_importances_)
    again = pickle.loads(pickle.dumps(trees))
    np.testing.assert_array_equal(again.predict_proba(X), trees.predict_proba(X))
    with pytest.raises(ValueError, match="mismatch"):
        trees.predict(X[X.columns[::-1]])
    assert not hasattr(clone(trees).fit(X.to_numpy(), y), "feature_names_in_")


def test_a_fusion_whose_steps_hand_on_tables_fits(table):
    X, y = table
    fusion = LateFusion([("t1", modality_classifier("xgboost", select=None, random_state=0))])
    expected = fusion.fit(X, y).predict_proba(X)
    with sklearn.config_context(transform_output="pandas"):
        np.testing.assert_array_equal(fusion.fit(X, y).predict_proba(X), expected)


def test_labels_of_any_kind_are_numbered_at_the_door(table):
    X, y = table
    grade = y + np.arange(60) // 40
    numbers = lookup("xgboost", CLASSIFIERS, "classifier")(0).fit(X, grade)
    words = clone(numbers).fit(X, np.array(["II", "III", "IV"])[grade])
    np.testing.assert_array_equal(words.predict_proba(X), numbers.predict_proba(X))
    assert words.classes_.tolist() == pickle.loads(pickle.dumps(words)).classes_.tolist() == ["II", "III", "IV"]
    np.testing.assert_array_equal(words.predict(X), np.array(["II", "III", "IV"])[numbers.predict(X)])
    assert words.fit(X, grade).classes_.tolist() == [0, 1, 2]  # fitted anew it forgets the other labels


def test_weights_of_classes_are_weights_of_rows(table):
    X, y = table
    trees = clone(lookup("xgboost", CLASSIFIERS, "classifier")(0)).set_params(class_weight={0: 1, 1: 3})
    by_row = lookup("xgboost", CLASSIFIERS, "classifier")(0).fit(X, y, sample_weight=1 + 2 * y)
    np.testing.assert_array_equal(trees.fit(X, y).predict_proba(X), by_row.predict_proba(X))
    assert (
        trees.predict_proba(X)[:, 1].mean()
        > trees.set_params(class_weight=None).fit(X, y).predict_proba(X)[:, 1].mean()
    )
