"""A multi-task network in a recipe: in the folds that the outcomes share, in the bundle, for new patients."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parents[1] / "deep"))

from tiny_volumes import SIDE, write_cohort  # noqa: E402

from radiofuse.bundle.load import load_bundle  # noqa: E402
from radiofuse.bundle.predict import predict_cohort  # noqa: E402
from radiofuse.bundle.read import read_description, read_table  # noqa: E402
from radiofuse.commands.one_patient import without_sequence  # noqa: E402
from radiofuse.commands.run_words import describe_absences  # noqa: E402
from radiofuse.errors import RequestError  # noqa: E402
from radiofuse.experiment.models.glossary import list_answers  # noqa: E402
from radiofuse.experiment.models.image_networks import network_words  # noqa: E402
from radiofuse.experiment.recipe.models import RecipeModel  # noqa: E402
from radiofuse.experiment.recipe.recipe import read_recipe  # noqa: E402
from radiofuse.experiment.run import run_recipe  # noqa: E402

SIZES = "widths = [4, 8], blocks = [1, 1], dim = 8, heads = 2, mlp = 8, of_bottom = 4, of_tokens = 4, shared = 4"
RECIPE = """
seed = 1
[cohort]
table = "cohort/cohort.csv"
modalities = ["t1", "flair"]
[[outcomes]]
column = "idh"
[[outcomes]]
column = "codel"
[radiomics]
settings = "none"
[deep]
size = {size}
dimensions = {dimensions}
over = "image"
device = "cpu"
training = {{ epochs = 2, batch_size = 4, rotation_deg = 0.0 }}
[evaluation]
folds = 2
repeats = 1
resamples = 100
[[models]]
name = "together"
kind = "multitask"
subsets = "all"
options = {{ tumor_cutmix = 0.5, {more} options = {{ {sizes}, hidden = [4] }} }}
[[models]]
name = "alone"
kind = "multitask"
together = false
keep = false
options = {{ regions = false, uncertainty_weighted = "off", options = {{ {sizes}, hidden = [4] }} }}
"""


def write(folder: Path, *, dimensions=3, size=SIDE, more="") -> Path:
    recipe = folder / "recipe.toml"
    recipe.write_text(RECIPE.format(size=size, dimensions=dimensions, more=more, sizes=SIZES))
    return recipe


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("multitask_run")
    write_cohort(folder / "cohort", 16)
    run_recipe(write(folder), out=folder / "out", store=folder / "store", report=False, n_jobs=1)
    return folder


def test_each_outcome_is_predicted_where_it_is_known_and_nowhere_else(study):
    predictions = read_table(study / "out" / "bundle", "predictions")
    counts = predictions[predictions["model"] == "together"].groupby("outcome")["sample_id"].nunique()
    assert counts.to_dict() == {"idh": 16, "codel": 13}
    assert {"together", "alone"} <= set(predictions["model"])
    assert predictions["probability"].between(0, 1).all()
    made = read_description(study / "out" / "bundle")["settings"]["pictures"]["made"]
    assert made == {"kind": "patch", "size": SIDE, "parts": True}


def test_the_page_says_what_the_network_is_and_the_bundle_how_it_weighs_the_sequences(study):
    said = {answer.name: answer for answer in list_answers(read_recipe(study / "recipe.toml"), ["t1", "flair"])}
    assert said["together"].title == "multi-task network of all outcomes on t1 and flair"
    assert "Tumor-CutMix with probability 0.5" in said["together"].does
    whole = RecipeModel(name="whole", kind="multitask", options={"whole": True})
    assert "patches of voxels and the whole volume beside each" in network_words(None, whole, "t1")[1]
    weights = read_table(study / "out" / "bundle", "fusion_weights")
    own = weights[(weights["model"] == "together") & (weights["fusion"] == "sequences")]
    assert set(own["member"]) == {"t1", "flair"}
    assert own.groupby("outcome")["weight"].sum().to_list() == pytest.approx([1, 1])


def test_the_bundle_answers_new_patients_and_refuses_those_it_was_trained_on(study):
    new = pd.read_csv(write_cohort(study / "new", 2, seed=9, names="n"))
    known = pd.read_csv(study / "cohort" / "cohort.csv").head(1)
    for column in ("t1__image", "flair__image", "mask"):
        known[column] = "../cohort/" + known[column]
    pd.concat([new, known]).drop(columns=["idh", "codel"]).to_csv(study / "new" / "cohort.csv", index=False)
    bundle = load_bundle(study / "out" / "bundle")
    predictions, failures = predict_cohort(bundle, study / "new" / "cohort.csv", store=study / "new_store")
    assert set(failures["code"]) == {"encoder_saw_it"} and set(failures["sample_id"]) == {"s00"}
    told = predictions.set_index("sample_id")["probability"]
    assert set(predictions["outcome"]) == {"idh", "codel"}
    assert told[["n00", "n01"]].notna().all() and told["s00"].isna().all()


def test_a_patient_without_a_sequence_is_told_that_the_others_answer_and_no_medians(study):
    about, rows = read_description(study / "out" / "bundle"), pd.DataFrame({"probability": [0.4]})
    assert about["protocol"]["steps"] == ["on_pictures"]
    said = without_sequence("flair", rows, about)
    assert "flair is missing: the network answers from the other sequences" in said and "median" not in said
    about["protocol"]["options"]["models"]["together"]["model"]["class"] = "LateFusion"
    assert "medians" in without_sequence("flair", rows, about)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dimensions": 2, "size": 8}, "reads patches of voxels, and dimensions under"),
        ({"more": 'fusion = "stacked",'}, "have no option 'fusion'; choose from"),
        ({"more": 'uncertainty_weighted = "sure",'}, "uncertainty_weighted"),
        ({"more": 'training = { balance = "sampler" },'}, "balance = 'sampler' is of networks of one outcome"),
        ({"more": "tumor_cutmix = 2,"}, "tumor_cutmix"),
        ({"more": 'self_distillation = "yes",'}, "true, false, or a table of options as { weight = 1.0 }; it is 'yes'"),
        (
            {"more": "self_training = { outcomes = { foo = {} } },"},
            "a gate of 'foo', which is none of the outcomes idh",
        ),
        ({"more": "regions"}, "An outcome is called 'regions', and so is another task"),
    ],
)
def test_what_a_recipe_cannot_ask_of_it_is_refused_before_any_work(tmp_path, options, words):
    write_cohort(tmp_path / "cohort", 4)
    if options.get("more") == "regions":
        text = write(tmp_path).read_text().replace('column = "codel"', 'column = "codel"\nname = "regions"')
        (tmp_path / "recipe.toml").write_text(text)
    elif "tumor_cutmix" in options.get("more", ""):
        text = write(tmp_path).read_text().replace("tumor_cutmix = 0.5", "tumor_cutmix = 2")
        (tmp_path / "recipe.toml").write_text(text)
    else:
        write(tmp_path, **options)
    with pytest.raises(RequestError, match=words):
        run_recipe(tmp_path / "recipe.toml", out=tmp_path / "out", store=tmp_path / "store", report=False)
    assert not (tmp_path / "store").exists()


def test_the_network_answers_from_every_set_of_sequences_and_the_screen_says_what_it_loses(study):
    predictions = read_table(study / "out" / "bundle", "predictions")
    assert {"together(t1)", "together(flair)"} <= set(predictions["model"])
    wide = predictions[predictions["outcome"] == "idh"].pivot(index="sample_id", columns="model", values="probability")
    assert (wide["together"] != wide["together(t1)"]).any() and wide["together(t1)"].notna().all()
    said = describe_absences(
        read_table(study / "out" / "bundle", "comparisons"), read_description(study / "out" / "bundle")
    )
    assert re.search(r"idh.*together without", said) and re.search(r"\bflair +[+-]\d", said), said


def test_a_recipe_trains_twice_on_patients_without_any_label_and_tests_on_none_of_them(study, tmp_path):
    table = pd.read_csv(study / "cohort/cohort.csv", dtype={"idh": object, "codel": object})
    table.loc[:3, ["idh", "codel"]] = np.nan
    table.to_csv(study / "cohort/fewer.csv", index=False)
    stages = "self_distillation = true, pretraining = { epochs = 1 }, self_training = { confidence = 0.5, spread = 1 },"
    text = write(study, more=stages).read_text().replace("cohort.csv", "fewer.csv")
    (study / "stages.toml").write_text(text.partition('[[models]]\nname = "alone"')[0])
    run_recipe(study / "stages.toml", out=tmp_path / "out", store=study / "store", report=False, n_jobs=1)
    predictions = read_table(tmp_path / "out" / "bundle", "predictions")
    assert set(predictions["sample_id"]) == set(table["sample_id"][4:])
    model = load_bundle(tmp_path / "out" / "bundle").models["idh"]["together"].model
    trained = model.model_.encoder_.training_ids
    assert set(table["sample_id"][:4]) <= set(trained)
