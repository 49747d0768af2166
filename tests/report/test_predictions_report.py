"""The page and the figures of a table of predictions without a bundle."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from page_parser import Page
from sklearn.metrics import roc_auc_score, roc_curve

from radiofuse.errors import RequestError
from radiofuse.report import plot_aucs, plot_calibration, plot_decision_curve, plot_roc, write_report
from radiofuse.statistics import score_predictions
from radiofuse.tables.predictions import slice_of


@pytest.fixture(scope="module")
def predictions():
    rng = np.random.default_rng(0)
    label = np.arange(40) % 2
    ids = [f"p{number:02d}" for number in range(40)]
    shared = {"sample_id": ids, "patient_id": ids, "repeat": 0, "fold": 0, "label": label}
    strengths = {"mean": 1.5, "t1": 0.5}
    probability = {m: 1 / (1 + np.exp(-(s * (2 * label - 1) + rng.normal(size=40)))) for m, s in strengths.items()}
    return pd.concat([pd.DataFrame({**shared, "model": m, "probability": p}) for m, p in probability.items()])


def auc_of(predictions, model):
    rows = predictions[predictions["model"] == model]
    return roc_auc_score(rows["label"], rows["probability"])


def test_the_page_has_scores_and_curves_and_says_what_is_left_out(predictions, tmp_path):
    path = write_report(predictions, tmp_path / "page.html")
    page = path.read_text()
    assert f"{auc_of(predictions, 'mean'):.2f}" in page and f"{auc_of(predictions, 't1'):.2f}" in page
    assert page.count("<img ") == 4  # AUCs, ROC, calibration, decision curve
    assert "need a bundle and are left out" in page
    assert "2 models predicted 40 patients (40 samples) in 1 repeat; 20 patients (50%)" in page
    assert write_report(predictions, tmp_path / "again.html").read_text() == page


def test_probabilities_that_run_against_the_events_are_told(predictions, tmp_path):
    against = predictions.assign(probability=1 - predictions["probability"])
    assert (
        "higher where there are fewer events" in write_report(against, tmp_path / "page.html", model="t1").read_text()
    )


def test_a_table_with_one_label_has_no_curves(predictions, tmp_path):
    one = predictions[predictions["label"] == 1]
    page = write_report(one, tmp_path / "page.html").read_text()
    assert "No curve can be drawn" in page and "<img " not in page
    with pytest.raises(RequestError, match="one label"):
        plot_roc(one)


def test_the_model_that_the_page_is_about_can_be_named(predictions, tmp_path):
    page = write_report(predictions, tmp_path / "page.html", model="t1").read_text()
    assert "AUC of t1 minus that of each other model" in page
    with pytest.raises(RequestError, match="no model 'flair'"):
        write_report(predictions, tmp_path / "page.html", model="flair")


def test_predictions_need_a_place_and_must_be_predictions(predictions, tmp_path):
    with pytest.raises(RequestError, match="pass path"):
        write_report(predictions)
    with pytest.raises(RequestError, match="lack the columns"):
        write_report(predictions.drop(columns="fold"), tmp_path / "page.html")


def test_the_drawn_roc_is_the_curve_of_scikit_learn(predictions):
    axes = plot_roc(predictions, "t1")
    line = next(line for line in axes.get_lines() if line.get_label().startswith("t1 "))
    rows = predictions[predictions["model"] == "t1"]
    fpr, tpr, _ = roc_curve(rows["label"], rows["probability"], drop_intermediate=False)
    drawn = np.trapezoid(line.get_ydata(), line.get_xdata())
    assert abs(drawn - np.trapezoid(tpr, fpr)) < 0.01
    assert line.get_label() == f"t1 {auc_of(predictions, 't1'):.2f}"


def test_aucs_are_drawn_where_they_are(predictions):
    lines = plot_aucs(predictions).get_lines()
    values = {float(line.get_xdata()[0]) for line in lines if len(line.get_xdata()) == 1}
    assert np.allclose(sorted(values), sorted(auc_of(predictions, m) for m in ("mean", "t1")))


def test_the_calibration_points_are_shares(predictions):
    line = plot_calibration(predictions).get_lines()[-1]
    rows = predictions[predictions["model"] == "mean"].sort_values("probability")
    halves = np.array_split(rows["label"].to_numpy(), 2)
    assert np.allclose(line.get_ydata(), [half.mean() for half in halves])


def test_the_decision_curve_starts_at_the_prevalence(predictions):
    lines = {line.get_label(): line for line in plot_decision_curve(predictions).get_lines()}
    start = lines["treat all"]
    threshold = start.get_xdata()[0]
    assert np.isclose(start.get_ydata()[0], 0.5 - 0.5 * threshold / (1 - threshold))


def test_an_unknown_model_is_named(predictions):
    with pytest.raises(RequestError, match="no model 'flair'"):
        plot_aucs(predictions, "flair")


def test_a_file_that_is_no_page_of_ours_is_replaced_only_when_asked(predictions, tmp_path):
    mine = tmp_path / "cohort.csv"
    mine.write_text("sample_id,idh")
    with pytest.raises(RequestError, match=r"cohort.csv exists and is no page of radiofuse"):
        write_report(predictions, mine)
    assert mine.read_text() == "sample_id,idh"
    page = write_report(predictions, mine, overwrite=True).read_text()
    assert write_report(predictions, mine).read_text() == page  # ours by now


@pytest.fixture(scope="module")
def outcomes(predictions):
    """The predictions of two classes and of three: each probability with its rest dealt to two further classes."""
    probability, label, early = predictions["probability"], predictions["label"], predictions["sample_id"] < "p20"
    of_class = {
        "2": {"label": (label == 0).astype(int), "probability": 1 - probability},
        "3": {"label": ((label == 1) & early).astype(int), "probability": 0.6 * probability},
        "4": {"label": ((label == 1) & ~early).astype(int), "probability": 0.4 * probability},
    }
    grades = [predictions.assign(outcome="grade", **{"class": name}, **told) for name, told in of_class.items()]
    return pd.concat([predictions.assign(outcome="idh", **{"class": "mutant"}), *grades])


def test_several_outcomes_are_shown_one_after_the_other(outcomes, tmp_path):
    page = Page(write_report(outcomes, tmp_path / "page.html", model="t1").read_text())
    assert [attributes["id"] for tag, attributes in page.tags if attributes.get("id", "").startswith("outcome")] == [
        "outcome-1",
        "outcome-2",
    ]
    assert (
        "2 models predicted 40 patients (40 samples) in 1 repeat; 20 (50%) of 2, 10 (25%) of 3 and 10 (25%)"
        in page.text
    )
    texts = [attributes["alt"] for tag, attributes in page.tags if tag == "img"]
    assert len(texts) == 4 + 1 + 3 * 3  # AUCs, ROC, calibration, decision; AUCs, and those three of each class
    assert [text for text in texts if text.startswith("3 against the rest: ROC")]
    header, *rows = page.tables["Each class against the rest: scores of t1"]
    scores = score_predictions(slice_of(outcomes, "grade", "3")).set_index(["model", "metric"])
    shown = dict(zip(header, rows[1], strict=True))
    assert shown["Class"] == "3" and shown["Patients of the class"] == "10"
    assert shown["AUC"].startswith(f"{scores.loc[('t1', 'auc'), 'value']:.2f} (")
    called = page.tables["Classes, and what the samples of each are called by t1"]
    assert called[0] == ["Class", "Called 2", "Called 3", "Called 4", "Samples"]
    assert [row[-1] for row in called[1:]] == ["20", "10", "10"]


def test_figures_are_of_one_class_of_one_outcome(outcomes):
    with pytest.raises(RequestError, match=r"of one class of one outcome.* slice_of\("):
        plot_roc(outcomes)
    assert plot_roc(slice_of(outcomes, "grade", "3")).lines


def test_an_outcome_of_two_classes_has_the_page_of_its_predictions_alone(predictions, tmp_path):
    named = predictions.assign(outcome="idh", **{"class": "mutant"})
    plain, same = (write_report(rows, tmp_path / "page.html").read_text() for rows in (predictions, named))
    assert plain == same.replace("(class mutant)", "(label 1)")
