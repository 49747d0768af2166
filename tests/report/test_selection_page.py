"""The report of a selection: it says what the tables say, whatever was run and whatever the columns are called."""

from __future__ import annotations

import html as entities
import re
import xml.etree.ElementTree as ElementTree

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from page_parser import Page

from radiofuse.report import write_selection_report
from radiofuse.report.selection.figures import one_of_each
from radiofuse.report.selection.tables import TOP_RANKED
from radiofuse.report.wording import DIGITS, IN_FILES_ONLY, METRICS
from radiofuse.selection_run.nested import fit_selections
from radiofuse.selection_run.request import SelectionRequest
from radiofuse.selection_run.tables import all_tables
from radiofuse.statistics import auc_interval
from radiofuse.tables.features import RawTable, check_table
from radiofuse.wording import MISSING
from tests.accessibility import faults

SHOWN = ("selection", "cv_curve", "path", "predictions", "performance", "correlation")
MARKUP = "<script>alert(1)</script> & $\\frac{a$ <b>bold</b>"


def generated(n_features=30, prefixes=("t1__", "t2__")):
    """60 samples; the first feature of each modality carries the label, its last one is constant."""
    rng = np.random.default_rng(0)
    rows = {"sample_id": [f"s{number:02d}" for number in range(60)], "idh": np.arange(60) % 2}
    for prefix in prefixes:
        for place in range(n_features):
            rows[f"{prefix}f{place}"] = rng.normal(size=60) + (1.5 * rows["idh"] if place < 2 else 0)
        rows[f"{prefix}flat"] = 1.0
    return pd.DataFrame(rows)


def tables_of(rows, interrupt_after=None, **options):
    request = SelectionRequest("idh", "table.csv", **{"folds": 3, "repeats": 2, "inner": 4, **options})
    raw = RawTable(rows, "idh", None, "table.csv", {"table.csv": "00"})
    table = check_table(raw, request.roles, n_folds=request.folds)

    def stop(done, total):
        if done == interrupt_after:
            raise KeyboardInterrupt

    return all_tables(fit_selections(table, request, stop), table, request)


def written(tables, path):
    write_selection_report({name: getattr(tables, name) for name in SHOWN}, tables.record, path)
    return path.read_text(encoding="utf-8")


def read_cell(cell):
    return [float(found) for found in re.findall(r"-?\d+\.\d+", cell)]


@pytest.fixture(scope="module")
def tables():
    return tables_of(generated())


@pytest.fixture(scope="module")
def html(tables, tmp_path_factory):
    return written(tables, tmp_path_factory.mktemp("page") / "report.html")


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def table_starting(page, start):
    (found,) = [rows for caption, rows in page.tables.items() if caption.startswith(start)]
    return found


def test_both_aucs_stand_under_their_names_as_in_the_record(tables, page):
    header, *rows = table_starting(page, "AUC with its 95% interval")
    assert [name.split(":")[0] for name in header] == ["Model", "auc_nested", "auc_optimistic"]
    assert [model for model, *_ in rows] == ["t1", "t2", "fusion"]
    for model, *cells in rows:
        for kind, cell in zip(("auc_nested", "auc_optimistic"), cells, strict=True):
            assert read_cell(cell) == pytest.approx(list(tables.record[kind][model].values()), abs=0.0051)
    gains = [tables.record["auc_optimistic"][m]["value"] - tables.record["auc_nested"][m]["value"] for m, *_ in rows]
    assert f"changes the AUC by {min(gains):+z.2f} to {max(gains):+z.2f}." in page.text
    assert "(mean of 2 repeats, percentiles of 2000 resamples of the patients)" in page.text


def test_scores_equal_the_nested_performance(tables, page):
    scores = tables.performance.query("selection == 'nested'").set_index(["model", "metric"])
    header, *rows = table_starting(page, "Scores, features selected inside the folds")
    seen = set()
    for model, *cells in rows:
        model = model.removesuffix(" primary")
        for title, cell in zip(header[1:], cells, strict=True):
            metric = next(key for key, name in METRICS.items() if name == title)
            seen.add((model, metric))
            rounding = 0.5 * 10 ** -DIGITS.get(metric, 2) + 1e-12
            assert read_cell(cell) == pytest.approx(
                list(scores.loc[(model, metric), ["value", "low", "high"]]), abs=rounding
            )
    assert seen == {(model, metric) for model, metric in scores.index if metric not in IN_FILES_ONLY}
    assert set(scores.index.get_level_values("metric")) > IN_FILES_ONLY


