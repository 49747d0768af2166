"""The one door for cohort tables: what comes through, and every reason why something does not."""

from __future__ import annotations

import logging
import pickle
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofuse.errors import CohortError, RequestError
from radiofuse.tables.cohort import read_cohort
from radiofuse.tables.outcomes import AskedOutcome, Outcome
from radiofuse.tables.problems import Problem

GOOD_ROWS = "sample_id,patient_id,idh,t1__mean\n" + "".join(f"s{n},p{n},{n % 2},0.{n}\n" for n in range(8))


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a table and returns its path."""

    def write(content: str | bytes, name: str = "cohort.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder with four files that a table can name."""
    for name in ("a_t1.nii.gz", "a_t2.nii.gz", "b_t1.nii.gz", "seg.nii.gz"):
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def problems_of(path: Path, **options) -> list[Problem]:
    with pytest.raises(CohortError) as caught:
        read_cohort(path, **options)
    return caught.value.problems


def the_problem(path: Path, **options) -> Problem:
    problems = problems_of(path, **options)
    assert len(problems) == 1, problems
    return problems[0]


def test_a_column_to_ignore_that_is_not_there_is_named_with_the_one_that_was_meant(table, caplog):
    path = table(GOOD_ROWS.replace("t1__mean", "clinical__grade"))
    read_cohort(path, labels="idh", ignore=["clinical__grad", "nothing"])
    told = "ignore that the table lacks: clinical__grad (did you mean clinical__grade?), nothing. Correct or delete"
    assert told in caplog.text
    caplog.clear()
    read_cohort(path, labels="idh", ignore=["clinical__grade", "idh"])
    assert caplog.text == ""


def test_a_column_that_is_renamed_is_ignored_under_either_name(table):
    people = table("participant_id\tage\tgrade\np1\t40\t2\np2\t50\t3\n", "participants.tsv")
    for name in ("grade", "clinical__grade"):
        cohort = read_cohort(table("sample_id,idh,t1__mean\np1,0,1\np2,1,2\n"), participants=people, ignore=name)
        assert [column for column in cohort if column.startswith("clinical__")] == ["clinical__age"]


@pytest.mark.parametrize(
    ("n_known", "told"), [(3, "mutant (1 patient). Add patients."), (5, "(2 patients). Use fewer")]
)
def test_a_class_too_small_for_the_folds_is_told_with_what_can_be_done(table, n_known, told):
    labels = ["wildtype", "mutant", "wildtype", "mutant", "wildtype", "wildtype"]
    rows = "".join(f"s{n},{label if n < n_known else ''},0.{n}\n" for n, label in enumerate(labels))
    assert told in the_problem(table("sample_id,idh,t1__mean\n" + rows), labels="idh=mutant", n_folds=3)


def test_an_image_that_is_its_own_mask_is_told_with_the_next_step(images, table):
    path = table("sample_id,t1__image,t1__mask\na,a_t1.nii.gz,a_t1.nii.gz\n")
    assert the_problem(path) == "Images that are their own mask: t1 of a. Correct one of the two paths."


@pytest.mark.parametrize("label", ["sample_id", "patient_id", "mask", "t1__image", "t1__mask", "t1__mask_label"])
def test_a_column_of_ids_or_files_is_no_label(images, table, label):
    path = table("sample_id,patient_id,idh,t1__image,mask,t1__mask_label\na,p,1,a_t1.nii.gz,seg.nii.gz,1\n")
    with pytest.raises(RequestError, match=f"^The label {label} is a column of ids or files. Name the column of the"):
        read_cohort(path, labels=label, ignore="idh")


# ---------------------------------------------------------------- what comes through


def test_columns_come_out_typed_and_in_order(images, table):
    path = table(
        "clinical__age,t1__image,sample_id,idh,site,mask,t1__mean\n"
        "61.5,a_t1.nii.gz,a,1,02,seg.nii.gz,0.25\n"
        "NA,,b,,DU,seg.nii.gz,\n"
    )
    cohort = read_cohort(path, labels="idh")
    expected = pd.DataFrame(
        {
            "sample_id": ["a", "b"],
            "patient_id": ["a", "b"],
            "site": ["02", "DU"],
            "idh": [1.0, np.nan],
            "t1__image": [str(images / "a_t1.nii.gz"), ""],
            "t1__mask": [str(images / "seg.nii.gz"), ""],  # the mask of an absent image is ignored
            "t1__mean": [0.25, np.nan],
            "clinical__age": [61.5, np.nan],
        }
    )
    pd.testing.assert_frame_equal(cohort, expected)


