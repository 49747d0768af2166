"""Every metric equals scikit-learn's, weighted or not; what does not exist is NaN, what was not earned is 0."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_oracles import ORACLES

from radiofuse.statistics.metrics import METRICS, score

NEEDS = {"auc": {0, 1}, "recall": {1}, "specificity": {0}, "balanced_accuracy": {0, 1}}
rows = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 8), st.integers(1, 4)), min_size=4, max_size=40)


def test_the_list_of_metrics_is_the_promised_one():
    assert set(METRICS) == set(ORACLES)


@pytest.mark.parametrize("metric", METRICS)
@settings(max_examples=60, deadline=None)
@given(rows=rows)
def test_equals_scikit_learn_with_ties_and_weights(metric, rows):
    label, eighth, weight = map(np.array, zip(*([(0, 3, 1), (1, 5, 1), *rows]), strict=True))
    probability = eighth / 8
    ones = np.ones(len(label))
    assert score(metric, label, probability) == pytest.approx(ORACLES[metric](label, probability, ones), abs=1e-12)
    both = score(metric, label, probability, np.column_stack([ones, weight]).astype(float))
    assert both[1] == pytest.approx(ORACLES[metric](label, probability, weight), abs=1e-12)
    assert both[0] == pytest.approx(score(metric, label, probability), rel=1e-14, abs=1e-15)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("only", [0, 1])
def test_nan_exactly_where_the_metric_needs_the_absent_label(metric, only):
    value = score(metric, np.full(3, only), np.array([0.2, 0.6, 0.9]))
    assert np.isnan(value) == (not NEEDS.get(metric, set()) <= {only})


@pytest.mark.parametrize("metric", ["precision", "f1", "mcc", "recall"])
def test_a_model_that_never_calls_positive_earns_zero(metric):
    assert score(metric, np.array([0, 1, 1]), np.array([0.1, 0.2, 0.3])) == 0


def test_a_constant_probability_has_auc_one_half():
    assert score("auc", np.array([0, 1, 1, 0, 1]), np.full(5, 0.6)) == 0.5


def test_a_probability_at_the_threshold_is_called_positive():
    assert score("recall", np.array([1]), np.array([0.5])) == 1
    assert score("recall", np.array([1]), np.array([0.5]), threshold=0.6) == 0
