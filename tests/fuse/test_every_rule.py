"""What every rule of a late fusion keeps: whatever the order, a copy, noise, an absence or a second fit."""

from __future__ import annotations

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from radiofuse import LateFusion
from radiofuse.errors import CohortError, RequestError
from radiofuse.fuse import COMBINERS
from radiofuse.fuse.choices import fit_combiner, learns
from radiofuse.names import lookup

NAMES = ["t1", "t2", "flair"]
RULES = sorted(COMBINERS)
LEARNING = [name for name in RULES if learns(lookup(name, COMBINERS, "combiner"))]
SHARING = ["regression", "linear_regression", "nonnegative", "greedy_selection", "stacking"]
STAYS = ["decision_templates", "dempster_shafer", "rank_average"]  # curves of their own: a member alone is rescaled


def rows(seed=0, n=100):
    rng, y = np.random.default_rng(seed), np.arange(n) % 2
    return expit(np.array([1.2, 0.8, 0.0]) * (2 * y[:, None] - 1) + rng.normal(size=(n, 3))), y


def fitted(name, P, y, groups=None):
    rule = lookup(name, COMBINERS, "combiner")()
    return fit_combiner(rule, P, y, groups) if learns(rule) else rule


@pytest.fixture(scope="module")
def cohort():
    rng, y = np.random.default_rng(0), np.repeat(np.arange(48) % 2, 2)
    signal = dict(zip(NAMES, (1.5, 0.8, 0.0), strict=True))
    table = pd.DataFrame({f"{name}__a": rng.normal(size=96) + of * y for name, of in signal.items()})
    return table, y, np.repeat(np.arange(48), 2)


@pytest.fixture(scope="module")
def fusion(cohort):
    table, y, patients = cohort
    return new_fusion().fit(table, y, groups=patients)


def new_fusion(**options):
    members = [(name, LogisticRegression()) for name in NAMES]
    return LateFusion(members, **{"combine": RULES, "cv": 3, "calibrate": True, "random_state": 0} | options)


@pytest.mark.parametrize("name", RULES)
def test_the_order_of_the_modalities_moves_their_weights_with_them_and_no_answer(name):
    P, y = rows()
    order = [2, 0, 1]
    one, other = fitted(name, P, y), fitted(name, P[:, order], y)
    np.testing.assert_allclose(other.combine(P[:, order]), one.combine(P), atol=1e-4)
    if hasattr(one, "weights_"):
        np.testing.assert_allclose(other.weights_, np.asarray(one.weights_)[order], atol=2e-3)


@pytest.mark.parametrize("name", SHARING)
def test_a_copy_shares_the_weight_of_its_original(name):
    P, y = rows()
    single, double = fitted(name, P, y), fitted(name, P[:, [0, 0, 1, 2]], y)
    shift = np.abs(double.combine(P[:, [0, 0, 1, 2]]) - single.combine(P)).max()
    assert shift < 0.12  # a ridge penalty costs two weights of half the size less than one
    if hasattr(single, "weights_"):
        assert double.weights_[:2].sum() == pytest.approx(single.weights_[0], rel=0.4)


@pytest.mark.parametrize("name", [name for name in LEARNING if name not in (*STAYS, "product", "vote_prior")])
def test_a_member_of_noise_weighs_next_to_nothing(name):
    P, y = rows(n=400)
    rule = fitted(name, P, y)
    moved = rule.combine(np.column_stack([P[:, :2], P[::-1, 2]])) - rule.combine(P)
    assert np.abs(moved).mean() < 0.05


@pytest.mark.parametrize("name", [name for name in RULES if name not in (*STAYS, "vote", "vote_prior", "vote_abstain")])
def test_with_all_absent_but_one_patients_are_in_the_order_of_that_one(name):
    P, y = rows()
    alone = P.copy()
    alone[:, 1:] = np.nan
    told = fitted(name, P, y).combine(alone)
    order = np.argsort(P[:, 0])
    assert (np.diff(told[order]) >= -1e-12).all() and np.isfinite(told).all()
    if not learns(lookup(name, COMBINERS, "combiner")) and name not in ("product",):
        np.testing.assert_allclose(told, P[:, 0], atol=1e-9)


@pytest.mark.parametrize("name", LEARNING)
def test_learning_from_noise_finds_nothing_over_20_seeds(name):
    aucs = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        rule, new, label = (
            fitted(name, rng.random((40, 3)), np.arange(40) % 2),
            rng.random((100, 3)),
            np.arange(100) % 2,
        )
        told = rule.combine(new)
        above = told[label == 1][:, None] - told[label == 0]
        aucs.append((above > 0).mean() + 0.5 * (above == 0).mean())
    assert abs(np.mean(aucs) - 0.5) < 3.5 * np.std(aucs) / np.sqrt(20)


def test_a_second_fit_equals_the_first_and_so_does_what_was_saved(cohort, fusion, tmp_path):
    table, y, patients = cohort
    first = fusion.predict_proba_each(table)
    joblib.dump(fusion, tmp_path / "fusion.joblib")
    again = new_fusion().fit(table, y, groups=patients)
    again.fit(table, y, groups=patients)
    for told in (again, joblib.load(tmp_path / "fusion.joblib")):
        pd.testing.assert_frame_equal(told.predict_proba_each(table), first, check_exact=True)


@pytest.mark.parametrize("missing", ["renormalize", "refit", "distill"])
def test_a_grid_search_tries_ways_and_rules(cohort, missing):
    table, y, _ = cohort
    grid = GridSearchCV(new_fusion(combine="mean", missing=missing), {"combine": ["mean", "regression"]}, cv=2)
    assert grid.fit(table, y).best_score_ > 0.6


# ---- bad input


def test_columns_that_a_table_lacks_and_has_too_many_of(cohort, fusion):
    table, *_ = cohort
    with pytest.raises(RequestError, match="lacks 1 of the 1 columns of modality t2"):
        fusion.predict_proba(table.drop(columns="t2__a"))
    more = fusion.predict_proba(table.assign(adc__a=1.0))
    np.testing.assert_array_equal(more, fusion.predict_proba(table))


def test_a_row_without_any_modality_is_named_and_every_pattern_is_answered(cohort, fusion):
    table, *_ = cohort
    with pytest.raises(CohortError, match="Sample 1 has none of the modalities t1, t2, flair"):
        fusion.predict_proba(table.where(pd.Series(table.index != 1), axis=0))
    for missing in ("renormalize", "refit", "distill"):  # patterns that no patient of training has
        told = new_fusion(missing=missing).fit(*cohort[:2]).predict_proba_each(table.assign(t1__a=np.nan)[:2])
        assert told[RULES].notna().all(axis=None) and told["t1"].isna().all()


@pytest.mark.parametrize("missing", ["renormalize", "refit", "distill"])
def test_a_modality_that_says_the_same_of_everybody_breaks_nothing(cohort, missing):
    table, y, patients = cohort
    flat = table.assign(flair__a=1.0)
    told = new_fusion(missing=missing).fit(flat, y, groups=patients).predict_proba_each(flat.assign(t1__a=np.nan))
    assert told[RULES].notna().all(axis=None)
    assert told["flair"].nunique() == 1
