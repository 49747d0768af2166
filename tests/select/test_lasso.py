"""LassoSelector: inner folds, rules, families, weights, groups, and the small and degenerate cases."""

from __future__ import annotations

import numpy as np
import pytest

from radiofuse.errors import CohortError, RequestError
from radiofuse.select import LassoSelector, NothingSelectedWarning
from radiofuse.select.lasso_path import lasso_path_cv
from radiofuse.select.penalized_fit import PathEdgeWarning
from radiofuse.select.penalized_glm import penalized_path_cv
from radiofuse.select.penalty_folds import stratified_folds


def informative_table(n_samples=90, n_features=40, seed=0):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n_samples, n_features)), np.arange(n_samples) % 2
    X[:, :3] += 1.5 * y[:, None]
    return X, y


def three_classes(n_samples=120):
    X, y = informative_table(n_samples, 20)
    y = np.array(["a", "b", "c"])[np.arange(n_samples) % 3]
    X[y == "b", 5] += 3
    X[y == "c", 6] += 3
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
    with pytest.warns(NothingSelectedWarning, match="none of 5 features passed; the one of largest effect stays"):
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
    with pytest.raises(ValueError, match=f"at least 2 {unit} of each class; the smallest one has 1"):
        LassoSelector().fit(np.random.default_rng(0).normal(size=(20, 3)), y, groups=groups)


def test_groups_of_another_length_are_refused():
    X, y = informative_table()
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        LassoSelector().fit(X, y, groups=np.arange(5))


def test_repeated_rows_without_groups_fool_the_inner_folds():
    """Copies of a patient on both sides of an inner fold make overfitting look good; groups prevent it."""
    rng = np.random.default_rng(4)
    X, y = np.repeat(rng.normal(size=(30, 60)), 4, axis=0), np.repeat(np.arange(30) % 2, 4)
    with pytest.warns(PathEdgeWarning, match="rows of one patient be in several folds"):
        fooled = LassoSelector(random_state=0).fit(X, y)
    honest = LassoSelector(random_state=0, on_empty="intercept").fit(X, y, groups=np.repeat(np.arange(30), 4))
    assert fooled.cv_mean_.min() < 0.1 < 0.2 < honest.cv_mean_.min()
    assert fooled.get_support().sum() > honest.get_support().sum()


# ---------------------------------------------------------------- what is learned


def test_attributes_tell_the_whole_path():
    X, y = informative_table()
    selector = LassoSelector(rule="1se", random_state=0).fit(X, np.where(y, "yes", "no"))
    fit = lasso_path_cv(X, y, selector.inner_folds_)
    least, sparse = fit.index("min"), fit.index("1se")
    assert selector.classes_.tolist() == ["no", "yes"]
    assert selector.n_folds_ == 10 and np.bincount(selector.inner_folds_).tolist() == [9] * 10
    assert (selector.alpha_min_, selector.alpha_1se_) == (fit.alphas[least], fit.alphas[sparse])
    assert (selector.alpha_, selector.stopped_early_) == (selector.alpha_1se_, True)
    for name in ("alphas", "cv_mean", "cv_se", "coef_path", "intercept_path", "n_nonzero", "dev_ratio"):
        assert np.array_equal(getattr(selector, f"{name}_"), getattr(fit, name)), name
    assert np.array_equal(selector.coef_min_, fit.coef_path[least])
    assert np.array_equal(selector.coef_, selector.coef_1se_)
    assert np.array_equal(selector.coef_1se_, fit.coef_path[sparse])
    assert np.array_equal(selector.get_support(), selector.coef_ != 0)


def test_mean_scale_coef_and_intercept_predict_as_the_model_does():
    X, y = informative_table()
    X[:, -1] = 7.0
    selector = LassoSelector(random_state=0).fit(X, y)
    residual = y - selector.intercept_ - (X - selector.mean_) / selector.scale_ @ selector.coef_
    explained = selector.dev_ratio_[selector.alphas_ == selector.alpha_]
    np.testing.assert_allclose(1 - residual.var() / y.var(), explained, rtol=1e-12)
    assert abs(residual.mean()) < 1e-14
    assert selector.scale_[-1] == 1 and selector.coef_[-1] == 0


