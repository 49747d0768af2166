"""Scores of three and more classes equal scikit-learn's, on all rows and on resamples."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from radiofuse.errors import RequestError
from radiofuse.statistics import multiclass_calibration_error, score_multiclass
from radiofuse.statistics.intervals import multiplicities
from radiofuse.statistics.metrics import auc, mcc
from radiofuse.statistics.multiclass_metrics import class_metrics, weighted_kappa

NAMES = np.array(["astro", "gbm", "oligo", "other"])


def predicted(n_rows=120, n_classes=4, seed=0):
    """Classes of unequal size, and probabilities in steps of 1/32, so that there are ties."""
    rng = np.random.default_rng(seed)
    prevalence = np.array([0.4, 0.3, 0.2, 0.1])[:n_classes]
    column = rng.choice(n_classes, size=n_rows, p=prevalence / prevalence.sum())
    strength = np.exp(rng.normal(size=(n_rows, n_classes)) + np.eye(n_classes)[column])
    return column, rng.multinomial(32, strength / strength.sum(axis=1, keepdims=True)) / 32


def by_scikit_learn(label, probabilities):
    classes = np.unique(label)
    call = classes[probabilities.argmax(axis=1)]
    averaged = {
        mean: sk.precision_recall_fscore_support(label, call, average=mean, zero_division=0)
        for mean in ("macro", "weighted")
    }
    return {
        "auc": sk.roc_auc_score(label, probabilities, multi_class="ovr", average="macro"),
        "weighted_auc": sk.roc_auc_score(label, probabilities, multi_class="ovr", average="weighted"),
        "auc_hand_till": sk.roc_auc_score(label, probabilities, multi_class="ovo", average="macro"),
        "brier": sk.brier_score_loss(label, probabilities),
        "log_loss": sk.log_loss(label, probabilities),
        "accuracy": sk.accuracy_score(label, call),
        "balanced_accuracy": sk.balanced_accuracy_score(label, call),
        "mcc": sk.matthews_corrcoef(label, call),
        "kappa": sk.cohen_kappa_score(label, call),
        "weighted_kappa": sk.cohen_kappa_score(label, call, weights="quadratic"),
        "ece": multiclass_calibration_error(label, probabilities),
    } | {
        f"{mean}_{metric}": values[place]
        for mean, values in averaged.items()
        for place, metric in enumerate(("precision", "recall", "f1"))
    }


@pytest.mark.parametrize("seed", range(3))
def test_values_equal_scikit_learn(seed):
    column, probabilities = predicted(seed=seed)
    scores = score_multiclass(NAMES[column], probabilities, n_resamples=10, ordered=True).set_index("metric")["value"]
    expected = by_scikit_learn(NAMES[column], probabilities)
    assert set(scores.index) == set(expected)
    for metric, value in expected.items():
        assert scores[metric] == pytest.approx(value, abs=1e-12), metric


def test_each_resample_equals_scikit_learn_on_the_drawn_rows():
    column, probabilities = predicted(n_rows=60)
    weights = multiplicities(60, 8, 1)
    draws = {
        metric: values for (k, metric), values in class_metrics(column, probabilities, weights).items() if k is None
    }
    draws["weighted_kappa"] = weighted_kappa(column, probabilities.argmax(axis=1), weights)
    for resample in range(9):
        drawn = np.repeat(np.arange(60), weights[:, resample].astype(int))
        for metric, value in by_scikit_learn(column[drawn], probabilities[drawn]).items():
            assert draws[metric][resample] == pytest.approx(value, abs=1e-12), metric


def test_two_classes_are_the_binary_case():
    column, probabilities = predicted(n_classes=2)
    scores = score_multiclass(column, probabilities, n_resamples=10).set_index("metric")["value"]
    for metric in ("auc", "weighted_auc", "auc_hand_till"):
        assert scores[metric] == pytest.approx(auc(column, probabilities[:, 1]), abs=1e-12)
    assert scores["mcc"] == pytest.approx(mcc(column, probabilities.argmax(axis=1)), abs=1e-12)


def test_pairs_of_classes_do_not_feel_the_prevalence():
    """Doubling one class leaves Hand and Till's M; the areas against the rest move."""
    column, probabilities = predicted()
    rows = np.concatenate([np.arange(120), np.flatnonzero(column == 0)])
    before, after = (
        score_multiclass(column[r], probabilities[r], n_resamples=1).set_index("metric")["value"]
        for r in (slice(None), rows)
    )
    assert after["auc_hand_till"] == pytest.approx(before["auc_hand_till"], abs=1e-12)
    assert abs(after["auc"] - before["auc"]) > 1e-4


