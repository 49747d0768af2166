"""One encoder's axes in another's: rotations are found, nothing is stretched."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes
from scipy.stats import ortho_group

from radiofuse.deep.estimators.alignment import fit_alignment
from radiofuse.errors import CohortError


@pytest.fixture
def rng():
    return np.random.default_rng(20)


@pytest.mark.parametrize("d", [1, 2, 16])
def test_a_rotation_and_a_shift_are_recovered_exactly(rng, d):
    source, shift = rng.normal(size=(60, d)), rng.normal(size=d)
    rotation = ortho_group.rvs(d, random_state=rng) if d > 1 else np.array([[-1.0]])
    alignment = fit_alignment(source, source @ rotation + shift)
    new = rng.normal(size=(5, d))
    assert np.allclose(alignment.rotation, rotation, atol=1e-12)
    assert np.allclose(alignment.apply(new), new @ rotation + shift, atol=1e-12)


@pytest.mark.parametrize("n", [1, 3, 12, 200])  # fewer rows than axes, and more
def test_nothing_is_sheared_or_stretched(rng, n):
    alignment = fit_alignment(rng.normal(size=(n, 8)), rng.normal(size=(n, 8)) * 50)
    assert np.allclose(alignment.rotation @ alignment.rotation.T, np.eye(8), atol=1e-12)
    new = rng.normal(size=(10, 8))
    turned = alignment.apply(new)
    assert np.allclose(np.linalg.norm(turned[0] - turned, axis=1), np.linalg.norm(new[0] - new, axis=1))


def test_it_equals_scipys_procrustes_on_centered_rows(rng):
    source, target = rng.normal(size=(40, 5)), rng.normal(size=(40, 5))
    expected, _ = orthogonal_procrustes(source - source.mean(axis=0), target - target.mean(axis=0))
    assert np.allclose(fit_alignment(source, target).rotation, expected)


def test_axes_of_which_the_rows_tell_nothing_stay_where_they_are(rng):
    source = np.zeros((30, 6))
    source[:, :2] = rng.normal(size=(30, 2))
    target = source.copy()
    target[:, :2] = source[:, :2] @ np.array([[0.0, 1.0], [-1.0, 0.0]])
    rotation = fit_alignment(source, target).rotation
    assert np.allclose(rotation[2:, 2:], np.eye(4))
    assert np.allclose(rotation[:2, 2:], 0)


def test_an_encoder_that_answers_alike_for_all_rows_is_left_as_it_is():
    assert np.allclose(fit_alignment(np.ones((4, 3)), np.full((4, 3), 7.0)).rotation, np.eye(3))


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (np.zeros((3, 2)), np.zeros((3, 4))),
        (np.zeros((0, 2)), np.zeros((0, 2))),
        (np.zeros(3), np.zeros(3)),
        (np.array([[np.nan]]), np.zeros((1, 1))),
    ],
)
def test_what_does_not_fit_is_a_sentence(source, target):
    with pytest.raises(CohortError, match="do not fit together"):
        fit_alignment(source, target)
