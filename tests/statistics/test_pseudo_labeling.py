"""Pseudo-labels: which rows pass the gate, against hand-made cases and simulated ones."""

import numpy as np
import pytest

from radiofuse.errors import RequestError
from radiofuse.statistics import pseudo_labels


@pytest.fixture(scope="module")
def simulated():
    """Draws of a calibrated model of three classes, and classes drawn from what it says."""
    rng = np.random.default_rng(0)
    center = rng.normal(0, 2.5, (600, 3))
    logits = center + rng.normal(0, 0.4, (12, 600, 3))
    draws = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    true = np.array([rng.choice(3, p=row) for row in draws.mean(axis=0)])
    return draws, true


def of_means_and_sds(means, sds):
    """Return two draws of two classes whose first class has these means and standard deviations."""
    first = np.array([np.subtract(means, sds), np.add(means, sds)])
    return np.stack([first, 1 - first], axis=2)


def test_a_row_is_kept_by_its_mean_and_by_its_spread():
    draws = of_means_and_sds([0.95, 0.92, 0.89, 0.04, 0.5], [0.03, 0.06, 0.0, 0.01, 0.0])
    found = pseudo_labels(draws)
    assert found.code.tolist() == [0, -1, -1, 1, -1]
    assert found.coverage == 0.4
    assert found.sd[:, 0] == pytest.approx([0.03, 0.06, 0.0, 0.01, 0.0])
    assert pseudo_labels(draws, confidence=0.99, spread=0.01).coverage == 0


def test_thresholds_themselves_pass():
    assert pseudo_labels([[[0.75, 0.25]], [[0.75, 0.25]]], confidence=0.75, spread=0.0).code.tolist() == [0]


def test_coverage_falls_with_stricter_thresholds_and_kept_labels_are_right_more_often(simulated):
    draws, true = simulated
    by_confidence = [pseudo_labels(draws, confidence=one, spread=1).kept for one in (0.4, 0.6, 0.8, 0.9, 0.99)]
    by_spread = [pseudo_labels(draws, confidence=0.5, spread=one).kept for one in (1, 0.1, 0.05, 0.01, 0)]
    for steps in (by_confidence, by_spread):
        assert all((stricter <= looser).all() for looser, stricter in zip(steps, steps[1:], strict=False))
        assert steps[0].mean() > steps[-1].mean()
    told = pseudo_labels(draws).accuracy(true)
    assert told["kept"] > told["all"] + 0.05


def test_accuracy_is_told_of_rows_whose_class_somebody_knows():
    found = pseudo_labels(of_means_and_sds([0.95, 0.97, 0.6, 0.01], [0, 0, 0, 0]))
    assert found.accuracy([0, np.nan, 1, -1]) == {"kept": 1.0, "all": 0.5}
    assert np.isnan(found.accuracy([np.nan] * 4)["kept"])


def test_balance_keeps_the_surest_of_each_class_as_many_as_of_the_rarest(simulated):
    found = pseudo_labels(of_means_and_sds([0.91, 0.99, 0.95, 0.99, 0.02], [0] * 5), balance=True)
    assert found.code.tolist() == [-1, 0, -1, -1, 1]
    free, balanced = pseudo_labels(simulated[0]), pseudo_labels(simulated[0], balance=True)
    counts = np.bincount(free.code[free.kept])
    assert np.bincount(balanced.code[balanced.kept]).tolist() == [counts.min()] * 3
    assert (free.code[balanced.kept] == balanced.code[balanced.kept]).all()


def test_one_class_among_the_confident_is_said_so():
    draws = of_means_and_sds([0.95, 0.99, 0.6], [0, 0, 0])
    assert pseudo_labels(draws).one_sided and pseudo_labels(draws).kept.any()
    assert not pseudo_labels(draws, balance=True).kept.any()
    assert not pseudo_labels(of_means_and_sds([0.95, 0.01], [0, 0])).one_sided


def test_negative_labels_rule_classes_out_of_rows_without_a_label():
    draws = [[[0.5, 0.48, 0.02], [0.93, 0.04, 0.03]]] * 3
    found = pseudo_labels(draws, negative=0.05)
    assert found.ruled_out.tolist() == [[False, False, True], [False, False, False]]
    doubtful = [[[0.5, 0.47, 0.03], [0.4, 0.2, 0.4]], [[0.5, 0.49, 0.01], [0.4, 0.2, 0.4]]]
    assert not pseudo_labels(doubtful, negative=0.05).ruled_out.any()
    assert not pseudo_labels(draws).ruled_out.any()
    settled = pseudo_labels([[[0.96, 0.04], [0.6, 0.4]]], confidence=0.99, negative=0.05)
    assert settled.code.tolist() == [0, -1] and settled.coverage == 0.5 and not settled.ruled_out.any()


def test_negative_labels_that_would_undo_something_are_refused():
    draws = [[[0.4, 0.3, 0.3]]]
    with pytest.raises(RequestError, match="less than one in 3, the number of classes"):
        pseudo_labels(draws, negative=0.4)
    with pytest.raises(RequestError, match="gives classes to rows that balance dropped"):
        pseudo_labels(draws, negative=0.05, balance=True)


@pytest.mark.parametrize(
    ("draws", "told"),
    [
        (np.ones((4, 2)) / 2, "the shape \\(4, 2\\)"),
        (np.ones((0, 4, 2)), "of one draw, two"),
        ([[[0.5, 0.5], [0.9, 0.2]]], "row 1 of draw 0 is"),
        ([[[np.nan, 0.5]]], "Leave out rows without an answer"),
    ],
)
def test_what_is_no_probability_is_refused(draws, told):
    with pytest.raises(RequestError, match=told):
        pseudo_labels(draws)


def test_no_rows_are_no_error():
    found = pseudo_labels(np.empty((3, 0, 2)))
    assert found.code.shape == (0,) and np.isnan(found.coverage) and found.one_sided
