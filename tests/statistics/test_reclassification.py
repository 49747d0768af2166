"""NRI and IDI equal R's Hmisc, their definitions, and show the fault they are criticized for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import norm

from radiofuse.errors import RequestError
from radiofuse.statistics.reclassification import integrated_discrimination, net_reclassification


def cohort(n=300, seed=0):
    rng = np.random.default_rng(seed)
    odds = rng.normal(size=n)
    label = (rng.uniform(size=n) < expit(odds)).astype(int)
    return label, expit(odds + rng.normal(size=n)), expit(odds + 0.3 * rng.normal(size=n))


@pytest.mark.data
def test_equals_hmisc(golden):
    """Hmisc 4.8 improveProb from lr to rf."""
    values, predicted = golden
    rows = predicted["y"], predicted["p_lr"], predicted["p_rf"]
    nri, idi = net_reclassification(*rows), integrated_discrimination(*rows)
    got = [nri.events, nri.nonevents, nri.nri, nri.se, nri.z, idi.idi, idi.se, idi.z]
    names = [f"improveProb_{name}" for name in ("nri.ev", "nri.ne", "nri", "se.nri", "z.nri", "idi", "se.idi", "z.idi")]
    np.testing.assert_allclose(got, values[names].to_numpy(dtype=float), rtol=1e-13)


def test_categories_are_counted_as_the_table_of_pencina_does():
    """Every cell of the table of old and new category counted by a loop."""
    label, old, new = cohort()
    cutoffs = [0.06, 0.3, 0.7]
    up, down = np.zeros(2), np.zeros(2)
    for y, a, b in zip(label, old, new, strict=True):
        before, after = (sum(p >= cutoff for cutoff in cutoffs) for p in (a, b))
        up[y] += after > before
        down[y] += after < before
    n = np.bincount(label)
    found = net_reclassification(label, old, new, cutoffs=cutoffs)
    assert found.events == pytest.approx((up[1] - down[1]) / n[1])
    assert found.nonevents == pytest.approx((down[0] - up[0]) / n[0])
    variance = (up + down) / n**2 - (up - down) ** 2 / n**3  # Hmisc's, by label
    assert (found.se_nonevents, found.se_events) == pytest.approx(tuple(np.sqrt(variance)))
    assert found.se == pytest.approx(np.sqrt(variance.sum()))
    assert found.p_value == pytest.approx(2 * norm.sf(abs(found.nri) / found.se))


def test_a_category_holds_its_lower_cutoff():
    found = net_reclassification([1, 1, 0], [0.49, 0.6, 0.1], [0.5, 0.9, 0.2], cutoffs=[0.5])
    assert (found.events, found.nonevents) == (0.5, 0)


def test_idi_is_the_gain_in_the_discrimination_slope():
    label, old, new = cohort()
    slope = [p[label == 1].mean() - p[label == 0].mean() for p in (old, new)]
    found = integrated_discrimination(label, old, new)
    assert found.idi == pytest.approx(slope[1] - slope[0])
    assert found.events + found.nonevents == pytest.approx(found.idi)


def test_swapping_the_models_mirrors_everything_and_one_model_is_no_better_than_itself():
    label, old, new = cohort()
    for measure in (net_reclassification, integrated_discrimination):
        one, other = measure(label, old, new), measure(label, new, old)
        assert (one[0], one.z, one.p_value) == pytest.approx((-other[0], -other.z, other.p_value))
        same = measure(label, old, old)
        assert (same[0], same.se, same.z, same.p_value) == (0, 0, 0, 1)
    certain = net_reclassification([1, 1, 0, 0], [0.5] * 4, [0.6, 0.7, 0.4, 0.3])
    assert (certain.nri, certain.se) == (2, 0)
    assert np.isnan([certain.z, certain.p_value]).all()  # no variance


def test_category_free_nri_praises_a_model_that_is_merely_miscalibrated():
    """Hilden and Gerds 2014: stretching the log-odds ranks nobody differently, and 'improves' significantly."""
    label, _, true = cohort(2000)
    found = net_reclassification(label, true, expit(2 * np.log(true / (1 - true))))
    assert found.nri > 0.3
    assert found.p_value < 0.001


@pytest.mark.parametrize("cutoffs", [[], [0.5, 0.5], [0.3, 0.1], [0.0], [1.2], [np.nan]])
def test_cutoffs_ascend_inside_0_to_1(cutoffs):
    with pytest.raises(RequestError, match="Cutoffs must ascend between 0 and 1"):
        net_reclassification([0, 1], [0.1, 0.2], [0.2, 0.3], cutoffs=cutoffs)


def test_one_label_and_impossible_probabilities_are_refused():
    with pytest.raises(RequestError, match="needs both 0 and 1"):
        net_reclassification([1, 1], [0.1, 0.2], [0.2, 0.3])
    with pytest.raises(RequestError, match="between 0 and 1"):
        integrated_discrimination([0, 1], [0.1, 1.2], [0.2, 0.3])
    with pytest.raises(RequestError, match="two rows of each label"):
        integrated_discrimination([0, 1, 1], [0.1, 0.2, 0.2], [0.2, 0.3, 0.3])
