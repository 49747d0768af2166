"""Gradient magnitude in a box: ITK's numbers by way of SimpleITK and pyradiomics, and slopes that are known."""

from __future__ import annotations

import platform

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofuse.radiomics.filters import _gradient
from radiofuse.radiomics.filters.gradient import gradient_in_box

ALL = (slice(None),) * 3
# Elsewhere ITK's compiler may fuse multiplication and addition, which rounds once instead of twice.
ROUNDS_TWICE = platform.machine() in ("x86_64", "AMD64")


def pyradiomics(volume: np.ndarray, spacing_mm, *, use_spacing=True, direction=None) -> np.ndarray:
    pytest.importorskip("radiomics")
    from radiomics.imageoperations import getGradientImage

    image = sitk.GetImageFromArray(volume)
    image.SetSpacing(tuple(map(float, spacing_mm[::-1])))
    if direction is not None:
        image.SetDirection(direction)
    [(gradient, name, _)] = getGradientImage(image, None, gradientUseSpacing=use_spacing)
    assert name == "gradient"
    return sitk.GetArrayFromImage(gradient)


def assert_same(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.dtype == expected.dtype
    if ROUNDS_TWICE:
        np.testing.assert_array_equal(found, expected)
    else:
        np.testing.assert_allclose(found, expected, rtol=3e-7, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("use_spacing", [True, False])
@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), (2.5, 0.7, 0.9)])
@pytest.mark.parametrize("dtype", "f4 f8 i1 i2 i4 i8 u1 u2 u4 u8".split())
def test_is_itks_for_every_type_of_voxel(dtype, spacing_mm, use_spacing):
    volume = (np.random.default_rng(0).random((7, 13, 21)) * 100).astype(dtype)
    box = (slice(0, 6), slice(2, 13), slice(3, 19))
    expected = pyradiomics(volume, spacing_mm, use_spacing=use_spacing)
    assert_same(gradient_in_box(volume, spacing_mm, box, use_spacing=use_spacing), expected[box])


def test_directions_of_the_axes_do_not_matter():
    volume = np.random.default_rng(1).random((5, 6, 7)).astype(np.float32)
    oblique = pyradiomics(volume, (3.0, 0.5, 1.0), direction=(0.8, -0.6, 0, 0.6, 0.8, 0, 0, 0, 1))
    assert_same(gradient_in_box(volume, (3.0, 0.5, 1.0), ALL), oblique)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_any_box_is_cut_from_the_whole(data):
    shape = data.draw(st.tuples(*[st.integers(1, 9)] * 3))
    starts = [data.draw(st.integers(0, size - 1)) for size in shape]
    box = tuple(
        slice(start, data.draw(st.integers(start + 1, size))) for start, size in zip(starts, shape, strict=True)
    )
    volume = np.random.default_rng(sum(shape)).normal(size=shape)
    assert_same(gradient_in_box(volume, (1.5, 1, 2), box), pyradiomics(volume, (1.5, 1, 2))[box])


def test_a_slope_has_its_length_inside_and_half_of_it_at_the_border():
    z, y, x = np.meshgrid(*[np.arange(5.0)] * 3, indexing="ij")
    magnitude = gradient_in_box(2 * z + 3 * y + 6 * x, (1.0, 1.0, 1.0), ALL)
    np.testing.assert_array_equal(magnitude[1:-1, 1:-1, 1:-1], 7)
    assert magnitude[0, 0, 0] == 3.5


@pytest.mark.parametrize("shapes", [((4, 5, 5), (3, 3, 3), 3), ((5, 5, 5), (3, 3, 3), 2), ((5, 5, 5), (3, 3, 4), 3)])
def test_the_kernel_refuses_what_would_reach_beyond_its_arrays(shapes):
    block, out, n_weights = shapes
    with pytest.raises(ValueError, match="gradient_magnitude"):
        _gradient.gradient_magnitude(np.zeros(block), np.zeros(out, np.float32), np.ones(n_weights))


@pytest.mark.data
def test_is_itks_on_a_real_volume(data_dir):
    folder = data_dir / "full_volume_cases" / "BraTS-GLI-00000-000"
    volume = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "BraTS-GLI-00000-000-t1c.nii.gz")))
    box = (slice(49, 96), slice(45, 121), slice(118, 164))
    assert_same(gradient_in_box(volume, (1.0, 1.0, 1.0), box), pyradiomics(volume, (1.0, 1.0, 1.0))[box])
