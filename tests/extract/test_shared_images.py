"""One scan under the names of two patients: refused by every door that reads images, whatever its path looks like."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from typer.testing import CliRunner

from radiofuse.commands.extract import app
from radiofuse.errors import CohortError
from radiofuse.extract import RadiomicsExtractor, collect_features, extract_cohort
from radiofuse.extract.crops import CropExtractor
from radiofuse.extract.voxel_maps import map_cohort
from radiofuse.store import FeatureStore
from radiofuse.tables.cohort import read_cohort

QUICK = {"imageType": {"Original": {}}, "featureClass": {"firstorder": ["Mean"]}}
PATHS = {"a copy": "copy.nii.gz", "a link": "link.nii.gz", "another spelling": "./one.nii.gz"}


def write(path: Path, values: np.ndarray) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(values), str(path))


@pytest.fixture
def scans(tmp_path):
    """Two scans, and the first once more as a copy and as a link."""
    for seed, name in enumerate(["one", "two"]):
        write(tmp_path / f"{name}.nii.gz", np.random.default_rng(seed).normal(100, 20, (12, 12, 12)).astype("f4"))
    write(tmp_path / "mask.nii.gz", np.pad(np.ones((6, 6, 6), np.uint8), 3))
    shutil.copy(tmp_path / "one.nii.gz", tmp_path / "copy.nii.gz")
    (tmp_path / "link.nii.gz").symlink_to("one.nii.gz")
    return tmp_path


def table(folder: Path, *rows: str, modalities=("t1",)) -> Path:
    images = ",".join(f"{name}__image" for name in modalities)
    (folder / "c.csv").write_text("\n".join([f"sample_id,patient_id,{images},mask", *rows]) + "\n")
    return folder / "c.csv"


DOORS = {
    "extract_cohort": lambda cohort, folder: extract_cohort(cohort, RadiomicsExtractor(QUICK), FeatureStore(folder)),
    "collect_features": lambda cohort, folder: collect_features(
        cohort, RadiomicsExtractor(QUICK), FeatureStore(folder)
    ),
    "crops": lambda cohort, folder: extract_cohort(cohort, CropExtractor(), FeatureStore(folder)),
    "maps": lambda cohort, folder: map_cohort(cohort, RadiomicsExtractor(QUICK), folder),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_the_scan_of_another_patient_is_refused_before_the_work(scans, path, door):
    cohort = read_cohort(table(scans, "a,p1,one.nii.gz,mask.nii.gz", f"b,p2,{path},mask.nii.gz"))
    with pytest.raises(CohortError, match=r"same content: t1 of a = t1 of b\. If they are one patient, give the"):
        DOORS[door](cohort, scans / "out")
    assert not list(scans.glob("out/blocks/*/*.parquet")) and not list(scans.glob("out/a"))


def test_the_command_says_so_and_exits_with_3(scans):
    cohort = table(scans, "a,p1,one.nii.gz,mask.nii.gz", "b,p2,copy.nii.gz,mask.nii.gz")
    result = CliRunner().invoke(app, [str(cohort), "--store", str(scans / "store"), "--jobs", "1"])
    assert result.exit_code == 3 and "t1 of a = t1 of b" in result.stderr


def test_another_modality_of_another_patient_counts_too(scans):
    rows = "a,p1,one.nii.gz,,mask.nii.gz", "b,p2,,copy.nii.gz,mask.nii.gz"
    cohort = read_cohort(table(scans, *rows, modalities=("t1", "t2")))
    with pytest.raises(CohortError, match=r"t1 of a = t2 of b\."):
        extract_cohort(cohort, RadiomicsExtractor(QUICK), FeatureStore(scans / "store"))


def test_within_a_patient_images_may_be_equal_and_two_modalities_of_one_are_told(scans, caplog):
    rows = "a,p1,one.nii.gz,two.nii.gz,mask.nii.gz", "b,p1,copy.nii.gz,one.nii.gz,mask.nii.gz"
    cohort = read_cohort(table(scans, *rows, modalities=("t1", "t2")))
    assert extract_cohort(cohort, RadiomicsExtractor(QUICK), FeatureStore(scans / "store")).failures.empty
    assert "One image is named for two modalities: t1 of b = t2 of b." in caplog.text
    assert "One region is named for several samples of a patient: t1 of a = t1 of b. The" in caplog.text


def test_two_regions_of_one_image_are_two_samples(scans, caplog):
    write(scans / "lesion.nii.gz", np.pad(np.ones((4, 4, 4), np.uint8), 4))
    cohort = read_cohort(table(scans, "a,p1,one.nii.gz,mask.nii.gz", "b,p1,copy.nii.gz,lesion.nii.gz"))
    extract_cohort(cohort, RadiomicsExtractor(QUICK), FeatureStore(scans / "store"))
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_files_that_are_no_image_are_left_to_the_loop(scans):
    for name in ("copy", "two"):
        (scans / f"{name}.nii.gz").write_text("<html>Please log in</html>")
    cohort = read_cohort(table(scans, "a,p1,two.nii.gz,mask.nii.gz", "b,p2,copy.nii.gz,mask.nii.gz"))
    assert len(extract_cohort(cohort, RadiomicsExtractor(QUICK), FeatureStore(scans / "store")).failures) == 2
