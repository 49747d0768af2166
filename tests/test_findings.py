"""Summaries over folds: frequencies, weights, warnings and what the terminal shows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse.findings import (
    describe_comparisons,
    inspect_fold,
    list_failures,
    list_warnings,
    scoreboard,
    summarize_selection,
    summarize_weights,
)
from radiofuse.fuse import LateFusion
from radiofuse.pipeline import modality_classifier


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 40)
    X = pd.DataFrame(rng.normal(size=(80, 16)), columns=[f"{m}__f{j}" for m in ("t1", "t2") for j in range(8)])
    X["t1__f0"] += 2 * y
    return X, y


@pytest.fixture(scope="module")
def fitted(table):
    X, y = table
    members = [(name, modality_classifier("logistic", random_state=0)) for name in ("t1", "t2")]
    return LateFusion(members, combine=["mean", "regression"], cv=3, random_state=0).fit(X, y)


@pytest.fixture(scope="module")
def findings(fitted, table):
    found = inspect_fold(fitted, *table)
    weaker = {**found, "selected": found["selected"][found["selected"]["feature"] != "t1__f0"], "fallbacks": ["t2"]}
    return [found, found, weaker, weaker]


def test_frequencies_are_shares_of_the_folds(fitted, findings):
    summary = summarize_selection(fitted, findings)
    signal = summary[(summary["modality"] == "t1") & (summary["feature"] == "f0")].iloc[0]
    assert signal["frequency"] == 0.5
    assert signal["in_final_model"]
    assert list(summary["modality"].drop_duplicates()) == ["t1", "t2"]


def test_importance_counts_folds_that_did_not_select_as_zero(fitted, findings):
    whole = findings[0]["selected"].set_index("feature").loc["t1__f0", "importance"]
    summary = summarize_selection(fitted, findings).set_index(["modality", "feature"])
    assert summary.loc[("t1", "f0"), "importance"] == pytest.approx(whole / 2)


def test_importance_leaves_out_folds_that_could_not_be_judged(fitted, findings):
    """Held-out rows of one class have no AUC, so that such a fold says nothing, not zero."""
    unjudged = {**findings[0], "selected": findings[0]["selected"].assign(importance=np.nan)}
    whole = findings[0]["selected"].set_index("feature").loc["t1__f0", "importance"]
    summary = summarize_selection(fitted, [findings[0], unjudged]).set_index(["modality", "feature"])
    assert summary.loc[("t1", "f0"), "importance"] == pytest.approx(whole)
    assert summary.loc[("t1", "f0"), "frequency"] == 1
    assert summarize_selection(fitted, [unjudged, unjudged])["importance"].isna().all()


def test_a_fold_without_a_row_of_a_modality_is_inspected(fitted, table):
    X, y = table
    found = inspect_fold(fitted, X.assign(**dict.fromkeys(X.filter(like="t2__"), np.nan)), y)["selected"]
    judged = found["importance"].notna().groupby(found["feature"].str[:2]).any()
    assert judged.to_dict() == {"t1": True, "t2": False}


def test_weights_carry_the_spread_over_folds(fitted, findings):
    summary = summarize_weights(fitted, findings)
    assert list(summary.columns) == ["fusion", "member", "weight", "mean", "low", "high"]
    np.testing.assert_allclose(summary["weight"], summary["mean"])  # the folds here are the final model itself


def test_models_without_members_are_not_inspected(table):
    X, y = table
    assert inspect_fold(modality_classifier("logistic", select=None).fit(X, y), X, y) is None


def test_warnings_name_small_classes_failures_and_fallbacks(fitted, findings, table):
    _, y = table
    findings = [
        {**found, "fallbacks": fallbacks} for found, fallbacks in zip(findings, [[], [], ["t2"], ["t2"]], strict=True)
    ]
    failures = pd.DataFrame({"sample_id": ["a"], "modality": ["t1"], "code": ["empty_roi"], "message": ["Empty."]})
    sentences = " ".join(list_warnings(fitted, y, np.arange(80), failures, findings))
    assert "smaller class has 40 patients" in sentences
    assert "1 image(s) failed" in sentences
    assert "In 2 of 4 outer folds too few t2 features" in sentences


def test_failures_are_lines_with_sample_and_modality():
    failures = pd.DataFrame({"sample_id": ["007"], "modality": ["t1"], "code": ["empty_roi"], "message": ["Empty."]})
    assert "007 (t1) empty_roi: Empty." in list_failures(failures)
    assert list_failures(failures.head(0)) == "Every image was usable."
    many = list_failures(pd.concat([failures] * 25)).splitlines()
    assert many[0].startswith("25 image(s)")
    assert many[-1] == "  and 5 more in the table of failures"


def test_comparisons_are_lines_with_interval_and_p():
    row = ("mean", "t1ce", "auc", 0.0213, -0.036, 0.0826, 0.4029, "DeLong", 98)
    table = pd.DataFrame([row], columns="a b metric difference low high p_value test n_patients".split())
    assert describe_comparisons(table) == "AUC of mean minus t1ce: +0.02 (-0.04 to +0.08), p = 0.4 (DeLong)"
    assert describe_comparisons(table.assign(p_value=7.9e-227)).endswith("p < 0.001 (DeLong)")


def test_the_scoreboard_keeps_the_order_of_the_models():
    metrics = ("auc", "balanced_accuracy", "recall", "specificity", "brier", "f1")
    rows = [(model, metric, 0.5, 0.4, 0.6, 30) for model in ("t2", "mean", "a") for metric in metrics]
    scores = pd.DataFrame(rows, columns=["model", "metric", "value", "low", "high", "n_patients"])
    lines = scoreboard(scores).splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["t2", "mean", "a"]
    assert "0.50 (0.40 to 0.60)" in lines[1]
    assert "patients" not in lines[0]
    scores.loc[scores["model"] == "t2", "n_patients"] = 12
    assert [line.split()[-1] for line in scoreboard(scores).splitlines()] == ["patients", "12", "30", "30"]
