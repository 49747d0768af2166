"""Intervals for other patients to learn from: a plain loop over pairs of patients, bounds, and what has none."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, ndtr

from radiofuse.statistics import cross_validated_intervals, score_predictions


@pytest.fixture
def make_folds(make_predictions):
    """Return a maker of tables whose five folds hold both labels."""

    def make(**options):
        table = make_predictions(**options)
        return table.assign(fold=table["patient_id"].str[1:].astype(int) // 5 % 5)

    return make


def plain_interval(rows):
    """The value and half the width, pair by pair and patient by patient; each patient has one row in a repeat."""
    pooled, to_predict, areas, sizes = [], [], [], []
    for _, repeat in rows.groupby("repeat"):
        pooled.append(np.mean([wins(*pair) for pair in pairs_of(repeat)]))
        folds = [fold for _, fold in repeat.groupby("fold")]
        variance = 0.0
        for fold in folds:
            area = np.mean([wins(*pair) for pair in pairs_of(fold)])
            for label, own in fold.groupby("label"):
                for row in own.itertuples():
                    share = np.mean([wins(*pair) for pair in pairs_of(fold) if row.sample_id in pair[label].sample_id])
                    variance += ((share - area) / len(own) / len(folds)) ** 2
            areas.append(area)
            sizes.append(len(fold) / (len(repeat) - len(fold)))
        to_predict.append(variance)
    test_over_train = len(rows) / rows["repeat"].nunique() / len(folds)
    test_over_train /= len(rows) / rows["repeat"].nunique() - test_over_train
    half = 1.959963984540054 * np.sqrt(np.mean(to_predict) + test_over_train * np.var(areas, ddof=1))
    return np.mean(pooled), half


def pairs_of(rows):
    negative, positive = (list(rows[rows["label"] == label].itertuples()) for label in (0, 1))
    return list(product(negative, positive))


def wins(negative, positive):
    return (positive.probability > negative.probability) + 0.5 * (positive.probability == negative.probability)


def test_other_patients_to_learn_from_never_make_it_narrower():
    rows = []
    for sample in range(30):  # every fold has an AUC of .94, and the pool of three that lie apart less
        fold, place = divmod(sample, 10)
        rows.append((f"s{sample}", f"s{sample}", 0, fold, "m", int(place in (7, 9)), (place + 6 * fold) / 30))
    columns = ["sample_id", "patient_id", "repeat", "fold", "model", "label", "probability"]
    predictions = pd.DataFrame(rows, columns=columns)
    of_folds = cross_validated_intervals(predictions).iloc[0]
    fixed = score_predictions(predictions).set_index("metric").loc["auc"]
    assert of_folds["low"] <= fixed["low"] and fixed["high"] <= of_folds["high"]


def test_equals_a_loop_over_pairs(make_folds):
    table = make_folds(n_patients=35, seed=3)
    found = cross_validated_intervals(table).set_index("model")
    for model in ("t1", "fused"):
        value, half = plain_interval(table[table["model"] == model])
        expected = (value, value - half, min(value + half, 1.0))
        assert tuple(found.loc[model, ["value", "low", "high"]]) == pytest.approx(expected, abs=1e-12)
    assert found["n_folds"].tolist() == [10, 10]
    assert list(found.columns) == ["metric", "value", "low", "high", "n_folds"]


def test_is_about_the_value_of_the_scores_and_wider(make_folds):
    table = make_folds(n_patients=60)
    found, fixed = cross_validated_intervals(table), score_predictions(table, n_resamples=300).query("metric == 'auc'")
    np.testing.assert_allclose(found["value"], fixed["value"], rtol=1e-12)
    assert ((found["high"] - found["low"]).to_numpy() > (fixed["high"] - fixed["low"]).to_numpy()).all()
    narrower = cross_validated_intervals(table, confidence=0.8)
    assert (narrower["low"] > found["low"]).all()


def test_rows_of_a_patient_count_together(make_folds):
    """Every row there twice, under the same patient, adds nothing; as other patients it would."""
    table = make_folds(n_patients=40)
    twice = pd.concat([table, table.assign(sample_id=table["sample_id"] + "b")])
    pd.testing.assert_frame_equal(cross_validated_intervals(twice), cross_validated_intervals(table))
    strangers = pd.concat([table, twice[len(table) :].assign(patient_id=lambda rows: rows["patient_id"] + "b")])
    assert (cross_validated_intervals(strangers)["low"] > cross_validated_intervals(table)["low"]).all()


def test_several_classes_are_each_against_the_rest_and_their_mean(make_grades):
    table = make_grades(n_patients=60)
    found = cross_validated_intervals(table)
    assert found["class"].tolist() == ["", "2", "3", "4"] * 2
    of_class = table[table["class"] == "3"].drop(columns=["outcome", "class"])
    alone = cross_validated_intervals(of_class)[["value", "low", "high"]]
    np.testing.assert_allclose(found[found["class"] == "3"][["value", "low", "high"]], alone, rtol=1e-12)
    own = found[found["model"] == "t1"].set_index("class")
    assert own["value"][""] == pytest.approx(own["value"][["2", "3", "4"]].mean(), abs=1e-12)
    width = own["high"] - own["low"]
    assert width[""] < width[["2", "3", "4"]].max()


def test_a_perfect_model_has_the_interval_of_the_scores_and_a_constant_one_no_width(make_folds):
    table = make_folds(models=("perfect", "constant"))
    perfect = table["model"] == "perfect"
    table.loc[perfect, "probability"] = 0.1 + 0.8 * table.loc[perfect, "label"]
    table.loc[~perfect, "probability"] = 0.4
    found = cross_validated_intervals(table).set_index("model")[["value", "low", "high"]]
    fixed = (
        score_predictions(table, n_resamples=20).query("metric == 'auc'").set_index("model")[["value", "low", "high"]]
    )
    pd.testing.assert_frame_equal(found, fixed)
    assert found.loc["perfect", "low"] < 0.95 and found.loc["constant"].tolist() == [0.5, 0.5, 0.5]


def test_perfect_folds_that_are_less_than_perfect_together_have_the_interval_of_the_scores(make_folds):
    """Each fold tells the labels apart, at another height of its probabilities."""
    table = make_folds(n_repeats=1, models=("t1",))
    table = table.assign(probability=expit(1.5 * table["label"] + table["fold"] - 3.0))
    found = cross_validated_intervals(table).iloc[0]
    fixed = score_predictions(table).query("metric == 'auc'").iloc[0]
    assert found["value"] < 0.9 and found["low"] < found["value"] < found["high"]
    assert found[["low", "high"]].tolist() == fixed[["low", "high"]].tolist()


def test_folds_without_both_labels_do_not_count_and_one_alone_gives_no_interval(make_folds):
    table = make_folds(n_repeats=1, models=("t1",))
    table.loc[table["fold"] == 4, "label"] = 0
    assert cross_validated_intervals(table)["n_folds"].tolist() == [4]
    one_fold = cross_validated_intervals(table.assign(fold=0)).iloc[0]
    assert np.isfinite(one_fold["value"]) and np.isnan([one_fold["low"], one_fold["high"]]).all()
    lonely = cross_validated_intervals(table.assign(fold=np.arange(len(table)))).iloc[0]  # a fold for each patient
    assert lonely["n_folds"] == 0 and np.isnan(lonely["low"])


def test_holds_the_true_area_of_the_model_of_all_patients_more_often():
    """A model learned from 60 patients: the distance of the class means in 20 features, two of them with signal."""
    rng, held, fixed = np.random.default_rng(0), [], []
    for _ in range(80):
        table, truth = study(rng)
        for found, holds in (
            (cross_validated_intervals(table), held),
            (score_predictions(table, n_resamples=60).query("metric == 'auc'"), fixed),
        ):
            holds.append(found["low"].item() <= truth <= found["high"].item())
    assert np.mean(held) >= 0.9
    assert np.mean(fixed) <= np.mean(held) - 0.05


def study(rng, n=60, p=20, effect=0.6):
    """Out-of-fold answers in three repeats of five folds, and the true AUC of what all patients teach."""
    label = np.arange(n) % 2
    signal = np.zeros(p)
    signal[:2] = effect
    X = rng.normal(size=(n, p)) + label[:, None] * signal

    def learn(rows):
        return X[rows & (label == 1)].mean(axis=0) - X[rows & (label == 0)].mean(axis=0)

    ids = [f"s{row:03d}" for row in range(n)]
    rows = pd.DataFrame({"sample_id": ids, "patient_id": ids, "model": "m", "label": label})
    tables = []
    for repeat in range(3):
        fold = np.empty(n, dtype=int)
        for each in (0, 1):
            fold[label == each] = rng.permutation(np.arange(n // 2) % 5)
        answers = np.array([X[row] @ learn(fold != fold[row]) for row in range(n)])
        tables.append(rows.assign(repeat=repeat, fold=fold, probability=expit(answers / 4)))
    weights = learn(np.full(n, True))
    return pd.concat(tables), ndtr(weights @ signal / np.sqrt(2 * weights @ weights))
