"""Columns of any size: multiplied by a power of two each, they are selected, scaled and classified alike."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.preprocessing import StandardScaler

from radiofuse.classify import CLASSIFIERS
from radiofuse.classify.modality import modality_classifier
from radiofuse.names import lookup
from radiofuse.prepare.harmonize import ComBat
from radiofuse.prepare.magnitude import unit_magnitude
from radiofuse.prepare.scale import TrainingScaler, fit_scaler
from radiofuse.prepare.standardize import center_and_scale
from radiofuse.select import SELECTORS
from radiofuse.selection_run.model import fit_model
from radiofuse.selection_run.table_warnings import twin_pairs

N_ROWS, N_COLUMNS = 60, 12
OPTIONS = {
    "mrmr": {"k": 3},
    "mutual_info": {"k": 3, "random_state": 0},
    "relief": {"k": 3},
    "rfe": {"k": 3},
    "boruta": {"n_rounds": 20, "n_estimators": 10, "random_state": 0},
    "stability": {"random_state": 0},
    "lasso": {"random_state": 0, "cv": 5},
    "three_step": {"random_state": 0},
}


def table(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and columns of which three tell them, one is constant and the last is all but another one."""
    rng = np.random.default_rng(seed)
    y = np.arange(N_ROWS) % 2
    X = rng.normal(size=(N_ROWS, N_COLUMNS)) + 3
    X[:, :3] += 2 * y[:, None]
    X[:, 5] = 0.7
    X[:, 11] = 0.01 * X[:, 11] - X[:, 10]
    return X, y


def exponents(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-500, 501, size=N_COLUMNS)


def selector(name: str):
    if name == "boruta":
        pytest.importorskip("boruta")
    return lookup(name, SELECTORS, "selector")(**OPTIONS.get(name, {}))


@pytest.mark.parametrize("name", sorted(set(SELECTORS) - {"reproducibility"}))
def test_selectors_keep_the_same_columns_whatever_the_size_of_each(name):
    X, y = table()
    expected = selector(name).fit(X, y).get_support()
    assert expected[:3].any() and not expected.all()
    sizes = [np.full(N_COLUMNS, -564), np.full(N_COLUMNS, 564), exponents(1), exponents(2)]  # 2**564 is about 1e170
    for powers in sizes[2:3] if name == "boruta" else sizes:
        found = selector(name).fit(np.ldexp(X, powers), y).get_support()
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("options", [{"family": "binomial"}, {"l1_ratio": 0.5}, {"class_weight": "balanced"}])
def test_the_lasso_of_every_kind_has_the_same_coefficients(options):
    X, y = table()
    first = lookup("lasso", SELECTORS, "selector")(random_state=0, cv=4, **options).fit(X, y)
    second = lookup("lasso", SELECTORS, "selector")(random_state=0, cv=4, **options).fit(np.ldexp(X, exponents(3)), y)
    np.testing.assert_allclose(second.coef_, first.coef_, rtol=1e-9)
    assert first.coef_.any()


def test_tests_of_single_columns_have_the_statistics_of_the_columns_at_their_usual_size():
    X, y = table()
    tiny = X * 1e-170
    expected = stats.ttest_ind(X[y == 1][:, :5], X[y == 0][:, :5], equal_var=False)
    found = lookup("t_test", SELECTORS, "selector")().fit(tiny, y)
    np.testing.assert_allclose(found.statistics_[:5], expected.statistic, rtol=1e-12)
    np.testing.assert_allclose(found.pvalues_[:5], expected.pvalue, rtol=1e-12)
    found = lookup("anova", SELECTORS, "selector")().fit(tiny, y).statistics_[:5]
    np.testing.assert_allclose(found, stats.f_oneway(X[y == 1][:, :5], X[y == 0][:, :5]).statistic, rtol=1e-12)


