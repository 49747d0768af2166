"""The main job with encoders, end to end on a small phantom: trained inside the folds, kept in the bundle, reused."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch")

from radiofuse.bundle import golden_rows  # noqa: E402
from radiofuse.bundle.predict import predict_cohort  # noqa: E402
from radiofuse.bundle.read import read_description, read_table  # noqa: E402
from radiofuse.bundle.verify import verify_bundle  # noqa: E402
from radiofuse.commands.predict import app as predict_app  # noqa: E402
from radiofuse.commands.run import app  # noqa: E402
from radiofuse.datasets import make_phantom_cohort  # noqa: E402
from radiofuse.errors import BundleError, CohortError, RequestError  # noqa: E402
from radiofuse.experiment.run import run_recipe  # noqa: E402
from radiofuse.fuse import holders  # noqa: E402
from tests.trusting import TRUSTING, load_bundle  # noqa: E402

SIZE = 32
RECIPE = """
seed = 3
[cohort]
table = "phantom/cohort.csv"
label = "idh"
modalities = ["t1ce", "flair"]
[radiomics]
settings = "quick.json"
[deep]
encoder = "tiny_encoder:Tiny"
join = "{join}"
protocol = "{protocol}"
folds = 2
size = {size}
training = {{ epochs = 1, batch_size = 8 }}
[fusion]
combine = ["linear_regression", "mean"]
inner_folds = 2
constrained = {constrained}
constrained_options = {{ epochs = 20 }}
[evaluation]
folds = 2
repeats = 1
resamples = 100
arms = {arms}
[[tables]]
title = "Parts"
source = "nobody, Table I"
metrics = ["auc"]
rows = [{{ name = "One", model = "t1ce", published = [0.5] }}]
"""

QUICK = {
    "imageType": {"Original": {}},
    "featureClass": {"firstorder": ["Mean", "Variance", "Skewness"]},
    "setting": {"normalize": True, "normalizeScale": 100, "binWidth": 5},
}


def write_recipe(
    folder: Path, *, join="columns", protocol="crossfit", constrained=("method1",), arms=("deep",)
) -> Path:
    (folder / "quick.json").write_text(json.dumps(QUICK))
    text = RECIPE.format(
        size=SIZE, join=join, protocol=protocol, constrained=json.dumps(list(constrained)), arms=json.dumps(list(arms))
    )
    recipe = folder / f"{join}_{protocol}.toml"
    recipe.write_text(text)
    return recipe


pytestmark = pytest.mark.usefixtures("tiny_encoder")


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """A folder with a phantom cohort of 24 patients and one finished run with encoders in out/."""
    folder = tmp_path_factory.mktemp("deep")
    make_phantom_cohort(folder / "phantom", n_patients=24, seed=1)
    run_recipe(write_recipe(folder, arms=("deep", "radiomics")), out=folder / "out", store=folder / "store", n_jobs=2)
    return folder


@pytest.fixture
def passes(monkeypatch):
    """Collect the modules that a patient's crop enters; a blank one tries the encoder, golden rows are made up."""
    counted, golden, answers_to = [], [], golden_rows.answers_to

    def count(module, inputs, _):
        if inputs[0].shape[-1] == SIZE and inputs[0].any() and not golden:
            counted.append(module)

    def answers_to_golden(*given):
        golden.append(True)
        answers = answers_to(*given)
        golden.clear()
        return answers

    monkeypatch.setattr(golden_rows, "answers_to", answers_to_golden)

    hook = torch.nn.modules.module.register_module_forward_hook(count)
    yield counted
    hook.remove()


def test_every_model_of_the_recipe_is_scored_on_the_same_rows(study):
    predictions = read_table(study / "out" / "bundle", "predictions")
    arms = [f"{arm}_{name}" for arm in ("deep", "radiomics") for name in ("t1ce", "flair", "linear_regression", "mean")]
    members = ["t1ce", "flair", "linear_regression", "mean", "constrained_method1", "trivial"]
    assert set(predictions["model"]) >= {*members, *arms}
    rows = predictions.groupby("model")[["sample_id", "fold"]].apply(lambda r: tuple(sorted(map(tuple, r.to_numpy()))))
    assert rows.nunique() == 1


