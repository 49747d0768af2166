"""Co-occurrence features against pyradiomics, maximal correlation against LAPACK, and by hand."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofuse.radiomics import make_backend, read_settings
from radiofuse.radiomics.classes import glcm
from radiofuse.radiomics.classes.neighbors import neighbor_matrices, offsets

SPACING_MM = (1.5, 0.7, 0.9)
# Where levels are independent of their neighbors', pyradiomics gives these two features the noise of rounding, or NaN.
OF_INDEPENDENT_LEVELS = ("Imc2", "MCC")


def counts_and_steps(levels, *, distances=(1,), flat_axis=None):
    steps = offsets(levels.shape, distances, flat_axis=flat_axis)
    return neighbor_matrices(levels, int(levels.max()), steps, want=("glcm",)).glcm, steps


def own(levels, *, distances=(1,), flat_axis=None, **setting):
    counts, steps = counts_and_steps(levels, distances=distances, flat_axis=flat_axis)
    where = {"offsets": steps, "spacing_mm": SPACING_MM, "is_flat": len(np.unique(levels[levels > 0])) == 1}
    return glcm.features(counts, glcm.FEATURES, **where, **setting)


def described(counts, names, **setting):
    """Features of one direction's counts of a region of several levels."""
    along_x = np.array([[0, 0, 1]])
    return glcm.features(counts[None], names, offsets=along_x, spacing_mm=SPACING_MM, is_flat=False, **setting)


def pyradiomics(levels, **setting):
    reference = pytest.importorskip("radiomics.glcm")
    image, mask = (sitk.GetImageFromArray(array) for array in (levels.astype(float), (levels > 0).astype(np.uint8)))
    for volume in (image, mask):
        volume.SetSpacing(SPACING_MM[::-1])
    extractor = reference.RadiomicsGLCM(image, mask, binWidth=1, **setting)
    extractor.enableAllFeatures()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # means of no direction
        return {name: float(value) for name, value in extractor.execute().items()}


def random_levels(shape, n_levels, *, seed=0, filled=0.7):
    rng = np.random.default_rng(seed)
    levels = np.where(rng.random(shape) < filled, rng.integers(1, n_levels + 1, shape), 0).astype(np.int32)
    levels.flat[[0, -1]] = 1, n_levels
    return levels


def smooth_levels(shape, n_levels, *, seed=0):
    wandering = np.random.default_rng(seed).normal(size=shape).cumsum(axis=0).cumsum(axis=1).cumsum(axis=2)
    edges = np.linspace(wandering.min(), wandering.max(), n_levels + 1)[1:-1]
    return (np.digitize(wandering, edges) + 1).astype(np.int32)


def assert_equal(values, expected, names=glcm.FEATURES):
    assert {name: values[name] for name in names} == pytest.approx(
        {name: expected[name] for name in names}, rel=1e-9, abs=1e-12, nan_ok=True
    )


def without_independent_directions(levels, *, symmetrical=True, **where):
    """Whether in every direction the second singular value, as LAPACK finds it, is well above rounding."""
    counts, _ = counts_and_steps(levels, **where)
    return all(
        second_singular_value(direction, symmetrical=symmetrical) > 1e-3 for direction in counts if direction.any()
    )


def second_singular_value(counts, *, symmetrical=True):
    pairs = counts + counts.T if symmetrical else counts
    pairs = pairs[pairs.any(axis=1)][:, pairs.any(axis=0)] / pairs.sum()
    scaled = pairs / np.sqrt(np.outer(pairs.sum(axis=1), pairs.sum(axis=0)))
    return np.append(np.linalg.svd(scaled, compute_uv=False), 0)[1]


def test_names_are_those_of_pyradiomics_in_its_order():
    assert list(pyradiomics(random_levels((3, 4, 5), 3))) == list(glcm.FEATURES)


@pytest.mark.parametrize("make", [random_levels, smooth_levels])
@pytest.mark.parametrize(
    ("shape", "n_levels"),
    [((9, 10, 11), 12), ((12, 12, 12), 2), ((1, 30, 31), 9), ((16, 15, 14), 64), ((9, 9, 9), 150)],
)
def test_equal_to_pyradiomics(make, shape, n_levels):
    levels = make(shape, n_levels)
    assert_equal(own(levels), pyradiomics(levels))
    assert_equal(own(levels, symmetrical=False), pyradiomics(levels, symmetricalGLCM=False))


