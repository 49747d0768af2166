"""Local binary patterns in a box: pyradiomics' numbers, by way of scikit-image and trimesh, and patterns by hand."""

from __future__ import annotations

import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofuse.errors import RequestError
from radiofuse.radiomics.filters.lbp2d import METHODS, lbp2d_in_box
from radiofuse.radiomics.filters.lbp3d import lbp3d_in_box, names_3d
from radiofuse.radiomics.region import Region

ALL = (slice(None),) * 3
DTYPES = ["float32", "float64", "int16", "uint8"]


@pytest.fixture(scope="module")
def imageoperations():
    """pyradiomics' filters, with the names of older SciPy under which its 3D patterns import what they need."""
    import scipy.ndimage
    import scipy.special

    pytest.importorskip("skimage")
    pytest.importorskip("trimesh")
    with pytest.MonkeyPatch.context() as patch:
        older = SimpleNamespace(map_coordinates=scipy.ndimage.map_coordinates)
        patch.setitem(sys.modules, "scipy.ndimage.interpolation", older)
        patch.setattr(scipy.special, "sph_harm", sph_harm, raising=False)
        yield pytest.importorskip("radiomics").imageoperations


def sph_harm(m, n, azimuth, polar):
    from scipy.special import sph_harm_y

    return sph_harm_y(n, m, polar, azimuth)


def noise(seed: int, shape: tuple[int, ...], dtype: str, *, has_ties: bool) -> np.ndarray:
    values = np.abs(np.random.default_rng(seed).normal(0, 2 if has_ties else 60, shape))
    return (np.round(values) if has_ties else values).astype(dtype)


def circular(imageoperations, volume: np.ndarray, **options) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-image warns of floating point, NumPy of NaN as an integer
        ((image, name, _),) = imageoperations.getLBP2DImage(sitk.GetImageFromArray(volume), None, **options)
    assert name == "lbp-2D"
    return sitk.GetArrayFromImage(image)


def spherical(imageoperations, volume: np.ndarray, mask: np.ndarray, levels, radius, subdivision) -> dict:
    options = {"lbp3DLevels": levels, "lbp3DIcosphereRadius": radius, "lbp3DIcosphereSubdivision": subdivision}
    image, roi = sitk.GetImageFromArray(volume), sitk.GetImageFromArray(mask.astype(np.uint8))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy warns of samples that do not differ
        return {
            name: sitk.GetArrayFromImage(of) for of, name, _ in imageoperations.getLBP3DImage(image, roi, **options)
        }


@settings(max_examples=120, deadline=None)
@given(
    st.tuples(*[st.integers(1, 9)] * 3),
    st.integers(0, 999),
    st.sampled_from(DTYPES),
    st.booleans(),
    st.sampled_from([0, 1, 2]),
    st.sampled_from([(1, 8), (1.5, 9), (2, 7), (3.3, 12)]),
    st.sampled_from(["default", "ror", "uniform", "nri_uniform", "VAR"]),
)
def test_circles_equal_pyradiomics(imageoperations, shape, seed, dtype, has_ties, axis, circle, method):
    volume = noise(seed, shape, dtype, has_ties=has_ties)
    box = tuple(slice(seed % size, seed % size + 4) for size in shape)
    radius, samples = circle
    options = {"lbp2DRadius": radius, "lbp2DSamples": samples, "lbp2DMethod": method, "force2Ddimension": axis}
    expected = circular(imageoperations, volume, **options)[box]
    with np.errstate(invalid="ignore"):
        found = lbp2d_in_box(volume, box, axis=axis, radius=radius, samples=samples, method=method)
    assert found.dtype == volume.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-12 if method == "VAR" else 0)


@pytest.mark.parametrize("method", METHODS)
def test_eight_ones_by_hand(method):
    """In a flat image every sample is as bright as its pixel, away from the border where all is 0."""
    found = lbp2d_in_box(np.ones((1, 5, 5)), (slice(0, 1), slice(2, 3), slice(2, 3)), method=method)
    expected = {"default": 255, "ror": 255, "uniform": 8, "nri_uniform": 57, "var": np.nan}
    np.testing.assert_array_equal(found.ravel(), [expected[method]])


