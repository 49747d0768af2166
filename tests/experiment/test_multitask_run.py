"""A multi-task network in a recipe: in the folds that the outcomes share, in the bundle, for new patients."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from sklearn.linear_model import LogisticRegression
from typer.testing import CliRunner

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parents[1] / "deep"))

from tiny_volumes import SIDE, write_cohort  # noqa: E402

from radiofuse.bundle.load import load_bundle  # noqa: E402
from radiofuse.bundle.missing_words import without_sequence  # noqa: E402
from radiofuse.bundle.multitask import multitask_networks, refuse_without_dropout  # noqa: E402
from radiofuse.bundle.new_rows import collect_rows  # noqa: E402
from radiofuse.bundle.one_patient import read_patient  # noqa: E402
from radiofuse.bundle.patient_view import view_patient  # noqa: E402
from radiofuse.bundle.predict import predict_cohort, read_new_patients  # noqa: E402
from radiofuse.bundle.read import read_description, read_table  # noqa: E402
from radiofuse.bundle.region_masks import masks_of_rows, segmenters_of  # noqa: E402
from radiofuse.commands.predict import app  # noqa: E402
from radiofuse.commands.run_words import describe_absences  # noqa: E402
from radiofuse.errors import BundleError, RequestError  # noqa: E402
from radiofuse.experiment.models.glossary import list_answers  # noqa: E402
from radiofuse.experiment.models.image_networks import network_words  # noqa: E402
from radiofuse.experiment.recipe.models import RecipeModel  # noqa: E402
from radiofuse.experiment.recipe.recipe import read_recipe  # noqa: E402
from radiofuse.experiment.run import run_recipe  # noqa: E402
from radiofuse.progress import silent  # noqa: E402
from radiofuse.report.patient.page import render_patient_page  # noqa: E402

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


def test_masks_that_others_made_than_those_of_training_are_noted(study, tmp_path):
    cohort = write_cohort(tmp_path / "new", 2, seed=9, names="n")
    table = pd.read_csv(cohort).drop(columns=["idh", "codel"])
    table.assign(mask_source=["", "U-Net 4f2a, mean of 2 folds"]).to_csv(cohort, index=False)
    assert read_description(study / "out" / "bundle")["mask_makers"] == []
    told, _ = predict_cohort(load_bundle(study / "out" / "bundle"), cohort, store=study / "new_store")
    notes = told.groupby("sample_id")["note"].first()
    assert notes["n00"] == "" and notes["n01"].startswith("its mask was made by U-Net 4f2a, those of training by")


def test_a_patient_without_a_sequence_is_told_that_the_others_answer_and_no_medians(study):
    about, rows = read_description(study / "out" / "bundle"), {"idh": {"probability": {"1": 0.4}, "models": {}}}
    assert about["protocol"]["steps"] == ["on_pictures"]
    said = without_sequence("flair", rows, about)
    assert "flair is missing: the network answers from the other sequences" in said and "median" not in said
    about["protocol"]["options"]["models"]["together"]["model"]["class"] = "LateFusion"
    assert "medians" in without_sequence("flair", rows, about)


def write_folder(place: Path) -> Path:
    """Write the folder of one new patient whose images are larger than the patches, seen from elsewhere."""
    row = pd.read_csv(write_cohort(place / "of", 1, seed=9, names="n")).loc[0]
    (place / "P1").mkdir()
    for column, name in (("t1__image", "t1"), ("flair__image", "flair"), ("mask", "seg")):
        larger = sitk.ConstantPad(sitk.ReadImage(str(place / "of" / row[column])), (0, 1, 2), (3, 2, 1), 0)
        sitk.WriteImage(sitk.DICOMOrient(larger, "RIP"), str(place / "P1" / f"{name}.nii.gz"))
    return place / "P1"


def test_masks_lie_on_the_patients_grid_and_say_what_was_not_looked_at(study, tmp_path):
    folder = write_folder(tmp_path)
    call = ["--patient", folder, "--out", tmp_path / "a.json", "--masks", tmp_path / "m", "--store", tmp_path / "store"]
    done = CliRunner().invoke(app, [str(study / "out"), *map(str, call)])
    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "a.json").read_text())["masks"]
    (one,) = told["masks"]
    image, mask = nibabel.load(folder / "t1.nii.gz"), nibabel.load(one["mask"])
    assert mask.shape == image.shape and np.allclose(mask.affine, image.affine, atol=1e-5)
    labels, voxel_ml = np.asarray(mask.dataobj), np.prod(image.header.get_zooms()) / 1000
    assert one["mask_regions"] == "NCR=1 ED=2 ET=3" and set(np.unique(labels)) <= {0, 1, 2, 3}
    volumes = {"WT": [1, 2, 3], "TC": [1, 3], "ET": [3], "NCR": [1], "ED": [2]}
    assert one["volumes_ml"] == pytest.approx({k: np.isin(labels, v).sum() * voxel_ml for k, v in volumes.items()})
    assert labels.any() and one["looked_at"] == pytest.approx(SIDE**3 / labels.size)
    said = "% of the image was looked at, a patch of 8 x 8 x 8 voxels around the segmentation that was given"
    assert said in one["note"] and said in " ".join(done.stderr.split())
    table = pd.read_csv(tmp_path / "m" / "volumes.csv")
    assert table.set_index("region")["volume_ml"].to_dict() == pytest.approx(one["volumes_ml"])


def test_the_mask_of_a_patch_is_what_the_network_drew_turned_as_the_file_is(study, tmp_path):
    folder = write_folder(tmp_path)
    bundle = load_bundle(study / "out" / "bundle")
    rows = collect_rows(bundle, read_patient(bundle, folder).cohort, store=tmp_path / "store", progress=silent)
    (made,) = masks_of_rows(rows)
    (network,) = segmenters_of(rows.bundle)
    classes = network.estimator.draw_regions(rows.X, flips=True)[0].classes
    upright = sitk.GetImageFromArray(made.labels)
    upright.CopyInformation(made.placing.grid)
    voxels = sitk.GetArrayFromImage(sitk.DICOMOrient(upright, "LPS")).T
    region = sitk.GetArrayFromImage(sitk.DICOMOrient(sitk.ReadImage(str(folder / "seg.nii.gz")), "LPS")).T
    spans = [np.flatnonzero(region.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    starts = [(span[0] + span[-1] + 1 - SIDE) // 2 for span in spans]
    expected, padded = np.zeros_like(voxels), np.pad(voxels, SIDE)
    cut = padded[tuple(slice(start + SIDE, start + 2 * SIDE) for start in starts)]
    inside = np.pad(np.ones_like(expected), SIDE)[tuple(slice(start + SIDE, start + 2 * SIDE) for start in starts)]
    assert (cut == classes * inside).all() and voxels.sum() == cut.sum()
    view = view_patient(rows, read_patient(bundle, folder))
    (told,) = view.told["drawn_regions"]
    assert told["network"] == made.network and told["volumes_ml"] == made.volumes_ml and told["note"] == made.note
    page = render_patient_page(view.told, view.pictures)
    assert "as the network together drew it" in page and "looked at by no expert" in page
    shown, drawn = view.pictures, view.pictures.drawn["together"]["WT"]
    share_shown = drawn.sum() * np.prod(shown.grid.GetSpacing()) / 1000 / made.volumes_ml["WT"]
    assert 0.8 < share_shown < 1.25 and (drawn & shown.regions["WT"]).any()


def test_a_table_has_the_volumes_beside_and_samples_that_the_network_knows_get_no_mask(study, tmp_path):
    new = pd.read_csv(write_cohort(tmp_path / "new", 2, seed=9, names="n"))
    known = pd.read_csv(study / "cohort" / "cohort.csv").head(1)
    for column in ("t1__image", "flair__image", "mask"):
        known[column] = str(study / "cohort") + "/" + known[column]
    pd.concat([new, known]).drop(columns=["idh", "codel"]).to_csv(tmp_path / "new" / "cohort.csv", index=False)
    call = [tmp_path / "new" / "cohort.csv", "--out", tmp_path / "p.csv", "--masks", tmp_path / "m"]
    done = CliRunner().invoke(app, [str(study / "out"), *map(str, call), "--store", str(tmp_path / "store")])
    assert done.exit_code == 3, done.output  # s00 was trained on
    assert "Without a mask, since the network has no patch of them: s00." in " ".join(done.stderr.split())
    told = pd.read_csv(tmp_path / "p.csv").set_index("sample_id")
    volumes = pd.read_csv(tmp_path / "m" / "volumes.csv").pivot(index="sample_id", columns="region", values="volume_ml")
    assert told.loc["s00", "together_WT_ml"].isna().all()
    assert (told.loc[["n00", "n01"], "together_WT_ml"] == volumes["WT"].repeat(2)).all()
    others = tmp_path / "others"
    others.mkdir()
    (others / "mine.nii.gz").write_text("")
    call[-1] = others
    refused = CliRunner().invoke(app, [str(study / "out"), *map(str, call)])
    assert refused.exit_code == 2 and "holds files, and none is the masks.csv" in " ".join(refused.stderr.split())


def test_passes_with_dropout_are_told_of_every_outcome_beside_its_probability(study, tmp_path):
    cohort = write_cohort(tmp_path / "new", 2, seed=9, names="n")
    pd.read_csv(cohort).drop(columns=["idh", "codel"]).to_csv(cohort, index=False)
    call = [cohort, "--out", tmp_path / "p.csv", "--dropout-passes", 4, "--store", tmp_path / "store"]
    done = CliRunner().invoke(app, [str(study / "out"), *map(str, call)])
    assert done.exit_code == 0, done.output
    told = pd.read_csv(tmp_path / "p.csv").set_index(["sample_id", "outcome"])
    assert (told["together_dropout_sd"] > 0).all() and "not the error of the model" in " ".join(done.stderr.split())
    assert "together(t1)" in told
    bundle = load_bundle(study / "out" / "bundle")
    rows = collect_rows(bundle, read_new_patients(bundle, cohort), store=tmp_path / "store", progress=silent)
    (network,) = multitask_networks(rows.bundle)
    idh = network.estimator.dropout_passes(rows.X, 4)[0][:, :, 1]
    np.testing.assert_allclose(told.xs("idh", level="outcome")["together_dropout_mean"], idh.mean(axis=0))
    call[2:3] = [tmp_path / "p.json", "--masks", tmp_path / "m"]
    assert CliRunner().invoke(app, [str(study / "out"), *map(str, call)]).exit_code == 0
    answers = {one["sample_id"]: one for one in json.loads((tmp_path / "p.json").read_text())}
    for sample, of in answers.items():
        found = {row["outcome"]: row["mean"] for row in of["dropout_spread"] if row["sample_id"] == sample}
        assert len(of["dropout_spread"]) == len(found) and list(of["outcomes"]) == list(found)
        assert found["idh"] == pytest.approx(told.loc[(sample, "idh"), "together_dropout_mean"])
        (mask,) = of["masks"]["masks"]
        assert mask["sample_id"] == sample and mask["volumes_ml"]["WT"] > 0
    assert list(answers) == ["n00", "n01"]
    with pytest.raises(RequestError, match="The bundle keeps no multi-task network"):
        refuse_without_dropout(replace(rows.bundle, models={}), needed=True)


def test_a_bundle_none_of_whose_models_draws_regions_is_refused_before_anything_is_read(study):
    bundle = load_bundle(study / "out" / "bundle")
    without = {name: {"trivial": model} for name, model in enumerate([LogisticRegression()])}
    with pytest.raises(BundleError, match="No model of the bundle draws regions"):
        segmenters_of(replace(bundle, models=without))


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
