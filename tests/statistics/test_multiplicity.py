"""Adjusted p-values: R's p.adjust, scipy's false_discovery_control, and what a correction must obey."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from radiofuse.errors import RequestError
from radiofuse.statistics.multiplicity import CORRECTIONS, adjust_pvalues

PVALUES = [0.01, 0.02, 0.02, 0.3, 0.04, np.nan, 0.5, 0.001, 1.0]
# p.adjust of R 4.2.2 on PVALUES
R_ADJUSTED = {
    "bonferroni": [0.08, 0.16, 0.16, 1, 0.32, np.nan, 1, 0.008, 1],
    "holm": [0.07, 0.12, 0.12, 0.9, 0.16, np.nan, 1, 0.008, 1],
    "hochberg": [0.07, 0.1, 0.1, 0.9, 0.16, np.nan, 1, 0.008, 1],
    "fdr_bh": [0.04, 0.04, 0.04, 0.4, 0.064, np.nan, 0.5714285714285714, 0.008, 1],
    "fdr_by": [0.10871428571428572] * 3 + [1, 0.17394285714285715, np.nan, 1, 0.021742857142857144, 1],
}
families = st.lists(st.floats(0, 1), min_size=1, max_size=40).map(np.array)


@pytest.mark.parametrize("method", CORRECTIONS)
def test_equals_r(method):
    np.testing.assert_allclose(adjust_pvalues(PVALUES, method), R_ADJUSTED[method], rtol=0, atol=1e-15)


@pytest.mark.data
@pytest.mark.parametrize(
    ("method", "in_r"), [("fdr_bh", "BH"), ("fdr_by", "BY"), ("holm", "holm"), ("bonferroni", "bonferroni")]
)
def test_equals_r_on_a_radiomics_table(data_dir, method, in_r):
    golden = pd.read_csv(data_dir / "golden" / "LGG-1p19qDeletion_wilcox.csv")
    np.testing.assert_allclose(adjust_pvalues(golden["p_asym_cc"], method), golden[in_r], rtol=0, atol=1e-14)


@given(families)
def test_false_discovery_rates_equal_scipy_to_the_last_bit(pvalues):
    for method in ("bh", "by"):
        expected = stats.false_discovery_control(pvalues, method=method)
        assert np.array_equal(adjust_pvalues(pvalues, f"fdr_{method}"), expected)


@given(families)
def test_corrections_are_ordered_as_their_promises(pvalues):
    adjusted = {method: adjust_pvalues(pvalues, method) for method in CORRECTIONS}
    slack = 1e-12
    assert (pvalues <= adjusted["fdr_bh"] + slack).all()
    assert (adjusted["fdr_bh"] <= adjusted["hochberg"] + slack).all()
    assert (adjusted["hochberg"] <= adjusted["holm"] + slack).all()
    assert (adjusted["holm"] <= adjusted["bonferroni"] + slack).all()
    assert (adjusted["fdr_bh"] <= adjusted["fdr_by"] + slack).all()
    assert adjusted["bonferroni"].max() <= 1


@pytest.mark.parametrize("method", CORRECTIONS)
def test_tests_that_were_not_made_do_not_count(method):
    made = ~np.isnan(PVALUES)
    adjusted = adjust_pvalues(PVALUES, method)
    assert np.isnan(adjusted[~made]).all()
    assert np.array_equal(adjusted[made], adjust_pvalues(np.array(PVALUES)[made], method))


def test_the_order_and_shape_of_a_family_change_nothing():
    rng = np.random.default_rng(0)
    pvalues, order = rng.random(60) ** 3, rng.permutation(60)
    for method in CORRECTIONS:
        adjusted = adjust_pvalues(pvalues, method)
        assert np.array_equal(adjust_pvalues(pvalues[order], method), adjusted[order])
        assert np.array_equal(adjust_pvalues(pvalues.reshape(3, 20), method), adjusted.reshape(3, 20))
    assert pvalues.max() < 1, "the argument stays as it was"


def test_no_tests_have_no_adjusted_pvalues():
    assert adjust_pvalues([], "holm").shape == (0,)
    assert np.isnan(adjust_pvalues([np.nan], "fdr_by")).all()


@pytest.mark.parametrize("pvalues", [[0.1, 1.1], [-0.1], [np.nan, 2]])
def test_what_is_no_pvalue_is_refused(pvalues):
    with pytest.raises(RequestError, match="between 0 and 1"):
        adjust_pvalues(pvalues, "holm")


def test_an_unknown_correction_is_refused_with_the_known_ones():
    with pytest.raises(RequestError, match="bonferroni, holm, hochberg, fdr_bh, fdr_by, got 'bh'"):
        adjust_pvalues([0.1], "bh")