def test_embeddings_stand_beside_the_radiomics_before_selection(study):
    bundle = load_bundle(study / "out")
    names = bundle.model.members_["t1ce"][:-3].get_feature_names_out()
    assert list(names[:1]) == ["t1ce__original_firstorder_Mean"]
    assert names[-1] == "t1ce__tiny_0004"
    assert not any(name.endswith("__crop") for name in names)
    assert bundle.description["n_features"] == {"t1ce": 3 + 4, "flair": 3 + 4}


def test_a_second_run_makes_no_forward_pass_of_an_encoder_and_the_same_bytes(study, passes):
    recipe = write_recipe(study, arms=("deep", "radiomics"), constrained=())
    run_recipe(recipe, out=study / "second", store=study / "store", n_jobs=1, report=False)
    assert not passes
    first, second = (read_table(study / out / "bundle", "predictions") for out in ("out", "second"))
    pd.testing.assert_frame_equal(first[first["model"] != "constrained_method1"].reset_index(drop=True), second)


def test_new_patients_get_the_same_numbers_from_the_bundle_as_in_process(study, tmp_path):
    bundle = load_bundle(study / "out")
    weights = [path.suffix for path in (bundle.folder / "encoders").iterdir()]
    assert sorted(set(weights)) == [".json", ".safetensors"]
    assert all(step.crops is None and step.cache is None for step in holders(bundle.model))
    table = make_phantom_cohort(tmp_path / "new", n_patients=20, seed=9)
    relabeled = pd.read_csv(table, dtype=str).assign(sample_id=lambda t: "new-" + t["sample_id"])
    relabeled.assign(patient_id=relabeled["sample_id"]).to_csv(table, index=False)
    here, _ = predict_cohort(bundle, table, store=tmp_path / "a")
    moved = shutil.copytree(bundle.folder, tmp_path / "elsewhere")
    there, _ = predict_cohort(load_bundle(moved), table, store=tmp_path / "b")
    pd.testing.assert_frame_equal(here, there)
    assert here["constrained_method1"].between(0, 1).all()
    assert here["probability"].nunique() > 1


def test_patients_the_encoders_were_trained_on_are_refused_and_the_others_answered(study, tmp_path):
    shutil.copytree(study / "phantom", tmp_path / "phantom")
    table = tmp_path / "phantom" / "cohort.csv"
    rows = pd.read_csv(table, dtype=str)
    labeled = rows[rows["idh"].notna() & rows["t1ce__image"].notna()]
    rows.loc[labeled.index[0], "sample_id"] = "renamed"  # the same images under another name
    rows.to_csv(table, index=False)
    answers, failures = predict_cohort(load_bundle(study / "out"), table, store=tmp_path / "store")
    refused = set(failures.loc[failures["code"] == "encoder_saw_it", "sample_id"])
    assert refused >= {"renamed", *labeled["sample_id"][1:]}
    rows_refused = answers.set_index("sample_id").loc[sorted(refused)]
    assert rows_refused["probability"].isna().all()
    assert set(rows_refused["note"]) == {"refused: an encoder was trained on it"}
    unknown = rows.loc[rows["idh"].isna(), "sample_id"]
    assert answers.set_index("sample_id").loc[unknown, "probability"].notna().any()


def test_weights_that_changed_are_refused(study, tmp_path):
    bundle = shutil.copytree(study / "out" / "bundle", tmp_path / "bundle")
    weights = next((bundle / "encoders").glob("*.safetensors"))
    raw = bytearray(weights.read_bytes())
    raw[-1] ^= 1
    weights.write_bytes(raw)
    with pytest.raises(BundleError, match="has changed"):
        verify_bundle(bundle)


def test_as_published_and_equation_4_to_the_letter_are_said_in_every_output(study):
    recipe = write_recipe(study, protocol="as_published", arms=())
    literally = 'difference = "literal_norm", training = "as_published"'
    recipe.write_text(recipe.read_text().replace("epochs = 20 }", f"epochs = 20, {literally} }}"))
    options = ["--store", str(study / "store"), "--out"]
    result = CliRunner().invoke(app, [str(recipe), *options, str(study / "ap")])
    assert result.exit_code == 0, result.output
    bundle, answers = study / "ap" / "bundle", study / "answers.csv"
    trained, literal, batched = read_description(bundle)["as_published"]
    asked = [str(bundle), *TRUSTING, str(study / "phantom" / "cohort.csv"), *options, str(answers)]
    predicted = CliRunner().invoke(predict_app, asked)
    page = (study / "ap" / "report.html").read_text()
    table = pd.read_csv(answers)["as_published"].unique()
    assert len(table) == 1
    for output in (result.output, predicted.output, (bundle / "card.md").read_text(), page, table[0]):
        assert "trained on them" in output
        assert "difference = literal_norm" in output
        assert "training = as_published" in output
    assert "trained on them" in trained
    assert "equation 4 as printed" in literal
    assert "never shuffled" in batched


