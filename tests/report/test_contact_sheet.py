"""The contact sheet shows every sample and tells what was planted: mirrored, copied, alike, empty and unreadable."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from typer.testing import CliRunner

from radiofuse.commands.cohort import app
from radiofuse.errors import ImageError
from radiofuse.imaging.portrait import SIDE, portrait
from radiofuse.report.sheet.page import contact_sheet
from tests.accessibility import faults

SHAPE = (24, 28, 32)


def smooth(seed: int, sigma: float = 3.0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=SHAPE).astype(np.float32)
    field = sitk.GetArrayFromImage(sitk.SmoothingRecursiveGaussian(sitk.GetImageFromArray(noise), sigma))
    return field / field.std()


COMMON = {"t1": smooth(1), "t2": smooth(2)}  # what all heads have in common, different on every side


def head(patient: int, modality: str) -> np.ndarray:
    """Return voxels (z, y, x) of one person."""
    return 100 + 10 * COMMON[modality] + 3 * smooth(100 + 10 * patient + (modality == "t2"))


def save(path: Path, voxels: np.ndarray) -> str:
    sitk.WriteImage(sitk.GetImageFromArray(voxels), str(path))
    return str(path)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    mask = np.zeros(SHAPE, np.uint8)
    mask[8:14, 10:18, 12:20] = 1
    rows = []
    for patient in range(8):
        images = {name: head(patient, name) for name in COMMON}
        own = mask.copy()
        if patient == 1:
            images["t1"] = images["t1"][:, :, ::-1]  # left and right exchanged, and the header says nothing of it
        if patient == 2:
            images["t2"] = images["t1"] * 2 + 5
        if patient == 3:
            images["t1"] = head(0, "t1") + 0.01
        if patient == 4:
            own[:] = 0
            own[8, 10, 12] = 1
        row = {"sample_id": f"P{patient}", "patient_id": f"P{patient}"}
        row |= {f"{name}__image": save(tmp_path / f"{patient}_{name}.nii.gz", one) for name, one in images.items()}
        rows.append(row | {"mask": save(tmp_path / f"{patient}_seg.nii.gz", own)})
    Path(rows[5]["t2__image"]).write_bytes(b"no image")
    pd.DataFrame(rows).to_csv(tmp_path / "cohort.csv", index=False)
    return tmp_path / "cohort.csv"


def test_what_was_planted_is_told_and_nothing_else(table: Path) -> None:
    out = table.parent / "sheet"
    result = CliRunner().invoke(app, ["sheet", str(table), "--out", str(out), "--jobs", "1"])
    assert result.exit_code == 3 and "15 images, 1 could not be read" in result.output
    page = (out / "sheet.html").read_text()
    told = {
        name: re.findall(r"<li>(.*?)</li>", row)
        for name, row in re.findall(r'<tr data-name="(P\d)"(.*?)</tr>', page, re.DOTALL)
    }
    assert [sentence.partition(" Mirrored")[0] for sentence in told["P1"]] == ["t1: left and right exchanged?"]
    assert [sentence.partition(" (")[0] for sentence in told["P2"]] == ["t1 and t2 look alike"]
    assert told["P3"] == ["t1 looks like that of P0"] and told["P0"] == ["t1 looks like that of P3"]
    assert told["P4"] == ["t1, t2: the mask is nearly empty, 0.001 ml"]
    assert len(told["P5"]) == 1 and "5_t2.nii.gz" in told["P5"][0]
    assert told["P6"] == told["P7"] == []
    assert page.count("data:image/jpeg;base64,") == 8


def test_only_the_script_of_the_page_may_run_and_ids_are_escaped(table: Path) -> None:
    assert (
        CliRunner().invoke(app, ["sheet", str(table), "--out", str(table.parent / "s"), "--jobs", "1"]).exit_code == 3
    )
    page = (table.parent / "s" / "sheet.html").read_text()
    assert not faults(page)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert re.search("script-src &#39;sha256-[A-Za-z0-9+/]+=*&#39;;", policy) and "unsafe-eval" not in policy
    assert len(re.findall("<script", page)) == 1 and "http" not in page.partition("<body>")[2]


def test_the_picture_is_upright_whatever_the_axes_of_the_file(tmp_path: Path) -> None:
    voxels = np.full(SHAPE, 10.0, np.float32)
    voxels[:, :8, :8] = 200  # front, the patient's right
    mask = np.zeros(SHAPE, np.uint8)
    mask[10:14, 3:6, 3:6] = 1
    mask[12, 2:8, 2:8] = 1
    plain = portrait(save(tmp_path / "a.nii.gz", voxels), save(tmp_path / "m.nii.gz", mask))
    turned = []
    for name in ("a", "m"):
        image = sitk.DICOMOrient(sitk.ReadImage(str(tmp_path / f"{name}.nii.gz")), "SAR")
        sitk.WriteImage(image, str(tmp_path / f"{name}2.nii.gz"))
        turned.append(str(tmp_path / f"{name}2.nii.gz"))
    again = portrait(*turned)
    assert (plain.orientation, again.orientation) == ("LPS", "SAR")
    np.testing.assert_array_equal(plain.picture, again.picture)
    np.testing.assert_array_equal(plain.outline, again.outline)
    bright = np.argwhere(plain.picture > 200)
    assert bright.max(axis=0).max() < SIDE / 2  # top left: front, and the patient's right on the left
    assert plain.volumes_ml == {1: 0.063} and plain.outline.any()
    everywhere = portrait(save(tmp_path / "b.nii.gz", voxels + 1), save(tmp_path / "all.nii.gz", mask * 0 + 1))
    assert everywhere.outline[SIDE // 2, 0] and not everywhere.outline[SIDE // 2, SIDE // 2]  # the border is a border
    flat = portrait(save(tmp_path / "flat.nii.gz", voxels[:1]))  # one slice is an image too
    assert flat.size == (32, 28, 1) and flat.volumes_ml == {}
    with pytest.raises(ImageError, match="0 everywhere"):
        portrait(save(tmp_path / "z.nii.gz", voxels * 0))


def test_a_constant_image_looks_like_nothing(tmp_path: Path) -> None:
    rows = [{"sample_id": name, "patient_id": name, "t1__image": "c.nii.gz"} for name in "A"]
    save(tmp_path / "c.nii.gz", np.full(SHAPE, 7.0, np.float32))
    rows[0]["t2__image"] = save(tmp_path / "d.nii.gz", head(0, "t2"))
    page = contact_sheet(
        pd.DataFrame(rows),
        {("A", name): portrait(str(tmp_path / f"{at}.nii.gz")) for name, at in (("t1", "c"), ("t2", "d"))},
        pd.DataFrame(columns=["sample_id", "modality", "code", "message"]),
        "Images",
    )
    assert "look alike" not in page and "0 samples with something to look at" in page
