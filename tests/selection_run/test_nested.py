"""The nested run: folds of whole patients, what each fold selected, and what the held-out rows were told."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from selection_cases import checked, request_for, two_modalities
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from radiofuse.commands.selftest import noise_like
from radiofuse.errors import CohortError, RequestError
from radiofuse.patients import permuted
from radiofuse.prepare.harmonize import ComBat
from radiofuse.selection_run import nested
from radiofuse.selection_run.blocks import block_of, deal_splits
from radiofuse.selection_run.chain import make_chain
from radiofuse.selection_run.fold_tables import predictions_table
from radiofuse.selection_run.nested import _state, fit_selections
from radiofuse.selection_run.run import find_kept
from radiofuse.statistics import auc
from radiofuse.tables.joining import rename_ids
from radiofuse.work.kept import encode


@pytest.fixture(scope="module")
def fitted():
    request = request_for()
    table = checked(two_modalities(), request)
    return table, request, fit_selections(table, request)


@pytest.mark.filterwarnings("ignore::radiofuse.select.PathEdgeWarning")
def test_each_fold_is_the_chain_fitted_to_its_training_rows_alone(fitted):
    _, request, (t1, t2) = fitted
    for result in (t1, t2):
        block = result.block
        for outcome in result.outcomes:
            state = np.random.SeedSequence([0, 1 + outcome.split.repeat, outcome.split.fold]).generate_state(1)[0]
            train = outcome.split.train
            chain = make_chain(request).set_params(random_state=int(state))
            chain.fit(block.X.iloc[train], block.y[train])
            np.testing.assert_array_equal(outcome.chosen, chain.get_support())
            np.testing.assert_array_equal(outcome.coef, chain.report_["coef"])
            np.testing.assert_array_equal(outcome.inner_folds, chain.steps_["lasso"].inner_folds_)
            np.testing.assert_array_equal(outcome.curve["cvm"], chain.steps_["lasso"].cv_mean_)


def test_the_probabilities_are_those_of_a_pipeline_on_the_selected_columns(fitted):
    _, _, (t1, _) = fitted
    block = t1.block
    for outcome in t1.outcomes:
        for support, given in (
            (outcome.chosen, outcome.nested),
            (t1.final.get_support(), outcome.optimistic),
        ):
            X = block.X.loc[:, support].to_numpy()
            train, test = outcome.split.train, outcome.split.test
            model = make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(max_iter=1000))
            expected = model.fit(X[train], block.y[train]).predict_proba(X[test])[:, 1]
            np.testing.assert_allclose(given, expected, rtol=0, atol=1e-12)


def test_where_nothing_is_selected_the_training_prevalence_is_the_answer():
    request = request_for(alpha=0.0)
    for result in fit_selections(checked(two_modalities(), request), request):
        for outcome in result.outcomes:
            assert not outcome.chosen.any()
            np.testing.assert_allclose(outcome.nested, result.block.y[outcome.split.train].mean())


def test_modalities_share_their_folds_and_fuse_by_the_mean(fitted):
    table, _, results = fitted
    predictions = predictions_table(results)
    assert (predictions.groupby(["model", "selection", "repeat", "sample_id"])["fold"].nunique() == 1).all()
    assert (predictions.groupby(["repeat", "sample_id"])["fold"].nunique() == 1).all()
    wide = predictions.pivot(index=["selection", "repeat", "sample_id"], columns="model", values="probability")
    np.testing.assert_allclose(wide["fusion"], wide[["t1", "t2"]].mean(axis=1), rtol=0, atol=1e-15)
    assert wide["t2"].isna().sum() == 5 * 2 * 2
    assert wide["fusion"].notna().all()
    labels = predictions.drop_duplicates("sample_id").set_index("sample_id")["label"]
    assert labels.reindex(table.features.index).tolist() == table.y.tolist()


def test_any_number_of_jobs_gives_the_same_bits(fitted):
    table, request, results = fitted
    again = fit_selections(table, replace(request, jobs=2))
    pd.testing.assert_frame_equal(predictions_table(results), predictions_table(again), check_exact=True)
    for one, two in zip(results, again, strict=True):
        for a, b in zip(one.outcomes, two.outcomes, strict=True):
            np.testing.assert_array_equal(a.coef, b.coef)
            assert all(np.array_equal(a.curve[key], b.curve[key]) for key in a.curve)


def test_patients_are_never_split_not_even_in_the_inner_folds():
    rows = two_modalities()
    rows["patient_id"] = [f"p{label}{number // 4:02d}" for number, label in enumerate(rows["idh"])]
    request = request_for()
    for result in fit_selections(checked(rows, request), request):
        for outcome in result.outcomes:
            patients = result.block.patients
            assert not set(patients[outcome.split.train]) & set(patients[outcome.split.test])
            inner = pd.Series(outcome.inner_folds).groupby(patients[outcome.split.train]).nunique()
            assert (inner == 1).all()


def test_an_interrupt_leaves_the_finished_folds(fitted):
    table, request, whole = fitted

    def stop_after_eight(done, total):
        if done >= 8:
            raise KeyboardInterrupt

    t1, t2 = fit_selections(table, request, stop_after_eight)
    assert (len(t1.outcomes), len(t2.outcomes)) == (3, 3)
    assert not t1.complete
    np.testing.assert_array_equal(t1.outcomes[2].nested, whole[0].outcomes[2].nested)
    predictions = predictions_table([t1, t2])
    assert set(predictions["repeat"]) == {0}
    assert set(predictions["model"]) == {"t1", "t2", "fusion"}

    def stop_at_once(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_selections(table, request, stop_at_once)


def test_fusion_waits_for_the_folds_that_all_modalities_finished(fitted):
    _, _, (t1, t2) = fitted
    predictions = predictions_table([t1, replace(t2, outcomes=t2.outcomes[:4])])
    fused = predictions[(predictions["model"] == "fusion") & (predictions["selection"] == "nested")]
    assert set(zip(fused["repeat"], fused["fold"], strict=True)) == {(0, 0), (0, 1), (0, 2), (1, 0)}


def test_covariates_join_the_model_and_are_never_selected():
    rows = two_modalities().assign(age=lambda rows: 50.0 + 20 * rows["idh"])
    request = request_for(alpha=0.0, covariates=["age"])
    (t1, t2) = fit_selections(checked(rows, request), request)
    assert "age" not in t1.block.X
    assert t1.model["classify"].coef_.shape == (1, 1)
    predictions = predictions_table([t1, t2]).query("model == 't2' and selection == 'nested'")
    assert auc(predictions["label"].to_numpy(), predictions["probability"].to_numpy()) > 0.99


def test_without_nesting_only_the_optimistic_estimate_is_made():
    request = request_for(nested=False)
    results = fit_selections(checked(two_modalities(), request), request)
    assert set(predictions_table(results)["selection"]) == {"optimistic"}
    assert results[0].outcomes[0].chosen is None


def test_permuted_labels_score_like_chance_only_when_nested():
    """The leak: of 300 columns of noise the best, chosen with the test patients' labels, predict them."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(80, 300)), columns=[f"x{i}" for i in range(300)])
    request = request_for(repeats=2, folds=5)
    table = checked(rows.assign(idh=np.arange(80) % 2), request)
    found = {"nested": [], "optimistic": []}
    for seed in range(6):
        noisy = replace(table, y=permuted(table.y, random_state=seed))
        for kind, part in predictions_table(fit_selections(noisy, replace(request, seed=seed))).groupby("selection"):
            scores = [auc(one["label"].to_numpy(), one["probability"].to_numpy()) for _, one in part.groupby("repeat")]
            found[kind].append(np.mean(scores))
    assert np.mean(found["nested"]) < 0.58
    assert np.mean(found["optimistic"]) > 0.7