def test_a_mask_of_its_own_goes_before_the_shared_one(images, table):
    path = table("sample_id,t1__image,t2__image,t2__mask,mask\na,a_t1.nii.gz,a_t2.nii.gz,b_t1.nii.gz,seg.nii.gz\n")
    cohort = read_cohort(path)
    assert cohort.loc[0, "t1__mask"] == str(images / "seg.nii.gz")
    assert cohort.loc[0, "t2__mask"] == str(images / "b_t1.nii.gz")


def test_ids_stay_text(table):
    cohort = read_cohort(table("sample_id,patient_id,t1__mean\n007,1e3,1\nNA,1.0,1\nnan,0x1,1\n"))
    assert list(cohort["sample_id"]) == ["007", "NA", "nan"]
    assert list(cohort["patient_id"]) == ["1e3", "1.0", "0x1"]


@pytest.mark.parametrize("separator", [",", "\t", ";"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_separators_newlines_and_byte_order_marks_change_nothing(table, separator, newline, mark):
    expected = read_cohort(table(GOOD_ROWS), labels="idh")
    content = mark + GOOD_ROWS.replace(",", separator).replace("\n", newline).encode()
    pd.testing.assert_frame_equal(read_cohort(table(content, "other.txt"), labels="idh"), expected)


def test_quoted_cells_may_hold_the_separator(table, tmp_path):
    (tmp_path / "one, two.nii").write_bytes(b"")
    (tmp_path / "mask.nii").write_bytes(b"")
    cohort = read_cohort(table('sample_id,t1__image,t1__mask\na,"one, two.nii",mask.nii\n'))
    assert cohort.loc[0, "t1__image"] == str(tmp_path / "one, two.nii")


def test_blank_lines_and_rows_of_bare_commas_are_no_rows(table):
    assert len(read_cohort(table(GOOD_ROWS + "\n,,,\n  \n , ,,\n\n"), labels="idh")) == 8


def test_a_line_for_a_spreadsheet_alone_is_told(table):
    with pytest.raises(CohortError, match="Its first line is 'sep=;', not the names of the columns. Delete that line"):
        read_cohort(table("sep=;\nsample_id;t1__a\na;1\n"))


def test_pyradiomics_headers_in_small_letters_are_told(table):
    with pytest.raises(CohortError, match="lacks: sample_id. Add sample_id, or write Image and Mask, as pyradiomics"):
        read_cohort(table("image,mask\ni.nii.gz,m.nii.gz\n"))


@settings(deadline=None)
@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_keep_every_bit(number, tmp_path_factory):
    path = tmp_path_factory.mktemp("exact") / "cohort.csv"
    path.write_text(f"sample_id,t1__a,t1__b\na,{number!r},{number:.30e}\n")
    cohort = read_cohort(path)
    assert cohort.loc[0, "t1__a"] == number
    assert cohort.loc[0, "t1__b"] == number


@pytest.mark.parametrize("word", ["", "NA", "NaN", "n/a", " na ", "NULL", "null", "#N/A", "<NA>", "None"])
def test_missing_words_are_unknown(table, word):
    cohort = read_cohort(table(GOOD_ROWS + f"x,x,{word},{word}\n"), labels="idh")
    assert cohort.iloc[-1][["idh", "t1__mean"]].isna().all()


def test_sex_that_is_unknown_is_absent_and_told(table, caplog):
    rows = [f"{n},{word}\n" for n, word in enumerate(["Woman", "W", "M.", "Unknown", "other", "0"])]
    with caplog.at_level(logging.INFO):
        cohort = read_cohort(table("sample_id,clinical__sex\n" + "".join(rows)))
    assert np.array_equal(cohort["clinical__sex"], [0, 0, 1, np.nan, np.nan, 0], equal_nan=True)
    assert "clinical__sex is unknown in 2 rows (Unknown, other)." in caplog.messages


def test_sex_is_written_in_words_or_numbers(table):
    rows = [f"s{n},{word}\n" for n, word in enumerate(["F", "female", "0", "m", "Male", "1", ""])]
    cohort = read_cohort(table("sample_id,clinical__sex\n" + "".join(rows)))
    assert np.array_equal(cohort["clinical__sex"], [0, 0, 0, 1, 1, 1, np.nan], equal_nan=True)


def test_without_labels_other_columns_are_carried_as_text(table):
    cohort = read_cohort(table("sample_id,t1__mean,grade\na,1,007\n"))
    assert cohort.loc[0, "grade"] == "007"
    assert list(read_cohort(table("sample_id,t1__mean,grade\na,1,007\n"), ignore="grade")) == [
        "sample_id",
        "patient_id",
        "t1__mean",
    ]


def test_modalities_keep_theirs_and_the_clinical_columns(table):
    path = table("sample_id,t1__mean,t2__mean,t2__image,clinical__age\na,1,bad,nowhere.nii,50\n")
    cohort = read_cohort(path, modalities="t1")
    assert list(cohort) == ["sample_id", "patient_id", "t1__mean", "clinical__age"]


def test_a_label_written_like_a_clinical_column_is_no_feature(table):
    path = table(GOOD_ROWS.replace("idh", "clinical__idh"))
    with pytest.raises(CohortError, match=r"called like a feature: clinical__idh\. Rename the column, or give"):
        read_cohort(path, labels="clinical__idh")
    cohort = read_cohort(path, labels=AskedOutcome("clinical__idh", name="idh"))
    assert list(cohort) == ["sample_id", "patient_id", "idh", "t1__mean"]


def test_samples_of_one_patient_may_be_partly_labeled(table):
    cohort = read_cohort(table(GOOD_ROWS + "s8,p1,,0.5\n"), labels="idh", n_folds=4)
    assert np.isnan(cohort["idh"].iloc[-1])


def test_empty_cells_among_features_are_counted_in_the_log(table, caplog):
    path = table("sample_id,t1__a,t1__b,clinical__age\na,1,,\nb,,,\nc,2,3,50\n")
    with caplog.at_level(logging.INFO, logger="radiofuse"):
        read_cohort(path)
    assert caplog.messages == ["t1: 1 empty cells among ready features; training rows fill them."]


def test_the_real_cohort_comes_through(data_dir):
    ignore = ["high_grade", "who_grade", "codel_1p19q"]
    path = data_dir / "brats20_tcga_roi" / "cohort.csv"
    cohort = read_cohort(path, labels="idh", ignore=ignore, n_folds=5)
    assert len(cohort) == 111
    assert cohort["idh"].notna().sum() == 98
    assert [name for name in cohort if name.endswith("__image")] == [
        f"{m}__image" for m in ("t1", "t1ce", "t2", "flair")
    ]
    assert (cohort["t1__mask"] == cohort["flair__mask"]).all()


def test_a_table_of_200_000_rows_is_read_whole(tmp_path):
    rows = pd.DataFrame({"sample_id": np.arange(200_000).astype(str), "idh": np.arange(200_000) % 2, "t1__mean": 0.5})
    rows.to_csv(tmp_path / "large.csv", index=False)
    assert len(read_cohort(tmp_path / "large.csv", labels="idh", n_folds=5)) == 200_000


def test_a_pattern_finds_modalities_in_other_names(images, table, caplog):
    path = table("sample_id,T1_image,T1_mask,core__t2__x,clinical__t1_age\na,a_t1.nii.gz,seg.nii.gz,0.5,50\n")
    with caplog.at_level(logging.INFO, logger="radiofuse"):
        cohort = read_cohort(path, modality_pattern="(?P<modality>[Tt][12])_")
    assert list(cohort)[2:] == ["t1__image", "t1__mask", "t2__core_x", "clinical__t1_age"]
    assert cohort.loc[0, "t1__image"] == str(images / "a_t1.nii.gz")
    assert caplog.messages[0].splitlines()[1:] == ["t1              2", "t2              1", "clinical        1"]
    problem = the_problem(table("sample_id,x\na,1\n"), modality_pattern="(?P<modality>[Tt][12])_")
    assert "finds no modality in any column: x." in problem
    with pytest.raises(RequestError, match="must name one group, modality"):
        read_cohort(path, modality_pattern="T1")


# ---------------------------------------------------------------- files that are no table


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (GOOD_ROWS.encode("utf-16"), "UTF-16"),
        (b"sample_id\na\0b\n", "NUL bytes"),
        ("sample_id,site\na,Zürich\n".encode("latin-1"), "not UTF-8 (byte 0xfc in line 2)"),
        (b"PK\x03\x04rest of a workbook", "workbook or an archive"),
        (b"", "It is empty"),
        (b"sample_id,t1__mean\n", "There are no rows"),
        (b"sample_id,t1__mean\na,1,2\nb\n", "2 fields, other lines do not: line 2 has 3, line 3 has 1"),
        (b'sample_id,t1__mean\n"a,1\n', "Line 2 cannot be read"),
    ],
)
def test_what_is_no_table_is_one_sentence(table, content, said):
    assert said in the_problem(table(content))


