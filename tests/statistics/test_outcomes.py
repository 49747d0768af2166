"""Scores and comparisons of outcomes of several classes, and of several outcomes in one table."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from radiofuse import notebook
from radiofuse.errors import RequestError
from radiofuse.statistics import (
    auc_interval,
    calibration_line,
    calibration_points,
    compare_models,
    compare_with_others,
    confusion_table,
    decision_points,
    fold_differences,
    roc_points,
    score_calls,
    score_predictions,
    thresholds_by_fold,
)
from radiofuse.statistics.closed_intervals import wilson_interval
from radiofuse.statistics.intervals import draw_seed, multiplicities
from radiofuse.statistics.multiclass_metrics import MULTICLASS_METRICS, class_metrics
from radiofuse.tables import slice_of

ORDER = ["2", "3", "4"]
NUMBERS = ["value", "low", "high"]


def as_idh(table: pd.DataFrame) -> pd.DataFrame:
    """A binary table as rows of the outcome idh."""
    return table.assign(outcome="idh", **{"class": "mutant"})


def whole(scores: pd.DataFrame, model: str) -> pd.DataFrame:
    rows = scores[(scores["model"] == model) & (scores["class"] == "")]
    return rows.set_index("metric")


def by_scikit_learn(own, probability):
    call = probability.argmax(axis=1)
    macro = sk.precision_recall_fscore_support(own, call, average="macro", zero_division=0)
    return {
        "auc": sk.roc_auc_score(own, probability, multi_class="ovr"),
        "auc_hand_till": sk.roc_auc_score(own, probability, multi_class="ovo"),
        "balanced_accuracy": sk.balanced_accuracy_score(own, call),
        "macro_precision": macro[0],
        "macro_recall": macro[1],
        "macro_f1": macro[2],
        "mcc": sk.matthews_corrcoef(own, call),
        "weighted_kappa": sk.cohen_kappa_score(own, call, weights="quadratic"),
        "log_loss": sk.log_loss(own, probability),
        "brier": sk.brier_score_loss(own, probability),
    }


@pytest.mark.parametrize("rows_per_patient", [(1,), (1, 3, 2)])
def test_equals_scikit_learn_in_a_plain_loop_over_the_same_resamples(make_grades, rows_per_patient):
    table = make_grades(rows_per_patient=rows_per_patient)
    scores = whole(score_predictions(table, n_resamples=9, confidence=0.8, ordered={"who_grade": ORDER}), "fused")
    rows = table[table["model"] == "fused"]
    patients = np.unique(rows["patient_id"])
    found: dict[str, list[float]] = {}
    for column in multiplicities(len(patients), 9, draw_seed(0)).T:
        times = pd.Series(column.astype(int), patients)
        of_repeats = []
        for _, part in rows.groupby("repeat"):
            drawn = np.repeat(np.arange(len(part) // 3), times[part["patient_id"].iloc[::3]].to_numpy())
            own = part["label"].to_numpy().reshape(-1, 3).argmax(axis=1)[drawn]
            of_repeats.append(by_scikit_learn(own, part["probability"].to_numpy().reshape(-1, 3)[drawn]))
        for metric in of_repeats[0]:
            found.setdefault(metric, []).append(np.mean([values[metric] for values in of_repeats]))
    for metric, values in found.items():
        expected = values[0], *np.quantile(values[1:], [0.1, 0.9])
        np.testing.assert_allclose(scores.loc[metric, NUMBERS].astype(float), expected, atol=1e-12, err_msg=metric)


def test_every_metric_of_all_classes_then_of_each_against_the_rest(make_grades):
    scores = score_predictions(make_grades(rows_per_patient=(1, 2)), n_resamples=20, ordered=ORDER)
    columns = ["outcome", "model", "class", "metric", *NUMBERS, "n_samples", "n_patients"]
    assert scores.columns.tolist() == columns
    of_model = scores[scores["model"] == "t1"]
    assert of_model["class"].drop_duplicates().tolist() == ["", *ORDER]
    assert tuple(of_model.loc[of_model["class"] == "", "metric"]) == MULTICLASS_METRICS
    of_class = of_model[of_model["class"] == "3"].set_index("metric")
    assert set(of_class.index) == {"auc", "precision", "recall", "specificity", "f1", "brier"}
    assert (of_model["n_samples"] == 45).all()
    assert (of_model["n_patients"] == 30).all()
    by_class = of_model[of_model["class"] != ""].groupby("metric")["value"]
    all_classes = of_model[of_model["class"] == ""].set_index("metric")["value"]
    for metric, of_all in (("auc", "auc"), ("f1", "macro_f1"), ("recall", "balanced_accuracy")):
        assert all_classes[of_all] == pytest.approx(by_class.mean()[metric], abs=1e-12)
    assert all_classes["brier"] == pytest.approx(by_class.sum()["brier"], abs=1e-12)


def test_each_outcome_has_the_numbers_it_has_alone(make_predictions, make_grades):
    idh, grade = make_predictions(), make_grades()
    both = score_predictions(pd.concat([as_idh(idh), grade]), n_resamples=50)
    alone = score_predictions(idh, n_resamples=50)
    of_idh = both[both["outcome"] == "idh"].reset_index(drop=True)
    assert (of_idh["class"] == "mutant").all()
    pd.testing.assert_frame_equal(of_idh.drop(columns=["outcome", "class"]), alone, check_exact=True)
    of_grade = both[both["outcome"] == "who_grade"].reset_index(drop=True)
    pd.testing.assert_frame_equal(of_grade, score_predictions(grade, n_resamples=50), check_exact=True)


def test_scores_have_the_columns_that_the_predictions_have(make_grades):
    table = make_grades().drop(columns="outcome")
    assert score_predictions(table, n_resamples=5).columns.tolist()[:3] == ["model", "class", "metric"]
    only = slice_of(table, cls="4").drop(columns="class")
    assert score_predictions(only, n_resamples=5).columns.tolist()[:2] == ["model", "metric"]


def test_a_class_against_the_rest_has_the_auc_and_brier_of_its_slice(make_grades):
    table = make_grades(rows_per_patient=(1, 2))
    scores = score_predictions(table, n_resamples=60)
    of_slice = score_predictions(slice_of(table, "who_grade", "3"), n_resamples=60)
    for metric in ("auc", "brier"):
        one, other = (rows[(rows["metric"] == metric) & (rows["class"] == "3")][NUMBERS] for rows in (scores, of_slice))
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_neither_the_order_of_the_samples_nor_the_names_of_the_classes_change_a_bit(make_grades):
    table = make_grades(rows_per_patient=(1, 2))
    sample = table.groupby(["model", "repeat", "sample_id"]).ngroup().to_numpy()
    moved = np.random.default_rng(0).permutation(sample.max() + 1)[sample]
    order = ["model", "class", "metric"]
    plain = score_predictions(table, n_resamples=40).sort_values(order, ignore_index=True)
    shuffled = score_predictions(table.iloc[np.argsort(moved, kind="stable")], n_resamples=40)
    pd.testing.assert_frame_equal(plain, shuffled.sort_values(order, ignore_index=True), check_exact=True)
    names = {"2": "zwei", "3": "drei", "4": "4"}
    renamed = score_predictions(table.assign(**{"class": table["class"].map(names)}), n_resamples=40)
    renamed["class"] = renamed["class"].map({new: old for old, new in names.items()} | {"": ""})
    pd.testing.assert_frame_equal(plain, renamed.sort_values(order, ignore_index=True), check_exact=True)


def test_a_weighted_kappa_goes_by_the_order_that_is_named(make_grades):
    table = make_grades(n_repeats=1, models=("t1",))
    own = table["label"].to_numpy().reshape(-1, 3).argmax(axis=1)
    call = table["probability"].to_numpy().reshape(-1, 3).argmax(axis=1)
    for order in (ORDER, ["3", "2", "4"]):
        rank = np.array([order.index(name) for name in ORDER])
        kappa = whole(score_predictions(table, n_resamples=5, ordered=order), "t1").loc["weighted_kappa", "value"]
        assert kappa == pytest.approx(sk.cohen_kappa_score(rank[own], rank[call], weights="quadratic"), abs=1e-12)
    assert "weighted_kappa" not in set(score_predictions(table, n_resamples=5)["metric"])


@pytest.mark.parametrize(
    ("ordered", "sentence"),
    [
        (ORDER, "outcomes idh and who_grade; say whose classes are ordered"),
        ({"grade": ORDER}, "ordered names grade, and the predictions hold idh and who_grade"),
        ({"who_grade": ["2", "3"]}, "classes 2, 3 and 4, and ordered names 2 and 3; name each class once"),
    ],
)
def test_an_order_of_other_classes_is_refused(make_predictions, make_grades, ordered, sentence):
    with pytest.raises(RequestError, match=sentence):
        score_predictions(pd.concat([as_idh(make_predictions()), make_grades()]), n_resamples=5, ordered=ordered)


@pytest.mark.parametrize("rows_per_patient", [(1,), (3,)])
def test_a_perfect_model_is_not_certain(make_grades, rows_per_patient):
    """30 patients, 5, 10 and 15 of the classes: intervals as wide as so many independent rows would give."""
    table = make_grades(rows_per_patient=rows_per_patient, models=("oracle",))
    table["probability"] = table["label"].astype(float)
    scores = score_predictions(table, n_resamples=40, ordered=ORDER)
    of_all, sizes = whole(scores, "oracle"), np.array([5, 10, 15])
    areas = [auc_interval(*[np.repeat([0, 1], [30 - n, n])] * 2).low for n in sizes]
    recalls = wilson_interval(1.0, sizes, 0.95)[0]
    expected = {
        "accuracy": float(wilson_interval(1.0, 30, 0.95)[0]),
        "auc": np.mean(areas),
        "weighted_auc": np.average(areas, weights=sizes),
        "balanced_accuracy": 1 - np.sqrt(np.sum((1 - recalls) ** 2)) / 3,
        "macro_precision": np.mean(recalls),
        "macro_f1": np.mean(2 * recalls / (1 + recalls)),
    }
    for metric, low in expected.items():
        assert of_all.loc[metric, NUMBERS].tolist() == pytest.approx([1, low, 1], abs=1e-12), metric
    assert 0.7 < of_all.loc["auc_hand_till", "low"] < np.mean(areas)  # pairs have fewer rows
    assert of_all.loc["brier", NUMBERS].tolist() == pytest.approx([0, 0, 2 * (1 - expected["accuracy"])], abs=1e-12)
    assert of_all.index[of_all["low"].isna()].tolist() == ["mcc", "kappa", "log_loss", "ece", "weighted_kappa"]
    of_class = scores[scores["class"] == "2"].set_index("metric")
    assert of_class.loc["recall", "low"] == pytest.approx(recalls[0], abs=1e-12)
    assert of_class.loc["auc", "low"] == pytest.approx(areas[0], abs=1e-12)
    assert of_class.loc["brier", "high"] == pytest.approx(1 - expected["accuracy"], abs=1e-12)


def test_a_model_that_is_always_wrong_is_not_certain_either(make_grades):
    table = make_grades(models=("anti",))
    table["probability"] = np.roll(table["label"].to_numpy().reshape(-1, 3), 1, axis=1).ravel().astype(float)
    of_all = whole(score_predictions(table, n_resamples=40), "anti")
    high = float(wilson_interval(0.0, 30, 0.95)[1])
    assert of_all.loc["accuracy", NUMBERS].tolist() == pytest.approx([0, 0, high], abs=1e-12)
    assert of_all.loc["brier", NUMBERS].tolist() == pytest.approx([2, 2 - 2 * high, 2], abs=1e-12)
    assert of_all.loc["ece", "value"] == pytest.approx(1, abs=1e-12)


def test_a_calibration_error_has_no_interval_and_is_not_compared(make_grades):
    table = make_grades()
    ece = whole(score_predictions(table, n_resamples=20), "t1").loc["ece", NUMBERS].astype(float)
    assert 0 < ece["value"] < 1
    assert ece[["low", "high"]].isna().all()
    with pytest.raises(RequestError, match="cannot be compared by ece"):
        compare_models(table, "t1", "fused", metric="ece")


def test_resamples_without_a_class_are_left_out_of_areas_and_counted(make_grades, caplog):
    table = make_grades(n_patients=12, models=("t1",), n_repeats=1)  # 2 patients of the first class
    with caplog.at_level(logging.WARNING):
        scores = whole(score_predictions(table, n_resamples=200), "t1")
    counts = multiplicities(12, 200, draw_seed(0))[:, 1:]
    own = np.array([0, 1, 2, 2, 1, 2] * 2)
    lacking = int(np.any([counts[own == k].sum(axis=0) == 0 for k in range(3)], axis=0).sum())
    assert lacking > 10
    assert f"Up to {lacking} of 200 resamples (t1 of outcome who_grade) lack a class" in caplog.text
    assert scores.drop(index="ece")[NUMBERS].notna().all(axis=None)


def test_a_model_that_met_no_sample_of_a_class_has_no_auc_but_an_accuracy(make_grades, caplog):
    table = make_grades(n_repeats=1)
    of_class = table.loc[(table["class"] == "2") & (table["label"] == 1), "sample_id"]
    table = table[(table["model"] != "t1") | ~table["sample_id"].isin(of_class)]
    with caplog.at_level(logging.WARNING):
        scores = score_predictions(table, n_resamples=20)
    found = whole(scores, "t1")
    absent = found.index[found["value"].isna()].tolist()
    assert absent == ["auc", "weighted_auc", "auc_hand_till"]
    assert "The rows of t1 of outcome who_grade lack a class" in caplog.text
    call = class_metrics(np.array([1, 2]), np.eye(3)[[1, 2]], np.ones((2, 1)))
    assert call[None, "macro_f1"][0] == 1  # of the classes that are there
    others = compare_with_others(table, "fused", n_resamples=20)
    assert others.empty
    with pytest.raises(RequestError, match="25 samples in common; a comparison needs samples of every class"):
        compare_models(table, "fused", "t1", n_resamples=20)


@pytest.mark.parametrize("metric", ["auc", "weighted_kappa", "log_loss", "macro_f1"])
def test_a_difference_is_that_of_the_scores_and_swapping_mirrors_it(make_grades, metric):
    table = make_grades(rows_per_patient=(1, 2))
    asked = {"metric": metric, "n_resamples": 100, "ordered": ORDER}
    found, mirrored = compare_models(table, "fused", "t1", **asked), compare_models(table, "t1", "fused", **asked)
    scores = score_predictions(table, n_resamples=5, ordered=ORDER)
    values = [whole(scores, model).loc[metric, "value"] for model in ("fused", "t1")]
    assert found.difference == pytest.approx(values[0] - values[1], abs=1e-12)
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low), abs=1e-12)
    assert (found.test, found.p_value, found.n_patients) == ("bootstrap", mirrored.p_value, 30)
    shuffled = table.groupby("sample_id", group_keys=False, sort=False)[table.columns.tolist()]
    shuffled = pd.concat([rows for _, rows in shuffled][::-1])
    assert compare_models(shuffled, "fused", "t1", **asked) == found


def test_equal_models_of_several_classes_do_not_differ(make_grades):
    table = make_grades(models=("t1",))
    both = pd.concat([table, table.assign(model="twin")])
    found = compare_models(both, "t1", "twin", n_resamples=50)
    assert (found.difference, found.low, found.high, found.p_value) == (0, 0, 0, 1)


def test_comparisons_are_adjusted_within_their_outcome(make_predictions, make_grades):
    models = ("a", "b", "c")
    idh, grade = make_predictions(models=models, n_repeats=1), make_grades(models=models, n_repeats=1)
    found = compare_with_others(pd.concat([as_idh(idh), grade]), "a", n_resamples=60)
    assert found.columns[0] == "outcome"
    assert found["outcome"].tolist() == ["idh", "idh", "who_grade", "who_grade"]
    assert found["test"].tolist() == ["DeLong", "DeLong", "bootstrap", "bootstrap"]
    alone = [compare_with_others(table, "a", n_resamples=60) for table in (idh, grade)]
    pd.testing.assert_frame_equal(found.iloc[:2].drop(columns="outcome"), alone[0], check_exact=True)
    pd.testing.assert_frame_equal(found.iloc[2:].reset_index(drop=True), alone[1], check_exact=True)
    of_idh = compare_with_others(pd.concat([as_idh(idh), grade]), "a", outcome="idh", n_resamples=60)
    pd.testing.assert_frame_equal(of_idh, found.iloc[:2], check_exact=True)


def test_a_comparison_of_several_outcomes_asks_which_and_by_what(make_predictions, make_grades):
    table = pd.concat([as_idh(make_predictions()), make_grades()])
    with pytest.raises(RequestError, match="hold several, idh, who_grade; name the outcome"):
        compare_models(table, "t1", "fused")
    assert compare_models(table, "t1", "fused", outcome="idh", n_resamples=9).test == "DeLong"
    with pytest.raises(RequestError, match="Outcome who_grade cannot be compared by specificity; ask for one of auc, "):
        compare_models(table, "t1", "fused", outcome="who_grade", metric="specificity")
    with pytest.raises(RequestError, match="Outcome idh cannot be compared by auc_hand_till"):
        compare_models(table, "t1", "fused", outcome="idh", metric="auc_hand_till")


OF_ONE_CLASS = {
    "calibration curve": lambda table: calibration_points(table, "t1"),
    "calibration line": lambda table: calibration_line(table, "t1"),
    "decision curve": lambda table: decision_points(table, "t1"),
    "difference by fold": lambda table: fold_differences(table, "t1", "fused"),
    "ROC curve": lambda table: roc_points(table, "t1", n_resamples=5),
    "score of calls": lambda table: score_calls(table[table["model"] == "t1"].assign(call=1), n_resamples=5),
    "threshold": lambda table: thresholds_by_fold(table, "t1"),
}


@pytest.mark.parametrize("name", OF_ONE_CLASS)
def test_what_is_of_one_class_takes_a_slice_and_says_so_of_a_whole_table(name, make_predictions, make_grades):
    ask, grade = OF_ONE_CLASS[name], make_grades()
    sentence = rf"{name} is of one class of one outcome.* slice_of\(predictions, outcome='who_grade', cls='2'\)"
    with pytest.raises(RequestError, match=sentence):
        ask(grade)
    with pytest.raises(RequestError, match="hold the outcomes idh, who_grade"):
        ask(pd.concat([as_idh(make_predictions()), grade]))
    of_class = slice_of(grade, "who_grade", "3")
    binary = of_class.drop(columns=["outcome", "class"])
    found, expected = (np.asarray(ask(rows), dtype=object).ravel() for rows in (of_class, binary))
    extra = {"who_grade", "3"} if name == "threshold" else set()  # the columns that come back with the rows
    assert [value for value in found if value not in extra] == pytest.approx(list(expected), nan_ok=True)


def test_a_notebook_has_a_line_per_outcome_model_and_class(make_grades):
    scores = score_predictions(make_grades(models=("t1",)), n_resamples=5)
    html = notebook.scores("Scores", scores)
    assert html.count("<tr>") == (1 + 1) + (1 + 3)  # all classes, and each class against the rest; a header each
    for row in scores[scores["metric"] == "auc"].itertuples():
        assert f"{row.value:.2f} ({row.low:.2f} to {row.high:.2f})" in html


def test_the_confusion_table_is_the_mean_of_scikit_learns(make_predictions, make_grades):
    idh, grade = make_predictions(), make_grades(rows_per_patient=(1, 2))
    found = confusion_table(pd.concat([as_idh(idh), grade]))
    assert found.columns.tolist() == ["outcome", "model", "class", "called", "n", "share"]
    grades = found[(found["outcome"] == "who_grade") & (found["model"] == "fused")]
    repeats = [rows for _, rows in grade[grade["model"] == "fused"].groupby("repeat")]
    places = [
        [rows[column].to_numpy().reshape(-1, 3).argmax(axis=1) for column in ("label", "probability")]
        for rows in repeats
    ]
    expected = np.mean([sk.confusion_matrix(*pair) for pair in places], axis=0)
    np.testing.assert_allclose(grades.pivot(index="class", columns="called", values="n"), expected)
    recall = np.diag(expected) / expected.sum(axis=1)
    np.testing.assert_allclose(grades.loc[grades["class"] == grades["called"], "share"], recall)
    of_idh = found[(found["outcome"] == "idh") & (found["model"] == "t1")]
    assert of_idh["class"].tolist() == ["not mutant", "not mutant", "mutant", "mutant"]
    rows = idh[idh["model"] == "t1"]
    binary = sk.confusion_matrix(rows["label"], rows["probability"] >= 0.5) / 2
    np.testing.assert_allclose(of_idh["n"], binary.ravel())
    plain = confusion_table(idh)
    assert plain.columns.tolist() == ["model", "class", "called", "n", "share"]
    assert plain["class"].tolist()[:4] == ["0", "0", "1", "1"]
    shy = confusion_table(idh[idh["label"] == 1], threshold=1.0)
    assert shy.loc[(shy["class"] == "0"), "share"].isna().all()


def test_a_binary_outcome_of_several_keeps_its_threshold(make_predictions):
    table = as_idh(make_predictions(models=("t1",)))
    found = confusion_table(table, threshold=0.9).set_index(["class", "called"])["n"]
    scores = score_predictions(table, n_resamples=5, threshold=0.9).set_index("metric")["value"]
    assert found["mutant", "mutant"] / (found["mutant"].sum()) == pytest.approx(scores["recall"])
