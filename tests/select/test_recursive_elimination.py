"""Recursive elimination: planted signals, the rule by plain loops, scale."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from radiofuse.select.recursive_elimination import RFESelector


def table(n_classes=2):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(90, 20)), np.arange(90) % n_classes
    X[:, [2, 7, 11]] += y[:, None]
    return X, y


@pytest.mark.parametrize("n_classes", [2, 3])
def test_equals_dropping_the_weakest_by_hand(n_classes):
    X, y = table(n_classes)
    left, Z = list(range(20)), StandardScaler().fit_transform(X)
    rank = np.ones(20)
    while len(left) > 4:
        weight = (LogisticRegression(max_iter=1000).fit(Z[:, left], y).coef_ ** 2).sum(axis=0)
        rank[left[weight.argmin()]] = len(left) - 3  # 17 for the first to go, 2 for the last
        del left[weight.argmin()]
    selector = RFESelector(k=4, step=1).fit(X, y)
    assert selector.get_support(indices=True).tolist() == left
    assert set(left) >= {2, 7, 11}
    assert selector.ranking_.tolist() == rank.tolist()


def test_the_unit_of_a_feature_does_not_matter():
    X, y = table()
    units = 10.0 ** np.random.default_rng(1).integers(-6, 7, 20)
    assert RFESelector(k=3).fit(X * units + 5, y).get_support(indices=True).tolist() == [2, 7, 11]


def test_a_constant_column_goes_first_and_a_share_is_of_all_features():
    X, y = table()
    X[:, 5] = 3.0
    selector = RFESelector(k=10, step=0.25).fit(X, y)
    assert np.bincount(selector.ranking_).tolist() == [0, 10, 5, 5]
    assert selector.ranking_[5] == 3


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="y holds 1 class"):
        RFESelector().fit(table()[0], np.ones(90))
