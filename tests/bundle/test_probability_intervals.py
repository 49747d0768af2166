"""The interval of a new patient's probability: between those of the grid, none beyond it, none of another answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from radiofuse.bundle.intervals import BEYOND, LEVEL, NO_ANSWER, NO_LINE, OF, intervals_of
from radiofuse.bundle.load import Bundle
from radiofuse.tables.spreadsheet import write_csv


def bundle(folder: Path, *, shift: float = 0.0, **about: Any) -> Bundle:
    at = np.linspace(-1, 1, 21)
    line = at + shift
    band = pd.DataFrame({"probability": expit(at), "observed": expit(line)})
    band = band.assign(low=expit(line - 1), high=expit(line + 1))
    table = band.assign(outcome="idh", model="mean", **{"class": "1"})
    with (folder / "probability_intervals.csv").open("wb") as file:
        write_csv(table[["outcome", "model", "class", "probability", "observed", "low", "high"]], file)
    return Bundle(folder, {}, {"protocol": {"primary": "mean"}, **about})


def test_an_interval_lies_between_those_of_the_grid(tmp_path: Path) -> None:
    told = intervals_of(bundle(tmp_path), "idh", pd.Series({"1": 0.6}))
    assert told["interval"]["1"] == pytest.approx([expit(logit(0.6) - 1), expit(logit(0.6) + 1)], abs=1e-3)
    assert told["interval_level"] == LEVEL and told["interval_of"] == OF
    assert told["calibrated"]["1"] == pytest.approx(0.6, abs=1e-3)


def test_the_share_among_such_patients_may_lie_apart_from_the_probability(tmp_path: Path) -> None:
    told = intervals_of(bundle(tmp_path, shift=-2.0), "idh", pd.Series({"1": 0.6}))
    assert told["calibrated"]["1"] == pytest.approx(expit(logit(0.6) - 2), abs=1e-3)
    low, high = told["interval"]["1"]
    assert low < told["calibrated"]["1"] < high < 0.6 and "may lie outside of it" in told["interval_of"]


@pytest.mark.parametrize("probability", [0.1, 0.9, 0.0, 1.0, float("nan")])
def test_beyond_the_probabilities_of_the_run_there_is_none(tmp_path: Path, probability: float) -> None:
    told = intervals_of(bundle(tmp_path), "idh", pd.Series({"1": probability}))
    assert {told.pop("no_interval")} <= {NO_ANSWER, BEYOND.format(whom="run's patients")}
    assert told == {"interval": None, "calibrated": None, "interval_level": None, "interval_of": None}


def test_an_answer_whose_update_has_no_line_has_none(tmp_path: Path) -> None:
    updated = bundle(tmp_path, updates={"idh": {"answer": "mean_updated", "whose": "site n"}})
    told = intervals_of(updated, "idh", pd.Series({"1": 0.6}))
    assert told["interval"] is None and told["no_interval"] == NO_LINE.format(whom="patients of the update on site n")
