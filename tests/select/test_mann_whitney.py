"""Mann-Whitney: scipy column by column, R's golden values, invariants, and the selector's rules."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from radiofuse.errors import RequestError
from radiofuse.select import MannWhitneySelector, NothingSelectedError, NothingSelectedWarning, _rank_sums
from radiofuse.select.mann_whitney import CHUNK, mann_whitney
from radiofuse.statistics.multiplicity import CORRECTIONS, adjust_pvalues


def scipy_loop(X, y, method="asymptotic", continuity=True):
    """U and p of every column by scipy, NaN left out; p = 1 where scipy has none: a class without values, no spread."""
    with warnings.catch_warnings(action="ignore"):
        tests = [
            stats.mannwhitneyu(
                column[y == 1], column[y == 0], method=method, use_continuity=continuity, nan_policy="omit"
            )
            for column in X.T
        ]
    U, pvalue = (np.array([getattr(test, name) for test in tests]) for name in ("statistic", "pvalue"))
    return np.nan_to_num(U), np.nan_to_num(pvalue, nan=1.0)


def assert_equals_scipy(X, y, **options):
    result = mann_whitney(X, y, **options)
    U, pvalue = scipy_loop(X, y, **options)
    if options.get("method") == "exact":  # scipy would count arrangements as if there were no ties
        tied = np.array([len(np.unique(column[~np.isnan(column)])) < (~np.isnan(column)).sum() for column in X.T])
        assert not result.is_exact[tied].any()
        pvalue[tied] = scipy_loop(X[:, tied], y, method="asymptotic")[1]
    assert np.array_equal(result.U, U)
    assert np.array_equal(result.pvalue, pvalue)


@pytest.fixture
def mixed():
    """Continuous, heavily tied, binary, mirrored, signed-zero and constant columns; more than one chunk."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(61, CHUNK + 41))
    X[:, 10:60] = rng.integers(0, 4, size=(61, 50))
    X[:, 60:70] = rng.integers(0, 2, size=(61, 10))
    X[:, 70] = -X[:, 0]
    X[:, 71] = np.where(rng.random(61) < 0.5, 0.0, -0.0)
    X[:, 72] = 0.1
    X[5, 73], X[6, 74:82] = X[4, 73], X[7, 74:82]  # one tie each
    return X, rng.integers(0, 2, size=61)


@pytest.fixture
def gaps(mixed):
    """The same with NaN: few, many, whole rows, a whole class, all but one, all."""
    X, y = mixed
    rng = np.random.default_rng(1)
    X[rng.random(X.shape) < rng.choice([0, 0.02, 0.5], size=X.shape[1])] = np.nan
    X[:3] = np.nan
    X[y == 1, 90], X[y == 0, 91], X[:, 92], X[4:, 93] = np.nan, np.nan, np.nan, np.nan
    return X, y


# ---- the test


@pytest.mark.parametrize("continuity", [True, False])
@pytest.mark.parametrize("order", ["C", "F"])
def test_equals_scipy_to_the_last_bit(mixed, order, continuity):
    X, y = mixed
    assert_equals_scipy(np.asarray(X, order=order), y, continuity=continuity)


@pytest.mark.parametrize("method", ["asymptotic", "exact", "auto"])
def test_leaves_nan_out_as_scipy_does(gaps, method):
    assert_equals_scipy(*gaps, method=method)


@pytest.mark.parametrize("method", ["exact", "auto"])
@pytest.mark.parametrize("n_positive", [1, 7, 8, 9])
def test_other_methods_equal_scipy_column_by_column(method, n_positive):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(20, 30))
    X[:2, 5] = 1.0
    X[:, 6] = rng.integers(0, 3, size=20)
    assert_equals_scipy(X, np.arange(20) < n_positive, method=method)


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 12), st.sampled_from(["asymptotic", "auto"]))
def test_equals_scipy_whatever_the_table(seed, n_positive, n_negative, method):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat([0, 1], [n_negative, n_positive]))
    X = rng.normal(size=(len(y), 9)).round(rng.integers(0, 3))
    X[rng.random(X.shape) < rng.choice([0, 0.1, 0.6])] = np.nan
    assert_equals_scipy(X, y, method=method)


