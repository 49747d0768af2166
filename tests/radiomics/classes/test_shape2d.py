"""Shape features in the plane: pyradiomics' values, hand-computed values."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from radiofuse.errors import ImageError
from radiofuse.radiomics.classes.shape2d import CORNERS, DEPRECATED, FEATURES, features, perimeter_and_area
from radiofuse.radiomics.region import Region

ALL = (*FEATURES, *DEPRECATED)
PLANES = arrays(np.uint8, st.tuples(*[st.integers(1, 9)] * 2), elements=st.integers(0, 1)).filter(np.any)


def oracle(region: Region, flat_axis: int) -> dict[str, float]:
    pytest.importorskip("radiomics")
    from radiomics.shape2D import RadiomicsShape2D

    image = sitk.GetImageFromArray(region.mask)
    image.SetSpacing(region.spacing_mm[::-1])
    logging.getLogger("radiomics").setLevel(logging.CRITICAL)
    of = RadiomicsShape2D(image, image, label=1, force2D=True, force2Ddimension=flat_axis)
    for name in ALL:
        of.enableFeatureByName(name)
    with np.errstate(invalid="ignore"):
        return {name: float(value) for name, value in of.execute().items()}


@settings(deadline=None, max_examples=150)
@given(PLANES, st.integers(0, 2), st.tuples(*[st.floats(0.3, 6)] * 3))
def test_any_small_region_equals_pyradiomics(plane, flat_axis, spacing):
    region = Region.of(np.expand_dims(plane, flat_axis), spacing)
    expected, got = oracle(region, flat_axis), features(region, ALL, flat_axis=flat_axis)
    assert list(got) == list(expected)
    assert got == pytest.approx(expected, rel=1e-9, abs=1e-12, nan_ok=True)
    assert got["MaximumDiameter"] == expected["MaximumDiameter"]  # to the last bit


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.7, 2.3)])
def test_each_of_the_16_patterns_equals_pyradiomics(spacing):
    shape = pytest.importorskip("radiomics").cShape
    for pattern in range(1, 16):
        mask = np.zeros((2, 2), np.uint8)
        for corner, place in enumerate(CORNERS):
            mask[tuple(place)] = pattern >> corner & 1
        perimeter, area, _ = shape.calculate_coefficients2D(np.pad(mask, 1), np.array(spacing))
        assert perimeter_and_area(mask, spacing) == pytest.approx((perimeter, area), rel=1e-12), pattern


def test_a_disk_equals_pyradiomics():
    y, x = np.ogrid[-30:31, -30:31]
    region = Region.of((y**2 + x * x * 1.2 <= 700)[None], (2.0, 0.9, 1.1))
    assert features(region, ALL, flat_axis=0) == pytest.approx(oracle(region, 0), rel=1e-9)


def test_a_rectangle_by_hand():
    """Two pixels of 1 mm by 3 mm side by side: an octagon whose four corners are cut by half a pixel each way."""
    values = features(Region.of(np.ones((1, 1, 2)), (1.0, 1.0, 3.0)), ALL, flat_axis=0)
    assert values["PixelSurface"] == 6
    assert values["MeshSurface"] == pytest.approx(6 - 4 * 0.5 * 1.5 / 2)
    assert values["Perimeter"] == pytest.approx(2 * 3 + 4 * np.hypot(0.5, 1.5))
    assert values["MaximumDiameter"] == 6


def test_a_thick_region_is_refused():
    with pytest.raises(ImageError, match="one voxel thick along axis y") as raised:
        features(Region.of(np.ones((1, 2, 3)), (1.0, 1.0, 1.0)), FEATURES, flat_axis=1)
    assert raised.value.code == "roi_not_flat"


def test_names_are_pyradiomics():
    pytest.importorskip("radiomics")
    from radiomics.shape2D import RadiomicsShape2D

    known = RadiomicsShape2D.getFeatureNames()
    assert tuple(sorted(name for name, deprecated in known.items() if not deprecated)) == FEATURES
    assert tuple(sorted(name for name, deprecated in known.items() if deprecated)) == DEPRECATED
