"""The whole command on tables without signal: the honest number is chance, the optimistic one is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from selection_cases import checked

from radiofuse.selection_run.request import SelectionRequest
from radiofuse.selection_run.run import run_selection

SEEDS = 20


@pytest.fixture(scope="module")
def records():
    found = []
    for seed in range(SEEDS):
        rng = np.random.default_rng([seed, 7])
        values = rng.normal(size=(100, 1000))
        rows = pd.DataFrame(values, columns=[f"x{number}" for number in range(1000)])
        rows.insert(0, "idh", rng.permutation(np.arange(100) % 2))
        request = SelectionRequest("idh", "table.csv", repeats=1, seed=seed)
        found.append(run_selection(checked(rows, request), request).record)
    return found


@pytest.mark.slow
def test_the_nested_auc_of_noise_is_chance_within_its_interval(records):
    nested = pd.DataFrame([record["auc_nested"]["features"] for record in records])
    spread = nested["value"].std(ddof=1) / np.sqrt(SEEDS)
    assert abs(nested["value"].mean() - 0.5) < 3 * spread
    assert nested["value"].mean() < 0.55
    inside = (nested["low"] <= 0.5) & (nested["high"] >= 0.5)
    assert inside.sum() >= 16  # 19 are expected of independent 95 % intervals


@pytest.mark.slow
def test_the_optimistic_auc_of_noise_is_far_from_chance(records):
    optimistic = pd.DataFrame([record["auc_optimistic"]["features"] for record in records])
    assert (optimistic["value"] > 0.6).sum() >= 16