@pytest.mark.data
@pytest.mark.parametrize("name", ["LGG-1p19qDeletion", "Sasaki2019", "Wang2024"])
def test_equals_scipy_on_radiomics_tables(data_dir, name):
    table = pd.read_csv(data_dir / "radmlbench" / f"{name}.gz")
    assert_equals_scipy(table.drop(columns=["ID", "Target"]).to_numpy(float), table["Target"].to_numpy())


@pytest.mark.data
@pytest.mark.parametrize("sequence", ["T1", "T2F"])
def test_equals_scipy_on_tables_with_empty_and_constant_columns(data_dir, sequence):
    folder = data_dir / "medimage_tcga_radiomics"
    table = pd.read_csv(folder / f"radiomics__{sequence}(gliomaTumorAuto)__image.csv.gz", index_col="PatientID")
    labels = pd.read_csv(folder / "labels.csv", index_col="tcga_id")["idh"]
    y = labels.reindex(table.index.str.removeprefix("Glioma-")).to_numpy()
    known = ~np.isnan(y)
    X = table.to_numpy(float)[known]
    assert np.isnan(X).all(axis=0).sum() == 3
    assert_equals_scipy(X, y[known])


@pytest.mark.data
def test_equals_r_wilcox(data_dir):
    golden = data_dir / "golden"
    table = pd.read_csv(golden / "LGG-1p19qDeletion.csv")
    expected = pd.read_csv(golden / "LGG-1p19qDeletion_wilcox.csv")
    X, y = table.drop(columns="Target").to_numpy(), table["Target"].to_numpy()
    result = mann_whitney(X, y)
    assert np.array_equal(result.U, expected["W"])
    assert not result.is_exact.any()
    assert not expected["default_is_exact"].any()
    for pvalue, name in (
        (result.pvalue, "p_asym_cc"),
        (result.pvalue, "p_default"),
        (mann_whitney(X, y, continuity=False).pvalue, "p_asym_nocc"),
    ):
        np.testing.assert_allclose(pvalue, expected[name], rtol=0, atol=1e-14)
    np.testing.assert_allclose(result.auc, expected["auc"], rtol=0, atol=1e-15)
    selector = MannWhitneySelector().fit(X, y)
    np.testing.assert_allclose(selector.adjusted_pvalues_, expected["BH"], rtol=0, atol=1e-14)
    assert selector.get_support().sum() == 66
    assert MannWhitneySelector(correction="fdr_bh").fit(X, y).get_support().sum() == 21


def test_equals_r_with_few_rows_and_with_sixty():
    # wilcox.test of R 4.2.2; its default is exact below 50 rows a class
    x, z = [2.1, 3.4, 0.7, 9.9, 5.5, 4.2, 8.8, 1.3], [6.1, 7.2, 10.4, 3.9, 11.5, 12.6, 2.8, 9.1, 13.3]
    few, y = np.array(x + z)[:, None], np.repeat([1, 0], [8, 9])
    assert mann_whitney(few, y).U[0] == 14
    np.testing.assert_allclose(mann_whitney(few, y, method="auto").pvalue, 0.035952283011106541, atol=1e-14)
    np.testing.assert_allclose(mann_whitney(few, y).pvalue, 0.038561247597424617, atol=1e-14)
    sixty, y = ((np.arange(60) * 37) % 61)[:, None], np.arange(60) < 28
    np.testing.assert_allclose(mann_whitney(sixty, y, method="exact").pvalue, 0.64304254339078393, atol=1e-14)
    np.testing.assert_allclose(mann_whitney(sixty, y, method="auto").pvalue, 0.64068034589212131, atol=1e-14)


def test_a_neighbors_tie_changes_nothing():
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(16, 2)), np.arange(16) < 8
    alone = mann_whitney(X[:, :1], y, method="auto").pvalue[0]
    X[:2, 1] = 0.0
    together = mann_whitney(X, y, method="auto")
    assert together.pvalue[0] == alone
    assert together.is_exact.tolist() == [True, False]
    assert stats.mannwhitneyu(X[y], X[~y]).pvalue[0] != alone  # scipy decides once for the batch


