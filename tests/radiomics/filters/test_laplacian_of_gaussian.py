"""Laplacian of Gaussian in a box: ITK's numbers by way of SimpleITK and pyradiomics, and known Laplacians."""

from __future__ import annotations

import platform

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofuse.errors import ImageError, RequestError
from radiofuse.radiomics.filters import _recursive_gaussian, laplacian_of_gaussian
from radiofuse.radiomics.filters.laplacian_of_gaussian import log_in_box, name

ALL = (slice(None),) * 3
DTYPES = "f4 f8 i1 i2 i4 i8 u1 u2 u4 u8".split()
# Elsewhere ITK's compiler may fuse multiplication and addition, which rounds once instead of twice.
ROUNDS_TWICE = platform.machine() in ("x86_64", "AMD64") and platform.system() == "Linux"


def itk(volume: np.ndarray, spacing_mm: tuple[float, ...], sigma_mm: float) -> np.ndarray:
    image = sitk.GetImageFromArray(volume)
    image.SetSpacing(tuple(map(float, spacing_mm[::-1])))
    return sitk.GetArrayFromImage(sitk.LaplacianRecursiveGaussian(image, float(sigma_mm), True))


def assert_as_itk(volume, spacing_mm, sigma_mm, box) -> None:
    found, whole = log_in_box(volume, spacing_mm, sigma_mm, box), itk(volume, spacing_mm, sigma_mm)
    expected = whole[box]
    assert found.dtype == expected.dtype
    if ROUNDS_TWICE:
        np.testing.assert_array_equal(found, expected)
    else:
        np.testing.assert_allclose(found, expected, rtol=0, atol=4e-7 * np.abs(whole).max())


@pytest.mark.parametrize("sigma_mm", [1.0, 2.3, 5.0])
@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), (2.5, 0.7, 0.9)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_is_itks_for_every_type_of_voxel(dtype, spacing_mm, sigma_mm):
    volume = (np.random.default_rng(0).random((12, 33, 41)) * 100).astype(dtype)
    assert_as_itk(volume, spacing_mm, sigma_mm, (slice(2, 9), slice(5, 30), slice(0, 41)))


@pytest.mark.parametrize("background", [0.0, -0.3173, 1000.0])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_is_itks_where_a_constant_background_is_skipped(background, dtype):
    volume = np.full((60, 70, 90), background, dtype)
    volume[25:40, 20:45, 30:70] = np.random.default_rng(1).normal(size=(15, 25, 40))
    assert_as_itk(volume, (1.0, 1.0, 1.2), 2.0, (slice(20, 50), slice(22, 41), slice(30, 75)))
    assert_as_itk(volume, (1.0, 1.0, 1.2), 2.0, ALL)


