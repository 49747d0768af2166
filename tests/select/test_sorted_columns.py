"""Columns sorted once: every fold as if it were tested alone, bit for bit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import RepeatedStratifiedKFold

from radiofuse.errors import RequestError
from radiofuse.select import _rank_sums
from radiofuse.select.mann_whitney import CHUNK, mann_whitney
from radiofuse.select.sorted_columns import SortedColumns


def assert_equals_each_test(X, y, folds, **options):
    columns = SortedColumns(X)
    for rows in folds:
        ours, expected = columns.mann_whitney(rows, y[rows], **options), mann_whitney(X[rows], y[rows], **options)
        for name, value in vars(expected).items():
            assert np.array_equal(getattr(ours, name), value), name


@pytest.fixture
def table():
    """Continuous, tied, constant and incomplete columns; more than one chunk."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(70, CHUNK + 21))
    X[:, 10:60] = rng.integers(0, 4, size=(70, 50))
    X[:, 60] = 0.1
    X[:, 61] = np.where(rng.random(70) < 0.5, 0.0, -0.0)
    X[rng.random(X.shape) < rng.choice([0, 0, 0.05, 0.5], size=X.shape[1])] = np.nan
    X[:, 62], X[1:, 63] = np.nan, np.nan
    return X, rng.integers(0, 2, size=70)


def outer_folds(y, n_repeats):
    splitter = RepeatedStratifiedKFold(n_splits=5, n_repeats=n_repeats, random_state=0)
    return [rows for rows, _ in splitter.split(np.zeros(len(y)), y)]


@pytest.mark.parametrize("method", ["asymptotic", "exact", "auto"])
@pytest.mark.parametrize("continuity", [True, False])
def test_every_fold_equals_its_own_test(table, method, continuity):
    X, y = table
    assert_equals_each_test(X, y, outer_folds(y, 2), method=method, continuity=continuity)


@pytest.mark.data
def test_fifty_outer_folds_of_a_radiomics_table(data_dir):
    table = pd.read_csv(data_dir / "radmlbench" / "LGG-1p19qDeletion.gz")
    X, y = table.drop(columns=["ID", "Target"]).to_numpy(float), table["Target"].to_numpy()
    assert_equals_each_test(X, y, outer_folds(y, 10))


@given(st.integers(0, 2**32 - 1), st.integers(3, 30))
def test_any_subset_equals_its_own_test(seed, n):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % 2)
    X = rng.normal(size=(n, 10)).round(rng.integers(0, 3))
    X[rng.random(X.shape) < rng.choice([0, 0.2])] = np.nan
    rows = rng.permutation(n)[: rng.integers(2, n + 1)]
    if len(np.unique(y[rows])) == 2:
        assert_equals_each_test(X, y, [rows], method="auto")


def test_labels_may_differ_from_fold_to_fold(table):
    X, _ = table
    rng = np.random.default_rng(1)
    columns, rows = SortedColumns(X), np.arange(0, 70, 2)
    for _ in range(5):
        y = rng.permutation(np.array(["mutant", "wildtype"])[np.arange(len(rows)) % 2])
        assert np.array_equal(columns.mann_whitney(rows, y).pvalue, mann_whitney(X[rows], y).pvalue)


def test_tables_longer_than_sixteen_bits_count():
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(70_000, 3)).round(3), rng.integers(0, 2, size=70_000)
    assert_equals_each_test(X, y, [rng.permutation(70_000)[:69_000]])


def test_three_bytes_a_cell(table):
    X, _ = table
    columns = SortedColumns(X)
    cells = [value for value in vars(columns).values() if value.size == X.size]
    assert sum(value.nbytes for value in cells) == 3 * X.size


def test_a_row_that_comes_twice_is_refused(table):
    X, y = table
    with pytest.raises(RequestError, match="each row at most once"):
        SortedColumns(X).mann_whitney([0, 1, 2, 1], [0, 1, 0, 1])


def test_infinite_values_are_refused_by_name(table):
    X, _ = table
    X[3, CHUNK + 2] = -np.inf
    with pytest.raises(ValueError, match=f"Column {CHUNK + 2} holds an infinite value"):
        SortedColumns(X)
    with pytest.raises(ValueError, match="Column t1__258 holds an infinite value"):
        SortedColumns(pd.DataFrame(X).add_prefix("t1__"))


def test_the_kernel_checks_its_arrays():
    order, same = np.zeros((2, 5), dtype=np.uint16), np.zeros((2, 5), dtype=bool)
    members, counts = np.zeros(5, dtype=np.uint8), np.empty((2, 4), dtype=np.int64)
    for n_values in ([5, 6], [5, -1], [5, 5, 5]):
        with pytest.raises(ValueError, match="shapes do not fit"):
            _rank_sums.count_ordered(order, same, np.array(n_values, dtype=np.int64), members, counts)
    with pytest.raises(TypeError, match="order: expected 2 dimensions of kind u4"):
        _rank_sums.count_ordered(order.astype(np.int64), same, np.array([5, 5]), members, counts)
