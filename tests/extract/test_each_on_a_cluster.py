"""Checks, sheets, slices and prepared images on a cluster's workers are those of child processes here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from typer.testing import CliRunner

from radiofuse.commands.cohort import app
from radiofuse.errors import ImageError, RequestError
from radiofuse.extract import each
from radiofuse.extract.dry_run import check_images
from radiofuse.extract.each import run_each
from radiofuse.extract.portraits import portrait_cohort
from radiofuse.extract.ready_images import make_ready
from radiofuse.extract.slice_sets import slice_cohort
from radiofuse.imaging.step_options import Steps
from radiofuse.tables.cohort import read_cohort

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def address():
    """A scheduler with one worker in threads: functions and tasks travel as they would to another machine."""
    kind = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": ":0"}
    with dask.config.set({"distributed.admin.tick.limit": "1h"}), distributed.LocalCluster(**kind) as started:
        yield started.scheduler_address


@pytest.fixture
def cohort(tmp_path: Path) -> pd.DataFrame:
    region = np.zeros((8, 8, 8), np.uint8)
    region[2:6, 2:6, 2:6] = 1
    sitk.WriteImage(sitk.GetImageFromArray(region), tmp_path / "mask.nii.gz")
    rows = ["sample_id,t1__image,t1__mask"]
    for n in range(2):
        voxels = np.random.default_rng(n).normal(9 + n, 1, region.shape).astype(np.float32)
        sitk.WriteImage(sitk.GetImageFromArray(voxels), tmp_path / f"{n}.nii.gz")
        rows.append(f"s{n},{n}.nii.gz,mask.nii.gz")
    (tmp_path / "bad.nii.gz").write_bytes(b"no image")
    (tmp_path / "cohort.csv").write_text("\n".join([*rows, "s2,bad.nii.gz,mask.nii.gz"]))
    return read_cohort(tmp_path / "cohort.csv")


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def in_this_process(function, shared, tasks, *, n_jobs):
    return ((task, function(shared, task)) for task in tasks)


def test_what_workers_write_and_say_is_what_is_done_here(address, cohort, tmp_path, monkeypatch):
    monkeypatch.setattr(each, "run_in_children", in_this_process)
    steps, found = Steps(spacing_mm=(2.0, 2.0, 2.0), scale="z_score"), {}
    for name, options in (("here", {}), ("there", {"cluster": address})):
        ready = make_ready(cohort, steps, tmp_path / name, **options)
        slices = slice_cohort(cohort, tmp_path / f"{name}_slices", **options)
        portraits, unseen = portrait_cohort(cohort, **options)
        checked = check_images(cohort, **options)
        failures = [ready.failures, slices.failures, unseen, checked.failures]
        assert [table["code"].tolist() for table in failures] == [["wrong_extension"]] * 4
        assert (ready.n_done, len(slices.written), checked.n_images) == (2, 2, 3)
        pictures = {pair: one.picture.tobytes() for pair, one in portraits.items()}
        messages = [table["message"].tolist() for table in failures]
        found[name] = files_in(tmp_path / name), files_in(tmp_path / f"{name}_slices"), pictures, messages
    assert found["here"] == found["there"]
    assert len(found["there"][0]) == 6 and len(found["there"][1]) > 16  # no sign for the workers is left behind


def test_the_commands_hand_the_address_on(address, cohort, tmp_path):
    (tmp_path / "recipe.toml").write_text('[images]\nscale = "z_score"\n')
    asked = [str(tmp_path / "cohort.csv"), "--dask", address]
    ready = CliRunner().invoke(
        app, ["prepare", *asked, "--recipe", str(tmp_path / "recipe.toml"), "--out", str(tmp_path / "ready")]
    )
    assert "2 samples prepared, 0 were there, 1 failed" in ready.output
    assert "2 of 3 images" in CliRunner().invoke(app, ["check", *asked]).output
    sliced = CliRunner().invoke(app, ["slices", *asked, "--out", str(tmp_path / "sliced")])
    assert "2 samples written" in sliced.output
    seen = CliRunner().invoke(app, ["sheet", *asked, "--out", str(tmp_path / "sheet")])
    assert "2 images, 1 could not be read" in seen.output
    for command, others in (("check", []), ("slices", ["--out", str(tmp_path / "none")])):
        given = [command, str(tmp_path / "cohort.csv"), "--dask", "nonsense", *others]
        refused = CliRunner().invoke(app, given)
        assert refused.exit_code == 2 and "No Dask scheduler answers at nonsense" in " ".join(refused.output.split())


def refuse(shared: None, task: str) -> str:
    raise ImageError("file_missing", f"{task} is not there.")


def test_a_worker_says_what_it_does_not_see(address, tmp_path):
    [(_, error)] = run_each(refuse, None, ["a"], n_jobs=1, cluster=address)
    assert error.code == "file_missing" and "Files are read on the cluster's workers" in str(error)

    answering = each._OnWorker(refuse, str(tmp_path / "elsewhere" / "sign"))
    with pytest.raises(RequestError, match=r"does not see .*elsewhere, where it should write\. Mount that folder"):
        answering(None, "a")
