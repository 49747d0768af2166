"""Kruskal-Wallis: scipy column by column, R's golden values, Mann-Whitney as its case of two classes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from radiofuse.select.kruskal import KruskalSelector, kruskal
from radiofuse.select.mann_whitney import mann_whitney
from radiofuse.select.shortfall import NothingSelectedWarning
from radiofuse.statistics.multiplicity import adjust_pvalues


@pytest.fixture
def table():
    """Continuous, tied and incomplete columns, three classes."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 300))
    X[:, 10:60] = rng.integers(0, 4, size=(80, 50))
    X[rng.random(X.shape) < rng.choice([0, 0, 0.1], size=300)] = np.nan
    y = rng.choice(["astro", "gbm", "oligo"], p=[0.2, 0.5, 0.3], size=80)
    X[:, ::10] += 0.7 * (y == "gbm")[:, None]
    return X, y


def test_equals_scipy(table):
    X, y = table
    groups = [X[y == label] for label in np.unique(y)]
    expected = [stats.kruskal(*(group[:, c] for group in groups), nan_policy="omit") for c in range(X.shape[1])]
    result = kruskal(X, y)
    np.testing.assert_allclose(result.statistic, [test.statistic for test in expected], rtol=0, atol=1e-12)
    np.testing.assert_allclose(result.pvalue, [test.pvalue for test in expected], rtol=0, atol=1e-12)
    assert result.classes.tolist() == ["astro", "gbm", "oligo"]


@pytest.mark.data
def test_equals_r(data_dir):
    golden = data_dir / "golden"
    X = pd.read_csv(golden / "LGG-1p19qDeletion.csv").drop(columns="Target").to_numpy()
    y = pd.read_csv(golden / "LGG-1p19qDeletion_y3.csv")["y3"].to_numpy()
    expected = pd.read_csv(golden / "LGG-1p19qDeletion_kruskal.csv")
    result = kruskal(X, y)
    np.testing.assert_allclose(result.statistic, expected["H"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(result.pvalue, expected["p"], rtol=0, atol=1e-12)


def test_equals_r_with_ties_and_gaps_and_a_class_that_is_missing():
    # kruskal.test of R 4.2.2, which leaves out NA and then levels without values
    x = np.array([1, 2, 2, 5, 7, 7, 7, 3, 8, np.nan])[:, None]
    for missing_class in (1, 4):
        result = kruskal(x, [1, 1, 2, 2, 3, 3, 1, 2, 3, missing_class])
        np.testing.assert_allclose(result.statistic, 4.475362318840582, rtol=1e-14)
        np.testing.assert_allclose(result.pvalue, 0.10670565111546032, rtol=1e-13)


def test_two_classes_are_mann_whitney_without_continuity_correction(table):
    X, y = table
    y = y == "gbm"
    result = kruskal(X, y)
    expected = mann_whitney(X, y, continuity=False)
    np.testing.assert_allclose(result.pvalue, expected.pvalue, rtol=1e-10, atol=1e-14)


def test_names_of_classes_change_nothing(table):
    X, y = table
    renamed = np.select([y == "astro", y == "gbm"], ["z", "k"], "a")
    np.testing.assert_allclose(kruskal(X, renamed).statistic, kruskal(X, y).statistic, atol=1e-13)


def test_columns_that_say_nothing():
    X = np.array([[0.1, np.nan, 1.0], [0.1, np.nan, 2.0], [0.1, np.nan, np.nan], [0.1, np.nan, np.nan]])
    result = kruskal(X, ["a", "a", "b", "c"])
    assert result.pvalue.tolist() == [1.0, 1.0, 1.0]
    assert result.statistic.tolist() == result.effect.tolist() == [0.0, 0.0, 0.0]


def test_effect_is_the_share_of_variance_of_ranks(table):
    X, y = table
    X = X[:, ~np.isnan(X).any(axis=0)]
    ranks = stats.rankdata(X, axis=0)
    between = sum((y == label).sum() * (ranks[y == label].mean(axis=0) - 40.5) ** 2 for label in np.unique(y))
    share = between / ((ranks - 40.5) ** 2).sum(axis=0)
    np.testing.assert_allclose(kruskal(X, y).effect, share, rtol=1e-12)


def test_infinite_values_are_refused_by_name(table):
    X, y = table
    X[5, 7] = np.inf
    with pytest.raises(ValueError, match="Column 7 holds an infinite value"):
        kruskal(X, y)


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="y holds 1 class"):
        KruskalSelector().fit(np.arange(8.0).reshape(4, 2), np.zeros(4, dtype=int))


def test_the_selector_finds_what_was_planted(table):
    X, y = table
    selector = KruskalSelector(correction="holm", alpha=0.1).fit(X, y)
    result = kruskal(X, y)
    assert np.array_equal(selector.statistics_, result.statistic)
    assert np.array_equal(selector.pvalues_, result.pvalue)
    assert np.array_equal(selector.effect_, result.effect)
    assert np.array_equal(selector.adjusted_pvalues_, adjust_pvalues(result.pvalue, "holm"))
    kept = selector.get_support(indices=True)
    assert len(kept) > 0
    assert (kept % 10 == 0).all()


def test_where_nothing_passes_the_strongest_stays(table):
    X, y = table
    with pytest.warns(NothingSelectedWarning, match="KruskalSelector: none of 300 features passed"):
        selector = KruskalSelector(alpha=0).fit(X, y)
    assert selector.fallback_
    assert selector.get_support(indices=True).tolist() == [np.argmax(selector.effect_)]
