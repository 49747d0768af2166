"""Networks on arrays, end to end on a small phantom: several modalities as channels, slices without a mask."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

torch = pytest.importorskip("torch")

from radiofuse.bundle.pictures import needs_masks as of_bundle  # noqa: E402
from radiofuse.bundle.predict import predict_cohort  # noqa: E402
from radiofuse.bundle.read import read_description, read_table  # noqa: E402
from radiofuse.datasets import make_phantom_cohort  # noqa: E402
from radiofuse.errors import CohortError, RequestError  # noqa: E402
from radiofuse.experiment.models.networks import describe_pictures  # noqa: E402
from radiofuse.experiment.models.networks import needs_masks as of_recipe  # noqa: E402
from radiofuse.experiment.recipe.recipe import read_recipe  # noqa: E402
from radiofuse.experiment.run import run_recipe  # noqa: E402
from radiofuse.fuse import holders  # noqa: E402
from radiofuse.report import write_report  # noqa: E402
from tests.trusting import load_bundle  # noqa: E402

QUICK = {
    "imageType": {"Original": {}},
    "featureClass": {"firstorder": ["Mean", "Variance", "Skewness"]},
    "setting": {"normalize": True, "normalizeScale": 100, "binWidth": 5},
}
RECIPE = """
seed = 3
[cohort]
table = "phantom/cohort.csv"
label = "idh"
modalities = ["t1ce", "flair"]
[radiomics]
settings = {settings}
[deep]
encoder = "tiny_encoder:TinyOfChannels"
size = 24
training = {{ epochs = 1, batch_size = 8 }}
{deep}
[fusion]
combine = ["mean"]
calibrate = false
[evaluation]
folds = 3
repeats = 1
resamples = 100
{more}
"""


def run(folder: Path, name: str, deep: str, *, settings: str = '"quick.json"', more: str = "") -> Path:
    (folder / "quick.json").write_text(json.dumps(QUICK))
    recipe = folder / f"{name}.toml"
    recipe.write_text(RECIPE.format(deep=deep, settings=settings, more=more))
    run_recipe(recipe, out=folder / name, store=folder / "store", report=False)
    return folder / name / "bundle"


pytestmark = pytest.mark.usefixtures("tiny_encoder")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("arrays")
    make_phantom_cohort(folder / "phantom", n_patients=24, seed=1)
    make_phantom_cohort(folder / "new", n_patients=8, seed=9)
    return folder


@pytest.fixture(scope="module")
def stacked(folder: Path) -> Path:
    """The bundle of a network of two channels that needs no mask, beside nothing else."""
    deep = 'channels = ["t1ce", "flair"]\nslices = "middle"\njoin = "members"\nintensities = "nyul"'
    return run(folder, "stacked", deep, settings='"none"', more='[[models]]\nkind = "late"\nreads = ["deep"]')


def new_patients(folder: Path, *, with_masks: bool) -> Path:
    """Write a table of new patients, their ids other than those of training."""
    table = pd.read_csv(folder / "new" / "cohort.csv").drop(columns="idh")
    for column in ("sample_id", "patient_id"):
        table[column] = "new-" + table[column]
    path = folder / "new" / f"masks_{with_masks}.csv"
    (table if with_masks else table.drop(columns=[c for c in table if "mask" in c])).to_csv(path, index=False)
    return path


def test_a_network_of_several_channels_answers_by_its_name_and_was_trained_on_others(stacked: Path) -> None:
    predictions = read_table(stacked, "predictions")
    assert {"stack", "mean"} <= set(predictions["model"])
    about = read_description(stacked)
    assert about["modalities"] == ["stack"] and about["columns"] == ["stack__crop"]
    assert about["settings"]["pictures"]["channels"] == {"stack": ["t1ce", "flair"]}
    held = holders(*load_bundle(stacked).models.values())
    (encoder,) = [one for one in held if hasattr(one, "encoder_")]
    assert encoder.encoder_.card["scaling"]["method"] == "nyul" and encoder.encoder_.options == {"channels": 2}
    both = predictions.drop_duplicates("sample_id")["sample_id"]
    assert encoder.training_ids() <= set(both)


def test_new_patients_need_no_mask_and_training_patients_are_refused(folder: Path, stacked: Path) -> None:
    table = new_patients(folder, with_masks=False)
    bundle = load_bundle(stacked)
    predictions, failures = predict_cohort(bundle, table, store=folder / "store")
    assert predictions["probability"].notna().sum() + len(failures) >= 8
    again, _ = predict_cohort(bundle, table, store=folder / "another_store")
    pd.testing.assert_frame_equal(predictions, again)
    known, refused = predict_cohort(bundle, folder / "phantom" / "cohort.csv", store=folder / "store")
    assert set(refused["code"]) >= {"encoder_saw_it"}
    trained = known["sample_id"].isin(read_table(stacked, "predictions")["sample_id"])
    assert known.loc[trained, "probability"].isna().all()


def test_a_stack_joins_the_radiomics_as_a_member_or_as_a_chain_of_its_own(folder: Path) -> None:
    deep = 'channels = ["t1ce", "flair"]\njoin = "members"\nslices = 2\naggregate = "attention"'
    members = run(folder, "members", deep, more='[[models]]\n[[models]]\nname = "net"\nreads = ["deep"]')
    columns = run(
        folder, "columns", 'channels = ["t1ce", "flair"]\njoin = "columns"\nfolds = 2\nname = "both"\ncut = "image"'
    )
    assert {"t1ce", "flair", "stack", "mean"} <= set(read_table(members, "predictions")["model"])
    of_stack = read_table(members, "scores").query("model == 'stack'").set_index("metric")
    assert of_stack.at["slice_auc", "n_samples"] == 2 * of_stack.at["auc", "n_samples"]
    assert of_stack.at["slice_auc", "n_patients"] == of_stack.at["auc", "n_patients"]
    assert of_stack.at["slice_auc", "low"] <= of_stack.at["slice_auc", "value"] <= of_stack.at["slice_auc", "high"]
    page = write_report(members, folder / "members.html").read_text()
    assert "AUC of slices" in page and "slices of a patient are not independent" in page
    of_slices = read_table(members, "scores").query("metric == 'slice_auc'")
    assert set(of_slices["model"]) == {"stack", "net_stack"}
    assert {"t1ce", "flair", "both", "mean"} <= set(read_table(columns, "predictions")["model"])
    selected = read_table(columns, "selected_features")
    assert selected.loc[selected["modality"] == "both", "feature"].str.startswith("tinyofchannels_").all()
    assert read_description(columns)["n_features"] == {"flair": 3, "t1ce": 3, "both": 4}
    new, _ = predict_cohort(load_bundle(columns), new_patients(folder, with_masks=True), store=folder / "store")
    assert new["probability"].notna().all()


def test_each_modality_may_have_whole_slices_of_another_plane(folder: Path) -> None:
    bundle = run(folder, "planes", 'plane = "coronal"\ncut = "image"\njoin = "members"')
    assert {"t1ce", "t1cedeep", "flairdeep", "mean"} <= set(read_table(bundle, "predictions")["model"])


@pytest.mark.parametrize(
    ("deep", "needed"), [("dimensions = 3", True), ('slices = "middle"', False), ('channels = ["t1ce", "flair"]', True)]
)
def test_a_cube_around_the_tumor_needs_its_mask_in_training_and_of_new_patients(
    tmp_path: Path, deep: str, needed: bool
) -> None:
    path = tmp_path / "masks.toml"
    path.write_text(RECIPE.format(deep=deep, settings='"none"', more='[[models]]\nkind = "late"\nreads = ["deep"]'))
    recipe = read_recipe(path)
    assert of_recipe(recipe) == needed
    pictures = {"made": describe_pictures(recipe), "channels": {"t1ce": ["t1ce"]}}
    assert of_bundle({"settings": {"radiomics": None, "crops": None, "pictures": pictures}}) == needed


@pytest.mark.parametrize(
    ("deep", "sentence"),
    [
        ('channels = ["t1ce", "t1c"]', "channels under .deep. name 't1c', .* Did you mean 't1ce'"),
        ('channels = ["t1ce", "flair"]\nname = "flair"', "both called 'flair'"),
        ('slices = "middle"\ncut = "tumor"', 'needs no mask and cut = "tumor" needs one'),
        ('slices = "middle"\naggregate = "largest"', "aggregate = .largest. asks which slice has most tumor"),
        ('dimensions = 3\nplane = "axial"', "leave slices, cut and plane out"),
        ('name = "stack"', "name is that of the network of several channels"),
        ('channels = ["t1ce", "flair"]\noptions = { width = 2 }', "no option 'width'"),
        ("dimensions = 3", "cannot embed one picture of 24 x 24 x 24 pixels"),
    ],
)
def test_what_networks_cannot_read_is_refused_before_anything_is_made(
    folder: Path, tmp_path: Path, deep: str, sentence: str
) -> None:
    with pytest.raises((RequestError, CohortError), match=sentence):
        run(folder, "refused", deep)
    assert not (folder / "refused").exists()
