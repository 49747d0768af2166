"""Contributions that add up, Shapley values against their definition, intervals of weights, collinear members."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from radiofuse import LateFusion
from radiofuse.errors import RequestError
from radiofuse.fuse import COMBINERS
from radiofuse.fuse.calibrated import Calibrated
from radiofuse.fuse.choices import fit_combiner, learns
from radiofuse.fuse.collinearity import collinear_words, collinearity
from radiofuse.fuse.combiners import Mean, Regression, Vote, log_odds, log_probability
from radiofuse.fuse.contributions import contributions
from radiofuse.names import lookup

NAMES = ["t1", "t1ce", "flair"]


@pytest.fixture
def cohort():
    rng = np.random.default_rng(0)
    y = np.repeat(np.tile([0, 1], 30), 2)
    signal = {"t1__a": 1.2 * y, "t1ce__a": 0.8 * y, "flair__a": 0 * y}
    table = pd.DataFrame(signal) + rng.normal(size=(120, 3))
    table.loc[:5, "t1__a"] = np.nan
    return table, y, np.repeat(np.arange(60), 2)


def rows(n_classes=2, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(60) % n_classes
    scores = rng.normal(size=(60, 3, n_classes)) + np.array([1.5, 0.8, 0.0])[:, None] * np.eye(n_classes)[y][:, None]
    P = np.exp(scores) / np.exp(scores).sum(axis=2, keepdims=True)
    P[::7, 1] = P[::5, 0] = np.nan
    return (P[:, :, 1] if n_classes == 2 else P), y


def fitted(name, P, y):
    combiner = lookup(name, COMBINERS, "combiner")()
    return fit_combiner(combiner, P, y, None) if learns(combiner) else combiner


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", sorted(COMBINERS))
def test_contributions_add_up_to_the_answer_and_an_absent_member_has_none(name, n_classes):
    P, y = rows(n_classes)
    rule = fitted(name, P, y)
    parts, base = contributions(rule, P)
    answer = rule.combine(P)
    expected = log_odds(answer) if n_classes == 2 else log_probability(answer)
    np.testing.assert_allclose(parts.sum(axis=1) + base, expected, atol=1e-7)
    assert parts.shape == P.shape and (parts[np.isnan(P)] == 0).all()


@pytest.mark.parametrize("rule", [Mean(), Regression()])
def test_calibrated_rules_stretch_their_contributions(rule):
    P, y = rows()
    curve = Calibrated(rule).fit(P, y)
    parts, base = contributions(curve, P)
    np.testing.assert_allclose(parts.sum(axis=1) + base, logit(curve.combine(P)))
    np.testing.assert_allclose(parts, curve.slope_ * contributions(rule, P)[0])


def test_a_logistic_regression_contributes_weight_times_log_odds():
    P, y = rows()
    P = np.where(np.isnan(P), 0.5, P)
    rule = Regression().fit(P, y)
    parts, base = contributions(rule, P)
    np.testing.assert_allclose(parts, rule.weights_ * logit(P))
    np.testing.assert_allclose(base, rule.intercept_)


def test_shapley_values_are_the_mean_over_all_orders_of_the_members():
    P = np.array([[0.9, 0.2, 0.7], [0.6, np.nan, 0.3]])
    rule = lookup("maximum", COMBINERS, "combiner")()

    def told(row, there):
        shown = np.where(np.isin(np.arange(3), there), row, np.nan)[None]
        return 0.0 if np.isnan(shown).all() else float(log_odds(rule.combine(shown))[0])

    expected = np.zeros((2, 3))
    for order in permutations(range(3)):
        for place, member in enumerate(order):
            for number, row in enumerate(P):
                gained = told(row, order[: place + 1]) - told(row, order[:place])
                expected[number, member] += gained / 6
    np.testing.assert_allclose(contributions(rule, P)[0], expected, atol=1e-12)


def test_members_that_are_alike_contribute_alike():
    P = np.column_stack([np.full(4, 0.8)] * 3)
    for name in ("mean", "logit_mean", "maximum", "confidence"):
        parts = contributions(lookup(name, COMBINERS, "combiner")(), P)[0]
        np.testing.assert_allclose(parts, logit(0.8) / 3)


def test_more_than_eight_members_of_a_rule_that_is_not_linear_are_refused():
    P = np.full((2, 9), 0.6)
    with pytest.raises(RequestError, match="2 to the power of 9 answers per row; 8 members are the most"):
        contributions(Vote(), P)
    assert contributions(Mean(), P)[0].shape == (2, 9)


def test_a_fusion_says_what_each_modality_contributes(cohort):
    table, y, groups = cohort
    members = [(name, LogisticRegression()) for name in NAMES]
    model = LateFusion(members, combine=["mean", "vote", "regression"], cv=3, calibrate=True, random_state=0)
    model.fit(table, y, groups=groups)
    each = model.predict_proba_each(table)
    for name in ("mean", "regression"):
        told = model.contributions(table, name)
        assert list(told) == [*NAMES, "(intercept)"] and told.index.equals(table.index)
        np.testing.assert_allclose(expit(told.sum(axis=1)), each[name], atol=1e-12)
        assert (told.loc[:5, "t1"] == 0).all()
    pd.testing.assert_frame_equal(model.contributions(table), model.contributions(table, "mean"))
    three = LateFusion(members, cv=3).fit(table, np.arange(120) % 3)
    assert list(three.contributions(table).columns[:4]) == [("t1", 0), ("t1", 1), ("t1", 2), ("t1ce", 0)]
    with pytest.raises(RequestError, match="No combiner of this fusion is called 'media'.*Did you mean 'mean'"):
        model.contributions(table, "media")


def test_intervals_of_weights_hold_them_and_widen_with_fewer_patients(cohort):
    table, y, groups = cohort
    members = [(name, LogisticRegression()) for name in NAMES]
    combine = ["mean", "regression", "nonnegative"]
    model = LateFusion(members, combine=combine, cv=3, random_state=0).fit(table, y, groups=groups)
    own, of_rows = (model.weight_intervals(y, patients, n_resamples=60, random_state=0) for patients in (groups, None))
    learned = model.weights_[model.weights_["fusion"] != "mean"].reset_index(drop=True)
    pd.testing.assert_frame_equal(own[["fusion", "member", "weight"]], learned)
    assert (own["low"] < own["weight"]).sum() >= 5 and (own["low"] <= own["high"]).all()
    again = model.weight_intervals(y, groups, n_resamples=60, random_state=0)
    pd.testing.assert_frame_equal(again, own)
    regression = own["fusion"] == "regression"
    widths = [(told["high"] - told["low"])[regression].mean() for told in (own, of_rows)]
    assert widths[0] > widths[1]  # two rows of a patient are one opinion
    first, noise = own[regression].iloc[0], own[regression].iloc[2]
    assert first["low"] > 0 > noise["low"]
    with pytest.raises(RequestError, match="No combiner of this fusion learned"):
        LateFusion(members).fit(table, y).weight_intervals(y)


def test_collinear_members_are_named(cohort):
    P, _ = rows()
    inflation = collinearity(NAMES, P)["vif"]
    inputs = pd.DataFrame(log_odds(P), columns=NAMES)
    inputs = inputs.T.fillna(inputs.mean(axis=1)).T
    np.testing.assert_allclose(inflation, np.diag(np.linalg.inv(inputs.corr())))
    assert collinear_words(collinearity(NAMES, P)) == ""
    twice = collinearity([*NAMES, "t1deep"], np.column_stack([P, P[:, 0]]))
    assert np.isinf(twice["vif"][[0, 3]]).all() and np.isinf(twice["condition_index"]).all()
    assert collinear_words(twice).startswith("Members t1 and t1deep say the same out of fold, or one says what others")
    P = np.column_stack([P, np.clip(P[:, 0] + np.random.default_rng(0).uniform(-0.01, 0.01, len(P)), 0.01, 0.99)])
    nearly = collinear_words(collinearity([*NAMES, "t1deep"], P))
    assert nearly.startswith("Members t1 and t1deep say nearly the same out of fold (variance inflation up to ")
    assert np.isfinite(collinearity(NAMES, np.full((9, 3), 0.4))["vif"]).all()
    table, y, groups = cohort
    model = LateFusion([(name, LogisticRegression()) for name in NAMES], combine="regression", cv=3, random_state=0)
    assert model.fit(table, y, groups=groups).collinearity()["vif"].lt(2).all()
