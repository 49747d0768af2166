"""The engine as a whole: what must not change its features, what it keeps between regions, and how it refuses."""

from __future__ import annotations

import ast
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, permutations
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

import radiofuse.radiomics
from radiofuse.errors import ImageError, RequestError
from radiofuse.extract.radiomics import RadiomicsExtractor
from radiofuse.imaging import IMAGE_ERROR_CODES
from radiofuse.radiomics import FEATURE_ERROR_CODES, read_settings
from radiofuse.radiomics.engine import ENGINE_VERSION, KEPT_SHAPES, Engine
from radiofuse.radiomics.region import Region

TEXTURE_CLASSES = ("firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")
ALL_CLASSES = {name: [] for name in ("shape", *TEXTURE_CLASSES)}
FIRST_ORDER = {"firstorder": []}
FILTERS = {
    "Original": {},
    "Wavelet": {},
    "LoG": {"sigma": [1.0, 2.5]},
    "Gradient": {},
    "Square": {},
    "SquareRoot": {},
    "Logarithm": {},
    "Exponential": {},
    "LBP2D": {},
}
OPEN_MESH = ("MeshVolume", "SurfaceArea", "SurfaceVolumeRatio", "Sphericity")
BIN_WIDTH = 25

reproducible = examples(derandomize=True, deadline=None, max_examples=25)


def parameters(image_types=None, classes=ALL_CLASSES, *, ibsi=False, **setting) -> dict:
    return {
        "imageType": image_types or {"Original": {}},
        "featureClass": classes,
        "setting": {"minimumROIDimensions": 1, **({} if "binCount" in setting else {"binWidth": BIN_WIDTH}), **setting},
        "radiofuse": {"ibsi": ibsi},
    }


def engine(image_types=None, classes=ALL_CLASSES, **setting) -> Engine:
    return Engine(read_settings(parameters(image_types, classes, **setting)))


def as_image(voxels: np.ndarray, spacing_mm=(1.0, 1.0, 1.0)) -> sitk.Image:
    """An image of (z, y, x) voxels; booleans make a mask."""
    image = sitk.GetImageFromArray(voxels.astype(np.uint8) if voxels.dtype == bool else voxels)
    image.SetSpacing([float(step) for step in spacing_mm[::-1]])
    return image


def computed(of: Engine, voxels: np.ndarray, inside: np.ndarray, spacing_mm=(1.0, 1.0, 1.0)) -> dict[str, float]:
    return of.compute(as_image(voxels, spacing_mm), as_image(inside, spacing_mm))


def noise(shape=(12, 12, 12), seed=0) -> np.ndarray:
    return np.random.default_rng(seed).normal(100, 40, size=shape)


def cube(shape=(12, 12, 12), size=5) -> np.ndarray:
    inside = np.zeros(shape, bool)
    inside[3 : 3 + size, 3 : 3 + size, 3 : 3 + size] = True
    return inside


def assert_same(features: dict, expected: dict) -> None:
    """The same names in the same order, and the same values to the last bit."""
    assert list(features) == list(expected)
    np.testing.assert_array_equal(list(features.values()), list(expected.values()))


def assert_close(features: dict, expected: dict) -> None:
    """The same but for rounding: sums in another order."""
    assert features.keys() == expected.keys()
    off = [
        f"{name}: {value!r} became {features[name]!r}"
        for name, value in expected.items()
        if not np.isclose(features[name], value, rtol=1e-9, atol=1e-9, equal_nan=True)
    ]
    assert not off, off[:8]


def without(features: dict, names: tuple[str, ...]) -> dict:
    return {name: value for name, value in features.items() if name.split("_")[-1] not in names}


# ---------------------------------------------------------------- what changes features, and what does not


