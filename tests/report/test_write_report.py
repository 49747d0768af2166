"""The whole report: it says what the bundle's files say, to anyone, whatever the files hold."""

from __future__ import annotations

import base64
import json
import re
import xml.etree.ElementTree as ElementTree

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from bundle_fixture import MODALITIES, make_bundle
from page_parser import Page

from radiofuse.bundle.format import FILES
from radiofuse.report import write_report
from radiofuse.report.wording import DIGITS, IN_FILES_ONLY, METRICS


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return make_bundle(tmp_path_factory.mktemp("run") / "bundle")


@pytest.fixture(scope="module")
def html(bundle):
    return write_report(bundle).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def read_cell(cell: str) -> list[float]:
    return [float(found) for found in re.findall(r"-?\d+\.\d+", cell)]


def test_lies_beside_the_bundle(bundle, html):
    assert (bundle.parent / "report.html").read_text(encoding="utf-8") == html
    assert sorted(p.name for p in bundle.parent.iterdir()) == ["bundle", "report.html", "report.json"]


def test_scores_table_equals_the_csv(bundle, page):
    """The interval of an AUC is first that for other patients to learn from, then that of ``scores.csv``."""
    scores, learned = (
        pd.read_csv(bundle / f"{name}.csv").set_index(["model", "metric"]) for name in ("scores", "learning_intervals")
    )
    header, *rows = page.tables["Scores with intervals, out of fold"]
    assert header[1:3] == ["AUC", "AUC, same models"]
    metric_of = {title: metric for metric, title in METRICS.items()} | {"AUC, same models": "auc"}
    seen = set()
    for model, *cells in (row for row in rows if len(row) > 1):
        model = model.removesuffix(" primary")
        for title, cell in zip(header[1:-1], cells[:-1], strict=True):
            metric = metric_of[title]
            score = (learned if title == "AUC" else scores).loc[(model, metric)]
            seen.add((model, metric))
            if pd.isna(score["value"]):
                assert cell == "—"
                continue
            rounding = 0.5 * 10 ** -DIGITS.get(metric, 2) + 1e-12
            assert read_cell(cell) == pytest.approx(list(score[["value", "low", "high"]]), abs=rounding)
        assert cells[-1] == f"{score['n_samples']:.0f} ({score['n_patients']:.0f})"
    assert (learned["low"] < scores.loc[learned.index, "low"]).sum() > len(learned) / 2  # wider, as a rule
    assert seen == {(model, metric) for model, metric in scores.index if metric not in IN_FILES_ONLY}
    assert set(scores.index.get_level_values("metric")) > IN_FILES_ONLY


def test_primary_fusion_stands_first_and_is_marked(page):
    rows = page.tables["Scores with intervals, out of fold"]
    assert rows[1] == ["Fusions"]
    assert rows[2][0] == "mean primary"
    assert [row[0] for row in rows if len(row) == 1] == ["Fusions", "Single modalities", "For comparison"]
    assert [row[0] for row in rows[-2:]] == ["clinical", "trivial"]


def test_features_tables_equal_the_csv_and_say_what_is_left_out(bundle, page):
    features = pd.read_csv(bundle / "selected_features.csv")
    for modality in MODALITIES:
        rows = features[features["modality"] == modality].set_index("feature")
        shown = page.tables[f"Selected features of {modality}"][1:]
        assert len(shown) == min(10, len(rows))
        for name, frequency, importance, shap, coefficient, final in shown:
            assert int(frequency.rstrip("%")) == pytest.approx(100 * rows.loc[name, "frequency"], abs=0.5)
            for cell, measure in ((importance, "importance"), (shap, "shap")):
                known = rows.loc[name, [measure, f"{measure}_low", f"{measure}_high"]]
                assert read_cell(cell) == pytest.approx(known.tolist(), abs=0.0005 + 1e-12)
            assert float(coefficient) == pytest.approx(rows.loc[name, "mean_coefficient"], abs=0.0005)
            assert final == ("yes" if rows.loc[name, "in_final_model"] else "no")
        if len(rows) > 10:
            assert f"{len(rows) - 10} features chosen less often not shown" in page.text


def test_importance_tables_equal_the_csv(bundle, page):
    sums = pd.read_csv(bundle / "importance_sums.csv").set_index(["by", "name"])
    titles = {"Families": "family", "Image types": "image type", "Modalities": "modality"}
    by, seen = "", 0
    for name, *cells in page.tables["Importance by family, image type and modality"][1:]:
        by = titles.get(name, by) if not cells else by
        if cells:
            row, seen = sums.loc[by, name], seen + 1
            assert [float(cells[0]), float(cells[1])] == pytest.approx(
                [row["n_features"], row["mean_selected"]], abs=0.05
            )
            for cell, measure in zip(cells[2:], ("importance", "shap"), strict=True):
                known = [row[measure], row[f"{measure}_low"], row[f"{measure}_high"]]
                assert read_cell(cell) == pytest.approx(known, abs=0.0005 + 1e-12)
    assert seen == len(sums)
    agreement = pd.read_csv(bundle / "importance_agreement.csv")
    shown = page.tables["How alike the measures rank the features"][1:]
    assert [float(row[2]) for row in shown] == pytest.approx(agreement["spearman"].tolist(), abs=0.005)


