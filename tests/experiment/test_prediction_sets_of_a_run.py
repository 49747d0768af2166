"""Prediction sets from a recipe to the page and to new patients."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse.bundle.answer import answers as answers_as_json
from radiofuse.bundle.answer import models_in
from radiofuse.bundle.load import load_bundle
from radiofuse.bundle.new_rows import collect_rows
from radiofuse.bundle.predict import modalities_of_model, predictions_of, read_new_patients
from radiofuse.bundle.read import read_table
from radiofuse.experiment.run import run_recipe
from radiofuse.progress import silent
from radiofuse.statistics import conformal_table

RECIPE = """
[cohort]
table = "cohort.csv"
[[outcomes]]
column = "idh"
[[outcomes]]
column = "who_grade"
kind = "multiclass"
[radiomics]
settings = "none"
[select]
method = "none"
[fusion]
combine = ["mean"]
calibrate = false
[evaluation]
conformal = 0.8
folds = 3
repeats = 1
resamples = 100
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    rng = np.random.default_rng(0)
    grade = np.arange(90) % 3
    idh = rng.random(90) < 0.5
    values = rng.normal(size=(90, 2)) + 2.0 * np.column_stack([idh, grade])
    table = pd.DataFrame(values, columns=["t1__a", "t2__b"])
    table.insert(0, "sample_id", [f"s{row:02}" for row in range(90)])
    table["idh"], table["who_grade"] = np.where(idh, "mutant", "wildtype"), [f"G{2 + one}" for one in grade]
    table.to_csv(folder / "cohort.csv", index=False)
    (folder / "recipe.toml").write_text(RECIPE)
    return run_recipe(folder / "recipe.toml", out=folder / "out", store=folder / "store")


def test_the_bundle_has_the_table_of_its_predictions(run):
    table, predictions = read_table(run / "bundle", "prediction_sets"), read_table(run / "bundle", "predictions")
    expected = conformal_table(predictions[predictions["model"] != "trivial"], 0.8)
    pd.testing.assert_frame_equal(table, expected, check_dtype=False)
    of_mean = table[table["model"] == "mean"].set_index(["outcome", "class"])
    assert list(of_mean.loc["who_grade"].index) == ["", "2", "3", "4"]
    assert of_mean["coverage"].between(0.6, 1).all()


def test_the_page_shows_the_answering_model(run):
    page = (run / "report.html").read_text()
    assert page.count("Prediction sets of mean that are to hold the true class in 80") >= 2  # one per outcome


def test_new_patients_get_the_classes_that_cannot_be_ruled_out(run, tmp_path):
    values = {"t1__a": [-6.0, 1.0, 8.0], "t2__b": [-6.0, 1.0, 10.0]}
    pd.DataFrame({"sample_id": ["low", "middle", "high"], **values}).to_csv(tmp_path / "new.csv", index=False)
    bundle = load_bundle(run)
    table = modalities_of_model(read_new_patients(bundle, tmp_path / "new.csv"), bundle)
    rows = collect_rows(bundle, table, store=tmp_path / "store", progress=silent)
    answers = predictions_of(rows)
    of_idh = answers[answers["outcome"] == "idh"].set_index("sample_id")["set"]
    assert of_idh["low"] == "wildtype"
    assert of_idh["high"] == "mutant"
    of_grade = answers[answers["outcome"] == "who_grade"].groupby("sample_id")["set"].unique()
    assert of_grade["high"].tolist() == ["4"]
    assert " or " in of_grade["middle"][0]
    limits = read_table(run / "bundle", "prediction_sets").query("model == 'mean' and outcome == 'idh'")
    kept = limits.set_index("class")["limit"]
    p = answers[answers["outcome"] == "idh"].set_index("sample_id")["probability"]["middle"]
    names = ["wildtype"] * int(p <= kept["not mutant"]) + ["mutant"] * int(1 - p <= kept["mutant"])
    assert of_idh["middle"] == (" or ".join(names) or "none")
    told = {each["sample_id"]: each for each in answers_as_json(rows, answers)}
    one = told["high"]["outcomes"]["who_grade"]
    assert one["set"] == "4"
    assert set(one["models"]) == {"t1", "t2", "mean"} == set(models_in(answers))  # a set is no model's probability
    assert set(one["interval"] or one["probability"]) == {"2", "3", "4"}
