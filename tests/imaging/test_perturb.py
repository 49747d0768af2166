"""Perturbed pairs: places are right, volumes are as asked, noise is as strong as what was there."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from radiofuse.errors import ImageError
from radiofuse.imaging import RoiPair, check_pair
from radiofuse.imaging.perturb import Perturbation, content_seed, noise_level, perturb, redraw

MOVED = Perturbation(angle_deg=8.0, shift_vox=(0.4, -0.3, 0.2), volume_change=-0.1)


def ball(shape=(30, 40, 50), radius=8.0, spacing=(1.0, 1.0, 1.0), center=None) -> np.ndarray:
    center = np.array(shape) / 2 if center is None else np.array(center)
    places = np.moveaxis(np.indices(shape), 0, -1) - center
    return np.linalg.norm(places * spacing, axis=-1) <= radius


def placed(voxels: np.ndarray, spacing_mm=(1.0, 1.0, 1.0), direction=None) -> sitk.Image:
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing(spacing_mm[::-1])
    image.SetOrigin((-10.0, 20.0, 5.0))
    if direction is not None:
        image.SetDirection(direction)
    return image


def pair_of(voxels: np.ndarray, region: np.ndarray, **place) -> RoiPair:
    return check_pair(placed(voxels, **place), placed(region.astype(np.uint8), **place))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


OBLIQUE = sitk.Euler3DTransform((0, 0, 0), 0.3, -0.2, 0.1).GetMatrix()


def physical(image: sitk.Image) -> np.ndarray:
    """Places of all voxels in mm, shape (z, y, x, 3)."""
    sizes = image.GetSize()
    axes = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    index = np.stack(np.meshgrid(*map(np.arange, sizes), indexing="ij"), axis=-1)
    return (index @ axes.T + image.GetOrigin()).transpose(2, 1, 0, 3)


@pytest.mark.parametrize(("spacing_mm", "axis"), [((1.0, 1.0, 1.0), 2), ((5.0, 0.8, 0.9), 2), ((0.8, 0.9, 5.0), 0)])
def test_a_ramp_is_rotated_about_the_regions_center_and_shifted(spacing_mm, axis):
    """A linear image is interpolated exactly, so each voxel holds the ramp at the place that it came from."""
    shape = (30, 40, 50)
    image = placed(np.zeros(shape), spacing_mm, OBLIQUE)
    slope = np.array([3.0, -2.0, 1.0])
    region = ball(shape, 8, spacing_mm)
    pair = pair_of(physical(image) @ slope, region, spacing_mm=spacing_mm, direction=OBLIQUE)
    moved = perturb(pair, MOVED, rng())
    directions = np.reshape(OBLIQUE, (3, 3))
    k, angle = directions[:, axis], np.radians(MOVED.angle_deg)
    cross = np.array([[0, -k[2], k[1]], [k[2], 0, -k[0]], [-k[1], k[0], 0]])
    rotation = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross  # Rodrigues
    center = physical(image)[region].mean(axis=0)
    shift_mm = directions @ (np.array(MOVED.shift_vox) * spacing_mm[::-1])
    came_from = (physical(image)[region] - center) @ rotation.T + center + shift_mm
    np.testing.assert_allclose(sitk.GetArrayFromImage(moved.image)[region], came_from @ slope, atol=2e-3)


def test_near_the_region_the_image_is_that_of_cubic_splines():
    voxels, region = rng().normal(100, 10, (40, 60, 60)).astype(np.float32), ball((40, 60, 60), 6)
    pair = pair_of(voxels, region)
    moved = sitk.GetArrayFromImage(perturb(pair, MOVED, rng(1)).image)
    noise = rng(1).standard_normal(voxels.shape, dtype=np.float32) * np.float32(noise_level(voxels, region))
    transform = sitk.VersorRigid3DTransform()
    transform.SetCenter(pair.image.TransformContinuousIndexToPhysicalPoint([30.0, 30.0, 20.0]))
    transform.SetRotation([0.0, 0.0, 1.0], float(np.radians(MOVED.angle_deg)))
    transform.SetTranslation(MOVED.shift_vox)
    whole = sitk.GetArrayFromImage(sitk.Resample(placed(voxels + noise), transform, sitk.sitkBSpline))
    near = ball((40, 60, 60), 10)
    np.testing.assert_allclose(moved[near], whole[near], atol=0.05)
    assert np.abs(moved - whole)[~ball((40, 60, 60), 40)].max() > 1  # farther away it is linear


@pytest.mark.parametrize("change", [-0.2, -0.05, 0.0, 0.1, 0.2])
def test_the_volume_is_as_asked_and_the_contour_near(change):
    region = ball()
    redrawn = redraw(region, 1 + change, (1.0, 1.0, 1.0), rng())
    assert redrawn.sum() == round(region.sum() * (1 + change))
    assert not (redrawn & ~ball(radius=11)).any()
    assert (redrawn | ~ball(radius=5)).all()


def test_a_region_grows_in_its_plane_first_where_slices_are_thick():
    region = ball((9, 40, 40), 8, (5.0, 1.0, 1.0))
    grown = redraw(region, 1.2, (5.0, 1.0, 1.0), rng())
    assert (grown.any(axis=(1, 2)) == region.any(axis=(1, 2))).all()


@pytest.mark.parametrize("sd", [0.5, 20.0])
def test_the_noise_of_tissue_is_measured_where_air_has_none(sd):
    region = ball((30, 60, 60), 12)
    smooth = 1000 * np.exp(-((np.indices(region.shape)[2] - 30) ** 2) / 800)
    voxels = np.where(ball((30, 60, 60), 20), smooth + rng().normal(scale=sd, size=region.shape), 0)
    assert noise_level(voxels, region) == pytest.approx(sd, rel=0.05)


def test_noise_is_added_at_the_level_that_was_there():
    region = ball((30, 60, 60), 12)
    pair = pair_of(rng().normal(100, 10, region.shape).astype(np.float32), region)
    noisy = sitk.GetArrayFromImage(perturb(pair, Perturbation(), rng(1)).image)
    added = (noisy - sitk.GetArrayFromImage(pair.image))[region]
    assert added.std() == pytest.approx(10, rel=0.1)


def test_the_same_draw_gives_the_same_pair_and_leaves_the_original_alone():
    pair = pair_of(rng().normal(100, 10, (30, 40, 50)).astype(np.int16), ball())
    before = sitk.GetArrayFromImage(pair.image), sitk.GetArrayFromImage(pair.roi)
    first, again, other = (perturb(pair, MOVED, rng(seed)) for seed in (3, 3, 4))
    for part in ("image", "roi"):
        arrays = [sitk.GetArrayFromImage(getattr(one, part)) for one in (first, again, other)]
        assert (arrays[0] == arrays[1]).all()
        assert (arrays[0] != arrays[2]).any()
    assert (before[0] == sitk.GetArrayFromImage(pair.image)).all()
    assert (before[1] == sitk.GetArrayFromImage(pair.roi)).all()
    assert first.image.GetPixelID() == sitk.sitkFloat32
    assert first.image.GetOrigin() == pair.image.GetOrigin()


@pytest.mark.parametrize("depth", [1, 2])
def test_thin_images_are_perturbed_too(depth):
    region = np.zeros((depth, 40, 40), bool)
    region[0, 10:30, 10:30] = True
    pair = pair_of(rng().normal(100, 10, region.shape), region)
    moved = perturb(pair, MOVED, rng())
    assert sitk.GetArrayFromImage(moved.roi).sum() == pytest.approx(0.9 * 400, rel=0.05)


def test_beyond_the_edge_the_image_goes_on_as_it_ends():
    voxels, region = rng().normal(1000, 1, (20, 30, 30)), ball((20, 30, 30), 6, center=(4, 5, 5))
    moved = sitk.GetArrayFromImage(perturb(pair_of(voxels, region), MOVED, rng()).image)
    assert moved.min() > 980


def test_a_region_that_does_not_survive_is_refused_by_name():
    region = np.zeros((20, 20, 20), bool)
    region[9:11, 9:11, 9:11] = True
    pair = pair_of(rng().normal(100, 10, region.shape), region)
    with pytest.raises(ImageError) as refusal:
        perturb(pair, Perturbation(volume_change=-0.2), rng())
    assert refusal.value.code == "roi_too_small"


def test_a_pairs_seed_is_that_of_its_voxels():
    voxels, region = rng().normal(100, 10, (30, 40, 50)), ball()
    others = [(voxels + 1e-9, region), (voxels, ball(radius=7.0))]
    seeds = [content_seed(pair_of(*one)) for one in [(voxels, region), (voxels.copy(), region), *others]]
    assert seeds[0] == seeds[1]
    assert len(set(seeds)) == 3


def test_draws_stay_in_their_ranges_and_differ():
    drawn = [Perturbation.draw(rng(seed)) for seed in range(200)]
    assert max(abs(one.angle_deg) for one in drawn) <= 10
    assert max(abs(part) for one in drawn for part in one.shift_vox) <= 0.5
    assert max(abs(one.volume_change) for one in drawn) <= 0.2
    assert len(set(drawn)) == 200