def test_patients_by_class_equal_the_csv(bundle, page):
    table = pd.read_csv(
        bundle / "baseline.csv", dtype={"level": str, "class": str}, keep_default_na=False, na_values=[""]
    )
    table[["level", "class", "test"]] = table[["level", "class", "test"]].fillna("")
    rows = {row[0]: row for row in page.tables["Patients by class (Table 1)"][1:] if len(row) > 1}
    age = table[table["variable"] == "age"].set_index("class")
    for cell, name in zip(rows["median (quartiles)"][1:4], ("", "0", "1"), strict=True):
        known = age.loc[name, ["median", "low_quartile", "high_quartile"]]
        assert read_cell(cell) == pytest.approx([float(value) for value in known], abs=0.05 + 1e-12)
    assert rows["median (quartiles)"][4].split()[0] == str(age.loc["", "missing"]) == "4"
    assert "Mann-Whitney" in rows["median (quartiles)"][5]
    sex = table[(table["variable"] == "sex") & (table["level"] == "1")].set_index("class")
    assert [int(cell.split()[0]) for cell in rows["male"][1:4]] == sex.loc[["", "0", "1"], "n"].tolist()
    assert "<b>east" in rows  # a name is text


def test_groups_of_patients_equal_the_csv_and_small_ones_have_no_score(bundle, page):
    table = pd.read_csv(bundle / "subgroups.csv", dtype={"level": str}).set_index(["level", "metric"])
    rows = {row[0]: row for row in page.tables["Scores of mean in groups of patients"][1:] if len(row) > 1}
    own = table.loc[("north", "auc")]
    assert read_cell(rows["north"][2]) == pytest.approx(own[["value", "low", "high"]].astype(float).tolist(), abs=0.005)
    assert rows["<b>east"][2:] == [""] * 6


def test_weights_table_equals_the_csv(bundle, page):
    weights = pd.read_csv(bundle / "fusion_weights.csv")
    rows = [row for row in page.tables["Weights of the members in each fusion"][1:] if len(row) > 1]
    assert [row[0] for row in rows] == list(weights["member"])
    for (_, final, folds), row in zip(rows, weights.itertuples(), strict=True):
        known = [row.weight, row.weight_low, row.weight_high][: 3 if np.isfinite(row.weight_low) else 1]
        assert read_cell(final) == pytest.approx(known, abs=0.005 + 1e-12)
        assert read_cell(folds) == pytest.approx([row.mean, row.low, row.high], abs=0.005 + 1e-12)
    assert weights["weight_low"].notna().sum() > 3


def test_flow_and_failures_equal_the_csv(bundle, page):
    flow = pd.read_csv(bundle / "cohort_flow.csv", keep_default_na=False).astype(str)
    assert page.tables["From the cohort table to what was scored"][1:] == flow.to_numpy().tolist()
    failures = pd.read_csv(bundle / "failures.csv")
    assert page.tables["Samples that failed"][1:] == failures.to_numpy().tolist()


def test_summary_counts_patients_and_events_and_names_the_comparisons(bundle, page):
    rows = pd.read_csv(bundle / "predictions.csv").query("model == 'mean' and repeat == 0")
    events = int(rows["label"].sum())
    assert f"98 patients (98 samples) had a known label and were scored; {events} of them" in page.text
    value, low, high = (
        pd.read_csv(bundle / "learning_intervals.csv").query("model == 'mean'")[["value", "low", "high"]].iloc[0]
    )
    assert f"the fusion “mean” reached an AUC of {value:.2f} ({low:.2f} to {high:.2f})." in page.text
    assert "The best single modality was t1ce" in page.text
    assert "Clinical data alone (age and sex) reached" in page.text
    assert "The trivial rule" in page.text


