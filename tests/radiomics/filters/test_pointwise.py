"""Point-wise filters in a box: pyradiomics' numbers, values by hand, and images that have no scale."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofuse.errors import ImageError
from radiofuse.radiomics.filters.pointwise import FILTERS, pointwise_in_box

ALL = (slice(None),) * 3
GENERATORS = {
    "square": "getSquareImage",
    "squareroot": "getSquareRootImage",
    "logarithm": "getLogarithmImage",
    "exponential": "getExponentialImage",
}


def pyradiomics_values(name: str, volume: np.ndarray) -> np.ndarray:
    imageoperations = pytest.importorskip("radiomics").imageoperations
    ((image, found, _),) = getattr(imageoperations, GENERATORS[name])(sitk.GetImageFromArray(volume), None)
    assert found == name
    return sitk.GetArrayFromImage(image)


@pytest.mark.parametrize("name", FILTERS)
@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 999),
    st.sampled_from(["float32", "float64", "int16", "uint8"]),
    st.sampled_from([0.3, 40.0, 9000.0]),
)
def test_equals_pyradiomics(name, seed, dtype, scale):
    generator = np.random.default_rng(seed)
    noise = generator.normal(0, scale, (5, 6, 7)) * (generator.random((5, 6, 7)) < 0.8)
    volume = (np.abs(noise) % 255 if dtype == "uint8" else noise).astype(dtype)
    volume[4, 5, 6] = 77  # the scale comes from outside the box
    box = (slice(1, 4), slice(0, 5), slice(2, 6))
    found = pointwise_in_box(name, volume, box)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, pyradiomics_values(name, volume)[box], rtol=1e-13, atol=0)


def test_the_most_negative_short_has_a_magnitude():
    volume = np.array([-32768, 5, 0], np.int16).reshape(1, 1, 3)
    np.testing.assert_allclose(pointwise_in_box("square", volume, ALL).ravel(), [32768, 25 / 32768, 0])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("square", [4.0, 1.0, 0.0, 2.25]),
        ("squareroot", [-4.0, 2 * np.sqrt(2), 0.0, 2 * np.sqrt(3)]),
        ("logarithm", [-4.0, 4 * np.log(3) / np.log(5), 0.0, 4 * np.log(4) / np.log(5)]),
        ("exponential", [0.25, 2.0, 1.0, 4**0.75]),
    ],
)
def test_values_by_hand(name, expected):
    """The largest magnitude is 4, of a negative voxel."""
    volume = np.array([-4.0, 2.0, 0.0, 3.0]).reshape(1, 2, 2)
    np.testing.assert_allclose(pointwise_in_box(name, volume, ALL).ravel(), expected)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
@pytest.mark.parametrize("name", FILTERS)
def test_an_image_without_scale_is_refused(name, value):
    with pytest.raises(ImageError, match="largest magnitude") as caught:
        pointwise_in_box(name, np.full((2, 2, 2), value), ALL)
    assert caught.value.code == "no_intensity_scale"
