"""Reporting forms: as many items as the checklists have, no yes without what it points to."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil

import pandas as pd
import pytest
from bundle_fixture import edit_about, make_bundle
from page_parser import Page
from typer.testing import CliRunner

from radiofuse.commands.forms import Form as Choice
from radiofuse.commands.forms import app
from radiofuse.errors import RequestError
from radiofuse.report.experiment.contents import read_contents
from radiofuse.report.forms.fact import ANSWERS, HUMAN, NO, NOT_APPLICABLE, YES, Fact, Pointer, is_there
from radiofuse.report.forms.filled import FORMS, facts_of, fill, items_of
from radiofuse.report.forms.page import as_page, as_table, score_words
from radiofuse.report.forms.write import write_forms
from radiofuse.report.paper.tables import rows_of
from radiofuse.report.word import as_word, has_word

N_ITEMS = {"clear": 58, "metrics": 30, "tripod_ai": 27, "claim_2024": 44}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return make_bundle(tmp_path_factory.mktemp("forms") / "bundle", n_patients=40, n_repeats=1, modalities=("t1",))


@pytest.fixture(scope="module")
def facts(bundle):
    return facts_of(read_contents(bundle))


@pytest.mark.parametrize("name", FORMS)
def test_every_item_of_a_checklist_is_there_once_and_asks_for_a_fact_that_is_known(name, facts):
    items = items_of(name)
    main = list(dict.fromkeys(int(re.match(r"\d+", item.number)[0]) for item in items))
    assert main == list(range(1, N_ITEMS[name] + 1))
    assert len({item.number for item in items}) == len(items)
    assert {item.fact for item in items} <= set(facts)


def test_every_fact_is_asked_for(facts):
    assert set(facts) == {item.fact for name in FORMS for item in items_of(name)}


def test_the_weights_of_metrics_sum_to_one_and_no_other_form_has_any():
    assert sum(item.weight for item in items_of("metrics")) == pytest.approx(1, abs=1e-9)
    assert not [item for name in ("clear", "tripod_ai", "claim_2024") for item in items_of(name) if item.weight]


def test_a_yes_without_a_pointer_is_refused():
    with pytest.raises(ValueError, match="yes without a pointer"):
        Fact(YES, "It was done.")


def test_a_pointer_is_there_only_where_its_file_has_a_value(bundle):
    assert is_there(bundle, Pointer("scores.csv", "metric=auc"))
    assert is_there(bundle, Pointer("bundle.json", "protocol.seed"))
    assert is_there(bundle, Pointer("recipe.toml"))
    for file, entry in [
        ("scores.csv", "metric=nothing"),
        ("scores.csv", "nothing"),
        ("spreads.csv", "sd"),
        ("bundle.json", "protocol.nothing"),
        ("bundle.json", "protocol.seed.more"),
        ("absent.csv", "sd"),
    ]:
        assert not is_there(bundle, Pointer(file, entry))


def test_what_a_bundle_lacks_is_no_yes(bundle, facts):
    assert facts["external"].answer == NO
    assert facts["robust"].answer == NO
    assert facts["deep"].answer == NOT_APPLICABLE
    assert facts["outcome"].answer == HUMAN
    empty = dataclasses.replace(read_contents(bundle), operating_points=read_contents(bundle).operating_points.iloc[:0])
    assert "operating_points.csv" not in {pointer.file for pointer in facts_of(empty)["accuracy"].pointers}


def test_the_score_is_the_share_of_weights_that_apply():
    facts = {item.fact: Fact(NO, "") for item in items_of("metrics")}
    assert fill("metrics", facts).score == (0, 0)
    facts |= {"external": Fact(YES, "", (Pointer("x"),)), "deep": Fact(NOT_APPLICABLE, ""), "centers": Fact(HUMAN, "")}
    least, most = fill("metrics", facts).score
    assert least == pytest.approx(0.0749 / 0.98)
    assert most == pytest.approx((0.0749 + 0.0438) / 0.98)
    assert "without the publication at hand" in score_words(fill("metrics", facts))
    assert score_words(fill("clear", {item.fact: Fact(NO, "") for item in items_of("clear")})) == ""


def test_hostile_words_are_text_in_page_and_table(bundle, tmp_path):
    words = "<script>alert(1)</script> =cmd|'a'!A0"
    copy = shutil.copytree(bundle, tmp_path / "bundle")
    edit_about(copy, title=words, warnings=[words], clinical=[f"=1+1 {words}"])
    contents = read_contents(copy)
    form = fill("clear", facts_of(contents))
    page = as_page(form, contents)
    assert "<script" not in page
    assert words in Page(page).text
    assert [row[3] for row in rows_of(as_table(form))].count(HUMAN) == form.counts[HUMAN]


def test_equal_content_gives_equal_word_files(facts):
    pytest.importorskip("docx", reason="Word files need the extra paper")
    parts = [("Items", ["text", as_table(fill("metrics", facts))])]
    assert as_word("title", parts) == as_word("title", parts)


def test_the_command_writes_the_forms_that_are_asked_for(bundle, tmp_path):
    answer = CliRunner().invoke(app, [str(bundle), "--form", "clear", "--form", "claim_2024", "--out", str(tmp_path)])
    assert answer.exit_code == 0, answer.output
    assert set(json.loads((tmp_path / "forms.json").read_text())["files"]) == {
        f"{name}.{ending}"
        for name in ("clear", "claim_2024")
        for ending in ("html", "csv", *(["docx"] if has_word() else []))
    }
    cells = pd.read_csv(tmp_path / "clear.csv", dtype=str, keep_default_na=False)
    assert len(cells) == N_ITEMS["clear"]
    assert set(cells["Answer"]) <= set(ANSWERS)
    assert (cells.loc[cells["Answer"] == YES, "Where"] != "").all()
    with pytest.raises(RequestError, match="no form 'stard'"):
        write_forms(bundle, forms=["stard"])
    assert [str(one) for one in Choice] == list(FORMS)
