"""Flips and rotations against plain indexing, and draws that depend on their generator alone."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from radiofuse.deep.training.augment import Augmentation, apply, draw_params  # noqa: E402

QUARTER = math.pi / 2


@pytest.fixture
def images():
    return torch.rand(3, 2, 7, 7, generator=torch.Generator().manual_seed(0))


def params(n: int, *, rows=False, columns=False, angle=None) -> Augmentation:
    turn = None if angle is None else torch.full((n,), angle)
    return Augmentation(torch.full((n,), rows), torch.full((n,), columns), turn)


def test_no_flip_and_no_rotation_is_the_very_same_image(images):
    assert torch.equal(apply(images, params(3)), images)


def test_an_angle_of_zero_is_the_same_image_to_rounding(images):
    torch.testing.assert_close(apply(images, params(3, angle=0.0)), images, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("turn", "quarters"), [(QUARTER, 1), (-QUARTER, 3), (2 * QUARTER, 2)])
def test_quarter_turns_are_those_of_indexing(images, turn, quarters):
    expected = torch.rot90(images, quarters, dims=(-2, -1))
    torch.testing.assert_close(apply(images, params(3, angle=turn)), expected, atol=1e-5, rtol=0)


def test_four_quarter_turns_come_back(images):
    turned = images
    for _ in range(4):
        turned = apply(turned, params(3, angle=QUARTER))
    torch.testing.assert_close(turned, images, atol=1e-4, rtol=0)


@pytest.mark.parametrize("angle", [None, 0.0])
@pytest.mark.parametrize(("which", "axis"), [("rows", -2), ("columns", -1)])
def test_flips_are_those_of_indexing_with_and_without_resampling(images, which, axis, angle):
    flipped = apply(images, params(3, angle=angle, **{which: True}))
    torch.testing.assert_close(flipped, images.flip(axis), atol=1e-5, rtol=0)


def test_flip_comes_before_rotation(images):
    expected = torch.rot90(images.flip(-1), 1, dims=(-2, -1))
    torch.testing.assert_close(apply(images, params(3, columns=True, angle=QUARTER)), expected, atol=1e-5, rtol=0)


def test_crops_that_are_no_square_keep_their_shape():
    wide = torch.rand(1, 1, 4, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(apply(wide, params(1, angle=2 * QUARTER)), torch.rot90(wide, 2, (-2, -1)))
    middle = torch.zeros(1, 1, 5, 9)
    middle[..., 4] = 1  # a vertical line through the center; turned by 90 degrees it lies
    lying = apply(middle, params(1, angle=QUARTER))[0, 0]
    assert lying[2, 2:7].min() > 0.99
    assert lying[[0, 4]].abs().max() < 1e-5


def test_all_channels_have_one_geometry_and_each_crop_its_own():
    one = torch.rand(1, 1, 9, 9, generator=torch.Generator().manual_seed(1))
    drawn = draw_params(torch.Generator().manual_seed(2), 6, rotation_deg=30)
    moved = apply(one.expand(6, 3, 9, 9), drawn)
    assert torch.equal(moved[:, 0], moved[:, 1])
    assert torch.equal(moved[:, 0], moved[:, 2])
    assert not torch.allclose(moved[0], moved[1])


def test_draws_depend_on_the_generator_alone():
    before = torch.get_rng_state()
    first, second, other = (draw_params(torch.Generator().manual_seed(seed), 50) for seed in (3, 3, 4))
    assert torch.equal(first.angle, second.angle)
    assert torch.equal(first.flip_rows, second.flip_rows)
    assert not torch.equal(first.angle, other.angle)
    assert not torch.equal(first.flip_rows, first.flip_columns)
    assert torch.equal(torch.get_rng_state(), before)


def test_angles_fill_their_range_and_nothing_is_drawn_that_was_not_asked_for():
    drawn = draw_params(torch.Generator().manual_seed(0), 2000, flips=False, rotation_deg=20)
    assert math.radians(19.5) < drawn.angle.max() <= math.radians(20)
    assert -math.radians(20) <= drawn.angle.min() < -math.radians(19.5)
    assert not drawn.flip_rows.any()
    assert not drawn.flip_columns.any()
    assert draw_params(torch.Generator(), 5, rotation_deg=0).angle is None
