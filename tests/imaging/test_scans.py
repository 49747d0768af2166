"""Sequences of a sample as channels on one grid, however they are stored, and masks back where they lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from radiofuse.errors import ImageError
from radiofuse.imaging.scans import read_placed, read_scan

CHANNELS = ("t1", "t2", "flair")


@pytest.fixture
def images(tmp_path: Path) -> dict[str, str]:
    """Return T1, and the same voxels stored along other axes as T2; no FLAIR."""
    voxels = np.random.default_rng(0).integers(1, 90, (4, 5, 6)).astype(np.float32)
    voxels[0] = 0
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing((1.0, 1.5, 3.0))
    paths = {"t1": tmp_path / "t1.nii.gz", "t2": tmp_path / "t2.nii.gz"}
    sitk.WriteImage(sitk.DICOMOrient(image, "RAS"), str(paths["t1"]))
    sitk.WriteImage(sitk.PermuteAxes(image, (2, 0, 1)), str(paths["t2"]))
    return {name: str(path) for name, path in paths.items()}


def test_channels_lie_on_one_grid_and_an_absent_one_is_nan(images):
    scan = read_scan(images, CHANNELS, scaled=False)
    assert scan.voxels.shape == (3, 4, 5, 6) and scan.spacing_mm == (3.0, 1.5, 1.0)
    assert (scan.voxels[0] == scan.voxels[1]).all() and np.isnan(scan.voxels[2]).all()
    assert scan.pixels["t1"] == scan.pixels["t2"] and scan.digests["t1"] != scan.digests["t2"]


def test_z_scores_are_of_what_is_not_0_and_leave_that(images):
    scan = read_scan(images, ("t1",), scaled=True)
    assert scan.box_of_head == (slice(1, 4), slice(0, 5), slice(0, 6))
    inside = scan.voxels[0, 1:]
    assert (scan.voxels[0, 0] == 0).all()
    assert (inside.mean(), inside.std()) == (pytest.approx(0, abs=1e-6), pytest.approx(1, rel=1e-5))


@pytest.mark.parametrize("first", ["t1", "t2"])
def test_a_mask_goes_back_where_the_image_lies_and_is_read_as_it_was(images, tmp_path, first):
    scan = read_scan(images, (first,), scaled=False)
    labels = np.random.default_rng(1).integers(0, 3, (4, 5, 6)).astype(np.uint8)
    placed = scan.as_stored(labels)
    placed.write(tmp_path / "mask.nii.gz")
    assert (scan.labels_in(str(tmp_path / "mask.nii.gz")) == labels).all()
    written, image = read_placed(tmp_path / "mask.nii.gz"), sitk.ReadImage(images[first])
    assert written.grid.GetSize() == image.GetSize() and written.grid.GetDirection() == image.GetDirection()


def test_no_sequence_and_sequences_of_two_grids_are_refused(images, tmp_path):
    with pytest.raises(ImageError, match="None of the sequences t1, flair is there"):
        read_scan({"t2": images["t2"]}, ("t1", "flair"), scaled=True)
    sitk.WriteImage(sitk.Image(4, 5, 6, sitk.sitkFloat32), str(tmp_path / "flair.nii.gz"))
    with pytest.raises(ImageError, match="flair does not lie on the grid of t1"):
        read_scan({**images, "flair": str(tmp_path / "flair.nii.gz")}, CHANNELS, scaled=True)