def test_a_missing_table_or_a_folder_is_one_sentence(tmp_path):
    assert "There is no table at" in the_problem(tmp_path / "nowhere.csv")
    assert "It is a folder" in the_problem(tmp_path)


# ---------------------------------------------------------------- columns


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("sample_id,idh,T1__mean", "T1__mean (did you mean t1__mean?)"),
        ("sample_id,idh,t1-ce__mean", "t1-ce__mean (did you mean t1ce__mean?)"),
        ("sample_id,idh,t1_image", "t1_image (did you mean t1__image?)"),
        ("sample_id,idh,t1__", "Malformed columns: t1__."),
        ("sample_id,idh,sitee", "Unknown columns: sitee (did you mean site?). Rename them, or list them under ignore."),
        ("sample_id,idh,", "Columns without a name: column 3"),
        ("sample_id,idh,idh", "Columns that occur more than once: idh"),
        ("Sample_ID,idh,site", "Columns that the table lacks: sample_id (did you mean Sample_ID?)"),
        ("sample_id,IDH1,site", "Columns that the table lacks: idh (did you mean IDH1?)"),
        ("sample_id,idh,t1__mask", "Mask columns without an image column: t1__mask"),
    ],
)
def test_a_wrong_header_is_named_with_what_was_meant(table, header, said):
    assert any(said in problem for problem in problems_of(table(f"{header}\na,1,1\nb,0,0\n"), labels="idh"))