def test_is_itks_where_two_constants_meet():
    volume = np.full((64, 40, 48), 7.0, np.float32)
    volume[32:, :, :] = -3.0
    volume[:, 20:, :] += 1.0
    assert_as_itk(volume, (1.0, 1.0, 1.0), 3.0, ALL)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_is_itks_to_the_last_bit_but_for_a_few_where_far_voxels_are_not_read(axis):
    shape, box = [12, 12, 12], [slice(0, 12)] * 3
    shape[axis], box[axis] = 500, slice(230, 260)
    volume = np.random.default_rng(2).normal(1000, 300, shape).astype(np.float32)
    found, expected = log_in_box(volume, (1.0, 1.0, 1.0), 1.0, tuple(box)), itk(volume, (1, 1, 1), 1.0)[tuple(box)]
    assert np.mean(found != expected) <= (1e-4 if ROUNDS_TWICE else 1)
    np.testing.assert_allclose(found, expected, rtol=2e-7, atol=1e-4)


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_any_box_of_any_volume_is_itks(data):
    shape = data.draw(st.tuples(*[st.integers(6, 40)] * 3))
    starts = [data.draw(st.integers(0, size - 1)) for size in shape]
    box = tuple(
        slice(start, data.draw(st.integers(start + 1, size))) for start, size in zip(starts, shape, strict=True)
    )
    spacing_mm = data.draw(st.tuples(*[st.sampled_from([0.5, 0.9765625, 1.0, 3.0])] * 3))
    sigma_mm = data.draw(st.sampled_from([0.4, 1.0, 1.7, 2.5]))
    volume = np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)
    assert_as_itk(volume, spacing_mm, sigma_mm, box)


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), (1.0, 0.5, 2.0)])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_parabola_has_the_laplacian_two_times_sigma_squared(axis, spacing_mm):
    distance_mm = (np.arange(101) - 50.0) * spacing_mm[axis]
    shape = [9, 9, 9]
    shape[axis] = 101
    volume = np.zeros(shape) + np.moveaxis(distance_mm[:, None, None] ** 2, 0, axis)
    center = tuple(slice(size // 2, size // 2 + 1) for size in shape)
    # The fit of the Gaussian is scaled so that a parabola comes out exactly; the line's ends add a little.
    assert log_in_box(volume, spacing_mm, 2.0, center)[0, 0, 0] == pytest.approx(2 * 2.0**2, rel=1e-4)


def test_a_constant_has_none():
    assert np.abs(log_in_box(np.full((20, 20, 20), 500.0), (1.0, 1.0, 1.0), 1.5, ALL)).max() < 1e-9


def test_transposed_and_read_only_volumes_give_the_same():
    volume = np.random.default_rng(3).random((10, 20, 30))
    turned = volume.transpose(2, 1, 0).copy().transpose(2, 1, 0)
    turned.flags.writeable = False
    assert not turned.flags.c_contiguous
    np.testing.assert_array_equal(log_in_box(turned, (1, 1, 1), 1, ALL), log_in_box(volume, (1, 1, 1), 1, ALL))


@pytest.mark.parametrize(
    ("shape", "spacing_mm", "sigma_mm"),
    [((4, 4, 4), (1, 1, 1), 3), ((4, 4, 4), (1, 1, 1), 3.01), ((3, 9, 9), (9, 1, 1), 1), ((9, 9, 8), (1, 1, 0.4), 3)],
)
def test_refuses_the_images_that_pyradiomics_leaves_out(shape, spacing_mm, sigma_mm):
    pytest.importorskip("radiomics")
    from radiomics.imageoperations import getLoGImage

    volume = np.random.default_rng(4).random(shape)
    image = sitk.GetImageFromArray(volume)
    image.SetSpacing(tuple(map(float, spacing_mm[::-1])))
    made = {label: sitk.GetArrayFromImage(one) for one, label, _ in getLoGImage(image, None, sigma=[sigma_mm])}
    if made:
        assert list(made) == [name(sigma_mm)]
        assert_as_itk(volume, spacing_mm, sigma_mm, ALL)
    else:
        with pytest.raises(ImageError, match=r"at least \[.*\] voxels along z, y, x") as refusal:
            log_in_box(volume, spacing_mm, sigma_mm, ALL)
        assert refusal.value.code == "image_too_small"


@pytest.mark.parametrize("sigma_mm", [0, -1.0, float("nan")])
def test_refuses_a_sigma_that_is_not_positive(sigma_mm):
    with pytest.raises(RequestError, match="sigma greater than 0"):
        log_in_box(np.zeros((9, 9, 9)), (1, 1, 1), sigma_mm, ALL)


@pytest.mark.parametrize("sigma_mm", [1, 1.5, 2.0])
def test_names_are_pyradiomics(sigma_mm):
    pytest.importorskip("radiomics")
    from radiomics.imageoperations import getLoGImage

    image = sitk.GetImageFromArray(np.zeros((9, 9, 9)))
    assert [label for _, label, _ in getLoGImage(image, None, sigma=[sigma_mm])] == [name(sigma_mm)]


def kernel_arguments(**changed):
    whole = np.array([[[0, 9, 2, 5]] * 3])
    arguments = {
        "volume": np.zeros((9, 9, 9)),
        "kind": "f",
        "size": 8,
        "out": np.zeros((1, 3, 3, 3), np.float32),
        "recursions": np.zeros((1, 3, 2, 2, 12)),
        "extents": whole,
        "weights": np.ones(3),
    }
    return (arguments | changed).values()


@pytest.mark.parametrize(
    "changed",
    [
        {"extents": np.array([[[0, 10, 2, 5]] * 3])},
        {"extents": np.array([[[3, 9, 2, 5]] * 3])},
        {"extents": np.array([[[0, 9, 2, 6]] * 3])},
        {"extents": np.array([[[0, 9, 2, 5]] * 2])},
        {"extents": np.array([[[2, 5, 2, 5]] * 3])},
        {"weights": np.ones(2)},
        {"recursions": np.zeros((1, 3, 2, 2, 11))},
        {"recursions": np.zeros((2, 3, 2, 2, 12))},
    ],
)
def test_the_kernel_refuses_what_would_reach_beyond_its_arrays(changed):
    _recursive_gaussian.laplacians_in_box(*kernel_arguments())
    with pytest.raises(ValueError, match="fit"):
        _recursive_gaussian.laplacians_in_box(*kernel_arguments(**changed))


@pytest.mark.parametrize("bytes_at_once", [1, 2**26])
def test_several_sigmas_are_what_each_is_alone(monkeypatch, bytes_at_once):
    monkeypatch.setattr(laplacian_of_gaussian, "BYTES_AT_ONCE", bytes_at_once)
    volume = np.pad(np.random.default_rng(0).normal(size=(7, 60, 9)), ((0, 0), (30, 40), (0, 0)))
    box, spacing_mm, sigmas = (slice(2, 5), slice(60, 70), slice(1, 9)), (2.0, 1.0, 0.7), [2.0, 0.5, 1.0]
    together = laplacian_of_gaussian.logs_in_box(volume, spacing_mm, sigmas, box)
    for found, sigma_mm in zip(together, sigmas, strict=True):
        np.testing.assert_array_equal(found, log_in_box(volume, spacing_mm, sigma_mm, box))


@pytest.mark.parametrize("dtype", [bool, np.float16, complex])
def test_the_kernel_refuses_types_that_itk_has_not(dtype):
    with pytest.raises(TypeError, match="volume"):
        log_in_box(np.zeros((9, 9, 9), dtype), (1, 1, 1), 1, ALL)


@pytest.mark.data
@pytest.mark.parametrize("normalized", [False, True])
def test_is_itks_on_a_real_volume(data_dir, normalized):
    folder = data_dir / "full_volume_cases" / "BraTS-GLI-00000-000"
    volume = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "BraTS-GLI-00000-000-t1c.nii.gz")))
    if normalized:
        volume = ((volume - volume.mean()) / volume.std()).astype(np.float32)
    found = log_in_box(volume, (1.0, 1.0, 1.0), 3.0, box := (slice(49, 96), slice(45, 121), slice(118, 164)))
    expected = itk(volume, (1.0, 1.0, 1.0), 3.0)[box]
    assert np.mean(found == expected) >= (0.9999 if ROUNDS_TWICE else 0)
    np.testing.assert_allclose(found, expected, rtol=2e-7, atol=2e-6 * np.abs(expected).max())
