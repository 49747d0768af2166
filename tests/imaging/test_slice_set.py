"""Volumes to a slice set and back: every slice bit for bit, planes told from headers, failures of one sample alone."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from typer.testing import CliRunner

from radiofuse.commands.cohort import app
from radiofuse.errors import ImageError, RequestError
from radiofuse.imaging.slice_reading import read_slice_set
from radiofuse.imaging.slice_set import Scan, write_slices

SHAPE = (12, 10, 8)  # right to left, front to back, upward


def volume(seed: int) -> sitk.Image:
    voxels = np.random.default_rng(seed).integers(1, 1000, SHAPE[::-1]).astype(np.int16)
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing((1.0, 1.0, 3.0))
    return image


def mask(x: slice, y: slice, z: slice) -> sitk.Image:
    voxels = np.zeros(SHAPE[::-1], np.uint8)
    voxels[z, y, x] = 1
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing((1.0, 1.0, 3.0))
    return image


@pytest.fixture
def scan(tmp_path: Path) -> Scan:
    paths = {}
    for at, name in enumerate(("t1", "t1ce", "t2", "flair")):
        paths[name] = str(tmp_path / f"{name}.nii.gz")
        sitk.WriteImage(volume(at), paths[name])
    brain, tumor = str(tmp_path / "brain.nii.gz"), str(tmp_path / "tumor.nii.gz")
    sitk.WriteImage(mask(slice(2, 10), slice(1, 9), slice(1, 7)), brain)
    sitk.WriteImage(mask(slice(4, 8), slice(3, 8), slice(3, 6)), tumor)
    return Scan("UCSF-PDGM-0004", paths, brain, tumor)


@pytest.mark.parametrize(
    ("plane", "axis", "slices", "tumor"),
    [("Axial", 2, (1, 7), (3, 6)), ("Coronal", 1, (1, 9), (3, 8)), ("Sagittal", 0, (2, 10), (4, 8))],
)
def test_each_plane_holds_the_slices_of_the_brain_bit_for_bit(
    scan: Scan, tmp_path: Path, plane: str, axis: int, slices: tuple[int, int], tumor: tuple[int, int]
) -> None:
    written = write_slices(scan, tmp_path / "set", plane)
    assert written.slices == list(range(*slices))
    assert written.tumor_slices == list(range(*tumor))
    folder = tmp_path / "set" / "UCSF-PDGM-0004" / plane
    assert sorted(path.name for path in folder.iterdir()) == ["FLAIR_bias", "T1_bias", "T1c_bias", "T2_bias"]
    whole = sitk.GetArrayFromImage(sitk.ReadImage(scan.images["t1ce"])).T
    for k in written.slices:
        with np.load(folder / "T1c_bias" / f"slice_{k}.npz") as file:
            assert file.files == ["arr_0"]
            np.testing.assert_array_equal(file["arr_0"], np.take(whole, k, axis=axis))
    assert len(list(folder.rglob("*.npz"))) == written.n_files == 4 * len(written.slices)


def test_the_orientation_is_that_of_the_header(scan: Scan, tmp_path: Path) -> None:
    plain = write_slices(scan, tmp_path / "set")
    turned = {}
    for name, path in {**scan.images, "brain": scan.brain, "tumor": scan.tumor}.items():
        turned[name] = str(tmp_path / f"turned_{name}.nii.gz")
        sitk.WriteImage(sitk.DICOMOrient(sitk.ReadImage(path), "RSP"), turned[name])  # stored along other axes
    images = {name: turned[name] for name in scan.images}
    again = write_slices(Scan("T", images, turned["brain"], turned["tumor"]), tmp_path / "set")
    assert again.slices == plain.slices
    for k in plain.slices:
        one, other = (
            np.load(tmp_path / f"set/{name}/Axial/T2_bias/slice_{k}.npz")["arr_0"] for name in ("T", scan.sample_id)
        )
        np.testing.assert_array_equal(one, other)


def test_an_unchanged_sample_stays_and_a_lost_slice_comes_back(scan: Scan, tmp_path: Path) -> None:
    first = write_slices(scan, tmp_path / "set")
    path = tmp_path / "set/UCSF-PDGM-0004/Axial/T1_bias/slice_3.npz"
    stamp = path.stat().st_mtime_ns
    assert not write_slices(scan, tmp_path / "set").is_new
    assert path.stat().st_mtime_ns == stamp
    path.unlink()
    again = write_slices(scan, tmp_path / "set")
    assert again.is_new and path.is_file() and again.slices == first.slices


def test_a_killed_call_is_taken_up_again(scan: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(self: Path, target: Path) -> None:
        shutil.copytree(self, target)
        raise KeyboardInterrupt  # the slices have their place, and the record was not written

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "rename", killed)
        write_slices(scan, tmp_path / "set")
    assert write_slices(scan, tmp_path / "set").is_new
    record = next((tmp_path / "set" / ".records").glob("*.json"))
    record.write_text('{"version": ')  # by a version that did not write it aside
    assert write_slices(scan, tmp_path / "set").is_new and not write_slices(scan, tmp_path / "set").is_new


def test_a_slice_with_tumor_beside_the_mask_of_the_brain_counts(scan: Scan, tmp_path: Path) -> None:
    tumor = str(tmp_path / "beside.nii.gz")
    sitk.WriteImage(mask(slice(0, 2), slice(3, 8), slice(3, 8)), tumor)  # the brain begins at x = 2 and ends at z = 6
    assert write_slices(replace(scan, tumor=tumor), tmp_path / "set").tumor_slices == [3, 4, 5, 6]


def test_without_a_brain_mask_an_image_that_is_not_zero_tells(scan: Scan, tmp_path: Path) -> None:
    written = write_slices(Scan("P", {"t1": scan.images["t1"]}), tmp_path / "set")
    assert written.slices == list(range(8)) and written.tumor_slices == []


def test_sequences_on_two_grids_and_folders_of_others_are_refused(scan: Scan, tmp_path: Path) -> None:
    other = str(tmp_path / "other.nii.gz")
    sitk.WriteImage(volume(9)[:, :, :7], other)
    with pytest.raises(ImageError, match="t2 does not lie on the grid of t1: 12 x 10 x 7 voxels against 12 x 10 x 8"):
        write_slices(Scan("P", {"t1": scan.images["t1"], "t2": other}), tmp_path / "set")
    (tmp_path / "set" / "P" / "Axial").mkdir(parents=True)
    mine = tmp_path / "set" / "P" / "Axial" / "notes.txt"
    mine.write_text("mine")
    for _ in range(2):
        with pytest.raises(ImageError, match="did not write"):
            write_slices(Scan("P", {"t1": scan.images["t1"]}), tmp_path / "set")
    mine.unlink()
    mine.parent.rmdir()
    written = write_slices(Scan("P", {"t1": scan.images["t1"]}), tmp_path / "set")
    mine.write_text("mine")
    next(mine.parent.rglob("*.npz")).unlink()  # what would be written again
    with pytest.raises(ImageError, match="did not write"):
        write_slices(Scan("P", {"t1": scan.images["t1"]}), tmp_path / "set")
    assert mine.read_text() == "mine" and written.is_new
    with pytest.raises(RequestError, match="no plane 'axis'"):
        write_slices(scan, tmp_path / "set", "axis")


def test_the_command_writes_the_table_and_the_set_reads_back(scan: Scan, tmp_path: Path) -> None:
    row = {f"{name}__image": path for name, path in scan.images.items()} | {
        "mask": scan.tumor,
        "brain_mask": scan.brain,
    }
    told = {"patient_id": "UCSF-PDGM-0004", "clinical__sex": "M", "clinical__age": "66", "who_grade": "4"}
    broken = tmp_path / "broken.nii.gz"
    broken.write_bytes(b"no image")
    bad = {"sample_id": "X1", "patient_id": "X1", "t1__image": str(broken), "mask": scan.tumor}
    rows = [{"sample_id": "UCSF-PDGM-0004"} | told | row, bad]
    pd.DataFrame(rows).to_csv(tmp_path / "cohort.csv", index=False)
    result = CliRunner().invoke(
        app, ["slices", str(tmp_path / "cohort.csv"), "--out", str(tmp_path / "set"), "--jobs", "1"]
    )
    assert (
        result.exit_code == 3
        and "1 sample written, 24 files, 3 slices with tumor; 0 were there, 1 failed" in result.output
    )
    text = (tmp_path / "set" / "dataset_metadata.csv").read_text()
    assert text.splitlines() == ["ID,slice_name,sex,age,WHO_grade", *(f"0004,slice_{k},1,66,4" for k in (3, 4, 5))]
    back = read_slice_set(tmp_path / "set")
    assert back.cohort.to_dict("records") == [
        {"sample_id": "UCSF-PDGM-0004", "patient_id": "UCSF-PDGM-0004"}
        | {"clinical__sex": "1", "clinical__age": "66", "who_grade": "4"}
    ]
    stack = back.read("UCSF-PDGM-0004", "flair", tumor=True)
    np.testing.assert_array_equal(
        stack, np.moveaxis(sitk.GetArrayFromImage(sitk.ReadImage(scan.images["flair"])).T, 2, 0)[3:6]
    )
    for options, sentence in (
        (["--plane", "coronal"], "holds Axial slices"),
        (["--grade", "who_grad"], "no column 'who_grad'. Did you mean 'who_grade'?"),
    ):
        call = ["slices", str(tmp_path / "cohort.csv"), "--out", str(tmp_path / "set"), *options]
        refused = CliRunner().invoke(app, call)
        assert refused.exit_code == 2 and sentence in " ".join(refused.output.split())


def test_a_table_of_others_is_not_replaced_and_samples_of_before_keep_their_rows(scan: Scan, tmp_path: Path) -> None:
    def table(name: str) -> Path:
        row = {"sample_id": name, "patient_id": name, "t1__image": scan.images["t1"], "mask": scan.tumor}
        pd.DataFrame([row]).to_csv(tmp_path / f"{name}.csv", index=False)
        return tmp_path / f"{name}.csv"

    def call(name: str, out: str) -> int:
        return (
            CliRunner().invoke(app, ["slices", str(table(name)), "--out", str(tmp_path / out), "--jobs", "1"]).exit_code
        )

    assert call("A", "set") == call("B", "set") == 0
    ids = pd.read_csv(tmp_path / "set" / "dataset_metadata.csv")["ID"]
    assert ids.value_counts().to_dict() == {"A": 3, "B": 3}
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "dataset_metadata.csv").write_text("ID,slice_name,sex,age,WHO_grade\n0004,slice_1,1,66,4\n")
    assert call("A", "other") == 2
    assert "0004,slice_1" in (tmp_path / "other" / "dataset_metadata.csv").read_text()


def test_brain1_has_as_many_tumor_planes_as_its_mask(data_dir: Path, tmp_path: Path) -> None:
    folder = data_dir / "pyradiomics_testdata"
    image, label = (next(folder.rglob(f"brain1_{kind}.nrrd")) for kind in ("image", "label"))
    counts = {
        plane: len(
            write_slices(Scan("BR1", {"t1": str(image)}, tumor=str(label)), tmp_path / plane, plane).tumor_slices
        )
        for plane in ("Axial", "Coronal", "Sagittal")
    }
    assert counts == {"Axial": 7, "Coronal": 63, "Sagittal": 47}


def test_a_set_that_cannot_be_read_back_is_one_sentence(scan: Scan, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    write_slices(scan, folder)
    table = folder / "dataset_metadata.csv"
    table.write_text("ID,slice_name,sex,age,WHO_grade\n0004,slice_x,1,66,4\n")
    with pytest.raises(RequestError, match="calls a slice 'slice_x'"):
        read_slice_set(folder)
    table.write_text("ID,slice_name,sex,age,WHO_grade\n0004,slice_3,1,66,4\n")
    path = folder / "UCSF-PDGM-0004" / "Axial" / "T2_bias" / "slice_3.npz"
    whole = path.read_bytes()
    for bad in (whole[:60], whole[:-100], whole[:80] + bytes(20) + whole[100:], b""):
        path.write_bytes(bad)
        with pytest.raises(ImageError, match=r"slice_3.npz holds no array .* Write the slices again"):
            read_slice_set(folder).read("UCSF-PDGM-0004", "t2", tumor=True)
    write_slices(scan, folder, "Coronal")
    with pytest.raises(RequestError, match="slices of Axial and Coronal, and the numbers in dataset_metadata.csv are"):
        read_slice_set(folder)
