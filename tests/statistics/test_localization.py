"""A perfect map, an even one, and what a cohort of maps is told to be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from radiofuse.errors import RequestError
from radiofuse.statistics.localization import (
    CENTER,
    RANDOM,
    SAMPLE,
    TRAINED,
    localization_sentences,
    localize,
    summarize_localization,
)

TUMOR = np.zeros((6, 8), bool)
TUMOR[2:4, 3:6] = True
ALL = np.ones_like(TUMOR)


def test_a_perfect_map_and_an_even_one() -> None:
    perfect, even = localize(TUMOR.astype(float), TUMOR, ALL), localize(np.full(TUMOR.shape, 0.3), TUMOR, ALL)
    assert (perfect.mass_inside, perfect.voxel_auc, perfect.peak_inside) == (1, 1, 1)
    share = TUMOR.mean()
    assert (even.mass_inside, even.voxel_auc, even.peak_inside) == pytest.approx((share, 0.5, share))
    assert even.tumor_share == perfect.tumor_share == share


def test_only_what_was_looked_at_counts() -> None:
    rng = np.random.default_rng(0)
    values, looked_at = rng.random(TUMOR.shape), rng.random(TUMOR.shape) < 0.7
    found = localize(values, TUMOR, looked_at)
    assert found.voxel_auc == pytest.approx(roc_auc_score(TUMOR[looked_at], values[looked_at]))
    changed = np.where(looked_at, values, 1e9)
    assert localize(changed, TUMOR, looked_at) == found
    assert found.peak_inside == float(TUMOR[looked_at][values[looked_at].argmax()])


def test_what_does_not_exist_is_no_number() -> None:
    for nothing in (localize(np.zeros(TUMOR.shape), TUMOR, ALL), localize(TUMOR * 1.0, np.zeros_like(TUMOR), ALL)):
        assert np.isnan([nothing.mass_inside, nothing.voxel_auc, nothing.peak_inside]).all()
    assert np.isnan(localize(TUMOR * 1.0, TUMOR, TUMOR).voxel_auc)
    with pytest.raises(RequestError, match="absolute values"):
        localize(TUMOR - 0.5, TUMOR, ALL)
    with pytest.raises(RequestError, match="of one shape"):
        localize(TUMOR * 1.0, TUMOR[:2], ALL)


def cohort(gain: float, over_random: float | None = None) -> pd.DataFrame:
    """Twenty patients, the first with three scans; trained maps are better by ``gain`` than the center.

    By ``over_random`` they are better than random weights; left out, those are as chance would have it.
    """
    rng, rows = np.random.default_rng(1), []
    for number in range(22):
        patient = f"p{max(number - 2, 0)}"
        center = 0.6 + rng.normal(0, 0.05)
        trained = center + gain + rng.normal(0, 0.01)
        random = 0.5 if over_random is None else trained - over_random + rng.normal(0, 0.01)
        for weights, value in ((TRAINED, trained), (RANDOM, random), (CENTER, center)):
            rows.append(("net", "grad_cam", weights, f"s{number}", patient, 0.1, value, value, 1.0))
    return pd.DataFrame(rows, columns=SAMPLE)


VERDICTS = [
    (0.1, "it localizes more than the middle and random weights do"),
    (-0.1, "it is no better than the center prior and localizes nothing"),
    (0.001, "not shown to localize better than the center prior"),
]


@pytest.mark.parametrize(("gain", "verdict"), VERDICTS)
def test_a_cohort_is_summed_up_by_patients(gain: float, verdict: str) -> None:
    table = cohort(gain)
    told = summarize_localization(table, n_resamples=300, random_state=0).set_index(["measure", "against"])
    assert (told["n_patients"] == 20).all()
    means = table[table["weights"] == TRAINED].groupby("patient_id")["voxel_auc"].mean()
    assert told.loc[("voxel_auc", ""), "value"] == pytest.approx(means.mean())
    difference = told.loc[("voxel_auc", CENTER)]
    assert difference["low"] < difference["value"] < difference["high"]
    assert difference["value"] == pytest.approx(gain, abs=0.01)
    # paired: centers that differ among patients do not widen the interval of the difference
    assert difference["high"] - difference["low"] < 0.02
    reset = told.reset_index()[["network", "map", "measure", "against", "value", "low", "high", "n_patients"]]
    *_, sentence = localization_sentences(reset)
    assert sentence.endswith(f"): {verdict}.")


@pytest.mark.parametrize(
    ("gain", "over_random", "verdict"),
    [
        (0.1, 0.1, "it localizes more than the middle and random weights do"),
        (0.1, 0.0, "not shown to localize better than random weights"),
        (0.1, -0.1, "it is no better than random weights and shows nothing that was learned"),
        (0.001, 0.0, "not shown to localize better than the center prior and random weights"),
    ],
)
def test_a_map_must_pass_both_controls(gain: float, over_random: float, verdict: str) -> None:
    told = summarize_localization(cohort(gain, over_random), n_resamples=300, random_state=0)
    *_, sentence = localization_sentences(told)
    assert sentence.endswith(f": {verdict}.") and " random weights (" in sentence
    without = localization_sentences(told[told["against"] != RANDOM])[-1]
    assert without.endswith("not held against random weights.") == (gain == 0.1)


def test_one_patient_has_no_interval() -> None:
    told = summarize_localization(cohort(0.1).head(3), n_resamples=50, random_state=0)
    assert told["low"].isna().all() and told["value"].notna().all()
    assert localization_sentences(told)[1].endswith("one patient proves nothing.")
