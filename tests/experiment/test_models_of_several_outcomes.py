"""Models of all outcomes at once in a recipe: a chain, and a class of one's own that learns from unlabeled rows."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from radiofuse.bundle.evaluate import evaluate_cohort
from radiofuse.bundle.load import load_bundle
from radiofuse.bundle.predict import predict_cohort
from radiofuse.bundle.read import read_table
from radiofuse.commands.recipe_noise import describe_noise
from radiofuse.errors import CohortError, RequestError
from radiofuse.experiment import run_recipe
from radiofuse.experiment.deal import deal_splits
from radiofuse.experiment.joint_evaluation import evaluate_joint_models, rows_to_learn_from, with_unlabeled
from radiofuse.experiment.noise import evaluate_noise
from radiofuse.experiment.preparation import prepare_rows
from radiofuse.experiment.recipe.recipe import read_recipe
from radiofuse.progress import silent

pytestmark = [
    pytest.mark.filterwarnings("ignore::radiofuse.select.NothingSelectedWarning"),
    pytest.mark.filterwarnings("ignore::radiofuse.select.penalized_fit.PathEdgeWarning"),
]

TRUSTED = ["models_of_a_user:SelfTrained"]
RECIPE = """
[cohort]
table = "cohort.csv"
[[outcomes]]
column = "codel"
positive = "yes"
[[outcomes]]
column = "who_grade"
kind = "multiclass"
[radiomics]
settings = "none"
[select]
method = "kruskal"
[fusion]
inner_folds = 2
combine = ["mean"]
[evaluation]
folds = 2
repeats = 1
resamples = 100
{evaluation}
[[models]]
[[models]]
name = "chained"
kind = "chained"
{chained}
[[models]]
name = "semi"
kind = "models_of_a_user:SelfTrained"
"""
MODULE = """
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import SelfTrainingClassifier

FITTED = []


class SelfTrained(BaseEstimator):
    \"\"\"Self-training for each outcome.\"\"\"

    multi_outcome = True
    semi_supervised = True

    def fit(self, X, y, groups=None):
        FITTED.append((list(X.index), y.copy(), list(groups)))
        self.models_ = [
            SelfTrainingClassifier(LogisticRegression()).fit(X.fillna(0), y[name].fillna(-1).astype(int)) for name in y
        ]
        return self

    def predict_proba(self, X):
        return [model.predict_proba(X.fillna(0)) for model in self.models_]
