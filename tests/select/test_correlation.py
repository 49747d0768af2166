"""Correlation pruning: the full-matrix greedy as oracle, twins, order, constants."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse.select import CorrelationSelector
from radiofuse.select.correlation import BLOCK, prune
from radiofuse.select.mann_whitney import mann_whitney


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
@pytest.mark.parametrize("n_features", [12, BLOCK, 2 * BLOCK + 77])
def test_equals_the_full_matrix_greedy(n_features, absolute):
    X = redundant_table(50, n_features)
    partner, r = prune(X, 0.9, absolute=absolute)
    expected_partner, expected_r = full_matrix_greedy(X, 0.9, absolute)
    assert 0 < (partner >= 0).sum() < n_features
    assert np.array_equal(partner, expected_partner)
    np.testing.assert_allclose(r, expected_r, atol=1e-12)


@pytest.mark.data
def test_equals_the_full_matrix_greedy_on_radiomics(data_dir):
    table = pd.read_csv(data_dir / "golden" / "LGG-1p19qDeletion.csv")
    X = table.drop(columns="Target").to_numpy()
    assert np.array_equal(prune(X, 0.9)[0], full_matrix_greedy(X, 0.9)[0])


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
    assert CorrelationSelector(order="column", sign="literal").fit(X).get_support().all()


def test_exactly_at_the_threshold_is_kept():
    x = np.array([1.0, 1.0, -1.0, -1.0])
    other = np.array([1.0, -1.0, 1.0, -1.0])
    X = np.column_stack([x, x + other])  # r² = 1/2
    r = prune(X, 0.0)[1][1]
    assert prune(X, float(r))[0].tolist() == [-1, -1]
    assert prune(X, np.nextafter(r, 0))[0].tolist() == [-1, 0]


def test_constant_columns_correlate_with_nothing():
    X = np.column_stack([np.full(12, 0.1), np.full(12, 0.3), np.arange(12.0), np.full(12, 1e9)])
    assert CorrelationSelector(order="column", threshold=0.0).fit(X).get_support().all()


def test_random_order_is_seeded_and_differs():
    X = redundant_table(60, 300)
    kept = [CorrelationSelector(order="random", random_state=seed).fit(X).get_support() for seed in (0, 0, 1)]
    assert np.array_equal(kept[0], kept[1])
    assert not np.array_equal(kept[0], kept[2])


def test_effect_order_asks_for_a_label():
    with pytest.raises(ValueError, match="requires y"):
        CorrelationSelector().fit(redundant_table(20, 12))
