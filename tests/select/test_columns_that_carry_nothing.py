"""A constant column is ranked behind every column that varies, whatever its value and place."""

from __future__ import annotations

import numpy as np
import pytest

from radiofuse.names import lookup
from radiofuse.select import SELECTORS

RANKINGS = [name for name in SELECTORS if {"k", "n_features"} & set(lookup(name, SELECTORS, "selector")().get_params())]


@pytest.mark.parametrize("name", RANKINGS)
@pytest.mark.parametrize("k", [1, 3, 4])
def test_no_constant_column_wins_a_ranking_of_noise(name, k):
    random, y = np.random.default_rng(0), np.arange(60) % 2
    X = random.normal(size=(60, 6))
    X[:, 0], X[:, 4] = 3.3, -7.1e5
    selector = lookup(name, SELECTORS, "selector")()
    (size,) = {"k", "n_features"} & set(selector.get_params())
    assert not selector.set_params(**{size: k}).fit(X, y).get_support()[[0, 4]].any()


def test_there_are_rankings():
    assert {"mutual_info", "mrmr", "relief", "rfe"} <= set(RANKINGS)
