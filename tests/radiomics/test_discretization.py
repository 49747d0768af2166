"""Gray levels: pyradiomics' to the last bit, IBSI's on request, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from radiofuse.errors import ImageError
from radiofuse.radiomics.discretization import MAX_GRAY_LEVELS, gray_levels

WIDTHS = (25, 5, 1, 25.0, 2.5, 0.3, 0.1)
ELEMENTS = {
    np.float64: st.floats(-3000, 3000),
    np.float32: st.floats(-3000, 3000, width=32),
    np.int16: st.integers(-3000, 3000),
    np.uint8: st.integers(0, 150),
}


def oracle(values: np.ndarray, **setting) -> np.ndarray:
    pytest.importorskip("radiomics")
    from radiomics import imageoperations

    return imageoperations.binImage(values, np.ones(values.shape, bool), **setting)[0]


def regions(dtype):
    return arrays(dtype, st.integers(1, 60), elements=ELEMENTS[dtype])


@pytest.mark.parametrize("dtype", ELEMENTS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_fixed_width_equals_pyradiomics(dtype, data):
    values, width = data.draw(regions(dtype)), data.draw(st.sampled_from(WIDTHS))
    if float(np.ptp(values.astype(float))) / width >= MAX_GRAY_LEVELS - 1:
        width = 25
    levels, n_levels = gray_levels(values, bin_width=width)
    expected = oracle(values, binWidth=width)
    np.testing.assert_array_equal(levels, expected)
    assert n_levels == expected.max()


@pytest.mark.parametrize("dtype", ELEMENTS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_fixed_number_equals_pyradiomics(dtype, data):
    values, count = data.draw(regions(dtype)), data.draw(st.sampled_from((1, 2, 16, 255, 1000)))
    np.testing.assert_array_equal(gray_levels(values, bin_count=count)[0], oracle(values, binCount=count))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", [0.1, 0.3, 2.5, 1 / 3, 25])
def test_values_on_and_beside_edges_equal_pyradiomics(dtype, width):
    edges = (np.arange(-300, 300) * width).astype(dtype)
    values = np.concatenate([edges, np.nextafter(edges, dtype(np.inf)), np.nextafter(edges, dtype(-np.inf))])
    for part in (values, values + dtype(1e4 * width), values[values > 7 * width]):
        np.testing.assert_array_equal(gray_levels(part, bin_width=width)[0], oracle(part, binWidth=width))


def test_integers_do_not_wrap_around():
    """pyradiomics adds two bin widths in the image's type, and 230 + 50 is 24 in 8 bits under NumPy 2."""
    values = np.array([0, 20, 30, 230], np.uint8)
    levels, n_levels = gray_levels(values, bin_width=25)
    np.testing.assert_array_equal(levels, oracle(values.astype(np.int64), binWidth=25))
    assert levels.tolist() == [1, 1, 2, 10]
    assert n_levels == 10


@pytest.mark.parametrize("value", [50.0, 0.1, -3.0])
def test_a_flat_region_has_one_level_by_width(value):
    assert gray_levels(np.full(5, value))[1] == 1


def test_a_width_below_the_rounding_of_the_intensities_is_one_bin():
    levels, n_levels = gray_levels(np.full(3, 1e9, np.float32), bin_width=0.1)
    assert n_levels == 1
    assert levels.tolist() == [1, 1, 1]


def test_ibsi_counts_from_the_minimum_or_the_lower_bound():
    """IBSI Q3RU: floor((x - minimum) / width) + 1."""
    values = np.array([54.0, 74.9, 79.0, 166.0])
    assert gray_levels(values, bin_width=25, ibsi=True)[0].tolist() == [1, 1, 2, 5]
    assert gray_levels(values, bin_width=25, ibsi=True, lower=4)[0].tolist() == [3, 3, 4, 7]
    assert gray_levels(values, bin_width=25)[0].tolist() == [1, 1, 2, 5]
    assert gray_levels(values - 4, bin_width=25)[0].tolist() == [1, 1, 2, 5]


@settings(max_examples=60, deadline=None)
@given(regions(np.float64), st.sampled_from((2, 8, 32)))
def test_a_fixed_number_of_bins_does_not_feel_a_factor_of_two(values, count):
    doubled = gray_levels(values * 2, bin_count=count)[0]
    if np.ptp(values) > 0.01:
        np.testing.assert_array_equal(gray_levels(values, bin_count=count)[0], doubled)


def test_too_many_levels_are_refused_with_the_name_of_the_image():
    with pytest.raises(ImageError, match=r"The gradient image spans 4,001 gray levels at binWidth 0.25") as caught:
        gray_levels(np.array([0.0, 1000.0]), bin_width=0.25, image_type="gradient")
    assert caught.value.code == "too_many_grey_levels"
    with pytest.raises(ImageError, match="binCount 5000; at most 2,048 are computed. Lower binCount"):
        gray_levels(np.array([0.0, 1.0]), bin_count=5000)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_intensities_that_are_not_finite_are_refused(bad):
    with pytest.raises(ImageError, match="gray levels need finite intensities") as caught:
        gray_levels(np.array([0.0, bad]), image_type="exponential")
    assert caught.value.code == "not_finite"


def test_intensities_too_close_for_the_bins_are_refused():
    values = np.full(20, 1e6, np.float32)
    values[3] = np.nextafter(values[3], np.float32(np.inf))
    with pytest.raises(ImageError, match="too close for 64 bins") as caught:
        gray_levels(values, bin_count=64)
    assert caught.value.code == "too_few_grey_levels"


def test_levels_that_no_voxel_has_count_too():
    """From a lower end far below every intensity the levels are many, and matrices hold all of them."""
    values = np.array([0.0, 12.0, 60.0])
    assert gray_levels(values, bin_width=5, ibsi=True, lower=-10_000)[1] == 2013
    with pytest.raises(ImageError, match="4,013 gray levels at binWidth 5 from -20000, the lower end") as refused:
        gray_levels(values, bin_width=5, ibsi=True, lower=-20_000)
    assert refused.value.code == "too_many_grey_levels" and "Raise that end." in str(refused.value)
    assert gray_levels(values, bin_width=5, lower=-20_000)[1] == 13  # pyradiomics counts from the minimum
