"""Constants that fill what was not imaged: named with their share, never changed."""

import numpy as np
import pytest
import SimpleITK as sitk

from radiofuse import RadiomicsExtractor
from radiofuse.errors import ImageError
from radiofuse.extract.regions_told import tell_of_regions
from radiofuse.imaging import check_pair
from radiofuse.imaging.padding import PADDED

SHAPE = (12, 14, 16)
OUTSIDE = np.hypot(*(np.indices(SHAPE)[1:] - [[[[6.5]]], [[[7.5]]]])) > 7  # the corners of a round field of view


def region(shift=0):
    inside = np.zeros(SHAPE, np.uint8)
    inside[4:8, 4 - shift : 9 - shift, 5 - shift : 11 - shift] = 1
    return inside


def notes_of(voxels, inside=None, *, outside_is_read=True):
    images = [sitk.GetImageFromArray(one) for one in (voxels, region() if inside is None else inside)]
    pair = check_pair(*images, outside_is_read=outside_is_read)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(pair.image), voxels)
    return [note.removeprefix(PADDED) for note in pair.notes if note.startswith(PADDED)]


def tissue(low, high, dtype=np.int16, seed=1):
    return np.random.default_rng(seed).uniform(low, high, SHAPE).astype(dtype)


@pytest.mark.parametrize(
    ("low", "high", "value", "dtype"),
    [
        (0, 2000, -32768, np.int16),
        (0, 255, -32768, np.float32),
        (-1024, 1500, -2000, np.int16),
        (-1024, 1500, -3024, np.int32),
        (-100, 300, -1024, np.int16),
        (0, 4, np.finfo(np.float32).min, np.float32),
    ],
)
def test_padding_is_named_with_its_share_of_the_voxels(low, high, value, dtype):
    voxels = np.where(OUTSIDE, value, tissue(low, high)).astype(dtype)
    share = 100 * OUTSIDE.sum() / OUTSIDE.size
    expected = f"{share:.1f}% of the image hold {float(value):.10g}, "
    assert notes_of(voxels) == [expected + "none in the region."]
    assert notes_of(voxels, outside_is_read=False) == []
    inside = region(shift=4)
    n_inside = int((OUTSIDE & (inside > 0)).sum())
    assert n_inside > 1
    assert notes_of(voxels, inside, outside_is_read=False) == [expected + f"{n_inside} voxels in the region."]


def test_interpolated_edges_do_not_hide_padding():
    voxels = np.where(OUTSIDE, -32768, tissue(0, 2000)).astype(np.float32)
    voxels[:, 1:-1] = np.where(OUTSIDE[:, :-2] & ~OUTSIDE[:, 1:-1], voxels[:, 1:-1] - 15000, voxels[:, 1:-1])
    assert len(notes_of(voxels)) == 1


@pytest.mark.parametrize(
    "voxels",
    [
        np.where(OUTSIDE, -1024, tissue(-1024, 1500)),  # CT: air has that value, and noise beside it
        np.where(OUTSIDE, -1000, np.where(np.indices(SHAPE)[0] < 6, tissue(-1010, -990), tissue(-80, 200))),
        np.where(OUTSIDE, 0, tissue(50, 900)),
        np.where(OUTSIDE, -0.7, tissue(1, 3, float)),  # a normalized brain in front of nothing
        tissue(0, 255, np.uint8),
        tissue(-3000, 3000),
    ],
    ids=["CT", "air", "zeros", "normalized", "uint8", "wide"],
)
def test_what_lies_near_other_values_is_no_padding(voxels):
    assert notes_of(voxels) == []


def test_a_filter_reads_it_and_the_original_image_does_not():
    voxels, mask = np.where(OUTSIDE, -32768, tissue(0, 2000)), region()
    plain = RadiomicsExtractor({"imageType": {"Original": {}}, "featureClass": {"firstorder": ["Mean"]}})
    filtered = RadiomicsExtractor({"imageType": {"Square": {}}, "featureClass": {"firstorder": ["Mean"]}})
    assert plain.extract(voxels.T, mask.T, spacing_mm=(1, 1, 1)).item() == pytest.approx(voxels[mask > 0].mean())
    reads = [one.reads_outside_region for one in (plain, filtered)]
    assert [len(notes_of(voxels, outside_is_read=one)) for one in reads] == [0, 1]


def test_a_refusal_of_intensities_too_alike_names_the_padding():
    voxels, mask = np.where(OUTSIDE, -32768, tissue(0, 2000)), region()
    parameters = {"imageType": {"Original": {}}, "featureClass": {"glcm": ["Contrast"]}}
    normalized = RadiomicsExtractor({"setting": {"normalize": True, "binWidth": 5}, **parameters})
    with pytest.raises(ImageError, match=r"less than one bin of 5.* hold -32768, none in the region. Crop"):
        normalized.extract(voxels.T, mask.T, spacing_mm=(1, 1, 1))


def test_a_run_says_it_once_with_the_first_image(caplog):
    voxels = np.where(OUTSIDE, -32768, tissue(0, 2000))
    note = PADDED + notes_of(voxels)[0]
    tell_of_regions({("P1", "t1"): (), ("P2", "t1"): (note,), ("P3", "t1"): (note,)})
    (told,) = caplog.messages
    assert told.startswith("2 of 3 images are filled, outside the field of view, with a constant")
    assert f"P2 (t1): {100 * OUTSIDE.mean():.1f}% of the image hold -32768, none in the region. Normal" in told