@pytest.mark.parametrize("modality", ["t1", "t2"])
def test_features_equal_the_selection(tables, page, modality):
    ranked = tables.selection.query("modality == @modality and rank.notna()").sort_values("rank")
    header, *rows = table_starting(page, f"The {min(TOP_RANKED, len(ranked))} features of {modality} that were chosen")
    assert header[:6] == ["Feature", "Times chosen of 6", "Mean rank", "AUC alone", "p", "p, BH"]
    assert [row[0] for row in rows] == list(ranked["feature"][:TOP_RANKED])
    for (_, times, rank, auc, p, q, coef, *_, final), row in zip(rows, ranked.itertuples(), strict=False):
        assert int(times) == row.times_selected
        assert read_cell(rank) == pytest.approx([row.mean_rank] if row.times_selected else [], abs=0.051)
        assert read_cell(auc) == pytest.approx([row.auc, row.auc_low, row.auc_high], abs=0.0051)
        for cell, value in ((p, row.p), (q, row.q_bh)):
            assert value < 0.001 if cell == "< 0.001" else float(cell) == pytest.approx(value, rel=0.051)
        if row.times_selected:
            assert read_cell(coef) == pytest.approx([row.median_coef], abs=0.00051)
            assert f"({100 * row.sign_consistency:.0f}%)" in coef
        assert final == ("yes" if row.selected else "no")


def test_the_flow_is_that_of_the_record(tables, page):
    header, *rows = page.tables["Samples and features"]
    assert header[-4:] == ["Features", "After Mann-Whitney", "After pruning", "Selected"]
    for name, *cells in rows:
        flow = tables.record["flow"][name]
        steps = flow["steps"]
        keys = ("samples", "positive", "absent", "imputed_cells", "features")
        expected = [*(flow[key] for key in keys), steps["mann_whitney"], steps["correlation"], flow["selected"]]
        assert [int(cell) for cell in cells] == expected
        assert (
            f"60 samples with {flow['features']} features; {steps['mann_whitney']} with p < 0.05 in the Mann-Whitney "
            f"test, then {steps['correlation']} after pruning at |r| > 0.9, then {flow['selected']} with a non-zero "
        ) in page.text


def test_the_captions_repeat_the_tables(tables, page):
    for modality, found in tables.record["stability"].items():
        index = f"{found['nogueira']:.2f} ({found['low']:.2f} to {found['high']:.2f})"
        assert f"chance) is {index}" in page.text
        features = tables.selection.query("modality == @modality")
        assert f"{(features['p'] < 0.05).sum()} of {features['p'].notna().sum()} have p < 0.05" in page.text
        curve = tables.cv_curve[(tables.cv_curve["modality"] == modality) & tables.cv_curve["repeat"].isna()]
        least, one_se = curve[curve["is_min"]].iloc[0], curve[curve["is_1se"]].iloc[0]
        assert int(least.nzero) == tables.record["flow"][modality]["selected"]
        assert f"λ.min = {least['lambda']:.3g} (dashed), the least error, keeps {least.nzero} feature" in page.text
        assert f"λ.1se = {one_se['lambda']:.3g} (dotted)" in page.text
        largest = tables.correlation.query("modality == @modality")["r"].abs().max()
        assert f"the largest |r| is {largest:.2f}" in page.text


def test_delongs_interval_is_of_the_mean_probability_of_each_sample(tables, page):
    rows = tables.predictions.query("selection == 'nested' and model == 'fusion'")
    each = rows.groupby("sample_id").agg({"label": "first", "probability": "mean"})
    found = auc_interval(each["label"], each["probability"])
    assert f"over the repeats: {found.auc:.2f} ({found.low:.2f} to {found.high:.2f}), DeLong's interval." in page.text


def test_warnings_are_listed(tables, page):
    assert tables.record["warnings"]
    for sentence in tables.record["warnings"]:
        assert sentence in page.text
    assert ("a", {"href": "#warnings"}) in page.tags


def test_figures_are_well_formed_and_told_in_words(page):
    svgs = page.pictures()
    assert (
        len(svgs) == 1 + 2 * 5 + 3
    )  # the AUCs; volcano, map, curve, path and bars of each; ROC, calibration, decision
    for svg in svgs:
        ElementTree.fromstring(svg)
    alts = [attributes["alt"] for tag, attributes in page.tags if tag == "img"]
    assert all(len(alt) > 40 for alt in alts)
    assert any(alt.startswith("Calibration of fusion: ") for alt in alts)


