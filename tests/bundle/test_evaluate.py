"""A bundle on patients of a site that it never saw: scores, labels read alike, and patients who may not be there."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from radiofuse.bundle import OtherCohort, evaluate_cohort, load_bundle, predict_cohort
from radiofuse.bundle.read import read_table
from radiofuse.commands.evaluate import TABLES, app
from radiofuse.commands.predict import app as predict
from radiofuse.errors import BundleError, CohortError, RequestError
from radiofuse.experiment import run_recipe
from radiofuse.statistics import calibration_line, confusion_table, delong_test_unpaired, score_predictions
from radiofuse.tables.predictions import check_predictions, slice_of
from tests.accessibility import faults

pytestmark = [
    pytest.mark.filterwarnings("ignore::radiofuse.select.NothingSelectedWarning"),
    pytest.mark.filterwarnings("ignore::radiofuse.select.penalized_fit.PathEdgeWarning"),
]

RECIPE = """
seed = 0
[cohort]
table = "train.csv"
[[outcomes]]
column = "idh"
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
repeats = 2
resamples = 100
"""


def cohort() -> pd.DataFrame:
    """Return 60 patients of sites a and b, and 30 of site c, whose scanner adds to every number."""
    rng = np.random.default_rng(0)
    grade = rng.integers(2, 5, 90)
    idh = rng.random(90) < np.where(grade == 4, 0.2, 0.7)
    table = {
        "sample_id": [f"s{row:02}" for row in range(90)],
        "site": np.repeat(["a", "b", "c"], 30),
        "idh": np.where(idh, "Mutant", "WT"),
        "who_grade": [f"G{one}" for one in grade],
    }
    for modality in ("t1", "t2"):
        values = rng.normal(size=(90, 12)) + np.outer(idh, np.arange(12) == 0) + np.outer(grade, np.arange(12) == 1)
        values[60:] += 0.3
        table |= {f"{modality}__f{place}": values[:, place] for place in range(12)}
    table = pd.DataFrame(table)
    table.loc[60:62, [name for name in table if name.startswith("t1__")]] = np.nan
    return table


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sites")
    table = cohort()
    table[table["site"] != "c"].to_csv(folder / "train.csv", index=False)
    (folder / "recipe.toml").write_text(RECIPE)
    run_recipe(folder / "recipe.toml", out=folder / "out", store=folder / "store", report=False)
    return folder


@pytest.fixture(scope="module")
def bundle(folder):
    return load_bundle(folder / "out")


@pytest.fixture(scope="module")
def evaluated(folder, bundle):
    # the other site has its own spellings, a column more, no grade 4 and two unknown labels
    table = cohort().query("site == 'c'").assign(scanner="Skyra", idh=lambda t: t["idh"].replace({"WT": "wild type"}))
    table.loc[table["who_grade"] == "G4", "who_grade"] = "grade III"
    table.loc[table.index[:2], "idh"] = "unknown"
    table.to_csv(folder / "c.csv", index=False)
    return evaluate_cohort(bundle, folder / "c.csv", store=folder / "store")


def test_probabilities_are_those_of_predict_with_the_label_beside(folder, bundle, evaluated):
    predictions = evaluated.tables["predictions"]
    check_predictions(predictions)
    answers, _ = predict_cohort(bundle, folder / "c.csv", store=folder / "store")
    key = ["sample_id", "outcome", "class"]
    for model in ("mean", "t1", "t2"):
        own = predictions.query("model == @model").set_index(key)["probability"]
        told = answers.set_index(key)[model].loc[own.index]
        np.testing.assert_array_equal(own, told)
    assert predictions.query("model == 't1' and outcome == 'idh'")["sample_id"].nunique() == 27
    truth = cohort().set_index("sample_id")
    idh = predictions.query("model == 'mean' and outcome == 'idh'").set_index("sample_id")["label"]
    assert len(idh) == 28
    assert (idh == (truth.loc[idh.index, "idh"] == "Mutant")).all()
    grade = predictions.query("model == 'mean' and outcome == 'who_grade' and label == 1").set_index("sample_id")
    assert (grade["class"] == truth.loc[grade.index, "who_grade"].map({"G2": "2", "G3": "3", "G4": "3"})).all()


def test_scores_are_those_of_statistics_on_the_same_predictions(bundle, evaluated):
    tables = evaluated.tables
    predictions, ordered = tables["predictions"], {"who_grade": ("2", "3", "4")}
    again = score_predictions(predictions, n_resamples=100, random_state=0, ordered=ordered)
    pd.testing.assert_frame_equal(tables["scores"], again)
    pd.testing.assert_frame_equal(tables["confusion"], confusion_table(predictions))
    line = calibration_line(slice_of(predictions, "idh"), "mean")
    told = tables["calibration"].query("model == 'mean' and outcome == 'idh'").iloc[0]
    assert (told["slope"], told["intercept"]) == (line.slope, line.intercept)
    share = read_table(bundle.folder, "predictions").query("outcome == 'idh' and model == 'mean' and repeat == 0")
    np.testing.assert_allclose(
        predictions.query("model == 'trivial' and outcome == 'idh'")["probability"], share["label"].mean()
    )


def test_the_out_of_fold_estimate_stands_beside_with_an_unpaired_difference(bundle, evaluated):
    found = (
        evaluated.tables["against_training"].query("model == 'mean' and metric == 'auc' and outcome == 'idh'").iloc[0]
    )
    scores = read_table(bundle.folder, "scores").query("model == 'mean' and metric == 'auc' and outcome == 'idh'")
    assert found["reference"] == pytest.approx(scores["value"].item())
    assert found["difference"] == pytest.approx(found["value"] - found["reference"])
    assert found["low"] < found["difference"] < found["high"]
    own, training = evaluated.tables["predictions"], read_table(bundle.folder, "predictions").query("repeat == 0")
    sides = [table.query("outcome == 'idh' and model == 'mean'")[["label", "probability"]] for table in (own, training)]
    test = delong_test_unpaired(*(side[column] for side in sides for column in side))
    assert found["test"] == "DeLong, unpaired"
    assert found["p_value"] == pytest.approx(test.p_value, abs=0.2)  # the reference is the mean of two repeats


def test_patients_of_training_are_left_out_by_id_by_patient_and_by_their_numbers(folder, bundle, evaluated):
    old, new = cohort().query("site == 'a'").iloc[:3], cohort().query("site == 'c'")
    old = old.assign(sample_id=["s00", "x1", "x2"], patient_id=["s00", "s01", "nobody"])
    scan = new.iloc[[0]].assign(
        sample_id="x3", patient_id="nobody", idh=old["idh"].iloc[2], who_grade=old["who_grade"].iloc[2]
    )
    numbers = [name for name in scan if "__f" in name]
    scan[numbers] = np.random.default_rng(1).normal(size=(1, len(numbers)))
    # two scans of one patient, who is called otherwise here
    twice = pd.concat([scan, scan]).assign(sample_id=["s05", "x4"], patient_id="somebody")
    twice[numbers] = np.random.default_rng(2).normal(size=(2, len(numbers)))
    table = pd.concat([old, scan, twice, new.assign(patient_id=new["sample_id"])])
    table.to_csv(folder / "mixed.csv", index=False)
    mixed = evaluate_cohort(bundle, folder / "mixed.csv", store=folder / "store", outcomes=["idh"])
    assert set(mixed.left_out) == {"s00", "s05", "x1", "x2", "x3", "x4"}  # x3 is of the patient of x2
    assert "same numbers" in mixed.left_out["x2"]
    flow = mixed.tables["cohort_flow"].set_index("step")["n_samples"]
    assert flow["the model was trained on the patient"] == 6
    assert flow["evaluated"] == 30
    assert set(mixed.tables["predictions"]["outcome"]) == {"idh"}


def write(folder, table, name="other.csv"):
    table.to_csv(folder / name, index=False)
    return folder / name


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: t.drop(columns="who_grade"), "Columns that the table lacks: who_grade"),
        (
            lambda t: t.assign(idh="IDH mut?"),
            r"Column idh holds IDH mut\?, which the model does not know: it learned.*or say by --spelling which",
        ),
        (
            lambda t: t.assign(idh=["Unclear", *t["idh"][1:]]),
            "Column idh holds Unclear, which the model does not know: it learned from mutant and wildtype",
        ),
        (
            lambda t: t.assign(who_grade=["G5", *t["who_grade"][1:]]),
            "Column who_grade holds G5, which the model does not know: it learned from 2, 3 and 4",
        ),
        (lambda t: t.assign(idh="", who_grade=""), "No patient has a known idh"),
        (lambda t: t.assign(sample_id=[f"s{row:02}" for row in range(30)]), "All 30 labeled samples are of patients"),
        (lambda t: t[["sample_id", "idh", "who_grade"]].assign(flair__f1=1.0), "needs at least one of the modalities"),
        (lambda t: t.drop(columns="t2__f3"), "lacks 1 of the model's 24 feature columns, the first is t2__f3"),
    ],
)
def test_what_cannot_be_evaluated_is_a_sentence(folder, bundle, change, sentence):
    path = write(folder, change(cohort().query("site == 'c'")))
    with pytest.raises((BundleError, CohortError), match=sentence):
        evaluate_cohort(bundle, path, store=folder / "store")


def test_the_command_says_of_a_third_class_in_one_sentence_that_the_model_does_not_know_it(folder):
    third = cohort().query("site == 'c'")
    path = write(folder, third.assign(idh=["Unclear", *third["idh"][1:]]), "third.csv")
    done = CliRunner().invoke(app, [str(folder / "out"), str(path), "--out", str(folder / "third")])
    assert done.exit_code == 3 and "Traceback" not in done.stderr and not (folder / "third").exists()
    assert "- Column idh holds Unclear, which the model does not know" in done.stderr


def test_the_command_writes_tables_and_a_page_that_begins_with_the_answer(folder, evaluated):
    old = cohort().query("site == 'a'").iloc[:2]
    mixed = pd.concat([old, pd.read_csv(folder / "c.csv", dtype=str)]).drop(columns="scanner")
    path, out = write(folder, mixed, "with_old.csv"), folder / "external"
    words = [str(folder / "out"), str(path), "--out", str(out), "--store", str(folder / "store")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    for name in TABLES:
        assert (out / name).is_file()
    own = pd.read_csv(out / "predictions.csv", dtype={"class": str})
    np.testing.assert_allclose(own["probability"], evaluated.tables["predictions"]["probability"])
    assert json.loads((out / "evaluation.json").read_text())["left_out"].keys() == {"s00", "s01"}
    assert "Left out, since the model was trained on their patients: s00, s01 (2 samples)." in done.stderr
    assert "out of fold" in done.stdout
    page = (out / "report.html").read_text()
    assert not faults(page)
    lead = re.search('<p class="lead">(.*?)</p>', page, re.S)[1]
    assert lead.startswith(
        "A finished model was tried on 30 patients whom it had never seen. 2 patients of the table helped to make the "
        "model and were left out. Its answer (mean) to idh = mutant told patients of the class from others with an AUC "
    )
    assert "Of who_grade (2 &lt; 3 &lt; 4) the model's answer (mean) has no AUC here" in lead.replace("&#39;", "'")
    assert "fewer than 100 patients of" in page
    assert CliRunner().invoke(app, words).exit_code == 0  # what it wrote itself is replaced
    (out / "scores.csv").write_text("mine")
    again = CliRunner().invoke(app, words)
    assert again.exit_code == 2
    assert "already holds scores.csv" in again.stderr


def test_an_outcome_that_the_bundle_does_not_predict_is_named(folder, bundle):
    with pytest.raises(RequestError, match="predicts idh and who_grade, not 'mgmt'; name one of these"):
        evaluate_cohort(bundle, folder / "c.csv", outcomes=["mgmt"], store=folder / "store")


def test_predict_notes_what_lies_far_outside(folder, bundle):
    table = cohort().query("site == 'c'").iloc[5:7]
    table.loc[table.index[0], "t1__f3"] = 1e4
    answers, _ = predict_cohort(bundle, write(folder, table), store=folder / "store")
    notes = answers.drop_duplicates("sample_id")["note"].tolist()
    assert notes[0].startswith("1 of 24 columns far outside the training range, furthest t1__f3 (")
    assert notes[1] == ""


def test_predict_calls_by_the_threshold_that_the_run_chose_and_the_most_probable_class(folder, bundle, evaluated):
    answers, _ = predict_cohort(bundle, folder / "c.csv", store=folder / "store")
    assert list(answers)[:7] == ["sample_id", "patient_id", "outcome", "class", "probability", "call", "threshold"]
    points = read_table(bundle.folder, "operating_points")
    chosen = points.query("outcome == 'idh' and model == 'mean' and metric == 'threshold'")["value"].item()
    idh = answers[answers["outcome"] == "idh"]
    assert (idh["threshold"] == chosen).all() and chosen != 0.5
    assert (idh["call"] == np.where(idh["probability"] >= chosen, "mutant", "wildtype")).all()
    assert idh["call"].nunique() == 2
    grade = answers[answers["outcome"] == "who_grade"]
    wide = grade.pivot(index="sample_id", columns="class", values="probability")
    assert (grade.set_index("sample_id")["call"] == wide.idxmax(axis=1).reindex(grade["sample_id"])).all()
    assert grade["threshold"].isna().all()


def test_a_sample_without_a_modality_is_called_nothing_and_the_screen_says_the_threshold(folder):
    table = cohort().query("site == 'c'").head(4).drop(columns=["idh", "who_grade", "site"])
    table.iloc[0, [place for place, name in enumerate(table) if "__" in name]] = np.nan
    table.to_csv(folder / "new.csv", index=False)
    given = [str(folder / "out"), str(folder / "new.csv"), "--out", str(folder / "p.csv")]
    result = CliRunner().invoke(predict, [*given, "--store", str(folder / "store")])
    assert result.exit_code == 3, result.output
    said = " ".join(result.stderr.split())
    assert "Called idh = mutant from a probability of" in said
    assert "who_grade: the most probable class is called" in said
    written = pd.read_csv(folder / "p.csv", keep_default_na=False).set_index("sample_id")
    assert set(written.loc["s60", "call"]) == {""}
    assert "" not in set(written.drop(index="s60")["call"])


def test_another_hospital_may_write_columns_and_classes_its_own_way(folder, bundle, evaluated):
    table = cohort().query("site == 'c'")
    people = table[["sample_id", "idh", "who_grade"]].rename(columns={"sample_id": "patient_id", "idh": "IDH status"})
    people["IDH status"] = people["IDH status"].replace({"WT": "neg.", "Mutant": "R132H seen"})
    people.loc[people.index[:2], "IDH status"] = "not done"
    people["who_grade"] = people["who_grade"].replace({"G4": "grade III"})
    people.to_csv(folder / "people.tsv", sep="\t", index=False)
    table.drop(columns=["idh", "who_grade"]).to_csv(folder / "plain.csv", index=False)
    given = [str(folder / "out"), str(folder / "plain.csv"), "--out", str(folder / "other"), "--no-report"]
    given += ["--participants", str(folder / "people.tsv"), "--store", str(folder / "store")]
    said = ["--column", "idh=IDH status", "--spelling", "idh:wildtype=neg.", "--missing", "not done"]
    said += ["--spelling", "idh:mutant=R132H seen, pos."]
    result = CliRunner().invoke(app, [*given, *said])
    assert result.exit_code == 0, result.output
    scores = pd.read_csv(folder / "other" / "scores.csv", dtype={"class": str}).fillna({"class": ""})
    expected = evaluated.tables["scores"].reset_index(drop=True)
    pd.testing.assert_frame_equal(scores, expected, check_dtype=False, rtol=1e-12)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (OtherCohort(spellings={"idh": {"mutated": ["pos"]}}), "'mutated', which the model does not know: .*mutant"),
        (OtherCohort(columns={"IDH": "x"}), "outcome 'IDH'; those that are read here are idh and who_grade"),
        (OtherCohort(missing=["WT", "wild type", "Mutant", "mutant"]), "No patient has a known idh"),
        (OtherCohort(label_per="scan"), 'label_per must be "patient" or "sample"'),
    ],
)
def test_what_is_said_of_another_table_must_fit_the_model(folder, bundle, evaluated, written, words):
    with pytest.raises((RequestError, CohortError), match=words):
        evaluate_cohort(bundle, folder / "c.csv", outcomes=["idh", "who_grade"], written=written)


def test_predict_joins_participants_and_reads_other_names_of_modalities(folder, bundle):
    table = cohort().query("site == 'c'").drop(columns=["idh", "who_grade"])
    given = table.rename(columns=lambda name: name.replace("t1__", "T1-").replace("t2__", "T2-"))
    given.to_csv(folder / "named.csv", index=False)
    pd.DataFrame({"patient_id": given["sample_id"], "age": 50}).to_csv(folder / "ages.csv", index=False)
    written = OtherCohort(folder / "ages.csv", r"^(?P<modality>T[12])-")
    answers, _ = predict_cohort(bundle, folder / "named.csv", written=written, store=folder / "store")
    plain, _ = predict_cohort(bundle, write(folder, table), store=folder / "store")
    np.testing.assert_allclose(answers["probability"], plain["probability"], rtol=1e-12)


def test_scores_beside_training_have_rows_of_each_class(bundle, evaluated):
    against = evaluated.tables["against_training"].query("outcome == 'who_grade' and model == 'mean'")
    keys = ["class", "metric"]
    here = evaluated.tables["scores"].query("outcome == 'who_grade' and model == 'mean'").set_index(keys)["value"]
    before = read_table(bundle.folder, "scores").query("outcome == 'who_grade' and model == 'mean'")
    before = before.set_index(keys)["value"]
    assert {"2", "3"} <= set(against["class"])
    for row in against.query("metric == 'auc' and `class` in ['2', '3']").itertuples():
        key = (row[against.columns.get_loc("class") + 1], "auc")
        assert row.value == pytest.approx(here[key]) and row.reference == pytest.approx(before[key])
        assert row.difference == pytest.approx(here[key] - before[key]) and row.low < row.difference < row.high
    own = against.query("metric == 'auc'").set_index("class")["value"]
    assert np.isnan(own[""]) and np.isnan(own["4"])  # the other site has no patient of grade 4


def test_calls_are_scored_at_the_thresholds_that_the_run_chose(bundle, evaluated):
    points = evaluated.tables["operating_points"].set_index(["model", "metric"])["value"]
    assert set(evaluated.tables["operating_points"]["outcome"]) == {"idh"}
    chosen = read_table(bundle.folder, "operating_points").query("metric == 'threshold' and outcome == 'idh'")
    chosen = chosen.set_index("model")["value"]
    own = evaluated.tables["predictions"].query("outcome == 'idh' and model == 'mean'")
    called = own["probability"] >= chosen["mean"]
    assert points["mean", "threshold"] == chosen["mean"]
    assert points["mean", "true_positives"] == (called & (own["label"] == 1)).sum()
    assert points["mean", "specificity"] == pytest.approx((~called)[own["label"] == 0].mean())
