"""Bundles that are odd, hostile or broken: the report stays whole, or one sentence says why there is none."""

from __future__ import annotations

import json
import re
import shutil
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pandas as pd
import pytest
from bundle_fixture import edit_about, edit_protocol, make_bundle, words_of
from page_parser import Page

from radiofuse.bundle.format import SCHEMA
from radiofuse.errors import BundleError, RequestError
from radiofuse.report import write_report
from radiofuse.report.experiment.auc_words import best_of_models
from radiofuse.report.experiment.contents import read_contents
from radiofuse.report.experiment.page import page_values, render_page
from radiofuse.report.experiment.tables import calls_at_points

HOSTILE = [
    "<script>alert(1)</script>",
    r"$\frac{a$",
    "=cmd|' /C calc'!A0",
    "--><img src=x onerror=alert(2)>",
    "a\nb\tc",
]


@pytest.fixture(scope="module")
def small_bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small") / "bundle"
    return make_bundle(folder, n_patients=40, n_repeats=1, modalities=("t1",), fusions=("mean", "regression"))


@pytest.fixture
def bundle(small_bundle, tmp_path):
    """A copy that a test may spoil."""
    return shutil.copytree(small_bundle, tmp_path / "bundle")


def report_on(folder) -> Page:
    return Page(write_report(folder).read_text(encoding="utf-8"))


def edit_table(folder, name, change):
    path = folder / f"{name}.csv"
    change(pd.read_csv(path)).to_csv(path, index=False)


def test_only_failures_name_samples_and_banners_stand_only_where_needed(bundle):
    edit_table(bundle, "failures", lambda table: table.iloc[:0])
    plain = report_on(bundle).text
    assert re.search(r"P\d{3}", plain) is None
    assert "Synthetic data" not in plain
    assert "as published" not in plain
    edit_about(bundle, synthetic=True, as_published=["scaled on all patients"], warnings=["Few events."])
    text = report_on(bundle).text
    assert text.index("Synthetic data") < text.index("scaled on all patients") < text.index("Few events.")
    assert text.index("Few events.") < text.index("From the cohort table")
    assert "Exceptions are the deviations listed at the top." in text


def plant_everywhere(bundle):
    """Put every hostile text into every column and entry that can hold a user's words."""
    for name, columns in {
        "selected_features": ["feature"],
        "failures": ["sample_id", "modality", "code", "message"],
        "cohort_flow": ["step", "note"],
        "fusion_weights": ["member"],
    }.items():
        rows = pd.concat([pd.read_csv(bundle / f"{name}.csv")] * 5).head(len(HOSTILE))
        rows.assign(**dict.fromkeys(columns, HOSTILE)).to_csv(bundle / f"{name}.csv", index=False)
    models = {"t1": HOSTILE[0], "clinical": HOSTILE[1], "regression": HOSTILE[3]}
    words = "|".join(HOSTILE)
    named = json.loads((bundle / "bundle.json").read_text())["protocol"]["words"]
    entries = {models.get(name, name): {**said, "title": HOSTILE[0]} for name, said in named["models"].items()}
    edit_protocol(bundle, words={**named, "models": entries})
    for name in ("scores", "predictions"):
        edit_table(bundle, name, lambda table: table.replace({"model": models}).assign(**{"class": words}))
    for name in ("scores", "predictions", "comparisons", "selected_features", "fusion_weights"):
        edit_table(bundle, name, lambda table: table.assign(outcome=words))
    outcome = {"name": words, "kind": "binary", "classes": ["0", words], "ordered": False}
    (bundle / "recipe.toml").write_text(words, encoding="utf-8")
    edit_about(bundle, title=f"{words} caf\ud800", outcomes=[outcome], settings={words: words})
    edit_about(bundle, warnings=HOSTILE, as_published=HOSTILE)


