"""What a series is called, by its description or its parameters, and by a table of the user."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from radiofuse.errors import RequestError
from radiofuse.imaging.dicom.sequences import COLUMNS, Words, name_sequence, read_rules


def named(description: str = "", agent: str = "", modality: str = "MR", image_type: str = "", **times: float) -> str:
    words = Words(modality, description.replace("_", " "), image_type or "ORIGINAL\\PRIMARY\\M", "5", agent, times)
    return name_sequence(words).name


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ("t1_mpr_tra_iso", "t1"),
        ("AX T1", "t1"),
        ("T1 SE PRE", "t1"),
        ("SAG MPRAGE", "t1"),
        ("Ax T1 w/o contrast", "t1"),
        ("T1 nativ", "t1"),
        ("T1 C-", "t1"),
        ("3D T1 COR BRAVO", "t1"),
        ("T1 FLAIR", "t1"),
        ("AX T1 POST", "t1ce"),
        ("t1_mprage_tra_Gd", "t1ce"),
        ("T1+C", "t1ce"),
        ("AX T1 +GAD FS", "t1ce"),
        ("T1ce", "t1ce"),
        ("T1C", "t1ce"),
        ("MRHR_T1_AX_POST_GAD", "t1ce"),
        ("3D MPRAGE contrast", "t1ce"),
        ("T1w KM", "t1ce"),
        ("FSPGR post gadolinium", "t1ce"),
        ("T1 FLAIR POST", "t1ce"),
        ("AX FLAIR", "flair"),
        ("T2_FLAIR_tra", "flair"),
        ("t2_tirm_tra_dark-fluid", "flair"),
        ("CUBE T2 FLAIR", "flair"),
        ("FLAIR POST", "flair"),
        ("t2_tse_tra", "t2"),
        ("AX T2 FSE PROPELLER", "t2"),
        ("MRHR_T2_AX", "t2"),
        ("ep2d_diff_3scan_trace_ADC", "adc"),
        ("Apparent Diffusion Coefficient", "adc"),
        ("ep2d_diff_3scan_trace", "dwi"),
        ("DWI b1000", "dwi"),
        ("T2*", "swi"),
        ("t2_star_gre", "swi"),
        ("SWI", "swi"),
        ("STIR cor", "stir"),
        ("3-plane localizer", ""),
        ("scout", ""),
        ("t1 sub", ""),
        ("MIP T1", ""),
        ("DSC perfusion", ""),
        ("TOF MRA", ""),
        ("something else", ""),
    ],
)
def test_descriptions_as_scanners_write_them(description, expected):
    assert named(description) == expected


@pytest.mark.parametrize(
    ("agent", "times", "expected"),
    [
        ("", {"tr_ms": 500.0, "te_ms": 10.0}, "t1"),
        ("Gadavist", {"tr_ms": 500.0, "te_ms": 10.0}, "t1ce"),
        ("", {"tr_ms": 2300.0, "te_ms": 3.0, "ti_ms": 900.0}, "t1"),
        ("Gadavist", {"tr_ms": 2300.0, "te_ms": 3.0, "ti_ms": 900.0}, "t1ce"),
        ("", {"tr_ms": 9000.0, "te_ms": 120.0, "ti_ms": 2500.0}, "flair"),
        ("Gadavist", {"tr_ms": 5000.0, "te_ms": 95.0}, "t2"),
        ("", {"tr_ms": 4000.0, "te_ms": 60.0, "ti_ms": 160.0}, "stir"),
        ("", {"te_ms": 10.0}, ""),
    ],
)
def test_times_and_contrast_tell_what_a_description_does_not(agent, times, expected):
    assert named("AX brain", agent, **times) == expected


def test_a_gradient_echo_with_a_long_te_is_no_t1():
    times = {"tr_ms": 620.0, "te_ms": 20.0}
    assert name_sequence(Words("MR", "AX brain", "M", "5", "", times, "GR")).name == "swi"
    assert name_sequence(Words("MR", "AX brain", "M", "5", "", times, "SE")).name == "t1"


def test_an_agent_makes_a_t1_a_t1ce_unless_the_description_says_before():
    assert named("AX T1", "Gadavist") == "t1ce"
    assert named("AX T1 pre", "Gadavist") == "t1"
    assert named("AX T2", "Gadavist") == "t2"


def test_ct_and_pet_are_known_by_their_modality_and_localizers_by_their_image_type():
    assert (named("thorax venous phase", modality="CT"), named("WB", modality="PT")) == ("ct", "pet")
    assert named("thorax", modality="CT", image_type="ORIGINAL\\PRIMARY\\LOCALIZER") == ""
    assert named("AX T1", image_type="DERIVED\\PRIMARY\\PROJECTION IMAGE") == ""
    assert named("ax", image_type="DERIVED\\PRIMARY\\DIFFUSION\\ADC") == "adc"


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_rules_of_the_user_come_first_and_may_leave_out(tmp_path):
    path = write(tmp_path / "own.csv", "name,description,series_number\nt1ce,^ax brain$,5\n,t2,\n")
    rules = read_rules(path)
    words = Words("MR", "AX Brain", "ORIGINAL", "5", "", {})
    assert name_sequence(words, rules) == name_sequence(words, rules)
    told = name_sequence(words, rules)
    assert (told.name, told.reason, told.is_of_user) == ("t1ce", "line 2 of own.csv", True)
    other = Words("MR", "AX Brain", "ORIGINAL", "6", "", {})
    assert name_sequence(other, rules).name == ""
    assert name_sequence(Words("MR", "AX T2", "ORIGINAL", "6", "", {}), rules).is_of_user


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "must have rows and a column name"),
        ("name,kind\nt1,x\n", "it has kind"),
        ("description\nt1\n", "a column name"),
        ("name,description\nT1 ce,x\n", "line 2: name is 't1 ce'; lower-case letters"),
        ("name,description\nt1,(\n", "description is '('; a regular expression"),
        ("name,te_ms\nt1,short\n", "a range as 60-, -35 or 400-1400"),
        ("name,agent\nt1,gadolinium\n", "agent is 'gadolinium'; yes or no"),
        ("name,description\nt1,\n", "no condition is given"),
        ("name,description\nt1,a,b\n", "has more cells than columns"),
    ],
)
def test_a_table_that_is_none_is_refused_with_its_line(tmp_path, text, expected):
    with pytest.raises(RequestError, match=re.escape(expected)):
        read_rules(write(tmp_path / "own.csv", text))
    with pytest.raises(RequestError, match="There is no table of sequences at"):
        read_rules(tmp_path / "gone.csv")


def test_every_column_of_the_built_in_table_is_one_that_rules_know():
    from radiofuse.imaging.dicom.sequences import BUILT_IN

    assert tuple(BUILT_IN.read_text().splitlines()[0].split(",")) == (
        *("name", "dicom", "description", "without", "agent", "te_ms", "tr_ms", "ti_ms"),
        *("scanning_sequence", "image_type", "series_number", "reason"),
    )
    assert set(COLUMNS) == set(BUILT_IN.read_text().splitlines()[0].split(","))
