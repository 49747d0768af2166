"""Stability of selections: R's golden values and the limits that the measure is built on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse.statistics.stability import measure_stability


@pytest.mark.data
def test_equals_r(data_dir):
    chosen = pd.read_csv(data_dir / "golden" / "nogueira_Z.csv").to_numpy()
    expected = pd.read_csv(data_dir / "golden" / "LGG-1p19qDeletion_evalstats2.csv").set_index("name")["value"]
    found = measure_stability(chosen)
    np.testing.assert_allclose(found.nogueira, expected["nogueira_stability"], rtol=1e-14)
    np.testing.assert_allclose(found.variance, expected["nogueira_var"], rtol=1e-13)
    np.testing.assert_allclose(found.low, expected["nogueira_ci_lo"], rtol=1e-13)
    np.testing.assert_allclose(found.high, expected["nogueira_ci_hi"], rtol=1e-13)
    np.testing.assert_allclose(found.mean_jaccard, expected["mean_pairwise_jaccard"], rtol=1e-13)


def test_random_selections_have_no_stability():
    chosen = np.random.default_rng(0).random((200, 500)) < 0.1
    found = measure_stability(chosen)
    assert abs(found.nogueira) < 0.01
    assert found.mean_jaccard > 0.04  # which chance alone lifts


def test_empty_selections_have_none():
    found = measure_stability(np.zeros((3, 5)))
    assert np.isnan(found.nogueira)
    assert found.mean_jaccard == 1
