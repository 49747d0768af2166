"""Features that are not reproducible go; those nobody measured go, stay or are refused, as asked."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from radiofuse.errors import RequestError
from radiofuse.select import NothingSelectedWarning, ReproducibilitySelector, build_chain

NAMES = ["t1__a", "t1__b", "t1__c"]
X = pd.DataFrame(np.random.default_rng(0).normal(size=(12, 3)), columns=NAMES)
TABLE = pd.DataFrame(
    {
        "modality": ["t1", "t1", "t1", "t2"],
        "feature": ["a", "b", "c", "a"],
        "icc": [0.95, 0.75, 0.5, 0.1],
        "low": [0.8, 0.5, 0.2, 0.0],
    }
)


def kept(icc, names=NAMES, **options) -> list[str]:
    return ReproducibilitySelector(icc, **options).fit(X.set_axis(names, axis=1)).get_feature_names_out().tolist()


@pytest.mark.parametrize(
    ("options", "expected"),
    [({}, NAMES[:2]), ({"threshold": 0.9}, NAMES[:1]), ({"bound": "low"}, NAMES[:1]), ({"threshold": 0.2}, NAMES)],
)
def test_the_threshold_is_inclusive_and_holds_for_estimate_or_lower_bound(options, expected):
    assert kept(TABLE, **options) == expected


def test_table_file_series_and_mapping_say_the_same(tmp_path):
    TABLE.to_csv(tmp_path / "icc.csv", index=False)
    series = pd.Series([0.95, 0.75, 0.5], index=NAMES)
    sources = (TABLE, tmp_path / "icc.csv", str(tmp_path / "icc.csv"), series, series.to_dict())
    assert [kept(source) for source in sources] == [NAMES[:2]] * 5


def test_features_are_found_by_name_not_by_place():
    assert kept(TABLE, ["t1__c", "t2__a", "t1__a"]) == ["t1__a"]


@pytest.mark.parametrize(("absent", "expected"), [("keep", ["t1__a", "t1__new"]), ("drop", ["t1__a"])])
def test_a_feature_that_nobody_measured(absent, expected):
    assert kept(TABLE, ["t1__a", "t1__c", "t1__new"], absent=absent) == expected
    with pytest.raises(RequestError, match="The ICCs lack 1 of the features, the first is 't1__new'"):
        kept(TABLE, ["t1__a", "t1__c", "t1__new"])


def test_a_feature_that_never_changed_is_not_reproducible():
    assert kept({"t1__a": 0.9, "t1__b": np.nan, "t1__c": 0.8}, absent="keep") == ["t1__a", "t1__c"]


def test_where_nothing_passes_the_best_fills_up_and_a_warning_says_so():
    with pytest.warns(NothingSelectedWarning, match="none of 3 features passed"):
        assert kept(TABLE, threshold=0.99) == ["t1__a"]
    with pytest.warns(NothingSelectedWarning):
        assert ReproducibilitySelector(TABLE, threshold=1.0, on_empty="intercept").fit(X).get_support().sum() == 0


@pytest.mark.parametrize(
    ("icc", "options", "sentence"),
    [
        ("nowhere.csv", {}, "There is no table of ICCs 'nowhere.csv'"),
        (TABLE.drop(columns="low"), {"bound": "low"}, "has no column 'low'"),
        (pd.concat([TABLE, TABLE]), {}, "name 't1__a' more than once"),
        ({"t1__a": 0.5}, {"bound": "low"}, "needs a table"),
        (None, {}, "The 'icc' parameter"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(icc, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        kept(icc, **options)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("modality,feature,icc\nt1,a,0.9\nt1,b,n.d.\n", "'n.d.' as icc of t1__b; a number was expected"),
        ("modality,feature,icc\nt1,a,inf\n", "'inf' as icc of t1__a"),
        ("modality,feature,icc,icc\nt1,a,0.9,0.8\n", "Columns that occur more than once: icc"),
        ("", "It is empty"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_before_anything_is_fitted(tmp_path, text, sentence):
    (tmp_path / "icc.csv").write_text(text)
    with pytest.raises(RequestError, match=sentence):
        build_chain(["reproducibility"], {"reproducibility": {"icc": str(tmp_path / "icc.csv")}})


@pytest.mark.parametrize("sign", ["\t", ";"])
def test_a_file_is_read_as_every_other_table(tmp_path, sign):
    table = TABLE.assign(icc=["0.95", "0.75", "NULL", "n/a"])
    table.to_csv(tmp_path / "icc.txt", index=False, sep=sign)
    assert kept(tmp_path / "icc.txt") == NAMES[:2]


def test_a_file_that_changed_is_read_again(tmp_path):
    TABLE.to_csv(tmp_path / "icc.csv", index=False)
    assert kept(tmp_path / "icc.csv") == NAMES[:2]
    TABLE.assign(icc=[0.95, 0.755, 0.8125, 0.1]).to_csv(tmp_path / "icc.csv", index=False)
    assert kept(tmp_path / "icc.csv") == NAMES


def test_names_reach_it_through_a_pipeline():
    chain = make_pipeline(StandardScaler(), ReproducibilitySelector(TABLE), LogisticRegression())
    chain.set_output(transform="pandas").fit(X, np.arange(12) % 2)
    assert chain[-1].feature_names_in_.tolist() == NAMES[:2]
    with pytest.raises(RequestError, match="set_output"):
        make_pipeline(StandardScaler(), ReproducibilitySelector(TABLE)).fit(X)