def test_rotation_moves_the_code_but_not_the_rotation_invariant_ones():
    plane = np.random.default_rng(5).integers(0, 50, (9, 9)).astype(np.float64)
    turned = np.rot90(plane)
    for method, is_invariant in [("default", False), ("ror", True), ("nri_uniform", False)]:
        found, of_turned = (lbp2d_in_box(image[None], ALL, samples=4, method=method)[0] for image in (plane, turned))
        assert np.array_equal(np.rot90(found), of_turned) == is_invariant


@pytest.mark.parametrize(("method", "samples", "named"), [("unifrom", 8, "unifrom"), ("ror", 32, "at most 31")])
def test_a_method_that_cannot_be_is_refused(method, samples, named):
    with pytest.raises(RequestError, match=named):
        lbp2d_in_box(np.ones((2, 2, 2)), ALL, samples=samples, method=method)


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(*[st.integers(1, 7)] * 3),
    st.integers(0, 999),
    st.sampled_from(DTYPES),
    st.booleans(),
    st.sampled_from([(2, 1, 1), (4, 1.5, 0), (3, 2, 2), (2, 0.7, 1)]),
)
def test_spheres_equal_pyradiomics(imageoperations, shape, seed, dtype, has_ties, sphere):
    volume = noise(seed, shape, dtype, has_ties=has_ties)
    mask = np.random.default_rng(seed).random(shape) < 0.6
    mask.ravel()[seed % mask.size] = True
    assert_same_spheres(imageoperations, volume, mask, sphere)


def assert_same_spheres(imageoperations, volume, mask, sphere):
    levels, radius, subdivision = sphere
    region = Region.of(mask, (1.0, 1.0, 1.0))
    found = dict(lbp3d_in_box(volume, region, levels=levels, radius=radius, subdivision=subdivision))
    expected = spherical(imageoperations, volume, mask, levels, radius, subdivision)
    assert list(found) == list(expected) == names_3d(levels)
    for name, image in expected.items():
        inside = found[name][region.mask > 0]
        np.testing.assert_allclose(inside, image[mask], rtol=1e-12, atol=1e-12, err_msg=name)
        assert not found[name][region.mask == 0].any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_cropped_prefilter_equals_that_of_the_volume(imageoperations, dtype):
    """The second half is flat: there rounding alone decides whether a sample is as bright as its voxel."""
    volume = noise(6, (250, 3, 3), dtype, has_ties=False)
    volume[125:] = 7
    mask = np.zeros(volume.shape, bool)
    mask[110:130, 1] = True
    assert_same_spheres(imageoperations, volume, mask, (2, 1, 1))


@pytest.mark.data
def test_spheres_equal_pyradiomics_on_brain1(imageoperations, data_dir):
    folder = data_dir / "pyradiomics_testdata"
    image, mask = (sitk.ReadImage(str(folder / f"brain1_{part}.nrrd")) for part in ("image", "label"))
    volume, roi = sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(mask) == 1
    assert_same_spheres(imageoperations, volume, roi, (2, 1, 1))


def test_a_bright_voxel_by_hand():
    """No sample is as bright as a lone bright voxel; the samples on the axes meet voxels of value 0."""
    dot = np.pad([[[9.0]]], 8)
    found = dict(lbp3d_in_box(dot, Region.of(dot, (1.0, 1.0, 1.0))))
    assert found["lbp-3D-m1"].item() == found["lbp-3D-m2"].item() == 0
    assert np.isfinite(found["lbp-3D-k"].item())


def test_a_dark_voxel_has_the_norm_of_the_constant():
    """All 42 samples are brighter: the part of 1 in degree 0 is 42 / 4π everywhere, and its norm √42 times that."""
    hole = np.pad([[[-9.0]]], 8)
    found = dict(lbp3d_in_box(hole, Region.of(hole, (1.0, 1.0, 1.0))))
    np.testing.assert_allclose(found["lbp-3D-m1"].item(), 42 / (4 * np.pi) * np.sqrt(42))
