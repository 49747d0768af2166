"""Probabilities that obey a rule between outcomes."""

from __future__ import annotations

import numpy as np
import pytest

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


def test_they_are_those_of_bayes_theorem():
    """Of independent answers, given that the pair wildtype and codeleted is left out."""
    given = rows()
    mutant, codeleted = given[0][:, 1], given[1][:, 1]
    left = 1 - codeleted * (1 - mutant)
    idh, codel = coherent(given, ALLOWED)
    assert idh[:, 1] == pytest.approx(mutant / left)
    assert codel[:, 1] == pytest.approx(codeleted * mutant / left)


def test_nothing_moves_where_everything_is_allowed_or_the_rule_holds_already():
    given = rows()
    for told, before in zip(coherent(given, np.ones((2, 2), bool)), given, strict=True):
        assert told == pytest.approx(before)
    sure = [np.array([[0.0, 1.0]]), np.array([[0.3, 0.7]])]
    for told, before in zip(coherent(sure, ALLOWED), sure, strict=True):
        assert told == pytest.approx(before)
    again = coherent(coherent(given, ALLOWED), np.ones((2, 2), bool))
    assert again[0] == pytest.approx(coherent(given, ALLOWED)[0])


def test_a_row_without_an_answer_or_without_an_allowed_pair_stays_as_it_is():
    idh = np.array([[np.nan, np.nan], [1.0, 0.0], [0.5, 0.5]])
    codel = np.array([[0.2, 0.8], [0.0, 1.0], [0.5, 0.5]])
    told = coherent([idh, codel], ALLOWED)
    np.testing.assert_array_equal(told[0][:2], idh[:2])
    np.testing.assert_array_equal(told[1][:2], codel[:2])
    assert told[0][2, 1] == pytest.approx(2 / 3)


def test_three_outcomes_of_several_classes_against_the_sum_over_all_combinations():
    rng = np.random.default_rng(1)
    given = [rng.dirichlet(np.ones(size), 5) for size in (2, 3, 4)]
    allowed = rng.random((2, 3, 4)) < 0.7
    told = coherent(given, allowed)
    for row in range(5):
        joint = np.einsum("i,j,k->ijk", *(one[row] for one in given)) * allowed
        joint /= joint.sum()
        for place, others in enumerate([(1, 2), (0, 2), (0, 1)]):
            assert told[place][row] == pytest.approx(joint.sum(axis=others))
