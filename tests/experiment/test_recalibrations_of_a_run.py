"""Recalibrations from a recipe to the page: each prediction once per way, by maps that never saw its patient."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from radiofuse.bundle.read import read_description, read_table
from radiofuse.classify.probability_maps import PROBABILITY_MAPS
from radiofuse.evaluate import gather_predictions, run_folds
from radiofuse.experiment.models.all_models import list_all_models
from radiofuse.experiment.preparation import prepare_rows
from radiofuse.experiment.recipe.recipe import read_recipe
from radiofuse.experiment.run import run_recipe
from radiofuse.experiment.scores.recalibrations import recalibrations
from radiofuse.experiment.scores.spreads import spreads
from radiofuse.patients import Split
from radiofuse.patients.inner_folds import inner_folds
from radiofuse.patients.resampled import resampled_patients
from radiofuse.progress import silent
from radiofuse.statistics import auc, calibration_by_uncertainty, recalibration_table

METHODS = ["temperature", "platt", "isotonic"]
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
inner_folds = 2
[[models]]
[[models]]
name = "chained"
kind = "chained"
[[models]]
name = "joined"
kind = "early"
keep = false
[evaluation]
recalibrations = ["temperature", "platt", "isotonic"]
spread_refits = 2
resamples = 100
"""
HELD_OUT = [f"s{row:02}" for row in range(0, 60, 3)]


def write(folder, *, split, flipped=(), idh=None):
    rng = np.random.default_rng(0)
    grade, mutant = np.arange(60) % 4 % 3, rng.random(60) < 0.5
    values = rng.normal(size=(60, 2)) + 1.2 * np.column_stack([mutant, grade])
    table = pd.DataFrame(values, columns=["t1__a", "t2__b"])
    table.insert(0, "sample_id", [f"s{row:02}" for row in range(60)])
    mutant = mutant ^ table["sample_id"].isin(flipped)
    table["idh"] = np.where(mutant, "mutant", "wildtype") if idh is None else idh
    table["who_grade"] = [f"G{2 + one}" for one in grade]
    table.to_csv(folder / "cohort.csv", index=False)
    (folder / "recipe.toml").write_text(RECIPE + split)
    return folder / "recipe.toml"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    recipe = write(tmp_path_factory.mktemp("maps"), split="folds = 2\nrepeats = 1\n")
    return run_recipe(recipe, out=recipe.parent / "out", store=recipe.parent / "store", report=False)


def wide(table, *columns):
    return table.pivot(index=["outcome", "class", "model", "repeat", "fold", "sample_id"], columns=columns)[
        "probability"
    ]


def test_every_answer_of_a_model_that_is_kept_is_recalibrated_once_by_each_method(run):
    before = read_table(run / "bundle", "predictions").query("model not in ['trivial', 'joined']")
    after = wide(read_table(run / "bundle", "recalibrated"), "method")
    assert sorted(after.columns) == sorted(METHODS)
    assert after.notna().all(axis=None)
    assert set(after.index) == set(pd.MultiIndex.from_frame(before[after.index.names]))
    assert {"mean", "t1", "t2", "chained"} == set(before["model"])


def test_the_table_is_that_of_the_function(run):
    tables = [read_table(run / "bundle", name) for name in ("predictions", "recalibrated", "recalibrations")]
    pd.testing.assert_frame_equal(tables[2], recalibration_table(*tables[:2]), check_dtype=False)


def test_within_a_fold_a_temperature_keeps_order_and_auc_of_two_classes_and_calls_of_more(run):
    before = read_table(run / "bundle", "predictions").query("model != 'trivial'")
    after = read_table(run / "bundle", "recalibrated").query("method == 'temperature'")
    both = before.merge(after.drop(columns="label"), on=wide(before).index.names, suffixes=("", "_after"))
    for _, fold in both.query("outcome == 'idh'").groupby(["model", "repeat", "fold"]):
        assert auc(fold["label"], fold["probability_after"]) == auc(fold["label"], fold["probability"])
    several = both.query("outcome == 'who_grade'").groupby(["model", "repeat", "sample_id"])
    for _, rows in several:
        assert rows["probability_after"].argmax() == rows["probability"].argmax()
        assert rows["probability_after"].sum() == pytest.approx(1)


def test_every_answer_has_a_spread_over_refits_and_bins_by_it(run):
    tables = [read_table(run / "bundle", name) for name in ("predictions", "spreads", "calibration_by_uncertainty")]
    told = tables[0].query("model not in ['trivial', 'joined']")
    keys = ["outcome", "class", "model", "repeat", "fold", "sample_id"]
    assert set(pd.MultiIndex.from_frame(tables[1][keys])) == set(pd.MultiIndex.from_frame(told[keys]))
    assert len(tables[1]) == len(told)
    assert (tables[1]["sd"] > 0).mean() > 0.9
    expected = calibration_by_uncertainty(told, tables[1])
    found = tables[2].query("method == '' and model != 'joined'").drop(columns="method")
    pd.testing.assert_frame_equal(found.reset_index(drop=True), expected, check_dtype=False)
    assert set(tables[2]["method"]) == {"", *METHODS}


