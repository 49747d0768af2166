"""One pass over voxels against NumPy, pieces against SciPy, and a volume as SimpleITK has it."""

import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.ndimage import find_objects, label

from radiofuse.imaging.placed import PlacedVoxels, labels_in, moments, placed, survey
from radiofuse.imaging.roi import pieces

TYPES = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8")


def random_voxels(kind: str, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 12, 3))
    voxels = rng.integers(0 if kind[0] == "u" else -90, 90, shape) * (rng.random(shape) < 0.3)
    return voxels.astype(kind)


@pytest.mark.parametrize("kind", TYPES)
def test_one_pass_tells_what_numpy_tells(kind):
    for seed in range(8):
        voxels = random_voxels(kind, seed)
        told = survey(voxels)
        assert (told.n_shown, told.n_bad, told.lowest) == (np.count_nonzero(voxels), 0, voxels.min())
        whole, total, squares = moments(voxels)
        wide = voxels.astype(float)
        assert (whole, total, squares) == (True, wide.sum(), np.square(wide).sum())
        box = (find_objects((voxels != 0).astype(np.uint8)) or [(slice(0, 0),) * 3])[0]
        assert labels_in(voxels) == (np.count_nonzero(voxels), 0, True, box)


@pytest.mark.parametrize("kind", ["i1", "u1", "i2", "u2"])
def test_sums_of_the_largest_numbers_of_a_narrow_type_do_not_overflow(kind):
    ends = np.iinfo(kind)
    for end in (ends.min, ends.max):
        voxels = np.full((3, 200, 111), end, kind)  # two parts and a rest
        assert moments(voxels) == (True, float(end) * voxels.size, float(end) ** 2 * voxels.size)


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_what_is_no_number_is_counted_and_is_not_the_lowest(kind):
    voxels = random_voxels(kind, 3)
    voxels.flat[:2] = np.nan, np.inf
    assert survey(voxels) == (np.count_nonzero(voxels), 2, np.nanmin(voxels))
    assert labels_in(voxels)[1] == 2 and not moments(voxels)[0]
    voxels.flat[:2] = 0.5, 1
    assert not labels_in(voxels).are_whole and not moments(voxels)[0]
    assert np.isnan(survey(np.full((1, 2, 3), np.nan, kind)).lowest)


def test_an_order_of_bytes_that_is_named_is_taken_and_a_foreign_one_is_not():
    ordinary = np.arange(24, dtype="i2").reshape(2, 3, 4)
    foreign = ordinary.astype(ordinary.dtype.newbyteorder("S"))
    assert survey(ordinary.view(ordinary.dtype.newbyteorder("<" if sys.byteorder == "little" else ">")))[0] == 23
    for bad in (foreign, ordinary.astype(complex), ordinary[0]):
        with pytest.raises(TypeError, match="3 dimensions of whole or floating numbers"):
            survey(bad)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.6, 1.0])
def test_pieces_are_scipys(share):
    rng = np.random.default_rng(int(share * 100))
    for _ in range(40):
        mask = rng.random(tuple(rng.integers(1, 13, 3))) < share
        sizes = np.bincount(label(mask, np.ones((3, 3, 3)))[0].ravel())[1:]
        assert pieces(mask) == (len(sizes), max(sizes, default=0))


def test_a_volume_is_simpleitks_image_in_both_directions():
    image = sitk.GetImageFromArray(np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    image.SetSpacing((0.5, 0.7, 3.0))
    image.SetOrigin((-1.0, 2.0, 3.0))
    image.SetDirection((0, 1, 0, 1, 0, 0, 0, 0, -1))
    volume = placed(image)
    assert volume.image is image and volume.GetSize() == image.GetSize()
    again = PlacedVoxels(volume.array, volume.spacing_mm, volume.origin, volume.direction).image
    for place in ("GetSize", "GetSpacing", "GetOrigin", "GetDirection", "GetPixelIDTypeAsString"):
        assert getattr(again, place)() == getattr(image, place)()
    np.testing.assert_array_equal(sitk.GetArrayViewFromImage(again), volume.array)


UNNEEDED = (
    "pandas",
    "nibabel",
    "scipy",
    "pywt",
    "yaml",
    "pydicom",
    "pyarrow",
    "sklearn",
    "torch",
    "importlib.metadata",
)


def test_one_extraction_imports_what_it_needs(tmp_path):
    """A fresh process spends more on imports than on a small image: a library that is not needed is not imported."""
    voxels = np.random.default_rng(0).integers(0, 900, (12, 12, 12)).astype(np.int16)
    mask = np.pad(np.ones((6, 6, 6), np.uint8), 3)
    paths = [str(tmp_path / name) for name in ("image.nii.gz", "mask.nii.gz")]
    for path, array in zip(paths, (voxels, mask), strict=True):
        sitk.WriteImage(sitk.GetImageFromArray(array), path)
    script = (
        "import sys; from radiofuse import RadiomicsExtractor; e = RadiomicsExtractor('default')\n"
        f"v = e.execute({paths[0]!r}, {paths[1]!r}); assert list(v) == e.feature_names() and len(v) == 107\n"
        f"print(*[name for name in {UNNEEDED} if name in sys.modules])\n"
        "import radiofuse.extract.outcomes, radiofuse.extract.workers  # what a child of the command imports\n"
        f"print(*[name for name in {UNNEEDED[:-1]} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == []
