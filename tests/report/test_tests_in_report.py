"""Tests and searches that a recipe asks for, on the page: where the run has them, and nowhere else."""

from __future__ import annotations

import pandas as pd
import pytest
from bundle_fixture import edit_protocol, make_bundle
from page_parser import Page

from radiofuse.bundle.format import TABLES
from radiofuse.report import write_report

PAIRS, HARRELL, SEARCHED = "Pairs of models", "Corrected for optimism (Harrell): mean", "Options that searches chose"
PSEUDO = "Pseudo-labels"
TESTS = pd.DataFrame(
    [
        ("idh", "1", "mean", "t1", "mcnemar", "accuracy", 0.0714, 2.3, 0.129, 98),
        ("idh", "1", "mean", "t1", "nri", "nri", 0.4, 2.0, 0.0456, 98),
        ("idh", "1", "mean", "t1", "idi", "idi", -0.031, -1.0, 0.317, 98),
        ("idh", "1", "mean", "t1", "resampled_t", "auc", float("nan"), float("nan"), float("nan"), 25),
        ("idh", "1", "mean", "", "permutation", "auc", 0.81, 0.497, 0.00497, 200),
        ("idh", "1", "mean", "", "harrell", "auc", 0.78, 0.99, float("nan"), 200),
        ("idh", "1", "mean", "", "harrell", "calibration_slope", 0.61, 1.0, float("nan"), 199),
    ],
    columns=list(TABLES["tests"].columns),
)
CHOSEN = pd.DataFrame(
    [("idh", "fusion", "t1", 0, fold, "C", value) for fold, value in enumerate(["0.1", "10", "10", "1", "10"])]
    + [("idh", "fusion", "t1", None, None, "C", "10")],
    columns=list(TABLES["chosen_options"].columns),
)
TAUGHT = pd.DataFrame(
    [("idh", "taught", 0, fold, 30, 60, 45, 20 + fold, (20 + fold) / 60, 0.9, 0.8, fold > 0) for fold in range(5)]
    + [("idh", "taught", None, None, 36, 54, 54, 27, 0.5, 1.0, 0.75, True)],
    columns=list(TABLES["pseudo_labels"].columns),
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return make_bundle(tmp_path_factory.mktemp("asked") / "bundle", n_patients=30, n_repeats=1)


@pytest.fixture(scope="module")
def page(bundle):
    without = Page(write_report(bundle).read_text())
    assert not {PAIRS, HARRELL, SEARCHED, PSEUDO} & set(without.tables)
    assert "Further tests" not in without.text
    TESTS.to_csv(bundle / "tests.csv", index=False)
    CHOSEN.to_csv(bundle / "chosen_options.csv", index=False)
    TAUGHT.to_csv(bundle / "pseudo_labels.csv", index=False)
    return Page(write_report(bundle).read_text())


def test_pairs_stand_test_by_test_under_their_models(page):
    _, heading, *rows = page.tables[PAIRS]
    assert heading == ["mean beside t1"]
    assert [row[1:] for row in rows] == [
        ["0.071", "0.13", "98 patients"],
        ["0.400", "0.046", "98 patients"],
        ["-0.031", "0.32", "98 patients"],
        ["—", "—", "25 folds"],
    ]
    assert "McNemar" in rows[0][0]
    assert "corrected resampled t" in rows[3][0]


def test_permutations_are_told_in_a_sentence(page):
    assert (
        "refitted, selection and all, to labels permuted between patients, in stratified folds dealt anew, 200 times"
        in page.text
    )
    assert "an AUC of 0.50, with the true labels 0.81" in page.text
    assert "a share of 0.005 (the p-value; the least possible is 0.005)" in page.text


def test_optimism_says_both_scores_and_that_no_split_has_a_part_in_it(bundle, page):
    assert page.tables[HARRELL][1:] == [["AUC", "0.99", "0.78", "200"], ["Calibration slope", "1.00", "0.61", "199"]]
    assert "the split of the run has no part in it" not in page.text
    edit_protocol(bundle, split="leave_one_site_out")
    assert "the split of the run has no part in it" in Page(write_report(bundle).read_text()).text


def test_what_a_search_chose_is_counted_over_the_folds(page):
    assert page.tables[SEARCHED][1:] == [["t1", "C", "10", "10: 3, 0.1: 1, 1: 1", "fusion"]]


def test_links_lead_to_what_is_there(page):
    ids = {tags["id"] for _, tags in page.tags if "id" in tags}
    assert {tags["href"].removeprefix("#") for tag, tags in page.tags if tag == "a" and "download" not in tags} <= ids
    assert "tests" in ids


def test_sample_sizes_are_told_without_an_auc_that_the_criteria_take(bundle):
    head = ("idh", "1", "all", 3492, 98, 37, 37 / 3492)
    sizes = [
        (*head, "auc of this run", *[float("nan")] * 5),
        (*head, "nagelkerke r2 0.15", 0.11, 28340, 28340, 5000, 361),
    ]
    pd.DataFrame(sizes, columns=list(TABLES["sample_sizes"].columns)).to_csv(bundle / "sample_sizes.csv", index=False)
    page = Page(write_report(bundle).read_text())
    assert "selection starts from 3,492 features: 0.011 such patients for each. A regression on all" in page.text
    assert "at once would need 28,340 patients if it explained 15%" in page.text
    row = page.tables["Candidate features, and the patients they ask for"][1]
    assert row == ["all", "3,492", "0.011", "—", "—", "—", "—", "28,340"]


def test_pseudo_labels_are_averaged_over_the_folds(page):
    assert page.tables[PSEUDO][1:] == [
        ["folds, on average", "30", "60", "45", "22", "0.37", "0.90", "0.80", "4 of 5", "taught"],
        ["final model", "36", "54", "54", "27", "0.50", "1.00", "0.75", "1 of 1", "taught"],
    ]
