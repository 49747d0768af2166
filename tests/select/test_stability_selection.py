"""Stability selection: the path against scikit-learn's, the bound on noise, whole patients, both samplings."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import lars_path

from radiofuse.prepare.standardize import standardize
from radiofuse.select import NothingSelectedWarning
from radiofuse.select.first_to_enter import first_to_enter
from radiofuse.select.shortfall import NothingSelectedError
from radiofuse.select.stability_selection import StabilitySelector, expected_false_selections, largest_q


def planted(n_samples=100, n_features=200, shift=1.5, seed=0):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n_samples, n_features)), np.arange(n_samples) % 2
    X[:, :3] += shift * y[:, None]
    return X, y


def entered_in_scikit_learn(X, y, q):
    coefs = lars_path(standardize(X), y - y.mean(), method="lasso")[2]
    seen = dict.fromkeys(int(j) for coef in coefs.T for j in np.flatnonzero(coef))
    return list(seen)[:q]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("n_samples", "n_features"), [(40, 120), (60, 12)])
def test_columns_enter_as_on_scikit_learns_path(n_samples, n_features, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features)) @ rng.normal(size=(n_features, n_features))  # correlated
    y = (rng.permutation(n_samples) % 2).astype(float)
    q = 12
    assert first_to_enter(X, y, q) == entered_in_scikit_learn(X, y, q)


def test_a_column_that_leaves_stays_counted():
    rng = np.random.default_rng(1)
    for _ in range(200):  # until a path drops a column before the fifth enters
        X, y = rng.normal(size=(20, 6)) @ rng.normal(size=(6, 6)), np.arange(20.0) % 2
        coefs = lars_path(standardize(X), y - y.mean(), method="lasso")[2]
        if ((coefs[:, 1:-1] != 0) & (coefs[:, 2:] == 0)).any():
            break
    else:
        pytest.fail("no path drops a column")
    assert first_to_enter(X, y, 6) == entered_in_scikit_learn(X, y, 6)
    assert len(set(first_to_enter(X, y, 6))) == len(first_to_enter(X, y, 6))


def test_twins_combinations_and_constants_do_not_enter():
    X, y = planted(40, 5)
    degenerate = np.column_stack([X, -2 * X[:, 0] + 1, np.ones(40), X[:, 1] + X[:, 2]])
    entered = first_to_enter(degenerate, y.astype(float), 8)
    assert 6 not in entered
    assert not {0, 5} <= set(entered)
    assert len(entered) == 5
    assert np.linalg.matrix_rank(standardize(degenerate)[:, entered]) == 5


def test_a_path_ends_where_the_rows_are_used_up():
    X, y = planted(12, 60)
    assert 11 <= len(first_to_enter(X, y.astype(float), 60)) < 60
    assert first_to_enter(np.ones((12, 3)), y.astype(float), 2) == []


@pytest.mark.parametrize("sampling", ["complementary", "half"])
def test_planted_features_are_found_and_noise_is_not(sampling):
    X, y = planted()
    selector = StabilitySelector(sampling=sampling, random_state=0).fit(X, y)
    assert selector.get_support(indices=True).tolist() == [0, 1, 2]
    assert selector.frequencies_.sum() == pytest.approx(selector.q_)
    assert selector.error_bound_ <= 1


@pytest.mark.filterwarnings("ignore::radiofuse.select.NothingSelectedWarning")
@pytest.mark.parametrize("sampling", ["complementary", "half"])
def test_on_noise_the_mean_number_of_false_selections_respects_the_bound(sampling):
    """Threshold and q so that the bound allows 2.5; unlike with usual settings, something is selected then."""
    n_selected = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        X, y = rng.normal(size=(60, 40)), rng.permutation(60) % 2
        selector = StabilitySelector(
            q=6, threshold=0.68, n_pairs=25, sampling=sampling, on_empty="intercept", random_state=seed
        )
        n_selected.append(selector.fit(X, y).get_support().sum())
    assert selector.error_bound_ == pytest.approx(36 / (0.36 * 40))
    assert 0 < np.mean(n_selected) < selector.error_bound_


@pytest.mark.parametrize(
    ("q", "threshold", "p", "bound"),
    [(10, 0.75, 1000, 0.2), (50, 0.9, 4088, 2500 / 3270.4), (4, 0.6, 80, 1.0), (7, 1.0, 49, 1.0)],
)
def test_the_bound_and_the_q_that_reaches_it(q, threshold, p, bound):
    assert expected_false_selections(q, threshold, p) == pytest.approx(bound, rel=1e-12)
    assert largest_q(bound, threshold, p) == q
    assert largest_q(0.999 * bound, threshold, p) == q - 1


def test_q_is_chosen_from_the_false_selections_allowed():
    X, y = planted()
    allowed = [StabilitySelector(max_false=m, n_pairs=2, random_state=0).fit(X, y) for m in (0.25, 1.0, 4.0)]
    assert [selector.q_ for selector in allowed] == [5, 10, 20]
    assert [selector.error_bound_ for selector in allowed] == [0.25, 1.0, 4.0]
    given = StabilitySelector(q=7, n_pairs=2, random_state=0).fit(X, y)
    assert (given.q_, given.error_bound_) == (7, 49 / 100)


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("sampling", ["complementary", "half"])
def test_subsamples_are_half_of_the_patients_of_each_class(sampling, grouped):
    positive = np.arange(90) % 3 == 0
    patient = np.arange(90)
    if grouped:  # three rows each, of one class
        patient = np.concatenate([np.repeat(np.arange(10), 3), 10 + np.repeat(np.arange(20), 3)])
        positive = patient < 10
    selector = StabilitySelector(n_pairs=4, sampling=sampling, random_state=0)
    drawn = list(selector._subsamples(positive, patient if grouped else None))
    assert len(drawn) == 8
    for rows in drawn:
        assert len(np.unique(rows)) == len(rows) == 45
        assert positive[rows].sum() == positive.sum() // 2
        assert not set(patient[rows]) & set(np.delete(patient, rows))
    shared = [len(np.intersect1d(*drawn[i : i + 2])) for i in range(0, 8, 2)]
    assert (max(shared) == 0) == (sampling == "complementary")


def test_odd_classes_leave_one_out_of_both_halves():
    drawn = list(StabilitySelector(n_pairs=1, random_state=0)._subsamples(np.arange(18) < 7, None))
    assert [len(rows) for rows in drawn] == [8, 8]
    assert not np.intersect1d(*drawn).size


def test_groups_reach_the_subsamples_and_the_order_of_rows_does_not():
    X, y = planted(80, 30)
    groups = np.array([f"p{i // 4 * 2 + i % 2}" for i in range(80)])  # patients with one class each
    order = np.random.default_rng(0).permutation(80)
    one = StabilitySelector(n_pairs=5, random_state=0).fit(X, y, groups)
    other = StabilitySelector(n_pairs=5, random_state=0).fit(X[order], y[order], groups[order])
    alone = StabilitySelector(n_pairs=5, random_state=0).fit(X, y)
    assert np.array_equal(one.frequencies_, other.frequencies_)
    assert not np.array_equal(one.frequencies_, alone.frequencies_)


def test_same_seed_same_frequencies():
    X, y = planted(60, 40)
    seeds = [StabilitySelector(n_pairs=5, random_state=seed).fit(X, y).frequencies_ for seed in (0, 0, 1)]
    assert np.array_equal(seeds[0], seeds[1])
    assert not np.array_equal(seeds[0], seeds[2])


def test_where_nothing_is_stable():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 300)), np.arange(60) % 2
    with pytest.warns(NothingSelectedWarning):
        selector = StabilitySelector(n_pairs=10, threshold=0.95, random_state=0).fit(X, y)
    assert selector.fallback_
    assert selector.get_support(indices=True).tolist() == [selector.frequencies_.argmax()]
    with pytest.raises(NothingSelectedError):
        StabilitySelector(n_pairs=10, threshold=0.95, on_empty="raise", random_state=0).fit(X, y)


def test_too_few_patients_are_refused():
    X, y = planted(40, 10)
    with pytest.raises(ValueError, match="each needs at least 2; the smaller one has 1"):
        StabilitySelector().fit(X, np.arange(40) < 1)
    with pytest.raises(ValueError, match="patients of each class"):
        StabilitySelector().fit(X, y, groups=np.arange(40) // 10 % 3 * y)
