"""Volumes are written whole, with the same bytes every time."""

from __future__ import annotations

import nibabel as nib
import numpy as np

from radiofuse.imaging import read_image, write_volume


def test_reads_back_as_written(tmp_path, voxels):
    write_volume(tmp_path / "a.nii.gz", voxels, spacing_mm=(1.0, 1.5, 2.0), description="made up")
    image = nib.load(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(np.asanyarray(image.dataobj), voxels)
    assert image.header["descrip"] == b"made up"
    assert read_image(tmp_path / "a.nii.gz").image.GetSpacing() == (1.0, 1.5, 2.0)


def test_same_bytes_under_any_name(tmp_path, voxels):
    for name in ("a.nii.gz", "b.nii.gz"):
        write_volume(tmp_path / name, voxels, spacing_mm=(1.0, 1.0, 1.0))
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.nii.gz", "b.nii.gz"]
