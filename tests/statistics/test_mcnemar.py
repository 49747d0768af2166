"""McNemar's test equals R's, the binomial test, and the textbook's example."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, chi2

from radiofuse.errors import RequestError
from radiofuse.statistics.mcnemar import mcnemar_test


def calls_with(only_a, only_b, both=5, neither=4):
    """Labels and calls of which so many are right; positives and negatives alternate."""
    right = np.repeat([[1, 0], [0, 1], [1, 1], [0, 0]], [only_a, only_b, both, neither], axis=0)
    label = np.arange(len(right)) % 2
    return label, np.where(right[:, 0], label, 1 - label), np.where(right[:, 1], label, 1 - label)


@pytest.mark.data
def test_equals_r(golden):
    """mcnemar.test with and without correction, and binom.test, of calls at .5."""
    values, predicted = golden
    rows = predicted["y"], predicted["p_lr"] >= 0.5, predicted["p_rf"] >= 0.5
    exact, corrected, plain = (mcnemar_test(*rows, method=method) for method in ("exact", "chi2_corrected", "chi2"))
    assert exact[:2] == corrected[:2] == plain[:2] == (values["mcnemar_b"], values["mcnemar_c"])
    got = [exact.p_value, corrected.statistic, corrected.p_value, plain.p_value]
    names = [f"mcnemar_{name}" for name in ("p_exact", "chi2_cc", "p_cc", "p_nocc")]
    np.testing.assert_allclose(got, values[names].to_numpy(dtype=float), rtol=1e-13)


def test_equals_agrestis_example():
    """Agresti 2002, Categorical Data Analysis, table 10.1: 150 and 86 changed their mind, z² = 17.36."""
    found = mcnemar_test(*calls_with(150, 86), method="chi2")
    assert found.statistic == pytest.approx(17.36, abs=0.005)
    assert found.p_value == pytest.approx(chi2.sf(17.3559, 1), rel=1e-3)


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (1, 0), (0, 6), (3, 9), (5, 5), (60, 41)])
def test_exact_p_value_is_twice_the_binomial_tail(only_a, only_b):
    found = mcnemar_test(*calls_with(only_a, only_b))
    tail = binom.cdf(min(only_a, only_b), only_a + only_b, 0.5)
    assert found[:2] == (only_a, only_b)
    assert found.p_value == pytest.approx(min(1, 2 * tail), rel=1e-12)


@pytest.mark.parametrize("method", ["chi2", "chi2_corrected"])
def test_equal_counts_are_no_difference(method):
    for count in (0, 4):
        assert mcnemar_test(*calls_with(count, count), method=method)[2:] == (0, 1)


def test_rows_on_which_both_agree_change_nothing():
    assert mcnemar_test(*calls_with(7, 2)) == pytest.approx(
        mcnemar_test(*calls_with(7, 2, both=500, neither=0)), nan_ok=True
    )


def test_probabilities_are_no_calls():
    with pytest.raises(RequestError, match="Calls must be 0 and 1"):
        mcnemar_test([0, 1], [0.2, 0.8], [0, 1])