def test_a_modality_without_a_column_is_a_problem(table):
    problem = the_problem(table(GOOD_ROWS), labels="idh", modalities=["t1", "t1ce", "clinical"])
    assert problem.items == ("t1ce (did you mean t1?)", "clinical")


def test_a_column_misspelled_as_an_image_is_not_carried_along(table):
    assert "did you mean t1__image?" in the_problem(table("sample_id,t1_image\na,x.nii\n"))


# ---------------------------------------------------------------- ids


@pytest.mark.parametrize(
    "unsafe",
    [
        "../x",
        "a/b",
        "",
        "..",
        ".hidden",
        "CON",
        "nul.txt",
        "lpt1",
        "a" * 129,
        "=cmd",
        "<script>",
        "$\\frac{",
        "Zoë",
        "a b",
    ],
)
def test_ids_that_cannot_be_file_names_are_refused(table, unsafe):
    problem = the_problem(table(f"sample_id,t1__mean\nfine,1\n{unsafe},2\n"))
    assert "cannot be file names" in problem
    assert problem.items[0].endswith("in row 2")
    assert len(problem) < 300


@pytest.mark.parametrize("safe", ["a" * 128, "TCGA-02-0006", "sub-01_ses-2", "CONTROL", "-"])
def test_ordinary_ids_pass(table, safe):
    assert read_cohort(table(f"sample_id,t1__mean\n{safe},1\n")).loc[0, "sample_id"] == safe


@pytest.mark.parametrize(
    ("one", "other"),
    [("P1", "p1"), ("P1", "P1 "), (unicodedata.normalize("NFC", "Zoë"), unicodedata.normalize("NFD", "Zoë"))],
)
def test_spelling_twins_among_patients_are_found(table, one, other):
    problems = problems_of(table(f"sample_id,patient_id,t1__mean\na,{one},1\nb,{other},2\n"))
    assert sum("patient_id that differ in spelling only" in problem for problem in problems) == 1


def test_spelling_twins_among_sites_are_found(table):
    problem = the_problem(table("sample_id,site,t1__mean\na,Ulm,1\nb, ulm,2\nc,,3\nd,Bonn,4\n"))
    assert str(problem).startswith("Values of site that differ in spelling only: 'Ulm' = 'ulm'.")


