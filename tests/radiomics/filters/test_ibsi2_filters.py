"""The filters of IBSI 2 against plain formulas and against what must hold whatever the image."""

from __future__ import annotations

import math
from functools import partial
from itertools import product

import numpy as np
import pytest
from scipy.signal import fftconvolve

from radiofuse.errors import ImageError
from radiofuse.radiomics.filters.boundaries import Part, extended, read_box
from radiofuse.radiomics.filters.gabor import gabor_in_box
from radiofuse.radiomics.filters.laplacian_of_gaussian import log_in_box
from radiofuse.radiomics.filters.laws import laws_in_box
from radiofuse.radiomics.filters.mean import mean_in_box
from radiofuse.radiomics.filters.riesz import log_images, riesz_in_box
from radiofuse.radiomics.filters.separable_wavelet import separable_wavelet_in_box
from radiofuse.radiomics.filters.simoncelli import band, simoncelli_in_box
from radiofuse.radiomics.filters.truncated_log import log_by_ibsi
from radiofuse.radiomics.image_types import Source
from radiofuse.radiomics.region import Region

XYZ, XY = (2, 1, 0), (2, 1)
UNIT = (1.0, 1.0, 1.0)
PADS = {"mirror": "symmetric", "nearest": "edge", "periodic": "wrap", "zero": "constant"}


def whole(volume):
    return tuple(slice(0, size) for size in volume.shape)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("boundary", PADS)
def test_what_lies_beyond_the_border_is_numpys(boundary):
    """Also further than the volume is long, and where only a part of it is known."""
    volume, reach = noise(3, 5, 4), (7, 1, 5)
    padded = np.pad(volume, [(more, more) for more in reach], mode=PADS[boundary])
    np.testing.assert_array_equal(extended(Part.whole(volume), whole(volume), reach, boundary), padded)
    box = (slice(1, 2), slice(3, 5), slice(0, 2))
    read = read_box(box, (1, 1, 1), volume.shape, boundary)
    part = Part(volume[read], tuple(side.start for side in read), volume.shape)
    expected = np.pad(volume, 1, mode=PADS[boundary])[1:4, 3:7, 0:4]
    np.testing.assert_array_equal(extended(part, box, (1, 1, 1), boundary), expected)


@pytest.mark.parametrize("sigma_mm", [2.0, 3.0])
def test_the_scale_is_the_documented_part_of_pyradiomics(sigma_mm):
    """IBSI's values are (spacing / sigma)² of those that are normalized across scale."""
    volume, spacing_mm = noise(40, 40, 40), (1.5, 1.5, 1.5)
    inside = (slice(14, 26),) * 3
    ours = log_by_ibsi(volume, spacing_mm, inside, sigma_mm=sigma_mm, cutoff=4, axes=XYZ, boundary="mirror")
    theirs = log_in_box(volume, spacing_mm, sigma_mm, inside) * (1.5 / sigma_mm) ** 2
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=0.02 * np.abs(theirs).max())


def test_the_laplacian_is_the_same_along_long_and_short_voxels():
    z, y, x = np.meshgrid(2.0 * np.arange(-15, 16), np.arange(-30, 31), np.arange(-30, 31), indexing="ij")
    ball = np.exp(-(x**2 + y**2 + z**2) / (2 * 8.0**2))
    how = {"sigma_mm": 4.0, "cutoff": 5, "axes": XYZ, "boundary": "zero"}
    found = log_by_ibsi(ball, (2.0, 1.0, 1.0), whole(ball), **how)
    assert found[15 + 3, 30, 30] == pytest.approx(found[15, 30, 36], rel=1e-3)
    # Analytic: a Gaussian of 80 mm², its Laplacian per squared geometric mean of the spacings.
    expected = -3 / 80 * (64 / 80) ** 1.5 * (2.0 ** (2 / 3))
    assert found[15, 30, 30] == pytest.approx(expected, rel=2e-3)


def turned_and_back(filtered, volume, axes):
    """Filter a volume turned by a right angle, and turn the response back."""
    return np.rot90(filtered(np.ascontiguousarray(np.rot90(volume, axes=axes))), k=-1, axes=axes)


def in_full(filtering, **how):
    return lambda volume: filtering(volume, box=whole(volume), axes=XYZ, boundary="mirror", **how)


TURNING = {
    "laws": in_full(laws_in_box, kernels="L5E3W5", rotation_invariance=True, energy_distance=2),
    "laws-mean": in_full(laws_in_box, kernels="E3L3S3", rotation_invariance=True, pooling="mean"),
    "wavelet": in_full(separable_wavelet_in_box, wavelet="db2", band="LHH", level=2, rotation_invariance=True),
    "wavelet-max": in_full(
        separable_wavelet_in_box, wavelet="haar", band="LLH", level=1, rotation_invariance=True, pooling="max"
    ),
    "riesz-aligned": in_full(
        riesz_in_box,
        spacing_mm=UNIT,
        band=partial(band, level=1),
        margin=8,
        order=(2, 1, 0),
        alignment_sigma_mm=1.5,
    ),
}


