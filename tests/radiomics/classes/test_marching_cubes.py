"""The mesh: pyradiomics' for each of the 256 corner patterns, scikit-image's for the closed one, and its invariants."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from radiofuse.radiomics.classes.marching_cubes import CORNERS, MIDPOINTS, loops, mesh_area_and_volume, triangles

SPACINGS = [(1.0, 1.0, 1.0), (3.1, 0.7, 1.9), (0.4, 5.0, 1.3)]
MASKS = arrays(np.uint8, st.tuples(*[st.integers(1, 5)] * 3), elements=st.integers(0, 1)).filter(np.any)


def cube(pattern: int) -> np.ndarray:
    mask = np.zeros((2, 2, 2), np.uint8)
    for corner, place in enumerate(CORNERS):
        mask[place] = pattern >> corner & 1
    return mask


def sides(mask: np.ndarray, closed: bool) -> Counter:
    """How often each directed side of a triangle occurs in a mask's mesh, vertices in half voxels."""
    padded, count = np.pad(mask, 1).astype(int), Counter()
    for place in np.ndindex(*(n - 1 for n in padded.shape)):
        pattern = sum(int(padded[tuple(np.add(place, corner))]) << k for k, corner in enumerate(CORNERS))
        for triangle in triangles(pattern, closed=closed):
            vertices = [tuple((2 * (MIDPOINTS[edge] + place)).astype(int)) for edge in triangle]
            count.update(zip(vertices, vertices[1:] + vertices[:1], strict=True))
    return count


def holes(count: Counter) -> list:
    return [side for side, n in list(count.items()) if n != count[side[::-1]]]


@pytest.mark.parametrize("spacing", SPACINGS)
def test_each_of_the_256_patterns_equals_pyradiomics(spacing):
    shape = pytest.importorskip("radiomics").cShape
    for pattern in range(1, 256):
        area, volume, _ = shape.calculate_coefficients(np.pad(cube(pattern), 1), np.array(spacing))
        assert mesh_area_and_volume(cube(pattern), spacing) == pytest.approx((area, volume), rel=1e-12), pattern


@pytest.mark.parametrize("pattern", range(256))
def test_loops_pass_every_edge_that_leaves_the_region_once(pattern):
    crossed = {k for k in range(12) if np.ptp([pattern >> corner & 1 for corner in _ends(k)])}
    passed = [edge for loop in loops(pattern) for edge in loop]
    assert sorted(passed) == sorted(crossed)


def _ends(edge: int) -> list[int]:
    return [k for k, corner in enumerate(CORNERS) if np.abs(MIDPOINTS[edge] - corner).sum() == 0.5]


@settings(deadline=None, max_examples=25)
@given(MASKS)
def test_each_side_of_the_closed_mesh_borders_two_triangles(mask):
    assert not holes(sides(mask, closed=True))


def test_two_voxels_that_touch_diagonally_leave_holes_in_pyradiomics_mesh():
    """Along one diagonal only: the mesh depends on the direction in which the volume is stored."""
    one, other = np.array([[[1, 0], [0, 1]]], np.uint8), np.array([[[0, 1], [1, 0]]], np.uint8)
    assert not holes(sides(one, closed=False))
    assert holes(sides(other, closed=False))


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_closed_mesh_equals_scikit_image(spacing, share):
    measure = pytest.importorskip("skimage.measure")
    mask = (np.random.default_rng(3).random((6, 7, 8)) < share).astype(np.uint8)
    padded = np.pad(mask, 1).astype(float)
    vertices, faces, _, _ = measure.marching_cubes(padded, 0.5, spacing=spacing, method="lorensen")
    vertices = vertices.astype(float)
    a, b, c = vertices[faces].transpose(1, 0, 2)
    volume = abs(np.einsum("ij,ij->", np.cross(a, b), c)) / 6
    area = measure.mesh_surface_area(vertices, faces)
    assert mesh_area_and_volume(mask, spacing, closed=True) == pytest.approx((area, volume), rel=1e-9)


@settings(deadline=None, max_examples=50)
@given(MASKS, st.sampled_from(SPACINGS), st.permutations(range(3)), st.integers(0, 2))
def test_closed_mesh_does_not_depend_on_how_the_volume_is_stored(mask, spacing, axes, mirrored):
    stored = np.ascontiguousarray(np.flip(mask, mirrored).transpose(axes))
    expected = mesh_area_and_volume(mask, spacing, closed=True)
    assert mesh_area_and_volume(stored, tuple(spacing[k] for k in axes), closed=True) == pytest.approx(expected)


@pytest.mark.parametrize("axes", list(permutations(range(3))))
def test_one_voxel_is_an_octahedron(axes):
    spacing = tuple(np.array([1.0, 2.0, 3.0])[list(axes)])
    area, volume = mesh_area_and_volume(np.ones((1, 1, 1), np.uint8), spacing)
    assert volume == pytest.approx(1.0)  # product of spacings / 6
    assert area == pytest.approx(7.0)  # 8 triangles with half axes 0.5, 1, 1.5: sqrt(0.25 + 0.5625 + 2.25) / 2 = 0.875


def test_the_kernel_refuses_arrays_of_another_kind():
    from radiofuse.radiomics.classes import _mesh

    with pytest.raises(TypeError, match="mask"):
        _mesh.cube_counts(np.ones((2, 2, 2)), np.zeros((256, 4), np.int64))
    with pytest.raises(ValueError, match="counts"):
        _mesh.cube_counts(np.ones((2, 2, 2), np.uint8), np.zeros((255, 4), np.int64))
    with pytest.raises(ValueError, match="number of voxels"):
        _mesh.coordinates(np.ones((2, 2, 2), np.uint8), np.ones(3), np.empty((3, 7)))
    with pytest.raises(ValueError, match="spacing"):
        _mesh.squared_diameters(np.ones((2, 2, 2), np.uint8), np.ones(2), np.empty(4))
