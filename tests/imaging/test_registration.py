"""An image is brought onto another to a fraction of a voxel, with the same bits each time, or left where it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from radiofuse.errors import ImageError, RequestError
from radiofuse.imaging.registration import moved, register
from radiofuse.imaging.step_options import Steps
from radiofuse.imaging.steps import prepared
from tests.imaging.heads import brain, tumor


def test_a_known_shift_is_found_and_labels_stay_labels() -> None:
    fixed = brain()
    center = fixed.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in fixed.GetSize()])
    shift = sitk.Euler3DTransform(center, *np.deg2rad([2, -3, 5]), (3.0, -2.0, 1.5))
    moving = sitk.Resample(fixed, fixed, shift, sitk.sitkLinear, 0.0)
    found = register(moving, fixed)
    places = np.argwhere(sitk.GetArrayFromImage(fixed) > 0)[::97, ::-1].astype(float)
    wanted = np.array([shift.GetInverse().TransformPoint(place) for place in places])
    errors = np.linalg.norm([found.transform.TransformPoint(place) for place in places] - wanted, axis=1)
    assert errors.mean() < 0.5
    assert np.linalg.norm(places - wanted, axis=1).mean() > 3
    assert found.after > found.before and not found.worse
    back = moved(moved(tumor(fixed), fixed, shift, is_mask=True), fixed, found.transform, is_mask=True)
    assert set(np.unique(sitk.GetArrayFromImage(back))) == {0, 2, 4}
    again = register(moving, fixed)
    assert again.transform.GetParameters() == found.transform.GetParameters()


def test_brain1_moved_by_six_degrees_of_freedom_is_brought_back(data_dir: Path) -> None:
    """Slices 6.5 mm apart, pixels doubled to 1.6 mm: a mean error of .06 mm where .5 is allowed."""
    path = next((data_dir / "pyradiomics_testdata").rglob("brain1_image.nrrd"))
    fixed = sitk.BinShrink(sitk.ReadImage(str(path)), (2, 2, 1))
    center = fixed.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in fixed.GetSize()])
    shift = sitk.Euler3DTransform(center, *np.deg2rad([2, -3, 5]), (4.0, -3.0, 2.0))
    found = register(sitk.Resample(fixed, fixed, shift, sitk.sitkLinear, 0.0), fixed)
    inside = np.argwhere(sitk.GetArrayFromImage(fixed) > 100)[::997, ::-1].tolist()
    places = np.array([fixed.TransformIndexToPhysicalPoint(place) for place in inside])
    wanted = np.array([shift.GetInverse().TransformPoint(place) for place in places])
    errors = np.linalg.norm([found.transform.TransformPoint(place) for place in places] - wanted, axis=1)
    assert np.linalg.norm(places - wanted, axis=1).mean() > 8
    assert errors.mean() < 0.5 and errors.max() < 1


def test_an_image_where_it_belongs_stays_there_to_the_last_bit() -> None:
    image = brain(1)
    found = register(image, image)
    assert found.worse and found.transform.GetParameters() == (0.0,) * 6


def test_images_that_do_not_overlap_and_flat_ones_are_refused() -> None:
    flat = sitk.Image(20, 20, 20, sitk.sitkFloat32)
    with pytest.raises(ImageError, match=r"could not be registered|do not overlap") as caught:
        register(flat, brain())
    assert caught.value.code == "registration_failed"
    with pytest.raises(RequestError, match='"rigid" or "affine"'):
        register(brain(), brain(), kind="elastic")


def test_what_cannot_be_registered_is_named_with_the_reason() -> None:
    image = brain()
    flat = sitk.Image(image.GetSize(), sitk.sitkFloat32) + 5
    flat.CopyInformation(image)
    for other, sentence in (
        (flat, "flair onto t1: The image could not be registered: all voxels of one of the two are 5"),
        (image[:, :, 14:15], "flair onto t1: The image could not be registered: 40 x 36 x 1 voxels are no volume"),
    ):
        with pytest.raises(ImageError, match=sentence):
            prepared({"t1": image, "flair": other}, {}, None, Steps(register_to="t1"))


def test_a_search_that_runs_out_of_the_image_leaves_it_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def search(*images: object) -> sitk.Transform:
        raise RuntimeError("ITK ERROR: All samples map outside moving image buffer.")

    monkeypatch.setattr("radiofuse.imaging.registration._searched", search)
    found = register(brain(1), brain(2))
    assert found.worse and found.transform.GetParameters() == (0.0,) * 6
