"""Scores of three and more classes equal scikit-learn's, on all rows and on resamples."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from radiofuse.errors import RequestError
from radiofuse.statistics.intervals import multiplicities
from radiofuse.statistics.metrics import auc, mcc
from radiofuse.statistics.multiclass import _areas, _calls, _losses, score_multiclass

NAMES = np.array(["astro", "gbm", "oligo", "other"])


def predicted(n_rows=120, n_classes=4, seed=0):
    """Classes of unequal size, and probabilities in steps of 1/32, so that there are ties."""
    rng = np.random.default_rng(seed)
    prevalence = np.array([0.4, 0.3, 0.2, 0.1])[:n_classes]
    column = rng.choice(n_classes, size=n_rows, p=prevalence / prevalence.sum())
    strength = np.exp(rng.normal(size=(n_rows, n_classes)) + np.eye(n_classes)[column])
    return column, rng.multinomial(32, strength / strength.sum(axis=1, keepdims=True)) / 32


def by_scikit_learn(label, probabilities):
    call = np.unique(label)[probabilities.argmax(axis=1)]
    return {
        "auc_ovr_macro": sk.roc_auc_score(label, probabilities, multi_class="ovr", average="macro"),
        "auc_ovr_weighted": sk.roc_auc_score(label, probabilities, multi_class="ovr", average="weighted"),
        "auc_ovo": sk.roc_auc_score(label, probabilities, multi_class="ovo", average="macro"),
        "brier": sk.brier_score_loss(label, probabilities),
        "log_loss": sk.log_loss(label, probabilities),
        "accuracy": sk.accuracy_score(label, call),
        "balanced_accuracy": sk.balanced_accuracy_score(label, call),
        "f1_macro": sk.f1_score(label, call, average="macro", zero_division=0),
        "f1_weighted": sk.f1_score(label, call, average="weighted", zero_division=0),
        "mcc": sk.matthews_corrcoef(label, call),
    }


@pytest.mark.parametrize("seed", range(3))
def test_values_equal_scikit_learn(seed):
    column, probabilities = predicted(seed=seed)
    scores = score_multiclass(NAMES[column], probabilities, n_resamples=10).set_index("metric")["value"]
    expected = by_scikit_learn(NAMES[column], probabilities)
    assert set(scores.index) == set(expected)
    for metric, value in expected.items():
        assert scores[metric] == pytest.approx(value, abs=1e-12), metric


def test_each_resample_equals_scikit_learn_on_the_drawn_rows():
    column, probabilities = predicted(n_rows=60)
    weights = multiplicities(60, 8, 1)
    draws = _areas(column, probabilities, weights) | _losses(column, probabilities, weights)
    draws |= _calls(column, probabilities, weights)
    for resample in range(9):
        drawn = np.repeat(np.arange(60), weights[:, resample].astype(int))
        for metric, value in by_scikit_learn(column[drawn], probabilities[drawn]).items():
            assert draws[metric][resample] == pytest.approx(value, abs=1e-12), metric


def test_two_classes_are_the_binary_case():
    column, probabilities = predicted(n_classes=2)
    scores = score_multiclass(column, probabilities, n_resamples=10).set_index("metric")["value"]
    for metric in ("auc_ovr_macro", "auc_ovr_weighted", "auc_ovo"):
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
    assert after["auc_ovo"] == pytest.approx(before["auc_ovo"], abs=1e-12)
    assert abs(after["auc_ovr_macro"] - before["auc_ovr_macro"]) > 1e-4


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
    assert (once["low"] < once["value"]).all()
    assert (once["value"] < once["high"]).all()


def test_a_class_without_rows_has_no_area():
    column, probabilities = predicted(n_classes=3)
    kept = column != 2
    scores = score_multiclass(column[kept], probabilities[kept], classes=[0, 1, 2], n_resamples=10).set_index("metric")
    assert scores.loc[["auc_ovr_macro", "auc_ovr_weighted", "auc_ovo"]].isna().to_numpy().all()
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
