"""Boruta where it is installed, and the sentence where it is not."""

from __future__ import annotations

import importlib.util
import sys

import numpy as np
import pytest

from radiofuse.errors import RequestError
from radiofuse.select import NothingSelectedWarning
from radiofuse.select.boruta import BorutaSelector

INSTALLED = importlib.util.find_spec("boruta") is not None
needs_library = pytest.mark.skipif(not INSTALLED, reason="the library Boruta is not installed")


def table():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 20)), np.array(["a", "b"])[np.arange(100) % 2]
    X[:, 3] += 2 * (y == "b")
    X[:, 4] = X[:, 3] + 0.1 * X[:, 4]
    return X, y


def test_without_the_library_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "boruta", None)
    with pytest.raises(RequestError, match=r"pip install 'radiofuse\[boruta\]'"):
        BorutaSelector().fit(*table())


@needs_library
def test_a_signal_and_its_copy_are_both_kept():
    options = {"n_rounds": 25, "n_estimators": 60, "random_state": 0}
    selector = BorutaSelector(**options).fit(*table())
    assert selector.get_support(indices=True).tolist() == [3, 4]
    assert np.array_equal(BorutaSelector(**options).fit(*table()).ranking_, selector.ranking_)


@needs_library
def test_on_noise_nothing_is_confirmed_and_the_best_fills_up():
    X, y = np.random.default_rng(1).normal(size=(100, 20)), np.arange(100) % 2
    with pytest.warns(NothingSelectedWarning):
        selector = BorutaSelector(n_rounds=15, n_estimators=30, random_state=0).fit(X, y)
    assert selector.fallback_
    assert selector.get_support(indices=True).tolist() == [selector.ranking_.argmin()]
