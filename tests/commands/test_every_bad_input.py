"""One folder with everything that goes wrong with images: each is named by every command, and the rest goes on."""

from __future__ import annotations

import gzip
import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner, Result

from radiofuse.commands.cohort import app as cohort_app
from radiofuse.commands.extract import app as extract_app
from radiofuse.commands.store import app as store_app

SETTINGS = {"imageType": {"Original": {}}, "featureClass": {"firstorder": ["Mean", "Range"], "shape": ["VoxelVolume"]}}
UPRIGHT = np.diag([-1.0, -1.0, 1.0, 1.0])
MIRRORED = np.diag([1.0, -1.0, 1.0, 1.0])
ELSEWHERE = UPRIGHT + np.pad([[30.0], [0], [0], [0]], ((0, 0), (3, 0)))
FLAIR_FAILS = {  # what is wrong with the FLAIR alone: T1 and mask of the patient are as they should be
    "FOURD": "wrong_dimensions",
    "TWOD": "geometry_mismatch",
    "FLIPPED": "geometry_mismatch",
    "ZERO": "header_invalid",
    "TRILLION": "too_many_voxels",
    "GZIPPED": "wrong_extension",
    "GONE": "file_missing",
}
GOOD = ("GOOD-1", "GÜTE 2")


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]


def volume(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 500, (10, 9, 8)).astype(np.int16)


def drawn() -> np.ndarray:
    mask = np.zeros((10, 9, 8), np.uint8)
    mask[2:6, 3:7, 2:6] = 2
    mask[3:5, 4:6, 3:5] = 4
    mask[2, 3, 2] = 1
    return mask


def put(path: Path, voxels: np.ndarray, affine: np.ndarray = UPRIGHT) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(voxels, affine), path)


def with_header(path: Path, voxels: np.ndarray, at: int, values: np.ndarray) -> None:
    """Write a file with some bytes of its header changed."""
    content = bytearray(nib.Nifti1Image(voxels, UPRIGHT).to_bytes())
    content[at : at + values.nbytes] = values.tobytes()
    path.write_bytes(gzip.compress(bytes(content)) if path.suffix == ".gz" else bytes(content))


def two_places(path: Path, voxels: np.ndarray) -> None:
    image = nib.Nifti1Image(voxels, UPRIGHT)
    image.set_qform(ELSEWHERE, 1)
    image.set_sform(UPRIGHT, 1)
    nib.save(image, path)


def in_gzip(path: Path, voxels: np.ndarray) -> None:
    """Write compressed bytes under a name that says otherwise."""
    path.with_name(path.name.removesuffix(".gz")).write_bytes(
        gzip.compress(nib.Nifti1Image(voxels, UPRIGHT).to_bytes())
    )


FLAIRS: dict[str, Callable[[Path, np.ndarray], None]] = {
    "FOURD": lambda path, voxels: put(path, np.stack([voxels, voxels], -1)),
    "TWOD": lambda path, voxels: put(path, voxels[:, :, 4]),
    "FLIPPED": lambda path, voxels: put(path, voxels, MIRRORED),
    "ZERO": lambda path, voxels: with_header(path, voxels, 88, np.zeros(1, "<f4")),
    "TRILLION": lambda path, voxels: with_header(path, voxels, 40, np.array([3, 10_000, 10_000, 10_000], "<i2")),
    "GZIPPED": in_gzip,
    "GONE": lambda path, voxels: path.symlink_to("nowhere.nii.gz"),
    "TWOPLACES": two_places,
    "NOFLAIR": lambda path, voxels: None,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Patients named as BraTS names them, two of them without a fault."""
    folder = tmp_path_factory.mktemp("every bad input") / "images of ÄÖ"
    for seed, name in enumerate([*GOOD, *FLAIRS, "LONG", "OTHER", "CLOSED", "NOMASK"]):
        affine = np.diag([-1.0, -1.0, 10.0, 1.0]) if name == "LONG" else UPRIGHT
        t1, flair, mask = (folder / name / f"{name}_{kind}.nii.gz" for kind in ("t1", "flair", "seg"))
        put(t1, volume(seed), affine)
        FLAIRS.get(name, lambda path, voxels, affine=affine: put(path, voxels, affine))(flair, volume(100 + seed))
        if name != "NOMASK":
            put(mask, drawn(), ELSEWHERE if name == "OTHER" else affine)
    return folder


@pytest.fixture
def closed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One folder refuses to be read, as shares do; the superuser's rights would open what chmod closes."""
    scandir = os.scandir

    def refusing(path: str | Path = ".") -> object:
        if Path(path).name == "CLOSED":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)


def run(app: typer.Typer, *words: object) -> Result:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    assert "Traceback" not in result.output
    return result


def told(result: Result) -> str:
    return " ".join(result.output.split())


@pytest.fixture
def table(folder: Path, closed: None, tmp_path: Path) -> Path:
    path = tmp_path / "cohort.csv"
    made = run(cohort_app, "make", folder, "--out", path, "--jobs", 1)
    assert made.exit_code == 0
    for sentence in (
        "CLOSED cannot be read (Permission denied); what it holds is left out.",
        "1 sample without a mask left out: NOMASK.",
        "flair is absent in 1 sample: NOFLAIR.",
        "NCR=1 ED=2 ET=4",
        "1 id cannot be the name of a file and is written otherwise: 'GÜTE 2' as GUTE_2.",
    ):
        assert sentence in told(made)
    return path


WANTED = {(name, "flair"): code for name, code in FLAIR_FAILS.items()} | {
    ("OTHER", modality): "geometry_mismatch" for modality in ("t1", "flair")
}


