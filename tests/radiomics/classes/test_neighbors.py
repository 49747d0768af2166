"""Neighbor matrices against pyradiomics' C code, to the last count, and counted by hand."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofuse.errors import ImageError, RequestError
from radiofuse.radiomics.classes.neighbors import MAX_OFFSETS, neighbor_matrices, norms, offsets, squared_norms


def random_levels(shape, n_levels, *, seed=0, filled=0.7):
    rng = np.random.default_rng(seed)
    levels = rng.integers(1, n_levels + 1, shape, np.int32)
    return np.where(rng.random(shape) < filled, levels, 0).astype(np.int32)


def pyradiomics_matrices(levels, n_levels, *, distances=(1,), alpha=0, flat_axis=None):
    c_matrices = pytest.importorskip("radiomics").cMatrices
    mask, plane = levels > 0, (flat_axis is not None, flat_axis or 0)
    glcm, angles = c_matrices.calculate_glcm(levels, mask, np.array(distances), n_levels, *plane)
    gldm = c_matrices.calculate_gldm(levels, mask, np.array(distances), n_levels, alpha, *plane)[0]
    ngtdm = c_matrices.calculate_ngtdm(levels, mask, np.array(distances), n_levels, *plane)[0]
    return glcm[0].transpose(2, 0, 1), gldm, ngtdm, angles


def assert_equals_pyradiomics(levels, n_levels, **setting):
    glcm, gldm, ngtdm, angles = pyradiomics_matrices(levels, n_levels, **setting)
    steps = offsets(levels.shape, setting.get("distances", (1,)), flat_axis=setting.get("flat_axis"))
    np.testing.assert_array_equal(steps, angles)
    own = neighbor_matrices(levels, n_levels, steps, alpha=setting.get("alpha", 0))
    np.testing.assert_array_equal(own.glcm, glcm)
    np.testing.assert_array_equal(own.gldm, gldm[:, : 2 * len(steps) + 1])
    assert not gldm[:, 2 * len(steps) + 1 :].any()  # pyradiomics makes room for twice the neighbors there are
    np.testing.assert_array_equal(own.ngtdm[:, :3], ngtdm)


@pytest.mark.parametrize("shape", [(1, 1, 2), (1, 5, 7), (6, 1, 1), (2, 3, 4), (3, 9, 40), (7, 6, 33)], ids=str)
@pytest.mark.parametrize("distances", [(1,), (2,), (1, 2), (3, 1)], ids=str)
def test_shapes_and_distances(shape, distances):
    if max(shape) > min(distances):
        assert_equals_pyradiomics(random_levels(shape, 5), 5, distances=distances)


@pytest.mark.parametrize("flat_axis", range(3))
@pytest.mark.parametrize("distances", [(1,), (1, 2)], ids=str)
def test_within_slices(flat_axis, distances):
    assert_equals_pyradiomics(random_levels((4, 5, 6), 4), 4, flat_axis=flat_axis, distances=distances)


@pytest.mark.parametrize("n_levels", [1, 2, 429, 1000])
def test_numbers_of_levels(n_levels):
    assert_equals_pyradiomics(random_levels((9, 10, 11), n_levels), n_levels)


@pytest.mark.parametrize("alpha", [0, 1, 3, 100])
def test_dependence_within_alpha(alpha):
    assert_equals_pyradiomics(random_levels((6, 7, 8), 9), 9, alpha=alpha)


@settings(deadline=None, max_examples=100)
@given(st.tuples(*[st.integers(1, 6)] * 3), st.integers(1, 6), st.integers(0, 10**6), st.sampled_from([0.1, 0.5, 1.0]))
def test_small_regions(shape, n_levels, seed, filled):
    if max(shape) > 1:
        assert_equals_pyradiomics(random_levels(shape, n_levels, seed=seed, filled=filled), n_levels)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**6), st.permutations(range(3)))
def test_a_turned_region_has_the_same_dependences_and_differences(seed, axes):
    levels = random_levels((4, 5, 6), 4, seed=seed)
    turned = np.ascontiguousarray(levels.transpose(axes)[::-1])
    one, other = (neighbor_matrices(box, 4, offsets(box.shape)) for box in (levels, turned))
    np.testing.assert_array_equal(one.gldm, other.gldm)
    np.testing.assert_allclose(one.ngtdm, other.ngtdm, rtol=1e-13)
    assert one.glcm.sum() == other.glcm.sum()
    assert one.gldm.sum() == np.count_nonzero(levels)


def test_counts_by_hand():
    levels = np.array([[[1, 2, 2], [0, 0, 1], [3, 0, 0]]], np.int32)
    along_x = neighbor_matrices(levels, 3, np.array([[0, 0, 1]], np.int32), alpha=1)
    assert along_x.glcm.tolist() == [[[0, 1, 0], [0, 1, 0], [0, 0, 0]]]
    assert along_x.gldm.tolist() == [[1, 1, 0], [0, 1, 1], [1, 0, 0]]
    assert along_x.ngtdm.tolist() == [[2, 1, 1, 1], [2, 0.5, 2, 0], [1, 0, 3, 1]]


def test_only_what_is_wanted():
    levels = random_levels((3, 4, 5), 3)
    every = neighbor_matrices(levels, 3, offsets(levels.shape))
    one = neighbor_matrices(levels, 3, offsets(levels.shape), want=("ngtdm",))
    assert one.glcm is None
    assert one.gldm is None
    np.testing.assert_array_equal(one.ngtdm, every.ngtdm)


@pytest.mark.parametrize("flat_axis", [None, 1, 2])
@pytest.mark.parametrize("distances", [(1, 200), (4, 2, 7), (11,), (12, 3)], ids=str)
def test_distances_about_the_size_of_the_box(distances, flat_axis):
    assert_equals_pyradiomics(random_levels((12, 5, 8), 3), 3, distances=distances, flat_axis=flat_axis)


def test_distances_beyond_the_box_cost_nothing():
    tracemalloc.start()
    steps = offsets((10, 10, 10), (1, 10**9))
    assert tracemalloc.get_traced_memory()[1] < 10**6
    tracemalloc.stop()
    np.testing.assert_array_equal(steps, offsets((10, 10, 10)))


def test_more_neighbors_than_can_be_counted_are_refused():
    with pytest.raises(ImageError, match=r"has 43,201 directions at distances of \[60\]; at most 32,766") as caught:
        offsets((150, 150, 150), (60,))
    assert caught.value.code == "too_many_neighbors"


def test_as_many_neighbors_as_can_be_counted():
    row, along_x = np.ones((1, 1, 3), np.int32), np.array([[0, 0, 1]], np.int32)
    gldm = neighbor_matrices(row, 1, np.repeat(along_x, MAX_OFFSETS, axis=0), want=("gldm",)).gldm
    assert (gldm[0, MAX_OFFSETS], gldm[0, 2 * MAX_OFFSETS]) == (2, 1)


@pytest.mark.parametrize(("shape", "distances"), [((1, 1, 1), (1,)), ((3, 3, 2), (3, 5))])
def test_a_box_without_neighbors_is_refused(shape, distances):
    with pytest.raises(ImageError, match="no two voxels at a distance of") as caught:
        offsets(shape, distances)
    assert caught.value.code == "no_neighbors"


@pytest.mark.parametrize("level", [-1, 4, 2**16 + 1])
def test_a_level_out_of_range_is_refused(level):
    levels = random_levels((3, 4, 5), 3)
    levels[1, 2, 3] = level
    with pytest.raises(ValueError, match="gray level"):
        neighbor_matrices(levels, 3, offsets(levels.shape))


def test_wrong_arrays_are_refused():
    levels = random_levels((3, 4, 5), 3)
    with pytest.raises(TypeError, match="levels: expected 3 dimensions"):
        neighbor_matrices(levels.astype(np.int64), 3, offsets(levels.shape))
    with pytest.raises(ValueError, match="alpha"):
        neighbor_matrices(levels, 3, offsets(levels.shape), alpha=-1)


def test_norms_of_a_step_by_hand():
    step, spacing_mm = np.array([[0, -2, 1]]), (5.0, 1.5, 4.0)  # 3 mm and 4 mm
    lengths = {"euclidean": 5.0, "infinity": 4.0, "manhattan": 7.0}
    assert {name: norms(name, step, spacing_mm).item() for name in lengths} == lengths
    assert {name: squared_norms(name, step, spacing_mm).item() ** 0.5 for name in lengths} == lengths


def test_without_weighting_every_direction_weighs_1():
    steps, spacing_mm = offsets((3, 3, 3)), (5.0, 1.5, 4.0)
    assert (norms("no_weighting", steps, spacing_mm) == 1).all()
    assert (np.exp(-squared_norms("no_weighting", steps, spacing_mm)) == 1).all()


@pytest.mark.parametrize("function", [norms, squared_norms])
def test_an_unknown_norm_is_refused_with_those_that_are_known(function):
    with pytest.raises(RequestError, match="'chebyshev'.*euclidean, infinity, manhattan, no_weighting"):
        function("chebyshev", offsets((3, 3, 3)), (1.0, 1.0, 1.0))
