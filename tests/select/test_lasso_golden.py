"""The cross-validated LASSO against R: cv.glmnet with stated folds and penalties, thresh 1e-13 (glmnet 4.1-6)."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from radiofuse.select.lasso_path import lasso_path_cv
from radiofuse.select.penalized_glm import penalized_path_cv

pytestmark = pytest.mark.data


@pytest.fixture
def golden(data_dir):
    """Table, label, folds, cv.glmnet's curve and coefficients; see README.md beside the files."""
    stem = str(data_dir / "golden" / "LGG-1p19qDeletion")
    table = pd.read_csv(f"{stem}.csv")
    coef = pd.read_csv(f"{stem}_cvglmnet_gaussian_coef.csv").set_index("feature")
    features = coef.drop("(Intercept)")
    return SimpleNamespace(
        X=table[features.index].to_numpy(),
        y=table["Target"].to_numpy(float),
        folds=pd.read_csv(f"{stem}_pred.csv")["foldid"].to_numpy(),
        curve=pd.read_csv(f"{stem}_cvglmnet_gaussian.csv"),
        coef=features,
        intercept=coef.loc["(Intercept)"],
    )


def run(golden, **options):
    return lasso_path_cv(golden.X, golden.y, golden.folds, alphas=golden.curve["lambda"].to_numpy(), **options)


def test_rs_first_penalty_is_ours(golden):
    own = lasso_path_cv(golden.X, golden.y, golden.folds)
    np.testing.assert_allclose(own.alphas[0], golden.curve["lambda"][0], rtol=1e-12)


@pytest.mark.parametrize("full_path", [False, True])
def test_curve_and_chosen_penalties_are_rs(golden, full_path):
    fit, expected = run(golden, full_path=full_path), golden.curve
    n_run = len(fit.alphas)
    np.testing.assert_allclose(fit.cv_mean, expected["cvm"][:n_run], rtol=1e-4)
    np.testing.assert_allclose(fit.cv_se, expected["cvsd"][:n_run], rtol=1e-4)
    least = expected["cvm"].argmin()
    assert fit.index("min") == least
    assert fit.index("1se") == (expected["cvm"] <= expected["cvm"][least] + expected["cvsd"][least]).argmax()
    assert fit.n_nonzero[1:].tolist() == expected["nzero"][1:n_run].tolist()  # R keeps one at the first by rounding


@pytest.mark.parametrize("rule", ["min", "1se"])
def test_coefficients_are_rs(golden, rule):
    fit, theirs = run(golden), golden.coef[f"lambda.{rule}"].to_numpy() * golden.X.std(axis=0)
    chosen = fit.index(rule)
    assert np.array_equal(fit.coef_path[chosen] != 0, theirs != 0)
    np.testing.assert_allclose(fit.coef_path[chosen], theirs, atol=1e-6)
    intercept = fit.intercept_path[chosen] - fit.coef_path[chosen] @ (golden.X.mean(axis=0) / golden.X.std(axis=0))
    np.testing.assert_allclose(intercept, golden.intercept[f"lambda.{rule}"], atol=1e-5)


def test_coordinate_descent_arrives_at_the_same_path(golden):
    exact = run(golden)
    descent = penalized_path_cv(golden.X, golden.y, golden.folds, family="gaussian", alphas=exact.alphas)
    np.testing.assert_allclose(descent.cv_mean, exact.cv_mean[: len(descent.alphas)], rtol=1e-8)
    np.testing.assert_allclose(descent.coef_path, exact.coef_path[: len(descent.alphas)], atol=1e-8)
