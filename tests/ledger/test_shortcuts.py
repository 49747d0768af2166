"""Every shortcut finds something where there is nothing to find; the honest numbers do not."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeClassifier

from radiofuse import LateFusion, modality_classifier
from radiofuse.evaluate import gather_predictions, run_folds
from radiofuse.fuse.combiners import Regression
from radiofuse.fuse.early import early_fusion
from radiofuse.fuse.named import Named
from radiofuse.ledger import COLUMNS, SHORTCUTS, Question, ledger_table
from radiofuse.ledger.chains import exchanged
from radiofuse.ledger.selected_before import _prepared
from radiofuse.ledger.tuned_threshold import best_weights
from radiofuse.ledger.weights_in_sample import _Shown
from radiofuse.names import lookup
from radiofuse.patients import patient_splits
from radiofuse.statistics import compare_models, score_predictions
from radiofuse.tables.outcomes import MULTICLASS, Outcome

pytestmark = [
    pytest.mark.filterwarnings("ignore::radiofuse.select.NothingSelectedWarning"),
    pytest.mark.filterwarnings("ignore::radiofuse.select.penalized_fit.PathEdgeWarning"),
]
SEED = 0
TWO = Outcome("idh", ("wildtype", "mutant"))
THREE = Outcome("grade", ("2", "3", "4"), MULTICLASS)


def noise(n=60, p=120, modalities=("t1", "t2")):
    rng = np.random.default_rng(SEED)
    names = [f"{modality}__f{place}" for modality in modalities for place in range(p)]
    index = [f"s{row:03}" for row in range(n)]
    return pd.DataFrame(rng.normal(size=(n, len(names))), index, names)


def asked(model, answer, outcome=TWO, n=60, p=120, *, predictions=None, **options):
    X = noise(n, p)
    y = np.arange(n) % len(outcome.classes)
    groups = np.array([f"p{row // 2:03}" for row in range(n)]) if options.pop("pairs", False) else X.index.to_numpy()
    splits = patient_splits(y, groups, n_splits=3, n_repeats=1, random_state=0)
    if predictions is None:
        folds = run_folds({"model": model}, X, y, groups=groups, splits=splits, outcome=outcome)
        predictions = gather_predictions(folds)
    return Question(outcome, model, answer, X, y, groups, splits, predictions, n_resamples=200, **options)


def fusion(select="mann_whitney", combine=("mean", "regression"), classifier="logistic", **options):
    chain = modality_classifier(classifier, select=select, random_state=0)
    members = [(name, chain) for name in ("t1", "t2")]
    return LateFusion(members, combine=list(combine), cv=2, random_state=0, **options)


def ledger_table_of(question, name):
    return lookup(name, SHORTCUTS, "shortcut")(question)


@pytest.fixture(scope="module")
def two():
    question = asked(fusion(), "mean")
    return question, ledger_table(question).set_index("shortcut")


@pytest.fixture(scope="module")
def three():
    question = asked(fusion("kruskal"), "mean", THREE)
    return question, ledger_table(question).set_index("shortcut")


@pytest.mark.parametrize("kind", ["two", "three"])
def test_shortcuts_find_much_in_noise_and_honest_scores_find_nothing(kind, request):
    question, table = request.getfixturevalue(kind)
    assert list(table.reset_index()[COLUMNS].columns) == COLUMNS
    assert list(table.index) == ["selected_before", "best_in_hindsight", "tuned_threshold", "weights_in_sample"]
    assert (table["difference"] >= 0).all()
    for name, least in {"selected_before": 0.75, "weights_in_sample": 0.8}.items():
        assert table.loc[name, "optimistic"] > least
        assert table.loc[name, "low"] > 0
        assert table.loc[name, "low"] < table.loc[name, "difference"] < table.loc[name, "high"]
    honest = score_predictions(question.predictions, n_resamples=200)
    rows = honest[(honest["model"] == "mean") & (honest["metric"] == "auc")].iloc[0]
    assert rows["low"] < 0.5 < rows["high"]


@pytest.mark.parametrize("kind", ["two", "three"])
def test_the_honest_column_holds_the_scores_of_the_run(kind, request):
    question, table = request.getfixturevalue(kind)
    scores = score_predictions(question.predictions, n_resamples=200)
    whole = "mutant" if kind == "two" else ""
    for row in table.itertuples():
        own = (scores["model"] == row.model) & (scores["metric"] == row.metric) & (scores["class"] == whole)
        assert row.honest == scores.loc[own, "value"].item()
    assert table.loc["weights_in_sample", "model"] == "regression"


def test_the_best_in_hindsight_is_the_best_and_compared_on_the_same_patients(two):
    question, table = two
    scores = score_predictions(question.predictions, n_resamples=200).query("metric == 'auc'")
    best = scores.loc[scores["value"].idxmax()]
    row = table.loc["best_in_hindsight"]
    assert row["optimistic"] == best["value"]
    assert row["note"] in (f"best of 4: {best['model']}", "best of 4 already")
    if best["model"] != "mean":
        compared = compare_models(question.predictions, best["model"], "mean", n_resamples=200)
        np.testing.assert_allclose([row["low"], row["high"]], [compared.low, compared.high])


def test_of_many_models_of_noise_the_best_one_looks_good():
    rng = np.random.default_rng(0)
    y, ids = np.arange(60) % 2, [f"s{row:03}" for row in range(60)]
    rows = {"outcome": "idh", "sample_id": ids, "patient_id": ids, "repeat": 0, "fold": 0, "class": "mutant"}
    tables = [pd.DataFrame({**rows, "model": f"m{k}", "label": y, "probability": rng.random(60)}) for k in range(40)]
    lacking = tables[0].assign(model="lacking", probability=y * 1.0).iloc[:-2]  # perfect, on other patients
    question = asked(fusion(), "m0", predictions=pd.concat([*tables, lacking]))
    row = ledger_table_of(question, "best_in_hindsight")
    assert row.optimistic[0] > 0.62
    assert "lacking" not in row.note
    assert row.note.startswith("best of 40: ")


def test_a_threshold_tuned_on_the_test_rows_never_calls_worse():
    rng = np.random.default_rng(1)
    y, ids = np.arange(60) % 2, [f"s{row:03}" for row in range(60)]
    rows = {"outcome": "idh", "sample_id": ids, "patient_id": ids, "fold": 0, "class": "mutant", "model": "m"}
    parts = [pd.DataFrame({**rows, "repeat": k, "label": y, "probability": rng.random(60) / 4}) for k in range(3)]
    claim = ledger_table_of(asked(fusion(), "m", predictions=pd.concat(parts)), "tuned_threshold")
    assert claim.metric == "balanced_accuracy"
    assert claim.honest[0] == 0.5  # at .5 nobody is called
    assert claim.optimistic[0] > 0.55


def test_weights_of_classes_call_at_least_as_well_as_none():
    rng = np.random.default_rng(2)
    for _ in range(20):
        code, probability = rng.integers(3, size=50), rng.dirichlet([3, 2, 1], size=50)
        recalls = [
            np.mean([(call[code == k] == k).mean() for k in range(3)])
            for call in (probability.argmax(axis=1), (best_weights(code, probability) * probability).argmax(axis=1))
        ]
        assert recalls[1] >= recalls[0]


def test_a_selection_before_the_split_is_shown_for_other_kinds_of_models():
    chain = modality_classifier("logistic", select="mann_whitney", random_state=0)
    joined = Named(early_fusion(chain, ["t1", "t2"], joined="after_selection"), "joined", None)
    claim = ledger_table_of(asked(joined, "joined", pairs=True), "selected_before")
    assert claim.optimistic[0] > 0.75 > claim.honest[0]
    late = Named(fusion(combine=["regression"]), "late", list(noise().columns))
    question = asked(late, "late_regression")
    assert ledger_table_of(question, "selected_before").optimistic[0] > 0.8
    assert ledger_table_of(question, "weights_in_sample").model == "late_regression"


def test_what_a_model_has_no_place_for_is_left_out():
    question = asked(Named(DecisionTreeClassifier(max_depth=1, random_state=0), "tree"), "tree", p=3)
    assert list(ledger_table(question)["shortcut"]) == ["best_in_hindsight", "tuned_threshold"]
    only_mean = asked(fusion("mann_whitney", ["mean", "vote"]), "mean", p=5)
    assert ledger_table_of(only_mean, "weights_in_sample") is None


def test_weights_learned_in_sample_are_those_that_the_fusion_knows(two):
    question, _ = two
    fitted = fusion().fit(question.X, question.y, question.groups)
    P = fitted.in_sample_probabilities(question.X, question.y, question.groups)
    assert P.shape == (60, 2)
    np.testing.assert_array_equal(
        fitted.member_probabilities(question.X), fitted.predict_proba_each(question.X)[["t1", "t2"]]
    )


def test_what_workers_are_sent_can_be_sent(two):
    question, _ = two
    model = exchanged(question.model, question.X, question.y, question.groups, _prepared)
    sent = pickle.loads(pickle.dumps(model)).fit(question.X, question.y)
    shown = pickle.loads(pickle.dumps(_Shown(question, Regression())))
    fitted = fusion(combine=["mean"]).fit(
        question.X.iloc[question.splits[0].train], question.y[question.splits[0].train]
    )
    assert sent.predict_proba(question.X).shape == (60, 2)
    assert set(shown(fitted, question.X.iloc[question.splits[0].test], None)) == {"learned", "held_out"}
