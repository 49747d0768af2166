"""The bound of the best of many models: a plain re-implementation, and how often it holds where all are alike."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit, ndtri
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from radiofuse.errors import RequestError
from radiofuse.statistics import best_of_models, score_predictions
from radiofuse.statistics.best_model import critical_value
from radiofuse.statistics.intervals import draw_seed, multiplicities


def models_alike(n_models, n_patients, *, area=0.5, seed=0, shared=0.0):
    """A table of models that all have one true AUC; their answers correlate by ``shared``."""
    rng, label = np.random.default_rng(seed), np.arange(n_patients) % 2
    common, distance = rng.normal(size=n_patients), np.sqrt(2) * ndtri(area)
    ids = [f"s{row:03d}" for row in range(n_patients)]
    rows = pd.DataFrame({"sample_id": ids, "patient_id": ids, "repeat": 0, "fold": 0, "label": label})
    tables = []
    for model in range(n_models):
        odds = np.sqrt(shared) * common + np.sqrt(1 - shared) * rng.normal(size=n_patients) + distance * label
        tables.append(rows.assign(model=f"m{model}", probability=expit(odds)))
    return pd.concat(tables, ignore_index=True)


def plain_bound(table, n_resamples):
    """Value and bound, draw by draw and model by model."""
    models, label = list(dict.fromkeys(table["model"])), table.loc[table["model"] == "m0", "label"].to_numpy()
    scores = {model: table.loc[table["model"] == model, "probability"].to_numpy() for model in models}
    drawn, n = [], len(label)
    for times in multiplicities(n, n_resamples, draw_seed(0)).T.astype(int):
        rows = np.repeat(np.arange(n), times)
        if len(set(label[rows])) == 2:
            drawn.append([roc_auc_score(label[rows], scores[model][rows]) for model in models])
    (cohort, *drawn), n_drawn = np.array(drawn), len(drawn) - 1
    drawn = np.array(drawn)
    highest = []
    for draw in drawn:
        below = [
            (np.sum(drawn[:, k] < draw[k]) + (np.sum(drawn[:, k] == draw[k]) + 1) / 2 - 0.5) for k in range(len(draw))
        ]
        highest.append(max(norm.ppf(np.array(below) / n_drawn)))
    best = int(np.argmax(cohort))
    error = np.std(drawn[:, best], ddof=1) / (cohort[best] * (1 - cohort[best]))
    return models[best], cohort[best], expit(logit(cohort[best]) - np.quantile(highest, 0.95) * error)


def test_equals_a_loop_over_draws():
    table = models_alike(4, 24, area=0.7)
    found = best_of_models(table, n_resamples=120).iloc[0]
    model, value, low = plain_bound(table, 120)
    assert (found["model"], found["n_models"]) == (model, 4)
    assert (found["value"], found["low"]) == pytest.approx((value, low), abs=1e-9)
    scores = score_predictions(table, n_resamples=2).query("metric == 'auc'").set_index("model")["value"]
    assert found["value"] == scores.max() == scores[model]


@pytest.mark.parametrize(("area", "shared"), [(0.5, 0.0), (0.5, 0.7), (0.8, 0.0)])
def test_holds_for_the_best_of_many_alike_where_a_plain_interval_does_not(area, shared):
    """Twelve models of one true AUC: the bound of the best one lies below it in 95 % of studies, or nearly."""
    held, plain = [], []
    for seed in range(40):
        table = models_alike(12, 60, area=area, seed=seed, shared=shared)
        found = best_of_models(table, n_resamples=100, random_state=seed).iloc[0]
        alone = best_of_models(table, [found["model"]], n_resamples=100, random_state=seed).iloc[0]
        held.append(found["low"] <= area)
        plain.append(alone["low"] <= area)
    assert np.mean(held) >= 0.9
    assert np.mean(plain) <= np.mean(held) - 0.1


def test_copies_of_a_model_cost_nothing_and_strangers_cost_up_to_bonferroni():
    draws = np.random.default_rng(0).normal(size=(10, 20000))
    alone = critical_value(draws[:1], 0.95)
    assert critical_value(np.repeat(draws[:1], 10, axis=0), 0.95) == alone == pytest.approx(ndtri(0.95), abs=0.02)
    assert alone < critical_value(draws, 0.95) == pytest.approx(ndtri(1 - 0.05 / 10), abs=0.06)


def test_only_models_that_are_named_count_and_a_wrong_name_is_refused():
    table = models_alike(5, 40)
    assert best_of_models(table, ["m1", "m3"], n_resamples=50)["n_models"].tolist() == [2]
    with pytest.raises(RequestError, match=r"none of which is to be compared"):
        best_of_models(table, ["m9"])


def test_a_perfect_model_is_bounded_by_the_number_of_patients_and_of_models():
    table = models_alike(6, 30, area=0.7)
    table.loc[table["model"] == "m5", "probability"] = 0.1 + 0.8 * table["label"]
    found = best_of_models(table, n_resamples=100).iloc[0]
    alone = best_of_models(table, ["m5"], n_resamples=100).iloc[0]
    assert found["model"] == "m5" and found["value"] == 1.0
    assert 0.5 < found["low"] < alone["low"] < 1.0


def test_several_outcomes_classes_and_patients(make_grades):
    grades = make_grades(n_patients=30)
    idh = models_alike(3, 40).assign(outcome="idh", **{"class": "mutant"})
    found = best_of_models(pd.concat([grades, idh]), n_resamples=60)
    assert found[["outcome", "class", "n_models"]].to_numpy().tolist() == [["who_grade", "", 2], ["idh", "mutant", 3]]
    assert (found["low"] < found["value"]).all()
    fewer = idh[(idh["model"] != "m0") | (idh["sample_id"] < "s020")]  # m0 lacks half of the patients
    assert best_of_models(fewer, n_resamples=60)["n_models"].tolist() == [3]
    one_label = idh[(idh["model"] != "m0") | (idh["label"] == 1)]
    assert best_of_models(one_label, n_resamples=60)["n_models"].tolist() == [2]