def test_nan_decides_the_method_of_its_own_column_only():
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(20, 3)), np.arange(20) < 9
    X[0, 1] = np.nan
    result = mann_whitney(X, y, method="auto")
    assert result.is_exact.tolist() == [False, True, False]
    assert result.n_positive.tolist() == [9, 8, 9]
    assert result.n_negative.tolist() == [11, 11, 11]


def test_columns_that_say_nothing():
    X = np.array([[0.1, np.nan, np.nan, 1.0], [0.1, np.nan, 1.0, np.nan], [0.1, 3.0, 2.0, 2.0], [0.1, 2.0, 3.0, 2.0]])
    y = np.array([1, 1, 0, 0])
    for options in ({}, {"continuity": False}, {"method": "exact"}, {"method": "auto"}):
        result = mann_whitney(X[:, :2], y, **options)
        assert result.pvalue.tolist() == [1.0, 1.0]
        assert result.auc.tolist() == [0.5, 0.5]
        assert result.effect.tolist() == [0.0, 0.0]
    assert np.array_equal(mann_whitney(X, y).n_positive, [2, 0, 1, 1])


def test_direction_follows_the_larger_label():
    X, y = np.arange(8.0)[:, None], np.array(["a"] * 4 + ["b"] * 4)
    result = mann_whitney(X, y)
    assert result.auc[0] == 1.0
    assert result.classes.tolist() == ["a", "b"]


def test_order_and_monotone_rescaling_change_nothing(mixed):
    X, y = mixed
    expected = mann_whitney(X, y)
    rows, columns = np.random.default_rng(3).permutation(len(X)), np.random.default_rng(4).permutation(X.shape[1])
    shuffled = mann_whitney(X[rows][:, columns], y[rows])
    assert np.array_equal(shuffled.pvalue, expected.pvalue[columns])
    rescaled = mann_whitney(np.exp(4 * X[:, :10]) + 7, y)
    assert np.array_equal(rescaled.pvalue, expected.pvalue[:10])


@given(st.integers(0, 2**32 - 1), st.integers(2, 40))
def test_mirrored_features_have_the_same_effect(seed, n):
    rng = np.random.default_rng(seed)
    y = np.arange(n) < rng.integers(1, n)
    X = rng.normal(size=(n, 3)).round(1)
    one, other = mann_whitney(X, y), mann_whitney(-X, y)
    assert np.array_equal(one.effect, other.effect)
    assert np.array_equal(one.pvalue, other.pvalue)
    np.testing.assert_allclose(one.effect, np.abs(one.auc - 0.5), atol=1e-15)


def test_the_table_stays_as_it_was(gaps):
    X, y = gaps
    before = X.copy()
    mann_whitney(X, y)
    assert np.array_equal(X, before, equal_nan=True)


# ---- what is refused


@pytest.mark.parametrize("infinity", [np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 60])
def test_infinite_values_are_refused_by_name(mixed, infinity, row):
    X, y = mixed
    X[:9, :] = np.nan
    X[row, CHUNK + 3] = infinity
    with pytest.raises(ValueError, match=f"Column {CHUNK + 3} holds an infinite value"):
        mann_whitney(X, y)
    named = pd.DataFrame(X).rename(columns={CHUNK + 3: "t1__entropy"}).rename(columns=str)
    with pytest.raises(ValueError, match="Column t1__entropy holds an infinite value"):
        mann_whitney(named, y)
    with pytest.raises(ValueError, match="infinity"):
        MannWhitneySelector().fit(X, y)


def test_an_unknown_method_is_refused():
    with pytest.raises(RequestError, match="asymptotic, exact, auto, got 'normal'"):
        mann_whitney(np.arange(4.0)[:, None], [0, 1, 0, 1], method="normal")


def test_labels_of_other_rows_are_refused():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        mann_whitney(np.arange(4.0)[:, None], [0, 1, 0])


@pytest.mark.parametrize(("y", "found"), [([1, 1, 1, 1], "1 class"), ([0, 1, 2, 0], "3 classes")])
def test_other_than_two_classes_is_refused(y, found):
    with pytest.raises(ValueError, match=found):
        MannWhitneySelector().fit(np.arange(8.0).reshape(4, 2), y)