@pytest.mark.slow
@pytest.mark.parametrize("n_levels", [429, 1000])
def test_many_levels(n_levels):
    levels = smooth_levels((20, 20, 20), n_levels)[:, :, :2].copy()
    levels.flat[[0, -1]] = 1, n_levels
    where = {"flat_axis": 1, "distances": (2,)}  # few directions, for pyradiomics takes seconds for each
    expected = pyradiomics(levels, force2D=True, force2Ddimension=1, distances=[2])
    assert_equal(own(levels, **where), expected)


@pytest.mark.parametrize("symmetrical", [True, False])
@pytest.mark.parametrize("weighting", ["euclidean", "infinity", "manhattan", "no_weighting"])
def test_weightings(weighting, symmetrical):
    levels = smooth_levels((8, 9, 10), 9)
    expected = pyradiomics(levels, weightingNorm=weighting, symmetricalGLCM=symmetrical)
    assert_equal(own(levels, weighting=weighting, symmetrical=symmetrical), expected)


@pytest.mark.parametrize("flat_axis", [None, 0, 1, 2])
@pytest.mark.parametrize("distances", [(1,), (2,), (1, 2), (3,)], ids=str)
def test_distances_and_slices(distances, flat_axis):
    levels = smooth_levels((7, 8, 9), 6)
    flat = {} if flat_axis is None else {"force2D": True, "force2Ddimension": flat_axis}
    expected = pyradiomics(levels, distances=list(distances), **flat)
    assert_equal(own(levels, distances=distances, flat_axis=flat_axis), expected)


@settings(deadline=None, max_examples=150)
@given(
    st.tuples(*[st.integers(1, 4)] * 3).filter(lambda shape: max(shape) > 1),
    st.integers(1, 6),
    st.integers(0, 10**6),
    st.sampled_from([0.15, 0.5, 1.0]),
    st.booleans(),
    st.sampled_from([None, "manhattan", "no_weighting"]),
)
def test_regions_of_a_few_voxels(shape, n_levels, seed, filled, symmetrical, weighting):
    levels = random_levels(shape, n_levels, seed=seed, filled=filled)
    levels.flat[-1] = n_levels if n_levels > 1 else 1
    values = own(levels, symmetrical=symmetrical, weighting=weighting)
    expected = pyradiomics(levels, symmetricalGLCM=symmetrical, weightingNorm=weighting)
    assert_equal(values, expected, [name for name in glcm.FEATURES if name not in OF_INDEPENDENT_LEVELS])
    if weighting is None and without_independent_directions(levels, symmetrical=symmetrical):
        assert_equal(values, expected)


def test_independent_levels_have_no_correlation():
    counts = np.array([[4, 2], [2, 1]], np.int32)  # each pair as often as its levels: p = (2/3, 1/3) times itself
    values = described(counts, glcm.FEATURES)
    for name in ("Correlation", "Imc1", "Imc2", "MCC"):
        assert values[name] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 1, 2)])
def test_a_flat_region(shape):
    levels = np.ones(shape, np.int32)
    values = own(levels)
    assert_equal(values, pyradiomics(levels))
    ones = {"Autocorrelation", "Correlation", "Id", "Idm", "Idmn", "Idn", "JointAverage", "JointEnergy", "MCC"}
    expected = {name: float(name in ones | {"MaximumProbability"}) for name in glcm.FEATURES} | {"SumAverage": 2.0}
    assert values == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("weighting", [None, "manhattan"])
@pytest.mark.parametrize("has_pairs", [True, False])
@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 3, 3)])
@pytest.mark.parametrize("bin_count", [1, 2, 32])
def test_a_flat_region_in_a_middle_bin(bin_count, shape, has_pairs, weighting):
    levels = np.zeros(shape, np.int32)
    levels[(slice(None),) * 3 if has_pairs else (slice(None, None, 2),) * 3] = bin_count // 2 + 1
    expected = pyradiomics(levels, binCount=bin_count, weightingNorm=weighting)
    assert_equal(own(levels, weighting=weighting), expected)
    assert expected["MCC"] == 1 or not has_pairs


