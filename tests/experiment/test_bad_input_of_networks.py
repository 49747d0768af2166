"""Images, labels, files and encoders that a network cannot take: one sentence each, or the run goes on without."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd
import pytest
import SimpleITK as sitk

torch = pytest.importorskip("torch")

from safetensors.torch import save_file  # noqa: E402

from radiofuse.bundle.read import read_table  # noqa: E402
from radiofuse.datasets import make_phantom_cohort  # noqa: E402
from radiofuse.deep.encoders.by_name import make_encoder  # noqa: E402
from radiofuse.errors import CohortError, RadiofuseError, RequestError  # noqa: E402
from radiofuse.experiment.run import run_recipe  # noqa: E402

RECIPE = """
[cohort]
table = "phantom/{table}.csv"
label = "idh"
modalities = ["t1ce", "flair"]
[radiomics]
settings = "none"
[deep]
encoder = "{encoder}"
channels = ["t1ce", "flair"]
options = {options}
size = 24
join = "members"
training = {{ epochs = 1, batch_size = 8 }}
[[models]]
kind = "late"
reads = ["deep"]
combine = ["mean"]
calibrate = false
[evaluation]
folds = 3
repeats = 1
resamples = 100
"""

pytestmark = pytest.mark.usefixtures("tiny_encoder")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bad")
    make_phantom_cohort(folder / "phantom", n_patients=24, seed=1)
    return folder


@pytest.fixture
def rows(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "phantom" / "cohort.csv", dtype=str)


def run(
    folder: Path, rows: pd.DataFrame, name: str, encoder: str = "tiny_encoder:TinyOfChannels", options: str = "{}"
) -> Path:
    rows.to_csv(folder / "phantom" / f"{name}.csv", index=False)
    recipe = folder / f"{name}.toml"
    recipe.write_text(RECIPE.format(table=name, encoder=encoder, options=options))
    run_recipe(recipe, out=folder / name, store=folder / "store", report=False)
    return folder / name / "bundle"


def test_a_run_goes_on_without_a_broken_image_and_a_missing_channel_and_in_smaller_batches(
    folder: Path, rows: pd.DataFrame, caplog: pytest.LogCaptureFixture
) -> None:
    broken, lacking = rows[rows["idh"].notna()].drop_duplicates("patient_id").index[[0, 1]]
    image = sitk.Cast(sitk.ReadImage(str(folder / "phantom" / rows.at[broken, "flair__image"])), sitk.sitkFloat32)
    image[3, 3, 3] = float("nan")
    sitk.WriteImage(image, str(folder / "phantom" / "broken_flair.nii.gz"))
    rows.loc[broken, "flair__image"] = "broken_flair.nii.gz"
    rows.loc[lacking, "flair__image"] = None
    with caplog.at_level(logging.WARNING):
        bundle = run(folder, rows, "goes_on", "odd_encoders:Greedy")
    failures = read_table(bundle, "failures").set_index("sample_id")
    assert set(failures.index) == set(rows.loc[[broken, lacking], "sample_id"])
    told = failures.loc[rows.at[broken, "sample_id"]]
    assert (told["modality"], told["code"]) == ("stack", "not_finite")
    assert "broken_flair.nii.gz has 1 NaN or infinite voxel. Repair or export it again" in told["message"]
    told = failures.loc[rows.at[lacking, "sample_id"]]
    assert (told["modality"], told["code"]) == ("stack", "channel_missing")
    assert "flair absent, and it is a channel" in told["message"]
    answered = set(read_table(bundle, "predictions")["sample_id"])
    assert answered == set(rows.loc[rows["idh"].notna(), "sample_id"]) - set(failures.index)
    assert any("does not hold batches of 8; batches of 4 now" in message for message in caplog.messages)
    assert any("does not hold batches of 4; batches of 2 now" in message for message in caplog.messages)


def test_one_class_and_three_patients_are_refused(folder: Path, rows: pd.DataFrame) -> None:
    with pytest.raises(CohortError, match="Every known idh is 1. Both 0 and 1 are needed"):
        run(folder, rows.assign(idh="1"), "one_class")
    patients = rows.dropna(subset="idh").drop_duplicates("patient_id").sort_values("idh")
    three = pd.concat([patients.head(2), patients.tail(1)])
    with pytest.raises(CohortError, match=r"fewer patients than the 3 folds: 0 \(2 patients\), 1 \(1 patient\)"):
        run(folder, three, "three_patients")


@pytest.mark.parametrize(
    ("encoder", "sentence"),
    [
        ("odd_encoders:OtherWidth", r"OtherWidth.* \(1, 4\) .*\(1, 9\) was expected"),
        ("odd_encoders:Unpooled", r"Unpooled.* \(1, 8, 11, 11\) .*\(1, 4\) was expected"),
    ],
)
def test_an_embedding_of_another_shape_is_refused_before_anything_is_made(
    tmp_path: Path, folder: Path, rows: pd.DataFrame, encoder: str, sentence: str
) -> None:
    with pytest.raises(RequestError, match=sentence):
        run(folder, rows, "shape", encoder)
    assert not (folder / "shape").exists()


def test_weights_that_do_not_belong_to_the_encoder_are_refused_before_anything_is_made(
    tmp_path: Path, folder: Path, rows: pd.DataFrame
) -> None:
    weights = tmp_path / "mobilenet.safetensors"
    options = f"{{ width = 0.1, weights = '{weights}' }}"
    save_file(make_encoder("mobilenet_v2", 0, options={"width": 0.1}).state_dict(), weights)
    another = r"mobilenet.safetensors are those of another architecture: \d+ tensors do not fit VGG16Attention, first"
    with pytest.raises(RadiofuseError, match=another):
        run(folder, rows, "foreign", "vgg16_attention", options)
    weights.write_bytes(b"no weights")
    with pytest.raises(RadiofuseError, match="mobilenet.safetensors cannot be read as weights"):
        run(folder, rows, "foreign", "vgg16_attention", options)
    assert not (folder / "foreign").exists()