@pytest.mark.parametrize("name", TURNING)
@pytest.mark.parametrize("axes", [(0, 1), (1, 2)])
def test_an_image_that_is_turned_has_a_response_that_is_turned(name, axes):
    volume = noise(15, 15, 15)
    expected = TURNING[name](volume)
    np.testing.assert_allclose(turned_and_back(TURNING[name], volume, axes), expected, rtol=0, atol=1e-9)


def test_without_rotation_invariance_it_is_not():
    once = in_full(laws_in_box, kernels="L5E3W5")
    volume = noise(15, 15, 15)
    assert np.abs(turned_and_back(once, volume, (0, 1)) - once(volume)).max() > 0.1


@pytest.mark.parametrize("plane", [(2, 1), (1, 0)])
def test_gabor_is_a_sum_over_its_kernel(plane):
    """In mm: voxels of the second plane are three times as long as wide."""
    volume, spacing_mm = noise(12, 14, 16), (3.0, 1.0, 1.0)
    sigma, wavelength, aspect, angle = 2.0, 3.0, 0.8, 35.0
    found = gabor_in_box(
        volume, spacing_mm, whole(volume), sigma_mm=sigma, wavelength_mm=wavelength, aspect=aspect,
        angles_deg=[angle], planes=(plane,), boundary="mirror",
    )  # fmt: skip
    reach = 18
    first, second = np.meshgrid(*(np.arange(-reach, reach + 1) * spacing_mm[axis] for axis in plane), indexing="ij")
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    along, across = first * cosine + second * sine, second * cosine - first * sine
    kernel = np.exp(-(along**2 + aspect**2 * across**2) / (2 * sigma**2) + 2j * np.pi * along / wavelength)
    slices = np.moveaxis(volume, plane, (1, 2))
    padded = np.pad(slices, [(0, 0), (reach, reach), (reach, reach)], mode="symmetric")
    expected = np.moveaxis(np.abs(fftconvolve(padded, kernel[None], mode="valid", axes=(1, 2))), (1, 2), plane)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * expected.max())


@pytest.mark.parametrize("shape", [(8, 9, 10), (12, 7, 8)])
@pytest.mark.parametrize("axes", [XYZ, XY, (1, 0), (2, 0)])
def test_simoncelli_is_its_formula_on_ibsis_grid(shape, axes):
    volume = noise(*shape)
    lines = [
        np.fft.ifftshift(np.linspace(-1, 1, size)) if axis in axes else np.zeros(1) for axis, size in enumerate(shape)
    ]
    radius = np.sqrt(sum(line**2 for line in np.meshgrid(*lines, indexing="ij")))
    with np.errstate(divide="ignore", invalid="ignore"):
        factors = np.where((radius > 0.25) & (radius <= 1), np.cos(np.pi / 2 * np.log2(2 * radius)), 0)
    expected = np.fft.ifftn(np.fft.fftn(volume, axes=axes) * factors, axes=axes).real
    found = simoncelli_in_box(volume, whole(volume), level=1, axes=axes, boundary="periodic")
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_riesz_transforms_of_an_order_share_a_band_out():
    """The squared magnitudes of all transforms of an order add up to the band's: a tight frame."""
    volume = noise(9, 11, 13)
    how = {"band": partial(band, level=1), "margin": 0, "axes": XYZ, "boundary": "periodic"}
    orders = [order for order in product(range(4), repeat=3) if sum(order) == 3]
    energy = sum((riesz_in_box(volume, UNIT, whole(volume), order=order, **how) ** 2).sum() for order in orders)
    of_band = simoncelli_in_box(volume, whole(volume), level=1, axes=XYZ, boundary="periodic")
    assert energy == pytest.approx((of_band**2).sum(), rel=1e-12)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_aligned_transforms_follow_a_wave(axis):
    places = np.arange(33).reshape([-1 if axis == other else 1 for other in range(3)])
    waves = np.broadcast_to(np.cos(0.5 * np.pi * places + 0.3), (33, 33, 33))
    box = (slice(12, 20),) * 3
    how = {"band": partial(band, level=1), "margin": 0, "axes": XYZ, "boundary": "periodic"}
    along = [0, 0, 0]
    along[2 - axis] = 1
    aligned = riesz_in_box(waves, UNIT, box, order=(1, 0, 0), alignment_sigma_mm=2.0, **how)
    plain = riesz_in_box(waves, UNIT, box, order=tuple(along), **how)
    np.testing.assert_allclose(aligned, np.abs(plain), atol=0.02 * np.abs(plain).max())
    across = riesz_in_box(waves, UNIT, box, order=(0, 2, 0), alignment_sigma_mm=2.0, **how)
    assert np.abs(across).max() < 0.02