@pytest.mark.parametrize("weighting", [None, "euclidean"])
def test_the_sub_bands_of_a_constant_image_are_flat(weighting):
    image = sitk.GetImageFromArray(np.full((12, 13, 14), 7.0))
    roi = sitk.GetImageFromArray(np.pad(np.ones((3, 3, 3), np.uint8), [(4, 5), (5, 5), (5, 6)]))
    setting = {"binCount": 32} | ({"weightingNorm": weighting} if weighting else {})
    types = {"Original": {}, "Wavelet": {}}
    checked = read_settings({"imageType": types, "featureClass": {"glcm": []}, "setting": setting})
    expected, values = (make_backend(name, checked).compute(image, roi) for name in ("pyradiomics", "radiofuse"))
    assert values == pytest.approx({name: float(value) for name, value in expected.items()}, rel=1e-9, abs=1e-12)
    assert values["wavelet-HHL_glcm_MCC"] == 1


def test_a_level_without_neighbors_makes_a_region_not_flat():
    levels = np.zeros((1, 2, 5), np.int32)
    levels[0, 0, :2], levels[0, 0, 4] = 1, 2
    assert_equal(own(levels), pyradiomics(levels))
    assert own(levels)["MCC"] == 0


@pytest.mark.parametrize("seed", range(3))
def test_one_level_before_all_others(seed):
    """Correlation is 0 or 1, as a sum of probabilities rounds."""
    levels = np.full((1, 2, 9), 4, np.int32)
    levels[0, 1] = np.random.default_rng(seed).permutation(9) + 1
    for turned in (levels, np.ascontiguousarray(levels[:, ::-1, ::-1])):
        expected = pyradiomics(turned, symmetricalGLCM=False)
        assert_equal(own(turned, symmetrical=False), expected, ["Correlation"])


@pytest.mark.parametrize("weighting", [None, "no_weighting"])
@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 3, 3)])
@pytest.mark.parametrize("other_level", [1, 2])
def test_a_region_without_pairs(shape, other_level, weighting):
    levels = np.zeros(shape, np.int32)
    levels.flat[[0, -1]] = 1, other_level
    values = own(levels, weighting=weighting)
    assert_equal(values, pyradiomics(levels, weightingNorm=weighting))
    assert np.isnan(values["Contrast"])


def test_an_empty_direction_is_left_out():
    levels = np.zeros((1, 2, 7), np.int32)
    levels[0, 0, :3], levels[0, 1, 5:] = (1, 2, 2), (3, 1)  # pairs along x alone
    assert_equal(own(levels), pyradiomics(levels))
    assert own(levels)["Contrast"] == pytest.approx((1 + 0 + 4) / 3)


def with_rare_levels(rng, n_levels, n_pairs):
    """Counts of a smooth texture, and beside it levels that occur in one pair each, alone or joined to the rest."""
    i = np.arange(n_levels)
    ridge = np.exp(-((i[:, None] - i) ** 2) / 8 - ((i[:, None] - n_levels / 3) ** 2) / 18)
    counts = np.zeros((n_levels + 4,) * 2, np.int32)
    counts[:n_levels, :n_levels] = rng.poisson(ridge / ridge.sum() * n_pairs)
    counts[n_levels, n_levels + 1] = counts[n_levels + 2, n_levels + 3] = 1
    if rng.random() < 0.5:
        counts[n_levels + 2, counts[:n_levels, :n_levels].sum(axis=1).argmax()] = 1
    return counts


def second_of_pyradiomics(counts, symmetrical):
    p = (counts + counts.T if symmetrical else counts).astype(float)
    p /= p.sum()
    q = (p / (np.outer(p.sum(axis=1), p.sum(axis=0)) + glcm.EPS)) @ p.T
    return np.sqrt(np.sort(np.linalg.eigvals(q).real)[-2])


@pytest.mark.parametrize("symmetrical", [True, False])
@pytest.mark.parametrize("n_pairs", [100, 10**4, 10**6])
def test_mcc_is_the_second_eigenvalue_of_pyradiomics_matrix(n_pairs, symmetrical):
    rng = np.random.default_rng(n_pairs)
    for n_levels in (1, 2, 5, 20, 40, 80):
        counts = with_rare_levels(rng, n_levels, n_pairs)
        value = described(counts, ["MCC"], symmetrical=symmetrical)["MCC"]
        assert value == pytest.approx(second_of_pyradiomics(counts, symmetrical), rel=1e-9)


