"""Correlation pruning: the full-matrix greedy as oracle, twins, order, constants, caret's rule."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from radiofuse.errors import RequestError
from radiofuse.select import CorrelationSelector
from radiofuse.select.correlation import FULL_MATRIX
from radiofuse.select.find_correlation import find_correlation
from radiofuse.select.mann_whitney import mann_whitney
from radiofuse.select.pruning import BLOCK, TILE, prune


def full_matrix_greedy(X, threshold, absolute=True):
    """The rule as a reader would write it: (partner, r) of every column, in order."""
    r = np.corrcoef(X, rowvar=False)
    size = np.abs(r) if absolute else r
    kept, partner = [], np.full(X.shape[1], -1)
    for j in range(X.shape[1]):
        above = [i for i in kept if size[i, j] > threshold]
        if above:
            partner[j] = above[0]
        else:
            kept.append(j)
    return partner, np.where(partner < 0, np.nan, r[partner, np.arange(len(partner))])


def redundant_table(n_samples, n_features, seed=0):
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(n_samples, n_features // 6))
    mixed = hidden[:, rng.integers(0, hidden.shape[1], n_features)] * rng.choice([-1.0, 1.0], n_features)
    return mixed + rng.uniform(0, 0.8, n_features) * rng.normal(size=mixed.shape)


@pytest.mark.parametrize("absolute", [True, False])
@pytest.mark.parametrize("n_features", [12, BLOCK, TILE + BLOCK + 77])
def test_equals_the_full_matrix_greedy(n_features, absolute):
    X = redundant_table(50, n_features)
    partner, r = prune(X, 0.9, absolute=absolute)
    expected_partner, expected_r = full_matrix_greedy(X, 0.9, absolute)
    assert 0 < (partner >= 0).sum() < n_features
    assert np.array_equal(partner, expected_partner)
    np.testing.assert_allclose(r, expected_r, atol=1e-12)


def test_many_survivors_are_compared_tile_by_tile():
    X = np.random.default_rng(3).normal(size=(30, 3 * TILE))
    X[:, -200:] = X[:, :200] + 0.1 * X[:, -200:]
    partner, _ = prune(X, 0.9)
    assert (partner < 0).sum() > 2 * TILE
    assert np.array_equal(partner, full_matrix_greedy(X, 0.9)[0])


REAL = ["golden/LGG-1p19qDeletion.csv", *(f"radmlbench/{name}.gz" for name in ("LGG-1p19qDeletion", "Sasaki2019"))]


@pytest.mark.data
@pytest.mark.parametrize("method", ["pearson", "spearman"])
@pytest.mark.parametrize("table", [*REAL, "radmlbench/Wang2024.gz"])
def test_equals_the_full_matrix_greedy_on_radiomics(data_dir, table, method):
    X = pd.read_csv(data_dir / table).drop(columns=["ID", "Target"], errors="ignore").to_numpy(dtype=float)
    X = X[:, X.std(axis=0) > 1e-12 * np.abs(X).max(axis=0)]
    values = X if method == "pearson" else stats.rankdata(X, axis=0)
    partner, _ = prune(X, 0.9, method=method)
    assert np.array_equal(partner, full_matrix_greedy(values, 0.9)[0])


def test_an_order_is_the_order_of_the_columns():
    X = redundant_table(50, 300)
    order = np.random.default_rng(4).permutation(300)
    partner, r = prune(X, 0.9, order=order)
    expected_partner, expected_r = prune(X[:, order], 0.9)
    assert np.array_equal(partner[order], np.where(expected_partner < 0, -1, order[expected_partner]))
    np.testing.assert_array_equal(r[order], expected_r)


def test_spearman_is_pearson_of_the_ranks_and_blind_to_monotone_maps():
    X = redundant_table(50, 300).round(1)  # with ties
    partner, r = prune(X, 0.8, method="spearman")
    dropped = np.flatnonzero(partner >= 0)
    assert len(dropped)
    expected = [stats.spearmanr(X[:, j], X[:, partner[j]]).statistic for j in dropped]
    np.testing.assert_allclose(r[dropped], expected, atol=1e-12)
    assert np.array_equal(prune(np.exp(X), 0.8, method="spearman")[0], partner)
    assert not np.array_equal(prune(np.exp(3 * X), 0.8)[0], partner)


def test_no_kept_pair_exceeds_and_every_dropped_one_does():
    X, y = redundant_table(60, 300), np.arange(60) % 2
    selector = CorrelationSelector().fit(X, y)
    r = np.abs(np.corrcoef(selector.transform(X), rowvar=False))
    assert np.triu(r, 1).max() <= 0.9
    dropped = ~selector.get_support()
    assert (np.abs(selector.kept_partner_r_[dropped]) > 0.9).all()
    assert selector.get_support()[selector.kept_partner_[dropped]].all()


def test_a_feature_is_dropped_for_one_at_least_as_good():
    X, y = redundant_table(60, 300), np.arange(60) % 2
    selector, effect = CorrelationSelector().fit(X, y), mann_whitney(X, y).effect
    dropped = np.flatnonzero(~selector.get_support())
    assert (effect[selector.kept_partner_[dropped]] >= effect[dropped]).all()


def test_column_and_row_order_do_not_matter_for_the_effect_rule():
    X, y = redundant_table(60, 200), np.random.default_rng(1).integers(0, 2, 60)
    X = X[:, np.unique(mann_whitney(X, y).effect, return_index=True)[1]]  # ties follow the columns
    rng = np.random.default_rng(2)
    rows, columns = rng.permutation(len(X)), rng.permutation(X.shape[1])
    kept = CorrelationSelector().fit(X, y).get_support()
    assert np.array_equal(CorrelationSelector().fit(X[rows][:, columns], y[rows]).get_support(), kept[columns])


def test_affine_rescaling_changes_nothing():
    X, y = redundant_table(60, 100), np.arange(60) % 2
    rescaled = X * np.where(np.arange(100) % 2, -1e6, 1e-6) + 3
    assert np.array_equal(
        CorrelationSelector().fit(rescaled, y).get_support(), CorrelationSelector().fit(X, y).get_support()
    )


def test_of_perfect_twins_the_first_column_stays():
    x = np.random.default_rng(0).normal(size=20)
    selector = CorrelationSelector().fit(np.column_stack([x, 2 * x + 1, -x]), np.arange(20) % 2)
    assert selector.get_support().tolist() == [True, False, False]
    assert selector.kept_partner_.tolist() == [-1, 0, 0]
    np.testing.assert_allclose(selector.kept_partner_r_, [np.nan, 1, -1])


def test_literal_sign_keeps_the_mirror_image():
    x = np.random.default_rng(0).normal(size=20)
    X = np.column_stack([x, -x])
    assert CorrelationSelector(keep="first", sign="literal").fit(X).get_support().all()


def test_exactly_at_the_threshold_is_kept():
    x = np.array([1.0, 1.0, -1.0, -1.0])
    other = np.array([1.0, -1.0, 1.0, -1.0])
    X = np.column_stack([x, x + other])  # r² = 1/2
    r = prune(X, 0.0)[1][1]
    assert prune(X, float(r))[0].tolist() == [-1, -1]
    assert prune(X, np.nextafter(r, 0))[0].tolist() == [-1, 0]


def test_constant_columns_correlate_with_nothing():
    X = np.column_stack([np.full(12, 0.1), np.full(12, 0.3), np.arange(12.0), np.full(12, 1e9)])
    assert CorrelationSelector(keep="first", threshold=0.0).fit(X).get_support().all()


def test_random_order_is_seeded_and_differs():
    X = redundant_table(60, 300)
    kept = [CorrelationSelector(keep="random", random_state=seed).fit(X).get_support() for seed in (0, 0, 1)]
    assert np.array_equal(kept[0], kept[1])
    assert not np.array_equal(kept[0], kept[2])


def test_effect_order_asks_for_a_label():
    with pytest.raises(ValueError, match="requires y"):
        CorrelationSelector().fit(redundant_table(20, 12))


@pytest.mark.parametrize("n_samples", [20, 400])
def test_pairs_within_single_precision_of_the_threshold_are_decided_in_double(n_samples):
    """Every column has the same correlation with the first, up to double precision."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(np.column_stack([np.ones(n_samples), rng.normal(size=(n_samples, 12))]))[0][:, 1:]
    X = np.column_stack([basis[:, 0], 0.9 * basis[:, :1] + np.sqrt(1 - 0.81) * basis[:, 1:]])
    r = np.einsum("i,ij->j", X[:, 0], X[:, 1:])
    below, above = prune(X, 0.9 + 1e-9)[0], prune(X, 0.9 - 1e-9)[0]
    assert np.ptp(r) < 1e-14
    assert (below == -1).all()
    assert (above[1:] == 0).all()


