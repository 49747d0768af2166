"""Thresholds equal pROC's, are the best of all there are, and never see the fold they are used on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import TunedThresholdClassifierCV

from radiofuse.errors import RequestError
from radiofuse.patients.splits import patient_splits
from radiofuse.statistics.metrics import recall, specificity
from radiofuse.statistics.thresholds import RULES, choose_threshold, thresholds_by_fold

ROWS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 8)), min_size=2, max_size=25).filter(
    lambda rows: len({label for label, _ in rows}) == 2
)


def split(rows):
    label, eighths = np.array(rows).T
    return label, eighths / 8


@pytest.mark.data
def test_youden_equals_proc(golden):
    """pROC::coords(best.method = "youden") on LGG-1p19q."""
    values, predicted = golden
    threshold = choose_threshold(predicted["y"], predicted["p_lr"])
    call = predicted["p_lr"] >= threshold
    assert threshold == pytest.approx(values["youden_threshold"], abs=1e-15)
    assert recall(predicted["y"], call) == pytest.approx(values["youden_sens"], abs=1e-15)
    assert specificity(predicted["y"], call) == pytest.approx(values["youden_spec"], abs=1e-15)


@given(ROWS)
def test_no_threshold_is_better(rows):
    label, probability = split(rows)
    every = [*(np.arange(9) / 8), np.inf]
    reached = {cut: (recall(label, probability >= cut), specificity(label, probability >= cut)) for cut in every}

    def rates(rule, **options):
        call = probability >= choose_threshold(label, probability, rule, **options)
        return recall(label, call), specificity(label, call)

    assert sum(rates("youden")) == pytest.approx(max(map(sum, reached.values())))
    sensitive, specific = ([pair for pair in reached.values() if pair[place] >= 0.75] for place in (0, 1))
    assert rates("sensitivity", at_least=0.75) == max(sensitive, key=lambda pair: pair[::-1])
    assert rates("specificity", at_least=0.75) == max(specific)
    positives, negatives = label.sum(), (1 - label).sum()
    costs = {pair: 3 * (1 - pair[0]) * positives + (1 - pair[1]) * negatives for pair in reached.values()}
    assert costs[rates("cost", cost_fn=3)] == pytest.approx(min(costs.values()))


def test_ties_go_to_the_most_sensitive():
    """.25 and .75 reach the same sum of rates; so do calling all and none on rows that tell nothing."""
    assert choose_threshold([0, 1, 0, 1], [0.125, 0.375, 0.625, 0.875]) == 0.25
    assert choose_threshold([0, 1], [0.5, 0.5]) == 0.0


def test_the_ends_call_all_or_none():
    label, probability = [0, 0, 0, 1], [0.5, 0.6, 0.7, 0.4]
    assert choose_threshold(label, probability, "sensitivity", at_least=1) == 0.0
    assert choose_threshold(label, probability, "specificity", at_least=1) == np.inf
    assert choose_threshold(label, probability, "cost", cost_fp=10) == np.inf


def test_neighboring_floats_are_told_apart():
    """The middle of two of them rounds to one or the other."""
    low = 0.3
    for _ in range(2):
        high = np.nextafter(low, 1)
        assert choose_threshold([0, 1], [low, high]) == high
        low = high


@pytest.mark.parametrize("rule", RULES)
def test_order_of_rows_does_not_matter(make_predictions, rule):
    rows = make_predictions(n_repeats=1, models=("t1",))
    shuffled = rows.sample(frac=1, random_state=0)
    one, other = (choose_threshold(table["label"], table["probability"], rule) for table in (rows, shuffled))
    assert one == other


def test_one_label_is_refused():
    with pytest.raises(RequestError, match="needs both 0 and 1"):
        choose_threshold([1, 1], [0.2, 0.4])


def test_calls_follow_the_threshold_of_the_other_folds(make_predictions):
    rows = make_predictions(rows_per_patient=(1, 2, 3))
    called = thresholds_by_fold(rows, "t1", "sensitivity", at_least=0.8)
    assert len(called) == (rows["model"] == "t1").sum()
    for (repeat, fold), part in called.groupby(["repeat", "fold"]):
        others = called[(called["repeat"] == repeat) & (called["fold"] != fold)]
        expected = choose_threshold(others["label"], others["probability"], "sensitivity", at_least=0.8)
        assert part["threshold"].unique().tolist() == [expected]
    assert (called["call"] == (called["probability"] >= called["threshold"])).all()


def test_a_folds_own_labels_and_probabilities_leave_its_threshold_alone(make_predictions):
    """Planted fault: turn all of one fold around; its threshold stays, those of the other folds move."""
    rows = make_predictions(n_patients=100, n_repeats=1, models=("t1",))
    before = thresholds_by_fold(rows, "t1").groupby("fold")["threshold"].first()
    tested = rows["fold"] == 2
    turned = rows.assign(
        label=rows["label"].where(~tested, 1 - rows["label"]),
        probability=rows["probability"].where(~tested, 1 - rows["probability"]),
    )
    mixed = rows.assign(label=rows["label"].where(~tested, 1 - rows["label"]))
    for table in (turned, mixed):
        assert thresholds_by_fold(table, "t1").groupby("fold")["threshold"].first()[2] == before[2]
    moved = thresholds_by_fold(mixed, "t1").groupby("fold")["threshold"].first() != before
    assert moved.drop(2).any()


def test_rows_of_a_tested_patient_in_another_fold_do_not_choose(make_predictions):
    rows = make_predictions(n_patients=40, rows_per_patient=(2,), n_repeats=1, models=("t1",))
    straddling = rows["patient_id"] == "p000"
    rows.loc[straddling, "fold"] = [0, 1]
    chosen = thresholds_by_fold(rows, "t1").groupby("fold")["threshold"].first()
    without = rows[~straddling & (rows["fold"] != 0)]
    assert chosen[0] == choose_threshold(without["label"], without["probability"])


def test_one_fold_cannot_choose_for_itself(make_predictions):
    with pytest.raises(RequestError, match="at least two"):
        thresholds_by_fold(make_predictions().assign(fold=0), "t1")


def test_choosing_on_the_tested_rows_is_optimistic_and_by_fold_is_not(make_predictions):
    """Probabilities that know nothing: the sum of rates is 1 in truth."""
    honest, peeking = [], []
    for seed in range(30):
        rows = make_predictions(n_patients=60, n_repeats=1, models=("t1",), seed=seed)
        rows["probability"] = np.random.default_rng(seed).uniform(size=len(rows))
        called = thresholds_by_fold(rows, "t1")
        calls = {
            "honest": called["call"],
            "peeking": rows["probability"] >= choose_threshold(rows.label, rows.probability),
        }
        for name, sums in (("honest", honest), ("peeking", peeking)):
            sums.append(recall(rows["label"], calls[name]) + specificity(rows["label"], calls[name]))
    assert np.mean(peeking) > 1.15
    assert abs(np.mean(honest) - 1) < 0.06


def test_scikit_learn_tunes_inside_an_estimator_with_whole_patients():
    """What the docstring recommends: its score is Youden's index but for scale, and splits keep patients whole."""
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(40), 2)
    label = np.repeat(np.arange(40) % 4 == 0, 2).astype(int)
    X = (label + rng.normal(size=80))[:, None]
    splits = [(split.train, split.test) for split in patient_splits(label, patients, n_splits=4, random_state=0)]
    tuned = TunedThresholdClassifierCV(LogisticRegression(), cv=splits).fit(X, label)
    plain = LogisticRegression().fit(X, label)
    assert tuned.best_threshold_ < 0.5  # a quarter is positive: .5 misses most of them
    assert recall(label, tuned.predict(X)) > recall(label, plain.predict(X))