def test_duplicate_ids_are_counted(table):
    problem = the_problem(table("sample_id,t1__mean\na,1\na,2\nb,1\n"))
    assert problem.items == ("a (2 rows)",)


# ---------------------------------------------------------------- cells


@pytest.mark.parametrize("cell", ["inf", "-inf", "1e999", "abc", "1_000", "0x10", "none", "true"])
def test_cells_that_are_no_finite_number_are_named(table, cell):
    problem = the_problem(table(GOOD_ROWS + f"x,x,1,{cell}\n"), labels="idh")
    assert problem.items == (f"t1__mean of x: {cell!r}",)


def test_decimal_commas_are_named_with_the_remedy(table):
    problem = the_problem(table("sample_id;t1__a;t1__b\nx;1,5;2\ny;2,5;3,5\n"))
    assert problem.items == ("t1__a of x: '1,5'", "t1__b of y: '3,5'", "t1__a of y: '2,5'")
    assert "decimal point" in problem


def test_thousands_are_told_from_decimals(table):
    problem = the_problem(table("sample_id;t1__a\nx;1,000\ny;12,345.5\n"))
    assert "Write thousands without a comma (1000, not 1,000)" in problem


@pytest.mark.parametrize("cell", ["2", "0.5", "inf", "mutant", "-1", "TRUE"])
def test_labels_are_zero_or_one(table, cell):
    problem = the_problem(table(GOOD_ROWS + f"x,x,{cell},1\n"), labels="idh")
    assert problem.items == (f"idh of x: {cell!r}",)


WORDS = GOOD_ROWS.replace(",1,0", ",mutant,0").replace(",0,0", ",wild type,0")


@pytest.mark.parametrize(
    ("label", "classes"),
    [
        ("idh", ("wild type", "mutant")),  # the class that [[outcomes]] asks about too
        ("idh=mutant", ("wild type", "mutant")),
        ("idh=wild type", ("mutant", "wild type")),
    ],
)
def test_labels_may_be_words(table, label, classes):
    cohort = read_cohort(table(WORDS + "x,x,NULL,1\ny,y,pending,1\n"), labels=label, missing=["pending"], n_folds=4)
    expected = [float(n % 2 == (classes[1] == "mutant")) for n in range(8)]
    assert np.array_equal(cohort["idh"], [*expected, np.nan, np.nan], equal_nan=True)
    assert cohort.attrs["outcomes"] == [Outcome("idh", classes)]


def test_one_code_is_set_against_the_others_compared_as_numbers(table, caplog):
    rows = "".join(f"s{n},{code},0.{n}\n" for n, code in enumerate(["2", "3", "4.0", "4", "", "9"]))
    with caplog.at_level(logging.INFO, logger="radiofuse"):
        cohort = read_cohort(table("sample_id,grade,t1__mean\n" + rows), labels="grade=4", missing=["9"])
    assert np.array_equal(cohort["grade"], [0, 0, 1, 1, np.nan, np.nan], equal_nan=True)
    assert caplog.messages == [
        "2 of 6 samples have no grade (empty, or 9) and are left out.",
        "grade = 4 is set against 2, 3; leave out a value that means unknown with missing.",
    ]


@pytest.mark.parametrize(
    ("words", "label", "said"),
    [
        (
            "abc",
            "idh",
            'holds 3 different values (a, b, c); two are needed. Set one against the rest with label = "idh=V',
        ),
        ("abab", "idh=c", "No sample has idh = 'c'; its values are a, b."),
        ("aaa", "idh", "Column idh holds 1 different value (a); two are needed."),
        ("Aab", "idh=b", "Values of idh that differ in spelling only: 'A' = 'a'."),
        ("012", "idh", "Labels that are not 0 or 1: idh of s2: '2'."),
        ("012", "idh=2=1", "Columns that the table lacks: 'idh=2' (did you mean idh?)."),
    ],
)
def test_labels_that_are_not_two_classes_are_told(table, words, label, said):
    rows = "".join(f"s{n},{word},0.{n}\n" for n, word in enumerate(words))
    problems = problems_of(table("sample_id,idh,t1__mean\n" + rows), labels=label)
    assert any(said in problem for problem in problems), problems


def test_words_are_counted_in_patients_of_each_class(table):
    problem = the_problem(table(WORDS), labels="idh=mutant", n_folds=5)
    assert problem.items == ("wild type (4 patients)", "mutant (4 patients)")


