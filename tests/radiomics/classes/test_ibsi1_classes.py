"""IBSI-1's classes on regions small enough to work out by hand, or against loops that do what the manual says."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.ndimage import distance_transform_cdt, label
from scipy.spatial.distance import pdist

from radiofuse.radiomics.classes import enclosing, gldzm, intensity_histogram, intensity_volume_histogram
from radiofuse.radiomics.classes import local_intensity as local
from radiofuse.radiomics.classes.autocorrelation import moran_and_geary
from radiofuse.radiomics.classes.intensity_volume_histogram import Steps
from radiofuse.radiomics.classes.morphology import features as morphology
from radiofuse.radiomics.classes.runs_and_zones import labeled_zones, zone_sizes
from radiofuse.radiomics.region import Region

SPACING_MM = (5.0, 0.8, 1.3)
SPHERE = np.linalg.norm(np.indices((15, 15, 15)) - 7, axis=0) <= 6


def noise(shape=(6, 9, 8), seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 50, shape).astype(float), rng.random(shape) < 0.7


def test_moran_and_geary_equal_the_sums_over_all_pairs():
    values, mask = noise()
    x = values[mask]
    weights = 1 / pdist(np.argwhere(mask) * SPACING_MM)  # each pair once: half of every sum
    first, second = np.triu_indices(len(x), 1)
    from_mean = x - x.mean()
    moran = len(x) * (weights * from_mean[first] * from_mean[second]).sum() / (weights.sum() * (from_mean**2).sum())
    squares = (weights * (x[first] - x[second]) ** 2).sum()
    geary = (len(x) - 1) * squares / (2 * weights.sum() * (from_mean**2).sum())
    assert moran_and_geary(values, mask, SPACING_MM) == pytest.approx((moran, geary), rel=1e-10)


def test_autocorrelation_of_equal_intensities_is_not_a_number():
    for intensity in (1, 0.1):  # the mean of 315 times .1 is not .1
        mask = np.ones((5, 7, 9), bool)
        assert np.isnan(moran_and_geary(np.full(mask.shape, intensity), mask, SPACING_MM)).all()


def test_sphere_means_equal_a_loop_over_voxels():
    volume, mask = noise((7, 30, 28), 1)
    mask[:, :20] = mask[:, :, 22:] = False  # a region at the image's edges
    region = Region.of(mask, SPACING_MM)
    places = np.argwhere(np.ones(volume.shape)) * SPACING_MM
    expected = [
        volume.ravel()[np.linalg.norm(places - np.array(at) * SPACING_MM, axis=1) <= local.RADIUS_MM].mean()
        for at in np.argwhere(mask)
    ]
    means = local.sphere_means(volume, region)[region.mask.view(bool)]
    np.testing.assert_allclose(means, expected, rtol=1e-12)
    filled = volume.copy()
    filled[:, :, 0] = filled[:, 29:] = -1e16
    near = np.isin(
        expected,
        [
            mean
            for at, mean in zip(np.argwhere(mask), expected, strict=True)
            if filled.ravel()[np.linalg.norm(places - np.array(at) * SPACING_MM, axis=1) <= local.RADIUS_MM].min()
            < -1e15
        ],
    )
    assert 0 < near.sum() < len(near)
    beside = local.sphere_means(filled, region)[region.mask.view(bool)]
    np.testing.assert_array_equal(beside[~near], means[~near])
    peaks = local.features(volume, region, ["LocalPeak", "GlobalPeak"])
    assert peaks["GlobalPeak"] == pytest.approx(max(expected)) and peaks["LocalPeak"] <= peaks["GlobalPeak"]


@pytest.mark.parametrize("flat_axis", [None, 0, 2])
def test_border_distances_are_those_of_the_city_block(flat_axis):
    _, mask = noise((7, 12, 11), 2)
    mask |= np.pad(np.ones((5, 10, 9), bool), 1)
    if flat_axis is None:
        expected = distance_transform_cdt(np.pad(mask, 1), "taxicab")[1:-1, 1:-1, 1:-1]
    else:
        slices = [
            distance_transform_cdt(np.pad(one, 1), "taxicab")[1:-1, 1:-1] for one in np.moveaxis(mask, flat_axis, 0)
        ]
        expected = np.moveaxis(np.array(slices), 0, flat_axis)
    np.testing.assert_array_equal(gldzm.border_distances(mask, flat_axis), expected)


@pytest.mark.parametrize("flat_axis", [None, 1])
def test_zones_and_their_distances_equal_those_of_labeled_masks(flat_axis):
    rng = np.random.default_rng(3)
    levels = (rng.integers(1, 4, (6, 7, 8)) * (rng.random((6, 7, 8)) < 0.9)).astype(np.int32)
    distances = gldzm.border_distances(levels, flat_axis)
    touching = np.ones((3, 3, 3))
    if flat_axis is not None:
        touching[:, [0, 2]] = 0
    expected = {}
    for level in (1, 2, 3):
        labels, n_zones = label(levels == level, touching)
        for zone in range(1, n_zones + 1):
            cell = level, int(distances[labels == zone].min())
            expected[cell] = expected.get(cell, 0) + 1
    zones = gldzm.zone_distances(levels, 3, distances, flat_axis=flat_axis)
    found = {(i + 1, int(zones.sizes[j])): int(zones.counts[i, j]) for i, j in np.argwhere(zones.counts)}
    assert found == expected
    labels, zone_levels = labeled_zones(levels, flat_axis=flat_axis)
    sizes = np.bincount(labels[labels > 0])[1:]
    np.testing.assert_array_equal(np.unique(sizes), zone_sizes(levels, 3, flat_axis=flat_axis).sizes)
    np.testing.assert_array_equal(zone_levels[labels[labels > 0] - 1], levels[labels > 0])


def test_bodies_round_a_box_and_a_sphere():
    corners = np.array(list(product((0.0, 1.0), (0.0, 2.0), (0.0, 5.0))))
    turn = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))[0]
    hull = enclosing.hull_of(corners @ turn)
    assert np.sort(enclosing.smallest_box(hull)) == pytest.approx([1, 2, 5])
    assert enclosing.smallest_ellipsoid(corners @ turn) == pytest.approx(np.sqrt(3) / 2 * np.array([1, 2, 5]), rel=1e-4)
    region = Region.of(SPHERE, (1.0, 1.0, 1.0))
    # The outermost vertices lie half a voxel beyond the radius of 6, on all axes.
    semi_axes = enclosing.smallest_ellipsoid(enclosing.surface_points(region.mask, region.spacing_mm))
    assert semi_axes == pytest.approx(6.5, rel=1e-4)
    filled = morphology(region, region, SPHERE * 1.0, ["VolumeDensityConvexHull", "Asphericity"])
    assert 0.9 < filled["VolumeDensityConvexHull"] < 1
    assert 0 < filled["Asphericity"] < 0.1


def test_the_area_of_an_ellipsoid_is_the_manuals_series():
    """Summed here with SciPy's Legendre polynomials, which the recurrence does without."""
    from scipy.special import eval_legendre

    c, b, a = 3.0, 4.0, 7.0
    alpha, beta = np.sqrt(1 - (b / a) ** 2), np.sqrt(1 - (c / a) ** 2)
    x = (alpha**2 + beta**2) / (2 * alpha * beta)
    series = sum((alpha * beta) ** n / (1 - 4 * n**2) * eval_legendre(n, x) for n in range(21))
    assert enclosing.ellipsoid_area(np.array([c, b, a])) == pytest.approx(4 * np.pi * a * b * series)