def test_three_classes_go_by_the_kruskal_wallis_statistic():
    X, y = redundant_table(60, 200), np.arange(60) % 3
    H = np.array([stats.kruskal(*(column[y == label] for label in range(3))).statistic for column in X.T])
    selector = CorrelationSelector().fit(X, y)
    dropped = np.flatnonzero(~selector.get_support())
    assert len(dropped)
    assert (H[selector.kept_partner_[dropped]] >= H[dropped] - 1e-9).all()


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="y holds 1 class"):
        CorrelationSelector().fit(redundant_table(20, 12), np.zeros(20))


# ---------------------------------------------------------------- caret


def find_correlation_by_loops(size, threshold):
    """caret's ``findCorrelation_exact`` statement by statement; NaN stands for R's NA."""
    p = len(size)
    off = size.copy()
    np.fill_diagonal(off, np.nan)
    order = np.argsort(-np.nanmean(off, axis=0), kind="stable")
    x, left = size[np.ix_(order, order)], off[np.ix_(order, order)]
    gone = np.zeros(p, dtype=bool)
    for i in range(p - 1):
        for j in range(i + 1, p):
            if not gone[i] and not gone[j] and x[i, j] > threshold:
                lost = i if np.nanmean(left[i]) > np.nanmean(np.delete(left, j, axis=0)) else j
                gone[lost] = True
                left[lost], left[:, lost] = np.nan, np.nan
    dropped = np.empty(p, dtype=bool)
    dropped[order] = gone
    return dropped


