"""The grammar of column names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofuse.tables import columns

MODALITIES = st.from_regex(r"[a-z][a-z0-9]*", fullmatch=True)
THINGS = st.text(min_size=1)


@given(modality=MODALITIES, thing=THINGS)
def test_split_undoes_join(modality, thing):
    assert columns.split(columns.join(modality, thing)) == (modality, thing)


def test_the_first_separator_splits():
    assert columns.split("core__t1ce__original_glcm_Idmn") == ("core", "t1ce__original_glcm_Idmn")
    assert columns.split("t1___x") == ("t1", "_x")


@pytest.mark.parametrize(
    "column", ["", "site", "t1_image", "T1__image", "1t__x", "t-1__x", "__x", "t1__", "t1\n__x", "é__x"]
)
def test_columns_outside_the_grammar_have_no_parts(column):
    assert columns.split(column) is None


def test_columns_are_grouped_in_order_of_appearance():
    groups = columns.by_modality(["t2__b", "site", "t1__a", "t2__a", "T1__a", "clinical__age"])
    assert list(groups.items()) == [("t2", ["t2__b", "t2__a"]), ("t1", ["t1__a"]), ("clinical", ["clinical__age"])]
