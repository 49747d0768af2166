"""Maps of probabilities: against scikit-learn's, planted temperatures, and what each must leave as it is."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn
from scipy.special import expit, log_softmax, logit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.utils.fixes import parse_version

from radiofuse.classify.probability_maps import PROBABILITY_MAPS, IsotonicMap, PlattMap, TemperatureMap
from radiofuse.statistics import auc


class Told(ClassifierMixin, BaseEstimator):
    """Answers with the probabilities that it is asked about."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.asarray(X)

    def predict(self, X):
        return self.classes_[np.argmax(X, axis=1)]


def two_classes(n, seed, inflated):
    """Return log-odds that are ``inflated`` times those that the labels were drawn by, as probabilities, and labels."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(size=n)
    y = (rng.random(n) < expit(odds)).astype(int)
    p = expit(inflated * odds)
    return np.column_stack([1 - p, p]), y


def three_classes(n, seed, inflated):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(n, 3))
    y = np.array([rng.choice(3, p=row) for row in softmax(scores, axis=1)])
    return softmax(inflated * scores, axis=1), y


def log_loss_of(P, y):
    return -np.log(P[np.arange(len(y)), y]).mean()


@pytest.mark.skipif(parse_version(sklearn.__version__) < parse_version("1.8"), reason="has no temperature scaling")
@pytest.mark.parametrize("drawn", [two_classes, three_classes])
def test_temperature_is_that_of_scikit_learn(drawn):
    P, y = drawn(200, 0, 2.5)
    theirs = CalibratedClassifierCV(FrozenEstimator(Told().fit(P, y)), method="temperature").fit(P, y)
    np.testing.assert_allclose(TemperatureMap().fit(P, y).apply(P), theirs.predict_proba(P), atol=1e-5)


@pytest.mark.parametrize("drawn", [two_classes, three_classes])
def test_temperature_finds_how_far_log_odds_were_inflated_and_the_log_loss_falls(drawn):
    sure, y = drawn(6000, 1, 3.0)
    fitted = TemperatureMap().fit(sure, y)
    assert fitted.temperature_ == pytest.approx(3, abs=0.25)
    assert log_loss_of(fitted.apply(sure), y) < log_loss_of(sure, y)
    right, y = drawn(6000, 2, 1.0)
    assert TemperatureMap().fit(right, y).temperature_ == pytest.approx(1, abs=0.08)


def test_temperature_is_the_best_of_a_grid():
    P, y = three_classes(80, 3, 4.0)
    grid = np.linspace(0.5, 12, 4000)
    losses = [-log_softmax(np.log(P) / t, axis=1)[np.arange(len(y)), y].mean() for t in grid]
    assert TemperatureMap().fit(P, y).temperature_ == pytest.approx(grid[np.argmin(losses)], abs=0.005)


def test_temperature_leaves_order_auc_and_the_most_probable_class():
    P, y = two_classes(300, 4, 3.0)
    mapped = TemperatureMap().fit(P, y).apply(P)
    np.testing.assert_array_equal(np.argsort(P[:, 1]), np.argsort(mapped[:, 1]))
    assert auc(y, mapped[:, 1]) == auc(y, P[:, 1])
    P, y = three_classes(300, 5, 3.0)
    np.testing.assert_array_equal(TemperatureMap().fit(P, y).apply(P).argmax(axis=1), P.argmax(axis=1))


def test_temperature_of_labels_that_are_apart_or_of_answers_that_tell_nothing_is_finite():
    y = np.repeat([0, 1], 10)
    p = np.where(y == 1, 0.9, 0.1)
    assert 0.01 <= TemperatureMap().fit(np.column_stack([1 - p, p]), y).temperature_ < 0.1
    wrong = TemperatureMap().fit(np.column_stack([p, 1 - p]), y)
    assert wrong.temperature_ == pytest.approx(100, rel=0.01)
    assert np.isfinite(wrong.apply([[0.0, 1.0], [1.0, 0.0]])).all()


def test_platt_is_a_line_in_log_odds_with_the_slope_that_was_planted():
    P, y = two_classes(6000, 6, 3.0)
    odds = logit(PlattMap().fit(P, y).apply(P)[:, 1])
    slope, intercept = np.polyfit(logit(P[:, 1]), odds, 1)
    np.testing.assert_allclose(odds, intercept + slope * logit(P[:, 1]), atol=1e-6)
    assert (slope, intercept) == (pytest.approx(1 / 3, abs=0.03), pytest.approx(0, abs=0.08))


def test_isotonic_is_that_of_scikit_learn_and_never_falls():
    P, y = two_classes(120, 7, 2.0)
    new = np.linspace(0, 1, 50)
    told = IsotonicMap().fit(P, y).apply(np.column_stack([1 - new, new]))[:, 1]
    theirs = IsotonicRegression(out_of_bounds="clip").fit(P[:, 1], y).predict(new)
    np.testing.assert_allclose(told, theirs)
    assert (np.diff(told) >= 0).all()


@pytest.mark.parametrize("method", PROBABILITY_MAPS)
@pytest.mark.parametrize("drawn", [two_classes, three_classes])
def test_answers_are_probabilities_that_add_up_to_1_even_of_certain_ones(method, drawn):
    P, y = drawn(60, 8, 1.0)
    P[:3] = np.eye(P.shape[1])[np.arange(3) % P.shape[1]]
    told = PROBABILITY_MAPS[method]().fit(P, y).apply(P)
    assert told.shape == P.shape
    assert ((told >= 0) & (told <= 1)).all()
    np.testing.assert_allclose(told.sum(axis=1), 1)


def test_where_every_isotonic_curve_is_0_no_class_is_preferred():
    P = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]] * 3)
    told = IsotonicMap().fit(P, np.array([0, 1, 2] * 3)).apply([[0.05, 0.05, 0.05]])  # below all that was learned from
    np.testing.assert_allclose(told, 1 / 3)


def test_votes_that_were_all_wrong_leave_a_temperature():
    share = np.repeat([0.0, 0.25, 0.5, 0.75, 1.0], 40)
    y = (np.arange(200) % 10 < np.array([2, 3, 5, 7, 8])[np.arange(200) // 40]).astype(
        int
    )  # 8 of 40 unanimous ones err
    found = TemperatureMap().fit(np.column_stack([1 - share, share]), y)
    moved = np.clip(share, 0.125, 0.875)
    expected = TemperatureMap().fit(np.column_stack([1 - moved, moved]), y)
    assert found.temperature_ == pytest.approx(expected.temperature_) and 1 < found.temperature_ < 2
    assert found.apply([[1.0, 0.0]])[0, 1] > 0.1


@pytest.mark.parametrize("kind", [PlattMap, TemperatureMap])
def test_an_end_that_no_fold_taught_is_half_as_far_out_as_the_last_probability(kind):
    p = np.linspace(0.1, 0.9, 60)
    found = kind().fit(np.column_stack([1 - p, p]), (np.random.default_rng(0).random(60) < p).astype(int))
    at_end, half = found.apply([[1.0, 0.0], [0.95, 0.05]])
    np.testing.assert_allclose(at_end, half)
    assert found.apply([[0.99, 0.01]])[0, 1] < half[1]  # others keep their place
