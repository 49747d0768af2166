"""Penalized GLMs against the R package glmnet on a real table: curve, choices, coefficients, weights, classes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse.select.penalized_glm import penalized_path_cv

pytestmark = pytest.mark.data


class Golden:
    """The golden files and the table they were made from: the columns that caret's findCorrelation keeps."""

    def __init__(self, folder):
        self._folder = folder
        table, rows = self.read(""), self.read("_pred")
        self.features = self.read("_cvglmnet_binomial_coef")["feature"].tolist()[1:]
        self.X, self.y, self.folds = table[self.features].to_numpy(), rows["y"].to_numpy(), rows["foldid"].to_numpy()

    def read(self, name):
        return pd.read_csv(self._folder / f"LGG-1p19qDeletion{name}.csv")


@pytest.fixture(scope="module")
def golden(data_dir):
    return Golden(data_dir / "golden")


@pytest.fixture(scope="module")
def binomial(golden):
    alphas = golden.read("_cvglmnet_binomial")["lambda"].to_numpy()
    return penalized_path_cv(golden.X, golden.y, golden.folds, family="binomial", alphas=alphas, full_path=True)


def test_binomial_curve_and_choices_are_those_of_cv_glmnet(golden, binomial):
    curve = golden.read("_cvglmnet_binomial")
    np.testing.assert_allclose(binomial.cv_mean, curve["cvm"], rtol=1e-5)
    np.testing.assert_allclose(binomial.cv_se, curve["cvsd"], rtol=1e-4)
    np.testing.assert_array_equal(binomial.n_nonzero[1:], curve["nzero"][1:])  # at the first, rounding decides
    least = int(curve["cvm"].argmin())
    assert binomial.index("min") == least
    assert binomial.index("1se") == int((curve["cvm"] <= curve["cvm"][least] + curve["cvsd"][least]).argmax())


def assert_same_model(coef, intercept, X, expected, weights=None):
    """``expected`` holds the intercept, then coefficients on the original scale."""
    mean = np.average(X, axis=0, weights=weights)
    scale = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weights))
    np.testing.assert_array_equal(coef != 0, expected[1:] != 0)
    np.testing.assert_allclose(coef, expected[1:] * scale, atol=1e-6)
    assert intercept - coef / scale @ mean == pytest.approx(expected[0], abs=1e-6)


@pytest.mark.parametrize("rule", ["min", "1se"])
def test_binomial_coefficients_are_those_of_glmnet(golden, binomial, rule):
    expected = golden.read("_cvglmnet_binomial_coef")[f"lambda.{rule}"].to_numpy()
    at = binomial.index(rule)
    assert_same_model(binomial.coef_path[at], binomial.intercept_path[at], golden.X, expected)


def test_class_weights_act_as_in_glmnet(golden):
    penalty = golden.read("_evalstats2").set_index("name")["value"]["balanced_lambda"]
    weights = len(golden.y) / 2 / np.bincount(golden.y)[golden.y]
    fit = penalized_path_cv(
        golden.X, golden.y, golden.folds, family="binomial", alphas=np.array([penalty]), sample_weight=weights
    )
    expected = golden.read("_binomial_balanced_lam_idx")["coef"].to_numpy()
    assert_same_model(fit.coef_path[0], fit.intercept_path[0], golden.X, expected, weights)


def test_multinomial_coefficients_are_those_of_glmnet(golden):
    grid = np.geomspace(0.2, 0.02, 20)  # glmnet was fitted here and interpolated at 0.05, as coef(s = 0.05) does
    y = golden.read("_y3")["y3"].to_numpy() - 1
    fit = penalized_path_cv(golden.X, y, golden.folds, family="multinomial", alphas=grid, full_path=True)
    below = int((grid < 0.05).argmax())
    share = (0.05 - grid[below]) / (grid[below - 1] - grid[below])
    mean, scale = golden.X.mean(axis=0), golden.X.std(axis=0)
    coef, intercept = (
        share * path[below - 1] + (1 - share) * path[below] for path in (fit.coef_path, fit.intercept_path)
    )
    expected = np.zeros((3, len(golden.features) + 1))
    columns = {name: at for at, name in enumerate([np.nan, *golden.features])}
    for number, name, value in golden.read("_multinomial_lam0.05").itertuples(index=False):
        expected[number - 1, columns[name] if isinstance(name, str) else 0] = value
    np.testing.assert_array_equal(coef != 0, expected[:, 1:] != 0)
    np.testing.assert_allclose(coef, expected[:, 1:] * scale, atol=2e-6)  # glmnet's threshold of 1e-12 leaves 1.2e-6
    np.testing.assert_allclose(intercept - coef / scale @ mean, expected[:, 0], atol=1e-5)
