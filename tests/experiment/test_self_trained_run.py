"""Self-training in a recipe: rows without a label are learned from, held-out ones are not, and what it gave is told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse.bundle.load import load_bundle
from radiofuse.bundle.predict import predict_cohort
from radiofuse.bundle.read import read_table
from radiofuse.classify.self_training import OneSidedWarning
from radiofuse.errors import RequestError
from radiofuse.experiment import run_recipe
from radiofuse.experiment.deal import deal_splits
from radiofuse.experiment.joint_evaluation import rows_to_learn_from, with_unlabeled
from radiofuse.experiment.models.building import list_models
from radiofuse.experiment.preparation import prepare_rows
from radiofuse.experiment.recipe.recipe import read_recipe
from radiofuse.progress import silent

pytestmark = pytest.mark.filterwarnings("ignore::radiofuse.select.NothingSelectedWarning")

RECIPE = """
[cohort]
table = "cohort.csv"
label_per = "sample"
[[outcomes]]
column = "codel"
positive = "yes"
[[outcomes]]
column = "grade"
kind = "multiclass"
[radiomics]
settings = "none"
[select]
method = "kruskal"
[evaluation]
folds = 2
repeats = 1
resamples = 100
[[models]]
name = "taught"
kind = "early"
self_training = {{ {taught} }}
[[models]]
name = "plain"
kind = "early"
{more}
"""
TAUGHT = "confidence = 0.7, spread = 0.2, n_draws = 3, hidden_labels = 0.4, outcomes = { grade = { spread = 0.3 } }"
LATE = """[[models]]
name = "late"
combine = ["mean"]
calibrate = false
self_training = { confidence = 0.8, spread = 0.2, n_draws = 2 }
"""


def cohort(n=80) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    codel, grade = np.arange(n) % 2, np.arange(n) // 2 % 3
    table = {
        "sample_id": [f"s{row:02}" for row in range(n)],
        "patient_id": [f"p{row:02}" for row in range(n)],
        "codel": np.where(codel == 1, "yes", "no").astype(object),
        "grade": np.array(["G2", "G3", "G4"], dtype=object)[grade],
    }
    for modality in ("t1", "t2"):
        values = rng.normal(size=(n, 4)) + np.outer(codel, [1.5, 0, 0, 0]) + np.outer(grade, [0, 2, 0, 0])
        table |= {f"{modality}__f{place}": values[:, place] for place in range(4)}
    table = pd.DataFrame(table)
    table.loc[60:69, "codel"] = ""  # known for the grade alone
    table.loc[70:, ["codel", "grade"]] = ""
    table.loc[70, "patient_id"] = "p04"  # another scan of a labeled patient
    table.loc[5, [name for name in table if name.startswith("t1__")]] = np.nan
    return table


def write(folder, *, taught=TAUGHT, more="", table=None):
    (cohort() if table is None else table).to_csv(folder / "cohort.csv", index=False)
    (folder / "recipe.toml").write_text(RECIPE.format(taught=taught, more=more))
    return folder / "recipe.toml"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("taught")
    return run_recipe(write(folder, more=LATE), out=folder / "out", store=folder / "store", report=False)


def test_stages_answer_beside_each_other_in_the_folds_of_the_other_models(run):
    predictions = read_table(run / "bundle", "predictions")
    stages = [f"{model}_{stage}" for model in ("taught", "late") for stage in ("stage_2", "stage_1", "supervised")]
    assert predictions["model"].drop_duplicates().tolist() == [*stages[:3], "plain", *stages[3:], "trivial"]
    wide = predictions.query("outcome == 'codel'").pivot(index=["sample_id", "fold"], columns="model", values="label")
    assert wide.notna().all().all() and len(wide) == 60 and not wide.index.get_level_values(0).isin(["s61"]).any()
    auc = (
        read_table(run / "bundle", "scores").query("metric == 'auc' and outcome == 'codel'").set_index("model")["value"]
    )
    assert auc["taught_stage_2"] > 0.8 and auc["taught_stage_2"] != auc["taught_supervised"]


def test_pseudo_labels_are_told_by_fold_and_of_the_final_model(run):
    told = read_table(run / "bundle", "pseudo_labels")
    assert told.groupby(["outcome", "model"]).size().to_dict() == {
        (outcome, model): 3 for outcome in ("codel", "grade") for model in ("taught", "late")
    }
    final = told[told["fold"].isna()].set_index(["outcome", "model"])
    assert final.loc[("codel", "taught"), ["n_labeled", "n_unlabeled", "n_hidden"]].tolist() == [36, 44, 24]
    assert final.loc[("grade", "late"), ["n_labeled", "n_unlabeled", "n_hidden"]].tolist() == [70, 10, 0]
    codel = told.query("outcome == 'codel' and model == 'taught'")
    assert codel["right_of_kept"].mean() > codel["right_of_hidden"].mean() and codel["learned"].all()
    np.testing.assert_allclose(codel["coverage"], codel["n_kept"] / codel["n_unlabeled"])
    assert told.query("model == 'late'")["right_of_kept"].isna().all()


def test_shapley_values_stand_under_the_classes_that_predictions_have(run):
    tables = [read_table(run / "bundle", name) for name in ("shapley", "predictions")]
    found, known = ({*zip(table["outcome"], table["class"], strict=True)} for table in tables)
    assert ("codel", "yes") in found and found <= known


def test_a_bundle_answers_for_new_patients_by_stage_2(run, tmp_path):
    table = cohort().iloc[:6].drop(columns=["codel", "grade"])
    features = [name for name in table if "__" in name]
    table[features] += 0.01
    table["sample_id"] = table["patient_id"] = [f"n{row}" for row in range(6)]
    table.to_csv(tmp_path / "new.csv", index=False)
    answers, _ = predict_cohort(load_bundle(run / "bundle"), tmp_path / "new.csv", store=tmp_path / "store")
    told = answers[answers["outcome"] == "codel"]
    np.testing.assert_array_equal(told["probability"], told["taught_stage_2"])
    assert told["probability"].between(0, 1).all() and "taught_supervised" in told
    assert load_bundle(run / "bundle").description["protocol"]["primary"] == "taught_stage_2"


def fitted_in_the_first_fold(folder, table=None):
    recipe = read_recipe(write(folder, table=table))
    rows = prepare_rows(recipe, folder / "out", store=folder / "store", n_jobs=1, progress=silent)
    split = with_unlabeled(recipe, rows, deal_splits(recipe, rows.samples, rows.outcomes)[0])
    X, y, groups = rows_to_learn_from(rows)
    model = list_models(recipe, rows.inputs, joint=True)["taught"]
    train = split.train
    return model.fit(X.iloc[train], y.iloc[train], groups=groups[train]), X, groups, split


def test_nothing_of_the_held_out_part_moves_a_fit(tmp_path):
    (tmp_path / "one").mkdir(), (tmp_path / "other").mkdir()
    model, X, groups, split = fitted_in_the_first_fold(tmp_path / "one")
    held_out = np.isin(groups, groups[split.test])
    assert held_out.sum() > len(split.test)  # the second scan of a held-out patient, without a label, stays out too
    table = cohort()
    moved = table["patient_id"].isin(groups[held_out])
    features = [name for name in table if "__" in name]
    table.loc[moved, features] = table.loc[moved, features] * -3 + 7
    again, _, _, same = fitted_in_the_first_fold(tmp_path / "other", table)
    np.testing.assert_array_equal(split.train, same.train)
    pd.testing.assert_frame_equal(model.predict_proba_each(X), again.predict_proba_each(X), check_exact=True)
    told, told_again = (one.model_.told_["codel"] for one in (model, again))
    pd.testing.assert_frame_equal(told, told_again)
    assert told["n_unlabeled"][0] > 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"more": LATE.replace("calibrate = false\n", "")}, "would not be out of fold"),
        ({"more": LATE + 'subsets = "all"'}, "self-trained and has no members"),
        ({"taught": "outcomes = { codell = { spread = 0.1 } }"}, "gate for 'codell'.*codel"),
        ({"taught": "confidence = 1.1"}, "confidence"),
        ({"taught": "hidden_labels = { codell = 0.5 }"}, "hides labels of 'codell'.*codel"),
        (
            {"taught": "hidden_labels = 0.95"},
            "hides 95% of the labels of codel, and some fold has .* with codel = .*grade = 0.95",
        ),
        ({"more": LATE.replace('name = "late"\n', "")}, "self_training needs a name"),
    ],
)
def test_what_cannot_be_taught_is_refused_before_anything_is_fitted(tmp_path, options, said):
    with pytest.raises(RequestError, match=said):
        run_recipe(write(tmp_path, **options), out=tmp_path / "out", store=tmp_path / "store", report=False)


def test_labels_are_hidden_of_the_outcomes_that_are_named_and_warnings_name_classes(tmp_path):
    taught = TAUGHT.replace("hidden_labels = 0.4", "hidden_labels = { grade = 0.4 }").replace("= 0.7", "= 1.0")
    recipe = read_recipe(write(tmp_path, taught=taught, more=""))
    rows = prepare_rows(recipe, tmp_path / "out", store=tmp_path / "store", n_jobs=1, progress=silent)
    model = list_models(recipe, rows.inputs, joint=True)["taught"]
    assert model.model.class_names == {"codel": ["no", "yes"], "grade": ["2", "3", "4"]}
    with pytest.warns(OneSidedWarning):
        fitted = model.fit(*rows_to_learn_from(rows)).model_
    assert [int(fitted.told_[name]["n_hidden"].iloc[0]) > 0 for name in ("codel", "grade")] == [False, True]
    assert "(all of class codel = yes)" in fitted.models_["codel"]._one_sided(np.array([1, 1]))


def test_true_and_false_are_short_for_the_defaults_and_for_none(tmp_path):
    text = write(tmp_path).read_text()
    for value, expected in (("true", 0.9), ("false", None)):
        (tmp_path / "recipe.toml").write_text(text.replace("{ " + TAUGHT + " }", value))
        asked = read_recipe(tmp_path / "recipe.toml").models[0].self_training
        assert (None if asked is None else asked.confidence) == expected