def test_the_page_lists_the_files_that_were_written(study):
    page = (study / "out" / "report.html").read_text()
    entries = re.findall(r"<dt>(.*?)</dt>", page.split('id="files"')[1])
    listed = [name for entry in entries for name in re.findall(r"<code>(.+?)</code>", entry)]
    written = [path.name + "/" * path.is_dir() for path in (study / "out" / "bundle").iterdir()]
    assert sorted(listed) == sorted(written)


def test_an_encoder_can_be_a_member_of_its_own(study):
    recipe = write_recipe(study, join="members", protocol="as_published", constrained=(), arms=())
    out = run_recipe(recipe, out=study / "members", store=study / "store", report=False)
    scores = read_table(out / "bundle", "scores")
    assert {"t1ce", "t1cedeep", "flair", "flairdeep", "mean"} <= set(scores["model"])
    assert read_description(out / "bundle")["as_published"] == []  # no model learned from an encoder's output
    weights = read_table(out / "bundle", "fusion_weights")
    assert set(weights["member"]) == {"t1ce", "flair", "t1cedeep", "flairdeep", "(intercept)"}


EARLY = """
[[models]]
name = "all"
[[models]]
name = "elf"
kind = "early"
reads = ["deep"]
clinical = true
select = { method = "none" }
[[models]]
name = "elf_and_radiomics"
kind = "early"
reads = ["radiomics", "deep"]
select = { method = "none" }
"""


def test_a_head_learns_from_the_embeddings_of_all_networks_side_by_side(study, passes):
    recipe = write_recipe(study, constrained=(), arms=())
    text = re.sub(r"constrained.*\n|arms.*\n", "", recipe.read_text()).partition("[[tables]]")[0]
    recipe.write_text(text + EARLY)
    out = run_recipe(recipe, out=study / "early", store=study / "store", report=False)
    assert passes == []  # the networks are those of the first run, trained by themselves
    assert {"elf", "elf_and_radiomics", "all_mean"} <= set(read_table(out / "bundle", "scores")["model"])
    models = load_bundle(out).models["idh"]
    n_features = {name: models[name].model_.head_.n_features_in_ for name in ("elf", "elf_and_radiomics")}
    n_clinical = sum(name.startswith("clinical__") for name in pd.read_csv(study / "phantom" / "cohort.csv"))
    assert n_features == {"elf": 2 * 4 + n_clinical, "elf_and_radiomics": 2 * (3 + 4)}
    said = (out / "bundle" / "bundle.json").read_text()
    assert "embeddings of t1ce and flair, beside the columns of clinical" in said


def test_networks_stand_beside_harmonized_columns_as_members_and_in_a_constraint_fusion(study, tmp_path):
    shutil.copytree(study / "phantom", tmp_path / "phantom")
    table = tmp_path / "phantom" / "cohort.csv"
    rows = pd.read_csv(table, dtype=str)
    rows.assign(scanner=np.where(np.arange(len(rows)) % 5 < 2, "A", "B")).to_csv(table, index=False)
    recipe = write_recipe(tmp_path, join="members", arms=())
    recipe.write_text(recipe.read_text().replace("[deep]", '[harmonize]\nsite = "scanner"\n[deep]'))
    out = run_recipe(recipe, out=tmp_path / "out", store=study / "store", report=False)
    keys = ["model", "repeat", "sample_id"]
    ours, plain = (
        read_table(run / "bundle", "predictions").set_index(keys)["probability"] for run in (out, study / "out")
    )
    for name in ("t1ce", "flair"):
        networks = plain[f"deep_{name}"].loc[ours[f"{name}deep"].index]
        np.testing.assert_array_equal(ours[f"{name}deep"], networks)  # crops know no scanner
        radiomic = plain[f"radiomics_{name}"].loc[ours[name].index]
        assert np.abs(ours[name] - radiomic).max() > 1e-3
    assert np.abs(ours["constrained_method1"] - plain["constrained_method1"]).max() > 1e-3
    new = pd.read_csv(make_phantom_cohort(tmp_path / "new", n_patients=20, seed=9), dtype=str).iloc[:4]
    new = new.assign(sample_id="new-" + new["sample_id"], scanner=["A", "B", "C", "A"])
    new.assign(patient_id=new["sample_id"]).to_csv(tmp_path / "new" / "cohort.csv", index=False)
    answers, _ = predict_cohort(load_bundle(out), tmp_path / "new" / "cohort.csv", store=tmp_path / "store")
    assert answers[["probability", "t1cedeep", "constrained_method1"]].notna().all(axis=None)
    assert "scanner C is new to the model" in answers["note"][2]


