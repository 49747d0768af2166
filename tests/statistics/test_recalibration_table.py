"""Before and after: the numbers of the functions for one model, intervals paired, temperature's AUC unmoved."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from radiofuse.errors import RequestError
from radiofuse.statistics import (
    auc,
    brier,
    calibration_error,
    calibration_line,
    compare_models,
    recalibration_table,
)
from radiofuse.statistics.calibration_errors import resampled_errors
from radiofuse.statistics.metrics import log_loss


@pytest.fixture(scope="module")
def told():
    """Answers of a model in two repeats, and the same at a temperature of 2 and by a line."""
    rng, n = np.random.default_rng(0), 60
    y = np.arange(n) % 2
    ids = [f"s{row:02}" for row in range(n)]
    parts = [
        pd.DataFrame(
            {
                **{"outcome": "idh", "sample_id": ids, "patient_id": ids, "repeat": repeat, "fold": 0, "model": "t1"},
                **{"class": "mutant", "label": y, "probability": expit(3 * rng.normal(y - 0.5, 1))},
            }
        )
        for repeat in range(2)
    ]
    before = pd.concat(parts, ignore_index=True)
    odds = logit(before["probability"])
    after = {"temperature": expit(odds / 2), "platt": expit(odds / 3 + 0.2)}
    return before, pd.concat([before.assign(probability=p, method=name) for name, p in after.items()])


@pytest.fixture(scope="module")
def table(told):
    return recalibration_table(*told, n_resamples=100).set_index(["method", "metric"])


def test_values_are_those_of_the_functions_for_one_model(told, table):
    before, after = told
    single = {
        "ece": calibration_error,
        "adaptive_ece": lambda y, p: calibration_error(y, p, strategy="quantile"),
        "brier": brier,
        "log_loss": log_loss,
        "auc": auc,
    }
    for rows, column in ((before, "before"), (after[after["method"] == "platt"], "after")):
        repeats = [rows[rows["repeat"] == one] for one in range(2)]
        for metric, function in single.items():
            expected = np.mean([function(one["label"].to_numpy(), one["probability"].to_numpy()) for one in repeats])
            assert table.loc[("platt", metric), column] == pytest.approx(expected, abs=1e-12)
        line = calibration_line(rows, "t1")
        assert table.loc[("platt", "slope"), column] == pytest.approx(line.slope)
        assert table.loc[("platt", "intercept"), column] == pytest.approx(line.intercept)


def test_intervals_are_those_of_two_models_on_the_same_resamples(told, table):
    before, after = told
    both = pd.concat([before, after[after["method"] == "platt"].drop(columns="method").assign(model="after")])
    for metric in ("brier", "log_loss", "auc"):
        found = compare_models(both, "after", "t1", metric=metric, n_resamples=100)
        row = table.loc[("platt", metric)]
        np.testing.assert_allclose(
            row[["difference", "low", "high"]].to_numpy(float), [found.difference, found.low, found.high]
        )


def test_a_temperature_moves_no_auc_in_any_resample_and_halves_the_slope_of_log_odds(table):
    assert table.loc[("temperature", "auc"), ["difference", "low", "high"]].tolist() == [0, 0, 0]
    row = table.loc[("temperature", "slope")]
    assert row["after"] == pytest.approx(2 * row["before"])


def test_calibration_errors_have_no_interval(table):
    rows = table.loc[[("temperature", "ece"), ("temperature", "adaptive_ece")]]
    assert rows["difference"].notna().all()
    assert rows[["low", "high"]].isna().all(axis=None)


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_the_error_of_resamples_is_that_of_repeated_rows(told, strategy):
    rows = told[0].iloc[:60]
    y, p = rows["label"].to_numpy(), rows["probability"].to_numpy()
    counts = np.column_stack([np.ones(60), np.random.default_rng(1).integers(0, 3, 60)]).astype(int)
    found = resampled_errors(y, p, counts, strategy=strategy)
    assert found[0] == pytest.approx(calibration_error(y, p, strategy=strategy), abs=1e-12)
    if strategy == "uniform":  # bins of equal count would be others in the resample
        assert found[1] == pytest.approx(calibration_error(np.repeat(y, counts[:, 1]), np.repeat(p, counts[:, 1])))


def test_of_labels_that_are_apart_the_slope_has_no_difference(told):
    rows = told[0].assign(probability=lambda table: np.where(table["label"] == 1, 0.8, 0.2))
    after = rows.assign(probability=np.where(rows["label"] == 1, 0.9, 0.1), method="temperature")
    found = recalibration_table(rows, after, n_resamples=20).set_index("metric")
    assert found.loc["slope", ["before", "after"]].tolist() == [np.inf, np.inf]
    assert found.loc["slope", ["difference", "low", "high"]].isna().all()


def test_a_model_that_was_recalibrated_for_others_is_refused(told):
    before, after = told
    with pytest.raises(RequestError, match=r"t1 of outcome idh by temperature: 120 predictions, 119 recalibrated ones"):
        recalibration_table(before, after.iloc[1:])
