"""Whose column is it: prefixes, what the caller says, and the message when one is missing."""

from __future__ import annotations

import pandas as pd
import pytest

from radiofuse.errors import RequestError
from radiofuse.fuse.member_columns import check_columns, find_columns

TABLE = pd.DataFrame(columns=["sample_id", "t1__a", "t1ce__a", "t1__b", "clinical__age"])


def test_prefix_is_the_whole_modality():
    found = find_columns(TABLE, ["t1", "t1ce"], None)
    assert found == {"t1": ["t1__a", "t1__b"], "t1ce": ["t1ce__a"]}


def test_a_member_may_be_called_as_no_modality_may():
    table = pd.DataFrame(columns=["T1__a", "t1_post__a", "T1__b__c"])
    assert find_columns(table, ["T1", "t1_post"], None) == {"T1": ["T1__a", "T1__b__c"], "t1_post": ["t1_post__a"]}


@pytest.mark.parametrize("chosen", [slice(1, 3), [1, 2], [-4, 2], ["t1__a", "t1ce__a"]])
def test_columns_by_position_or_label(chosen):
    assert find_columns(TABLE, ["both"], {"both": chosen}) == {"both": ["t1__a", "t1ce__a"]}


@pytest.mark.parametrize(
    ("members", "columns", "words"),
    [
        (["t2"], None, "'t2' has no column.*t2__.*has the prefixes clinical, t1, t1ce."),
        (["t1"], {"t2": [0]}, r"columns names \['t2'\].*members are \['t1'\]"),
        (["x"], {"x": [9]}, "'x' is given column 9, but the table has 5"),
        (["x"], {"x": slice(5, None)}, "'x' has no column"),
        (["t1"], {"t1": ["t1__a", "t1__c"]}, r"lacks 1 of the 2 columns of modality t1"),
    ],
)
def test_what_cannot_be_found_is_said(members, columns, words):
    with pytest.raises(RequestError, match=words):
        find_columns(TABLE, members, columns)


def test_a_difference_names_both_sides():
    with pytest.raises(RequestError) as caught:
        check_columns(TABLE, {"t1": ["t1__a", "t1__B", "t1__c"], "t1ce": ["t1ce__a"]})
    assert str(caught.value).splitlines()[:-1] == [
        "The table lacks 2 of the 3 columns of modality t1:",
        "  - t1__B",
        "  - t1__c",
        "  + t1__b",
    ]


def test_a_modality_that_is_wholly_missing_may_be_added_empty():
    with pytest.raises(RequestError, match="lacks 1 of the 1 columns of modality t2:\n.*\n.*leave them empty in rows"):
        check_columns(TABLE, {"t2": ["t2__a"]})


def test_a_long_difference_is_cut():
    with pytest.raises(RequestError, match="- … and 92 more"):
        check_columns(TABLE, {"t1": [f"t1__{number}" for number in range(100)]})


def test_a_repeated_column_is_refused():
    table = pd.DataFrame([[1, 2, 3]], columns=["t1__a", "t1__a", "t2__a"])
    with pytest.raises(RequestError, match="'t1__a' of modality t1 more than once"):
        find_columns(table, ["t1"], None)
