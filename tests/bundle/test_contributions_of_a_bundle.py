"""Contributions from a table of predictions: they add up to each probability, of two classes and of three."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from typer.testing import CliRunner

from radiofuse.bundle.contributions import COLUMNS, contributions_of
from radiofuse.bundle.load import load_bundle
from radiofuse.bundle.predict import predict_cohort
from radiofuse.commands.predict import app
from radiofuse.experiment import run_recipe

RECIPE = """
seed = 0
[cohort]
table = "cohort.csv"
[[outcomes]]
column = "idh"
[[outcomes]]
column = "grade"
kind = "multiclass"
[radiomics]
settings = "none"
[select]
method = "none"
[classify]
method = "logistic"
[fusion]
combine = ["mean"]
inner_folds = 2
[evaluation]
folds = 2
resamples = 100
[[models]]
name = "late"
clinical = true
[[models]]
name = "early"
kind = "early"
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    folder, rng, n = tmp_path_factory.mktemp("told"), np.random.default_rng(0), 48
    idh, grade = np.arange(n) % 2, np.arange(n) // 2 % 3
    table = {"sample_id": [f"s{row:02}" for row in range(n)], "idh": idh, "grade": np.array(["2", "3", "4"])[grade]}
    table |= {
        "clinical__age": rng.normal(50, 9, n),
        "t1__f": rng.normal(size=n) + idh,
        "flair__f": grade + rng.random(n),
    }
    table = pd.DataFrame(table)
    table.loc[:3, "t1__f"] = np.nan
    table.to_csv(folder / "cohort.csv", index=False)
    (folder / "recipe.toml").write_text(RECIPE)
    out = run_recipe(folder / "recipe.toml", out=folder / "out", store=folder / "store", report=False)
    bundle = load_bundle(out)
    return bundle, predict_cohort(bundle, folder / "cohort.csv", store=folder / "store")[0]


def test_they_add_up_to_the_probability(told):
    bundle, predictions = told
    table = contributions_of(bundle, predictions)
    assert list(table) == COLUMNS
    assert list(table["member"].unique()) == ["t1", "flair", "clinical", "(intercept)"]
    whole = table.groupby(["outcome", "sample_id", "class"])["log_odds"].sum()
    probability = predictions.set_index(["outcome", "sample_id", "class"])["probability"].reindex(whole.index)
    two = whole.index.get_level_values("outcome") == "idh"
    np.testing.assert_allclose(expit(whole[two]), probability[two])
    np.testing.assert_allclose(np.exp(whole[~two]), probability[~two])
    lacking = table[(table["sample_id"] == "s00") & (table["member"] == "t1")]
    assert len(lacking) == 4 and (lacking["log_odds"] == 0).all()


def test_the_command_writes_them_beside_the_probabilities(told, tmp_path):
    bundle, predictions = told
    cohort, store = bundle.folder.parents[1] / "cohort.csv", bundle.folder.parents[1] / "store"
    written = tmp_path / "why.csv"
    words = [bundle.folder, cohort, "--out", tmp_path / "p.csv", "--contributions", written, "--store", store]
    result = CliRunner().invoke(app, list(map(str, words)))
    assert result.exit_code == 0 and f"of 48 samples, in log-odds: {written}" in " ".join(result.output.split())
    found = pd.read_csv(written, dtype={"class": str})
    expected = contributions_of(bundle, predictions)
    np.testing.assert_allclose(found["log_odds"], expected["log_odds"].astype(float), atol=1e-12)
    assert found[COLUMNS[:-1]].equals(expected[COLUMNS[:-1]])
    written.write_text("mine")
    refused = CliRunner().invoke(app, list(map(str, words)))
    assert refused.exit_code == 2 and written.read_text() == "mine"


def test_answers_of_another_kind_and_samples_without_one_have_none(told):
    bundle, predictions = told
    assert contributions_of(bundle, predictions.assign(probability=np.nan)).empty
    models = {name: {"early": own["early"]} for name, own in bundle.models.items()}
    other = type(bundle)(bundle.folder, models, bundle.description)
    assert contributions_of(other, predictions).empty


def test_a_renamed_column_is_no_absent_modality(told):
    bundle, predictions = told
    name = next(name for name in predictions if name.endswith("flair"))
    with pytest.raises(KeyError, match=name):
        contributions_of(bundle, predictions.rename(columns={name: "other"}))


def test_a_cohort_with_other_modalities_and_labels_is_answered_as_far_as_it_can_be(told, tmp_path, caplog):
    bundle, predictions = told
    table = pd.read_csv(bundle.folder.parents[1] / "cohort.csv", dtype={"sample_id": str})
    table = table.assign(adc__f=1.0, grade="5", t1__f=table["t1__f"].where(table["sample_id"] != "s09"))
    nothing = table["sample_id"] == "s10"
    table.loc[nothing, ["t1__f", "flair__f", "clinical__age"]] = np.nan
    table.to_csv(tmp_path / "new.csv", index=False)
    told_now = predict_cohort(bundle, tmp_path / "new.csv", store=tmp_path / "store")[0]
    assert "The model does not read adc, which the cohort table names: left out." in caplog.messages
    same = ~told_now["sample_id"].isin(["s09", "s10"])
    pd.testing.assert_series_equal(told_now.loc[same, "probability"], predictions.loc[same, "probability"])
    own = told_now.set_index("sample_id")
    assert own.loc["s10", "probability"].isna().all() and own.loc["s09", "probability"].notna().all()
    assert own.loc["s09", "note"].str.contains("absent: t1").all()
    table.drop(columns="t1__f").to_csv(tmp_path / "new.csv", index=False)
    lacking = predict_cohort(bundle, tmp_path / "new.csv", store=tmp_path / "store")[0]
    assert lacking["note"].str.contains("absent: t1").all()
