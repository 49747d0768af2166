"""The tables of a selection: their columns, and that each agrees with what it was made of."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from selection_cases import checked, request_for, two_modalities

from radiofuse.commands.selection_words import describe
from radiofuse.selection_run.nested import fit_selections
from radiofuse.selection_run.record import as_json
from radiofuse.selection_run.table_warnings import describe_table
from radiofuse.selection_run.tables import all_tables
from radiofuse.statistics import auc_interval, score_predictions
from radiofuse.statistics.delong import delong
from radiofuse.tables import PREDICTION_COLUMNS
from radiofuse.tables.families import feature_family

SELECTION_COLUMNS = (
    "modality feature family n missing median_0 median_1 U p p_method q_bh auc auc_low auc_high direction passed_test "
    "kept_after_prune dropped_for r_with_kept coef_min coef_1se selected times_selected freq_outer mean_rank "
    "median_coef sign_consistency rank"
).split()


def results_of(rows, **options):
    request = request_for(**options)
    table = checked(rows, request)
    results = fit_selections(table, request)
    return results, all_tables(results, table, request)


@pytest.fixture(scope="module")
def found():
    return results_of(two_modalities())


@pytest.fixture(scope="module")
def selection(found):
    return found[1].selection.set_index(["modality", "feature"])


def test_the_columns_of_every_table(found):
    _, tables = found
    assert tables.selection.columns.tolist() == SELECTION_COLUMNS
    curve = "modality repeat fold lambda cvm cvsd cvup cvlo nzero is_min is_1se"
    assert tables.cv_curve.columns.tolist() == curve.split()
    assert tables.path.columns.tolist() == "modality lambda feature coef dev_ratio".split()
    assert tables.folds.columns.tolist() == "modality sample_id patient_id repeat fold part inner_fold".split()
    assert tables.predictions.columns.tolist() == [*PREDICTION_COLUMNS, "selection", "positive"]
    assert tables.performance.columns.tolist() == "model selection metric value low high method".split()
    assert set(tables.predictions["positive"]) == {"1"}
    assert tables.trace.columns.tolist() == "modality step feature value why in_favor_of".split()
    assert tables.correlation.columns.tolist() == "modality feature_a feature_b r".split()


def test_the_test_and_the_auc_agree_with_scipy_and_delong(selection):
    rows = two_modalities()
    for (modality, feature), row in selection.iterrows():
        values, label = rows[f"{modality}__{feature}"], rows["idh"]
        known = values.notna()
        assert row["n"] + row["missing"] == len(rows) - (5 if modality == "t2" else 0)
        expected = delong(label[known].to_numpy(), values[known].to_numpy()[:, None])
        assert row["auc"] == pytest.approx(expected.auc[0], abs=1e-12)
        half = stats.norm.ppf(0.975) * np.sqrt(expected.covariance[0, 0])
        assert row["auc_low"] == pytest.approx(max(0, row["auc"] - half), abs=1e-12)
        if not row["missing"]:
            values, label = values[known], label[known]
            test = stats.mannwhitneyu(values[label == 1], values[label == 0], method="asymptotic")
            assert row["p"] == test.pvalue
            assert row["U"] == test.statistic
    for _, block in selection.groupby("modality"):
        np.testing.assert_allclose(block["q_bh"], stats.false_discovery_control(block["p"]), rtol=1e-14)
    assert (selection["p_method"] == "asymptotic").all()


def test_a_feature_that_separates_the_classes_has_an_interval_of_newcombe():
    rows = two_modalities().assign(t1__leak=lambda rows: rows["idh"] + 0.0, t1__gaps=lambda rows: -rows["idh"] + 0.0)
    rows.loc[3, "t1__gaps"] = np.nan
    _, tables = results_of(rows, nested=False)
    for name, auc in (("leak", 1), ("gaps", 0)):
        row = tables.selection.set_index(["modality", "feature"]).loc[("t1", name)]
        known = rows[f"t1__{name}"].notna()
        expected = auc_interval(rows.loc[known, "idh"], rows.loc[known, f"t1__{name}"])
        assert row["auc"] == auc
        assert (row["auc_low"], row["auc_high"]) == pytest.approx(expected[1:3], abs=1e-15)
        assert row["auc_low"] < row["auc_high"]


def test_the_carrier_is_found_and_its_copy_is_not(selection):
    best = selection.loc[("t1", "f0")]
    assert best["selected"]
    assert best["passed_test"]
    assert best["kept_after_prune"]
    assert (best["rank"], best["direction"], best["missing"]) == (1, "higher", 0)
    assert best["times_selected"] == 6
    assert best["freq_outer"] == best["sign_consistency"] == 1
    assert best["coef_min"] > 0 < best["median_coef"]
    copy = selection.loc[("t1", "copy")]
    assert (copy["dropped_for"], copy["kept_after_prune"]) == ("f0", False)
    assert copy["r_with_kept"] == pytest.approx(-1)
    assert np.isnan(copy["coef_min"])


def test_how_often_is_counted_over_the_outer_folds(found):
    results, tables = found
    for result in results:
        block = tables.selection[tables.selection["modality"] == result.block.modality]
        chosen = np.array([outcome.chosen for outcome in result.outcomes])
        np.testing.assert_array_equal(block["times_selected"], chosen.sum(axis=0))
        for place in np.flatnonzero(chosen.any(axis=0)):
            coefs = [one.coef[place] for one in result.outcomes if one.chosen[place]]
            row = block.iloc[place]
            assert row["median_coef"] == np.median(coefs)
            assert row["sign_consistency"] == max(np.mean(np.sign(coefs) == sign) for sign in (-1, 1))
            ranks = []
            for one in result.outcomes:
                if one.chosen[place]:
                    ranks.append(1 + sum(abs(one.coef[one.chosen]) > abs(one.coef[place])))
            assert row["mean_rank"] == pytest.approx(np.mean(ranks))
        ever = block[block["rank"].notna()]
        assert sorted(ever["rank"]) == list(range(1, len(ever) + 1))
        assert ever.sort_values("rank")["freq_outer"].is_monotonic_decreasing


def test_folds_say_who_was_held_out_where(found):
    results, tables = found
    final = tables.folds[tables.folds["repeat"].isna()]
    assert len(final) == 60 + 55
    assert final["inner_fold"].nunique() == 4
    outer = tables.folds[tables.folds["repeat"].notna()]
    tested = outer[outer["part"] == "test"]
    assert (tested.groupby(["modality", "sample_id"])["repeat"].nunique() == 2).all()
    assert tested["inner_fold"].isna().all()
    assert outer[outer["part"] == "train"]["inner_fold"].notna().all()


def test_curve_and_path_belong_together(found):
    results, tables = found
    curve = tables.cv_curve
    per_fit = curve.groupby(["modality", "repeat", "fold"], dropna=False)
    assert len(per_fit) == 2 * (1 + 6)
    assert (per_fit["is_min"].sum() == 1).all()
    np.testing.assert_allclose(curve["cvup"] - curve["cvm"], curve["cvsd"], atol=1e-12)
    final = curve[curve["repeat"].isna() & (curve["modality"] == "t1")].set_index("lambda")
    sizes = tables.path[tables.path["modality"] == "t1"].groupby("lambda").size()
    assert sizes.reindex(final.index, fill_value=0).tolist() == final["nzero"].tolist()
    at_min = tables.path[tables.path["lambda"] == final.index[final["is_min"]][0]].set_index("feature")["coef"]
    chosen = tables.selection.query("modality == 't1' and coef_min != 0 and coef_min.notna()").set_index("feature")
    assert at_min.to_dict() == chosen["coef_min"].to_dict()


def test_performance_is_that_of_the_predictions(found):
    _, tables = found
    nested = tables.predictions[tables.predictions["selection"] == "nested"]
    expected = score_predictions(nested).set_index(["model", "metric"])["value"]
    rows = tables.performance[tables.performance["selection"] == "nested"].set_index(["model", "metric"])
    assert rows["value"].to_dict() == expected.to_dict()
    assert set(tables.performance["selection"]) == {"nested", "optimistic"}
    record = tables.record
    assert record["auc_nested"]["fusion"]["value"] == expected["fusion", "auc"]
    assert record["auc_nested"]["t1"]["low"] < record["auc_nested"]["t1"]["value"]


def test_the_record_holds_a_model_that_predicts(found):
    results, tables = found
    record = json.loads(as_json(tables.record))
    model = record["models"]["t1"]
    rows = two_modalities().set_index("sample_id").sort_index()
    X = rows[[f"t1__{name}" for name in model["features"]]].to_numpy()
    X = np.where(np.isnan(X), model["median"], X)
    score = (X - np.array(model["center"])) / np.array(model["scale"]) @ np.array(model["coef"]) + model["intercept"]
    selected = results[0].final.get_support()
    expected = results[0].model.predict_proba(results[0].block.inputs_of(selected))[:, 1]
    np.testing.assert_allclose(1 / (1 + np.exp(-score)), expected, atol=1e-12)
    flow = record["flow"]["t1"]
    assert flow["features"] == 22
    assert flow["steps"]["lasso"] == flow["selected"] == selected.sum()
    assert (flow["samples"], flow["positive"], flow["imputed_cells"]) == (60, 30, 1)
    assert record["flow"]["t2"]["absent"] == 5
    assert record["inputs"] == {"table.csv": "00"}
    assert record["complete"] is True
    assert "--jobs" not in record["command"]


def test_survivors_of_pruning_are_correlated_below_the_threshold(found):
    _, tables = found
    assert (tables.correlation["r"].abs() <= 0.9).all()
    kept = tables.selection.query("modality == 't1' and kept_after_prune == True")["feature"]
    t1 = tables.correlation[tables.correlation["modality"] == "t1"]
    assert len(t1) == len(kept) * (len(kept) - 1) / 2
    rows = two_modalities()
    pair = t1.iloc[0]
    expected = np.corrcoef(rows[f"t1__{pair.feature_a}"], rows[f"t1__{pair.feature_b}"])[0, 1]
    assert pair.r == pytest.approx(expected)


def test_columns_of_steps_that_were_not_run_are_empty():
    _, tables = results_of(two_modalities(), steps="mannwhitney")
    selection = tables.selection
    for column in ("kept_after_prune", "dropped_for"):
        assert (selection[column] == "").all()
    for column in ("r_with_kept", "coef_min", "coef_1se", "median_coef"):
        assert selection[column].isna().all()
    assert tables.cv_curve.empty
    assert tables.path.empty
    assert tables.correlation.empty
    assert (selection["selected"] == (selection["p"] < 0.05)).all()
    assert selection.loc[selection["rank"] == 1, "mean_rank"].notna().all()


def test_one_feature_is_enough():
    rows = two_modalities()[["sample_id", "idh", "t1__f0"]]
    assert describe_table(checked(rows, request_for()))[1] == "t1: 1 feature; nothing to choose from."
    _, tables = results_of(rows)
    assert tables.selection["selected"].tolist() == [True]
    assert tables.record["auc_nested"]["t1"]["value"] > 0.8


def test_two_class_families_agree_on_the_carrier():
    for family in ("binomial", "multinomial"):
        _, tables = results_of(two_modalities(), family=family)
        best = tables.selection.set_index(["modality", "feature"]).loc[("t1", "f0")]
        assert best["selected"]
        assert tables.path.query("modality == 't1'")["feature"].iloc[0] == "f0"


def test_warnings_are_told():
    rows = two_modalities().assign(t1__leak=lambda rows: rows["idh"] + 0.0)
    _, tables = results_of(rows, nested=False)
    told = " ".join(tables.record["warnings"])
    assert "t1: leak alone separates the classes" in told
    assert "No nested run: the AUC is optimistic" in told
    _, tables = results_of(two_modalities(), alpha=0.0)
    assert "t2: no feature is left after step mann_whitney." in tables.record["warnings"]
    rng = np.random.default_rng(1)
    weak = pd.DataFrame(rng.normal(size=(60, 30)), columns=[f"x{i}" for i in range(30)])
    weak = weak.assign(idh=np.arange(60) % 2)
    weak.iloc[:, :8] += weak["idh"].to_numpy()[:, None]
    _, tables = results_of(weak, full_path=True)
    ((name, flow),) = tables.record["flow"].items()
    told = f"{name}: 30 patients in the smaller class for 30 candidate features, {flow['selected']} selected"
    assert any(sentence.startswith(told) for sentence in tables.record["warnings"])


def test_what_is_printed_is_what_the_tables_hold(found, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    _, tables = found
    ever = tables.selection[tables.selection["rank"].notna()]
    assert len(json.loads(describe(tables, "json"))) == len(ever)
    lines = describe(tables, "csv").splitlines()
    assert lines[0].startswith("modality,feature,family,selected,times_selected")
    assert len(lines) == 1 + len(ever)
    text = describe(tables, "table")
    flow = tables.record["flow"]["t1"]["steps"]
    assert (
        f"t1: 22 features -> {flow['mann_whitney']} with p < 0.05 in the Mann-Whitney test -> "
        f"{flow['correlation']} after pruning at |r| > 0.9 "
        f"-> {flow['lasso']} with a non-zero LASSO coefficient (lambda.min)"
    ) in text
    assert f"fusion: AUC {tables.record['auc_nested']['fusion']['value']:.3f}" in text
    assert "optimistic: selection saw the test patients" in text


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("T1_wavelet-HHL_gldm_DependenceVariance", "wavelet-HHL gldm"),
        ("original_shape2D_Sphericity", "shape2d"),
        ("lbp-3D-k_firstorder_Mean", "lbp-3D-k firstorder"),
        ("original_ngtdm_Busyness", "ngtdm"),
        ("szm_sze_2d", "glszm"),
        ("reshape", "other"),
        ("dl_embedding_17", "other"),
    ],
)
def test_families_of_feature_names(name, family):
    assert feature_family(name) == family
