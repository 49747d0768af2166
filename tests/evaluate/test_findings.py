"""Summaries over folds: frequencies, weights, warnings and what the terminal shows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from radiofuse.classify.modality import modality_classifier
from radiofuse.commands.run_words import describe_comparisons, scoreboard
from radiofuse.errors import CohortError
from radiofuse.evaluate.findings import (
    in_sample_weights,
    inspect_fold,
    list_failures,
    list_warnings,
    summarize_selection,
    summarize_weights,
)
from radiofuse.evaluate.resampled_weights import resampled_weights
from radiofuse.fuse import LateFusion
from radiofuse.fuse.combiners import LinearRegression
from radiofuse.fuse.named import Named
from radiofuse.patients import Split
from radiofuse.select import MannWhitneySelector, NothingSelectedWarning
from radiofuse.tables.outcomes import Outcome

SPLITS = [Split(0, fold, np.delete(np.arange(80), part), part) for fold, part in enumerate(np.split(np.arange(80), 4))]
WEIGHT_COLUMNS = "fusion member class weight weight_low weight_high mean low high in_sample".split()

# One of the two modalities holds no signal.
pytestmark = [
    pytest.mark.filterwarnings("ignore::radiofuse.select.NothingSelectedWarning"),
    pytest.mark.filterwarnings("ignore::radiofuse.select.PathEdgeWarning"),
]


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
    summary = summarize_selection(fitted, findings, SPLITS)
    signal = summary[(summary["modality"] == "t1") & (summary["feature"] == "f0")].iloc[0]
    assert signal["frequency"] == 0.5
    assert signal["in_final_model"]
    assert list(summary["modality"].drop_duplicates()) == ["t1", "t2"]


def test_importance_counts_folds_that_did_not_select_as_zero(fitted, findings):
    whole = findings[0]["selected"].set_index("feature").loc["t1__f0", "importance"]
    summary = summarize_selection(fitted, findings, SPLITS).set_index(["modality", "feature"])
    assert summary.loc[("t1", "f0"), "importance"] == pytest.approx(whole / 2)


def test_importance_leaves_out_folds_that_could_not_be_judged(fitted, findings):
    """Held-out rows of one class have no AUC, so that such a fold says nothing, not zero."""
    unjudged = {**findings[0], "selected": findings[0]["selected"].assign(importance=np.nan)}
    whole = findings[0]["selected"].set_index("feature").loc["t1__f0", "importance"]
    summary = summarize_selection(fitted, [findings[0], unjudged], SPLITS[:2]).set_index(["modality", "feature"])
    assert summary.loc[("t1", "f0"), "importance"] == pytest.approx(whole)
    assert summary.loc[("t1", "f0"), "frequency"] == 1
    alone = {**unjudged, "selected": unjudged["selected"].iloc[:1], "shapley": unjudged["shapley"].iloc[:0]}
    for told in (unjudged, alone):  # also of features that the final model selected and no fold
        assert (
            summarize_selection(fitted, [told, told], SPLITS[:2]).query("modality == 't1'")["importance"].isna().all()
        )


def test_a_fold_without_a_row_of_a_modality_is_inspected(fitted, table):
    X, y = table
    found = inspect_fold(fitted, X.assign(**dict.fromkeys(X.filter(like="t2__"), np.nan)), y)["selected"]
    judged = found["importance"].notna().groupby(found["feature"].str[:2]).any()
    assert judged.to_dict() == {"t1": True, "t2": False}


def test_weights_carry_the_spread_over_folds(fitted, findings):
    summary = summarize_weights(fitted, findings)
    assert list(summary.columns) == WEIGHT_COLUMNS
    assert summary[["in_sample", "weight_low", "weight_high"]].isna().all(axis=None)
    np.testing.assert_allclose(summary["weight"], summary["mean"])  # the folds here are the final model itself


@pytest.mark.parametrize("n_classes", [2, 3])
def test_weights_have_intervals_of_the_patients_that_the_model_could_read(n_classes):
    X, y = noise()
    y = np.where(np.arange(120) % 7 == 0, n_classes - 1, y)
    X.loc[[2, 7], X.filter(regex="^t[12]__").columns] = np.nan
    members = [(name, LogisticRegression()) for name in ("t1", "t2")]
    own = list(X.filter(regex="^t[12]__").columns)
    model = Named(LateFusion(members, combine=["mean", "regression", "stacking"], cv=2, random_state=0), "two", own)
    groups = np.arange(120) // 2
    model.fit(X, y, groups=groups)
    found = resampled_weights(model, X, y, groups, n_resamples=12, seed=3)
    read = np.delete(np.arange(120), [2, 7])
    expected = model.model_.weight_intervals(y[read], groups[read], n_resamples=12, random_state=3)
    pd.testing.assert_frame_equal(found, expected)
    table = summarize_weights(model, [{"weights": model.model_.weights_}], resampled=found)
    learned = table[table["fusion"] == "regression"]
    assert len(learned) == len(expected) == 3 * (1 if n_classes == 2 else 3)
    np.testing.assert_array_equal(learned[["weight_low", "weight_high"]], expected[["low", "high"]])
    assert table[table["fusion"] == "mean"]["weight_low"].isna().all()


def test_a_model_that_learns_no_weights_or_has_too_few_patients_has_no_intervals():
    X, y = noise()
    few = LateFusion([("t1", LogisticRegression()), ("t2", LogisticRegression())], combine="regression", cv=2)
    few.fit(X, y)
    same = np.where(y == 1, 0, np.arange(120))  # one patient of a class: most draws lack it, and some do not
    assert len(resampled_weights(few, X, y, same, n_resamples=2, seed=0)) == 3
    few.set_params(combine="mean").fit(X, y)
    assert resampled_weights(few, X, y, same, n_resamples=2, seed=0) is None
    assert resampled_weights(Named(few, "few", records=False).fit(X, y), X, y, same, n_resamples=2, seed=0) is None


def noise(n_rows=120):
    rng = np.random.default_rng(1)
    names = [f"{m}__f{j}" for m in ("t1", "t2", "flair") for j in range(6)]
    return pd.DataFrame(rng.normal(size=(n_rows, 18)), columns=names), rng.permutation(np.repeat([0, 1], n_rows // 2))


def test_in_sample_weights_of_noise_are_far_larger_than_out_of_fold_ones():
    """The signature of weights learned on the training rows: they sum to far more than those learned out of fold."""
    X, y = noise()
    members = [(name, modality_classifier("logistic", select=None)) for name in ("t1", "t2", "flair")]
    fusion = LateFusion(members, combine=["linear_regression", "mean"], cv=5, random_state=0).fit(X, y)
    table = summarize_weights(fusion, [{"weights": fusion.weights_}], in_sample_weights(fusion, X, y, None))
    learned = table[table["fusion"] == "linear_regression"].set_index("member")
    sums = learned.drop(index="(intercept)")[["weight", "in_sample"]].sum()
    assert abs(sums["weight"]) < 1
    assert sums["in_sample"] > 1.5
    assert learned.loc["(intercept)", "in_sample"] < 0 < learned.loc["(intercept)", "weight"]
    assert table.loc[table["fusion"] == "mean", "in_sample"].isna().all()


def test_in_sample_weights_are_those_of_a_regression_on_the_members_own_answers():
    X, y = noise()
    X.loc[[2, 7], X.filter(like="t2__").columns] = np.nan
    fusion = LateFusion([(name, LogisticRegression()) for name in ("t1", "t2")], combine="linear_regression").fit(X, y)
    each = fusion.predict_proba_each(X)[["t1", "t2"]]  # members are fitted on these rows: their answers are in sample
    expected = LinearRegression().fit(each.to_numpy(), y)
    found = in_sample_weights(fusion, X, y, None).set_index("member")["weight"]
    np.testing.assert_allclose(found[["t1", "t2"]], expected.weights_)
    assert found["(intercept)"] == pytest.approx(expected.intercept_)


class KeepsPatients(TransformerMixin, BaseEstimator):
    """A first step that takes groups, gives other values to rows it is fitted on, and refuses them as new ones."""

    def fit(self, X, y=None, groups=None):
        self.groups_ = np.asarray(groups)
        self.rows_ = frozenset(X.index)
        return self

    def fit_transform(self, X, y=None, groups=None):
        self.fit(X, y, groups)
        return X.to_numpy() + (self.groups_ % 2)[:, None]

    def transform(self, X):
        if not self.rows_.isdisjoint(X.index):
            raise CohortError("The rows", ["some were learned from."])
        return X.to_numpy()


class Refuses(LogisticRegression):
    """Answers for new rows only."""

    def fit(self, X, y):
        self.rows_ = frozenset(X.index)
        return super().fit(X, y)

    def predict_proba(self, X):
        KeepsPatients.transform(self, X)
        return super().predict_proba(X)


def test_a_first_step_that_gives_training_rows_other_values_is_asked_for_those():
    X, y = noise()
    groups = np.arange(len(y)) // 2
    chain = make_pipeline(KeepsPatients(), LogisticRegression())
    fusion = LateFusion([("t1", chain), ("t2", LogisticRegression())], combine="linear_regression")
    fusion.fit(X, y, groups=groups)
    t1, t2 = X.filter(like="t1__"), X.filter(like="t2__")
    Z = t1.to_numpy() + (groups % 2)[:, None]
    P = [LogisticRegression().fit(block, y).predict_proba(block)[:, 1] for block in (Z, t2)]
    expected = LinearRegression().fit(np.column_stack(P), y)
    found = in_sample_weights(fusion, X, y, groups).set_index("member")["weight"]
    np.testing.assert_allclose(found[["t1", "t2"]], expected.weights_)


def test_a_member_that_refuses_its_training_rows_leaves_no_in_sample_weights_and_selects_nothing():
    X, y = noise()
    members = [("t1", modality_classifier("logistic", select=None)), ("t2", Refuses())]
    fusion = LateFusion(members, combine="linear_regression").fit(X.head(90), y[:90])
    in_sample = in_sample_weights(fusion, X.head(90), y[:90], None)
    assert in_sample.empty
    found = inspect_fold(fusion, X.tail(30), y[90:])
    assert set(found["selected"]["feature"].str[:4]) == {"t1__"}
    assert summarize_weights(fusion, [found], in_sample)["in_sample"].isna().all()
    assert set(summarize_selection(fusion, [found], SPLITS[:1])["modality"]) == {"t1"}


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
    assert "No images were read" in list_failures(failures.head(0), with_images=False)
    many = list_failures(pd.concat([failures] * 25)).splitlines()
    assert many[0].startswith("25 image(s)")
    assert many[-1] == "  and 5 more in the table of failures"


def test_comparisons_are_lines_with_interval_and_p():
    row = ("idh", "mean", "t1ce", "auc", 0.0213, -0.036, 0.0826, 0.4029, "DeLong", 98)
    table = pd.DataFrame([row], columns="outcome a b metric difference low high p_value test n_patients".split())
    assert describe_comparisons(table) == "AUC of mean minus t1ce: +0.02 (-0.04 to +0.08), p = 0.4 (DeLong)"
    assert describe_comparisons(table.assign(p_value=7.9e-227)).endswith("p < 0.001 (DeLong)")


def test_the_scoreboard_keeps_the_order_of_the_models(monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    metrics = ("auc", "balanced_accuracy", "recall", "specificity", "brier", "f1")
    rows = [(model, "1", metric, 0.5, 0.4, 0.6, 30) for model in ("t2", "mean", "a") for metric in metrics]
    scores = pd.DataFrame(rows, columns=["model", "class", "metric", "value", "low", "high", "n_patients"])
    idh = Outcome("idh", ("0", "1"))
    lines = scoreboard(scores, idh).splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["t2", "mean", "a"]
    assert "0.50 (0.40 to 0.60)" in lines[1]
    assert "patients" not in lines[0]
    scores.loc[scores["model"] == "t2", "n_patients"] = 12
    assert [line.split()[-1] for line in scoreboard(scores, idh).splitlines()] == ["patients", "12", "30", "30"]


def test_findings_of_three_classes_named_by_text(table):
    X, y = table
    grade = np.array(["2", "3", "4"])[y + (np.arange(80) % 4 == 3)]
    members = [(name, modality_classifier("logistic", random_state=0)) for name in ("t1", "t2")]
    fusion = LateFusion(members, combine=["mean", "linear_regression"], cv=3, random_state=0).fit(X, grade)
    rows = np.arange(80) % 3 > 0
    found = inspect_fold(fusion, X[rows], grade[rows])
    assert found["selected"].set_index("feature")["importance"].idxmax() == "t1__f0"
    weights = summarize_weights(fusion, [found, found], in_sample_weights(fusion, X, grade, None))
    assert list(weights) == WEIGHT_COLUMNS
    of_combiner = weights[weights["fusion"] == "linear_regression"]
    assert of_combiner["class"].tolist() == ["2", "3", "4"] * 3
    np.testing.assert_array_equal(weights["mean"], weights["weight"])
    assert of_combiner["in_sample"].notna().all()
    assert weights[weights["fusion"] == "mean"]["in_sample"].isna().all()
    (sentence, *_) = list_warnings(fusion, grade, np.arange(80), pd.DataFrame(), [found])
    assert sentence.startswith("The smallest class has 10 patients only")


def test_chains_of_ones_own_are_looked_into_whatever_their_steps_are_called():
    rng, y = np.random.default_rng(0), np.tile([0, 1], 20)
    X = pd.DataFrame(rng.normal(size=(40, 3)) + y[:, None], columns=["t1__a", "t1__b", "t1__c"])
    plain = make_pipeline(StandardScaler(), LogisticRegression())
    chosen = make_pipeline(MannWhitneySelector(alpha=1e-12), LogisticRegression())  # nothing passes: the best fills up
    members = {"plain": plain, "chosen": chosen}
    columns = dict.fromkeys(members, list(X))
    with pytest.warns(NothingSelectedWarning):
        fusion = LateFusion(list(members.items()), columns=columns).fit(X, y)
    found = inspect_fold(fusion, X, y)
    assert found["fallbacks"] == ["chosen"]
    assert len(found["selected"]) == 3 + 1