def test_columns_go_by_the_classes_named():
    column, probabilities = predicted()
    top_two = np.sort(probabilities, axis=1)[:, -2:]
    column, probabilities = column[top_two[:, 0] < top_two[:, 1]], probabilities[top_two[:, 0] < top_two[:, 1]]
    plain = score_multiclass(NAMES[column], probabilities, n_resamples=20)
    turned = score_multiclass(NAMES[column], probabilities[:, ::-1], classes=NAMES[::-1], n_resamples=20)
    np.testing.assert_allclose(plain[["value", "low", "high"]], turned[["value", "low", "high"]], atol=1e-12)


def test_patients_are_resampled_whole():
    column, probabilities = predicted()
    once = score_multiclass(column, probabilities, n_resamples=50)
    twice = score_multiclass(
        np.tile(column, 2), np.tile(probabilities, (2, 1)), patients=np.tile(np.arange(1000, 1120), 2), n_resamples=50
    )
    np.testing.assert_allclose(once[["value", "low", "high"]], twice[["value", "low", "high"]], atol=1e-12)
    once = once[once["metric"] != "ece"]
    assert (once["low"] < once["value"]).all()
    assert (once["value"] < once["high"]).all()


def test_a_class_without_rows_has_no_area():
    column, probabilities = predicted(n_classes=3)
    kept = column != 2
    scores = score_multiclass(column[kept], probabilities[kept], classes=[0, 1, 2], n_resamples=10).set_index("metric")
    assert scores.loc[["auc", "weighted_auc", "auc_hand_till"]].isna().to_numpy().all()
    assert 0 < scores.loc["accuracy", "value"] < 1
    recalls = [np.mean(probabilities[column == k].argmax(axis=1) == k) for k in (0, 1)]
    assert scores.loc["balanced_accuracy", "value"] == pytest.approx(np.mean(recalls), abs=1e-12)


def test_certain_and_wrong_is_costly_but_finite():
    scores = score_multiclass([0, 1, 2], [[1, 0, 0], [0, 1, 0], [1, 0, 0]], n_resamples=5).set_index("metric")["value"]
    assert scores["log_loss"] == pytest.approx(-np.log(np.finfo(float).eps) / 3)
    assert scores["brier"] == pytest.approx(2 / 3)


def test_labels_outside_the_classes_are_refused():
    with pytest.raises(RequestError, match="Label 'x' is none of the classes"):
        score_multiclass(["a", "x"], [[0.5, 0.5]] * 2, classes=["a", "b"])


def test_each_class_against_the_rest_equals_scikit_learn():
    column, probabilities = predicted()
    call = probabilities.argmax(axis=1)
    found = {key: values[0] for key, values in class_metrics(column, probabilities, np.ones((120, 1))).items()}
    each = sk.precision_recall_fscore_support(column, call, zero_division=0)
    for k in range(4):
        assert found[k, "auc"] == pytest.approx(sk.roc_auc_score(column == k, probabilities[:, k]), abs=1e-12)
        assert found[k, "brier"] == pytest.approx(sk.brier_score_loss(column == k, probabilities[:, k]), abs=1e-12)
        assert found[k, "specificity"] == pytest.approx(sk.recall_score(column != k, call != k), abs=1e-12)
        for place, metric in enumerate(("precision", "recall", "f1")):
            assert found[k, metric] == pytest.approx(each[place][k], abs=1e-12)
    assert sum(found[k, "brier"] for k in range(4)) == pytest.approx(found[None, "brier"], abs=1e-12)


