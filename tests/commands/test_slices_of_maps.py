"""Which slice of a map is shown, how it stands, and which tables of an earlier run go."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk

from radiofuse.commands.maps import APART, EMPTY, NEITHER, TABLES, _shown, _slice_shown, _write_tables
from radiofuse.imaging.stacks import SliceStack

SHAPE = (9, 11, 12)  # z, y, x


def sample(path: Path, plane: str, orientation: str = "LPS") -> tuple[SimpleNamespace, SimpleNamespace]:
    """A scan that is brightest at the top, its region there, and a map of the same values."""
    z, _, x = np.mgrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    image = sitk.DICOMOrient(sitk.GetImageFromArray((10.0 * z + x + 1).astype(np.float32)), orientation)
    sitk.WriteImage(image, path)
    voxels = sitk.GetArrayFromImage(image)
    placing = SliceStack(("t1",), size=12, slices="middle", plane=plane).placing(image, None)
    placed = SimpleNamespace(placing=placing, images={"t1": str(path)})
    one = SimpleNamespace(placed=placed, region=voxels > 80, looked_at=voxels > 0)
    return one, SimpleNamespace(voxels={"": voxels}, strength=voxels, is_signed=False)


@pytest.mark.parametrize("orientation", ["LPS", "RAI", "SPL"])
@pytest.mark.parametrize(("plane", "sides"), [("Coronal", ("R", "L")), ("Sagittal", ("A", "P"))])
def test_the_upper_end_stands_above(tmp_path: Path, plane: str, sides: tuple[str, str], orientation: str) -> None:
    one, voxel_map = sample(tmp_path / "t1.nii.gz", plane, orientation)
    shown = _shown(one, voxel_map, 4)
    for rows in (shown.images["t1"], shown.maps[""], shown.outline):
        assert rows[0].mean() > rows[-1].mean() and rows.shape[0] == SHAPE[0]
    assert shown.sides == sides
    if plane == "Coronal":
        assert (np.diff(shown.images["t1"], axis=1) > 0).all()  # the patient's left is on the right


def test_axial_slices_keep_the_front_above(tmp_path: Path) -> None:
    one, voxel_map = sample(tmp_path / "t1.nii.gz", "Axial")
    shown = _shown(one, voxel_map, 4)
    np.testing.assert_array_equal(shown.images["t1"], voxel_map.strength[4])
    assert shown.sides == ("R", "L")


def test_no_blank_slice_is_shown(tmp_path: Path) -> None:
    one, voxel_map = sample(tmp_path / "t1.nii.gz", "Axial")
    assert _slice_shown(one, voxel_map) == (8, "")
    one.looked_at = np.zeros(SHAPE, bool)
    one.looked_at[2:4] = True
    voxel_map.strength = voxel_map.strength * one.looked_at
    assert _slice_shown(one, voxel_map) == (3, APART)
    voxel_map.strength = np.zeros(SHAPE)
    assert _slice_shown(one, voxel_map) == (2, NEITHER)
    one.region = None
    assert _slice_shown(one, voxel_map) == (2, EMPTY)


def test_tables_of_an_earlier_run_go_and_the_users_stay(tmp_path: Path) -> None:
    for name, header in TABLES.items():
        (tmp_path / name).write_text(f"{header}\nold\n")
    (tmp_path / "dropout_spread.csv").write_text("mine\n")
    (tmp_path / "other.csv").write_text(TABLES["maps.csv"])
    row = dict.fromkeys(TABLES["maps.csv"].split(","), "new") | {"volumes": ["a", "b"]}
    _write_tables(tmp_path, {"maps": [row], "localization": [], "dropout_spread": []})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dropout_spread.csv", "maps.csv", "other.csv"]
    assert "old" not in (tmp_path / "maps.csv").read_text()