def test_hostile_text_neither_injects_nor_crashes(bundle):
    plant_everywhere(bundle)
    page = report_on(bundle)
    assert not {"script", "iframe"} & {tag for tag, _ in page.tags}
    assert all(attributes["src"].startswith("data:") for tag, attributes in page.tags if tag == "img")
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert "caf?" in page.text  # a lone surrogate has no UTF-8
    for text in HOSTILE:
        assert page.text.count(" ".join(text.split())) >= 15
    for svg in page.pictures():
        elements = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(svg).iter()}
        assert not {"script", "img", "image"} & elements


def test_empty_tables_are_said_in_words(bundle):
    of_patients = ("cohort_flow", "modality_flow", "baseline", "subgroups")
    for name in ("failures", "selected_features", "fusion_weights", "importance_sums", *of_patients):
        edit_table(bundle, name, lambda table: table.iloc[:0])
    page = report_on(bundle)
    assert "No sample failed." in page.text
    assert "0 of 873 features were chosen" in page.text
    assert "There are no fusion weights." in page.text
    assert (
        len(page.pictures()) == 1 + 2 + 1 + 1 + 2
    )  # AUC, two ROC panels, calibration, decision curve, precision, calls


def test_bundle_without_any_score_or_prediction_still_gives_a_page(bundle):
    for name in ("scores", "predictions"):
        edit_table(bundle, name, lambda table: table.iloc[:0])
    text = report_on(bundle).text
    assert "0 patients (0 samples) had a known label" in text
    assert "There are no predictions of the primary fusion." in text


def test_missing_numbers_are_dashes_with_a_note(bundle):
    def blank(table):
        return table.assign(value=table["value"].where(table["metric"] != "auc"))

    for name in ("scores", "learning_intervals"):
        edit_table(bundle, name, blank)
    edit_table(bundle, "selected_features", lambda table: table.assign(mean_coefficient=float("nan")))
    edit_table(bundle, "fusion_weights", lambda table: table.assign(mean=float("nan"), low=float("nan")))
    page = report_on(bundle)
    aucs = [row[1] for row in page.tables["Scores with intervals, out of fold"][1:] if len(row) > 1]
    assert set(aucs) == {"—"}
    assert "— means that the number does not exist" in page.text
    words = page.text.replace("treating none", "")  # of the decision curve
    assert re.search(r"\b(nan|none|inf|nat)\b", words, re.IGNORECASE) is None


def test_a_class_that_never_occurs_leaves_no_curve_but_a_page(bundle):
    edit_table(bundle, "predictions", lambda table: table.assign(label=0))
    text = report_on(bundle).text
    assert "No curve can be drawn" in text
    assert "0 of them (0%) had the event" in text


def test_one_fusion_without_clinical_data(bundle):
    keep = ["t1", "mean", "trivial"]
    protocol = {"folds": 2, "repeats": 1, "inner_folds": 2, "selector": "own.module:Best", "classifier": "svm"}
    protocol |= {"selector_options": {"alpha": 0.01}, "primary": "mean", "seed": 0}
    edit_about(bundle, clinical=[], settings={"radiomics": None})
    edit_protocol(bundle, **protocol, words=words_of(["t1"], ["mean"]))
    for name in ("scores", "predictions"):
        edit_table(bundle, name, lambda table: table[table["model"].isin(keep)])
    edit_table(bundle, "fusion_weights", lambda table: table[table["fusion"] == "mean"])
    for name in ("importance_sums", "modality_flow", "subgroups"):
        edit_table(bundle, name, lambda table: table.iloc[:0])
    page = report_on(bundle)
    assert "Feature importance" not in page.text
    assert "from features of 1 modality (t1)" in page.text
    assert "Clinical data alone" not in page.text
    assert "own.module:Best (three steps); alpha = 0.01" in page.text
    assert (
        len(page.pictures()) == 1 + 1 + 1 + 1 + 1 + 2
    )  # AUC, ROC, calibration, decision curve, features, precision, calls