def test_hulls_of_outermost_vertices_are_those_of_all_vertices():
    _, mask = noise((4, 5, 6), 5)
    padded = np.pad(mask, 1).astype(int)
    halves = []
    for axis in range(3):
        steps = np.argwhere(np.diff(padded, axis=axis))
        halves.append((steps - 1 + 0.5 * np.eye(3)[axis]) * SPACING_MM)
    own = enclosing.hull_of(enclosing.surface_points(mask, SPACING_MM))
    every = enclosing.hull_of(np.concatenate(halves))
    assert (own.volume, own.area) == pytest.approx((every.volume, every.area))


def test_center_shift_and_integrated_intensity_by_hand():
    volume = np.zeros((1, 1, 4))
    volume[0, 0] = [1, 1, 1, 5]
    region = Region.of(np.ones(volume.shape), (1.0, 1.0, 2.0))
    told = morphology(region, region, volume, ["CenterOfMassShift", "IntegratedIntensity"])
    assert told["CenterOfMassShift"] == pytest.approx(2 * (18 / 8 - 1.5))
    told_twice = morphology(region, region, 2 * volume, ["CenterOfMassShift", "IntegratedIntensity"])
    assert told_twice["IntegratedIntensity"] == pytest.approx(2 * told["IntegratedIntensity"])


def test_the_commonest_level_nearest_the_mean_is_the_mode():
    levels = np.array([1, 1, 2, 4, 4, 6])
    assert intensity_histogram.features(levels, 6, ["Mode"]) == {"Mode": 4.0}
    assert intensity_histogram.features(np.ones(3, int), 1, ["MaximumGradient"]) == {"MaximumGradient": 0.0}


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (Steps(), (0.6, 6.0)),
        (Steps(bin_width=2), (0.6, 7.0)),
        (Steps(bin_width=2, bounds=(-10, 10)), (1.0, 7.0)),
        (Steps(bin_count=5), (0.6, 6.0)),
    ],
    ids=str,
)
def test_the_intensity_volume_histogram_by_hand(steps, expected):
    """0, 0, 2, 3, 5: three of five reach a tenth of the way to 5; none of a fifth's share goes beyond 5."""
    values = np.array([0, 0, 2, 3, 5])
    found = intensity_volume_histogram.features(values, ["VolumeAt10Intensity", "IntensityAt10Volume"], steps)
    assert tuple(found.values()) == pytest.approx(expected)


def _histogram(values, steps):
    names = ["AreaUnderCurve", "VolumeAt90Intensity", "IntensityAt10Volume"]
    return list(intensity_volume_histogram.features(np.array(values, float), names, steps).values())


def test_the_ends_of_the_range_are_those_of_the_histogram():
    inside = _histogram([0, 30, 60, 90], Steps(bin_width=25, bounds=(0, 100)))
    assert _histogram([0, 30, 60, 100], Steps(bin_width=25, bounds=(0, 100))) == inside  # 100 is in the last of 4 steps
    assert _histogram([10, 30, 60, 90], Steps(bin_width=25, bounds=(0, None))) == inside  # steps begin at 0, not at 10
    assert _histogram([10, 30, 60, 90], Steps(bin_width=25)) != inside


@pytest.mark.parametrize("steps", [Steps(bin_count=1000), Steps(bin_width=25), Steps()])
def test_one_intensity_has_no_area_below_its_curve(steps):
    assert _histogram([7, 7, 7], steps)[0] == 0
