"""Square tumor crops: the right slices, the right window, the same picture however a scan is stored."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from radiofuse.errors import RequestError
from radiofuse.imaging import Cropping, RoiPair, check_pair, read_pair, tumor_crops


def as_image(voxels: np.ndarray, spacing=(1.0, 1.0, 3.0), direction=None) -> sitk.Image:
    """Return voxels (slice, row, column) as an axial scan."""
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing(spacing)
    if direction is not None:
        image.SetDirection(np.ravel(direction).tolist())
    return image


def as_pair(voxels: np.ndarray, region: np.ndarray, **place) -> RoiPair:
    return check_pair(as_image(voxels, **place), as_image(region.astype(np.uint8), **place))


@pytest.fixture
def texture() -> np.ndarray:
    return np.random.default_rng(3).normal(100, 20, (7, 40, 48)).astype(np.float32)


@pytest.fixture
def tumor() -> np.ndarray:
    """Boxes of 4 x 6, 9 x 12, 5 x 8 and again 9 x 12 pixels on slices 1, 2, 3 and 5."""
    region = np.zeros((7, 40, 48), np.uint8)
    region[1, 10:14, 20:26] = 1
    region[2, 10:19, 20:32] = 1
    region[3, 11:16, 20:28] = 1
    region[5, 20:29, 5:17] = 1
    return region


def resampled(plane: np.ndarray, center, side_mm: float, spacing, size: int, how: int) -> np.ndarray:
    """What SimpleITK makes of the same square."""
    image = sitk.GetImageFromArray(plane)
    image.SetSpacing(spacing)
    step = side_mm / size
    origin = [at * of - side_mm / 2 + step / 2 for at, of in zip(center, spacing, strict=True)]
    square = sitk.Resample(image, (size, size), sitk.Transform(2, sitk.sitkIdentity), how, origin, (step, step))
    return sitk.GetArrayFromImage(square)


class TestPublishedImage:
    """brain1 of pyradiomics: its largest slice is 16, with 984 pixels within 32 x 45."""

    @pytest.fixture
    def brain(self, data_dir) -> RoiPair:
        folder = data_dir / "pyradiomics_testdata"
        return read_pair(folder / "brain1_image.nrrd", folder / "brain1_label.nrrd")

    @pytest.mark.data
    def test_slice_and_side(self, brain):
        crops = tumor_crops(brain, Cropping())
        assert crops.slices == (16,)
        assert crops.sides_mm[0] / brain.image.GetSpacing()[0] == pytest.approx(45)
        assert crops.n_tumor_slices == 7

    @pytest.mark.data
    def test_every_mask_pixel_is_inside(self, brain):
        """At one pixel per voxel the crop's mask is the slice's, pixel for pixel; this scan is stored back to front."""
        (mask,) = tumor_crops(brain, Cropping(size=45)).masks
        assert mask.sum() == 984
        drawn = sitk.GetArrayFromImage(brain.roi)[16, ::-1]
        rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
        box = drawn[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert np.array_equal(mask[mask.any(axis=1)][:, mask.any(axis=0)], box)

    @pytest.mark.data
    def test_the_aspect_ratio_survives(self, brain):
        (mask,) = tumor_crops(brain, Cropping()).masks
        height, width = mask.any(axis=1).sum(), mask.any(axis=0).sum()
        assert (height, width) == (52, 72)
        assert height / width == pytest.approx(32 / 45, abs=1 / 72)

    @pytest.mark.data
    def test_all_slices_come_largest_first(self, brain):
        crops = tumor_crops(brain, Cropping(slices="all"))
        assert crops.slices == (16, 15, 13, 17, 12, 11, 14)  # 984, 842, 626, 536, 524, 378, 247 pixels


class TestWindow:
    @pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.7, 0.7), (0.5, 1.25), (1.3, 0.4)])
    @pytest.mark.parametrize("size", [8, 12, 31, 72])
    def test_equals_simpleitk(self, texture, tumor, spacing, size):
        crops = tumor_crops(as_pair(texture, tumor, spacing=(*spacing, 3.0)), Cropping(size=size, slices=3))
        centers = {2: (25.5, 14.0), 5: (10.5, 24.0), 3: (23.5, 13.0)}  # columns, rows
        for crop, number, side_mm in zip(crops.images, crops.slices, crops.sides_mm, strict=True):
            expected = resampled(texture[number], centers[number], side_mm, spacing, size, sitk.sitkLinear)
            np.testing.assert_allclose(crop, expected, rtol=1e-5)

    @pytest.mark.parametrize("size", [8, 31, 72])
    def test_mask_equals_simpleitk(self, texture, tumor, size):
        tumor[2] &= texture[2] > 90  # a ragged region, its bounding rectangle still 9 x 12
        tumor[2, [10, 18, 12, 13], [25, 25, 20, 31]] = 1
        crops = tumor_crops(as_pair(texture, tumor), Cropping(size=size, slices=2))
        expected = resampled(tumor[2], (25.5, 14.0), 12.0, (1.0, 1.0), size, sitk.sitkNearestNeighbor)
        assert crops.slices == (5, 2)
        assert np.array_equal(crops.masks[1], expected)

    def test_side_is_the_longer_edge(self, texture, tumor):
        crops = tumor_crops(as_pair(texture, tumor), Cropping(slices="all"))
        assert dict(zip(crops.slices, crops.sides_mm, strict=True)) == {2: 12, 5: 12, 3: 8, 1: 6}

    def test_side_is_measured_in_millimeters(self, texture, tumor):
        """9 rows of 2 mm are longer than 12 columns of 1 mm; the crop shows 18 x 12 mm as 18 to 12."""
        crops = tumor_crops(as_pair(texture, tumor, spacing=(1.0, 2.0, 3.0)), Cropping(size=72))
        (mask,) = crops.masks
        assert crops.sides_mm == (18.0,)
        assert (mask.any(axis=1).sum(), mask.any(axis=0).sum()) == (72, 48)

    def test_one_pixel_per_voxel_changes_no_intensity(self, texture, tumor):
        tumor[2, 10:20, 20:32] = 1  # even height and width: the window falls on whole voxels
        (image,) = tumor_crops(as_pair(texture, tumor), Cropping(size=12)).images
        assert np.array_equal(image, texture[2, 9:21, 20:32])

    def test_outside_the_image_is_zero(self, texture, tumor):
        tumor[:] = 0
        tumor[2, 0:4, 30:48] = 1  # in a corner: 18 wide, so the square reaches 7 pixels beyond the upper edge
        crops = tumor_crops(as_pair(texture, tumor), Cropping(size=18))
        assert (crops.images[0, :7] == 0).all()
        assert np.array_equal(crops.images[0, 7:], texture[2, 0:11, 30:48])
        assert crops.masks.sum() == 4 * 18
        assert crops.masks[0, 7:11].all()

    @pytest.mark.parametrize("kind", [np.int16, np.uint8, np.float64])
    def test_any_number_type(self, texture, tumor, kind):
        (image,) = tumor_crops(as_pair(texture.astype(kind), tumor), Cropping(size=12)).images
        assert image.dtype == np.float32
        tumor[2, 19, 20] = 1
        (image,) = tumor_crops(as_pair(texture.astype(kind), tumor), Cropping(size=12)).images
        assert np.array_equal(image, texture[2, 9:21, 20:32].astype(kind).astype(np.float32))


class TestSlices:
    @pytest.mark.parametrize(
        ("cropping", "slices"),
        [
            (Cropping(slices=1), (2,)),
            (Cropping(slices=3), (2, 5, 3)),
            (Cropping(slices=9), (2, 5, 3, 1)),
            (Cropping(slices="all"), (2, 5, 3, 1)),
            (Cropping(slices="all", max_slices=3), (2, 5, 3)),
        ],
    )
    def test_largest_first_and_ties_by_number(self, texture, tumor, cropping, slices):
        crops = tumor_crops(as_pair(texture, tumor), cropping)
        assert crops.slices == slices
        assert crops.images.shape == crops.masks.shape == (len(slices), 72, 72)
        assert crops.n_tumor_slices == 4

    def test_many_equal_slices_keep_their_order(self):
        voxels = np.random.default_rng(0).normal(size=(60, 12, 12))
        region = np.zeros(voxels.shape, np.uint8)
        region[4:54, 3:9, 3:9] = 1
        assert tumor_crops(as_pair(voxels, region), Cropping(slices=40)).slices == tuple(range(4, 44))

    def test_a_slice_whose_tumor_is_too_thin_is_left_out(self, texture, tumor):
        tumor[6, 3:36, 1:2] = tumor[6, 3:36, 40:41] = 1  # two lines of a pixel's width within a wide square
        pair = as_pair(texture, tumor)
        assert 6 in tumor_crops(pair, Cropping(slices="all")).slices
        assert tumor_crops(pair, Cropping(size=8, slices="all")).slices == (2, 5, 3, 1)


class TestStorage:
    """The same head, stored along other axes or in other directions, is the same picture."""

    @pytest.mark.parametrize("orientation", ["RAS", "LAS", "LPI", "PIR", "ASL", "SRA", "IPL", "PSL", "SAL"])
    def test_the_crop_does_not_depend_on_it(self, texture, tumor, orientation):
        pair = as_pair(texture, tumor, spacing=(0.8, 1.1, 3.0))
        turned = check_pair(*(sitk.DICOMOrient(part, orientation) for part in (pair.image, pair.roi)))
        plain, other = (tumor_crops(one, Cropping(slices=3)) for one in (pair, turned))
        order = list(plain.slices)
        numbers = [6 - number for number in other.slices] if "I" in orientation else list(other.slices)
        assert sorted(numbers) == sorted(order)
        for row, number in enumerate(numbers):
            assert np.array_equal(other.images[row], plain.images[order.index(number)])
            assert np.array_equal(other.masks[row], plain.masks[order.index(number)])

    def test_a_sagittal_scan_is_cut_along_its_axial_axis(self, texture, tumor):
        """Index axes run anterior to posterior, inferior to superior and right to left, as sagittal scanners store."""
        sagittal = sitk.DICOMOrient(as_image(texture), "PSL")
        assert sagittal.GetSize() == (40, 7, 48)
        pair = check_pair(sagittal, sitk.DICOMOrient(as_image(tumor), "PSL"))
        assert tumor_crops(pair, Cropping()).slices == (2,)

    def test_an_oblique_scan_is_cut_along_its_own_slices(self, texture, tumor):
        tilt = np.deg2rad(20)
        direction = [[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]]
        straight, oblique = (tumor_crops(as_pair(texture, tumor, direction=d), Cropping()) for d in (None, direction))
        assert np.array_equal(straight.images, oblique.images)


class TestRefusals:
    def test_no_tumor_in_any_slice(self, texture, tumor, refusal):
        empty = RoiPair(as_image(texture), as_image(tumor * 0))
        assert "The tumor lies in no slice" in refusal("empty_roi", lambda: tumor_crops(empty, Cropping()))

    def test_a_tumor_that_vanishes(self, texture, tumor, refusal):
        tumor[:] = 0
        tumor[4:6, 3:36, 1:2] = tumor[4:6, 3:36, 40:41] = 1
        pair = as_pair(texture, tumor)
        sentence = refusal("roi_lost_in_crop", lambda: tumor_crops(pair, Cropping(size=8)))
        assert "square of 40 mm becomes 8 x 8 pixels" in sentence

    def test_intensities_beyond_float32(self, texture, tumor, refusal):
        pair = as_pair(texture.astype(np.float64) * 1e37, tumor)
        assert "3.4e+38" in refusal("intensity_out_of_range", lambda: tumor_crops(pair, Cropping()))

    def test_a_nan_voxel_does_not_pass_the_gate(self, texture, tumor, refusal):
        texture[0, 0, 0] = np.nan
        assert "1 NaN or infinite voxel" in refusal("not_finite", lambda: as_pair(texture, tumor))

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            ({"size": 7}, "The size of a crop is 7; expected 8 pixels or more."),
            ({"size": 72.0}, "The size of a crop is 72.0; expected 8 pixels or more."),
            ({"slices": 0}, 'slices per tumor is 0; expected 1 or more, or "all".'),
            ({"slices": "most"}, "slices per tumor is 'most'; expected 1 or more, or \"all\"."),
            ({"slices": True}, 'slices per tumor is True; expected 1 or more, or "all".'),
            ({"max_slices": 0}, "max_slices is 0; expected 1 slice or more."),
        ],
    )
    def test_what_is_no_cropping_is_a_wrong_request(self, options, sentence):
        with pytest.raises(RequestError) as caught:
            Cropping(**options)
        assert str(caught.value).endswith(sentence)


def test_identity_names_only_what_changes_pixels():
    assert Cropping(slices=3, max_slices=5).identity() == Cropping(slices=3).identity()
    assert Cropping(slices="all", max_slices=5).identity() != Cropping(slices="all").identity()
    assert Cropping(size=64).identity() != Cropping().identity()