def test_a_patient_has_one_label(table):
    assert the_problem(table(GOOD_ROWS + "x,p1,0,1\n"), labels="idh").items == ("p1",)


def test_classes_are_counted_in_patients(table):
    rows = GOOD_ROWS + "".join(f"x{n},p1,1,1\n" for n in range(9))  # more samples, no more patients
    problem = the_problem(table(rows), labels="idh", n_folds=5)
    assert "fewer patients than the 5 folds" in problem
    assert problem.items == ("0 (4 patients)", "1 (4 patients)")
    assert len(read_cohort(table(rows), labels="idh", n_folds=4)) == 17


def test_a_label_that_nobody_has_is_a_problem(table):
    told = the_problem(table("sample_id,idh,t1__mean\na,,1\n"), labels="idh", n_folds=5)
    assert "No patient has a known idh. Some rows must say it" in told


@pytest.mark.parametrize("cell", ["0", "-1", "1.5", "tumor"])
def test_mask_labels_are_whole_numbers_above_zero(images, table, cell):
    problem = the_problem(table(f"sample_id,t1__image,t1__mask,t1__mask_label\na,a_t1.nii.gz,seg.nii.gz,{cell}\n"))
    assert problem.items == (f"t1__mask_label of a: {cell!r}",)


# ---------------------------------------------------------------- images


def test_missing_files_are_named_once_each(images, table):
    path = table("sample_id,t1__image,t2__image,mask\na,a_t1.nii.gz,gone.nii,no.nii\nb,b_t1.nii.gz,,no.nii\n")
    problem = the_problem(path)
    assert problem.items == (f"t2 image of a: {images / 'gone.nii'}", f"t1 mask of a: {images / 'no.nii'}")
    assert read_cohort(path, missing_files="keep").loc[0, "t2__image"] == str(images / "gone.nii")


def test_a_folder_is_no_image(images, table):
    (images / "folder.nii").mkdir()
    path = table("sample_id,t1__image,mask\na,folder.nii,seg.nii.gz\nb,~/b.nii,seg.nii.gz\n")
    assert len(the_problem(path).items) == 2


def test_an_image_needs_a_mask(images, table):
    path = table("sample_id,t1__image,t1__mask\na,a_t1.nii.gz,seg.nii.gz\nb,b_t1.nii.gz,\n")
    problem = the_problem(path)
    assert problem.items == ("t1 of b",)
    assert "without a mask" in problem


def test_an_image_is_not_its_own_mask(images, table):
    path = table("sample_id,t1__image,mask\na,a_t1.nii.gz,a_t1.nii.gz\n")
    assert the_problem(path).items == ("t1 of a",)


def test_two_patients_do_not_share_an_image_and_one_patient_may(images, table):
    rows = "sample_id,patient_id,t1__image,mask\na,p,a_t1.nii.gz,seg.nii.gz\nb,{},a_t1.nii.gz,seg.nii.gz\n"
    assert the_problem(table(rows.format("q"))).items == ("t1 of a", "t1 of b")
    assert len(read_cohort(table(rows.format("p")))) == 2


# ---------------------------------------------------------------- everything at once


def test_every_problem_is_listed_together(table):
    path = table(
        "sample_id,patient_id,idh,T2__mean,grade,t1__image,t1__mask,t1__mean,clinical__age\n"
        "a,p1,0,1,2,gone.nii,gone_mask.nii,1,old\n"
        "a,P1,1,1,2,,,1,60\n"
        "../x,p1,1,1,2,,,1,60\n"
        "b,p2,2,1,2,other.nii,,inf,60\n"
    )
    problems = problems_of(path, labels="idh", modalities=["t1", "flair"], n_folds=5)
    expected = [
        "Modalities without a column: flair",
        "Malformed columns: T2__mean",
        "Unknown columns: grade",
        "cannot be file names: '../x' in row 3",
        "patient_id that differ in spelling only",
        "occur more than once: a (2 rows)",
        "not finite numbers: t1__mean of b: 'inf', clinical__age of a: 'old'",
        "not 0 or 1: idh of b: '2'",
        "both classes of idh: p1",
        "fewer patients than the 5 folds",
        "Images without a mask: t1 of b",
        "Missing files: t1 image of a",
    ]
    assert len(problems) == len(expected), problems
    for problem, said in zip(problems, expected, strict=True):
        assert said in problem


