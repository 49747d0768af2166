"""One feature at a time: scipy and scikit-learn as oracles, and what must hold beyond them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.feature_selection import SelectFdr, SelectFpr, SelectKBest, VarianceThreshold, mutual_info_classif

from radiofuse.select.shortfall import NothingSelectedError, NothingSelectedWarning
from radiofuse.select.univariate import AnovaSelector, MutualInfoSelector, TTestSelector, VarianceSelector


@pytest.fixture
def table():
    """Two informative columns out of 60, one constant; three classes of unequal size and spread."""
    rng = np.random.default_rng(0)
    y = rng.choice([0, 1, 2], p=[0.5, 0.3, 0.2], size=90)
    X = rng.normal(size=(90, 60)) * (1 + y[:, None])
    X[:, 7] += 2 * y
    X[:, 30] -= 2 * y
    X[:, 11] = 0.1
    return X, y


# ---- means


def test_t_equals_scipys_welch_test(table):
    X, y = table
    y = (y > 0).astype(int)
    with np.errstate(invalid="ignore"), pytest.warns(RuntimeWarning, match="Precision loss"):  # the constant column
        expected = stats.ttest_ind(X[y == 1], X[y == 0], equal_var=False)
    selector = TTestSelector().fit(X, y)
    varies = np.arange(60) != 11
    np.testing.assert_allclose(selector.statistics_[varies], expected.statistic[varies], rtol=1e-12)
    np.testing.assert_allclose(selector.pvalues_[varies], expected.pvalue[varies], rtol=1e-11)
    assert np.array_equal(selector.effect_, np.abs(selector.statistics_))
    assert selector.get_support()[[7, 30]].all()
    assert selector.statistics_[7] > 0 > selector.statistics_[30]


def test_welch_keeps_its_level_where_students_test_does_not():
    rng = np.random.default_rng(1)
    y = np.arange(60) < 12
    X = rng.normal(size=(60, 4000)) * np.where(y, 3.0, 1.0)[:, None]  # the small class spreads more
    assert 0.035 < TTestSelector().fit(X, y).get_support().mean() < 0.065
    assert (stats.ttest_ind(X[y], X[~y]).pvalue < 0.05).mean() > 0.15


def test_anova_equals_scipy_and_scikit_learns_filter(table):
    X, y = table
    selector = AnovaSelector().fit(X, y)
    varies = np.arange(60) != 11
    expected = stats.f_oneway(*(X[y == label][:, varies] for label in range(3)))
    np.testing.assert_allclose(selector.statistics_[varies], expected.statistic, rtol=1e-10)
    np.testing.assert_allclose(selector.pvalues_[varies], expected.pvalue, rtol=1e-9)
    assert np.array_equal(selector.get_support()[varies], SelectFpr(alpha=0.05).fit(X[:, varies], y).get_support())


def test_anova_with_a_correction_equals_scikit_learns_filter(table):
    X, y = table
    X = np.delete(X, 11, axis=1)
    ours = AnovaSelector(correction="fdr_bh").fit(X, y)
    assert np.array_equal(ours.get_support(), SelectFdr(alpha=0.05).fit(X, y).get_support())
    assert 0 < ours.get_support().sum() < AnovaSelector().fit(X, y).get_support().sum()


@pytest.mark.parametrize("selector", [TTestSelector(), AnovaSelector()])
@pytest.mark.filterwarnings("error::RuntimeWarning", "error::UserWarning")
def test_a_constant_column_says_nothing_and_warns_of_nothing(table, selector):
    X, y = table
    selector.fit(X, (y > 0).astype(int))
    assert (selector.statistics_[11], selector.pvalues_[11], selector.effect_[11]) == (0.0, 1.0, 0.0)


@pytest.mark.parametrize("selector", [TTestSelector(), AnovaSelector()])
def test_where_no_column_varies_the_first_stands_in(selector):
    with pytest.warns(NothingSelectedWarning, match="none of 3 features passed"):
        selector.fit(np.full((8, 3), 0.1), np.arange(8) % 2)
    assert selector.get_support(indices=True).tolist() == [0]
    assert selector.fallback_


def test_classes_too_small_for_a_variance_are_refused():
    with pytest.raises(ValueError, match="two rows of either class"):
        TTestSelector().fit(np.arange(4.0)[:, None], [0, 0, 0, 1])
    with pytest.raises(ValueError, match="a class with two rows"):
        AnovaSelector().fit(np.arange(4.0)[:, None], [0, 1, 2, 3])


def test_three_classes_are_too_many_for_a_t_test_and_one_too_few_for_all(table):
    X, y = table
    with pytest.raises(ValueError, match="3 classes"):
        TTestSelector().fit(X, y)
    for selector in (TTestSelector(), AnovaSelector(), MutualInfoSelector()):
        with pytest.raises(ValueError, match="1 class"):
            selector.fit(X, np.zeros(90, dtype=int))


# ---- variance


@pytest.mark.parametrize("threshold", [0.0, 1.0, 4.0])
def test_variance_equals_scikit_learns_filter(table, threshold):
    X, _ = table
    ours, theirs = VarianceSelector(threshold=threshold).fit(X), VarianceThreshold(threshold).fit(X)
    np.testing.assert_allclose(ours.scores_, theirs.variances_ if threshold else X.var(axis=0), atol=1e-12)
    assert np.array_equal(ours.get_support(), theirs.get_support())


def test_rounding_does_not_give_a_constant_a_variance():
    X = np.column_stack([np.full(30, 0.1), np.arange(30.0)])
    assert X.var(axis=0)[0] > 0
    selector = VarianceSelector().fit(X)
    assert selector.scores_[0] == 0
    assert selector.get_support().tolist() == [False, True]


def test_where_no_variance_is_enough_the_largest_stays_or_the_selection_is_refused(table):
    X, _ = table
    with pytest.warns(NothingSelectedWarning, match="none of 60 features passed"):
        selector = VarianceSelector(threshold=1e6).fit(X)
    assert selector.get_support(indices=True).tolist() == [np.argmax(X.var(axis=0))]
    assert selector.fallback_
    with pytest.raises(NothingSelectedError):
        VarianceSelector(threshold=1e6, on_empty="raise").fit(X)


# ---- mutual information


def test_information_equals_scikit_learns_best(table):
    X, y = table
    selector = MutualInfoSelector(k=5, random_state=3).fit(X, y)
    theirs = SelectKBest(lambda X, y: mutual_info_classif(X, y, random_state=3), k=5).fit(X, y)
    varies = np.ptp(X, axis=0) > 0
    assert np.array_equal(selector.scores_, np.where(varies, theirs.scores_, 0))  # a constant carries nothing
    assert np.array_equal(selector.get_support(), theirs.get_support())
    assert selector.get_support().sum() == 5


def test_information_sees_a_spread_that_ranks_and_means_do_not():
    rng = np.random.default_rng(2)
    y = np.arange(200) % 2
    X = rng.normal(size=(200, 20))
    X[:, 4] *= 1 + 7 * y
    assert MutualInfoSelector(k=1, random_state=0).fit(X, y).get_support(indices=True).tolist() == [4]


def test_more_than_there_are_keeps_all():
    X, y = np.random.default_rng(3).normal(size=(30, 4)), np.arange(30) % 2
    assert MutualInfoSelector(k=10, random_state=0).fit(X, y).get_support().all()


def test_of_equal_ones_the_earlier_stays():
    X, y = np.random.default_rng(4).normal(size=(40, 200)), np.arange(40) % 2
    scores = MutualInfoSelector(random_state=0).fit(X, y).scores_
    without = np.flatnonzero(scores == 0)
    assert len(without) > 20
    selector = MutualInfoSelector(k=int((scores > 0).sum()) + 3, random_state=0).fit(X, y)
    assert np.intersect1d(selector.get_support(indices=True), without).tolist() == without[:3].tolist()
