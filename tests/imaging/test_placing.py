"""Pictures go back to the voxels that they were cut from, however the file stores them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from radiofuse.imaging import Cropping, check_pair, tumor_crops
from radiofuse.imaging.placing import ends, file_slice, placed_crops
from radiofuse.imaging.resampling import upright_view, upright_voxels
from radiofuse.imaging.stacks import SliceStack, VolumePatch

ORIENTATIONS = ("LPS", "RAS", "SPL", "AIR")


def stored_as(orientation: str) -> tuple[sitk.Image, sitk.Image]:
    """A smooth image and the mask of a box in it, stored along other axes."""
    z, y, x = np.mgrid[0:18, 0:22, 0:20]
    image = sitk.GetImageFromArray((z + 3.0 * y + 7.0 * x + 1.0).astype(np.float32))
    mask = sitk.Image(20, 22, 18, sitk.sitkUInt8)
    mask[5:15, 8:16, 6:12] = 1
    for one in (image, mask):
        one.SetSpacing((1.0, 1.0, 2.0))
    return tuple(sitk.DICOMOrient(one, orientation) for one in (image, mask))


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_view_is_what_simpleitk_turns(orientation: str) -> None:
    image, _ = stored_as(orientation)
    voxels = sitk.GetArrayFromImage(image)
    view = upright_view(image, voxels)
    assert (view == upright_voxels(image)).all()
    view[3, 4, 5] = -1.0
    assert (voxels == -1.0).sum() == 1


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize(
    "spec",
    [
        SliceStack(("t1",), size=22, slices="tumor"),
        SliceStack(("t1",), size=40, slices=2, plane="Coronal", cut="tumor"),
        SliceStack(("t1",), size=22, slices="middle", plane="Sagittal"),
        VolumePatch(("t1",), size=16),
    ],
)
def test_arrays_lie_where_their_voxels_do(orientation: str, spec: SliceStack | VolumePatch) -> None:
    image, mask = stored_as(orientation)
    arrays = spec.arrays({"t1": image}, mask)
    placing = spec.placing(image, mask)
    pictures = arrays["image"][:, 0] if isinstance(spec, SliceStack) else arrays["image"]
    back, voxels = placing.onto(pictures), sitk.GetArrayFromImage(image)
    whole = placing.onto(np.ones_like(pictures))
    assert set(np.unique(whole)) == {0.0, 1.0}
    # a linear image comes back, but for the borders of a square: beyond the outer pixels nothing is known
    apart = np.abs(back - voxels)[whole == 1]
    assert np.median(apart) < 1e-3
    assert (back[whole == 0] == 0).all()
    masks = arrays["mask"] if isinstance(spec, SliceStack) else arrays["mask"][None]
    inside = placing.onto(masks.astype(np.float32)) > 0.5
    assert (inside == ((whole == 1) & (sitk.GetArrayFromImage(mask) == 1))).all()


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_crops_lie_around_their_tumor(orientation: str) -> None:
    pair = check_pair(*stored_as(orientation))
    cropping = Cropping(size=30, slices=3)
    crops, placing = tumor_crops(pair, cropping), placed_crops(pair, cropping)
    back = placing.onto(crops.masks.astype(np.float32)) > 0.5
    drawn = placing.view(sitk.GetArrayFromImage(pair.roi))
    chosen = np.zeros_like(back)
    placing.view(chosen)[list(crops.slices)] = True
    assert (placing.view(back) == (drawn == 1) & placing.view(chosen)).all()
    assert back.sum() > 0


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("plane", ["Axial", "Coronal", "Sagittal"])
def test_a_slice_is_called_as_the_file_counts_it_and_its_sides_as_the_patients(orientation: str, plane: str) -> None:
    image, _ = stored_as(orientation)
    placing = SliceStack(("t1",), size=22, slices="middle", plane=plane).placing(image, None)
    voxels = np.zeros(image.GetSize()[::-1], bool)
    placing.view(voxels)[3] = True
    counted = [np.flatnonzero(voxels.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    assert [file_slice(placing, 3)] in [one.tolist() for one in counted if len(one) == 1]
    axial = (("A", "P"), ("R", "L"))
    assert ends(placing) == {"Axial": axial, "Coronal": (("I", "S"), ("R", "L"))}.get(plane, (("I", "S"), ("A", "P")))


def test_crops_count_as_the_file_does() -> None:
    pair = check_pair(*stored_as("LPI"))
    placing = placed_crops(pair, Cropping(size=30, slices=3))
    assert [file_slice(placing, number) for number in (0, 3, 17)] == [0, 3, 17]
    stack = SliceStack(("t1",), size=22, slices="middle").placing(pair.image, None)
    assert [file_slice(stack, number) for number in (0, 3, 17)] == [17, 14, 0]
    assert ends(placing) == ends(stack) == (("A", "P"), ("R", "L"))


def test_a_cube_larger_than_the_image_fills_it_and_one_beside_it_leaves_it_empty() -> None:
    image, _ = stored_as("LPS")
    placing = VolumePatch(("t1",), size=40).placing(image, None)
    cube = np.ones((1, 40, 40, 40))
    assert placing.onto(cube).all()
    for beside in (np.array([-40, 0, 0]), np.array([0, 22, 0]), np.array([0, 0, 90])):
        assert not replace(placing, start=beside).onto(cube).any()
