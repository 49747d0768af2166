"""The LASSO path: optimality conditions, scikit-learn's LARS fold by fold, weights, ties, and the early end.

Everything twice: with all columns followed, and with those that the strong rule leaves.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import lars_path

from radiofuse.errors import CohortError, RequestError
from radiofuse.prepare.standardize import center_and_scale, standardize
from radiofuse.select import _lasso_path, lasso_path
from radiofuse.select.lasso_path import lasso_path_cv
from radiofuse.select.penalized_fit import PATIENCE


@pytest.fixture(autouse=True, params=["all followed", "screened"])
def screening(request, monkeypatch):
    monkeypatch.setattr(lasso_path, "WIDE", 0 if request.param == "screened" else 1_000_000)
    return request.param


def informative_table(n_samples=80, n_features=30, seed=1):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n_samples, n_features)), (np.arange(n_samples) % 2).astype(float)
    X[:, :5] += y[:, None]
    return X, y, np.arange(n_samples) // 2 % 5


def violation(X, y, coef, alpha):
    """How far the optimality conditions |Z'r| / n <= alpha, = alpha * sign on the support, are missed."""
    correlation = standardize(X).T @ (y - y.mean() - standardize(X) @ coef) / len(y)
    active = coef != 0
    missed = np.abs(correlation[active] - alpha * np.sign(coef[active]))
    return max(np.abs(correlation).max() - alpha, missed.max(initial=0))


