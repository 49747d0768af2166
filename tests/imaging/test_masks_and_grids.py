"""Masks without a usable region and grids that do not match are refused; noise is reconciled."""

from __future__ import annotations

import ast
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

import radiofuse
from radiofuse.errors import ImageError, RequestError
from radiofuse.imaging import IMAGE_ERROR_CODES, check_pair
from radiofuse.radiomics import FEATURE_ERROR_CODES

SPACING_MM = (1.0, 1.0, 2.5)


def as_image(voxels: np.ndarray, spacing=SPACING_MM, origin=(5.0, -7.0, 3.0), direction=None) -> sitk.Image:
    """Return voxels (x, y, z) as an image in space."""
    image = sitk.GetImageFromArray(voxels.T)
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    if direction is not None:
        image.SetDirection(np.ravel(direction).tolist())
    return image


@pytest.fixture
def image(voxels) -> sitk.Image:
    return as_image(voxels)


class TestLabels:
    @pytest.mark.parametrize(("label", "n_voxels"), [("any", 120), (1, 90), (4, 30), ([1, 4], 120), ([4, 9], 30)])
    def test_selects(self, image, region, label, n_voxels):
        roi = sitk.GetArrayFromImage(check_pair(image, as_image(region), label=label).roi)
        assert roi.sum() == n_voxels
        assert set(np.unique(roi)) == {0, 1}

    def test_absent_label_lists_those_present(self, image, region, refusal):
        text = refusal("label_not_found", lambda: check_pair(image, as_image(region), label=2))
        assert "label 2;" in text and "[1, 4]" in text
        assert "Choose label 1 (--label 1, mask_label = 1 in the recipe, label=1 in Python)" in text
        assert "[2, 3]" in refusal("label_not_found", lambda: check_pair(image, as_image(region), label=[2, 3]))

    @pytest.mark.parametrize("label", ["any", 1, [1, 4]])
    def test_empty_mask(self, image, region, refusal, label):
        refusal("empty_roi", lambda: check_pair(image, as_image(region * 0), label=label))

    def test_label_255_counts_as_any(self, image, region):
        pair = check_pair(image, as_image((region > 0).astype(np.uint8) * 255))
        assert sitk.GetArrayViewFromImage(pair.roi).sum() == 120

    def test_any_does_not_unite_what_is_no_label(self, image, region, refusal):
        outside = region.astype(np.int16)
        outside[0, 0, :3] = -1
        assert "-1 (7.5 mm3), 1 (225 mm3), 4 (75 mm3)" in refusal(
            "labels_implausible", lambda: check_pair(image, as_image(outside))
        )
        assert sitk.GetArrayViewFromImage(check_pair(image, as_image(outside), label=1).roi).sum() == 90
        intensities = np.arange(region.size, dtype=np.int16).reshape(region.shape)
        assert "more" in refusal("labels_implausible", lambda: check_pair(image, as_image(intensities)))
        text = refusal("label_not_found", lambda: check_pair(image, as_image(intensities * 2), label=1))
        assert "[2, 4, 6, 8, 10 and 3834 more]" in text and "exchanged" in text

    def test_what_any_united_is_noted(self, image, region):
        assert check_pair(image, as_image(region)).notes == ('Label "any" united 1, 4.',)
        assert check_pair(image, as_image(region), label=[1, 4]).notes == ()

    @pytest.mark.parametrize("label", [0, [], "all", 1.0, True, [1, 0], [1, "4"], None])
    def test_what_is_no_label_is_a_wrong_request(self, image, region, label):
        with pytest.raises(RequestError, match="mask label"):
            check_pair(image, as_image(region), label=label)


