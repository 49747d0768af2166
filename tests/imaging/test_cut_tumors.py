"""Composites of two tumors: voxels, segmentation and label in the same shares."""

from __future__ import annotations

import numpy as np
import pytest

from radiofuse.errors import RequestError
from radiofuse.imaging.cut_tumors import Cut, draw_cut, tumor_cutmix


def patient(center, radius, value, shape=(20, 22, 24), labels=(1, 2)):
    """Return two sequences and a ball of a tumor with a core; sequences hold what tells patient, sequence and place."""
    grid = np.indices(shape)
    distance = np.sqrt(sum((axis - middle) ** 2 for axis, middle in zip(grid, center, strict=True)))
    segmentation = np.where(distance <= radius / 2, labels[1], np.where(distance <= radius, labels[0], 0))
    place = np.arange(np.prod(shape)).reshape(shape) / 1e5
    return np.stack([value + place, 10 * value + place]), segmentation


@pytest.fixture(scope="module")
def pair():
    return *patient((9, 10, 11), 6, 1.0), *patient((7, 12, 8), 4, 2.0, shape=(18, 25, 20))


@pytest.mark.parametrize("seed", range(5))
def test_the_label_is_the_share_of_voxels(pair, seed):
    first, own, _, _ = pair
    mixed = tumor_cutmix(*pair, draw_cut(np.random.default_rng(seed)))
    of_first = mixed.images[0] < 1.5
    tumor = mixed.segmentation > 0
    assert mixed.share == pytest.approx((tumor & of_first).sum() / tumor.sum())
    assert 0 <= mixed.share <= 1


@pytest.mark.parametrize("seed", range(5))
def test_nothing_moves_outside_both_tumors_and_all_sequences_are_cut_alike(pair, seed):
    first, own, second, other = pair
    mixed = tumor_cutmix(*pair, draw_cut(np.random.default_rng(seed)))
    changed = (mixed.images != first).any(axis=0)
    np.testing.assert_array_equal(changed, mixed.images[0] > 1.5)
    np.testing.assert_array_equal(changed, mixed.images[1] > 15)
    shift = np.array([9, 10, 11]) - [7, 12, 8]
    both = own > 0
    for place in np.argwhere(other > 0) + shift:
        both[tuple(place)] = True
    assert not (changed & ~both).any()
    for place in np.argwhere(changed):  # voxel by voxel the other patient's, moved
        there = tuple(place - shift)
        assert (mixed.images[(slice(None), *place)] == second[(slice(None), *there)]).all()
        assert mixed.segmentation[tuple(place)] == other[there]


def test_the_ends_are_the_parents(pair):
    first, own, _, other = pair
    normal = np.array([0.0, 0.6, 0.8])
    whole = tumor_cutmix(*pair, Cut(normal, 1.0))
    np.testing.assert_array_equal(whole.images, first)
    np.testing.assert_array_equal(whole.segmentation, own)
    assert whole.share == 1
    none = tumor_cutmix(*pair, Cut(normal, 0.0))
    assert none.share == 0
    assert [np.count_nonzero(none.segmentation == label) for label in (1, 2)] == [
        np.count_nonzero(other == label) for label in (1, 2)
    ]


def test_more_is_left_of_the_first_the_farther_the_plane(pair):
    normal = np.array([1.0, 0.0, 0.0])
    shares = [tumor_cutmix(*pair, Cut(normal, keep)).share for keep in np.linspace(0, 1, 11)]
    assert shares == sorted(shares)


def test_of_a_tumor_at_the_edge_only_what_there_is_of_the_other_is_pasted():
    first = patient((1, 1, 1), 3, 1.0, shape=(12, 12, 12))
    second = patient((6, 6, 6), 5, 2.0, shape=(12, 12, 12))
    mixed = tumor_cutmix(*first, *second, Cut(np.array([0.0, 0.0, 1.0]), 0.3))
    assert mixed.images.shape == first[0].shape
    assert np.isfinite(mixed.images).all()


def test_what_does_not_fit_together_is_refused(pair):
    first, own, second, other = pair
    cut = Cut(np.array([1.0, 0.0, 0.0]), 0.5)
    with pytest.raises(RequestError, match="no tumor voxel"):
        tumor_cutmix(first, own, second, np.zeros_like(other), cut)
    with pytest.raises(RequestError, match="2 sequences and the other 1"):
        tumor_cutmix(first, own, second[:1], other, cut)
    with pytest.raises(RequestError, match="must have the shape"):
        tumor_cutmix(first, own[1:], second, other, cut)
