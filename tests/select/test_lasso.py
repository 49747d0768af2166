"""LassoSelector: inner folds, rules, groups, and the small and degenerate cases."""

from __future__ import annotations

import numpy as np
import pytest

from radiofuse.select import LassoSelector, NothingSelectedWarning
from radiofuse.select.lasso import stratified_folds


def informative_table(n_samples=90, n_features=40, seed=0):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n_samples, n_features)), np.arange(n_samples) % 2
    X[:, :3] += 1.5 * y[:, None]
    return X, y


def test_finds_what_carries_the_label():
    X, y = informative_table()
    assert LassoSelector(rule="1se", random_state=0).fit(X, y).get_support(indices=True).tolist() == [0, 1, 2]


def test_one_se_never_keeps_a_smaller_penalty():
    X, y = informative_table()
    least, parsimonious = (LassoSelector(rule=rule, random_state=0).fit(X, y) for rule in ("min", "1se"))
    assert parsimonious.alpha_ >= least.alpha_
    assert least.alpha_ == least.alphas_[np.argmin(least.cv_mean_)]


def test_affine_rescaling_changes_no_coefficient():
    X, y = informative_table()
    rescaled = X * np.geomspace(1e-6, 1e6, X.shape[1]) + 5
    expected, found = (LassoSelector(random_state=0).fit(table, y) for table in (X, rescaled))
    np.testing.assert_allclose(found.coef_, expected.coef_, atol=1e-8)


def test_column_order_does_not_matter():
    X, y = informative_table()
    order = np.random.default_rng(1).permutation(X.shape[1])
    expected, found = (LassoSelector(random_state=0).fit(table, y) for table in (X, X[:, order]))
    np.testing.assert_allclose(found.coef_, expected.coef_[order], atol=1e-10)


def test_swapping_the_labels_flips_the_signs_only():
    X, y = informative_table()
    one, other = LassoSelector(random_state=0).fit(X, y), LassoSelector(random_state=0).fit(X, 1 - y)
    np.testing.assert_allclose(other.coef_, -one.coef_, atol=1e-10)


def test_many_more_features_than_samples():
    X, y = informative_table(60, 3000)
    selector = LassoSelector(random_state=0).fit(X, y)
    assert {0, 1, 2} <= set(selector.get_support(indices=True))
    assert selector.get_support().sum() < 60


def test_one_feature():
    X, y = informative_table()
    assert LassoSelector(random_state=0).fit(X[:, :1], y).get_support().tolist() == [True]


def test_constant_features_leave_an_empty_selection():
    X, y = np.full((20, 3), 0.1), np.arange(20) % 2
    with pytest.warns(NothingSelectedWarning, match="the selection is empty"):
        selector = LassoSelector(on_empty="intercept", random_state=0).fit(X, y)
    assert not selector.get_support().any()


def test_of_twins_one_is_enough():
    X, y = informative_table()
    selector = LassoSelector(random_state=0).fit(np.column_stack([X, X[:, 0], -X[:, 1]]), y)
    chosen = set(selector.get_support(indices=True))
    assert len(chosen & {0, 40}) == len(chosen & {1, 41}) == 1


def test_nothing_passes_keeps_the_most_correlated():
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(40, 5)), np.arange(40) % 2
    with pytest.warns(NothingSelectedWarning, match="0 of 5 features passed; 1 of largest effect added"):
        selector = LassoSelector(rule="1se", random_state=0).fit(X, y)
    correlation = np.abs(np.corrcoef(X, y, rowvar=False)[-1, :-1])
    assert selector.fallback_
    assert selector.get_support(indices=True).tolist() == [correlation.argmax()]


def test_inner_folds_hold_both_classes_and_keep_groups_whole():
    y = np.repeat([0, 1], [40, 20])
    groups = np.repeat(np.arange(20), 3)
    folds = stratified_folds(y, groups, 5, 0)
    assert all(len(np.unique(folds[groups == group])) == 1 for group in range(20))
    assert all(set(y[folds == fold]) == {0, 1} for fold in range(5))


@pytest.mark.parametrize("rows_each", [1, 3], ids=["one row a patient", "three rows a patient"])
def test_a_patient_has_one_fold_whatever_the_order_of_the_rows(rows_each):
    patients = np.repeat([f"p{i:02}" for i in range(30)], rows_each)
    y = np.repeat(np.arange(30) % 2, rows_each)
    folds = dict(zip(patients, stratified_folds(y, patients, 5, 0), strict=True))
    order = np.random.default_rng(1).permutation(len(y))
    shuffled = stratified_folds(y[order], patients[order], 5, 0)
    assert dict(zip(patients[order], shuffled, strict=True)) == folds


def test_a_small_class_gets_as_many_folds_as_members():
    y = np.repeat([0, 1], [30, 4])
    folds = stratified_folds(y, None, 10, 0)
    assert np.bincount(folds[y == 1]).tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("groups", "unit"), [(None, "rows"), (np.r_[np.arange(10), [99] * 10], "patients")], ids=["rows", "groups"]
)
def test_a_class_of_one_is_refused(groups, unit):
    y = np.repeat([0, 1], [19, 1]) if groups is None else np.repeat([0, 1], 10)
    with pytest.raises(ValueError, match=f"at least 2 {unit} of each class; the smaller one has 1"):
        LassoSelector().fit(np.random.default_rng(0).normal(size=(20, 3)), y, groups=groups)


def test_groups_of_another_length_are_refused():
    X, y = informative_table()
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        LassoSelector().fit(X, y, groups=np.arange(5))


def test_repeated_rows_without_groups_fool_the_inner_folds():
    """Copies of a patient on both sides of an inner fold make overfitting look good; groups prevent it."""
    rng = np.random.default_rng(4)
    X, y = np.repeat(rng.normal(size=(30, 60)), 4, axis=0), np.repeat(np.arange(30) % 2, 4)
    fooled = LassoSelector(random_state=0).fit(X, y)
    honest = LassoSelector(random_state=0, on_empty="intercept").fit(X, y, groups=np.repeat(np.arange(30), 4))
    assert fooled.cv_mean_.min() < 0.1 < 0.2 < honest.cv_mean_.min()
    assert fooled.get_support().sum() > honest.get_support().sum()
