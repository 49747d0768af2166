"""A run with a model that weighs modalities: what it reads, what it answers, what its options may be."""

from __future__ import annotations

import pandas as pd
import pytest

from radiofuse.bundle import load_bundle
from radiofuse.bundle.read import read_table
from radiofuse.errors import RadiofuseError
from radiofuse.experiment.inputs import Inputs
from radiofuse.experiment.models.building import build_model
from radiofuse.experiment.models.model_list import model_list
from radiofuse.experiment.recipe.recipe import read_recipe
from radiofuse.experiment.run import run_recipe
from tests.experiment.test_models_as_a_list import OUTCOMES, cohort, write
from tests.report.page_parser import Page

pytest.importorskip("torch")

pytestmark = pytest.mark.filterwarnings("ignore::radiofuse.select.NothingSelectedWarning")

MODELS = """
[[models]]
name = "weighed"
kind = "weighting"
clinical = true
options = { epochs = 20, modality_dropout = true }
[[models]]
name = "late"
combine = ["mean"]
[[models]]
name = "aside"
kind = "weighting"
keep = false
options = { epochs = 2 }
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weighted")
    path = write(folder, OUTCOMES + MODELS).with_suffix(".toml")
    path.write_text(path.read_text().replace("repeats = 2", "repeats = 1"))
    return run_recipe(path, out=folder / "out", store=folder / "store", report=True) / "bundle"


def test_it_answers_first_and_for_every_patient_of_both_outcomes(bundle):
    predictions = read_table(bundle, "predictions")
    weighed, late = (predictions[predictions["model"] == name] for name in ("weighed", "late_mean"))
    keys = ["outcome", "sample_id", "class"]
    assert len(weighed) > 0
    assert set(map(tuple, weighed[keys].values)) == set(map(tuple, late[keys].values))
    assert weighed["probability"].between(0, 1).all()
    assert (read_table(bundle, "comparisons")["a"] == "weighed").all()


def test_the_kept_model_says_how_it_weighs_new_patients(bundle):
    model = load_bundle(bundle).models["idh"]["weighed"]
    rows = cohort().set_index("sample_id").filter(like="__")
    weights = model.model_.modality_weights(rows)
    assert weights.columns.to_list() == ["t1", "t2", "clinical"]
    assert (weights.loc[["s00", "s03"], "t1"] == 0).all(), "these patients lack it"
    pd.testing.assert_series_equal(weights.sum(axis=1), pd.Series(1.0, rows.index), check_names=False)


REFUSED = [
    ("options = { widht = 4 }", "options of the model 'weighed' have no option 'widht'; choose from dropout, epochs"),
    ("options = { width = 0 }", "options of the model 'weighed': .*'width' parameter .* must be"),
    ("options = { layers = [0] }", "options of the model 'weighed': layers holds 0"),
    ('classify = { method = "svm" }', "classify says nothing to a model of kind 'weighting'"),
    ('select = { method = "no_such" }', "no_such"),
]


@pytest.mark.parametrize(("entry", "sentence"), REFUSED)
def test_what_it_cannot_take_is_refused_before_anything_is_computed(tmp_path, entry, sentence):
    path = write(tmp_path, OUTCOMES + f'[[models]]\nname = "weighed"\nkind = "weighting"\n{entry}\n')
    with pytest.raises(RadiofuseError, match=sentence):
        run_recipe(path, out=tmp_path / "out", store=tmp_path / "store", report=False)
    assert not (tmp_path / "out").exists()


def test_weights_of_held_out_patients_are_told_by_class_and_by_call(bundle):
    table, predictions = read_table(bundle, "modality_weights"), read_table(bundle, "predictions")
    table = table[table["model"] == "weighed"]
    sums = table.groupby(["outcome", "class", "calls"])["mean"].sum()
    assert sums.to_numpy() == pytest.approx(1)
    counts = table.groupby(["outcome", "class", "calls"])["n_answers"].first().unstack().fillna(0)
    pd.testing.assert_series_equal(counts["right"] + counts["wrong"], counts["all"], check_names=False)
    for outcome, of_outcome in counts["all"].groupby("outcome"):
        assert of_outcome.xs("", level="class").item() == of_outcome.drop("", level="class").sum()
        assert set(of_outcome.index.get_level_values("class")) > {""}, outcome
    own = predictions[(predictions["model"] == "weighed") & (predictions["outcome"] == "idh")]
    right = (own["probability"] >= 0.5) == (own["label"] == 1)
    assert counts.loc[("idh", ""), "right"] == right.sum()
    assert counts.loc[("idh", "mutant"), "right"] == (right & (own["label"] == 1)).sum()


def test_a_model_that_is_evaluated_and_not_kept_says_how_it_weighed_held_out_patients(bundle):
    table = read_table(bundle, "modality_weights").query("model == 'aside'")
    assert set(table["outcome"]) == {"idh", "who_grade"} and set(table["member"]) == {"t1", "t2"}
    assert table.groupby(["outcome", "class", "calls"])["mean"].sum().to_numpy() == pytest.approx(1)
    assert set(load_bundle(bundle).models["idh"]) == {"weighed", "late"}
    assert "aside" not in set(read_table(bundle, "fusion_weights")["model"])


def test_the_report_shows_the_weights(bundle):
    html = (bundle.parent / "report.html").read_text()
    page = Page(html)
    assert "The model “aside” weighs the modalities anew for every patient" in page.text
    rows = page.tables["Weights of the modalities in held-out patients: mean (standard deviation)"]
    assert rows[0] == ["Answers", "Number", "t1", "t2"]  # the last one of that caption
    assert html.count('<th scope="col" class="number">clinical</th>') == 2  # of the first model, in both outcomes
    assert "There are no fusion weights" not in page.text


def test_embeddings_take_part_beside_the_columns_of_each_modality(tmp_path):
    path = write(tmp_path, MODELS + '[deep]\nencoder = "san10_small"\n', cohort='label = "idh=Mutant"')
    recipe, blocks = read_recipe(path), {name: [f"{name}__f0"] for name in ("t1", "t2")}
    named = build_model(recipe, model_list(recipe)[0], Inputs(["t1", "t2"], blocks, clinical=["clinical__age"]))
    chains = dict(named.model.estimators)
    assert [list(chains[name].named_steps)[0] for name in ("t1", "t2", "clinical")] == ["encode", "encode", "columns"]
    assert named.columns == ["t1__f0", "t2__f0", "clinical__age", "t1__crop", "t2__crop"]
