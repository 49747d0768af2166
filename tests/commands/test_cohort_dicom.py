"""``radiofuse cohort make --layout dicom``: DICOM files to a table of images, masks and labels, to features."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from typer.testing import CliRunner, Result

pytest.importorskip("pydicom", reason="the extra `dicom` is not installed")

from radiofuse.commands.cohort import app  # noqa: E402
from radiofuse.extract import RadiomicsExtractor  # noqa: E402
from radiofuse.imaging.dicom import pseudonym  # noqa: E402
from tests.dicom_files import Grid, Ids, contours, save, voxels_of, write_series  # noqa: E402

GRID = Grid(size=(20, 18, 8))
BOX = np.array([[4.5, 3.5], [13.5, 3.5], [13.5, 12.5], [4.5, 12.5]])


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]


def cohort(*words: object) -> Result:
    return CliRunner().invoke(app, ["make", *map(str, words), "--jobs", "1"])


def rows_of(table: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(table.read_text().splitlines()))


def drawn(k: int) -> np.ndarray:
    return GRID.points(np.column_stack([BOX, np.full(4, k)]))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two patients with contours; the first came again, and the second has a T2 as well."""
    folder = tmp_path / "export"
    for number, (patient, date) in enumerate([("MRN-007", "20200101"), ("MRN-007", "20210101"), ("MRN-8", "20200505")]):
        ids = Ids(patient, "Doe^Jane", "19500417", date=date)
        place = folder / str(number)
        write_series(place / "a", voxels_of(GRID, number), GRID, ids, SeriesDescription="t1 gd", SeriesNumber=4)
        save([contours({"GTV": [drawn(k) for k in (2, 3, 4)]}, ids.another(), ids)], place / "rs")
    again = ids.another()
    write_series(folder / "2" / "b", voxels_of(GRID, 9), GRID, again, SeriesDescription="own name", SeriesNumber=5)
    return folder


def test_a_tree_becomes_a_table_with_labels_that_leads_to_features(tree, tmp_path):
    (tmp_path / "labels.csv").write_text("MRN,IDH,note\nmrn_7,mutant,x\nMRN-8,wildtype,y\n")
    (tmp_path / "own.csv").write_text("name,description\nt2,own name\n")
    out = tmp_path / "cohort.csv"
    done = cohort(tree, "--layout", "dicom", "--out", out, "--labels", tmp_path / "labels.csv",
                  "--sequences", tmp_path / "own.csv")  # fmt: skip
    assert done.exit_code == 0, done.output
    rows = rows_of(out)
    first, second = (pseudonym(patient, tmp_path / "cohort_images") for patient in ("MRN-007", "MRN-8"))
    assert {row["sample_id"]: row["idh"] for row in rows} == {f"{first}_s1": "mutant", f"{second}_s1": "wildtype"}
    assert "1 session of patients who came again left out" in done.output
    assert [row["t2__image"] != "" for row in rows] == [row["patient_id"] == second for row in rows]
    assert b"Doe" not in out.read_bytes() and b"MRN" not in out.read_bytes()
    row = next(row for row in rows if row["patient_id"] == first)
    features = RadiomicsExtractor("default").extract(
        str(tmp_path / row["t1ce__image"]), str(tmp_path / row["t1ce__mask"])
    )
    image = sitk.GetImageFromArray(voxels_of(GRID, 0))
    mask = np.zeros(GRID.size[::-1], np.uint8)
    mask[2:5, 4:13, 5:14] = 1
    mask = sitk.GetImageFromArray(mask)
    for made in (image, mask):
        made.SetSpacing(GRID.spacing_mm)
    expected = RadiomicsExtractor("default").extract(image, mask)
    np.testing.assert_allclose(features, expected, rtol=1e-6)


def test_follow_ups_ids_and_folders_when_asked_for(tree, tmp_path):
    out = tmp_path / "cohort.csv"
    asked = ("--layout", "dicom", "--out", out, "--overwrite", "--nifti")
    assert cohort(tree, *asked, tmp_path / "n", "--keep-ids", "--follow-ups").exit_code == 0
    rows = rows_of(out)
    assert [row["sample_id"] for row in rows] == ["MRN-007_s1", "MRN-007_s2", "MRN-8_s1"]
    assert rows[0]["t1ce__image"] == "n/MRN-007/s1/t1ce-4.nii.gz"
    assert cohort(tree, *asked, tmp_path / "m", "--by-folder").exit_code == 0
    assert [row["patient_id"] for row in rows_of(out)] == ["0", "1", "2"]


def test_what_a_table_of_features_would_lack_is_told_with_the_way_on(tree, tmp_path):
    (tmp_path / "own.csv").write_text("name,description\nt2,own name\n")
    done = cohort(
        tree, "--layout", "dicom", "--out", tmp_path / "a.csv", "--sequences", tmp_path / "own.csv", "--keep-ids"
    )
    told = " ".join(done.output.split())
    assert "Of 1 sample a mask is drawn on one image, and others have none (t2): MRN-8_s1. Features need one" in told
    assert '[images] register_to = "t1ce"' in told


def test_a_folder_without_dicom_says_so(tmp_path):
    (tmp_path / "empty").mkdir()
    done = cohort(tmp_path / "empty", "--layout", "dicom", "--out", tmp_path / "a.csv")
    assert done.exit_code == 2
    assert "No file of the tree is DICOM" in " ".join(done.output.split())


def test_options_of_dicom_without_the_layout_and_dicom_without_the_option_are_sentences(tree, tmp_path):
    refused = cohort(tree, "--roi", "GTV", "--out", tmp_path / "a.csv")
    assert refused.exit_code == 2 and "go with --layout dicom" in refused.output
    refused = cohort(tree, "--out", tmp_path / "a.csv")
    assert refused.exit_code == 2 and "holds DICOM files" in refused.output
    (tmp_path / "empty").mkdir()
    refused = cohort(tmp_path / "empty", "--layout", "dicom", "--out", tmp_path / "a.csv")
    assert refused.exit_code == 2 and "No series of" in refused.output