def test_spreads_are_those_of_fits_to_bootstraps_of_training_patients_alone(dealt):
    """The numbers of one model by hand; and its labels of tested patients have no part in them."""
    recipe, rows, split, _, _ = dealt
    found = spreads(recipe, rows, [split], n_jobs=1, progress=silent).query("outcome == 'idh' and model == 'mean'")
    labeled, train, random = rows.of(rows.outcomes[0]), split.train, np.random.RandomState([recipe.seed, 0])
    answers = []
    for _ in range(2):
        drawn = train[resampled_patients(labeled.y[train], labeled.groups[train], random_state=random)]
        drawn = drawn[np.argsort(labeled.X.index[drawn], kind="stable")]
        model = clone(list_all_models(recipe, rows, labeled)["fusion"])
        model.fit(labeled.X.iloc[drawn], labeled.y[drawn], groups=np.asarray(labeled.groups)[drawn])
        answers.append(model.predict_proba(labeled.X.iloc[split.test])[:, 1])
    sd = found.set_index("sample_id")["sd"].loc[labeled.X.index[split.test]]
    np.testing.assert_allclose(sd, np.std(answers, axis=0, ddof=1), atol=1e-12)


def prepared(recipe):
    """Return a recipe's rows, and one of its folds: every third patient is tested."""
    said, store = read_recipe(recipe), recipe.parent / "store"
    rows = prepare_rows(said, recipe.parent / "o", store=store, n_jobs=1, progress=silent, report=False)
    tested = rows.X.index.isin(HELD_OUT)
    return said, rows, Split(0, 0, np.flatnonzero(~tested), np.flatnonzero(tested))


@pytest.fixture(scope="module")
def dealt(run):
    """A fold of the run's patients, predictions for those whom it tests, and what recalibrating makes of them."""
    recipe, rows, split = prepared(run.parent / "recipe.toml")
    predictions = read_table(run / "bundle", "predictions").query("sample_id in @HELD_OUT").assign(fold=0)
    found = recalibrations(recipe, rows, predictions, [split], n_jobs=1, progress=silent)
    return recipe, rows, split, predictions, found["recalibrated"]


def test_maps_are_learned_in_inner_folds_of_the_training_part(dealt):
    """The numbers of one model by hand: fitted in inner folds, its map learned from these alone."""
    recipe, rows, split, predictions, found = dealt
    labeled, train = rows.of(rows.outcomes[0]), split.train
    folds = inner_folds(2, labeled.y[train], np.asarray(labeled.groups)[train], recipe.seed)
    inner = [Split(0, at, train[fitted], train[held]) for at, (fitted, held) in enumerate(folds)]
    models = {"fusion": list_all_models(recipe, rows, labeled)["fusion"]}
    told = gather_predictions(run_folds(models, labeled.X, labeled.y, groups=labeled.groups, splits=inner))
    told = told.query("model == 'mean'")
    assert not set(told["sample_id"]) & set(HELD_OUT)
    p = predictions.query("outcome == 'idh' and model == 'mean'").set_index("sample_id")["probability"]
    after = found.query("outcome == 'idh' and model == 'mean'").set_index(["method", "sample_id"])["probability"]
    for name, made in PROBABILITY_MAPS.items():
        learned = np.column_stack([1 - told["probability"], told["probability"]])
        expected = made().fit(learned, told["label"].to_numpy()).apply(np.column_stack([1 - p, p]))[:, 1]
        np.testing.assert_allclose(after.loc[name].loc[p.index], expected, atol=1e-12)


def test_no_label_of_a_tested_patient_moves_a_recalibrated_probability(dealt, tmp_path):
    _, _, _, predictions, found = dealt
    recipe, rows, split = prepared(write(tmp_path, split="", flipped=HELD_OUT))
    of_idh = predictions["outcome"] == "idh"
    turned = predictions.assign(label=predictions["label"].where(~of_idh, 1 - predictions["label"]))
    again = recalibrations(recipe, rows, turned, [split], n_jobs=1, progress=silent)["recalibrated"]
    np.testing.assert_array_equal(found["probability"], again["probability"])
    assert (found["label"] != again["label"]).equals(found["outcome"] == "idh")


def test_an_outcome_with_too_few_patients_is_named_and_the_others_go_on(dealt, tmp_path, caplog):
    idh = np.where(np.isin(np.arange(60), [0, 1, 3, 6]), "mutant", "wildtype")  # one of them in the training part
    recipe, rows, split = prepared(write(tmp_path, split="folds = 2\n", idh=idh))
    found = recalibrations(recipe, rows, dealt[3], [split], n_jobs=1, progress=silent)
    assert set(found["recalibrations"]["outcome"]) == {"who_grade"}
    assert "No recalibrations for idh" in caplog.text
    assert "Recalibrating in 2 inner folds needs 2 patients of each class" in caplog.text
    assert "No recalibrations of models of several outcomes" in caplog.text


def test_the_bundle_says_what_has_no_recalibrations(tmp_path):
    """So that a reader of the page, who never saw the screen, does not look for them."""
    idh = np.where(np.isin(np.arange(60), [0, 1, 3]), "mutant", "wildtype")
    recipe = write(tmp_path, split="folds = 2\nrepeats = 1\n", idh=idh)
    text = recipe.read_text().replace("spread_refits = 2", "").replace(str(METHODS).replace("'", '"'), '["platt"]')
    recipe.write_text(text.replace('[[models]]\nname = "chained"\nkind = "chained"\n', ""))
    out = run_recipe(recipe, out=tmp_path / "out", store=tmp_path / "store", report=False)
    said = "No recalibrations for idh: Recalibrating in 2 inner folds needs 2 patients of each class"
    assert any(words.startswith(said) for words in read_description(out / "bundle")["warnings"])
