"""The smoother equals R's lowess(x, y, iter = 0)."""

from __future__ import annotations

import numpy as np
import pytest

from radiofuse.statistics.lowess import lowess


def scattered(n_rows, step, cycle):
    rows = np.arange(n_rows)
    x, y = ((rows * step) % cycle) / cycle, ((rows * rows) % 7 > 2).astype(float)
    order = np.argsort(x, kind="stable")
    return x[order], y[order]


@pytest.mark.parametrize(
    ("n_rows", "step", "cycle", "places", "expected"),
    [
        (
            200,  # every x twice: ties
            37,
            101,
            [0, 1, 49, 99, 149, 199],
            [
                0.21260538953581534,
                0.21260538953581534,
                0.26747005349021991,
                0.29039539909854528,
                0.29580222922253868,
                0.36205631203716693,
            ],
        ),
        (
            20000,  # far more rows than points a hundredth of the range apart
            7919,
            20000,
            [0, 99, 4999, 9999, 19999],
            [
                0.28600554831278663,
                0.28599638353459383,
                0.28560856260973211,
                0.28562954212302138,
                0.28556276793162544,
            ],
        ),
    ],
)
def test_values_equal_r(n_rows, step, cycle, places, expected):
    """Printed by R 4.2.2: sprintf("%.17g", lowess(x, y, iter = 0)$y)."""
    np.testing.assert_allclose(lowess(*scattered(n_rows, step, cycle))[places], expected, atol=1e-13)


def test_without_interpolation_each_point_is_its_own_weighted_line():
    x, y = scattered(60, 17, 61)
    smooth = lowess(x, y, fraction=0.5, delta=0.0)
    for at in (0, 20, 59):
        distance = np.abs(x - x[at])
        reach = np.sort(distance)[29]
        weight = np.clip(1 - (distance / reach) ** 3, 0, None) ** 3
        line = np.polynomial.Polynomial.fit(x, y, 1, w=np.sqrt(weight))
        assert smooth[at] == pytest.approx(line(x[at]), abs=1e-12)


def test_one_row_and_constant_x_give_the_mean():
    assert lowess(np.array([0.3]), np.array([1.0])).tolist() == [1.0]
    np.testing.assert_allclose(lowess(np.full(4, 0.3), np.array([0.0, 1.0, 1.0, 0.0])), 0.5, atol=1e-15)