def tables():
    for seed in range(60):
        rng = np.random.default_rng(seed)
        n, p = int(rng.integers(4, 40)), int(rng.integers(1, 60))
        X, mixing = rng.normal(size=(n, p)), rng.integers(-1, 2, size=(1 + p // 3, p))
        kinds = {
            "normal": X,
            "binary": rng.integers(0, 2, size=(n, p)).astype(float),
            "few values": rng.integers(0, 4, size=(n, p)).astype(float),
            "low rank": X[:, : 1 + p // 3] @ mixing,
            "low rank, few values": (rng.integers(0, 2, size=(n, 1 + p // 3)) @ mixing).astype(float),
            "twins": np.hstack([X, X[:, ::2], -X[:, ::3], X[:, :1] + 1e-9 * rng.normal(size=(n, 1)), np.ones((n, 2))]),
        }
        y = (np.arange(n) // 2 % 2).astype(float)
        yield from ((kind, table, y) for kind, table in kinds.items())


def test_optimal_at_every_penalty_whatever_the_table():
    for kind, X, y in tables():
        fit = lasso_path_cv(X, y, np.arange(len(y)) % 2, n_alphas=30, full_path=True)
        for alpha, coef in zip(fit.alphas, fit.coef_path, strict=True):
            assert violation(X, y, coef, alpha) < 1e-9, kind


def lars_coefs(Z, y, alphas):
    """Coefficients at the penalties, between the knots that scikit-learn's LARS finds."""
    knots, _, coefs = lars_path(Z, y - y.mean(), method="lasso", alpha_min=alphas[-1] / 2)
    return np.array([np.interp(alphas, knots[::-1], row[::-1]) for row in coefs]).T


def assert_equals_lars(X, y, folds):
    """Same curve, same sets and same coefficients as plain loops over folds around scikit-learn."""
    fit = lasso_path_cv(X, y, folds)
    errors = []
    for fold in np.unique(folds):
        train, test = folds != fold, folds == fold
        mean, scale = center_and_scale(X[train])
        coefs = lars_coefs((X[train] - mean) / scale, y[train], fit.alphas)
        predicted = y[train].mean() + (X[test] - mean) / scale @ coefs.T
        errors.append(np.mean((y[test, None] - predicted) ** 2, axis=0))
    weights = np.bincount(folds) / len(folds)
    mean = weights @ errors
    np.testing.assert_allclose(fit.cv_mean, mean, atol=1e-9)
    np.testing.assert_allclose(fit.cv_se, np.sqrt(weights @ (errors - mean) ** 2 / (len(weights) - 1)), atol=1e-9)
    expected = lars_coefs(standardize(X), y, fit.alphas)
    np.testing.assert_allclose(fit.coef_path, expected, atol=1e-9)
    assert np.array_equal(fit.coef_path[1:] != 0, np.abs(expected[1:]) > 1e-12)
    assert fit.n_nonzero.tolist() == np.count_nonzero(fit.coef_path, axis=1).tolist()
    residuals = y[:, None] - fit.intercept_path - standardize(X) @ fit.coef_path.T
    np.testing.assert_allclose(fit.dev_ratio, 1 - (residuals**2).mean(axis=0) / y.var(), atol=1e-12)


@pytest.mark.parametrize("shape", [(47, 12), (150, 120), (60, 300), (33, 1), (8, 40)], ids=str)
def test_equals_lars_in_every_fold(shape):
    assert_equals_lars(*informative_table(*shape))


def test_equals_lars_on_correlated_features():
    X, y, folds = informative_table(120, 8)
    mixing = np.random.default_rng(5).normal(size=(8, 150))
    noise = np.random.default_rng(6).normal(size=(120, 150))
    assert_equals_lars(X @ mixing + 0.3 * noise, y, folds)


@pytest.mark.data
@pytest.mark.parametrize("name", ["LGG-1p19qDeletion", "Sasaki2019", "Wang2024"])
def test_equals_lars_on_real_tables(data_dir, name):
    table = pd.read_csv(data_dir / "radmlbench" / f"{name}.gz")
    X = table.drop(columns="Target").select_dtypes("number").to_numpy(float)
    X, y = X[:, X.std(axis=0) > 0], table["Target"].to_numpy(float)
    correlation = np.abs(np.corrcoef(X, y, rowvar=False)[-1, :-1])
    strongest = np.argsort(-correlation, kind="stable")[:150]
    apart = [j for k, j in enumerate(strongest) if not twin_before(X[:, strongest], k)]
    assert_equals_lars(X[:, apart], y, np.arange(len(y)) % 10)


def twin_before(X, k):
    return k > 0 and np.abs(np.corrcoef(X[:, : k + 1], rowvar=False)[k, :k]).max() > 0.999


def test_a_number_is_as_good_a_target_as_a_label():
    X, _, folds = informative_table()
    assert_equals_lars(X, 1e3 + 50 * X[:, 2] + np.random.default_rng(0).normal(size=80), folds)


# ---------------------------------------------------------------- the strong rule


def table_that_breaks_the_strong_rule():
    """Two columns whose fit moves a third one's correlation nearly four times as fast as the penalty falls."""
    basis = np.linalg.qr(np.column_stack([np.ones(60), np.random.default_rng(0).normal(size=(60, 39))]))[0][:, 1:]
    causes = basis * 60**0.5
    plus, minus, other = causes[:, :3].T
    first, second = 0.05**0.5 * plus + 0.95**0.5 * minus, 0.05**0.5 * plus - 0.95**0.5 * minus
    third = np.cos(np.pi / 6) * plus - np.sin(np.pi / 6) * other
    y = plus + other / np.tan(np.pi / 6)  # not correlated with the third column
    return np.column_stack([first, second, third, causes[:, 3:]]), y


def test_a_column_that_the_strong_rule_discards_enters_all_the_same():
    X, y = table_that_breaks_the_strong_rule()
    alphas = 0.05**0.5 * np.array([1, 0.93, 0.85, 0.77])
    fit = lasso_path_cv(X, y, np.arange(60) % 5, alphas=alphas)
    before = standardize(X).T @ (y - y.mean() - standardize(X) @ fit.coef_path[2]) / 60
    assert abs(before[2]) < 2 * alphas[3] - alphas[2]  # so the rule says that it stays out
    assert not fit.coef_path[2, 2]
    assert fit.coef_path[3, 2] < -0.01
    for alpha, coef in zip(alphas, fit.coef_path, strict=True):
        assert violation(X, y, coef, alpha) < 1e-13


def test_folds_in_which_the_strong_rule_breaks_equal_lars_too():
    X, y = table_that_breaks_the_strong_rule()
    X = X + 0.1 * np.random.default_rng(1).normal(size=X.shape)
    assert_equals_lars(X, y, np.arange(60) % 5)


def test_a_wide_table_is_screened_unasked(monkeypatch):
    monkeypatch.undo()
    X, y, folds = informative_table(60, 200)
    assert_equals_lars(X, y, folds)


# ---------------------------------------------------------------- where the path ends


def test_the_path_ends_past_the_minimum_and_chooses_as_the_whole_path_does():
    X, y, folds = informative_table(60, 200)
    early, whole = (lasso_path_cv(X, y, folds, full_path=full) for full in (False, True))
    run, least = len(early.alphas), early.index("min")
    above = early.cv_mean > early.cv_mean[least] + early.cv_se[least]
    assert above[-PATIENCE:].all() and not above[-PATIENCE - 1]
    assert early.stopped_early and not whole.stopped_early
    assert PATIENCE < run < len(whole.alphas) == 100
    assert np.array_equal(early.coef_path, whole.coef_path[:run])
    assert np.array_equal(early.cv_mean, whole.cv_mean[:run])
    assert [early.index(rule) for rule in ("min", "1se")] == [whole.index(rule) for rule in ("min", "1se")]


def test_given_penalties_are_the_ones_run():
    X, y, folds = informative_table()
    alphas = np.array([0.3, 0.05, 0.01])
    fit = lasso_path_cv(X, y, folds, alphas=alphas)
    assert fit.alphas.tolist() == alphas.tolist()
    assert all(violation(X, y, coef, alpha) < 1e-13 for alpha, coef in zip(alphas, fit.coef_path, strict=True))


def test_the_first_penalty_lets_nothing_in_and_the_second_the_strongest():
    X, y, folds = informative_table()
    fit = lasso_path_cv(X, y, folds)
    assert fit.n_nonzero[0] == 0
    assert fit.coef_path[1].nonzero()[0].tolist() == [fit.strength.argmax()]
    assert fit.alphas[0] == fit.strength.max()


# ---------------------------------------------------------------- weights and the order of rows


def test_weights_are_repeated_rows():
    X, y, folds = informative_table()
    repeats = np.random.default_rng(2).integers(0, 4, len(y))
    weighted = lasso_path_cv(X, y, folds, sample_weight=repeats.astype(float))
    repeated = lasso_path_cv(*(np.repeat(values, repeats, axis=0) for values in (X, y, folds)))
    for name in ("alphas", "cv_mean", "cv_se", "coef_path", "intercept_path", "dev_ratio", "strength"):
        np.testing.assert_allclose(getattr(weighted, name), getattr(repeated, name), atol=1e-12, err_msg=name)
    assert np.array_equal(weighted.n_nonzero, repeated.n_nonzero)


def test_only_the_ratio_of_weights_counts():
    X, y, folds = informative_table()
    weights = np.random.default_rng(3).uniform(0.5, 2, len(y))
    one, other = (lasso_path_cv(X, y, folds, sample_weight=factor * weights) for factor in (1, 1e6))
    np.testing.assert_allclose(one.coef_path, other.coef_path, atol=1e-13)


def test_weighted_center_and_scale_of_equal_weights():
    X = np.column_stack([np.random.default_rng(0).normal(1e6, 1, (50, 3)), np.full(50, 0.1)])
    for found, expected in zip(center_and_scale(X, np.full(50, 1 / 50)), center_and_scale(X), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_rows_and_the_names_of_folds_do_not_matter(seed):
    X, y, folds = informative_table(60, 90)
    X = np.column_stack(
        [X, 3 * X[:, 0] + 7, -X[:, 1], X[:, 2] + X[:, 3]]
    )  # which of twins must not depend on it either
    order = np.random.default_rng(seed).permutation(60)
    expected = lasso_path_cv(X, y, folds, full_path=True)
    found = lasso_path_cv(X[order], y[order], 7 - folds[order], full_path=True)
    assert np.array_equal(found.coef_path[1:] != 0, expected.coef_path[1:] != 0)
    np.testing.assert_allclose(found.coef_path, expected.coef_path, atol=1e-10)
    np.testing.assert_allclose(found.cv_mean, expected.cv_mean, atol=1e-10)


# ---------------------------------------------------------------- degenerate columns


def test_of_twins_the_first_is_used():
    X, y, folds = informative_table()
    alone = lasso_path_cv(X, y, folds)
    twins = lasso_path_cv(np.column_stack([X, 5 * X - 2, -X]), y, folds)
    np.testing.assert_allclose(twins.coef_path[:, :30], alone.coef_path, atol=1e-11)
    assert not twins.coef_path[:, 30:].any()


def test_constant_columns_never_enter_and_change_nothing():
    X, y, folds = informative_table()
    alone = lasso_path_cv(X, y, folds)
    padded = lasso_path_cv(np.column_stack([np.full(80, 0.1), X, np.full(80, 1e9)]), y, folds)
    assert not padded.coef_path[:, [0, -1]].any()
    np.testing.assert_allclose(padded.cv_mean, alone.cv_mean, atol=1e-13)


def test_a_column_constant_in_the_training_rows_of_one_fold_has_no_say_there():
    X, y, folds = informative_table()
    X[:, 0] = np.where(folds == 2, 40 * y + 0.1, 0.1)
    fit = lasso_path_cv(X, y, folds)
    assert fit.coef_path[:, 0].any()
    assert_equals_lars(X, y, folds)


def test_more_columns_than_rows_down_to_where_everything_is_fitted():
    X, y, folds = informative_table(20, 300)
    fit = lasso_path_cv(X, y, folds, full_path=True)
    assert fit.n_nonzero.max() < 20
    assert fit.dev_ratio[-1] > 0.99999
    assert max(violation(X, y, coef, alpha) for alpha, coef in zip(fit.alphas, fit.coef_path, strict=True)) < 1e-13


def test_no_feature_carries_anything():
    X, y = np.tile([[0.0], [1.0]], (6, 1)), np.repeat([0.0, 1.0], 6)
    fit = lasso_path_cv(X, y, np.arange(12) % 3)
    assert not fit.alphas.any() and not fit.coef_path.any()
    assert fit.index("min") == fit.index("1se") == 0


def test_a_constant_target_is_explained_by_the_intercept():
    X, _, folds = informative_table()
    fit = lasso_path_cv(X, np.full(80, 0.3), folds)
    assert not fit.coef_path.any() and not fit.dev_ratio.any()
    np.testing.assert_allclose(fit.intercept_path, 0.3)


# ---------------------------------------------------------------- refusals


def test_one_fold_is_refused():
    X, y, folds = informative_table()
    with pytest.raises(CohortError, match="Expected at least 2, got 1"):
        lasso_path_cv(X, y, np.zeros_like(folds))


def test_rising_penalties_are_refused():
    with pytest.raises(RequestError, match="that fall"):
        lasso_path_cv(*informative_table(), alphas=np.array([0.1, 0.2]))


def kernel_arguments(**changes):
    arguments = {
        "columns": np.zeros((2, 6)),
        "y": np.arange(6.0),
        "weights": np.full(6, 1 / 6),
        "folds": np.arange(6) // 3,
        "n_folds": 2,
        "rounding": np.zeros(2),
        "gradient": np.zeros(2),
        "screened": False,
    }
    return list((arguments | changes).values())


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"y": np.zeros(5)}, ValueError, "lengths differ"),
        ({"gradient": np.zeros(3)}, ValueError, "lengths differ"),
        ({"folds": np.arange(6)}, ValueError, r"a fold is not in range\(n_folds\)"),
        ({"folds": np.arange(6) - 1}, ValueError, r"a fold is not in range\(n_folds\)"),
        ({"folds": np.arange(6) % 2}, ValueError, "folds fall"),
        ({"columns": np.zeros((2, 6), dtype=np.float32)}, TypeError, "columns: expected 2 dimensions of kind f8"),
        ({"weights": np.zeros((6, 1))}, TypeError, "weights: expected 1 dimensions"),
    ],
)
def test_the_kernel_refuses_arrays_that_do_not_fit(changes, error, message):
    with pytest.raises(error, match=message):
        _lasso_path.start(*kernel_arguments(**changes))


def test_the_kernel_refuses_results_that_do_not_fit():
    paths = _lasso_path.start(*kernel_arguments())
    with pytest.raises(ValueError, match="one item per fold"):
        _lasso_path.advance(paths, 0.1, np.zeros(3), np.zeros(2))
    with pytest.raises(ValueError, match="PyCapsule"):
        _lasso_path.advance(None, 0.1, np.zeros(2), np.zeros(2))
