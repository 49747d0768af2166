"""Scores of single folds: those of the fold's own rows, NaN where it lacks a class."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse.errors import RequestError
from radiofuse.statistics import score_folds, score_predictions


def predictions(n=30, seed=0):
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame({"sample_id": [f"s{row}" for row in range(n)], "repeat": 0, "fold": np.arange(n) % 3})
    rows = rows.assign(patient_id=rows["sample_id"], label=rng.integers(0, 2, n))
    return pd.concat([rows.assign(model=name, probability=rng.random(n)) for name in ("a", "b")], ignore_index=True)


def test_a_fold_has_the_scores_of_its_rows_alone():
    table = predictions()
    scores = score_folds(table)
    alone = score_predictions(table[table["fold"] == 1], n_resamples=2)
    of_fold = scores[scores["fold"] == 1]
    assert of_fold[["model", "metric"]].to_numpy().tolist() == alone[["model", "metric"]].to_numpy().tolist()
    np.testing.assert_allclose(of_fold["value"], alone["value"], rtol=1e-12)
    assert "outcome" not in scores


def test_several_classes_are_scored_as_a_whole():
    rng = np.random.default_rng(1)
    code, p = np.arange(24) % 3, rng.dirichlet([1, 1, 1], 24)
    parts = [
        pd.DataFrame({"sample_id": range(24), "label": (code == place).astype(int), "probability": p[:, place]}).assign(
            **{"class": name}
        )
        for place, name in enumerate(("2", "3", "4"))
    ]
    table = pd.concat(parts).assign(outcome="grade", repeat=0, model="m", fold=lambda rows: rows["sample_id"] // 12)
    table = table.assign(patient_id=table["sample_id"])
    scores = score_folds(table, ordered=["2", "3", "4"])
    alone = score_predictions(table[table["fold"] == 0], n_resamples=2, ordered=["2", "3", "4"])
    whole = alone[alone["class"] == ""].set_index("metric")["value"]
    of_fold = scores[scores["fold"] == 0].set_index("metric")["value"]
    assert "weighted_kappa" in of_fold
    pd.testing.assert_series_equal(of_fold, whole[of_fold.index])
    assert set(scores["outcome"]) == {"grade"}


def test_a_fold_of_one_class_has_no_area_and_a_wrong_table_is_refused():
    table = predictions()
    table.loc[table["fold"] == 2, "label"] = 1
    found = score_folds(table).query("fold == 2 and model == 'a'").set_index("metric")["value"]
    assert np.isnan(found["auc"]) and np.isfinite(found["brier"])
    with pytest.raises(RequestError, match="probability outside 0 to 1"):
        score_folds(table.assign(probability=2.0))