def test_a_class_that_a_resample_lacks_is_left_out_as_scikit_learn_leaves_it_out():
    """The last class has one row; in the second weighting neither it nor a call of it is there."""
    column = np.array([0, 0, 1, 1, 2])
    probabilities = np.eye(3)[[0, 1, 1, 1, 2]]
    weights = np.column_stack([np.ones(5), [2, 1, 1, 1, 0]]).astype(float)
    found = {
        metric: values for (k, metric), values in class_metrics(column, probabilities, weights).items() if k is None
    }
    drawn = [0, 0, 1, 2, 3]
    label, call = column[drawn], probabilities.argmax(axis=1)[drawn]
    assert found["macro_f1"][1] == pytest.approx(sk.f1_score(label, call, average="macro"))
    assert found["balanced_accuracy"][1] == pytest.approx(sk.balanced_accuracy_score(label, call))
    assert found["macro_precision"][1] == pytest.approx(sk.precision_score(label, call, average="macro"))
    assert np.isnan([found[metric][1] for metric in ("auc", "weighted_auc", "auc_hand_till")]).all()
    assert not np.isnan([values[0] for values in found.values()]).any()


def test_hand_and_till_of_six_rows_by_hand():
    """Rows by class: a (.6 .3 .1), (.2 .5 .3); b (.3 .4 .3), (.5 .3 .2); c (.1 .2 .7), (.2 .5 .3).

    A(a|b): pa of a .6 .2 against pa of b .3 .5: 2 of 4 pairs. A(b|a): pb of b .4 .3 against .3 .5: 1 and a tie: 1.5.
    A(a|c): .6 .2 against .1 .2: 2 + 1 and a tie: 3.5 of 4. A(c|a): pc of c .7 .3 against .1 .3: 2 + 1.5: 3.5.
    A(b|c): pb .4 .3 against .2 .5: 1 + 1: 2 of 4. A(c|b): pc .7 .3 against .3 .2: 2 + 1.5: 3.5.
    M = (2 + 1.5 + 3.5 + 3.5 + 2 + 3.5) / 24 = 16 / 24.
    """
    probabilities = np.array(
        [[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.3, 0.4, 0.3], [0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.2, 0.5, 0.3]]
    )
    scores = score_multiclass(list("aabbcc"), probabilities, n_resamples=5).set_index("metric")["value"]
    assert scores["auc_hand_till"] == pytest.approx(16 / 24, abs=1e-15)


def cohen_table():
    """Cohen 1960, table 1 (200 times the shares): rows and calls of three classes."""
    shares = np.array([[0.44, 0.07, 0.09], [0.05, 0.20, 0.05], [0.01, 0.03, 0.06]])
    return (np.repeat(codes, np.round(200 * shares).astype(int).ravel()) for codes in np.indices((3, 3)).reshape(2, -1))


def test_kappa_equals_cohens_example():
    """Cohen 1960 and 1968: (.70 - .41) / (1 - .41) = .492.

    With quadratic weights, by hand: observed .07 + .05 + .05 + .03 + 4 (.09 + .01) = .60; by chance, of the margins
    .6 .3 .1 and .5 .3 .2: .6 .3 + .3 .5 + .3 .2 + .1 .3 + 4 (.6 .2 + .1 .5) = .18 + .15 + .06 + .03 + .68 = 1.10.
    """
    code, call = cohen_table()
    found = class_metrics(code, np.eye(3)[call], np.ones((200, 1)), ["kappa"])
    assert found[None, "kappa"][0] == pytest.approx(0.29 / 0.59, abs=1e-12)
    assert weighted_kappa(code, call, np.ones((200, 1)))[0] == pytest.approx(1 - 0.60 / 1.10, abs=1e-12)


def test_weighted_kappa_of_nine_rows_equals_psych():
    """The first example of R's psych::cohen.kappa, whose weights are quadratic: weighted kappa .68, plain 0."""
    code, call = np.arange(9), np.array([1, 3, 1, 6, 1, 5, 5, 6, 7]) - 1
    assert weighted_kappa(code, call, np.ones((9, 1)))[0] == pytest.approx(0.68, abs=0.005)
    found = class_metrics(code, np.eye(9)[call], np.ones((9, 1)), ["kappa"])
    assert found[None, "kappa"][0] == pytest.approx(0, abs=1e-12)


def test_agreement_of_one_class_only_does_not_exist():
    ones = np.ones((4, 1))
    found = class_metrics(np.zeros(4, dtype=int), np.eye(3)[[0, 0, 0, 0]], ones)
    assert np.isnan(found[None, "kappa"][0])
    assert np.isnan(weighted_kappa(np.zeros(4), np.zeros(4), ones)[0])
    assert found[None, "mcc"][0] == 0
    assert found[None, "accuracy"][0] == 1
