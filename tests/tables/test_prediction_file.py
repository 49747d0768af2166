"""Tables of predictions as somebody has them: what is filled in is said, and what cannot be guessed is asked for."""

from __future__ import annotations

import pandas as pd
import pytest

from radiofuse.errors import CohortError
from radiofuse.tables.prediction_file import read_predictions
from radiofuse.tables.predictions import check_predictions


def write(tmp_path, text):
    (tmp_path / "p.csv").write_text(text)
    return tmp_path / "p.csv"


def test_a_label_and_a_probability_are_enough(tmp_path):
    table, said = read_predictions(write(tmp_path, "label,probability\n1,.9\n0,.2\n,.4\n1,\n"))
    check_predictions(table)
    assert table[["sample_id", "patient_id", "model", "label"]].to_numpy().tolist() == [
        ["1", "1", "model", 1],
        ["2", "2", "model", 0],
    ]
    assert len(said) == 3 and said[-1] == "Left out: 2 rows without a label or a probability."
    assert not {"outcome", "class"} & set(table)


def test_several_columns_of_probabilities_are_models(tmp_path):
    path = write(tmp_path, "patient_id,idh,cnn,rad\nP1,mutant,.9,.6\nP2,wt,.2,\nP3,wt,.1,.3\n")
    table, said = read_predictions(path, label="idh=mutant", probabilities=["cnn", "rad"])
    assert table.groupby("model")["sample_id"].apply(list).to_dict() == {"cnn": ["P1", "P2", "P3"], "rad": ["P1", "P3"]}
    assert set(table["outcome"]) == {"idh"} and set(table["class"]) == {"mutant"}
    assert said[0] == "There is no column sample_id: each patient is one."


def test_a_table_of_a_run_comes_back_as_it_is(tmp_path):
    rows = {"outcome": "grade", "sample_id": ["007"] * 3 + ["NA"] * 3, "patient_id": ["007"] * 3 + ["NA"] * 3}
    rows |= {"repeat": 1, "fold": [0] * 3 + [1] * 3, "model": "mean", "class": ["2", "3", "4"] * 2}
    own = pd.DataFrame({**rows, "label": [1, 0, 0, 0, 0, 1], "probability": [0.5, 0.25, 0.25, 0.1, 0.2, 0.7]})
    own.to_csv(tmp_path / "p.csv", index=False)
    table, said = read_predictions(tmp_path / "p.csv")
    check_predictions(table)
    pd.testing.assert_frame_equal(table[list(own)], own, check_dtype=False)
    assert said == []


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("truth,score\n1,.5\n", {}, "no column label and none probability, but truth, score. Say with --label"),
        (
            "label,probability\n1,high\n0,.2\n",
            {},
            "Probabilities are numbers from 0 to 1; got in column probability: high",
        ),
        ("model,label,probability\na,1,.5\n", {}, "has the column model, so that a sample has many rows"),
        ("label,probability\n2,.5\n3,.2\n4,.1\n", {}, "holds 2, 3, 4: of several classes write a row for each class"),
        ("label,probability\n", {}, "a header and no row"),
        ("label,probability\nyes,.5\nno,.4\n", {"label": "label=maybe"}, "maybe"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path, text, options, words):
    with pytest.raises(CohortError, match=words):
        read_predictions(write(tmp_path, text), **options)


@pytest.mark.parametrize(
    "text", ['{"label": [1, 0]}', '[\n {"label": 1},\n {"label": 0}\n]', '{"label": 1}\n{"label": 0}']
)
def test_json_is_said_to_be_json(tmp_path, text):
    with pytest.raises(CohortError, match="It is JSON, not a table. Save it as CSV"):
        read_predictions(write(tmp_path, text))


def test_a_header_that_begins_with_a_bracket_is_a_table(tmp_path):
    table, _ = read_predictions(write(tmp_path, "[note],label,probability\nx,1,.5\ny,0,.2\n"))
    assert len(table) == 2
