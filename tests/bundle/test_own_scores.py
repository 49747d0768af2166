"""How a bundle did out of fold, for whoever reads one answer: of updated bundles and of several classes too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.bundle.format import TABLES
from radiofuse.bundle.load import Bundle
from radiofuse.bundle.own_scores import OTHERS_TO_LEARN_FROM, SAME_MODEL, own_scores
from radiofuse.tables.outcomes import Outcome
from radiofuse.tables.spreadsheet import write_csv

AUC = {"metric": "auc", "model": "mean", "n_patients": 40, "value": 0.8, "low": 0.7, "high": 0.9}


def bundle(folder: Path, tables: dict[str, list[dict[str, Any]]], **about: Any) -> Bundle:
    """Return a bundle of these rows, an outcome of two classes and one of three."""
    for name in ("scores", "learning_intervals", "calibration"):
        with (folder / f"{name}.csv").open("wb") as file:
            write_csv(pd.DataFrame(tables.get(name, []), columns=list(TABLES[name].columns)), file)
    outcomes = [{"name": "idh", "kind": "binary", "classes": ["0", "1"], "ordered": False}]
    outcomes += [{"name": "grade", "kind": "multiclass", "classes": ["2", "3", "4"], "ordered": False}]
    described = {"protocol": {"primary": "mean"}, "outcomes": outcomes, **about}
    loaded = Bundle(folder, {}, described)
    assert [type(one) for one in loaded.outcomes] == [Outcome, Outcome]
    return loaded


def test_the_interval_is_that_of_other_patients_to_learn_from_where_there_is_one(tmp_path: Path) -> None:
    wider = {"outcome": "idh", "model": "mean", "metric": "auc", "low": 0.6, "high": 0.95}
    line = {"outcome": "idh", "model": "mean", "class": "1", "slope": 0.9, "slope_low": 0.5, "slope_high": 1.3}
    scores = [{"outcome": name, **AUC} for name in ("idh", "grade")]
    scores += [{"outcome": "idh", **AUC, "model": "vote", "value": 0.99}, {"outcome": "idh", **AUC, "metric": "brier"}]
    found = own_scores(bundle(tmp_path, {"scores": scores, "learning_intervals": [wider], "calibration": [line]}))
    idh, grade = found["idh"], found["grade"]
    assert (idh["auc"], idh["low"], idh["high"], idh["n_patients"]) == (0.8, 0.6, 0.95, 40)
    assert idh["interval_of"] == OTHERS_TO_LEARN_FROM and grade["interval_of"] == SAME_MODEL
    assert (grade["low"], grade["high"]) == (0.7, 0.9) and idh["slope"] == 0.9
    assert not idh["before_update"] and not idh["of_each_class"]


def test_of_several_classes_the_mean_is_told_as_such_and_no_slope_of_one_of_them(tmp_path: Path) -> None:
    lines = [{"outcome": "grade", "model": "mean", "class": name, "slope": 0.9} for name in "234"]
    told = own_scores(bundle(tmp_path, {"scores": [{"outcome": "grade", **AUC}], "calibration": lines}))
    assert set(told) == {"grade"} and told["grade"]["of_each_class"] and "slope" not in told["grade"]


def test_scores_of_an_updated_answer_are_those_before_the_update_of_that_outcome_alone(tmp_path: Path) -> None:
    scores = [{"outcome": name, **AUC} for name in ("idh", "grade")]
    updates = {"grade": {"answer": "mean_updated", "of": "mean"}}
    told = own_scores(bundle(tmp_path, {"scores": scores}, updates=updates))
    assert told["grade"]["before_update"] and not told["idh"]["before_update"]
    assert told["grade"]["auc"] == 0.8 and told["grade"]["model"] == "mean"  # of the run, not of the updated answer


def test_without_an_auc_nothing_is_told_and_an_interval_without_ends_is_none(tmp_path: Path) -> None:
    scores = [{"outcome": "idh", **AUC, "value": np.nan}, {"outcome": "grade", **AUC, "low": np.nan, "high": np.nan}]
    told = own_scores(bundle(tmp_path, {"scores": scores}))
    assert set(told) == {"grade"} and told["grade"]["low"] is None and told["grade"]["high"] is None
