"""The band about a calibration line holds the share that it is about, and is where the line of each resample says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from radiofuse.statistics import calibration_band


def drawn(n: int, seed: int, n_repeats: int = 1) -> pd.DataFrame:
    """Overconfident probabilities: the share of the class at log-odds x is that of 0.3 + 0.6 x."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(0, 1.5, n)
    label = (rng.random(n) < expit(0.3 + 0.6 * odds)).astype(int)
    known = {"outcome": "idh", "sample_id": np.arange(n), "patient_id": np.arange(n), "fold": 0, "model": "mean"}
    table = pd.DataFrame({**known, "class": "1", "label": label})
    strays = [rng.normal(0, 0.05, n) * (n_repeats > 1) for _ in range(n_repeats)]
    parts = [table.assign(repeat=place, probability=expit(odds + stray)) for place, stray in enumerate(strays)]
    return pd.concat(parts, ignore_index=True)


def test_the_band_holds_the_share_as_often_as_it_says():
    asked, held = logit(np.array([0.2, 0.5, 0.8])), np.zeros(3)
    for seed in range(120):
        band = calibration_band(drawn(150, seed), n_resamples=200)
        ends = [np.interp(asked, logit(band["probability"]), band[end]) for end in ("low", "high")]
        share = expit(0.3 + 0.6 * asked)
        held += (ends[0] <= share) & (share <= ends[1])
    assert (held / 120 > 0.89).all()  # 0.95 less three standard errors


def test_the_line_is_that_of_a_logistic_regression():
    table = drawn(200, 1)
    odds = logit(table[["probability"]].to_numpy())
    line = LogisticRegression(C=np.inf, tol=1e-9, max_iter=1000).fit(odds, table["label"])
    band = calibration_band(table, n_resamples=20)
    told = line.predict_proba(logit(band[["probability"]].to_numpy()))[:, 1]
    assert band["observed"].to_numpy() == pytest.approx(told, abs=1e-4)
    assert band["probability"].min() >= table["probability"].min() and (band["low"] < band["high"]).all()


def test_repeats_are_averaged_and_are_no_further_patients():
    bands = [calibration_band(drawn(150, 1, n), n_resamples=100) for n in (1, 5)]
    one, five = (band.loc[band["probability"] > 0.3].eval("high - low").iloc[0] for band in bands)
    assert one == pytest.approx(five, rel=0.25)


@pytest.mark.parametrize("separated", [True, False])
def test_where_there_is_no_line_there_is_no_band(separated: bool):
    table = drawn(30, 1)
    table["label"] = (table["probability"] > 0.5).astype(int) if separated else 1
    assert calibration_band(table, n_resamples=50).empty