SMALL = np.zeros((6, 6, 6))
TOO_LARGE = {
    "mean filter of support 7": lambda: mean_in_box(SMALL, whole(SMALL), support=7, axes=XYZ, boundary="zero"),
    "sigma of 6 mm": lambda: log_by_ibsi(
        SMALL, UNIT, whole(SMALL), sigma_mm=6.0, cutoff=4, axes=XY, boundary="mirror"
    ),
    "energy distance 3": lambda: laws_in_box(
        SMALL, whole(SMALL), kernels="L5E5", axes=XY, boundary="mirror", energy_distance=3
    ),
    "wavelet db2 at level 2": lambda: separable_wavelet_in_box(
        SMALL, whole(SMALL), wavelet="db2", band="LLH", level=2, axes=XYZ, boundary="mirror"
    ),
    "level 2 spans 8 voxels": lambda: simoncelli_in_box(
        SMALL, whole(SMALL), level=2, axes=XYZ, boundary="periodic"
    ),
    "sigma of 8 mm": lambda: gabor_in_box(
        SMALL, UNIT, whole(SMALL), sigma_mm=8.0, wavelength_mm=2.0, aspect=1.0, angles_deg=[0], planes=(XY,),
        boundary="mirror",
    ),
    "sigma of 9 mm": lambda: riesz_in_box(
        SMALL, UNIT, whole(SMALL), band=partial(band, level=1), margin=0, order=(1, 0, 0), axes=XYZ,
        boundary="periodic", alignment_sigma_mm=9.0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("said", TOO_LARGE)
def test_a_filter_that_is_larger_than_the_volume_is_refused(said):
    with pytest.raises(ImageError, match=said) as refusal:
        TOO_LARGE[said]()
    assert refusal.value.code == "image_too_small"


def test_a_voxel_without_a_number_is_refused_where_it_would_spread():
    volume = noise(8, 8, 8)
    volume[0, 0, 0] = np.nan
    with pytest.raises(ImageError, match="NaN or infinite") as refusal:
        simoncelli_in_box(volume, (slice(4, 5),) * 3, level=1, axes=XYZ, boundary="periodic")
    assert refusal.value.code == "not_finite"


@pytest.mark.parametrize(
    ("sigma_mm", "cutoff", "left"), [(0.5, 4, "10%"), (1.0, 4, "98%"), (0.1, 4, "100%"), (1.5, 0.1, "100%")]
)
def test_a_kernel_that_voxels_do_not_show_is_refused(sigma_mm, cutoff, left):
    """At a quarter of a voxel it would answer an even image with its intensity."""
    spacing_mm = (4.0, 1.0, 1.0) if sigma_mm == 1.0 else (1.0, 1.0, 1.0)
    how = {"sigma_mm": sigma_mm, "cutoff": cutoff, "axes": XYZ, "boundary": "mirror"}
    with pytest.raises(ImageError, match=f"would answer an even image with {left}") as refused:
        log_by_ibsi(np.full((9, 9, 9), 1000.0), spacing_mm, (slice(3, 6),) * 3, **how)
    assert ("dimensions: 2" in str(refused.value)) == (spacing_mm[0] > 1)
    even = log_by_ibsi(np.full((9, 9, 9), 1000.0), (1.0,) * 3, (slice(3, 6),) * 3, **how | {"sigma_mm": 1, "cutoff": 4})
    assert np.abs(even).max() < 3
    riesz = {"sigma": [sigma_mm], "cutoff": cutoff, "order": [[1, 0, 0]], "alignmentSigma": None, "boundary": "zero"}
    source = Source(noise(9, 9, 9), Region.of(np.ones((9, 9, 9)), spacing_mm))
    with pytest.raises(ImageError, match=f"RieszLaplacianOfGaussian with .*{left}") as refused:
        [of_source(source) for of_source in log_images(riesz).values()]
    assert ("an order of two numbers" in str(refused.value)) == (spacing_mm[0] > 1)


def test_a_gaussian_that_is_too_broad_across_the_wave_is_named_by_its_aspect():
    how = {"wavelength_mm": 2, "angles_deg": [0], "planes": ((2, 1),), "boundary": "zero"}
    sentence = "Across the wave a Gabor filter of sigma 3 mm and aspect 0.01 spans 301 voxels, more than the image has"
    with pytest.raises(ImageError, match=sentence):
        gabor_in_box(noise(9, 9, 9), (1.0, 1.0, 1.0), (slice(3, 6),) * 3, sigma_mm=3, aspect=0.01, **how)
