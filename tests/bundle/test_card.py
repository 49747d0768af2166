"""The model card: numbers of the run and nothing else, whatever stands in titles and warnings."""

from __future__ import annotations

import pandas as pd
import pytest
import yaml

from radiofuse.bundle.card import model_card
from tests.bundle_tables import tables_of

HOSTILE = "a: \"b\" 'c'\n---\nd: [e, {f}] #g | <script>alert(1)</script> \u2028 \x7f 😀 *!x &y"
ENVIRONMENT = {"python": "3.12.1", "platform": "x", "packages": {}}


def about(**changes):
    protocol = {"selector": "none", "classifier": "logistic", "primary": "mean", "repeats": 2, "folds": 5}
    outcome = {"name": "idh", "kind": "binary", "classes": ["0", "1"], "ordered": False}
    return {
        "name": "study",
        "title": "A test",
        "outcomes": [outcome],
        "modalities": ["t1"],
        "synthetic": False,
        "radiofuse_version": "9.9",
        "as_published": [],
        "warnings": [],
        "protocol": protocol,
    } | changes


def tables():
    head = {"outcome": "idh", "model": ["mean", "t1"], "class": "1"}
    scores = pd.DataFrame({**head, "metric": "auc", "value": [0.8125, 0.5], "low": 0.7, "high": 0.9, "n_patients": 77})
    folds = pd.DataFrame({"outcome": "idh", "class": ["0", "1"] * 4, "repeat": [0] * 4 + [1] * 4, "n_test": [3, 2] * 4})
    named = {"outcome": "idh", "model": "mean", "variable": "site", "level": ["a|b", "c"], "metric": ["auc", ""]}
    groups = pd.DataFrame(
        {**named, "value": [0.75, None], "low": [0.5, None], "high": [0.9, None], "n_patients": [40, 3]}
    )
    return tables_of() | {"scores": scores, "folds": folds, "subgroups": groups}


def header_and_body(card):
    before, header, body = card.split("---\n", 2)
    assert before == ""
    return yaml.safe_load(header), body


def test_the_card_holds_the_scores_of_the_answer_with_their_intervals():
    header, body = header_and_body(model_card(about(), ENVIRONMENT, tables()))
    (result,) = header["model-index"][0]["results"]
    assert result["metrics"] == [
        {"type": "roc_auc", "name": "auc 0.812 (95 % interval 0.700 to 0.900)", "value": 0.8125}
    ]
    assert "| idh | 1 | auc | 0.81 (0.70 to 0.90) | 77 |" in body
    assert "| idh | 0 | 6 |" in body and "| idh | 1 | 4 |" in body  # of one repeat, not of both
    assert r"| idh | site | a\|b | 0.75 (0.50 to 0.90) | 40 |" in body and "| idh | site | c | — | 3 |" in body
    assert "Python 3.12.1 and radiofuse 9.9" in body


@pytest.mark.parametrize("entry", ["title", "name"])
def test_hostile_texts_leave_the_header_whole_and_the_page_without_markup(entry):
    changes = {entry: HOSTILE, "modalities": [HOSTILE], "warnings": [HOSTILE], "as_published": [HOSTILE]}
    header, body = header_and_body(model_card(about(**changes), ENVIRONMENT, tables()))
    assert HOSTILE in header["tags"]
    index = header["model-index"][0]
    assert HOSTILE in (index["name"] if entry == "name" else index["results"][0]["dataset"]["name"])
    assert "<script>" not in body
    assert "\n---" not in body
    assert "but for the deviations below" in body


def test_a_row_of_a_table_stays_one_row():
    flow = pd.DataFrame({"step": ["a | b\nc"], "n_samples": 1, "n_patients": 1, "note": "`x`"})
    _, body = header_and_body(model_card(about(), ENVIRONMENT, tables() | {"cohort_flow": flow}))
    assert r"| a \| b c | 1 | 1 | \`x\` |" in body