def test_published_values_stand_beside_ours(study):
    rows = read_table(study / "out" / "bundle", "published")
    ours = rows[rows["model"] == "t1ce"].iloc[0]
    scores = read_table(study / "out" / "bundle", "scores").set_index(["model", "metric"])
    assert ours["value"] == scores.loc[("t1ce", "auc"), "value"]
    assert ours["published"] == 0.5


def test_the_order_of_the_table_does_not_move_a_number(study, tmp_path):
    shutil.copytree(study / "phantom", tmp_path / "phantom")
    table = tmp_path / "phantom" / "cohort.csv"
    pd.read_csv(table, dtype=str).sample(frac=1, random_state=0).to_csv(table, index=False)
    recipe = write_recipe(tmp_path, constrained=(), arms=())
    run_recipe(recipe, out=tmp_path / "out", store=tmp_path / "store", report=False)
    ours = read_table(tmp_path / "out" / "bundle", "predictions").set_index(["model", "sample_id"])["probability"]
    first = read_table(study / "out" / "bundle", "predictions").set_index(["model", "sample_id"])["probability"]
    np.testing.assert_array_equal(ours, first.loc[ours.index])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("tiny_encoder:Tiny", "san11"), "san1"),
        (("epochs = 1", "epoch = 1"), "epochs"),
        (('model = "t1ce"', 'model = "t1cee"'), "t1cee"),
        (('constrained = ["method1"]', 'constrained = ["method9"]'), "method1"),
        (("folds = 2\nsize", "folds = 9\nsize"), "folds = 9"),
        (("tiny_encoder:Tiny", "san10"), "san10_roi72"),
        (("tiny_encoder:Tiny", "torch.nn:Linear"), "needs the argument 'in_features'"),
        (("{ epochs = 20 }", "{ epoch = 20 }"), "no option 'epoch'.*epochs"),
        (("{ epochs = 20 }", '{ epochs = "20" }'), "'epochs' parameter"),
        (('constrained = ["method1"]', 'constrained = ["method3"]'), "needs the modality t1,"),
        (('"quick.json"', '"none"'), "t1ce has no radiomic features"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_computed(study, tmp_path, change, expected):
    recipe = write_recipe(tmp_path, arms=("deep", "radiomics"))
    shutil.copytree(study / "phantom", tmp_path / "phantom")
    recipe.write_text(recipe.read_text().replace(*change))
    with pytest.raises((RequestError, CohortError), match=expected):
        run_recipe(recipe, out=tmp_path / "out", store=tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_a_modality_too_rare_to_cross_fit_is_refused_before_encoders_are_trained(study, tmp_path):
    shutil.copytree(study / "phantom", tmp_path / "phantom")
    table = tmp_path / "phantom" / "cohort.csv"
    rows = pd.read_csv(table, dtype=str)
    positive = rows.index[(rows["idh"] == "1") & rows["flair__image"].notna()]
    rows.loc[positive[4:], "flair__image"] = None
    rows.to_csv(table, index=False)
    recipe = write_recipe(tmp_path, constrained=(), arms=())
    recipe.write_text(recipe.read_text().replace("folds = 2\n", "folds = 3\n"))
    with pytest.raises(CohortError, match="A tumor crop of flair is present in 3 patients of the smaller"):
        run_recipe(recipe, out=tmp_path / "out", store=study / "store")