def test_a_threshold_of_variance_is_compared_exactly():
    X, _ = table()
    variance = (X * 2.0**-300).var(axis=0)
    found = lookup("variance", SELECTORS, "selector")(threshold=float(np.median(variance))).fit(X * 2.0**-300)
    np.testing.assert_array_equal(found.get_support(), variance > np.median(variance))
    np.testing.assert_allclose(found.scores_[:5], variance[:5], rtol=1e-15)


def test_the_scaler_is_scikit_learns_at_any_size():
    X, _ = table()
    expected = StandardScaler().fit_transform(X)
    expected[:, 5] = 0
    for powers in (0, exponents(4)):
        scaler = TrainingScaler()
        np.testing.assert_array_equal(scaler.fit_transform(np.ldexp(X, powers)), expected)
        assert scaler.constant_.tolist() == [column == 5 for column in range(N_COLUMNS)]
    scaler, _ = fit_scaler(X)
    for attribute in ("mean_", "var_"):
        np.testing.assert_array_equal(getattr(scaler, attribute), getattr(StandardScaler().fit(X), attribute))


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers_behind_the_scaler_answer_alike(name):
    if name == "xgboost":
        pytest.importorskip("xgboost")
    X, y = table()
    few = {"classify_options": {"n_estimators": 10}} if name in ("random_forest", "xgboost") else {}
    first, second = (modality_classifier(name, select="t_test", random_state=0, **few) for _ in range(2))
    powers = exponents(5)
    answer = second.fit(np.ldexp(X, powers), y).predict_proba(np.ldexp(X, powers))
    np.testing.assert_allclose(answer, first.fit(X, y).predict_proba(X), atol=1e-12)


@pytest.mark.parametrize("options", [{}, {"parametric": False}, {"reference": "a"}, {"empirical_bayes": False}])
def test_combat_harmonizes_alike(options):
    X, _ = table()
    rng = np.random.default_rng(6)
    site, age = np.array(["a", "b", "c"])[np.arange(N_ROWS) % 3], rng.uniform(20, 80, size=N_ROWS)
    X = X * (1 + np.arange(N_ROWS) % 3)[:, None] + 0.01 * age[:, None]
    X[3, 7] = np.nan
    expected = ComBat(**options).fit_transform(X, site=site, covariates=age)
    assert np.nanmax(np.abs(expected - X)) > 0.5
    powers = exponents(7)
    combat = ComBat(**options)
    found = combat.fit_transform(np.ldexp(X, powers), site=site, covariates=age * 1e-170)
    np.testing.assert_allclose(np.ldexp(found, -powers), expected, rtol=1e-9)
    assert np.flatnonzero(~combat.adjusted_).tolist() == [5]


def test_the_models_and_twins_of_a_selection_do_not_depend_on_the_size():
    X, y = table()
    powers = exponents(8)
    large = np.ldexp(X, powers)
    answers = [fit_model(rows, y).predict_proba(rows) for rows in (large, X)]
    np.testing.assert_allclose(*answers, atol=1e-12)
    X = np.delete(np.column_stack([X, 7 - X[:, 2]]), 5, axis=1)
    assert twin_pairs(np.ldexp(X, exponents(9))).tolist() == [[2, N_COLUMNS - 1]]


def test_powers_of_two_change_no_digit():
    X, _ = table()
    X[2, 3] = np.nan
    scaled, found = unit_magnitude(np.ldexp(X, exponents(10)))
    np.testing.assert_array_equal(np.ldexp(scaled, found), np.ldexp(X, exponents(10)))
    largest = np.nanmax(np.abs(scaled), axis=0)
    assert ((largest >= 0.5) & (largest < 1)).all()
    mean, scale = center_and_scale(np.array([[1e-170, 1e200, 0.0, -5e307], [3e-170, 3e200, 0.0, 5e307]]))
    np.testing.assert_allclose(mean, [2e-170, 2e200, 0, 0], rtol=1e-15)
    np.testing.assert_allclose(scale, [1e-170, 1e200, np.inf, 5e307], rtol=1e-15)
    empty = pd.DataFrame(index=range(3)).to_numpy(float)
    assert unit_magnitude(empty)[0].shape == (3, 0)