def test_the_kernel_checks_its_arrays():
    counts = np.empty((2, 4), dtype=np.int64)
    with pytest.raises(ValueError, match="shapes do not fit"):
        _rank_sums.merge_classes(np.zeros((3, 5)), np.zeros((2, 5)), counts)
    with pytest.raises(TypeError, match="negatives: expected 2 dimensions of kind f8"):
        _rank_sums.merge_classes(np.zeros((2, 5)), np.zeros((2, 5), dtype=np.float32), counts)


# ---- the selector


def test_the_selector_keeps_what_the_test_found(gaps):
    X, y = gaps
    selector, result = MannWhitneySelector(continuity=False).fit(X, y), mann_whitney(X, y, continuity=False)
    for name, value in (
        ("statistics_", result.U),
        ("pvalues_", result.pvalue),
        ("auc_", result.auc),
        ("effect_", result.effect),
        ("n_positive_", result.n_positive),
        ("n_negative_", result.n_negative),
        ("is_exact_", result.is_exact),
        ("classes_", [0, 1]),
    ):
        assert np.array_equal(getattr(selector, name), value), name
    assert np.array_equal(selector.get_support(), result.pvalue < 0.05)
    assert not selector.fallback_


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_a_correction_is_what_alpha_compares_with(mixed, correction):
    X, y = mixed
    X[:, :4] += 1.5 * y[:, None]
    selector = MannWhitneySelector(correction=correction).fit(X, y)
    assert np.array_equal(selector.adjusted_pvalues_, adjust_pvalues(selector.pvalues_, correction))
    assert np.array_equal(selector.get_support(), selector.adjusted_pvalues_ < 0.05)
    assert 1 <= selector.get_support().sum() < (selector.pvalues_ < 0.05).sum()


def test_a_test_made_before_teaches_all_that_fit_teaches(mixed):
    X, y = mixed
    X = pd.DataFrame(X).add_prefix("t1__")
    fitted = MannWhitneySelector().fit(X, y)
    told = MannWhitneySelector().fit_tested(X, y, mann_whitney(X, y))
    assert vars(told).keys() == vars(fitted).keys()
    assert all(np.array_equal(vars(told)[name], vars(fitted)[name]) for name in vars(fitted))


def test_a_test_of_other_columns_is_refused(mixed):
    X, y = mixed
    with pytest.raises(RequestError, match="tests of 297 columns, got 9"):
        MannWhitneySelector().fit_tested(X, y, mann_whitney(X[:, :9], y))


def test_permuted_labels_keep_about_five_percent():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(120, 4000))
    kept = [MannWhitneySelector().fit(X, rng.permutation(np.arange(120) % 2)).get_support().mean() for _ in range(5)]
    assert 0.04 < np.mean(kept) < 0.06


def test_where_nothing_passes_the_strongest_stays_and_says_so():
    rng = np.random.default_rng(6)
    X, y = rng.normal(size=(30, 6)), np.arange(30) % 2
    with pytest.warns(NothingSelectedWarning, match="none of 6 features passed; the one of largest effect stays"):
        selector = MannWhitneySelector(alpha=1e-9).fit(X, y)
    assert selector.fallback_
    assert selector.get_support(indices=True).tolist() == [np.argmax(np.abs(selector.auc_ - 0.5))]


def test_an_empty_selection_is_allowed_or_refused_when_asked_for():
    rng = np.random.default_rng(7)
    X, y = rng.normal(size=(30, 6)), np.arange(30) % 2
    with pytest.warns(NothingSelectedWarning, match="the selection is empty"):
        selector = MannWhitneySelector(alpha=1e-9, on_empty="intercept").fit(X, y)
    assert not selector.get_support().any()
    assert not selector.fallback_
    with pytest.raises(NothingSelectedError, match="none of 6 features passed"):
        MannWhitneySelector(alpha=1e-9, on_empty="raise").fit(X, y)


def test_names_reach_pandas_output():
    X = pd.DataFrame({"t1__a": [1.0, 2, 3, 4, 5, 6, 7, 8], "t1__b": [1.0, 2, 1, 2, 1, 2, 1, 2]})
    selector = MannWhitneySelector().set_output(transform="pandas").fit(X, [0, 0, 0, 0, 1, 1, 1, 1])
    assert list(selector.transform(X).columns) == list(selector.get_feature_names_out()) == ["t1__a"]