"""
UNLABELED = [f"u{row}" for row in range(6)]


def cohort(n=48) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    grade = rng.integers(2, 5, n)
    codel = rng.random(n) < np.where(grade == 2, 0.8, 0.2)
    table = {
        "sample_id": [f"s{row:02}" for row in range(n)],
        "codel": np.where(codel, "yes", "no").astype(object),
        "who_grade": [f"G{one}" for one in grade],
    }
    for modality in ("t1", "t2"):
        values = rng.normal(size=(n, 6)) + np.outer(codel, [1, 0, 0, 0, 0, 0]) + np.outer(grade, [0, 1, 0, 0, 0, 0])
        table |= {f"{modality}__f{place}": values[:, place] for place in range(6)}
    table = pd.DataFrame(table)
    table.insert(1, "patient_id", table["sample_id"].str.replace("s", "p"))
    table.loc[:9, "codel"] = ""
    table.loc[10:12, "who_grade"] = ""
    table.loc[13, [name for name in table if name.startswith("t1__")]] = np.nan
    alone = table.iloc[20:26].assign(sample_id=UNLABELED, codel="", who_grade="")
    alone[[name for name in table if "__" in name]] += rng.normal(size=(6, 12))
    alone["patient_id"] = ["p00", *UNLABELED[1:]]  # the first one is another sample of a labeled patient
    return pd.concat([table, alone], ignore_index=True)


def write(folder, table=None, *, chained="", evaluation=""):
    folder.mkdir(parents=True, exist_ok=True)
    (cohort() if table is None else table).to_csv(folder / "cohort.csv", index=False)
    (folder / "recipe.toml").write_text(RECIPE.format(chained=chained, evaluation=evaluation))
    return folder / "recipe.toml"


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    folder = tmp_path_factory.mktemp("user")
    (folder / "models_of_a_user.py").write_text(MODULE)
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def run(module, tmp_path_factory):
    folder = tmp_path_factory.mktemp("joint")
    path = write(folder)
    path.write_text(path.read_text().replace("[cohort]\n", '[cohort]\nlabel_per = "sample"\n'))
    return run_recipe(path, out=folder / "out", store=folder / "store")


def test_each_outcome_has_the_answers_where_it_is_known(run):
    predictions = read_table(run / "bundle", "predictions")
    assert predictions["model"].drop_duplicates().tolist() == ["t1", "t2", "mean", "chained", "semi", "trivial"]
    known = predictions.query("model == 'chained'").groupby("outcome")["sample_id"].nunique()
    assert known.to_dict() == {"codel": 38, "who_grade": 45}
    folds = predictions.groupby(["outcome", "sample_id"])["fold"].nunique()
    assert folds.max() == 1  # the folds of the other models
    sums = predictions.query("outcome == 'who_grade' and model == 'chained'").groupby("sample_id")["probability"].sum()
    np.testing.assert_allclose(sums, 1)
    scores = read_table(run / "bundle", "scores")
    assert set(scores.query("model == 'semi'")["outcome"]) == {"codel", "who_grade"}


def test_rows_without_a_label_are_trained_on_in_the_folds_and_stand_in_no_table_of_scores(run):
    from models_of_a_user import FITTED

    *folds, final = FITTED
    assert len(folds) == 2
    assert set(final[0]) == {*cohort()["sample_id"]}
    predictions = read_table(run / "bundle", "predictions").query("model == 'semi'")
    for samples, y, patients in folds:
        tested = predictions[~predictions["sample_id"].isin(samples)]
        assert not set(patients) & set(tested["patient_id"])
        assert set(UNLABELED[1:]) <= set(samples)  # of no labeled patient: in every fold
        assert y.loc[UNLABELED[1:]].isna().all(axis=None)
    assert sum("u0" in samples for samples, *_ in folds) == 1  # its patient is tested in one fold
    assert not set(read_table(run / "bundle", "predictions")["sample_id"]) & set(UNLABELED)
    flow = read_table(run / "bundle", "cohort_flow").set_index("step")
    assert flow.loc["label unknown", "note"] == "trained on without a label by models that can, never scored on"
    assert flow.loc["evaluated", "n_samples"] == 48


def test_new_patients_are_answered_for_and_those_trained_on_without_a_label_are_known_again(run, tmp_path):
    new = cohort().drop(columns=["codel", "who_grade"])
    new.loc[40:47, "sample_id"] = [f"n{row}" for row in range(8)]
    new.loc[40:47, "patient_id"] = [f"n{row}" for row in range(8)]
    features = [name for name in new if "__" in name]
    new.loc[40:47, features] += 0.1
    new.iloc[[3, *range(40, 49)]].to_csv(tmp_path / "new.csv", index=False)
    told, _ = predict_cohort(load_bundle(run, trust=TRUSTED), tmp_path / "new.csv", store=tmp_path / "store")
    assert told.query("sample_id == 'n0'")["outcome"].tolist() == ["codel", *["who_grade"] * 3]
    assert told[["chained", "semi"]].notna().all(axis=None)
    notes = told.drop_duplicates("sample_id").set_index("sample_id")["note"]
    assert notes["u0"].startswith("trained on: this sample") and not notes["n1"].startswith("trained on")
    assert json.loads((run / "bundle" / "bundle.json").read_text())["untested_patients"]["u0"] == "p00"


def test_a_labeled_cohort_is_evaluated(run, tmp_path):
    other = cohort().iloc[:48].copy()
    other["sample_id"] = other["patient_id"] = [f"n{row}" for row in range(48)]
    other[[name for name in other if "__" in name]] += np.random.default_rng(1).normal(size=(48, 12)) / 5
    other.to_csv(tmp_path / "other.csv", index=False)
    found = evaluate_cohort(load_bundle(run, trust=TRUSTED), tmp_path / "other.csv", store=tmp_path / "store")
    assert {"chained", "semi"} <= set(found.tables["scores"]["model"])


def test_noise_of_a_recipe_that_begins_with_a_chain_has_no_ledger(tmp_path):
    path = write(tmp_path, cohort().query("who_grade != ''"))
    head = path.read_text().partition("[[models]]")[0]
    path.write_text(f'{head}[[models]]\nname = "chained"\nkind = "chained"\n')
    (found,) = evaluate_noise(path, times=1, store=tmp_path / "store")
    assert found.ledger.empty
    assert "who_grade, chained: honest AUC" in "\n".join(describe_noise([found]))


def test_findings_stand_by_outcome(run):
    weights = read_table(run / "bundle", "fusion_weights").query("model == 'chained' and fusion == 'chain'")
    assert weights.query("outcome == 'who_grade'")["member"].tolist() == ["who_grade", *["(intercept)"] * 3]
    assert weights.query("outcome == 'codel'")["member"].tolist() == [
        "codel",
        *(f"who_grade = {grade}" for grade in (2, 3, 4)),
        "(intercept)",
    ]
    assert set(read_table(run / "bundle", "selected_features").query("model == 'chained'")["outcome"]) == {
        "codel",
        "who_grade",
    }
    page = (run / "report.html").read_text()
    assert "classifier chain over the outcomes" in page and "Self-training for each outcome" in page


def test_no_label_of_a_tested_patient_changes_an_answer_for_it(tmp_path, module):
    path = write(tmp_path, cohort().iloc[:48])
    pd.DataFrame({"patient_id": [f"p{row:02}" for row in range(48)], "fold": np.arange(48) % 2}).to_csv(
        tmp_path / "folds.csv", index=False
    )
    path.write_text(path.read_text().replace("folds = 2\nrepeats = 1", 'split = "fixed"\nfixed = "folds.csv"'))
    recipe, shared = read_recipe(path), {"n_jobs": 1, "progress": silent}
    rows = prepare_rows(recipe, tmp_path / "out", store=tmp_path / "store", report=False, **shared)
    splits = deal_splits(recipe, rows.samples, rows.outcomes)
    y = rows.y.copy()
    tested = splits[0].test[10:20]
    y.iloc[tested, 0] = 1 - y.iloc[tested, 0]
    y.iloc[tested, 1] = (y.iloc[tested, 1] + 1) % 3
    told = []
    for these in (rows, replace(rows, y=y)):
        joint = evaluate_joint_models(recipe, these, splits, kept_in=None, **shared)
        told.append(joint.folds[0].predictions)
    assert (told[0]["label"].to_numpy() != told[1]["label"].to_numpy()).any()
    np.testing.assert_array_equal(told[0]["probability"], told[1]["probability"])


def test_where_sites_are_held_out_nothing_is_learned_from_a_tested_site(tmp_path, module):
    table = cohort().iloc[:48].assign(site=["A", "B"] * 24)
    alone = cohort().iloc[49:].assign(site=["A", "B", "A", "B", "B"])
    path = write(tmp_path, pd.concat([table, alone]))
    path.write_text(path.read_text().replace("folds = 2\nrepeats = 1", 'split = "leave_one_site_out"'))
    recipe = read_recipe(path)
    rows = prepare_rows(recipe, tmp_path / "out", store=tmp_path / "store", report=False, n_jobs=1, progress=silent)
    _, y, groups = rows_to_learn_from(rows)
    for split in deal_splits(recipe, rows.samples, rows.outcomes):
        whole = with_unlabeled(recipe, rows, split)
        learned = sorted(set(y.index[whole.train]) & set(UNLABELED))
        assert learned == {"A": ["u2", "u4", "u5"], "B": ["u1", "u3"]}[split.name]  # of the other site
        assert not set(groups[whole.train]) & set(groups[whole.test])


def test_what_a_chain_cannot_be_asked_is_refused(tmp_path, module):
    with pytest.raises(RequestError, match="must name each of the outcomes codel, who_grade once"):
        read_recipe(write(tmp_path, chained='order = ["codel"]'))
    with pytest.raises(RequestError, match="a chained model has one combiner"):
        read_recipe(write(tmp_path, chained='combine = ["mean", "vote"]'))
    path = write(tmp_path, chained="classify = { method = 'logistic', options = { class_weight = { yes = 2 } } }")
    with pytest.raises(RequestError, match="'chained' fits one classifier to every outcome, whose classes differ"):
        run_recipe(path, out=tmp_path / "out", store=tmp_path / "store", report=False)
    path = write(tmp_path, chained='combine = ["regression"]\ninner_folds = 6')
    with pytest.raises(CohortError, match="inner_folds = 6 inside the folds of a chain over outcomes, whose combiner"):
        run_recipe(path, out=tmp_path / "out", store=tmp_path / "store", report=False)
    path = write(tmp_path, evaluation="permutations = 20")
    path.write_text(path.read_text().replace("[[models]]\n[[models]]", "[[models]]", 1))
    with pytest.raises(RequestError, match="permutations under .evaluation. refits the first model to one outcome"):
        run_recipe(path, out=tmp_path / "out", store=tmp_path / "store", report=False)


def test_finished_folds_are_found_again_by_a_rerun(tmp_path, module):
    from models_of_a_user import FITTED

    recipe, shared = read_recipe(write(tmp_path, cohort().iloc[:48])), {"n_jobs": 1, "progress": silent}
    rows = prepare_rows(recipe, tmp_path / "out", store=tmp_path / "store", report=False, **shared)
    splits, told, fits = deal_splits(recipe, rows.samples, rows.outcomes), [], len(FITTED)
    for _ in range(2):
        told.append(evaluate_joint_models(recipe, rows, splits, kept_in=tmp_path / "unfinished", **shared))
        assert len(FITTED) == fits + 2  # both folds, by the first call
    for first, again in zip(told[0].folds, told[1].folds, strict=True):
        pd.testing.assert_frame_equal(first.predictions, again.predictions)
        weights = [one.findings["chained"]["codel"]["weights"] for one in (first, again)]
        pd.testing.assert_frame_equal(*weights)
    changed = replace(rows, y=rows.y.assign(codel=1 - rows.y["codel"]))
    evaluate_joint_models(recipe, changed, splits, kept_in=tmp_path / "unfinished", **shared)
    assert len(FITTED) == fits + 4  # other labels are another computation
