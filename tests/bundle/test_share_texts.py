"""Sentences and recipes of a bundle for handing on: ids and folders in them are found, numbers and links are left."""

from __future__ import annotations

import pytest

from radiofuse.bundle.share import _listed_ids, _pattern, _recipe_without_places, _renamed
from radiofuse.patients.pseudonyms import Pseudonyms

KEY = Pseudonyms(b"a key of the maker's own")


def renamed(sentence, *ids):
    return _renamed(sentence, ids, _pattern(ids), KEY)


@pytest.mark.parametrize("name", ["HOSP-104_T1ce.nii.gz", "x_HOSP-104", "sub-HOSP-104_ses-1", "(HOSP-104)"])
def test_ids_in_names_of_files_are_found(name):
    assert renamed(name, "HOSP-104") == name.replace("HOSP-104", KEY.of("HOSP-104"))


def test_numbers_that_are_no_ids_stay():
    for sentence in ("0.1001 of 1001.5 on 2026-11-30", "XHOSP-104 and HOSP-1045", "7 of 12 folds"):
        assert renamed(sentence, "1001", "2026", "HOSP-104", "7", "12") == sentence


def test_short_numbers_are_ids_after_the_word_for_them_and_in_lists():
    seven, twelve = KEY.of("7"), KEY.of("12")
    assert renamed("Patients 7, 12 and 99 have 12.", "7", "12") == f"Patients {seven}, {twelve} and 99 have 12."
    assert _listed_ids({"evaluation": {"test": ["7", "12", "3"]}}, {"7", "12", "3"}) == ["7", "12", "3"]
    assert _listed_ids({"classes": ["0", "1"], "folds": [1, 2, 99]}, {"0", "1", "2"}) == []


@pytest.mark.parametrize("place", ["data/Jane_Doe/cohort.csv", r"C:\Users\Jane Doe\cohort.csv", "~/Jane/cohort.csv"])
def test_folders_are_cut_in_recipes_and_their_comments(place):
    told = _recipe_without_places(f"# of {place}\n[cohort]\ntable = '{place}'\n")
    assert told == "# of cohort.csv\n[cohort]\ntable = 'cohort.csv'\n"
    for kept in ("https://example.org/a/data.csv", "10.1016/j.media/3", "t1/t2", "org/name"):
        assert _recipe_without_places(f"title = '{kept}'  # {kept}") == f"title = '{kept}'  # {kept}"