def test_a_modality_that_lacks_a_class_in_a_training_fold_is_refused():
    rows = two_modalities()
    scarce = rows.index[rows["idh"] == 1][5:]
    rows.loc[scarce, [name for name in rows if name.startswith("t2__")]] = np.nan
    request = request_for(repeats=50)
    with pytest.raises(CohortError, match="t2: repeat .* trains on fewer than two samples of a class"):
        fit_selections(checked(rows, request), request)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"steps": "mannwhitney,lassso"}, "lassso"),
        ({"steps": " , "}, "--steps names no step"),
        ({"alpha": 7.0}, "alpha"),
        ({"rule": "2se"}, "rule"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_fitted(options, sentence):
    with pytest.raises(RequestError, match=sentence):
        make_chain(request_for(**options))


def with_sites(shift: float):
    rows = two_modalities().drop(columns="t1__flat")
    rows["scanner"] = np.where(np.random.default_rng(3).random(60) < 0.5, "north", "south")
    features = [name for name in rows if name.startswith("t1__")]
    rows.loc[rows["scanner"] == "north", features] += shift
    return rows


def test_sites_are_evened_out_with_the_training_rows_of_each_fold():
    request = request_for(site="scanner")
    rows = with_sites(20.0)
    table = checked(rename_ids(rows, request.roles, "table.csv"), request)
    (result, _) = fit_selections(table, request)
    block = block_of(table, "t1", deal_splits(table, request))
    assert "scanner" not in table.features.columns
    for outcome in result.outcomes:
        train = outcome.split.train
        combat = ComBat().fit(block.X.to_numpy()[train], site=block.sites[train])
        values = combat.transform(block.X.to_numpy(), site=block.sites)
        chain = clone(make_chain(request)).set_params(
            random_state=_state(request.seed, [1 + outcome.split.repeat, outcome.split.fold])
        )
        assert np.array_equal(outcome.chosen, chain.fit(values[train], block.y[train]).get_support())
    spread = np.abs(result.block.X[block.sites == "north"].mean() - result.block.X[block.sites == "south"].mean())
    assert spread.max() < 1


def test_a_site_without_training_rows_is_settled_by_the_option():
    rows = with_sites(0.0)
    rows.loc[:1, "scanner"] = "east"  # two samples, now and then in one test fold together
    rows.loc[:1, "patient_id"] = "one"
    rows["patient_id"] = rows["patient_id"].fillna(rows["sample_id"])
    rows.loc[:1, "idh"] = 1
    refused = request_for(site="scanner")
    with pytest.raises(CohortError, match="t1: Site 'east'.*--unseen-site"):
        fit_selections(checked(rename_ids(rows, refused.roles, "table.csv"), refused), refused)
    passed = request_for(site="scanner", unseen_site="pass")
    (result, _) = fit_selections(checked(rename_ids(rows, passed.roles, "table.csv"), passed), passed)
    assert result.complete


def test_gaps_in_site_or_covariate_are_named_before_sites_are_evened_out():
    request = request_for(site="scanner", covariates=["age"])
    rows = with_sites(0.0).assign(age=60.0)
    rows.loc[2, "age"], rows.loc[5:6, "scanner"] = np.nan, None
    with pytest.raises(CohortError, match="(?s)2 samples without scanner.*1 sample without age, which evening out"):
        checked(rename_ids(rows, request.roles, "table.csv"), request)


def killing_once(marker: Path, describe: Callable, *arguments):
    """Kill the process of the first fold that comes here, once."""
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return describe(*arguments)


def test_a_killed_process_costs_no_fold_and_moves_no_number(fitted, tmp_path, monkeypatch):
    table, request, whole = fitted
    deadly = partial(killing_once, tmp_path / "killed", nested.describe_selection)
    monkeypatch.setattr(nested, "describe_selection", deadly)
    again = fit_selections(table, replace(request, jobs=2))
    assert (tmp_path / "killed").exists()
    pd.testing.assert_frame_equal(predictions_table(again), predictions_table(whole))


def test_kept_folds_are_not_fitted_again_and_give_the_same_tables(fitted, tmp_path, monkeypatch):
    _, _, whole = fitted
    request = request_for(out=tmp_path)
    table = checked(two_modalities(), request)

    def stop_after_eight(done, total):
        if done >= 8:
            raise KeyboardInterrupt

    fit_selections(table, request, stop_after_eight, find_kept(table, request))
    kept = find_kept(table, request)
    assert len(kept.results) == 6
    for other in (replace(request, seed=1), replace(request, alpha=0.1)):
        assert not find_kept(table, other).results
    fitted_again = []
    monkeypatch.setattr(nested, "describe_selection", listing(fitted_again, nested.describe_selection))
    again = fit_selections(table, replace(request, jobs=1), kept=kept)
    assert len(fitted_again) == 6
    for one, other in zip(again, whole, strict=True):
        for mine, fresh in zip(one.outcomes, other.outcomes, strict=True):
            assert encode({**vars(mine), "split": 0}) == encode({**vars(fresh), "split": 0})
    kept.remove()
    assert list(tmp_path.iterdir()) == []


def listing(fitted: list, describe: Callable) -> Callable:
    def described(*arguments):
        fitted.append(arguments[0])
        return describe(*arguments)

    return described


def test_samples_of_a_patient_with_labels_of_their_own_stay_in_one_fold():
    rows = two_modalities()[["sample_id", "idh", "t1__f0", "t1__f1"]].assign(
        patient_id=[f"p{i // 4}" for i in range(60)]
    )
    request = request_for(label_per="sample", repeats=1)
    table = checked(rows, request)
    (result,) = fit_selections(table, request)
    for outcome in result.outcomes:
        train, test = (set(table.patients[part]) for part in (outcome.split.train, outcome.split.test))
        assert not train & test
        assert set(table.y[outcome.split.test]) == {0, 1}
    noisy = noise_like(table, 0, 0)
    assert noisy.y.sum() == table.y.sum()
    assert (noisy.y != table.y).any()