def test_the_full_path_chooses_the_same_and_runs_to_the_end():
    X, y = informative_table()
    early, whole = (LassoSelector(full_path=full, random_state=0).fit(X, y) for full in (False, True))
    assert len(early.alphas_) < len(whole.alphas_) == 100
    assert not whole.stopped_early_
    assert np.array_equal(early.coef_, whole.coef_)


def test_a_minimum_at_the_end_of_the_grid_is_pointed_out():
    X, y = informative_table(200, 3)
    X[:, :3] += 3 * y[:, None]
    with pytest.warns(PathEdgeWarning, match="least at the last of 10 penalties"):
        LassoSelector(n_alphas=10, random_state=0).fit(X, y)


# ---------------------------------------------------------------- families, elastic net, class weights


@pytest.mark.parametrize(
    ("family", "l1_ratio"), [("binomial", 1.0), ("binomial", 0.5), ("gaussian", 0.5), ("multinomial", 1.0)]
)
def test_other_families_and_the_elastic_net_are_the_penalized_models(family, l1_ratio):
    X, y = three_classes() if family == "multinomial" else informative_table()
    codes = np.unique(y, return_inverse=True)[1]
    selector = LassoSelector(family=family, l1_ratio=l1_ratio, random_state=0).fit(X, y)
    fit = penalized_path_cv(X, codes, selector.inner_folds_, family=family, l1_ratio=l1_ratio)
    assert np.array_equal(selector.cv_mean_, fit.cv_mean)
    assert np.array_equal(selector.coef_, fit.coef_path[fit.index("min")])
    assert selector.get_support().sum() == fit.n_nonzero[fit.index("min")]


def test_the_elastic_net_keeps_twins_together_where_the_lasso_takes_one():
    X, y = informative_table()
    X = np.column_stack([X, X[:, 0]])
    lasso, net = (LassoSelector(l1_ratio=ratio, random_state=0).fit(X, y).get_support() for ratio in (1.0, 0.5))
    assert lasso[[0, 40]].tolist() == [True, False]
    assert net[[0, 40]].all()


def test_a_feature_of_one_class_among_three_is_kept():
    X, y = three_classes()
    selector = LassoSelector(family="multinomial", rule="1se", random_state=0).fit(X, y)
    assert {5, 6} <= set(selector.get_support(indices=True))
    assert selector.coef_.shape == (3, 20) and selector.coef_path_.shape[1:] == (3, 20)
    assert selector.intercept_.shape == (3,)
    assert np.array_equal(selector.get_support(), (selector.coef_ != 0).any(axis=0))


@pytest.mark.parametrize("family", ["gaussian", "binomial"])
def test_three_classes_need_the_multinomial(family):
    with pytest.raises(CohortError, match=f"family '{family}' compares two classes, but y holds 3.*multinomial"):
        LassoSelector(family=family).fit(*three_classes())


@pytest.mark.parametrize("family", ["gaussian", "multinomial"])
def test_one_class_is_refused(family):
    X, y = informative_table()
    with pytest.raises(CohortError, match="y holds 1 class"):
        LassoSelector(family=family).fit(X, np.zeros_like(y))


def test_balanced_weights_are_the_ones_of_the_class_sizes():
    X, y = informative_table()
    rows = np.flatnonzero((y == 0) | (np.arange(90) < 50))
    X, y = X[rows], y[rows]
    balanced = LassoSelector(class_weight="balanced", random_state=0).fit(X, y)
    given = LassoSelector(class_weight={0: 70 / 90, 1: 70 / 50}, random_state=0).fit(X, y)
    plain = LassoSelector(random_state=0).fit(X, y)
    np.testing.assert_allclose(balanced.coef_path_, given.coef_path_, atol=1e-13)
    assert balanced.intercept_ == pytest.approx(0.5)
    assert plain.intercept_ == pytest.approx(25 / 70)


def test_a_class_of_weight_zero_is_refused():
    X, y = informative_table()
    with pytest.raises(RequestError, match="class_weight: expected positive numbers"):
        LassoSelector(class_weight={0: 0, 1: 1}).fit(X, y)


def test_every_one_of_several_classes_is_in_every_inner_fold():
    y = np.repeat(["a", "b", "c"], [30, 20, 10])
    folds = stratified_folds(y, None, 5, 0)
    assert all(np.unique(y[folds == fold], return_counts=True)[1].tolist() == [6, 4, 2] for fold in range(5))
