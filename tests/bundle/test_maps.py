"""Maps of a bundle's networks: in the patient's own voxels, the same answer beside them, and refusals in sentences."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from click.testing import Result
from typer.testing import CliRunner

pytest.importorskip("torch")

import torch

from radiofuse.bundle.maps import Asked, _class_of, _Looking
from radiofuse.bundle.networks import networks_of
from radiofuse.commands.predict import app
from radiofuse.datasets import make_phantom_cohort
from radiofuse.deep.encoders.by_name import make_encoder
from radiofuse.deep.maps.controls import untrained
from radiofuse.deep.maps.network_maps import KINDS, NetworkMap
from radiofuse.errors import BundleError, RequestError
from radiofuse.experiment.run import run_recipe
from radiofuse.statistics.localization import CENTER, RANDOM, TRAINED
from radiofuse.tables.outcomes import Outcome
from tests.trusting import TRUSTING, load_bundle

RECIPE = """
seed = 3
[cohort]
table = "phantom/cohort.csv"
label = "idh"
modalities = ["t1ce", "flair"]
[radiomics]
settings = "none"
[deep]
encoder = "{encoder}"
size = 32
training = {{ epochs = 1, batch_size = 8 }}
join = "members"
{more}
[[models]]
kind = "late"
reads = ["deep"]
[fusion]
combine = ["mean"]
calibrate = false
[evaluation]
folds = 2
repeats = 1
resamples = 100
"""
STACK = 'channels = ["t1ce", "flair"]\nslices = "middle"\nname = "both"\noptions = { width = 0.03, dropout = 0.3 }'
CROPS = "slices = 2\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: None) -> Path:
    """Two bundles, ``stack`` without masks and ``crops`` with them; and new patients."""
    home = tmp_path_factory.mktemp("maps")
    make_phantom_cohort(home / "phantom", n_patients=14, seed=1)
    make_phantom_cohort(home / "new", n_patients=8, seed=9)
    for name, encoder, more in (("stack", "vgg16_attention", STACK), ("crops", "tiny_encoder:Tiny", CROPS)):
        recipe = home / f"{name}.toml"
        recipe.write_text(RECIPE.format(encoder=encoder, more=more))
        run_recipe(recipe, out=home / name, store=home / "store", report=False)
    return home


@pytest.fixture(scope="module")
def folder(home: Path) -> Path:
    """The folder of one new patient with a segmentation."""
    row = pd.read_csv(home / "new" / "cohort.csv").dropna().iloc[-1]
    place = home / "P7"
    place.mkdir()
    for name in ("t1ce", "flair"):
        shutil.copy(home / "new" / row[f"{name}__image"], place / f"{name}.nii.gz")
    shutil.copy(home / "new" / row["mask"], place / "seg.nii.gz")
    return place


def predict(home: Path, bundle: str, *more: str | Path) -> Result:
    return CliRunner().invoke(app, [str(home / bundle), *TRUSTING, "--store", str(home / "store"), *map(str, more)])


def test_a_patients_maps_lie_on_the_patients_grid_and_change_no_number(
    home: Path, folder: Path, tmp_path: Path
) -> None:
    done = predict(home, "stack", "--patient", folder, "--out", tmp_path / "plain.json")
    assert done.exit_code == 0, done.output
    options = ["--maps", tmp_path / "maps", "--out", tmp_path / "maps.json", "--dropout-passes", "3"]
    done = predict(home, "stack", "--patient", folder, *options)
    assert done.exit_code == 0, done.output
    plain, told = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("plain", "maps"))
    assert plain["outcomes"] == told["outcomes"] and "maps" not in plain
    maps = {one["map"]: one for one in told["maps"]["maps"]}
    assert list(maps) == ["attention_pool3", "attention_pool4", "grad_cam", "integrated_gradients"]
    assert "speaks for it" in maps["integrated_gradients"]["says"] and "idh = 1" in maps["grad_cam"]["says"]
    assert "whichever class" in maps["attention_pool3"]["says"]
    assert maps["integrated_gradients"]["gap"] < 0.1
    image = nibabel.load(folder / "t1ce.nii.gz")
    for one in maps.values():
        assert Path(one["picture"]).read_bytes()[1:4] == b"PNG"
        for path in one["volumes"]:
            volume = nibabel.load(path)
            assert volume.shape == image.shape and np.allclose(volume.affine, image.affine, atol=1e-5)
    assert len(maps["integrated_gradients"]["volumes"]) == 2 and len(maps["grad_cam"]["volumes"]) == 1
    filled = np.flatnonzero(nibabel.load(maps["attention_pool3"]["volumes"][0]).get_fdata().any(axis=(0, 1)))
    assert filled[0] > 0 and filled[-1] < image.shape[2] - 1  # the middle slices, and nothing beyond
    (spread,) = told["maps"]["dropout_spread"]
    assert 0 < spread["mean"] < 1 and spread["sd"] > 0
    assert any("segmentation, which the model does not read" in note for note in told["maps"]["notes"])
    assert {row["weights"] for row in told["maps"]["localization"]} == {TRAINED, RANDOM, CENTER}
    assert "localizes nothing" in done.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["flair.nii.gz", "seg.nii.gz", "t1ce.nii.gz"]


def test_a_cohort_has_tables_of_localization(home: Path, tmp_path: Path) -> None:
    table, maps = home / "new" / "cohort.csv", tmp_path / "maps"
    for _ in range(2):  # what it wrote itself it replaces
        options = ["--out", tmp_path / "p.csv", "--maps", maps, "--map-kinds", "grad_cam"]
        done = predict(home, "crops", table, *options)
        assert done.exit_code in (0, 3), done.output  # the phantom lacks some images
    rows = pd.read_csv(maps / "localization.csv")
    assert set(rows["network"]) == {"t1ce", "flair"} and set(rows["map"]) == {"grad_cam"}
    measured = rows.dropna(subset="mass_inside")
    assert (measured["mass_inside"].between(0, 1) & measured["voxel_auc"].between(0, 1)).all()
    center = measured[measured["weights"] == CENTER]
    assert (center["voxel_auc"] > 0.6).all()  # crops are cut around the tumor: the middle is in it
    summary = pd.read_csv(maps / "localization_summary.csv")
    assert set(summary["against"].fillna("")) == {"", RANDOM, CENTER}
    listed = pd.read_csv(maps / "maps.csv")
    assert all(Path(path).is_file() for path in listed["picture"])
    without = predict(home, "crops", table, "--out", tmp_path / "q.csv")
    assert without.exit_code == done.exit_code
    assert (tmp_path / "q.csv").read_bytes() == (tmp_path / "p.csv").read_bytes()


def test_what_cannot_be_is_a_sentence(home: Path, folder: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "localization.csv").write_text("my,own\n")
    for options, words in [
        (
            ["--maps", tmp_path / "m", "--map-kinds", "grad_cam,heat"],
            "no maps of the kind 'heat'; the kinds are",
        ),
        (["--maps", tmp_path / "m", "--map-class", "7"], "No network tells a class '7'; the classes are 0, 1"),
        (["--dropout-passes", "3"], "keeps no multi-task network, and of other networks --dropout-passes goes with"),
        (["--maps", folder / "m"], "lies in the patient's folder"),
        (["--maps", home], "holds the input"),
        (["--maps", mine], "this command did not write it"),
    ]:
        done = predict(home, "stack", "--patient", folder, *options)
        assert (done.exit_code, words in " ".join(done.output.split())) == (2, True), done.output
    assert not (tmp_path / "m").exists()


def test_a_map_that_cannot_be_made_is_told_and_the_others_are_there(home: Path) -> None:
    network = networks_of(load_bundle(home / "crops"))[0]
    flat = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 2)).eval()
    looking, notes = _Looking(network, Asked(), flat, [*KINDS[1:]], []), []
    pictures = np.random.default_rng(0).normal(size=(2, 1, 8, 8)).astype(np.float32)
    for _ in range(2):
        made = looking._those_there(pictures, np.zeros_like(pictures[:1]), 1, notes)
        assert [one.name for one in made] == ["integrated_gradients"] and made[0].gap < 1e-5
    assert len(notes) == 1 and "no layer with a map of pixels" in notes[0]


def test_a_frozen_encoder_has_an_answer_and_no_maps(home: Path, folder: Path, tmp_path: Path) -> None:
    torch.save(make_encoder("tiny_encoder:Tiny", 0).state_dict(), home / "tiny.pt")
    more = f'output = "embedding"\nfolds = 2\noptions = {{ weights = "{home / "tiny.pt"}", frozen = true }}'
    members, columns = 'join = "members"', 'join = "columns"'
    recipe = RECIPE.format(encoder="tiny_encoder:Tiny", more=f"{CROPS}{more}").replace(members, columns)
    (home / "frozen.toml").write_text(recipe.replace('reads = ["deep"]\n', ""))
    run_recipe(home / "frozen.toml", out=home / "frozen", store=home / "store", report=False)
    done = predict(home, "frozen", "--patient", folder, "--out", tmp_path / "a.json", "--maps", tmp_path / "maps")
    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "a.json").read_text())
    assert told["outcomes"]["idh"] and told["maps"]["maps"] == told["maps"]["localization"] == []
    assert any("no answer to explain" in note for note in told["maps"]["notes"])
    control = untrained(networks_of(load_bundle(home / "frozen"))[0].estimator.encoder_)
    assert control(torch.zeros(1, 1, 8, 8)).shape == (1, 2)


def test_a_control_that_cannot_be_made_costs_its_rows_alone(
    home: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(trained: object) -> None:
        raise RequestError("The encoder has no random weights.")

    monkeypatch.setattr("radiofuse.bundle.maps.untrained", refused)
    options = ["--maps", tmp_path / "maps", "--map-kinds", "grad_cam", "--out", tmp_path / "a.json"]
    done = predict(home, "stack", "--patient", folder, *options)
    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "a.json").read_text())["maps"]
    assert {row["weights"] for row in told["localization"]} == {TRAINED, CENTER}
    assert any("not held against random weights: The encoder has no" in note for note in told["notes"])


@pytest.mark.parametrize("orientation", ["LPS", "RPI"])
def test_values_lie_where_they_were_cut_and_slices_count_as_the_file(
    home: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, orientation: str
) -> None:
    def itself(module: object, pictures: np.ndarray, *more: object, **options: object) -> list[NetworkMap]:
        return [NetworkMap("integrated_gradients", pictures, 0.0)]

    turned = tmp_path / "P7"
    turned.mkdir()
    for path in folder.iterdir():
        sitk.WriteImage(sitk.DICOMOrient(sitk.ReadImage(path), orientation), turned / path.name)
    monkeypatch.setattr("radiofuse.bundle.maps.network_maps", itself)
    options = ["--maps", tmp_path / "maps", "--map-kinds", "integrated_gradients", "--out", tmp_path / "a.json"]
    done = predict(home, "stack", "--patient", turned, *options)
    assert done.exit_code == 0, done.output
    (told,) = json.loads((tmp_path / "a.json").read_text())["maps"]["maps"]
    for path in map(Path, told["volumes"]):
        (name,) = (name for name in ("t1ce", "flair") if path.name.endswith(f"_{name}.nii.gz"))
        values, image = (sitk.GetArrayFromImage(sitk.ReadImage(one)) for one in (path, turned / f"{name}.nii.gz"))
        there = values != 0
        assert np.corrcoef(values[there], image[there])[0, 1] > 0.9
    tumor = sitk.GetArrayFromImage(sitk.ReadImage(turned / "seg.nii.gz")) > 0
    assert tumor[told["slice"]].sum() == max(tumor[number].sum() for number in np.flatnonzero(there.any(axis=(1, 2))))


def test_an_empty_map_has_no_measure_and_the_answer_is_json(
    home: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(module: object, pictures: np.ndarray, *more: object, **options: object) -> list[NetworkMap]:
        return [NetworkMap("grad_cam", np.zeros_like(pictures[:, :1]))]

    monkeypatch.setattr("radiofuse.bundle.maps.network_maps", nothing)
    options = ["--maps", tmp_path / "maps", "--map-kinds", "grad_cam", "--out", tmp_path / "a.json"]
    done = predict(home, "stack", "--patient", folder, *options)
    assert done.exit_code == 0, done.output
    rows = json.loads((tmp_path / "a.json").read_text())["maps"]["localization"]
    assert {row["weights"]: row["voxel_auc"] is None for row in rows} == {TRAINED: True, RANDOM: True, CENTER: False}


def test_of_several_classes_the_called_one_is_explained() -> None:
    rows = [("s1", "grade", "2", "4"), ("s1", "grade", "3", "4"), ("s1", "grade", "4", "4"), ("s2", "grade", "2", None)]
    table = pd.DataFrame(rows, columns=["sample_id", "outcome", "class", "call"])
    grade = Outcome("grade", ("2", "3", "4"), "multiclass")
    assert [_class_of(table, grade, name) for name in ("s1", "s2", "s3")] == ["4", "4", "4"]
    assert _class_of(table.assign(call="3"), grade, "s1") == "3"
    assert _class_of(table, Outcome("idh", ("wildtype", "mutant")), "s1") == "mutant"


def test_a_bundle_without_a_network_has_no_maps() -> None:
    class Plain:
        outcomes = ()

    with pytest.raises(BundleError, match=r"hold no network.*Leave --maps out"):
        networks_of(Plain())
