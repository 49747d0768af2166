"""Nyul's landmarks: measured on a reference set by a command, written into a recipe, applied to other images."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from typer.testing import CliRunner

from radiofuse.commands.cohort import app
from radiofuse.errors import ImageError, RequestError
from radiofuse.imaging.landmarks import PERCENTILES
from radiofuse.imaging.step_options import Steps
from radiofuse.imaging.steps import prepared

RUNNER = CliRunner()


def head(seed: int, unit: float = 1.0) -> sitk.Image:
    voxels = np.random.default_rng(seed).gamma(4, 25, size=(10, 12, 14))
    voxels[:, :3] = 0  # outside the head
    return sitk.GetImageFromArray((voxels * unit).astype(np.float32))


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    """A table of three patients, their images without masks, and one that cannot be read."""
    rows = []
    for number, unit in enumerate((1.0, 30.0, 0.2)):
        sitk.WriteImage(head(number, unit), str(tmp_path / f"{number}.nii.gz"))
        rows.append((f"P{number}", f"P{number}", f"{number}.nii.gz"))
    (tmp_path / "broken.nii.gz").write_bytes(b"no image")
    rows.append(("P3", "P3", "broken.nii.gz"))
    table = pd.DataFrame(rows, columns=["sample_id", "patient_id", "t1__image"])
    table.to_csv(tmp_path / "reference.csv", index=False)
    return tmp_path / "reference.csv"


def test_the_command_prints_what_a_recipe_takes_and_names_what_it_could_not_read(reference: Path) -> None:
    result = RUNNER.invoke(app, ["landmarks", str(reference), "--jobs", "1"])
    assert result.exit_code == 3, result.output
    assert "P3" in result.stderr and "# 4 patients of reference.csv" in result.stdout
    steps = Steps.of(tomllib.loads(result.stdout)["images"])
    shown = [voxels[voxels != 0] for voxels in (sitk.GetArrayFromImage(head(number)) for number in range(3))]
    places = np.array([np.percentile(voxels.astype(float), PERCENTILES) for voxels in shown])
    wanted = ((places - places[:, :1]) / (places[:, -1:] - places[:, :1])).mean(axis=0)
    np.testing.assert_allclose(steps.landmarks["t1"], wanted, atol=1e-5)  # whatever the units

    for unit in (1.0, 500.0):
        found = sitk.GetArrayFromImage(prepared({"t1": head(9, unit)}, {}, None, steps).images["t1"])
        assert (found[:, :3] == 0).all()
        own = np.percentile(found[found != 0].astype(float), PERCENTILES)
        np.testing.assert_allclose(own, steps.landmarks["t1"], atol=0.005)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"scale": "nyul"}, "nyul and landmarks need one another"),
        ({"landmarks": {"t1": [0] * 11}}, "nyul and landmarks need one another"),
        ({"scale": "nyul", "landmarks": {"t1": [0, 1]}}, "11 ascending numbers for each modality"),
        ({"scale": "nyul", "landmarks": {"t1": [*range(10), 0]}}, "11 ascending numbers for each modality"),
    ],
)
def test_landmarks_that_cannot_be_are_refused(options: dict, sentence: str) -> None:
    with pytest.raises(RequestError, match=sentence):
        Steps.of(options)


def test_a_modality_without_landmarks_is_named() -> None:
    steps = Steps(scale="nyul", landmarks={"t1": tuple(np.linspace(0, 1, 11))})
    with pytest.raises(ImageError, match="landmarks names t1, and not t2"):
        prepared({"t2": head(1)}, {}, None, steps)