class TestRegion:
    def refuse(self, refusal, code, image, mask):
        return refusal(code, lambda: check_pair(image, as_image(mask.astype(np.uint8))))

    def test_whole_image(self, image, region, refusal):
        self.refuse(refusal, "roi_is_whole_image", image, region * 0 + 1)

    @pytest.mark.parametrize(
        "box",
        [np.s_[5:6, 5:6, 5:6], np.s_[5:7, 5:6, 5:6], np.s_[3:13, 5:6, 5:6], np.s_[5:7, 5:8, 5:6]],
        ids=["1 voxel", "2 voxels", "10 voxels", "6 voxels"],
    )
    def test_too_small(self, image, region, refusal, box, request):
        region[:] = 0
        region[box] = 1
        text = self.refuse(refusal, "roi_too_small", image, region)
        assert f"has {request.node.callspec.id} within" in text

    def test_a_mask_of_all_that_the_image_shows_is_noted(self, voxels, region):
        head = np.zeros(voxels.shape, bool)
        head[2:18, 2:14, 2:10] = True
        stripped = as_image(np.where(head, voxels, 0))
        (note,) = check_pair(stripped, as_image(head.astype(np.uint8))).notes
        assert note == "Share of the image's nonzero voxels that the region covers: 100.0%."
        assert check_pair(stripped, as_image(region), label=1).notes == ()

    def test_smallest_solid_passes(self, image, region):
        region[:] = 0
        region[5:7, 5:7, 5:7] = 1
        assert check_pair(image, as_image(region)).notes == ()

    def test_single_voxels_without_neighbors(self, image, region, refusal):
        region[:] = 0
        region[::2, ::2, ::2] = 1
        assert "480 pieces of at most 1 voxel;" in self.refuse(refusal, "roi_fragmented", image, region)

    def test_checkerboard_touches_at_edges_and_passes(self, image, region):
        board = (np.indices(region.shape).sum(axis=0) % 2).astype(np.uint8)
        assert check_pair(image, as_image(board)).notes == ()

    def test_stray_voxel_is_noted(self, image, region):
        region[0, 0, 0] = 1
        note = check_pair(image, as_image(region), label=[1, 4]).notes
        assert note == ("The region of interest has 2 separate pieces; the largest holds 99.2%.",)

    def test_one_slice_is_noted(self, image, region):
        region[:, :, :6] = region[:, :, 7:] = 0
        assert "6 x 5 x 1" in check_pair(image, as_image(region)).notes[0]


class TestIntensity:
    @pytest.mark.parametrize("value", [0.0, 100.0, -3.5, 1e30])
    def test_constant(self, image, region, value):
        flat = sitk.GetArrayFromImage(image) * 0 + value
        said = f"The image is constant within the region of interest: {value:g}."
        assert said in check_pair(as_image(flat.T), as_image(region), label=[1, 4]).notes

    def test_constant_within_the_region_only(self, voxels, region):
        voxels[region > 0] = 42.0
        (note,) = check_pair(as_image(voxels), as_image(region), label=[1, 4]).notes
        assert note == "The image is constant within the region of interest: 42."

    def test_rounding_around_a_constant(self, voxels, region):
        nearly = np.float32(1000.0) + np.sign(voxels - 100).astype(np.float32) * np.float32(1e-4)
        assert "is constant" in check_pair(as_image(nearly), as_image(region), label=[1, 4]).notes[-1]

    @pytest.mark.parametrize("factor", [1e-9, 1e6, 1e30])
    def test_scale_alone_is_no_reason(self, voxels, region, factor):
        """Diffusivity in m2/s is of order 1e-9; whether bins fit is the radiomics room's question."""
        check_pair(as_image(voxels * np.float32(factor)), as_image(region))

    def test_integers_are_judged_too(self, region):
        flat = as_image(region.astype(np.int16) * 0)
        assert "is constant" in check_pair(flat, as_image(region), label=[1, 4]).notes[-1]


