"""Probabilities that obey a rule between outcomes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from radiofuse.fuse.coherent import coherent

ALLOWED = np.array([[True, False], [True, True]])  # idh x codel: a codeleted tumor is mutant


def rows(n=200, seed=0):
    rng = np.random.default_rng(seed)
    first, second = rng.random((2, n))
    return [np.column_stack([1 - p, p]) for p in (first, second)]


def test_probabilities_obey_the_rule_and_sum_to_one():
    idh, codel = coherent(rows(), ALLOWED)
    assert (codel[:, 1] <= idh[:, 1] + 1e-12).all()
    for told in (idh, codel):
        assert told.sum(axis=1) == pytest.approx(1)


def test_those_that_obey_stay_and_those_that_do_not_meet_halfway():
    given = rows()
    mutant, codeleted = given[0][:, 1], given[1][:, 1]
    broken, halfway = codeleted > mutant, (mutant + codeleted) / 2
    assert 50 < broken.sum() < 150
    idh, codel = coherent(given, ALLOWED)
    assert idh[:, 1] == pytest.approx(np.where(broken, halfway, mutant))
    assert codel[:, 1] == pytest.approx(np.where(broken, halfway, codeleted))


def test_nothing_moves_where_everything_is_allowed_or_once_the_rule_holds():
    given = rows()
    told = coherent(given, ALLOWED)
    for moved, before in zip(coherent(given, np.ones((2, 2), bool)), given, strict=True):
        assert moved == pytest.approx(before)
    for again, before in zip(coherent(told, ALLOWED), told, strict=True):
        assert again == pytest.approx(before)


def test_a_row_without_an_answer_stays_and_one_that_was_sure_of_what_cannot_be_is_sure_no_more():
    idh = np.array([[np.nan, np.nan], [1.0, 0.0]])
    codel = np.array([[0.2, 0.8], [0.0, 1.0]])
    told = coherent([idh, codel], ALLOWED)
    np.testing.assert_array_equal(told[0][0], idh[0])
    np.testing.assert_array_equal(told[1][0], codel[0])
    assert told[0][1] == pytest.approx([0.5, 0.5])
    assert told[1][1] == pytest.approx([0.5, 0.5])


def several(n_rows=5):
    rng = np.random.default_rng(1)
    return [rng.dirichlet(np.ones(size), n_rows) for size in (2, 3, 4)], rng.random((2, 3, 4)) < 0.4


def test_what_is_certain_is_no_more_than_certain():
    """Sums of weights that sum to 1 round, and a probability above 1 is refused where it is asked for."""
    rng = np.random.default_rng(0)
    given = [np.eye(size)[rng.integers(size, size=300)] for size in (2, 3)] + [rng.dirichlet(np.ones(2), 300)]
    allowed = rng.random((2, 3, 2)) < 0.7
    for told in coherent(given, allowed):
        assert ((told >= 0) & (told <= 1)).all()


def brier(told, combination):
    """Of each row, summed over outcomes and classes."""
    return sum(
        ((own - np.eye(own.shape[1])[label]) ** 2).sum(axis=1) for own, label in zip(told, combination, strict=True)
    )


def test_of_three_outcomes_the_brier_score_never_rises_whatever_allowed_combination_is_true():
    given, allowed = several()
    told = coherent(given, allowed)
    for combination in np.argwhere(allowed):
        assert (brier(told, combination) <= brier(given, combination) + 1e-9).all()
    assert max(abs(moved - own).max() for moved, own in zip(told, given, strict=True)) > 0.01


def test_of_three_outcomes_none_is_nearer_that_a_general_optimizer_finds():
    given, allowed = several(2)
    told, places = coherent(given, allowed), np.argwhere(allowed)
    for row in range(2):

        def distance(free, row=row):
            joint = np.zeros(allowed.shape)
            joint[tuple(places.T)] = np.exp(free) / np.exp(free).sum()
            sums = [joint.sum(axis=others) for others in ((1, 2), (0, 2), (0, 1))]
            return sum(((own[row] - found) ** 2).sum() for own, found in zip(given, sums, strict=True))

        found = minimize(distance, np.zeros(len(places)), method="BFGS").fun
        own = sum(((moved[row] - own[row]) ** 2).sum() for moved, own in zip(told, given, strict=True))
        assert own <= found + 1e-9
        assert own == pytest.approx(found, abs=1e-4)