def test_long_lists_are_shortened_in_the_sentence_only(table):
    problem = the_problem(table("sample_id,t1__mean\n" + "".join(f"s{n},x\n" for n in range(33))))
    assert "t1__mean of s4: 'x' and 28 more." in problem
    assert len(problem.items) == 33
    assert pickle.loads(pickle.dumps(problem)).items == problem.items


def test_the_error_is_a_sentence_that_names_the_table(table):
    path = table("sample_id,t1__mean\na,1\na,x\n")
    with pytest.raises(CohortError, match="2 problems") as caught:
        read_cohort(path)
    assert str(path) in str(caught.value)
    assert caught.value.exit_code == 3


def test_an_unknown_way_with_missing_files_is_a_wrong_request(table):
    with pytest.raises(RequestError, match="missing_files"):
        read_cohort(table(GOOD_ROWS), missing_files="ignore")


# ---------------------------------------------------------------- pyradiomics' batch tables


def test_a_batch_table_without_ids_takes_the_image_stem(images, table):
    cohort = read_cohort(table("Image,Mask,Label,note\na_t1.nii.gz,seg.nii.gz,2,hi\nb_t1.nii.gz,seg.nii.gz,,ho\n"))
    expected = {
        "sample_id": ["a_t1", "b_t1"],
        "patient_id": ["a_t1", "b_t1"],
        "image__image": [str(images / "a_t1.nii.gz"), str(images / "b_t1.nii.gz")],
        "image__mask": [str(images / "seg.nii.gz")] * 2,
        "image__mask_label": [2.0, np.nan],
        "note": ["hi", "ho"],
    }
    pd.testing.assert_frame_equal(cohort, pd.DataFrame(expected))


@pytest.mark.parametrize("header", ["ID", "case", "sample_id"])
def test_a_long_batch_table_becomes_one_row_per_sample(images, table, header):
    path = table(
        f"{header},Modality,Image,Mask,idh\n"
        "a,T1,a_t1.nii.gz,seg.nii.gz,1\na,T2-w,a_t2.nii.gz,seg.nii.gz,1\nb,T1,b_t1.nii.gz,seg.nii.gz,0\n"
    )
    cohort = read_cohort(path, labels="idh")
    assert list(cohort["sample_id"]) == ["a", "b"]
    assert list(cohort["idh"]) == [1.0, 0.0]
    assert list(cohort["t1__image"]) == [str(images / "a_t1.nii.gz"), str(images / "b_t1.nii.gz")]
    assert list(cohort["t2w__image"]) == [str(images / "a_t2.nii.gz"), ""]
    assert list(cohort["t2w__mask"]) == [str(images / "seg.nii.gz"), ""]


def test_a_long_batch_table_is_checked(images, table):
    path = table(
        "ID,Modality,Image,Mask,age\n"
        "a,t1,a_t1.nii.gz,seg.nii.gz,50\na,T1,b_t1.nii.gz,seg.nii.gz,51\nb,3,a_t2.nii.gz,seg.nii.gz,50\n"
    )
    problems = problems_of(path)
    assert [problem.items for problem in problems] == [("3",), ("a t1",), ("age of a",)]
    assert "needs an ID" in problems_of(table("Modality,Image,Mask\nt1,a_t1.nii.gz,seg.nii.gz\n"))[0]


# ---------------------------------------------------------------- BIDS

PARTICIPANTS = "participant_id\tage\tsex\tidh\tkps\tgroup\nsub-1\t50\tF\t1\t90\tcase\nsub-2\tn/a\tM\t0\tn/a\tcase\n"


def test_a_participants_table_is_a_cohort_table(table, caplog):
    with caplog.at_level(logging.INFO, logger="radiofuse"):
        cohort = read_cohort(table(PARTICIPANTS, "participants.tsv"), labels="idh", ignore="group")
    expected = {
        "sample_id": ["sub-1", "sub-2"],
        "patient_id": ["sub-1", "sub-2"],
        "idh": [1.0, 0.0],
        "clinical__age": [50.0, np.nan],
        "clinical__sex": [0.0, 1.0],
        "clinical__kps": [90.0, np.nan],
    }
    pd.testing.assert_frame_equal(cohort, pd.DataFrame(expected))
    assert caplog.messages == ["Taken as clinical columns: age, sex, kps."]