def assert_closed(html, page):
    assert not faults(html)
    assert not {"script", "link", "iframe", "object", "embed", "form"} & {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")]
        assert attributes.get("href", "#").startswith(("#", "data:text/csv;"))  # the numbers of a figure
    assert html.count('download="figure.csv"') == html.count("<figure")
    assert not re.search(r"https?:|@import|url\(", html)
    for svg in page.pictures():
        for element in ElementTree.fromstring(svg).iter():
            assert not element.tag.endswith(("script", "foreignObject"))
            for name, value in element.attrib.items():
                assert not name.startswith("on")
                assert not name.endswith("href") or value.startswith(("#", "data:image/png;base64,"))


def test_needs_no_network_and_no_script(html, page):
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert ("meta", {"http-equiv": "Content-Security-Policy", "content": policy}) in page.tags
    assert_closed(html, page)


def test_every_link_has_its_section_and_headings_nest(page):
    anchors = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a" and "download" not in attributes]
    assert {link[1:] for link in links} == anchors
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert set(levels[1:]) == {2}


def test_equal_tables_give_equal_bytes_whatever_the_users_style(tables, html, tmp_path):
    with mpl.rc_context({"font.size": 30, "svg.fonttype": "none", "axes.grid": True}):
        assert written(tables, tmp_path / "again.html") == html


def test_markup_in_names_is_escaped(tmp_path):
    rows = generated(6, prefixes=("",)).rename(columns={"f0": MARKUP, "f1": "'\"><img src=x onerror=alert(1)>"})
    html = written(tables_of(rows, modality_prefixes=False), tmp_path / "report.html")
    page = Page(html)
    assert_closed(html, page)
    assert MARKUP in [row[0] for row in table_starting(page, "The ")]
    assert "<script" not in html
    assert entities.escape(MARKUP, quote=False).split(" ")[0] in html


def first_features(n_features):
    return generated(n_features, prefixes=("",))


VARIANTS = {
    "nothing selected": ({"alpha": 0.0}, "Nothing was selected from all samples", "keeps none of 13 features."),
    "tests without LASSO": ({"steps": "kruskal,correlation"}, "in the Kruskal-Wallis test", "then 3 after pruning"),
    "no test": ({"steps": "correlation,lasso"}, "after pruning at |r| > 0.9", "with a non-zero LASSO coefficient"),
    "pruning alone": ({"steps": "correlation"}, "after pruning at |r| > 0.9", "Correlations among the"),
    "binomial": ({"family": "binomial", "rule": "1se"}, "Deviance over the penalty", "λ.1se was used."),
    "adjusted": ({"adjust": "bh"}, "passed, with p adjusted after Benjamini and Hochberg < 0.05", "Features"),
    "full path": ({"full_path": True}, "λ.min was used.", "Coefficients of the"),
    "interrupted": ({"interrupt_after": 4}, "Interrupted: 3 of 6 outer folds were finished", "AUC of"),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_renders_whatever_was_run(name, tmp_path):
    options, *said = VARIANTS[name]
    html = written(tables_of(first_features(12), modality_prefixes=False, **options), tmp_path / "report.html")
    page = Page(html)
    assert_closed(html, page)
    for words in said:
        assert words in page.text
    assert "nan" not in page.text.lower().split()
    assert all(len(attributes["alt"]) > 20 for tag, attributes in page.tags if tag == "img")


def test_one_feature_has_neither_a_map_nor_a_plural(tmp_path):
    rows = first_features(1).drop(columns="flat")
    page = Page(written(tables_of(rows, modality_prefixes=False), tmp_path / "report.html"))
    assert page.tables["The only feature that was ever chosen"][1][0] == "f0"
    assert "keeps 1 of 1 feature." in page.text
    assert "Correlations among" not in page.text


def test_an_optimistic_auc_alone_is_told_as_such(tmp_path):
    tables = tables_of(first_features(12), modality_prefixes=False, nested=False)
    html = written(tables, tmp_path / "report.html")
    page = Page(html)
    header, (model, cell) = table_starting(page, "AUC with its 95% interval")
    assert header == ["Model", "auc_optimistic: selected on all patients first"]
    assert model == "features"
    assert read_cell(cell) == pytest.approx(list(tables.record["auc_optimistic"]["features"].values()), abs=0.0051)
    features = table_starting(page, "The ")
    assert not {"Mean rank", "Median coefficient (same sign)"} & set(features[0])
    assert MISSING not in {cell for row in features for cell in row}
    assert "Optimistic: selection saw the test patients" in page.text
    assert "to be reported" in page.text
    assert_closed(html, page)


def test_patients_with_several_samples_have_no_delong_interval(tmp_path):
    rows = first_features(12).assign(patient_id=[f"p{number // 4}" for number in range(60)])
    rows["idh"] = np.arange(60) // 4 % 2
    page = Page(written(tables_of(rows, modality_prefixes=False), tmp_path / "report.html"))
    assert "Patients have several samples, for which DeLong's interval does not hold." in page.text


def test_points_that_coincide_are_drawn_once():
    rng = np.random.default_rng(0)
    points = rng.uniform([0, 0], [1, 8], size=(20000, 2))
    points[1] = points[0]
    kept = one_of_each(points)
    assert len(kept) < len(points)
    nearest = np.min(np.abs(points[:200, None] - kept[None]) * [400, 60], axis=1).max()
    assert nearest <= 1
