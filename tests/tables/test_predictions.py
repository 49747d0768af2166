"""The predictions table, long over outcome and class: what passes, what is refused, and its rows by outcome."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse.errors import RequestError
from radiofuse.tables import LONG_PREDICTION_COLUMNS, PREDICTION_COLUMNS, slice_of
from radiofuse.tables.class_rows import class_repeats_of
from radiofuse.tables.predictions import check_predictions, check_slice, outcomes_of, repeats_of, rows_of_model

CLASSES = ("2", "3", "4")


def grades(models=("t1", "fused"), n_samples=12, n_repeats=2, seed=0) -> pd.DataFrame:
    """WHO grade of two samples per patient: K rows per model, repeat and sample."""
    rng = np.random.default_rng(seed)
    own = np.arange(n_samples) // 2 % 3
    tables = []
    for model in models:
        for repeat in range(n_repeats):
            strength = np.exp(rng.normal(size=(n_samples, 3)) + np.eye(3)[own])
            rows = {
                "outcome": "who_grade",
                "sample_id": np.repeat([f"s{row:02d}" for row in range(n_samples)], 3),
                "patient_id": np.repeat([f"p{row // 2}" for row in range(n_samples)], 3),
                "repeat": repeat,
                "fold": np.repeat(np.arange(n_samples) // 2 % 2, 3),
                "model": model,
                "class": np.tile(CLASSES, n_samples),
                "label": np.eye(3, dtype=int)[own].ravel(),
                "probability": (strength / strength.sum(axis=1, keepdims=True)).ravel(),
            }
            tables.append(pd.DataFrame(rows))
    return pd.concat(tables, ignore_index=True)


def with_idh(table: pd.DataFrame) -> pd.DataFrame:
    """Beside it a binary outcome, whose positive class has the label of grade 4 the other way around."""
    idh = table[table["class"] == "4"].assign(outcome="idh", label=lambda rows: 1 - rows["label"])
    return pd.concat([idh.assign(**{"class": "mutant"}), table], ignore_index=True)


def test_the_columns_are_those_in_which_the_table_is_written():
    assert tuple(grades().columns) == LONG_PREDICTION_COLUMNS
    assert set(LONG_PREDICTION_COLUMNS) - set(PREDICTION_COLUMNS) == {"outcome", "class"}


def test_outcomes_come_in_order_with_their_classes():
    table = with_idh(grades())
    check_predictions(table)
    idh, grade = outcomes_of(table)
    assert (idh.name, idh.classes, idh.kind) == ("idh", ("mutant",), "binary")
    assert (grade.name, grade.classes, grade.kind) == ("who_grade", CLASSES, "multiclass")
    assert len(idh.rows) + len(grade.rows) == len(table)


def test_a_table_without_the_two_columns_is_one_binary_outcome():
    table = grades().query("`class` == '4'").drop(columns=["outcome", "class"])
    check_slice(table, "A test")
    (only,) = outcomes_of(table)
    assert (only.name, only.classes, only.kind) == ("", ("",), "binary")
    pd.testing.assert_frame_equal(only.rows, table)
    pd.testing.assert_frame_equal(slice_of(table), table)


def test_classes_may_be_numbers_as_a_csv_gives_them_back():
    table = grades().drop(columns="outcome").astype({"class": int})
    check_predictions(table)
    assert outcomes_of(table)[0].classes == CLASSES
    assert len(slice_of(table, cls="3")) == len(slice_of(table, cls=3)) == len(table) / 3


def test_samples_that_differ_as_numbers_and_text_are_one():
    table = grades(n_samples=2).astype({"sample_id": object})
    ids = {"s00": 7, "s01": "7"}
    with pytest.raises(RequestError, match="have not each class once, for example sample 7 .* has 2, 3, 4, 2, 3 and 4"):
        check_predictions(table.assign(sample_id=[ids[name] for name in table["sample_id"]]))


def test_samples_of_a_model_by_repeat_in_any_order_of_samples():
    table = grades()
    sample = table.groupby(["model", "repeat", "sample_id"]).ngroup().to_numpy()
    moved = np.random.default_rng(1).permutation(sample.max() + 1)[sample]
    shuffled = table.iloc[np.argsort(moved, kind="stable")]
    check_predictions(shuffled)
    plain, other = (class_repeats_of(rows_of_model(rows, "fused"), CLASSES) for rows in (table, shuffled))
    assert len(plain) == 2
    for one, two in zip(plain, other, strict=True):
        for values, again in zip(one, two, strict=True):
            np.testing.assert_array_equal(values, again)
    assert plain[0].code.tolist() == [0, 0, 1, 1, 2, 2] * 2
    assert plain[0].patient.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    rows = table.query("model == 'fused' and repeat == 1")
    np.testing.assert_array_equal(plain[1].probability, rows["probability"].to_numpy().reshape(-1, 3))


def test_a_slice_is_a_binary_table_of_one_class_against_the_rest():
    table = with_idh(grades())
    rows = slice_of(table, "who_grade", "3")
    check_slice(rows, "A test")
    (repeat, _) = repeats_of(rows_of_model(rows, "t1"))
    (by_class, _) = class_repeats_of(rows_of_model(slice_by_name(table), "t1"), CLASSES)
    np.testing.assert_array_equal(repeat.label, by_class.code == 1)
    np.testing.assert_array_equal(repeat.probability, by_class.probability[:, 1])
    assert len(slice_of(table, "idh")) == len(table) / 4


def slice_by_name(table):
    return outcomes_of(table)[1].rows


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        ({}, "hold several, idh, who_grade; name the outcome"),
        ({"outcome": "mgmt"}, "hold no outcome 'mgmt'; they hold idh, who_grade"),
        ({"outcome": "who_grade"}, "of outcome who_grade hold several, 2, 3, 4; name the class"),
        ({"outcome": "idh", "cls": "wildtype"}, "of outcome idh hold no class 'wildtype'; they hold mutant"),
    ],
)
def test_a_slice_that_is_not_there_is_refused_with_those_that_are(named, sentence):
    with pytest.raises(RequestError, match=sentence):
        slice_of(with_idh(grades()), **named)
    with pytest.raises(RequestError, match="no outcome 'idh'; they have no column outcome"):
        slice_of(grades().drop(columns="outcome"), "idh")


def test_what_takes_one_class_says_how_to_get_it():
    table = with_idh(grades())
    with pytest.raises(RequestError, match=r"outcomes idh, who_grade. .* slice_of\(predictions, outcome='idh'\)"):
        check_slice(table, "A calibration line")
    with pytest.raises(RequestError, match=r"classes 2, 3, 4 of the outcome. .* slice_of\(predictions, cls='2'\)"):
        check_slice(grades().drop(columns="outcome"), "A calibration line")


def changed(column, value, rows=3):
    def fault(table):
        table = table.copy()
        table.loc[rows, column] = value
        return table

    return fault


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (
            lambda table: table.drop(index=4),
            "1 of 48 .* of outcome who_grade have not each class once.* sample s01 .* has 2 and 4",
        ),
        (
            lambda table: table.iloc[[0, 1, 2, 4, 3, *range(5, 144)]],
            "1 of 48 .* another order than 2, 3, 4, .* sample s01 of model t1, repeat 0. The order of the rows",
        ),
        (changed("label", 1, rows=[4, 5]), "1 of 48 .* label 1 in none or in several of their classes.* sample s01"),
        (changed("label", 0, rows=[6, 7, 8]), "1 of 48 .* label 1 in none or in several.* sample s02"),
        (changed("probability", 0.0, rows=4), "1 of 48 .* probabilities that do not sum to 1.* sample s01 .*Divide"),
        (changed("patient_id", "p5"), "1 of 48 .* several patients or folds.* sample s01"),
        (changed("label", [0, 1, 0], rows=[0, 1, 2]), r"1 of 12 samples have several classes .*s00 \(t1: 3, t1: 2\)"),
        (changed("class", np.nan), "1 of 144 predictions have no class.* sample s01"),
        (
            lambda table: pd.concat([table, table.iloc[[4]]]),
            "1 of 145 .* second prediction.*outcome who_grade, class 3",
        ),
        (lambda table: table[table["class"] != "2"], "name two classes, 3 and 4, which makes it binary"),
        (changed("class", "3", rows=0), "second prediction"),
    ],
)
def test_impossible_tables_of_classes_are_refused_with_an_example(fault, sentence):
    with pytest.raises(RequestError, match=sentence):
        check_predictions(fault(grades()))


def test_a_binary_outcome_among_several_is_named_where_a_sample_has_both_labels():
    table = with_idh(grades())
    table.loc[0, "label"] = 1 - table.loc[0, "label"]
    with pytest.raises(RequestError, match="1 of 12 samples have both labels of outcome idh, for example sample s00"):
        check_predictions(table)
    table.loc[0, "sample_id"] = "of its own"
    check_predictions(table)  # labels of different outcomes may differ
