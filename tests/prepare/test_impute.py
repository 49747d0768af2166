"""Gaps become medians of the training rows, as by scikit-learn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer

from radiofuse.prepare.impute import MedianImputer, column_medians, fill_gaps


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


def test_medians_are_numpys_at_any_size():
    X = np.random.default_rng(0).uniform(0.5, 1, size=(8, 6)) * [1e-320, 1e-300, 1.0, 1e150, 1e300, 1.7e308]
    with np.errstate(over="ignore"):
        expected = np.median(X, axis=0)
    np.testing.assert_array_equal(column_medians(X)[:5], expected[:5])
    assert column_medians(np.full((2, 1), 1.7e308)) == 1.7e308  # numpy's is infinite


def test_the_same_medians_fill_gaps_with_and_without_an_estimator():
    X = np.random.default_rng(0).normal(size=(20, 9))
    X[np.random.default_rng(1).random(X.shape) < 0.3] = np.nan
    X[:, 4] = np.nan
    np.testing.assert_array_equal(fill_gaps(X), MedianImputer().fit_transform(X))
