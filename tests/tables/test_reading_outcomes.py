"""Outcomes: binary and of several classes, their spellings, and what keeps them from being used."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from radiofuse.errors import CohortError, RequestError
from radiofuse.tables.cohort import read_cohort
from radiofuse.tables.label_reading import LabelReading
from radiofuse.tables.outcomes import AskedOutcome
from radiofuse.tables.reading_outcomes import read_outcome
from radiofuse.tables.spellings import VOCABULARIES, vocabulary_for


def read(values, **asked):
    column = asked.pop("column", "grade")
    table = pd.DataFrame({"sample_id": [f"s{row}" for row in range(len(values))], column: values})
    return read_outcome(table, AskedOutcome(column, **asked))


# UCSF-PDGM's metadata has these spellings (IDH, 1p/19q, MGMT); TCGA's tables "WT", "codel", "Unmethylated", "G2"
SPELLINGS = [
    ("idh", "wildtype", "wildtype"),
    ("idh", "WT", "wildtype"),
    ("idh", "IDH-wildtype", "wildtype"),
    ("idh", "IDH1 p.R132H", "mutant"),
    ("idh", "IDH1 p.R132C", "mutant"),
    ("idh", "IDH2 p.Arg172Trp", "mutant"),
    ("idh", "mutated (NOS)", "mutant"),
    ("idh", "Mutant", "mutant"),
    ("idh", "unknown", ""),
    ("codeletion", "intact", "intact"),
    ("codeletion", "non-codel", "intact"),
    ("codeletion", "co-deletion", "codeleted"),
    ("codeletion", "relative co-deletion", "codeleted"),
    ("codeletion", "Codel", "codeleted"),
    ("mgmt", "positive", "methylated"),
    ("mgmt", "Unmethylated", "unmethylated"),
    ("mgmt", "indeterminate", ""),
    ("grade", "G2", "2"),
    ("grade", "WHO grade IV", "4"),
    ("grade", "III", "3"),
    ("grade", "glioblastoma", None),
    ("idh", "IDH1", None),
]


@pytest.mark.parametrize(("vocabulary", "written", "expected"), SPELLINGS)
def test_public_tables_spellings_stand_for_these_classes(vocabulary, written, expected):
    assert VOCABULARIES[vocabulary].class_of(written) == expected


@pytest.mark.parametrize("column", ["IDH", "idh_status", "IDH1", "final_idh"])
def test_a_vocabulary_is_found_by_the_columns_name(column):
    assert vocabulary_for(column, pd.Series(["wt", "mutant", ""])) is VOCABULARIES["idh"]


def test_one_value_that_no_vocabulary_knows_leaves_all_words_as_they_are():
    assert vocabulary_for("idh", pd.Series(["wt", "mutant", "maybe"])) is None


def test_no_spelling_stands_for_two_classes():
    for vocabulary in VOCABULARIES.values():
        written = [text for name, spellings in vocabulary.classes.items() for text in {name, *spellings}]
        assert {vocabulary.class_of(text) for text in written} == set(vocabulary.classes)
        assert all(vocabulary.class_of(text) == "" for text in vocabulary.unknown)


def test_classes_are_codes_in_their_order_and_unknown_stays_unknown():
    found = read(["4", "2", "3", "", "2"], kind="multiclass")
    assert found.outcome.classes == ("2", "3", "4")
    assert found.outcome.ordered
    np.testing.assert_array_equal(found.label.y, [2, 0, 1, np.nan, 0])


def test_the_order_of_classes_is_the_callers():
    found = read(["low", "high", "mid"], kind="multiclass", classes=("low", "mid", "high"), ordered=True, column="risk")
    np.testing.assert_array_equal(found.label.y, [0, 2, 1])


def test_a_binary_outcome_takes_the_vocabularys_last_class_as_positive():
    found = read(["WT", "IDH1 p.R132H", "unknown"], column="idh")
    assert found.outcome.classes == ("wildtype", "mutant")
    np.testing.assert_array_equal(found.label.y, [0, 1, np.nan])


def test_spellings_of_ones_own_are_brought_together():
    spellings = {"wildtype": ["IDH wild type", "IDH-WT"], "mutant": ["changed"]}
    found = read(["idh-wt", "changed", "IDH wild type"], column="status", spellings=spellings, positive="mutant")
    np.testing.assert_array_equal(found.label.y, [0, 1, 0])


REFUSED = [
    ({"values": ["2", "3", "4", "5"], "classes": ("2", "3", "4")}, "also holds 5; its classes are 2, 3, 4. Add"),
    ({"values": ["2", "3", "3"], "classes": ("2", "3", "4")}, "No sample has grade = '4'"),
    ({"values": ["2", "3"]}, 'holds 2 classes (2, 3), and kind = "multiclass" needs three or more'),
    ({"values": ["a", "b", "c", "A "]}, "differ in spelling only: 'A' = 'a'"),
    ({"values": ["1", "2", "2"], "kind": "binary", "positive": "7", "column": "x"}, "No sample has x = '7'"),
    ({"values": ["1", "2", "3"], "kind": "binary", "classes": ("1", "2"), "column": "x"}, "also holds 3"),
    ({"values": ["", ""], "kind": "binary", "positive": "1", "column": "x"}, "is empty in all 2 rows"),
]


@pytest.mark.parametrize(("asked", "sentence"), REFUSED)
def test_what_cannot_be_an_outcome_is_said_in_a_sentence(asked, sentence):
    asked = {"kind": "multiclass", **asked}
    (problem,) = read(asked.pop("values"), **asked).label.problems
    assert sentence in problem


@pytest.fixture
def path(tmp_path):
    rows = [f"s{row},{'WT' if row % 2 else 'mutant'},{2 + row % 3},{row / 7}" for row in range(12)]
    table = tmp_path / "cohort.csv"
    table.write_text("\n".join(["sample_id,idh,who_grade,t1__mean", *rows]))
    return table


@pytest.mark.parametrize(
    ("values", "advice"),
    [
        (["mutant", "wildtype", "other"], 'Set one against the rest with positive = "VALUE"; leave out'),
        (["0", "1", "9"], 'leave unknown ones empty, or say positive = "VALUE"'),
        (["mutant", ""], "Add samples of the other class, or name another column with column."),
    ],
)
def test_advice_speaks_the_language_of_the_entry_or_of_the_short_form(values, advice):
    (said,) = read(values, column="idh").label.problems
    assert advice in said
    (said,) = read(values, column="idh", plain=True).label.problems
    assert "label" in said and advice not in said


def test_two_outcomes_of_one_column_and_one_of_another(path):
    asked = [
        AskedOutcome("idh"),
        AskedOutcome("who_grade", kind="multiclass"),
        AskedOutcome("who_grade", name="high", positive="4"),
    ]
    cohort = read_cohort(path, labels=asked)
    assert list(cohort) == ["sample_id", "patient_id", "idh", "who_grade", "high", "t1__mean"]
    assert [outcome.phrase for outcome in cohort.attrs["outcomes"]] == [
        "idh = mutant",
        "who_grade (2 < 3 < 4)",
        "high = 4",
    ]
    np.testing.assert_array_equal(cohort["high"], cohort["who_grade"] == 2)


def test_a_class_of_too_few_patients_is_named(path):
    with pytest.raises(CohortError, match="Classes of who_grade with fewer patients than the 5 folds: 2 .4 patients"):
        read_cohort(path, labels=["idh", AskedOutcome("who_grade", kind="multiclass")], n_folds=5)


def test_outcomes_have_names_of_their_own(path):
    with pytest.raises(RequestError, match="Two outcomes are called 'idh'"):
        read_cohort(path, labels=["idh", AskedOutcome("who_grade", name="idh")])
    with pytest.raises(CohortError, match="called like another column: t1__mean|called like a feature: t1__mean"):
        read_cohort(path, labels=["idh", AskedOutcome("who_grade", name="t1__mean", positive="4")])
    with pytest.raises(CohortError, match="called like another column: sample_id"):
        read_cohort(path, labels=["idh", AskedOutcome("who_grade", name="sample_id", positive="4")])


KNOWN = [
    (AskedOutcome("idh", plain=True), ["WT", "Mutant"], ["Mutant", "", "WT"], [1.0, np.nan, 0.0]),
    (AskedOutcome("idh"), ["WT", "Mutant"], ["IDH1 p.R132H", "wild type", "unknown"], [1.0, 0.0, np.nan]),
    (AskedOutcome("grade", positive="4", plain=True), ["2", "3", "4"], ["3.0", "4", "2"], [0.0, 1.0, 0.0]),
    (AskedOutcome("grade", kind="multiclass"), ["G2", "G3", "G4"], ["IV", "2", "II"], [2.0, 0.0, 0.0]),
    (AskedOutcome("idh", missing=("9",), plain=True), ["0", "1", "9"], ["1", "9", "1.0"], [1.0, np.nan, 1.0]),
    (AskedOutcome("x", positive="b", spellings={"b": ["c"]}), ["a", "b"], ["c", "c", "a"], [1.0, 1.0, 0.0]),
]


@pytest.mark.parametrize(("asked", "own", "others", "codes"), KNOWN)
def test_the_column_of_another_cohort_is_read_as_that_of_the_first(asked, own, others, codes):
    def table(cells):
        return pd.DataFrame({"sample_id": [f"s{row}" for row in range(len(cells))], asked.column: cells})

    known = read_outcome(table(own), asked).outcome
    carried = replace(known, reading=LabelReading.from_json(json.loads(json.dumps(known.reading.to_json()))))
    read = read_outcome(table(others), AskedOutcome(asked.column, known=carried))
    assert read.outcome == known
    np.testing.assert_array_equal(read.label.y, codes)
    strange = read_outcome(table(["nobody knows", *others]), AskedOutcome(asked.column, known=carried))
    assert f"Column {asked.column} holds nobody knows, which the model does not know" in strange.label.problems[0]