@st.composite
def tumors(draw) -> tuple[np.ndarray, np.ndarray]:
    """Whole-number intensities and a region of any form that holds a solid piece with two far levels."""
    shape = draw(st.tuples(*[st.integers(3, 8)] * 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    spread = draw(st.sampled_from([30, 200]))
    voxels = rng.integers(-spread, spread, shape).astype(np.int16)
    inside = rng.random(shape) < draw(st.sampled_from([0.1, 0.5, 0.9]))
    inside[:2, :2, :2] = True
    voxels[0, 0, 0], voxels[1, 1, 1] = -spread, spread
    return voxels, inside


shifts = st.tuples(*[st.integers(0, 4)] * 3)
spacings = st.tuples(*[st.sampled_from([0.5, 1.0, 1.7, 3.0])] * 3)


@reproducible
@given(tumors(), shifts, st.sampled_from([-1000, 0, 77]), spacings)
def test_a_tumor_moved_within_a_larger_volume_keeps_every_feature(tumor, shift, background, spacing_mm):
    voxels, inside = tumor
    around = [(step, 4 - step) for step in shift]
    moved = np.pad(voxels, around, constant_values=background), np.pad(inside, around)
    both = engine()
    assert_same(computed(both, *moved, spacing_mm), computed(engine(), *tumor, spacing_mm))


@reproducible
@given(tumors(), st.permutations(range(3)), st.tuples(*[st.floats(-500, 500)] * 3))
def test_origin_and_axes_of_the_file_do_not_matter(tumor, order, origin):
    image, roi = map(as_image, tumor)
    expected = engine().compute(image, roi)
    for one in (image, roi):
        one.SetOrigin(origin)
        one.SetDirection(np.eye(3)[list(order)].ravel().tolist())
    assert_same(engine().compute(image, roi), expected)


SHIFTED = ("10Percentile", "90Percentile", "Maximum", "Mean", "Median", "Minimum")
ENERGIES = ("Energy", "TotalEnergy", "RootMeanSquared")


@reproducible
@given(tumors(), st.integers(-8, 8), st.sampled_from([False, True]))
def test_whole_bins_added_to_the_image_move_location_and_energy_alone(tumor, n_bins, ibsi):
    voxels, inside = tumor
    added = n_bins * BIN_WIDTH
    of = engine(ibsi=ibsi)
    before, after = computed(of, voxels, inside), computed(of, voxels + np.int16(added), inside)
    moved = SHIFTED + ENERGIES
    assert_close(without(after, moved), without(before, moved))
    for name in SHIFTED:
        assert after[f"original_firstorder_{name}"] == pytest.approx(before[f"original_firstorder_{name}"] + added)
    energy = np.square(voxels[inside].astype(float) + added).sum()
    root_mean_square = np.sqrt(energy / inside.sum())
    found = [after[f"original_firstorder_{name}"] for name in ENERGIES]
    assert found == pytest.approx([energy, energy, root_mean_square], rel=1e-12)


@reproducible
@given(tumors(), st.sets(st.integers(0, 2), min_size=1), spacings)
def test_flipped_axes_change_nothing_but_the_open_mesh(tumor, axes, spacing_mm):
    """pyradiomics' mesh has holes that depend on the direction in which the volume is stored."""
    flipped = [np.flip(part, tuple(axes)).copy() for part in tumor]
    of = engine()
    found, expected = computed(of, *flipped, spacing_mm), computed(of, *tumor, spacing_mm)
    assert_close(without(found, OPEN_MESH), without(expected, OPEN_MESH))


@reproducible
@given(tumors(), st.permutations(range(3)), st.sets(st.integers(0, 2)), spacings)
def test_with_ibsi_a_turned_tumor_keeps_every_feature(tumor, order, axes, spacing_mm):
    turned = [np.flip(part.transpose(order), tuple(axes)).copy() for part in tumor]
    of = engine(ibsi=True)
    found = computed(of, *turned, [spacing_mm[axis] for axis in order])
    expected = computed(of, *tumor, spacing_mm)
    across = [f"original_shape_Maximum2DDiameter{plane}" for plane in ("Slice", "Column", "Row")]
    renamed = {across[new]: expected[across[old]] for new, old in enumerate(order)}
    assert_close(found, expected | renamed)


LENGTHS = ("MajorAxisLength", "MinorAxisLength", "LeastAxisLength", "Maximum3DDiameter") + tuple(
    f"Maximum2DDiameter{plane}" for plane in ("Slice", "Column", "Row")
)
POWERS_OF_LENGTH = {
    **dict.fromkeys(LENGTHS, 1),
    "SurfaceArea": 2,
    "MeshVolume": 3,
    "VoxelVolume": 3,
    "TotalEnergy": 3,
    "SurfaceVolumeRatio": -1,
}


@reproducible
@given(tumors(), st.floats(0.1, 10), spacings)
def test_scaled_spacing_scales_lengths_areas_and_volumes_and_nothing_else(tumor, scale, spacing_mm):
    of = engine()
    found = computed(of, *tumor, [scale * step for step in spacing_mm])
    expected = {
        name: value * scale ** POWERS_OF_LENGTH.get(name.split("_")[-1], 0)
        for name, value in computed(of, *tumor, spacing_mm).items()
    }
    assert_close(found, expected)


CODINGS = [*permutations((1, 2, 4)), *permutations((1, 2, 3))]


@pytest.fixture(scope="module")
def glioma() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """An image and three compartments that do not overlap, as BraTS draws them."""
    rng = np.random.default_rng(5)
    image = np.cumsum(rng.normal(size=(12, 14, 16)), axis=2).astype(np.float32)
    voxel_places = zip(np.indices(image.shape), image.shape, strict=True)
    distance = np.sqrt(sum((place - size / 2) ** 2 for place, size in voxel_places))
    parts = {
        "core": distance < 2.5,
        "rim": (distance >= 2.5) & (distance < 4),
        "edema": (distance >= 4) & (distance < 6),
    }
    return image, parts


def drawn(parts: dict[str, np.ndarray], coding: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros(parts["core"].shape, np.uint8)
    for inside, label in zip(parts.values(), coding, strict=True):
        mask[inside] = label
    return mask


@pytest.mark.parametrize("coding", CODINGS, ids=str)
def test_other_label_values_for_the_same_regions_change_nothing(glioma, coding):
    voxels, parts = glioma
    image, mask = as_image(voxels), as_image(drawn(parts, coding))
    wanted = {"core": coding[0], "edema": coding[2], "tumor": [coding[1], coding[0]], "all": "any"}
    regions = {
        "core": parts["core"],
        "edema": parts["edema"],
        "tumor": parts["core"] | parts["rim"],
        "all": parts["core"] | parts["rim"] | parts["edema"],
    }
    for name, label in wanted.items():
        found = RadiomicsExtractor("default", label=label).extract(image, mask)
        alone = RadiomicsExtractor("default").extract(image, as_image(regions[name]))
        np.testing.assert_array_equal(found, alone, err_msg=name)


# ---------------------------------------------------------------- several regions of one image


def long_volume(dtype=np.float32) -> np.ndarray:
    """So long that filters in boxes at its two ends read different stretches of it."""
    rng = np.random.default_rng(1)
    return (100 + 20 * np.cumsum(rng.normal(size=(9, 11, 170)), axis=2)).astype(dtype)


def far_and_near(shape: tuple[int, ...]) -> list[np.ndarray]:
    """Overlapping, nested, distant, equal and scattered regions."""
    rng = np.random.default_rng(2)
    regions = np.zeros((7, *shape), bool)
    regions[0, 2:7, 3:9, 4:12] = True
    regions[1, 3:8, 2:8, 9:20] = True
    regions[2, 3:5, 4:7, 5:9] = True
    regions[3, 1:8, 2:10, 150:163] = rng.random((7, 8, 13)) < 0.6
    regions[4] = regions[0]
    regions[5, :, :, 2:25] = rng.random((*shape[:2], 23)) < 0.02
    regions[6] = regions[0] | regions[3]
    return list(regions)


SHARED = {
    "all filters": (FILTERS, {}),
    "LBP3D": ({"LBP3D": {"lbp3DLevels": 4}}, {"binWidth": 1}),
    "wavelet of two levels": ({"Wavelet": {"level": 2, "wavelet": "db4"}}, {}),
    "normalized": (FILTERS, {"normalize": True, "normalizeScale": 100, "removeOutliers": 3}),
    "resampled": (FILTERS, {"resampledPixelSpacing": [1.5, 1.2, 1.0], "padDistance": 8}),
    "pre-cropped": (FILTERS, {"preCrop": True, "padDistance": 6}),
    "resegmented": (FILTERS, {"resegmentRange": [-1.2, 1.2], "resegmentMode": "sigma"}),
    "in the plane": (FILTERS, {"force2D": True}),
}


@pytest.mark.parametrize(("image_types", "setting"), SHARED.values(), ids=SHARED)
@pytest.mark.parametrize("dtype", [np.float32, np.int16])
def test_regions_together_equal_regions_one_by_one(image_types, setting, dtype):
    voxels = long_volume(dtype)
    image, rois = as_image(voxels), [as_image(inside) for inside in far_and_near(voxels.shape)]
    classes = {"shape": [], "firstorder": [], "glcm": ["Contrast", "MCC"], "glszm": ["ZoneEntropy"]}
    of = engine(image_types, classes, **{"binCount": 16, **setting} if "binWidth" not in setting else setting)
    together = of.compute_each(image, rois)
    for roi, features in zip(rois, together, strict=True):
        assert_same(features, of.compute(image, roi))


def test_labels_together_equal_labels_one_by_one(glioma):
    voxels, parts = glioma
    image, mask = as_image(voxels), as_image(drawn(parts, (1, 2, 4)))
    labels = [4, "any", 1, [1, 4], 4]
    together = RadiomicsExtractor("shi2023").extract_each(image, mask, labels)
    one_by_one = [RadiomicsExtractor("shi2023", label=label).extract(image, mask) for label in labels]
    np.testing.assert_array_equal(together, one_by_one)


def test_no_region_has_no_features():
    assert engine().compute_each(as_image(noise()), []) == []
    extractor = RadiomicsExtractor("default")
    none = extractor.extract_each(as_image(noise()), as_image(cube()), [])
    assert none.shape == (0, len(extractor.feature_names()))


# ---------------------------------------------------------------- what is kept from one call to the next


def alike_regions() -> list[np.ndarray]:
    """More regions than are kept, within boxes of one shape and all of one number of voxels."""
    rng = np.random.default_rng(3)
    regions = []
    for _ in range(KEPT_SHAPES + 3):
        inside = np.zeros(5 * 6 * 7, bool)
        inside[rng.permutation(inside.size)[:60]] = True
        inside = inside.reshape(5, 6, 7)
        inside[[0, -1], [0, -1], [0, -1]] = True
        regions.append(inside)
    return regions


def test_kept_shapes_are_those_of_the_same_mask_and_spacing():
    voxels = np.random.default_rng(0).normal(size=(5, 6, 7)) * 60
    cases = [(inside, step) for inside in alike_regions() for step in ((1, 1, 1), (1, 1, 2), (1, 2, 1), (2, 1, 1))]
    kept = engine(classes={"shape": []})
    for inside, spacing_mm in chain(cases, reversed(cases)):
        fresh = engine(classes={"shape": []})
        assert_same(computed(kept, voxels, inside, spacing_mm), computed(fresh, voxels, inside, spacing_mm))


def test_kept_shapes_are_those_of_the_same_box():
    """The same voxels in a row, wrapped into boxes of two forms."""
    kept = engine(classes={"shape": []})
    for shape in ((2, 3, 4), (4, 3, 2), (2, 3, 4)):
        voxels = np.arange(24.0).reshape(shape) * 10
        full = np.ones(shape, bool)
        fresh = engine(classes={"shape": []})
        assert_same(computed(kept, voxels, full), computed(fresh, voxels, full))


def test_the_caller_may_change_what_was_returned():
    of = engine()
    first = computed(of, noise(), cube())
    expected = dict(first)
    for name in first:
        first[name] = -1.0
    assert_same(computed(of, noise(), cube()), expected)


def test_order_of_images_does_not_matter():
    rng = np.random.default_rng(4)
    one, other = (rng.normal(100, 40, size=(9, 10, 11)) for _ in range(2))
    ball, box = rng.random(one.shape) < 0.5, np.pad(np.ones((5, 6, 7), bool), 2)
    of = engine({**FILTERS, "LBP3D": {}})
    cases = [(one, ball), (other, box), (one, ball), (other, ball), (one, box), (other, box), (one, ball)]
    found = [computed(of, *case) for case in cases]
    for (voxels, inside), features in zip(cases, found, strict=True):
        assert_same(features, computed(engine({**FILTERS, "LBP3D": {}}), voxels, inside))


def test_an_image_whose_voxels_changed_in_place_is_computed_anew():
    """The same object at the same address: nothing may be known by where it lies in memory."""
    rng = np.random.default_rng(6)
    types = {**FILTERS, "LBP3D": {}}
    image, roi = as_image(rng.normal(100, 40, size=(8, 9, 10))), as_image(np.pad(np.ones((4, 5, 6), bool), 2))
    of = engine(types, FIRST_ORDER, binCount=8)
    before = of.compute(image, roi)
    address = sitk.GetArrayViewFromImage(image).ctypes.data
    for place in rng.integers(2, 6, size=(20, 3)).tolist():
        image.SetPixel(*place, 250.0 + place[0])
    assert sitk.GetArrayViewFromImage(image).ctypes.data == address
    found = of.compute(image, roi)
    assert sum(found[name] != before[name] for name in found) > len(found) / 2
    assert_same(found, engine(types, FIRST_ORDER, binCount=8).compute(image, roi))


def test_short_lived_images_of_one_shape_in_turn():
    """Each image is freed before the next is made, which then often lies at its address."""
    types = {**FILTERS, "LBP3D": {}}
    inside = np.pad(np.ones((4, 5, 6), bool), 2)
    of = engine(types, FIRST_ORDER, binCount=8)
    in_turn = [computed(of, np.random.default_rng(seed).normal(100, 40, size=(8, 9, 10)), inside) for seed in range(8)]
    for seed, features in enumerate(in_turn):
        voxels = np.random.default_rng(seed).normal(100, 40, size=(8, 9, 10))
        assert_same(features, computed(engine(types, FIRST_ORDER, binCount=8), voxels, inside))


# ---------------------------------------------------------------- names, versions, worker processes

NAMED = {
    "all classes": (FILTERS, ALL_CLASSES, {}),
    "every class by default": ({"Original": {}}, {}, {}),
    "level 2": ({"Wavelet": {"level": 2}}, FIRST_ORDER, {}),
    "later levels": ({"Wavelet": {"start_level": 1, "level": 2, "wavelet": "haar"}}, FIRST_ORDER, {}),
    "LBP3D": ({"LBP3D": {"lbp3DLevels": 3}, "LBP2D": {"lbp2DRadius": 2}}, FIRST_ORDER, {"binWidth": 0.5}),
    "force2D": (FILTERS, ALL_CLASSES, {"force2D": True, "force2Ddimension": 1}),
    "one type flat": ({"Wavelet": {"force2D": True}, "Original": {}}, FIRST_ORDER, {}),
    "sigmas": ({"LoG": {"sigma": [3, 0.5, 1.25]}}, FIRST_ORDER, {}),
    "sigmas of all": ({"LoG": {}, "Original": {}}, FIRST_ORDER, {"sigma": [1.0, 2]}),
    "some features": (
        {"Original": {}, "Gradient": {}},
        {"glcm": ["MCC", "Contrast"], "firstorder": ["Range", "Mean"], "shape": ["Sphericity", "Elongation"]},
        {},
    ),
    "deprecated features": (
        {"Original": {}},
        {
            "shape": ["Compactness1", "MeshVolume", "SphericalDisproportion", "Compactness2"],
            "firstorder": ["StandardDeviation", "Mean"],
            "glcm": ["Dissimilarity", "Contrast"],
        },
        {},
    ),
    "shape alone": ({"Original": {}}, {"shape": []}, {}),
    "texture alone": ({"Original": {}}, {"gldm": [], "ngtdm": None}, {}),
}


@pytest.mark.parametrize(("image_types", "classes", "setting"), NAMED.values(), ids=NAMED)
def test_feature_names_are_those_that_are_computed(image_types, classes, setting):
    of = engine(image_types, classes, **setting)
    voxels = np.random.default_rng(0).normal(100, 60, size=(16, 16, 16))
    names = of.feature_names()
    assert list(computed(of, voxels, np.pad(np.ones((6, 7, 8), bool), ((5, 5), (5, 4), (4, 4))))) == names
    assert names and len(set(names)) == len(names)


@pytest.mark.parametrize("flat_axis", [0, 1, 2])
def test_names_of_shape_in_the_plane(flat_axis):
    classes = {"shape2D": ["Perimeter", "Elongation", "SphericalDisproportion"], "firstorder": ["Mean"]}
    of = engine(None, classes, force2D=True, force2Ddimension=flat_axis)
    inside = np.zeros((9, 9, 9), bool)
    inside[tuple(slice(4, 5) if axis == flat_axis else slice(2, 7) for axis in range(3))] = True
    found = computed(of, np.random.default_rng(0).normal(100, 60, size=inside.shape), inside)
    assert list(found) == of.feature_names()
    assert list(found)[:3] == [f"original_shape2D_{name}" for name in classes["shape2D"]]


@pytest.mark.parametrize("level", [1, 2])
def test_names_of_kept_subbands(level):
    chosen = parameters({"Wavelet": {"level": level}}, FIRST_ORDER)
    chosen["radiofuse"]["wavelet_subbands"] = ["HHH", "LLL", "LLH"]
    of = Engine(read_settings(chosen))
    inside = np.pad(np.ones((6, 6, 6), bool), 4)
    found = computed(of, np.random.default_rng(0).normal(100, 60, size=inside.shape), inside)
    assert list(found) == of.feature_names()
    assert len({name.split("_")[0] for name in found}) == 2 * level + 1


def test_settings_without_any_feature_are_refused():
    with pytest.raises(RequestError, match="no feature"):
        engine({"Original": {}}, {"glcm": ["Dissimilarity"]})


@pytest.mark.parametrize("label", [None, 2, [1, 4]], ids=str)
def test_an_extractor_comes_back_from_a_worker_process_as_it_went(glioma, label):
    voxels, parts = glioma
    image, mask = as_image(voxels), as_image(drawn(parts, (1, 2, 4)))
    sent = RadiomicsExtractor("shi2023", label=label)
    returned = pickle.loads(pickle.dumps(sent))
    assert (returned.label, returned.backend, returned.settings) == (sent.label, sent.backend, sent.settings)
    assert returned.feature_names() == sent.feature_names()
    assert returned.block() == sent.block()
    np.testing.assert_array_equal(returned.extract(image, mask), sent.extract(image, mask))


def test_versions_name_everything_that_can_move_a_number():
    versions = engine().versions()
    assert versions["engine"] == f"radiofuse {ENGINE_VERSION}"
    assert versions["numpy"] == np.__version__
    assert versions["SimpleITK"] == sitk.Version_VersionString()
    assert set(versions) == {"engine", "SimpleITK", "numpy", "scipy", "PyWavelets"}
    assert all(isinstance(version, str) and version for version in versions.values())


def test_another_engine_or_setting_is_another_block():
    blocks = [RadiomicsExtractor(parameters(binWidth=width), label=1).block() for width in (5, 5, 6)]
    assert blocks[0] == blocks[1] != blocks[2]


# ---------------------------------------------------------------- bad input


def with_value(value: float) -> np.ndarray:
    voxels = noise()
    voxels[4, 4, 4] = value
    return voxels


LOG = {"LoG": {"sigma": [1.0]}}
REFUSED_BY_THE_EXTRACTOR = {
    "one voxel": ("roi_too_small", noise(), cube(size=1), {}),
    "no voxel": ("empty_roi", noise(), cube(size=0), {}),
    "constant image, normalized": ("degenerate_intensity", np.full((12, 12, 12), 7.0), cube(), {"normalize": True}),
    "NaN in the region": ("not_finite", with_value(np.nan), cube(), {}),
    "NaN outside the region, normalized": (
        "not_finite",
        with_value(np.nan),
        np.roll(cube(size=3), 4, axis=0),
        {"normalize": True},
    ),
    "infinity": ("not_finite", with_value(-np.inf), cube(), {"image_types": FILTERS}),
    "few slices for LoG": ("image_too_small", noise((3, 12, 12)), cube()[:3] | cube()[3:6], {"image_types": LOG}),
    "wide LoG": ("image_too_small", noise(), cube(), {"image_types": {"LoG": {"sigma": [15]}}}),
    "narrow bins": ("too_many_grey_levels", noise(), cube(), {"binWidth": 1e-3}),
    "many bins": ("too_many_grey_levels", noise(), cube(), {"binCount": 5000}),
    "one bin": ("too_few_grey_levels", abs(noise()), cube(), {"binWidth": 1e5}),
    "all resegmented away": ("empty_after_resegmentation", noise(), cube(), {"resegmentRange": [1e4, 2e4]}),
    "one voxel left by resegmentation": (
        "empty_after_resegmentation",
        with_value(5e3),
        cube(),
        {"resegmentRange": [4e3]},
    ),
    "lost in resampling": ("empty_after_resampling", noise(), cube(size=2), {"resampledPixelSpacing": [15, 15, 15]}),
    "neighbors too far": ("no_neighbors", noise(), cube(size=3), {"distances": [5]}),
    "minimum size": ("roi_too_small", noise(), cube(), {"minimumROISize": 200}),
    "minimum dimensions": (
        "roi_too_small",
        noise(),
        cube() & (np.indices(cube().shape)[0] == 4),
        {"minimumROIDimensions": 3},
    ),
    "nothing but 0": ("no_intensity_scale", np.zeros((12, 12, 12)), cube(), {"image_types": {"Square": {}}}),
    "thick shape2D": ("roi_not_flat", noise(), cube(), {"classes": {"shape2D": []}, "force2D": True}),
}


def assert_is_a_sentence(error: ImageError) -> None:
    """What, expected, got, next step: in words, on one line."""
    said = str(error)
    assert error.code in IMAGE_ERROR_CODES | FEATURE_ERROR_CODES
    assert said.endswith(".") and "\n" not in said
    assert len(said.split()) >= 10, said
    assert not any(word in said for word in ("Traceback", "Error", "numpy", "array(", "itk::", "None"))


@pytest.mark.parametrize(
    ("code", "voxels", "inside", "setting"), REFUSED_BY_THE_EXTRACTOR.values(), ids=REFUSED_BY_THE_EXTRACTOR
)
def test_the_extractor_refuses(code, voxels, inside, setting):
    with pytest.raises(ImageError) as caught:
        RadiomicsExtractor(parameters(**setting)).extract(as_image(voxels), as_image(inside))
    assert caught.value.code == code
    assert_is_a_sentence(caught.value)


REFUSED_BY_THE_ENGINE = {
    "one voxel": ("roi_too_small", noise(), cube(size=1), {}),
    "no voxel": ("empty_roi", noise(), cube(size=0), {}),
    "constant whole numbers, normalized": (
        "degenerate_intensity",
        np.full((12, 12, 12), 7.0),
        cube(),
        {"normalize": True},
    ),
    "constant fraction, normalized": (
        "degenerate_intensity",
        np.full((20, 30, 31), 0.3, np.float32),
        cube((20, 30, 31)),
        {"normalize": True, "binWidth": 0.1},
    ),
    "NaN, normalized": ("degenerate_intensity", with_value(np.nan), cube(), {"normalize": True}),
    "NaN": ("not_finite", with_value(np.nan), cube(), {"image_types": {"LoG": {"sigma": [1.0]}, "Wavelet": {}}}),
    "NaN, scaled": ("not_finite", with_value(np.nan), cube(), {"image_types": {"Exponential": {}}}),
    "zero": ("no_intensity_scale", np.zeros((12, 12, 12)), cube(), {"image_types": {"Logarithm": {}}}),
    "lone voxels": (
        "no_neighbors",
        noise(),
        np.indices((12, 12, 12)).sum(axis=0) == 0,
        {"classes": {"glcm": []}, "distances": [20]},
    ),
}
REFUSED_BY_THE_ENGINE["lone voxels"][2][0, 0, 9] = True


@pytest.mark.parametrize(
    ("code", "voxels", "inside", "setting"), REFUSED_BY_THE_ENGINE.values(), ids=REFUSED_BY_THE_ENGINE
)
def test_the_engine_refuses_what_did_not_come_through_the_gate(code, voxels, inside, setting):
    with pytest.raises(ImageError) as caught:
        computed(Engine(read_settings(parameters(**setting))), voxels, inside)
    assert caught.value.code == code
    assert_is_a_sentence(caught.value)


def test_a_region_that_cannot_be_described_stops_the_others_by_name():
    image, rois = as_image(noise()), [as_image(cube()), as_image(cube(size=1))]
    with pytest.raises(ImageError) as caught:
        engine().compute_each(image, rois)
    assert caught.value.code == "roi_too_small"


def test_a_feature_that_came_out_nan_is_refused_by_name():
    """Two cubes so far apart that no two voxels lie at the distance asked for: no co-occurrence."""
    inside = np.zeros((12, 12, 12), bool)
    inside[1:3, 1:3, 1:3] = inside[9:11, 9:11, 9:11] = True
    extractor = RadiomicsExtractor(parameters(None, {"firstorder": [], "glcm": ["Contrast"]}, distances=[4]))
    with pytest.raises(ImageError, match="original_glcm_Contrast") as caught:
        extractor.extract(as_image(noise()), as_image(inside))
    assert caught.value.code == "feature_not_finite"
    assert_is_a_sentence(caught.value)


def test_a_filter_that_leaves_nan_is_refused_by_name():
    """Samples of whole-number volumes are whole numbers; equal ones have no kurtosis."""
    voxels = np.full((12, 12, 12), 50, np.int16)
    voxels[3, 3, 3] = 150
    with pytest.raises(ImageError, match="lbp-3D-k") as caught:
        RadiomicsExtractor(parameters({"LBP3D": {}}, FIRST_ORDER)).extract(as_image(voxels), as_image(cube()))
    assert caught.value.code == "not_finite"
    assert_is_a_sentence(caught.value)


ODD_SETTINGS = [
    {},
    {"binCount": 3},
    {"normalize": True, "binWidth": 0.2},
    {"resegmentRange": [-1, 1], "resegmentMode": "sigma"},
    {"resegmentRange": [0.5], "resegmentMode": "relative"},
    {"resampledPixelSpacing": [2, 2, 2], "interpolator": "sitkLinear"},
    {"force2D": True, "force2Ddimension": 2},
    {"distances": [1, 2]},
    {"weightingNorm": "euclidean"},
    {"preCrop": True, "padDistance": 0},
]
NOT_OF_IBSI = [
    one for one in ODD_SETTINGS if "weightingNorm" in one or "preCrop" in one or 0.5 in one.get("resegmentRange", [])
]


@examples(derandomize=True, deadline=None, max_examples=120)
@given(
    st.integers(0, 2**32 - 1),
    st.tuples(*[st.integers(2, 9)] * 3),
    st.sampled_from([np.uint8, np.int16, np.float32, np.float64]),
    st.sampled_from([1, 2, 60, 250, 250]),
    st.sampled_from([0.02, 0.3, 0.8, 0.97]),
    st.sampled_from(ODD_SETTINGS),
    st.sampled_from([*FILTERS, "LBP3D"]),
    st.booleans(),
)
def test_finite_features_or_a_sentence_whatever_comes(seed, shape, dtype, n_values, share, setting, kind, ibsi):
    rng = np.random.default_rng(seed)
    voxels, inside = rng.integers(0, n_values, shape).astype(dtype), rng.random(shape) < share
    ibsi = ibsi and setting not in NOT_OF_IBSI
    extractor = RadiomicsExtractor(parameters({kind: FILTERS.get(kind, {})}, ibsi=ibsi, **setting))
    try:
        vector = extractor.extract(as_image(voxels), as_image(inside))
    except ImageError as error:
        assert_is_a_sentence(error)
    else:
        assert vector.shape == (len(extractor.feature_names()),)
        assert np.isfinite(vector).all()


def raised_codes(path: Path) -> set[str]:
    """The codes of the ImageErrors that a source file makes; each is a literal."""
    return {
        ast.literal_eval(node.args[0])
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ImageError"
    }


def test_every_code_of_the_engine_is_documented_and_every_documented_one_is_raised():
    room = Path(radiofuse.radiomics.__file__).parent
    sources = [*room.rglob("*.py"), room.parent / "extract" / "radiomics.py"]
    raised = set().union(*map(raised_codes, sources))
    assert not raised - IMAGE_ERROR_CODES.keys() - FEATURE_ERROR_CODES.keys()
    assert not FEATURE_ERROR_CODES.keys() - raised
    assert not FEATURE_ERROR_CODES.keys() & IMAGE_ERROR_CODES.keys()


# ---------------------------------------------------------------- threads


@pytest.fixture
def hurried_threads():
    """Threads that take turns a thousand times more often than by default."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def test_threads_may_share_an_engine():
    of = engine({**FILTERS, "LBP3D": {}}, binCount=16)
    rng = np.random.default_rng(8)
    pairs = [(noise((10, 11, 12), seed), rng.random((10, 11, 12)) < 0.4) for seed in range(4)]
    expected = [computed(of, *pair) for pair in pairs]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda nth: computed(of, *pairs[nth % 4]), range(12)))
    for nth, features in enumerate(found):
        assert_same(features, expected[nth % 4])


def test_threads_may_share_the_kept_shapes(hurried_threads):
    """More masks than are kept, so that one thread lets go what another has just looked up."""
    of = engine(classes={"shape": ["VoxelVolume"]})
    regions = [Region.of(np.ones((2, 2, size), bool), (1.0, 1.0, 1.0)) for size in range(2, 3 * KEPT_SHAPES)]
    order = np.random.default_rng(9).integers(0, len(regions), (8, 30_000)).tolist()

    def volumes(turns: list[int]) -> list[float]:
        return [of._shape_features(regions[nth])["original_shape_VoxelVolume"] for nth in turns]

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(volumes, order))
    assert found == [[4.0 * (nth + 2) for nth in turns] for turns in order]


def test_lbp_of_a_region_with_nan_is_refused():
    voxels, inside = noise(), cube()
    voxels[tuple(np.argwhere(inside)[0])] = np.nan
    with pytest.raises(ImageError) as caught:
        computed(engine({"LBP2D": {}}, {"firstorder": []}), voxels, inside)
    assert caught.value.code == "not_finite"
