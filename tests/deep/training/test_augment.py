"""Flips and rotations against plain indexing, and draws that depend on their generator alone."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from radiofuse.deep.training.augment import Augmentation, apply, draw_params, move  # noqa: E402

QUARTER = math.pi / 2


@pytest.fixture
def images():
    return torch.rand(3, 2, 7, 7, generator=torch.Generator().manual_seed(0))


def params(n: int, *, rows=False, columns=False, angle=None, window=None, **others) -> Augmentation:
    turn = None if angle is None else torch.full((n,), angle)
    window = None if window is None else torch.tensor(window)[:, None].expand(3, n)
    return Augmentation(torch.full((n,), rows), torch.full((n,), columns), turn, window=window, **others)


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


def test_a_window_is_cut_out_and_fills_the_picture():
    big = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    upper_right = move(big, params(2, window=(0.5, 0.5, -0.5)))
    expected = torch.nn.functional.interpolate(big[..., :4, 4:], scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(upper_right[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1])  # the border sees neighbors
    turned = move(big, params(2, angle=QUARTER, window=(0.5, 0.5, -0.5)))  # the window is that of the turned picture
    torch.testing.assert_close(turned, move(torch.rot90(big, 1, (-2, -1)), params(2, window=(0.5, 0.5, -0.5))))


def test_windows_stay_inside_and_are_as_large_as_asked_for():
    drawn = draw_params(torch.Generator().manual_seed(0), 2000, crop=0.6).window
    side, reach = drawn[0], drawn[1:].abs().amax(dim=0)
    assert 0.6 <= side.min() < 0.61 and 0.99 < side.max() <= 1
    assert (side + reach <= 1 + 1e-6).all() and (side + reach).max() > 0.99
    scaled = draw_params(torch.Generator().manual_seed(0), 2000, scale=0.2).window
    assert scaled[1:].abs().max() == 0
    assert 1 / 1.2 <= scaled[0].min() < 0.84 and 1.24 < scaled[0].max() <= 1.2501


@pytest.mark.parametrize("shape", [(4, 2, 9, 9), (4, 2, 3, 9, 9)])
def test_a_mask_stays_where_its_picture_is_and_keeps_its_labels(shape):
    mask = torch.zeros(shape[0], 1, *shape[2:])
    mask[..., 2:7, 4:8] = 4
    image = mask.expand(shape) * torch.tensor([1.0, 10.0]).view(1, 2, *[1] * (len(shape) - 2))
    options = {"rotation_deg": 30, "crop": 0.7, "scale": 0.1, "intensity_gain": 0.5, "noise": 1.0}
    drawn = draw_params(torch.Generator().manual_seed(2), 4, **options, channels=2, n_axes=len(shape) - 2)
    moved = move(mask, drawn, mode="nearest")
    assert set(moved.unique().tolist()) == {0, 4}
    nearest = move(image, drawn, mode="nearest")
    assert torch.equal(nearest[:, :1], moved) and torch.equal(nearest[:, 1:], 10 * moved)
    assert (move(image, drawn)[:, 0] - moved[:, 0]).abs().max() <= 3.0 + 1e-4  # the nearest of four weighs a quarter
    assert not torch.equal(moved, mask)


def test_intensities_change_by_channel_and_nothing_moves(images):
    options = {"flips": False, "rotation_deg": 0, "intensity_gain": 0.2, "intensity_shift": 0.3, "channels": 2}
    drawn = draw_params(torch.Generator().manual_seed(0), 3, **options)
    changed = apply(images, drawn)
    torch.testing.assert_close(changed, images * drawn.gain[..., None, None] + drawn.offset[..., None, None])
    assert drawn.gain.unique().numel() == drawn.offset.unique().numel() == 6
    assert drawn.gain.min() >= 0.8 and drawn.gain.max() <= 1.2 and drawn.offset.abs().max() <= 0.3


def test_noise_is_as_large_as_asked_for_and_the_same_for_the_same_seed():
    flat = torch.zeros(50, 1, 20, 20)
    drawn = [draw_params(torch.Generator().manual_seed(s), 50, noise=0.1, rotation_deg=0) for s in (0, 0, 1)]
    noisy = [apply(flat, one) for one in drawn]
    assert noisy[0].std().item() == pytest.approx(0.1, rel=0.02)
    assert torch.equal(noisy[0], noisy[1]) and not torch.equal(noisy[0], noisy[2])
    assert not torch.equal(noisy[0][0], noisy[0][1])


def test_what_is_not_asked_for_draws_nothing():
    generators = [torch.Generator().manual_seed(0) for _ in range(2)]
    flips = torch.rand(2, 5, generator=generators[0]) < 0.5
    drawn = draw_params(generators[1], 5, rotation_deg=0)
    assert torch.equal(drawn.flip_rows, flips[0]) and torch.equal(drawn.flip_columns, flips[1])
    assert [drawn.angle, drawn.window, drawn.gain, drawn.offset, drawn.noise] == [None] * 5
    assert torch.equal(torch.rand(1, generator=generators[0]), torch.rand(1, generator=generators[1]))
