"""The place that a plain NIfTI file is read to have is ITK's, to the last bit; of other files ITK is asked."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from nibabel import Nifti1Header, Nifti1Image

from radiofuse.imaging.gate import read_image
from radiofuse.imaging.nifti import nifti_header

QUATERNIONS = ((0, 0, 0), (1, 0, 0), (0, -1, 0), (0, 0, 1))


def header(rng: np.random.Generator, *, qform: int, sform: int, axes: tuple, turn: tuple, units: int = 2) -> bytes:
    """Return the header of a file whose forms are diagonal, with the signs of a quaternion and a handedness."""
    built = Nifti1Header()
    built.set_data_dtype(np.int16)
    built.set_data_shape((3, 4, 5))
    spacing = rng.uniform(0.3, 7, 3).astype(np.float32)
    origin = rng.uniform(-250, 250, 3).astype(np.float32)
    built["pixdim"][:4] = np.float32(axes[2]), *spacing
    built["xyzt_units"] = units
    built["qform_code"], built["sform_code"] = qform, sform
    built["quatern_b"], built["quatern_c"], built["quatern_d"] = turn
    built["qoffset_x"], built["qoffset_y"], built["qoffset_z"] = origin
    for row, name in enumerate("xyz"):
        built[f"srow_{name}"] = 0
        built[f"srow_{name}"][row] = axes[row + 3] * spacing[row]
        built[f"srow_{name}"][3] = origin[row]
    built["magic"], built["vox_offset"] = b"n+1", 352
    return built.binaryblock


def signs(turn: tuple, handedness: int) -> tuple:
    b, c, d = np.abs(turn)
    diagonal = (1 - 2 * (c + d), 1 - 2 * (b + d), (1 - 2 * (b + c)) * handedness)
    return (1, 1, handedness, *diagonal)


@pytest.mark.parametrize(("qform", "sform"), [(1, 0), (0, 1), (1, 1), (2, 1), (1, 4), (0, 2)])
def test_a_plain_place_is_itks(qform, sform, tmp_path):
    rng = np.random.default_rng(10 * qform + sform)
    path = tmp_path / "plain.nii"
    for turn, handedness in product(QUATERNIONS, (1, -1)):
        head = header(
            rng, qform=qform, sform=sform, axes=signs(turn, handedness), turn=turn, units=2 * (handedness > 0)
        )
        path.write_bytes(head + bytes(4) + bytes(2 * 60))
        place = nifti_header(path.name, head).place
        reader = sitk.ImageFileReader()
        reader.SetFileName(str(path))
        reader.ReadImageInformation()
        assert place == (reader.GetSpacing(), reader.GetOrigin(), reader.GetDirection()), (turn, handedness)
        volume = read_image(path).volume
        assert (volume.spacing_mm, volume.origin, volume.direction) == place


@pytest.mark.parametrize("change", ["units", "oblique", "two places", "off the diagonal", "no code", "4-D", "intent"])
def test_of_any_other_place_itk_is_asked(change):
    rng, turn = np.random.default_rng(0), QUATERNIONS[3]
    built = Nifti1Header(header(rng, qform=1, sform=1, axes=signs(turn, 1), turn=turn))
    assert nifti_header("plain.nii", built.binaryblock).place is not None
    if change == "units":
        built["xyzt_units"] = 1
    if change == "oblique":
        built["sform_code"], built["quatern_b"], built["quatern_d"] = 0, 0.1, np.sqrt(0.99)
    if change == "two places":
        built["qoffset_x"] += 3
    if change == "off the diagonal":
        built["qform_code"], built["pixdim"][0] = 0, 1
        built["srow_x"][1] = 1e-4
    if change == "no code":
        built["qform_code"] = built["sform_code"] = 0
    if change == "4-D":
        built["dim"][:5] = 4, 3, 4, 5, 1
    if change == "intent":
        built["intent_code"] = 1002
    assert nifti_header("other.nii", built.binaryblock).place is None


def test_files_that_nibabel_writes_are_read_without_itk(tmp_path: Path):
    path = tmp_path / "written.nii.gz"
    affine = np.array([[-0.8, 0, 0, 90.5], [0, -0.8, 0, 126], [0, 0, 1.5, -72], [0, 0, 0, 1]])
    image = Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), affine)
    image.header.set_xyzt_units("mm")
    image.to_filename(path)
    volume, theirs = read_image(path), sitk.ReadImage(str(path))
    assert volume.volume.direction == theirs.GetDirection() == (1, 0, 0, 0, 1, 0, 0, 0, 1)
    assert (volume.volume.spacing_mm, volume.volume.origin) == (theirs.GetSpacing(), theirs.GetOrigin())
