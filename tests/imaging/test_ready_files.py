"""Images made ready: a folder and a record per sample, done again only where something changed."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from typer.testing import CliRunner

from radiofuse.commands.cohort import app
from radiofuse.errors import ImageError, RequestError
from radiofuse.imaging.brain_command import check_command
from radiofuse.imaging.ready_files import SampleFiles, make_sample_ready
from radiofuse.imaging.step_options import Steps
from tests.imaging.heads import brain, tumor


def test_a_program_makes_the_mask_of_the_brain_or_says_why_not(tmp_path: Path) -> None:
    script = tmp_path / "brain.py"
    script.write_text(
        "import sys, SimpleITK as sitk\nimage = sitk.ReadImage(sys.argv[1])\n"
        "if image[20, 18, 14] > 1e6: sys.exit('no head in it')\n"
        "sitk.WriteImage(sitk.Cast(image > 50, sitk.sitkUInt8), sys.argv[2])\n"
    )
    image = brain(3)
    sitk.WriteImage(image, str(tmp_path / "t1.nii.gz"))
    sitk.WriteImage(image * 0 + 2e6, str(tmp_path / "flat.nii.gz"))
    steps = Steps(brain_command=f"{sys.executable} {script} {{image}} {{brain}}", skull=False)
    done = make_sample_ready(tmp_path, SampleFiles("A", {"t1": str(tmp_path / "t1.nii.gz")}, {}, ""), steps)
    voxels, wanted = (sitk.GetArrayFromImage(sitk.ReadImage(done.files[name])) for name in ("t1", "brain_mask"))
    np.testing.assert_array_equal(voxels != 0, wanted != 0)
    with pytest.raises(ImageError, match=r"made no mask of the brain \(exit 1\): no head in it"):
        make_sample_ready(tmp_path, SampleFiles("B", {"t1": str(tmp_path / "flat.nii.gz")}, {}, ""), steps)
    with pytest.raises(RequestError, match="not on this machine. Install it"):
        check_command("no-such-program {image} {brain}")
    with pytest.raises(RequestError, match="a quotation mark that none closes"):
        check_command("tool '{image} {brain}")


def test_neither_inputs_nor_files_of_others_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "A").mkdir()
    path = tmp_path / "A" / "t1.nii.gz"
    sitk.WriteImage(brain(3), str(path))
    before = path.read_bytes()
    with pytest.raises(ImageError, match="A holds the input t1"):
        make_sample_ready(tmp_path, SampleFiles("A", {"t1": str(path)}, {}, ""), Steps(scale="z_score"))
    (tmp_path / "out" / "A").mkdir(parents=True)
    (tmp_path / "out" / "A" / "t1.nii.gz").write_text("mine")
    with pytest.raises(ImageError, match="did not write"):
        make_sample_ready(tmp_path / "out", SampleFiles("A", {"t1": str(path)}, {}, ""), Steps(scale="z_score"))
    assert path.read_bytes() == before and (tmp_path / "out" / "A" / "t1.nii.gz").read_text() == "mine"


def test_the_command_writes_a_cohort_and_does_again_only_what_changed(tmp_path: Path) -> None:
    for name, seed in (("A", 5), ("B", 6)):
        image = brain(seed)
        sitk.WriteImage(image, str(tmp_path / f"{name}_t1.nii.gz"))
        sitk.WriteImage(tumor(image), str(tmp_path / f"{name}_seg.nii.gz"))
    (tmp_path / "C_t1.nii.gz").write_bytes(b"no image")
    rows = [
        {
            "sample_id": name,
            "patient_id": name,
            "idh": "1",
            "t1__image": f"{name}_t1.nii.gz",
            "mask": f"{of}_seg.nii.gz",
        }
        for name, of in (("A", "A"), ("B", "B"), ("C", "B"))
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "cohort.csv", index=False)
    (tmp_path / "recipe.toml").write_text('[images]\nspacing_mm = [2, 2, 2]\nscale = "z_score"\n')
    call = ["prepare", str(tmp_path / "cohort.csv"), "--recipe", str(tmp_path / "recipe.toml"), "--jobs", "1"]
    call += ["--out", str(tmp_path / "ready")]
    first = CliRunner().invoke(app, call)
    assert first.exit_code == 3 and "2 samples prepared, 0 were there, 1 failed" in first.output
    assert "  C wrong_extension: C_t1.nii.gz" in first.output
    again = CliRunner().invoke(app, call)
    assert "0 samples prepared, 2 were there, 1 failed" in again.output
    sitk.WriteImage(brain(7), str(tmp_path / "B_t1.nii.gz"))
    assert "1 sample prepared, 1 were there, 1 failed" in CliRunner().invoke(app, call).output
    table = pd.read_csv(tmp_path / "ready" / "cohort.csv", dtype=str, keep_default_na=False)
    assert table[["sample_id", "idh", "t1__image", "t1__mask"]].to_numpy().tolist() == [
        ["A", "1", "A/t1.nii.gz", "A/mask.nii.gz"],
        ["B", "1", "B/t1.nii.gz", "B/mask.nii.gz"],
        ["C", "1", "", ""],
    ]
    record = json.loads((tmp_path / "ready" / "A" / "record.json").read_text())
    assert record["steps"]["spacing_mm"] == [2, 2, 2] and Path(record["sources"]["t1"]).name == "A_t1.nii.gz"


def test_the_label_that_a_batch_table_means_is_told(tmp_path: Path) -> None:
    sitk.WriteImage(brain(), str(tmp_path / "a.nii.gz"))
    sitk.WriteImage(tumor(brain()), str(tmp_path / "m.nii.gz"))
    (tmp_path / "batch.csv").write_text("ID,Image,Mask\nA,a.nii.gz,m.nii.gz\n")
    (tmp_path / "recipe.toml").write_text('[images]\nscale = "z_score"\n')
    call = ["prepare", str(tmp_path / "batch.csv"), "--recipe", str(tmp_path / "recipe.toml"), "--jobs", "1"]
    told = CliRunner().invoke(app, [*call, "--out", str(tmp_path / "ready")])
    assert told.exit_code == 0 and "--label 1 or mask_label = 1 in a recipe." in " ".join(told.output.split())


def test_files_of_other_options_do_not_stay_beside_those_of_now(tmp_path: Path) -> None:
    paths = {name: str(tmp_path / f"{name}.nii.gz") for name in ("t1", "t2", "mask", "other")}
    for seed, name in enumerate(("t1", "t2")):
        sitk.WriteImage(brain(seed), paths[name])
    sitk.WriteImage(tumor(brain()), paths["mask"])
    sitk.WriteImage(tumor(brain())[:, :, :] * 2, paths["other"])
    images, own = {name: paths[name] for name in ("t1", "t2")}, {"t1": paths["mask"], "t2": paths["other"]}
    sample = SampleFiles("A", images, own, paths["mask"])
    make_sample_ready(tmp_path / "out", sample, Steps(register_to="t2"))
    (tmp_path / "out" / "A" / "notes.txt").write_text("mine")
    one = replace(sample, masks=dict.fromkeys(images, paths["mask"]), brain="")
    make_sample_ready(tmp_path / "out", one, Steps(scale="z_score"))
    there = sorted(path.name for path in (tmp_path / "out" / "A").iterdir())
    assert there == ["mask.nii.gz", "notes.txt", "record.json", "t1.nii.gz", "t2.nii.gz"]