class TestGrid:
    def test_origin_rounding_is_reconciled_and_noted(self, image, region):
        pair = check_pair(image, as_image(region, origin=(5.00001, -7.0, 3.0)), label=[1, 4])
        assert pair.roi.GetOrigin() == image.GetOrigin()
        assert len(pair.notes) == 1 and "1.0e-05 voxels" in pair.notes[0]

    def test_direction_and_spacing_rounding_is_reconciled(self, voxels, region):
        turn = np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
        noisy = turn + np.array([[1e-6, -1e-6, 0], [1e-6, 0, 0], [0, 0, 0]])
        pair = check_pair(as_image(voxels, direction=turn), as_image(region, (1.000001, 1.0, 2.5), direction=noisy))
        assert pair.roi.GetDirection() == pair.image.GetDirection()
        assert sitk.GetArrayViewFromImage(pair.roi).sum() == 120

    def test_other_size_says_both(self, voxels, region, refusal):
        unplaced = {"spacing": (1, 1, 1), "origin": (0, 0, 0)}
        short = as_image(region[:, :, :-1], **unplaced)
        text = refusal("geometry_mismatch", lambda: check_pair(as_image(voxels, **unplaced), short))
        assert "20 x 16 x 11" in text and "20 x 16 x 12" in text

    @settings(max_examples=25, deadline=None)
    @given(
        low=st.tuples(*[st.integers(0, 2)] * 3),
        high=st.tuples(*[st.integers(0, 2)] * 3),
        order=st.permutations([0, 1, 2]),
        signs=st.tuples(*[st.booleans()] * 3),
    )
    def test_a_cropped_mask_selects_the_voxels_of_the_whole_one(self, low, high, order, signs):
        """SimpleITK's own crop, pad, permutation and flip keep every voxel in its place."""
        turn = np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
        image = as_image(np.random.default_rng(0).normal(size=(8, 9, 10)), direction=turn)
        region = np.zeros((8, 9, 10), dtype=np.uint8)
        region[2:6, 2:5, 2:8] = 1
        whole = as_image(region, direction=turn)
        beyond = [3 + length for length in high]  # a box of the image's own size elsewhere stays refused
        boxes = [sitk.Crop(whole, low, high), sitk.ConstantPad(sitk.Crop(whole, low), (0, 0, 0), beyond)]
        for box in boxes:
            stored = sitk.Flip(sitk.PermuteAxes(box, order), signs)
            np.testing.assert_array_equal(sitk.GetArrayFromImage(check_pair(image, stored).roi).T, region)

    def test_a_larger_mask_with_labels_beyond_the_image_is_refused(self, voxels, region, refusal):
        larger = np.pad(region, ((0, 0), (0, 0), (0, 2)))
        assert check_pair(as_image(voxels), as_image(larger), label=1).roi.GetSize() == voxels.shape
        larger[3:5, 3, 13] = 1
        text = refusal("geometry_mismatch", lambda: check_pair(as_image(voxels), as_image(larger)))
        assert "beyond the image with 2 voxels" in text

    def test_a_box_off_the_lattice_is_refused(self, image, region, refusal):
        half = as_image(region[2:], origin=(7.5, -7.0, 3.0))
        assert "18 x 16 x 12" in refusal("geometry_mismatch", lambda: check_pair(image, half))

    def test_axes_that_differ_by_the_rounding_of_a_quaternion_are_reconciled(self, tmp_path, voxels, region):
        """Scans stored from left to right and front to back have a quaternion whose first number is near 0."""
        rng, shifts = np.random.default_rng(3), []
        for _ in range(12):
            turn = nib.eulerangles.euler2mat(*rng.uniform(-0.05, 0.05, 3)) @ np.diag([-0.94, -0.94, 1.2])
            affine = nib.affines.from_matvec(turn, rng.uniform(-100, 100, 3))
            large = np.zeros((96, 96, 40), np.uint8)
            large[:20, :16, :12] = region
            for name, code in (("image", 1), ("mask", 0)):
                file = nib.Nifti1Image(large, affine)
                file.set_qform(affine, 1)
                file.set_sform(affine if code else None, code)
                nib.save(file, tmp_path / f"{name}.nii")
            image, mask = (sitk.ReadImage(tmp_path / f"{name}.nii") for name in ("image", "mask"))
            shifts.append(np.abs(np.subtract(image.GetDirection(), mask.GetDirection())).max())
            noise = sitk.GetImageFromArray(rng.normal(size=(40, 96, 96)))
            noise.CopyInformation(image)
            roi = check_pair(noise, mask, label=1).roi
            np.testing.assert_array_equal(sitk.GetArrayViewFromImage(roi).T, large == 1)
        assert max(shifts) > 1e-5  # of 96 voxels, this is the thousandth that was refused

    def test_a_turn_of_a_tenth_of_a_degree_is_refused(self, image, region, refusal):
        angle = np.deg2rad(0.1)
        turn = [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
        refusal("geometry_mismatch", lambda: check_pair(image, as_image(region, direction=turn)))

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"origin": (5.5, -7.0, 3.0)}, ["0.5 voxels", "origin (5.5, -7, 3) against (5, -7, 3)"]),
            ({"origin": (5.0, -7.0, 303.0)}, ["120 voxels", "origin"]),
            ({"spacing": (1.0, 1.0, 3.0)}, ["2.2 voxels", "spacing (1, 1, 3) against (1, 1, 2.5)"]),
            ({"direction": np.diag([-1.0, -1.0, 1.0])}, ["19 voxels", "direction"]),
            ({"direction": np.diag([-1.0, 1.0, 1.0])}, ["19 voxels", "direction (-1, 0, 0"]),
        ],
        ids=["half a voxel", "far away", "spacing", "turned", "mirrored"],
    )
    def test_real_mismatch_says_both_sides(self, image, region, refusal, change, words):
        text = refusal("geometry_mismatch", lambda: check_pair(image, as_image(region, **change)))
        assert all(word in text for word in words), text

    @settings(max_examples=40, deadline=None)
    @given(
        order=st.permutations([0, 1, 2]),
        signs=st.tuples(*[st.sampled_from([-1, 1])] * 3),
        corner=st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 5)),
    )
    def test_mask_stored_along_other_axes_is_turned_exactly(self, order, signs, corner):
        """SimpleITK's own permutation and flip, which keep every voxel in its place, are the oracle."""
        rng = np.random.default_rng(0)
        image = as_image(rng.normal(size=(8, 9, 10)), direction=np.eye(3)[[1, 2, 0]])
        region = np.zeros((8, 9, 10), dtype=np.uint8)
        region[tuple(slice(start, start + length) for start, length in zip(corner, (4, 3, 2), strict=True))] = 1
        mask = as_image(region, direction=np.eye(3)[[1, 2, 0]])
        stored = sitk.Flip(sitk.PermuteAxes(mask, order), [sign < 0 for sign in signs])
        pair = check_pair(image, stored)
        np.testing.assert_array_equal(sitk.GetArrayFromImage(pair.roi).T, region)
        assert pair.roi.GetDirection() == image.GetDirection()
        turned = order != [0, 1, 2] or signs != (1, 1, 1)
        assert len(pair.notes) == int(turned)

    def test_images_in_memory_that_are_not_one_scalar_volume(self, voxels, image, region, refusal):
        mask = as_image(region)
        four = sitk.GetImageFromArray(np.stack([voxels.T] * 2), isVector=False)
        refusal("wrong_dimensions", lambda: check_pair(four, mask))
        refusal("wrong_dimensions", lambda: check_pair(image, sitk.JoinSeries([mask, mask])))
        refusal("wrong_dimensions", lambda: check_pair(image[:, :, 3], mask))
        rgb = sitk.GetImageFromArray(np.stack([voxels.T] * 3, axis=-1), isVector=True)
        assert "vector" in refusal("not_scalar", lambda: check_pair(rgb, mask))
        refusal("not_scalar", lambda: check_pair(sitk.Cast(image, sitk.sitkComplexFloat32), mask))

    def test_4d_in_memory_with_one_volume(self, voxels, region):
        single = sitk.JoinSeries([as_image(voxels)])
        assert check_pair(single, as_image(region)).image.GetDimension() == 3


def test_arguments_are_left_alone(image, region):
    mask = as_image(region, origin=(5.00001, -7.0, 3.0))
    before = sitk.GetArrayFromImage(mask)
    check_pair(image, mask, label=1)
    assert mask.GetOrigin() == (5.00001, -7.0, 3.0)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(mask), before)


def test_every_code_raised_is_documented_and_every_documented_one_is_raised():
    package, raised, named = Path(radiofuse.__file__).parent, set(), set()
    rooms = {room: (package / room).rglob("*.py") for room in ("imaging", "deep", "extract")}
    for room, path in [(room, path) for room, paths in rooms.items() for path in paths if path.name != "codes.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                named.add(node.value)  # some codes go through a constant, or a parameter
            if room == "imaging" and isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ImageError":
                raised |= {node.args[0].value} if isinstance(node.args[0], ast.Constant) else set()
    assert raised <= FEATURE_ERROR_CODES.keys() | IMAGE_ERROR_CODES.keys()
    assert IMAGE_ERROR_CODES.keys() <= named


def test_errors_are_image_errors_with_exit_code_three(image, region):
    with pytest.raises(ImageError) as caught:
        check_pair(image, as_image(region * 0))
    assert caught.value.exit_code == 3