@pytest.mark.parametrize("prefix", ["", "sub-"])
def test_participants_are_joined_by_patient(table, prefix, caplog):
    people = table(PARTICIPANTS, "participants.tsv")
    rows = "".join(f"s{n},{prefix}{patient},{n}\n" for n, patient in enumerate([2, 1, 2]))
    with caplog.at_level(logging.INFO, logger="radiofuse"):
        cohort = read_cohort(
            table("sample_id,patient_id,t1__mean\n" + rows), labels="idh", ignore="group", participants=people
        )
    assert "Participants joined by patient: 3 of 3 samples." in caplog.messages
    assert list(cohort["idh"]) == [0.0, 1.0, 0.0]
    assert list(cohort["clinical__sex"]) == [1.0, 0.0, 1.0]
    assert np.array_equal(cohort["clinical__age"], [np.nan, 50, np.nan], equal_nan=True)


def test_what_does_not_join_is_listed(table, caplog):
    people = table(PARTICIPANTS + "sub-2\t1\tF\t1\t1\tcase\nsub-9\t1\tF\t1\t1\tcase\n", "participants.tsv")
    path = table("sample_id,idh,t1__mean\n1,1,1\n2,0,1\n3,0,1\n")
    with caplog.at_level(logging.INFO, logger="radiofuse"):
        problems = problems_of(path, labels="idh", ignore="group", participants=people)
    assert [problem.items for problem in problems] == [("3",), ("2",), ("idh",)]
    assert "Participants without a row in the cohort: 9." in caplog.messages


def test_a_clinical_column_in_two_spellings_is_a_problem(table):
    path = table("participant_id,age,clinical__age\nsub-1,50,51\n", "participants.csv")
    assert the_problem(path).items == ("clinical__age",)
    assert the_problem(table("sample_id,t1__mean\n1,1\n"), participants=path).items == ("clinical__age",)


def test_a_participants_table_needs_its_key(table):
    people = table("name,age\nx,1\n", "participants.csv")
    assert "participant_id" in the_problem(table(GOOD_ROWS), labels="idh", participants=people)


# ---------------------------------------------------------------- whatever else there is

HEADERS = [
    "sample_id",
    "patient_id",
    "participant_id",
    "site",
    "idh",
    "mask",
    "t1__image",
    "t1__mask",
    "t1__mask_label",
]
HEADERS += ["t1__mean", "T1__mean", "t1_image", "t1__", "__x", "clinical__age", "clinical__sex", "clinical__image"]
HEADERS += ["clinical__mask", "Image", "Mask", "Label", "Modality", "ID", "case", "age", "sex", "grade"]
CELLS = ["", "a", "A", "a ", "007", "NA", "n/a", "0", "1", "2", "1.5", "inf", "1e999", "../x", "CON", "F", "1,5", '"']
CELLS += ["é", "e\u0301", "\u2028", "=cmd", "a" * 300, "/", "seg.nii", "t1"]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_table_is_read_or_refused_with_sentences(data, tmp_path_factory):
    header = data.draw(st.lists(st.sampled_from(HEADERS), min_size=1, max_size=7))
    rows = data.draw(st.lists(st.lists(st.sampled_from(CELLS), min_size=len(header), max_size=len(header)), max_size=4))
    path = tmp_path_factory.mktemp("any") / "cohort.csv"
    pd.DataFrame(rows, columns=header).to_csv(path, index=False)
    labels = data.draw(st.sampled_from([None, "idh", ["idh", "grade"]]))
    participants = data.draw(st.sampled_from([None, path]))
    try:
        cohort = read_cohort(path, labels=labels, participants=participants, n_folds=2, missing_files="keep")
    except CohortError as error:
        assert all(isinstance(problem, Problem) and problem.endswith(".") for problem in error.problems)
    else:
        assert cohort["sample_id"].is_unique


def test_a_label_with_one_class_says_so(table):
    path = table("sample_id,idh,t1__mean\na,1,1\nb,1,2\nc,,3\n")
    assert the_problem(path, labels="idh", n_folds=2) == "Every known idh is 1. Both 0 and 1 are needed."


def test_the_name_of_our_own_crop_pointers_is_reserved(table):
    found = the_problem(table(GOOD_ROWS.replace("t1__mean", "t1__crop")), labels="idh")
    assert "reserved" in found and "t1__crop" in found
