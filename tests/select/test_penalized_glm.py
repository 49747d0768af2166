"""Penalized GLMs: optimality conditions on hard tables, scikit-learn's solvers, weights, folds, the end of the path."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import ElasticNet, LogisticRegression

from radiofuse.errors import CohortError, RequestError
from radiofuse.prepare.standardize import standardize
from radiofuse.select import _coordinate_descent
from radiofuse.select.penalized_fit import PATIENCE
from radiofuse.select.penalized_glm import FAMILIES, penalized_path_cv


def class_table(n_samples=90, n_features=25, n_classes=2, seed=0):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n_samples, n_features)), np.arange(n_samples) % n_classes
    X[:, 0] += y
    X[:, 1] -= y == 1
    return X * 7 + 3, y, np.arange(n_samples) // n_classes % 5


def weighted_standardize(X, weights):
    mean = np.average(X, axis=0, weights=weights)
    scale = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weights))
    constant = scale < 1e-12 * np.abs(mean)
    return np.where(constant, 0.0, X - mean) / np.where(constant, 1.0, scale)


def probabilities(linear):
    exponentials = np.exp(linear - linear.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def residuals(linear, y, family):
    if family == "gaussian":
        return linear - y[:, None]
    if family == "binomial":
        return probabilities(np.hstack([np.zeros_like(linear), linear]))[:, 1:] - y[:, None]
    return probabilities(linear) - (y[:, None] == np.arange(linear.shape[1]))


def violation(fit, X, y, family, l1_ratio=1.0, weights=None):
    """How far any fit of the path misses the conditions for a minimum (Karush, Kuhn and Tucker)."""
    weights = np.ones(len(y)) if weights is None else weights
    Z, shares, worst = weighted_standardize(X, weights), weights / weights.sum(), 0.0
    for alpha, coef, intercept in zip(fit.alphas, fit.coef_path, fit.intercept_path, strict=True):
        coef = np.atleast_2d(coef)
        pull = shares[:, None] * residuals(Z @ coef.T + intercept, y, family)
        gradient = (Z.T @ pull).T + alpha * (1 - l1_ratio) * coef
        missed = np.where(coef != 0, np.abs(gradient + alpha * l1_ratio * np.sign(coef)), np.abs(gradient))
        worst = max(worst, np.max(missed - np.where(coef != 0, 0, alpha * l1_ratio)), np.abs(pull.sum(axis=0)).max())
    return worst


def hard_tables():
    for seed in range(30):
        rng = np.random.default_rng(seed)
        n, p, n_classes = int(rng.integers(20, 60)), int(rng.integers(1, 90)), 2 + seed % 3
        y = np.arange(n) % n_classes
        X = rng.normal(size=(n, 3)) @ rng.normal(size=(3, p)) + rng.choice([0.05, 1]) * rng.normal(size=(n, p))
        X[:, 0] += rng.choice([0, 1, 9]) * y  # at 9 the classes are separated
        if p > 5:
            X[:, 3], X[:, 4], X[:, 2] = X[:, 1], 7.0, 3 - 2 * X[:, 0]  # twins, a constant, a mirror image
        yield X * np.exp(3 * rng.normal(size=p)) + 10 * rng.normal(size=p), y, np.arange(n) // n_classes % 4


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
def test_optimal_at_every_penalty_whatever_the_table(family, l1_ratio):
    for number, (X, y, folds) in enumerate(hard_tables()):
        target = (
            y if family == "multinomial" else np.minimum(y, 1) if family == "binomial" else y + 100 + np.sin(X[:, 0])
        )
        weights = np.random.default_rng(number).choice([0.5, 1, 2.5], size=len(y)) if number % 2 else None
        fit = penalized_path_cv(
            X, target, folds, family=family, l1_ratio=l1_ratio, sample_weight=weights, n_alphas=40, full_path=True
        )
        assert violation(fit, X, target, family, l1_ratio, weights) < 1e-9, number
        assert np.isfinite(fit.cv_mean).all() and np.isfinite(fit.cv_se).all(), number


def test_no_feature_enters_at_the_first_penalty_and_one_just_below():
    X, y, folds = class_table()
    first = penalized_path_cv(X, y, folds, family="binomial").alphas[0]
    fit = penalized_path_cv(X, y, folds, family="binomial", alphas=first * np.array([1.0, 0.999]))
    assert fit.n_nonzero.tolist() == [0, 1]
    assert fit.dev_ratio[0] == pytest.approx(0, abs=1e-14)
    assert fit.strength.max() == first


@pytest.mark.parametrize("family", ["binomial", "multinomial"])
def test_same_as_scikit_learns_logistic_regression(family):
    X, y, folds = class_table(n_classes=2 if family == "binomial" else 3)
    fit = penalized_path_cv(X, y, folds, family=family, alphas=np.array([0.1, 0.05, 0.02]))
    for alpha, coef, intercept in zip(fit.alphas, fit.coef_path, fit.intercept_path, strict=True):
        model = LogisticRegression(C=1 / (len(y) * alpha), l1_ratio=1, solver="saga", tol=1e-10, max_iter=100_000)
        model.fit(standardize(X), y)
        np.testing.assert_allclose(np.atleast_2d(coef), model.coef_, atol=1e-6)
        centered = model.intercept_ - (model.intercept_.mean() if family == "multinomial" else 0)
        np.testing.assert_allclose(np.atleast_1d(intercept), centered, atol=1e-6)


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5, 0.1])
def test_same_as_scikit_learns_elastic_net_in_every_fold(l1_ratio):
    X, y, folds = class_table(n_samples=40, n_features=60)
    y = y + np.random.default_rng(1).normal(size=len(y))
    fit = penalized_path_cv(X, y, folds, family="gaussian", l1_ratio=l1_ratio, alphas=np.geomspace(0.2, 0.02, 6))
    for at, alpha in enumerate(fit.alphas):
        model = ElasticNet(alpha=alpha, l1_ratio=l1_ratio, tol=1e-12, max_iter=1_000_000)
        np.testing.assert_allclose(fit.coef_path[at], model.fit(standardize(X), y).coef_, atol=1e-7)
        errors = []
        for fold in range(5):
            train, mean, scale = folds != fold, X[folds != fold].mean(axis=0), X[folds != fold].std(axis=0)
            model.fit((X[train] - mean) / scale, y[train])
            errors.append(np.mean((y[~train] - model.predict((X[~train] - mean) / scale)) ** 2))
        assert fit.cv_mean[at] == pytest.approx(np.mean(errors), rel=1e-7)
        assert fit.cv_se[at] == pytest.approx(np.std(errors) / 2, rel=1e-6)


@pytest.mark.parametrize(("family", "n_classes"), [("binomial", 2), ("multinomial", 3)])
def test_held_out_deviance_is_that_of_the_fit_on_the_other_rows(family, n_classes):
    X, y, folds = class_table(n_classes=n_classes)
    fit = penalized_path_cv(X, y, folds, family=family, n_alphas=8)
    losses = np.zeros((len(fit.alphas), 5))
    for fold in range(5):
        train = folds != fold
        mean, scale = X[train].mean(axis=0), X[train].std(axis=0)
        alone = penalized_path_cv(X[train], y[train], folds[train], family=family, alphas=fit.alphas, full_path=True)
        for at, (coef, intercept) in enumerate(zip(alone.coef_path, alone.intercept_path, strict=True)):
            linear = (X[~train] - mean) / scale @ np.atleast_2d(coef).T + intercept
            chances = probabilities(linear if n_classes > 2 else np.hstack([np.zeros_like(linear), linear]))
            losses[at, fold] = np.mean(-2 * np.log(chances[np.arange(len(linear)), y[~train]].clip(1e-5, 1 - 1e-5)))
    np.testing.assert_allclose(fit.cv_mean, losses.mean(axis=1), rtol=1e-8)


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_are_repetitions_and_zero_is_absence(family):
    X, y, folds = class_table(n_classes=3 if family == "multinomial" else 2)
    times = np.random.default_rng(3).integers(0, 4, size=len(y))
    alphas = np.array([0.2, 0.1, 0.05, 0.02])
    weighted = penalized_path_cv(X, y, folds, family=family, sample_weight=times, alphas=alphas)
    repeated = penalized_path_cv(
        *(np.repeat(part, times, axis=0) for part in (X, y, folds)), family=family, alphas=alphas
    )
    np.testing.assert_allclose(weighted.coef_path, repeated.coef_path, atol=1e-9)
    np.testing.assert_allclose(weighted.cv_mean, repeated.cv_mean, rtol=1e-7)
    np.testing.assert_allclose(weighted.cv_se, repeated.cv_se, rtol=1e-6)


def test_two_classes_as_a_multinomial_share_the_binomial_coefficients():
    X, y, folds = class_table()
    two, many = (penalized_path_cv(X, y, folds, family=family) for family in ("binomial", "multinomial"))
    np.testing.assert_allclose(many.alphas, two.alphas, rtol=1e-12)
    np.testing.assert_allclose(many.coef_path[:, 1], two.coef_path / 2, atol=1e-9)
    np.testing.assert_allclose(many.coef_path[:, 0], -two.coef_path / 2, atol=1e-9)
    np.testing.assert_allclose(many.cv_mean, two.cv_mean, rtol=1e-8)


def test_four_classes_are_centered_on_their_median():
    X, y, folds = class_table(n_classes=4, n_samples=120)
    fit = penalized_path_cv(X, y, folds, family="multinomial", n_alphas=30)
    np.testing.assert_allclose(np.median(fit.coef_path, axis=1), 0, atol=1e-15)
    np.testing.assert_allclose(fit.intercept_path.sum(axis=1), 0, atol=1e-12)
    assert fit.n_nonzero[-1] > 5


@pytest.mark.parametrize("family", FAMILIES)
def test_the_early_end_changes_no_number_before_it(family):
    X, y, folds = class_table(n_classes=3 if family == "multinomial" else 2, seed=4)
    early, full = (penalized_path_cv(X, y, folds, family=family, full_path=whole) for whole in (False, True))
    assert early.stopped_early and PATIENCE < len(early.alphas) < len(full.alphas)
    np.testing.assert_array_equal(early.cv_mean, full.cv_mean[: len(early.alphas)])
    np.testing.assert_array_equal(early.coef_path, full.coef_path[: len(early.alphas)])
    assert [early.index(rule) for rule in ("min", "1se")] == [full.index(rule) for rule in ("min", "1se")]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_table_that_separates_the_classes_ends_where_the_deviance_is_explained(family):
    X, y, folds = class_table(n_classes=3 if family == "multinomial" else 2)
    X[:, 5:8] = y[:, None] == np.arange(3)
    fit = penalized_path_cv(X, y, folds, family=family, full_path=True)
    assert fit.stopped_early and fit.dev_ratio[-1] > 0.999 > fit.dev_ratio[-2]
    assert np.isfinite(fit.coef_path).all() and (np.diff(fit.dev_ratio) > 0).all()


def test_of_identical_columns_the_first_is_used():
    X, y, folds = class_table(n_features=3)
    fit = penalized_path_cv(np.hstack([X, X, -X]), y, folds, family="binomial", full_path=True)
    alone = penalized_path_cv(X, y, folds, family="binomial", full_path=True)
    assert not fit.coef_path[:, 3:].any()
    np.testing.assert_allclose(fit.coef_path[:, :3], alone.coef_path, atol=1e-9)


@pytest.mark.parametrize("family", FAMILIES)
def test_constant_columns_stay_out_even_where_only_a_fold_sees_them_constant(family):
    X, y, folds = class_table(n_classes=3 if family == "multinomial" else 2)
    X[:, 3], X[:, 4] = 0.1, np.where(folds == 0, X[:, 4], 0.3)  # the second varies in the held-out rows alone
    fit = penalized_path_cv(X, y, folds, family=family)
    assert not fit.coef_path[..., 3].any()
    assert np.isfinite(fit.cv_mean).all() and fit.strength[3] == 0
    nothing = penalized_path_cv(np.full((len(y), 2), 0.1), y, folds, family=family, n_alphas=5)
    assert not nothing.coef_path.any() and not nothing.strength.any()


def test_moving_and_stretching_columns_changes_nothing():
    X, y, folds = class_table()
    moved = penalized_path_cv(X * 1e6 - 1e8, y, folds, family="binomial")
    fit = penalized_path_cv(X, y, folds, family="binomial")
    np.testing.assert_allclose(moved.coef_path, fit.coef_path, atol=1e-6)


def test_a_numeric_target_may_lie_far_from_zero():
    X, y, folds = class_table()
    fit, far = (penalized_path_cv(X, y + shift, folds, family="gaussian", l1_ratio=0.5) for shift in (0.0, 1e6))
    np.testing.assert_allclose(far.coef_path, fit.coef_path, atol=1e-8)
    np.testing.assert_allclose(far.intercept_path, fit.intercept_path + 1e6, rtol=1e-12)


@pytest.mark.parametrize(
    "request_", [{"family": "poisson"}, {"l1_ratio": 0.0}, {"alphas": [0.1, 0.2]}, {"alphas": [0.1, 0.0]}]
)
def test_impossible_requests_are_refused(request_):
    X, y, folds = class_table()
    with pytest.raises(RequestError, match=next(iter(request_))):
        penalized_path_cv(X, y, folds, **{"family": "binomial", **request_})


def test_folds_that_hide_a_class_are_refused():
    X, y, folds = class_table()
    with pytest.raises(CohortError, match="lack a class"):
        penalized_path_cv(X, y, y, family="binomial")
    with pytest.raises(CohortError, match="at least 2 inner folds"):
        penalized_path_cv(X, y, np.zeros(len(y)), family="gaussian")


def kernel_arguments():
    shapes = [(2, 8), (1, 8), (1, 8), (1, 2), (1,), (1,), (1, 1, 2), (1, 1, 2), (1, 1, 8), (1,)]
    arrays = [np.ones(shape) for shape in shapes]
    arrays[5] = np.ones(1, dtype=np.uint8)
    return [*arrays, 0, 0.5, 0.5, 1.0]


def test_the_kernel_checks_its_arrays():
    _coordinate_descent.minimize_penalized(*kernel_arguments())
    for position in range(10):
        arguments = kernel_arguments()
        arguments[position] = np.ones((3,) * arguments[position].ndim, dtype=arguments[position].dtype)
        with pytest.raises(ValueError, match="shapes do not fit"):
            _coordinate_descent.minimize_penalized(*arguments)
        arguments[position] = arguments[position].astype(np.float32)
        with pytest.raises(TypeError, match="expected"):
            _coordinate_descent.minimize_penalized(*arguments)