def test_needs_no_network_and_no_script(html, page):
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert ("meta", {"http-equiv": "Content-Security-Policy", "content": policy}) in page.tags
    assert not {"script", "link", "iframe", "object", "embed", "form"} & {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")]
        assert attributes.get("href", "#").startswith(("#", "data:text/csv;base64,"))
        assert attributes.get("src", "data:image/svg+xml;base64,").startswith("data:image/svg+xml;base64,")
    assert not re.search(r"https?:|@import|url\(", html)
    for svg in page.pictures():
        assert not re.search(r'href="(?!#)|<script|\son\w+=', svg)


def test_the_json_beside_the_page_has_its_tables_and_the_numbers_of_its_figures(bundle, page):
    told = json.loads((bundle.parent / "report.json").read_text(encoding="utf-8"))
    (outcome,) = told["outcomes"]
    shown = page.tables[outcome["scores"]["caption"]]
    cells = [row["cells"] for row in outcome["scores"]["rows"]]
    assert [cell["value"] for row in cells for cell in row[1:]] == [
        cell.split()[0] for row in shown[1:] if len(row) > 1 for cell in row[1:]
    ]
    scores = pd.read_csv(bundle / "scores.csv")
    drawn = outcome["auc"]["data"]
    known = scores[scores["metric"] == "auc"].set_index("model")["value"]
    assert drawn["value"] == pytest.approx(known[drawn["model"]].tolist())


def test_figures_bring_their_numbers_and_name_no_patient(bundle, page):
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a" and "download" in attributes]
    tables = [base64.b64decode(link.partition(",")[2]).decode() for link in links]
    assert len(tables) == len(page.pictures())
    patients = pd.read_csv(bundle / "predictions.csv")["patient_id"].unique()
    assert not [name for name in patients for table in tables if name in table]
    assert any(table.startswith("modality,step,n_samples") for table in tables)


def test_reads_well_aloud(page):
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))
    assert all(len(attributes["alt"]) > 40 for tag, attributes in page.tags if tag == "img")
    assert all("scope" in attributes for tag, attributes in page.tags if tag == "th")
    assert dict(page.tags)["html"] == {"lang": "en"}


def test_figures_are_there_and_well_formed(page):
    svgs = page.pictures()
    importance = 2 + 3 + 1 + 2  # rankings, sums, swarm, waterfalls
    # AUC, ROC, calibration, decision curve, features, learned weights; flow and groups of patients; precision, calls
    assert len(svgs) == 1 + 2 + 1 + 1 + len(MODALITIES) + importance + 2 + 2 + 2
    for svg in svgs:
        ElementTree.fromstring(svg)


def test_equal_bundles_give_equal_bytes_whatever_the_users_style(tmp_path, bundle, html):
    again = make_bundle(tmp_path / "elsewhere")
    with mpl.rc_context({"font.size": 30, "svg.fonttype": "none", "text.usetex": False, "axes.grid": True}):
        before = dict(mpl.rcParams)
        path = write_report(again, tmp_path / "other.html")
        assert dict(mpl.rcParams) == before
    assert path.read_text(encoding="utf-8") == html


def test_the_page_lists_every_file_that_the_format_names(page):
    for name, holds in FILES.items():
        assert f"{name}{holds}" in page.text  # a name and what stands behind it


def test_calibration_table_equals_the_csv(bundle, page):
    lines = pd.read_csv(bundle / "calibration.csv").set_index("model")
    rows = [row for row in page.tables["Calibration of every model"][1:] if len(row) > 1]
    assert {row[0].removesuffix(" primary") for row in rows} == set(lines.index)
    for model, slope, intercept, *others in rows:
        line = lines.loc[model.removesuffix(" primary")]
        if not pd.isna(line["slope"]):
            assert read_cell(slope) == pytest.approx(line[["slope", "slope_low", "slope_high"]], abs=0.005 + 1e-12)
            ends = ["intercept", "intercept_low", "intercept_high"]
            assert read_cell(intercept) == pytest.approx(line[ends], abs=0.005 + 1e-12)
        assert [float(cell) for cell in others] == pytest.approx(line[["predicted", "observed", "ece"]], abs=0.0051)


def test_the_page_says_what_each_interval_answers_and_what_the_best_model_is_worth(bundle, page):
    assert "if other patients had been there to learn from and to predict" in page.text
    assert "if the same models were tried on other patients" in page.text
    best = pd.read_csv(bundle / "best_of_models.csv").iloc[0]
    words = f"Of {best['n_models']} models, {best['model']} has the highest AUC, {best['value']:.2f}."
    assert words in page.text and f"it is at least {best['low']:.2f} (95% bound" in page.text


def test_without_folds_dealt_by_chance_one_interval_is_shown(tmp_path):
    bundle = make_bundle(tmp_path / "bundle", n_repeats=1)
    for name in ("learning_intervals", "best_of_models"):
        pd.read_csv(bundle / f"{name}.csv").head(0).to_csv(bundle / f"{name}.csv", index=False)
    page = Page(write_report(bundle).read_text(encoding="utf-8"))
    assert page.tables["Scores with intervals, out of fold"][0][1:3] == ["AUC", "Accuracy"]
    assert "other patients to predict would have changed, not other patients to learn from" in page.text
    assert "has the highest AUC" not in page.text
