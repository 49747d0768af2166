"""A calibrated average: order kept, slope mended, nothing else moved, and no label of the rows it answers for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from radiofuse import LateFusion
from radiofuse.errors import CohortError
from radiofuse.fuse.calibrated import Calibrated
from radiofuse.fuse.combiners import Mean
from radiofuse.statistics import auc
from radiofuse.statistics.calibration import logistic_line

MEMBERS = ("t1", "t2", "flair", "t1ce")


def rows(n, seed=0, prevalence=0.5, strength=1.0):
    """Members of which each knows a part of the label that the others do not."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < prevalence).astype(int)
    table = {f"{name}__a": rng.normal(size=n) + strength * y for name in MEMBERS}
    return pd.DataFrame(table, index=[f"p{row}" for row in range(n)]), y


def fusion(combine="mean", **options):
    members = [(name, LogisticRegression()) for name in MEMBERS]
    return LateFusion(members, combine=combine, random_state=0, **options)


def test_an_average_is_under_confident_and_its_calibration_mends_that_keeping_every_order():
    (X, y), (X_new, y_new) = rows(300), rows(2000, seed=1)
    plain, mended = (fusion(calibrate=on).fit(X, y).predict_proba(X_new)[:, 1] for on in (False, True))
    assert logistic_line(y_new, plain)[1] > 1.8
    intercept, slope = logistic_line(y_new, mended)
    assert abs(slope - 1) < 0.2 and abs(intercept) < 0.25  # 300 patients say so much
    assert auc(y_new, plain) == auc(y_new, mended)
    np.testing.assert_array_equal(np.argsort(plain), np.argsort(mended))


def test_nothing_but_the_average_moves():
    X, y = rows(80)
    combine = ["mean", "vote", "regression", "nonnegative", "linear_regression"]
    plain, mended = (fusion(combine, calibrate=on, cv=3).fit(X, y) for on in (False, True))
    one, other = plain.predict_proba_each(X), mended.predict_proba_each(X)
    pd.testing.assert_frame_equal(one.drop(columns="mean"), other.drop(columns="mean"), check_exact=True)
    assert (one["mean"] != other["mean"]).all()
    pd.testing.assert_frame_equal(plain.weights_, mended.weights_, check_exact=True)
    pd.testing.assert_frame_equal(plain.out_of_fold_, mended.out_of_fold_, check_exact=True)
    samples = (plain.in_sample_weights(X, y), mended.in_sample_weights(X, y))
    pd.testing.assert_frame_equal(*samples, check_exact=True)


def test_the_curve_is_the_logistic_regression_of_the_labels_on_the_out_of_fold_log_odds():
    """Platt's labels of n rows differ from 0 and 1 by 1 / (n + 2): of 4,000 rows the line is the maximum likelihood."""
    X, y = rows(4000)
    fitted = fusion(calibrate=True).fit(X, y)
    rule = fitted.combiners_["mean"]
    intercept, slope = logistic_line(y, fitted.out_of_fold_.mean(axis=1).to_numpy())
    assert rule.slope_ == pytest.approx(slope, rel=0.01)
    assert rule.intercept_ == pytest.approx(intercept, abs=0.01)


def test_members_that_know_nothing_answer_near_the_share_of_events_and_keep_their_order():
    X, y = rows(200, prevalence=0.15, strength=0.0)
    plain, mended = (fusion(calibrate=on).fit(X, y).predict_proba(X)[:, 1] for on in (False, True))
    assert np.abs(mended - y.mean()).max() < 0.1
    np.testing.assert_array_equal(np.argsort(plain), np.argsort(mended))


def test_members_that_tell_the_classes_apart_get_a_finite_slope():
    P = np.repeat([[0.1, 0.2], [0.9, 0.8]], 10, axis=0)
    rule = Calibrated(Mean()).fit(P, np.repeat([0, 1], 10))
    assert rule.combine(P)[[0, -1]] == pytest.approx([1 / 12, 11 / 12], abs=1e-6)  # Platt's own labels


def test_probabilities_of_0_and_1_stay_finite_and_at_the_ends():
    rng = np.random.default_rng(0)
    P, y = rng.random((60, 2)), rng.integers(0, 2, 60)
    P[:2] = [[0, 0], [1, 1]]
    told = Calibrated(Mean()).fit(P, y).combine(P)
    assert np.isfinite(told).all() and told[0] == told.min() and told[1] == told.max()


def test_of_several_classes_a_temperature_keeps_the_most_probable_one():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 400)
    truth = rng.normal(size=(400, 3)) + 1.2 * np.eye(3)[y]
    sure = np.exp(truth * 1.2) / np.exp(truth * 1.2).sum(axis=1, keepdims=True)
    hedged = np.sqrt(sure) / np.sqrt(sure).sum(axis=1, keepdims=True)
    P = np.stack([hedged, hedged], axis=1)
    rule = Calibrated(Mean()).fit(P, y)
    assert rule.slope_ == pytest.approx(2, abs=0.35)
    told = rule.combine(P)
    np.testing.assert_allclose(told.sum(axis=1), 1)
    np.testing.assert_array_equal(told.argmax(axis=1), hedged.argmax(axis=1))


@pytest.mark.parametrize("missing", ["renormalize", "refit"])
def test_a_subset_is_on_the_curve_of_all_members_and_with_refit_on_one_of_its_own(missing):
    X, y = rows(120)
    fitted = fusion(calibrate=True, subsets=True, cv=3, missing=missing).fit(X, y)
    assert len(fitted.subsets_) == 10
    learned_from = ["t1", "t2"] if missing == "refit" else list(fitted.columns_)
    curve = Calibrated(Mean()).fit(fitted.out_of_fold_[learned_from].to_numpy(), y)
    each = fitted.predict_proba_each(X)
    pair = np.full((len(X), len(learned_from)), np.nan)
    pair[:, :2] = each[["t1", "t2"]]
    assert list(fitted.columns_)[:2] == ["t1", "t2"]
    assert each["mean(t1+t2)"].to_numpy() == pytest.approx(curve.combine(pair), rel=1e-9)


def test_the_curve_is_learned_from_patients_that_members_had_not_seen():
    """In sample, a tree is right about everybody: an average of such answers would be made still more certain."""
    from sklearn.tree import DecisionTreeClassifier

    X, y = rows(150, strength=0.0)
    trees = [(name, DecisionTreeClassifier(random_state=0)) for name in MEMBERS]
    fitted = LateFusion(trees, calibrate=True, random_state=0).fit(X, y)
    assert fitted.combiners_["mean"].slope_ < 0.3


def test_labels_turned_around_turn_the_answers_around():
    X, y = rows(100)
    one, other = (fusion(calibrate=True, cv=3).fit(X, label).predict_proba(X) for label in (y, 1 - y))
    np.testing.assert_allclose(one[:, 1], other[:, 0], atol=1e-6)


def test_a_combiner_of_ones_own_is_calibrated_where_it_says_that_it_hedges():
    class LogitMean:
        def combine(self, P):
            odds = np.log(P / (1 - P))
            return expit(odds.mean(axis=1))

    X, y = rows(100)
    plain = fusion(LogitMean(), calibrate=True).fit(X, y)
    assert plain.out_of_fold_ is None
    LogitMean.hedges = True
    assert fusion(LogitMean(), calibrate=True).fit(X, y).combiners_["LogitMean"].slope_ > 1


def test_too_few_patients_for_the_inner_folds_are_told_with_what_helps():
    X, y = rows(40, prevalence=0.05, seed=3)
    with pytest.raises(CohortError, match="leave calibrate out"):
        fusion(calibrate=True).fit(X, y)
