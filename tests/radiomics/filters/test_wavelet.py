"""Wavelet sub-bands in a box: PyWavelets' numbers by way of pyradiomics, and images whose wavelets are plain."""

from __future__ import annotations

import platform

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofuse.errors import RequestError
from radiofuse.radiomics.filters.wavelet import names, wavelet_in_box

ALL = (slice(None),) * 3
# Elsewhere PyWavelets' compiler may fuse multiplication and addition, which rounds once instead of twice.
ROUNDS_TWICE = platform.machine() in ("x86_64", "AMD64")


def pyradiomics_bands(volume: np.ndarray, flat_axis=None, **options) -> dict[str, np.ndarray]:
    pytest.importorskip("radiomics")
    from radiomics.imageoperations import getWaveletImage

    if flat_axis is not None:
        options |= {"force2D": True, "force2Ddimension": flat_axis}
    yielded = getWaveletImage(sitk.GetImageFromArray(volume), None, **options)
    return {name: sitk.GetArrayFromImage(image) for image, name, _ in yielded}


def assert_same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray], box) -> None:
    assert list(found) == list(expected)
    for name, values in expected.items():
        assert found[name].dtype == values.dtype
        if ROUNDS_TWICE:
            np.testing.assert_array_equal(found[name], values[box], err_msg=name)
        else:
            scale = np.abs(values).max() * np.finfo(values.dtype).eps
            np.testing.assert_allclose(found[name], values[box], rtol=0, atol=100 * scale, err_msg=name)


@st.composite
def volumes_and_boxes(draw):
    shape = draw(st.tuples(*[st.integers(1, 11)] * 3))
    dtype = draw(st.sampled_from(["float32", "float64", "int16", "uint8"]))
    noise = np.random.default_rng(draw(st.integers(0, 99))).normal(90, 30, shape)
    ends = [sorted(draw(st.lists(st.integers(0, size), min_size=2, max_size=2, unique=True))) for size in shape]
    return noise.astype(dtype), tuple(slice(*pair) for pair in ends)


@settings(max_examples=150, deadline=None)
@given(
    volumes_and_boxes(),
    st.sampled_from(["coif1", "coif3", "haar", "db4", "sym5", "bior2.4", "rbio3.1", "dmey", "db38", "coif17"]),
    st.integers(0, 2),
    st.integers(1, 3),
    st.sampled_from([None, 0, 1, 2]),
)
def test_equals_pyradiomics_on_any_volume_box_wavelet_and_level(case, wavelet, start_level, level, flat_axis):
    volume, box = case
    options = {"wavelet": wavelet, "start_level": start_level, "level": level, "flat_axis": flat_axis}
    assert_same(dict(wavelet_in_box(volume, box, **options)), pyradiomics_bands(volume, **options), box)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_equals_pyradiomics_with_every_discrete_wavelet(dtype):
    import pywt

    volume = np.random.default_rng(1).normal(size=(7, 26, 41)).astype(dtype)
    box = (slice(2, 5), slice(15, 26), slice(0, 30))
    for wavelet in pywt.wavelist(kind="discrete"):
        expected = pyradiomics_bands(volume, wavelet=wavelet)
        assert_same(dict(wavelet_in_box(volume, box, wavelet=wavelet)), expected, box)


@pytest.mark.data
def test_equals_pyradiomics_on_brain1(data_dir):
    image = sitk.ReadImage(str(data_dir / "pyradiomics_testdata" / "brain1_image.nrrd"))
    volume, box = sitk.GetArrayFromImage(image), (slice(5, 20), slice(100, 140), slice(60, 110))
    assert_same(dict(wavelet_in_box(volume, box, level=2)), pyradiomics_bands(volume, level=2), box)


def test_a_haar_pair_by_hand():
    """Haar's filters are (1, 1) and (-1, 1) over the root of two, on a voxel and the one after it."""
    line = np.array([1.0, 4.0, 2.0, 8.0]).reshape(1, 1, 4)
    bands = dict(
        wavelet_in_box(np.repeat(line, 2, axis=1), (slice(0, 1), slice(0, 1), slice(0, 4)), wavelet="haar", flat_axis=0)
    )
    # The same voxel twice along y doubles: two rows over the root of two, times that root from x.
    np.testing.assert_allclose(bands["wavelet-LL"].ravel(), [5, 6, 10, 9])
    np.testing.assert_allclose(np.abs(bands["wavelet-HL"]).ravel(), [3, 2, 6, 7])
    np.testing.assert_allclose(bands["wavelet-LH"], 0, atol=1e-12)


def test_letters_stand_for_x_then_y_then_z():
    """An image that changes along x only has details in x's high-pass alone."""
    ramp = np.broadcast_to(np.sin(np.arange(8.0)), (8, 8, 8))
    bands = dict(wavelet_in_box(ramp, ALL, wavelet="haar"))
    alive = {name for name, values in bands.items() if np.abs(values).max() > 1e-9}
    assert alive == {"wavelet-LLL", "wavelet-HLL"}


def test_a_kept_band_has_the_same_values_as_among_all():
    volume = np.random.default_rng(2).normal(size=(9, 8, 7))
    box = (slice(1, 5), slice(2, 8), slice(0, 4))
    every = dict(wavelet_in_box(volume, box, level=2))
    some = dict(wavelet_in_box(volume, box, level=2, keep={"LLL", "HLH"}))
    assert list(some) == ["wavelet-HLH", "wavelet2-HLH", "wavelet2-LLL"]
    for name, values in some.items():
        np.testing.assert_array_equal(values, every[name])


@pytest.mark.parametrize("options", [{}, {"level": 3}, {"start_level": 1, "flat_axis": 1}, {"keep": {"HHH"}}])
def test_names_are_those_that_are_yielded(options):
    assert names(**options) == [name for name, _ in wavelet_in_box(np.ones((4, 4, 4)), ALL, **options)]


@pytest.mark.parametrize("wavelet", ["coiff1", "morl"])
def test_a_wavelet_that_is_not_discrete_is_refused(wavelet):
    with pytest.raises(RequestError, match=wavelet):
        list(wavelet_in_box(np.ones((4, 4, 4)), ALL, wavelet=wavelet))