@pytest.mark.parametrize("threshold", [0.3, 0.7, 0.9])
def test_caret_equals_its_algorithm_by_loops(threshold):
    size = np.abs(np.corrcoef(redundant_table(40, 90), rowvar=False))
    expected = find_correlation_by_loops(size, threshold)
    assert 0 < expected.sum() < 90
    assert np.array_equal(find_correlation(size, threshold), expected)


@pytest.mark.data
def test_caret_equals_r(data_dir):
    X = pd.read_csv(data_dir / "golden" / "LGG-1p19qDeletion.csv").drop(columns="Target").to_numpy()
    golden = pd.read_csv(data_dir / "golden" / "LGG-1p19qDeletion_findCorrelation.csv")["drop_exact"].to_numpy()
    assert np.array_equal(~CorrelationSelector(keep="caret").fit(X).get_support(), golden == 1)


def test_caret_names_the_kept_feature_of_largest_correlation():
    X = redundant_table(60, 120)
    selector = CorrelationSelector(keep="caret").fit(X)
    kept = selector.get_support()
    r = np.corrcoef(X, rowvar=False)
    assert np.triu(np.abs(r[kept][:, kept]), 1).max() <= 0.9
    for j in np.flatnonzero(~kept):
        assert kept[selector.kept_partner_[j]]
        assert abs(selector.kept_partner_r_[j]) == pytest.approx(np.abs(r[j, kept]).max())
        assert selector.kept_partner_r_[j] == pytest.approx(r[j, selector.kept_partner_[j]])


def test_caret_drops_the_first_of_perfect_twins():
    x, other = np.random.default_rng(0).normal(size=(2, 30))
    for twin in (x, -x, 3 * x + 1):
        kept = CorrelationSelector(keep="caret").fit(np.column_stack([x, other, twin])).get_support()
        assert kept.tolist() == [False, True, True]


def test_caret_refuses_a_literal_sign_and_too_many_features():
    with pytest.raises(RequestError, match="absolute correlations"):
        CorrelationSelector(keep="caret", sign="literal").fit(redundant_table(20, 12))
    with pytest.raises(RequestError, match=f"takes up to {FULL_MATRIX} features, not {FULL_MATRIX + 1}"):
        CorrelationSelector(keep="caret").fit(np.zeros((3, FULL_MATRIX + 1)))
