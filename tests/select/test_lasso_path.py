"""The LASSO path: optimality conditions, scikit-learn's solver, and R's cv.glmnet."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Lasso, LassoLars

from radiofuse.select.lasso_path import PATIENCE, LassoPath, lasso_path_cv
from radiofuse.select.standardize import standardize

GRID = np.geomspace(1, 1e-3, 30)


def violation(X, y, coef, alpha):
    """How far the optimality conditions |Z'r| / n <= alpha, = alpha on the support, are missed."""
    correlation = standardize(X).T @ (y - y.mean() - standardize(X) @ coef) / len(y)
    active = coef != 0
    missed = np.abs(correlation[active] - alpha * np.sign(coef[active]))
    return max(np.abs(correlation).max() - alpha, missed.max(initial=0))


def tables():
    for seed in range(60):
        rng = np.random.default_rng(seed)
        n, p = int(rng.integers(3, 40)), int(rng.integers(1, 60))
        X = rng.normal(size=(n, p))
        kinds = {
            "normal": X,
            "binary": rng.integers(0, 2, size=(n, p)).astype(float),
            "few values": rng.integers(0, 4, size=(n, p)).astype(float),
            "low rank": X[:, : 1 + p // 3] @ rng.integers(-1, 2, size=(1 + p // 3, p)),
            "twins": np.hstack([X, X[:, ::2], -X[:, ::3], X[:, :1] + 1e-9 * rng.normal(size=(n, 1)), np.ones((n, 2))]),
        }
        y = rng.integers(0, 2, n).astype(float)
        y[:2] = 0, 1
        yield from ((kind, table, y) for kind, table in kinds.items())


def test_optimal_at_every_penalty_whatever_the_table():
    for kind, X, y in tables():
        path = LassoPath(X, y)
        for alpha in path.first_alpha * GRID:
            assert violation(X, y, path.coef(alpha), alpha) < 1e-9, kind


def test_equals_scikit_learn():
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(80, 30)), (np.arange(80) % 2).astype(float)
    X[:, :5] += y[:, None]
    path = LassoPath(X, y)
    for alpha in path.first_alpha * np.array([0.7, 0.2, 0.05]):
        descent = Lasso(alpha=alpha, tol=1e-14, max_iter=100_000).fit(standardize(X), y)
        homotopy = LassoLars(alpha=alpha).fit(standardize(X), y)
        coef = path.coef(alpha)
        np.testing.assert_allclose(coef, descent.coef_, atol=1e-7)
        np.testing.assert_allclose(coef, homotopy.coef_, atol=1e-9)


def test_cross_validation_equals_the_plain_loop():
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(47, 12)), (np.arange(47) % 2).astype(float)
    X[:, 0] += y
    folds, alphas = np.arange(47) % 4, 0.3 * GRID[:12]
    curve = lasso_path_cv(X, y, folds, alphas)
    errors = np.empty((4, len(alphas)))
    for fold in range(4):
        train, test = folds != fold, folds == fold
        mean, scale = X[train].mean(axis=0), X[train].std(axis=0)
        for k, alpha in enumerate(alphas):
            model = Lasso(alpha=alpha, tol=1e-13, max_iter=100_000).fit((X[train] - mean) / scale, y[train])
            errors[fold, k] = np.mean((y[test] - model.predict((X[test] - mean) / scale)) ** 2)
    weights = np.bincount(folds) / 47
    mean = weights @ errors
    np.testing.assert_allclose(curve.mean, mean, rtol=1e-6)
    np.testing.assert_allclose(curve.se, np.sqrt(weights @ (errors - mean) ** 2 / 3), rtol=1e-5)


def test_the_path_ends_past_the_minimum_and_not_before():
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(60, 200)), (np.arange(60) % 2).astype(float)
    X[:, :3] += 1.2 * y[:, None]
    alphas = LassoPath(X, y).first_alpha * np.geomspace(1, 1e-3, 100)
    curve = lasso_path_cv(X, y, np.arange(60) // 2 % 5, alphas)
    least = curve.index("min")
    above = curve.mean > curve.mean[least] + curve.se[least]
    assert PATIENCE < len(curve.alphas) < 100
    assert above[-PATIENCE:].all()
    assert not above[-PATIENCE - 1]


def test_no_feature_carries_anything():
    X, y = np.tile([[0.0], [1.0]], (6, 1)), np.repeat([0.0, 1.0], 6)
    path = LassoPath(X, y)
    assert path.first_alpha == 0
    assert path.coef(0.0).tolist() == [0.0]


@pytest.fixture
def golden(data_dir):
    """Table, label, folds, cv.glmnet's curve and coefficients; see README.md beside the files."""
    stem = str(data_dir / "golden" / "LGG-1p19qDeletion")
    table = pd.read_csv(f"{stem}.csv")
    coef = pd.read_csv(f"{stem}_cvglmnet_gaussian_coef.csv").set_index("feature").drop("(Intercept)")
    folds = pd.read_csv(f"{stem}_pred.csv")["foldid"].to_numpy()
    curve = pd.read_csv(f"{stem}_cvglmnet_gaussian.csv")
    return table[coef.index].to_numpy(), table["Target"].to_numpy(float), folds, curve, coef


@pytest.mark.data
@pytest.mark.parametrize("rule", ["min", "1se"])
def test_equals_r_cv_glmnet(golden, rule):
    X, y, folds, expected, coef = golden
    curve = lasso_path_cv(X, y, folds, expected["lambda"].to_numpy())
    run = len(curve.alphas)
    np.testing.assert_allclose(curve.mean, expected["cvm"][:run], rtol=3e-5)
    np.testing.assert_allclose(curve.se, expected["cvsd"][:run], rtol=3e-5)
    chosen = curve.index(rule)
    least = expected["cvm"].argmin()
    within = expected["cvm"] <= expected["cvm"][least] + expected["cvsd"][least]
    assert chosen == {"min": least, "1se": within.argmax()}[rule]
    ours, theirs = LassoPath(X, y).coef(curve.alphas[chosen]), coef[f"lambda.{rule}"].to_numpy() * X.std(axis=0)
    assert np.array_equal(ours != 0, theirs != 0)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.data
def test_supports_along_the_path_have_r_glmnets_size(golden):
    X, y, _, expected, _ = golden
    path = LassoPath(X, y)
    sizes = [(path.coef(alpha) != 0).sum() for alpha in expected["lambda"]]
    assert sizes[1:] == expected["nzero"].tolist()[1:]  # at the first one R keeps a variable by rounding
