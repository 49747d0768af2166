"""The phantom cohort differs between classes by what it states, and is the same on every run."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from scipy.stats import norm, spearmanr

from radiofuse.datasets import make_phantom_cohort
from radiofuse.datasets.anatomy import RIM, SHAPE, SPACING_MM, Tumor, draw_mask
from radiofuse.datasets.phantom import MODALITIES, SEPARATION_SD, draw_truth
from radiofuse.errors import RequestError
from radiofuse.imaging import read_pair
from radiofuse.tables.cohort import read_cohort


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return make_phantom_cohort(tmp_path_factory.mktemp("phantom"), n_patients=30, seed=3).parent


@pytest.fixture(scope="module")
def cohort(folder) -> pd.DataFrame:
    return pd.read_csv(folder / "cohort.csv", keep_default_na=False)


@pytest.fixture(scope="module")
def truth(folder) -> pd.DataFrame:
    return pd.read_csv(folder / "truth.csv").set_index("sample_id")


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_same_seed_same_bytes_in_another_process(tmp_path):
    make_phantom_cohort(tmp_path / "a", n_patients=8, seed=5)
    command = [sys.executable, "-m", "radiofuse.datasets", "phantom", str(tmp_path / "b")]
    done = subprocess.run([*command, "--patients", "8", "--seed", "5"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(tmp_path / "b" / "cohort.csv")
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    make_phantom_cohort(tmp_path / "c", n_patients=8, seed=6)
    assert not set(digests(tmp_path / "a").values()) & set(digests(tmp_path / "c").values())


def test_columns_and_absences(cohort):
    images = [f"{modality}__image" for modality in MODALITIES]
    assert list(cohort) == [
        *("sample_id", "patient_id", "site", "idh", "clinical__age", "clinical__sex"),
        *(*images, "mask"),
    ]
    assert len(cohort) == 32 and cohort["patient_id"].nunique() == 30
    assert (cohort["patient_id"].value_counts() == 2).sum() == 2
    assert cohort.loc[cohort["idh"] == "", "patient_id"].nunique() == 2
    assert (cohort[images] == "").sum().sum() == 3
    assert (cohort[images] == "").sum(axis=1).max() == 1
    assert set(cohort["site"]) == {"north", "south", "west"}
    assert cohort["sample_id"].is_unique and cohort["sample_id"][0] == "phantom-001"


def test_the_door_for_cohorts_accepts_it(folder):
    table = read_cohort(folder / "cohort.csv", labels=["idh"], n_folds=3)
    assert len(table) == 32
    assert table.groupby("patient_id")["idh"].nunique().max() == 1


def test_every_pair_passes_the_gate_on_one_grid(folder, cohort):
    grids = set()
    for row in cohort.to_dict("records"):
        for modality in MODALITIES:
            if row[f"{modality}__image"]:
                pair = read_pair(folder / row[f"{modality}__image"], folder / row["mask"])
                assert pair.notes == ('Label "any" united 1, 2, 4.',)
                grids.add((pair.image.GetSize(), pair.image.GetSpacing(), pair.image.GetOrigin()))
    assert grids == {(SHAPE, SPACING_MM, (0.0, 0.0, 0.0))}


def test_says_that_it_is_synthetic(folder, cohort):
    assert "no patients" in (folder / "SYNTHETIC.md").read_text(encoding="utf-8")
    for path in folder.rglob("*.nii.gz"):
        assert nib.load(path).header["descrip"] == b"radiofuse synthetic phantom"
    assert cohort["sample_id"].str.startswith("phantom-").all()


def test_classes_differ_by_the_stated_amounts():
    """Mean difference over the pooled SD of 40,000 draws; its standard error is 0.01."""
    truth = draw_truth(40_000, np.random.default_rng(0))
    values = truth.rename(columns={"texture_mm_" + m: "texture_" + m for m in MODALITIES})
    values[[f"texture_{m}" for m in MODALITIES]] = np.log(values[[f"texture_{m}" for m in MODALITIES]])
    one, zero = values[values["idh"] == 1], values[values["idh"] == 0]
    for quantity, stated in SEPARATION_SD.items():
        pooled = np.sqrt((one[quantity].var() + zero[quantity].var()) / 2)
        assert (one[quantity].mean() - zero[quantity].mean()) / pooled == pytest.approx(stated, abs=0.05)
    for quantity in ("radius_mm", "sex"):
        pooled = np.sqrt((one[quantity].var() + zero[quantity].var()) / 2)
        assert abs(one[quantity].mean() - zero[quantity].mean()) / pooled < 0.05


def test_the_table_of_areas_in_the_docstring_follows_from_the_amounts():
    import radiofuse.datasets.phantom as module

    for stated in SEPARATION_SD.values():
        area = f"{norm.cdf(abs(stated) / np.sqrt(2)):.2f}".lstrip("0")
        assert f"{abs(stated)}    {area}" in module.__doc__
    images = [value for name, value in SEPARATION_SD.items() if name != "age"]
    together = np.linalg.norm(images)
    assert f"d = {together:.2f}, AUC {norm.cdf(together / np.sqrt(2)):.2f}".replace("0.", ".") in module.__doc__


def test_images_show_what_they_were_drawn_from(folder, cohort, truth):
    """Roughness within the tumor falls with texture_mm; the t1ce rim rises with rim_contrast."""
    roughness, length, rim, contrast = [], [], [], []
    for row in cohort.to_dict("records"):
        mask = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / row["mask"])))
        if row["flair__image"]:
            flair = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / row["flair__image"]))).astype(float)
            core = (mask[:, :, 1:] > 0) & (mask[:, :, :-1] == mask[:, :, 1:])
            roughness.append(np.diff(flair)[core].std() / flair[mask > 0].mean())
            length.append(truth.loc[row["sample_id"], "texture_mm_flair"])
        if row["t1ce__image"]:
            t1ce = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / row["t1ce__image"]))).astype(float)
            rim.append(t1ce[mask == RIM].mean() / np.median(t1ce[(mask == 0) & (t1ce > 0)]))
            contrast.append(truth.loc[row["sample_id"], "rim_contrast"])
    assert spearmanr(roughness, length).statistic < -0.7
    assert spearmanr(rim, contrast).statistic > 0.8


@pytest.mark.parametrize("radius_mm", [11.0, 16.0])
def test_every_tumor_has_core_edema_and_rim_in_one_piece(radius_mm):
    for seed in range(20):
        mask = draw_mask(Tumor(radius_mm, {}, 0.5, 1.0), np.random.default_rng(seed))
        assert set(np.unique(mask)) == {0, 1, 2, 4}
        pieces = sitk.ConnectedComponent(sitk.GetImageFromArray((mask > 0).astype(np.uint8)))
        assert sitk.GetArrayViewFromImage(pieces).max() == 1


@pytest.mark.parametrize("wrong", [{"n_patients": 7}, {"seed": -1}])
def test_wrong_numbers_are_a_wrong_request(tmp_path, wrong):
    with pytest.raises(RequestError, match="8 patients"):
        make_phantom_cohort(tmp_path / "none", **wrong)
    assert not (tmp_path / "none").exists()


def test_folder_that_is_a_file_is_a_wrong_request(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(RequestError, match="taken is no folder"):
        make_phantom_cohort(tmp_path / "taken")