def with_eigenvalues_near_one(rng, n_levels, kind):
    """Counts whose second eigenvalue is below 1 by epsilon alone, by a single pair, or slowly told from the third."""
    if kind == "levels apart":  # of various shares, so that epsilon leaves each another eigenvalue
        counts = rng.poisson(1, (n_levels, n_levels))
        for level in rng.choice(n_levels, 4, replace=False):
            counts[level] = counts[:, level] = 0
            counts[level, level] = rng.integers(1, 9)
    elif kind == "joined by a pair":
        counts, parts = np.zeros((n_levels, n_levels), int), np.array_split(np.arange(n_levels), 3)
        for part in parts:
            counts[np.ix_(part, part)] = rng.poisson(3, (len(part), len(part)))
        counts[parts[0][0], parts[1][0]] = counts[parts[1][1], parts[2][0]] = 1
    else:
        apart = np.abs(np.subtract.outer(np.arange(n_levels), np.arange(n_levels)))
        counts = rng.poisson(20 * np.exp(-((apart / rng.uniform(0.3, 1)) ** 2)))
    return counts.astype(np.int32)


@pytest.mark.parametrize("symmetrical", [True, False])
@pytest.mark.parametrize("kind", ["levels apart", "joined by a pair", "along the diagonal"])
def test_mcc_with_second_eigenvalues_near_one_is_exact(kind, symmetrical):
    rng = np.random.default_rng(11)
    for n_levels in (6, 12, 30, 64, 64, 64, 90, 90):
        counts = with_eigenvalues_near_one(rng, n_levels, kind)
        value = described(counts, ["MCC"], symmetrical=symmetrical)["MCC"]
        assert value == pytest.approx(second_of_pyradiomics(counts, symmetrical), rel=1e-13)


def test_mcc_of_matrices_with_few_cells_is_that_of_lapack():
    rng = np.random.default_rng(5)
    for _ in range(5):  # many levels in few pairs, and eigenvalues close to each other
        counts = rng.poisson(6 / 200, (200, 200)).astype(np.int32)
        value = described(counts, ["MCC"])["MCC"]
        assert value == pytest.approx(second_singular_value(counts), rel=1e-9)


def test_ibsi_leaves_epsilon_out():
    levels = smooth_levels((8, 9, 10), 9)
    assert own(levels, ibsi=True) == pytest.approx(own(levels), rel=1e-9)
    assert own(np.ones((2, 2, 2), np.int32), ibsi=True)["JointEntropy"] == 0
    assert own(np.ones((2, 2, 2), np.int32))["JointEntropy"] == pytest.approx(np.log2(1 + glcm.EPS) * -1, rel=1e-12)


def test_by_hand():
    # Haralick's example: 4 x 4 pixels of four levels, horizontal neighbors; his matrix is 4 2 1 0 / 2 4 0 0 / 1 0 6 1 /
    # 0 0 1 2 (doi:10.1109/TSMC.1973.4309314, figure 3).
    image = np.array([[[1, 1, 2, 2], [1, 1, 2, 2], [1, 3, 3, 3], [3, 3, 4, 4]]], np.int32)
    counts = neighbor_matrices(image, 4, np.array([[0, 0, 1]], np.int32)).glcm
    assert (counts[0] + counts[0].T).tolist() == [[4, 2, 1, 0], [2, 4, 0, 0], [1, 0, 6, 1], [0, 0, 1, 2]]
    names = ["MaximumProbability", "JointEnergy", "Contrast", "Idm", "SumAverage", "DifferenceEntropy"]
    values = described(counts[0], names)
    assert list(values) == names
    assert values == pytest.approx(
        {
            "MaximumProbability": 1 / 4,
            "JointEnergy": (16 + 4 + 1 + 4 + 16 + 1 + 36 + 1 + 1 + 4) / 24**2,
            "Contrast": (6 + 2 * 4) / 24,
            "Idm": (16 + 6 / 2 + 2 / 5) / 24,
            "SumAverage": 2 * (7 * 1 + 6 * 2 + 8 * 3 + 3 * 4) / 24,
            "DifferenceEntropy": -sum(n / 24 * np.log2(n / 24) for n in (16, 6, 2)),
        }
    )


def test_wrong_arrays_are_refused():
    counts, steps = counts_and_steps(random_levels((3, 4, 5), 3))
    with pytest.raises(TypeError, match="counts: expected 3 dimensions"):
        glcm.features(counts.astype(float), ["Id"], offsets=steps, spacing_mm=SPACING_MM, is_flat=False)
    with pytest.raises(ValueError, match="do not fit"):
        weighted = {"weighting": "euclidean", "is_flat": False}
        glcm.features(counts, ["Id"], offsets=steps[1:], spacing_mm=SPACING_MM, **weighted)
