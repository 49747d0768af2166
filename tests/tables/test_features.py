"""The table a selection reads: what is taken, what is left out, and every refusal."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from radiofuse.errors import CohortError, RequestError
from radiofuse.selection_run.request import SelectionRequest
from radiofuse.tables.features import RawTable, check_table
from radiofuse.tables.roles import Roles


def plain_table(n=12):
    rng = np.random.default_rng(0)
    ids = [f"{number:03d}" for number in range(n)]
    features = {"t1__a": rng.normal(size=n), "t1__b": rng.normal(size=n), "t2__a": rng.normal(size=n)}
    return pd.DataFrame({"sample_id": ids, "idh": np.arange(n) % 2, **features})


def checked(rows, positive=None, **options):
    request = SelectionRequest("idh", "table.csv", **{"folds": 2, **options})
    return check_table(RawTable(rows, "idh", positive, "table.csv", {}), request.roles, n_folds=request.folds)


def problems_of(rows, positive=None, **options):
    with pytest.raises(CohortError) as error:
        checked(rows, positive, **options)
    return error.value.problems


def test_rows_are_sorted_by_id():
    table = plain_table()
    assert checked(table.sample(frac=1, random_state=0)).features.equals(checked(table).features)


def test_a_table_without_modalities_is_one():
    table = plain_table().rename(columns=lambda name: name.replace("t1__", "x_").replace("t2__", "y_"))
    table["diagnostics_Versions"] = "3.0.1"
    found = checked(table.drop(columns="sample_id"), modality="ct", ignore=["y_a"])
    assert list(found.features.columns) == ["ct__x_a", "ct__x_b"]
    assert found.features.index[0] == "row01"
    assert found.notes == ("1 diagnostics_* column left out, no feature.",)


def test_prefixes_can_be_denied_and_demanded():
    assert list(checked(plain_table(), modality_prefixes=False).features.columns) == [
        "features__t1__a",
        "features__t1__b",
        "features__t2__a",
    ]
    plain = plain_table()[["sample_id", "idh"]].assign(age=50)
    assert problems_of(plain, modality_prefixes=True)[0].startswith("No feature column is left. One column of numbers")


def test_a_few_odd_names_do_not_leave_the_plain_columns_out():
    plain = plain_table().rename(columns=lambda name: name.replace("t1__", "x_").replace("t2__", "y_"))
    plain = plain.assign(age__squared=1.5, clinical__age=2.5)
    found = checked(plain)
    assert found.modalities == ["features"]
    assert len(found.features.columns) == 4
    assert "1 clinical column left out, no image feature" in found.notes[0]
    (problem,) = problems_of(plain.assign(age__cubed=1.0, z=2.0))
    assert problem.startswith("2 columns named <modality>__<feature> (age__squared, age__cubed) and 4 other columns of")
    twice = plain.assign(age__cubed=1.0, z=2.0)
    assert checked(twice, modality_prefixes=True).modalities == ["age"]
    assert len(checked(twice, modality_prefixes=False).features.columns) == 7


def test_what_is_left_out_is_told():
    table = plain_table().assign(
        t1__diagnostics_Mask="x", t1__image="a.nii", clinical__age=50, grade=4, site="a", idh=[0, 1] * 5 + [None, None]
    )
    found = checked(table)
    assert list(found.features.columns) == ["t1__a", "t1__b", "t2__a"]
    assert found.notes == (
        "2 of 12 samples have no idh and are left out.",
        "1 clinical column left out, no image feature; name what to keep with --covariates.",
        "1 diagnostics_* column left out, no feature.",
        "1 column left out, not named <modality>__<feature>: grade.",
        "Modality 't2' has a single column, t2__a.",
    )


def test_a_misspelt_prefix_is_told_with_what_was_meant():
    found = checked(plain_table().assign(t1_c=1.0, t2__b=2.0, t11__d=1.0))
    assert "Modality 't11' has a single column, t11__d; did you mean 't1__d'?" in found.notes
    assert "1 column left out, not named <modality>__<feature>: t1_c. Did you mean 't1__c'?" in found.notes


def test_an_absent_modality_leaves_its_rows_out_and_no_others():
    table = plain_table()
    table.loc[:1, ["t1__a", "t1__b"]] = np.nan
    table.loc[2, "t1__a"] = np.nan
    found = checked(table)
    X, present = found.modality("t1")
    assert X.index.tolist() == found.patients[present].tolist() == [f"{number:03d}" for number in range(2, 12)]
    assert list(X.columns) == ["a", "b"]
    assert np.isnan(X.iloc[0, 0])
    assert len(found.modality("t2")[1]) == 12


def test_a_column_without_values_is_left_out():
    found = checked(plain_table().assign(t1__c=np.nan))
    assert "t1__c" not in found.features
    assert "1 column left out, without any value: t1__c." in found.notes


def test_every_problem_is_listed_together():
    table = plain_table().astype({"t1__b": object})
    table.loc[1, "sample_id"] = "000"
    table.loc[2, "sample_id"] = ""
    table.loc[3, "t1__a"] = np.inf
    table.loc[4, "t1__b"] = "high"
    assert problems_of(table) == [
        "1 row without sample_id; give every row one.",
        "1 sample id more than once: 000. Keep one row of each, or name another column with --id.",
        "Column t1__b is not numeric: sample 004 has 'high'; correct it, or leave the column out with --ignore.",
        "1 column with infinite values: t1__a. Leave such cells empty.",
    ]


@pytest.mark.parametrize(
    ("values", "advice"),
    [
        ([f"{i},5" for i in range(12)], "write decimals with a point"),
        ([f"{i},125" if i else ",5" for i in range(12)], "write decimals with a point"),
        ([f"{1000 + 37 * i:,}" for i in range(12)], "write thousands without a comma (1000, not 1,000)"),
        ([f"{10 ** (i % 7):,}" for i in range(12)], "write thousands without a comma"),
        ([f"LGG-{i}" for i in range(12)], "if it names the samples, say so with --id"),
    ],
)
def test_advice_on_text_follows_what_it_looks_like(values, advice):
    assert advice in problems_of(plain_table().assign(t1__b=values))[0]


@pytest.mark.parametrize(
    ("values", "positive", "found"),
    [
        ([1] * 12, None, "Column idh holds 1 different value (1); two are needed."),
        ([None] * 12, None, "Column idh is empty in all 12 rows; a label of two values is needed."),
        (range(12), None, "(0, 1, 2, 3, 4 and 7 more); two are needed. Name a column of two classes with --label"),
        (
            ["WT", "wildtype", "mutant"] * 4,
            None,
            "(WT, mutant, wildtype); two are needed. Set one against the rest with",
        ),
        (["mutant", "wild"] * 6, "mutan", "No sample has idh = 'mutan'; its values are mutant, wild. Did you mean 'mu"),
    ],
)
def test_a_label_needs_two_values(values, positive, found):
    assert found in problems_of(plain_table().assign(idh=values), positive)[0]


@pytest.mark.parametrize(
    ("values", "positive", "classes", "n_positive"),
    [
        (["mutant", "wildtype"] * 6, None, ("wildtype", "mutant"), 6),
        (["mutant", "wild"] * 6, None, ("mutant", "wild"), 6),
        (["mutant", "wildtype"] * 6, "wildtype", ("mutant", "wildtype"), 6),
        (["mutant", "wildtype"] * 6, "mutant", ("wildtype", "mutant"), 6),
        ([2.0, 3.0, 4.0] * 4, "4", ("2 or 3", "4"), 4),
    ],
)
def test_the_positive_class_is_the_one_asked_about_the_second_or_the_named_one(values, positive, classes, n_positive):
    found = checked(plain_table().assign(idh=values), positive)
    assert found.classes == classes
    assert found.y.sum() == n_positive
    assert [values[int(name)] for name in found.features.index[found.y == 1]] == [
        float(classes[1]) if positive == "4" else classes[1]
    ] * n_positive


def test_long_codes_are_told_apart():
    codes = [123456788.0, 123456789.0] * 6
    found = checked(plain_table().assign(idh=codes), "123456789")
    assert found.classes == ("123456788", "123456789")
    assert found.y.tolist() == [0, 1] * 6
    found = checked(plain_table().assign(idh=[900000000000207008, 900000000000207009] * 6))
    assert found.classes == ("900000000000207008", "900000000000207009")


@pytest.mark.parametrize(
    ("values", "asked", "missing", "n_positive", "n_negative"),
    [
        (["1", "1.0", "0", "0.0"] * 3, None, (), 6, 6),
        (["01", "1", "00", "+0"] * 3, "1.0", (), 6, 6),
        ([0, 1, 2] * 4, None, ("2",), 4, 4),
        ([0, 1, 2.0] * 4, "1", ("2",), 4, 4),
        (["0", "1", "unknown"] * 4, "1.0", ("unknown",), 4, 4),
        (["mutant", "wildtype", "NOS"] * 4, "mutant", ("NOS",), 4, 4),
        (["mutant ", "wildtype", " null "] * 4, "mutant", (), 4, 4),
        ([0, 1, 2] * 4, "1", (), 4, 8),
    ],
)
def test_a_label_is_compared_as_numbers_and_unknown_codes_are_no_class(values, asked, missing, n_positive, n_negative):
    found = checked(plain_table().assign(idh=values), asked, missing=missing)
    assert (found.y.sum(), len(found.y) - found.y.sum()) == (n_positive, n_negative)


def test_unknown_codes_are_told():
    table = plain_table().assign(idh=[0, 1, 2] * 4)
    assert "4 of 12 samples have no idh (empty, or 2) and are left out." in checked(table, missing=["2"]).notes
    assert (
        "idh = 1 is set against 0, 2; leave out a value that means unknown with --missing." in checked(table, "1").notes
    )


def test_classes_that_differ_in_spelling_only_are_refused():
    (problem,) = problems_of(plain_table().assign(idh=["Mutant", "mutant", "wildtype"] * 4), "mutant")
    assert problem.startswith("Values of idh that differ in spelling only: 'Mutant' = 'mutant'.")


def test_many_text_columns_are_counted():
    words = {f"t1__w{number}": "a" for number in range(9)}
    problems = problems_of(plain_table().assign(**words))
    assert len(problems) == 6
    assert problems[-1] == "4 further columns not numeric."


def test_names_that_clash_are_refused():
    table = plain_table().assign(a=1.0, fusion__x=2.0)
    assert problems_of(table, covariates=["a"]) == [
        "a is a feature and a covariate; rename one of them.",
        "A modality is called 'fusion'; rename it.",
    ]


def test_a_patient_of_both_classes_is_refused():
    problem = problems_of(plain_table().assign(patient_id=["p"] * 2 + list("abcdefghij")))[0]
    assert problem.startswith("1 patient with rows of both classes: p. If each lesion or scan has a label of its own, ")
    found = checked(plain_table().assign(patient_id=["p"] * 2 + list("abcdefghij")), label_per="sample")
    assert found.y.tolist() == [0, 1] * 6


def test_a_class_smaller_than_the_folds_is_refused_by_modality():
    table = plain_table()
    table.loc[1:7, "t2__a"] = np.nan
    problem, _ = problems_of(table, folds=5)  # the other: class 0
    assert problem == (
        "t2: 3 patients of class 0 with features, fewer than the 5 folds. Ask for fewer with --folds, or add patients."
    )


def test_covariates_are_numbers_and_no_features():
    table = plain_table().assign(sex=["m", "f"] * 6, clinical__age=np.arange(12))
    found = checked(table, covariates=["sex", "clinical__age"])
    assert found.covariates["sex"].tolist() == [1.0, 0.0] * 6
    assert found.covariates["clinical__age"].tolist() == list(range(12))
    assert "sex" not in " ".join(found.features.columns) + " ".join(found.notes)
    assert "There is no column 'sexe' for --covariates. Did you mean 'sex'?" in problems_of(table, covariates=["sexe"])
    text = problems_of(plain_table().assign(race=list("abc") * 4), covariates=["race"])[0]
    assert "Covariate race holds 3 different texts (a, b, c); two or numbers are needed." in text
    text = problems_of(plain_table().assign(age=[*range(11), "old"]), covariates=["age"])[0]
    assert "Column age is not numeric: sample 011 has 'old'" in text
    gaps = checked(plain_table().assign(sex=["m", "f", None] * 4), covariates=["sex"]).covariates["sex"]
    assert gaps.tolist()[:2] == [1.0, 0.0]
    assert gaps.isna().sum() == 4


def test_columns_without_a_name_are_no_features():
    table = plain_table().assign(**{"Unnamed: 0": range(12), "t1__Unnamed: 3": range(12)})
    found = checked(table)
    assert list(found.features.columns) == ["t1__a", "t1__b", "t2__a"]
    assert found.notes[0] == (
        "2 columns left out, without a name (if it holds sample ids, name it and say so with --id): 'Unnamed: 0', "
        "'t1__Unnamed: 3'."
    )
    plain = table.drop(columns="t1__Unnamed: 3").rename(
        columns=lambda name: name.replace("t1__", "x_").replace("t2__", "y_")
    )
    assert list(checked(plain.rename(columns={"Unnamed: 0": ""})).features.columns) == [
        "features__x_a",
        "features__x_b",
        "features__y_a",
    ]


def test_columns_that_count_the_rows_are_told():
    numbers = np.arange(24)
    table = plain_table(24).assign(t1__nr=numbers[::-1], t1__steps=np.repeat(numbers[::2], 2), age=numbers**2)
    (told,) = [sentence for sentence in checked(table, covariates=["age"]).notes if "the rows" in sentence]
    assert told.startswith("t1__nr, age number the rows: up, or down, from each one of the file to the next.")
    shuffled = table.sample(frac=1, random_state=0)
    assert not any("the rows" in sentence for sentence in checked(shuffled, covariates=["age"]).notes)
    assert not any("the rows" in sentence for sentence in checked(table[:19], covariates=["age"]).notes)
    for first, told in ((0, True), (1, True), (5, False)):
        found = checked(plain_table().assign(t1__nr=range(first, first + 12)))
        assert any(sentence.startswith("t1__nr numbers the rows:") for sentence in found.notes) == told


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "boolean", "category", "string"])
def test_labels_of_every_type_may_have_gaps(dtype):
    label = pd.Series([0, 1] * 5 + [None, None]).astype("Int64")
    label = label.map({0: "n", 1: "y"}) if dtype == "string" else label
    table = plain_table().assign(idh=label.astype(dtype))
    found = checked(table.assign(t1__b=pd.Series(range(11), dtype="Int64")))
    assert found.y.tolist() == [0, 1] * 5
    assert found.features["t1__b"].tolist() == [float(value) for value in range(10)]


def test_dates_are_no_numbers():
    days = pd.date_range("2020-01-01", periods=12)
    problems = problems_of(plain_table().assign(t1__day=days, seen=days), covariates=["seen"])
    assert problems[0].startswith("1 column of dates or times instead of numbers: seen.")
    assert problems[1].startswith("1 column of dates or times instead of numbers: t1__day.")


def test_values_whose_squares_overflow_are_refused():
    table = plain_table().assign(t1__c=1e149, t1__d=[-1e151] + [0.0] * 11)
    assert problems_of(table) == [
        "1 column with values beyond 1e+150, whose squares overflow: t1__d. Rescale, for example by the logarithm, or "
        "leave out with --ignore."
    ]


def test_prefixes_in_upper_case_are_read_in_lower_case():
    found = checked(plain_table().rename(columns={"t1__b": "T1__b", "t2__a": "ADC__a"}))
    assert list(found.features.columns) == ["t1__a", "t1__b", "adc__a"]
    assert found.notes[0] == "Prefixes read in lower case, as modalities are written: ADC, T1."
    assert problems_of(plain_table().assign(T1__a=1.0)) == [
        "Two columns differ in the case of their prefix only: t1__a. Rename or delete one."
    ]


def test_prefixes_that_name_no_modality_are_refused_or_told():
    odd = plain_table().rename(columns=lambda name: name.replace("t1__", "t1-gd__").replace("t2__", "t2_w__"))
    rule = "a modality is a lower-case letter, then lower-case letters or digits."
    for prefixes in (None, True):
        (problem,) = problems_of(odd, modality_prefixes=prefixes)
        assert problem.startswith(f"3 columns with a prefix that is no modality: t1-gd, t2_w; {rule}")
    assert len(checked(odd, modality_prefixes=False).features.columns) == 3
    found = checked(plain_table().assign(**{"t1-gd__a": 1.0}))
    assert f"1 column left out, not named <modality>__<feature>: t1-gd__a. Here {rule}" in found.notes


def test_paths_beside_the_features_are_none():
    found = checked(plain_table().assign(t1__crop="c.npy", t1__image="a.nii", t2__mask="b.nii", t2__mask_label=1))
    assert list(found.features.columns) == ["t1__a", "t1__b", "t2__a"]


def test_an_unknown_column_to_ignore_is_refused():
    with pytest.raises(RequestError, match="There is no column 't1__aa' for --ignore. Did you mean 't1__a'"):
        checked(plain_table(), ignore=["t1__aa"])
    assert "t1__a" not in checked(plain_table(), ignore=["t1__a"]).features


def test_a_table_without_rows_is_refused():
    assert problems_of(plain_table()[:0]) == ["It has a header and no rows; write one row per sample."]


@pytest.mark.parametrize("other", ["p001", "P001 ", "\uff30001"])
@pytest.mark.parametrize("column", ["sample_id", "patient_id", "site"])
def test_ids_that_differ_in_spelling_only_are_refused(column, other):
    table = plain_table()
    table[column] = ["P001", other, *(f"Q{number}" for number in range(10))]
    (problem,) = problems_of(table, site="site" if column == "site" else None)
    assert problem.startswith(f"Values of {column} that differ in spelling only: 'P001' = ")


def test_the_spelling_of_a_renamed_column_is_told_under_its_own_name():
    rows = pd.DataFrame({"who": ["A", "a"], "idh": [0, 1], "t1__a": [0.1, 0.2]}).rename(columns={"who": "sample_id"})
    (problem,) = [one for one in problems_of(rows, sample_id="who") if "spelling" in one]
    assert problem == "Values of who that differ in spelling only: 'A' = 'a'. Write each in one way."


PATTERN = "(?P<modality>[Tt][12])_"


def test_a_pattern_tells_modalities_apart():
    names = {"t1__a": "T1_glcm_a", "t1__b": "T1_b", "t2__a": "core__t2__x"}
    table = plain_table().rename(columns=names).assign(volume=1.5)
    found = checked(table, modality_pattern=PATTERN)
    assert list(found.features.columns) == ["t1__glcm_a", "t1__b", "t2__core_x"]
    np.testing.assert_array_equal(found.features["t2__core_x"], table["core__t2__x"])
    assert "modality  columns\nt1              2\nt2              1" in found.notes
    assert "1 column left out, not named <modality>__<feature>: volume." in found.notes


def test_a_pattern_makes_no_image_feature_of_a_clinical_column():
    names = ["T1_volume", "T1_mean", "T2_volume", "clinical__T1_stage"]
    values = np.random.default_rng(0).normal(size=(20, 4))
    table = pd.DataFrame(values, columns=names).assign(sample_id=[f"s{i:02d}" for i in range(20)], y=[0, 1] * 10)
    found = check_table(RawTable(table, "y", None, "t.csv", {}), Roles.of("y", modality_pattern=PATTERN), n_folds=5)
    assert list(found.features) == ["t1__volume", "t1__mean", "t2__volume"]
    assert any(note.startswith("1 clinical column left out") for note in found.notes)


@pytest.mark.parametrize(
    ("pattern", "names", "said"),
    [
        (PATTERN, {}, "finds no modality in any column, such as x_a, x_b, y_a."),
        (PATTERN, {"x_a": "T1_a", "x_b": "t1_a"}, "columns share a name: T1_a, t1_a. Rename or ignore some."),
    ],
)
def test_a_pattern_that_does_not_fit_the_names_is_told(pattern, names, said):
    plain = plain_table().rename(columns=lambda name: name.replace("t1__", "x_").replace("t2__", "y_"))
    assert any(said in one for one in problems_of(plain.rename(columns=names), modality_pattern=pattern))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"modality_pattern": "T1["}, "is no regular expression: unterminated character set"),
        ({"modality_pattern": "(T1)_"}, "must name one group, modality, and names none. Write for instance ^(?P"),
        ({"modality_pattern": "(?P<modality>T1)(?P<x>_)"}, "must name one group, modality, and names modality, x."),
        ({"modality_pattern": PATTERN, "modality_prefixes": False}, "and --no-modality-prefixes each say what"),
    ],
)
def test_a_wrong_pattern_is_refused_in_a_sentence(options, said):
    with pytest.raises(RequestError, match=re.escape(said)):
        SelectionRequest("idh", "table.csv", **options)