def test_many_failures_are_cut_with_a_word_and_ids_stay_as_written(bundle):
    def many(table):
        return pd.concat([table.assign(sample_id=["007", "NA"])] * 150)

    edit_table(bundle, "failures", many)
    page = report_on(bundle)
    rows = page.tables["Samples that failed"][1:]
    assert len(rows) == 200
    assert {row[0] for row in rows} == {"007", "NA"}
    assert "100 failures more: all are in failures.csv." in page.text


def test_says_which_file_column_or_entry_is_missing(bundle):
    edit_table(bundle, "scores", lambda table: table.drop(columns=["low", "high"]))
    with pytest.raises(BundleError, match=r"scores\.csv lacks the column low, high\."):
        write_report(bundle)
    (bundle / "scores.csv").unlink()
    with pytest.raises(BundleError, match=r"bundle lacks the file scores\.csv\."):
        write_report(bundle)


def test_says_when_a_number_is_no_number(bundle):
    edit_table(bundle, "scores", lambda table: table.assign(value="high"))
    with pytest.raises(BundleError, match=r"scores\.csv cannot be read .*high"):
        write_report(bundle)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"schema": SCHEMA + 1},
            r"has schema \d+; .* reads schema \d+\. Use the version that wrote",
        ),
        ({"schema": SCHEMA - 1}, r"has schema \d+; .* Run its recipe\.toml again: the store still has the features"),
        ({"outcomes": None}, r"bundle\.json lacks the entry outcomes"),
        ({"protocol": {"seed": 0}}, r"protocol in bundle\.json lacks the entry folds"),
    ],
)
def test_says_what_is_wrong_with_the_description(bundle, changes, message):
    edit_about(bundle, **changes)
    with pytest.raises(BundleError, match=message):
        write_report(bundle)


def test_refuses_to_lie_inside_the_bundle(bundle):
    with pytest.raises(RequestError, match="cannot lie inside the bundle"):
        write_report(bundle, bundle / "report.html")


def test_says_when_the_file_cannot_be_written(bundle):
    with pytest.raises(RequestError, match="cannot be written to .*No such file or directory"):
        write_report(bundle, bundle.parent / "absent" / "report.html")


def test_all_models_with_the_highest_auc_are_named(small_bundle):
    contents = read_contents(small_bundle)
    best = contents.best_of_models.assign(model="t1", value=0.75, low=0.6)
    level = contents.scores["model"].isin(["t1", "mean"]) & (contents.scores["metric"] == "auc")
    tied = replace(
        contents, best_of_models=best, scores=contents.scores.assign(value=contents.scores["value"].mask(level, 0.75))
    )
    assert "t1 and mean have the same highest AUC, 0.75. mean is the one that the recipe names" in best_of_models(tied)
    one = replace(tied, scores=tied.scores.assign(value=tied.scores["value"].mask(tied.scores["model"] == "mean", 0.7)))
    assert "t1 has the highest AUC, 0.75. Whoever" in best_of_models(one)


def test_a_rule_that_calls_all_has_no_threshold(small_bundle):
    contents = read_contents(small_bundle)
    points = contents.operating_points.assign(model="trivial")
    limits = dict.fromkeys(("value", "low", "high"), 0.0)
    table = calls_at_points(replace(contents, operating_points=points.assign(**limits)))
    assert table.groups[0][1][0][1] == "all are called"


def test_groupings_without_a_group_that_is_large_enough_are_left_out_and_named(small_bundle):
    contents = read_contents(small_bundle)
    first, second = contents.subgroups["variable"].unique()[:2]
    scored = contents.subgroups.assign(metric="auc", value=0.7, low=0.6, high=0.8).drop_duplicates(
        ["variable", "level"]
    )
    small = scored.assign(value=scored["value"].mask(scored["variable"] == first))
    page = Page(render_page(page_values(replace(contents, subgroups=small))))
    rows = page.tables["Scores of mean in groups of patients"]
    assert [first] not in rows and [second] in rows
    assert f"no group that is large enough: {first};" in page.text
    none = Page(render_page(page_values(replace(contents, subgroups=scored.assign(value=float("nan"))))))
    assert "Scores of mean in groups of patients" not in none.tables and "so there is no score of any" in none.text