def assert_named(result: Result, failures: Path) -> None:
    """Assert that exactly what is wrong is in the table of failures."""
    assert result.exit_code == 3, result.output
    rows = pd.read_csv(failures, keep_default_na=False)
    assert dict(zip(zip(rows["sample_id"], rows["modality"], strict=True), rows["code"], strict=True)) == WANTED
    assert rows["message"].str.endswith(".").all()


def test_check_and_extract_name_each_and_the_rest_has_features(
    table: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings, store, failures = (table.with_name(name) for name in ("few.json", "store", "failures.csv"))
    settings.write_text(json.dumps(SETTINGS))
    assert_named(run(cohort_app, "check", table, "--jobs", 1, "--failures", failures), failures)
    done = run(extract_app, table, "--settings", settings, "--store", store, "--failures", failures, "--jobs", 2)
    assert_named(done, failures)
    for odd in ("images hold two orientations: TWOPLACES (flair)", "images have voxels ten times as long as wide"):
        assert sum(odd in message for message in caplog.messages) == 2  # of each command
    run(store_app, "export", table.with_name("features.csv"), "--store", store)
    found = pd.read_csv(table.with_name("features.csv"), index_col="sample_id")
    found = found.rename(index={"GUTE_2": "GÜTE 2"})
    assert found.loc["OTHER"].isna().all()
    found = found.drop(index="OTHER")
    assert set(found.index) == {*GOOD, *FLAIRS, "LONG"}
    n_voxels = int((drawn() > 0).sum())
    for name, row in found.iterrows():
        inside = np.asarray(nib.load(folder / str(name) / f"{name}_t1.nii.gz").dataobj)[drawn() > 0]
        assert row["t1__original_firstorder_Mean"] == pytest.approx(inside.mean(), rel=1e-12)
        assert np.isnan(row["flair__original_firstorder_Mean"]) == (name in {*FLAIR_FAILS, "NOFLAIR"})
    volumes = found["t1__original_shape_VoxelVolume"]
    assert volumes["LONG"] == pytest.approx(10 * n_voxels)
    assert volumes.drop("LONG").to_numpy() == pytest.approx(n_voxels)


def test_slices_images_made_ready_and_the_sheet_name_each(table: Path) -> None:
    recipe = table.with_name("recipe.toml")
    recipe.write_text("[images]\nspacing_mm = [2, 2, 2]\n")
    bad = {*FLAIR_FAILS, "OTHER"}
    sliced = run(cohort_app, "slices", table, "--out", table.with_name("sliced"), "--jobs", 1)
    ready = run(cohort_app, "prepare", table, "--recipe", recipe, "--out", table.with_name("ready"), "--jobs", 1)
    # without registration an image keeps its own place, and the mask comes to it from the T1 that it was drawn on
    for result, wanted in ((sliced, bad), (ready, bad - {"FLIPPED", "TWOD"})):
        named = {line.split()[0] for line in result.output.splitlines() if line.startswith("  ")}
        assert result.exit_code == 3 and named == wanted, result.output
    sheet = run(cohort_app, "sheet", table, "--out", table.with_name("sheet"), "--jobs", 1)
    assert sheet.exit_code == 3 and f"{len(WANTED)} could not be read" in sheet.output


def test_a_scanner_export_with_one_uid_twice_and_contours_of_another_study(tmp_path: Path) -> None:
    pytest.importorskip("pydicom", reason="the extra `dicom` is not installed")
    from tests.dicom_files import Grid, Ids, contours, save, voxels_of, write_series

    grid, tree, table = Grid(size=(14, 12, 6)), tmp_path / "export", tmp_path / "cohort.csv"
    corners = np.array([[2.5, 2.5], [9.5, 2.5], [9.5, 8.5], [2.5, 8.5]])
    rois = {"GTV": [grid.points(np.column_stack([corners, np.full(4, k)])) for k in (1, 2, 3)]}
    people = {name: Ids(name, f"{name}^X") for name in ("fine", "twice", "other")}
    for seed, (name, ids) in enumerate(people.items()):
        write_series(tree / name / "a", voxels_of(grid, seed), grid, ids, SeriesDescription="t1 gd", SeriesNumber=4)
        drawn_on = ids if name != "other" else Ids("other", "other^X")
        save([contours(rois, ids.another(study=drawn_on.study), drawn_on)], tree / name / "rs")
    same_uid = people["twice"].another(series=people["twice"].series)
    write_series(tree / "twice/b", voxels_of(grid, 9), grid, same_uid, SeriesDescription="flair", SeriesNumber=5)

    made = run(cohort_app, "make", tree, "--layout", "dicom", "--keep-ids", "--out", table, "--jobs", 1)
    assert made.exit_code == 0
    assert "One SeriesInstanceUID is borne by 2 series" in told(made)
    assert "RTSTRUCT IM0000 of other was left out: it refers to a series of another study" in told(made)
    assert "1 sample without a mask left out: other_s1." in told(made)

    settings, store = tmp_path / "few.json", tmp_path / "store"
    settings.write_text(json.dumps(SETTINGS))
    assert run(extract_app, table, "--settings", settings, "--store", store, "--jobs", 2).exit_code == 0
    run(store_app, "export", tmp_path / "features.csv", "--store", store)
    found = pd.read_csv(tmp_path / "features.csv", index_col="sample_id")
    region = np.s_[1:4, 3:9, 3:10]
    for sample, modality, seed in (("fine_s1", "t1ce", 0), ("twice_s1", "t1ce", 1), ("twice_s1", "flair", 9)):
        mean = found.loc[sample, f"{modality}__original_firstorder_Mean"]
        assert mean == pytest.approx(voxels_of(grid, seed)[region].mean(), rel=1e-12)
