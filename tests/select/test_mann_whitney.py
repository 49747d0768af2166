"""Mann-Whitney: scipy column by column, R's golden values, invariants, and the selector's rules."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from radiofuse.select import MannWhitneySelector, NothingSelectedWarning
from radiofuse.select.mann_whitney import CHUNK, mann_whitney


def scipy_loop(X, y, method="asymptotic"):
    tests = [stats.mannwhitneyu(column[y == 1], column[y == 0], method=method) for column in X.T]
    return np.array([test.statistic for test in tests]), np.array([test.pvalue for test in tests])


@pytest.fixture
def mixed():
    """Continuous, heavily tied, binary, mirrored, signed-zero and constant columns; more than one chunk."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(61, CHUNK + 40))
    X[:, 10:60] = rng.integers(0, 4, size=(61, 50))
    X[:, 60:70] = rng.integers(0, 2, size=(61, 10))
    X[:, 70] = -X[:, 0]
    X[:, 71] = np.where(rng.random(61) < 0.5, 0.0, -0.0)
    X[:, 72] = 0.1
    return X, rng.integers(0, 2, size=61)


def test_equals_scipy_to_the_last_bit(mixed):
    X, y = mixed
    result = mann_whitney(X, y)
    U, pvalue = scipy_loop(X, y)
    assert np.array_equal(result.U, U)
    assert np.array_equal(result.pvalue, pvalue)


@pytest.mark.parametrize("method", ["exact", "auto"])
def test_other_methods_equal_scipy_column_by_column(method):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(20, 30))
    X[:2, 5] = 1.0  # a tie here must not change the neighbors
    y = np.arange(20) < 7
    assert np.array_equal(mann_whitney(X, y, method=method).pvalue, scipy_loop(X, y, method)[1])


def test_scipys_batch_decision_is_not_ours():
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(16, 2)), np.arange(16) < 8
    alone = mann_whitney(X[:, :1], y, method="auto").pvalue[0]
    X[:2, 1] = 0.0
    assert mann_whitney(X, y, method="auto").pvalue[0] == alone
    assert stats.mannwhitneyu(X[y], X[~y]).pvalue[0] != alone  # the trap this guards against


@pytest.mark.data
def test_equals_r_wilcox(data_dir):
    golden = data_dir / "golden"
    table = pd.read_csv(golden / "LGG-1p19qDeletion.csv")
    expected = pd.read_csv(golden / "LGG-1p19qDeletion_wilcox.csv")
    X, y = table.drop(columns="Target").to_numpy(), table["Target"].to_numpy()
    result = mann_whitney(X, y)
    assert np.array_equal(result.U, expected["W"])
    np.testing.assert_allclose(result.pvalue, expected["p_asym_cc"], rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(result.auc, expected["auc"], atol=1e-15)
    selector = MannWhitneySelector().fit(X, y)
    np.testing.assert_allclose(selector.qvalues_, expected["BH"], atol=1e-14)
    assert selector.get_support().sum() == 66
    assert MannWhitneySelector(adjust="bh").fit(X, y).get_support().sum() == 21


def test_constant_column_says_nothing():
    result = mann_whitney(np.full((9, 1), 0.1), np.arange(9) < 4)
    assert (result.pvalue[0], result.auc[0], result.effect[0]) == (1.0, 0.5, 0.0)


def test_direction_follows_the_larger_label():
    X, y = np.arange(8.0)[:, None], np.array(["a"] * 4 + ["b"] * 4)
    assert mann_whitney(X, y).auc[0] == 1.0
    assert MannWhitneySelector().fit(X, y).classes_.tolist() == ["a", "b"]


def test_order_and_monotone_rescaling_change_nothing(mixed):
    X, y = mixed
    expected = mann_whitney(X, y)
    rows, columns = np.random.default_rng(3).permutation(len(X)), np.random.default_rng(4).permutation(X.shape[1])
    shuffled = mann_whitney(X[rows][:, columns], y[rows])
    assert np.array_equal(shuffled.pvalue, expected.pvalue[columns])
    rescaled = mann_whitney(np.exp(4 * X[:, :10]) + 7, y)
    assert np.array_equal(rescaled.pvalue, expected.pvalue[:10])


def test_mirrored_features_have_the_same_effect(mixed):
    X, y = mixed
    effect = mann_whitney(X, y).effect
    assert effect[70] == effect[0]


def test_permuted_labels_keep_about_five_percent():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(120, 4000))
    kept = [MannWhitneySelector().fit(X, rng.permutation(np.arange(120) % 2)).get_support().mean() for _ in range(5)]
    assert 0.04 < np.mean(kept) < 0.06


def test_nothing_passes_keeps_the_best_and_says_so():
    rng = np.random.default_rng(6)
    X, y = rng.normal(size=(30, 6)), np.arange(30) % 2
    with pytest.warns(NothingSelectedWarning, match="0 of 6 features passed; 2 of largest effect added"):
        selector = MannWhitneySelector(alpha=1e-9, on_empty="strongest").fit(X, y)
    best = np.argsort(-np.abs(selector.auc_ - 0.5))[:2]
    assert selector.fallback_
    assert set(selector.get_support(indices=True)) == set(best)


def test_an_empty_selection_is_allowed_when_asked_for():
    rng = np.random.default_rng(7)
    X, y = rng.normal(size=(30, 6)), np.arange(30) % 2
    with pytest.warns(NothingSelectedWarning, match="the selection is empty"):
        selector = MannWhitneySelector(alpha=1e-9, on_empty="intercept").fit(X, y)
    assert not selector.get_support().any()
    assert not selector.fallback_


@pytest.mark.parametrize(("y", "found"), [([1, 1, 1, 1], "1 class"), ([0, 1, 2, 0], "3 classes")])
def test_other_than_two_classes_is_refused(y, found):
    with pytest.raises(ValueError, match=found):
        MannWhitneySelector().fit(np.arange(8.0).reshape(4, 2), y)


def test_names_reach_pandas_output():
    X = pd.DataFrame({"t1__a": [1.0, 2, 3, 4, 5, 6, 7, 8], "t1__b": [1.0, 2, 1, 2, 1, 2, 1, 2]})
    selector = MannWhitneySelector().set_output(transform="pandas").fit(X, [0, 0, 0, 0, 1, 1, 1, 1])
    assert list(selector.transform(X).columns) == list(selector.get_feature_names_out()) == ["t1__a"]
