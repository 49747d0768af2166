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
    plain = xgboost.XGBClassifier(**trees.get_params()).fit(X.to_numpy(), y)
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
